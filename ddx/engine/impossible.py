"""Which findings cannot occur together? A smallest set of them, by itself impossible."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
LogEvidence = Callable[[Floats], Floats]  # likelihood (states, lanes) -> log P(evidence) (lanes,)
Weights = Mapping[str, tuple[int, Floats]]  # finding -> first state of its node, likelihood of each state

MOST_SETS = 3000  # smaller sets tried of one size


def smallest_impossible(log_evidence: LogEvidence, states: int, findings: Weights) -> tuple[str, ...]:
    """Findings that are impossible together, none of which can be left out; of those, a smallest one.

    First an irreducible set, by the first impossible prefix (its last finding is needed) again and again. Then all
    sets that are smaller, size by size, as long as there are at most MOST_SETS of a size.
    """
    order = sorted(findings, key=lambda name: (findings[name][0], name))

    def possible(sets: Sequence[Sequence[str]]) -> npt.NDArray[np.bool_]:
        return np.isfinite(log_evidence(_lanes(states, findings, sets)))

    found = _irreducible(possible, order)
    for size in range(1, len(found)):
        if comb(len(order), size) > MOST_SETS:
            break
        sets = list(combinations(order, size))
        bad = ~possible(sets)
        if bad.any():
            return tuple(sets[int(np.argmax(bad))])
    return tuple(name for name in order if name in found)


def _irreducible(possible: Callable[[list[tuple[str, ...]]], npt.NDArray[np.bool_]], order: Sequence[str]) -> set[str]:
    needed: list[str] = []
    left = list(order)
    while True:
        bad = ~possible([(*needed, *left[:k]) for k in range(len(left) + 1)])
        first = int(np.argmax(bad)) if bad.any() else len(left)
        if first == 0:
            return set(needed)
        needed.append(left[first - 1])
        left = left[: first - 1]


def _lanes(states: int, findings: Weights, sets: Sequence[Sequence[str]]) -> Floats:
    """One lane for each set: what its findings leave possible."""
    lanes = np.ones((states, len(sets)))
    for lane, names in enumerate(sets):
        for name in names:
            first, weights = findings[name]
            lanes[first : first + len(weights), lane] *= weights > 0
    return lanes
