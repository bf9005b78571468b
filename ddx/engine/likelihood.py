"""Evidence as numbers: one likelihood for every state of every node."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ddx.engine.belief import Layout
from ddx.errors import CaseError, UnknownFinding, UnknownState, near_misses, sentence

Floats = npt.NDArray[np.float64]
Evidence = Mapping[str, str | Mapping[str, float]]
PRESENCE = ("absent", "present")
FURTHEST_APART = 1e300  # of two likelihoods of one finding that are not 0: beyond, float64 would make the smaller one 0


def likelihood_of(layout: Layout, evidence: Evidence) -> Floats:
    """(states,) the likelihood of every state: 1 where nothing was said, 0 where an observation excludes it."""
    found = np.ones(layout.total)
    for name, said in evidence.items():
        span = layout.spans.get(name)
        if span is not None and isinstance(said, str):
            try:
                state = layout.states[name].index(said)
            except ValueError:
                state = -1
            if state >= 0:
                kept = found[span[0] + state]
                found[span[0] : span[1]] = 0.0
                found[span[0] + state] = kept
                continue
        first, weights = finding_weights(layout, name, said)
        found[first : first + len(weights)] *= weights
    return found


def at_most_one(lanes: Floats, node_start: Sequence[int]) -> tuple[Floats, Floats]:
    """Likelihoods (states, lanes) scaled so that none is above 1, and the log of what was taken out of each lane."""
    highest = np.maximum(np.maximum.reduceat(lanes, node_start[:-1], axis=0), 1.0)  # (nodes, lanes)
    scaled: Floats = lanes / np.repeat(highest, np.diff(node_start), axis=0)
    return scaled, np.log(highest).sum(axis=0)


def finding_weights(layout: Layout, name: str, said: str | Mapping[str, float]) -> tuple[int, Floats]:
    """The first state of the node that a finding speaks of, and the likelihood of each of its states."""
    if name in layout.spans:
        labels = layout.states[name]
        if not (name in layout.events and _speaks_of_presence(said, labels)):
            return layout.spans[name][0], _weights(name, said, labels)
    elif name not in layout.events:
        known = [*layout.spans, *layout.events]
        raise UnknownFinding(sentence(f"no finding is called {name!r}", remedy=near_misses(str(name), known)))
    node = layout.events[name][0]
    first, last = layout.spans[node]
    absent, present = _weights(name, said, PRESENCE)
    weights = np.full(last - first, absent)
    weights[np.array(layout.present(name), dtype=np.intp) - first] = present
    return first, weights


def _speaks_of_presence(said: str | Mapping[str, float], labels: tuple[str, ...]) -> bool:
    words = [said] if isinstance(said, str) else list(said)
    return all(w in PRESENCE for w in words) and not all(w in labels for w in words)


def _weights(name: str, said: str | Mapping[str, float], labels: tuple[str, ...]) -> Floats:
    if isinstance(said, Mapping):
        return _likelihood_weights(name, said, labels)
    if not isinstance(said, str):
        raise UnknownState(f"{name}: {said!r} is not a state but a {type(said).__name__}; write one of {_list(labels)}")
    if said not in labels:
        remedy = near_misses(said, labels)
        raise UnknownState(sentence(f"{name} has no state {said!r}, only {_list(labels)}", remedy=remedy))
    return np.array([float(label == said) for label in labels])


def _likelihood_weights(name: str, said: Mapping[str, float], labels: tuple[str, ...]) -> Floats:
    for label in said:
        if label not in labels:
            remedy = near_misses(str(label), labels)
            raise UnknownState(sentence(f"{name} has no state {label!r}, only {_list(labels)}", remedy=remedy))
    missing = [label for label in labels if label not in said]
    if missing:
        raise CaseError(f"{name}: the likelihood names no number for {_list(missing)}; give one for every state")
    weights = []
    for label in labels:
        number = said[label]
        if isinstance(number, bool) or not isinstance(number, (int, float, np.floating, np.integer)):
            raise CaseError(f"{name}={label}: the likelihood {number!r} is not a number")
        if not math.isfinite(number) or number < 0:
            raise CaseError(f"{name}={label}: the likelihood {number} is negative or not finite")
        weights.append(float(number))
    if not any(weights):
        raise CaseError(f"{name}: every state has likelihood 0; one at least must be possible")
    largest, smallest = max(weights), min(w for w in weights if w > 0)
    if largest / FURTHEST_APART > smallest:
        raise CaseError(
            f"{name}: the likelihoods {smallest:g} and {largest:g} lie too far apart; write 0 for impossible"
        )
    return np.array(weights)


def _list(labels: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(labels[:12])
    return f"{shown} and {len(labels) - 12} more" if len(labels) > 12 else shown
