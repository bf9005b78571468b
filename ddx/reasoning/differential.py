"""What could this be? Every disease before and after the findings, alone and together, exactly.

    prior      P(disease | setting, its complaint, age and sex)
    posterior  P(disease | all of that and every finding)
    lift       posterior / prior

Never one disease at a time: the sets of diseases that are present together, and P(both) of pairs, come from the same
joint distribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.combinations import Until, most_probable_sets
from ddx.engine.model import Model
from ddx.errors import ImpossibleEvidence, SpecError
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.lanes import Answers, CaseLanes
from ddx.reasoning.shown import Bar, Shown, chance
from ddx.reasoning.understanding import Understood

Floats = npt.NDArray[np.float64]

MASS = 0.99  # combinations are listed until they hold this much,
MOST_SETS = 64  # or until so many are listed
LIKELIER_THAN_NOT = 0.5
SEEN = 0.01  # a disease that is or was less probable has no bar, unless it is serious
PAIRED = 10  # pairs are formed among so many diseases


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One disease of the differential. `states` is there where its node has several present states."""

    entry: Entry
    prior: float
    posterior: float
    states: Mapping[str, float] | None = None

    @property
    def lift(self) -> float | None:
        """How many times as probable as before; None where it was impossible before."""
        return self.posterior / self.prior if self.prior > 0 else None

    @property
    def id(self) -> str:
        return self.entry.id


