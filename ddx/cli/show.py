"""ddx show: what a disease or finding is, with its numbers and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ddx.cli.asking import DEFAULT_NETWORK
from ddx.cli.terminal import emit, surface

if TYPE_CHECKING:
    from ddx.knowledge.lexicon import Entry


@click.command()
@click.argument("name")
@click.option("-n", "--network", metavar="NETWORK", default=DEFAULT_NETWORK, help="A name on the shelf or a file.")
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def show(name: str, network: str, as_json: bool, plain: bool) -> None:
    """What NAME is: a disease or a finding, by its id, an alias or the start of a name; with every number and source.

    \b
      ddx show scleromyxedema
      ddx show raynaud
      ddx show lcssc --json
    """
    from ddx.network import compile as compiled
    from ddx.network import load
    from ddx.reasoning.lookup import look_up
    from ddx.report import lookup

    loaded = load(network)

    def prior(entry: Entry) -> float:
        belief = compiled(loaded).posteriors({})
        return sum(belief[entry.node][state] for state in entry.states)

    found = look_up(loaded, name, prior)
    if as_json:
        from ddx.report.json import written

        emit(written(lookup.plain(loaded, found)))
    else:
        emit(lookup.text(loaded, found, surface(plain=plain)))
