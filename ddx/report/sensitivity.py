"""What would change it, as a page: what turns the conclusion, then a tornado of the numbers."""

from __future__ import annotations

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.flips import FindingFlip, NumberFlip
from ddx.reasoning.sensitivity import Sensitivity
from ddx.report import phrases
from ddx.report.figures import percent
from ddx.report.frame import basis_of_number, page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface, fitted

CELLS = 24
MOST, MOST_FLIPS = 10, 8


def plain(answer: Sensitivity) -> dict[str, Plain]:
    """The form ddx/sensitivity/1."""
    return framed("sensitivity", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: Sensitivity, surface: Surface) -> str:
    """The page."""
    lines = [*surface.wrapped(sentence(answer)), ""]
    for flip in answer.number_flips:
        lines += surface.wrapped(_number(network, flip), first="  ", rest="    ")
    for change in answer.finding_flips[:MOST_FLIPS]:
        lines += surface.wrapped(_finding(network, answer, change), first="  ", rest="    ")
    lines += ["", surface.faint("  the numbers that it depends on most: value 90% range -> posterior")]
    for i in answer.influences[:MOST]:
        p = i.parameter
        lines.append(f"  {fitted(p.words, max(30, surface.width - 6))}")
        low, high = sorted((i.low, i.high), key=lambda v: v[1])
        told = f"{_value(low[0])} -> {percent(low[1])}, {_value(high[0])} -> {percent(high[1])}"
        lines.append(f"      {_span(low[1], high[1], surface)}  {told}  ({basis_of_number(p)})")
    held = "Held: the roots that the setting was solved for; numbers of its complaint are not varied."
    lines += ["", *surface.wrapped(f"{answer.numbers} numbers varied, one at a time. {held}")]
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def sentence(answer: Sensitivity) -> str:
    """The answer in one plain sentence."""
    label, now = answer.entry.label, percent(answer.posterior)
    if not answer.influences or answer.influences[0].swing < 0.005:
        return f"{label} {now}: no number, moved within its own uncertainty, changes it by half a point."
    most = answer.influences[0]
    low, high = sorted((most.low[1], most.high[1]))
    return (
        f"{label} {now}: it depends most on {most.parameter.words} ({percent(low)} to {percent(high)} over its range)."
    )


def _value(t: float) -> str:
    return percent(t) if t <= 1 else f"{t:.2g}"


def _number(network: Network, flip: NumberFlip) -> str:
    p = flip.parameter
    change = f"were {p.words} {_exact(flip.value)} (it is {_exact(p.value)})"
    return f"{_outcome(network, flip.outcome)} {change}."


def _exact(t: float) -> str:
    return f"{t:.3g}"


def _finding(network: Network, answer: Sensitivity, flip: FindingFlip) -> str:
    said = phrases.finding_of(network.lexicon, answer.basis.understood, flip.finding)
    how = "were left out" if flip.state is None else f"were {flip.state.replace('_', ' ')} instead"
    told = f"{_outcome(network, flip.outcome)} if {said} {how}"
    return f"{told} ({answer.entry.label} {percent(flip.posterior)})."


def _outcome(network: Network, outcome: str) -> str:
    """The outcome with labels for ids."""
    words = [network.lexicon.entries[w].label if w in network.lexicon.entries else w for w in outcome.split(" ")]
    return " ".join(words)


def _span(low: float, high: float, surface: Surface) -> str:
    """Where the posterior goes, on a line from 0 to 1."""
    first, last = int(low * (CELLS - 1)), max(int(high * (CELLS - 1)), int(low * (CELLS - 1)))
    mark, rest = ("█", "·") if surface.unicode else ("#", ".")
    return rest * first + surface.blue(mark * (last - first + 1)) + rest * (CELLS - 1 - last)
