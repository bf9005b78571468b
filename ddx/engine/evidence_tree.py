"""How probable is the evidence under many sets of numbers at once, and how does that depend on every number?

    P(e) = sum over the variables left of the product of the tables left,    dP(e) / d table   by going back

Tables cut by evidence are multiplied and summed out one variable at a time, in an order found for this evidence
(bucket elimination: Dechter 1999); the way back over the same steps gives the derivative by every cell of the tables
that are wanted (Darwiche 2003). Arrays end in an axis of lanes, one lane for each set of numbers; a table that is the
same in all lanes has one. The axes of every table stand in the order in which the variables are summed out, so that
the variable that goes next is the first axis and the rest is contiguous.
"""

from __future__ import annotations

import math
import string
from collections.abc import Collection, Hashable, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddx.engine.triangulate import best_elimination, moral_graph
from ddx.errors import TooLarge

Floats = npt.NDArray[np.float64]
Scope = tuple[Hashable, ...]

LARGEST = 1 << 24  # entries of one product, of one lane
CHUNK_BYTES = 4 << 20  # of the largest product of a chunk of lanes
FEWEST, MOST = 8, 128  # lanes of a chunk
RESCALED_BELOW_NATS = -300.0  # where P(evidence) is smaller, every product is normalised
COMPARED = 24  # tables that are compared in pairs
LANE = "Z"
LETTERS = string.ascii_letters.replace(LANE, "")


class _Step(NamedTuple):
    """The product of two values (or one), summed over its first axis where `summed`."""

    left: int
    right: int | None
    result: int
    scopes: tuple[Scope, Scope]  # of left and right
    union: Scope
    summed: bool

    @property
    def scope(self) -> Scope:
        return self.union[1:] if self.summed else self.union


class _Plan(NamedTuple):
    """A step as calls of einsum: forwards, and back to left and right where they are needed."""

    step: _Step
    forward: str
    to_left: str | None
    to_right: str | None


class Derivatives(NamedTuple):
    """P(e) = total x exp(log_scale), and its derivative by each wanted table, in the same scale; (..., lanes)."""

    total: Floats  # (lanes,)
    log_scale: Floats  # (lanes,) nats
    by_table: Mapping[int, Floats]

    @property
    def log_evidence_nats(self) -> Floats:
        with np.errstate(divide="ignore"):
            found: Floats = np.log(self.total) + self.log_scale
        return found


