"""What did each finding do, one after the other? Posteriors after every step, in the order given or in another.

The first step is the patient alone (age, sex, setting), the last the whole case, so it ends where `diagnose` ends. The
sentence of a step compares how often the finding, as it turned out, is met with and without the disease that it moved
most, among patients like this one so far: P(f | D, before) = P(D | before, f) P(f | before) / P(D | before).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ddx.engine.model import Model
from ddx.errors import ImpossibleEvidence, UnknownFinding, near_misses
from ddx.knowledge.lexicon import Entry
from ddx.knowledge.spec import TIERS
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.differential import listed
from ddx.reasoning.lanes import Lanes
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.understanding import Understood

PATIENTS = 1000  # natural frequencies are told of so many


@dataclass(frozen=True, slots=True)
class Move:
    """The disease that a step moved most, and how often the finding is met with and without it, before the step."""

    disease: str
    before: float
    after: float
    met_with: float
    met_without: float


@dataclass(frozen=True, slots=True)
class Step:
    """One finding entered: how probable it was just before, every disease after it, and what moved most."""

    finding: str | None  # None for the patient alone
    state: str
    probability_before: float
    posteriors: dict[str, float]
    move: Move | None

    def of_thousand(self, disease: str) -> int:
        """Of 1,000 such patients, how many have the disease."""
        return round(PATIENTS * self.posteriors[disease])


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
    def headline(self) -> str:
        first = max(self.last.posteriors, key=lambda d: self.last.posteriors[d])
        return f"{len(self.steps) - 1} steps; at the end {first} {self.last.posteriors[first]:.3g}"

    @property
    def bars(self) -> tuple[Bar, ...]:
        first = max(self.last.posteriors, key=lambda d: self.last.posteriors[d])
        return tuple(
            Bar(f"{s.finding or 'patient'} {s.state}", s.posteriors[first], f"{s.posteriors[first]:.3g}")
            for s in self.steps
        )

    @property
    def result_sha256(self) -> str:
        order: list[Plain] = [s.finding for s in self.steps]
        return self.basis.result_sha256("replay", {"order": order})

    def body(self) -> dict[str, Plain]:
        guess: list[Plain] = list(self.guess)
        return {"guess": guess, "steps": [_plain(s) for s in self.steps]}


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
    answers = lanes.run()
    logs = answers.log_evidence_nats
    if np.isneginf(logs[-1]):
        model.posteriors(evidence)  # raises, and names a smallest impossible set
        raise ImpossibleEvidence(evidence)
    present, absent = answers.present(entries), answers.absent(entries)  # (entries, steps)
    steps = [Step(None, "", 1.0, _by_id(entries, present[:, 0]), None)]
    for k, name in enumerate(names, 1):
        said = evidence[name]
        probability = math.exp(min(0.0, float(logs[k] - logs[k - 1])))
        move = _most_moved(entries, present[:, k - 1 : k + 1], absent[:, k - 1 : k + 1], probability)
        state = said if isinstance(said, str) else "uncertain"
        steps.append(Step(name, state, probability, _by_id(entries, present[:, k]), move))
    return Replay(basis_of(network, understood, float(logs[-1])), entries, tuple(steps), tuple(guess))


def ordered(network: Network, understood: Understood, order: Sequence[str]) -> list[str]:
    """The findings of the case in the order asked for."""
    given = [u.finding for u in understood.findings]
    if list(order) == ["tier"]:
        findings = network.spec.findings if network.spec else {}
        rank = {tier: i for i, tier in enumerate(TIERS)}
        return sorted(given, key=lambda f: rank[findings[f].tier] if f in findings else 0)
    if list(order) in ([], ["given"]):
        return given
    first = [network.lexicon.finding(name).id for name in order]
    missing = [name for name in first if name not in given]
    if missing:
        raise UnknownFinding(f"the case has no finding {missing[0]}. {near_misses(missing[0], given)}")
    first = list(dict.fromkeys(first))
    return [*first, *(f for f in given if f not in first)]


def _most_moved(
    entries: Sequence[Entry], present: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    absent: np.ndarray[tuple[int, int], np.dtype[np.float64]], probability: float,
) -> Move | None:  # fmt: skip
    """present, absent (entries, before and after)."""
    k = int(np.argmax(np.abs(present[:, 1] - present[:, 0])))
    before, after = float(present[k, 0]), float(present[k, 1])
    if before <= 0 or float(absent[k, 0]) <= 0:
        return None
    met_with = min(1.0, probability * after / before)
    met_without = min(1.0, probability * float(absent[k, 1]) / float(absent[k, 0]))
    return Move(entries[k].id, before, after, met_with, met_without)


def _by_id(entries: Sequence[Entry], values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, float]:
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
            "met_with": s.move.met_with,
            "met_without": s.move.met_without,
        }
    return told
