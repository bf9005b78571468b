"""P(evidence) of a larger network, exactly: variables summed out one by one, in fractions without any rounding.

Shares nothing with the engine but the local models that it reads.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction

from ddx.knowledge.bayesnet import BayesNet, expand

Factor = tuple[tuple[str, ...], dict[tuple[int, ...], Fraction]]  # scope, what is not 0 by the states of the scope


def log10_evidence(net: BayesNet, evidence: Mapping[str, str]) -> float:
    """log10 P(evidence); -inf where it is impossible."""
    observed = {node: net.states[node].index(state) for node, state in evidence.items()}
    wanted = _ancestors(net, observed)
    factors = [_sliced(net, node, observed) for node in net.nodes if node in wanted]
    hidden = [node for node in net.nodes if node in wanted and node not in observed]
    while hidden:
        node = min(hidden, key=lambda v: math.prod(len(net.states[u]) for u in _joined(factors, v)))
        hidden.remove(node)
        touching = [f for f in factors if node in f[0]]
        factors = [f for f in factors if node not in f[0]] + [_summed_out(touching, node)]
    product = math.prod((values.get((), Fraction(0)) for _, values in factors), start=Fraction(1))
    if product == 0:
        return -math.inf
    return _log10(product.numerator) - _log10(product.denominator)


def _sliced(net: BayesNet, node: str, observed: Mapping[str, int]) -> Factor:
    """P(node | parents) at the observed states, in the fractions that its float64 numbers are."""
    table = expand(net, node)
    family = (*table.parents, node)
    scope = tuple(v for v in family if v not in observed)
    values = {}
    for states in itertools.product(*(range(len(net.states[v])) for v in scope)):
        at = dict(zip(scope, states, strict=True))
        p = float(table.values[tuple(at.get(v, observed.get(v, 0)) for v in family)])
        if p:
            values[states] = Fraction(p)
    return scope, values


def _summed_out(factors: Iterable[Factor], node: str) -> Factor:
    """The product of some factors, summed over one variable."""
    scope: tuple[str, ...] = ()
    rows: dict[tuple[int, ...], Fraction] = {(): Fraction(1)}
    for own, values in factors:
        shared = [v for v in own if v in scope]
        added = [v for v in own if v not in scope]
        by_shared: dict[tuple[int, ...], list[tuple[tuple[int, ...], Fraction]]] = {}
        for states, p in values.items():
            at = dict(zip(own, states, strict=True))
            by_shared.setdefault(tuple(at[v] for v in shared), []).append((tuple(at[v] for v in added), p))
        places = [scope.index(v) for v in shared]
        rows = {
            (*row, *more): q * p
            for row, q in rows.items()
            for more, p in by_shared.get(tuple(row[i] for i in places), ())
        }
        scope = (*scope, *added)
    at = scope.index(node)
    found: dict[tuple[int, ...], Fraction] = {}
    for row, p in rows.items():
        rest = (*row[:at], *row[at + 1 :])
        found[rest] = found.get(rest, Fraction(0)) + p
    return (*scope[:at], *scope[at + 1 :]), found


def _joined(factors: Iterable[Factor], node: str) -> set[str]:
    return {v for scope, _ in factors if node in scope for v in scope}


def _ancestors(net: BayesNet, nodes: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += net.parents(node)
    return found


def _log10(number: int) -> float:
    """log10 of an integer of any length."""
    shift = max(0, number.bit_length() - 900)
    return math.log10(number >> shift) + shift * math.log10(2)
