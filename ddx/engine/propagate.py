"""All marginals and P(evidence) by message passing on a compiled tree, with numpy alone.

Potentials are P(rest of a clique | its separator), so that a message is P(evidence below | separator): at most 1, and
exactly 1 where nothing below was observed. Such parts of the tree are not visited on the way up. The way down turns
the marginal of a separator into that of its clique by new / old, where 0 / 0 is 0 (Hugin; Jensen et al. 1990).

`Lanes` evaluates clique by clique with a trailing axis of lanes (one lane, one evidence); `Levels` evaluates one
query level by level, which takes a tenth of the calls. Both leave what float64 cannot hold to `logspace`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddx.engine.structure import Ints, Structure

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

RESCALED_BELOW = 1e-100  # a message whose largest number is smaller is normalised
TRUSTED_ABOVE_NATS = -550.0  # an underflow (1e-308) can only matter where log P(evidence) is below this


class Switches(NamedTuple):
    """Tables that lanes switch on, one or none for each switched node: those after the wanted ones."""

    tables: tuple[Floats, ...]  # of each switched node (versions, states)
    versions: npt.NDArray[np.int64]  # (switched nodes, lanes) which of its tables, -1 for none


class _Input(NamedTuple):
    """One message that a clique multiplies: the likelihood of a node, or what a child sends."""

    owner: int  # the node, or -1 - the child
    place: Places  # (entries,) in the message


class _Output(NamedTuple):
    """One message that a clique sums up on the way down."""

    owner: int
    grouped: Places | None  # entries sorted by place; None where they already are
    firsts: Places  # first of each group
    each: int  # entries in every group, 0 where they differ
    target: slice | Places  # the places, in order


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

    def __init__(self, nodes: int, cliques: int) -> None:
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
        self, potentials: Floats, likelihood: Floats, marginals: bool = True, switches: Switches | None = None
    ) -> tuple[Floats, Floats]:
        """Marginals (states, lanes) and log P(evidence) (lanes,) in nats; an impossible lane is zeros and -inf.

        `likelihood` is (states, lanes) of the wanted nodes, not negative. Lanes below TRUSTED_ABOVE_NATS are not yet
        to be trusted.
        """
        lanes = likelihood.shape[1]
        up = self._upward(potentials, likelihood, switches)
        total = np.ones(1) if up.message[0] is None else up.message[0][0]
        with np.errstate(divide="ignore"):
            log_evidence = np.broadcast_to(np.log(total) + up.log_scale, lanes).copy()
        if not marginals:
            return np.empty((0, lanes)), log_evidence
        reached, _ = self._downward(potentials, up, lanes)
        return reached, log_evidence

    def beliefs(self, potentials: Floats, likelihood: Floats) -> Floats:
        """(entries, lanes) P(every entry of every clique | evidence); zeros where that is impossible."""
        lanes = likelihood.shape[1]
        _, values = self._downward(potentials, self._upward(potentials, likelihood, None), lanes)
        return np.concatenate(values)

    def _read(self, likelihood: Floats, switches: Switches | None) -> _Upward:
        up = _Upward(len(self.node_start) - 1, len(self.cliques))
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

    def _upward(self, potentials: Floats, likelihood: Floats, switches: Switches | None) -> _Upward:
        up = self._read(likelihood, switches)
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
                put, said = own[0]
                wide = said.take(put.place, axis=0, mode="clip")
                wide *= values[:, None]
                for put, said in own[1:]:
                    wide *= said.take(put.place, axis=0, mode="clip")
                values = wide
            sums = segment_sums(values, clique.firsts, clique.each)
            peak = sums.max(axis=0)
            if np.min(peak) < RESCALED_BELOW:
                peak = np.where(peak == 0.0, 1.0, peak)
                sums /= peak
                values /= peak
                up.log_scale = up.log_scale + np.log(peak)
            up.message[c], up.values[c] = sums, values
        return up

    def _downward(self, potentials: Floats, up: _Upward, lanes: int) -> tuple[Floats, list[Floats]]:
        """Marginals (states, lanes), and for every clique that leads to a wanted node (entries, lanes)."""
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
            values = _spread(potentials[clique.entries] if mine is None else mine, ratio, clique)
            visited.append(values)
            for put in clique.told:
                grouped = values if put.grouped is None else values.take(put.grouped, axis=0, mode="clip")
                sums = segment_sums(grouped, put.firsts, put.each)
                if put.owner >= 0:
                    found[self.node_start[put.owner] : self.node_start[put.owner + 1]][put.target] = sums
                else:
                    reached[-1 - put.owner] = sums
        return found, visited


def _spread(values: Floats, ratio: Floats, clique: _Clique) -> Floats:
    """(entries, lanes) of (entries,) or (entries, lanes), each times the ratio of its separator configuration."""
    if values.ndim == 1:
        values = values[:, None]
    if clique.each:
        shaped: Floats = values.reshape(len(ratio), clique.each, -1) * ratio[:, None, :]
        return shaped.reshape(len(values), -1)
    return values * np.repeat(ratio, clique.lengths, axis=0)


def segment_sums(values: Floats, firsts: Places, each: int) -> Floats:
    """Sums of consecutive rows: (segments, ...) of (entries, ...)."""
    if each == 1:
        alone: Floats = values.copy()
        return alone
    if each:
        summed: Floats = np.einsum("se...->s...", values.reshape(len(firsts), each, *values.shape[1:]))
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
            _Input(owner, (block[:, k] - begin).astype(np.intp)) for k, (owner, begin) in enumerate(owners[c])
        )
        told = tuple(
            _output(put) for put in inputs if (put.owner < wanted if put.owner >= 0 else leads[-1 - put.owner])
        )
        leads[c] = bool(told) or wanted == len(structure.node_start) - 1
        cliques[c] = _Clique(slice(first, last), begins, _uniform(lengths), lengths, inputs, told)
    return [clique for clique in cliques if clique is not None]


def _owners(structure: Structure) -> list[list[tuple[int, int]]]:
    """For each clique the owner of each of its inputs, and where that one's message begins in the buffer."""
    owners: list[list[tuple[int, int]]] = [[(0, 0)] * count for count in structure.input_count.tolist()]
    for n, (c, k) in enumerate(zip(structure.node_clique.tolist(), structure.node_input.tolist(), strict=True)):
        owners[c][k] = n, int(structure.node_start[n])
    for c in range(1, structure.cliques):
        owners[structure.parent[c]][structure.child_input[c]] = -1 - c, int(structure.message_start[c])
    return owners


