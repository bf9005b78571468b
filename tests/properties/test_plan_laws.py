"""A plan is the best of all plans: compared with trying every one of them on small random networks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ddx.engine.model import compile_network
from ddx.knowledge.bayesnet import BayesNet, Table
from ddx.knowledge.lexicon import Entry
from ddx.reasoning.information import entropies_bits, information_bits
from ddx.reasoning.plan import Candidate, Rules, Step, fitting, planned
from oracle.joint import assignments, weight
from properties.strategies import networks

Floats = npt.NDArray[np.float64]

quick = settings(max_examples=25, deadline=None)


class Joint:
    """The joint distribution written out, and the best plan by trying every test after every answer."""

    def __init__(self, net: BayesNet, disease: str) -> None:
        self.worlds = [(world, float(weight(net, world, {}))) for world in assignments(net)]
        self.states, self.disease = net.states, disease

    def entropy(self, said: dict[str, str]) -> tuple[float, float]:
        """P(said), and the entropy of the disease being there at all, in bits."""
        there = absent = 0.0
        for world, p in self.worlds:
            if all(world[n] == s for n, s in said.items()):
                if world[self.disease] == self.states[self.disease][0]:
                    absent += p
                else:
                    there += p
        total = there + absent
        shares = [p / total for p in (there, absent) if p > 0] if total > 0 else []
        return total, -sum(p * math.log2(p) for p in shares)

    def best(self, said: dict[str, str], tests: list[Candidate], depth: int, price: float) -> float:
        """What the best plan is worth: while tests are left that are always asked, one of them comes next."""
        if depth == 0 or not tests:
            return 0.0
        always = [t for t in tests if t.mandatory]
        values = [] if always else [0.0]
        whole, here = self.entropy(said)
        for test in always or tests:
            left = [t for t in tests if t != test]
            worth = -price * test.cost
            for state in self.states[test.finding]:
                total, there = self.entropy({**said, test.finding: state})
                if total > 0:
                    after = self.best({**said, test.finding: state}, left, depth - 1, price)
                    worth += total / whole * (here - there + after)
            values.append(worth)
        return max(values)


@quick
@given(networks(5), st.integers(1, 3), st.sampled_from([0.0, 0.02, 0.2]), st.sets(st.integers(0, 3), max_size=2))
def test_no_plan_is_better(net: BayesNet, depth: int, price: float, always: set[int]) -> None:
    disease, *others = net.nodes
    assume(others)
    model = compile_network(net, effort=0)
    entry = Entry("d", "d", disease, net.states[disease][1:])
    tests = [Candidate(name, cost=1.0 + k, mandatory=k in always) for k, name in enumerate(others)]
    first, expected = planned(model, {}, [entry], tests, Rules(depth, price))
    joint = Joint(net, disease)
    best = joint.best({}, tests, depth, price)
    (bits, cost), (greedy_bits, greedy_cost) = expected.tolist()
    assert bits - price * cost == pytest.approx(best, abs=1e-9)
    assert (first.worth_bits if first else 0.0) == pytest.approx(best, abs=1e-9)
    assert greedy_bits - price * greedy_cost <= best + 1e-9
    assert bits <= joint.entropy({})[1] + 1e-9
    if any(t.mandatory for t in tests):
        free = joint.best({}, [replace(t, mandatory=False) for t in tests], depth, price)
        assert first is not None and first.mandatory
        assert free >= best - 1e-9
    elif depth > 1:
        shorter = planned(model, {}, [entry], tests, Rules(depth - 1, price))[1][0]
        assert shorter[0] - price * shorter[1] <= best + 1e-9


@quick
@given(st.floats(0.5, 0.99), st.floats(0.55, 0.9))
def test_one_test_at_a_time_misses_a_pair_that_tells_only_together(sure: float, itch: float) -> None:
    """The mutant of the law above: on an exclusive or, the best test step by step is not the best plan."""
    assume(sure > itch + 0.05)
    states = dict.fromkeys(("d", "a", "b", "c"), ("absent", "present"))
    either = [[[sure, 1 - sure], [1 - sure, sure]], [[1 - sure, sure], [sure, 1 - sure]]]
    models = {
        "d": Table((), np.array([0.5, 0.5])),
        "a": Table((), np.array([0.5, 0.5])),
        "b": Table(("d", "a"), np.array(either)),
        "c": Table(("d",), np.array([[itch, 1 - itch], [1 - itch, itch]])),
    }
    net = BayesNet.build("xor", states, dict(models))
    model = compile_network(net, effort=0)
    tests = [Candidate(name, 1.0) for name in "abc"]
    entry = Entry("d", "d", "d", ("present",))
    first, expected = planned(model, {}, [entry], tests, Rules(2))
    assert first is not None
    assert {first.finding, *(b.then.finding for b in first.after if b.then)} == {"a", "b"}
    assert first.information_bits == pytest.approx(0, abs=1e-12)
    assert expected[0, 0] == pytest.approx(Joint(net, "d").best({}, tests, 2, 0.0), abs=1e-9)
    assert expected[1, 0] < expected[0, 0] - 1e-3


def test_what_is_always_asked_costs_what_it_costs() -> None:
    """The mutant of the law above: a plan that may leave it out is worth more."""
    states = dict.fromkeys(("d", "a", "b"), ("absent", "present"))
    row = np.array([0.5, 0.5])
    models = {"d": Table((), row), "a": Table((), row), "b": Table(("d",), np.array([[0.9, 0.1], [0.1, 0.9]]))}
    net = BayesNet.build("one of two", states, dict(models))
    entry, price = Entry("d", "d", "d", ("present",)), 0.1
    bound, free = (
        planned(compile_network(net, effort=0), {}, [entry], [Candidate("a", 1.0, mandatory=m), Candidate("b", 1.0)], r)
        for m, r in ((True, Rules(2, price, shift=0.05)), (False, Rules(2, price, shift=0.05)))
    )
    assert bound[0] is not None and free[0] is not None
    assert (bound[0].finding, free[0].finding) == ("a", "b")
    assert bound[0].worth_bits == pytest.approx(free[0].worth_bits - price, abs=1e-9)
    assert [b.then.finding for b in bound[0].after if b.then] == ["b", "b"]


def steps(step: Step | None) -> list[Step]:
    return [] if step is None else [step, *(s for b in step.after for s in steps(b.then))]


@quick
@given(networks(5), st.integers(2, 3))
def test_a_gate_is_asked_before_what_waits_for_it(net: BayesNet, depth: int) -> None:
    disease, *others = net.nodes
    assume(len(others) >= 2)
    model = compile_network(net, effort=0)
    entry = Entry("d", "d", disease, net.states[disease][1:])
    tests = [Candidate(others[0], 1.0, gates=(others[1],)), *(Candidate(n, 1.0) for n in others[1:])]
    first, _ = planned(model, {}, [entry], tests, Rules(depth))
    assert first is None or first.finding != others[0]
    alone = planned(model, {}, [entry], tests[:1], Rules(depth))[0]
    assert alone is None  # its gate is no candidate, so it can never be asked


@quick
@given(st.lists(st.integers(2, 4), max_size=8), st.integers(1, 4), st.integers(1, 400))
def test_as_many_candidates_as_fit(counts: list[int], depth: int, most: int) -> None:
    def sets(own: list[int]) -> int:
        sizes = np.zeros(depth + 1)
        sizes[0] = 1
        for n in own:
            sizes[1:] += n * sizes[:-1]
        return int(sizes.sum())

    count = fitting(counts, depth, most)
    assert count == 0 or sets(counts[:count]) <= most
    assert count == len(counts) or sets(counts[: count + 1]) > most


@quick
@given(st.integers(2, 4), st.integers(2, 4), st.integers(0, 10**6))
def test_information_of_many_findings_about_many_diseases_is_added_up(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    world = rng.dirichlet(np.full(rows * columns * 6, 0.5)).reshape(rows, columns, 2, 3)  # two diseases, two findings
    joint = np.block(
        [[world.sum(axis=(1, 3)), world.sum(axis=(1, 2))], [world.sum(axis=(0, 3)), world.sum(axis=(0, 2))]]
    )
    both = information_bits(joint, 2, [0, 2])
    for k, span in enumerate((slice(0, 2), slice(2, 5))):
        parts = [information_bits(joint[part, span]) for part in (slice(0, rows), slice(rows, None))]
        assert both[k] == pytest.approx(sum(float(p[0]) for p in parts), abs=1e-12)
    entropies = entropies_bits(joint[:, :2].sum(axis=1)[:, None])
    assert (both <= entropies + 1e-12).all()
