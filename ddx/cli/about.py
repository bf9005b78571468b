"""ddx about: what a network is for, what it rests on, and its limits."""

from __future__ import annotations

import click

from ddx.cli.asking import DEFAULT_NETWORK
from ddx.cli.terminal import emit, surface


@click.command()
@click.argument("network", default=DEFAULT_NETWORK)
@click.option("--setting", metavar="S", help="The setting whose compiled size --engine tells.")
@click.option("--engine", is_flag=True, help="Also how it is computed: clique tree, treewidth, bytes.")
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def about(network: str, setting: str | None, engine: bool, as_json: bool, plain: bool) -> None:
    """What NETWORK is for and for whom, its settings, its numbers by grade, and what has not been validated.

    \b
      ddx about
      ddx about four-diseases
      ddx about alarm.bif --engine
    """
    from ddx.network import compile as compiled
    from ddx.network import load
    from ddx.reasoning.describe import described, sized
    from ddx.report import about as page

    loaded = load(network)
    told = described(loaded)
    size = sized(compiled(loaded, setting)) if engine else None
    if as_json:
        from ddx.report.json import written

        emit(written(page.plain(told, size)))
    else:
        emit(page.text(told, size, surface(plain=plain)))
