"""Which diseases are present together? Exact probabilities of pairs, and of whole sets.

A set of present events is the unit: states of one node that mean the same events are one. The most probable sets come
out in order by best-first search over the disease nodes, where what is still open is bounded by max-product bucket
elimination (Dechter 1999). As those buckets are exact, no set is looked at in vain.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.elimination import Dense, multiplied, size_of, sliced_factors, spread, sum_out
from ddx.engine.model import Model

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PresentSet:
    """Exactly these events are present, and their probability given the evidence."""

    events: tuple[str, ...]  # in the order in which the events were named
    probability: float


def pairs(model: Model, likelihood: Floats, events: Sequence[str]) -> Floats:
    """(events, events) P(both present | evidence); the diagonal is P(event | evidence). All 0 where it is impossible.

    One lane for the evidence and one with each event clamped present.
    """
    lanes = np.repeat(likelihood[:, None], len(events) + 1, axis=1)
    present = np.zeros((len(events), model.layout.total))  # (events, states)
    for k, event in enumerate(events):
        present[k, model.layout.present(event)] = 1.0
        first, last = model.layout.spans[model.layout.events[event][0]]
        lanes[first:last, k + 1] *= present[k, first:last]
    marginals = model.lanes(lanes).marginals
    alone = present @ marginals[:, 0]
    both: Floats = (present @ marginals[:, 1:]) * alone  # P(row | column, evidence) P(column | evidence)
    return (both + both.T) / 2


def most_probable_sets(
    model: Model, likelihood: Floats, events: Sequence[str], *, mass: float = 0.99, most: int = 64
) -> tuple[PresentSet, ...]:
    """Sets of present events with P(exactly this set | evidence), most probable first.

    Stops when they hold `mass` together or `most` are listed. Empty where the evidence is impossible.
    """
    groups = _groups(model, events)
    cards = dict(enumerate(model.parts.cards))
    factors = sliced_factors(model.structure, model.parts, likelihood, groups)
    chosen = {}  # variable searched over -> the events of each of its values
    for node, (labels, of_state) in groups.items():
        if len(labels) == len(of_state):
            chosen[node] = labels
            factors = _unobserved(factors, node, cards, likelihood, model)
        else:
            merged = len(cards)
            cards[merged] = len(labels)
            chosen[merged] = labels
            factors.extend(_merge(node, merged, of_state, len(labels), likelihood, model))
    open_variables = {v for f in factors for v in f.scope} - set(chosen)
    logs, shift = _logs(sum_out(factors, open_variables, cards))
    return _best_first(logs, shift, chosen, cards, (mass, most), events)


def _groups(model: Model, events: Sequence[str]) -> dict[int, tuple[list[tuple[str, ...]], list[int]]]:
    """For each node that an event speaks of: the sets of events it can mean, and which one each state means."""
    index = {node: i for i, node in enumerate(model.nodes)}
    of_node: dict[str, list[str]] = {}
    for event in events:
        of_node.setdefault(model.events[event][0], []).append(event)
    groups = {}
    for node, own in of_node.items():
        meant = [tuple(e for e in own if label in model.events[e][1]) for label in model.states[node]]
        labels = list(dict.fromkeys(meant))
        groups[index[node]] = labels, [labels.index(m) for m in meant]
    return groups


def _observed_state(model: Model, node: int, likelihood: Floats) -> int | None:
    lane = likelihood[model.structure.node_start[node] : model.structure.node_start[node + 1]]
    return int(np.argmax(lane)) if np.count_nonzero(lane) == 1 else None


def _unobserved(factors: list[Dense], node: int, cards: Mapping[int, int], likelihood: Floats, model: Model) -> list[Dense]:
    state = _observed_state(model, node, likelihood)
    if state is None:
        return factors
    return [*factors, Dense((node,), np.eye(cards[node])[state])]


def _merge(
    node: int, merged: int, of_state: Sequence[int], count: int, likelihood: Floats, model: Model
) -> list[Dense]:
    """1 where a state of the node means a value of the merged variable."""
    table = np.zeros((len(of_state), count))
    table[np.arange(len(of_state)), of_state] = 1.0
    state = _observed_state(model, node, likelihood)
    return [Dense((node, merged), table)] if state is None else [Dense((merged,), table[state])]


def _logs(factors: Sequence[Dense]) -> tuple[list[Dense], float]:
    with np.errstate(divide="ignore"):
        logs = [Dense(f.scope, np.log(f.values)) for f in factors]
    return [f for f in logs if f.scope], float(sum(float(f.values) for f in logs if not f.scope))


@dataclass(frozen=True, slots=True)
class _Bucket:
    """log of what depends on a variable once those after it are summed over; best is its maximum over the variable."""

    variable: int
    context: tuple[int, ...]
    values: Floats  # axes (context ..., variable)


def _buckets(factors: list[Dense], variables: Sequence[int], cards: Mapping[int, int]) -> tuple[list[_Bucket], float]:
    """Max-product buckets in order of elimination, and the log of the most probable whole."""
    left, waiting, best, found = list(factors), set(variables), 0.0, []
    while waiting:
        v = min(waiting, key=lambda u: (size_of({w for f in left if u in f.scope for w in f.scope}, cards), u))
        waiting.discard(v)
        touching = [f for f in left if v in f.scope]
        scope = tuple(sorted({v, *(u for f in touching for u in f.scope)}))
        multiplied([], scope, cards)
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


def _total(factors: list[Dense], cards: Mapping[int, int]) -> float:
    """log of the sum over everything of the product."""
    peaks = [float(f.values.max()) for f in factors]
    scaled = [Dense(f.scope, np.exp(f.values - p)) for f, p in zip(factors, peaks, strict=True)]
    left = sum_out(scaled, {v for f in factors for v in f.scope}, cards)
    return math.fsum(peaks) + math.fsum(math.log(float(f.values)) for f in left)


def _best_first(
    factors: list[Dense],
    shift: float,
    chosen: Mapping[int, list[tuple[str, ...]]],
    cards: Mapping[int, int],
    stop: tuple[float, int],
    events: Sequence[str],
) -> tuple[PresentSet, ...]:
    buckets, best = _buckets(factors, list(chosen), cards)
    if not math.isfinite(best) or not math.isfinite(shift):
        return ()
    log_total = _total(factors, cards)
    buckets.reverse()  # what was eliminated last is chosen first
    place = {event: k for k, event in enumerate(events)}
    found: list[PresentSet] = []
    held, ticket = 0.0, 0
    heap: list[tuple[float, int, tuple[int, ...]]] = [(-best, 0, ())]
    position = {b.variable: k for k, b in enumerate(buckets)}
    contexts = [tuple(position[u] for u in b.context) for b in buckets]
    while heap and held < stop[0] and len(found) < stop[1]:
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
        named = [e for b, value in zip(buckets, picked, strict=True) for e in chosen[b.variable][value]]
        probability = math.exp(-bound - log_total)
        found.append(PresentSet(tuple(sorted(named, key=place.__getitem__)), probability))
        held += probability
    return tuple(found)
