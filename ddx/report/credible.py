"""Intervals of every posterior, as a page."""

from __future__ import annotations

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.credible import Credible
from ddx.report.figures import percent
from ddx.report.frame import page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface, fitted

MOST = 12


def plain(answer: Credible) -> dict[str, Plain]:
    """The form ddx/credible/1."""
    return framed("credible", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: Credible, surface: Surface) -> str:
    """The page."""
    first = answer.intervals[0]
    told = f"{first.entry.label} {percent(first.posterior)} [{percent(first.low)} - {percent(first.high)}]"
    lines = surface.wrapped(f"{told}: first in {percent(answer.first_kept)} of {answer.draws} draws of all numbers.")
    lines += ["", surface.faint(f"  {'':32}    NOW  90% interval      place kept")]
    for i in answer.intervals[:MOST]:
        span = f"[{percent(i.low):>5} - {percent(i.high):>5}]"
        lines.append(f"  {fitted(i.entry.label, 32)}  {percent(i.posterior):>5}  {span}  {percent(i.same_rank):>5}")
    held = (
        "Every number drawn anew from its counts, interval or grade; roots solved for a setting scale with its priors."
    )
    lines += ["", *surface.wrapped(held)]
    return page(network, answer.basis, answer.result_sha256, lines, surface)
