"""Which entries of a clique are possible at all, found by joins of sparse relations.

A relation is a set of rows over a few variables. The support of a clique is the join of the supports of all factors
that touch it: by a mask over the whole clique where that is small, otherwise row by row and never densely first.
Calibrating the tree of supports leaves exactly the entries that some complete configuration of non-zero probability
has.

A row is kept as one small number for each group of variables; the code of any other choice of variables is then a sum
of one table look-up a group.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.errors import TooLarge

Codes = npt.NDArray[np.signedinteger]
Digits = npt.NDArray[np.unsignedinteger]
Bools = npt.NDArray[np.bool_]
LOOKUP = 1 << 24  # a code space up to this size is looked up in a table, a larger one is searched
MASKED = 1 << 26  # entries of a clique that is found by a mask
GROUPED = 1 << 16  # states of a group of variables together
CHUNK = 1 << 16  # rows worked on at a time: they stay near the processor


class NothingPossible(ValueError):
    """Some clique has no possible entry: the factors contradict one another."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Distinct rows over a scope, in order of the scope's codes where `support` made them."""

    scope: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]  # the scope cut into runs
    digits: tuple[Digits, ...]  # of each group (rows,): the states of its variables as one number, the last one fastest

    @property
    def rows(self) -> int:
        return len(self.digits[0]) if self.digits else 1

    @classmethod
    def of(cls, scope: Sequence[int], codes: npt.NDArray[np.int64], cards: Sequence[int]) -> Relation:
        """From one code per row over the scope, the last variable fastest."""
        groups = tuple(_groups(scope, cards))
        found: list[Digits] = []
        for group in reversed(groups):
            space = _space(group, cards)
            if len(found) + 1 < len(groups):
                above = codes // space
                found.append((codes - above * space).astype(_digit_type(space)))
                codes = above
            else:
                found.append(codes.astype(_digit_type(space)))
        return cls(tuple(scope), groups, tuple(reversed(found)))

    def codes(self, variables: Sequence[int], cards: Sequence[int]) -> Codes:
        """One number per row for the states of some variables, the last one fastest."""
        space = _space(variables, cards)
        kind = np.dtype(np.int32 if space < 1 << 31 else np.int64)
        tables = [(d, _table(g, variables, cards, kind)) for g, d in zip(self.groups, self.digits, strict=True)]
        wanted = [(digits, table) for digits, table in tables if table is not None]
        found = np.zeros(self.rows, dtype=kind)
        for first in range(0, self.rows if wanted else 0, CHUNK):
            part = slice(first, first + CHUNK)
            for digits, table in wanted:
                found[part] += table.take(digits[part])
        return found

    def keep(self, chosen: Bools) -> Relation:
        return Relation(self.scope, self.groups, tuple(d[chosen] for d in self.digits))


