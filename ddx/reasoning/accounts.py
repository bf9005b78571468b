"""Where does the weight of a finding go? What each chain weighs alone and given all else, and who accounts for a loss.

    alone       log odds(D | patient, chain) - log odds(D | patient)
    given rest  log odds(D | everything)     - log odds(D | everything but the chain)

Where a chain weighs much alone and little given the rest, somebody accounts for it. Another disease explains it away:
held absent, it gives most of the weight back. Or another disease brings the one asked about, which is then likely
without the chain: that disease acts through this one and is no rival account of the chain. Or other findings imply it:
without them it would weigh what it weighs alone. Or the chain never spoke of the disease itself, but of another disease
that goes with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.differential import listed
from ddx.reasoning.graph import Parents, above, parents_in
from ddx.reasoning.lanes import Answers, CaseLanes
from ddx.reasoning.understanding import Understood

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LOST_NATS = math.log(2)  # a weight whose loss needs an account
RESTORED = 0.5  # who explains or implies a finding gives back at least this share of what was lost
EXPLAINERS = 5
MOST_IMPLYING = 3
MOST_THROUGH = 2


@dataclass(frozen=True, slots=True)
class ExplainedAway:
    """Held absent, `by` gives the chain this weight.

    Where `by` works through another state of the disease's own node (it brings a harmless clone, which then accounts
    for the paraprotein), `through` names that node, `beside` that state's entry, and `without_both_nats` is the weight
    with both held absent.
    """

    by: Entry
    without_nats: float
    through: str | None = None
    beside: Entry | None = None
    without_both_nats: float | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """`by` brings the disease, which is likelier than not without the chain; held absent, it gives it this weight."""

    by: Entry
    without_nats: float


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the weight of one chain; `through` are the diseases by way of which alone it bears on this one."""

    explained_by: ExplainedAway | None = None
    brought_by: Brought | None = None
    implied_by: tuple[str, ...] = ()
    through: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rivals:
    """Likely diseases above a chain: rival accounts of it, what brings the disease, and that with a sibling state."""

    others: Sequence[Entry]
    bringing: Sequence[Entry]
    pairs: Sequence[tuple[Entry, Entry]]

    @property
    def held(self) -> list[tuple[Entry, ...]]:
        return [*((x,) for x in (*self.others, *self.bringing)), *self.pairs]


@dataclass(frozen=True, slots=True)
class Weights:
    """Log odds of the disease before and after everything, and of each chain (chains,) in nats.

    Where the disease is settled beyond all odds these are infinite or no numbers (see `settled`).
    """

    start: float
    end: float
    alone: Floats
    given_rest: Floats

    def lost(self) -> list[int]:
        """The chains that weigh something alone, of which half or more is lost given the rest."""
        alone, rest = self.alone, self.given_rest
        heavy = np.abs(alone) >= LOST_NATS
        with np.errstate(divide="ignore", invalid="ignore"):
            gone = (np.abs(alone - rest) >= np.abs(alone) / 2) & (rest / alone < 1)
        return [int(k) for k in np.flatnonzero(heavy & gone)]

    def restored(self, k: int, weight: float) -> float:
        """How much of what chain k lost a weight gives back."""
        return (weight - float(self.given_rest[k])) / float(self.alone[k] - self.given_rest[k])


