"""How an answer prints itself: a headline and bars, as text in a console and as inline SVG in a notebook.

The pages of the command line are written in `ddx.report`; this is what an answer shows by itself.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from ddx.reasoning.basis import INTENDED_USE, Basis, Plain

CELLS = 20  # of the longest bar in text
BAR_PIXELS, ROW_PIXELS, LABEL_PIXELS, TEXT_PIXELS = 150, 18, 330, 72
LABEL_LETTERS = 50
BLUE, ORANGE = "#1f77b4", "#ff7f0e"  # told apart by colour-blind readers; a sign says the same again


@dataclass(frozen=True, slots=True)
class Bar:
    """One line: what it is about, how much (signed; bars are as long as it), and that in words.

    `beside` is a second amount with its words, where an answer compares two.
    """

    label: str
    amount: float
    text: str
    beside: tuple[float, str] | None = None

    @property
    def amounts(self) -> tuple[tuple[float, str], ...]:
        """One or two amounts with their words."""
        own = (self.amount, self.text)
        return (own,) if self.beside is None else (own, self.beside)


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

    @property
    def columns(self) -> tuple[str, ...]:
        """What stands above the amounts of the bars."""
        return ()

    @abstractmethod
    def body(self) -> dict[str, Plain]:
        """What the JSON form holds beside what every answer carries."""

    def to_json(self) -> str:
        """The body as JSON text; `ddx ... --json` adds tool, network, setting and evidence."""
        return json.dumps(self.body(), indent=2, ensure_ascii=True, allow_nan=False)

    def __str__(self) -> str:
        bars, longest = self.bars, _longest(self.bars)
        width = max((len(b.label) for b in bars), default=0)
        rows = [[b.label.ljust(width), *(f"{text:>10}  {_drawn(x, longest)}" for x, text in b.amounts)] for b in bars]
        if self.columns:
            rows.insert(0, [" " * width, *(f"{title:{12 + CELLS}}" for title in self.columns)])
        return "\n".join([self.headline, *("  ".join(["", *row]).rstrip() for row in rows), INTENDED_USE])

    def _repr_html_(self) -> str:
        rows = picture(self.bars, self.columns, self.headline)
        return f"<div><p><b>{escaped(self.headline)}</b></p>{rows}<p><small>{escaped(INTENDED_USE)}</small></p></div>"


def picture(bars: Sequence[Bar], columns: Sequence[str], headline: str) -> str:
    """The bars as inline SVG: blue to the right for what is above 0, orange to the left for what is below."""
    longest = _longest(bars)
    scale = BAR_PIXELS / longest
    left = BAR_PIXELS if any(x < 0 for b in bars for x, _ in b.amounts) else 0  # where 0 stands in a column
    column = left + BAR_PIXELS + TEXT_PIXELS
    first = 1 if columns else 0
    width = LABEL_PIXELS + column * max((len(b.amounts) for b in bars), default=1)
    titles = [
        f'<text x="{LABEL_PIXELS + k * column}" y="13" font-style="italic">{escaped(title)}</text>'
        for k, title in enumerate(columns)
    ]
    rows = [
        f'<text x="0" y="{top + 13}">{escaped(_cut(b.label))}</text>'
        + "".join(
            _bar(x, text, (LABEL_PIXELS + k * column + left, top), scale) for k, (x, text) in enumerate(b.amounts)
        )
        for b, top in ((b, ROW_PIXELS * (n + first)) for n, b in enumerate(bars))
    ]
    size = f'width="{width}" height="{ROW_PIXELS * (len(bars) + first)}"'
    style = 'font-family="sans-serif" font-size="12" fill="currentColor" role="img"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style} aria-label="{escaped(headline)}">'
    return f"{head}{''.join([*titles, *rows])}</svg>"


def chance(probability: float) -> str:
    """A probability in a headline: never 0 and never 1.

    >>> [chance(p) for p in (0.0, 0.0123, 0.5, 0.999)]
    ['<0.001', '0.0123', '0.5', '>0.99']
    """
    if probability < 0.001:
        return "<0.001"
    return ">0.99" if probability > 0.99 else f"{probability:.3g}"


def signed(weight: float) -> str:
    """A weight with its sign, to two digits; what rounds to nothing has none.

    >>> signed(1.184), signed(-0.2), signed(-0.001)
    ('+1.18', '-0.20', '0.00')
    """
    return f"{weight:+.2f}" if abs(weight) >= 0.005 else "0.00"


def escaped(text: str) -> str:
    """Text as it may stand in HTML.

    >>> escaped('a < b & "c"')
    'a &lt; b &amp; &quot;c&quot;'
    """
    for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(sign, name)
    return text


def _longest(bars: Sequence[Bar]) -> float:
    return max((abs(x) for b in bars for x, _ in b.amounts), default=0.0) or 1.0


def _drawn(amount: float, longest: float) -> str:
    return (("+" if amount >= 0 else "-") * round(CELLS * abs(amount) / longest)).ljust(CELLS)


def _cut(label: str) -> str:
    return label if len(label) <= LABEL_LETTERS else f"{label[: LABEL_LETTERS - 1]}…"


def _bar(amount: float, text: str, zero: tuple[int, int], scale: float) -> str:
    """One bar from where 0 stands (x, top), with its words on its far side."""
    (x, top), length = zero, abs(amount) * scale
    if amount >= 0:
        place, colour, at, anchor = float(x), BLUE, x + length + 5, "start"
    else:
        place, colour, at, anchor = x - length, ORANGE, float(x + 5), "start"
    return (
        f'<rect x="{place:.1f}" y="{top + 3}" width="{length:.1f}" height="12" fill="{colour}"/>'
        f'<text x="{at:.1f}" y="{top + 13}" text-anchor="{anchor}">{escaped(text)}</text>'
    )
