"""What does not fit? Findings that the rest does not expect, and pairs that pull against each other.

    surprise of f   P(f | every other finding): exactly what a fresh query without f would predict
    pair            log P(a | patient) P(b | patient) / P(a, b | patient), in nats; 0 where they are independent,
                    above 0 where together they are rarer than apart (Jensen et al. 1991)
    resolved by h   where log P(a) P(b) P(h) / P(a, b, h) < 0, that is P(a, b | h) > P(a) P(b): with h they belong
                    together. Only diseases that bear on a or b are asked; where one that this case makes likely
                    resolves the pair, only such are told

A small total for the whole case hides local conflict, so surprises come first; `weights.fit` says which of them do not
fit. What no disease of the network bears on cannot be explained by any of them, and stands apart. An uncertain finding
is a likelihood, which has no scale: it has no probability of its own, alone or in a pair. How far the case as a whole
lies outside: see `coverage`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.errors import ImpossibleEvidence
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.chains import chains
from ddx.reasoning.coverage import Coverage, coverage
from ddx.reasoning.differential import diagnose, listed
from ddx.reasoning.graph import Parents, above, parents_in
from ddx.reasoning.lanes import Lanes
from ddx.reasoning.odds import log_evidence
from ddx.reasoning.shown import Bar, Shown, chance
from ddx.reasoning.understanding import State, Understood
from ddx.reasoning.weights import fit, reasons

Floats = npt.NDArray[np.float64]

LEAST_CONFLICT_NATS = math.log(1.2)
MOST_PAIRS = 12
MOST_RESOLVING = 2
LIKELY = 0.5


@dataclass(frozen=True, slots=True)
class Surprise:
    """P(finding as observed | every other finding), and the most probable state in its place."""

    finding: str
    state: str
    probability: float
    expected: str
    explainable: bool  # some disease of the network bears on it
    fit: str = ""  # misfit, tied, explained or surprising (see `weights.fit`); empty where the rest expects it
    explained_by: tuple[Entry, ...] = ()  # diseases of the case for which it argues


@dataclass(frozen=True, slots=True)
class Resolving:
    """A disease with which a conflicting pair belongs together: log P(a) P(b) P(h) / P(a, b, h) below 0."""

    disease: str
    conflict_nats: float
    together: float | None  # P(both | the disease, patient); None where one is uncertain


@dataclass(frozen=True, slots=True)
class Pair:
    """Two chains of findings that pull against each other; no probabilities where one holds an uncertain finding."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    conflict_nats: float
    together: float | None  # P(both | patient)
    by_chance: float | None  # P(first | patient) P(second | patient)
    resolved_by: tuple[Resolving, ...]


@dataclass(frozen=True, slots=True)
class Conflict(Shown):
    """The answer of `conflict`: surprises, least expected first; the strongest MOST_PAIRS of the pairs in conflict."""

    basis: Basis
    surprises: tuple[Surprise, ...]
    total_nats: float  # log of the product of P(chain) over P(all)
    pairs: tuple[Pair, ...]
    in_conflict: int
    coverage: Coverage

    @property
    def unexplained(self) -> tuple[Surprise, ...]:
        """Findings that no disease of the network bears on, and that are not what is usual."""
        return tuple(s for s in self.surprises if not s.explainable and s.state != s.expected)

    @property
    def misfits(self) -> tuple[Surprise, ...]:
        """What the rest of this case does not expect, and no disease of it explains."""
        return tuple(s for s in self.surprises if s.fit == "misfit")

    @property
    def tied(self) -> tuple[Surprise, ...]:
        """What hardly goes with the findings that it stands or falls with."""
        return tuple(s for s in self.surprises if s.fit == "tied")

    @property
    def uncertain(self) -> tuple[str, ...]:
        """Findings that are uncertain, which no surprise is told of."""
        return tuple(u.finding for u in self.basis.understood.findings if not isinstance(u.said, str))

    @property
    def headline(self) -> str:
        if not self.coverage.lies.strong_words:
            return "These findings lie outside what the network explains."
        if self.misfits:
            first = self.misfits[0]
            return f"Does not fit: {first.finding}={first.state}, {chance(first.probability)} given all the others"
        return "Every finding fits the rest."

    @property
    def bars(self) -> tuple[Bar, ...]:
        return tuple(Bar(f"{s.finding}={s.state}", s.probability, chance(s.probability)) for s in self.surprises)

    @property
    def result_sha256(self) -> str:
        return self.basis.result_sha256("conflict", {})

    def body(self) -> dict[str, Plain]:
        return {
            "surprises": [_plain(s) for s in self.surprises],
            "unexplained": [s.finding for s in self.unexplained],
            "uncertain": list(self.uncertain),
            "total_nats": self.total_nats,
            "pairs": [_plain_pair(p) for p in self.pairs],
            "pairs_in_conflict": self.in_conflict,
            "coverage": self.coverage.body(),
        }


