"""How far a case lies outside what the network explains, as a page."""

from __future__ import annotations

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.coverage import Coverage
from ddx.report import phrases
from ddx.report.figures import power_of_ten
from ddx.report.frame import page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface


def plain(answer: Coverage) -> dict[str, Plain]:
    """The form ddx/coverage/1."""
    return framed("coverage", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: Coverage, surface: Surface) -> str:
    """The page: the sentence, how probable the findings are, and how probable those of such patients are."""
    lines = surface.wrapped(sentence(answer))
    if answer.basis.understood.findings:
        low, middle, high = map(power_of_ten, answer.expected_log10)
        own = power_of_ten(answer.log10_probability)
        usual = f"of the findings of a usual patient with them ({low} to {high} in 90 of 100)"
        lines += ["", *surface.wrapped("probability of these findings, given those diseases", first=f"  {own:>8}  ")]
        lines += surface.wrapped(usual, first=f"  {middle:>8}  ")
        count, worlds = answer.lies.patients, answer.draws.worlds
        drawn = f"Drawn: {count:,} patients, for {worlds} sets of diseases that the case allows."
        lines += ["", *surface.wrapped(drawn)]
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def sentence(answer: Coverage) -> str:
    """The answer in plain sentences."""
    if not answer.basis.understood.findings:
        return "No finding was entered, so there is nothing that the network would have to explain."
    return phrases.covered(answer.lies)
