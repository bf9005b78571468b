"""Malformed and hostile network files: refused with the words that name the fault, or read with their meaning.

The set is given by DDX_HOSTILE (an index.json), or lies in `shared/` beside the project.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ddx
from ddx.errors import DdxError
from ddx.exchange import csvcases
from ddx.exchange.cases import read_import, read_table
from ddx.exchange.files import is_network_file, read_network
from ddx.knowledge.bayesnet import BayesNet, expand

INDEX = Path(os.environ.get("DDX_HOSTILE", Path(__file__).parents[3] / "shared" / "hostile" / "dev" / "index.json"))
PROMISE = re.compile(r"P\((\w+)=(\w+)(?:\|(\w+)=(\w+))?\)=.*?([\d.]+)$")


def items(kind: str, *formats: str) -> list[Any]:
    if not INDEX.is_file():
        reason = pytest.mark.skip(reason=f"hostile set absent: no {INDEX.name} there; set DDX_HOSTILE")
        return [pytest.param(None, id="absent", marks=reason)]
    found = [i for i in json.loads(INDEX.read_text())["items"] if i["kind"] == kind and i["format"] in formats]
    return [pytest.param(item, id=item["id"]) for item in found]


def posterior(network: BayesNet, node: str, state: str, given: str | None, value: str | None) -> float:
    """P(node = state | given = value) by summing the joint, one configuration at a time."""
    tables = {name: expand(network, name) for name in network.nodes}
    weights = {True: 0.0, False: 0.0}
    for index in np.ndindex(*(len(s) for s in network.states.values())):
        at = dict(zip(network.nodes, index, strict=True))
        if given is not None and network.states[given][at[given]] != value:
            continue
        p = np.prod([float(t.values[(*(at[p] for p in t.parents), at[n])]) for n, t in tables.items()])
        weights[network.states[node][at[node]] == state] += float(p)
    return weights[True] / (weights[True] + weights[False])


def promised(promise: str, network: BayesNet) -> bool:
    match = PROMISE.match(promise)
    assert match is not None
    node, state, given, value, number = match.groups()
    if node not in network.states:  # UAI has no names: v1 is variable 1
        node, given = node.removeprefix("v"), given and given.removeprefix("v")
    return abs(posterior(network, node, state, given, value) - float(number)) < 1e-6


def named(word: str, message: str, path: Path) -> bool:
    """Does the message itself, not the path in it, hold the word?"""
    rest = message.replace(str(path), "").replace(path.name, "")
    return re.search(r"(?<![\w-])" + re.escape(word) + r"(?![\w-])", rest) is not None


@pytest.mark.parametrize("item", items("network", "bif", "xmlbif", "xdsl", "net", "uai"))
def test_a_hostile_network_file(item: dict[str, Any]) -> None:
    path = INDEX.parent / item["file"]
    start = time.perf_counter()
    try:
        network = read_network(path)
    except DdxError as fault:
        assert item["must"] != "ACCEPT", f"refused: {fault}"
        message = str(fault)
        missing = [w for w in item["message_must_name"] if item["must"] == "REFUSE" and not named(w, message, path)]
        assert not missing, f"{message} does not name {missing}"
        assert not any(re.search(pattern, message) for pattern in item["output_must_not_match"])
        assert len(message.encode()) < 2000
        assert message.isprintable()
    else:
        assert item["must"] != "REFUSE", f"accepted: {network.nodes}"
        if item.get("if_accepted"):
            assert promised(item["if_accepted"], network), item["if_accepted"]
        assert is_network_file(path)
    assert time.perf_counter() - start < item["limits"]["seconds"]


@pytest.mark.parametrize("item", items("case", "phenopacket", "csv"))
def test_a_hostile_case_file(item: dict[str, Any]) -> None:
    """Cases of other systems. That seizure stands above generalized-onset seizure is given, as an ontology would."""
    path = INDEX.parent / item["file"]
    network = ddx.load("scleroderma-mimics").spec
    assert network is not None
    try:
        if item["format"] == "csv":
            cases = read_table(path)
            assert not any(re.search(p, csvcases.write(cases), re.M) for p in item["output_must_not_match"])
        else:
            read_import(path, network, ancestors={"HP:0002197": ("HP:0001250",)})
    except DdxError as fault:
        assert item["must"] not in ("ACCEPT", "NEUTRALISE"), f"refused: {fault}"
        message = str(fault)
        missing = [w for w in item["message_must_name"] if item["must"] == "REFUSE" and not named(w, message, path)]
        assert not missing, f"{message} does not name {missing}"
    else:
        assert item["must"] != "REFUSE"


def test_the_oracle_notices_another_meaning() -> None:
    """The promise of the set's control, held against a network with the table transposed."""
    from ddx.knowledge.bayesnet import Table

    promise = "P(D=present|F=present)=0.6666666667"
    states = {"D": ("present", "absent"), "F": ("present", "absent")}
    table = np.array([[0.9, 0.1], [0.05, 0.95]])
    right = {"D": Table((), np.array([0.1, 0.9])), "F": Table(("D",), table)}
    wrong = {"D": Table((), np.array([0.1, 0.9])), "F": Table(("D",), table[::-1])}
    assert promised(promise, BayesNet.build("right", states, right))
    assert not promised(promise, BayesNet.build("wrong", states, wrong))
