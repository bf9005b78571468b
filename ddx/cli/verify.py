"""ddx verify: is a saved answer what ddx says?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddx.cli.terminal import emit, surface
from ddx.errors import ExpectationFailed

if TYPE_CHECKING:
    from ddx.exchange.report import Reported
    from ddx.network import Network
    from ddx.reasoning.basis import Plain
    from ddx.reasoning.differential import Differential

AGREES = 1e-9  # largest difference of two probabilities that are the same


@click.command()
@click.argument("report", type=click.Path(path_type=Path))
@click.option("-n", "--network", metavar="NETWORK", help="The network, where it is not on the shelf.")
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def verify(report: Path, network: str | None, as_json: bool, plain: bool) -> None:
    """Make the answer in REPORT (of `ddx diagnose --json`) again from its evidence, and compare.

    Exits with 4 where the network, the evidence or a probability is another, and says which.

    \b
      ddx diagnose -c seed --json > report.json
      ddx verify report.json
    """
    from ddx.exchange.report import read
    from ddx.exchange.source import read_source
    from ddx.network import compile as compiled
    from ddx.network import load
    from ddx.reasoning.differential import diagnose as answer_of
    from ddx.reasoning.understanding import understand

    said = read(read_source(report))
    loaded = load(network if network is not None else said.network)
    understood = understand(loaded, said.case)
    answer = answer_of(loaded, compiled(loaded, understood.setting), understood)
    differences = [*_differences(said, loaded, answer)]
    if as_json:
        from ddx.report.json import written

        whole: dict[str, Plain] = {"format": "ddx/verify/1", "file": str(report), "holds": not differences}
        emit(written({**whole, "differences": [*differences]}))
    if differences:
        raise ExpectationFailed("\n     ".join([f"{report}: not what ddx says now", *differences]))
    if not as_json:
        page = surface(plain=plain)
        emit(page.plain(f"{report}: holds. {said.network}, result sha256 {said.result_sha256}.\n"))


def _differences(said: Reported, network: Network, answer: Differential) -> Iterator[str]:
    """Where the report and the answer made anew differ; the version that made it is taken as given."""
    if said.network_sha256 != network.sha256:
        yield f"the network is another: sha256 {said.network_sha256[:16]} then, {network.sha256[:16]} now"
    if said.tool_version != answer.basis.tool_version:
        yield f"made with ddx {said.tool_version}, this is {answer.basis.tool_version}"
    now = {d.id: d.posterior for d in answer.diseases}
    for name in dict.fromkeys([*said.posteriors, *now]):
        then, anew = said.posteriors.get(name), now.get(name)
        if then is None or anew is None:
            yield f"{name} is {'not in the report' if then is None else 'not in the network'}"
        elif abs(then - anew) > AGREES:
            yield f"{name} is {then:.12g} in the report, {anew:.12g} now"
    basis = replace(answer.basis, tool_version=said.tool_version, sha256=said.network_sha256)
    if replace(answer, basis=basis).result_sha256 != said.result_sha256:
        yield "the hash of the result does not belong to the evidence, setting and network of the report"
