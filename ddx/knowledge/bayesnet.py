"""A Bayesian network as numbers: variables, and for each one P(variable | parents).

This is where every way into ddx meets: the clinical format is grounded to it, files of other
tools are read into it, and the engine compiles it. Two local models are enough:

* `Table`     P(child = s | parents), dense, axes (parent states ..., child states);
* `NoisyMax`  the child is the greatest of independent contributions, one a `Term`; states are
              ordered from none (index 0) to most. P(child <= s | parents) = product over terms of
              P(contribution <= s | the parents of that term). Noisy-OR is the case of two states;
              the leak is a term without parents. A term may have several parents.

Everything is checked once, by `BayesNet.build`, which is the only way to make one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddx.documents import visible
from ddx.errors import SpecError, TooLarge, near_misses

Array = npt.NDArray[np.float64]

ROW_TOLERANCE = 1e-5  # a row this close to 1 is renormalised and reported; beyond it is refused
LARGEST_TABLE = 1 << 24  # entries of one dense table


@dataclass(frozen=True, slots=True)
class Table:
    """P(child | parents) as a dense array, axes (parent states ..., child states)."""

    parents: tuple[str, ...]
    values: Array


@dataclass(frozen=True, slots=True)
class Term:
    """One contribution to a noisy-MAX: P(contribution = s | parents), axes (parent states ..., child states)."""

    parents: tuple[str, ...]
    values: Array


@dataclass(frozen=True, slots=True)
class NoisyMax:
    """The child is the greatest of the contributions of its terms."""

    terms: tuple[Term, ...]

    @property
    def parents(self) -> tuple[str, ...]:
        """Parents of all terms, each once, in order of first mention."""
        return tuple(dict.fromkeys(p for term in self.terms for p in term.parents))


LocalModel = Table | NoisyMax


class Rounded(NamedTuple):
    """Rows of a file that were off by more than ROW_TOLERANCE and brought to 1; the worst, and what it summed to."""

    rows: int
    worst: str  # P(node | parent=state)
    total: float


@dataclass(frozen=True, slots=True)
class BayesNet:
    """Variables with their states, and one local model each. Make one with `BayesNet.build`."""

    name: str
    states: Mapping[str, tuple[str, ...]]  # in the order of the file
    models: Mapping[str, LocalModel]
    remarks: tuple[str, ...] = field(default=())  # rows renormalised and the like: said once
    rounded: Rounded | None = None
    left_out: tuple[str, ...] = ()  # what the file says besides, for which there is no place here

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(self.states)

    def parents(self, node: str) -> tuple[str, ...]:
        return self.models[node].parents

    @classmethod
    def build(
        cls,
        name: str,
        states: Mapping[str, Iterable[str]],
        models: Mapping[str, LocalModel],
        *,
        where: str = "",
        places: Mapping[str, str] | None = None,
        remarks: Iterable[str] = (),
    ) -> BayesNet:
        """Check everything and return the network.

        Raises SpecError naming the node and, for a bad row, the states of its parents: a name or state given
        twice or unprintable, a variable without states, an unknown parent, a shape that does not fit, a number
        outside [0, 1] or not finite, a row that does not sum to 1 within 1e-5, a cycle. Rows within 1e-5 but not
        1e-12 are renormalised and remarked upon once. `places` says where each node stands, as file:line.
        """
        known = {node: tuple(labels) for node, labels in states.items()}
        where = where or name
        if not known:
            raise SpecError("the network has no variables", where=where, remedy="Give at least one.")
        place = {} if places is None else places
        said = list(remarks)
        checked: dict[str, LocalModel] = {}
        for node, labels in known.items():
            with _placed(node, place):
                _check_names(node, labels, where)
        for node in known:
            with _placed(node, place):
                if node not in models:
                    raise SpecError(f"{node} has no probabilities", where=where, remedy="Give it a table.")
                checked[node] = _checked_model(node, models[node], known, where, said)
        for node in models:
            if node not in known:
                raise SpecError(
                    f"probabilities for {node}, which is not a variable", where=where, remedy=near_misses(node, known)
                )
        network = cls(name, known, checked, tuple(said))
        network.topological_order(where, place)
        return network

    def topological_order(self, where: str = "", places: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Nodes, parents before children; SpecError names a cycle, at the place of its first node."""
        waiting = {n: len(self.parents(n)) for n in self.states}
        children: dict[str, list[str]] = {n: [] for n in self.states}
        for node in self.states:
            for parent in self.parents(node):
                children[parent].append(node)
        ready = [n for n, count in waiting.items() if count == 0]
        order: list[str] = []
        while ready:
            node = ready.pop()
            order.append(node)
            for child in children[node]:
                waiting[child] -= 1
                if waiting[child] == 0:
                    ready.append(child)
        if len(order) < len(self.states):
            raise self._cycle_fault({n for n, count in waiting.items() if count > 0}, where, places or {})
        return tuple(order)

    def _cycle_fault(self, left: set[str], where: str, places: Mapping[str, str]) -> SpecError:
        cycle = self._cycle(left)
        shown = cycle if len(cycle) <= 12 else [*cycle[:10], "...", cycle[-1]]
        known = [f"{node} at {places[node]}" for node in dict.fromkeys(shown) if node in places]
        remedy = "Remove one of these arcs" + (f" ({', '.join(known)})." if known else ".")
        return SpecError("cycle: " + " -> ".join(shown), where=places.get(cycle[0], where or self.name), remedy=remedy)

    def _cycle(self, left: set[str]) -> list[str]:
        node = min(left)
        seen: dict[str, None] = {}  # in order of visit
        while node not in seen:
            seen[node] = None
            node = next(p for p in self.parents(node) if p in left)
        path = list(seen)
        return [node, *reversed(path[path.index(node) :])]


