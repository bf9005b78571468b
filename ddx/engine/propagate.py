"""All marginals and P(evidence) by message passing on a compiled tree, with numpy alone.

Potentials are P(rest of a clique | its separator), so that a message is P(evidence below | separator): at most 1, and
exactly 1 where nothing below was observed. Such parts of the tree are not visited on the way up. The way down turns
the marginal of a separator into that of its clique by new / old, where 0 / 0 is 0 (Hugin; Jensen et al. 1990).

`Lanes` evaluates clique by clique with a trailing axis of lanes (one lane, one evidence), in memory that it keeps. What
float64 cannot hold is left to `logspace`; one query or a few lanes go level by level (`levels`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddx.engine.structure import Structure

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

GRID_FROM = 1024  # entries of a clique: below, gathering takes less time than to set up a block
RESCALED_BELOW = 1e-100  # a message whose largest number is smaller is normalised
TRUSTED_ABOVE_NATS = -550.0  # an underflow (1e-308) can only matter where log P(evidence) is below this


class Workspace:
    """Memory that is written again and again: fresh memory has to be fetched page by page, which takes as long."""

    def __init__(self) -> None:
        self._values = self._gathered = np.empty(0)

    def values(self, entries: slice, total: int, lanes: int) -> Floats:
        """(entries, lanes) those of one clique, of `total` in all."""
        if len(self._values) < total * lanes:
            self._values = np.empty(total * lanes)
        return self._values[entries.start * lanes : entries.stop * lanes].reshape(-1, lanes)

    def gathered(self, source: Floats, rows: Places) -> Floats:
        """(rows, lanes) of the source, until the next ones are gathered."""
        size = len(rows) * source.shape[1]
        if len(self._gathered) < size:
            self._gathered = np.empty(size)
        out = self._gathered[:size].reshape(len(rows), -1)
        return source.take(rows, axis=0, mode="clip", out=out)


class Switches(NamedTuple):
    """Tables that lanes switch on, one or none for each switched node: those after the wanted ones."""

    tables: tuple[Floats, ...]  # of each switched node (versions, states)
    versions: npt.NDArray[np.int64]  # (switched nodes, lanes) which of its tables, -1 for none


class Grid(NamedTuple):
    """The entries of a clique as a block, of which a message speaks along some axes: no gathering is needed then."""

    shape: tuple[int, ...]
    steps: tuple[int, ...]  # in the message, along each axis; 0 where it does not depend on it

    def spread(self, message: Floats) -> Floats:
        """A view (*shape, lanes) of a message (places, lanes)."""
        whole = np.ascontiguousarray(message)
        row, item = whole.strides
        strides = (*(step * row for step in self.steps), item)
        found: Floats = np.ndarray((*self.shape, whole.shape[1]), np.float64, whole, 0, strides)
        return found

    def summed(self, values: Floats) -> Floats:
        """(places, lanes) sums of the entries (entries, lanes) of each place."""
        lanes = values.shape[1]
        block = values.reshape(*self.shape, lanes)
        for axis, step in enumerate(self.steps):  # one after the other, the outermost first: longer rows are added
            if not step:
                block = np.add.reduce(block, axis=axis, keepdims=True)
        found = block.reshape(*(n for n, step in zip(self.shape, self.steps, strict=True) if step), lanes)
        kept = [step for step in self.steps if step]
        order = sorted(range(len(kept)), key=lambda k: -kept[k])
        ordered: Floats = found.transpose(*order, len(kept)).reshape(-1, lanes)
        return ordered


class _Input(NamedTuple):
    """One message that a clique multiplies: the likelihood of a node, or what a child sends."""

    owner: int  # the node, or -1 - the child
    place: Places  # (entries,) in the message
    grid: Grid | None


class _Output(NamedTuple):
    """One message that a clique sums up on the way down."""

    owner: int
    grid: Grid | None
    grouped: Places | None  # entries sorted by place; None where they already are
    firsts: Places  # first of each group
    each: int  # entries in every group, 0 where they differ
    target: slice | Places  # the places, in order

    def summed(self, values: Floats, space: Workspace) -> Floats:
        """The sums of the entries (entries, lanes) of each place, in order."""
        if self.grid is not None:
            return self.grid.summed(values)
        grouped = values if self.grouped is None else space.gathered(values, self.grouped)
        return segment_sums(grouped, self.firsts, self.each)


class _Clique(NamedTuple):
    """One clique, ready for lanes."""

    entries: slice
    firsts: Places  # first entry of each separator configuration
    each: int  # entries of every separator configuration, 0 where they differ
    lengths: Places  # entries of each
    inputs: tuple[_Input, ...]
    told: tuple[_Output, ...]  # of those inputs that lead to a wanted node


class _Upward:
    """What the way up leaves: messages and values, with an axis of lanes only where the lanes part."""

    def __init__(self, nodes: int, cliques: int, space: Workspace) -> None:
        self.space = space
        self.said: list[Floats | None] = [None] * nodes  # likelihoods (states,) or (states, lanes); None for all ones
        self.message: list[Floats | None] = [None] * cliques  # of each clique to its parent, likewise
        self.values: list[Floats | None] = [None] * cliques  # (entries,) or (entries, lanes)
        self.log_scale: Floats = np.zeros(1)

    def of(self, owner: int) -> Floats | None:
        return self.said[owner] if owner >= 0 else self.message[-1 - owner]


class Lanes:
    """Clique by clique; arrays (entries, lanes). The first `wanted` nodes are answered, the others are switched."""

    def __init__(self, structure: Structure, wanted: int | None = None) -> None:
        self.structure = structure
        self.node_start = structure.node_start.tolist()
        self.wanted = len(self.node_start) - 1 if wanted is None else wanted
        self.cliques = _cliques(structure, self.wanted)

    def run(
        self,
        likelihood: Floats,
        marginals: bool = True,
        switches: Switches | None = None,
        space: Workspace | None = None,
    ) -> tuple[Floats, Floats]:
        """Marginals (states, lanes) and log P(evidence) (lanes,) in nats; an impossible lane is zeros and -inf.

        `likelihood` is (states, lanes) of the wanted nodes, not negative. Lanes below TRUSTED_ABOVE_NATS are not yet
        to be trusted. Runs one after the other may share a `space`.
        """
        lanes = likelihood.shape[1]
        up = self._upward(likelihood, switches, space or Workspace())
        total = np.ones(1) if up.message[0] is None else up.message[0][0]
        with np.errstate(divide="ignore"):
            log_evidence = np.broadcast_to(np.log(total) + up.log_scale, lanes).copy()
        if not marginals:
            return np.empty((0, lanes)), log_evidence
        reached, _ = self._downward(up, lanes)
        return reached, log_evidence

    def beliefs(self, likelihood: Floats) -> Floats:
        """(entries, lanes) P(every entry of every clique | evidence); zeros where that is impossible."""
        _, values = self._downward(self._upward(likelihood, None, Workspace()), likelihood.shape[1])
        return np.concatenate(values)

    def _read(self, likelihood: Floats, switches: Switches | None, space: Workspace) -> _Upward:
        up = _Upward(len(self.node_start) - 1, len(self.cliques), space)
        for n in np.flatnonzero(self._observed(likelihood)).tolist():
            own = likelihood[self.node_start[n] : self.node_start[n + 1]]
            up.said[n] = own[:, 0] if (own == own[:, :1]).all() else own
        for k, (tables, versions) in enumerate(
            zip(switches.tables, switches.versions, strict=True) if switches else ()
        ):
            if (versions == versions[0]).all():
                up.said[self.wanted + k] = tables[versions[0]] if versions[0] >= 0 else None
            else:
                none = np.ones((1, tables.shape[1]))
                up.said[self.wanted + k] = np.concatenate([tables, none])[versions].T
        return up

    def _observed(self, likelihood: Floats) -> npt.NDArray[np.bool_]:
        said = (likelihood != 1.0).any(axis=1)
        return np.logical_or.reduceat(said, self.node_start[: self.wanted]) if self.wanted else said[:0]

    def _upward(self, likelihood: Floats, switches: Switches | None, space: Workspace) -> _Upward:
        up, lanes = self._read(likelihood, switches, space), likelihood.shape[1]
        potentials = self.structure.potentials
        for c in range(len(self.cliques) - 1, -1, -1):
            clique = self.cliques[c]
            parts = [(put, said) for put in clique.inputs if (said := up.of(put.owner)) is not None]
            if not parts:
                continue
            values = potentials[clique.entries].copy()
            for put, said in parts:
                if said.ndim == 1:
                    values *= said.take(put.place, mode="clip")
            own = [(put, said) for put, said in parts if said.ndim == 2]
            if own:
                shared, values = values, space.values(clique.entries, len(potentials), lanes)
                _copied(values, shared, *own[0])
                for put, said in own[1:]:
                    _multiplied(values, put, said, space)
            sums = segment_sums(values, clique.firsts, clique.each)
            peak = sums.max(axis=0)
            if np.min(peak) < RESCALED_BELOW:
                peak = np.where(peak == 0.0, 1.0, peak)
                sums /= peak
                values /= peak
                up.log_scale = up.log_scale + np.log(peak)
            up.message[c], up.values[c] = sums, values
        return up

    def _downward(self, up: _Upward, lanes: int) -> tuple[Floats, list[Floats]]:
        """Marginals (states, lanes), and for every clique that leads to a wanted node (entries, lanes)."""
        potentials, space = self.structure.potentials, up.space
        found = np.zeros((self.node_start[self.wanted], lanes))
        reached: dict[int, Floats] = {0: np.ones((1, lanes))}
        if up.message[0] is not None:
            reached[0] = np.broadcast_to((up.message[0] > 0.0).astype(np.float64).reshape(1, -1), (1, lanes))
        visited = []
        for c, clique in enumerate(self.cliques):
            if c not in reached:
                continue
            ratio, old, mine = reached.pop(c), up.message[c], up.values[c]
            if old is not None:
                old = old.reshape(len(ratio), -1)
                ratio = np.divide(ratio, old, out=np.zeros_like(ratio), where=old > 0.0)
            values = space.values(clique.entries, len(potentials), lanes)
            _spread(potentials[clique.entries] if mine is None else mine, ratio, clique, values)
            visited.append(values)
            for put in clique.told:
                sums = put.summed(values, space)
                if put.owner >= 0:
                    found[self.node_start[put.owner] : self.node_start[put.owner + 1]][put.target] = sums
                else:
                    reached[-1 - put.owner] = sums
        return found, visited


def _copied(values: Floats, shared: Floats, put: _Input, said: Floats) -> None:
    """Write (entries, lanes): what all lanes share (entries,) times a message (places, lanes)."""
    if put.grid is None:
        said.take(put.place, axis=0, mode="clip", out=values)
        values *= shared[:, None]
    else:
        message = put.grid.spread(said)
        np.multiply(shared.reshape(*put.grid.shape, 1), message, out=values.reshape(message.shape))


def _multiplied(values: Floats, put: _Input, said: Floats, space: Workspace) -> None:
    """Multiply (entries, lanes) by a message (places, lanes)."""
    if put.grid is None:
        values *= space.gathered(said, put.place)
    else:
        message = put.grid.spread(said)
        block = values.reshape(message.shape)
        block *= message


def _spread(values: Floats, ratio: Floats, clique: _Clique, out: Floats) -> None:
    """Write (entries, lanes): (entries,) or (entries, lanes), each times the ratio of its separator configuration."""
    if values.ndim == 1:
        values = values[:, None]
    if clique.each:
        shape = len(ratio), clique.each
        np.multiply(values.reshape(*shape, -1), ratio[:, None, :], out=out.reshape(*shape, -1))
    else:
        np.multiply(values, np.repeat(ratio, clique.lengths, axis=0), out=out)


def segment_sums(values: Floats, firsts: Places, each: int) -> Floats:
    """Sums of consecutive rows: (segments, ...) of (entries, ...)."""
    if each == 1:
        alone: Floats = values.copy()
        return alone
    if each:
        summed: Floats = np.add.reduce(values.reshape(len(firsts), each, *values.shape[1:]), axis=1)
        return summed
    return np.add.reduceat(values, firsts, axis=0)


def _cliques(structure: Structure, wanted: int) -> list[_Clique]:
    """All cliques; children before parents, since a parent must know which of them lead to a wanted node."""
    owners = _owners(structure)
    cliques: list[_Clique | None] = [None] * structure.cliques
    leads = [False] * structure.cliques
    for c in range(structure.cliques - 1, -1, -1):
        first, last = structure.entry_start[c : c + 2].tolist()
        start, stop = structure.message_start[c : c + 2].tolist()
        offset = start - structure.states
        begins = (structure.segment_start[offset : offset + stop - start] - first).astype(np.intp)
        lengths = np.diff(begins, append=last - first)
        block = structure.maps[structure.map_start[c] : structure.map_start[c + 1]].reshape(last - first, -1)
        inputs = tuple(
            _Input(owner, place := (block[:, k] - begin).astype(np.intp), grid_of(place, count))
            for k, (owner, begin, count) in enumerate(owners[c])
        )
        told = tuple(
            _output(put) for put in inputs if (put.owner < wanted if put.owner >= 0 else leads[-1 - put.owner])
        )
        leads[c] = bool(told) or wanted == len(structure.node_start) - 1
        cliques[c] = _Clique(slice(first, last), begins, _uniform(lengths), lengths, inputs, told)
    return [clique for clique in cliques if clique is not None]


def _owners(structure: Structure) -> list[list[tuple[int, int, int]]]:
    """For each clique the owner of each of its inputs, where its message begins in the buffer and its places."""
    owners: list[list[tuple[int, int, int]]] = [[(0, 0, 0)] * count for count in structure.input_count.tolist()]
    starts = structure.node_start.tolist()
    for n, (c, k) in enumerate(zip(structure.node_clique.tolist(), structure.node_input.tolist(), strict=True)):
        owners[c][k] = n, starts[n], starts[n + 1] - starts[n]
    starts = structure.message_start.tolist()
    for c in range(1, structure.cliques):
        owners[structure.parent[c]][structure.child_input[c]] = -1 - c, starts[c], starts[c + 1] - starts[c]
    return owners


def grid_of(place: Places, places: int) -> Grid | None:
    """The grid of which these are the places, in order, every one of so many; None where it would have more entries."""
    shape, steps, left = [], [], place if len(place) >= GRID_FROM else place[:0]
    if not len(left):
        return None
    while len(left) > 1:
        step = int(left[1]) - int(left[0])
        uneven = np.flatnonzero(np.diff(left) != step)
        length = int(uneven[0]) + 1 if len(uneven) else len(left)
        if len(left) % length or (np.diff(left.reshape(-1, length), axis=1) != step).any():
            return None
        shape.append(length)
        steps.append(step)
        left = left[::length]
    at = int(left[0]) + 1  # the axes along which the place changes must count through all places, each once
    for step, length in sorted(pair for pair in zip(steps, shape, strict=True) if pair[0]):
        if step != at:
            return None
        at *= length
    return Grid(tuple(shape[::-1]), tuple(steps[::-1])) if at == places else None


def _output(put: _Input) -> _Output:
    if put.grid is not None:
        return _Output(put.owner, put.grid, None, put.place[:0], 0, slice(None))
    place = put.place
    grouped = None if (np.diff(place) >= 0).all() else np.argsort(place, kind="stable")
    ordered = place if grouped is None else place[grouped]
    firsts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    target = ordered[firsts]
    whole = slice(int(target[0]), int(target[-1]) + 1) if target[-1] - target[0] + 1 == len(target) else target
    return _Output(put.owner, None, grouped, firsts, _uniform(np.diff(firsts, append=len(place))), whole)


def _uniform(lengths: Places) -> int:
    return int(lengths[0]) if (lengths == lengths[0]).all() else 0


def products(structure: Structure, tables: Floats) -> Floats:
    """(entries,) every clique's product of its factors."""
    found = np.ones(structure.entries)
    for f, clique in enumerate(structure.factor_clique.tolist()):
        place = structure.factor_maps[structure.factor_map_start[f] : structure.factor_map_start[f + 1]]
        found[structure.entry_start[clique] : structure.entry_start[clique + 1]] *= tables[place]
    return found


def conditionals(structure: Structure, product: Floats) -> tuple[Floats, float]:
    """(entries,) P(rest of the clique | separator) from the products of factors, and the log of their whole sum."""
    found, log_total = product.copy(), 0.0
    message = np.ones(structure.messages)
    for c in range(structure.cliques - 1, -1, -1):
        first, last = structure.entry_start[c : c + 2].tolist()
        start, stop = structure.message_start[c : c + 2].tolist()
        begins = structure.segment_start[start - structure.states : stop - structure.states] - first
        values = found[first:last]
        block = structure.maps[structure.map_start[c] : structure.map_start[c + 1]].reshape(last - first, -1)
        for k in range(structure.input_count[c]):
            if block[0, k] >= structure.states:
                values *= message[block[:, k]]
        sums = np.add.reduceat(values, begins)
        values /= np.repeat(np.where(sums > 0.0, sums, 1.0), np.diff(begins, append=last - first))
        peak = float(sums.max())
        message[start:stop] = sums / (peak or 1.0)
        log_total += math.log(peak) if peak > 0.0 else -math.inf
    return found, log_total
