"""Which diseases are there together, as a page."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.combinations import Combinations, neither
from ddx.reasoning.differential import Pair
from ddx.reasoning.standing import SECOND
from ddx.report.figures import percent, times
from ddx.report.frame import page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface

COUNTS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MOST_PAIRS, MOST_SETS = 6, 10
TOLD = 0.005  # numbers of diseases at once that are at least this probable
WORTH_A_LINE = 0.01  # pairs of which either is at least this probable


def plain(answer: Combinations) -> dict[str, Plain]:
    """The form ddx/combinations/1."""
    return framed("combinations", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: Combinations, surface: Surface, *, every: bool = False) -> str:
    """The page; with `every` all sets and pairs."""
    lines = [*surface.wrapped(sentence(answer)), ""]
    lines += _pairs(answer, surface, every)
    lines += _sets(answer, surface, every)
    told = (
        "A set is exactly these diseases and no other of the network; common conditions that the case did not move "
        "split it. Both can never be more probable than either."
    )
    return page(network, answer.basis, answer.result_sha256, [*lines, "", *surface.wrapped(told)], surface)


def sentence(answer: Combinations) -> str:
    """One disease or two, in plain words."""
    pair = answer.leading
    many = ", ".join(f"{_count(n)} {percent(p)}" for n, p in (answer.how_many or {}).items() if p >= TOLD)
    counted = f"How many diseases at once: {many}." if many else ""
    if pair is None:
        return f"The case raises no two diseases of different families to {SECOND:.0%}. {counted}".strip()
    one, other = pair.first.label, pair.second.label
    if not answer.basis.strong_words:
        return f"Both {one} and {other}: {percent(pair.both)}. {counted}".strip()
    ways = [(pair.first_only, f"{one} without {other}"), (pair.second_only, f"{other} without {one}")]
    odds = " and ".join(_odds(pair.both, alone, name) for alone, name in ways)
    return f"Both {one} and {other}: {percent(pair.both)}. That is {odds}. {counted}".strip()


def _odds(both: float, alone: float, name: str) -> str:
    """`2,600 times as probable as A without B`, or how many times less."""
    if both >= alone:
        return f"{times(both / alone if alone > 0 else math.inf)} probable as {name}"
    fewer = times(alone / both if both > 0 else math.inf)
    return f"as probable as {name}" if fewer == "as" else f"{fewer.removesuffix(' as')} less probable than {name}"


def _count(number: int) -> str:
    return COUNTS[number] if number < len(COUNTS) else str(number)


def _pairs(answer: Combinations, surface: Surface, every: bool) -> Iterator[str]:
    told = [p for p in answer.pairs if min(1 - neither(p), p.both + min(p.first_only, p.second_only)) >= WORTH_A_LINE]
    told = list(answer.pairs) if every else told[:MOST_PAIRS]
    if not told:
        return
    yield surface.faint(
        f"  {'both':>5}  {'only the first':>14}  {'only the second':>15}  {'neither':>7}  {'either':>6}"
    )
    for p in told:
        yield from surface.wrapped(f"{p.first.label}, {p.second.label}", first="  ", rest="    ")
        yield f"  {_numbers(p)}"
    yield ""


def _numbers(p: Pair) -> str:
    none = neither(p)
    return (
        f"{percent(p.both):>5}  {percent(p.first_only):>14}  {percent(p.second_only):>15}  {percent(none):>7}  "
        f"{percent(1 - none):>6}"
    )


def _sets(answer: Combinations, surface: Surface, every: bool) -> Iterator[str]:
    if not answer.sets:
        return
    yield "  " + surface.faint(surface.rule("exactly these diseases"))
    for s in answer.sets if every else answer.sets[:MOST_SETS]:
        names = " + ".join(answer.labels[d] for d in s.diseases) or "none of the listed diseases"
        yield from surface.wrapped(names, first=f"  {percent(s.probability):>5}  ")
    more = len(answer.sets) - MOST_SETS
    if more > 0 and not every:
        yield surface.faint(f"  {more} more sets are less probable (--all)")
    yield f"  The {len(answer.sets)} sets found hold {percent(answer.held)}."
