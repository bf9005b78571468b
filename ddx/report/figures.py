"""Probabilities, lifts and odds as people read them: never 100 %, never 0 %, no more digits than are meant."""

from __future__ import annotations

import math

EIGHTHS = " ▏▎▍▌▋▊▉"


def percent(probability: float) -> str:
    """A probability in at most five characters.

    >>> [percent(p) for p in (0.0, 0.0004, 0.0026, 0.0849, 0.123, 0.9849, 0.9951, 1.0)]
    ['<0.1%', '<0.1%', '0.3%', '8.5%', '12%', '98%', '>99%', '>99%']
    """
    if probability < 0.001:
        return "<0.1%"
    if probability > 0.99:
        return ">99%"
    return f"{probability:.1%}" if probability < 0.0995 else f"{probability:.0%}"


def lift(ratio: float | None) -> str:
    """How many times as probable as before.

    >>> [lift(r) for r in (None, 250.0, 24.4, 2.61, 1.0, 0.5, 0.034, 0.0012, 0.00001)]
    ['new', 'x100+', 'x24', 'x2.6', 'x1.0', 'x0.5', 'x0.03', 'x0.001', '<x0.001']
    """
    if ratio is None:
        return "new"
    if ratio >= 99.5:
        return "x100+"
    if ratio >= 9.95:
        return f"x{ratio:.0f}"
    if ratio >= 0.095:
        return f"x{ratio:.1f}"
    if ratio >= 0.0095:
        return f"x{ratio:.2f}"
    return f"x{ratio:.3f}" if ratio >= 0.00095 else "<x0.001"


def times(ratio: float) -> str:
    """Odds of one against another, to two digits at most.

    >>> [times(r) for r in (1.04, 2.34, 13.6, 139.0, 2871.0, 1e7)]
    ['as', '2.3 times as', '14 times as', '140 times as', '2,900 times as', 'more than 10,000 times as']
    """
    if ratio < 1.05:
        return "as"
    if ratio < 9.95:
        return f"{ratio:.1f} times as"
    if ratio > 10_000:
        return "more than 10,000 times as"
    rounded = float(f"{ratio:.2g}")
    return f"{rounded:,.0f} times as"


def odds(log_odds: float) -> str:
    """Odds for or against, from their logarithm (nats), to two digits.

    >>> [odds(math.log(r)) for r in (1.0, 3.14, 0.25, 2871.0, 1 / 45_678)]
    ['even odds', '3.1 to 1', '1 to 4.0', '2,900 to 1', '1 to 46,000']
    >>> odds(math.log(2e9)), odds(-math.inf), odds(math.inf)
    ('10^9.3 to 1', 'impossible', 'certain')
    """
    if math.isinf(log_odds):
        return "certain" if log_odds > 0 else "impossible"
    size = abs(log_odds)
    if size < math.log(1.05):
        return "even odds"
    ratio = math.exp(min(size, 30.0))
    told = f"10^{size / math.log(10):.1f}" if ratio >= 1e9 else f"{ratio:.1f}"
    if 9.95 <= ratio < 1e9:
        told = f"{float(f'{ratio:.2g}'):,.0f}"
    return f"{told} to 1" if log_odds > 0 else f"1 to {told}"


def of_patients(probability: float) -> str:
    """A probability as a natural frequency.

    >>> [of_patients(p) for p in (0.31, 0.042, 0.0061, 0.00004)]
    ['31 of 100', '4 of 100', '6 of 1,000', 'fewer than 1 of 10,000']
    """
    if probability < 0.0001:
        return "fewer than 1 of 10,000"
    of = 100 if probability >= 0.01 else 1_000 if probability >= 0.001 else 10_000
    return f"{probability * of:.0f} of {of:,}"


def power_of_ten(log10: float) -> str:
    """A probability by its logarithm: `10^-14.2`; `1` where nothing was observed."""
    return "1" if log10 > -0.0005 else f"{10**log10:.2g}" if log10 > -2 else f"10^{log10:.1f}"


def bar(probability: float, cells: int, *, unicode: bool) -> str:
    """A bar of at most so many cells, as long as the probability.

    >>> bar(0.55, 10, unicode=False), bar(0.55, 10, unicode=True), bar(0.0001, 10, unicode=False)
    ('######', '█████▌', '')
    """
    if not unicode:
        return "#" * max(round(probability * cells + 1e-9), 1 if probability >= 0.01 else 0)
    eighths = round(probability * cells * 8)
    if eighths == 0 and probability >= 0.005:
        eighths = 1
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