@dataclass(frozen=True, slots=True)
class Together:
    """P(exactly these are present) of a combination, or P(both, whatever else) of a pair."""

    diseases: tuple[str, ...]  # sorted
    probability: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two diseases: P(both), and each without the other, whatever else."""

    first: Entry
    second: Entry
    both: float
    first_only: float
    second_only: float


@dataclass(frozen=True, slots=True)
class Differential(Shown):
    """The answer of `diagnose`: every disease, most probable first, and what is present together."""

    basis: Basis
    diseases: tuple[Diagnosis, ...]
    combinations: tuple[Together, ...]
    pairs: tuple[Pair, ...]  # of the diseases raised most, and of those that are there more likely than not

    @property
    def together(self) -> tuple[Together, ...]:
        """P(both) of every pair of the diseases that the case raised most, most probable first."""
        ten = {e.id for e in most_raised(self.diseases, PAIRED)}
        pairs = [p for p in self.pairs if p.first.id in ten and p.second.id in ten]
        found = [Together(tuple(sorted((p.first.id, p.second.id))), p.both) for p in pairs]
        return tuple(sorted(found, key=lambda t: (-t.probability, t.diseases)))

    @property
    def result_sha256(self) -> str:
        return self.basis.result_sha256("differential", {"mass": MASS, "most_sets": MOST_SETS, "paired": PAIRED})

    @property
    def headline(self) -> str:
        first = self.diseases[0]
        likely = [d for d in self.diseases if d.posterior >= LIKELIER_THAN_NOT]
        told = ", ".join(f"{d.entry.label} {chance(d.posterior)}" for d in likely)
        return told or f"Nothing is likelier than not; first {first.entry.label} {chance(first.posterior)}"

    @property
    def columns(self) -> tuple[str, ...]:
        return "before", "now"

    @property
    def bars(self) -> tuple[Bar, ...]:
        seen = [d for d in self.diseases if d.posterior >= SEEN or d.prior >= SEEN or d.entry.serious]
        return tuple(Bar(d.entry.label, d.prior, chance(d.prior), (d.posterior, chance(d.posterior))) for d in seen)

    def body(self) -> dict[str, Plain]:
        return {
            "diseases": [plain(d) for d in self.diseases],
            "combinations": [{"diseases": list(c.diseases), "probability": c.probability} for c in self.combinations],
            "together": [{"diseases": list(t.diseases), "probability": t.probability} for t in self.together],
        }

    def of(self, disease: str) -> Diagnosis:
        """The line of one disease."""
        return next(d for d in self.diseases if d.id == disease)


def diagnose(network: Network, model: Model, understood: Understood) -> Differential:
    """The differential of a case. ImpossibleEvidence where its findings cannot occur together."""
    entries = listed(network, model)
    lanes = CaseLanes(network, model, understood, entries)
    before, after = lanes.add_before(), lanes.add()
    answers = lanes.run()
    log_evidence = float(answers.log_evidence_nats[after])
    if np.isneginf(log_evidence):
        model.posteriors(understood.evidence)  # raises, and names a smallest impossible set
        raise ImpossibleEvidence(understood.evidence)
    probability = answers.present(entries)  # (entries, lanes)
    diseases = [
        Diagnosis(e, float(probability[i, before]), float(probability[i, after]), _states(model, answers, e, after))
        for i, e in enumerate(entries)
    ]
    ranked = tuple(sorted(diseases, key=lambda d: (-d.posterior, d.id)))
    likely = [d.entry for d in ranked if d.posterior >= LIKELIER_THAN_NOT]
    paired = list(dict.fromkeys([*most_raised(ranked, PAIRED), *likely]))
    return Differential(
        basis_of(network, understood, log_evidence),
        ranked,
        _combinations(model, lanes, log_evidence, entries),
        _pairs(lanes, paired),
    )


def plain(diagnosis: Diagnosis, interval: tuple[float, float] | None = None) -> dict[str, Plain]:
    """One line of the differential for programs; the interval where it was asked for."""
    told: dict[str, Plain] = {
        "id": diagnosis.id,
        "label": diagnosis.entry.label,
        "prior": diagnosis.prior,
        "posterior": diagnosis.posterior,
        "interval": None if interval is None else list(interval),
        "lift": diagnosis.lift,
        "serious": diagnosis.entry.serious,
    }
    if diagnosis.entry.of is not None:
        told["of"] = diagnosis.entry.of
    if diagnosis.states is not None:
        told["states"] = dict(diagnosis.states)
    return told


def listed(network: Network, model: Model) -> tuple[Entry, ...]:
    """What the differential of this model lists; SpecError for a network that does not say what its diseases are."""
    found = tuple(e for e in network.entries if e.node in model.offsets)
    if not found:
        raise SpecError(
            "this network does not say which of its variables are diseases",
            where=network.name,
            remedy="`ddx posterior` gives the posteriors of every variable.",
        )
    return found


def most_raised(diseases: Sequence[Diagnosis], count: int) -> list[Entry]:
    """The diseases whose probability the case raised most, by posterior - prior."""
    return [d.entry for d in sorted(diseases, key=lambda d: (d.prior - d.posterior, d.id))[:count]]


def _states(model: Model, answers: Answers, entry: Entry, lane: int) -> dict[str, float] | None:
    """P(each present state), and the rest as `absent`, of a disease of several present states."""
    if len(entry.states) < 2:
        return None
    values = dict(zip(model.states[entry.node], answers.of(entry.node, lane).tolist(), strict=True))
    absent = sum(p for state, p in values.items() if state not in entry.states)
    return {"absent": absent, **{state: values[state] for state in entry.states}}


def _combinations(
    model: Model, lanes: CaseLanes, log_evidence: float, entries: Sequence[Entry]
) -> tuple[Together, ...]:
    factors, log_constant = lanes.factors()
    until = Until(MASS, MOST_SETS)
    sets = most_probable_sets(model, factors, log_evidence - log_constant, [e.id for e in entries], until)
    return tuple(Together(tuple(sorted(s.events)), s.probability) for s in sets)


def _pairs(lanes: CaseLanes, entries: Sequence[Entry]) -> tuple[Pair, ...]:
    """Every pair, from the lane of the case and one for each disease held present."""
    if len(entries) < 2:
        return ()
    rest = lanes.add()
    held = [lanes.add(held=[(e, True)]) for e in entries]
    answers = lanes.run()
    present, absent = answers.present(entries), answers.absent(entries)
    return tuple(
        Pair(
            entries[i],
            entries[j],
            both=float(present[j, held[i]] * present[i, rest]),
            first_only=float(absent[j, held[i]] * present[i, rest]),
            second_only=float(absent[i, held[j]] * present[j, rest]),
        )
        for i in range(len(entries))
        for j in range(i + 1, len(entries))
    )
