"""How much of a conclusion does each finding carry, whatever the order? Shapley shares of the log odds.

    share(i) = mean over all orders of  v(those before i, and i) - v(those before i)

(Shapley 1953; for findings of a network: Strumbelj & Kononenko 2010). The shares add up to v(all) - v(none). Exact by
all 2^n subsets for up to EXACT_UP_TO players; above that the mean over random orders, each taken forwards and
backwards, with the standard error of that mean. Every single order adds up exactly, so the mean does too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Value = Callable[[Bools], Floats]  # subsets (subsets, players) -> value of each (subsets,)

EXACT_UP_TO = 12
ORDERS = 12  # random orders taken where sampling is needed, each also backwards


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of each player; `standard_errors` is None where they are exact."""

    shares: tuple[float, ...]
    standard_errors: tuple[float, ...] | None = None

    @property
    def exact(self) -> bool:
        return self.standard_errors is None


def shapley(value: Value, players: int, *, orders: int = ORDERS, seed: int = 0) -> Shares:
    """The shares of so many players; `orders` and `seed` matter above EXACT_UP_TO players only."""
    if players == 0:
        return Shares(())
    return _exact(value, players) if players <= EXACT_UP_TO else _sampled(value, players, orders, seed)


def _exact(value: Value, players: int) -> Shares:
    number = np.arange(1 << players)
    inside = (number[:, None] >> np.arange(players)) & 1 == 1  # (subsets, players)
    values = value(inside)
    size = inside.sum(axis=1)
    weight = np.array([factorial(k) * factorial(players - k - 1) / factorial(players) for k in range(players)])
    shares = []
    for i in range(players):
        without = np.flatnonzero(~inside[:, i])
        shares.append(float(weight[size[without]] @ (values[without | (1 << i)] - values[without])))
    return Shares(tuple(shares))


def _sampled(value: Value, players: int, orders: int, seed: int) -> Shares:
    rng = np.random.default_rng(seed)
    forwards = [rng.permutation(players) for _ in range(max(2, orders))]
    every = [order for one in forwards for order in (one, one[::-1])]
    subsets = np.concatenate([_prefixes(order) for order in every])  # (orders x (players + 1), players)
    kinds, place = np.unique(subsets, axis=0, return_inverse=True)
    values = value(kinds)[place.ravel()].reshape(len(every), players + 1)
    gains = np.empty((len(every), players))
    for row, order in enumerate(every):
        gains[row, order] = np.diff(values[row])
    paired = gains.reshape(-1, 2, players).mean(axis=1)  # (orders, players): forwards and backwards are one draw
    errors = paired.std(axis=0, ddof=1) / np.sqrt(len(paired))
    return Shares(tuple(paired.mean(axis=0).tolist()), tuple(errors.tolist()))


def _prefixes(order: npt.NDArray[np.int64]) -> Bools:
    """(players + 1, players) the first 0, 1, ... players of an order."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    prefixes: Bools = rank[None, :] < np.arange(len(order) + 1)[:, None]
    return prefixes
