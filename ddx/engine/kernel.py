"""The C kernel where it was built and is not switched off (DDX_KERNEL=numpy); numpy does everything without it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from ddx.engine.belief import Belief, Layout
from ddx.engine.structure import Structure

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
ARRAYS = (
    "node_start",
    "entry_start",
    "message_start",
    "segment_start",
    "map_start",
    "parent",
    "input_count",
    "maps",
    "node_clique",
    "node_input",
    "child_input",
    "potentials",
)


class _Compiled(Protocol):
    """What `c/module.c` exports; arrays go by address."""

    def plan(
        self,
        nodes: int,
        wanted: int,
        cliques: int,
        addresses: tuple[int, ...],
        index: dict[str, tuple[int, dict[str, int]]],
        names: tuple[str, ...],
        labels: tuple[tuple[str, ...], ...],
        kind: type[Belief],
        said: tuple[object, ...],
    ) -> object: ...

    def lanes(
        self, plan: object, likelihood: int, marginals: int, log_evidence: int, lanes: int, *switches: int
    ) -> None: ...

    def batch(self, plan: object, observed: int, marginals: int, log_evidence: int, cases: int) -> None: ...

    def subsets(self, size: int, causes: int, *addresses: int) -> float: ...

    def query(self, plan: object, least: float, evidence: object) -> Belief | None: ...


def compiled() -> _Compiled | None:
    """The compiled module, or None."""
    if os.environ.get("DDX_KERNEL") == "numpy":
        return None
    try:
        return cast(_Compiled, importlib.import_module("ddx.engine._kernel"))
    except ImportError:
        return None


def run_subsets(
    module: _Compiled, start: Floats, weights: tuple[Floats, Floats, Floats], links: tuple[Longs, Longs]
) -> tuple[float, Floats]:
    """V[all present] and the posterior of each cause of a noisy-OR layer.

    `start` (2^present,); weights of absence and presence (causes,) and of links (links,); links as the first of each
    cause (causes + 1,) and their findings (links,).
    """
    found = np.empty(len(weights[0]))
    order = (weights[0], weights[1], links[0], links[1], weights[2], start, found)
    arrays = [np.ascontiguousarray(array) for array in order[:-1]]
    total = module.subsets(len(start), len(found), *(array.ctypes.data for array in arrays), found.ctypes.data)
    return total, found


class Kernel:
    """The passes over one structure in C. Holds the arrays that the plan points at."""

    def __init__(self, module: _Compiled, structure: Structure, layout: Layout) -> None:
        self._module = module
        self._arrays = [np.ascontiguousarray(getattr(structure, name)) for name in ARRAYS]
        states: Mapping[str, tuple[str, ...]] = layout.states
        index = {n: (i, {s: k for k, s in enumerate(labels)}) for i, (n, labels) in enumerate(states.items())}
        self._plan = module.plan(
            len(states),
            len(states),
            structure.cliques,
            tuple(array.ctypes.data for array in self._arrays),
            index,
            tuple(states),
            tuple(states.values()),
            Belief,
            ("log_evidence", "layout", layout, "exact", True, "standard_errors", None, "effective_samples", None),
        )

    def query(self, least: float) -> Callable[[object], Belief | None]:
        """A function from a case to its belief; to None where Python must look at the evidence or at the answer.

        It does so where log P(evidence) is not above `least`. The last answer is kept: asking the same again costs
        nothing.
        """
        return partial(self._module.query, self._plan, least)

    def lanes(self, likelihood: Floats, marginals: bool) -> tuple[Floats, Floats]:
        """As `propagate.Lanes.run`."""
        said = np.ascontiguousarray(likelihood)
        found = np.empty(said.shape if marginals else (0, said.shape[1]))
        log_evidence = np.empty(said.shape[1])
        wanted = found.ctypes.data if marginals else 0
        self._module.lanes(self._plan, said.ctypes.data, wanted, log_evidence.ctypes.data, said.shape[1], 0, 0, 0)
        return found, log_evidence

    def batch(self, observed: npt.NDArray[np.int64], states: int) -> tuple[Floats, Floats]:
        """Marginals (cases, states) and log P(case) of observed states (cases, nodes)."""
        said = np.ascontiguousarray(observed)
        found, log_evidence = np.empty((len(said), states)), np.empty(len(said))
        self._module.batch(self._plan, said.ctypes.data, found.ctypes.data, log_evidence.ctypes.data, len(said))
        return found, log_evidence


class SwitchedKernel:
    """The passes over a structure whose first `wanted` nodes are answered; its other nodes are switched tables."""

    def __init__(self, module: _Compiled, structure: Structure, wanted: int, tables: tuple[Floats, ...]) -> None:
        self._module = module
        self._arrays = [np.ascontiguousarray(getattr(structure, name)) for name in ARRAYS]
        self._tables = np.concatenate([np.empty(0), *(table.ravel() for table in tables)])
        sizes = [table.size for table in tables]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
        addresses = tuple(array.ctypes.data for array in self._arrays)
        nodes = len(structure.node_clique)
        self._plan = module.plan(nodes, wanted, structure.cliques, addresses, {}, (), (), Belief, ())

    def lanes(self, likelihood: Floats, versions: Longs) -> tuple[Floats, Floats]:
        """Marginals (wanted states, lanes) and log P(lane); `versions` (switched nodes, lanes), -1 for none."""
        said, chosen = np.ascontiguousarray(likelihood), np.ascontiguousarray(versions)
        found, log_evidence = np.empty(said.shape), np.empty(said.shape[1])
        arrays = (said, found, log_evidence)
        switches = (self._tables.ctypes.data, self._starts.ctypes.data, chosen.ctypes.data)
        self._module.lanes(self._plan, *(array.ctypes.data for array in arrays), said.shape[1], *switches)
        return found, log_evidence
