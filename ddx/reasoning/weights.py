"""What carries each diagnosis? The weight of every chain of findings, on its own and given all else.

    alone   log odds(D | patient, chain) - log odds(D | patient)
    last    log odds(D | everything)     - log odds(D | everything but the chain)

Each taken by itself misleads: `last` makes a diagnostic biopsy look weak where other findings already settle the
matter, `alone` ignores that another disease explains the finding. A chain is ranked by their mean, which is what it
adds when it is entered first or last with equal chance. Weights are natural logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.differential import Diagnosis, Differential, listed
from ddx.reasoning.graph import above, parents_in
from ddx.reasoning.lanes import CaseLanes

Floats = npt.NDArray[np.float64]

NOTABLE_NATS = math.log(1.5)  # a weight that is worth a word
LOSABLE_NATS = math.log(2)  # a weight on its own that needs an account where it is lost
MOST_LOST = 3  # chains accounted for, for each disease
UNEXPECTED = 0.05 - 1e-9  # less probable than one in twenty, however it is rounded, given everything else: does not fit
HARDLY = 0.01  # explained or not, a finding less probable than this asks whether the network knows such patients
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
    """Chains that argue for the disease on their own, but no longer once `by` is taken to be there."""

    weights: tuple[Weight, ...]
    by: Entry


@dataclass(frozen=True, slots=True)
class Carried:
    """What argues for a disease and what against it, strongest first, and what would have but is explained away.

    Only findings that the disease can bring about, or that can bring it about, are listed. `comes_with` are the
    diseases of the case that bring it along, where that is more of the reason than any finding of its own.
    """

    arguing_for: tuple[Weight, ...]
    arguing_against: tuple[Weight, ...]
    explained_away: tuple[ExplainedAway, ...] = ()
    comes_with: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Unexpected:
    """A finding that does not fit the rest and that no disease of the case explains: P(as observed | all else)."""

    finding: str
    probability: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """What carries every disease, by its id, and which findings do not fit the rest, least expected first."""

    carried: Mapping[str, Carried]
    unexpected: tuple[Unexpected, ...] = ()
    surprising: tuple[Unexpected, ...] = ()  # explained, and yet hardly to be expected
    explained: Mapping[tuple[str, ...], tuple[Entry, ...]] = field(default_factory=dict)  # chain -> present diseases


def reasons(network: Network, model: Model, answer: Differential, doubted: Sequence[Diagnosis]) -> Reasons:
    """For every disease what carries it; for the `doubted` ones also what was explained away, and by what."""
    parents = parents_in(model)
    entries = [d.entry for d in answer.diseases]
    what_ifs = partial(CaseLanes, network, model, answer.basis.understood, listed(network, model))
    every = [Chain(c) for c in what_ifs().chains]
    if not every:
        return Reasons({e.id: Carried((), ()) for e in entries})
    alone, last, expected = _weights(what_ifs(), entries)
    upward = {c: above(parents, c.findings) for c in every}
    explainers = _explainers(answer)
    own: dict[str, list[Weight]] = {}
    found: dict[str, Carried] = {}
    for i, e in enumerate(entries):
        causes = above(parents, [e.node])
        weights = [Weight(c, float(alone[i, k]), float(last[i, k])) for k, c in enumerate(every)]
        own[e.id] = [w for w in weights if e.node in upward[w.chain] or not causes.isdisjoint(w.chain.findings)]
        bringing = [x for x in explainers if x.node != e.node and x.node in causes]
        found[e.id] = _carried(own[e.id], [w for w in weights if w not in own[e.id]], bringing)
    asked = [
        (d.entry, w, x)
        for d in doubted
        for w in _lost(own[d.id])
        for x in explainers
        if x.node != d.entry.node and x.node in upward[w.chain]
    ]
    for d, away in _explained(what_ifs(), every, asked).items():
        gone = {w.chain for part in away for w in part.weights}
        still = tuple(w for w in found[d].arguing_for if w.chain not in gone)
        found[d] = replace(found[d], arguing_for=still, explained_away=away)
    explained = {c.findings: _explaining(c, explainers, own) for c in every}
    certain = {f for f, said in answer.basis.understood.evidence.items() if isinstance(said, str)}
    kinds = {
        Unexpected(c.findings[0], float(p)): fit(float(p), len(c.findings), explained[c.findings])
        for c, p in zip(every, expected, strict=True)
        if c.findings[0] in certain
    }
    ranked = sorted(kinds, key=lambda u: (u.probability, u.finding))
    misfits, surprising = (tuple(u for u in ranked if kinds[u] == kind) for kind in ("misfit", "surprising"))
    return Reasons(found, misfits, surprising, explained)


def fit(probability: float, tied: int, explained_by: Collection[Entry]) -> str:
    """How a finding fits the rest, from P(as observed | all else), the length of its chain, and who explains that.

    `misfit`: fewer than one such patient in twenty has it, and no disease of the case explains it. What argues for a
    disease that is there is no misfit, however rare it was to be expected before: it is `explained`, and `surprising`
    all the same where fewer than one in a hundred has it. A finding of a longer chain is `tied` instead: what makes it
    improbable are those that it stands or falls with. Empty where the rest expects it.
    """
    if probability >= UNEXPECTED:
        return ""
    if tied > 1:
        return "tied"
    if not explained_by:
        return "misfit"
    return "surprising" if probability < HARDLY else "explained"


def _explaining(chain: Chain, explainers: Sequence[Entry], own: Mapping[str, Sequence[Weight]]) -> tuple[Entry, ...]:
    """The diseases of the case for which a chain argues, most probable first."""
    return tuple(x for x in explainers if any(w.chain == chain and w.mean_nats >= NOTABLE_NATS for w in own[x.id]))


def _weights(lanes: CaseLanes, entries: Sequence[Entry]) -> tuple[Floats, Floats, Floats]:
    """(entries, chains) alone and last, in nats; and P(chain as observed | everything else), (chains,)."""
    start, everything = lanes.add(()), lanes.add()
    alone = [lanes.add((k,)) for k in range(len(lanes.chains))]
    without = [lanes.add_without(k) for k in range(len(lanes.chains))]
    answers = lanes.run()
    odds, log_evidence = answers.log_odds(entries), answers.log_evidence_nats  # (entries, lanes), (lanes,)
    expected = np.exp(log_evidence[everything] - log_evidence[without])
    return odds[:, alone] - odds[:, [start]], odds[:, [everything]] - odds[:, without], expected


def _carried(own: Sequence[Weight], other: Sequence[Weight], bringing: Sequence[Entry]) -> Carried:
    ranked = sorted(own, key=lambda w: (-w.mean_nats, w.chain.findings))
    arguing_for = tuple(w for w in ranked if w.mean_nats >= NOTABLE_NATS)
    strongest = max((w.mean_nats for w in arguing_for), default=0.0)
    brought = any(w.mean_nats >= max(NOTABLE_NATS, strongest) for w in other)
    arguing_against = tuple(w for w in reversed(ranked) if w.mean_nats <= -NOTABLE_NATS)
    return Carried(arguing_for, arguing_against, comes_with=tuple(bringing) if brought else ())


def _lost(weights: Sequence[Weight]) -> list[Weight]:
    """Chains that argue for a disease on their own and no longer do, those that lost most first."""
    found = [w for w in weights if w.alone_nats >= LOSABLE_NATS and w.last_nats <= w.alone_nats / 2]
    return sorted(found, key=lambda w: (w.last_nats - w.alone_nats, w.chain.findings))[:MOST_LOST]


def _explainers(answer: Differential) -> list[Entry]:
    """Diseases that are there more likely than not, and that the case made so."""
    return [d.entry for d in answer.diseases if d.posterior >= 0.5 and d.posterior > 1.2 * d.prior][:5]


def _explained(
    lanes: CaseLanes, every: Sequence[Chain], asked: Sequence[tuple[Entry, Weight, Entry]]
) -> dict[str, tuple[ExplainedAway, ...]]:
    """For each disease the chains that another one explains: held absent, it gives back what the chain had lost."""
    if not asked:
        return {}
    number = {chain: k for k, chain in enumerate(every)}
    held: dict[str, int] = {}
    parts: dict[tuple[Chain, str], int] = {}
    for _, w, x in asked:
        if x.id not in held:
            held[x.id] = lanes.add(held=[(x, False)])
        if (w.chain, x.id) not in parts:
            parts[w.chain, x.id] = lanes.add_without(number[w.chain], [(x, False)])
    answers = lanes.run()
    doubted = list(dict.fromkeys(d for d, _, _ in asked))
    odds = dict(zip((d.id for d in doubted), answers.log_odds(doubted), strict=True))  # id -> (lanes,)
    best: dict[tuple[str, Chain], tuple[float, Weight, Entry]] = {}
    for d, w, x in asked:
        if not np.isfinite(answers.log_evidence_nats[held[x.id]]):
            continue
        back = float(odds[d.id][held[x.id]] - odds[d.id][parts[w.chain, x.id]]) - w.last_nats
        share = back / (w.alone_nats - w.last_nats)
        if share > best.get((d.id, w.chain), (RESTORED,))[0]:
            best[d.id, w.chain] = share, w, x
    return {d.id: _by_explainer([(w, x) for (of, _), (_, w, x) in best.items() if of == d.id]) for d in doubted}


def _by_explainer(found: Sequence[tuple[Weight, Entry]]) -> tuple[ExplainedAway, ...]:
    return tuple(ExplainedAway(tuple(w for w, by in found if by == x), x) for x in dict.fromkeys(by for _, by in found))
