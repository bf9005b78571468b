"""Sets of expected answers, an index.json each: where they are, what their items ask, and what an answer misses.

An item names a network and evidence (`evidence`, or `evidence_index` for UAI files, and `soft_evidence`), and what is
expected: `marginals` (or `marginals_by_index`), `log10_p_evidence`, `log10_partition_function` or `p_evidence`, each
within `tolerance` (absolute) or `log10_tolerance`.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from ddx.engine.model import Model

BESIDE = Path(__file__).parents[2] / "shared" / "conformance" / "dev" / "index.json"
SHIPPED = Path(__file__).parent / "conformance" / "expectations.json"
POSTERIORS = {"marginals", "marginals_by_index", "log10_p_evidence", "log10_partition_function", "p_evidence"}


def index() -> Path:
    """`pytest --conformance INDEX`, else DDX_CONFORMANCE, else `shared/` beside the project."""
    return Path(os.environ.get("DDX_CONFORMANCE", BESIDE))


def items() -> list[Any]:
    """All items of the set, or none where there is no set."""
    return list(json.loads(index().read_text())["items"]) if index().is_file() else []


def asked(chosen: list[Any]) -> list[Any]:
    """The chosen items as parameters of a test; one that is skipped, with the reason, where there is no set."""
    if not index().is_file():
        reason = f"conformance set absent: no {index()}; give pytest --conformance INDEX, or set DDX_CONFORMANCE"
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(item, id=item["id"]) for item in chosen]


def kind(item: dict[str, Any]) -> str:
    """What an item asks: "posteriors", "reading" of a file, a "table" of a noisy-OR, "refusal" of a Markov network."""
    if item.get("must"):
        return "reading"
    if item.get("model"):
        return "table"
    if item.get("format") == "uai-markov" and not item.get("network_as_bayes"):
        return "refusal"
    return "posteriors" if POSTERIORS & set(item.get("expected") or {}) else "unknown"


def evidence_of(item: dict[str, Any], model: Model) -> dict[str, Any]:
    found = dict(item.get("evidence") or {str(k): str(v) for k, v in (item.get("evidence_index") or {}).items()})
    for node, weights in (item.get("soft_evidence") or {}).items():
        found[node] = dict(zip(model.states[node], weights, strict=True)) if isinstance(weights, list) else weights
    return found


def misses(item: dict[str, Any], model: Model, shift: float = 0.0) -> list[str]:
    """What the model says otherwise than the item, by more than its tolerance; `shift` spoils every expected number.

    An approximate answer misses, whatever its numbers.
    """
    belief, expected = model.posteriors(evidence_of(item, model)), item["expected"]
    wanted = {(n, s): p for n, row in (expected.get("marginals") or {}).items() for s, p in row.items()}
    for place, row in (expected.get("marginals_by_index") or {}).items():
        wanted.update({(place, state): p for state, p in zip(model.states[place], row, strict=True)})
    told = {name: (belief[name[0]][name[1]], p + shift) for name, p in wanted.items()}
    off = [f"{name}: {mine}, not {p}" for name, (mine, p) in told.items() if not abs(mine - p) <= item["tolerance"]]
    log10 = [expected[key] for key in ("log10_p_evidence", "log10_partition_function") if expected.get(key) is not None]
    log10 += [math.log10(expected["p_evidence"])] if expected.get("p_evidence") else []
    said = belief.log_evidence / math.log(10)
    limit = item.get("log10_tolerance", max(1e-9, item["tolerance"]))
    off += [f"log10 P(e): {said}, not {value}" for value in log10 if not abs(said - value - shift) <= limit]
    return off if belief.exact else ["approximate", *off]
