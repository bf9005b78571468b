"""What does not fit, as a page."""

from __future__ import annotations

from collections.abc import Iterator

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.conflict import Conflict, Pair, Resolving, Surprise
from ddx.report import phrases
from ddx.report.frame import page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface

LEAST_EXPECTED = 5


def plain(answer: Conflict) -> dict[str, Plain]:
    """The form ddx/conflict/1."""
    return framed("conflict", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: Conflict, surface: Surface, *, every: bool = False) -> str:
    """The page; with `every` the surprise of each finding."""
    first = [sentence(answer), *([phrases.covered(answer.coverage.lies)] if answer.basis.understood.findings else [])]
    lines = [
        line for told in (first if answer.coverage.lies.strong_words else first[::-1]) for line in surface.wrapped(told)
    ]
    lines += _surprises(network, answer, surface, every)
    if answer.unexplained:
        names = ", ".join(
            f"{_said(network, answer, s.finding)} (in {_of_hundred(s)}{'; does not fit' if s.fit == 'misfit' else ''})"
            for s in answer.unexplained
        )
        lines += ["", *surface.wrapped(f"No disease in this network bears on: {names}.", rest="  ")]
    if answer.uncertain:
        names = ", ".join(network.lexicon.askables[f].label for f in answer.uncertain)
        told = f"Uncertain, and so without a number of patients who have it: {names}."
        lines += ["", *surface.wrapped(told, rest="  ")]
    lines += ["", *_pairs(network, answer, surface)]
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def sentence(answer: Conflict) -> str:
    """The answer in one plain sentence."""
    count = len(answer.misfits)
    if not answer.basis.understood.findings:
        return "No finding was entered, so none can be out of place."
    told = f"{count} {'finding does' if count == 1 else 'findings do'} not fit the rest."
    if count == 0:
        told = "No finding is out of place, given all the others."
        if any(s.explained_by and s.fit for s in answer.surprises):
            told = "No finding is out of place: what the others do not expect, a disease of the case explains."
    if answer.tied:
        verb, them = ("finding hardly goes", "it") if len(answer.tied) == 1 else ("findings hardly go", "them")
        told += f" {len(answer.tied)} {verb} with what is tied to {them}."
    return told


def _surprises(network: Network, answer: Conflict, surface: Surface, every: bool) -> Iterator[str]:
    """The findings that the rest expects least, each with how many such patients would have it."""
    explainable = [s for s in answer.surprises if s.explainable]
    most = len(explainable) if every else max(LEAST_EXPECTED, len(answer.misfits))
    if explainable:
        yield ""
        yield from surface.wrapped("Least expected, each given all the other findings, of 100 such patients:")
    for s in explainable[:most]:
        instead = phrases.state_said(network.lexicon.askables[s.finding], s.expected)
        notes = [f"usual would be {instead}"] if s.expected != s.state else []
        notes += _fit_said(s)
        told = _said(network, answer, s.finding) + (f" ({'; '.join(notes)})" if notes else "")
        yield from surface.wrapped(told, first=f"  {phrases.of_hundred(s.probability):>14}  ")
    if len(explainable) > most:
        yield surface.faint(f"  {len(explainable) - most} more are expected more (--all)")


def _fit_said(s: Surprise) -> list[str]:
    """Whether it fits, where it is hardly to be expected: `explained by Multiple myeloma, surprising all the same`."""
    if s.fit in ("explained", "surprising"):
        by = f"explained by {' and '.join(e.label for e in s.explained_by)}"
        return [f"{by}, surprising all the same" if s.fit == "surprising" else by]
    told = {"misfit": "does not fit", "tied": "hardly goes with what is tied to it"}
    return [told[s.fit]] if s.fit else []


def _of_hundred(s: Surprise) -> str:
    """`5 of 100 such patients`."""
    return f"{phrases.of_hundred(s.probability)} of 100 such patients"


def _said(network: Network, answer: Conflict, finding: str) -> str:
    return phrases.finding_of(network.lexicon, answer.basis.understood, finding)


def _pairs(network: Network, answer: Conflict, surface: Surface) -> Iterator[str]:
    if not answer.pairs:
        yield "No two findings pull against each other."
        return
    noun = "pair pulls" if answer.in_conflict == 1 else "pairs pull"
    some = f"; the strongest {len(answer.pairs)}" if answer.in_conflict > len(answer.pairs) else ""
    head = f"{answer.in_conflict} {noun} against each other before any disease is assumed (age and sex alone){some}:"
    yield from surface.wrapped(head)
    for pair in answer.pairs:
        names = "  x  ".join(
            phrases.chain(network.lexicon, answer.basis.understood, c) for c in (pair.first, pair.second)
        )
        yield from surface.wrapped(names, first="  ", rest="    ")
        yield from surface.wrapped(_pulling(network, pair), first="      ")


def _pulling(network: Network, pair: Pair) -> str:
    """How often both are met, how often they would be if they had nothing to do with each other, and with whom."""
    told = "one is uncertain, so that nobody can be counted"
    if pair.together is not None and pair.by_chance is not None:
        both, chance, of = phrases.counts(pair.together, pair.by_chance)
        told = f"both in {both} of {of} such patients, {chance} if independent"
    if not pair.resolved_by:
        return f"{told}; resolved by none of the diseases"
    return f"{told}; resolved by {' and '.join(_resolving(network, r) for r in pair.resolved_by)}"


def _resolving(network: Network, r: Resolving) -> str:
    """A disease with which both belong together, and how often."""
    label = network.lexicon.entries[r.disease].label
    return label if r.together is None else f"{label} (both in {phrases.of_hundred(r.together)} of 100)"
