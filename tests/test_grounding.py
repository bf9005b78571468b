"""From what an author wrote to what is computed: links, attributes, settings and views mean what the format says."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ddx.engine import ground, population, priors, view
from ddx.engine.model import compile_network
from ddx.errors import SpecError, UnknownName
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import BayesNet, NoisyMax, Table
from ddx.knowledge.load import load
from ddx.knowledge.meaning import models_of

TOY = Path(__file__).parent / "data" / "toy.yaml"


def number(p: float) -> spec.Number:
    return spec.Number(p=p, source="elicited", grade="judgement")


@pytest.fixture(scope="module")
def toy() -> spec.Network:
    return load(TOY)


def grounded(network: spec.Network, setting: str) -> BayesNet:
    people = population.population(network, setting)
    return ground.ground(network, people, priors.solve(network, people))


def with_setting(network: spec.Network, name: str, **changes: object) -> spec.Network:
    changed = replace(network.settings[name], **changes)  # type: ignore[arg-type]
    return replace(network, settings={**network.settings, name: changed})


def test_a_rate_that_contains_the_background_is_reproduced() -> None:
    leak, row = np.array([0.9, 0.08, 0.02]), np.array([0.3, 0.5, 0.2])
    link = ground.link(row, leak, "with_background")
    together = np.diff(np.cumsum(link) * np.cumsum(leak), prepend=0.0)
    np.testing.assert_allclose(together, row, atol=1e-15)


def test_the_two_leak_conventions_differ_as_stated() -> None:
    leak, row = np.array([1 - 1e-4, 1e-4]), np.array([0.9, 0.1])
    inside = ground.link(row, leak, "with_background")
    on_top = ground.link(row, leak, "on_top")
    assert 1 - inside[0] * leak[0] == pytest.approx(0.1, abs=1e-15)
    assert 1 - on_top[0] * leak[0] == pytest.approx(0.10009, abs=1e-15)


def test_a_rate_below_its_background_is_no_link() -> None:
    link = ground.link(np.array([0.95, 0.05]), np.array([0.9, 0.1]), "with_background")
    np.testing.assert_array_equal(link, [1.0, 0.0])


def test_an_odds_ratio_multiplies_the_odds_of_any_effect() -> None:
    leak = np.array([0.9, 0.08, 0.02])
    row = ground.odds_ratio_row(3.0, leak)
    assert (1 - row[0]) / row[0] == pytest.approx(3 * 0.1 / 0.9)
    assert row[1] / row[2] == pytest.approx(4.0)
    assert row.sum() == pytest.approx(1.0)


def stated_and_reached(network: spec.Network, setting: str) -> list[tuple[float, float]]:
    people = population.population(network, setting)
    model = compile_network(grounded(network, setting))
    complaint = people.complaint
    belief = model.posteriors({complaint.finding: complaint.state} if complaint else {})
    pairs = [(p, belief[node][state]) for (node, state), p in people.priors.items()]
    for context, mix in people.mix.items():
        pairs += zip(mix.tolist(), belief[context].values(), strict=True)
    if complaint:
        pairs.append((complaint.p.value, math.exp(belief.log_evidence)))
    return pairs


@pytest.mark.parametrize("setting", ["general", "clinic"])
def test_the_patients_of_a_setting_are_those_it_states(toy: spec.Network, setting: str) -> None:
    for stated, reached in stated_and_reached(toy, setting):
        assert reached == pytest.approx(stated, abs=1e-9)


def test_priors_entered_raw_would_count_the_complaint_twice(toy: spec.Network) -> None:
    """The mutant of the test above: without solving, the posterior given the complaint is not what is stated."""
    people = population.population(toy, "clinic")
    raw = ground.ground(toy, people, priors.starting_roots(toy, people))
    belief = compile_network(raw).posteriors({"fever": "present"})
    assert abs(belief["flu"]["present"] - people.priors["flu", "present"]) > 0.1


def test_the_prior_of_a_disease_with_causes_may_be_stated(toy: spec.Network) -> None:
    stated = with_setting(toy, "clinic", priors={**toy.settings["clinic"].priors, "multiple_myeloma": number(0.05)})
    for wanted, reached in stated_and_reached(stated, "clinic"):
        assert reached == pytest.approx(wanted, abs=1e-9)


def test_what_cannot_be_met_is_refused_with_the_smallest_figure(toy: spec.Network) -> None:
    stated = with_setting(toy, "clinic", priors={**toy.settings["clinic"].priors, "multiple_myeloma": number(1e-4)})
    with pytest.raises(SpecError, match=r"states 0\.0001 for clone.*smallest figure that can be reached is 0\.00"):
        grounded(stated, "clinic")


def test_a_complaint_rarer_than_its_causes_force_is_refused(toy: spec.Network) -> None:
    """Myeloma alone, one in a thousand, gives 2 in 10,000 a fever."""
    complaint = spec.Complaint(finding="fever", state="present", p=number(1e-4))
    priors_of = {**toy.settings["clinic"].priors, "flu": number(0.1)}
    with pytest.raises(SpecError, match=r"states 0.0001 for P\(fever\), but the smallest figure .* is 0.0002"):
        grounded(with_setting(toy, "clinic", complaint=complaint, priors=priors_of, inherits="general"), "clinic")


def test_a_figure_at_the_edge_of_what_can_be_reached_is_reached(toy: spec.Network) -> None:
    """The background is then the rate of the only cause: steps towards it shrink for ever if nothing corrects them."""
    complaint = spec.Complaint(finding="fever", state="present", p=number(0.9))
    priors_of = {**toy.settings["clinic"].priors, "flu": number(0.999)}
    edge = with_setting(toy, "clinic", complaint=complaint, priors=priors_of, inherits="general")
    for wanted, reached in stated_and_reached(edge, "clinic"):
        assert reached == pytest.approx(wanted, abs=1e-9)


def test_unknown_settings_and_circles_are_refused(toy: spec.Network) -> None:
    with pytest.raises(UnknownName, match="Did you mean clinic"):
        population.population(toy, "clinik")
    with pytest.raises(SpecError, match="inherit from one another"):
        population.population(with_setting(toy, "general", inherits="clinic"), "clinic")


def test_an_attribute_is_the_mean_of_the_causes_present_and_not_applicable_without_its_gate(toy: spec.Network) -> None:
    net = grounded(toy, "general")
    table = net.models["kind"]
    assert table.parents == ("fever", "flu")
    np.testing.assert_allclose(table.values[0, 0], [0, 0, 1])
    np.testing.assert_allclose(table.values[1, 0], [0.5, 0.5, 0])
    np.testing.assert_allclose(table.values[1, 1], [0.9, 0.1, 0], atol=1e-12)


def test_precedence_sets_later_causes_aside(toy: spec.Network) -> None:
    old = models_of(toy)["kind"]
    assert isinstance(old, spec.Attribute)
    rows = {**old.given, "ssc=limited": {"a": number(0.1)}}

    def mean(precedence: tuple[tuple[str, ...], ...]) -> float:
        model = replace(old, given=rows, precedence=precedence)
        changed = replace(toy, findings={**toy.findings, "kind": replace(toy.findings["kind"], model=model)})
        table = grounded(changed, "general").models["kind"].values
        return float(table[1, 1, 1, 0])  # fever, flu, limited

    assert mean(()) == pytest.approx(0.5)
    assert mean((("flu",),)) == pytest.approx(0.9)
    assert mean((("ssc=limited",), ("flu",))) == pytest.approx(0.1)


def test_context_shifts_odds_by_its_share(toy: spec.Network) -> None:
    model = compile_network(grounded(toy, "general"))
    odds = {}
    for sex in ("male", "female"):
        flu = model.posteriors({"sex": sex})["flu"]
        odds[sex] = flu["present"] / flu["absent"]
    share = toy.diseases["flu"].profile[0].row["male"].value
    assert odds["male"] / odds["female"] == pytest.approx((share / 0.49) / ((1 - share) / 0.51), rel=1e-9)


def test_a_view_averages_what_it_leaves_out(toy: spec.Network) -> None:
    chosen = spec.View(of="toy", diseases=("flu", "multiple_myeloma"), findings=("fever", "kind"))
    whole = grounded(toy, "general")
    cut = view.cut(replace(toy, view=chosen), whole, None)
    assert set(cut.nodes) == {"sex", "flu", "clone", "fever", "kind"}
    small, large = compile_network(cut), compile_network(whole)
    for state in ("absent", "present"):  # of one family, the average over what is left out is exact
        expected = large.posteriors({"flu": state})["clone"]
        assert small.posteriors({"flu": state})["clone"] == pytest.approx(dict(expected), abs=1e-12)


def test_every_state_of_a_table_needs_a_row(toy: spec.Network) -> None:
    table = spec.Table(
        kind="table", parents=("flu",), rows=(spec.TableRow(when={"flu": "present"}, row={"present": number(0.5)}),)
    )
    latent = spec.Latent(label="gap", model=table)
    with pytest.raises(SpecError, match="gap has no row for flu=absent"):
        grounded(replace(toy, latents={"gap": latent}), "general")


def test_noisy_families_equal_their_closed_form(toy: spec.Network) -> None:
    """P(fever | causes) = 1 - (1 - leak) x product of (1 - w), w = 1 - (1 - p) / (1 - leak)."""
    net = grounded(toy, "general")
    model = compile_network(net)
    leak, rates = 0.01, {"flu": 0.9, "ssc": 0.2, "clone": 0.2}
    for flu, ssc, clone in itertools.product(("absent", "present"), ("absent", "limited"), ("absent", "mm")):
        survives = 1 - leak
        for node, state in (("flu", flu), ("ssc", ssc), ("clone", clone)):
            survives *= 1.0 if state == "absent" else (1 - rates[node]) / (1 - leak)
        belief = model.posteriors({"flu": flu, "ssc": ssc, "clone": clone})
        assert belief["fever"]["present"] == pytest.approx(1 - survives, abs=1e-12)


def test_lanes_are_the_networks_of_their_numbers(toy: spec.Network) -> None:
    """Numbers drawn for two lanes at once give what each network gives by itself."""
    people = population.population(toy, "general")
    roots = priors.solve(toy, people)
    model = models_of(toy)["fever"]
    assert isinstance(model, spec.Noisy)
    written, background = model.given["flu"]["present"], model.background["present"]
    drawn = {id(written): np.array([0.9, 0.4]), id(background): np.array([0.01, 0.05])}
    lanes = ground.Grounding(ground.Names(toy), people, roots, drawn).local_model("fever")
    assert isinstance(lanes, NoisyMax)
    given = {**model.given, "flu": {"present": number(0.4)}}
    other = replace(model, given=given, background={"present": number(0.05)})
    changed = replace(toy, findings={**toy.findings, "fever": replace(toy.findings["fever"], model=other)})
    for lane, network in enumerate((toy, changed)):
        alone = ground.local_model(network, people, roots, "fever")
        assert isinstance(alone, NoisyMax)
        for one, many in zip(alone.terms, lanes.terms, strict=True):
            np.testing.assert_array_equal(one.values, many.values[..., lane % many.values.shape[-1]])
    assert not np.allclose(lanes.terms[0].values[..., 0], lanes.terms[0].values[..., 1])


@pytest.mark.parametrize("whole", [False, True])
def test_what_was_seen_is_left_out_of_tables(toy: spec.Network, whole: bool) -> None:
    people = population.population(toy, "general")
    roots = priors.solve(toy, people)
    full = grounded(toy, "general").models["kind"].values  # fever, flu, kind
    names = ground.Names(toy).left_by({"fever": 1, "kind": 0}, whole=whole)
    cut = ground.Grounding(names, people, roots).local_model("kind")
    assert isinstance(cut, Table)
    expected = full[1:2, :, :, None] if whole else full[1:2, :, :1, None]
    np.testing.assert_array_equal(cut.values, expected)
    flu = ground.Grounding(ground.Names(toy).left_by({"sex": 1}), people, roots).local_model("flu")
    assert isinstance(flu, Table)
    np.testing.assert_allclose(flu.values[..., 0], grounded(toy, "general").models["flu"].values[1:2], atol=1e-15)
