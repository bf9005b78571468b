"""What must hold of every exact engine, on random networks. Each law has a mutant: something wrong that it notices."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ddx.engine.belief import Belief
from ddx.engine.model import compile_network
from ddx.errors import ImpossibleEvidence
from ddx.knowledge.bayesnet import BayesNet, NoisyMax, Table, expand
from oracle import joint
from properties.strategies import ancestors, cases, networks, reordered, separated

some = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def difference(belief: Belief, truth: Mapping[str, Mapping[str, float]]) -> float:
    return max(abs(belief[n][s] - float(p)) for n, row in truth.items() for s, p in row.items())


def asked(net: BayesNet, evidence: Mapping[str, str | Mapping[str, float]]) -> Belief:
    try:
        return compile_network(net).posteriors(dict(evidence))
    except ImpossibleEvidence:
        assume(False)
        raise


@some
@given(cases())
def test_enumeration_agrees(case: tuple[BayesNet, dict[str, str]]) -> None:
    net, evidence = case
    truth, mass = joint.posteriors(net, evidence)
    if mass == 0:
        with pytest.raises(ImpossibleEvidence) as caught:
            compile_network(net).posteriors(evidence)
        named = dict(found.split("=") for found in caught.value.findings)
        assert joint.posteriors(net, named)[1] == 0
        for node in named:
            assert joint.posteriors(net, {k: v for k, v in named.items() if k != node})[1] > 0
        return
    belief = compile_network(net).posteriors(evidence)
    assert difference(belief, truth) < 1e-10
    assert belief.log_evidence == pytest.approx(math.log(mass.numerator) - math.log(mass.denominator), abs=1e-9)


def test_enumeration_would_notice_a_wrong_table() -> None:
    net = BayesNet.build(
        "two",
        {"a": ("x", "y"), "b": ("x", "y")},
        {
            "a": Table((), np.array([0.3, 0.7])),
            "b": Table(("a",), np.array([[0.9, 0.1], [0.2, 0.8]])),
        },
    )
    wrong = compile_network(net).with_tables({"b": np.array([[0.9, 0.1], [0.3, 0.7]])})
    assert difference(wrong.posteriors({"b": "x"}), joint.posteriors(net, {"b": "x"})[0]) > 1e-3


@some
@given(cases(), st.integers(0, 2**32 - 1))
def test_order_changes_nothing(case: tuple[BayesNet, dict[str, str]], seed: int) -> None:
    net, evidence = case
    rng = np.random.default_rng(seed)
    shuffled = dict(sorted(evidence.items(), key=lambda _: rng.random()))
    first, second = asked(net, evidence), asked(reordered(net, rng), shuffled)
    assert difference(second, {n: first[n] for n in net.nodes}) < 1e-12
    assert second.log_evidence == pytest.approx(first.log_evidence, abs=1e-10)


@some
@given(cases())
def test_chain_rule(case: tuple[BayesNet, dict[str, str]]) -> None:
    """log P(e) is the sum of log P(finding | those before it)."""
    net, evidence = case
    total, seen = 0.0, {}
    for node, state in evidence.items():
        p = asked(net, seen)[node][state]
        assume(p > 1e-200)
        total += math.log(p)
        seen[node] = state
    assert asked(net, evidence).log_evidence == pytest.approx(total, abs=1e-9)


@some
@given(cases())
def test_separated_nodes_do_not_move(case: tuple[BayesNet, dict[str, str]]) -> None:
    net, evidence = case
    assume(evidence)
    last = list(evidence)[-1]
    before = {n: s for n, s in evidence.items() if n != last}
    without, with_it = asked(net, before), asked(net, evidence)
    for node in net.nodes:
        if node not in evidence and separated(net, node, last, set(before)):
            assert difference(with_it, {node: without[node]}) < 1e-12


@some
@given(cases())
def test_barren_nodes_change_nothing(case: tuple[BayesNet, dict[str, str]]) -> None:
    net, evidence = case
    kept = ancestors(net, {*evidence, net.nodes[0]})
    small = BayesNet.build(
        "small", {n: net.states[n] for n in net.nodes if n in kept}, {n: net.models[n] for n in kept}
    )
    whole = asked(net, evidence)
    assert difference(whole, {n: asked(small, evidence)[n] for n in small.nodes}) < 1e-12


@some
@given(cases())
def test_likelihoods(case: tuple[BayesNet, dict[str, str]]) -> None:
    """Hard evidence is the likelihood (1, 0); scale does not matter; two virtual findings multiply."""
    net, evidence = case
    hard = asked(net, evidence)
    soft = {n: {s: 3.5 * (s == state) for s in net.states[n]} for n, state in evidence.items()}
    assert difference(asked(net, soft), {n: hard[n] for n in net.nodes}) < 1e-12
    node = net.nodes[-1]
    one, two = ({s: 0.2 + 0.3 * k * (i + 1) for i, s in enumerate(net.states[node])} for k in (1, 2))
    both = {s: one[s] * two[s] for s in one}
    truth, _ = joint.posteriors(net, {node: both})
    assert difference(asked(net, {node: both}), truth) < 1e-10


@some
@given(cases())
def test_a_retracted_finding_was_never_entered(case: tuple[BayesNet, dict[str, str]]) -> None:
    net, evidence = case
    assume(evidence)
    model = compile_network(net)
    assume(model.log_evidence(evidence) > -math.inf)
    model.posteriors(evidence)
    fewer = dict(list(evidence.items())[:-1])
    assert difference(model.posteriors(fewer), {n: asked(net, fewer)[n] for n in net.nodes}) == 0.0


@some
@given(networks(), st.integers(0, 2**32 - 1))
def test_lanes_are_independent_of_one_another(net: BayesNet, seed: int) -> None:
    model = compile_network(net)
    rng = np.random.default_rng(seed)
    states = np.stack([rng.integers(-1, len(net.states[n]), 7) for n in net.nodes], axis=1)  # (cases, nodes)
    table = model.posteriors_batch(states, mark_impossible=True)
    for row, observed in enumerate(states):
        evidence = {n: net.states[n][s] for n, s in zip(net.nodes, observed.tolist(), strict=True) if s >= 0}
        truth, mass = joint.posteriors(net, evidence)
        if mass == 0:
            assert table.log_evidence[row] == -math.inf
            continue
        for node in net.nodes:
            expected = [float(p) for p in truth[node].values()]
            np.testing.assert_allclose(table[node][row], expected, atol=1e-10)


@some
@given(networks())
def test_noisy_families_equal_their_tables(net: BayesNet) -> None:
    """A noisy-MAX and its dense table say the same, and more causes never make the least state likelier."""
    for node, model in net.models.items():
        if isinstance(model, NoisyMax):
            dense = expand(net, node)
            as_table = BayesNet.build("dense", net.states, {**net.models, node: dense})
            first, second = compile_network(net).posteriors({}), compile_network(as_table).posteriors({})
            assert difference(second, {n: first[n] for n in net.nodes}) < 1e-12
