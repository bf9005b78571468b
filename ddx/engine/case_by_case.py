"""Networks whose clique tree is too large: a tree of its own for each case, and if need be many, or samples.

What was observed is cut out of every table before a tree is sought, and what the question does not depend on is left
out (`reduction`), which often makes it small. Where it stays too large,

* a network of two layers is summed over subsets of its present findings (`two_layers`);
* the posteriors asked for are split over several trees, each of the ancestors of some of them and of the findings;
* one variable at a time is held (cutset conditioning: Pearl 1988), every state of it a case of its own, and the
  answers are mixed by their P(evidence).

All of that is exact. Work is bounded by counted entries, never by the clock. Beyond it `posteriors` is sampled, and
says so; everything else is refused.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ddx.engine.belief import BatchTable, Belief, LaneAnswers, Layout, rows_of
from ddx.engine.cliquetree import BYTES_AN_ENTRY, treeless
from ddx.engine.factors import Factor, Factors, decomposed
from ddx.engine.likelihood import Evidence
from ddx.engine.model import EFFORT, Events, Makers, Model, Settings, check_events, compile_network
from ddx.engine.part_tree import PartTree, Plan, cutset, grown
from ddx.engine.reduction import Domains, Reduced, narrowed, observed, reduced
from ddx.engine.retable import checked
from ddx.engine.sampling import Sampling, sampled
from ddx.engine.structure import Parts
from ddx.engine.supports import NothingPossible
from ddx.engine.two_layers import TwoLayers, two_layers
from ddx.errors import ImpossibleEvidence, TooLarge
from ddx.knowledge.bayesnet import BayesNet, LocalModel

Floats = npt.NDArray[np.float64]

TRIAL_ENTRIES = 5_000  # what looking for a tree costs, in entries for each variable
KEPT_TREES = 8
EXPANDED_UP_TO = 8  # entries: larger noisy families are chains, which observed states cut through


@dataclass(frozen=True, slots=True)
class Means:
    """What one answer may cost: the memory of one tree, the entries of all trees tried, and the sampling."""

    limit_bytes: int = 512 << 20
    entries: float = 3e8
    sampling: Sampling = field(default_factory=Sampling)


def prepared(network: BayesNet, *, events: Events | None = None) -> Model:
    """The network ready for queries: compiled once for all cases where that fits, and case by case otherwise."""
    try:
        return compile_network(network, events=events)
    except TooLarge:
        return CaseByCase.of(network, events=events)


class CaseByCase(Model):
    """A network without a tree for all cases: every case gets its own. Its `structure` has tables, but no cliques."""

    def __init__(
        self, layout: Layout, parts: Parts, network: Callable[[], BayesNet], means: Means | None = None
    ) -> None:
        self.means = means or Means()
        factors = tuple(Factor(scope, parts.table(f)) for f, scope in enumerate(parts.scopes))
        self._factors = Factors(parts.cards, factors, {})
        settings = Settings(self.means.limit_bytes, EFFORT, self.means.limit_bytes // BYTES_AN_ENTRY)
        super().__init__(layout, parts, Makers(lambda: treeless(self._factors, len(layout.states)), network), settings)
        self._spans = tuple(layout.spans.values())
        self._trees: OrderedDict[object, PartTree | TooLarge] = OrderedDict()

    @classmethod
    def of(cls, network: BayesNet, *, events: Events | None = None, means: Means | None = None) -> CaseByCase:
        """The network as it is. Nothing is looked for yet."""
        named = dict(events or {})
        check_events(network, named)
        found = decomposed(network, EXPANDED_UP_TO)
        of_node = {node: (span.start, span.stop) for node, span in found.of_node.items()}
        scopes = tuple(factor.scope for factor in found.factors)
        start = np.cumsum([0, *(factor.values.size for factor in found.factors)], dtype=np.int64)
        tables = np.concatenate([factor.values.ravel() for factor in found.factors])
        parts = Parts(found.cards, scopes, of_node, start, tables)
        return cls(Layout.of(network.states, named), parts, lambda: network, means)

    @property
    def entries(self) -> int:
        """How many entries the tree of one case may have."""
        return self.settings.entries

    def __repr__(self) -> str:
        return f"<CaseByCase, {len(self.nodes)} nodes, no tree for all cases>"

    def posteriors(self, evidence: Evidence | None = None) -> Belief:
        """P(every node | evidence); `exact` is false, with standard errors, where it had to be sampled.

        ImpossibleEvidence names a smallest impossible set, or all findings where looking for one is too much work.
        TooLarge where not even samples answer.
        """
        said: Evidence = {} if evidence is None else evidence
        lane = self.likelihood(said)
        try:
            answers = self._solved(lane[:, None], frozenset(range(len(self.nodes))))
        except TooLarge:
            return self._sampled(said, lane)
        if answers.log_evidence[0] == -math.inf:
            raise ImpossibleEvidence(self._impossible_set(said))
        return Belief.of(self.layout, rows_of(self.layout, answers.marginals[:, 0]), float(answers.log_evidence[0]))

    def posteriors_batch(self, states: npt.ArrayLike, *, mark_impossible: bool = False) -> BatchTable:
        """As `Model.posteriors_batch`, each case by itself. TooLarge names a case that can only be sampled."""
        observed_states = self._checked_cases(states)
        values = np.zeros((len(observed_states), self.layout.total))
        log_evidence = np.empty(len(observed_states))
        for row, case in enumerate(observed_states):
            answers = self.lanes(self._lanes_of(case[None, :]))
            values[row], log_evidence[row] = answers.marginals[:, 0], answers.log_evidence[0]
            if log_evidence[row] == -math.inf and not mark_impossible:
                said = {n: self.states[n][s] for n, s in zip(self.nodes, case.tolist(), strict=True) if s >= 0}
                raise ImpossibleEvidence([f"case {row}: {name}" for name in self._impossible_set(said)])
        return BatchTable(self.layout, values, log_evidence)

    def lanes(self, likelihood: Floats, *, marginals: bool = True) -> LaneAnswers:
        """As `Model.lanes`; TooLarge where an exact answer is too much work: lanes are never sampled."""
        lanes = np.asarray(likelihood, dtype=np.float64)
        if lanes.ndim != 2 or lanes.shape[0] != self.layout.total:
            raise ValueError(f"lanes of shape {lanes.shape}, but ({self.layout.total}, lanes) is needed")
        wanted = frozenset(range(len(self.nodes))) if marginals else frozenset()
        try:
            return self._solved(lanes, wanted)
        except TooLarge as fault:
            raise TooLarge(
                f"this question needs exact answers, and these findings leave too much open ({fault.message})",
                where=self.network.name,
                remedy="Observe more, or ask `ddx posterior`, which can fall back on samples.",
            ) from None

    def with_tables(self, tables: Mapping[str, npt.ArrayLike | LocalModel]) -> Model:
        """As `Model.with_tables`."""
        base = self.network
        network = BayesNet(base.name, base.states, {**base.models, **checked(base, tables)}, base.remarks)
        return CaseByCase.of(network, events=self.events, means=self.means)

    # exact answers

    @cached_property
    def _layers(self) -> TwoLayers | None:
        return two_layers(self.network, self.layout)

    def _solved(self, lanes: Floats, wanted: frozenset[int]) -> LaneAnswers:
        """Every lane: all by one tree where that fits, otherwise by a tree for each pattern of excluded states."""
        layers = self._layers
        if layers is not None and all(layers.answers(lane) for lane in lanes.T):
            each = [layers.answer(lane, marginals=bool(wanted)) for lane in lanes.T]
            columns = np.array([values for values, _ in each]).T if wanted else np.empty((0, len(each)))
            return LaneAnswers(columns, np.array([log for _, log in each]))
        work = _Work(self.means.entries)
        try:
            values, logs = self._one_tree(lanes, observed(lanes, self._spans), wanted, work)
            return LaneAnswers(values if wanted else values[:0], logs)
        except TooLarge:
            patterns, which = np.unique(lanes > 0, axis=1, return_inverse=True)
        found = LaneAnswers(np.zeros((len(lanes) if wanted else 0, lanes.shape[1])), np.empty(lanes.shape[1]))
        for k in range(patterns.shape[1]):
            own = np.flatnonzero(which.ravel() == k)
            part = lanes[:, own]
            values, logs = self._solve(part, observed(part, self._spans), wanted, work)
            found.log_evidence[own] = logs
            if wanted:
                found.marginals[:, own] = values
        return found

    def _solve(self, lanes: Floats, domains: Domains, wanted: frozenset[int], work: _Work) -> tuple[Floats, Floats]:
        """Marginals (states, lanes) and log P(lane) (lanes,), by as many trees as it takes."""
        try:
            return self._one_tree(lanes, domains, wanted, work)
        except TooLarge:
            hardest = self._hardest(wanted)
        if len(wanted) > 1 and self._fits(lanes, domains, frozenset({hardest}), work):
            return self._split(lanes, domains, wanted, work)
        return self._held(lanes, domains, wanted, work)

    def _split(self, lanes: Floats, domains: Domains, wanted: frozenset[int], work: _Work) -> tuple[Floats, Floats]:
        """The wanted nodes in two halves, upper and lower ones."""
        order = sorted(wanted, key=self._rank.__getitem__)
        halves = frozenset(order[len(order) // 2 :]), frozenset(order[: len(order) // 2])
        answers = [self._solve(lanes, domains, half, work) for half in halves]
        return answers[0][0] + answers[1][0], answers[0][1]

    def _held(self, lanes: Floats, domains: Domains, wanted: frozenset[int], work: _Work) -> tuple[Floats, Floats]:
        """Some variables held, every combination of their states a case of its own, mixed by P(lane)."""
        part = self._part(lanes, domains, wanted)
        plan = Plan.of(part)
        most = self.means.limit_bytes // BYTES_AN_ENTRY
        chosen, entries = cutset(part, plan, min(plan.entries / 2, 4 * most))
        cases = math.prod(part.factors.cards[v] for v in chosen)
        if not chosen or cases * entries > work.left:
            raise TooLarge(f"about {cases * entries:,.0f} entries in {cases:,} trees")
        first = part.variables[chosen[0]]
        answers = []
        for state in part.states[chosen[0]].tolist():
            answers.append(self._solve(lanes, {**domains, first: np.array([state])}, wanted, work))
        logs = np.array([log for _, log in answers])  # (states, lanes)
        total = np.logaddexp.reduce(logs, axis=0)
        shares = np.exp(logs - np.where(np.isfinite(total), total, 0.0))
        return np.sum([values * share for (values, _), share in zip(answers, shares, strict=True)], axis=0), total

    def _one_tree(self, lanes: Floats, domains: Domains, wanted: frozenset[int], work: _Work) -> tuple[Floats, Floats]:
        try:
            tree = self._tree(lanes, domains, wanted, work)
        except NothingPossible:
            return np.zeros_like(lanes), np.full(lanes.shape[1], -math.inf)
        return tree.run(lanes, self._spans, wanted)

    def _fits(self, lanes: Floats, domains: Domains, wanted: frozenset[int], work: _Work) -> bool:
        try:
            self._tree(lanes, domains, wanted, work)
        except TooLarge:
            return False
        except NothingPossible:
            return True
        return True

    def _tree(self, lanes: Floats, domains: Domains, wanted: frozenset[int], work: _Work) -> PartTree:
        said = self._said(lanes)
        key = (wanted | said, tuple((v, states.tobytes()) for v, states in sorted(domains.items())))
        if key not in self._trees:
            part = self._part(lanes, domains, wanted)
            work.spend(TRIAL_ENTRIES * len(part.variables))
            try:
                plan = Plan.of(part)
                work.spend(min(plan.entries, self.means.limit_bytes // BYTES_AN_ENTRY))
                self._trees[key] = grown(part, plan, self.means.limit_bytes)
            except TooLarge as fault:
                self._trees[key] = fault
            while len(self._trees) > KEPT_TREES:
                self._trees.popitem(last=False)
        found = self._trees[key]
        if isinstance(found, TooLarge):
            raise found
        return found

    def _said(self, lanes: Floats) -> frozenset[int]:
        """Nodes of which some lane says something."""
        told = (lanes != 1.0).any(axis=1)
        return frozenset(v for v, (first, last) in enumerate(self._spans) if told[first:last].any())

    def _part(self, lanes: Floats, domains: Domains, wanted: frozenset[int]) -> Reduced:
        return reduced(self._factors, len(self.nodes), domains, wanted | self._said(lanes))

    @cached_property
    def _rank(self) -> Mapping[int, int]:
        place = {node: i for i, node in enumerate(self.nodes)}
        return {place[node]: k for k, node in enumerate(self.network.topological_order())}

    def _hardest(self, wanted: frozenset[int]) -> int:
        return max(wanted, key=self._rank.__getitem__, default=-1)

    # what cannot be answered exactly

    def _sampled(self, said: Evidence, lane: Floats) -> Belief:
        try:
            left = narrowed(self._factors, range(len(self._factors.factors)), observed(lane[:, None], self._spans))
        except NothingPossible:
            raise ImpossibleEvidence(self._impossible_set(said)) from None
        possible = lane.copy()
        for v, states in left.items():
            if v < len(self._spans):
                first, last = self._spans[v]
                possible[first + np.setdiff1d(np.arange(last - first), states)] = 0.0
        return sampled(self.network, self.layout, possible, self.means.sampling)

    def _impossible_set(self, said: Evidence) -> tuple[str, ...]:
        try:
            return tuple(self._impossible(said))
        except TooLarge:
            return tuple(f"{name}={state}" if isinstance(state, str) else name for name, state in said.items())


class _Work:
    """Entries that an answer may still cost."""

    def __init__(self, entries: float) -> None:
        self.left = entries

    def spend(self, entries: float) -> None:
        self.left -= entries
        if self.left < 0:
            raise TooLarge("more work than an answer may cost")
