"""What an answer is written on: how wide it is, and whether it takes colour and more than ASCII.

Colours are blue (for) and orange (against), which colour-blind readers tell apart; a sign or a word always says the
same thing again.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

BLUE, ORANGE, STRONG, FAINT, RESET = "\x1b[38;5;33m", "\x1b[38;5;208m", "\x1b[1m", "\x1b[2m", "\x1b[0m"
ASCII = str.maketrans({"·": "|", "─": "-", "…": "~", "≥": ">=", "≤": "<=", "–": "-", "×": "x", "²": "2", "±": "+-"})
NARROWEST, WIDEST = 60, 140


@dataclass(frozen=True, slots=True)
class Surface:
    """A terminal, a pipe or a file."""

    width: int = 80
    colour: bool = False
    unicode: bool = True
    terminal: bool = False  # what is read by a person now; elsewhere the first line stays one line

    def blue(self, text: str) -> str:
        return self._painted(BLUE, text)

    def orange(self, text: str) -> str:
        return self._painted(ORANGE, text)

    def strong(self, text: str) -> str:
        return self._painted(STRONG, text)

    def faint(self, text: str) -> str:
        return self._painted(FAINT, text)

    def plain(self, text: str) -> str:
        """The text in the characters that the surface takes."""
        if self.unicode:
            return text
        letters = unicodedata.normalize("NFKD", text.translate(ASCII))
        bare = "".join(c for c in letters if not unicodedata.combining(c))
        return bare.encode("ascii", "replace").decode()

    def wrapped(self, text: str, first: str = "", rest: str | None = None) -> list[str]:
        """The text as lines of at most the width; `first` and `rest` stand before the first and the other lines."""
        after = " " * len(first) if rest is None else rest
        lines = textwrap.wrap(
            text,
            self.width,
            initial_indent=first,
            subsequent_indent=after,
            break_long_words=True,
            break_on_hyphens=False,
        )
        return lines or [first.rstrip()]

    def rule(self, title: str = "") -> str:
        """A line across, with a title in it."""
        head = f"── {title} " if title else ""
        return head + "─" * max(0, min(self.width - 2, 76) - len(head))

    def _painted(self, code: str, text: str) -> str:
        return f"{code}{text}{RESET}" if self.colour and text else text


def fitted(text: str, width: int) -> str:
    """The text cut or padded to a width."""
    return text.ljust(width) if len(text) <= width else text[: max(0, width - 1)] + "…"


def listed(names: Iterable[str], most: int) -> str:
    """`a, b, c, 4 more`."""
    all_names = list(names)
    more = len(all_names) - most
    return ", ".join([*all_names[:most], *([f"{more} more"] if more > 0 else [])])
