"""From factors and an elimination order to the flat arrays of a `Structure`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.branches import relieved
from ddx.engine.factors import Factors, scopes
from ddx.engine.structure import Structure
from ddx.engine.supports import NothingPossible, Places, Relation, possible, projected, support, too_large
from ddx.engine.triangulate import bits, cliques_of, moral_graph

BYTES_AN_ENTRY = 64  # potential, working copy, index maps
SHALLOW = 20_000  # entries: below it a tree is rooted where it is shallowest, above it at its biggest clique


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A rooted clique tree without numbers; cliques level by level, each with its variables [separator | rest]."""

    scopes: tuple[tuple[int, ...], ...]
    separators: tuple[tuple[int, ...], ...]
    parent: tuple[int, ...]
    depth: tuple[int, ...]
    host: dict[int, int]  # variable -> the smallest clique that holds it
    factor_host: tuple[int, ...]


def build(found: Factors, order: Sequence[int], visible: int, limit_bytes: int) -> Structure:
    """The structure with its tables; potentials are zeros until they are multiplied and calibrated."""
    skeleton = skeleton_of(found, order)
    supports = _supports(skeleton, found, limit_bytes // BYTES_AN_ENTRY)
    return _structure(skeleton, supports, found, visible)


def skeleton_of(found: Factors, order: Sequence[int]) -> Skeleton:
    cards = found.cards
    sets = cliques_of(moral_graph(cards, scopes(found)), order)
    sizes = [math.prod(cards[v] for v in bits(c)) for c in sets]
    neighbours = _spanning_tree(sets, sizes)
    root = _centre(neighbours, sizes) if sum(sizes) <= SHALLOW else max(range(len(sets)), key=lambda c: (sizes[c], -c))
    sets, relieved_parents = relieved(sets, _walk(neighbours, root)[0], cards)
    sizes = [math.prod(cards[v] for v in bits(c)) for c in sets]
    parents, depths = _walk(_neighbours(relieved_parents), root)
    host = {v: _smallest_holder(1 << v, sets, sizes) for v in range(len(cards))}
    holders = [_smallest_holder(sum(1 << v for v in scope), sets, sizes) for scope in scopes(found)]
    inputs = Counter([parents[c] for c in parents if c != root] + list(host.values()))
    ranked = sorted(parents, key=lambda c: (depths[c], -inputs[c], parents[c], c))
    number = {c: i for i, c in enumerate(ranked)}
    all_scopes, separators = [], []
    for c in ranked:
        shared = bits(sets[c] & sets[parents[c]]) if c != root else []
        separators.append(tuple(shared))
        all_scopes.append((*shared, *(v for v in bits(sets[c]) if v not in shared)))
    return Skeleton(
        tuple(all_scopes),
        tuple(separators),
        tuple(-1 if c == root else number[parents[c]] for c in ranked),
        tuple(depths[c] for c in ranked),
        {v: number[c] for v, c in host.items()},
        tuple(number[c] for c in holders),
    )


def _smallest_holder(mask: int, sets: Sequence[int], sizes: Sequence[int]) -> int:
    return min((c for c in range(len(sets)) if mask & ~sets[c] == 0), key=lambda c: (sizes[c], c))


def _spanning_tree(sets: Sequence[int], sizes: Sequence[int]) -> list[list[int]]:
    """A maximum spanning tree by separator size (Prim), which is a clique tree."""
    neighbours: list[list[int]] = [[] for _ in sets]
    start = max(range(len(sets)), key=lambda c: (sizes[c], -c))
    best = {c: ((sets[c] & sets[start]).bit_count(), start) for c in range(len(sets)) if c != start}
    depth = {start: 0}
    while best:
        c = max(best, key=lambda k: (best[k][0], -sizes[k], -k))
        _, other = best.pop(c)
        depth[c] = depth[other] + 1
        neighbours[c].append(other)
        neighbours[other].append(c)
        for k, (weight, now) in best.items():
            shared = (sets[c] & sets[k]).bit_count()
            if shared > weight or (shared == weight and depth[c] < depth[now]):
                best[k] = shared, c
    return neighbours


def _walk(neighbours: Sequence[Sequence[int]], root: int) -> tuple[dict[int, int], dict[int, int]]:
    parents, depths = {root: root}, {root: 0}
    queue = [root]
    for c in queue:
        for k in sorted(neighbours[c]):
            if k not in parents:
                parents[k], depths[k] = c, depths[c] + 1
                queue.append(k)
    return parents, depths


def _neighbours(parents: Mapping[int, int]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in parents]
    for c, above in parents.items():
        if above != c:
            found[c].append(above)
            found[above].append(c)
    return found


def _centre(neighbours: Sequence[Sequence[int]], sizes: Sequence[int]) -> int:
    """A clique from which the farthest is nearest, the bigger one of two."""
    depths = _walk(neighbours, 0)[1]
    end = max(depths, key=lambda c: (depths[c], -c))
    parents, depths = _walk(neighbours, end)
    last = max(depths, key=lambda c: (depths[c], -c))
    path = [last]
    while path[-1] != end:
        path.append(parents[path[-1]])
    middle = {path[(len(path) - 1) // 2], path[len(path) // 2]}
    return max(middle, key=lambda c: (sizes[c], -c))


def _supports(skeleton: Skeleton, found: Factors, most_rows: int) -> list[Relation]:
    """The possible rows of every clique, calibrated."""
    cards = found.cards
    sizes = [math.prod(cards[v] for v in scope) for scope in skeleton.scopes]
    if max(sizes) >= 1 << 62:
        raise too_large(float(max(sizes)), most_rows)
    by_variable: dict[int, list[int]] = {}
    informative = [f for f in range(len(found.factors)) if not found.factors[f].values.all()]
    for f in informative:
        for v in found.factors[f].scope:
            by_variable.setdefault(v, []).append(f)
    relations: list[Relation] = []
    below: list[list[Relation]] = [[] for _ in skeleton.scopes]  # what the children of a clique leave possible
    for c in range(len(skeleton.scopes) - 1, -1, -1):
        scope = skeleton.scopes[c]
        near = sorted({f for v in scope for f in by_variable.get(v, ())})
        parts = [possible(found.factors[f].scope, found.factors[f].values, set(scope), cards) for f in near]
        relations.append(support(scope, [*(p for p in parts if p is not None), *below[c]], cards, most_rows))
        shadow = projected(relations[-1], skeleton.separators[c], cards) if c else None
        if shadow is not None:
            below[skeleton.parent[c]].append(shadow)
        below[c] = []
    relations.reverse()
    _calibrate(skeleton, relations, cards)
    if any(r.rows == 0 for r in relations):
        raise NothingPossible
    if sum(r.rows for r in relations) > most_rows:
        raise too_large(sum(r.rows for r in relations), most_rows)
    return relations


def _calibrate(skeleton: Skeleton, relations: list[Relation], cards: Sequence[int]) -> None:
    count = len(relations)
    for c in range(count - 1, 0, -1):
        _reduce(relations, skeleton.parent[c], c, skeleton.separators[c], cards)
    for c in range(1, count):
        _reduce(relations, c, skeleton.parent[c], skeleton.separators[c], cards)


def _reduce(relations: list[Relation], at: int, by: int, shared: tuple[int, ...], cards: Sequence[int]) -> None:
    """Keep the rows of one clique whose shared part some row of the other has."""
    space = math.prod(cards[v] for v in shared)
    places = Places(relations[by].codes(shared, cards), space)
    if len(places.distinct) < space:
        relations[at] = relations[at].keep(places.of(relations[at].codes(shared, cards)) >= 0)


def _structure(skeleton: Skeleton, supports: Sequence[Relation], found: Factors, visible: int) -> Structure:
    cards = found.cards
    node_start = _starts([cards[v] for v in range(visible)])
    separator_codes = [s.codes(skeleton.separators[c], cards) for c, s in enumerate(supports)]
    firsts = [_segment_firsts(codes) for codes in separator_codes]
    message_start = _starts([len(f) for f in firsts], int(node_start[-1]))
    entry_start = _starts([s.rows for s in supports])
    segment_start = np.concatenate([*(f + entry_start[c] for c, f in enumerate(firsts)), entry_start[-1:]])
    inputs = _Inputs(skeleton, visible)
    blocks = []
    for c, rows in enumerate(supports):
        block = np.empty((rows.rows, inputs.count[c]), dtype=np.int32)
        for k, v in enumerate(inputs.nodes[c]):
            block[:, k] = rows.columns[rows.scope.index(v)] + node_start[v]
        for k, child in enumerate(inputs.children[c], start=len(inputs.nodes[c])):
            shared = skeleton.separators[child]
            places = Places(separator_codes[child], math.prod(cards[v] for v in shared))
            block[:, k] = places.of(rows.codes(shared, cards)) + message_start[child]
        blocks.append(block.ravel())
    factor_maps, factor_start = _factor_maps(skeleton, supports, found)
    return Structure(
        node_start=node_start,
        entry_start=entry_start,
        level_start=_starts(np.bincount(skeleton.depth).tolist()),
        parent=np.array(skeleton.parent, dtype=np.int32),
        message_start=message_start,
        segment_start=segment_start,
        input_count=np.array(inputs.count, dtype=np.int32),
        map_start=_starts([len(b) for b in blocks]),
        maps=_joined(blocks),
        node_clique=np.array([skeleton.host[v] for v in range(visible)], dtype=np.int32),
        node_input=np.array([inputs.nodes[skeleton.host[v]].index(v) for v in range(visible)], dtype=np.int32),
        child_input=np.array(inputs.of_child, dtype=np.int32),
        factor_clique=np.array(skeleton.factor_host, dtype=np.int32),
        factor_start=factor_start,
        factor_map_start=_starts([len(m) for m in factor_maps]),
        factor_maps=_joined(factor_maps),
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
) -> tuple[list[npt.NDArray[np.int32]], npt.NDArray[np.int64]]:
    starts = _starts([f.values.size for f in found.factors])
    maps = []
    for f, factor in enumerate(found.factors):
        codes = supports[skeleton.factor_host[f]].codes(factor.scope, found.cards)
        maps.append((codes + starts[f]).astype(np.int32))
    return maps, starts


def _segment_firsts(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))


def _starts(counts: Sequence[int], first: int = 0) -> npt.NDArray[np.int64]:
    return np.concatenate([[first], first + np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _joined(parts: Sequence[npt.NDArray[np.int32]]) -> npt.NDArray[np.int32]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int32)
