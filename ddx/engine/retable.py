"""New numbers in a compiled network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ddx.engine import propagate
from ddx.errors import SpecError, near_misses
from ddx.knowledge.bayesnet import ROW_TOLERANCE, BayesNet, LocalModel, NoisyMax, Table

if TYPE_CHECKING:
    from ddx.engine.model import Model

Floats = npt.NDArray[np.float64]


def retabled(model: Model, tables: Mapping[str, npt.ArrayLike | LocalModel]) -> Model:
    """The model with other numbers for some nodes; see `Model.with_tables`."""
    from ddx.engine.model import Model, compile_network

    structure = model.structure
    changed = {node: _checked(model, node, said) for node, said in tables.items()}
    flat = structure.tables.copy()
    fits = True
    for node, said in changed.items():
        for f, values in zip(range(*model.parts.of_node[node]), _factor_values(model, node, said), strict=True):
            old = flat[structure.factor_start[f] : structure.factor_start[f + 1]]
            fits = fits and not ((values > 0) & (old == 0)).any()
            old[:] = values

    def network() -> BayesNet:
        base = model.network
        return replace(base, models={**base.models, **changed})

    if not fits:
        settings = model.settings
        return compile_network(network(), events=model.events, limit_bytes=settings.limit_bytes, effort=settings.effort)
    product = propagate.products(structure, flat)
    fresh = replace(structure, tables=flat, potentials=propagate.conditionals(structure, product))
    made = Model(model.layout, fresh, model.parts, network, model.settings)
    made.share_plans(model)
    return made


def _checked(model: Model, node: str, said: npt.ArrayLike | LocalModel) -> LocalModel:
    if node not in model.states:
        raise SpecError(f"a table for {node}, which is no node", remedy=near_misses(node, model.nodes))
    base = model.network.models[node]
    if isinstance(said, NoisyMax):
        if not isinstance(base, NoisyMax) or [t.parents for t in said.terms] != [t.parents for t in base.terms]:
            raise SpecError(f"{node}: a noisy-MAX whose terms do not match those of the compiled network")
        for new, old in zip(said.terms, base.terms, strict=True):
            _check_rows(node, new.values, old.values.shape)
        return said
    if isinstance(said, Table) and said.parents != base.parents:
        raise SpecError(f"{node}: a table with the parents {said.parents} for one with {base.parents}")
    values = np.asarray(said.values if isinstance(said, Table) else said, dtype=np.float64)
    _check_rows(node, values, (*(len(model.states[p]) for p in base.parents), len(model.states[node])))
    return Table(base.parents, values)


def _check_rows(node: str, values: Floats, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise SpecError(f"{node}: a table of shape {values.shape}, but {shape} is needed")
    if not np.isfinite(values).all() or (values < 0).any() or (np.abs(values.sum(axis=-1) - 1) > ROW_TOLERANCE).any():
        raise SpecError(f"{node}: a row that is not a distribution")


def _factor_values(model: Model, node: str, said: LocalModel) -> list[Floats]:
    """Flat values of the factors that a local model became."""
    from ddx.engine.factors import chain_tables
    from ddx.knowledge.bayesnet import expand

    first, last = model.parts.of_node[node]
    start = model.structure.factor_start
    if isinstance(said, Table):
        if last - first > 1 or start[last] - start[first] != said.values.size:
            raise SpecError(f"{node} was decomposed; give its new numbers as a noisy-MAX")
        return [said.values.ravel()]
    if last - first > 1:
        return [table.ravel() for table in chain_tables(said)]
    base = model.network
    return [expand(replace(base, models={**base.models, node: said}), node).values.ravel()]
