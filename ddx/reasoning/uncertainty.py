"""How sure is a number? The distribution behind it, from its counts, its interval, or its grade.

    counts          Beta(k + 1/2, n - k + 1/2), whose mean is the number used
    rate of n       Beta(p n, (1 - p) n), with at least half a patient on either side
    interval        Beta with the mean p whose logit has the standard deviation (logit hi - logit lo) / 3.92
    none of these   Beta with the mean p and a stated size: MEASURED_SIZE, MEMORY_SIZE or JUDGEMENT_SIZE patients, but
                    at least LEAST_CASES on either side: who says 1 in 10,000 has not ten patients in mind
    odds ratios     log-normal, from the interval, or with a stated spread

The numbers of one row are drawn together and leave the state that the row leaves out the rest: most certain first, each
takes a Beta share of what those before it left (the generalised Dirichlet of Connor & Mosimann 1969). Every draw sums
to 1, each number keeps its mean and, where its row has the room, the variance of its own Beta distribution; where all
are equally certain it is the Dirichlet distribution. Definitions (0 or 1 by what a word means) do not vary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.knowledge import spec
from ddx.reasoning.numbers import Parameter, logit

Floats = npt.NDArray[np.float64]

MEASURED_SIZE, MEMORY_SIZE, JUDGEMENT_SIZE = 50.0, 20.0, 10.0  # patients that a number without counts is worth
LEAST_CASES = 2.0  # of them with the state, and without it, for a number that nobody counted
LEAST_COUNTED = 0.5
RATIO_SPREAD = 0.5  # standard deviation of the logarithm of an odds ratio without an interval
LEVELS = (0.05, 0.95)
NORMAL_90 = 1.6448536269514722
NORMAL_95 = 1.959963984540054
SMALLEST_SHARE = 1e-12
LARGEST_SIZE = 1e9
MOST_STEPS, CLOSE = 30, 1e-9  # of the search for the size that an interval is worth
GRID = 513  # points of the logit scale on which a Beta distribution is summed
WIDEST = 10.0  # standard deviations, or scales of an exponential tail, that the grid reaches


@dataclass(frozen=True, slots=True)
class Row:
    """Numbers that are drawn together: of one row, with what the state left out takes (0 where none is left out)."""

    numbers: tuple[Parameter, ...]
    rest: float


def beta_of(number: spec.Number) -> tuple[float, float] | None:
    """(a, b) of the Beta distribution of a probability; None where it does not vary."""
    p = number.value
    if not 0 < p < 1 or number.source == "definition":
        return None
    size = _size(number)
    return p * size, (1 - p) * size


def spread_of(ratio: spec.OddsRatio) -> float:
    """Standard deviation of the logarithm of an odds ratio."""
    if ratio.lo and ratio.hi and ratio.hi > ratio.lo > 0:
        return math.log(ratio.hi / ratio.lo) / (2 * NORMAL_95)
    return RATIO_SPREAD


def draws(rows: Sequence[Row], count: int, rng: np.random.Generator) -> dict[int, Floats]:
    """id of a number -> (count,) values drawn from its distribution, for all of these rows that vary."""
    found: dict[int, Floats] = {}
    shares = [_shares(row) for row in rows]
    shapes = np.array([shape for own in shares for shape in own.shapes]).reshape(-1, 2)
    taken = rng.beta(shapes[:, :1], shapes[:, 1:], (len(shapes), count))
    drawn = iter(np.clip(taken, SMALLEST_SHARE, 1 - SMALLEST_SHARE))
    for row, own in zip(rows, shares, strict=True):
        left = np.full(count, own.whole)
        for number in own.numbers[: len(own.shapes)]:
            found[id(number)] = left * next(drawn)
            left = left - found[id(number)]
        if own.shapes:
            found.update({id(number): left for number in own.numbers[len(own.shapes) :]})
        for p in row.numbers:
            if isinstance(p.number, spec.OddsRatio):
                found[id(p.number)] = p.value * np.exp(spread_of(p.number) * rng.standard_normal(count))
    return found


def varies(p: Parameter) -> bool:
    """Whether a number is uncertain at all."""
    return isinstance(p.number, spec.OddsRatio) or beta_of(p.number) is not None


def interval(number: spec.Number | spec.OddsRatio) -> tuple[float, float]:
    """Where a number lies with 90 %; widened to hold it where its mean lies outside."""
    return intervals([number])[0]


def intervals(
    numbers: Sequence[spec.Number | spec.OddsRatio], rests: Sequence[float] | None = None
) -> list[tuple[float, float]]:
    """Where each number lies with 90 %.

    `rests` tell what the state left out of its row has (0 where none is): a number does not take more from it than its
    own 5 % quantile leaves.
    """
    shapes = [beta_of(n) if isinstance(n, spec.Number) else None for n in numbers]
    left = [_left_out(*pair) for pair in zip(numbers, shapes, rests or [0.0] * len(shapes), strict=True)]
    known = [shape for pair in zip(shapes, left, strict=True) for shape in pair if shape is not None]
    quantiles = iter(beta_quantiles(np.array(known).reshape(-1, 2), LEVELS).tolist())
    found = []
    for i, number in enumerate(numbers):
        low = high = number.value
        if isinstance(number, spec.OddsRatio):
            factor = math.exp(NORMAL_90 * spread_of(number))
            low, high = number.value / factor, number.value * factor
        elif shapes[i] is not None:
            low, high = next(quantiles)
            if rests is not None and left[i] is not None:
                high = min(high, number.value + rests[i] - next(quantiles)[0])
        found.append((min(low, number.value), max(high, number.value)))
    return found


def _left_out(
    number: spec.Number | spec.OddsRatio, shape: tuple[float, float] | None, rest: float
) -> tuple[float, float] | None:
    """(a, b) of what the state left out has, as certain as the number is; None where that is all but the number."""
    if shape is None or rest <= 0 or rest >= 1 - number.value - SMALLEST_SHARE:
        return None
    counted = isinstance(number, spec.Number) and (number.counts is not None or number.n is not None)
    size = max(sum(shape), (LEAST_COUNTED if counted else LEAST_CASES) / rest)
    return rest * size, (1 - rest) * size


def beta_quantiles(shapes: Floats, levels: Sequence[float]) -> Floats:
    """(distributions, levels) quantiles of Beta(a, b), shapes (distributions, 2), to 0.01 standard deviations.

    The density of the logit, x^a (1 - x)^b, is smooth and falls off exponentially, so that its trapezoids add up to
    the distribution function.
    """
    distinct, place = np.unique(shapes, axis=0, return_inverse=True)
    a, b = distinct[:, :1], distinct[:, 1:]
    middle, spread = np.log(a / b), np.sqrt((a + b) / (a * b))
    low, high = (middle - WIDEST * np.maximum(spread, 1 / a), middle + WIDEST * np.maximum(spread, 1 / b))
    y = low + (high - low) * np.linspace(0, 1, GRID)
    log_density = -a * np.logaddexp(0, -y) - b * np.logaddexp(0, y)
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    below = np.cumsum(density[:, 1:] + density[:, :-1], axis=1)
    below = np.concatenate([np.zeros_like(a), below / below[:, -1:]], axis=1)
    found = [[np.interp(level, own, at) for level in levels] for own, at in zip(below, y, strict=True)]
    logits = np.array(found).reshape(-1, len(levels))[place.reshape(-1)]
    quantiles: Floats = np.exp(-np.logaddexp(0, -logits))
    return quantiles


@dataclass(frozen=True, slots=True)
class _Shares:
    """The numbers of a row that vary, most certain first, and (a, b) of the share of each in what is left of `whole`.

    A last number without a share takes the rest: where the row leaves out no state.
    """

    numbers: tuple[spec.Number, ...]
    whole: float
    shapes: tuple[tuple[float, float], ...]


def _shares(row: Row) -> _Shares:
    known = [(p.number, beta_of(p.number)) for p in row.numbers if isinstance(p.number, spec.Number)]
    uncertain = [(number, sum(shape)) for number, shape in known if shape is not None]
    uncertain.sort(key=lambda pair: -pair[1])
    whole = row.rest + sum(number.value for number, _ in uncertain)
    left, left_squared, shapes = whole, whole**2, []  # mean of what is left, and of its square
    for number, size in uncertain:
        share = number.value / left
        if 1 - share > SMALLEST_SHARE:
            worth = max(_worth(number, size, (left, left_squared)), _least_worth(number, size, left))
            shapes.append((share * worth, (1 - share) * worth))
            left_squared *= (1 - share) ** 2 + share * (1 - share) / (worth + 1)
        left -= number.value
    return _Shares(tuple(number for number, _ in uncertain), whole, tuple(shapes))


def _worth(number: spec.Number, size: float, left: tuple[float, float]) -> float:
    """The size of the Beta share of what is left with which a number has the variance of its own Beta distribution."""
    p, (mean, squared) = number.value, left
    share = p / mean
    wanted = p * (1 - p) / (size + 1) + p**2 - squared * share**2
    return squared * share * (1 - share) / wanted - 1 if wanted > 0 else LARGEST_SIZE


def _least_worth(number: spec.Number, size: float, left: float) -> float:
    """What a share is worth at least, so that neither the number nor the rest is all but nothing in most draws."""
    smaller = min(number.value, left - number.value) / left
    counted = number.counts is not None or number.n is not None
    return min(LEAST_COUNTED / smaller, left * size) if counted else LEAST_CASES / smaller


def _size(number: spec.Number) -> float:
    """How many patients a number is worth."""
    p = min(number.value, 1 - number.value)
    counts = number.counts
    if counts is not None:
        return counts[1] + 1.0
    if number.n is not None:
        return max(float(number.n), LEAST_COUNTED / p)
    if number.lo is not None and number.hi is not None and 0 < number.lo < number.hi < 1:
        return size_of_interval(number.value, number.lo, number.hi)
    size = {"measured": MEASURED_SIZE, "memory": MEMORY_SIZE}.get(number.grade, JUDGEMENT_SIZE)
    return max(size, LEAST_CASES / p)


def size_of_interval(p: float, low: float, high: float) -> float:
    """The size at which the logit of Beta(p size, (1 - p) size) is as spread as the logits of a 95 % interval."""
    wanted = 2 * math.log((logit(high) - logit(low)) / (2 * NORMAL_95))
    if math.log(_spread_squared(p, 1.0)) < wanted:
        return 1.0
    near, far = 0.0, 1.0  # logarithms of sizes; that of the spread falls all but linearly between them
    here, there = (math.log(_spread_squared(p, math.exp(x))) - wanted for x in (near, far))
    for _ in range(MOST_STEPS):
        if abs(there) < CLOSE or there == here:
            break
        near, far = far, far - there * (far - near) / (there - here)
        here, there = there, math.log(_spread_squared(p, math.exp(far))) - wanted
    return math.exp(far)


def _spread_squared(p: float, size: float) -> float:
    """Variance of the logit of Beta(p size, (1 - p) size)."""
    return trigamma(p * size) + trigamma((1 - p) * size)


def trigamma(x: float) -> float:
    """The second derivative of log Gamma, for x > 0."""
    total = 0.0
    while x < 10:
        total += 1 / x**2
        x += 1
    y = 1 / x**2
    return total + 1 / x + y / 2 + y / x * (1 / 6 - y * (1 / 30 - y * (1 / 42 - y / 30)))
