"""Posteriors that others published or computed, through the front door: load, compile, ask.

The set is given by DDX_CONFORMANCE (an index.json), or lies in `shared/` beside the project. The problems of the UAI
2014 competition take minutes and run where DDX_LONG is set.
"""

from __future__ import annotations

import functools
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

import ddx

BESIDE = Path(__file__).parents[3] / "shared" / "conformance" / "dev" / "index.json"
INDEX = Path(os.environ.get("DDX_CONFORMANCE", BESIDE))
GROUPS = ("published", "two-engines", *(["uai-2014-competition"] if os.environ.get("DDX_LONG") else []))


def items() -> list[Any]:
    if not INDEX.is_file():
        reason = pytest.mark.skip(reason=f"conformance set absent: no {INDEX.name} there; set DDX_CONFORMANCE")
        return [pytest.param(None, id="absent", marks=reason)]
    found = [item for item in json.loads(INDEX.read_text())["items"] if item["group"] in GROUPS]
    found = [item for item in found if item["format"] != "uai-markov" or item.get("network_as_bayes")]
    return [pytest.param(item, id=item["id"]) for item in found]


@functools.lru_cache(maxsize=4)
def compiled(path: Path) -> Any:
    return ddx.compile(ddx.load(path))


def misses(item: dict[str, Any], model: Any, shift: float = 0.0) -> list[str]:
    """What the model says otherwise than the item, by more than its tolerance; `shift` spoils every expected number."""
    evidence = item.get("evidence") or {str(k): str(v) for k, v in (item.get("evidence_index") or {}).items()}
    for node, weights in (item.get("soft_evidence") or {}).items():
        evidence[node] = dict(zip(model.states[node], weights, strict=True)) if isinstance(weights, list) else weights
    belief, expected = model.posteriors(evidence), item["expected"]
    wanted = {(n, s): p for n, row in (expected.get("marginals") or {}).items() for s, p in row.items()}
    for index, row in (expected.get("marginals_by_index") or {}).items():
        wanted.update({(index, state): p for state, p in zip(model.states[index], row, strict=True)})
    told = {name: (belief[name[0]][name[1]], p + shift) for name, p in wanted.items()}
    off = [f"{name}: {mine}, not {p}" for name, (mine, p) in told.items() if not abs(mine - p) <= item["tolerance"]]
    log10 = [expected[key] for key in ("log10_p_evidence", "log10_partition_function") if expected.get(key) is not None]
    log10 += [math.log10(expected["p_evidence"])] if expected.get("p_evidence") else []
    said = belief.log_evidence / math.log(10)
    limit = item.get("log10_tolerance", max(1e-9, item["tolerance"]))
    assert belief.exact
    return off + [f"log10 P(e): {said}, not {value}" for value in log10 if not abs(said - value - shift) <= limit]


@pytest.mark.parametrize("item", items())
def test_a_posterior_of_others(item: dict[str, Any]) -> None:
    model = compiled(INDEX.parent / (item.get("network_as_bayes") or item["network"]))
    assert misses(item, model) == []
    assert misses(item, model, shift=0.01) != []  # the comparison can fail