def _output(put: _Input) -> _Output:
    place = put.place
    grouped = None if (np.diff(place) >= 0).all() else np.argsort(place, kind="stable")
    ordered = place if grouped is None else place[grouped]
    firsts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    target = ordered[firsts]
    whole = slice(int(target[0]), int(target[-1]) + 1) if target[-1] - target[0] + 1 == len(target) else target
    return _Output(put.owner, grouped, firsts, _uniform(np.diff(firsts, append=len(place))), whole)


def _uniform(lengths: Places) -> int:
    return int(lengths[0]) if (lengths == lengths[0]).all() else 0


class _Level(NamedTuple):
    """One level of the tree, all of its cliques at once."""

    entries: slice
    separator: slice
    firsts: Places  # first entry of each separator configuration, within the level
    segment: Places  # (entries,) separator configuration of each, within the level
    inputs: tuple[tuple[slice | Places, Places], ...]  # entries with a first input, a second, ... and its place
    spread: Places  # entries sorted by message, within the level
    groups: Places
    targets: Places


class Levels:
    """One query, level by level."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.levels = [_level(structure, k) for k in range(len(structure.level_start) - 1)]

    def run(self, potentials: Floats, likelihood: Floats) -> tuple[Floats, float]:
        """Marginals (states,) and log P(evidence) in nats; below TRUSTED_ABOVE_NATS neither is to be trusted."""
        structure = self.structure
        message = np.empty(structure.messages)
        message[: structure.states] = likelihood
        work = potentials.copy()
        for level in reversed(self.levels):
            for entries, places in level.inputs:
                work[entries] *= message.take(places, mode="clip")
            own = work[level.entries]
            message[level.separator] = np.add.reduceat(own, level.firsts) if len(level.firsts) > 1 else own.sum()
        total = float(message[self.levels[0].separator][0])
        if not total > 0.0:
            return np.zeros(structure.states), -np.inf
        reached = np.zeros(structure.messages)
        reached[self.levels[0].separator] = 1.0
        for level in self.levels:
            old = message[level.separator]
            ratio = reached[level.separator] / np.where(old > 0.0, old, 1.0)
            values = work[level.entries] * ratio.take(level.segment, mode="clip")
            if len(level.groups):
                reached[level.targets] = np.add.reduceat(values.take(level.spread, mode="clip"), level.groups)
        return reached[: structure.states], float(np.log(total))


def _level(structure: Structure, k: int) -> _Level:
    q0, q1 = structure.level_start[k : k + 2].tolist()
    first, last = int(structure.entry_start[q0]), int(structure.entry_start[q1])
    start, stop = int(structure.message_start[q0]), int(structure.message_start[q1])
    begins = structure.segment_start[start - structure.states : stop - structure.states] - first
    lengths = np.diff(begins, append=last - first)
    sizes = np.diff(structure.entry_start[q0 : q1 + 1])
    counts = np.repeat(structure.input_count[q0:q1], sizes)  # (entries,)
    places = structure.maps[structure.map_start[q0] : structure.map_start[q1]].astype(np.intp)
    starts = np.cumsum(counts) - counts  # of the places of each entry
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    groups = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(places) else order
    return _Level(
        entries=slice(first, last),
        separator=slice(start, stop),
        firsts=begins.astype(np.intp),
        segment=np.repeat(np.arange(len(begins)), lengths),
        inputs=tuple(_column(first, counts, starts, places, k) for k in range(int(counts.max(initial=0)))),
        spread=np.repeat(np.arange(len(counts)), counts)[order],
        groups=groups,
        targets=ordered[groups],
    )


def _column(first: int, counts: Ints, starts: Places, places: Places, k: int) -> tuple[slice | Places, Places]:
    """The entries of a level, numbered from `first`, that have a k-th input, and its place in the message buffer."""
    rows = np.flatnonzero(counts > k)
    together = int(rows[-1]) - int(rows[0]) + 1 == len(rows)
    entries = slice(first + int(rows[0]), first + int(rows[-1]) + 1) if together else first + rows
    return entries, places[starts[rows] + k]


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
