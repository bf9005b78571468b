"""Distributions behind numbers: means are the numbers, rows add up, intervals hold a number, shrink with counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import polygamma

from ddx.knowledge.spec import Number, OddsRatio, Series
from ddx.reasoning import uncertainty
from ddx.reasoning.numbers import Parameter
from ddx.reasoning.uncertainty import (
    LEAST_CASES,
    LEVELS,
    NORMAL_95,
    Row,
    beta_of,
    beta_quantiles,
    draws,
    interval,
    size_of_interval,
    trigamma,
)

Floats = npt.NDArray[np.float64]
quick = settings(max_examples=25, deadline=None)
COUNT = 20_000


def row(*numbers: Number | OddsRatio, whole: bool = False) -> Row:
    own = tuple(Parameter(("row", str(i)), "x", f"s{i}", "", n) for i, n in enumerate(numbers))
    return Row(own, 0.0 if whole else 1.0 - sum(n.value for n in numbers if isinstance(n, Number)))


def drawn(of: Row, seed: int = 0, count: int = COUNT) -> list[Floats]:
    found = draws([of], count, np.random.default_rng(seed))
    return [found.get(id(p.number), np.full(count, p.value)) for p in of.numbers]


@quick
@given(st.integers(0, 200), st.integers(1, 300))
def test_an_interval_holds_its_number_and_shrinks_with_counts(k: int, more: int) -> None:
    few = Number(k=k, n=k + more, source="s", grade="measured")
    many = Number(k=20 * k + 10, n=20 * (k + more) + 20, source="s", grade="measured")
    for number in (few, many):
        low, high = interval(number)
        assert low <= number.value <= high
    wide, narrow = interval(few), interval(many)
    if k > 0:
        assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_a_mutant_that_counts_nothing_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (Number(k=k, n=4 * k, source="s", grade="measured") for k in (5, 100))
    assert interval(many)[1] - interval(many)[0] < 0.3 * (interval(few)[1] - interval(few)[0])
    monkeypatch.setattr(uncertainty, "_size", lambda _number: 30.0)
    assert interval(many)[1] - interval(many)[0] > 0.9 * (interval(few)[1] - interval(few)[0])


@quick
@given(
    st.lists(st.sampled_from([0.003, 0.02, 0.1, 0.2, 0.25]), min_size=1, max_size=4),
    st.lists(st.sampled_from([8, 30, 400]), min_size=4, max_size=4),
    st.integers(0, 10**6),
)
def test_rows_are_distributions_with_the_means_written(values: list[float], sizes: list[int], seed: int) -> None:
    numbers = [Number(p=p, n=n, source="s", grade="measured") for p, n in zip(values, sizes, strict=False)]
    found = drawn(row(*numbers), seed)
    assert np.min(found) > 0
    assert np.sum(found, axis=0).max() < 1 + 1e-12
    for number, values_of in zip(numbers, found, strict=True):
        error = values_of.std() / np.sqrt(COUNT)
        assert values_of.mean() == pytest.approx(number.value, abs=6 * error)


def test_the_most_certain_number_of_a_row_has_its_own_distribution() -> None:
    sure, vague = (Number(p=p, n=n, source="s", grade="measured") for p, n in ((0.3, 500), (0.5, 10)))
    found = drawn(row(vague, sure))
    assert stats.kstest(found[1], stats.beta(150, 350).cdf).pvalue > 1e-4
    assert found[0].std() == pytest.approx(stats.beta(5, 5).std(), rel=0.02)
    independent = [stats.beta(5, 5).rvs(COUNT, random_state=1), stats.beta(150, 350).rvs(COUNT, random_state=2)]
    assert np.sum(independent, axis=0).max() > 1  # the mutant: numbers drawn apart are no row


def test_equally_certain_numbers_are_a_dirichlet_distribution() -> None:
    numbers = [Number(k=k, n=39, source="s", grade="measured") for k in (4, 11, 8)]
    found = np.array(drawn(row(*numbers)))
    shape = np.array([4.5, 11.5, 8.5, 15.5])
    exact = stats.dirichlet(shape)
    assert found.var(axis=1) == pytest.approx(exact.var()[:3], rel=0.05)
    covariance = -shape[0] * shape[1] / (40**2 * 41)
    assert np.cov(found)[0, 1] == pytest.approx(covariance, rel=0.1)


def test_a_row_that_names_every_state_sums_to_one() -> None:
    numbers = [Number(p=p, source="s", grade="judgement") for p in (0.2, 0.5, 0.3)]
    found = drawn(row(*numbers, whole=True))
    assert np.sum(found, axis=0) == pytest.approx(np.ones(COUNT), abs=1e-12)
    assert [v.mean() for v in found] == pytest.approx([0.2, 0.5, 0.3], abs=0.01)
    assert min(v.std() for v in found) > 0.05


def test_definitions_do_not_vary_and_leave_their_room_to_the_rest() -> None:
    fixed = Number(p=0.4, source="definition", grade="judgement")
    vague = Number(p=0.3, source="s", grade="judgement")
    nothing = Number(p=0.0, source="s", grade="judgement")
    found = drawn(row(fixed, vague, nothing))
    assert (found[0] == 0.4).all() and (found[2] == 0).all()
    assert found[1].max() < 0.6 and found[1].mean() == pytest.approx(0.3, abs=0.01)


def test_what_each_kind_of_number_is_worth() -> None:
    series = (Series(k=3, n=10, source="a"), Series(k=9, n=30, source="b"))
    assert beta_of(Number(series=series, grade="measured")) == pytest.approx((12.5, 28.5))
    assert beta_of(Number(p=0.25, n=80, source="s", grade="measured")) == pytest.approx((20, 60))
    assert beta_of(Number(p=0.5, source="s", grade="judgement")) == pytest.approx((5, 5))
    assert beta_of(Number(p=0.5, source="s", grade="memory")) == pytest.approx((10, 10))
    rare = beta_of(Number(p=1e-5, source="s", grade="judgement"))
    assert rare is not None and rare[0] == pytest.approx(LEAST_CASES)
    assert beta_of(Number(p=1.0, source="definition", grade="judgement")) is None


@quick
@given(st.floats(0.02, 0.98), st.floats(0.1, 1.5))
def test_an_interval_is_worth_the_size_that_gives_it_back(p: float, spread: float) -> None:
    """On the logit scale a Beta distribution of that size is as wide as the interval."""
    odds = p / (1 - p)
    low, high = (odds * np.exp(sign * NORMAL_95 * spread) for sign in (-1, 1))
    size = size_of_interval(p, low / (1 + low), high / (1 + high))
    if size > 1:
        assert trigamma(p * size) + trigamma((1 - p) * size) == pytest.approx(spread**2, rel=1e-6)
    wider = size_of_interval(p, low / (2 + low), 2 * high / (1 + 2 * high))
    assert wider < size or size == 1


@quick
@given(st.floats(0.3, 300), st.floats(0.3, 300))
def test_quantiles_are_those_of_the_beta_distribution(a: float, b: float) -> None:
    assert trigamma(a) == pytest.approx(float(polygamma(1, a)), rel=1e-9)
    found = beta_quantiles(np.array([[a, b], [b, a], [a, b]]), LEVELS)
    exact = stats.beta(a, b).ppf(LEVELS)
    assert found[0] == pytest.approx(exact, abs=1e-2 * stats.beta(a, b).std())
    assert (found[2] == found[0]).all()
    assert found[1] == pytest.approx(1 - found[0][::-1], abs=1e-9)
    assert found[0] + 0.05 * stats.beta(a, b).std() != pytest.approx(exact, abs=1e-2 * stats.beta(a, b).std())


def test_a_number_leaves_the_state_left_out_its_room() -> None:
    number = Number(p=0.72, source="s", grade="judgement")
    free, tight = interval(number), uncertainty.intervals([number], [0.04])[0]
    assert tight[0] == free[0]
    assert 0.72 < tight[1] < 0.76 < free[1]
    assert uncertainty.intervals([number], [0.28])[0] == free  # two states: the rest is 1 - p


def test_odds_ratios_are_log_normal() -> None:
    ratio = OddsRatio(value=3.0, lo=2.0, hi=4.5, source="s", grade="measured")
    (found,) = drawn(row(ratio))
    assert np.median(found) == pytest.approx(3.0, rel=0.02)
    assert np.quantile(found, [0.025, 0.975]) == pytest.approx([2.0, 4.5], rel=0.03)
    assert interval(ratio) == pytest.approx(np.quantile(found, LEVELS), rel=0.03)


def test_draws_come_from_their_seed() -> None:
    numbers = [Number(p=0.2, source="s", grade="judgement"), OddsRatio(value=2.0, source="s", grade="judgement")]
    one, again, other = (drawn(row(numbers[0]), seed, 20)[0] for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).all()
