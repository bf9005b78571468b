"""What changed numbers make of the tables of a network, and which numbers there are to change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from changed_numbers import ROOTS, moved, numbers_of, with_values
from ddx.engine import ground, population, priors
from ddx.engine.solved import roots_of
from ddx.errors import SpecError
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import LocalModel, NoisyMax, Table
from ddx.reasoning.numbers import Parameter, parameters
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.uncertainty import varies
from reasoning_cases import asked, toy

Floats = npt.NDArray[np.float64]
FINDINGS = ("fever", "kind=a", "sex=male")


@pytest.fixture(scope="module")
def numbers() -> Regrounding:
    return numbers_of(toy(*FINDINGS))


def test_every_number_of_the_file_has_a_place_and_can_be_replaced() -> None:
    network = toy(*FINDINGS).network.spec
    assert network is not None
    found = parameters(network)
    assert len({p.place for p in found}) == len({id(p.number) for p in found}) == len(found) > 15
    for p in found:
        again = {q.place: q.value for q in parameters(with_values(network, {p: 0.123}))}
        assert again[p.place] == 0.123
        assert sum(again[q.place] != q.value for q in found) == 1


def test_numbers_of_the_shelf_are_told_apart() -> None:
    """Draws are kept by the identity of a number: no number stands in two places."""
    network = asked("seed").network.spec
    assert network is not None
    found = parameters(network)
    assert len({id(p.number) for p in found}) == len(found) > 1000


def test_a_view_has_no_numbers_of_its_own() -> None:
    from ddx.cli.asking import asked as ask

    q = ask((), None, "four-diseases", None)
    with pytest.raises(SpecError, match="no numbers of its own"):
        Regrounding(q.network, q.model, None)


def test_the_flagship_grounded_again_is_itself() -> None:
    q = asked("seed")
    numbers = numbers_of(q)
    drawn = {id(p.number): np.array([p.value, p.value]) for p in numbers.varied}
    grounding = numbers.grounding(drawn)
    for node, model in q.model.network.models.items():
        made = grounding.local_model(node)
        for one, other in zip(arrays(model), arrays(made), strict=True):
            assert np.allclose(one[..., None], other, atol=1e-12), node


def arrays(model: LocalModel) -> list[Floats]:
    return [model.values] if isinstance(model, Table) else [t.values for t in model.terms]


@pytest.mark.parametrize("setting", ["general-population", "scleroderma-clinic", "back-pain-clinic"])
def test_solved_roots_are_read_back_from_the_tables(setting: str) -> None:
    network = asked("seed").network.spec
    assert network is not None
    read_back_and_solved(network, setting)


def read_back_and_solved(network: spec.Network, setting: str) -> None:
    people = population.population(network, setting)
    solved = priors.solve(network, people)
    found = roots_of(network, people, ground.ground(network, people, solved))
    for kind in ROOTS:
        one, other = getattr(solved, kind), getattr(found, kind)
        assert one.keys() == other.keys()
        for node, row in one.items():
            assert other[node] == pytest.approx(row, rel=1e-12)


@pytest.mark.parametrize("every_context", [False, True])
def test_a_background_with_strata_is_read_back_too(every_context: bool) -> None:
    network = toy(*FINDINGS).network.spec
    assert network is not None
    row = {"present": spec.Number(p=0.03, source="elicited", grade="judgement")}
    states = ("male", "female") if every_context else ("male",)
    strata = tuple(spec.Stratum(when={"sex": s}, row=row) for s in states)
    fever = network.findings["fever"]
    assert isinstance(fever.model, spec.Noisy)
    changed = replace(fever, model=replace(fever.model, strata=strata))
    read_back_and_solved(replace(network, findings={**network.findings, "fever": changed}), "clinic")


def test_what_is_varied_is_what_acts(numbers: Regrounding) -> None:
    where = {p.where for p in numbers.varied}
    assert "settings.clinic.priors.flu" in where
    assert "settings.general.priors.ssc=diffuse" in where  # inherited
    assert "settings.general.priors.flu" not in where  # stated by the clinic
    assert "diseases.flu.profile.0.row.male" in where
    assert not any("findings.fever" in w or "complaint" in w for w in where)  # of the complaint


def test_a_prior_moves_its_disease_and_leaves_it_as_common_over_contexts(numbers: Regrounding) -> None:
    """A profile drawn anew spreads a disease otherwise; how common it is stays what the setting says."""
    profile = next(p for p in numbers.varied if "profile" in p.place)
    drawn = {id(profile.number): np.array([profile.value, 0.2])}
    table = numbers.grounding(drawn).local_model("flu")
    assert isinstance(table, Table)
    mix = numbers.roots.mix["sex"]
    common = (table.values[:, 1, :] * mix[:, None]).sum(axis=0)
    assert common[1] == pytest.approx(common[0], rel=1e-8)
    assert table.values[0, 1, 1] < 0.5 * table.values[0, 1, 0]


@pytest.mark.parametrize("setting", ["clinic", "general"])
def test_roots_solved_anew_in_lanes_are_those_of_the_compiler(setting: str) -> None:
    """Every number on which a setting depends, halved and tripled in its odds, as lanes; held roots are the mutant."""
    q = toy(*FINDINGS, setting=setting)
    numbers = Regrounding(q.network, q.model, setting, solving=True)
    solved_as_compiled(numbers, [p for p in numbers.varied if p.node in numbers.solving], setting)


def test_so_they_are_in_the_flagship() -> None:
    q = asked("seed")
    numbers = Regrounding(q.network, q.model, "scleroderma-clinic", solving=True)
    solved_as_compiled(numbers, [p for p in numbers.varied if p.node in numbers.solving][::7], "scleroderma-clinic")


def solved_as_compiled(numbers: Regrounding, chosen: list[Parameter], setting: str) -> None:
    assert {p.place[0] for p in chosen} >= {"settings", "diseases"}
    held = numbers_held_differ = 0
    for p in chosen:
        odds = p.value / (1 - p.value) if p.value < 1 else p.value
        pair = np.array([odds * 0.5, odds * 3.0])
        pair = np.clip(pair / (1 + pair) if p.value < 1 else pair, *numbers.bounds(p))
        lanes = numbers.grounding(numbers.moved(p, pair)).roots
        for lane, t in enumerate(pair.tolist()):
            changed = with_values(numbers.spec, moved(numbers, p, t))
            try:
                exact = priors.solve(changed, population.population(changed, setting))
            except SpecError:  # it cannot be met
                assert np.isnan(next(iter(lanes.odds.values()))[1:, lane]).all(), p.where
                continue
            for kind in ROOTS:
                for node, row in getattr(exact, kind).items():
                    found = getattr(lanes, kind)[node]
                    assert found[:, lane] == pytest.approx(row, rel=1e-8), p.where
                    held += 1
                    numbers_held_differ += getattr(numbers.roots, kind)[node] != pytest.approx(row, rel=1e-8)
    assert 0 < numbers_held_differ < held


def test_a_setting_that_cannot_be_met_is_no_number() -> None:
    """Given a complaint that others bring about too, a prior can be too large to be reached."""
    q = asked("seed")
    numbers = Regrounding(q.network, q.model, "scleroderma-clinic", solving=True)
    p = next(p for p in numbers.varied if p.where.endswith("scleroderma-clinic.priors.scleromyxedema"))
    roots = numbers.grounding(numbers.moved(p, np.array([0.05, 0.9]))).roots
    assert np.isfinite(roots.odds["lichen_myxedematosus"][:, 0]).all()
    assert np.isnan(roots.odds["lichen_myxedematosus"][1:, 1]).all()
    changed = with_values(numbers.spec, moved(numbers, p, 0.9))
    with pytest.raises(SpecError, match="can be reached"):
        priors.solve(changed, population.population(changed, numbers.setting))


def test_numbers_of_a_full_row_keep_their_proportions() -> None:
    q = asked("seed")
    numbers = numbers_of(q)
    row = next(r for rows in numbers.rows.values() for r in rows if r.rest == 0 and sum(map(varies, r.numbers)) > 2)
    p = next(p for p in row.numbers if varies(p))
    values = moved(numbers, p, 0.5)
    assert sum(values.values()) == pytest.approx(1)
    one, other = (q for q in row.numbers if varies(q) and q is not p)
    assert values[one] / values[other] == pytest.approx(one.value / other.value)


def test_the_size_of_a_change_is_the_largest_of_its_row(numbers: Regrounding) -> None:
    """Taking all from the state that a row leaves out is no small change."""
    mgus = next(p for p in numbers.varied if p.where == "diseases.clone.model.given.flu.mgus")
    high = numbers.bounds(mgus)[1]
    assert numbers.size_of_change(mgus, mgus.value) == 0
    small = abs(np.log(high / (1 - high)) - np.log(mgus.value / (1 - mgus.value)))
    assert numbers.size_of_change(mgus, high) > 3 * small


def test_noisy_families_have_lanes_as_they_have_numbers() -> None:
    q = asked("seed")
    numbers = numbers_of(q)
    p = next(p for p in numbers.varied if p.where == "findings.esr.model.given.multiple_myeloma.elevated")
    made = numbers.grounding({id(p.number): np.array([0.2, 0.9])}).local_model("esr")
    assert isinstance(made, NoisyMax)
    assert {t.values.shape[-1] for t in made.terms} == {1, 2}
