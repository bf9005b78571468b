"""In which order are variables summed out so that the tables stay small?

Greedy elimination on a graph of bit sets (Python integers), with four costs: fill edges, clique weight, weighted
fill, and weight x fill (Kjaerulff 1990; Cano & Moral 1994), then again and again with seeded noise from some place of
the best order so far. What is kept is the order whose maximal cliques hold the fewest entries in all. The search is
bounded by counted work and never by the clock, so that one network always compiles to the same bytes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence

from ddx.errors import TooLarge

Zeros = Sequence[tuple[int, float]]  # tables with zeros: their variables (bit set), the share that is not 0
Found = tuple[float, tuple[int, ...]]  # entries, elimination order

COSTS = ("weighted fill", "fill", "weight", "weight x fill")
WORK_PER_EFFORT = 20_000  # neighbours looked at; about 0.03 s
MOST_WORK = 1_000_000  # of the first runs together
NOISE = 0.25
WORTH_ENTRIES = 100_000  # a tree of twice, four times ... as many entries is worth one, two ... times the effort more,
MOST_WORTH = 5.0  # up to so many times
COMPARABLE = 4.0  # an order whose estimate is so many times the best one's may be the best all the same
TELLING = 1.2  # zeros that make so much of a difference are searched with and without
MOST_VARIABLES = 20_000  # bit sets of more are too long


def moral_graph(cards: Sequence[int], scopes: Iterable[tuple[int, ...]]) -> list[int]:
    """Neighbours of each variable as a bit set: two variables of one factor are neighbours.

    TooLarge beyond MOST_VARIABLES.
    """
    if len(cards) > MOST_VARIABLES:
        raise TooLarge(f"{len(cards):,} variables, hidden ones counted, more than a clique tree takes")
    graph = [0] * len(cards)
    for scope in scopes:
        together = 0
        for v in scope:
            together |= 1 << v
        for v in scope:
            graph[v] |= together & ~(1 << v)
    return graph


def best_elimination(
    graph: Sequence[int], cards: Sequence[int], effort: int, most: float = math.inf, zeros: Zeros = ()
) -> tuple[float, tuple[int, ...]]:
    """The first of `good_eliminations`; (inf, ()) where there is none."""
    return next(iter(good_eliminations(graph, cards, effort, most, zeros)), (math.inf, ()))


def good_eliminations(
    graph: Sequence[int], cards: Sequence[int], effort: int, most: float = math.inf, zeros: Zeros = ()
) -> list[Found]:
    """(entries of the maximal cliques, elimination order) of each cost and of the noisy searches, the smallest first.

    Entries are those that may be possible: a table within a clique leaves the share of it that is not 0. Simplicial
    variables (whose neighbours are all neighbours of one another) go first: no order does better without. Nothing
    where every order that is tried makes more than `most` entries, or takes too long to find.
    """
    first, rest = _simplicial_first(graph)
    left = [v for v in range(len(cards)) if rest[v]]
    sizes = Sizes(cards, zeros)
    if sizes.total(cliques_of(graph, first)) > most:
        return []
    number = {v: i for i, v in enumerate(left)}
    own = [(_renumbered(mask, number), share) for mask, share in zeros if all(v in number for v in bits(mask))]
    smaller = [_renumbered(rest[v], number) for v in left]
    orders = _orders_of_rest(smaller, [cards[v] for v in left], own, effort, most)
    trees: dict[frozenset[int], Found] = {}
    for order in ((*first, *(left[v] for v in order)) for order in orders):
        cliques = cliques_of(graph, order)
        trees.setdefault(frozenset(cliques), (sizes.total(cliques), order))
    best = min(trees.values(), default=(0.0, ()))[0]
    return sorted(found for found in trees.values() if found[0] <= COMPARABLE * best)


class Sizes:
    """How many entries of a clique may be possible."""

    def __init__(self, cards: Sequence[int], zeros: Zeros = ()) -> None:
        self.cards = cards
        self.logs = [math.log(max(c, 1)) for c in cards]
        self.zeros: list[list[tuple[int, float]]] = [[] for _ in cards]  # tables by their first variable
        for mask, share in zeros:
            self.zeros[(mask & -mask).bit_length() - 1].append((mask, math.log(share)))

    def entries(self, clique: int) -> float:
        """The product of the states, less what the tables within the clique exclude were they independent."""
        members = bits(clique)
        log = sum(self.logs[v] for v in members)
        for v in members:
            for mask, share in self.zeros[v]:
                if not mask & ~clique:
                    log += share
        return math.exp(max(0.0, log))

    def total(self, cliques: Iterable[int]) -> float:
        return math.fsum(map(self.entries, cliques))


def _renumbered(mask: int, number: Mapping[int, int]) -> int:
    """A bit set with its variables numbered anew: short bit sets are quick ones."""
    return sum(1 << number[u] for u in bits(mask))


def quick_elimination(cards: Sequence[int], scopes: Iterable[tuple[int, ...]]) -> Found:
    """(entries of the maximal cliques, elimination order), the better of the two cheapest costs.

    For trees that are made for one case, where looking longer would cost more than it saves.
    """
    graph = moral_graph(cards, scopes)
    first, rest = _simplicial_first(graph)
    left = [v for v in range(len(cards)) if rest[v]]
    number = {v: i for i, v in enumerate(left)}
    smaller, sizes = [_renumbered(rest[v], number) for v in left], Sizes([cards[v] for v in left])
    tried = [_eliminate(smaller, sizes, cost, (math.inf, math.inf))[:2] for cost in ("fill", "weight")]
    order = (*first, *(left[v] for v in min(tried)[1]))
    return Sizes(cards).total(cliques_of(graph, order)), order


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


def _orders_of_rest(
    graph: Sequence[int], cards: Sequence[int], zeros: Zeros, effort: int, most: float
) -> list[tuple[int, ...]]:
    """Orders of all variables: of each cost, and of a search from the best of them; none beyond `most`.

    Where tables have zeros there is a search with and one without them, as neither always shows what is possible.
    """
    if not cards:
        return [()]
    sizes = Sizes(cards, zeros)
    left, greedy = MOST_WORK, dict[str, Found]()
    for cost in COSTS:
        size, order, spent = _eliminate(graph, sizes, cost, (most, left))
        left -= spent
        if order:
            greedy[cost] = size, order
    if not greedy or min(greedy.values())[0] <= sum(cards):
        return [order for _, order in sorted(greedy.values())]
    costs = sorted(COSTS, key=lambda cost: greedy.get(cost, (math.inf,)))
    found = [order for _, order in greedy.values()]
    least = min(greedy.values())
    starts = [(sizes, least)]
    dense = min((Sizes(cards).total(cliques_of(graph, order)), order) for _, order in greedy.values())
    if dense[0] > TELLING * least[0]:
        starts.append((Sizes(cards), dense))
    found += [_improved(graph, measure, start, costs, effort) for measure, start in starts]
    return found


def _improved(graph: Sequence[int], sizes: Sizes, best: Found, costs: Sequence[str], effort: int) -> tuple[int, ...]:
    """The best order after noisy runs: some from the start, most from a random place of the best order so far."""
    total, order = best
    left = effort * WORK_PER_EFFORT * min(MOST_WORTH, max(1.0, math.log2(total / WORTH_ENTRIES)))
    for seed in range(min(50 * effort, 16 * len(graph))):
        if left <= 0:
            break
        noise = random.Random(seed)
        kept = order[: noise.randrange(len(order))] if seed % 4 else ()
        cost = costs[(0, 0, 1, 0, 2, 0, 1, 3)[seed % 8]]
        size, found, spent = _eliminate(graph, sizes, cost, (total * (1 + 1e-9), left), kept, noise)
        left -= spent
        if found:
            total, order = min(size, total), found
    return order


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
    graph: Sequence[int],
    sizes: Sizes,
    cost: str,
    within: tuple[float, float],
    kept: Sequence[int] = (),
    noise: random.Random | None = None,
) -> tuple[float, tuple[int, ...], int]:
    """(entries of its maximal cliques, order, work) of one greedy run that begins with the order `kept`.

    (inf, (), work) as soon as there are more entries, or more work, than it is to stay within.
    """
    most, most_work = within
    live, cards = list(graph), sizes.cards
    inside: list[list[int]] = [[] for _ in cards]  # the cliques so far that hold a variable
    total, order = 0.0, list(kept)
    for v in kept:
        total += _new_clique(v, live[v], inside, sizes)
        _fill_in(live, v, live[v])
    gone = set(kept)
    left = dict.fromkeys(v for v in range(len(cards)) if v not in gone)
    score = _Scores(live, cards, sizes.logs, cost, noise)
    for v in left:
        score.update(v)
    while left and total <= most and score.work <= most_work:
        v = min(left, key=score.values.__getitem__)
        del left[v]
        around = live[v]
        order.append(v)
        total += _new_clique(v, around, inside, sizes)
        for u in bits(_fill_in(live, v, around)):
            if u in left:
                score.update(u)
    return (math.inf, (), score.work) if left or total > most else (total, tuple(order), score.work)


def _new_clique(v: int, around: int, inside: list[list[int]], sizes: Sizes) -> float:
    """Entries of the clique that eliminating v makes; 0 where an earlier one holds it."""
    entries = sizes.entries(around | 1 << v) if all(around & ~clique for clique in inside[v]) else 0.0
    for u in bits(around):
        inside[u].append(around)
    return entries


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
        self.of_card = {c: sum(1 << v for v, own in enumerate(cards) if own == c) for c in sorted(set(cards))}

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
        return float(self.cards[u] * sum(c * (missing & own).bit_count() for c, own in self.of_card.items()))
