"""Assignments of some variables in order of their weight, the heaviest first.

Best-first search, where what is still open is bounded by max-product bucket elimination (Dechter 1999). As the
buckets are exact, the bound of a partial assignment is the weight of its best completion, and none is looked at in
vain.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddx.engine.elimination import Dense, check_size, size_of, spread

Floats = npt.NDArray[np.float64]


def logs_of(factors: Sequence[Dense]) -> tuple[list[Dense], float]:
    """The logarithms of the factors, and the sum of those that depend on nothing."""
    with np.errstate(divide="ignore"):
        logs = [Dense(f.scope, np.log(f.values)) for f in factors]
    return [f for f in logs if f.scope], float(sum(float(f.values) for f in logs if not f.scope))


def heaviest(
    logs: Sequence[Dense], variables: Sequence[int], cards: Mapping[int, int]
) -> Iterator[tuple[float, dict[int, int]]]:
    """(log weight, value of every variable), heaviest first; assignments of weight 0 never come."""
    buckets, best = _buckets(logs, variables, cards)
    if not math.isfinite(best):
        return
    buckets.reverse()  # what was eliminated last is chosen first
    position = {b.variable: k for k, b in enumerate(buckets)}
    contexts = [tuple(position[u] for u in b.context) for b in buckets]
    ticket = 0
    heap: list[tuple[float, int, tuple[int, ...]]] = [(-best, 0, ())]
    while heap:
        bound, _, picked = heapq.heappop(heap)
        while len(picked) < len(buckets):
            k = len(picked)
            row = buckets[k].values[tuple(picked[i] for i in contexts[k])].tolist()
            top = max(row)
            first = row.index(top)
            for value, score in enumerate(row):
                if value != first and score > -math.inf:
                    ticket += 1
                    heapq.heappush(heap, (bound + top - score, ticket, (*picked, value)))
            picked = (*picked, first)
        yield -bound, {b.variable: value for b, value in zip(buckets, picked, strict=True)}


class _Bucket(NamedTuple):
    """log weights of a variable given its context, once everything eliminated before it has its best value."""

    variable: int
    context: tuple[int, ...]
    values: Floats  # axes (context ..., variable)


def _buckets(logs: Sequence[Dense], variables: Sequence[int], cards: Mapping[int, int]) -> tuple[list[_Bucket], float]:
    """Buckets in order of elimination, and the log weight of the best assignment."""
    left, waiting, best = list(logs), set(variables), 0.0
    found: list[_Bucket] = []
    while waiting:
        v = min(waiting, key=lambda u: (size_of({w for f in left if u in f.scope for w in f.scope}, cards), u))
        waiting.discard(v)
        touching = [f for f in left if v in f.scope]
        scope = tuple(sorted({v, *(u for f in touching for u in f.scope)}))
        check_size(scope, cards)
        joint = np.zeros([cards[u] for u in scope])
        for f in touching:
            joint += spread(f, scope)
        context = tuple(u for u in scope if u != v)
        found.append(_Bucket(v, context, np.moveaxis(joint, scope.index(v), -1)))
        rest = joint.max(axis=scope.index(v))
        left = [f for f in left if v not in f.scope]
        if context:
            left.append(Dense(context, rest))
        else:
            best += float(rest)
    return found, best
