"""What is left of a network once some states are excluded: fewer variables, fewer states, smaller tables.

* Barren variables, neither asked for nor above anything that is, add nothing (Shachter 1986).
* A state that no row of some table allows any longer is excluded too, again and again (arc consistency: Mackworth
  1977). An absent finding thereby fixes every hidden maximum of its noisy-OR, which then couples its causes no more.
* A variable with one state left stands in no table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.elimination import relevant_factors
from ddx.engine.factors import Factor, Factors
from ddx.engine.supports import NothingPossible

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Domains = Mapping[int, Places]  # variable -> the states that it may still have; all of them where it is not named


@dataclass(frozen=True, slots=True)
class Reduced:
    """A part of a network: `factors` over its own variables, of which the first `visible` are nodes.

    P(all variables of the part) is the product of the factors times exp(log_scale).
    """

    factors: Factors
    visible: int
    variables: tuple[int, ...]  # the number that each has in the whole network
    states: tuple[Places, ...]  # of each, those that it may still have
    domains: Domains  # of every variable that cannot have all of its states, those without a table included
    log_scale: float


def reduced(found: Factors, nodes: int, domains: Domains, wanted: Iterable[int]) -> Reduced:
    """The part of a network that speaks of the wanted variables; the first `nodes` variables are its nodes.

    NothingPossible where the excluded states leave nothing.
    """
    needed = relevant_factors([f.scope for f in found.factors], {*domains, *wanted})
    left = narrowed(found, needed, domains)
    alone = {v for f in needed for v in found.factors[f].scope if found.cards[v] == 1}
    left.update((v, np.zeros(1, dtype=np.intp)) for v in alone)
    cut, log_scale = [], 0.0
    for f in needed:
        scope, values = _cut(found.factors[f], left, found.cards)
        peak = float(values.max())
        log_scale += math.log(peak)
        if scope:
            cut.append(Factor(scope, values / peak))
    variables = tuple(sorted({v for factor in cut for v in factor.scope}))
    number = {v: i for i, v in enumerate(variables)}
    states = tuple(_states(v, left, found.cards) for v in variables)
    renumbered = tuple(Factor(tuple(number[v] for v in factor.scope), factor.values) for factor in cut)
    part = Factors(tuple(map(len, states)), renumbered, {})
    return Reduced(part, sum(v < nodes for v in variables), variables, states, left, log_scale)


def narrowed(found: Factors, needed: Iterable[int], domains: Domains) -> dict[int, Places]:
    """The states that some factors leave together; NothingPossible where a variable is left without one."""
    left = dict(domains)
    touching: dict[int, list[int]] = {}
    informative = [f for f in needed if not found.factors[f].values.all()]
    for f in informative:
        for v in found.factors[f].scope:
            touching.setdefault(v, []).append(f)
    waiting = dict.fromkeys(informative)
    while waiting:
        f = next(iter(waiting))
        del waiting[f]
        for v, states in _allowed(found.factors[f], left, found.cards).items():
            if len(states) == 0:
                raise NothingPossible
            left[v] = states
            waiting.update(dict.fromkeys(g for g in touching[v] if g != f))
    return left


def observed(lanes: Floats, spans: Iterable[tuple[int, int]]) -> dict[int, Places]:
    """Node -> the states that some lane of (states, lanes) leaves possible, where that is not all of them."""
    possible: npt.NDArray[np.bool_] = np.asarray((lanes > 0).any(axis=1))
    kept = ((node, possible[first:last]) for node, (first, last) in enumerate(spans))
    return {node: np.flatnonzero(own) for node, own in kept if not own.all()}


def _allowed(factor: Factor, left: Domains, cards: Sequence[int]) -> dict[int, Places]:
    """The variables of a factor that lose states by it, and what they keep."""
    own = [_states(v, left, cards) for v in factor.scope]
    positive = factor.values[np.ix_(*own)] > 0
    found = {}
    for axis, v in enumerate(factor.scope):
        kept = positive.any(axis=tuple(k for k in range(len(own)) if k != axis))
        if not kept.all():
            found[v] = own[axis][kept]
    return found


def _states(v: int, left: Domains, cards: Sequence[int]) -> Places:
    known = left.get(v)
    return np.arange(cards[v]) if known is None else known


def _cut(factor: Factor, left: Domains, cards: Sequence[int]) -> tuple[tuple[int, ...], Floats]:
    """A factor over the states that are left; variables with one state are gone from its scope."""
    if not any(v in left for v in factor.scope):
        return factor.scope, factor.values
    own = [_states(v, left, cards) for v in factor.scope]
    scope = tuple(v for v, states in zip(factor.scope, own, strict=True) if len(states) > 1)
    return scope, factor.values[np.ix_(*own)].reshape([len(states) for states in own if len(states) > 1])
