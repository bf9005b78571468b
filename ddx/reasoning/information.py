"""How much is known about the diseases asked about? Entropies and mutual information, in bits.

Of several diseases the entropies are added up, each disease node by itself: what they tell about one another is counted
with both. States of a node that mean the same entries are one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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


def grouping(model: Model, node: str, entries: Sequence[Entry]) -> tuple[Ints, int]:
    """(states,) which group a state of the node is in, -1 for other nodes; states with the same entries are one."""
    span, labels = model.offsets[node], model.states[node]
    meant = [frozenset(e.id for e in entries if e.node == node and s in e.states) for s in labels]
    kinds = list(dict.fromkeys(meant))
    of_state = np.full(model.layout.total, -1, dtype=np.int64)
    of_state[span] = [kinds.index(m) for m in meant]
    return of_state, len(kinds)


def groupings(model: Model, entries: Sequence[Entry]) -> list[tuple[Ints, int]]:
    """The grouping of each node that the entries are about."""
    return [grouping(model, node, entries) for node in dict.fromkeys(e.node for e in entries)]


def summing(groups: Sequence[tuple[Ints, int]]) -> Floats:
    """(groups of all nodes, states) 1 where a state is of a group: times marginals it gives their distributions."""
    rows = [(of_state == g).astype(np.float64) for of_state, count in groups for g in range(count)]
    return np.array(rows)
