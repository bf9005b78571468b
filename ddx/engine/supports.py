"""Which entries of a clique are possible at all, found by joins of sparse relations.

A relation is a set of rows over a few variables. The support of a clique is the join of the supports of all factors
that touch it, never built densely first; calibrating the tree of supports once leaves exactly the entries that some
complete configuration of non-zero probability has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.errors import TooLarge

Codes = npt.NDArray[np.int64]
LOOKUP = 1 << 24  # a code space up to this size is looked up in a table, a larger one is searched


class NothingPossible(ValueError):
    """Some clique has no possible entry: the factors contradict one another."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Distinct rows: `columns` (variables of the scope, rows) of state indices."""

    scope: tuple[int, ...]
    columns: npt.NDArray[np.unsignedinteger]

    @property
    def rows(self) -> int:
        return int(self.columns.shape[1])

    def codes(self, variables: Sequence[int], cards: Sequence[int]) -> Codes:
        """One number per row for the states of some variables, the last one fastest."""
        code = np.zeros(self.rows, dtype=np.int64)
        for v in variables:
            code *= cards[v]
            code += self.columns[self.scope.index(v)]
        return code

    def keep(self, chosen: npt.NDArray[np.bool_]) -> Relation:
        return self if chosen.all() else Relation(self.scope, self.columns[:, chosen])


def state_type(cards: Sequence[int]) -> type[np.unsignedinteger]:
    return np.uint8 if max(cards) <= 256 else np.uint32


def possible(
    scope: Sequence[int], values: npt.NDArray[np.float64], within: set[int], cards: Sequence[int]
) -> Relation | None:
    """The possible rows of a factor over its variables `within`; None where all are possible."""
    positive = values != 0
    outside = tuple(axis for axis, v in enumerate(scope) if v not in within)
    if outside:
        positive = positive.any(axis=outside)
    if positive.all():
        return None
    kept = tuple(v for v in scope if v in within)
    return Relation(kept, np.array(np.nonzero(positive)).astype(state_type(cards)))


def projected(relation: Relation, onto: tuple[int, ...], cards: Sequence[int]) -> Relation | None:
    """The distinct rows over some of its variables; None where all are there, NothingPossible where none is."""
    if relation.rows == 0:
        raise NothingPossible
    shape = [cards[v] for v in onto]
    distinct = Places(relation.codes(onto, cards), math.prod(shape)).distinct
    if len(distinct) == math.prod(shape):
        return None
    return Relation(onto, np.array(np.unravel_index(distinct, shape)).astype(state_type(cards)))


def support(scope: Sequence[int], relations: Sequence[Relation], cards: Sequence[int], most_rows: int) -> Relation:
    """The join of the relations and of everything else in the scope, rows in order of the scope's codes."""
    waiting = sorted(relations, key=lambda r: (r.rows / _space(r.scope, cards), r.scope))
    found = Relation((), np.zeros((0, 1), dtype=state_type(cards)))
    while waiting:
        best = min(waiting, key=lambda r: (_growth(found, r, cards), r.scope))
        waiting = [r for r in waiting if r is not best]
        found = _join(found, best, cards, most_rows)
    free = tuple(v for v in scope if v not in found.scope)
    if free:
        found = _join(found, _everything(free, cards, most_rows), cards, most_rows)
    ordered = Relation(tuple(scope), found.columns[[found.scope.index(v) for v in scope]])
    codes = ordered.codes(scope, cards)
    if (codes[1:] > codes[:-1]).all():
        return ordered
    return Relation(ordered.scope, ordered.columns[:, np.argsort(codes, kind="stable")])


def _space(variables: Sequence[int], cards: Sequence[int]) -> int:
    return math.prod(cards[v] for v in variables)


def _growth(found: Relation, other: Relation, cards: Sequence[int]) -> float:
    """Rows that joining would make for each row there is, were the states independent."""
    return other.rows / _space([v for v in other.scope if v in found.scope], cards)


def _everything(variables: tuple[int, ...], cards: Sequence[int], most_rows: int) -> Relation:
    rows = _space(variables, cards)
    if rows > most_rows:
        raise too_large(rows, most_rows)
    columns = np.indices([cards[v] for v in variables], dtype=state_type(cards)).reshape(len(variables), -1)
    return Relation(variables, columns)


def _join(left: Relation, right: Relation, cards: Sequence[int], most_rows: int) -> Relation:
    shared = [v for v in right.scope if v in left.scope]
    added = [i for i, v in enumerate(right.scope) if v not in left.scope]
    key_left, key_right = left.codes(shared, cards), right.codes(shared, cards)
    order = np.argsort(key_right, kind="stable")
    first = np.searchsorted(key_right[order], key_left, side="left")
    count = np.searchsorted(key_right[order], key_left, side="right") - first
    rows = int(count.sum())
    if rows > most_rows:
        raise too_large(rows, most_rows)
    from_left = np.repeat(np.arange(left.rows), count)
    step = np.arange(rows) - np.repeat(np.cumsum(count) - count, count)
    from_right = order[np.repeat(first, count) + step]
    columns = np.concatenate([left.columns[:, from_left], right.columns[added][:, from_right]])
    return Relation((*left.scope, *(right.scope[i] for i in added)), columns)


def too_large(rows: float, most_rows: int) -> TooLarge:
    return TooLarge(
        f"a clique of {rows:,.0f} entries, more than the {most_rows:,} that the memory limit allows",
        remedy="Raise the limit, or ask with more findings observed.",
    )


class Places:
    """Where a code stands among distinct codes: `distinct` sorted, `of(codes)` their places, -1 where absent."""

    def __init__(self, codes: Codes, space: int) -> None:
        self.space = space
        self.table: npt.NDArray[np.int32] | None = None
        if space <= LOOKUP:
            present = np.zeros(space, dtype=bool)
            present[codes] = True
            self.distinct: Codes = np.flatnonzero(present)
            self.table = np.full(space, -1, dtype=np.int32)
            self.table[self.distinct] = np.arange(len(self.distinct), dtype=np.int32)
        else:
            self.distinct = np.unique(codes)

    def of(self, codes: Codes) -> npt.NDArray[np.int32]:
        if self.table is not None:
            return self.table[codes]
        place = np.minimum(np.searchsorted(self.distinct, codes), len(self.distinct) - 1)
        return np.where(self.distinct[place] == codes, place, -1).astype(np.int32)
