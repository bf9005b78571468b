"""One disease or several: how many at once is exact, and odds are said in words that make sense."""

from __future__ import annotations

import json

import pytest

from ddx.cli import main
from ddx.engine import counting
from ddx.reasoning.combinations import combinations
from ddx.report.combinations import sentence
from reasoning_cases import asked, toy


@pytest.mark.parametrize("case", ["no-clone", "seed", "crest"])
def test_how_many_at_once_holds_everything_and_has_the_mean_of_the_posteriors(case: str) -> None:
    q = asked(case)
    answer = combinations(q.network, q.model, q.understood)
    assert answer.how_many is not None
    assert sum(answer.how_many.values()) == pytest.approx(1, abs=1e-12)
    mean = sum(n * p for n, p in answer.how_many.items())
    assert mean == pytest.approx(sum(d.posterior for d in answer.differential.diseases), abs=1e-9)
    listed = [sum(s.probability for s in answer.sets if len(s.diseases) == n) for n in answer.how_many]
    assert all(p >= some - 1e-12 for p, some in zip(answer.how_many.values(), listed, strict=True))
    if case == "no-clone":  # a mutant: those of the listed sets alone
        assert sum(listed) < 0.96


def test_it_is_told_to_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    q = asked("no-clone")
    told = sentence(combinations(q.network, q.model, q.understood))
    assert told.endswith("How many diseases at once: one 26%, two 43%, three 24%, four 6.5%, five 0.9%.")
    assert main(["combinations", "-c", "no-clone", "--json"]) == 0
    assert sum(json.loads(capsys.readouterr().out)["how_many"].values()) == pytest.approx(1, abs=1e-12)


def test_where_it_is_too_much_work_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "LARGEST_FACTOR", 1)
    q = toy("fever")
    answer = combinations(q.network, q.model, q.understood)
    assert answer.how_many is None and answer.body()["how_many"] is None
    assert "How many" not in sentence(answer)
    assert answer.sets


def test_as_probable_is_not_less_probable() -> None:
    q = asked("thirty-four-years")
    told = sentence(combinations(q.network, q.model, q.understood))
    assert "That is as probable as Smouldering myeloma without Scleredema (Buschke)" in told
