"""What separates two diseases, as a page."""

from __future__ import annotations

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.compare import Comparison
from ddx.report import phrases
from ddx.report.figures import percent, times
from ddx.report.frame import factor, page, weight_bar
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface, fitted

CELLS = 8
MOST_ASKED, MOST_OPEN = 12, 10


def plain(answer: Comparison) -> dict[str, Plain]:
    """The form ddx/compare/1."""
    return framed("compare", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: Comparison, surface: Surface) -> str:
    """The page."""
    width = max(24, min(44, surface.width - 2 * (CELLS + 11) - 4))
    first, second = answer.first.label, answer.second.label
    largest = max((abs(w) for a in answer.asked for w in (a.alone_nats, a.given_rest_nats)), default=1.0)
    lines = [*surface.wrapped(sentence(answer)), ""]
    lines += surface.wrapped(f"x speaks for {first}, / for {second}.", first="  ")
    lines.append(surface.faint(f"  {'asked':{width}}  {'on its own':{9 + CELLS}}  given all else"))
    for a in answer.asked[:MOST_ASKED]:
        said = phrases.finding_of(network.lexicon, answer.basis.understood, a.findings[0])
        tied = f" (+{len(a.findings) - 1} tied)" if len(a.findings) > 1 else ""
        alone = f"{factor(a.alone_nats):>8} {weight_bar(a.alone_nats, CELLS, largest, surface)}"
        rest = f"{factor(a.given_rest_nats):>8} {weight_bar(a.given_rest_nats, CELLS, largest, surface)}"
        lines.append(f"  {fitted(said + tied, width)}  {alone}  {rest}")
    lines += ["", surface.faint(f"  {'not asked yet':{width}}  {'cost':>4}  {'bits':>5}  what would speak for which")]
    for n in answer.not_asked[:MOST_OPEN]:
        label = network.lexicon.askables[n.finding].label
        told = f"{n.for_first[0]}: {first}; {n.for_second[0]}: {second}"
        head = f"  {fitted(label, width)}  {n.cost:4g}  {n.information_bits:5.2f}  "
        lines += Surface(max(surface.width, len(head) + 24)).wrapped(head + told, rest=" " * len(head))
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def sentence(answer: Comparison) -> str:
    """The answer in one plain sentence."""
    first, second = (e.label for e in (answer.first, answer.second))
    here, there = answer.posteriors
    odds = answer.log_odds_nats
    ahead, behind = (first, second) if odds >= 0 else (second, first)
    ratio = 2.718281828459045 ** min(abs(odds), 50.0)
    told = f"{first} {percent(here)}, {second} {percent(there)}, both {percent(answer.both)}"
    return f"{told}. {ahead} without {behind} is {times(ratio)} probable as the other way round."
