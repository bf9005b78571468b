"""Which diseases are present together? Exact probabilities of whole sets, the most probable first.

A set of present events is the unit: states of one node that mean the same events are one. Best-first search finds the
most probable states of the disease nodes, everything else being summed out first; a set gathers those of its states.
A set not seen yet is at most as probable as the state that comes next, times the number of states that a set can have:
what is above that is in its final place.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from ddx.engine.best_first import heaviest, logs_of
from ddx.engine.elimination import Dense, sum_out
from ddx.engine.model import Model


class PresentSet(NamedTuple):
    """Exactly these events are present, and their probability given the evidence."""

    events: tuple[str, ...]  # in the order in which the events were named
    probability: float


class Until(NamedTuple):
    """When to stop: the sets hold so much together, or so many are listed."""

    mass: float = 0.99
    most: int = 64


def most_probable_sets(
    model: Model, factors: Sequence[Dense], log_total: float, events: Sequence[str], until: Until | None = None
) -> tuple[PresentSet, ...]:
    """Sets of present events with P(exactly this set | evidence), most probable first.

    `factors` are those of P(nodes, evidence) up to a constant, by the numbers of the nodes, and hold every node of an
    event with all of its states; `log_total` is the log of their whole sum. Empty where the evidence is impossible.
    """
    if log_total == -math.inf:
        return ()
    stop = until or Until()
    place = {event: k for k, event in enumerate(events)}
    found: list[PresentSet] = []
    held = 0.0
    for named, probability in _sets(model, factors, log_total, events):
        found.append(PresentSet(tuple(sorted(named, key=place.__getitem__)), probability))
        held += probability
        if held >= stop.mass or len(found) >= stop.most:
            break
    return tuple(found)


def _sets(
    model: Model, factors: Sequence[Dense], log_total: float, events: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every set with its probability, most probable first."""
    cards = dict(enumerate(model.parts.cards))
    groups = _groups(model, events)
    logs, shift = logs_of(sum_out(list(factors), {v for f in factors for v in f.scope} - set(groups), cards))
    shift -= log_total
    widest = math.prod(max(map(len, states.values())) for states in groups.values())
    seen: set[tuple[tuple[str, ...], ...]] = set()
    waiting: list[tuple[float, tuple[tuple[str, ...], ...]]] = []
    for weight, picked in heaviest(logs, list(groups), cards):
        while waiting and -waiting[0][0] >= widest * math.exp(weight + shift):
            probability, labels = heapq.heappop(waiting)
            yield _named(labels), -probability
        labels = tuple(next(label for label, states in groups[v].items() if picked[v] in states) for v in groups)
        if labels not in seen:
            seen.add(labels)
            meant = [groups[v][label] for v, label in zip(groups, labels, strict=True)]
            probability = sum(
                math.exp(_weight(logs, dict(zip(groups, states, strict=True))) + shift) for states in product(*meant)
            )
            heapq.heappush(waiting, (-probability, labels))
    while waiting:
        probability, labels = heapq.heappop(waiting)
        yield _named(labels), -probability


def _groups(model: Model, events: Sequence[str]) -> dict[int, dict[tuple[str, ...], list[int]]]:
    """For each node that an event speaks of: the sets of events it can mean, each with the states that mean it."""
    index = {node: i for i, node in enumerate(model.nodes)}
    of_node: dict[str, list[str]] = {}
    for event in events:
        of_node.setdefault(model.events[event][0], []).append(event)
    groups: dict[int, dict[tuple[str, ...], list[int]]] = {}
    for node, own in of_node.items():
        states = groups.setdefault(index[node], {})
        for i, label in enumerate(model.states[node]):
            states.setdefault(tuple(e for e in own if label in model.events[e][1]), []).append(i)
    return groups


def _named(labels: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(event for label in labels for event in label)


def _weight(logs: Sequence[Dense], states: Mapping[int, int]) -> float:
    return math.fsum(float(f.values[tuple(states[v] for v in f.scope)]) for f in logs)
