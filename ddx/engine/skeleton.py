"""A rooted clique tree without numbers."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ddx.engine.branches import relieved
from ddx.engine.factors import Factors, scopes
from ddx.engine.triangulate import bits, cliques_of, moral_graph

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


def skeleton_of(found: Factors, order: Sequence[int]) -> Skeleton:
    """The tree of the maximal cliques that an elimination order makes."""
    cards = found.cards
    sets = cliques_of(moral_graph(cards, scopes(found)), order)
    sizes = [math.prod(cards[v] for v in bits(c)) for c in sets]
    neighbours = _spanning_tree(sets, sizes)
    root = _centre(neighbours, sizes) if sum(sizes) <= SHALLOW else max(range(len(sets)), key=lambda c: (sizes[c], -c))
    sets, relieved_parents = relieved(sets, _walk(neighbours, root)[0], cards)
    sizes = [math.prod(cards[v] for v in bits(c)) for c in sets]
    parents, depths = _walk(_neighbours(relieved_parents), root)
    smallest = _Holders(sets, sizes).smallest
    host = {v: smallest((v,)) for v in range(len(cards))}
    holders = [smallest(scope) for scope in scopes(found)]
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


class _Holders:
    """The smallest clique that holds some variables."""

    def __init__(self, sets: Sequence[int], sizes: Sequence[int]) -> None:
        self.sets = sets
        self.of_variable: dict[int, list[int]] = {}
        for c in sorted(range(len(sets)), key=lambda c: (sizes[c], c)):
            for v in bits(sets[c]):
                self.of_variable.setdefault(v, []).append(c)

    def smallest(self, variables: Sequence[int]) -> int:
        if not variables:
            return min(own[0] for own in self.of_variable.values())
        mask = sum(1 << v for v in variables)
        fewest = min((self.of_variable[v] for v in variables), key=len)
        return next(c for c in fewest if not mask & ~self.sets[c])


def _spanning_tree(sets: Sequence[int], sizes: Sequence[int]) -> list[list[int]]:
    """A maximum spanning tree by separator size (Prim), which is a clique tree.

    Of equal separators the smaller clique goes first, to the shallower neighbour.
    """
    neighbours: list[list[int]] = [[] for _ in sets]
    holders: dict[int, list[int]] = {}
    for c, clique in enumerate(sets):
        for v in bits(clique):
            holders.setdefault(v, []).append(c)
    start = max(range(len(sets)), key=lambda c: (sizes[c], -c))
    best = dict.fromkeys(range(len(sets)), (0, start))  # what is still to be joined: by how many variables, to which
    heap = [(0, sizes[c], c) for c in best if c != start]
    heapq.heapify(heap)
    depth, c = {start: 0}, start
    del best[start]
    while True:
        for k in {k for v in bits(sets[c]) for k in holders[v] if k in best}:
            weight, now = best[k]
            shared = (sets[c] & sets[k]).bit_count()
            if shared > weight or (shared == weight and depth[c] < depth[now]):
                best[k] = shared, c
                heapq.heappush(heap, (-shared, sizes[k], k))
        if not best:
            return neighbours
        while heap[0][2] not in best:
            heapq.heappop(heap)
        c = heapq.heappop(heap)[2]
        _, other = best.pop(c)
        depth[c] = depth[other] + 1
        neighbours[c].append(other)
        neighbours[other].append(c)


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
