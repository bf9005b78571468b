"""What did each finding do, one after the other? Posteriors after every step, in the order given or in another.

The first step is the patient alone (age, sex, setting), the last the whole case, so it ends where `diagnose` ends. The
sentence of a step compares how often the finding, as it turned out, is met with and without the disease that it moved
most, among patients like this one so far: P(f | D, before) = P(D | before, f) P(f | before) / P(D | before). A finding
given as a likelihood is met in no number of patients, for its weights have no scale: of it is told what it multiplies
the odds of that disease by, O(D | before, f) / O(D | before).

Explaining away is told where it happens (`explaining_away`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.errors import ImpossibleEvidence, UnknownFinding, near_misses
from ddx.knowledge.lexicon import Entry
from ddx.knowledge.spec import TIERS
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.differential import listed
from ddx.reasoning.explaining_away import LIKELY, ExplainingAway, explained_away
from ddx.reasoning.graph import parents_in
from ddx.reasoning.lanes import SMALLEST, StepLanes
from ddx.reasoning.shown import Bar, Shown, chance
from ddx.reasoning.understanding import Understood

Floats = npt.NDArray[np.float64]

LN10 = math.log(10)
PATIENTS = 1000  # natural frequencies are told of so many
DIGITS = 12  # of two moves that differ by less, the first disease of the list is told


@dataclass(frozen=True, slots=True)
class Move:
    """The disease that a step moved most, what that did to its log odds, and how often the finding is met before it.

    `met_with` and `met_without` are P(finding | disease) and P(finding | no disease), None for an uncertain finding.
    """

    disease: str
    before: float
    after: float
    odds_nats: float
    met_with: float | None
    met_without: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One finding entered: how probable it was just before, every disease after it, and what moved most.

    `probability_before` is None for an uncertain finding: a likelihood has no scale.
    """

    finding: str | None  # None for the patient alone
    state: str
    probability_before: float | None
    posteriors: dict[str, float]
    move: Move | None
    explaining_away: ExplainingAway | None = None

    def of_thousand(self, disease: str) -> int:
        """Of 1,000 such patients, how many have the disease."""
        return round(PATIENTS * self.posteriors[disease])


@dataclass(frozen=True, slots=True)
class Judged:
    """A disease of the reader's list, or one missing there: its probability before all findings and after them.

    `step` is the number of the one that raised it most, or that argued most against it where it is not likely.
    """

    disease: str
    first: float
    last: float
    step: int


@dataclass(frozen=True, slots=True)
class Replay(Shown):
    """The answer of `replay`: the patient alone, then one step for each finding. `guess` is the reader's own list."""

    basis: Basis
    entries: tuple[Entry, ...]
    steps: tuple[Step, ...]
    guess: tuple[str, ...] = ()

    @property
    def last(self) -> Step:
        return self.steps[-1]

    @property
    def right(self) -> tuple[Judged, ...]:
        """What the reader named and the case made likely."""
        return tuple(self._judged(d, rising=True) for d in self.guess if self.last.posteriors[d] >= LIKELY)

    @property
    def wrong(self) -> tuple[Judged, ...]:
        """What the reader named and the case did not make likely."""
        return tuple(self._judged(d, rising=False) for d in self.guess if self.last.posteriors[d] < LIKELY)

    @property
    def missed(self) -> tuple[Judged, ...]:
        """What the case made likely and the reader did not name, most probable first."""
        start, end = self.steps[0].posteriors, self.last.posteriors
        found = sorted((d for d, p in end.items() if p >= LIKELY > start[d]), key=lambda d: -end[d])
        return tuple(self._judged(d, rising=True) for d in found if d not in self.guess)

    def _judged(self, disease: str, *, rising: bool) -> Judged:
        course = [s.posteriors[disease] for s in self.steps]
        moves = [(after - before) * (1 if rising else -1) for before, after in pairwise(course)]
        step = 1 + max(range(len(moves)), key=moves.__getitem__) if moves else 0
        return Judged(disease, course[0], course[-1], step)

    @property
    def headline(self) -> str:
        first = self._leading
        label = next(e.label for e in self.entries if e.id == first)
        return f"{len(self.steps) - 1} steps; at the end {label} {chance(self.last.posteriors[first])}"

    @property
    def _leading(self) -> str:
        return max(self.last.posteriors, key=lambda d: self.last.posteriors[d])

    @property
    def bars(self) -> tuple[Bar, ...]:
        first = self._leading
        return tuple(
            Bar(f"{s.finding or 'patient'} {s.state}".strip(), s.posteriors[first], chance(s.posteriors[first]))
            for s in self.steps
        )

    @property
    def result_sha256(self) -> str:
        order: list[Plain] = [s.finding for s in self.steps]
        return self.basis.result_sha256("replay", {"order": order, "guess": [*self.guess]})

    def body(self) -> dict[str, Plain]:
        guess: list[Plain] = list(self.guess)
        judged: dict[str, Plain] = {
            name: [_plain_judged(j) for j in own]
            for name, own in (("right", self.right), ("wrong", self.wrong), ("missed", self.missed))
        }
        return {"guess": guess, "judged": judged if self.guess else None, "steps": [_plain(s) for s in self.steps]}


