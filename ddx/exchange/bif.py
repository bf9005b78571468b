"""How is a network written in BIF, the interchange format of JavaBayes and of the bnlearn repository?

    network NAME { property ...; }
    variable NAME { type discrete [ N ] { STATE, ... }; }
    probability ( CHILD | PARENT, ... ) { (STATE, ...) P, ...; }

Rows are keyed by the states of the parents, in any order; `default` gives every row that is not listed. `table`
lists the whole table and, in BIF 0.15, runs through the child's states slowest and through the last parent's
fastest. Commas may be left out. Nothing is guessed: a row that is missing, there twice, of the wrong length or
not of numbers is refused with its line.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from ddx.errors import SpecError, near_misses
from ddx.exchange.draft import Draft, given
from ddx.exchange.source import Source, shown
from ddx.exchange.tokens import COUNT, Dialect, Tokens, listed, unquoted
from ddx.knowledge.bayesnet import Array, BayesNet, Table, expand

DIALECT = Dialect(
    comment=r"(?<!:)//[^\n]*|/\*.*?\*/",  # http://... in a property begins no comment
    string=r'"[^"\n]*"',
    marks="{}()[];,|",
    unfinished=r"/\*|(?<!:)//",
)
COUNTED = "Mend the count, or the list."
MARKS = frozenset('{}()[];,|"')


@dataclass(frozen=True, slots=True)
class _Block:
    """A probability block whose body has not been read yet."""

    child: str
    parents: tuple[str, ...]
    head: int  # index of the token `probability`
    body: int  # index of the first token after the opening brace


def read(source: Source) -> BayesNet:
    """The network of a BIF file; FileProblem or SpecError with file:line otherwise."""
    tokens = Tokens(source.text(), DIALECT, source.where)
    if tokens.next != "network":
        found = repr(shown(tokens.next)) if tokens.next else "an empty file"
        tokens.fail(f"a BIF file begins with 'network', {found} found", remedy="Is this a BIF file?")
    draft = Draft(_network_name(tokens, source.stem), source.where, tokens.place)
    blocks: list[_Block] = []
    while tokens.next:
        keyword = tokens.take("the file")
        if keyword == "variable":
            _variable(tokens, draft)
        elif keyword == "probability":
            blocks.append(_header(tokens))
        elif keyword == "network":
            tokens.fail("a second network in one file", at=tokens.at - 1, remedy="Split the file.")
        else:
            tokens.fail(f"'variable' or 'probability' expected, {shown(keyword)!r} found", at=tokens.at - 1)
    for block in blocks:
        tokens.at = block.body
        shape = draft.shape(block.child, block.parents, block.head)
        draft.model(block.child, Table(block.parents, _Rows(tokens, draft, block, shape).read()), block.head)
    return draft.build()


def write(network: BayesNet) -> str:
    """The network as BIF text; noisy-MAX nodes are written as their dense tables.

    Numbers are written so that reading gives the same float64. SpecError where a name cannot be quoted.
    """
    parts = [f"network {_quoted(network.name)} {{\n}}\n"]
    for node, states in network.states.items():
        labels = ", ".join(map(_quoted, states))
        parts.append(f"variable {_quoted(node)} {{\n  type discrete [ {len(states)} ] {{ {labels} }};\n}}\n")
    for node in network.states:
        parts.append(_written_table(network, node))
    return "".join(parts)


def _written_table(network: BayesNet, node: str) -> str:
    table = expand(network, node)
    if not table.parents:
        body = [f"  table {_row(table.values)};\n"]
        head = _quoted(node)
    else:
        labels = itertools.product(*(map(_quoted, network.states[p]) for p in table.parents))
        rows = table.values.reshape(-1, len(network.states[node]))
        body = [f"  ({', '.join(key)}) {_row(row)};\n" for key, row in zip(labels, rows, strict=True)]
        head = f"{_quoted(node)} | {', '.join(map(_quoted, table.parents))}"
    return f"probability ( {head} ) {{\n{''.join(body)}}}\n"


def _row(values: Array) -> str:
    return ", ".join(map(repr, values.tolist()))


def _quoted(name: str) -> str:
    if '"' in name:
        raise SpecError(f"the name {name!r} holds a quotation mark, which BIF cannot write", remedy="Rename it.")
    plain = name and not MARKS.intersection(name) and "//" not in name and "/*" not in name and " " not in name
    return name if plain else f'"{name}"'


def _network_name(tokens: Tokens, otherwise: str) -> str:
    tokens.expect("network", "the file")
    name = otherwise if tokens.next == "{" else tokens.word("the network block")
    tokens.expect("{", "the network block")
    _properties(tokens, "the network block")
    return name


def _properties(tokens: Tokens, inside: str) -> None:
    """Steps over properties and the closing brace."""
    while (keyword := tokens.take(inside)) != "}":
        if keyword != "property":
            tokens.fail(f"'property' or '}}' expected in {inside}, {shown(keyword)!r} found", at=tokens.at - 1)
        tokens.until(";", "a property")


def _variable(tokens: Tokens, draft: Draft) -> None:
    head = tokens.at - 1
    name = tokens.word("a variable block")
    inside = f"variable {shown(name)}"
    tokens.expect("{", inside)
    states: list[str] | None = None
    while (keyword := tokens.take(inside)) != "}":
        if keyword == "property":
            tokens.until(";", "a property")
        elif keyword == "type" and states is None:
            states = _states(tokens, inside)
        else:
            tokens.fail(f"{shown(keyword)!r} is not expected in {inside}", at=tokens.at - 1)
    if states is None:
        tokens.fail(f"{inside} has no type", at=head, remedy="Write: type discrete [ 2 ] { absent, present };")
    draft.variable(name, states, head)


def _states(tokens: Tokens, inside: str) -> list[str]:
    at = tokens.at
    kind = tokens.take(inside)
    if kind != "discrete":
        tokens.fail(f"{inside} is {shown(kind)}; only discrete variables can be read", at=at)
    tokens.expect("[", inside)
    count = tokens.take(inside)
    tokens.expect("]", inside)
    tokens.expect("{", inside)
    words = listed(tokens.until("}", inside))
    tokens.expect(";", inside)
    if words is None or any(w in MARKS for w in words):
        tokens.fail(f"{inside}: the states are not a list", at=at, remedy="Write: { absent, present }")
    if not COUNT.fullmatch(count) or int(count) != len(words):
        tokens.fail(f"{inside}: [ {shown(count)} ] states announced, {len(words)} listed", at=at, remedy=COUNTED)
    return [unquoted(w) for w in words]


def _header(tokens: Tokens) -> _Block:
    head = tokens.at - 1
    tokens.expect("(", "a probability block")
    words = tokens.until(")", "the head of a probability block")
    before = words.index("|") if "|" in words else min(1, len(words))
    after = listed([w for w in words[before:] if w != "|"] if "|" in words else words[before:])
    if words[before:].count("|") > 1 or before != 1 or after is None or any(w in MARKS for w in (words[0], *after)):
        tokens.fail("the head of a probability block is not ( child | parent, ... )", at=head)
    child, parents = unquoted(words[0]), tuple(map(unquoted, after))
    tokens.expect("{", f"the probabilities of {shown(child)}")
    body = tokens.at
    tokens.until("}", f"the probability block of {shown(child)}")
    return _Block(child, parents, head, body)


class _Rows:
    """The rows of one probability block."""

    def __init__(self, tokens: Tokens, draft: Draft, block: _Block, shape: tuple[int, ...]) -> None:
        self.tokens, self.draft, self.block = tokens, draft, block
        self.labels = [draft.states[p] for p in block.parents]
        self.positions = [{s: i for i, s in enumerate(states)} for states in self.labels]
        self.inside = f"the probability block of {shown(block.child)}"
        self.values = np.zeros(shape)  # (parent states ..., child states)
        self.read_rows = np.zeros(shape[:-1], dtype=bool)  # (parent states ...)
        self.default: Array | None = None
        self.whole: Array | None = None

    def read(self) -> Array:
        """The table, axes (parent states ..., child states)."""
        tokens = self.tokens
        while (keyword := tokens.take(self.inside)) != "}":
            at = tokens.at - 1
            if keyword == "(":
                self._keyed_row(at)
            elif keyword == "default" and self.default is None:
                self.default = self._numbers(self.values.shape[-1], f"P({shown(self.block.child)}), default row", at)
            elif keyword == "table" and self.whole is None:
                self.whole = self._numbers(self.values.size, f"P({shown(self.block.child)}), table", at)
            elif keyword == "property":
                tokens.until(";", "a property")
            else:
                tokens.fail(f"{shown(keyword)!r} is not expected in {self.inside}", at=at)
        return self._from_rows() if self.whole is None else self._from_whole(self.whole)

    def _keyed_row(self, at: int) -> None:
        key = [unquoted(w) for w in listed(self.tokens.until(")", self.inside)) or []]
        child = shown(self.block.child)
        if len(key) != len(self.labels):
            there = f"there {'is 1 parent' if len(self.labels) == 1 else f'are {len(self.labels)} parents'}"
            message = f"P({child}): a row is keyed by {len(key)} state{'s' * (len(key) != 1)}, but {there}"
            self.tokens.fail(message, at=at, remedy="Give one state of each parent.")
        for parent, state, known in zip(self.block.parents, key, self.positions, strict=True):
            if state not in known:
                message = f"P({child}): {shown(state)!r} is not a state of {shown(parent)}"
                self.tokens.fail(message, at=at, remedy=near_misses(state, known))
        subject = f"P({child}{given(self.block.parents, key)})"
        index = tuple(known[state] for state, known in zip(key, self.positions, strict=True))
        if self.read_rows[index]:
            self.tokens.fail(f"{subject}: this row is there twice", at=at, remedy="Keep one.")
        self.read_rows[index] = True
        self.values[index] = self._numbers(self.values.shape[-1], subject, at)

    def _numbers(self, count: int, subject: str, at: int) -> Array:
        items = listed(self.tokens.until(";", self.inside))
        if items is None:
            self.tokens.fail(f"{subject}: a comma is missing or too many", at=at)
        return self.draft.numbers(items, count, subject, at)

    def _from_whole(self, whole: Array) -> Array:
        if self.read_rows.any() or self.default is not None:
            self.tokens.fail(f"{self.inside} has both a table and rows", at=self.block.head, remedy="Keep one.")
        return np.moveaxis(whole.reshape(self.values.shape[-1], *self.values.shape[:-1]), 0, -1)

    def _from_rows(self) -> Array:
        missing = np.argwhere(~self.read_rows)
        if self.default is not None:
            self.values[~self.read_rows] = self.default
        elif len(missing):
            states = [known[i] for known, i in zip(self.labels, missing[0].tolist(), strict=True)]
            self.tokens.fail(
                f"P({shown(self.block.child)}{given(self.block.parents, states)}): no row for these states",
                at=self.block.head,
                remedy="Give every row, or a default.",
            )
        return self.values
