"""Which diseases are present together? Exact probabilities of pairs, and of whole sets.

A set of present events is the unit: states of one node that mean the same events are one. The most probable sets come
out in order of probability, by best-first search over the disease nodes; everything else is summed out first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.best_first import heaviest, logs_of
from ddx.engine.elimination import Dense, sliced_factors, sum_out
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
    symmetric: Floats = (both + both.T) / 2
    return symmetric


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
            factors.extend(_picked(node, likelihood, model))
        else:
            merged = len(cards)
            cards[merged] = len(labels)
            chosen[merged] = labels
            factors.extend(_merge(node, merged, of_state, len(labels), likelihood, model))
    open_variables = {v for f in factors for v in f.scope} - set(chosen)
    logs, shift = logs_of(sum_out(factors, open_variables, cards))
    return _listed(logs, chosen, cards, (mass, most), events) if math.isfinite(shift) else ()


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


def _picked(node: int, likelihood: Floats, model: Model) -> list[Dense]:
    """What says which state an observed node has, now that it is sliced out of its tables."""
    state = _observed_state(model, node, likelihood)
    return [] if state is None else [Dense((node,), np.eye(model.parts.cards[node])[state])]


def _merge(
    node: int, merged: int, of_state: Sequence[int], count: int, likelihood: Floats, model: Model
) -> list[Dense]:
    """1 where a state of the node means a value of the merged variable."""
    table = np.zeros((len(of_state), count))
    table[np.arange(len(of_state)), of_state] = 1.0
    state = _observed_state(model, node, likelihood)
    return [Dense((node, merged), table)] if state is None else [Dense((merged,), table[state])]


def _total(factors: list[Dense], cards: Mapping[int, int]) -> float:
    """log of the sum over everything of the product; -inf where that is 0."""
    peaks = [float(f.values.max()) for f in factors]
    if -math.inf in peaks:
        return -math.inf
    scaled = [Dense(f.scope, np.exp(f.values - p)) for f, p in zip(factors, peaks, strict=True)]
    left = [float(f.values) for f in sum_out(scaled, {v for f in factors for v in f.scope}, cards)]
    return -math.inf if 0.0 in left else math.fsum(peaks) + math.fsum(map(math.log, left))


def _listed(
    logs: list[Dense],
    chosen: Mapping[int, list[tuple[str, ...]]],
    cards: Mapping[int, int],
    stop: tuple[float, int],
    events: Sequence[str],
) -> tuple[PresentSet, ...]:
    place = {event: k for k, event in enumerate(events)}
    log_total = _total(logs, cards)
    if log_total == -math.inf:
        return ()
    found: list[PresentSet] = []
    held = 0.0
    for weight, picked in heaviest(logs, list(chosen), cards):
        named = [event for v, value in picked.items() for event in chosen[v][value]]
        probability = math.exp(weight - log_total)
        found.append(PresentSet(tuple(sorted(named, key=place.__getitem__)), probability))
        held += probability
        if held >= stop[0] or len(found) >= stop[1]:
            break
    return tuple(found)
