"""One query, or a few lanes, level by level: a tenth of the calls that going clique by clique takes.

The same passes as in `propagate`, with all cliques of a level at once. Nothing is rescaled on the way: what float64
cannot hold is left to `logspace`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddx.engine.structure import Ints, Structure

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


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
    """One query or a few lanes, level by level."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.levels = [_level(structure, k) for k in range(len(structure.level_start) - 1)]

    def run(self, potentials: Floats, likelihood: Floats) -> tuple[Floats, Floats]:
        """Marginals and log P(evidence) in nats, of (states,) or (states, lanes); as those of `Lanes.run`."""
        structure, lanes = self.structure, likelihood.shape[1:]
        message = np.empty((structure.messages, *lanes))
        message[: structure.states] = likelihood
        work = np.repeat(potentials[:, None], lanes[0], axis=1) if lanes else potentials.copy()
        for level in reversed(self.levels):
            for entries, places in level.inputs:
                work[entries] *= message.take(places, axis=0, mode="clip")
            message[level.separator] = np.add.reduceat(work[level.entries], level.firsts, axis=0)
        root = self.levels[0].separator
        total = message[root][0]
        reached = np.zeros_like(message)
        reached[root] = total > 0.0
        with np.errstate(all="ignore"):  # what overflows here is far below what is trusted
            for level in self.levels:
                old = message[level.separator]
                ratio = reached[level.separator] / np.where(old > 0.0, old, 1.0)
                values = work[level.entries] * ratio.take(level.segment, axis=0, mode="clip")
                if len(level.groups):
                    sums = np.add.reduceat(values.take(level.spread, axis=0, mode="clip"), level.groups, axis=0)
                    reached[level.targets] = sums
            return reached[: structure.states], np.log(total)


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