def conflict(network: Network, model: Model, understood: Understood) -> Conflict:
    """What does not fit the rest of a case. ImpossibleEvidence where its findings cannot occur together."""
    parents = parents_in(model)
    surprises, total = _surprises(network, model, understood, parents)
    grouped = chains(network, parents, [u.finding for u in understood.findings])
    whole, (pairs, count) = _pairs(network, model, understood, grouped)
    answer = diagnose(network, model, understood)
    explained = reasons(network, model, answer, ()).explained
    fitted = (_fitted(s, next(c for c in grouped if s.finding in c), explained) for s in surprises)
    ranked = tuple(sorted(fitted, key=lambda s: (s.probability, s.finding)))
    basis = basis_of(network, understood, total)
    return Conflict(basis, ranked, whole, pairs, count, coverage(network, model, answer))


def _fitted(s: Surprise, chain: tuple[str, ...], explained: Mapping[tuple[str, ...], tuple[Entry, ...]]) -> Surprise:
    """A surprise with how it fits the rest, and which diseases of the case explain its chain."""
    by = explained.get(chain, ())
    return replace(s, fit=fit(s.probability, len(chain), by), explained_by=by)


@dataclass(frozen=True, slots=True, eq=False)
class Pulls:
    """How findings pull against each other: of all together, and of each pair in the order of `combinations`."""

    total_nats: float
    by_chance_nats: Floats  # (pairs,) log P(one) P(other)
    together_nats: Floats  # (pairs,) log P(both)

    @property
    def conflict_nats(self) -> Floats:
        """(pairs,) above 0 where both are rarer together than apart."""
        return self.by_chance_nats - self.together_nats


def pulls(model: Model, column: Floats, parts: Sequence[Floats]) -> Pulls:
    """The conflicts among findings, each a likelihood (states,), given what `column` (states,) says."""
    places = list(combinations(range(len(parts)), 2))
    joint = column.copy()
    for part in parts:
        joint = joint * part
    columns = [column, joint, *(column * part for part in parts), *(column * parts[i] * parts[j] for i, j in places)]
    logs = log_evidence(model, columns)
    single, both = logs[2 : 2 + len(parts)] - logs[0], logs[2 + len(parts) :] - logs[0]
    by_chance = np.array([single[i] + single[j] for i, j in places])
    return Pulls(float(single.sum() - (logs[1] - logs[0])), by_chance, both)


def _surprises(
    network: Network, model: Model, understood: Understood, parents: Parents
) -> tuple[list[Surprise], float]:
    """Every finding given all others, and log P(evidence)."""
    evidence = understood.evidence
    lanes = Lanes(model)
    whole = lanes.add(evidence)
    rest = {u.finding: lanes.add({f: s for f, s in evidence.items() if f != u.finding}) for u in understood.findings}
    answers = lanes.run()
    total = float(answers.log_evidence_nats[whole])
    if np.isneginf(total):
        model.posteriors(evidence)  # raises, and names a smallest impossible set
        raise ImpossibleEvidence(evidence)
    diseases = {e.node for e in listed(network, model)}
    found = []
    for used in understood.findings:
        if isinstance(used.said, str):
            lane = rest[used.finding]
            expected = answers.marginals[model.offsets[used.finding], lane]
            probability = min(1.0, math.exp(total - float(answers.log_evidence_nats[lane])))
            usual = model.states[used.finding][int(np.argmax(expected))]
            explainable = not diseases.isdisjoint(above(parents, [used.finding]))
            found.append(Surprise(used.finding, used.said, probability, usual, explainable))
    return found, total


