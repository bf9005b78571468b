"""Families are those of the joint."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, assume, given, settings

from ddx.engine.families import family_posteriors
from ddx.engine.model import compile_network
from ddx.knowledge.bayesnet import BayesNet
from oracle import joint
from properties.strategies import cases


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases(5))
def test_every_family_adds_up_worlds(case: tuple[BayesNet, dict[str, str]]) -> None:
    net, evidence = case
    model = compile_network(net)
    mass = joint.posteriors(net, evidence)[1]
    assume(mass > 0)
    found = family_posteriors(model, model.likelihood(evidence))
    truth = {node: np.zeros_like(values) for node, values in found.items()}
    for world in joint.assignments(net):
        weight = float(joint.weight(net, world, evidence) / mass)
        for node, values in truth.items():
            values[joint.index(net, (*net.parents(node), node), world)] += weight
    for node, values in truth.items():
        np.testing.assert_allclose(found[node], values, atol=1e-10)
