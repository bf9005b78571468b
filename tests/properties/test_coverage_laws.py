"""Cases that come from the network are as far out as their tail says; others are seen."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ddx.engine.below import Below
from ddx.engine.case_tree import Question, case_tree
from ddx.engine.combinations import Until, most_probable_sets
from ddx.engine.model import Model, compile_network
from ddx.knowledge.bayesnet import BayesNet, LocalModel, NoisyMax, Table, Term
from ddx.knowledge.lexicon import Entry
from ddx.reasoning.coverage import Above, Draws, log_probabilities, tail_of

Floats = npt.NDArray[np.float64]

DISEASES, FINDINGS, CASES = 3, 12, 250
LARGEST_GAP = 1.95 / CASES**0.5  # of two distribution functions: passed once in a thousand times (Kolmogorov)


def network(seed: int) -> BayesNet:
    """An age that raises diseases of two or three states, and findings of one or two of them; every other noisy."""
    rng = np.random.default_rng(seed)
    states = {"age": ("young", "old")}
    models: dict[str, LocalModel] = {"age": Table((), np.array([0.6, 0.4]))}
    for k in range(DISEASES):
        states[f"d{k}"] = ("absent", "mild", "severe")[: 2 + k % 2]
        models[f"d{k}"] = Table(("age",), rng.dirichlet(np.ones(len(states[f"d{k}"])), 2))
    for k in range(FINDINGS):
        name, parents = f"f{k}", tuple(f"d{i}" for i in rng.permutation(DISEASES)[:2])
        states[name] = ("no", "some", "much")
        if k % 2:
            terms = [Term((), rng.dirichlet([6, 1, 1]))]
            terms += [Term((p,), rng.dirichlet(np.ones(3), len(states[p]))) for p in parents]
            models[name] = NoisyMax(tuple(terms))
        else:
            models[name] = Table(parents, rng.dirichlet(np.ones(3), tuple(len(states[p]) for p in parents)))
    return BayesNet.build(f"clinic {seed}", states, models)


def model_of(net: BayesNet) -> tuple[Model, list[Entry]]:
    names = [f"d{k}" for k in range(DISEASES)]
    entries = [Entry(n, n, n, net.states[n][1:]) for n in names]
    return compile_network(net, effort=0, events={e.id: (e.node, e.states) for e in entries}), entries


def tails(model: Model, entries: list[Entry], cases: dict[str, npt.NDArray[np.int64]], draws: Draws) -> Floats:
    """The tail of each case, asked all findings; the age of every other case is known."""
    asked = [f"f{k}" for k in range(FINDINGS)]
    found = []
    for i in range(CASES):
        told = [*asked, "age"] if i % 2 else asked
        evidence = {n: model.states[n][int(cases[n][i])] for n in told}
        drawn = Draws(draws.worlds, draws.patients, seed=i)
        said = {n: evidence[n] for n in asked}
        found.append(tail_of(*log_probabilities(model, above_of(model, entries, evidence), evidence, said, drawn)))
    return np.array(found)


def above_of(model: Model, entries: list[Entry], evidence: dict[str, str]) -> Above:
    """All that a case says of its diseases and its age, every set of diseases included."""
    upper = tuple(n for n in model.nodes if n not in evidence)
    tree = case_tree(model, Question(evidence, (), upper))
    factors, log_constant = tree.factors(())
    total = float(tree.lanes(np.ones((tree.states, 1)), np.empty((0, 1))).log_evidence[0])
    sets = most_probable_sets(model, factors, total - log_constant, [e.id for e in entries], Until(1.0, 64))
    return Above(tree, (), tuple(entries), tuple((s.events, s.probability) for s in sets))


def drawn_states(model: Model, count: int, seed: int) -> dict[str, npt.NDArray[np.int64]]:
    """Cases of the network, every node (count,)."""
    root, rng = model.nodes[0], Random(seed)
    weights = list(model.posteriors({})[root].values())
    first = np.array(rng.choices(range(len(weights)), weights, k=count))
    return {root: first, **Below(model, (root,), model.nodes[1:]).drawn({root: first}, rng)}


def gap(found: Floats) -> float:
    """The largest distance of the tails' distribution function from that of the uniform distribution."""
    levels = np.linspace(0.05, 0.95, 19)
    return float(np.abs((found[:, None] <= levels + 1e-9).mean(axis=0) - levels).max())


@pytest.mark.parametrize("seed", range(3))
def test_the_tail_of_cases_of_the_network_is_uniform(seed: int) -> None:
    net = network(seed)
    model, entries = model_of(net)
    cases = drawn_states(model, CASES, 100 + seed)
    assert gap(tails(model, entries, cases, Draws(worlds=1, patients=19))) < LARGEST_GAP
    rng = np.random.default_rng(seed)
    others = {n: rng.integers(len(net.states[n]), size=CASES) for n in cases}  # a mutant: cases of no network
    assert gap(tails(model, entries, others, Draws(worlds=1, patients=19))) > 2 * LARGEST_GAP


def test_many_worlds_are_at_most_twice_as_often_below_a_level() -> None:
    net = network(7)
    model, entries = model_of(net)
    cases = drawn_states(model, CASES, 7)
    found = tails(model, entries, cases, Draws(worlds=8, patients=19))
    for level in (0.05, 0.1, 0.2, 0.4):
        assert (found <= level).mean() <= 2 * level + LARGEST_GAP


def test_drawn_states_have_the_frequencies_of_the_network() -> None:
    net = network(1)
    model, _ = model_of(net)
    count = 20_000
    cases = drawn_states(model, count, 1)
    belief = model.posteriors({})
    for name in ("age", "d1", "f0", "f1"):
        shares = np.bincount(cases[name], minlength=len(net.states[name])) / count
        assert shares == pytest.approx(list(belief[name].values()), abs=4 * 0.5 / count**0.5)


@pytest.mark.parametrize("asked", [("f0", "f1", "f5"), ("low", "f2"), tuple(f"f{k}" for k in range(FINDINGS))])
def test_what_lies_below_is_as_probable_as_the_model_says(asked: tuple[str, ...], monkeypatch: Any) -> None:
    """Also through hidden states between: `low` depends on two findings that may not be asked."""
    net = network(3)
    rng = np.random.default_rng(3)
    table = Table(("f0", "f3"), rng.dirichlet([1, 1], (3, 3)))
    net = BayesNet.build("with a hidden layer", {**net.states, "low": ("no", "yes")}, {**net.models, "low": table})
    model, _ = model_of(net)
    given = ("age", *(f"d{k}" for k in range(DISEASES)))
    states = {n: rng.integers(len(model.states[n]), size=20) for n in (*given, *asked)}
    below = Below(model, given, asked)
    found = below.log_probability(states)
    for lane in range(20):
        said = {n: model.states[n][states[n][lane]] for n in given}
        told = {n: model.states[n][states[n][lane]] for n in asked}
        truth = model.posteriors({**said, **told}).log_evidence - model.posteriors(said).log_evidence
        assert found[lane] == pytest.approx(truth, abs=1e-12)
    assert np.roll(found, 1) != pytest.approx(found, abs=1e-3)  # a mutant: each lane answers the next one
    monkeypatch.setattr("ddx.engine.elimination.LARGEST_FACTOR", 0)  # nothing fits: the whole model answers
    assert below.log_probability(states) == pytest.approx(found, abs=1e-12)
