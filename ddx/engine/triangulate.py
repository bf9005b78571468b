"""In which order are variables summed out so that the tables stay small?

Greedy elimination on a graph of bit sets (Python integers), with four costs: fill edges, clique weight, weighted
fill, and weight x fill (Kjaerulff 1990; Cano & Moral 1994), each also with seeded noise. What is kept is the order
whose maximal cliques hold the fewest entries in all. The number of restarts is bounded by counted work and never
by the clock, so that one network always compiles to the same bytes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence

COSTS = ("weighted fill", "fill", "weight", "weight x fill")
WORK_PER_EFFORT = 20_000  # neighbours looked at; about 0.05 s
NOISE = 0.25


def moral_graph(cards: Sequence[int], scopes: Iterable[tuple[int, ...]]) -> list[int]:
    """Neighbours of each variable as a bit set: two variables of one factor are neighbours."""
    graph = [0] * len(cards)
    for scope in scopes:
        together = 0
        for v in scope:
            together |= 1 << v
        for v in scope:
            graph[v] |= together & ~(1 << v)
    return graph


def best_elimination(graph: Sequence[int], cards: Sequence[int], effort: int) -> tuple[float, tuple[int, ...]]:
    """(total entries of the maximal cliques, elimination order), the best of all costs and noisy restarts.

    Simplicial variables (whose neighbours are all neighbours of one another) go first: no order does better without.
    """
    first, rest = _simplicial_first(graph)
    best = _best_of_rest(rest, cards, effort, len(first))
    order = (*first, *best)
    entries = sum(math.exp(sum(math.log(max(cards[v], 1)) for v in bits(c))) for c in cliques_of(graph, order))
    return entries, order


def quick_elimination(cards: Sequence[int], scopes: Iterable[tuple[int, ...]]) -> tuple[float, tuple[int, ...]]:
    """(total entries of the maximal cliques, elimination order), the better of the two cheapest costs.

    For trees that are made for one case, where looking longer would cost more than it saves.
    """
    graph = moral_graph(cards, scopes)
    first, rest = _simplicial_first(graph)
    best: tuple[float, tuple[int, ...]] = (math.inf, ())
    for cost in ("fill", "weight"):
        size, order, _ = _eliminate(rest, cards, cost, None)
        best = min(best, (size, order), key=lambda found: found[0])
    order = (*first, *best[1])
    return sum(math.prod(float(cards[v]) for v in bits(c)) for c in cliques_of(graph, order)), order


def _simplicial_first(graph: Sequence[int]) -> tuple[list[int], list[int]]:
    """Simplicial variables in the order in which they become so, and the graph that is left (eliminated: 0)."""
    live, order = list(graph), []
    waiting = dict.fromkeys(range(len(live)))
    while waiting:
        v = next(iter(waiting))
        del waiting[v]
        around = live[v]
        members = bits(around)
        if any(around & ~live[u] & ~(1 << u) for u in members):
            continue
        order.append(v)
        for u in members:
            live[u] &= ~(1 << v)
            waiting[u] = None
        live[v] = 0
    return order, live


def _best_of_rest(graph: Sequence[int], cards: Sequence[int], effort: int, gone: int) -> tuple[int, ...]:
    """The best order of the variables that have neighbours left."""
    if gone == len(cards):
        return ()
    best: tuple[float, tuple[int, ...]] = (math.inf, ())
    work, costs = 0, list(COSTS)
    results: dict[str, float] = {}
    for cost in COSTS:
        size, order, spent = _eliminate(graph, cards, cost, None)
        results[cost] = size
        work += spent
        best = min(best, (size, order), key=lambda found: found[0])
    costs.sort(key=lambda cost: results[cost])
    limit = work + effort * WORK_PER_EFFORT
    restarts = min(10 * effort, 4 * len(cards)) if best[0] > sum(cards) else 0
    for seed in range(restarts):
        if work > limit:
            break
        noise = random.Random(seed)
        size, order, spent = _eliminate(graph, cards, costs[(0, 0, 1, 0, 2, 0, 1, 3)[seed % 8]], noise, best[0])
        work += spent
        if size < best[0]:
            best = size, order
    return best[1]


def cliques_of(graph: Sequence[int], order: Sequence[int]) -> list[int]:
    """The maximal cliques (bit sets) that eliminating in this order makes."""
    live = list(graph)
    found: list[int] = []
    for v in order:
        _eliminate_one(live, v)
        found.append(live[v] | 1 << v)
    return _maximal(found)


def _maximal(found: Sequence[int]) -> list[int]:
    distinct = sorted(set(found), key=lambda c: (-c.bit_count(), c))
    holders: dict[int, list[int]] = {}
    maximal: list[int] = []
    for clique in distinct:
        first = (clique & -clique).bit_length()
        if any(clique & ~other == 0 for other in holders.get(first, ())):
            continue
        maximal.append(clique)
        for v in bits(clique):
            holders.setdefault(v + 1, []).append(clique)
    return maximal


def bits(mask: int) -> list[int]:
    """The members of a bit set, smallest first."""
    members = []
    while mask:
        low = mask & -mask
        members.append(low.bit_length() - 1)
        mask ^= low
    return members


def _eliminate_one(live: list[int], v: int) -> None:
    around = live[v]
    for u in bits(around):
        live[u] = (live[u] | around) & ~(1 << u | 1 << v)


def _eliminate(
    graph: Sequence[int], cards: Sequence[int], cost: str, noise: random.Random | None, bound: float = math.inf
) -> tuple[float, tuple[int, ...], int]:
    """One greedy run: (entries of its maximal cliques, order, cost evaluations); stops early beyond `bound`."""
    live, logs = list(graph), [math.log(max(c, 1)) for c in cards]
    score = _Scores(live, cards, logs, cost, noise)
    left = dict.fromkeys(v for v, around in enumerate(graph) if around)
    order: list[int] = []
    inside: list[list[int]] = [[] for _ in cards]  # the cliques so far that hold a variable
    total = 0.0
    while left:
        v = min(left, key=score.values.__getitem__)
        del left[v]
        around = live[v]
        order.append(v)
        if all(around & ~clique for clique in inside[v]):
            total += math.exp(logs[v] + sum(logs[u] for u in bits(around)))
            if total > bound * (1 + 1e-9):
                return math.inf, (), score.work
        touched = _fill_in(live, v, around)
        for u in bits(around):
            inside[u].append(around)
        for u in bits(touched):
            if u in left:
                score.update(u)
    return total, tuple(order), score.work


def _fill_in(live: list[int], v: int, around: int) -> int:
    """Join the neighbours of v and take v out; the bit set of variables whose cost may have changed."""
    touched = around
    gone = ~(1 << v)
    members = bits(around)
    for u in members:
        missing = around & ~live[u] & ~(1 << u)
        live[u] &= gone
        if missing:
            for w in bits(missing):
                if w > u:
                    touched |= live[u] & live[w]
    for u in members:
        live[u] = (live[u] | around) & ~(1 << u) & gone
    return touched & gone


class _Scores:
    """The cost of eliminating each variable now."""

    def __init__(
        self, live: list[int], cards: Sequence[int], logs: Sequence[float], cost: str, noise: random.Random | None
    ) -> None:
        self.live, self.cards, self.logs, self.cost, self.noise = live, cards, logs, cost, noise
        self.work = 0
        self.values = [0.0] * len(cards)
        for v in range(len(cards)):
            self.update(v)

    def update(self, v: int) -> None:
        value = self._cost(v)
        if self.noise is not None:
            value = (value + 0.1) * (1.0 + NOISE * self.noise.random())
        self.values[v] = value

    def _cost(self, v: int) -> float:
        around = self.live[v]
        members = bits(around)
        self.work += 1 + len(members)
        if self.cost == "weight":
            return self.logs[v] + sum(self.logs[u] for u in members)
        fill = 0.0
        for u in members:
            missing = around & ~self.live[u] & ~(1 << u)
            if missing:
                fill += self._missing(u, missing)
        fill /= 2
        if self.cost == "weight x fill":
            return fill * math.exp(min(700.0, self.logs[v] + sum(self.logs[u] for u in members)))
        return fill

    def _missing(self, u: int, missing: int) -> float:
        if self.cost == "fill":
            return float(missing.bit_count())
        return float(self.cards[u] * sum(self.cards[w] for w in bits(missing)))
