"""Laws of the reasoning rooms on random networks and games; each with a mutant that must break it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ddx.engine.belief import Layout
from ddx.engine.model import compile_network
from ddx.knowledge.bayesnet import BayesNet, Table
from ddx.knowledge.lexicon import Entry
from ddx.reasoning.conflict import pulls
from ddx.reasoning.information import entropies_bits, information_bits
from ddx.reasoning.odds import log_odds
from ddx.reasoning.shapley import shapley
from oracle.joint import posteriors
from properties.strategies import cases

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

quick = settings(max_examples=25, deadline=None)


class Game:
    """A value for every subset of players; player 0 adds nothing, players 1 and 2 are alike."""

    def __init__(self, players: int, seed: int) -> None:
        self.players = players
        self.values = np.random.default_rng(seed).normal(size=1 << players)

    def __call__(self, inside: Bools) -> Floats:
        return np.array([self.values[self.key(row)] for row in inside])

    def key(self, row: Bools) -> int:
        kept = [int(i) for i in np.flatnonzero(row) if i > 0]
        if 2 in kept and 1 not in kept:
            kept[kept.index(2)] = 1
        return sum(1 << i for i in kept)

    @property
    def all(self) -> float:
        return float(self(np.ones((1, self.players), dtype=bool))[0] - self(np.zeros((1, self.players), dtype=bool))[0])


def by_orders(game: Game) -> Floats:
    """The definition: the mean over all orders."""
    gains = np.zeros(game.players)
    orders = list(itertools.permutations(range(game.players)))
    for order in orders:
        inside = np.zeros(game.players, dtype=bool)
        for i in order:
            before = game(inside[None])[0]
            inside[i] = True
            gains[i] += game(inside[None])[0] - before
    return gains / len(orders)


def broken(game: Game, shares: Floats) -> set[str]:
    """The laws of fair shares that these shares break in a game."""
    found = set()
    if abs(shares.sum() - game.all) > 1e-9:
        found.add("efficiency")
    if abs(shares[0]) > 1e-12:
        found.add("null player")
    if abs(shares[1] - shares[2]) > 1e-9:
        found.add("symmetry")
    return found


def gains(game: Game, before: list[list[int]]) -> Floats:
    """What each player adds to those before it."""
    inside = np.zeros((2 * game.players, game.players), dtype=bool)
    for i, those in enumerate(before):
        inside[2 * i : 2 * i + 2, those] = True
        inside[2 * i + 1, i] = True
    values = game(inside)
    found: Floats = values[1::2] - values[0::2]
    return found


@quick
@given(st.integers(3, 5), st.integers(0, 10**6))
def test_shares_are_the_mean_over_all_orders(players: int, seed: int) -> None:
    game = Game(players, seed)
    shares = np.array(shapley(game, players).shares)
    assert shares == pytest.approx(by_orders(game), abs=1e-9)
    assert broken(game, shares) == set()
    everyone = range(players)
    leave_one_out = gains(game, [[j for j in everyone if j != i] for i in everyone])  # mutants, one for each law
    in_one_order = gains(game, [list(range(i)) for i in everyone])
    alike = np.full(players, game.all / players)
    assert "efficiency" in broken(game, leave_one_out)
    assert "symmetry" in broken(game, in_one_order)
    assert "null player" in broken(game, alike)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_sampled_shares_add_up_and_are_reproducible(seed: int) -> None:
    weights = np.random.default_rng(seed).normal(size=14)

    def value(inside: Bools) -> Floats:
        found: Floats = (inside @ weights) + 0.5 * inside[:, 0] * inside[:, 1]
        return found

    shares = shapley(value, 14, seed=seed)
    assert shares.standard_errors is not None
    assert sum(shares.shares) == pytest.approx(weights.sum() + 0.5, abs=1e-9)
    assert shares == shapley(value, 14, seed=seed)
    assert shares.shares[5] == pytest.approx(weights[5], abs=1e-9)  # additive: known without error
    assert shares.shares[0] == pytest.approx(weights[0] + 0.25, abs=5 * shares.standard_errors[0] + 1e-9)


@quick
@given(st.integers(2, 4), st.integers(2, 4), st.integers(0, 10**6))
def test_information_lies_between_nothing_and_the_entropy(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    joint = rng.dirichlet(np.full(rows * columns, 0.3)).reshape(rows, columns)
    entropies = [entropies_bits(joint.sum(axis=k)[:, None])[0] for k in (0, 1)]
    bits = information_bits(joint)[0]
    assert 0 <= bits <= min(entropies) + 1e-12
    apart = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    assert information_bits(apart)[0] == pytest.approx(0, abs=1e-9)
    same = np.diag(joint.sum(axis=1))
    assert information_bits(same)[0] == pytest.approx(entropies[1], abs=1e-9)
    conditional = joint / joint.sum(axis=1, keepdims=True)  # a mutant: P(finding | disease) in place of the joint
    assume(joint.sum(axis=1).min() > 1e-3 and joint.sum(axis=1).max() < 0.9)
    assert information_bits(conditional)[0] != pytest.approx(bits, abs=1e-9)


@quick
@given(cases())
def test_log_odds_are_those_of_the_posterior(case: tuple[BayesNet, dict[str, str]]) -> None:
    net, evidence = case
    model = compile_network(net, effort=0)
    column = model.likelihood(evidence)
    assume(np.isfinite(model.log_evidence(evidence)))
    node = net.nodes[0]
    entry = Entry("d", "d", node, net.states[node][1:])
    p = sum(model.posteriors(evidence)[node][s] for s in entry.states)
    assume(1e-9 < p < 1 - 1e-9)
    assert log_odds(model, [column], entry)[0] == pytest.approx(math.log(p / (1 - p)), abs=1e-6)


@quick
@given(st.integers(0, 10**6))
def test_no_conflict_between_independent_findings(seed: int) -> None:
    """Alone, and given a third finding that makes them independent; without it they do pull (a mutant)."""
    rng = np.random.default_rng(seed)
    states = dict.fromkeys("cab", ("absent", "present"))
    effect = [[0.9, 0.1], [0.2, 0.8]]
    models = {
        "c": Table((), rng.dirichlet(np.full(2, 5.0))),
        "a": Table(("c",), np.array(effect)),
        "b": Table(("c",), np.array(effect)[::-1]),
    }
    model = compile_network(BayesNet.build("common cause", states, dict(models)), effort=0)
    parts = [model.likelihood({n: "present"}) for n in "ab"]
    given_c = pulls(model, model.likelihood({"c": "present"}), parts)
    assert given_c.conflict_nats == pytest.approx([0], abs=1e-12)
    assert given_c.total_nats == pytest.approx(0, abs=1e-12)
    free = pulls(model, model.likelihood({}), parts)
    log_p = [math.log(float(posteriors(model.network, {})[0][n]["present"])) for n in "ab"]
    both = math.log(float(posteriors(model.network, {"a": "present", "b": "present"})[1]))
    assert free.by_chance_nats == pytest.approx([sum(log_p)], abs=1e-9)
    assert free.together_nats == pytest.approx([both], abs=1e-9)
    assert free.total_nats == pytest.approx(sum(log_p) - both, abs=1e-9)
    assert free.total_nats > 1e-3  # one speaks for c, the other against it


def test_the_strategies_name_layouts_as_the_engine_does() -> None:
    layout = Layout.of({"a": ("x", "y")}, {"e": ("a", ("y",))})
    assert layout.present("e") == [1]
