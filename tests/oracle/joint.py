"""The slow reference: every question answered by adding up the joint distribution, term by term, in exact fractions.

Shares nothing with the engine: it reads the local models of a BayesNet and nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from fractions import Fraction

from ddx.knowledge.bayesnet import BayesNet, Table

Evidence = Mapping[str, str | Mapping[str, float]]
Assignment = dict[str, str]


def assignments(net: BayesNet) -> Iterator[Assignment]:
    """Every state of the world."""
    for states in itertools.product(*net.states.values()):
        yield dict(zip(net.states, states, strict=True))


def conditional(net: BayesNet, node: str, world: Assignment) -> Fraction:
    """P(node = its state | its parents' states)."""
    model, labels = net.models[node], net.states[node]
    state = labels.index(world[node])
    if isinstance(model, Table):
        return Fraction(float(model.values[(*index(net, model.parents, world), state)]))
    below = [Fraction(1), Fraction(1)]  # P(node < state), P(node <= state)
    for term in model.terms:
        row = [Fraction(float(p)) for p in term.values[index(net, term.parents, world)]]
        below[0] *= sum(row[:state])
        below[1] *= sum(row[: state + 1]) / sum(row)
    return below[1] - below[0]


def index(net: BayesNet, parents: tuple[str, ...], world: Assignment) -> tuple[int, ...]:
    return tuple(net.states[p].index(world[p]) for p in parents)


def weight(net: BayesNet, world: Assignment, evidence: Evidence) -> Fraction:
    """P(world) times the likelihood of the evidence in it."""
    found = Fraction(1)
    for node, said in evidence.items():
        found *= Fraction(int(world[node] == said)) if isinstance(said, str) else Fraction(said[world[node]])
    for node in net.nodes:
        if found == 0:
            return found
        found *= conditional(net, node, world)
    return found


def posteriors(net: BayesNet, evidence: Evidence) -> tuple[dict[str, dict[str, Fraction]], Fraction]:
    """Every posterior and P(evidence); unnormalised sums are returned where P(evidence) = 0."""
    sums = {node: dict.fromkeys(labels, Fraction(0)) for node, labels in net.states.items()}
    total = Fraction(0)
    for world in assignments(net):
        mass = weight(net, world, evidence)
        total += mass
        for node, state in world.items():
            sums[node][state] += mass
    scale = total or Fraction(1)
    return {node: {s: m / scale for s, m in row.items()} for node, row in sums.items()}, total
