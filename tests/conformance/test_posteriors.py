"""Posteriors that others published or computed, through the front door: load, compile, ask.

Those that ship are of networks that come with pgmpy, by two engines (expectations.json, made by make_expectations.py);
the largest networks take minutes, and are asked where DDX_LONG is set. A set of any other is given with `pytest
--conformance INDEX` or DDX_CONFORMANCE; see `conformance_set`.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest

import ddx
from conformance_set import SHIPPED, asked, index, items, kind, misses
from ddx.engine.belief import Belief
from ddx.engine.case_by_case import CaseByCase, Means
from ddx.engine.model import Model
from ddx.exchange.pgmpy_models import bundled

SLOW = ("barley", "diabetes", "link", "munin", "munin1", "munin2", "munin3", "munin4")


@functools.lru_cache(maxsize=4)
def compiled(path: Path) -> Model:
    return ddx.compile(ddx.load(path))


def shipped() -> list[Any]:
    found = json.loads(SHIPPED.read_text(encoding="utf-8"))["items"]
    return [item for item in found if os.environ.get("DDX_LONG") or item["network"] not in SLOW]


@pytest.mark.parametrize("item", shipped(), ids=lambda item: item["id"])
def test_a_posterior_that_two_engines_share(item: dict[str, Any]) -> None:
    model = compiled(Path(bundled(item["network"])))
    assert misses(item, model) == []
    assert misses(item, model, shift=1e-6) != []  # the comparison can fail


def test_a_wrong_table_is_noticed() -> None:
    """The mutant: one row of one table, moved by a thousandth."""
    item = next(item for item in shipped() if item["network"] == "asia" and "smoke" not in item["evidence"])
    model = compiled(Path(bundled("asia")))
    assert misses(item, model.with_tables({"smoke": [0.501, 0.499]})) != []


def test_what_ships_covers_what_is_bundled_by_two_oracles() -> None:
    told = json.loads(SHIPPED.read_text(encoding="utf-8"))
    names = {path.name.split(".")[0] for path in Path(bundled("asia")).parent.glob("*.bif.gz")}
    assert {item["network"] for item in told["items"]} == names
    assert [oracle.split()[0] for oracle in told["oracles"]] == ["pyagrum", "pgmpy"]
    assert all(item["agree"] <= 1e-9 and item["tolerance"] <= 1e-9 for item in told["items"])
    assert SHIPPED.stat().st_size < 300_000


@pytest.mark.parametrize("item", asked([item for item in items() if kind(item) == "posteriors"]))
def test_a_posterior_of_others(item: dict[str, Any]) -> None:
    model = compiled(index().parent / (item.get("network_as_bayes") or item["network"]))
    assert misses(item, model) == []
    assert misses(item, model, shift=0.01) != []  # the comparison can fail


@pytest.mark.parametrize("item", asked(items()))
def test_every_item_of_the_set_is_asked_somewhere(item: dict[str, Any]) -> None:
    """Posteriors here; readings, refusals and tables in test_conformance_reading."""
    assert kind(item) in ("posteriors", "reading", "refusal", "table"), f"nothing asks {item['id']}"


def test_an_approximate_answer_is_never_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where all of its numbers are."""
    item = shipped()[0]
    network = ddx.load(bundled(item["network"]))
    truth = compiled(Path(bundled(item["network"]))).posteriors(item["evidence"])
    model = CaseByCase.of(network.bayesnet(), means=Means(entries=0))
    assert misses(item, model)[0] == "approximate"
    errors = {node: dict.fromkeys(row, 0.0) for node, row in truth.items()}
    perfect = Belief.of(truth.layout, truth, truth.log_evidence, errors, 1e9)
    monkeypatch.setattr(CaseByCase, "posteriors", lambda *_: perfect)
    assert misses(item, model) == ["approximate"]
