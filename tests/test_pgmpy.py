"""pgmpy as an oracle: the same network in its hands gives the same posteriors."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import ddx
from ddx.errors import SpecError
from ddx.exchange.files import write_network
from ddx.exchange.pgmpy_models import bundled

BUNDLED = {
    "asia": {"dysp": "yes", "xray": "no"},
    "cancer": {"Xray": "positive"},
    "earthquake": {"JohnCalls": "True", "MaryCalls": "False"},
    "survey": {"T": "car", "S": "F"},
    "alarm": {"HRBP": "HIGH", "CVP": "LOW", "PRESS": "HIGH"},
}


def largest_difference(network: ddx.network.Network, evidence: Mapping[str, str]) -> float:
    """Over all unobserved nodes, between the engine and pgmpy's variable elimination."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pgmpy.inference import VariableElimination

        theirs = network.to_pgmpy()
        assert theirs.check_model()
        inference = VariableElimination(theirs)
        belief = ddx.compile(network).posteriors(dict(evidence))
        worst = 0.0
        for node in (n for n in theirs.nodes if n not in evidence):
            answer = inference.query([node], evidence=dict(evidence), show_progress=False)
            mine = [belief[node][state] for state in answer.state_names[node]]
            worst = max(worst, float(np.abs(answer.values - mine).max()))
    return worst


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("observed", [False, True])
def test_the_bundled_networks_agree(name: str, observed: bool) -> None:
    network = ddx.load(bundled(name))
    assert largest_difference(network, BUNDLED[name] if observed else {}) < 1e-9


def test_the_slide_agrees_with_and_without_the_index_case() -> None:
    network = ddx.load("four-diseases")
    from ddx.evidence import read_case
    from ddx.knowledge import catalog

    nodes = network.bayesnet().nodes
    case = read_case(catalog.case_path("seed"))
    named = (network.lexicon.observe(f) for f in case.findings if f.name in network.lexicon.askables)
    evidence = {name: state for name, state in named if isinstance(state, str) and name in nodes}
    assert len(evidence) >= 10
    assert largest_difference(network, {}) < 1e-9
    assert largest_difference(network, evidence) < 1e-9


def test_a_wrong_number_would_be_seen() -> None:
    """The mutant: the comparison notices one changed table."""
    network = ddx.load(bundled("asia"))
    model = ddx.compile(network).with_tables({"smoke": [0.6, 0.4]})
    honest = ddx.compile(network).posteriors({"dysp": "yes"})
    assert abs(model.posteriors({"dysp": "yes"})["lung"]["yes"] - honest["lung"]["yes"]) > 1e-3


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_model_of_pgmpy_becomes_a_network(tmp_path: Path) -> None:
    """It answers, resolves names, is kept apart by its numbers, and converts like the file it came from."""
    filed = ddx.load(bundled("asia"))
    theirs = filed.to_pgmpy()
    network = ddx.Network.from_pgmpy(theirs, name="asia")
    assert network.name == "asia"
    assert network.lexicon.finding("DYSP").id == "dysp"
    assert not network.entries
    answer = ddx.compile(network).posteriors({"dysp": "yes", "xray": "no"})
    expected = ddx.compile(filed).posteriors({"dysp": "yes", "xray": "no"})
    for node in filed.bayesnet().nodes:
        assert dict(answer[node]) == pytest.approx(dict(expected[node]), abs=1e-12)
    write_network(network.bayesnet(), tmp_path / "asia.xdsl")
    assert set(ddx.load(tmp_path / "asia.xdsl").bayesnet().nodes) == set(filed.bayesnet().nodes)
    assert largest_difference(network, {"dysp": "yes"}) < 1e-9


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_models_of_other_numbers_are_other_networks() -> None:
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    found = []
    for p in (0.1, 0.2, 0.1):
        model = DiscreteBayesianNetwork()
        model.add_node("coin")
        model.add_cpds(TabularCPD("coin", 2, [[p], [1 - p]], state_names={"coin": ["head", "tail"]}))
        network = ddx.Network.from_pgmpy(model)
        found.append((network.sha256, network.key, ddx.compile(network).posteriors({})["coin"]["head"]))
    assert found[0] == found[2]
    assert [told[2] for told in found] == pytest.approx([0.1, 0.2, 0.1])
    assert len(set(found)) == 2


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_names_that_are_one_name_as_text_are_refused() -> None:
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    model = DiscreteBayesianNetwork()
    model.add_nodes_from([1, "1"])
    model.add_cpds(TabularCPD(1, 2, [[0.5], [0.5]]), TabularCPD("1", 2, [[0.1], [0.9]]))
    with pytest.raises(SpecError, match="two variables have the same name once it is text"):
        ddx.Network.from_pgmpy(model)
