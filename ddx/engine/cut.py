"""What is left of a family once something was observed? Small tables, for many sets of numbers at once.

A table keeps the cells that the observed states pick. Of a noisy-MAX whose terms have P(contribution <= s | parents):

    nothing of it seen (s = 0)   product over terms of P(contribution <= 0): each term is a table of its own
    state s seen                 product of P(<= s) - product of P(<= s - 1), over the parents that are left
    not seen                     the same for every state

The last two are written out over all parents that are left, or, where that is too large, as a chain of running maxima,
of which only `below s` and `s` matter (positive, nothing subtracted but between neighbouring states).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ddx.engine.evidence_tree import EvidenceTree, Floats, Room, Scope
from ddx.errors import TooLarge
from ddx.knowledge.bayesnet import LocalModel, NoisyMax, Table

Lanewise = Callable[[slice], Floats]  # a table (states ..., lanes), for some of the lanes

ALL_LANES = slice(None)


class Seen(NamedTuple):
    """Which variables have one state left, by its number, and the likelihood (states,) of the others with one."""

    states: Mapping[str, int]
    soft: Mapping[str, Floats]


class Form(NamedTuple):
    """How noisy families are written: out over their parents up to so many cells of one lane, `split` where they can.

    A split family is several tables, whose numbers do not enter P(e) linearly together.
    """

    largest: int
    split: bool


class How(NamedTuple):
    """How a network is cut: the forms tried, whether the tables of the families have derivatives too, rescaling."""

    forms: Sequence[Form]
    families: bool = False
    rescaled: bool = False


def seen_in(spans: Mapping[str, slice], likelihood: Floats) -> Seen:
    """What a likelihood (states,) of all variables says; `spans` tells where the states of each stand."""
    lanes = {node: likelihood[span] for node, span in spans.items()}
    states = {node: int(np.argmax(lane)) for node, lane in lanes.items() if np.count_nonzero(lane) == 1}
    return Seen(states, {n: lane for n, lane in lanes.items() if n not in states and (lane != 1.0).any()})


class Piece(NamedTuple):
    """One table of a cut family: its variables, and how it is made once the order of its axes is known."""

    scope: Scope
    made: Callable[[EvidenceTree], Lanewise]


def pieces_of(node: str, model: LocalModel, seen: Mapping[str, int], forms: Sequence[Form]) -> list[CutFamily]:
    """A family as the evidence leaves it, in each of these forms."""
    if isinstance(model, Table):
        scope = (*model.parents, node)
        left, values = _without_seen(scope, model.values, seen)
        return [CutFamily((_fixed(left, values),), {})] * len(forms)
    noisy = _Noisy.of(node, model, seen)
    return [noisy.cut(form) for form in forms]


class CutFamily(NamedTuple):
    """The tables that evidence leaves of a family, and the hidden variables (with their states) that they speak of."""

    pieces: tuple[Piece, ...]
    hidden: Mapping[Hashable, int]


class _Noisy(NamedTuple):
    """The terms of a noisy-MAX as P(contribution <= level | parents left), for the levels that matter."""

    node: str
    seen: bool
    top: int  # the highest state, in which P(contribution <= it) is 1
    levels: tuple[int, ...]  # states of the child; where it was seen in s > 0, s - 1 and s
    terms: tuple[tuple[Scope, tuple[Floats, ...]], ...]  # scope, for every level (states left ..., lanes)
    cards: Mapping[Hashable, int]  # of the parents left

    @classmethod
    def of(cls, node: str, model: NoisyMax, seen: Mapping[str, int]) -> _Noisy:
        top = model.terms[0].values.shape[-2] - 1
        state = seen.get(node)
        levels = tuple(range(top + 1)) if state is None else (0,) if state == 0 else (state - 1, state)
        cards: dict[Hashable, int] = {}
        terms = []
        for term in model.terms:
            scope, values = _without_seen(term.parents, term.values, seen)
            cards.update(zip(scope, values.shape, strict=False))
            terms.append((scope, tuple(_at_most(values, level) for level in levels)))
        return cls(node, state is not None, top, levels, tuple(terms), cards)

    def cut(self, form: Form) -> CutFamily:
        cells = math.prod(self.cards.values()) * (1 if self.seen else self.top + 1)
        linked = [term for term in self.terms if term[0]]
        if self.levels == (0,) and (form.split or cells > form.largest):
            return CutFamily(tuple(_fixed(scope, below[0]) for scope, below in self.terms), {})
        if cells > form.largest and len(linked) > 1:
            hidden: dict[Hashable, int] = {(self.node, i): len(self.levels) for i in range(len(linked) - 1)}
            return CutFamily(tuple(self._link(i, linked) for i in range(len(linked))), hidden)
        scope = (*self.cards, *(() if self.seen else (self.node,)))
        return CutFamily((Piece(scope, self._written_out),), {})

    @property
    def leaks(self) -> tuple[Floats, ...]:
        """For every level (lanes,): the terms without parents left."""
        free = [below for scope, below in self.terms if not scope]
        return tuple(math.prod((below[i] for below in free), start=np.ones(1)) for i in range(len(self.levels)))

    def _written_out(self, tree: EvidenceTree) -> Lanewise:
        """One table over all parents left (and the child, where it was not seen)."""
        scope = tree.sorted(self.cards)
        linked = sorted((t for t in self.terms if t[0]), key=lambda t: -min(tree.position[v] for v in t[0]))
        below = [self._product(tree, scope, (linked, level)) for level in range(len(self.levels))]
        if self.levels == (0,):
            return below[0]
        if self.seen:
            return lambda lanes: np.maximum(below[1](lanes) - below[0](lanes), 0.0)
        axis = tree.sorted((*scope, self.node)).index(self.node)
        full = tuple(self.cards[v] for v in scope)

        def every_state(lanes: slice) -> Floats:
            products = [made(lanes) for made in below]
            lowest = np.broadcast_to(products[0], (*full, products[0].shape[-1]))
            above = [np.maximum(high - low, 0.0) for low, high in pairwise(products)]
            return np.stack(np.broadcast_arrays(lowest, *above), axis=axis)

        return every_state

    def _product(
        self, tree: EvidenceTree, scope: Scope, of: tuple[Sequence[tuple[Scope, tuple[Floats, ...]]], int]
    ) -> Lanewise:
        """P(child <= level | parents left): the product of the terms, those with the last axes first."""
        linked, level = of
        if self.levels[level] == self.top:
            return lambda _: np.ones([1] * (len(scope) + 1))
        leak = self.leaks[level]
        factors = [_spread(tree, own, scope, below[level]) for own, below in linked]
        return lambda lanes: math.prod((_some(f, lanes) for f in factors), start=_some(leak, lanes))

    def _link(self, i: int, linked: Sequence[tuple[Scope, tuple[Floats, ...]]]) -> Piece:
        """P(maximum so far | parents of a term, maximum before it), for the levels that matter."""
        own, below = linked[i]
        count, last = len(self.levels), i == len(linked) - 1
        before = ((self.node, i - 1),) if i > 0 else ()
        after = ((self.node, i),) if not last else () if self.seen else (self.node,)
        if i == 0:
            below = tuple(b * leak for b, leak in zip(below, self.leaks, strict=True))
        exactly = [below[0], *(np.maximum(high - low, 0.0) for low, high in pairwise(below))]
        rows = [[below[m] if i > 0 and k == m else exactly[m] * (k <= m) for m in range(count)] for k in range(count)]
        rows = rows if i > 0 else rows[:1]
        lanes = max(b.shape[-1] for b in below)
        shape = (*below[0].shape[:-1], lanes)
        table = np.stack([np.stack([np.broadcast_to(v, shape) for v in row], -2) for row in rows], -3)
        table = table if i > 0 else table[..., 0, :, :]
        return _fixed((*own, *before, *after), table[..., -1, :] if last and self.seen else table)


class CutNetwork:
    """The families that bear on the evidence and on the variables kept, cut, and a tree over their tables.

    `models` have the states left (made with the `Names` of the same `seen`); the form that takes least work is used.
    Derivatives are wanted of the `kept` variables and, with `families`, of the tables of the families.
    """

    def __init__(
        self, models: Mapping[str, LocalModel], cards: Mapping[str, int], seen: Seen, kept: Sequence[str], how: How
    ) -> None:
        self.seen, self.cards = seen, cards
        self.kept = tuple(dict.fromkeys([*(k for k in kept if k not in seen.states), *seen.soft]))
        cut = {node: pieces_of(node, model, seen.states, how.forms) for node, model in models.items()}
        self.tree, self.families, self.form = self._least_work(cut, how)
        self._made = [piece.made(self.tree) for family in self.families.values() for piece in family.pieces]
        counts = np.cumsum([0, *(len(family.pieces) for family in self.families.values())]).tolist()
        self.places = {n: range(a, b) for n, a, b in zip(self.families, counts, counts[1:], strict=False)}
        self.place_of_kept = {v: counts[-1] + i for i, v in enumerate(self.kept)}

    def tables(self, lanes: slice = ALL_LANES) -> list[Floats]:
        """The tables of the families, then the likelihood of every variable kept."""
        return [*(made(lanes) for made in self._made), *(self.likelihood(v) for v in self.kept)]

    def tables_of(self, node: str, model: LocalModel, seen: Mapping[str, int] | None = None) -> list[Floats]:
        """The tables of one family with other numbers, or with its own variable `seen` otherwise."""
        (family,) = pieces_of(node, model, self.seen.states if seen is None else seen, [self.form])
        return [piece.made(self.tree)(ALL_LANES) for piece in family.pieces]

    def likelihood(self, variable: str) -> Floats:
        """(states, 1) of a variable kept."""
        soft = self.seen.soft.get(variable)
        return np.ones((self.cards[variable], 1)) if soft is None else soft[:, None]

    def posteriors(self, lanes: int) -> dict[str, Floats]:
        """P(every state of each variable kept | evidence), (states, lanes); zeros in a lane where it is impossible."""
        width, room = self.tree.width, Room()
        parts = [self._posteriors(slice(k, min(k + width, lanes)), room) for k in range(0, lanes, width)]
        return {v: np.concatenate([part[v] for part in parts], axis=1) for v in self.kept}

    def _posteriors(self, lanes: slice, room: Room) -> dict[str, Floats]:
        tables = self.tables(lanes)
        found = self.tree.derivatives(tables, room)
        total = np.where(found.total > 0, found.total, 1.0)
        shape = lanes.stop - lanes.start
        return {
            v: np.broadcast_to(tables[k] * found.by_table[k] / total, (self.cards[v], shape))
            for v, k in self.place_of_kept.items()
        }

    def _least_work(
        self, cut: Mapping[str, Sequence[CutFamily]], how: How
    ) -> tuple[EvidenceTree, dict[str, CutFamily], Form]:
        """The form whose tree takes least work; TooLarge where none fits."""
        found: list[tuple[EvidenceTree, dict[str, CutFamily], Form]] = []
        refused: list[TooLarge] = []
        for i, form in enumerate(how.forms):
            families = {node: forms[i] for node, forms in cut.items()}
            try:
                found.append((self._tree(families, how), families, form))
            except TooLarge as fault:
                refused.append(fault)
        if not found:
            raise refused[-1]
        return min(found, key=lambda choice: choice[0].work)

    def _tree(self, families: Mapping[str, CutFamily], how: How) -> EvidenceTree:
        sizes: dict[Hashable, int] = {}
        sizes.update(self.cards)
        for family in families.values():
            sizes.update(family.hidden)
        scopes: list[Scope] = [piece.scope for family in families.values() for piece in family.pieces]
        first = 0 if how.families else len(scopes)
        scopes += [(v,) for v in self.kept]
        return EvidenceTree(scopes, sizes, range(first, len(scopes)), rescaled=how.rescaled)


def _without_seen(scope: Sequence[str], values: Floats, seen: Mapping[str, int]) -> tuple[Scope, Floats]:
    """A table with the states seen picked, of axes that have all states or that state alone."""
    picked = tuple(
        slice(None) if v not in seen else 0 if n == 1 else seen[v] for v, n in zip(scope, values.shape, strict=False)
    )
    return tuple(v for v in scope if v not in seen), values[picked]


def _at_most(values: Floats, level: int) -> Floats:
    """P(contribution <= level), (states left ..., lanes), of a term (states left ..., states of the child, lanes)."""
    if level == values.shape[-2] - 1:
        return np.ones((*values.shape[:-2], 1))
    summed: Floats = values[..., : level + 1, :].sum(axis=-2)
    return summed


def _fixed(scope: Scope, values: Floats) -> Piece:
    """A table that is there for all lanes."""

    def made(tree: EvidenceTree) -> Lanewise:
        ordered = _spread(tree, scope, tree.sorted(scope), values)
        return lambda lanes: _some(ordered, lanes)

    return Piece(scope, made)


def _some(values: Floats, lanes: slice) -> Floats:
    """Some lanes, where they differ."""
    return values if values.shape[-1] == 1 else values[..., lanes]


def _spread(tree: EvidenceTree, own: Scope, scope: Scope, values: Floats) -> Floats:
    """The axes in the order of a scope of the tree, of length 1 for what the values do not speak of."""
    order = sorted(range(len(own)), key=lambda i: tree.position[own[i]])
    held = {own[i]: values.shape[i] for i in order}
    turned = np.ascontiguousarray(np.transpose(values, (*order, len(own))))
    return turned.reshape([*(held.get(v, 1) for v in scope), values.shape[-1]])
