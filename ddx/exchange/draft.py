"""What has a reader found so far, and does it make a network?

A `Draft` takes variables and tables in any order, refuses what is there twice, checks sizes before anything is
allocated, and hands everything to `BayesNet.build` with the line of each table.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

import numpy as np

from ddx.documents import visible
from ddx.errors import SpecError, TooLarge, near_misses
from ddx.exchange.source import shown
from ddx.exchange.tokens import NUMBER
from ddx.knowledge.bayesnet import LARGEST_TABLE, ROW_TOLERANCE, Array, BayesNet, LocalModel, Rounded, Table

LONGEST_NAME = 255
ROUNDING = 5e-5  # real files have rows that are off by so much (a network of bnlearn's, printed to five digits)
MORE_THAN_0 = re.compile(r"[+-]?[0.]*[1-9]")
MOST_PARENTS = 60  # numpy knows at most 64 axes in one array


class Draft:
    """Variables and their tables as read from one file.

    `at` is where something stands in the file, in whatever a reader counts (tokens, lines); `place` turns it into
    file:line, and is asked only when a message needs it.
    """

    def __init__(self, name: str, where: str, place: Callable[[int], str]) -> None:
        """Nothing yet."""
        self.name = shown(name, LONGEST_NAME)
        self.where = where
        self.states: dict[str, tuple[str, ...]] = {}
        self.remarks: list[str] = []
        self.left_out: list[str] = []
        self._rounded: Rounded | None = None
        self._place = place
        self._models: dict[str, LocalModel] = {}
        self._at: dict[str, int] = {}
        self._entries = 0

    def fail(self, message: str, at: int, remedy: str = "") -> NoReturn:
        """SpecError at this place of the file."""
        raise SpecError(message, where=self._place(at), remedy=remedy)

    def variable(self, name: str, states: Iterable[str], at: int) -> None:
        """Declares a variable; a second one of the same name is refused."""
        if name in self.states:
            self.fail(f"the variable {shown(name)} is declared twice", at, "Keep one.")
        labels = tuple(states)
        for word in (name, *labels):
            if len(word) > LONGEST_NAME or not word or not visible(word):
                message = f"the name '{shown(word)}' is empty, too long or has characters that cannot be shown"
                self.fail(message, at, f"Give it 1 to {LONGEST_NAME} visible characters.")
        if not labels:
            self.fail(f"{shown(name)} has no states", at, "Give it at least one.")
        if len(set(labels)) < len(labels):
            twice = Counter(labels).most_common(1)[0][0]
            self.fail(f"{shown(name)} has the state {shown(twice)} twice", at, "State names must differ.")
        self.states[name] = labels
        self._at[name] = at

    def shape(self, node: str, parents: Sequence[str], at: int) -> tuple[int, ...]:
        """(parent states ..., child states), known and of bearable size; SpecError or TooLarge otherwise."""
        for word in (node, *parents):
            if word not in self.states:
                role = "" if word == node else f" but a parent of {shown(node)}"
                remedy = near_misses(word, self.states) or "Declare it, or leave it out."
                self.fail(f"{shown(word)} is not a declared variable{role}", at, remedy)
        shape = (*(len(self.states[p]) for p in parents), len(self.states[node]))
        entries = math.prod(shape) if len(parents) <= MOST_PARENTS else LARGEST_TABLE + 1
        if self._entries + entries > LARGEST_TABLE:
            needed = f"{entries:,} entries" if len(parents) <= MOST_PARENTS else f"{len(parents)} parents"
            raise TooLarge(
                f"{shown(node)}: a table of {needed}; all tables of a file together may have {LARGEST_TABLE:,} entries",
                where=self._place(at),
            )
        self._entries += entries
        return shape

    def numbers(self, words: Sequence[str], count: int, subject: str, at: int) -> Array:
        """Exactly `count` plain decimal numbers; SpecError says what `subject` has instead.

        No nan, no infinity, no decimal comma, no digits of other scripts, nothing that would silently become 0.
        """
        if not all(map(NUMBER.fullmatch, words)):
            bad = next(w for w in words if not NUMBER.fullmatch(w))
            remedy = "Write 0.9, not 0,9." if "," in bad else "Write a decimal number such as 0.9."
            self.fail(f"{subject}: {shown(bad)!r} is not a number", at, remedy)
        if len(words) != count:
            commas = len(words) == 2 * count
            remedy = "Are these decimal commas? Write 0.9, not 0,9." if commas else "Every row has one for each state."
            self.fail(f"{subject}: {count} needed, {len(words)} found", at, remedy)
        values = [float(word) for word in words]
        for word, value in zip(words, values, strict=True):
            if value == 0 and MORE_THAN_0.match(word):
                self.fail(
                    f"{subject}: {shown(word)} is smaller than a number can be", at, "Write 0 if it is impossible."
                )
        return np.array(values)

    def model(self, node: str, model: LocalModel, at: int) -> None:
        """Gives a variable its local model; a second one is refused."""
        if node in self._models:
            self.fail(f"{shown(node)} has two probability tables", at, "Keep one.")
        self._models[node] = self._mended(node, model) if isinstance(model, Table) else model
        self._at[node] = at

    def _mended(self, node: str, table: Table) -> Table:
        """The table with rows that are off by rounding brought to 1, said in a remark."""
        with np.errstate(invalid="ignore"):  # infinite numbers are refused later, with their place
            sums = table.values.sum(axis=-1)
            off = np.abs(sums - 1.0)
        rows = np.argwhere((off > ROW_TOLERANCE) & (off <= ROUNDING))
        if not len(rows):
            return table
        values = table.values.copy()
        for index in map(tuple, rows.tolist()):
            values[index] /= sums[index]
        first = tuple(rows[0].tolist())
        worst = max(map(tuple, rows.tolist()), key=lambda index: float(off[index]))
        more = f" (and {len(rows) - 1} more rows of {node})" if len(rows) > 1 else ""
        subject = self._row(node, table.parents, first)
        self.remarks.append(f"{subject}: the row sums to {sums[first]:.9g} and was renormalised{more}; check it")
        self._count(Rounded(len(rows), self._row(node, table.parents, worst), float(sums[worst])))
        return Table(table.parents, values)

    def _row(self, node: str, parents: Sequence[str], index: Sequence[int]) -> str:
        """P(node | parent=state ...)."""
        states = [self.states[parent][i] for parent, i in zip(parents, index, strict=True)]
        return f"P({shown(node)}{given(parents, states)})"

    def _count(self, found: Rounded) -> None:
        """Adds the rows of one table to those of the others."""
        known = self._rounded or Rounded(0, "", 1.0)
        worst = max(known, found, key=lambda one: abs(one.total - 1))
        self._rounded = worst._replace(rows=known.rows + found.rows)

    def build(self) -> BayesNet:
        """The network, checked."""
        places = _Places(self._at, self._place)
        network = BayesNet.build(
            self.name, self.states, self._models, where=self.where, places=places, remarks=self.remarks
        )
        return replace(network, rounded=self._rounded, left_out=tuple(self.left_out))


class _Places(Mapping[str, str]):
    """Node -> file:line, worked out when asked for."""

    def __init__(self, at: Mapping[str, int], place: Callable[[int], str]) -> None:
        self._at = at
        self._place = place

    def __getitem__(self, node: str) -> str:
        return self._place(self._at[node])

    def __iter__(self) -> Iterator[str]:
        return iter(self._at)

    def __len__(self) -> int:
        return len(self._at)


def given(parents: Sequence[str], states: Sequence[str]) -> str:
    """` | a=x, b=y`, or nothing."""
    return " | " + ", ".join(f"{shown(p)}={shown(s)}" for p, s in zip(parents, states, strict=True)) if parents else ""