def _pairs(
    network: Network, model: Model, understood: Understood, grouped: Sequence[tuple[str, ...]]
) -> tuple[float, tuple[tuple[Pair, ...], int]]:
    """The conflict of the whole case; the strongest pairs of chains that are in conflict, and how many are."""
    evidence = understood.evidence
    own = [model.likelihood({f: evidence[f] for f in chain}) for chain in grouped]
    found = pulls(model, model.likelihood(understood.patient), own)
    strength = found.conflict_nats.tolist()
    order = sorted((k for k, s in enumerate(strength) if s > LEAST_CONFLICT_NATS), key=lambda k: -strength[k])
    places = list(combinations(grouped, 2))
    together, by_chance = np.exp(found.together_nats).tolist(), np.exp(found.by_chance_nats).tolist()
    strongest = [Pair(*places[k], strength[k], together[k], by_chance[k], ()) for k in order[:MOST_PAIRS]]
    resolved = _resolved(network, model, understood, strongest)
    return found.total_nats, (
        tuple(_without_scale(p) if _is_uncertain(p, evidence) else p for p in resolved),
        len(order),
    )


def _is_uncertain(pair: Pair, evidence: Mapping[str, State]) -> bool:
    return not all(isinstance(evidence[f], str) for f in pair.first + pair.second)


def _without_scale(pair: Pair) -> Pair:
    """The pair without the figures that would change with the scale of a likelihood."""
    resolved = tuple(replace(r, together=None) for r in pair.resolved_by)
    return replace(pair, together=None, by_chance=None, resolved_by=resolved)


def _resolved(network: Network, model: Model, understood: Understood, pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The pairs with the diseases that resolve each, by how usual the pair is with them."""
    if not pairs:
        return ()
    entries = listed(network, model)
    parents = parents_in(model)
    lanes = Lanes(model)
    start, end = lanes.add(understood.patient), lanes.add(understood.evidence)
    said = understood.evidence
    places = [lanes.add({**understood.patient, **{f: said[f] for f in p.first + p.second}}) for p in pairs]
    present = lanes.run().present(entries)  # (entries, lanes)
    found = []
    for pair, lane in zip(pairs, places, strict=True):
        upward = above(parents, pair.first + pair.second)
        resolving = []
        for i, e in enumerate(entries):
            if e.node in upward and present[i, start] > 0 and present[i, lane] > 0:
                lift = math.log(present[i, lane] / present[i, start])  # log P(both | disease) / P(both)
                against = pair.conflict_nats - lift
                if against < 0:
                    together = None if pair.together is None else min(1.0, math.exp(lift) * pair.together)
                    resolving.append((present[i, end] < LIKELY, against, Resolving(e.id, against, together)))
        first = min((r[0] for r in resolving), default=False)  # where a likely disease resolves it, only such are told
        told = sorted((r for r in resolving if r[0] == first), key=lambda r: r[1])[:MOST_RESOLVING]
        found.append(replace(pair, resolved_by=tuple(r for _, _, r in told)))
    return tuple(found)


def _plain_pair(p: Pair) -> Plain:
    return {
        "findings": [p.first[0], p.second[0]],
        "groups": [list(p.first), list(p.second)],
        "conflict_nats": p.conflict_nats,
        "together": p.together,
        "by_chance": p.by_chance,
        "resolved_by": [
            {"disease": r.disease, "conflict_nats": r.conflict_nats, "together": r.together} for r in p.resolved_by
        ],
    }


def _plain(s: Surprise) -> Plain:
    return {
        "finding": s.finding,
        "state": s.state,
        "probability": s.probability,
        "expected": s.expected,
        "explainable": s.explainable,
        "fit": s.fit or None,
        "explained_by": [e.id for e in s.explained_by],
    }
