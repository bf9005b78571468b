"""A tree made in a hurry, for one case: every clique keeps all of its entries, so that nothing has to be looked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ddx.engine.factors import Factor
from ddx.engine.skeleton import Skeleton
from ddx.engine.structure import Structure

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


def dense_structure(
    skeleton: Skeleton, cards: Sequence[int], static: Sequence[Factor], asked: tuple[int, Sequence[tuple[int, ...]]]
) -> tuple[Structure, float]:
    """The structure with every entry of every clique, and the log of the sum of its static factors.

    `asked` is how many variables, the first ones, are nodes, and the scopes of the gates, which are nodes after them.
    """
    nodes, gates = asked
    sizes = [math.prod(cards[v] for v in scope) for scope in skeleton.scopes]
    separators = [math.prod(cards[v] for v in shared) for shared in skeleton.separators]
    spaces = [cards[v] for v in range(nodes)] + [math.prod(cards[v] for v in scope) for scope in gates]
    node_start = _starts(spaces)
    message_start = _starts(separators, int(node_start[-1]))
    hosts = [skeleton.host[v] for v in range(nodes)] + list(skeleton.factor_host[len(static) :])
    inputs: list[list[tuple[int, tuple[int, ...]]]] = [[] for _ in sizes]  # of each clique: begin, scope
    place = []
    for host, begin, scope in zip(hosts, node_start.tolist(), [*((v,) for v in range(nodes)), *gates], strict=False):
        place.append(len(inputs[host]))
        inputs[host].append((begin, scope))
    child_input = [-1] * len(sizes)
    for c in range(1, len(sizes)):
        above = inputs[skeleton.parent[c]]
        child_input[c] = len(above)
        above.append((int(message_start[c]), skeleton.separators[c]))
    blocks = [_block(scope, cards, own) for scope, own in zip(skeleton.scopes, inputs, strict=True)]
    potentials, log_total = _conditionals(skeleton, cards, static)
    firsts = [np.arange(count) * (size // count) for count, size in zip(separators, sizes, strict=True)]
    entry_start = _starts(sizes)
    nothing, none = np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32)
    structure = Structure(
        node_start=node_start,
        entry_start=entry_start,
        level_start=_starts(np.bincount(skeleton.depth).tolist()),
        parent=np.array(skeleton.parent, dtype=np.int32),
        message_start=message_start,
        segment_start=np.concatenate([*(f + entry_start[c] for c, f in enumerate(firsts)), entry_start[-1:]]),
        input_count=np.array([len(own) for own in inputs], dtype=np.int32),
        map_start=_starts([b.size for b in blocks]),
        maps=np.concatenate([b.ravel() for b in blocks]),
        node_clique=np.array(hosts, dtype=np.int32),
        node_input=np.array(place, dtype=np.int32),
        child_input=np.array(child_input, dtype=np.int32),
        factor_clique=none,
        factor_start=nothing,
        factor_map_start=nothing,
        factor_maps=none,
        tables=np.empty(0),
        potentials=potentials,
    )
    return structure, log_total


def _block(
    scope: Sequence[int], cards: Sequence[int], inputs: Sequence[tuple[int, tuple[int, ...]]]
) -> npt.NDArray[np.int32]:
    """(entries, inputs) the place of every input's message, for a clique with all of its entries."""
    strides = np.zeros((len(scope), len(inputs)), dtype=np.int32)
    for k, (_, own) in enumerate(inputs):
        at = 1
        for v in reversed(own):
            strides[scope.index(v), k] = at
            at *= cards[v]
    begins = np.array([begin for begin, _ in inputs], dtype=np.int32)
    half = len(scope) // 2
    front = _codes([cards[v] for v in scope[:half]], strides[:half]) + begins
    back = _codes([cards[v] for v in scope[half:]], strides[half:])
    block: npt.NDArray[np.int32] = (front[:, None, :] + back[None, :, :]).reshape(len(front) * len(back), len(inputs))
    return block


def _codes(cards: Sequence[int], strides: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """(configurations, inputs) the sum of state x stride over some variables, the last one fastest."""
    codes = np.zeros((1, strides.shape[1]), dtype=np.int32)
    for card, step in zip(cards, strides, strict=True):
        states = np.arange(card, dtype=np.int32)[:, None] * step
        codes = (codes[:, None, :] + states[None, :, :]).reshape(len(codes) * card, strides.shape[1])
    return codes


def _conditionals(skeleton: Skeleton, cards: Sequence[int], static: Sequence[Factor]) -> tuple[Floats, float]:
    """(entries,) P(rest of the clique | separator) by the static factors, and the log of their whole sum."""
    shapes = [[cards[v] for v in scope] for scope in skeleton.scopes]
    values = [np.ones(shape) for shape in shapes]
    for factor, c in zip(static, skeleton.factor_host, strict=False):
        _multiply(values[c], skeleton.scopes[c], factor.scope, factor.values)
    log_total = 0.0
    for c in range(len(values) - 1, -1, -1):
        shared = skeleton.separators[c]
        rows = values[c].reshape(math.prod(cards[v] for v in shared), -1)
        sums = rows.sum(axis=1)
        rows /= np.where(sums > 0.0, sums, 1.0)[:, None]
        peak = float(sums.max())
        log_total += math.log(peak) if peak > 0.0 else -math.inf
        if c and peak > 0.0:
            above = skeleton.parent[c]
            _multiply(values[above], skeleton.scopes[above], shared, (sums / peak).reshape([cards[v] for v in shared]))
    return np.concatenate([v.ravel() for v in values]), log_total


def _multiply(values: Floats, scope: Sequence[int], own: Sequence[int], factor: Floats) -> None:
    """Multiply a factor over some axes (own order) into an array over all of them."""
    order = sorted(range(len(own)), key=lambda k: scope.index(own[k]))
    shape = [1] * len(scope)
    for k in own:
        shape[scope.index(k)] = values.shape[scope.index(k)]
    values *= np.transpose(factor, order).reshape(shape)


def _starts(counts: Sequence[int], first: int = 0) -> Longs:
    return np.concatenate([[first], first + np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
