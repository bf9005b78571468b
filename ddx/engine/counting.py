"""How many events are present at once? The exact distribution of their number, by a generating polynomial.

    P(N = n | e) = [z^n]  sum over the states x of P(x, e) prod over nodes v of z^(events present in x_v)  /  P(e)

Variables are summed out one by one, and every factor has one axis more than it has variables: how many events are
present among those that were summed out. Coefficients are never negative, so that nothing cancels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ddx.engine.elimination import LARGEST_FACTOR, Dense, size_of, spread
from ddx.engine.model import Model
from ddx.errors import TooLarge

Floats = npt.NDArray[np.float64]


def numbers_present(model: Model, factors: Sequence[Dense], events: Sequence[str]) -> tuple[float, ...]:
    """P(0, 1, 2, ... of the events are present | evidence), of possible evidence; empty where all factors are 0.

    `factors` are those of P(nodes, evidence) up to a constant, by the numbers of the nodes, and hold every node of an
    event with all of its states. Events that are states of one node exclude one another, or come together, as the
    states say. TooLarge, before it is allocated, where a factor would be.
    """
    cards, counts = dict(enumerate(model.parts.cards)), _counts(model, events)
    number = len(cards)  # stands for the axis of the number of events, the last one of every factor
    cards[number] = 1
    left = [Dense((*f.scope, number), f.values[..., None]) for f in factors]
    waiting = {v for f in factors for v in f.scope}
    while waiting:
        v = min(waiting, key=lambda u: (size_of(_union(left, u), cards), u))
        waiting.discard(v)
        scope = _union(left, v)
        joint = _product([f for f in left if v in f.scope], scope, cards)
        summed = _summed_out(joint, scope.index(v), counts.get(v, (0,) * cards[v]))
        left = [f for f in left if v not in f.scope]
        left.append(Dense(tuple(u for u in scope if u != v), summed / (summed.max() or 1.0)))
    whole = _product(left, (number,), cards)  # (events present + 1,)
    total = float(whole.sum())
    return tuple((whole / total).tolist()) if total > 0 else ()


def _counts(model: Model, events: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """For each node that an event speaks of, how many events are present in each of its states."""
    index = {node: v for v, node in enumerate(model.nodes)}
    found: dict[int, tuple[int, ...]] = {}
    for node in dict.fromkeys(model.events[event][0] for event in events):
        own = [model.events[event][1] for event in events if model.events[event][0] == node]
        found[index[node]] = tuple(sum(state in states for states in own) for state in model.states[node])
    return found


def _union(factors: Iterable[Dense], v: int) -> tuple[int, ...]:
    return tuple(sorted({u for f in factors if v in f.scope for u in f.scope}))


def _product(factors: Sequence[Dense], scope: Sequence[int], cards: Mapping[int, int]) -> Floats:
    """The product over a scope that holds them all: along the last axis, that of polynomials."""
    most = sum(f.values.shape[-1] - 1 for f in factors) + 1
    if size_of(scope, cards) * most > LARGEST_FACTOR:
        raise TooLarge(f"a factor of {size_of(scope, cards) * most:,} entries, more than {LARGEST_FACTOR:,}")
    product = np.ones([cards[v] for v in scope])
    for factor in sorted(factors, key=lambda f: f.values.size):
        product = _convolved(product, spread(factor, tuple(scope)))
    return product


def _convolved(one: Floats, other: Floats) -> Floats:
    """Products of polynomials, their coefficients along the last axis."""
    short, long = sorted((one, other), key=lambda values: values.shape[-1])
    terms = long.shape[-1]
    shape = np.broadcast_shapes(short.shape[:-1], long.shape[:-1])
    found = np.zeros((*shape, short.shape[-1] + terms - 1))
    for k in range(short.shape[-1]):
        found[..., k : k + terms] += short[..., k : k + 1] * long
    return found


def _summed_out(joint: Floats, axis: int, counts: Sequence[int]) -> Floats:
    """The sum over a variable; each of its states adds so many events to the number."""
    terms = joint.shape[-1]
    states = np.moveaxis(joint, axis, 0)  # (states, others ..., number)
    found = np.zeros((*states.shape[1:-1], terms + max(counts)))
    for values, count in zip(states, counts, strict=True):
        found[..., count : count + terms] += values
    return found
