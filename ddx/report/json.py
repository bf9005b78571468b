"""Answers as JSON: the stable form for programs. Every disease is listed, nothing is folded or rounded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ddx.reasoning.basis import INTENDED_USE, Basis, Plain
from ddx.reasoning.understanding import Used

if TYPE_CHECKING:
    from ddx.reasoning.coverage import Coverage
    from ddx.reasoning.differential import Differential

FORMAT = "ddx/differential/1"


def written(value: Plain) -> str:
    """The text of a JSON value: ASCII, so that it is the same bytes in every locale; ends in a newline."""
    return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def head(basis: Basis) -> dict[str, Plain]:
    """What every answer carries."""
    understood = basis.understood
    return {
        "tool": {"name": "ddx", "version": basis.tool_version},
        "network": {"name": basis.network, "version": basis.version, "sha256": basis.sha256},
        "setting": understood.setting,
        "exact": basis.exact,
        "log10_evidence": basis.log10_evidence,
        "evidence": {
            "used": [_used(u) for u in understood.used],
            "unknown": list(understood.unknown),
            "ignored": list(understood.ignored),
        },
    }


def differential(
    answer: Differential, intervals: Mapping[str, tuple[float, float]] | None = None, coverage: Coverage | None = None
) -> dict[str, Plain]:
    """The form ddx/differential/1; `intervals` (low, high) by disease, where they were asked for."""
    from ddx.reasoning.differential import plain

    found = intervals or {}
    return {
        "format": FORMAT,
        **head(answer.basis),
        **answer.body(),
        "diseases": [plain(d, found.get(d.id)) for d in answer.diseases],
        "coverage": None if coverage is None else coverage.body(),
        "intended_use": INTENDED_USE,
        "result_sha256": answer.result_sha256,
    }


def _used(used: Used) -> Plain:
    told: dict[str, Plain] = {"finding": used.finding}
    if isinstance(used.said, str):
        told["state"] = used.said
    else:
        told["likelihood"] = dict(used.said)
    if used.given:
        told["given"] = used.given
    if used.origin in ("setting", "subject"):
        told["from"] = used.origin
    return told
