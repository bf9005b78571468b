"""All marginals and P(evidence) by message passing on a compiled tree, with numpy alone.

Potentials are P(rest of a clique | its separator), so that a message is P(evidence below | separator): at most 1, and
exactly 1 where nothing below was observed. Such parts of the tree are not visited on the way up. The way down turns
the marginal of a separator into that of its clique by new / old, where 0 / 0 is 0 (Hugin; Jensen et al. 1990).

`Lanes` evaluates clique by clique with a trailing axis of lanes (one lane, one evidence); `Levels` evaluates one
query level by level, which takes a tenth of the calls. Both leave what float64 cannot hold to `logspace`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.structure import Structure

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

RESCALED_BELOW = 1e-100  # a message whose largest number is smaller is normalised
TRUSTED_ABOVE_NATS = -550.0  # an underflow (1e-308) can only matter where log P(evidence) is below this


@dataclass(frozen=True, slots=True)
class _Input:
    """One message that a clique multiplies."""

    place: Places  # (entries,) in the message buffer
    grouped: Places | None  # entries sorted by place; None where they already are
    firsts: Places  # first of each group
    each: int  # entries in every group, 0 where they differ
    target: slice | Places  # the places, in order


@dataclass(frozen=True, slots=True)
class _Clique:
    """One clique, ready for lanes."""

    entries: slice
    separator: slice  # of the message buffer
    firsts: Places  # first entry of each separator configuration
    each: int  # entries of every separator configuration, 0 where they differ
    lengths: Places  # entries of each
    inputs: tuple[_Input, ...]
    children: tuple[int, ...]


class Lanes:
    """Clique by clique; arrays (entries, lanes)."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.hosts = structure.node_clique.tolist()
        self.node_start = structure.node_start.tolist()
        children: list[list[int]] = [[] for _ in range(structure.cliques)]
        for c in range(1, structure.cliques):
            children[structure.parent[c]].append(c)
        self.cliques = [_clique(structure, c, tuple(children[c])) for c in range(structure.cliques)]

    def run(self, potentials: Floats, likelihood: Floats, marginals: bool = True) -> tuple[Floats, Floats]:
        """Marginals (states, lanes) and log P(evidence) (lanes,) in nats; an impossible lane is zeros and -inf.

        `likelihood` is (states, lanes), not negative. Lanes below TRUSTED_ABOVE_NATS are not yet to be trusted.
        """
        state = self._upward(potentials, likelihood)
        work, message, log_scale, busy = state
        total = message[self.cliques[0].separator][0]
        with np.errstate(divide="ignore"):
            log_evidence = np.log(total) + log_scale
        if not marginals:
            return np.empty((0, likelihood.shape[1])), log_evidence
        return self._downward(potentials, work, message, busy), log_evidence

    def beliefs(self, potentials: Floats, likelihood: Floats) -> Floats:
        """(entries, lanes) P(every entry of every clique | evidence); zeros where that is impossible."""
        work, message, _, busy = self._upward(potentials, likelihood)
        self._downward(potentials, work, message, busy)
        return work

    def _busy(self, likelihood: Floats) -> list[bool]:
        """Cliques at or below which something was observed."""
        observed = (likelihood != 1.0).any(axis=1)
        busy = [False] * len(self.cliques)
        for node, host in enumerate(self.hosts):
            if not busy[host] and observed[self.node_start[node] : self.node_start[node + 1]].any():
                busy[host] = True
        for c in range(len(self.cliques) - 1, 0, -1):
            if busy[c]:
                busy[self.structure.parent[c]] = True
        return busy

    def _upward(self, potentials: Floats, likelihood: Floats) -> tuple[Floats, Floats, Floats, list[bool]]:
        structure, lanes = self.structure, likelihood.shape[1]
        message = np.ones((structure.messages, lanes))
        message[: structure.states] = likelihood
        work = np.empty((structure.entries, lanes))
        log_scale = np.zeros(lanes)
        busy = self._busy(likelihood)
        for c in range(len(self.cliques) - 1, -1, -1):
            if not busy[c]:
                continue
            clique = self.cliques[c]
            values = work[clique.entries]
            values[...] = potentials[clique.entries, None]
            for put in clique.inputs:
                values *= message.take(put.place, axis=0, mode="clip")
            sums = segment_sums(values, clique.firsts, clique.each)
            peak = sums.max(axis=0)
            if peak.min() < RESCALED_BELOW:
                peak[peak == 0.0] = 1.0
                sums /= peak
                values /= peak
                log_scale += np.log(peak)
            message[clique.separator] = sums
        if not busy[0]:
            message[self.cliques[0].separator] = 1.0
        return work, message, log_scale, busy

    def _downward(self, potentials: Floats, work: Floats, message: Floats, busy: list[bool]) -> Floats:
        structure = self.structure
        reached = np.zeros_like(message)
        total = message[self.cliques[0].separator]
        reached[self.cliques[0].separator] = total > 0.0
        for c, clique in enumerate(self.cliques):
            new, values = reached[clique.separator], work[clique.entries]
            if busy[c]:
                old = message[clique.separator]
                ratio = np.divide(new, old, out=np.zeros_like(new), where=old > 0.0)
                if clique.each:
                    shaped = values.reshape(len(new), clique.each, -1)
                    shaped *= ratio[:, None, :]
                else:
                    values *= np.repeat(ratio, clique.lengths, axis=0)
            else:
                np.multiply(np.repeat(new, clique.lengths, axis=0), potentials[clique.entries, None], out=values)
            for put in clique.inputs:
                grouped = values if put.grouped is None else values.take(put.grouped, axis=0, mode="clip")
                reached[put.target] = segment_sums(grouped, put.firsts, put.each)
        return reached[: structure.states]


