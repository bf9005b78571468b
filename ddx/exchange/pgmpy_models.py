"""How does a network become a model of pgmpy, and a model of pgmpy a network?

Names of variables and states stay the same. pgmpy keeps, with every table, its own order of the states of each
parent; tables are brought to the parent's own order by name, never by position. pgmpy is imported only inside
the two functions that need it; finding its bundled networks does not import it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ddx.errors import SpecError, UnknownName, near_misses, sentence
from ddx.knowledge.bayesnet import Array, BayesNet, LocalModel, Table, expand

if TYPE_CHECKING:
    from pgmpy.models import DiscreteBayesianNetwork

BUNDLE = Path("utils", "example_models")


class _Cpd(Protocol):
    """What is used of pgmpy's TabularCPD."""

    variable: str
    variables: Sequence[str]
    values: Array  # (child states, parent states ...)
    state_names: Mapping[str, Sequence[object]]


def to_pgmpy(network: BayesNet) -> DiscreteBayesianNetwork:
    """The network as a pgmpy model that passes `check_model`; noisy-MAX nodes become their dense tables.

    Raises TooLarge where such a table is too large to write out.
    """
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    model = DiscreteBayesianNetwork()
    model.add_nodes_from(network.nodes)
    model.add_edges_from((parent, node) for node in network.nodes for parent in network.parents(node))
    for node, states in network.states.items():
        table = expand(network, node)
        model.add_cpds(
            TabularCPD(
                node,
                len(states),
                np.ascontiguousarray(table.values.reshape(-1, len(states)).T),  # (child states, parent configurations)
                evidence=list(table.parents) or None,
                evidence_card=[len(network.states[p]) for p in table.parents] or None,
                state_names={n: list(network.states[n]) for n in (node, *table.parents)},
            )
        )
    model.name = network.name
    model.check_model()
    return model


def from_pgmpy(model: DiscreteBayesianNetwork, name: str = "") -> BayesNet:
    """The network of a pgmpy model; states that are not text become their text.

    Raises SpecError where the model is not a discrete Bayesian network, lacks a table, or its tables disagree
    about the states of a variable, besides whatever `BayesNet.build` refuses.
    """
    where = name or str(getattr(model, "name", "") or "") or "pgmpy model"
    if not hasattr(model, "get_cpds") or not hasattr(model, "nodes"):
        raise SpecError(f"{type(model).__name__} is not a discrete Bayesian network of pgmpy", where=where)
    cpds: dict[str, _Cpd] = {}
    for cpd in model.get_cpds():
        if not hasattr(cpd, "state_names") or not hasattr(cpd, "values"):
            raise SpecError(f"{type(cpd).__name__} is not a table of discrete states", where=where)
        cpds[str(cpd.variable)] = cpd
    if len({str(node) for node in model.nodes()}) < len(model.nodes()):
        raise SpecError("two variables have the same name once it is text", where=where, remedy="Rename one.")
    missing = [str(node) for node in model.nodes() if str(node) not in cpds]
    if missing:
        raise SpecError(f"{missing[0]} has no table", where=where, remedy="Add its TabularCPD first.")
    states = {node: _labels(cpds[node], node) for node in map(str, model.nodes())}
    models: dict[str, LocalModel] = {node: _table(cpds[node], states, where) for node in states}
    return BayesNet.build(where, states, models, where=where)


def bundled(name: str) -> Path:
    """The file of a network that pgmpy brings along (`alarm`, `hepar2`, ...), found without importing pgmpy.

    Raises UnknownName where pgmpy is not installed or has no network of that name.
    """
    found = importlib.util.find_spec("pgmpy")
    if found is None or not found.submodule_search_locations:
        message = f"{name} is a network that pgmpy brings along, but pgmpy is not installed"
        raise UnknownName(sentence(message, remedy="pip install pgmpy"))
    folder = Path(found.submodule_search_locations[0]) / BUNDLE
    files = {file.name.removesuffix(".bif.gz"): file for file in sorted(folder.glob("*.bif.gz"))}
    if name not in files:
        remedy = near_misses(name, files) or f"It has {', '.join(files)}."
        raise UnknownName(sentence(f"pgmpy brings along no network {name}", remedy=remedy))
    return files[name]


def _labels(cpd: _Cpd, node: str) -> tuple[str, ...]:
    return tuple(str(label) for label in _names(cpd)[node])


def _names(cpd: _Cpd) -> dict[str, Sequence[object]]:
    return {str(variable): labels for variable, labels in cpd.state_names.items()}


def _table(cpd: _Cpd, states: Mapping[str, tuple[str, ...]], where: str) -> Table:
    names = _names(cpd)
    variables = [str(variable) for variable in cpd.variables]  # the child first
    values = np.asarray(cpd.values, dtype=np.float64)
    for axis, variable in enumerate(variables):
        own = [str(label) for label in names[variable]]
        if variable not in states or sorted(own) != sorted(states[variable]):
            message = f"the table of {variables[0]} gives {variable} the states {', '.join(own)}; its own table differs"
            raise SpecError(message, where=where)
        values = values.take([own.index(label) for label in states[variable]], axis=axis)
    return Table(tuple(variables[1:]), np.moveaxis(values, 0, -1))
