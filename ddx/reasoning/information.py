"""How much is known about the diseases asked about? Entropies and mutual information, in bits.

Of several diseases the entropies are added up, each disease node by itself: what they tell about one another is counted
with both. States of a node that mean the same entries are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry

Floats = npt.NDArray[np.float64]


def information_bits(joint: Floats, diseases: int = 1, starts: Sequence[int] = (0,)) -> Floats:
    """(findings,) mutual information of each finding with the diseases, added up over the diseases, in bits.

    `joint` is P(outcome of a disease, state of a finding), (outcomes, states): so many diseases below each other,
    findings beside each other, the states of each from one of `starts` to the next. Each lies between 0 and the
    entropies of the diseases, added up.
    """
    states = joint.sum(axis=0) / diseases
    outcomes = joint[:, : starts[1] if len(starts) > 1 else None].sum(axis=1)
    terms = _x_log2_x(joint).sum(axis=0) - diseases * _x_log2_x(states)  # (states,)
    found: Floats = np.maximum(np.add.reduceat(terms, starts) - _x_log2_x(outcomes).sum(), 0.0)
    return found


def entropies_bits(distributions: Floats) -> Floats:
    """(lanes,) the entropy of each column of (outcomes, lanes); of distributions below each other, their sum."""
    summed: Floats = np.maximum(-_x_log2_x(distributions).sum(axis=0), 0.0)
    return summed


def _x_log2_x(x: Floats) -> Floats:
    """x log2 x, 0 at 0."""
    found: Floats = x * np.log2(np.where(x > 0, x, 1.0))
    return found


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which group each state of a disease node is in; states that mean the same entries are one group."""

    node: str
    of_state: tuple[int, ...]
    count: int


def groupings(model: Model, entries: Sequence[Entry]) -> list[Grouping]:
    """The grouping of each node that the entries are about, in their order."""
    found = []
    for node in dict.fromkeys(e.node for e in entries):
        meant = [frozenset(e.id for e in entries if e.node == node and s in e.states) for s in model.states[node]]
        kinds = list(dict.fromkeys(meant))
        found.append(Grouping(node, tuple(kinds.index(m) for m in meant), len(kinds)))
    return found


def summing(groups: Sequence[Grouping], spans: Mapping[str, tuple[int, int]]) -> Floats:
    """(groups of all nodes, states) 1 where a state is of a group: times marginals it gives their distributions."""
    rows = np.zeros((sum(g.count for g in groups), max(last for _, last in spans.values())))
    first = 0
    for g in groups:
        rows[[first + k for k in g.of_state], range(*spans[g.node])] = 1.0
        first += g.count
    return rows


def present_in(model: Model, entry: Entry) -> list[int]:
    """The places, among the states of its node, of those in which an entry is present."""
    return [i for i, state in enumerate(model.states[entry.node]) if state in entry.states]
