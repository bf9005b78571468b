"""Which findings settle a question beyond all odds? Where a probability is exactly 0 or 1 its log odds do not exist.

    chain k settles D      P(D | patient, chain k) is 0 or 1
    chains S settle D      P(D | patient, S) is 0 or 1, and with any one of S left out it is not

What the other findings weigh is then asked with these left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddx.reasoning.shapley import Value

Bools = npt.NDArray[np.bool_]


def settling(value: Value, count: int) -> tuple[int, ...] | None:
    """The chains without which the log odds exist: () where they do anyway, None where they do not even without any.

    `value` gives the log odds of subsets of so many chains, infinite (or no number) where they do not exist. First
    each chain that settles it by itself, then, while it is settled still, a smallest set that does so together.
    """
    every, none = np.ones(count, dtype=bool), np.zeros(count, dtype=bool)
    known = np.isfinite(value(np.concatenate([[every, none], np.eye(count, dtype=bool)])))
    if known[0]:
        return ()
    if not known[1]:
        return None
    found = {int(k) for k in np.flatnonzero(~known[2:])}
    while not _is_open(value, left := _but(count, found)):
        for k in np.flatnonzero(left):
            left[k] = False
            if _is_open(value, left):
                left[k] = True
        found |= {int(k) for k in np.flatnonzero(left)}
    return tuple(sorted(found))


def _is_open(value: Value, inside: Bools) -> bool:
    return bool(np.isfinite(value(inside[None])[0]))


def _but(count: int, out: set[int]) -> Bools:
    inside = np.ones(count, dtype=bool)
    inside[list(out)] = False
    return inside
