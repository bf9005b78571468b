"""New numbers in a compiled network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddx.engine.structure import Parts, Structure
from ddx.errors import SpecError, near_misses
from ddx.knowledge.bayesnet import ROW_TOLERANCE, BayesNet, LocalModel, NoisyMax, Table, expand

Floats = npt.NDArray[np.float64]
Numbers = Mapping[str, npt.ArrayLike | LocalModel]


def checked(network: BayesNet, tables: Numbers) -> dict[str, LocalModel]:
    """The new local models; SpecError where one does not fit the network or is no distribution."""
    return {node: _checked(network, node, said) for node, said in tables.items()}


def flat_tables(
    network: BayesNet, structure: Structure, parts: Parts, changed: Mapping[str, LocalModel]
) -> tuple[Floats, bool]:
    """All factors with the new numbers, and whether the structure has room for every number that is not 0."""
    flat, fits = structure.tables.copy(), True
    for node, said in changed.items():
        first, last = parts.of_node[node]
        sizes = np.diff(structure.factor_start[first : last + 1]).tolist()
        for f, values in zip(range(first, last), _factor_values(network, node, said, sizes), strict=True):
            old = flat[structure.factor_start[f] : structure.factor_start[f + 1]]
            fits = fits and not ((values > 0) & (old == 0)).any()
            old[:] = values
    return flat, fits


def _checked(network: BayesNet, node: str, said: npt.ArrayLike | LocalModel) -> LocalModel:
    if node not in network.states:
        raise SpecError(f"a table for {node}, which is no node", remedy=near_misses(node, network.nodes))
    base = network.models[node]
    if isinstance(said, NoisyMax):
        if not isinstance(base, NoisyMax) or [t.parents for t in said.terms] != [t.parents for t in base.terms]:
            raise SpecError(f"{node}: a noisy-MAX whose terms do not match those of the compiled network")
        for new, old in zip(said.terms, base.terms, strict=True):
            _check_rows(node, new.values, old.values.shape)
        return said
    if isinstance(said, Table) and said.parents != base.parents:
        raise SpecError(f"{node}: a table with the parents {said.parents} for one with {base.parents}")
    values = np.asarray(said.values if isinstance(said, Table) else said, dtype=np.float64)
    _check_rows(node, values, (*(len(network.states[p]) for p in base.parents), len(network.states[node])))
    return Table(base.parents, values)


def _check_rows(node: str, values: Floats, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise SpecError(f"{node}: a table of shape {values.shape}, but {shape} is needed")
    if not np.isfinite(values).all() or (values < 0).any() or (np.abs(values.sum(axis=-1) - 1) > ROW_TOLERANCE).any():
        raise SpecError(f"{node}: a row that is not a distribution")


def _factor_values(network: BayesNet, node: str, said: LocalModel, sizes: list[int]) -> list[Floats]:
    """Flat values of the factors, of these sizes, that a local model became."""
    from ddx.engine.factors import chain_tables

    if isinstance(said, NoisyMax) and len(sizes) > 1:
        return [table.ravel() for table in chain_tables(said)]
    values = expand(replace(network, models={**network.models, node: said}), node).values.ravel()
    if len(sizes) > 1 or values.size != sizes[0]:
        raise SpecError(f"{node} was decomposed; give its new numbers as a noisy-MAX")
    return [values]
