"""ddx find: look names up."""

from __future__ import annotations

import click

from ddx.cli.asking import DEFAULT_NETWORK
from ddx.cli.terminal import emit, surface


@click.command()
@click.argument("text", nargs=-1, required=True)
@click.option("-n", "--network", metavar="NETWORK", default=DEFAULT_NETWORK, help="A name on the shelf or a file.")
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def find(text: tuple[str, ...], network: str, as_json: bool, plain: bool) -> None:
    """Diseases and findings whose id, label or synonym contains TEXT, or comes close to it.

    \b
      ddx find raynaud
      ddx find stiff skin
    """
    from ddx.network import load
    from ddx.reasoning.lookup import search
    from ddx.report import lookup

    loaded = load(network)
    hits = search(loaded, " ".join(text))
    if as_json:
        from ddx.report.json import written

        emit(written(lookup.hits_plain(loaded, hits)))
    else:
        emit(lookup.hits_text(loaded, hits, surface(plain=plain)))
