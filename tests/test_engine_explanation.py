"""The most probable explanations are those of the joint, in order."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings

from ddx.engine.explanation import most_probable_explanations
from ddx.engine.model import compile_network
from ddx.knowledge.bayesnet import BayesNet
from oracle import joint
from properties.strategies import cases

some = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@some
@given(cases(5))
def test_the_heaviest_worlds_come_first(case: tuple[BayesNet, dict[str, str]]) -> None:
    net, evidence = case
    weights = sorted((joint.weight(net, world, evidence) for world in joint.assignments(net)), reverse=True)
    found = most_probable_explanations(compile_network(net), evidence, 4)
    possible = [w for w in weights if w > 0]
    assert len(found) == min(4, len(possible))
    for one, expected in zip(found, possible, strict=False):
        assert one.probability == pytest.approx(float(expected / sum(weights, Fraction(0))), rel=1e-9)
        assert joint.weight(net, one.states, evidence) == pytest.approx(float(expected), rel=1e-9, abs=0)
    assert len({tuple(one.states.items()) for one in found}) == len(found)
