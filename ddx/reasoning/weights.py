"""What carries each diagnosis? The weight of every chain of findings, on its own and given all else.

    alone   log odds(D | patient, chain) - log odds(D | patient)
    last    log odds(D | everything)     - log odds(D | everything but the chain)

Each taken by itself misleads: `last` makes a diagnostic biopsy look weak where other findings already settle the
matter, `alone` ignores that another disease explains the finding. A chain is ranked by their mean, which is what it
adds when it is entered first or last with equal chance. Weights are natural logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.chains import chains
from ddx.reasoning.differential import Diagnosis, Differential
from ddx.reasoning.lanes import Answers, Lanes, clamped
from ddx.reasoning.understanding import State, Understood

Floats = npt.NDArray[np.float64]

NOTABLE_NATS = math.log(1.5)  # a weight that is worth a word
STRONG_NATS = math.log(3)  # a weight on its own that needs an account where it is lost
RESTORED = 0.5  # a disease explains a finding away if holding it absent gives back this share of what was lost


@dataclass(frozen=True, slots=True)
class Chain:
    """Findings that stand or fall together, named by the first."""

    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weight:
    """What a chain does to the log odds of one disease, in nats."""

    chain: Chain
    alone_nats: float
    last_nats: float

    @property
    def mean_nats(self) -> float:
        return (self.alone_nats + self.last_nats) / 2


@dataclass(frozen=True, slots=True)
class ExplainedAway:
    """A chain argues for the disease on its own, but hardly once `by` is taken to be there."""

    weight: Weight
    by: Entry


@dataclass(frozen=True, slots=True)
class Carried:
    """What argues for a disease and what against it, strongest first, and what would have but is explained away."""

    arguing_for: tuple[Weight, ...]
    arguing_against: tuple[Weight, ...]
    explained_away: tuple[ExplainedAway, ...] = ()


def carried(
    network: Network, model: Model, answer: Differential, doubted: Sequence[Diagnosis]
) -> Mapping[str, Carried]:
    """For every disease what carries it; for the `doubted` ones also what was explained away, and by what."""
    understood = answer.basis.understood
    listed = [Chain(c) for c in chains(network.spec, [u.finding for u in understood.findings])]
    entries = [d.entry for d in answer.diseases]
    if not listed:
        return {e.id: Carried((), ()) for e in entries}
    alone, last = _weights(model, understood, listed, entries)
    by_entry = {
        e.id: [Weight(c, float(alone[i, k]), float(last[i, k])) for k, c in enumerate(listed)]
        for i, e in enumerate(entries)
    }
    lost = {d.entry: _lost(by_entry[d.id]) for d in doubted}
    away = _explained(model, understood, lost, _explainers(answer))
    return {e.id: _carried(by_entry[e.id], away.get(e.id, ())) for e in entries}


def _weights(
    model: Model, understood: Understood, listed: Sequence[Chain], entries: Sequence[Entry]
) -> tuple[Floats, Floats]:
    """(entries, chains) alone and last, in nats."""
    evidence, patient = understood.evidence, understood.patient
    lanes = Lanes(model)
    start, everything = lanes.add(patient), lanes.add(evidence)
    alone = [lanes.add({**patient, **{f: evidence[f] for f in c.findings}}) for c in listed]
    without = [lanes.add(withdrawn(evidence, c)) for c in listed]
    odds = lanes.run().log_odds(entries)  # (entries, lanes)
    return odds[:, alone] - odds[:, [start]], odds[:, [everything]] - odds[:, without]


def withdrawn(evidence: Mapping[str, State], chain: Chain) -> dict[str, State]:
    """The evidence without a chain."""
    return {f: state for f, state in evidence.items() if f not in chain.findings}


def _carried(weights: Sequence[Weight], away: Sequence[ExplainedAway]) -> Carried:
    ranked = sorted(weights, key=lambda w: (-w.mean_nats, w.chain.findings))
    return Carried(
        tuple(w for w in ranked if w.mean_nats >= NOTABLE_NATS),
        tuple(w for w in reversed(ranked) if w.mean_nats <= -NOTABLE_NATS),
        tuple(away),
    )


def _lost(weights: Sequence[Weight]) -> list[Weight]:
    """Chains that argue strongly for a disease on their own and no longer do."""
    found = [w for w in weights if w.alone_nats >= STRONG_NATS and w.last_nats <= w.alone_nats / 2]
    return sorted(found, key=lambda w: (w.last_nats - w.alone_nats, w.chain.findings))[:2]


def _explainers(answer: Differential) -> list[Entry]:
    """Diseases that are there more likely than not, and that the case made so."""
    return [d.entry for d in answer.diseases if d.posterior >= 0.5 and d.posterior > 1.2 * d.prior][:5]


def _explained(
    model: Model, understood: Understood, lost: Mapping[Entry, Sequence[Weight]], explainers: Sequence[Entry]
) -> dict[str, tuple[ExplainedAway, ...]]:
    """For each disease the chains that another one explains: held absent, it gives back what the chain had lost."""
    asked = [(d, w, x) for d, weights in lost.items() for w in weights for x in explainers if x.node != d.node]
    if not asked:
        return {}
    whole = model.likelihood(understood.evidence)
    lanes = Lanes(model)
    held = {x.id: lanes.add_column(clamped(model, whole, x, present=False)) for _, _, x in asked}
    parts = {}
    for _, w, x in asked:
        if (w.chain, x.id) not in parts:
            rest = model.likelihood(withdrawn(understood.evidence, w.chain))
            parts[w.chain, x.id] = lanes.add_column(clamped(model, rest, x, present=False))
    answers = lanes.run()
    odds = answers.log_odds(list(lost))
    row = {d.id: i for i, d in enumerate(lost)}
    best: dict[tuple[str, Chain], tuple[float, ExplainedAway]] = {}
    for d, w, x in asked:
        if not _possible(answers, held[x.id]):
            continue
        back = float(odds[row[d.id], held[x.id]] - odds[row[d.id], parts[w.chain, x.id]]) - w.last_nats
        share = back / (w.alone_nats - w.last_nats)
        if share >= RESTORED and share > best.get((d.id, w.chain), (0.0,))[0]:
            best[d.id, w.chain] = share, ExplainedAway(w, x)
    return {d: tuple(e for (of, _), (_, e) in best.items() if of == d) for d, _ in best}


def _possible(answers: Answers, lane: int) -> bool:
    return bool(np.isfinite(answers.log_evidence_nats[lane]))
