"""A tree for each case, cutsets and samples give what one tree gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from ddx.engine.case_by_case import CaseByCase, Means
from ddx.engine.model import compile_network
from ddx.errors import ImpossibleEvidence
from ddx.knowledge.bayesnet import BayesNet, LocalModel, NoisyMax, Table, Term
from oracle import joint
from properties.strategies import cases

some = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NARROW = Means(limit_bytes=64 * 12, most_cases=4096)  # twelve entries a tree: everything else has to be cut


@some
@given(cases(5))
def test_slices_and_cutsets_are_exact(case: tuple[BayesNet, dict[str, str]]) -> None:
    net, evidence = case
    truth, mass = joint.posteriors(net, evidence)
    for means in (Means(), NARROW):
        if mass == 0:
            with pytest.raises(ImpossibleEvidence):
                CaseByCase(net, means).posteriors(evidence)
            continue
        belief = CaseByCase(net, means).posteriors(evidence)
        if means is NARROW and not belief.exact:
            continue
        assert belief.log_evidence == pytest.approx(math.log(mass.numerator) - math.log(mass.denominator), abs=1e-9)
        for node, row in truth.items():
            for state, p in row.items():
                assert belief[node][state] == pytest.approx(float(p), abs=1e-10)


def grid(side: int) -> BayesNet:
    rng = np.random.default_rng(1)
    states = {f"x{i}{k}": ("no", "yes") for i in range(side) for k in range(side)}
    models: dict[str, LocalModel] = {}
    for i in range(side):
        for k in range(side):
            parents = (*((f"x{i - 1}{k}",) if i else ()), *((f"x{i}{k - 1}",) if k else ()))
            models[f"x{i}{k}"] = Table(parents, rng.dirichlet((1, 1), [2] * len(parents)))
    return BayesNet.build("grid", states, models)


def test_a_grid_is_cut_and_stays_exact() -> None:
    net, evidence = grid(5), {"x44": "yes", "x20": "no"}
    whole = compile_network(net).posteriors(evidence)
    cut = CaseByCase(net, Means(limit_bytes=64 * 90)).posteriors(evidence)
    assert cut.exact
    assert max(abs(cut[n][s] - p) for n in net.nodes for s, p in whole[n].items()) < 1e-12


def test_samples_are_marked_and_within_their_errors() -> None:
    net, evidence = grid(4), {"x33": "yes", "x20": "no"}
    whole = compile_network(net).posteriors(evidence)
    rough = CaseByCase(net, Means(limit_bytes=64, most_cases=1, samples=20_000, seed=3)).posteriors(evidence)
    assert not rough.exact and rough.standard_errors is not None
    for node in net.nodes:
        for state, p in whole[node].items():
            assert abs(rough[node][state] - p) <= 5 * rough.standard_errors[node][state] + 1e-12
    again = CaseByCase(net, Means(limit_bytes=64, most_cases=1, samples=20_000, seed=3)).posteriors(evidence)
    assert again == rough


def test_noisy_families_are_sampled_without_a_table() -> None:
    names = [f"d{i}" for i in range(40)]
    models: dict[str, LocalModel] = {n: Table((), np.array([0.9, 0.1])) for n in names}
    terms = [Term((n,), np.array([[1.0, 0.0], [0.5, 0.5]])) for n in names]
    models["f"] = NoisyMax((Term((), np.array([0.99, 0.01])), *terms))
    net = BayesNet.build("wide", dict.fromkeys((*names, "f"), ("no", "yes")), models)
    rough = CaseByCase(net, Means(limit_bytes=64, most_cases=1, samples=20_000)).posteriors({"f": "yes"})
    assert rough["d0"]["yes"] == pytest.approx(compile_network(net).posteriors({"f": "yes"})["d0"]["yes"], abs=0.02)
