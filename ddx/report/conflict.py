"""What does not fit, as a page."""

from __future__ import annotations

from collections.abc import Sequence

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.conflict import Conflict, Pair, Surprise
from ddx.report import phrases
from ddx.report.frame import page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface


def plain(answer: Conflict) -> dict[str, Plain]:
    """The form ddx/conflict/1."""
    return framed("conflict", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: Conflict, surface: Surface) -> str:
    """The page."""
    lines = surface.wrapped(sentence(answer))
    for s in answer.misfits:
        lines += surface.wrapped(f"{_said(network, answer, s.finding)}: expected in {_of_hundred(s)}", first="  ")
    if answer.surprises and not answer.misfits:
        explainable = [s for s in answer.surprises if s.explainable]
        if explainable:
            least = explainable[0]
            told = f"Least expected: {_said(network, answer, least.finding)}, in {_of_hundred(least)}."
            lines += surface.wrapped(told, first="  ")
    if answer.unexplained:
        names = ", ".join(f"{_said(network, answer, s.finding)} ({_of_hundred(s)})" for s in answer.unexplained)
        lines += ["", *surface.wrapped(f"No disease in this network bears on: {names}.", rest="  ")]
    lines += ["", *_pairs(network, answer, surface)]
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def sentence(answer: Conflict) -> str:
    """The answer in one plain sentence."""
    count = len(answer.misfits)
    whole = "the case as a whole fits together" if answer.total_nats <= 0 else "the case as a whole pulls apart"
    if count == 0:
        return f"No finding is out of place given all others, and {whole}."
    noun = "finding does" if count == 1 else "findings do"
    return f"{count} {noun} not fit the rest; {whole}."


def _of_hundred(s: Surprise) -> str:
    """`5 of 100 such patients`."""
    hundred = 100 * s.probability
    count = f"{hundred:.0f}" if hundred >= 9.5 else f"{hundred:.1f}" if hundred >= 0.1 else "fewer than 0.1"
    return f"{count} of 100 such patients"


def _said(network: Network, answer: Conflict, finding: str) -> str:
    return phrases.finding_of(network.lexicon, answer.basis.understood, finding)


def _pairs(network: Network, answer: Conflict, surface: Surface) -> Sequence[str]:
    if not answer.pairs:
        return ["No two findings pull against each other."]
    noun = "pair pulls" if len(answer.pairs) == 1 else "pairs pull"
    lines = [f"{len(answer.pairs)} {noun} against each other before any disease is assumed:"]
    for pair in answer.pairs:
        names = f"{_said(network, answer, pair.first)}  x  {_said(network, answer, pair.second)}"
        lines += surface.wrapped(f"{names}  {pair.conflict_nats:+.2f}  {_resolved(network, pair)}", "  ", "      ")
    return lines


def _resolved(network: Network, pair: Pair) -> str:
    if not pair.resolved_by:
        return "resolved by none of the diseases"
    labels = ", ".join(network.lexicon.entries[r.disease].label for r in pair.resolved_by)
    return f"resolved by {labels}"
