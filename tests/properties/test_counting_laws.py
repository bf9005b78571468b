"""How many events are present at once: by adding up the joint of small networks, and the law of the mean for all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ddx.engine import counting
from ddx.engine.case_tree import CaseTree, Question
from ddx.engine.counting import numbers_present
from ddx.engine.elimination import Dense
from ddx.engine.model import Model, compile_network
from ddx.errors import TooLarge
from ddx.knowledge.bayesnet import BayesNet, Table
from oracle.joint import assignments, weight
from properties.strategies import cases

Events = dict[str, tuple[str, tuple[str, ...]]]

quick = settings(max_examples=40, deadline=None)


@st.composite
def counted(draw: st.DrawFn) -> tuple[BayesNet, dict[str, str], Events]:
    """A case, and events of which some are states of one node: apart, or one within the other."""
    net, evidence = draw(cases(5))
    events: Events = {}
    for node in draw(st.lists(st.sampled_from(net.nodes), unique=True, min_size=1)):
        for k, states in enumerate(draw(st.lists(st.sets(st.sampled_from(net.states[node]), min_size=1), max_size=2))):
            events[f"{node}.{k}"] = node, tuple(sorted(states))
    return net, evidence, events


def numbers(model: Model, evidence: Mapping[str, str], events: Events) -> tuple[float, ...]:
    """As asked of a case: the findings entered, the nodes of the events kept."""
    kept = tuple(dict.fromkeys(node for node, _ in events.values()))
    factors, _ = CaseTree(model, Question({}, ((dict(evidence),),), kept)).factors((0,))
    return numbers_present(model, factors, list(events))


def by_adding_up(net: BayesNet, evidence: Mapping[str, str], events: Events) -> list[float]:
    """P(n events | evidence) from the joint, term by term."""
    found = [0.0] * (len(events) + 1)
    for world in assignments(net):
        found[sum(world[node] in states for node, states in events.values())] += float(weight(net, world, evidence))
    total = sum(found)
    return [p / total for p in found] if total > 0 else []


def padded(found: tuple[float, ...], length: int) -> list[float]:
    assert not any(found[length:])
    return [*found, *[0.0] * (length - len(found))][:length]


@quick
@given(counted())
def test_the_number_of_events_is_that_of_adding_up_the_joint(case: tuple[BayesNet, dict[str, str], Events]) -> None:
    net, evidence, events = case
    assume(events)
    model = compile_network(net, effort=0, events=events)
    truth = by_adding_up(net, evidence, events)
    assume(truth)
    found = numbers(model, evidence, events)
    assert padded(found, len(truth)) == pytest.approx(truth, rel=1e-9, abs=1e-300)
    assert sum(found) == pytest.approx(1, abs=1e-12)
    belief = model.posteriors(evidence)
    mean = sum(belief[node][s] for node, states in events.values() for s in states)
    assert sum(n * p for n, p in enumerate(found)) == pytest.approx(mean, abs=1e-9)


def test_diseases_that_compete_are_not_counted_as_if_they_did_not() -> None:
    """Mutants: the numbers of independent events of the same posteriors, and of nodes in place of events."""
    either = np.array([[[0.99, 0.01], [0.1, 0.9], [0.1, 0.9]], [[0.1, 0.9], [0.01, 0.99], [0.01, 0.99]]])
    models = {
        "a": Table((), np.array([0.9, 0.1])),
        "b": Table((), np.array([0.8, 0.15, 0.05])),
        "f": Table(("a", "b"), either),
    }
    states = {"a": ("no", "yes"), "b": ("no", "mild", "bad"), "f": ("no", "yes")}
    net = BayesNet.build("either", states, dict(models))
    events: Events = {"a": ("a", ("yes",)), "b": ("b", ("mild", "bad")), "bad": ("b", ("bad",))}
    evidence = {"f": "yes"}
    model = compile_network(net, effort=0, events=events)
    truth = by_adding_up(net, evidence, events)
    found = padded(numbers(model, evidence, events), 4)
    assert found == pytest.approx(truth, rel=1e-12)
    assert found[2] > 0 and found[3] > 0  # bad is b too: states say so
    independent = np.ones(1)
    for node, own in events.values():
        p = sum(model.posteriors(evidence)[node][s] for s in own)
        independent = np.convolve(independent, [1 - p, p])
    assert independent != pytest.approx(truth, abs=1e-2)
    of_nodes = padded(numbers(model, evidence, {"a": events["a"], "b": events["b"]}), 4)
    assert of_nodes != pytest.approx(truth, abs=1e-2)


def test_many_diseases_keep_their_digits() -> None:
    """Sixty that are as rare as one in a million, with a common effect: nothing cancels, nothing is lost."""
    states = {f"d{k}": ("no", "yes") for k in range(60)}
    rare = Table((), np.array([1 - 1e-6, 1e-6]))
    net = BayesNet.build("rare", states, dict.fromkeys(states, rare))
    events: Events = {name: (name, ("yes",)) for name in states}
    found = numbers(compile_network(net, effort=0, events=events), {}, events)
    assert found[2] == pytest.approx(60 * 59 / 2 * 1e-12 * (1 - 1e-6) ** 58, rel=1e-9)
    assert found[60] == pytest.approx(1e-360, abs=1e-320)


def test_factors_that_hold_nothing_give_nothing() -> None:
    net = BayesNet.build("one", {"a": ("no", "yes")}, {"a": Table((), np.array([0.5, 0.5]))})
    model = compile_network(net, effort=0, events={"a": ("a", ("yes",))})
    assert numbers_present(model, [Dense((0,), np.zeros(2))], ["a"]) == ()


def test_too_much_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    states = dict.fromkeys("ab", ("no", "yes"))
    net = BayesNet.build("two", states, dict.fromkeys(states, Table((), np.array([0.5, 0.5]))))
    events: Events = {name: (name, ("yes",)) for name in states}
    model = compile_network(net, effort=0, events=events)
    monkeypatch.setattr(counting, "LARGEST_FACTOR", 1)
    with pytest.raises(TooLarge):
        numbers(model, {}, events)
