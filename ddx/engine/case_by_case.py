"""Networks whose clique tree is too large: a tree of its own for each case, and if need be many, or samples.

Observed nodes are sliced out of every table before the tree is sought, which often makes it small. Where it stays too
large, one node is conditioned on at a time (cutset conditioning: Pearl 1988), every state of it a case of its own, and
the answers are mixed by their P(evidence): still exact. Beyond MOST_CASES such cases the answer is sampled, and says
so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ddx.engine import logspace, propagate
from ddx.engine.belief import Belief, Layout, rows_of
from ddx.engine.cliquetree import build
from ddx.engine.factors import Factor, Factors, factorise, scopes
from ddx.engine.likelihood import Evidence, likelihood_of
from ddx.engine.sampling import sampled
from ddx.engine.supports import NothingPossible
from ddx.engine.triangulate import best_elimination, bits, cliques_of, moral_graph
from ddx.errors import ImpossibleEvidence, TooLarge
from ddx.knowledge.bayesnet import BayesNet

Floats = npt.NDArray[np.float64]

MOST_CASES = 64
CASE_EFFORT = 2


@dataclass(frozen=True, slots=True)
class Means:
    """What one answer may cost."""

    limit_bytes: int = 2 << 30
    most_cases: int = MOST_CASES
    samples: int = 200_000
    seed: int = 0


class CaseByCase:
    """Posteriors of a network that cannot be compiled once for all cases."""

    def __init__(self, network: BayesNet, means: Means | None = None) -> None:
        self.network = network
        self.layout = Layout.of(network.states, {})
        self.means = means or Means()
        self._factors, _ = factorise(network, 0)

    @property
    def nodes(self) -> tuple[str, ...]:
        return self.network.nodes

    @property
    def states(self) -> Mapping[str, tuple[str, ...]]:
        return self.layout.states

    def posteriors(self, evidence: Evidence | None = None) -> Belief:
        """P(every node | evidence); `exact` is false, with standard errors, where it had to be sampled.

        ImpossibleEvidence names all findings here, not a smallest set.
        """
        lane = likelihood_of(self.layout, evidence or {})
        try:
            values, log_evidence = self._solve(lane, self.means.most_cases)
        except TooLarge:
            return sampled(self.network, self.layout, lane, self.means.samples, self.means.seed)
        if log_evidence == -math.inf:
            raise ImpossibleEvidence(list(evidence or {}))
        return Belief.of(self.layout, rows_of(self.layout, values), log_evidence)

    def _solve(self, lane: Floats, most_cases: int) -> tuple[Floats, float]:
        """Marginals (states,) and log P(evidence); TooLarge where more than `most_cases` trees would be needed."""
        fixed = self._fixed(lane)
        part = _sliced(self._factors, fixed)
        graph = moral_graph(part.cards, scopes(part))
        _, order = best_elimination(graph, part.cards, CASE_EFFORT)
        try:
            structure = build(part, order, len(self.nodes), self.means.limit_bytes)
        except NothingPossible:
            return np.zeros_like(lane), -math.inf
        except TooLarge:
            return self._conditioned(lane, self._cut(cliques_of(graph, order), part.cards), most_cases)
        short = np.concatenate(
            [self._of(lane, v)[fixed[v] :][:1] if v in fixed else self._of(lane, v) for v in self._ids]
        )
        potentials, log_total = propagate.conditionals(structure, propagate.products(structure, structure.tables))
        found, log_evidence = propagate.Lanes(structure).run(potentials, short[:, None])
        log_evidence = log_evidence + log_total
        if not log_evidence[0] > propagate.TRUSTED_ABOVE_NATS:
            logs = logspace.log_products(structure, structure.tables)
            found, log_evidence = logspace.run(structure, logs, short[:, None])
        return self._spread(found[:, 0], fixed), float(log_evidence[0])

    def _conditioned(self, lane: Floats, node: int, most_cases: int) -> tuple[Floats, float]:
        first, states = self._start(node), np.flatnonzero(self._of(lane, node))
        if len(states) > most_cases:
            raise TooLarge(f"more than {self.means.most_cases} cases", where=self.network.name)
        answers = []
        for state in states.tolist():
            own = lane.copy()
            own[first : first + self._factors.cards[node]] = 0.0
            own[first + state] = lane[first + state]
            answers.append(self._solve(own, most_cases // len(states)))
        logs = np.array([log for _, log in answers])
        total = float(np.logaddexp.reduce(logs))
        if total == -math.inf:
            return np.zeros_like(lane), total
        return np.sum([values * math.exp(log - total) for values, log in answers], axis=0), total

    def _cut(self, cliques: list[int], cards: tuple[int, ...]) -> int:
        """The visible node that stands in the most of the entries; TooLarge where there is none to cut."""
        share = [0.0] * len(self.nodes)
        for clique in cliques:
            size = math.prod(float(cards[v]) for v in bits(clique))
            for v in bits(clique):
                if v < len(share) and cards[v] > 1:
                    share[v] += size
        best = max(range(len(share)), key=lambda v: (share[v], -v))
        if share[best] == 0.0:
            raise TooLarge("no node to condition on", where=self.network.name)
        return best

    @property
    def _ids(self) -> range:
        return range(len(self.nodes))

    def _start(self, node: int) -> int:
        return self.layout.spans[self.nodes[node]][0]

    def _of(self, lane: Floats, node: int) -> Floats:
        first, last = self.layout.spans[self.nodes[node]]
        return lane[first:last]

    def _fixed(self, lane: Floats) -> dict[int, int]:
        return {v: int(np.argmax(self._of(lane, v))) for v in self._ids if np.count_nonzero(self._of(lane, v)) == 1}

    def _spread(self, short: Floats, fixed: Mapping[int, int]) -> Floats:
        """Marginals on the axis of all states, from those where observed nodes have one state."""
        values, at = np.zeros(self.layout.total), 0
        for v in self._ids:
            first, count = self._start(v), self._factors.cards[v]
            if v in fixed:
                values[first + fixed[v]] = short[at]
                at += 1
            else:
                values[first : first + count] = short[at : at + count]
                at += count
        return values


def _sliced(factors: Factors, fixed: Mapping[int, int]) -> Factors:
    """The factors without the observed variables, which keep one state and a factor of their own."""
    cards = tuple(1 if v in fixed else card for v, card in enumerate(factors.cards))
    found = []
    for factor in factors.factors:
        values = factor.values[tuple(fixed.get(v, slice(None)) for v in factor.scope)]
        found.append(Factor(tuple(v for v in factor.scope if v not in fixed), np.asarray(values)))
    alone = [Factor((v,), np.ones(1)) for v in fixed]
    return replace(factors, cards=cards, factors=(*found, *alone))
