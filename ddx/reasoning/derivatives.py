"""How does the probability of the evidence depend on every number at once? All derivatives from one pass each way.

    d log P(e) / d cell = P(family | e) / cell

for every cell of every table (Darwiche 2003), by summing variables out of the tables sliced by what was observed and
then going back over the same steps. Cells of what was observed otherwise, or is barren, have derivative 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.elimination import Dense, relevant_factors, size_of, spread
from ddx.engine.model import Model
from ddx.errors import TooLarge

Floats = npt.NDArray[np.float64]

LARGEST = 1 << 24  # entries of one product


@dataclass(frozen=True, slots=True)
class Slice:
    """One table as the evidence leaves it: which factor, the picked cells, and the axes in order of the scope."""

    factor: int
    scope: tuple[int, ...]
    index: tuple[int | slice, ...]
    order: tuple[int, ...]

    def cut(self, values: Floats) -> Floats:
        """The cells that the evidence leaves of a table (own axes ...), axes by ascending variable."""
        picked: Floats = np.transpose(values[self.index], self.order)
        return picked


@dataclass(frozen=True, slots=True)
class _Step:
    """Products of `parts` summed over one axis of their joint scope."""

    parts: tuple[int, ...]
    scope: tuple[int, ...]
    axis: int


class Sliced:
    """The tables of a model cut by evidence, and the order in which their variables are summed out.

    Variables (by number) that are `kept` stay, though barren, and have their joint with the evidence in `joints`.
    """

    def __init__(self, model: Model, likelihood: Floats, kept: Sequence[int] = ()) -> None:
        self.model = model
        self.cards = dict(enumerate(model.parts.cards))
        starts = model.structure.node_start.tolist()
        lanes = [likelihood[starts[v] : starts[v + 1]] for v in range(len(starts) - 1)]
        self._fixed = {v: int(np.argmax(lane)) for v, lane in enumerate(lanes) if np.count_nonzero(lane) == 1}
        said = {v for v, lane in enumerate(lanes) if (lane != 1.0).any()}
        said |= set(kept)
        self.soft = [Dense((v,), lanes[v]) for v in sorted(said) if v not in self._fixed]
        self.constant = float(np.prod([lanes[v][s] for v, s in self._fixed.items()]))
        self.slices = tuple(self._slice(f) for f in relevant_factors(model.parts.scopes, said))
        self.steps = self._steps()

    @property
    def observed(self) -> Mapping[int, int]:
        """The state of every variable that the evidence leaves one state."""
        return self._fixed

    def tables(self, flat: Floats) -> list[Floats]:
        """The cut tables from the flat tables of the structure, or others of the same layout."""
        found = []
        for s in self.slices:
            scope, start = self.model.parts.scopes[s.factor], self.model.structure.factor_start
            values = flat[start[s.factor] : start[s.factor + 1]].reshape([self.cards[v] for v in scope])
            found.append(s.cut(values))
        return found

    def forward(self, tables: Sequence[Floats]) -> tuple[float, list[Floats]]:
        """P(evidence), and every table on the way."""
        values = [*tables, *(d.values for d in self.soft)]
        scopes = self._scopes()
        for step in self.steps:
            product = np.ones([self.cards[v] for v in step.scope])
            for part in step.parts:
                product = product * spread(Dense(scopes[part], values[part]), step.scope)
            values.append(product.sum(axis=step.axis))
            scopes.append(tuple(v for k, v in enumerate(step.scope) if k != step.axis))
        used = {part for step in self.steps for part in step.parts}
        total = self.constant
        for k, value in enumerate(values):
            if k not in used:
                total *= float(value)
        return total, values

    def gradient(self, tables: Sequence[Floats]) -> tuple[float, list[Floats]]:
        """P(evidence), and its derivative by every cell of the cut tables."""
        total, adjoint = self._backward(tables, set(range(len(self.slices))))
        return total, [adjoint[k] for k in range(len(self.slices))]

    def joints(self, tables: Sequence[Floats]) -> tuple[float, dict[int, Floats]]:
        """P(evidence), and P(evidence, each state) of every variable that was kept or has a likelihood."""
        first = len(self.slices)
        places = range(first, first + len(self.soft))
        total, adjoint = self._backward(tables, set(places))
        return total, {d.scope[0]: d.values * adjoint[k] for k, d in zip(places, self.soft, strict=True)}

    def _backward(self, tables: Sequence[Floats], wanted: set[int]) -> tuple[float, dict[int, Floats]]:
        """P(evidence), and its derivative by every cell of the wanted tables: slices, then likelihoods, by number."""
        total, values = self.forward(tables)
        scopes = self._scopes()
        scopes += [tuple(v for k, v in enumerate(s.scope) if k != s.axis) for s in self.steps]
        first = len(self.slices) + len(self.soft)
        needed = set(wanted)
        for n, step in enumerate(self.steps):
            if not needed.isdisjoint(step.parts):
                needed.add(first + n)
        used = {part for step in self.steps for part in step.parts}
        roots = [k for k in range(len(values)) if k not in used]
        adjoint: dict[int, Floats] = {}
        for k in roots:
            others = self.constant * float(np.prod([float(values[j]) for j in roots if j != k]))
            adjoint[k] = np.asarray(others)
        for n in range(len(self.steps) - 1, -1, -1):
            if first + n in needed:
                step = self.steps[n]
                above = np.expand_dims(adjoint.pop(first + n), step.axis)
                spreads = [spread(Dense(scopes[p], values[p]), step.scope) for p in step.parts]
                for part, product in self._products_of_others(step, spreads, above, needed):
                    gone = tuple(k for k, v in enumerate(step.scope) if v not in scopes[part])
                    adjoint[part] = product.sum(axis=gone)
        return total, adjoint

    def _products_of_others(
        self, step: _Step, spreads: Sequence[Floats], above: Floats, needed: set[int]
    ) -> Iterator[tuple[int, Floats]]:
        """For each needed part of a step the product of all other parts and what comes from above."""
        shape = [self.cards[v] for v in step.scope]
        idle = [value for part, value in zip(step.parts, spreads, strict=True) if part not in needed]
        before: Floats = np.array(np.broadcast_to(above, shape))
        for value in idle:
            before *= value
        mine = [(part, value) for part, value in zip(step.parts, spreads, strict=True) if part in needed]
        afters = [np.ones([1] * len(shape))]
        for _, value in mine[:0:-1]:
            afters.append(afters[-1] * value)
        for (part, value), after in zip(mine, reversed(afters), strict=True):
            yield part, before * after
            before = before * value

    def _slice(self, f: int) -> Slice:
        scope = self.model.parts.scopes[f]
        left = [v for v in scope if v not in self._fixed]
        order = tuple(sorted(range(len(left)), key=left.__getitem__))
        index = tuple(self._fixed.get(v, slice(None)) for v in scope)
        return Slice(f, tuple(sorted(left)), index, order)

    def _scopes(self) -> list[tuple[int, ...]]:
        return [*(s.scope for s in self.slices), *(d.scope for d in self.soft)]

    def _steps(self) -> tuple[_Step, ...]:
        """Always the variable next whose product is smallest."""
        scopes = dict(enumerate(self._scopes()))
        waiting = {v for scope in scopes.values() for v in scope}
        joined = {v: _union(scopes.values(), v) for v in waiting}
        steps = []
        number = len(scopes)
        while waiting:
            v = min(waiting, key=lambda u: (size_of(joined[u], self.cards), u))
            scope = joined[v]
            if size_of(scope, self.cards) > LARGEST:
                raise TooLarge("the derivatives need a table of more entries than fit", remedy="Observe more findings.")
            parts = tuple(k for k, own in scopes.items() if v in own)
            steps.append(_Step(parts, scope, scope.index(v)))
            for k in parts:
                del scopes[k]
            scopes[number] = tuple(u for u in scope if u != v)
            number += 1
            waiting.discard(v)
            for u in scopes[number - 1]:
                joined[u] = _union(scopes.values(), u)
        return tuple(steps)


def by_factor(sliced: Sliced, gradients: Sequence[Floats]) -> Mapping[int, Floats]:
    """Derivatives by every cell of the whole tables (own axes ...), 0 where the evidence cut them off."""
    found = {}
    for s, gradient in zip(sliced.slices, gradients, strict=True):
        whole = np.zeros([sliced.cards[v] for v in sliced.model.parts.scopes[s.factor]])
        whole[s.index] = np.transpose(gradient, np.argsort(s.order)) if s.order else gradient
        found[s.factor] = whole
    return found


def _union(scopes: Iterable[tuple[int, ...]], v: int) -> tuple[int, ...]:
    own: set[int] = set()
    for scope in scopes:
        if v in scope:
            own.update(scope)
    return tuple(sorted(own))