def segment_sums(values: Floats, firsts: Places, each: int) -> Floats:
    """Sums of consecutive rows: (segments, lanes) of (entries, lanes)."""
    if each == 1:
        alone: Floats = values.copy()
        return alone
    if each:
        summed: Floats = np.einsum("sel->sl", values.reshape(len(firsts), each, -1))
        return summed
    return np.add.reduceat(values, firsts, axis=0)


def _clique(structure: Structure, c: int, children: tuple[int, ...]) -> _Clique:
    first, last = structure.entry_start[c : c + 2].tolist()
    start, stop = structure.message_start[c : c + 2].tolist()
    offset = start - structure.states
    begins = (structure.segment_start[offset : offset + stop - start] - first).astype(np.intp)
    lengths = np.diff(begins, append=last - first)
    block = structure.maps[structure.map_start[c] : structure.map_start[c + 1]].reshape(last - first, -1)
    return _Clique(
        slice(first, last),
        slice(start, stop),
        begins,
        _uniform(lengths),
        lengths,
        tuple(_input(block[:, k]) for k in range(block.shape[1])) if block.size else (),
        children,
    )


def _input(column: npt.NDArray[np.int32]) -> _Input:
    place = column.astype(np.intp)
    steps = np.diff(place)
    grouped = None if (steps >= 0).all() else np.argsort(place, kind="stable")
    ordered = place if grouped is None else place[grouped]
    firsts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    target = ordered[firsts]
    whole = slice(int(target[0]), int(target[-1]) + 1) if target[-1] - target[0] + 1 == len(target) else target
    return _Input(place, grouped, firsts, _uniform(np.diff(firsts, append=len(place))), whole)


def _uniform(lengths: Places) -> int:
    return int(lengths[0]) if (lengths == lengths[0]).all() else 0


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of the tree, all of its cliques at once."""

    entries: slice
    multiplied: slice  # the entries of cliques with inputs: the first ones
    separator: slice
    firsts: Places  # first entry of each separator configuration, within the level
    segment: Places  # (entries,) separator configuration of each, within the level
    places: Places  # messages to multiply, entry after entry
    first_place: Places | None  # of each entry; None where each has exactly one
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
            if len(level.places):
                factor = message.take(level.places, mode="clip")
                if level.first_place is not None:
                    factor = np.multiply.reduceat(factor, level.first_place)
                work[level.multiplied] *= factor
            message[level.separator] = np.add.reduceat(work[level.entries], level.firsts)
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
    used = int(np.count_nonzero(counts))
    ends = np.cumsum(counts[:used])
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    groups = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(places) else order
    return _Level(
        entries=slice(first, last),
        multiplied=slice(first, first + used),
        separator=slice(start, stop),
        firsts=begins.astype(np.intp),
        segment=np.repeat(np.arange(len(begins)), lengths),
        places=places,
        first_place=None if (counts[:used] == 1).all() else (ends - counts[:used]).astype(np.intp),
        spread=np.repeat(np.arange(len(counts)), counts)[order],
        groups=groups,
        targets=ordered[groups],
    )


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
