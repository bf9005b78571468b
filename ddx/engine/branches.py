"""Cliques put between a large clique and its many children, so that its entries are read fewer times.

A clique multiplies one message for each of its children, entry by entry. Where two of the children share few
variables, a clique of just these variables takes both messages and hands on one (Shenoy 1997). Nothing is counted
twice or left out: the tree stays a clique tree, since what is put in is part of the clique above it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence

from ddx.engine.triangulate import bits

LARGE = 256  # entries of a clique that is worth relieving; below it a deeper tree costs more than it saves
READS = 3  # what an entry that is put in costs, in reads of an entry above it


def relieved(sets: Sequence[int], parents: Mapping[int, int], cards: Sequence[int]) -> tuple[list[int], dict[int, int]]:
    """All cliques (bit sets of variables), old ones first, and the parent of each; the root is its own parent."""
    tree = _Tree(sets, parents, cards)
    waiting = list(parents)
    for c in waiting:
        if tree.size(tree.sets[c]) >= LARGE:
            waiting += tree.relieve(c)
    return tree.sets, tree.parents


class _Tree:
    """The tree while it is changed."""

    def __init__(self, sets: Sequence[int], parents: Mapping[int, int], cards: Sequence[int]) -> None:
        self.sets = list(sets)
        self.parents = dict(parents)
        self.cards = cards
        self._sizes: dict[int, int] = {}

    def size(self, mask: int) -> int:
        if mask not in self._sizes:
            self._sizes[mask] = math.prod(self.cards[v] for v in bits(mask))
        return self._sizes[mask]

    def relieve(self, c: int) -> list[int]:
        """Join the children of a clique, the pair with the smallest union first; the cliques put in."""
        shared = {k: self.sets[k] & self.sets[c] for k, above in self.parents.items() if above == c and k != c}
        most = self.size(self.sets[c]) // READS
        pairs: list[tuple[int, int, int]] = []
        put_in: list[int] = []
        for k in list(shared):
            self._offer(pairs, shared, k, most)
        while pairs:
            _, a, b = heapq.heappop(pairs)
            if a not in shared or b not in shared:
                continue
            union = shared[a] | shared[b]
            above = next((k for k in (a, b) if self._holds(k, shared[k], union)), None)
            if above is not None:
                below = b if above == a else a
                self.parents[below] = above
                del shared[below]
                continue
            fresh = len(self.sets)
            self.sets.append(union)
            self.parents[fresh] = c
            for k in (a, b):
                self.parents[k] = fresh
                del shared[k]
            shared[fresh] = union
            put_in.append(fresh)
            self._offer(pairs, shared, fresh, most)
        return put_in

    def _holds(self, k: int, shared: int, union: int) -> bool:
        """Whether a child can take another one's message by itself."""
        return shared == union and self.size(self.sets[k]) <= READS * self.size(union)

    def _offer(self, pairs: list[tuple[int, int, int]], shared: Mapping[int, int], k: int, most: int) -> None:
        for other, mask in shared.items():
            if other < k and (size := self.size(mask | shared[k])) <= most:
                heapq.heappush(pairs, (size, other, k))