def _groups(scope: Sequence[int], cards: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Runs of the scope with at most GROUPED states together; a larger variable stands alone."""
    run: list[int] = []
    for v in scope:
        if run and _space(run, cards) * cards[v] > GROUPED:
            yield tuple(run)
            run = []
        run.append(v)
    if run:
        yield tuple(run)


def _digit_type(space: int) -> type[np.unsignedinteger]:
    return np.uint16 if space <= GROUPED else np.uint32


def _table(
    group: Sequence[int], variables: Sequence[int], cards: Sequence[int], kind: np.dtype[np.signedinteger]
) -> Codes | None:
    """What each state of a group adds to the code of the variables; None where it has none of them."""
    if not set(group) & set(variables):
        return None
    found = np.zeros(1, dtype=kind)
    for v in group:
        step = _space(variables[variables.index(v) + 1 :], cards) if v in variables else 0
        found = np.add.outer(found, np.arange(cards[v], dtype=kind) * kind.type(step)).ravel()
    return found


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
    return Relation.of(tuple(v for v in scope if v in within), np.flatnonzero(positive), cards)


def projected(relation: Relation, onto: tuple[int, ...], cards: Sequence[int]) -> Relation | None:
    """The distinct rows over the first variables of an ordered relation; None where all are there.

    NothingPossible where it has no rows.
    """
    if relation.rows == 0:
        raise NothingPossible
    codes = relation.codes(onto, cards)
    distinct = codes[segment_firsts(codes)]
    if len(distinct) == _space(onto, cards):
        return None
    return Relation.of(onto, distinct.astype(np.int64), cards)


def segment_firsts(codes: Codes) -> npt.NDArray[np.intp]:
    """Where a new code begins, in codes that never fall."""
    return np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]])[: len(codes)])


def support(scope: Sequence[int], relations: Sequence[Relation], cards: Sequence[int], most_rows: int) -> Relation:
    """The join of the relations and of everything else in the scope, rows in order of the scope's codes."""
    space = _space(scope, cards)
    if not relations:
        _check(space, most_rows)
        return _everything(scope, cards)
    if space <= MASKED:
        return _masked(scope, relations, cards, most_rows)
    waiting = sorted(relations, key=lambda r: (r.rows / _space(r.scope, cards), r.scope))
    found = Relation((), (), ())
    while waiting:
        best = min(waiting, key=lambda r: (_growth(found, r, cards), r.scope))
        waiting = [r for r in waiting if r is not best]
        found = _join(found, best, cards, most_rows)
    free = tuple(v for v in scope if v not in found.scope)
    if free:
        _check(_space(free, cards) * found.rows, most_rows)
        found = _join(found, _everything(free, cards), cards, most_rows)
    codes = found.codes(scope, cards).astype(np.int64)
    codes.sort()
    return Relation.of(scope, codes, cards)


def _masked(scope: Sequence[int], relations: Sequence[Relation], cards: Sequence[int], most_rows: int) -> Relation:
    """The same by a mask that grows with the variables spoken of: large only when it has to be."""
    waiting, known = list(relations), set[int]()
    mask = np.ones([1] * len(scope), dtype=bool)
    while waiting:
        best = min(waiting, key=lambda r: (_space([v for v in r.scope if v not in known], cards), r.scope))
        waiting = [r for r in waiting if r is not best]
        known.update(best.scope)
        mask = _both(mask, _spread(best, scope, cards))
    mask = np.broadcast_to(mask, [cards[v] for v in scope])
    _check(int(np.count_nonzero(mask)), most_rows)
    return Relation.of(scope, np.flatnonzero(mask), cards)


def _everything(scope: Sequence[int], cards: Sequence[int]) -> Relation:
    groups = tuple(_groups(scope, cards))
    spaces = [_space(group, cards) for group in groups]
    own = [np.arange(space).astype(_digit_type(space)) for space in spaces]
    shaped = [np.expand_dims(d, tuple(k for k in range(len(own)) if k != i)) for i, d in enumerate(own)]
    return Relation(tuple(scope), groups, tuple(np.broadcast_to(d, spaces).ravel() for d in shaped))


def _both(mask: Bools, other: Bools) -> Bools:
    if all(a == b or b == 1 for a, b in zip(mask.shape, other.shape, strict=True)):
        mask &= other
        return mask
    return mask & other


def _spread(relation: Relation, scope: Sequence[int], cards: Sequence[int]) -> Bools:
    """True for its rows; one axis for each variable of the scope, of length 1 where it does not speak of it."""
    own = [v for v in scope if v in relation.scope]
    flat = np.zeros(_space(own, cards), dtype=bool)
    flat[relation.codes(own, cards)] = True
    return flat.reshape([cards[v] if v in own else 1 for v in scope])


def _space(variables: Sequence[int], cards: Sequence[int]) -> int:
    return math.prod(cards[v] for v in variables)


def _growth(found: Relation, other: Relation, cards: Sequence[int]) -> float:
    """Rows that joining would make for each row there is, were the states independent."""
    return other.rows / _space([v for v in other.scope if v in found.scope], cards)


def _join(left: Relation, right: Relation, cards: Sequence[int], most_rows: int) -> Relation:
    shared = [v for v in right.scope if v in left.scope]
    added = [v for v in right.scope if v not in left.scope]
    key_left, key_right = left.codes(shared, cards), right.codes(shared, cards)
    order = np.argsort(key_right, kind="stable")
    first = np.searchsorted(key_right[order], key_left, side="left")
    count = np.searchsorted(key_right[order], key_left, side="right") - first
    rows = int(count.sum())
    _check(rows, most_rows)
    step = np.arange(rows) - np.repeat(np.cumsum(count) - count, count)
    from_right = order[np.repeat(first, count) + step]
    new = Relation.of(added, right.codes(added, cards).astype(np.int64), cards)
    digits = (*(np.repeat(d, count) for d in left.digits), *(d[from_right] for d in new.digits))
    return Relation((*left.scope, *added), (*left.groups, *new.groups), digits)


def _check(rows: float, most_rows: int) -> None:
    if rows > most_rows:
        raise too_large(rows, most_rows)


def too_large(rows: float, most_rows: int) -> TooLarge:
    return TooLarge(
        f"a clique of {rows:,.0f} entries, more than the {most_rows:,} that the memory limit allows",
        remedy="Raise the limit, or ask with more findings observed.",
    )


class Places:
    """Where a code stands among distinct ones, which are sorted; -1 where it is none of them."""

    def __init__(self, distinct: Codes, space: int) -> None:
        self.distinct = distinct
        self.full = len(distinct) == space
        self.table: npt.NDArray[np.int32] | None = None
        if not self.full and space <= LOOKUP:
            self.table = np.full(space, -1, dtype=np.int32)
            self.table[distinct] = np.arange(len(distinct), dtype=np.int32)

    def of(self, codes: Codes) -> npt.NDArray[np.int32]:
        if self.full:
            return codes.astype(np.int32, copy=False)
        if self.table is not None:
            return self.table.take(codes)
        place = np.minimum(np.searchsorted(self.distinct, codes), len(self.distinct) - 1)
        return np.where(self.distinct[place] == codes, place, -1).astype(np.int32)


def distinct_codes(codes: Codes, space: int) -> Codes:
    """The distinct ones of some codes in any order, sorted."""
    if space > LOOKUP:
        return np.unique(codes)
    present = np.zeros(space, dtype=bool)
    present[codes] = True
    return np.flatnonzero(present)
