"""What did each finding do, one after the other? Posteriors after every step, in the order given or in another.

The first step is the patient alone (age, sex, setting), the last the whole case, so it ends where `diagnose` ends. The
sentence of a step compares how often the finding, as it turned out, is met with and without the disease that it moved
most, among patients like this one so far: P(f | D, before) = P(D | before, f) P(f | before) / P(D | before). A finding
given as a likelihood is met in no number of patients, for its weights have no scale: of it is told what it multiplies
the odds of that disease by, O(D | before, f) / O(D | before).

Explaining away is told where it happens: a finding that would raise a disease by itself, but hardly does here, since
another disease that is already likely accounts for it; or a disease that falls although the finding by itself does
not speak against it, since a disease that the finding raised accounts for what had spoken for it.
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
from ddx.reasoning.graph import above, parents_in
from ddx.reasoning.lanes import SMALLEST, Answers, Lanes, clamped
from ddx.reasoning.numbers import expit
from ddx.reasoning.shown import Bar, Shown, chance
from ddx.reasoning.understanding import Understood

Floats = npt.NDArray[np.float64]

LN10 = math.log(10)
PATIENTS = 1000  # natural frequencies are told of so many
LIKELY = 0.5
SPOKEN_OF = 0.01  # explaining away is told of diseases that are, or would be, at least this probable
LOST_NATS = math.log(2)  # a weight on its own whose loss is told
FELL_NATS = math.log(1.5)  # a fall that is told
MOST_ASKED = 8  # candidates looked into at one step
RESTORED = 0.5  # the other disease held absent gives back at least this share of what was lost


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
class ExplainingAway:
    """A disease that this step moved otherwise than the finding would by itself, and the disease that accounts for it.

    `alone_nats` is what the finding by itself does to its log odds, `here_nats` what it did at this step. `explains` is
    the finding accounted for: this one, or an earlier one where this one only raised `by`.
    """

    disease: str
    alone_nats: float
    here_nats: float
    by: str
    explains: str


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
    evidence, patient = understood.evidence, understood.patient
    lanes = Lanes(model)
    for k in range(len(names) + 1):
        lanes.add({**patient, **{f: evidence[f] for f in names[:k]}})
    for name in names:
        lanes.add({**patient, name: evidence[name]})
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
    away = _Away(model, understood, entries, names, answers).found()
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


class _Away:
    """Looks for explaining away at every step, and keeps what a query with the other disease held absent bears out."""

    def __init__(
        self, model: Model, understood: Understood, entries: Sequence[Entry], names: Sequence[str], answers: Answers
    ) -> None:
        self.model, self.understood, self.entries, self.names = model, understood, entries, names
        count = len(names)
        odds, self.present = answers.log_odds(entries), answers.present(entries)
        self.before = odds[:, :count]
        self.here = np.diff(odds[:, : count + 1], axis=1)  # (entries, findings) as entered
        self.alone = odds[:, count + 1 :] - odds[:, [0]]
        parents = parents_in(model)
        self.up = {name: above(parents, [name]) for name in names}
        self.causes = {e.node: above(parents, [e.node]) for e in entries}

    def found(self) -> dict[int, ExplainingAway]:
        """Step number -> what was explained away there: of several, what lost most of its probability."""
        asked = []
        for k in range(len(self.names)):
            every = sorted((*self._lost(k), *self._gave_way(k)), key=lambda one: -self._gone(k, one))
            asked += [(k, one) for one in every[:MOST_ASKED]]
        if not asked:
            return {}
        lanes = Lanes(self.model)
        for k, (_, other, _) in asked:
            for upto in (k, k + 1):
                known = {f: self.understood.evidence[f] for f in self.names[:upto]}
                column = self.model.likelihood({**self.understood.patient, **known})
                lanes.add_column(clamped(self.model, column, self.entries[other], present=False))
        odds = lanes.run().log_odds(self.entries)
        found: dict[int, ExplainingAway] = {}
        for n, (k, (own, other, explains)) in enumerate(asked):
            alone, here = float(self.alone[own, k]), float(self.here[own, k])
            without = float(odds[own, 2 * n + 1] - odds[own, 2 * n])
            if k + 1 not in found and (without - here) / (self._aim(k, own, explains) - here) >= RESTORED:
                found[k + 1] = ExplainingAway(self.entries[own].id, alone, here, self.entries[other].id, explains)
        return found

    def _aim(self, k: int, own: int, explains: str) -> float:
        """What the step would do to the log odds of a disease if nothing were explained away."""
        return float(self.alone[own, k]) if explains == self.names[k] else 0.0

    def _gone(self, k: int, one: tuple[int, int, str]) -> float:
        """How much probability that is."""
        own, _, explains = one
        return expit(float(self.before[own, k]) + self._aim(k, own, explains)) - float(self.present[own, k + 1])

    def _lost(self, k: int) -> list[tuple[int, int, str]]:
        """(disease, other, finding): the finding raises the disease by itself, but hardly with the other known."""
        name, found = self.names[k], []
        for own, entry in enumerate(self.entries):
            would = float(self.present[own, len(self.names) + 1 + k])
            alone, here = float(self.alone[own, k]), float(self.here[own, k])
            if would >= SPOKEN_OF and alone >= LOST_NATS and here <= alone / 2:
                found += [(own, other, name) for other in self._accounting(entry, name, self.present[:, k])]
        return found

    def _gave_way(self, k: int) -> list[tuple[int, int, str]]:
        """(disease, other, earlier finding): the disease falls since the finding raised the other."""
        found = []
        for own, entry in enumerate(self.entries):
            fell = self.here[own, k] <= -FELL_NATS and self.present[own, k] >= SPOKEN_OF
            if not fell or self.alone[own, k] <= -FELL_NATS / 2 or entry.node in self.up[self.names[k]]:
                continue
            raising = [j for j in range(k) if entry.node in self.up[self.names[j]] and self.alone[own, j] > 0]
            strongest = max(raising, key=lambda j: self.alone[own, j], default=None)
            if strongest is not None:
                earlier = self.names[strongest]
                others = self._accounting(entry, earlier, self.present[:, k + 1])
                found += [(own, other, earlier) for other in others if self.here[other, k] > 0]
        return found

    def _accounting(self, entry: Entry, finding: str, present: Floats) -> list[int]:
        """Likely diseases above a finding that are neither the disease itself nor its effects."""
        return [
            i
            for i, e in enumerate(self.entries)
            if present[i] >= LIKELY and e.node in self.up[finding] and entry.node not in self.causes[e.node]
        ]


def _most_moved(entries: Sequence[Entry], present: Floats, absent: Floats, probability: float | None) -> Move | None:
    """present, absent (entries, before and after); `probability` is that of the finding before, None if uncertain."""
    k = int(np.argmax(np.abs(present[:, 1] - present[:, 0])))
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