class WeighedCase:
    """The what-ifs of one case and one disease: any set of its chains entered or not."""

    def __init__(self, network: Network, model: Model, understood: Understood, entry: Entry) -> None:
        self.network, self.model, self.understood, self.entry = network, model, understood, entry
        self.lanes = CaseLanes(network, model, understood, [entry])
        self.chains = self.lanes.chains
        self.parents: Parents = parents_in(model)

    def value(self, inside: Bools) -> Floats:
        """Log odds of the disease in nats (subsets,) for subsets of the chains (subsets, chains).

        Infinite where they settle it: then P(e, D) or P(e, not D) is 0 by itself, not only too small beside the other.
        """
        odds = self._answers(inside).open_log_odds(self.entry)
        doubtful = ~np.isfinite(odds)
        if doubtful.any():
            one, other = (self._log_evidence(inside[doubtful], present=held) for held in (True, False))
            with np.errstate(invalid="ignore"):
                odds[doubtful] = one - other
        return odds

    def _answers(self, inside: Bools) -> Answers:
        tree = self.lanes.tree
        found = tree.lanes(np.ones((tree.states, len(inside))), np.where(inside.T, 0, -1))
        offsets = {node: slice(*span) for node, span in tree.spans.items()}
        return Answers(self.model, found.marginals, found.log_evidence, offsets)

    def _log_evidence(self, inside: Bools, *, present: bool) -> Floats:
        """log P(subset, the disease present or absent) in nats (subsets,)."""
        for row in inside:
            self.lanes.add(np.flatnonzero(row).tolist(), held=[(self.entry, present)])
        return self.lanes.run().log_evidence_nats

    @cached_property
    def weights(self) -> Weights:
        """Every chain alone and given the rest."""
        count = len(self.chains)
        one = np.eye(count, dtype=bool)
        none, every = np.zeros((1, count), dtype=bool), np.ones((1, count), dtype=bool)
        odds = self.value(np.concatenate([none, every, one, ~one]))
        alone, without = odds[2 : 2 + count], odds[2 + count :]
        with np.errstate(invalid="ignore"):
            return Weights(float(odds[0]), float(odds[1]), alone - odds[0], odds[1] - without)

    def expected(self) -> tuple[float | None, ...]:
        """P(the whole chain | everything else) of every chain; None where one of its findings is uncertain."""
        count, evidence = len(self.chains), self.understood.evidence
        logs = self._answers(np.concatenate([np.ones((1, count), dtype=bool), ~np.eye(count, dtype=bool)]))
        whole, rest = logs.log_evidence_nats[0], logs.log_evidence_nats[1:]
        certain = [all(isinstance(evidence[f], str) for f in chain) for chain in self.chains]
        shares = np.exp(np.minimum(0.0, whole - rest)).tolist()
        return tuple(p if sure else None for p, sure in zip(shares, certain, strict=True))

    def accounts(self) -> dict[int, Account]:
        """For each chain that lost its weight, or never spoke of the disease itself, who accounts for that."""
        weights = self.weights
        explainers, through = self._others(weights)
        lost = weights.lost()
        away, brought = self._explained(weights, lost, explainers) if lost else ({}, {})
        left = [k for k in lost if k not in away]
        implied = self._implied(weights, left) if left and len(self.chains) > 1 else {}
        every = range(len(self.chains))
        return {k: Account(away.get(k), brought.get(k), implied.get(k, ()), through.get(k, ())) for k in every}

    def _others(self, weights: Weights) -> tuple[list[Entry], dict[int, tuple[Entry, ...]]]:
        """Diseases that the case made likely, most probable first; and by way of which a chain bears on this one.

        A chain that does not depend on the disease, nor it on the chain, moves it by moving a disease above both: by
        [P(x | chain) - P(x)] [P(D | x) - P(D | not x)], each on its own. The largest such moves in the direction of
        the chain's weight are named.
        """
        entries = [e for e in listed(self.network, self.model) if e.id != self.entry.id]
        indirect = {k: up for k in range(len(self.chains)) if (up := self._common(k)) is not None}
        if not entries:
            return [], {}
        lanes = CaseLanes(self.network, self.model, self.understood, [*entries, self.entry])
        before, after = lanes.add(entered=()), lanes.add()
        given = lanes.add(entered=(), held=[(self.entry, True)])
        alone = {k: lanes.add(entered=[k]) for k in indirect}
        present = lanes.run().present(entries)  # (entries, lanes)
        likely = [(float(p[after]), e) for p, e in zip(present, entries, strict=True) if p[after] >= 0.5 > p[before]]
        explainers = [e for _, e in sorted(likely, key=lambda pair: (-pair[0], pair[1].id))[:EXPLAINERS]]
        pull = self._pull(present[:, before], present[:, given], weights.start)
        through = {}
        for k, up in indirect.items():
            moves = (present[:, alone[k]] - present[:, before]) * pull * np.sign(weights.alone[k])
            moves[[e.node not in up or e.node == self.entry.node for e in entries]] = 0.0
            order = [int(i) for i in np.argsort(-moves, kind="stable") if moves[i] > 0.5 * moves.max(initial=0.0)]
            through[k] = tuple(entries[i] for i in order[:MOST_THROUGH])
        return explainers, through

    @staticmethod
    def _pull(prior: Floats, given: Floats, log_odds: float) -> Floats:
        """P(D | x) - P(D | not x) of every other disease x, from P(x), P(x | D) and the log odds of D."""
        own = 1 / (1 + math.exp(-log_odds))
        with np.errstate(divide="ignore", invalid="ignore"):
            pull: Floats = np.nan_to_num(own * (given / prior - (1 - given) / (1 - prior)))
        return pull

    def _common(self, k: int) -> frozenset[str] | None:
        """What lies above both a chain and the disease, where neither depends on the other; None otherwise."""
        up, own = above(self.parents, self.chains[k]), above(self.parents, [self.entry.node])
        return None if self.entry.node in up or not own.isdisjoint(self.chains[k]) else up & own

    def _explained(
        self, weights: Weights, lost: Sequence[int], explainers: Sequence[Entry]
    ) -> tuple[dict[int, ExplainedAway], dict[int, Brought]]:
        """The disease that, held absent, gives back most of the weight that a chain had lost.

        Where none does by itself: one that does together with another state of the disease's own node that it brings.
        What acts through the disease itself alone is no other account of the chain, but may bring the disease.
        """
        asked = {k: self._rivals(k, explainers) for k in lost}
        without = self._without({k: r.held for k, r in asked.items()})

        def best(k: int, sets: Sequence[tuple[Entry, ...]]) -> tuple[tuple[Entry, ...], float] | None:
            odds = {own: without[k, tuple(e.id for e in own)] for own in sets}
            weighed = {own: whole - rest for own, (whole, rest) in odds.items() if np.isfinite([whole, rest]).all()}
            own = max(weighed, key=lambda x: weights.restored(k, weighed[x]), default=None)
            return None if own is None or weights.restored(k, weighed[own]) < RESTORED else (own, weighed[own])

        away, brought = {}, {}
        for k, rivals in asked.items():
            rest = weights.end - float(weights.given_rest[k])  # log odds without the chain
            raising = [x for x in rivals.bringing if rest >= 0 and without[k, (x.id,)][1] < rest]
            if one := best(k, [(x,) for x in rivals.others]):
                away[k] = ExplainedAway(one[0][0], one[1])
            elif both := best(k, rivals.pairs):
                first, second = both[0]
                whole, rest = without[k, (first.id,)]
                away[k] = ExplainedAway(first, whole - rest, self.entry.node, second, both[1])
            elif one := best(k, [(x,) for x in raising]):
                brought[k] = Brought(one[0][0], one[1])
        return away, brought

    def _rivals(self, k: int, explainers: Sequence[Entry]) -> _Rivals:
        """Which likely diseases could account for chain k, each by its own way or by way of the disease's node."""
        own = self.entry.node
        upward, over = above(self.parents, self.chains[k]), above(self.parents, [own])
        likely = [x for x in explainers if x.node in upward and own not in above(self.parents, [x.node])]
        around = above({**self.parents, own: ()}, self.chains[k][:1])  # by ways that do not pass the disease
        bringing = [x for x in likely if x.node in over and x.node not in around]
        beside = [x for x in explainers if x.node == own and own in upward]
        return _Rivals([x for x in likely if x not in bringing], bringing, [(x, y) for x in bringing for y in beside])

    def _without(
        self, held: Mapping[int, Sequence[tuple[Entry, ...]]]
    ) -> dict[tuple[int, tuple[str, ...]], tuple[float, float]]:
        """Log odds with everything, and without a chain, with these diseases held absent, by chain and their ids."""
        entries = [self.entry, *(e for sets in held.values() for own in sets for e in own)]
        lanes = CaseLanes(self.network, self.model, self.understood, list(dict.fromkeys(entries)))
        places = {}
        for k, sets in held.items():
            for own in sets:
                absent = [(e, False) for e in own]
                places[k, tuple(e.id for e in own)] = lanes.add(held=absent), lanes.add_without(k, held=absent)
        if not places:
            return {}
        odds = lanes.run().open_log_odds(self.entry).tolist()
        return {key: (odds[whole], odds[rest]) for key, (whole, rest) in places.items()}

    def _implied(self, weights: Weights, left: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """The findings without which a chain would weigh most of what it weighs alone, strongest first."""
        count = len(self.chains)
        pairs = sorted({(min(j, k), max(j, k)) for k in left for j in range(count) if j != k})
        inside = np.ones((len(pairs), count), dtype=bool)
        for row, pair in enumerate(pairs):
            inside[row, list(pair)] = False
        without_both = dict(zip(pairs, self.value(inside).tolist(), strict=True))
        without = (weights.end - weights.given_rest).tolist()
        found = {}
        for k in left:
            shares = [
                (weights.restored(k, without[j] - without_both[min(j, k), max(j, k)]), j)
                for j in range(count)
                if j != k
            ]
            strongest = sorted((s for s in shares if s[0] >= RESTORED), key=lambda s: (-s[0], s[1]))[:MOST_IMPLYING]
            found[k] = tuple(self.chains[j][0] for _, j in strongest)
        return found
