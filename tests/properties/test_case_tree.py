"""What-ifs about one case are those of the whole network, whatever is grouped, switched, held and asked."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ddx.engine import case_tree
from ddx.engine.case_tree import CaseTree, Question
from ddx.engine.model import compile_network
from ddx.knowledge.bayesnet import BayesNet, Table
from oracle import joint
from properties.strategies import networks

some = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Said = str | Mapping[str, float]


@st.composite
def questions(draw: st.DrawFn) -> tuple[BayesNet, Question, list[tuple[int, ...]]]:
    """A network, a question about it, and lanes: the version of each group, -1 where it is not entered."""
    net = draw(networks())
    nodes = draw(st.permutations(net.nodes))
    cut = sorted(draw(st.lists(st.integers(0, len(nodes)), min_size=3, max_size=3)))
    base = {node: draw(findings(net, node)) for node in nodes[: cut[0]]}
    groups = []
    for part in (nodes[cut[0] : cut[1]], nodes[cut[1] : cut[2]]):
        whole = {node: draw(findings(net, node)) for node in part}
        fewer = {node: said for node, said in whole.items() if draw(st.booleans())}
        groups.append((whole, fewer))
    kept = tuple(draw(st.lists(st.sampled_from(net.nodes), unique=True, min_size=1, max_size=3)))
    lanes = draw(st.lists(st.tuples(*[st.integers(-1, 1)] * 2), min_size=1, max_size=10))
    return net, Question(base, tuple(groups), kept), lanes


@st.composite
def findings(draw: st.DrawFn, net: BayesNet, node: str) -> Said:
    """A state, or a likelihood for each state."""
    states = net.states[node]
    if draw(st.booleans()):
        return draw(st.sampled_from(states))
    number = st.just(0.0) | st.floats(1e-290, 2.0)
    weights = draw(st.lists(number, min_size=len(states), max_size=len(states)))
    return dict(zip(states, [*weights[1:], max(weights[0], 0.1)], strict=True))


def off(tree: CaseTree, net: BayesNet, lanes: list[tuple[int, ...]]) -> float:
    """The largest difference from the joint, of marginals and of P(lane) as a share of it."""
    question = tree.question
    answers = tree.lanes(np.ones((tree.states, len(lanes))), np.array(lanes, dtype=np.int64).T)
    worst = 0.0
    for lane, versions in enumerate(lanes):
        evidence: dict[str, Said] = dict(question.base)
        for group, version in zip(question.groups, versions, strict=True):
            evidence.update(group[version] if version >= 0 else {})
        truth, mass = joint.posteriors(net, evidence)
        if mass == 0:
            assert answers.log_evidence[lane] == -math.inf and not answers.marginals[:, lane].any()
            continue
        log = math.log(mass.numerator) - math.log(mass.denominator)
        worst = max(worst, abs(float(answers.log_evidence[lane]) - log))
        for node in question.kept:
            row = answers.marginals[slice(*tree.spans[node]), lane]
            worst = max(
                worst, *(abs(float(p) - float(truth[node][s])) for p, s in zip(row, net.states[node], strict=True))
            )
    return worst


@some
@given(questions())
def test_the_joint_agrees(asked: tuple[BayesNet, Question, list[tuple[int, ...]]]) -> None:
    net, question, lanes = asked
    model = compile_network(net)
    assert off(CaseTree(model, question, math.inf), net, lanes) < 1e-10
    assert off(CaseTree(model, question, 0), net, lanes) < 1e-10  # by the whole model


@some
@given(questions())
def test_its_factors_are_those_of_the_case(asked: tuple[BayesNet, Question, list[tuple[int, ...]]]) -> None:
    """Their sum over everything is P(evidence), and every kept node stands in them with all of its states."""
    net, question, lanes = asked
    model = compile_network(net)
    for most in (math.inf, 0):
        tree = CaseTree(model, question, most)
        factors, log_constant = tree.factors(lanes[0])
        total = np.zeros(())
        scopes = {v for f in factors for v in f.scope}
        letters = {v: k for k, v in enumerate(sorted(scopes))}
        operands = [part for f in factors for part in (f.values, [letters[v] for v in f.scope])]
        total = np.einsum(*operands, [])
        expected = tree.lanes(np.ones((tree.states, 1)), np.array(lanes[:1]).T).log_evidence[0]
        assert float(total) * math.exp(log_constant) == pytest.approx(math.exp(expected), rel=1e-9, abs=1e-300)
        assert {model.nodes.index(node) for node in question.kept} <= scopes


def test_a_held_node_is_a_finding_more() -> None:
    net = layered()
    model = compile_network(net)
    tree = CaseTree(model, Question({}, (({"f": "y"},), ({"g": "y"},)), ("a", "b")), math.inf)
    held = np.ones((4, 2))
    held[0, 1] = 0.0  # a is y
    answers = tree.lanes(held, [[0, 0], [0, 0]])
    for lane, evidence in enumerate(({"f": "y", "g": "y"}, {"f": "y", "g": "y", "a": "y"})):
        truth = model.posteriors(evidence)
        assert answers.marginals[:, lane] == pytest.approx([*truth["a"].values(), *truth["b"].values()], abs=1e-12)
        assert answers.log_evidence[lane] == pytest.approx(truth.log_evidence, abs=1e-12)


def test_a_group_that_stays_on_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    net = layered()
    model = compile_network(net)
    question = Question({}, (({"f": "y"},), ({"g": "y"},)), ("a", "b"))
    lanes = [(0, 0), (-1, 0), (0, -1)]
    assert off(CaseTree(model, question, math.inf), net, lanes) < 1e-12
    right = case_tree._Small.run
    monkeypatch.setattr(case_tree._Small, "run", lambda self, said, chosen: right(self, said, np.maximum(chosen, 0)))
    assert off(CaseTree(model, question, math.inf), net, lanes) > 1e-3


def test_what_float64_cannot_hold_is_asked_of_the_whole_model() -> None:
    """400 findings of probability 1e-4 given either state: P(evidence) = 1e-1600, and the posterior is the prior."""
    states = {"d": ("x", "y"), **{f"f{i}": ("x", "y") for i in range(400)}}
    rows = np.array([[0.9999, 0.0001], [0.9999, 0.0001]])

    models = {"d": Table((), np.array([0.7, 0.3])), **{f"f{i}": Table(("d",), rows) for i in range(400)}}
    model = compile_network(BayesNet.build("star", states, models))
    tree = CaseTree(model, Question({}, tuple(({f"f{i}": "y"},) for i in range(400)), ("d",)), math.inf)
    answers = tree.lanes(np.ones((2, 1)), np.zeros((400, 1), dtype=np.int64))
    assert answers.marginals[:, 0] == pytest.approx([0.7, 0.3], abs=1e-10)
    assert answers.log_evidence[0] == pytest.approx(400 * math.log(1e-4), rel=1e-12)


def layered() -> BayesNet:
    """a and b bring about f and g."""

    rows = np.array([[[0.9, 0.1], [0.4, 0.6]], [[0.3, 0.7], [0.2, 0.8]]])
    return BayesNet.build(
        "layered",
        dict.fromkeys("abfg", ("x", "y")),
        {
            "a": Table((), np.array([0.8, 0.2])),
            "b": Table((), np.array([0.6, 0.4])),
            "f": Table(("a", "b"), rows),
            "g": Table(("b", "a"), rows[::-1]),
        },
    )
