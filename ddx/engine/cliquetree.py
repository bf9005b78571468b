"""From factors and elimination orders to the flat arrays of a `Structure`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.factors import Factors
from ddx.engine.skeleton import Skeleton, skeleton_of
from ddx.engine.structure import Structure
from ddx.engine.supports import (
    NothingPossible,
    Places,
    Relation,
    distinct_codes,
    possible,
    projected,
    segment_firsts,
    support,
    too_large,
)
from ddx.errors import TooLarge

BYTES_AN_ENTRY = 64  # potential, working copy, index maps
UNCALIBRATED = 4  # times the entries allowed may be there while those are found that are possible
COMPRESSIBLE = 64  # a tree of so many times the entries allowed may still fit once the impossible ones are gone
TRIED_ENTRIES = 30_000_000  # of the trees of several orders


def most_planned(limit_bytes: int) -> float:
    """Entries, the impossible ones counted, beyond which it is not worth looking for the possible ones."""
    return COMPRESSIBLE * limit_bytes / BYTES_AN_ENTRY


def build(found: Factors, orders: Sequence[Sequence[int]], visible: int, limit_bytes: int) -> Structure:
    """The structure with its tables; potentials are zeros until they are multiplied and calibrated.

    Of several elimination orders, the one that leaves the fewest possible entries; those that come late are not
    tried once TRIED_ENTRIES have been looked at. TooLarge where none fits.
    """
    most = limit_bytes // BYTES_AN_ENTRY
    best: tuple[int, Skeleton, _Supports] | None = None
    fault: TooLarge | None = None
    tried, excluding = 0, _Excluding(found)
    for order in orders if excluding.of_variable else orders[:1]:
        skeleton = skeleton_of(found, order)
        try:
            supports = _supports(skeleton, excluding, most)
        except TooLarge as caught:
            fault, rows = fault or caught, most
        else:
            rows = sum(r.rows for r in supports.rows)
            if best is None or rows < best[0]:
                best = rows, skeleton, supports
        tried += rows
        if tried > TRIED_ENTRIES:
            break
    if best is None:
        assert fault is not None
        raise fault
    return _structure(best[1], best[2], found, visible)


def treeless(found: Factors, visible: int) -> Structure:
    """A structure with the tables of a network and no clique."""
    node_start = _starts([found.cards[v] for v in range(visible)])
    none, no_start = np.empty(0, dtype=np.int32), np.zeros(1, dtype=np.int64)
    return Structure(
        node_start=node_start,
        entry_start=no_start,
        level_start=no_start,
        parent=none,
        message_start=node_start[-1:],
        segment_start=no_start,
        input_count=none,
        map_start=no_start,
        maps=none,
        node_clique=none,
        node_input=none,
        child_input=none,
        factor_clique=none,
        factor_start=_starts([f.values.size for f in found.factors]),
        factor_map_start=no_start,
        factor_maps=none,
        tables=np.concatenate([f.values.ravel() for f in found.factors]),
        potentials=np.empty(0),
    )


@dataclass(frozen=True, slots=True)
class _Supports:
    """The possible rows of every clique, and how they hang together."""

    rows: list[Relation]
    firsts: list[npt.NDArray[np.intp]]  # where each configuration of its separator begins
    in_parent: list[npt.NDArray[np.int32]]  # of each row of its parent: which configuration of its separator


def _supports(skeleton: Skeleton, excluding: _Excluding, most_rows: int) -> _Supports:
    """The possible rows of every clique, calibrated."""
    cards = excluding.cards
    sizes = [math.prod(cards[v] for v in scope) for scope in skeleton.scopes]
    if max(sizes) >= 1 << 62:
        raise too_large(float(max(sizes)), most_rows)
    upward = _upward(skeleton, excluding, most_rows)
    calibrated = _Supports(upward, [np.zeros(1, dtype=np.intp)], [np.empty(0, dtype=np.int32)])
    for c in range(1, len(upward)):
        shared, parent = skeleton.separators[c], skeleton.parent[c]
        space = math.prod(cards[v] for v in shared)
        above = upward[parent].codes(shared, cards)
        places = Places(distinct_codes(above, space), space)
        own = upward[c].codes(shared, cards)
        if not places.full:
            kept = places.of(own) >= 0
            upward[c], own = upward[c].keep(kept), own[kept]
        calibrated.firsts.append(segment_firsts(own))
        calibrated.in_parent.append(places.of(above))
    if any(r.rows == 0 for r in upward):
        raise NothingPossible
    if (rows := sum(r.rows for r in upward)) > most_rows:
        raise too_large(rows, most_rows)
    return calibrated


class _Excluding:
    """The factors with zeros: which rows each leaves possible within a clique."""

    def __init__(self, found: Factors) -> None:
        self.cards = found.cards
        self.of_variable: dict[int, list[int]] = {}
        self._factors = found.factors
        self._known: dict[tuple[int, tuple[int, ...]], Relation | None] = {}
        for f, factor in enumerate(found.factors):
            for v in () if factor.values.all() else factor.scope:
                self.of_variable.setdefault(v, []).append(f)

    def within(self, scope: Sequence[int]) -> list[Relation]:
        """What the factors that touch a clique leave possible of it."""
        members = set(scope)
        near = sorted({f for v in scope for f in self.of_variable.get(v, ())})
        parts = (self._part(f, tuple(v for v in self._factors[f].scope if v in members)) for f in near)
        return [part for part in parts if part is not None]

    def _part(self, f: int, kept: tuple[int, ...]) -> Relation | None:
        if (f, kept) not in self._known:
            self._known[f, kept] = possible(self._factors[f].scope, self._factors[f].values, set(kept), self.cards)
        return self._known[f, kept]


def _upward(skeleton: Skeleton, excluding: _Excluding, most_rows: int) -> list[Relation]:
    """The rows of every clique that its factors and everything below it leave possible."""
    cards = excluding.cards
    relations: list[Relation] = []
    below: list[list[Relation]] = [[] for _ in skeleton.scopes]  # what the children of a clique leave possible
    left = UNCALIBRATED * most_rows
    for c in range(len(skeleton.scopes) - 1, -1, -1):
        scope = skeleton.scopes[c]
        relations.append(support(scope, [*excluding.within(scope), *below[c]], cards, min(left, most_rows)))
        left -= relations[-1].rows
        shadow = projected(relations[-1], skeleton.separators[c], cards) if c else None
        if shadow is not None:
            below[skeleton.parent[c]].append(shadow)
        below[c] = []
    return relations[::-1]


def _structure(skeleton: Skeleton, supports: _Supports, found: Factors, visible: int) -> Structure:
    cards = found.cards
    node_start = _starts([cards[v] for v in range(visible)])
    message_start = _starts([len(f) for f in supports.firsts], int(node_start[-1]))
    entry_start = _starts([s.rows for s in supports.rows])
    segment_start = np.concatenate([*(f + entry_start[c] for c, f in enumerate(supports.firsts)), entry_start[-1:]])
    inputs = _Inputs(skeleton, visible)
    map_start = _starts([rows.rows * count for rows, count in zip(supports.rows, inputs.count, strict=True)])
    maps = np.empty(int(map_start[-1]), dtype=np.int32)
    for c, rows in enumerate(supports.rows):
        block = maps[map_start[c] : map_start[c + 1]].reshape(rows.rows, inputs.count[c])
        for k, v in enumerate(inputs.nodes[c]):
            block[:, k] = rows.codes((v,), cards) + node_start[v]
        for k, child in enumerate(inputs.children[c], start=len(inputs.nodes[c])):
            block[:, k] = supports.in_parent[child] + message_start[child]
            supports.in_parent[child] = np.empty(0, dtype=np.int32)
    factor_maps, factor_map_start, factor_start = _factor_maps(skeleton, supports.rows, found)
    return Structure(
        node_start=node_start,
        entry_start=entry_start,
        level_start=_starts(np.bincount(skeleton.depth).tolist()),
        parent=np.array(skeleton.parent, dtype=np.int32),
        message_start=message_start,
        segment_start=segment_start,
        input_count=np.array(inputs.count, dtype=np.int32),
        map_start=map_start,
        maps=maps,
        node_clique=np.array([skeleton.host[v] for v in range(visible)], dtype=np.int32),
        node_input=np.array([inputs.nodes[skeleton.host[v]].index(v) for v in range(visible)], dtype=np.int32),
        child_input=np.array(inputs.of_child, dtype=np.int32),
        factor_clique=np.array(skeleton.factor_host, dtype=np.int32),
        factor_start=factor_start,
        factor_map_start=factor_map_start,
        factor_maps=factor_maps,
        tables=np.concatenate([f.values.ravel() for f in found.factors]),
        potentials=np.zeros(int(entry_start[-1])),
    )


class _Inputs:
    """What each clique multiplies: the visible nodes that it hosts, then its children."""

    def __init__(self, skeleton: Skeleton, visible: int) -> None:
        self.nodes: list[list[int]] = [[] for _ in skeleton.scopes]
        self.children: list[list[int]] = [[] for _ in skeleton.scopes]
        for v in range(visible):
            self.nodes[skeleton.host[v]].append(v)
        for c in range(1, len(skeleton.parent)):
            self.children[skeleton.parent[c]].append(c)
        self.count = [len(n) + len(k) for n, k in zip(self.nodes, self.children, strict=True)]
        self.of_child = [-1] * len(skeleton.parent)
        for n, children in zip(self.nodes, self.children, strict=True):
            for k, child in enumerate(children):
                self.of_child[child] = len(n) + k


def _factor_maps(
    skeleton: Skeleton, supports: Sequence[Relation], found: Factors
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Factor maps, where each begins, and where each factor begins in the tables."""
    starts = _starts([f.values.size for f in found.factors])
    map_start = _starts([supports[host].rows for host in skeleton.factor_host])
    maps = np.empty(int(map_start[-1]), dtype=np.int32)
    for f, factor in enumerate(found.factors):
        codes = supports[skeleton.factor_host[f]].codes(factor.scope, found.cards)
        np.add(codes, starts[f], out=maps[map_start[f] : map_start[f + 1]], casting="unsafe")
    return maps, map_start, starts


def _starts(counts: Sequence[int], first: int = 0) -> npt.NDArray[np.int64]:
    return np.concatenate([[first], first + np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
