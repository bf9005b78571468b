"""Dense factors: sliced by what was observed, multiplied, summed out one variable at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddx.engine.structure import Parts
from ddx.errors import TooLarge

Floats = npt.NDArray[np.float64]
LARGEST_FACTOR = 1 << 24  # entries


class Dense(NamedTuple):
    """Numbers over some variables, one axis each, in order of the scope (ascending ids)."""

    scope: tuple[int, ...]
    values: Floats


def sliced_factors(parts: Parts, likelihood: Floats, kept: Iterable[int]) -> list[Dense]:
    """The factors of P(all variables, evidence) without observed and barren variables.

    A node whose likelihood leaves one state is observed: its axis is gone, its likelihood a factor. A node that was not
    observed, is not `kept` and has no children left adds nothing and is left out, again and again.
    """
    lanes = [likelihood[first:last] for first, last in pairwise(parts.node_start)]
    fixed = {v: int(np.argmax(lane)) for v, lane in enumerate(lanes) if np.count_nonzero(lane) == 1}
    said = {v for v, lane in enumerate(lanes) if (lane != 1.0).any()}
    found = [_unary(v, lanes[v], fixed) for v in sorted(said)]
    for f in relevant_factors(parts.scopes, said | set(kept)):
        found.append(sliced(parts.scopes[f], parts.table(f), fixed))
    return found


def relevant_factors(scopes: Sequence[tuple[int, ...]], wanted: set[int]) -> list[int]:
    """The factors of the wanted variables and their ancestors. The last variable of a scope is the child."""
    of_child = {scope[-1]: f for f, scope in enumerate(scopes)}
    needed, waiting = set(wanted), list(wanted)
    while waiting:
        for v in scopes[of_child[waiting.pop()]]:
            if v not in needed:
                needed.add(v)
                waiting.append(v)
    return sorted(of_child[v] for v in needed)


def _unary(v: int, lane: Floats, fixed: Mapping[int, int]) -> Dense:
    return Dense((), np.asarray(lane[fixed[v]])) if v in fixed else Dense((v,), lane)


def sliced(scope: tuple[int, ...], values: Floats, fixed: Mapping[int, int]) -> Dense:
    """A table without the axes of variables whose state is fixed, the others in order of their ids."""
    picked = values[tuple(fixed.get(v, slice(None)) for v in scope)]
    left = [v for v in scope if v not in fixed]
    order = sorted(range(len(left)), key=left.__getitem__)
    return Dense(tuple(sorted(left)), np.transpose(picked, order))


def sum_out(factors: list[Dense], variables: Iterable[int], cards: Mapping[int, int]) -> list[Dense]:
    """The factors with some variables summed out, always the one next whose product is smallest."""
    left, waiting = list(factors), set(variables)
    while waiting:
        v = min(waiting, key=lambda u: (size_of(_union(left, u), cards), u))
        waiting.discard(v)
        touching = [f for f in left if v in f.scope]
        if touching:
            scope = _union(touching, v)
            joint = multiplied(touching, scope, cards)
            left = [f for f in left if v not in f.scope]
            left.append(Dense(tuple(u for u in scope if u != v), joint.sum(axis=scope.index(v))))
    return left


def _union(factors: Iterable[Dense], v: int) -> tuple[int, ...]:
    return tuple(sorted({u for f in factors if v in f.scope for u in f.scope}))


def size_of(scope: Iterable[int], cards: Mapping[int, int]) -> int:
    return math.prod(cards[v] for v in scope)


def check_size(scope: tuple[int, ...], cards: Mapping[int, int]) -> None:
    """TooLarge where a factor over this scope must not be allocated."""
    size = size_of(scope, cards)
    if size > LARGEST_FACTOR:
        raise TooLarge(f"a factor of {size:,} entries, more than {LARGEST_FACTOR:,}", remedy="Observe more findings.")


def multiplied(factors: Sequence[Dense], scope: tuple[int, ...], cards: Mapping[int, int]) -> Floats:
    """The product over a scope that holds them all; TooLarge before it is allocated."""
    check_size(scope, cards)
    product = np.ones([cards[v] for v in scope])
    for factor in sorted(factors, key=lambda f: f.values.size):
        product *= spread(factor, scope)
    return product


def spread(factor: Dense, scope: tuple[int, ...]) -> Floats:
    """The values of a factor with axes of length 1 for what it does not speak of."""
    shape = [1] * len(scope)
    for axis, v in enumerate(factor.scope):
        shape[scope.index(v)] = factor.values.shape[axis]
    return factor.values.reshape(shape)
