"""A network as factors over numbered variables: what is expanded, what is decomposed.

A `Table` is one factor. A `NoisyMax` is either expanded into one, or becomes a chain of hidden running maxima,
M_i = max(M_{i-1}, contribution i), whose last one is the node itself. The chain is exact and positive (nothing is
subtracted), and its tables grow with one term's parents at a time instead of with all of them (parent divorcing:
Olesen et al. 1989; Heckerman 1993).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.triangulate import MOST_VARIABLES, best_elimination, good_eliminations, moral_graph
from ddx.errors import TooLarge
from ddx.knowledge.bayesnet import BayesNet, NoisyMax, expand

Array = npt.NDArray[np.float64]

EXPANDED_ENTRIES = (1 << 17, 1 << 12, 1 << 8, 1 << 5)  # thresholds tried; the smallest tree wins
TRIAL_EFFORT = 0  # noisy restarts while thresholds are compared


@dataclass(frozen=True, slots=True)
class Factor:
    """Numbers over a scope of variable ids, axes in the order of the scope (parents ..., child)."""

    scope: tuple[int, ...]
    values: Array


@dataclass(frozen=True, slots=True)
class Factors:
    """All factors of a network. Variables 0 .. len(network.nodes) - 1 are its nodes; the rest are hidden."""

    cards: tuple[int, ...]
    factors: tuple[Factor, ...]
    of_node: Mapping[str, range]  # the factors that one node's local model became


def factorise(network: BayesNet, effort: int, most: float = math.inf) -> tuple[Factors, tuple[tuple[int, ...], ...]]:
    """The factors whose clique tree is smallest, and the elimination orders that promise it, the best first.

    TooLarge where every tree that is tried has more than `most` entries, the impossible ones counted.
    """
    candidates = list(dict.fromkeys(_decomposed(network, limit) for limit in EXPANDED_ENTRIES))
    chosen = candidates[0] if len(candidates) == 1 else _smallest(network, candidates, most)
    if chosen is not None:
        factors = _factors(network, chosen)
        graph = moral_graph(factors.cards, scopes(factors))
        orders = good_eliminations(graph, factors.cards, effort, most, zeros(factors))
        if orders:
            return factors, tuple(order for _, order in orders)
    raise TooLarge(
        f"no clique tree of less than {most:,.0f} entries was found",
        where=network.name,
        remedy="Fewer parents for a variable, or noisy-OR instead of tables, make it smaller.",
    )


def _smallest(network: BayesNet, candidates: Sequence[tuple[str, ...]], most: float) -> tuple[str, ...] | None:
    """The noisy-MAX nodes to decompose: those whose tree is smallest without much searching; None where none is."""
    best, least = None, most
    for chosen in candidates:
        shapes = _factors(network, chosen, numbers=False)
        if len(shapes.cards) > MOST_VARIABLES:
            continue
        size, order = best_elimination(moral_graph(shapes.cards, scopes(shapes)), shapes.cards, TRIAL_EFFORT, least)
        if order and size < least:
            best, least = chosen, size
        elif best is not None:
            break  # more chains did not help: still more will not
    return best


def decomposed(network: BayesNet, largest: int) -> Factors:
    """The factors where every noisy-MAX whose table would have more than `largest` entries is a chain."""
    return _factors(network, _decomposed(network, largest))


def zeros(factors: Factors) -> list[tuple[int, float]]:
    """The tables with zeros, as `triangulate` takes them."""
    found: list[tuple[int, float]] = []
    for factor in factors.factors:
        share = float(np.count_nonzero(factor.values) / factor.values.size)
        if 0 < share < 1:
            found.append((sum(1 << v for v in factor.scope), share))
    return found


def scopes(factors: Factors) -> list[tuple[int, ...]]:
    return [f.scope for f in factors.factors]


def _decomposed(network: BayesNet, limit: int) -> tuple[str, ...]:
    """The noisy-MAX nodes that become chains when tables of up to `limit` entries are expanded."""
    chosen = []
    for node, model in network.models.items():
        if isinstance(model, NoisyMax):
            entries = len(network.states[node]) * math.prod(len(network.states[p]) for p in model.parents)
            links = sum(1 for term in model.terms if term.parents)
            if entries > limit and links > 1:
                chosen.append(node)
    return tuple(chosen)


def _factors(network: BayesNet, chains: Sequence[str], *, numbers: bool = True) -> Factors:
    index = {node: i for i, node in enumerate(network.nodes)}
    cards = [len(network.states[node]) for node in network.nodes]
    found: list[Factor] = []
    of_node: dict[str, range] = {}
    empty = np.empty(0)
    for node in network.nodes:
        model, start = network.models[node], len(found)
        if node in chains and isinstance(model, NoisyMax):
            links = chain_parents(model)
            hidden = [len(cards) + i for i in range(len(links) - 1)]
            cards += [len(network.states[node])] * len(hidden)
            maxima = [*hidden, index[node]]
            tables = chain_tables(model) if numbers else [empty] * len(links)
            for i, (parents, values) in enumerate(zip(links, tables, strict=True)):
                before = () if i == 0 else (maxima[i - 1],)
                found.append(Factor((*(index[p] for p in parents), *before, maxima[i]), values))
        else:
            values = expand(network, node).values if numbers else empty
            found.append(Factor((*(index[p] for p in model.parents), index[node]), values))
        of_node[node] = range(start, len(found))
    return Factors(tuple(cards), tuple(found), of_node)


def chain_parents(model: NoisyMax) -> list[tuple[str, ...]]:
    """Parents of each link of the chain: the terms that have any, in order."""
    return [term.parents for term in model.terms if term.parents]


def chain_tables(model: NoisyMax) -> list[Array]:
    """P(M_i | parents of term i, M_{i-1}) for each link; terms without parents (leaks) join the first link."""
    links = [term for term in model.terms if term.parents]
    states = links[0].values.shape[-1]
    below_leak = np.ones(states)
    for term in model.terms:
        if not term.parents:
            below_leak = below_leak * np.cumsum(term.values)
    below_leak[-1] = 1.0
    tables = [_greater(links[0].values, below_leak)]
    for term in links[1:]:
        below = np.cumsum(term.values, axis=-1)
        below[..., -1] = 1.0
        step = np.zeros((*term.values.shape[:-1], states, states))  # (parents ..., before, after)
        for before in range(states):
            step[..., before, before] = below[..., before]
            step[..., before, before + 1 :] = term.values[..., before + 1 :]
        tables.append(step)
    return tables


def _greater(values: Array, below_leak: Array) -> Array:
    """P(max(contribution, leak) = s) without a subtraction: P(c = s) P(l <= s) + P(c < s) P(l = s)."""
    leak = np.diff(below_leak, prepend=0.0)
    below = np.cumsum(values, axis=-1)
    strictly = np.concatenate([np.zeros_like(below[..., :1]), below[..., :-1]], axis=-1)
    return values * below_leak + strictly * leak
