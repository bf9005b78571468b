"""Which words and marks does a text format consist of, and in which line does each stand?

BIF and Hugin NET are alike down to their comments and marks; a `Dialect` says what differs. The position of a
token is looked for only when a message needs it, so that a large file costs one pass of one regular expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import NoReturn

from ddx.errors import SpecError
from ddx.exchange.source import shown

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
COUNT = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one format writes comments and strings, and which characters are tokens of their own."""

    comment: str
    string: str
    marks: str
    unfinished: str  # what begins a comment or string that was not finished
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        """Compiles the one pattern: whatever may be skipped, then a token or the end."""
        marks = re.escape(self.marks)
        first = rf'(?!{self.unfinished})[^\s{marks}"]'
        token = rf"{self.string}|{self.unfinished}|[{marks}]|(?:{first})+|."
        object.__setattr__(self, "pattern", re.compile(rf"(?:\s+|{self.comment})*({token}|\Z)", re.DOTALL))


def line_of(text: str, pattern: re.Pattern[str], at: int, group: int = 0) -> int:
    """The line, from 1, in which match `at` of a pattern begins; the last line for a match beyond the end."""
    match = next(islice(pattern.finditer(text), at, None), None)
    return text.count("\n", 0, match.start(group) if match else len(text)) + 1


class Tokens:
    """The tokens of one text, read from left to right. Strings keep their opening quote until `word` takes it off."""

    def __init__(self, text: str, dialect: Dialect, where: str) -> None:
        """Splits the whole text; a comment or string without an end is refused."""
        self.where = where
        self.at = 0  # index of the next token
        self._text = text
        self._pattern = dialect.pattern
        self._tokens: list[str] = dialect.pattern.findall(text)
        while self._tokens and not self._tokens[-1]:
            self._tokens.pop()
        unfinished = re.compile(f'{dialect.unfinished}|"')
        for index in (i for i, t in enumerate(self._tokens) if t[0] in '"/' and unfinished.fullmatch(t)):
            message = f"{self._tokens[index]} begins a comment or string that never ends"
            self.fail(message, at=index, remedy="Close it.")

    @property
    def next(self) -> str:
        """The next token, left in place; "" at the end of the text."""
        return self._tokens[self.at] if self.at < len(self._tokens) else ""

    @property
    def ascii(self) -> bool:
        """Are all tokens, comments apart, plain ASCII?"""
        return all(token.isascii() for token in self._tokens)

    def take(self, inside: str) -> str:
        """The next token; refused where the text ends. `inside` says within what."""
        if self.at >= len(self._tokens):
            self.fail(f"the file ends inside {inside}", remedy="It seems to be cut off.")
        self.at += 1
        return self._tokens[self.at - 1]

    def expect(self, mark: str, inside: str) -> None:
        """Steps over `mark`, refusing anything else."""
        found = self.take(inside)
        if found != mark:
            self.fail(f"{mark!r} expected in {inside}, {shown(found)!r} found", at=self.at - 1)

    def until(self, mark: str, inside: str) -> list[str]:
        """The tokens up to `mark`, which is stepped over."""
        try:
            end = self._tokens.index(mark, self.at)
        except ValueError:
            self.fail(f"{inside} never ends: no {mark!r} before the end of the file", remedy="It seems to be cut off.")
        start, self.at = self.at, end + 1
        return self._tokens[start:end]

    def word(self, inside: str) -> str:
        """A name, quoted or not."""
        return unquoted(self.take(inside))

    def line(self, at: int) -> int:
        """The line in which a token stands, from 1."""
        return line_of(self._text, self._pattern, at, group=1)

    def place(self, at: int) -> str:
        """file:line of a token."""
        return f"{self.where}:{self.line(at)}"

    def fail(self, message: str, *, at: int | None = None, remedy: str = "") -> NoReturn:
        """SpecError at the token `at`, or at the next one."""
        raise SpecError(message, where=self.place(self.at if at is None else at), remedy=remedy)


def unquoted(token: str) -> str:
    """A string without its quotes; anything else as it is."""
    return token[1:-1] if token[:1] == '"' else token


def listed(tokens: list[str]) -> list[str] | None:
    """The items of `a, b, c` or `a b c`; None where commas stand between some of them only.

    >>> listed(["a", ",", "b"]), listed(["a", "b"]), listed(["a", ",", ",", "b"])
    (['a', 'b'], ['a', 'b'], None)
    """
    if "," not in tokens:
        return tokens
    items = tokens[::2]
    return items if len(tokens) % 2 and "," not in items and tokens.count(",") == len(items) - 1 else None
