"""What lies below given states, many lanes at once: findings drawn from the network, and how probable findings are.

With everything above the findings given, a lane is a product of local tables, looked up, and of sums over the hidden
states between. Lanes may differ in every given state; no tree is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddx.engine.elimination import Dense, sum_out
from ddx.engine.model import Model
from ddx.errors import TooLarge

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

LANES = -1  # the number of the axis of lanes, before those of all variables


class Local(NamedTuple):
    """P(variable | parents) with the axes of what is known in every lane first, then of what is hidden, ascending."""

    known: tuple[int, ...]
    hidden: tuple[int, ...]
    values: Floats


class Below:
    """The part of a network between `given` nodes and the `asked` ones.

    Whatever lies above a given node must be given too: then P(asked | given) is the product of what lies below.
    """

    def __init__(self, model: Model, given: Iterable[str], asked: Iterable[str]) -> None:
        self.model, self.asked = model, tuple(asked)
        self._index = {node: v for v, node in enumerate(model.nodes)}
        self._of_child = {scope[-1]: f for f, scope in enumerate(model.parts.scopes)}
        self._given = tuple(given)
        self._order = self._between({self._index[n] for n in self._given})

    def drawn(self, given: Mapping[str, Longs], rng: Random) -> dict[str, Longs]:
        """A state of every asked node for each lane (lanes,), drawn from P(asked | given), given node -> (lanes,)."""
        states = {self._index[n]: given[n] for n in self._given}
        lanes = len(next(iter(states.values())))
        for v in self._order:
            factor = self._of_child[v]
            below = np.cumsum(self.model.parts.table(factor), axis=-1)
            limits = (below / below[..., -1:])[..., :-1]
            parents = tuple(states[p] for p in self.model.parts.scopes[factor][:-1])
            states[v] = (uniform(rng, lanes)[:, None] >= limits[parents]).sum(axis=1)
        return {node: states[self._index[node]] for node in self.asked}

    def log_probability(self, states: Mapping[str, Longs]) -> Floats:
        """log P(asked | given) in nats (lanes,), for a state of each of them in every lane; -inf where impossible."""
        known = {self._index[n]: states[n] for n in (*self._given, *self.asked)}
        lanes = len(next(iter(known.values())))
        cards = {LANES: lanes, **dict(enumerate(self.model.parts.cards))}
        total = np.zeros(lanes)
        try:
            with np.errstate(divide="ignore"):
                for hidden, tables in self._parts(frozenset(known)):
                    found = [Dense((LANES, *t.hidden), _looked_up(t, known)) for t in tables]
                    for factor in sum_out(found, hidden, cards) if hidden else found:
                        total += np.log(factor.values)
        except TooLarge:  # the tree has an order that was searched for
            return self._by_the_model(states)
        return total

    def _by_the_model(self, states: Mapping[str, Longs]) -> Floats:
        """The same as a difference of two lanes of the whole model."""
        lanes = len(next(iter(states.values())))
        both = np.ones((self.model.layout.total, 2 * lanes))
        for node in (*self._given, *self.asked):
            span = self.model.offsets[node]
            own = np.arange(span.stop - span.start)[:, None] == states[node]
            both[span, :lanes] = own
            both[span, lanes:] = own if node in self._given else 1.0
        logs = self.model.lanes(both, marginals=False).log_evidence
        return logs[:lanes] - logs[lanes:]

    def _between(self, given: set[int]) -> list[int]:
        """The asked variables and all above them that are not given, parents first."""
        order: dict[int, None] = {}
        waiting = [self._index[n] for n in reversed(self.asked)]
        while waiting:
            v = waiting[-1]
            above = self.model.parts.scopes[self._of_child[v]][:-1]
            ahead = [p for p in above if p not in order and p not in given]
            if ahead:
                waiting += ahead
            else:
                order.setdefault(waiting.pop())
        return list(order)

    def _parts(self, known: frozenset[int]) -> list[tuple[list[int], list[Local]]]:
        """Hidden variables with the tables that speak of them, apart where nothing ties them together."""
        found: list[tuple[set[int], list[Local]]] = []
        for v in self._order:
            scope = self.model.parts.scopes[self._of_child[v]]
            front = tuple(p for p in scope if p in known)
            hidden = tuple(sorted(p for p in scope if p not in known))
            axes = [scope.index(p) for p in (*front, *hidden)]
            own = Local(front, hidden, np.transpose(self.model.parts.table(self._of_child[v]), axes))
            tied = [part for part in found if not part[0].isdisjoint(hidden)]
            merged = ({*hidden}.union(*(part[0] for part in tied)), [own, *(t for part in tied for t in part[1])])
            found = [part for part in found if part not in tied] if tied else found
            found.append(merged)
        return [(sorted(hidden), tables) for hidden, tables in found]


def uniform(rng: Random, count: int) -> Floats:
    """Numbers (count,) from 0 up to 1; `numpy.random` would take longer to import than they all to draw."""
    bits = np.frombuffer(rng.randbytes(8 * count), dtype="<u8") >> 11
    return bits.astype(np.float64) * 2.0**-53


def _looked_up(table: Local, known: Mapping[int, Longs]) -> Floats:
    """(lanes, hidden ...) the table in the known states of each lane."""
    if not table.known:
        return table.values[None]
    rows: Floats = table.values[tuple(known[v] for v in table.known)]
    return rows