class Room:
    """Memory for products that are made again and again, as for one chunk of lanes after the other.

    What was made with a room stands in it, and holds until the room is used again.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[str, int], Floats] = {}

    def product(self, place: tuple[str, int], told: str, left: Floats, right: Floats) -> Floats:
        """einsum of two arrays that end in lanes, where the last of this place stood if it has as many lanes."""
        made = self._made.get(place)
        if made is not None and made.shape[-1] == max(left.shape[-1], right.shape[-1]):
            np.einsum(told, left, right, out=made)
            return made
        found: Floats = np.einsum(told, left, right)
        self._made[place] = found
        return found


class EvidenceTree:
    """The order in which variables are summed out, for tables over these scopes; `wanted` tables have derivatives.

    `cards` holds the number of states of every variable. TooLarge where a product would not fit.
    """

    def __init__(
        self,
        scopes: Sequence[Scope],
        cards: Mapping[Hashable, int],
        wanted: Collection[int] = (),
        *,
        rescaled: bool = False,
    ) -> None:
        self.cards, self.wanted, self.rescaled = cards, tuple(wanted), rescaled
        self.position = _positions(scopes, cards)
        self.scopes = tuple(self.sorted(scope) for scope in scopes)
        self._needed = set(wanted)
        self._roots: list[int] = []
        self._steps = self._scheduled()

    def sorted(self, scope: Collection[Hashable]) -> Scope:
        """Variables in the order in which they are summed out: that of the axes of their tables."""
        return tuple(sorted(scope, key=self.position.__getitem__))

    def size(self, scope: Collection[Hashable]) -> int:
        return math.prod(self.cards[v] for v in scope)

    @property
    def work(self) -> int:
        """Multiplications of one lane, forwards and back."""
        back = [(s.left in self._needed) + (s.right in self._needed) for s in self._steps]
        return sum(self.size(s.union) * (1 + b) for s, b in zip(self._steps, back, strict=True))

    @cached_property
    def width(self) -> int:
        """Lanes of a chunk that stays in cache."""
        largest = max((self.size(s.union) for s in self._steps), default=1)
        return max(FEWEST, min(MOST, CHUNK_BYTES // (8 * largest)))

    def totals(self, tables: Sequence[Floats]) -> Floats:
        """(lanes,) log P(e) in nats; `tables` (states ..., lanes), axes `sorted`."""
        return self._forward(tables, Room())[0].log_evidence_nats

    def derivatives(self, tables: Sequence[Floats], room: Room | None = None) -> Derivatives:
        """P(e) and its derivatives by the wanted tables; with a room they hold until it is used again."""
        used = room or Room()
        found, values, peaks = self._forward(tables, used)
        others = _products_of_others([values[k] for k in self._roots])
        by_table = self._back((values, peaks), dict(zip(self._roots, others, strict=True)), used)
        return Derivatives(found.total, found.log_scale, by_table)

    def _forward(
        self, tables: Sequence[Floats], room: Room
    ) -> tuple[Derivatives, dict[int, Floats], dict[int, Floats]]:
        """P(e), every value on the way, and what messages were divided by."""
        values = dict(enumerate(tables))
        peaks: dict[int, Floats] = {}
        for plan in self._plans:
            step, left = plan.step, values[plan.step.left]
            if step.right is None:
                value = left.sum(axis=0)
            else:
                value = room.product(("forward", step.result), plan.forward, left, values[step.right])
            if self.rescaled:
                value, peaks[step.result] = _normalised(value)
            values[step.result] = value
        total = math.prod((values[k] for k in self._roots), start=np.ones(1))
        log_scale = sum((np.log(peak) for peak in peaks.values()), start=np.zeros(1))
        return Derivatives(total, log_scale, {}), values, peaks

    def _back(
        self, forward: tuple[Mapping[int, Floats], Mapping[int, Floats]], above: dict[int, Floats], room: Room
    ) -> dict[int, Floats]:
        """Derivatives of the wanted tables, from those of the values that are left at the end."""
        values, peaks = forward
        for plan in reversed(self._plans):
            step = plan.step
            if step.result not in self._needed:
                continue
            from_above = above.pop(step.result)
            if step.result in peaks:
                from_above = from_above / peaks[step.result]
            if step.right is None:
                shape = (self.cards[step.union[0]], *from_above.shape)
                above[step.left] = np.broadcast_to(from_above, shape)
                continue
            if plan.to_left is not None:
                above[step.left] = room.product(("left", step.result), plan.to_left, from_above, values[step.right])
            if plan.to_right is not None:
                above[step.right] = room.product(("right", step.result), plan.to_right, from_above, values[step.left])
        return {k: above[k] for k in self.wanted}

    def _scheduled(self) -> tuple[_Step, ...]:
        """One variable after the other: the tables that speak of it multiplied, cheapest pair first, and summed."""
        scopes: dict[int, Scope] = dict(enumerate(self.scopes))
        live = set(scopes)
        steps: list[_Step] = []
        for v in self.position:
            parts = [k for k in sorted(live) if v in scopes[k]]
            live.difference_update(parts)
            while True:
                left, right = self._cheapest(scopes, parts)
                step = self._step(scopes, (left, right), summed=len(parts) <= 2)
                scopes[step.result] = step.scope
                steps.append(step)
                if step.summed:
                    live.add(step.result)
                    break
                parts = [k for k in parts if k not in (left, right)] + [step.result]
        self._roots = sorted(live)
        return tuple(steps)

    def _cheapest(self, scopes: Mapping[int, Scope], parts: Sequence[int]) -> tuple[int, int | None]:
        """The pair whose product costs least, counting the way back; the part itself where there is one.

        Two parts of the same scope go first, without a search.
        """
        if len(parts) == 1:
            return parts[0], None
        same: dict[tuple[Scope, bool], int] = {}
        for k in parts:
            alike = scopes[k], k in self._needed
            if alike in same and len(parts) > 2:
                return same[alike], k
            same[alike] = k

        def cost(pair: tuple[int, int]) -> tuple[int, tuple[int, int]]:
            back = sum(k in self._needed for k in pair)
            return self.size({*scopes[pair[0]], *scopes[pair[1]]}) * (1 + 2 * back), pair

        smallest = sorted(parts, key=lambda k: (self.size(scopes[k]), k))[:COMPARED]
        return min(combinations(smallest, 2), key=cost)

    def _step(self, scopes: Mapping[int, Scope], pair: tuple[int, int | None], *, summed: bool) -> _Step:
        left, right = pair
        own = scopes[left], scopes[right] if right is not None else ()
        union = self.sorted({*own[0], *own[1]})
        if self.size(union) > LARGEST or len(union) > len(LETTERS):
            message = f"a product of {self.size(union):,} entries, more than {LARGEST:,}"
            raise TooLarge(message, remedy="Observe more findings.")
        result = len(scopes)
        if left in self._needed or right in self._needed:
            self._needed.add(result)
        return _Step(left, right, result, own, union, summed)

    @cached_property
    def _plans(self) -> tuple[_Plan, ...]:
        return tuple(self._planned(step) for step in self._steps)

    def _planned(self, step: _Step) -> _Plan:
        letter = dict(zip(step.union, LETTERS, strict=False))

        def told(scope: Scope) -> str:
            return "".join(letter[v] for v in scope) + LANE

        left, right = step.scopes
        forward = f"{told(left)},{told(right)}->{told(step.scope)}"
        if step.right is None:
            return _Plan(step, forward, None, None)
        to_left = f"{told(step.scope)},{told(right)}->{told(left)}" if step.left in self._needed else None
        to_right = f"{told(step.scope)},{told(left)}->{told(right)}" if step.right in self._needed else None
        return _Plan(step, forward, to_left, to_right)


def _positions(scopes: Sequence[Scope], cards: Mapping[Hashable, int]) -> dict[Hashable, int]:
    """Every variable that a scope speaks of -> its place in the order of elimination, in that order."""
    variables = list(dict.fromkeys(v for scope in scopes for v in scope))
    number = {v: i for i, v in enumerate(variables)}
    sizes = [cards[v] for v in variables]
    graph = moral_graph(sizes, [tuple(number[v] for v in scope) for scope in scopes])
    order = best_elimination(graph, sizes, effort=0)[1]
    missing = set(range(len(variables))) - set(order)
    return {variables[i]: place for place, i in enumerate([*sorted(missing), *order])}


def _normalised(value: Floats) -> tuple[Floats, Floats]:
    """A product divided by its largest number, and that, (lanes,); 1 where all are 0."""
    peak = value.max(axis=tuple(range(value.ndim - 1)))
    peak = np.where(peak > 0, peak, 1.0)
    return value / peak, peak


def _products_of_others(values: Sequence[Floats]) -> list[Floats]:
    """For each of some numbers (lanes,) the product of all others."""
    before, after = [np.ones(1)], [np.ones(1)]
    for value, last in zip(values[:-1], values[:0:-1], strict=True):
        before.append(before[-1] * value)
        after.append(after[-1] * last)
    return [b * a for b, a in zip(before, reversed(after), strict=True)]
