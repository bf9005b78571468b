"""Others' engines with the same numbers: pyAgrum through its API in float64, and networks that come with pgmpy."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pyagrum as gum

from ddx.engine.model import Model
from ddx.knowledge.bayesnet import BayesNet, expand

ENGINES = ("LazyPropagation", "ShaferShenoyInference")


def bundled(name: str) -> str:
    """The path of a network that comes with pgmpy, found without importing it; FileNotFoundError where it has none."""
    found = importlib.util.find_spec("pgmpy")
    assert found is not None and found.origin is not None
    path = Path(found.origin).parent / "utils" / "example_models" / f"{name}.bif.gz"
    if not path.is_file():
        raise FileNotFoundError(f"pgmpy does not come with {name}")
    return str(path)


def structure_in_pyagrum(net: BayesNet) -> Any:
    """The same variables and arcs, without numbers."""
    bn = gum.BayesNet()
    for node, labels in net.states.items():
        bn.add(gum.LabelizedVariable(node, node, list(labels)))
    for node in net.nodes:
        for parent in net.parents(node):
            bn.addArc(parent, node)
    return bn


def in_pyagrum(net: BayesNet) -> Any:
    """The same tables through pyAgrum's API, in float64; its axes are the reverse of its names."""
    bn = structure_in_pyagrum(net)
    for node in net.nodes:
        table = expand(net, node)
        family = [*table.parents, node]
        order = [family.index(n) for n in bn.cpt(node).names]
        bn.cpt(node).fillWith(table.values.transpose(order[::-1]).ravel().tolist())
    return bn


def drawn(net: BayesNet, count: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """(cases, nodes) state indices of possible cases, 10 to 50 % of the nodes observed, -1 elsewhere."""
    rng = np.random.default_rng(seed)
    states: dict[str, Any] = {}
    for node in net.topological_order():
        table = expand(net, node)
        rows = table.values[tuple(states[p] for p in table.parents)] if table.parents else table.values[None]
        below = np.cumsum(np.broadcast_to(rows, (count, rows.shape[-1])), axis=1)[:, :-1]
        states[node] = (rng.random((count, 1)) >= below).sum(axis=1)
    table = np.stack([states[n] for n in net.nodes], axis=1)
    hidden = rng.random(table.shape) >= rng.uniform(0.1, 0.5, (count, 1))
    return np.where(hidden, -1, table)


def as_case(model: Model, row: Any) -> dict[str, str]:
    """The states observed in one row of `drawn`."""
    return {n: model.states[n][s] for n, s in zip(model.nodes, row.tolist(), strict=True) if s >= 0}
