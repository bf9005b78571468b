"""One case, many what-ifs: findings that are entered or not, lane by lane, over a tree of only what they speak of.

The evidence of a case comes as a `base` that holds in every what-if (age, sex) and as groups of findings, each of
which is entered in one of its versions or not at all. All that a group says is a factor over the *core*, the variables
that it shares with others:

    phi_g(core) = sum over what only g speaks of, of P(findings of g and the states between | core)

and the factor is 1 where the group is not entered, since then nothing depends on it. What is left is a small tree over
the core; of it the marginals of the `kept` nodes are read. Exact for every network; small where the findings lie below
few causes, as in diagnosis. What float64 cannot hold is asked of the whole model again.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddx.engine.belief import LaneAnswers
from ddx.engine.dense_tree import dense_structure
from ddx.engine.elimination import Dense, sliced, sliced_factors, spread, sum_out
from ddx.engine.factors import Factor, Factors
from ddx.engine.kernel import SwitchedKernel, compiled
from ddx.engine.likelihood import Evidence, at_most_one, finding_weights
from ddx.engine.model import Model
from ddx.engine.propagate import TRUSTED_ABOVE_NATS, Lanes, Switches, Workspace
from ddx.engine.skeleton import skeleton_of
from ddx.engine.structure import Structure
from ddx.engine.triangulate import quick_elimination
from ddx.errors import TooLarge

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Group = Sequence[Evidence]  # the versions in which some findings can be entered
Weights = Mapping[int, Floats]  # node -> likelihood of each of its states

LANES_AT_ONCE = 32  # without the kernel


class Question(NamedTuple):
    """What is asked of a model, again and again: what holds throughout, what is switched, what is answered.

    Something has to be kept, or there is nothing to ask.
    """

    base: Evidence
    groups: tuple[Group, ...]
    kept: tuple[str, ...]


def case_tree(model: Model, question: Question) -> CaseTree:
    """The tree of a question; the last one made stays beside the model and is not made again."""
    kept = model.beside.get("case tree")
    if not isinstance(kept, CaseTree) or kept.question != question:
        kept = model.beside["case tree"] = CaseTree(model, question)
    return kept


class CaseTree:
    """The lanes of one `Question`. Rows of likelihoods and marginals are the states of the kept nodes, in order.

    Where the tree would hold more than `most_entries` (those of the model, if not said), the model itself is asked.
    """

    def __init__(self, model: Model, question: Question, most_entries: float | None = None) -> None:
        self.model, self.question = model, question
        self.spans: dict[str, tuple[int, int]] = {}
        at = 0
        for node in question.kept:
            self.spans[node] = at, at + len(model.states[node])
            at += len(model.states[node])
        self.states = at
        self._small: _Small | None
        try:
            self._small = _small(model, question, model.entries if most_entries is None else most_entries)
        except TooLarge:
            self._small = None

    def lanes(self, likelihood: Floats, versions: npt.ArrayLike) -> LaneAnswers:
        """Marginals (kept states, lanes) and log P(lane) (lanes,) in nats; an impossible lane is zeros and -inf.

        `likelihood` (kept states, lanes) comes on top of base and groups; `versions` (groups, lanes) is the version in
        which a group is entered, -1 where it is not.
        """
        said, chosen = np.asarray(likelihood, dtype=np.float64), np.asarray(versions, dtype=np.int64)
        if said.shape[0] != self.states or chosen.shape != (len(self.question.groups), said.shape[1]):
            raise ValueError(f"lanes of shapes {said.shape} and {chosen.shape}")
        if self._small is None:
            return self._whole(said, chosen)
        answers = self._small.run(said, chosen)
        doubtful = ~(answers.log_evidence > TRUSTED_ABOVE_NATS)
        if doubtful.any():
            again = self._whole(said[:, doubtful], chosen[:, doubtful])
            answers.marginals[:, doubtful] = again.marginals
            answers.log_evidence[doubtful] = again.log_evidence
        return answers

    def factors(self, versions: Sequence[int]) -> tuple[list[Dense], float]:
        """P(core, evidence) for one version of each group, -1 for none: factors by the number of the variable, and the
        log of a constant. Every kept node stands in one of the factors with all of its states.
        """
        if self._small is not None:
            return self._small.factors(versions)
        model, question = self.model, self.question
        lane = model.likelihood(question.base)
        for group, version in zip(question.groups, versions, strict=True):
            lane *= model.likelihood(group[version]) if version >= 0 else 1.0
        scaled, log_scale = at_most_one(lane[:, None], model.parts.node_start)
        kept = [model.nodes.index(node) for node in question.kept]
        found = sliced_factors(model.parts, scaled[:, 0], kept)
        for node, v in zip(question.kept, kept, strict=True):
            own = lane[slice(*model.layout.spans[node])]
            if np.count_nonzero(own) == 1:
                found.append(Dense((v,), (own > 0).astype(np.float64)))
        return found, float(log_scale[0])

    def _whole(self, likelihood: Floats, versions: Longs) -> LaneAnswers:
        """The same from the whole model."""
        model, question = self.model, self.question
        base = model.likelihood(question.base)
        entered = [[model.likelihood(version) for version in group] for group in question.groups]
        columns = np.repeat(base[:, None], likelihood.shape[1], axis=1)
        for g, row in enumerate(versions.tolist()):
            for lane, version in enumerate(row):
                if version >= 0:
                    columns[:, lane] *= entered[g][version]
        rows = [slice(*model.layout.spans[node]) for node in question.kept]
        for node, whole in zip(question.kept, rows, strict=True):
            columns[whole] *= likelihood[slice(*self.spans[node])]
        answers = model.lanes(columns)
        kept = [answers.marginals[whole] for whole in rows]
        return LaneAnswers(np.concatenate([np.empty((0, columns.shape[1])), *kept]), answers.log_evidence)


class _Small:
    """A tree over the core, with the factors of the groups as switched nodes."""

    def __init__(self, structure: Structure, wanted: int, switched: Switched, base: Base) -> None:
        self.structure, self.switched, self.base = structure, switched, base
        module = compiled()
        self._kernel = SwitchedKernel(module, structure, wanted, switched.tables) if module is not None else None
        self._numpy = Lanes(structure, wanted) if module is None else None

    def run(self, likelihood: Floats, versions: Longs) -> LaneAnswers:
        """As `CaseTree.lanes`; lanes of very small probability are not to be trusted."""
        of_part = versions[self.switched.group]  # (parts, lanes)
        if self._kernel is not None:
            marginals, log_evidence = self._kernel.lanes(likelihood, of_part)
        else:
            marginals, log_evidence = self._by_numpy(likelihood, of_part)
        entered = versions >= 0
        constants = np.where(entered, np.take_along_axis(self.switched.constants, np.maximum(versions, 0), 1), 0.0)
        log_evidence += self.base.log_total + constants.sum(axis=0)
        marginals[:, np.isneginf(log_evidence)] = 0.0
        return LaneAnswers(marginals, log_evidence)

    def factors(self, versions: Sequence[int]) -> tuple[list[Dense], float]:
        """As `CaseTree.factors`."""
        switched, cards = self.switched, self.base.cards
        found = list(self.base.factors)
        for g, scope, tables in zip(switched.group.tolist(), switched.scopes, switched.tables, strict=True):
            if versions[g] >= 0:
                found.append(Dense(scope, tables[versions[g]].reshape([cards[v] for v in scope])))
        logs = [float(row[n]) for row, n in zip(switched.constants, versions, strict=True) if n >= 0]
        return found, self.base.log_scale + math.fsum(logs)

    def _by_numpy(self, likelihood: Floats, of_part: Longs) -> tuple[Floats, Floats]:
        assert self._numpy is not None
        found, space = [], Workspace()
        for first in range(0, likelihood.shape[1], LANES_AT_ONCE):
            part = slice(first, first + LANES_AT_ONCE)
            switches = Switches(self.switched.tables, of_part[:, part])
            found.append(self._numpy.run(likelihood[:, part], True, switches, space))
        empty = np.empty((likelihood.shape[0], 0)), np.empty(0)
        marginals, logs = zip(*(found or [empty]), strict=True)
        return np.concatenate(marginals, axis=1), np.concatenate(logs)


class Base(NamedTuple):
    """What holds in every what-if, as factors over the core."""

    factors: tuple[Dense, ...]
    cards: tuple[int, ...]
    log_scale: float  # of a constant that belongs to the factors
    log_total: float  # of the whole sum of the factors, and the constant


class Switched(NamedTuple):
    """What the groups say: for every part its group, its scope and its table in each version."""

    group: Longs  # (parts,)
    scopes: tuple[tuple[int, ...], ...]
    tables: tuple[Floats, ...]  # (versions, configurations of the scope)
    constants: Floats  # (groups, most versions) log of what depends on nothing


def _small(model: Model, question: Question, most_entries: float) -> _Small:
    """The tree of a question; TooLarge where it would hold more entries."""
    split = _Split(model, question)
    switched = _switched(model, split)
    base = split.core_factors()
    core = sorted(split.core - set(split.fixed))
    number = {v: i for i, v in enumerate([*split.kept, *(v for v in core if v not in split.kept)])}
    cards = tuple(model.parts.cards[v] for v in number)
    static = [Factor(tuple(number[v] for v in d.scope), d.values) for d in base if d.scope]
    gates = [tuple(number[v] for v in scope) for scope in switched.scopes]
    shapes = [f.scope for f in static] + gates
    entries, order = quick_elimination(cards, shapes)
    if entries > most_entries:
        raise TooLarge(f"a tree of {entries:,.0f} entries for one case")
    everything = Factors(cards, tuple(Factor(scope, np.empty(0)) for scope in shapes), {})
    skeleton = skeleton_of(everything, order)
    structure, log_total = dense_structure(skeleton, cards, static, (len(split.kept), gates))
    log_base = log_total + split.log_base + _log_constant(base)
    held = Base(tuple(base), model.parts.cards, split.log_base, log_base)
    return _Small(structure, len(split.kept), switched, held)


class _Split:
    """Which variables are fixed by the base, which belong to one group alone, and which are the core."""

    def __init__(self, model: Model, question: Question) -> None:
        self.model = model
        self.index = {node: v for v, node in enumerate(model.nodes)}
        self.kept = [self.index[node] for node in question.kept]
        self.base, self.log_base = self.weights(question.base)
        self.fixed = {
            v: int(np.argmax(w)) for v, w in self.base.items() if np.count_nonzero(w) == 1 and v not in self.kept
        }
        self.of_child = {scope[-1]: f for f, scope in enumerate(model.parts.scopes)}
        self.core = self.above([*self.kept, *self.base])
        self.groups = [[self.weights(version) for version in group] for group in question.groups]
        below: dict[int, int] = {}  # variable -> the group at or below it, -1 where there are several
        for g, versions in enumerate(self.groups):
            for v in self.above({v for said, _ in versions for v in said}):
                below[v] = g if below.get(v, g) == g else -1
        self.core |= {v for v, g in below.items() if g < 0}
        self.own: list[list[int]] = [[] for _ in self.groups]  # of each group, what no one else speaks of
        for v, g in below.items():
            if v not in self.core:
                self.own[g].append(v)

    def weights(self, evidence: Evidence) -> tuple[dict[int, Floats], float]:
        """The likelihood of each state of every node that evidence speaks of, at most 1, and the log of their scale."""
        found: dict[int, Floats] = {}
        log_scale = 0.0
        layout = self.model.layout
        starts = self.model.parts.node_start
        for name, said in evidence.items():
            first, own = finding_weights(layout, name, said)
            if (highest := float(own.max())) > 1.0:
                own, log_scale = own / highest, log_scale + math.log(highest)
            v = bisect_right(starts, first) - 1
            found[v] = found[v] * own if v in found else own
        return found, log_scale

    def above(self, variables: Iterable[int], within: frozenset[int] | None = None) -> set[int]:
        """These variables and all that they depend on, or of that only what lies `within`."""
        scopes, found, waiting = self.model.parts.scopes, set(), list(variables)
        while waiting:
            v = waiting.pop()
            if v not in found and (within is None or v in within):
                found.add(v)
                waiting += scopes[self.of_child[v]][:-1]
        return found

    def table(self, child: int, fixed: Mapping[int, int]) -> Dense:
        """P(child | parents) where some variables have the state that they are fixed to."""
        parts, factor = self.model.parts, self.of_child[child]
        return sliced(parts.scopes[factor], parts.table(factor), fixed)

    def core_factors(self) -> list[Dense]:
        """The tables of the core and the likelihoods of the base."""
        found = [self.table(v, self.fixed) for v in sorted(self.core)]
        for v, w in self.base.items():
            found.append(Dense((), np.asarray(w[self.fixed[v]])) if v in self.fixed else Dense((v,), w))
        return found

    def said(self, g: int, version: Weights) -> list[Dense]:
        """What one version of a group says, as factors over the core."""
        own = frozenset(self.own[g])
        fixed = dict(self.fixed)
        found = []
        for v, w in version.items():
            if v in own and np.count_nonzero(w) == 1:
                fixed[v] = int(np.argmax(w))
                found.append(Dense((), np.asarray(w[fixed[v]])))
            elif v in self.fixed:
                found.append(Dense((), np.asarray(w[self.fixed[v]])))
            else:
                found.append(Dense((v,), w))
        needed = self.above(version, own)
        found += [self.table(v, fixed) for v in sorted(needed)]
        cards = dict(enumerate(self.model.parts.cards))
        return sum_out(found, needed - set(fixed), cards)


def _switched(model: Model, split: _Split) -> Switched:
    """Every group's factors in all of its versions, those over fewer variables joined to those over more."""
    cards = model.parts.cards
    scopes, tables, groups = [], [], []
    constants = np.zeros((len(split.groups), max((len(g) for g in split.groups), default=1)))
    for g, versions in enumerate(split.groups):
        parts: dict[tuple[int, ...], Floats] = {}
        for n, (version, log_scale) in enumerate(versions):
            factors = sorted(split.said(g, version), key=lambda d: (-len(d.scope), d.scope))
            constants[g, n] = log_scale + _log_constant(factors)
            for d in factors:
                if not d.scope:
                    continue
                home = next((scope for scope in parts if set(d.scope) <= set(scope)), d.scope)
                if home not in parts:
                    parts[home] = np.ones((len(versions), *(cards[v] for v in home)))
                parts[home][n] *= spread(d, home)
        for scope, values in parts.items():
            scopes.append(scope)
            tables.append(values.reshape(len(versions), -1))
            groups.append(g)
    return Switched(np.array(groups, dtype=np.int64), tuple(scopes), tuple(tables), constants)


def _log_constant(factors: Iterable[Dense]) -> float:
    """The log of the product of those factors that depend on nothing."""
    constants = [float(d.values) for d in factors if not d.scope]
    return math.fsum(map(math.log, constants)) if all(constants) else -math.inf
