"""The differential against enumeration of the joint, and what it must never do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddx.engine.model import Model
from ddx.errors import ContradictoryFinding, ImpossibleEvidence, SpecError, UnknownFinding, UnknownName, UnknownState
from ddx.evidence import Case, Expect, Observed, observed_on_the_line
from ddx.knowledge.bayesnet import BayesNet, Table, expand
from ddx.network import Network, load
from ddx.network import compile as compiled
from ddx.reasoning.basis import canonical_state
from ddx.reasoning.chains import chains
from ddx.reasoning.differential import Differential, diagnose
from ddx.reasoning.expectations import broken
from ddx.reasoning.graph import above, parents_in
from ddx.reasoning.standing import leading_pair, moved, standing
from ddx.reasoning.understanding import State, understand
from ddx.reasoning.weights import reasons

TOY = Path(__file__).parent / "data" / "toy.yaml"


@pytest.fixture(scope="module")
def toy() -> Network:
    return load(TOY)


@pytest.fixture(scope="module")
def model(toy: Network) -> Model:
    return compiled(toy)


def case(*tokens: str, **keywords: object) -> Case:
    return Case(observed_on_the_line(tokens), **keywords)  # type: ignore[arg-type]


def answer(toy: Network, model: Model, *tokens: str) -> Differential:
    return diagnose(toy, model, understand(toy, case(*tokens)))


# the oracle: every configuration of a small network, one by one


def configurations(net: BayesNet) -> Iterator[tuple[dict[str, str], float]]:
    tables = {node: expand(net, node) for node in net.nodes}
    for states in itertools.product(*net.states.values()):
        world = dict(zip(net.states, states, strict=True))
        yield world, math.prod(_row(net, tables[node], node, world) for node in net.nodes)


def _row(net: BayesNet, table: Table, node: str, world: Mapping[str, str]) -> float:
    place = tuple(net.states[n].index(world[n]) for n in (*table.parents, node))
    return float(table.values[place])


def weight(world: Mapping[str, str], evidence: Mapping[str, State]) -> float:
    found = 1.0
    for name, said in evidence.items():
        found *= float(world[name] == said) if isinstance(said, str) else said[world[name]]
    return found


def enumerated(net: BayesNet, toy: Network, found: Differential) -> dict[str, object]:
    """Priors, posteriors, sets, pairs and log10 P(evidence) by adding up the joint."""
    understood = found.basis.understood
    total, before = 0.0, 0.0
    prior = dict.fromkeys((e.id for e in toy.entries), 0.0)
    posterior, sets, pairs = dict(prior), {}, {}
    for world, probability in configurations(net):
        early, late = probability * weight(world, understood.before), probability * weight(world, understood.evidence)
        before, total = before + early, total + late
        present = sorted(e.id for e in toy.entries if world[e.node] in e.states)
        sets[tuple(present)] = sets.get(tuple(present), 0.0) + late
        for name in present:
            prior[name] += early
            posterior[name] += late
        for pair in itertools.combinations(present, 2):
            pairs[pair] = pairs.get(pair, 0.0) + late
    return {
        "prior": {k: v / before for k, v in prior.items()},
        "posterior": {k: v / total for k, v in posterior.items()},
        "sets": {k: v / total for k, v in sets.items()},
        "pairs": {k: v / total for k, v in pairs.items()},
        "log10": math.log10(total),
    }


def assert_same(found: Differential, truth: dict[str, object]) -> None:
    prior, posterior, sets, pairs = (truth[k] for k in ("prior", "posterior", "sets", "pairs"))
    assert (
        isinstance(prior, dict) and isinstance(posterior, dict) and isinstance(sets, dict) and isinstance(pairs, dict)
    )
    for d in found.diseases:
        assert d.prior == pytest.approx(prior[d.id], abs=1e-12)
        assert d.posterior == pytest.approx(posterior[d.id], abs=1e-12)
    for c in found.combinations:
        assert c.probability == pytest.approx(sets[c.diseases], abs=1e-12)
    for t in found.together:
        assert t.probability == pytest.approx(pairs.get(t.diseases, 0.0), abs=1e-12)
    assert found.basis.log10_evidence == pytest.approx(truth["log10"], abs=1e-10)


LINES = [(), ("fever",), ("no-fever",), ("fever", "kind=a"), ("sex=male",), ("sex=female", "kind=b"), ("fever=?",)]


@pytest.mark.parametrize("tokens", LINES, ids=" ".join)
def test_the_differential_is_that_of_the_joint(toy: Network, model: Model, tokens: tuple[str, ...]) -> None:
    found = answer(toy, model, *tokens)
    assert_same(found, enumerated(toy.bayesnet(), toy, found))


def test_a_likelihood_is_weighed(toy: Network, model: Model) -> None:
    observed = Observed("kind", likelihood={"a": 9.0, "b": 1.0, "not_applicable": 0.5})
    found = diagnose(toy, model, understand(toy, Case((observed,))))
    assert_same(found, enumerated(toy.bayesnet(), toy, found))


def test_the_oracle_catches_a_wrong_number(toy: Network, model: Model) -> None:
    found = answer(toy, model, "fever", "kind=a")
    net = toy.bayesnet()
    flu = expand(net, "flu")
    spoilt = Table(flu.parents, np.roll(flu.values, 1, axis=-1))
    wrong = BayesNet.build("wrong", net.states, {**net.models, "flu": spoilt})
    with pytest.raises(AssertionError):
        assert_same(found, enumerated(wrong, toy, found))


def test_combinations_hold_almost_everything_and_fall(toy: Network, model: Model) -> None:
    sets = answer(toy, model, "fever").combinations
    assert sum(c.probability for c in sets) >= 0.99
    assert [c.probability for c in sets] == sorted((c.probability for c in sets), reverse=True)
    assert len({c.diseases for c in sets}) == len(sets)


def test_a_disease_of_several_forms_has_its_states(toy: Network, model: Model) -> None:
    line = answer(toy, model, "fever").of("ssc")
    assert line.states is not None
    assert set(line.states) == {"absent", "limited", "diffuse"}
    assert sum(line.states.values()) == pytest.approx(1)
    assert line.posterior == pytest.approx(line.states["limited"] + line.states["diffuse"])
    assert answer(toy, model).of("mgus").states is None


def test_pairs_without_one_another_add_up(toy: Network, model: Model) -> None:
    found = answer(toy, model, "fever")
    for pair in found.pairs:
        assert pair.both + pair.first_only == pytest.approx(found.of(pair.first.id).posterior, abs=1e-12)
        assert pair.both + pair.second_only == pytest.approx(found.of(pair.second.id).posterior, abs=1e-12)


# what the case meant


def test_the_complaint_counts_unless_the_case_says_otherwise(toy: Network) -> None:
    assumed = understand(toy, case("kind=a"))
    first = assumed.used[0]
    assert (first.finding, first.said, first.origin) == ("fever", "present", "setting")
    denied = understand(toy, case("no-fever"))
    assert denied.evidence == {"fever": "absent"}
    assert denied.before == {}
    assert understand(toy, case("fever=?")).evidence == {}
    said = understand(toy, case("fever"))
    assert said.used[0].origin == "line"
    assert said.before == {"fever": "present"}


def test_a_setting_on_the_line_wins_over_the_case(toy: Network) -> None:
    assert understand(toy, case(setting="clinic"), "general").setting == "general"
    assert understand(toy, case(setting="general")).setting == "general"
    assert understand(toy, case()).setting == "clinic"
    with pytest.raises(UnknownName, match="clinik"):
        understand(toy, case(), "clinik")


@pytest.mark.parametrize(
    "tokens", [("fever", "no-fever"), ("fever", "FEVER"), ("fever", "fever=present"), ("fever=?", "fever")]
)
def test_a_finding_given_twice_is_refused(toy: Network, tokens: tuple[str, ...]) -> None:
    with pytest.raises(ContradictoryFinding, match="fever is given twice"):
        understand(toy, case(*tokens))


def test_the_subject_and_the_line_may_not_both_say_it(toy: Network) -> None:
    with pytest.raises(ContradictoryFinding, match="sex is given twice"):
        understand(toy, case("sex=male", subject={"sex": "female"}))


def test_every_fault_is_told_and_many_are_counted(toy: Network) -> None:
    with pytest.raises(UnknownFinding) as caught:
        understand(toy, case(*(f"zz{i}" for i in range(9))))
    assert "zz0" in str(caught.value) and "zz4" in str(caught.value)
    assert "and 4 more" in str(caught.value)
    with pytest.raises(UnknownState, match="perhaps"):
        understand(toy, case("fever=perhaps"))
    with pytest.raises(Exception, match="5,000 characters") as long:
        understand(toy, case("x" * 5000))
    assert len(str(long.value)) < 200


def test_impossible_evidence_is_named(toy: Network, model: Model) -> None:
    with pytest.raises(ImpossibleEvidence) as caught:
        answer(toy, model, "no-fever", "kind=a")
    assert any(f.startswith("fever") for f in caught.value.findings)
    assert any(f.startswith("kind") for f in caught.value.findings)


def test_a_network_without_diseases_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "coin.bif"
    path.write_text(
        "network coin {}\nvariable coin { type discrete [2] { heads, tails }; }\n"
        "probability (coin) { table 0.5, 0.5; }\n"
    )
    coin = load(path)
    with pytest.raises(SpecError, match="ddx posterior"):
        diagnose(coin, compiled(coin), understand(coin, case("coin=heads")))


# reproducibility


@given(st.permutations(["fever", "kind=a", "sex=male"]))
@settings(max_examples=6, deadline=None)
def test_the_hash_is_free_of_order(tokens: list[str]) -> None:
    toy = load(TOY)
    model = compiled(toy)
    first, second = answer(toy, model, "fever", "kind=a", "sex=male"), answer(toy, model, *tokens)
    assert first.result_sha256 == second.result_sha256
    assert first.result_sha256 != answer(toy, model, "fever", "kind=b", "sex=male").result_sha256


@given(st.integers(1, 10**6), st.integers(-9, 9), st.integers(1, 10**5), st.integers(1, 10**5))
def test_the_hash_is_free_of_the_scale_of_a_likelihood(times: int, power: int, a: int, b: int) -> None:
    """Numbers as people write them: integers, and decimals of up to nine places."""
    scaled = {"b": float(f"{b * times}e{power}"), "a": float(f"{a * times}e{power}")}
    assert canonical_state({"a": a, "b": b}) == canonical_state(scaled)
    assert canonical_state({"a": a, "b": b}) != canonical_state({"a": a, "b": b * 1.01})


# reasons, and what is shown


def test_findings_of_one_chain_stand_together(toy: Network, model: Model) -> None:
    assert chains(toy, parents_in(model), ["kind", "fever"]) == (("fever", "kind"),)


def test_diseases_do_not_tie_findings_together() -> None:
    flagship = load("scleroderma-mimics")
    parents = parents_in(compiled(flagship))
    found = chains(flagship, parents, ["raynaud", "spep_band", "paraprotein", "mprotein_heavy", "hla_b27"])
    assert sorted(map(sorted, found)) == [["hla_b27"], ["mprotein_heavy", "paraprotein", "spep_band"], ["raynaud"]]
    assert "scleromyxedema" not in above(parents, ["hla_b27"])
    assert "lichen_myxedematosus" in above(parents, ["paraprotein"])


def test_weights_are_differences_of_log_odds(toy: Network, model: Model) -> None:
    found = answer(toy, model, "fever", "kind=a")
    why = reasons(toy, model, found, found.diseases).carried["flu"]
    (only,) = why.arguing_for
    net = toy.bayesnet()
    flu = sum(p for world, p in configurations(net) if world["flu"] == "present")
    now = found.of("flu").posterior
    assert only.last_nats == pytest.approx(math.log(now / (1 - now)) - math.log(flu / (1 - flu)), abs=1e-9)
    assert only.alone_nats == pytest.approx(only.last_nats, abs=1e-9)


def test_what_is_explained_away_is_said() -> None:
    flagship = load("scleroderma-mimics")
    model = compiled(flagship)
    understood = understand(flagship, case("doughnut-sign", "no-raynaud", "ana=negative"))
    found = diagnose(flagship, model, understood)
    why = reasons(flagship, model, found, [found.of("systemic_sclerosis")]).carried["systemic_sclerosis"]
    assert {w.chain.findings[0] for w in why.arguing_against} == {"raynaud", "ana"}
    assert [away.by.id for away in why.explained_away] == ["scleromyxedema"]
    assert "skin_induration" in {w.chain.findings[0] for w in why.explained_away[0].weights}
    kept = {w.chain.findings[0] for w in why.arguing_for}
    assert kept.isdisjoint(w.chain.findings[0] for w in why.explained_away[0].weights)


def test_an_unexpected_finding_is_told() -> None:
    flagship = load("scleroderma-mimics")
    model = compiled(flagship)
    found = diagnose(flagship, model, understand(flagship, case("bone_lesions=sclerotic", "raynaud")))
    (odd,) = reasons(flagship, model, found, ()).unexpected
    rest = diagnose(flagship, model, understand(flagship, case("raynaud")))
    expected = math.exp(found.basis.log_evidence_nats - rest.basis.log_evidence_nats)
    assert odd.finding == "bone_lesions"
    assert odd.probability == pytest.approx(expected, rel=1e-9)


def test_what_a_disease_of_the_case_explains_is_no_misfit() -> None:
    flagship = load("scleroderma-mimics")
    model = compiled(flagship)
    found = diagnose(flagship, model, understand(flagship, case("doughnut-sign", "no-raynaud", "ana=negative")))
    assert found.of("scleromyxedema").posterior > 0.5
    assert reasons(flagship, model, found, ()).unexpected == ()


def test_every_disease_stands_once(toy: Network, model: Model) -> None:
    for tokens in LINES:
        found = answer(toy, model, *tokens)
        parts = standing(found)
        listed = [*parts.raised, *parts.serious, *parts.against, *parts.serious_and_rare, *parts.little, *parts.unmoved]
        assert sorted(d.id for d in listed) == sorted(d.id for d in found.diseases)
        assert all(moved(d) == 0 for d in parts.unmoved)
        assert not any(d.entry.serious for d in (*parts.little, *parts.unmoved))


def test_the_leading_pair_is_of_two_families() -> None:
    flagship = load("scleroderma-mimics")
    model = compiled(flagship)
    found = diagnose(
        flagship, model, understand(flagship, case("doughnut-sign", "paraprotein", "bm-plasma-cells=lt10"))
    )
    pair = leading_pair(found)
    assert pair is not None
    assert {pair.first.id, pair.second.id} == {"scleromyxedema", "mgus"}


# promises of a case


@pytest.mark.parametrize(
    ("expect", "count"),
    [
        (Expect(rank=("flu",)), 0),
        (Expect(rank=("mgus", "flu")), 1),
        (Expect(rank_any=("mgus", "flu")), 0),
        (Expect(above={"flu": 0.4}, below={"mm": 0.01}), 0),
        (Expect(above={"flu": 0.9}, below={"mm": 0.001}), 2),
        (Expect(above={"clone": 0.15}), 0),
        (Expect(joint_above={("flu", "mgus"): 0.13}), 0),
        (Expect(joint_above={("flu", "mgus"): 0.14}), 1),
        (Expect(above={"ssc": 0.09}, below={"ssc": 0.11}), 0),
    ],
)
def test_promises_are_checked(toy: Network, model: Model, expect: Expect, count: int) -> None:
    found = answer(toy, model, "fever", "kind=a")
    assert len(broken(toy, model, found, expect)) == count


def test_a_promise_about_nothing_known_is_refused(toy: Network, model: Model) -> None:
    with pytest.raises(UnknownName, match="Did you mean flu"):
        broken(toy, model, answer(toy, model), Expect(above={"flux": 0.4}))
