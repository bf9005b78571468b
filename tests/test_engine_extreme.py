"""Evidence that is all but impossible, against an elimination in exact fractions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ddx.engine.model import compile_network
from ddx.exchange.files import read_network
from ddx.exchange.pgmpy_models import bundled
from ddx.knowledge.bayesnet import BayesNet, expand
from oracle import exact, joint


def sampled(net: BayesNet, count: int, seed: int) -> dict[str, str]:
    """The states of so many nodes in one state of the world, drawn from the network."""
    rng = np.random.default_rng(seed)
    world: dict[str, int] = {}
    for node in net.topological_order():
        table = expand(net, node)
        row = table.values[tuple(world[p] for p in table.parents)]
        world[node] = int(rng.choice(len(row), p=row / row.sum()))
    chosen = rng.choice(len(net.nodes), count, replace=False)
    return {net.nodes[i]: net.states[net.nodes[i]][world[net.nodes[i]]] for i in sorted(chosen.tolist())}


@pytest.mark.parametrize("kernel", ["", "numpy"])
def test_147_findings_of_probability_1e_60(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDX_KERNEL", kernel)
    net = read_network(bundled("pigs"))
    evidence = sampled(net, 147, 5)
    truth = exact.log10_evidence(net, evidence)
    assert -75 < truth < -50
    mine = compile_network(net, effort=0).posteriors(evidence).log_evidence / math.log(10)
    assert mine == pytest.approx(truth, abs=1e-9)


def test_the_exact_elimination_is_the_joint_and_sees_a_wrong_number() -> None:
    net = read_network(bundled("asia"))
    evidence = {"dysp": "yes", "xray": "yes", "asia": "yes"}
    truth = exact.log10_evidence(net, evidence)
    mass = joint.posteriors(net, evidence)[1]
    assert truth == pytest.approx(math.log10(mass.numerator) - math.log10(mass.denominator), abs=1e-12)
    other = compile_network(net).with_tables({"asia": [0.0101, 0.9899]})
    assert abs(other.posteriors(evidence).log_evidence / math.log(10) - truth) > 1e-3
