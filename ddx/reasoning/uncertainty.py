"""How sure is a number? The distribution behind it, from its counts, its interval, or its grade.

    counts          Beta(k + 1/2, n - k + 1/2), whose mean is the number used
    rate of n       Beta(p n, (1 - p) n)
    interval        Beta with the mean p and the size at which its standard deviation is (hi - lo) / 3.92
    none of these   Beta with the mean p and a stated size: MEMORY_SIZE for recalled, JUDGEMENT_SIZE for judged numbers
    odds ratios     log-normal, from the interval, or with a stated spread

Nothing is certain: the size is at least 1, and definitions (0 or 1 by what a word means) do not vary.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ddx.knowledge import spec

Floats = npt.NDArray[np.float64]

MEASURED_SIZE, MEMORY_SIZE, JUDGEMENT_SIZE = 50.0, 20.0, 10.0  # patients that a number without counts is worth
RATIO_SPREAD = 0.5  # standard deviation of the logarithm of an odds ratio without an interval
LEVELS = (0.05, 0.95)
DRAWS, SEED = 2001, 0  # behind the quantiles of a single number
NORMAL_90 = 1.6448536269514722
NORMAL_95 = 1.959963984540054


def beta_of(number: spec.Number) -> tuple[float, float] | None:
    """(a, b) of the Beta distribution of a probability; None where it does not vary."""
    p = number.value
    if not 0 < p < 1 or number.source == "definition":
        return None
    counts = number.counts
    if counts is not None:
        size = counts[1] + 1.0
    elif number.n is not None:
        size = float(number.n)
    elif number.lo is not None and number.hi is not None and number.hi > number.lo:
        deviation = (number.hi - number.lo) / (2 * NORMAL_95)
        size = max(1.0, p * (1 - p) / deviation**2 - 1)
    else:
        size = {"measured": MEASURED_SIZE, "memory": MEMORY_SIZE}.get(number.grade, JUDGEMENT_SIZE)
    return p * size, (1 - p) * size


def spread_of(ratio: spec.OddsRatio) -> float:
    """Standard deviation of the logarithm of an odds ratio."""
    if ratio.lo and ratio.hi and ratio.hi > ratio.lo > 0:
        return math.log(ratio.hi / ratio.lo) / (2 * NORMAL_95)
    return RATIO_SPREAD


def draws(number: spec.Number | spec.OddsRatio, count: int, rng: np.random.Generator) -> Floats:
    """(count,) values of a number, drawn from its distribution."""
    if isinstance(number, spec.OddsRatio):
        return number.value * np.exp(spread_of(number) * rng.standard_normal(count))
    shape = beta_of(number)
    if shape is None:
        return np.full(count, number.value)
    return np.clip(rng.beta(*shape, count), 1e-12, 1 - 1e-12)


def interval(number: spec.Number | spec.OddsRatio) -> tuple[float, float]:
    """Where a number lies with 90 %."""
    if isinstance(number, spec.OddsRatio):
        factor = math.exp(NORMAL_90 * spread_of(number))
        return number.value / factor, number.value * factor
    if number.lo is not None and number.hi is not None:
        return min(number.lo, number.value), max(number.hi, number.value)
    values = draws(number, DRAWS, np.random.default_rng(SEED))
    low, high = np.quantile(values, LEVELS)
    return min(float(low), number.value), max(float(high), number.value)
