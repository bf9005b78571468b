"""The differential as a page of text: a ranked list with its basis beside it.

Order: what the case raised, what is serious and stays in view, what it argued against; the rest is folded into a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ddx.knowledge.outline import Tally
from ddx.network import Network
from ddx.reasoning.basis import Basis
from ddx.reasoning.differential import Diagnosis, Differential, Pair
from ddx.reasoning.standing import IN_VIEW, SECOND, leading_pair, moved, standing
from ddx.reasoning.weights import Reasons, Unexpected, Weight
from ddx.report import phrases
from ddx.report.figures import bar, lift, of_patients, percent, times
from ddx.report.heading import caution, heading, identity_lines
from ddx.report.surface import Surface, fitted, listed

if TYPE_CHECKING:
    from ddx.reasoning.credible import Credible

BAR_CELLS = 10
BAR_CELLS_BESIDE_INTERVALS = 6
INTERVAL = 17  # characters of a column of intervals
BESIDE = 104  # from this width on the reasons stand beside the numbers
MOST_REASONS = 4
MOST_UNEXPECTED = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What else to show: every disease, and every finding as used."""

    every_disease: bool = False
    used: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page is written from."""

    network: Network
    answer: Differential
    why: Reasons
    tally: Tally | None
    surface: Surface
    options: Options = Options()
    sure: Credible | None = None  # where intervals were asked for

    @property
    def basis(self) -> Basis:
        return self.answer.basis


def differential_text(page: Page) -> str:
    """The whole page, ending in a newline."""
    lines = [*_head(page), *(used_lines(page) if page.options.used else ())]
    lines += ["", *caution(page.basis, page.surface), *_table(page), ""]
    lines += [*_one_or_two(page), *_unexpected(page), *_sure(page), "", *_foot(page)]
    return page.surface.plain("\n".join(line.rstrip() for line in lines)) + "\n"


def _head(page: Page) -> Iterator[str]:
    """What was used, where it was asked, and how well founded the numbers are."""
    yield from heading(page.network, page.basis, page.surface, "" if page.options.used else "--used lists them")
    if page.tally is not None and page.tally.numbers:
        yield from page.surface.wrapped(_founded(page.tally), rest="  ")


def _founded(tally: Tally) -> str:
    parts = [f"{percent(tally.share(grade))} {word}" for grade, word in _GRADES if tally.by_grade.get(grade)]
    text = f"Of {tally.numbers:,} numbers behind this, {', '.join(parts)}"
    return f"{text}; {tally.unreviewed:,} await a second reader." if tally.unreviewed else f"{text}."


_GRADES = (("measured", "were measured"), ("memory", "are recalled"), ("judgement", "are judgement"))


def used_lines(page: Page) -> Iterator[str]:
    """Every finding as it was understood."""
    lexicon = page.network.lexicon
    yield ""
    for used in page.basis.understood.used:
        state = used.said if isinstance(used.said, str) else _weights_said(used.said)
        origin = {"setting": "the complaint of the setting", "subject": "the patient"}.get(used.origin, "")
        notes = ", ".join(part for part in (f"given as {used.given}" if used.given else "", origin) if part)
        mark = " " if used.finding in page.basis.understood.context else phrases.sign(lexicon, used)
        paint = page.surface.orange if mark == "-" else page.surface.blue
        text = f"{fitted(used.finding, 30)} {state}{f'  ({notes})' if notes else ''}"
        yield f"  {paint(mark)} {text}"


def _weights_said(weights: Mapping[str, float]) -> str:
    return "likelihood " + ", ".join(f"{state} {weight:g}" for state, weight in weights.items())


def _table(page: Page) -> Iterator[str]:
    """The ranked list in its parts."""
    if page.options.every_disease:
        yield _titles(page)
        for diagnosis in page.answer.diseases:
            yield from _row(page, diagnosis)
        return
    parts = standing(page.answer)
    yield _titles(page)
    if not parts.raised:
        yield page.surface.faint("  (the case raises none of these diseases to 1%)")
    for diagnosis in parts.raised:
        yield from _row(page, diagnosis)
    if parts.serious or parts.serious_and_rare:
        yield "  " + page.surface.faint(page.surface.rule("kept in view (serious)"))
        for diagnosis in parts.serious:
            yield from _row(page, diagnosis)
        yield from _rare(page, parts.serious_and_rare)
    if parts.against:
        yield "  " + page.surface.faint(page.surface.rule("argued against"))
        for diagnosis in parts.against:
            yield from _row(page, diagnosis)
    if parts.little or parts.unmoved:
        yield "  " + page.surface.faint(page.surface.rule())
        yield from _named(page, "moved, but neither probable before nor now", parts.little, 3)
        yield from _named(page, "not moved by this case", parts.unmoved, 3, hint="  (--all)")


def _named(page: Page, what: str, diagnoses: Sequence[Diagnosis], most: int, hint: str = "") -> list[str]:
    if not diagnoses:
        return []
    names = listed((f"{d.entry.label} {percent(d.posterior)}" for d in diagnoses), most)
    return page.surface.wrapped(f"{what}: {names}{hint}", first="  ", rest="    ")


def _rare(page: Page, diagnoses: Sequence[Diagnosis]) -> list[str]:
    if not diagnoses:
        return []
    names = ", ".join(d.entry.label for d in diagnoses)
    return page.surface.wrapped(f"below {IN_VIEW:.1%}: {names}", first="  ", rest="    ")


def _label_width(page: Page) -> int:
    longest = max(len(d.entry.label) for d in page.answer.diseases)
    beside = 32 + _cells(page) + (INTERVAL if page.sure else 0)
    return min(longest, 32 if page.surface.width >= BESIDE else page.surface.width - beside)


def _cells(page: Page) -> int:
    """Of a bar."""
    return BAR_CELLS_BESIDE_INTERVALS if page.sure else BAR_CELLS


def _interval(page: Page, diagnosis: Diagnosis) -> str:
    """The column of intervals, where they were asked for."""
    if page.sure is None:
        return ""
    found = page.sure.of(diagnosis.id)
    return f"  [{percent(found.low):>5} - {percent(found.high):>5}]"


def _titles(page: Page) -> str:
    sure = f"  {'90% INTERVAL':{INTERVAL - 2}}" if page.sure else ""
    text = f"  {'DIAGNOSIS'.ljust(_label_width(page))}  {'PRIOR':>5}    {'NOW':>5}{sure}  {'':{_cells(page)}}  LIFT"
    return page.surface.faint(text + ("     WHY" if page.surface.width >= BESIDE else ""))


def _row(page: Page, diagnosis: Diagnosis) -> Iterator[str]:
    surface, raised = page.surface, (diagnosis.lift or 2.0) >= 1.0
    paint = surface.blue if raised else surface.orange
    filled = bar(diagnosis.posterior, _cells(page), unicode=surface.unicode)
    numbers = (
        f"  {fitted(diagnosis.entry.label, _label_width(page))}  {percent(diagnosis.prior):>5} -> "
        f"{surface.strong(f'{percent(diagnosis.posterior):>5}')}{_interval(page, diagnosis)}  "
        f"{paint(filled)}{' ' * (_cells(page) - len(filled))}  {lift(diagnosis.lift):<7}"
    )
    reasons = _reasons(page, diagnosis)
    if surface.width >= BESIDE:
        indent = _label_width(page) + 2 + 2 + 5 + 4 + 5 + 2 + _cells(page) + 2 + 7 + 2 + (INTERVAL if page.sure else 0)
        lines = Surface(surface.width).wrapped(reasons, first=" " * indent) if reasons else [""]
        yield numbers + "  " + lines[0][indent:]
        yield from lines[1:]
        return
    yield numbers
    if reasons:
        yield from surface.wrapped(reasons, first="      ")


def _reasons(page: Page, diagnosis: Diagnosis) -> str:
    """What carries a diagnosis, what argues against it, what is explained away."""
    told = page.why.carried.get(diagnosis.id)
    if told is None:
        return ""
    fell = moved(diagnosis) < 0
    arguing_for = "" if fell else _weighed(page, told.arguing_for, MOST_REASONS)
    against = _weighed(page, told.arguing_against, MOST_REASONS if fell else 2)
    parts = [_states(diagnosis), f"for: {arguing_for}" if arguing_for else ""]
    if told.comes_with and not fell:
        parts.append(f"comes with {' and '.join(entry.label for entry in told.comes_with)}")
    parts.append(f"against: {against}" if against else "")
    parts += [f"{_weighed(page, away.weights, 3)}: explained by {away.by.label}" for away in told.explained_away]
    return "; ".join(part for part in parts if part)


def _states(diagnosis: Diagnosis) -> str:
    """Which form, where a disease has several and it is there at all."""
    if not diagnosis.states or diagnosis.posterior < SECOND:
        return ""
    forms = [(p, state) for state, p in diagnosis.states.items() if state != "absent"]
    return ", ".join(f"{state} {percent(p)}" for p, state in sorted(forms, reverse=True))


def _weighed(page: Page, weights: Sequence[Weight], most: int) -> str:
    names = list(dict.fromkeys(_chain(page, weight) for weight in weights))
    return ", ".join(names[:most])


def _chain(page: Page, weight: Weight) -> str:
    """A chain by its first finding, with how many are tied to it."""
    first, *tied = weight.chain.findings
    said = phrases.finding_of(page.network.lexicon, page.basis.understood, first)
    return f"{said} (+{len(tied)} tied)" if tied else said


def _one_or_two(page: Page) -> list[str]:
    """How probable it is that two diseases are there at once, and which set is the most probable."""
    if not page.basis.strong_words:
        return []
    pair, sets = leading_pair(page.answer), page.answer.combinations
    sentences = [_pair_said(pair)] if pair is not None else []
    if sets:
        label = {d.id: d.entry.label for d in page.answer.diseases}
        first = sets[0]
        names = " + ".join(sorted((label[i] for i in first.diseases), key=str.casefold))
        what = f"exactly {names}" if names else "none of the listed diseases"
        sentences.append(f"The most probable set of all: {what} ({percent(first.probability)}).")
        if pair is None and any(d.posterior >= SECOND and moved(d) > 0 for d in page.answer.diseases):
            sentences.append(f"No second disease that the case raised reaches {SECOND:.0%}.")
    head = "One disease or two?  "
    lines = page.surface.wrapped(" ".join(sentences), first=head, rest="  ")
    return [page.surface.strong(head) + lines[0][len(head) :], *lines[1:]] if sentences else []


def _pair_said(pair: Pair) -> str:
    one, other = pair.first.label, pair.second.label
    alone, without = max((pair.first_only, f"{one} without {other}"), (pair.second_only, f"{other} without {one}"))
    both = f"Both {one} and {other}: {percent(pair.both)}."
    if alone <= 0:
        return both
    if pair.both >= alone:
        return f"{both} That is {times(pair.both / alone)} probable as {without}."
    odds = times(alone / pair.both) if pair.both > 0 else "more than 10,000 times as"
    return f"{both} {without} is {odds} probable."


def _unexpected(page: Page) -> list[str]:
    """The findings that fit the rest least, and those that are explained and yet hardly to be expected."""
    lines = _expected_in(page, "Does not fit the rest:  ", page.why.unexpected)
    lines += _expected_in(page, "Surprising all the same:  ", page.why.surprising)
    if page.basis.tail is not None and page.basis.tail.word == "unusual":
        lines += page.surface.wrapped(phrases.covered(page.basis.tail), rest="  ")
    return lines


def _expected_in(page: Page, head: str, findings: Sequence[Unexpected]) -> list[str]:
    if not findings:
        return []
    told = [
        f"{phrases.finding_of(page.network.lexicon, page.basis.understood, u.finding)} "
        f"(expected in {of_patients(u.probability)} such patients)"
        for u in findings[:MOST_UNEXPECTED]
    ]
    lines = page.surface.wrapped(", ".join(told) + ".", first=head, rest="  ")
    return [page.surface.strong(head) + lines[0][len(head) :], *lines[1:]]


def _sure(page: Page) -> list[str]:
    """What the intervals are, and how often the first place stands."""
    if page.sure is None:
        return []
    first = page.sure.intervals[0].entry.label
    said = (
        f"{first} is first in {percent(page.sure.first_kept)} of {page.sure.draws:,} draws of every number from its "
        "counts, interval or grade."
    )
    return page.surface.wrapped(said, first="How sure:  ", rest="  ")


def _foot(page: Page) -> Iterator[str]:
    first = page.answer.diseases[0].id
    yield from page.surface.wrapped(f"Why? ddx explain {first} · Next? ddx next · Does it fit? ddx conflict")
    yield from page.surface.wrapped("Numbers: ddx show NAME · This network: ddx about · For programs: --json")
    identity = identity_lines(page.basis, page.answer.result_sha256, page.surface)
    yield from (page.surface.faint(line) for line in identity)
