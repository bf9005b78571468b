"""A compiled network: ask it for posteriors.

    model = compile_network(net)
    belief = model.posteriors({"raynaud": "absent", "hla_b27": {"positive": 0.9, "negative": 0.1}})
    belief["scleromyxedema"]                       # state -> probability

Exact, by message passing on a clique tree (Lauritzen & Spiegelhalter 1988; Jensen et al. 1990). What makes the tree
is imported only when one has to be made: a model that comes from the cache needs none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ddx.engine import logspace, propagate
from ddx.engine.belief import BatchTable, Belief, LaneAnswers, Layout, rows_of
from ddx.engine.kernel import Kernel, compiled
from ddx.engine.likelihood import Evidence, at_most_one, finding_weights, likelihood_of
from ddx.engine.structure import Parts, Structure
from ddx.errors import CaseError, ImpossibleEvidence, SpecError, UnknownState, near_misses
from ddx.knowledge.bayesnet import BayesNet, LocalModel

if TYPE_CHECKING:
    from ddx.engine.levels import Levels

Floats = npt.NDArray[np.float64]
Events = Mapping[str, tuple[str, tuple[str, ...]]]

LIMIT_BYTES = 2 << 30
EFFORT = 8  # how long the compiler looks for a smaller tree, in units of about 0.05 s
WORKING_BYTES = 1 << 24  # of one chunk of lanes
LEVELS_BELOW = 1_000_000  # entries up to which one query goes level by level
FEW, FEW_BELOW = 16, 10_000  # lanes, and entries, up to which a few lanes do


def compile_network(
    network: BayesNet, *, events: Events | None = None, limit_bytes: int = LIMIT_BYTES, effort: int = EFFORT
) -> Model:
    """The network, ready for queries. TooLarge, before it is allocated, where it needs more than `limit_bytes`."""
    from ddx.engine.cliquetree import build, most_planned
    from ddx.engine.factors import factorise

    named = dict(events or {})
    check_events(network, named)
    found, orders = factorise(network, effort, most_planned(limit_bytes))
    structure = build(found, orders, len(network.nodes), limit_bytes)
    of_node = {node: (span.start, span.stop) for node, span in found.of_node.items()}
    scopes = tuple(factor.scope for factor in found.factors)
    parts = Parts(found.cards, scopes, of_node, structure.factor_start, structure.tables)
    structure = structure._replace(potentials=_potentials(structure, structure.tables))
    settings = Settings(limit_bytes, effort, structure.entries)
    return Model(Layout.of(network.states, named), parts, Makers(lambda: structure, lambda: network), settings)


def _potentials(structure: Structure, tables: Floats) -> Floats:
    return propagate.conditionals(structure, propagate.products(structure, tables))[0]


def check_events(network: BayesNet, events: Events) -> None:
    for event, (node, labels) in events.items():
        if node not in network.states:
            remedy = near_misses(node, network.states)
            raise SpecError(f"the event {event} speaks of {node}", where=network.name, remedy=remedy)
        unknown = [label for label in labels if label not in network.states[node]]
        if unknown or not labels:
            said = f"the event {event} names {', '.join(unknown) or 'no state'} of {node}"
            raise SpecError(f"{said}, which has {', '.join(network.states[node])}", where=network.name)


class Settings(NamedTuple):
    """How a model was compiled, and is compiled anew where new numbers need new structure; how large it became."""

    limit_bytes: int
    effort: int
    entries: int


class Makers(NamedTuple):
    """What a model fetches when it is first needed: its tree, and the network as it was compiled."""

    structure: Callable[[], Structure]
    network: Callable[[], BayesNet]


class Model:
    """A compiled network; nothing about it changes. Made by `compile_network` or fetched from the cache."""

    def __init__(self, layout: Layout, parts: Parts, makers: Makers, settings: Settings) -> None:
        self.layout = layout
        self.parts = parts
        self.settings = settings
        self._makers = makers
        self._last: tuple[Evidence, Belief] | None = None  # asked again, answered at once
        self.beside: dict[str, object] = {}  # what was last made from this model, by the room that made it

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        return tuple(self.layout.states)

    @property
    def states(self) -> Mapping[str, tuple[str, ...]]:
        return self.layout.states

    @property
    def events(self) -> Events:
        return self.layout.events

    @cached_property
    def offsets(self) -> Mapping[str, slice]:
        """Where a node's states stand on the axis of all states."""
        return {node: slice(first, last) for node, (first, last) in self.layout.spans.items()}

    @cached_property
    def network(self) -> BayesNet:
        return self._makers.network()

    @cached_property
    def structure(self) -> Structure:
        """The compiled tree."""
        return self._makers.structure()

    @property
    def entries(self) -> int:
        """How many entries the cliques of the compiled tree have."""
        return self.settings.entries

    def __repr__(self) -> str:
        return f"<Model, {len(self.nodes)} nodes, {self.structure.cliques} cliques, {self.entries:,} entries>"

    def likelihood(self, evidence: Evidence) -> Floats:
        """(states,) the evidence as a lane. UnknownFinding, UnknownState or CaseError where it cannot be read."""
        return likelihood_of(self.layout, evidence)

    def posteriors(self, evidence: Evidence | None = None) -> Belief:
        """P(every node | evidence). ImpossibleEvidence names a smallest impossible set where P(evidence) = 0."""
        said: Evidence = {} if evidence is None else evidence
        if self._query is not None:
            found = self._query(said)
            if found is not None:
                return found
        elif self._last is not None and self._last[0] == said:
            return self._last[1]
        values, log_evidence = self._one(self.likelihood(said))
        if log_evidence == -np.inf:
            raise ImpossibleEvidence(self._impossible(said))
        belief = Belief.of(self.layout, rows_of(self.layout, values), log_evidence)
        if all(type(state) is str for state in said.values()):
            self._last = dict(said), belief
        return belief

    def posteriors_batch(self, states: npt.ArrayLike, *, mark_impossible: bool = False) -> BatchTable:
        """P(every node | case) for int `states` (cases, nodes) of state indices, -1 where not observed.

        A case of probability 0 raises ImpossibleEvidence, which names it by row and a smallest impossible set of its
        findings; with `mark_impossible` its row is 0 throughout and its log_evidence -inf instead. No case ever
        touches another.
        """
        observed = self._checked_cases(states)
        values, log_evidence = self._cases(observed)
        if not mark_impossible and np.isneginf(log_evidence).any():
            row = int(np.argmax(np.isneginf(log_evidence)))
            said = {n: self.states[n][s] for n, s in zip(self.nodes, observed[row].tolist(), strict=True) if s >= 0}
            raise ImpossibleEvidence([f"case {row}: {name}" for name in self._impossible(said)])
        return BatchTable(self.layout, values, log_evidence)

    def lanes(self, likelihood: Floats, *, marginals: bool = True) -> LaneAnswers:
        """All marginals (states, lanes) and log P(evidence) for a likelihood (states, lanes); see `LaneAnswers`."""
        lanes = np.asarray(likelihood, dtype=np.float64)
        if lanes.ndim != 2 or lanes.shape[0] != self.layout.total:
            raise ValueError(f"lanes of shape {lanes.shape}, but ({self.layout.total}, lanes) is needed")
        width = self._width() if self._kernel is None else max(1, lanes.shape[1])
        parts = [self._some(lanes[:, k : k + width], marginals) for k in range(0, lanes.shape[1], width)]
        if len(parts) == 1:
            return parts[0]
        empty = np.empty((self.layout.total if marginals else 0, 0))
        return LaneAnswers(
            np.concatenate([empty, *(p.marginals for p in parts)], axis=1),
            np.concatenate([np.empty(0), *(p.log_evidence for p in parts)]),
        )

    def log_evidence(self, evidence: Evidence) -> float:
        """log P(evidence) in nats; -inf where it is impossible."""
        return float(self.lanes(self.likelihood(evidence)[:, None], marginals=False).log_evidence[0])

    def with_tables(self, tables: Mapping[str, npt.ArrayLike | LocalModel]) -> Model:
        """The same network with other numbers for some nodes, sharing all structure.

        An array has the layout of the node's dense table (parent states ..., child states); a `Table` or `NoisyMax`
        must have the parents of the one it replaces. New zeros are fine; a number where the compiler had found an
        impossible entry needs a new structure, which is compiled.
        """
        from ddx.engine.retable import checked, flat_tables

        base = self.network
        changed = checked(base, tables)
        network = replace(base, models={**base.models, **changed})
        flat, fits = flat_tables(base, self.structure, self.parts, changed)
        if not fits:
            limit, effort = self.settings.limit_bytes, self.settings.effort
            return compile_network(network, events=self.events, limit_bytes=limit, effort=effort)
        fresh = self.structure._replace(tables=flat, potentials=_potentials(self.structure, flat))
        parts = self.parts._replace(tables=flat)
        made = Model(self.layout, parts, Makers(lambda: fresh, lambda: network), self.settings)
        made.share_plans(self)
        return made

    def share_plans(self, other: Model) -> None:
        """Take over the plans of a model with the same structure."""
        for plan in ("_levels", "_cliquewise"):
            if plan in other.__dict__:
                self.__dict__[plan] = other.__dict__[plan]

    # one query, many lanes

    @cached_property
    def _kernel(self) -> Kernel | None:
        module = compiled()
        return None if module is None else Kernel(module, self.structure, self.layout)

    @cached_property
    def _query(self) -> Callable[[object], Belief | None] | None:
        return None if self._kernel is None else self._kernel.query(propagate.TRUSTED_ABOVE_NATS)

    @cached_property
    def _levels(self) -> Levels:
        from ddx.engine.levels import Levels

        return Levels(self.structure)

    @cached_property
    def _cliquewise(self) -> propagate.Lanes:
        return propagate.Lanes(self.structure)

    @cached_property
    def _logs(self) -> Floats:
        return logspace.log_products(self.structure, self.structure.tables)

    def _one(self, lane: Floats) -> tuple[Floats, float]:
        if self._kernel is None and self.entries <= LEVELS_BELOW and lane.max() <= 1.0:
            values, log_evidence = self._levels.run(self.structure.potentials, lane)
            if log_evidence > propagate.TRUSTED_ABOVE_NATS:
                return values, float(log_evidence)
        answers = self._some(lane[:, None], True)
        return answers.marginals[:, 0], float(answers.log_evidence[0])

    def _some(self, lanes: Floats, marginals: bool) -> LaneAnswers:
        if lanes.size and lanes.max() > 1.0:  # likelihoods are free of scale, but float64 is not
            lanes, log_scale = at_most_one(lanes, self.parts.node_start)
            answers = self._some(lanes, marginals)
            return answers._replace(log_evidence=answers.log_evidence + log_scale)
        if self._kernel is None and marginals and lanes.shape[1] <= FEW and self.entries <= FEW_BELOW:
            values, log_evidence = self._levels.run(self.structure.potentials, lanes)
        elif self._kernel is None:
            values, log_evidence = self._cliquewise.run(lanes, marginals)
        else:
            values, log_evidence = self._kernel.lanes(lanes, marginals)
        doubtful = ~(log_evidence > propagate.TRUSTED_ABOVE_NATS)
        if doubtful.any():
            again, logs = logspace.run(self.structure, self._logs, lanes[:, doubtful], marginals)
            log_evidence[doubtful] = logs
            if marginals:
                values[:, doubtful] = again
        return LaneAnswers(values, log_evidence)

    def _cases(self, observed: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Marginals (cases, states) and log P(case) (cases,)."""
        if self._kernel is not None:
            values, log_evidence = self._kernel.batch(observed, self.layout.total)
        else:
            values, log_evidence = np.empty((len(observed), self.layout.total)), np.empty(len(observed))
            width, space = self._width(), propagate.Workspace()
            for start in range(0, len(observed), width):
                part = slice(start, start + width)
                lanes = self._lanes_of(observed[part])
                found, log_evidence[part] = self._cliquewise.run(lanes, space=space)
                values[part] = found.T
        doubtful = np.flatnonzero(~(log_evidence > propagate.TRUSTED_ABOVE_NATS))
        for start in range(0, len(doubtful), 16):
            rows = doubtful[start : start + 16]
            found, log_evidence[rows] = logspace.run(self.structure, self._logs, self._lanes_of(observed[rows]))
            values[rows] = found.T
        return values, log_evidence

    def _width(self) -> int:
        """Lanes of one chunk."""
        return max(1, min(512, WORKING_BYTES // (8 * self.entries)))

    def _lanes_of(self, observed: npt.NDArray[np.int64]) -> Floats:
        node, state = self._state_axis
        seen = observed[:, node].T  # (states, cases)
        lanes: Floats = ((seen < 0) | (seen == state[:, None])).astype(np.float64)
        return lanes

    @cached_property
    def _state_axis(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        counts = np.diff(self.structure.node_start)
        node = np.repeat(np.arange(len(counts)), counts)
        return node, np.arange(len(node)) - self.structure.node_start[node]

    def _checked_cases(self, states: npt.ArrayLike) -> npt.NDArray[np.int64]:
        cases = np.asarray(states)
        if cases.ndim != 2 or cases.shape[1] != len(self.nodes) or not np.issubdtype(cases.dtype, np.integer):
            raise CaseError(
                f"cases of shape {cases.shape} and type {cases.dtype}; integers (cases, {len(self.nodes)}) are needed"
            )
        wrong = (cases < -1) | (cases >= np.diff(self.structure.node_start))
        if wrong.any():
            row, column = (int(i) for i in np.argwhere(wrong)[0])
            node = self.nodes[column]
            raise UnknownState(
                f"case {row}: {node} has the states 0 to {len(self.states[node]) - 1}, and -1 for not observed, "
                f"but not {int(cases[row, column])}"
            )
        return cases.astype(np.int64)

    def _impossible(self, evidence: Evidence) -> Sequence[str]:
        from ddx.engine.impossible import smallest_impossible

        weights = {}
        for name, said in evidence.items():
            label = f"{name}={said}" if isinstance(said, str) else name
            weights[label] = finding_weights(self.layout, name, said)

        def log_evidence(lanes: Floats) -> Floats:
            return self.lanes(lanes, marginals=False).log_evidence

        return smallest_impossible(log_evidence, self.layout.total, weights)
