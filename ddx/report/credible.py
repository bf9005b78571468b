"""Intervals of every posterior, as a page."""

from __future__ import annotations

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.credible import Credible
from ddx.report.figures import percent
from ddx.report.frame import page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface, fitted

HELD = "Every number drawn anew from its counts, interval or grade; roots solved for a setting scale with its priors."
MOST = 12
COLUMNS = 37  # characters beside the name


def plain(answer: Credible) -> dict[str, Plain]:
    """The form ddx/credible/1."""
    return framed("credible", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: Credible, surface: Surface, *, every: bool = False) -> str:
    """The page; with `every` also the diseases that are not among the first."""
    first = answer.intervals[0]
    told = f"{first.entry.label} {percent(first.posterior)} [{percent(first.low)} - {percent(first.high)}]"
    kept = f"{told}: first in {percent(answer.first_kept)} of {answer.draws:,} draws of all numbers."
    shown = answer.intervals if every else answer.intervals[:MOST]
    width = min(surface.width - COLUMNS, max(len(i.entry.label) for i in shown))
    lines = [*surface.wrapped(kept), "", surface.faint(f"  {'':{width}}    NOW  90% interval   place kept")]
    for i in shown:
        span = f"[{percent(i.low):>5} - {percent(i.high):>5}]"
        lines.append(f"  {fitted(i.entry.label, width)}  {percent(i.posterior):>5}  {span}  {percent(i.same_rank):>5}")
    if len(shown) < len(answer.intervals):
        lines.append(surface.faint(f"  {len(answer.intervals) - len(shown)} less probable ones (--all)"))
    lines += ["", *surface.wrapped(HELD)]
    return page(network, answer.basis, answer.result_sha256, lines, surface)
