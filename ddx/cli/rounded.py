"""Did rows of a file have to be mended? Said once, on stderr, whatever the question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ddx.engine.model import Model
    from ddx.knowledge.bayesnet import BayesNet
    from ddx.network import Network


def tell_rounded(network: BayesNet, file: str) -> None:
    """One line about the rows of a file of another tool that do not sum to 1; nothing where all do."""
    from ddx.cli import shown

    if network.rounded is None:
        return
    rows, worst, total = network.rounded
    what = f"1 row sums to 1 only roughly ({worst}, to {total:.6g}) and was brought to 1"
    if rows > 1:
        what = f"{rows:,} rows sum to 1 only roughly (the worst, {worst}, to {total:.6g}) and were brought to 1"
    click.echo(shown(f"ddx: {file}: {what}. `ddx check {file}` lists {'it' if rows == 1 else 'them'}."), err=True)


def tell_rounded_of(network: Network, model: Model, file: str) -> None:
    """The same of a network that was compiled. A clinical one has no such rows."""
    if network.foreign is not None or network.numbers is not None:
        tell_rounded(model.network, file)
