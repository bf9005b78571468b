"""What every page of an answer has around it: what was asked on top, what it rests on below."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ddx.network import Network
from ddx.reasoning.basis import INTENDED_USE, Basis, Plain
from ddx.reasoning.numbers import Parameter
from ddx.report.figures import percent
from ddx.report.heading import caution, heading, identity_lines
from ddx.report.json import head
from ddx.report.surface import Surface, fitted


def page(network: Network, basis: Basis, result_sha256: str, body: Sequence[str], surface: Surface) -> str:
    """The whole page, ending in a newline."""
    foot = (surface.faint(line) for line in identity_lines(basis, result_sha256, surface))
    shown = list(body)
    while shown and not shown[-1]:
        shown.pop()
    lines = [*heading(network, basis, surface), "", *caution(basis, surface), *shown, "", *foot]
    return surface.plain("\n".join(line.rstrip() for line in lines)) + "\n"


def plain(question: str, basis: Basis, body: dict[str, Plain], result_sha256: str) -> dict[str, Plain]:
    """The JSON form of an answer: ddx/QUESTION/1."""
    return {
        "format": f"ddx/{question}/1",
        **head(basis),
        **body,
        "intended_use": INTENDED_USE,
        "result_sha256": result_sha256,
    }


def factor(nats: float) -> str:
    """What a weight multiplies (x) or divides (/) the odds by, to two digits.

    >>> [factor(math.log(w)) for w in (45.2, 1.02, 0.97, 1 / 33.4, 123456.0)]
    ['x45', 'x1.0', 'x1.0', '/33', 'x100,000+']
    """
    sign, size = ("x", nats) if nats > -math.log(1.05) else ("/", -nats)
    if size > math.log(99_500):
        return f"{sign}100,000+"
    ratio = math.exp(max(size, 0.0))
    return f"{sign}{ratio:.1f}" if ratio < 9.95 else f"{sign}{float(f'{ratio:.2g}'):,.0f}"


def weight_bar(nats: float, cells: int, largest_nats: float, surface: Surface) -> str:
    """A bar as long as a weight, blue for and orange against, padded to its cells; `+` and `-` where it is ASCII."""
    length = min(cells, round(cells * abs(nats) / largest_nats)) if largest_nats > 0 else 0
    sign = ("█" if surface.unicode else "+") if nats > 0 else ("░" if surface.unicode else "-")
    paint = surface.blue if nats > 0 else surface.orange
    return paint(sign * length) + " " * (cells - length)


def weighed_width(surface: Surface, cells: int) -> int:
    """How wide a finding is where two weights with bars of so many cells stand beside it."""
    return max(16, min(44, surface.width - 2 * (cells + 11) - 4))


def chain_fitted(said: str, tied: int, width: int) -> str:
    """A chain by its first finding, with how many are tied to it, cut or padded to a width.

    >>> chain_fitted("Monoclonal protein", 4, 16), chain_fitted("Fever", 0, 8)
    ('Monoclonal p… +4', 'Fever   ')
    """
    more = f" +{tied}" if tied else ""
    return (fitted(said, width - len(more)).rstrip() + more).ljust(width)


def basis_of_number(p: Parameter) -> str:
    """`81% (68/75) mahevas2020, measured`."""
    counts = getattr(p.number, "counts", None)
    value = f"{p.value:.3g}" if not 0 <= p.value <= 1 or p.state == "any effect" else percent(p.value)
    count = f" ({counts[0]}/{counts[1]})" if counts else ""
    return f"{value}{count} {'+'.join(p.cited) or 'no source'}, {p.number.grade}"
