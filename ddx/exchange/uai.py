"""How is a network written in the UAI format of the inference competitions, and how is evidence?

    BAYES                     Bayesian network (MARKOV is another kind of model and is refused by name)
    2                         number of variables
    2 2                       states of each
    2                         number of tables, one for each variable
    1 0                       scope of each: how many variables, parents first, the child last
    2 0 1
    2  0.1 0.9                tables: how many numbers, then the numbers,
    4  0.9 0.1 0.05 0.95      the last variable of the scope varying fastest

The format has no names: variables and states are called by their indices, "0", "1", ... The order of a scope is
that of the file, never sorted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import NoReturn

from ddx.errors import CaseError, SpecError, sentence
from ddx.exchange.draft import Draft
from ddx.exchange.source import Source, shown
from ddx.exchange.tokens import COUNT, line_of
from ddx.knowledge.bayesnet import BayesNet, Table, expand

WORD = re.compile(r"\S+")


def read(source: Source) -> BayesNet:
    """The network of a UAI file of kind BAYES; SpecError with file:line otherwise."""
    words = _Words(source.text(), source.where)
    kind = words.take("the kind of model")
    if kind != "BAYES":
        remedy = "A Bayesian network begins with BAYES."
        if kind == "MARKOV":
            words.fail("MARKOV: a Markov network has factors, not probabilities of a child given its parents", remedy)
        words.fail(f"{shown(kind)!r} is no kind of model", remedy)
    counts = [words.count("the states of a variable") for _ in range(words.length("variables"))]
    if sum(counts) > len(words.words):
        words.fail(f"{sum(counts)} states in all, more than the file has words", "Every state needs a number.")
    draft = Draft(source.stem, source.where, words.place)
    for index, count in enumerate(counts):
        draft.variable(str(index), map(str, range(count)), words.at - 1)
    tables = words.length("tables")
    if tables != len(counts):
        words.fail(f"{len(counts)} variables, but {tables} tables", "A Bayesian network has one for each variable.")
    for scope in [_scope(words) for _ in range(tables)]:
        _table(words, draft, scope)
    if words.at < len(words.words):
        words.at += 1
        words.fail(f"{shown(words.words[words.at - 1])!r} after the last table", "The file should end there.")
    return draft.build()


def write(network: BayesNet) -> str:
    """The network as UAI text. Names are lost: nodes and states become their indices."""
    index = {node: str(i) for i, node in enumerate(network.states)}
    tables = {node: expand(network, node) for node in network.states}
    scopes = [[index[n] for n in (*tables[node].parents, node)] for node in network.states]
    lines = ["BAYES", str(len(index)), " ".join(str(len(s)) for s in network.states.values()), str(len(index))]
    lines += [" ".join([str(len(scope)), *scope]) for scope in scopes]
    for node, states in network.states.items():
        rows = tables[node].values.reshape(-1, len(states)).tolist()
        lines += ["", str(tables[node].values.size), *(" ".join(map(repr, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def read_evidence(source: Source) -> dict[str, str]:
    """The evidence of a UAI .evid file: number of observed variables, then variable and state in turn.

    The older form with the number of samples (1) in front is read too. CaseError names file and line.
    """
    words = _Words(source.text(), source.where)
    if not all(map(COUNT.fullmatch, words.words)) or not words.words:
        at, bad = next(((i, w) for i, w in enumerate(words.words) if not COUNT.fullmatch(w)), (0, "nothing"))
        raise CaseError(sentence(f"{shown(bad)!r} is not an index", where=words.place(at)))
    values = list(map(int, words.words))
    if len(values) != 2 * values[0] + 1 and values[0] == 1 and len(values) > 1:
        values = values[1:]
    if len(values) != 2 * values[0] + 1:
        message = f"{values[0]} observed variables announced, {len(values) - 1} numbers follow"
        raise CaseError(sentence(message, where=source.where, remedy="Give variable and state in turn."))
    evidence: dict[str, str] = {}
    first = len(words.words) - len(values) + 1
    for index, (variable, state) in enumerate(zip(values[1::2], values[2::2], strict=True)):
        if str(variable) in evidence:
            where = words.place(first + 2 * index)
            raise CaseError(sentence(f"variable {variable} is observed twice", where=where, remedy="Keep one."))
        evidence[str(variable)] = str(state)
    return evidence


def write_evidence(
    evidence: Mapping[str, object], states: Mapping[str, tuple[str, ...]], unknown: Iterable[str] = ()
) -> tuple[str, tuple[str, ...]]:
    """The evidence as a UAI .evid file, and the variables that it cannot carry, each with the reason.

    `states` holds every variable in the order in which `write` numbers it, with its states in order; `unknown` are
    those on record as unknown.
    """
    index = {node: i for i, node in enumerate(states)}
    hard = {node: state for node, state in evidence.items() if isinstance(state, str)}
    pairs = [f"{index[node]} {states[node].index(state)}" for node, state in hard.items()]
    soft = (f"{node}: a likelihood; .evid holds states only" for node in evidence if node not in hard)
    left_out = (*soft, *(f"{node}: unknown; .evid holds states only" for node in unknown))
    return " ".join([str(len(pairs)), *pairs]) + "\n", left_out


class _Words:
    """The words of the file, read from left to right; counts are believed only if the file can hold them."""

    def __init__(self, text: str, where: str) -> None:
        """Splits the text at blanks."""
        self.words = text.split()
        self.where = where
        self.at = 0
        self._text = text

    def take(self, what: str) -> str:
        """The next word."""
        if self.at >= len(self.words):
            raise SpecError(f"the file ends before {what}", where=self.where, remedy="It seems to be cut off.")
        self.at += 1
        return self.words[self.at - 1]

    def count(self, what: str) -> int:
        """The next word as a whole number."""
        word = self.take(what)
        if not COUNT.fullmatch(word):
            self.fail(f"{what}: {shown(word)!r} is not a count", "Write a whole number.")
        return int(word)

    def length(self, what: str) -> int:
        """The next word as the number of things that follow; refused where the file is too short for them."""
        number = self.count(f"the number of {what}")
        if number > len(self.words) - self.at:
            self.fail(f"{number} {what} announced, but only {len(self.words) - self.at} words follow")
        return number

    def place(self, at: int) -> str:
        """file:line of a word."""
        return f"{self.where}:{line_of(self._text, WORD, at)}"

    def fail(self, message: str, remedy: str = "") -> NoReturn:
        """SpecError at the word taken last."""
        raise SpecError(message, where=self.place(self.at - 1), remedy=remedy)


def _scope(words: _Words) -> list[str]:
    size = words.length("variables in a scope")
    if size < 1:
        words.fail("a scope without variables", "The child stands last in its scope.")
    return [str(words.count("a variable of a scope")) for _ in range(size)]


def _table(words: _Words, draft: Draft, scope: list[str]) -> None:
    *parents, child = scope
    at = words.at
    shape = draft.shape(child, parents, at)
    announced = words.length(f"numbers in the table of variable {child}")
    if announced != math.prod(shape):
        message = f"variable {child}: {announced} numbers announced, its scope needs {math.prod(shape)}"
        words.fail(message, "Mend the count, or the scope.")
    items = [words.take(f"the numbers of variable {child}") for _ in range(announced)]
    values = draft.numbers(items, announced, f"the table of variable {child}", at)
    draft.model(child, Table(tuple(parents), values.reshape(shape)), at)
