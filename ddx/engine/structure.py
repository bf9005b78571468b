"""The compiled tree as flat arrays: all that a query needs, and nothing of how it was made.

Every clique keeps only its possible entries ("zero compression": Jensen & Andersen 1990; Huang & Darwiche 2007),
sorted by [separator to the parent | rest], so that summing to the separator sums contiguous segments. What a clique
multiplies are *messages*, all in one buffer: first one number per state of every visible node (the likelihood of what
was observed), then one per possible configuration of every clique's separator to its parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Structure(NamedTuple):
    """Cliques are numbered root first, level by level; arrays named *_start have one number more than they count."""

    node_start: Longs  # (nodes + 1,) into the states of all visible nodes
    entry_start: Longs  # (cliques + 1,) into entries
    level_start: Longs  # (levels + 1,) into cliques
    parent: Ints  # (cliques,) -1 for the root
    message_start: Longs  # (cliques + 1,) into the message buffer: the separator of each clique; the root's is one sum
    segment_start: Longs  # (separator configurations + 1,) first entry of each, in the order of the message buffer
    input_count: Ints  # (cliques,) messages that a clique multiplies: nodes it hosts, then its children
    map_start: Longs  # (cliques + 1,) into maps
    maps: Ints  # per clique (entries, inputs): place in the message buffer
    node_clique: Ints  # (nodes,) host of each node
    node_input: Ints  # (nodes,) which of its inputs
    child_input: Ints  # (cliques,) which input of its parent a clique is; -1 for the root
    factor_clique: Ints  # (factors,)
    factor_start: Longs  # (factors + 1,) into tables
    factor_map_start: Longs  # (factors + 1,) into factor_maps
    factor_maps: Ints  # per factor (entries of its clique,): place in tables
    tables: Floats  # all factors, flat, in their own layout
    potentials: Floats  # (entries,) P(rest of the clique | separator), before evidence

    @property
    def states(self) -> int:
        return int(self.node_start[-1])

    @property
    def cliques(self) -> int:
        return len(self.parent)

    @property
    def entries(self) -> int:
        return int(self.entry_start[-1])

    @property
    def messages(self) -> int:
        return int(self.message_start[-1])

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Every array by name, in a fixed order."""
        return self._asdict()


class Parts(NamedTuple):
    """The factors, and which variables they speak of. The first variables are the nodes; the rest are hidden maxima."""

    cards: tuple[int, ...]
    scopes: tuple[tuple[int, ...], ...]  # of each factor: parents ..., child
    of_node: Mapping[str, tuple[int, int]]  # node -> its factors, first and one past the last
    factor_start: Longs  # (factors + 1,) into tables
    tables: Floats  # all factors, flat, each with the axes of its scope

    def table(self, factor: int) -> Floats:
        """(parents ..., child) one factor."""
        start, stop = self.factor_start[factor : factor + 2].tolist()
        values: Floats = self.tables[start:stop].reshape([self.cards[v] for v in self.scopes[factor]])
        return values

    @property
    def node_start(self) -> list[int]:
        """Where the states of each node begin on the axis of all states, and where the last ones end."""
        return [0, *accumulate(self.cards[: len(self.of_node)])]