def replay(
    network: Network, model: Model, understood: Understood, order: Sequence[str] = (), guess: Sequence[str] = ()
) -> Replay:
    """The case step by step; findings named in `order` come first, in that order, the rest as given.

    `order` may also be the one word `tier`: bedside before laboratory before imaging before biopsy. ImpossibleEvidence
    where the findings cannot occur together, UnknownFinding where `order` names one that the case does not have.
    """
    entries = listed(network, model)
    names = ordered(network, understood, order)
    evidence = understood.evidence
    lanes = StepLanes(network, model, _in_order(understood, names), entries)
    for k in range(len(names) + 1):
        lanes.add(k)
    for k in range(len(names)):
        lanes.add_alone(k)
    answers = lanes.run()
    logs = answers.log_evidence_nats[: len(names) + 1]
    if np.isneginf(logs[-1]):
        model.posteriors(evidence)  # raises, and names a smallest impossible set
        raise ImpossibleEvidence(evidence)
    present, absent = answers.present(entries), answers.absent(entries)  # (entries, steps and findings alone)
    steps = [Step(None, "", 1.0, _by_id(entries, present[:, 0]), None)]
    for k, name in enumerate(names, 1):
        said = evidence[name]
        state = said if isinstance(said, str) else None
        probability = math.exp(min(0.0, float(logs[k] - logs[k - 1]))) if state is not None else None
        move = _most_moved(entries, present[:, k - 1 : k + 1], absent[:, k - 1 : k + 1], probability)
        steps.append(Step(name, state or "uncertain", probability, _by_id(entries, present[:, k]), move))
    away = explained_away(parents_in(model), lanes, entries, names, answers)
    told = tuple(replace(s, explaining_away=away.get(k)) for k, s in enumerate(steps))
    return Replay(basis_of(network, understood, float(logs[-1])), entries, told, tuple(guess))


def ordered(network: Network, understood: Understood, order: Sequence[str]) -> list[str]:
    """The findings of the case in the order asked for; by tier, the complaint of the setting still comes first."""
    given = [u.finding for u in understood.findings]
    if list(order) == ["tier"]:
        findings = network.spec.findings if network.spec else {}
        rank = {tier: i for i, tier in enumerate(TIERS)}
        complaint = understood.complaint
        return sorted(given, key=lambda f: -1 if f == complaint else rank[findings[f].tier] if f in findings else 0)
    if list(order) in ([], ["given"]):
        return given
    first = [network.lexicon.finding(name).id for name in order]
    missing = [name for name in first if name not in given]
    if missing:
        raise UnknownFinding(f"the case has no finding {missing[0]}. {near_misses(missing[0], given)}")
    first = list(dict.fromkeys(first))
    return [*first, *(f for f in given if f not in first)]


def _in_order(understood: Understood, names: Sequence[str]) -> Understood:
    """The same case, its findings in this order."""
    used = {u.finding: u for u in understood.used}
    return replace(understood, used=(*(used[f] for f in understood.patient), *(used[f] for f in names)))


def _most_moved(entries: Sequence[Entry], present: Floats, absent: Floats, probability: float | None) -> Move | None:
    """present, absent (entries, before and after); `probability` is that of the finding before, None if uncertain."""
    k = int(np.argmax(np.round(np.abs(present[:, 1] - present[:, 0]), DIGITS)))
    before, after = float(present[k, 0]), float(present[k, 1])
    if before <= 0 or float(absent[k, 0]) <= 0:
        return None
    with_it, without = np.maximum(present[k], SMALLEST), np.maximum(absent[k], SMALLEST)  # (before and after,)
    odds_nats = float(np.diff(np.log(with_it) - np.log(without))[0])
    if probability is None:
        return Move(entries[k].id, before, after, odds_nats, None, None)
    met_with = min(1.0, probability * after / before)
    met_without = min(1.0, probability * float(absent[k, 1]) / float(absent[k, 0]))
    return Move(entries[k].id, before, after, odds_nats, met_with, met_without)


def _by_id(entries: Sequence[Entry], values: Floats) -> dict[str, float]:
    return {e.id: float(p) for e, p in zip(entries, values, strict=True)}


def _plain(s: Step) -> Plain:
    told: dict[str, Plain] = {
        "finding": s.finding,
        "state": s.state,
        "probability_before": s.probability_before,
        "posteriors": dict(s.posteriors),
        "of_1000": {d: s.of_thousand(d) for d in s.posteriors},
    }
    if s.move is not None:
        told["most_moved"] = {
            "disease": s.move.disease,
            "before": s.move.before,
            "after": s.move.after,
            "odds_log10": s.move.odds_nats / LN10,
            "met_with": s.move.met_with,
            "met_without": s.move.met_without,
        }
    if s.explaining_away is not None:
        away = s.explaining_away
        told["explaining_away"] = {
            "disease": away.disease,
            "alone_log10": away.alone_nats / LN10,
            "here_log10": away.here_nats / LN10,
            "by": away.by,
            "explains": away.explains,
        }
    return told


def _plain_judged(j: Judged) -> Plain:
    return {"disease": j.disease, "first": j.first, "last": j.last, "step": j.step}