def expand(network: BayesNet, node: str, largest: int = LARGEST_TABLE) -> Table:
    """The dense table of a node; TooLarge before anything beyond `largest` entries is allocated."""
    model = network.models[node]
    if isinstance(model, Table):
        return model
    parents = model.parents
    shape = tuple(len(network.states[p]) for p in parents)
    entries = math.prod(shape) * len(network.states[node])
    if entries > largest:
        raise TooLarge(f"{node}: a table of {entries:,} entries, more than {largest:,}", where=network.name)
    below = np.ones((*shape, len(network.states[node])))
    for term in model.terms:
        below *= _spread(np.cumsum(term.values, axis=-1), term.parents, parents)
    below[..., -1] = 1.0
    return Table(parents, np.clip(np.diff(below, axis=-1, prepend=0.0), 0.0, 1.0))


def _spread(values: Array, own: tuple[str, ...], parents: tuple[str, ...]) -> Array:
    """`values` (own parents ..., child) reshaped to broadcast over (parents ..., child)."""
    order = sorted(range(len(own)), key=lambda i: parents.index(own[i]))
    moved = values.transpose(*order, len(own))
    shape = tuple(values.shape[own.index(p)] if p in own else 1 for p in parents)
    spread: Array = moved.reshape(*shape, values.shape[-1])
    return spread


@contextmanager
def _placed(node: str, places: Mapping[str, str]) -> Iterator[None]:
    """Errors about this node say where it stands; the place is looked for only then."""
    try:
        yield
    except SpecError as fault:
        if node not in places:
            raise
        raise type(fault)(fault.message, where=places[node], remedy=fault.remedy) from None


def _check_names(node: str, labels: tuple[str, ...], where: str) -> None:
    if not labels:
        raise SpecError(f"{node} has no states", where=where, remedy="Give it at least one state.")
    if len(set(labels)) < len(labels):
        twice = Counter(labels).most_common(1)[0][0]
        raise SpecError(f"{node} has the state {twice!r} twice", where=where, remedy="State names must differ.")
    for word in (node, *labels):
        if not word or not visible(word):
            raise SpecError(
                f"the name {word!r} is empty or has characters that cannot be shown", where=where, remedy="Rename it."
            )


def _checked_model(
    node: str, model: LocalModel, known: Mapping[str, tuple[str, ...]], where: str, said: list[str]
) -> LocalModel:
    twice = [p for p in model.parents if isinstance(model, Table) and model.parents.count(p) > 1]
    if twice:
        raise SpecError(f"{node} has the parent {twice[0]} twice", where=where, remedy="Name it once.")
    for parent in model.parents:
        if parent not in known:
            remedy = near_misses(parent, known) or "Declare it, or leave it out."
            raise SpecError(f"{node} has the unknown parent {parent}", where=where, remedy=remedy)
        if parent == node:
            raise SpecError(f"{node} is its own parent", where=where, remedy="Leave it out of its parents.")
    if isinstance(model, Table):
        return Table(model.parents, _checked_rows(node, model.parents, model.values, known, where, said))
    if not model.terms:
        raise SpecError(f"{node} is a noisy-MAX without terms", where=where)
    return NoisyMax(
        tuple(Term(t.parents, _checked_rows(node, t.parents, t.values, known, where, said)) for t in model.terms)
    )


def _checked_rows(
    node: str,
    parents: tuple[str, ...],
    values: Array,
    known: Mapping[str, tuple[str, ...]],
    where: str,
    said: list[str],
) -> Array:
    shape = (*(len(known[p]) for p in parents), len(known[node]))
    rows = np.array(values, dtype=np.float64, order="C")
    if rows.shape != shape:
        raise SpecError(f"{node}: a table of shape {rows.shape}, but its parents and states need {shape}", where=where)
    if not np.isfinite(rows).all() or rows.min() < 0 or rows.max() > 1 + ROW_TOLERANCE:
        at = np.unravel_index(int(np.argmax(~np.isfinite(rows) | (rows < 0) | (rows > 1))), rows.shape)
        raise SpecError(
            f"{_row_name(node, parents, known, at[:-1])}: {rows[at]} is not a probability",
            where=where,
            remedy="Write a number from 0 to 1.",
        )
    sums = rows.sum(axis=-1)
    off = np.abs(sums - 1.0)
    if off.max(initial=0.0) > ROW_TOLERANCE:
        at = np.unravel_index(int(np.argmax(off)), off.shape)
        raise SpecError(
            f"{_row_name(node, parents, known, at)}: the row sums to {sums[at]:.9g}, not 1",
            where=where,
            remedy="Mend the row.",
        )
    if off.max(initial=0.0) > 1e-12:
        if off.max() > 1e-9:
            said.append(f"{node}: rows that sum to 1 only within {off.max():.1e} were renormalised")
        rows = rows / sums[..., None]
    rows.flags.writeable = False
    return rows


def _row_name(
    node: str, parents: tuple[str, ...], known: Mapping[str, tuple[str, ...]], at: tuple[np.intp, ...]
) -> str:
    given = ", ".join(f"{p}={known[p][int(i)]}" for p, i in zip(parents, at, strict=True))
    return f"P({node} | {given})" if given else f"P({node})"
