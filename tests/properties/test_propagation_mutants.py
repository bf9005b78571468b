"""The laws of propagation notice what they are there to notice: each is run against an engine that breaks it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ddx.engine.belief import Belief
from ddx.engine.model import compile_network
from ddx.knowledge.bayesnet import BayesNet, Table
from properties import test_propagation_laws as laws

Asked = Callable[[BayesNet, dict[str, str]], Belief]


def network() -> BayesNet:
    """a -> b -> c, and a -> d: given a, b says nothing about d."""
    rows = np.array([[0.8, 0.2], [0.3, 0.7]])
    return BayesNet.build(
        "small",
        dict.fromkeys("abcd", ("x", "y")),
        {"a": Table((), rows[0]), "b": Table(("a",), rows), "c": Table(("b",), rows), "d": Table(("a",), rows)},
    )


CASE = (network(), {"a": "x", "b": "y"})


def wrong(
    by: Callable[[BayesNet, dict[str, str]], float], log: Callable[[dict[str, str]], float] | None = None
) -> Asked:
    """An engine whose posteriors are off by `by`, and its log evidence by `log`."""

    def asked(net: BayesNet, evidence: dict[str, str]) -> Belief:
        belief = compile_network(net).posteriors(dict(evidence))
        rows = {n: {s: p + by(net, evidence) for s, p in row.items()} for n, row in belief.items()}
        return Belief.of(belief.layout, rows, belief.log_evidence + (log(evidence) if log else 0.0))

    return asked


MUTANTS = {
    "the order of nodes moves it": (
        "test_order_changes_nothing",
        wrong(lambda net, _: 1e-6 * net.nodes.index("a")),
        [(CASE, seed) for seed in range(8)],
    ),
    "log evidence is not additive": ("test_chain_rule", wrong(lambda *_: 0.0, lambda e: 1e-6 * len(e) ** 2), [(CASE,)]),
    "a finding moves what it is separated from": (
        "test_separated_nodes_do_not_move",
        wrong(lambda _, e: 1e-6 * len(e)),
        [(CASE,)],
    ),
    "a barren node moves the rest": (
        "test_barren_nodes_change_nothing",
        wrong(lambda net, _: 1e-6 * len(net.nodes)),
        [(CASE,)],
    ),
    "a likelihood is not what a state is": (
        "test_likelihoods",
        wrong(lambda _, e: 1e-6 * any(not isinstance(said, str) for said in e.values())),
        [(CASE,)],
    ),
    "a model remembers": ("test_a_retracted_finding_was_never_entered", wrong(lambda *_: 1e-6), [(CASE,)]),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_law_notices_its_mutant(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    law, mutant, examples = MUTANTS[name]
    monkeypatch.setattr(laws, "assume", bool)  # outside of hypothesis nothing is assumed
    inner = getattr(laws, law).hypothesis.inner_test
    for example in examples:
        inner(*example)
    monkeypatch.setattr(laws, "asked", mutant)
    failed = 0
    for example in examples:
        try:
            inner(*example)
        except AssertionError:
            failed += 1
    assert failed > 0
