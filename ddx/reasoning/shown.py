"""How an answer prints itself: a headline and bars, as text in a console and as inline SVG in a notebook.

The pages of the command line are written in `ddx.report`; this is what an answer shows by itself.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass

from ddx.reasoning.basis import INTENDED_USE, Basis, Plain

CELLS = 20  # of the longest bar in text
BAR_PIXELS, ROW_PIXELS, LABEL_PIXELS = 180, 18, 320
BLUE, ORANGE = "#1f77b4", "#ff7f0e"  # told apart by colour-blind readers; a sign says the same again


@dataclass(frozen=True, slots=True)
class Bar:
    """One line: what it is about, how much (signed; bars are as long as it), and that in words."""

    label: str
    amount: float
    text: str


class Shown(ABC):
    """An answer that has a headline, bars and a body for programs."""

    __slots__ = ()

    basis: Basis

    @property
    @abstractmethod
    def headline(self) -> str:
        """The answer in one sentence."""

    @property
    @abstractmethod
    def bars(self) -> tuple[Bar, ...]:
        """Its parts, each with its size."""

    @abstractmethod
    def body(self) -> dict[str, Plain]:
        """What the JSON form holds beside what every answer carries."""

    def to_json(self) -> str:
        """The body as JSON text; `ddx ... --json` adds tool, network, setting and evidence."""
        return json.dumps(self.body(), indent=2, ensure_ascii=True, allow_nan=False)

    def __str__(self) -> str:
        bars = self.bars
        width = max((len(b.label) for b in bars), default=0)
        longest = max((abs(b.amount) for b in bars), default=0.0) or 1.0
        rows = [f"  {b.label.ljust(width)}  {b.text:>10}  {_drawn(b, longest)}" for b in bars]
        return "\n".join([self.headline, *(row.rstrip() for row in rows), INTENDED_USE])

    def _repr_html_(self) -> str:
        bars = self.bars
        longest = max((abs(b.amount) for b in bars), default=0.0) or 1.0
        rows = "".join(_svg_row(b, i, longest) for i, b in enumerate(bars))
        size = f'width="{LABEL_PIXELS + BAR_PIXELS + 90}" height="{ROW_PIXELS * len(bars)}"'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">{rows}</svg>'
        return f"<div><p><b>{escaped(self.headline)}</b></p>{svg}<p><small>{escaped(INTENDED_USE)}</small></p></div>"


def escaped(text: str) -> str:
    """Text as it may stand in HTML.

    >>> escaped('a < b & "c"')
    'a &lt; b &amp; &quot;c&quot;'
    """
    for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(sign, name)
    return text


def _drawn(bar: Bar, longest: float) -> str:
    return ("+" if bar.amount >= 0 else "-") * round(CELLS * abs(bar.amount) / longest)


def _svg_row(bar: Bar, row: int, longest: float) -> str:
    top, length = row * ROW_PIXELS, BAR_PIXELS * abs(bar.amount) / longest
    colour = BLUE if bar.amount >= 0 else ORANGE
    return (
        f'<text x="0" y="{top + 13}">{escaped(bar.label[:52])}</text>'
        f'<rect x="{LABEL_PIXELS}" y="{top + 3}" width="{length:.1f}" height="12" fill="{colour}"/>'
        f'<text x="{LABEL_PIXELS + length + 5:.1f}" y="{top + 13}">{escaped(bar.text)}</text>'
    )
