"""Differentials as one table for a spreadsheet: a row for each disease of each case, most probable first.

Nothing is rounded. A text cell that a spreadsheet would run as a formula has an apostrophe in front. What the answer
rests on stands in every row, so that no row is without it wherever it is copied to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ddx.exchange.csvcases import table
from ddx.reasoning.differential import Differential

DISEASE = ("case", "id", "label", "of", "prior", "posterior", "low", "high", "lift", "serious")
BASIS = ("setting", "network", "network_version", "network_sha256", "ddx_version", "result_sha256")

Row = tuple[str | int | float, ...]
Intervals = Mapping[str, tuple[float, float]]  # disease -> low, high


def differentials(answered: Iterable[tuple[str, Differential, Intervals]]) -> str:
    """The table of (name of the case, its answer, intervals where they were asked for).

    `low` and `high` are empty without intervals, `lift` where the prior is 0.
    """
    rows: list[Row] = [(*DISEASE, *BASIS)]
    for case, answer, intervals in answered:
        rows += _rows(case, answer, intervals)
    return table(rows)


def _rows(case: str, answer: Differential, intervals: Intervals) -> Iterator[Row]:
    basis = answer.basis
    rests_on = (basis.understood.setting or "", basis.network, basis.version, basis.sha256, basis.tool_version)
    for d in answer.diseases:
        low, high = intervals.get(d.id, ("", ""))
        lift = "" if d.lift is None else d.lift
        serious = "true" if d.entry.serious else "false"
        own = (case, d.id, d.entry.label, d.entry.of or "", d.prior, d.posterior, low, high, lift, serious)
        yield (*own, *rests_on, answer.result_sha256)
