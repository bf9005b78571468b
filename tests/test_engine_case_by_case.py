"""A tree for each case, trees for parts of it, cutsets, subsets and samples give what one tree gives."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import ddx
from ddx.cli import main
from ddx.engine import cache, case_by_case, part_tree
from ddx.engine.case_by_case import CaseByCase, Means, prepared
from ddx.engine.model import Model, compile_network
from ddx.engine.sampling import Sampling
from ddx.errors import CaseError, ImpossibleEvidence, TooLarge, UnknownState
from ddx.evidence import read_case
from ddx.exchange.files import write_network
from ddx.knowledge import catalog
from ddx.knowledge.bayesnet import BayesNet, LocalModel, NoisyMax, Table, Term
from ddx.network import events_of
from ddx.reasoning.differential import diagnose
from ddx.reasoning.understanding import understand
from oracle import joint
from properties.strategies import cases

some = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NARROW = Means(limit_bytes=64 * 12, entries=1e9)  # twelve entries a tree: everything else has to be cut
ROUGH = Means(entries=0, sampling=Sampling(most=20_000, seed=3))  # nothing but samples


def difference(model: Model, truth: Mapping[str, Mapping[str, float]], evidence: Mapping[str, str]) -> float:
    belief = model.posteriors(dict(evidence))
    assert belief.exact
    return max(abs(belief[n][s] - float(p)) for n, row in truth.items() for s, p in row.items())


@some
@given(cases(5))
def test_slices_and_cutsets_are_exact(case: tuple[BayesNet, dict[str, str]]) -> None:
    net, evidence = case
    truth, mass = joint.posteriors(net, evidence)
    for means in (Means(), NARROW):
        model = CaseByCase.of(net, means=means)
        if mass == 0:
            with pytest.raises(ImpossibleEvidence) as caught:
                model.posteriors(evidence)
            named = dict(found.split("=") for found in caught.value.findings)
            assert joint.posteriors(net, named)[1] == 0
            continue
        assert difference(model, truth, evidence) < 1e-10
        expected = math.log(mass.numerator) - math.log(mass.denominator)
        assert model.log_evidence(evidence) == pytest.approx(expected, abs=1e-9)


@some
@given(cases(5))
def test_lanes_are_those_of_one_tree(case: tuple[BayesNet, dict[str, str]]) -> None:
    """The case itself, nothing at all, a likelihood, and each finding by itself: some impossible, all at once."""
    net, evidence = case
    whole = compile_network(net)
    rng = np.random.default_rng(len(evidence))
    said = [evidence, {}, *({n: s} for n, s in evidence.items())]
    lanes = np.stack([*(whole.likelihood(e) for e in said), rng.uniform(0.1, 1, whole.layout.total)], axis=1)
    expected = whole.lanes(lanes)
    for means in (Means(), NARROW):
        found = CaseByCase.of(net, means=means).lanes(lanes)
        np.testing.assert_allclose(found.log_evidence, expected.log_evidence, atol=1e-9)
        np.testing.assert_allclose(found.marginals, expected.marginals, atol=1e-10)
        alone = CaseByCase.of(net, means=means).lanes(lanes, marginals=False)
        np.testing.assert_allclose(alone.log_evidence, expected.log_evidence, atol=1e-9)


def grid(side: int, concentration: float = 1.0) -> BayesNet:
    rng = np.random.default_rng(1)
    states = {f"x{i}_{k}": ("no", "yes") for i in range(side) for k in range(side)}
    models: dict[str, LocalModel] = {}
    for i in range(side):
        for k in range(side):
            parents = (*((f"x{i - 1}_{k}",) if i else ()), *((f"x{i}_{k - 1}",) if k else ()))
            models[f"x{i}_{k}"] = Table(parents, rng.dirichlet((concentration,) * 2, [2] * len(parents)))
    return BayesNet.build("grid", states, models)


CORNERS = {"x4_4": "yes", "x2_0": "no"}


@pytest.mark.parametrize("entries", [90, 50])
def test_a_grid_is_cut_and_stays_exact(entries: int) -> None:
    net = grid(5)
    truth = compile_network(net).posteriors(CORNERS)
    assert difference(CaseByCase.of(net, means=Means(limit_bytes=64 * entries, entries=1e9)), truth, CORNERS) < 1e-12


def test_a_wrong_mixture_of_cases_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    net = grid(5)
    truth = compile_network(net).posteriors(CORNERS)
    monkeypatch.setattr(np, "exp", lambda x: np.ones_like(x) / 2)  # the states of a cutset mixed half and half
    model = CaseByCase.of(net, means=Means(limit_bytes=64 * 50, entries=1e9))
    assert difference(model, truth, CORNERS) > 1e-3


def test_what_is_far_from_the_findings_gets_a_tree_of_its_own() -> None:
    """A fan of findings that nobody observed: each fits by itself, all of them together do not."""
    rng = np.random.default_rng(0)
    names = [f"d{i}" for i in range(12)]
    models: dict[str, LocalModel] = {n: Table((), rng.dirichlet((1, 1))) for n in names}
    for k in range(12):
        parents = tuple(names[int(i)] for i in rng.choice(12, 4, replace=False))
        models[f"f{k}"] = Table(parents, rng.dirichlet((1, 1), [2] * 4))
    net = BayesNet.build("fan", dict.fromkeys(models, ("no", "yes")), models)
    evidence = {"f0": "yes"}
    truth = compile_network(net).posteriors(evidence)
    split = CaseByCase.of(net, means=Means(limit_bytes=64 * 260, entries=1e9))
    with pytest.raises(TooLarge):
        compile_network(net, limit_bytes=64 * 260)
    assert difference(split, truth, evidence) < 1e-12


def wide(causes: int) -> BayesNet:
    """One noisy-OR finding of many causes, with a context above them so that these are not two layers."""
    names = [f"d{i}" for i in range(causes)]
    models: dict[str, LocalModel] = {"c": Table((), np.array([0.5, 0.5]))}
    models.update({n: Table(("c",), np.array([[0.9, 0.1], [0.8, 0.2]])) for n in names})
    terms = [Term((n,), np.array([[1.0, 0.0], [0.5, 0.5]])) for n in names]
    models["f"] = NoisyMax((Term((), np.array([0.99, 0.01])), *terms))
    return BayesNet.build("wide", dict.fromkeys(models, ("no", "yes")), models)


def test_an_absent_finding_takes_its_hidden_maxima_with_it() -> None:
    net = wide(30)
    model = CaseByCase.of(net)
    assert difference(model, compile_network(net).posteriors({"f": "no"}), {"f": "no"}) < 1e-12
    (tree,) = model._trees.values()
    assert isinstance(tree, part_tree.PartTree) and tree.model is not None
    assert tree.model.structure.entries < 4 * 32  # a star of the causes, and no finding


def two_layers(diseases: int, findings: int, links: int, seed: int = 0) -> BayesNet:
    rng = np.random.default_rng(seed)
    names = [f"d{i}" for i in range(diseases)]
    models: dict[str, LocalModel] = {}
    causes: list[list[str]] = [[] for _ in range(findings)]
    for n in names:
        prior = 10.0 ** -rng.uniform(0.5, 4)
        models[n] = Table((), np.array([1 - prior, prior]))
        for k in rng.choice(findings, links, replace=False):
            causes[int(k)].append(n)
    for k, own in enumerate(causes):
        weights = dict(zip(own, rng.uniform(0.1, 0.9, len(own)), strict=True))
        terms = [Term((n,), np.array([[1.0, 0.0], [1 - w, w]])) for n, w in weights.items()]
        models[f"f{k}"] = NoisyMax((Term((), np.array([0.98, 0.02])), *terms))
    return BayesNet.build("two layers", dict.fromkeys(models, ("absent", "present")), models)


def test_two_layers_are_summed_over_subsets() -> None:
    net = two_layers(9, 12, 4)
    whole, parts = compile_network(net), CaseByCase.of(net)
    for evidence in (
        {},
        {"f0": "present", "f3": "present", "f4": "absent"},
        {"f1": "present", "d2": "absent"},
        {"f1": "present", "f2": "absent", "d3": "present", "d4": {"absent": 0.2, "present": 0.9}},
        {"f5": {"absent": 3.0, "present": 1.0}, "f6": "present"},  # a likelihood of a finding takes a tree
    ):
        assert difference(parts, whole.posteriors(evidence), evidence) < 1e-12
        assert parts.log_evidence(evidence) == pytest.approx(whole.log_evidence(evidence), abs=1e-12)


def test_hundreds_of_diseases_come_through_the_front_door() -> None:
    """No tree would ever fit; rare diseases add up to the probabilities that one finding by itself shows."""
    net = two_layers(150, 120, 10)
    model = prepared(net)
    assert isinstance(model, CaseByCase)
    belief = model.posteriors({"f0": "present", "f1": "present", "f2": "absent"})
    assert belief.exact
    first, second = model.posteriors({"f1": "present", "f2": "absent"}), model.log_evidence({"f1": "present"})
    chain = math.log(first["f0"]["present"]) + second + math.log(model.posteriors({"f1": "present"})["f2"]["absent"])
    assert belief.log_evidence == pytest.approx(chain, abs=1e-10)


def test_samples_are_marked_and_within_their_errors() -> None:
    net, evidence = grid(4), {"x3_3": "yes", "x2_0": "no"}
    whole = compile_network(net).posteriors(evidence)
    rough = CaseByCase.of(net, means=ROUGH).posteriors(evidence)
    assert not rough.exact and rough.standard_errors is not None
    for node in net.nodes:
        for state, p in whole[node].items():
            assert abs(rough[node][state] - p) <= 5 * rough.standard_errors[node][state] + 1e-15
    assert CaseByCase.of(net, means=ROUGH).posteriors(evidence) == rough


def test_noisy_families_are_sampled_without_a_table() -> None:
    net = wide(40)
    rough = CaseByCase.of(net, means=ROUGH).posteriors({"f": "yes"})
    assert rough["d0"]["yes"] == pytest.approx(compile_network(net).posteriors({"f": "yes"})["d0"]["yes"], abs=0.02)


def test_only_posteriors_are_sampled() -> None:
    net = grid(4)
    model = CaseByCase.of(net, means=ROUGH)
    assert not model.posteriors({}).exact
    with pytest.raises(TooLarge, match="ddx posterior"):
        model.lanes(np.ones((model.layout.total, 2)))
    with pytest.raises(TooLarge):
        model.posteriors_batch(np.full((1, len(net.nodes)), -1))


def test_a_batch_is_each_case_by_itself() -> None:
    net = grid(4)
    whole, parts = compile_network(net), CaseByCase.of(net)
    states = np.full((3, len(net.nodes)), -1)
    states[1, 3], states[2, :4] = 1, 0
    first, second = whole.posteriors_batch(states), parts.posteriors_batch(states)
    np.testing.assert_allclose(second.values, first.values, atol=1e-12)
    np.testing.assert_allclose(second.log_evidence, first.log_evidence, atol=1e-12)
    with pytest.raises(UnknownState):
        parts.posteriors_batch(states + 5)
    with pytest.raises(CaseError):
        parts.posteriors_batch(states[:, 1:])


def test_impossible_findings_are_named() -> None:
    models: dict[str, LocalModel] = {
        "a": Table((), np.array([0.5, 0.5])),
        "b": Table(("a",), np.array([[1.0, 0.0], [0.5, 0.5]])),
        "c": Table(("a",), np.array([[0.5, 0.5], [1.0, 0.0]])),
        "d": Table(("a",), np.array([[0.5, 0.5], [0.4, 0.6]])),
    }
    net = BayesNet.build("gate", dict.fromkeys("abcd", ("no", "yes")), models)
    for means in (Means(), ROUGH):
        with pytest.raises(ImpossibleEvidence) as caught:
            CaseByCase.of(net, means=means).posteriors({"d": "yes", "b": "yes", "c": "yes"})
        assert {"b=yes", "c=yes"} <= set(caught.value.findings)
    with pytest.raises(ImpossibleEvidence, match="case 1: "):
        CaseByCase.of(net).posteriors_batch(np.array([[-1, -1, -1, -1], [-1, 1, 1, -1]]))


def test_findings_that_float64_cannot_hold() -> None:
    """Four hundred balanced findings return the prior, as one tree does it in logarithms."""
    rows = np.array([[1 - 1e-3, 1e-3], [1 - 2e-3, 2e-3]])
    models: dict[str, LocalModel] = {"d": Table((), np.array([0.9, 0.1]))}
    models.update({f"f{i}": Table(("d",), rows if i % 2 else rows[::-1]) for i in range(400)})
    net = BayesNet.build("star", dict.fromkeys(models, ("absent", "present")), models)
    evidence = dict.fromkeys([f"f{i}" for i in range(400)], "present")
    model = CaseByCase.of(net)
    assert model.posteriors(evidence)["d"]["present"] == pytest.approx(0.1, abs=1e-10)
    assert model.log_evidence(evidence) == pytest.approx(200 * math.log(2e-6), rel=1e-12)


def test_new_numbers_and_events() -> None:
    net = grid(3)
    model = CaseByCase.of(net, events={"corner": ("x2_2", ("yes",))})
    changed = model.with_tables({"x0_0": [0.2, 0.8]})
    fresh = compile_network(net).with_tables({"x0_0": [0.2, 0.8]})
    assert difference(changed, fresh.posteriors({"x1_1": "no"}), {"x1_1": "no"}) < 1e-13
    assert changed.posteriors({"x1_1": "no"}).probability("corner") == changed.posteriors({"x1_1": "no"})["x2_2"]["yes"]


def test_the_cache_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDX_CACHE_DIR", str(tmp_path))
    net = wide(12)
    model = CaseByCase.of(net, events={"d": ("d0", ("yes",))})
    assert cache.store("key", model, {})
    kept = cache.fetch("key")
    assert kept is not None and isinstance(kept.model, CaseByCase)
    assert kept.model.posteriors({"f": "yes"}) == model.posteriors({"f": "yes"})
    assert kept.model.posteriors({"f": "yes"}).probability("d") == model.posteriors({"f": "yes"}).probability("d")
    assert kept.model.network.models.keys() == net.models.keys()


@pytest.mark.parametrize("name", ["four-diseases", "scleroderma-mimics"])
def test_a_differential_without_a_tree_for_all_cases(name: str) -> None:
    network = ddx.load(name)
    understood = understand(network, read_case(catalog.case_path("seed")), None)
    one = ddx.compile(network, setting=understood.setting)
    other = CaseByCase.of(network.bayesnet(understood.setting), events=events_of(network))
    first, second = diagnose(network, one, understood), diagnose(network, other, understood)
    for d in first.diseases:
        assert second.of(d.id).posterior == pytest.approx(d.posterior, abs=1e-12)
        assert second.of(d.id).prior == pytest.approx(d.prior, abs=1e-12)
    assert second.combinations[0].probability == pytest.approx(first.combinations[0].probability, abs=1e-12)
    assert second.basis.exact


def test_the_command_says_that_it_sampled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DDX_CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "large.bif"
    write_network(grid(22), path)
    sampling = dataclasses.replace(case_by_case.Means().sampling, most=8192)
    monkeypatch.setattr(case_by_case, "Means", lambda: Means(entries=1e7, sampling=sampling))

    def said(*arguments: str) -> str:
        assert main(list(arguments)) == 0
        return capsys.readouterr().out

    answer = json.loads(said("posterior", "-n", str(path), "x21_21=yes", "--json"))
    assert answer["exact"] is False and answer["effective_samples"] > 1000
    assert 0 < answer["standard_errors"]["x0_0"]["yes"] < 0.05
    page = said("posterior", "-n", str(path), "x21_21=yes", "--plain")
    assert "approximate" in page and "effective samples" in page and "+-" in page
    assert "too large" in said("about", str(path), "--engine")
