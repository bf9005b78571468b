"""credible: every draw is a network of its own, answered exactly; intervals hold the estimate, shrink with counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from changed_numbers import found_now, numbers_of, posterior, with_tables, with_values
from ddx.engine.model import compile_network
from ddx.knowledge import spec
from ddx.network import Network
from ddx.reasoning import uncertainty
from ddx.reasoning.credible import credible, posteriors_drawn
from ddx.reasoning.differential import listed
from ddx.reasoning.numbers import parameters
from ddx.reasoning.uncertainty import draws
from reasoning_cases import asked, toy

FINDINGS = ("fever", "kind=a", "sex=male")


def test_every_draw_is_a_network_of_its_own_answered_exactly() -> None:
    """Each lane against the network with those numbers in its file, compiled anew; a mutant's numbers are seen."""
    q = toy(*FINDINGS)
    numbers = numbers_of(q)
    count, seed = 5, 3
    found = posteriors_drawn(q.network, q.model, q.understood, count=count, seed=seed)
    rows = numbers.rows_of(numbers.bearing(q.model.nodes))
    drawn = draws(rows, count, np.random.default_rng(seed))
    by_id = {id(p.number): p for p in numbers.varied}
    for k in range(count):
        values = {by_id[key]: float(lane[k]) for key, lane in drawn.items()}
        exact = posterior(numbers, values, q.understood.evidence)
        assert found[k] == pytest.approx([exact[e.id] for e in listed(q.network, q.model)], abs=1e-9)
        other = posterior(numbers, dict(list(values.items())[1:]), q.understood.evidence)
        assert found[k] != pytest.approx([other[e.id] for e in listed(q.network, q.model)], abs=1e-9)


def test_draws_of_the_flagship_are_those_of_the_whole_engine() -> None:
    q = asked("seed")
    numbers = numbers_of(q)
    found = posteriors_drawn(q.network, q.model, q.understood, count=4, seed=1)
    seen = [*q.understood.evidence, *(e.node for e in listed(q.network, q.model))]
    drawn = draws(numbers.rows_of(numbers.bearing(seen)), 4, np.random.default_rng(1))
    by_id = {id(p.number): p for p in numbers.varied}
    for k in (0, 3):
        values = {by_id[key]: float(lane[k]) for key, lane in drawn.items()}
        exact = found_now(with_tables(numbers, values), q.understood.evidence, listed(q.network, q.model))
        assert found[k] == pytest.approx(exact, abs=1e-9)


def test_intervals_hold_the_point_estimate_and_are_reproducible() -> None:
    q = toy(*FINDINGS)
    one = credible(q.network, q.model, q.understood, count=64, seed=3)
    assert all(i.low <= i.posterior <= i.high for i in one.intervals)
    assert any(i.high - i.low > 0.01 for i in one.intervals)
    again = credible(q.network, q.model, q.understood, count=64, seed=3)
    assert one.intervals == again.intervals
    assert one.intervals != credible(q.network, q.model, q.understood, count=64, seed=4).intervals


def test_more_draws_do_not_change_an_interval_much() -> None:
    q = toy(*FINDINGS)
    few_draws, many = (credible(q.network, q.model, q.understood, count=n, seed=n) for n in (1000, 8000))
    for one, other in zip(few_draws.intervals, many.intervals, strict=True):
        assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.06)


def with_counts(network: Network, size: int) -> Network:
    """Every probability as a count of so many patients."""
    assert network.spec is not None
    values = {
        p: spec.Number(k=max(1, round(p.value * size)), n=size, source="elicited", grade="measured")
        for p in parameters(network.spec)
        if isinstance(p.number, spec.Number) and p.place[2] != "complaint"
    }
    changed = with_values(network.spec, values)
    return replace(network, read_spec=lambda: changed)


def widths(size: int) -> list[float]:
    q = toy(*FINDINGS)
    network = with_counts(q.network, size)
    model = compile_network(network.bayesnet("clinic"), events=q.model.events, effort=0)
    answer = credible(network, model, q.understood, count=400, seed=2)
    return [i.high - i.low for i in sorted(answer.intervals, key=lambda i: i.entry.id)]


def test_intervals_shrink_with_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    few_patients, many = widths(300), widths(30_000)
    assert all(narrow < 0.35 * wide for narrow, wide in zip(many, few_patients, strict=True))
    monkeypatch.setattr(uncertainty, "_size", lambda _number: 50.0)  # a mutant that ignores counts
    few_patients, many = widths(300), widths(30_000)
    assert not all(narrow < 0.35 * wide for narrow, wide in zip(many, few_patients, strict=True))


def test_without_uncertainty_there_is_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddx.reasoning.credible.draws", lambda _rows, _count, _rng: {})
    q = toy(*FINDINGS)
    for i in credible(q.network, q.model, q.understood, count=32).intervals:
        assert i.high - i.low == pytest.approx(0, abs=1e-12)
        assert i.same_rank == 1.0


def test_the_stability_of_ranks_counts_draws() -> None:
    q = toy("kind=b")
    answer = credible(q.network, q.model, q.understood, count=50, seed=5)
    found = posteriors_drawn(q.network, q.model, q.understood, count=50, seed=5)
    names = [e.id for e in listed(q.network, q.model)]
    order = [i.entry.id for i in answer.intervals]
    ranked = [sorted(names, key=lambda n, row=row: -row[names.index(n)]) for row in found]
    assert answer.first_kept == sum(r[0] == order[0] for r in ranked) / 50
    assert 0 < answer.first_kept < 1
    for k, i in enumerate(answer.intervals):
        assert i.same_rank == sum(r[k] == i.entry.id for r in ranked) / 50
        assert i.top_three == sum(i.entry.id in r[:3] for r in ranked) / 50
