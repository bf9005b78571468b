"""Which findings cannot occur together? A smallest set of them, by itself impossible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, islice
from math import comb
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ddx.engine.model import Model

Floats = npt.NDArray[np.float64]
Weights = Mapping[str, tuple[int, Floats]]  # finding -> first state of its node, likelihood of each state

MOST_SETS = 3000  # smaller sets tried of one size


def smallest_impossible(model: Model, findings: Weights) -> tuple[str, ...]:
    """Findings that are impossible together, none of which can be left out; of those, a smallest one.

    First an irreducible set, by the first impossible prefix (its last finding is needed) again and again. Then all
    sets that are smaller, size by size, as long as there are at most MOST_SETS of a size.
    """
    order = sorted(findings, key=lambda name: (findings[name][0], name))
    found = _irreducible(model, findings, order)
    for size in range(1, len(found)):
        if comb(len(order), size) > MOST_SETS:
            break
        sets = list(islice(combinations(order, size), MOST_SETS))
        bad = ~_possible(model, findings, sets)
        if bad.any():
            return tuple(sets[int(np.argmax(bad))])
    return tuple(name for name in order if name in found)


def _irreducible(model: Model, findings: Weights, order: Sequence[str]) -> set[str]:
    needed: list[str] = []
    left = list(order)
    while True:
        bad = ~_possible(model, findings, [(*needed, *left[:k]) for k in range(len(left) + 1)])
        first = int(np.argmax(bad)) if bad.any() else len(left)
        if first == 0:
            return set(needed)
        needed.append(left[first - 1])
        left = left[: first - 1]


def _possible(model: Model, findings: Weights, sets: Sequence[Sequence[str]]) -> npt.NDArray[np.bool_]:
    """For each set, whether it has a probability above 0."""
    lanes = np.ones((model.layout.total, len(sets)))
    for lane, names in enumerate(sets):
        for name in names:
            first, weights = findings[name]
            lanes[first : first + len(weights), lane] *= weights > 0
    return np.isfinite(model.lanes(lanes, marginals=False).log_evidence)
