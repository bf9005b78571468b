"""What would change it, as a page: what turns the conclusion, then a tornado of the numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ddx.knowledge import spec
from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.flips import FindingFlip, NumberFlip
from ddx.reasoning.numbers import Parameter
from ddx.reasoning.sensitivity import End, Influence, Sensitivity
from ddx.report import phrases
from ddx.report.figures import odds, percent
from ddx.report.frame import page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface

CELLS = 24
MOST, MOST_FLIPS = 10, 8
INDENT = "      "
TIED = "\N{NO-BREAK SPACE}"
CAPPED = (percent(0.0), percent(1.0))
HALF_A_POINT = 0.005
OF_TABLES = (
    "The others of its row keep their proportions. Nothing says how sure it is: a range halves and doubles its odds."
)
SMOOTHED = "Of counts k/n, (k + 1/2) / (n + 1) is in force."


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
    shown = answer.depends[:MOST]
    if shown:
        what = "odds" if _in_odds(answer) else "posterior"
        drawn = ", drawn in log odds" if answer.in_log_odds else ""
        ranges = "odds halved and doubled" if shown[0].parameter.is_entry else "range drawn from"
        head = f"the numbers that it depends on most: {ranges} -> {what}{drawn}"
        lines += ["", *(surface.faint(line) for line in surface.wrapped(head, first="  "))]
    for i in shown:
        lines += surface.wrapped(i.parameter.words, first="  ", rest="    ")
        lines += _moved(answer, i, _scale(answer), surface)
    lines += ["", *surface.wrapped(_foot(answer, shown))]
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def sentence(answer: Sensitivity) -> str:
    """The answer in one plain sentence."""
    label, now, depends = answer.entry.label, percent(answer.posterior), answer.depends
    if not depends:
        return f"{label} {now}: it depends on no number, the findings alone decide it."
    most = depends[0]
    if not answer.in_log_odds and most.swing < HALF_A_POINT:
        return f"{label} {now}: no number, moved over the range that it is drawn from, changes it by half a point."
    low, high = (_told(answer, end) for end in _ends(most))
    own = f" ({odds(answer.log_odds)})" if _in_odds(answer) else ""
    return f"{label} {now}{own}: it depends most on {most.parameter.words} ({low} or {high} at the ends of its range)."


def _in_odds(answer: Sensitivity) -> bool:
    """Whether odds are told: percentages would be capped at the ends of a range."""
    ends = [answer.posterior, *(e.posterior for i in answer.depends[:MOST] for e in (i.low, i.high))]
    return answer.in_log_odds and any(percent(p) in CAPPED for p in ends)


def _told(answer: Sensitivity, end: End) -> str:
    """The posterior at one end of a range."""
    return odds(end.log_odds) if _in_odds(answer) else percent(end.posterior)


def _ends(i: Influence) -> tuple[End, End]:
    """The ends of the range of a number, the lower posterior first."""
    return (i.low, i.high) if i.low.log_odds <= i.high.log_odds else (i.high, i.low)


def _scale(answer: Sensitivity) -> tuple[float, float]:
    """Between what the bars are drawn: 0 and 1, or the log odds that the numbers shown reach."""
    if not answer.in_log_odds:
        return 0.0, 1.0
    reached = [e.log_odds for i in answer.depends[:MOST] for e in (i.low, i.high) if math.isfinite(e.log_odds)]
    return min(reached, default=0.0), max(reached, default=0.0)


def _moved(answer: Sensitivity, i: Influence, scale: tuple[float, float], surface: Surface) -> list[str]:
    """Where the answer goes over the range of a number, drawn and told; what the number rests on."""
    ends = _ends(i)
    places = [e.log_odds if answer.in_log_odds else e.posterior for e in ends]
    pairs = [f"{_value(e.value)} -> {_told(answer, e)}".replace(" ", TIED) for e in ends]
    told = ", ".join(pairs)
    basis, room = f"({_basis(i.parameter)})", len(INDENT) + CELLS + 2
    one_line = f"{told}  {basis}"
    if room + len(one_line) <= surface.width:
        lines = [" " * room + one_line]
    else:
        lines = [*surface.wrapped(told, first=" " * room), *surface.wrapped(basis, first=INDENT, rest=INDENT + " ")]
    lines[0] = INDENT + _span((places[0], places[1]), scale, surface) + lines[0][room - 2 :]
    return [line.replace(TIED, " ") for line in lines]


def _basis(p: Parameter) -> str:
    """`81% of 68/75, mahevas2020, measured`; an interval where the network states one."""
    number = p.number
    if p.is_entry:
        return _value(p.value)
    counts = number.counts if isinstance(number, spec.Number) else None
    parts = [_value(p.value) + (f" of {counts[0]}/{counts[1]}" if counts else "")]
    if number.lo is not None and number.hi is not None:
        parts.append(f"stated {_value(number.lo)} to {_value(number.hi)}")
    return ", ".join([*parts, "+".join(p.cited) or "no source", number.grade])


def _foot(answer: Sensitivity, shown: Sequence[Influence]) -> str:
    """What was varied, and how to read the numbers that are shown."""
    if any(i.parameter.is_entry for i in shown):
        return f"{answer.numbers} entries of tables varied, one at a time. {OF_TABLES}"
    held = "The setting is solved anew for each; numbers of its complaint are not varied."
    told = f"{answer.numbers} numbers varied, one at a time. {held}"
    ranges = "A range is the middle 90% of what `ddx credible` draws a number from."
    counted = any(isinstance(i.parameter.number, spec.Number) and i.parameter.number.counts for i in shown)
    return " ".join([told, *([ranges] if shown else []), *([SMOOTHED] if counted else [])])


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


def _span(ends: tuple[float, float], scale: tuple[float, float], surface: Surface) -> str:
    """Where the answer goes, on a line over the scale."""
    width = scale[1] - scale[0]
    shares = [min(max((end - scale[0]) / width, 0.0), 1.0) if width > 0 else 0.0 for end in ends]
    first, last = (int(share * (CELLS - 1)) for share in shares)
    mark, rest = ("█", "·") if surface.unicode else ("#", ".")
    return rest * first + surface.blue(mark * (last - first + 1)) + rest * (CELLS - 1 - last)
