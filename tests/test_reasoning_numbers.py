"""sensitivity and credible: numbers changed in the file and compiled anew say the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ddx.engine.model import compile_network
from ddx.errors import SpecError
from ddx.reasoning.credible import credible
from ddx.reasoning.numbers import parameters, size_of_change, with_value
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.sensitivity import Sensitivity, sensitivity
from reasoning_cases import asked, entry, toy

FINDINGS = ("fever", "kind=a", "sex=male")


@pytest.fixture(scope="module")
def flu() -> Sensitivity:
    q = toy(*FINDINGS)
    return sensitivity(q.network, q.model, q.understood, entry(q, "flu"))


def posterior(numbers: Regrounding, flat: object, evidence: object) -> dict[str, float]:
    """By compiling everything anew with the changed local model."""
    model = compile_network(flat, events=numbers.model.events)  # type: ignore[arg-type]
    belief = model.posteriors(evidence)  # type: ignore[arg-type]
    return {e: belief.probability(e) for e in numbers.model.events}


def changed(numbers: Regrounding, where: str, value: float) -> object:
    p = next(p for p in numbers.varied if p.where == where)
    net = numbers.model.network
    return replace(net, models={**net.models, p.node: numbers.local(p, value)})


def test_every_number_of_the_file_has_a_place_and_can_be_replaced() -> None:
    spec = toy(*FINDINGS).network.spec
    assert spec is not None
    found = parameters(spec)
    assert len({p.place for p in found}) == len(found) > 15
    for p in found:
        again = {q.place: q.value for q in parameters(with_value(spec, p, 0.123))}
        assert again[p.place] == 0.123
        assert sum(again[q.place] != q.value for q in found) == 1


def test_slopes_are_those_of_networks_compiled_anew(flu: Sensitivity) -> None:
    q = toy(*FINDINGS)
    numbers = Regrounding(q.network, q.model, q.understood.setting)
    assert flu.influences
    for i in flu.influences:
        p, step = i.parameter, 1e-5 * i.parameter.value
        high = posterior(numbers, changed(numbers, p.where, p.value + step), q.understood.evidence)["flu"]
        low = posterior(numbers, changed(numbers, p.where, p.value - step), q.understood.evidence)["flu"]
        assert i.slope == pytest.approx((high - low) / (2 * step), rel=1e-3, abs=1e-6), p.where


def test_a_function_of_a_number_is_exact_everywhere(flu: Sensitivity) -> None:
    q = toy(*FINDINGS)
    numbers = Regrounding(q.network, q.model, q.understood.setting)
    linear = [i for i in flu.influences if i.present is not None]
    assert linear
    for i in linear:
        t = min(0.95, i.parameter.value + 0.03)
        exact = posterior(numbers, changed(numbers, i.parameter.where, t), q.understood.evidence)["flu"]
        assert i.posterior(t) == pytest.approx(exact, abs=1e-9)


def test_flips_flip_and_nothing_smaller_does(flu: Sensitivity) -> None:
    q = toy(*FINDINGS)
    numbers = Regrounding(q.network, q.model, q.understood.setting)
    assert flu.number_flips
    half = next(f for f in flu.number_flips if "one half" in f.outcome)
    over = flu.posterior >= 0.5
    after = posterior(numbers, changed(numbers, half.parameter.where, half.value), q.understood.evidence)["flu"]
    assert (after >= 0.5) != over
    for p in numbers.varied:
        low, high = numbers.bounds(p)
        for t in np.geomspace(max(low, 1e-6), min(high, 1 - 1e-6 if high <= 1 else 1e3), 25).tolist():
            if 0 < size_of_change(p, t) < half.size_logits * 0.999:
                same = posterior(numbers, changed(numbers, p.where, t), q.understood.evidence)["flu"]
                assert (same >= 0.5) == over, (p.where, t)


def test_findings_that_turn_the_conclusion_do(flu: Sensitivity) -> None:
    q = toy(*FINDINGS)
    for flip in flu.finding_flips:
        rest = {f: s for f, s in q.understood.evidence.items() if f != flip.finding}
        said = rest if flip.state is None else {**rest, flip.finding: flip.state}
        assert q.model.posteriors(said)["flu"]["present"] == pytest.approx(flip.posterior, rel=1e-9)


def test_intervals_hold_the_point_estimate_and_are_reproducible() -> None:
    q = toy(*FINDINGS)
    one = credible(q.network, q.model, q.understood, count=64, seed=3)
    assert all(i.low <= i.posterior <= i.high for i in one.intervals)
    assert any(i.high - i.low > 0.01 for i in one.intervals)
    again = credible(q.network, q.model, q.understood, count=64, seed=3)
    assert one.intervals == again.intervals
    assert one.intervals != credible(q.network, q.model, q.understood, count=64, seed=4).intervals


def test_without_uncertainty_there_is_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddx.reasoning.credible.draws", lambda number, count, _rng: np.full(count, number.value))
    q = toy(*FINDINGS)
    for i in credible(q.network, q.model, q.understood, count=32).intervals:
        assert i.high - i.low == pytest.approx(0, abs=1e-12)


def test_a_drawn_network_is_answered_exactly() -> None:
    """The variant tables of a draw give what the same network compiled anew gives."""
    from ddx.reasoning.credible import _redrawn, _tables
    from ddx.reasoning.derivatives import Sliced

    q = toy(*FINDINGS)
    numbers = Regrounding(q.network, q.model, q.understood.setting)
    own = [p for p in numbers.varied if p.node == "clone"]
    local = _redrawn(numbers, own, np.array([p.value * 1.3 for p in own]))
    net = q.model.network
    fresh = compile_network(replace(net, models={**net.models, "clone": local}))
    place = q.model.nodes.index("clone")
    sliced = Sliced(q.model, q.model.likelihood(q.understood.evidence), [place])
    tables = sliced.tables(q.model.structure.tables)
    of_factor = {s.factor: k for k, s in enumerate(sliced.slices)}
    for k, table in _tables(numbers, sliced, of_factor, ("clone", local)).items():
        tables[k] = table
    total, joints = sliced.joints(tables)
    exact = fresh.posteriors(q.understood.evidence)["clone"]
    assert joints[place] / total == pytest.approx(np.array(list(exact.values())), abs=1e-12)
    assert exact != pytest.approx(q.model.posteriors(q.understood.evidence)["clone"], abs=1e-6)


def test_a_view_has_no_numbers_of_its_own() -> None:
    from ddx.cli.asking import asked as ask

    q = ask((), None, "four-diseases", None)
    with pytest.raises(SpecError, match="no numbers of its own"):
        Regrounding(q.network, q.model, None)


def test_the_flagship_grounded_again_is_itself() -> None:
    q = asked("seed")
    numbers = Regrounding(q.network, q.model, q.understood.setting)
    for p in numbers.varied[::60]:
        assert np.allclose(numbers.flat(p, p.value), q.model.structure.tables, atol=1e-12), p.where
