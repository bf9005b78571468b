"""What is excluded exactly, or certain: said so, by what, and never as a number."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddx.cli import main
from ddx.cli.asking import Asked
from ddx.cli.asking import asked as ask
from ddx.reasoning.compare import compare
from ddx.reasoning.explain import explain
from ddx.reasoning.odds import log_odds
from ddx.reasoning.settled import settling
from reasoning_cases import asked, entry

SETTLED = str(Path(__file__).parent / "data" / "settled.yaml")
NRAXSPA = "nonradiographic_axspa"


def small(*findings: str) -> Asked:
    return ask(findings, None, SETTLED, None)


class Monotone:
    """Log odds of subsets of players: minus infinity where the subset holds one of some sets of them."""

    def __init__(self, excluding: list[set[int]]) -> None:
        self.excluding = excluding

    def __call__(self, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        return np.array([-math.inf if self.settled({int(k) for k in np.flatnonzero(row)}) else 0.0 for row in inside])

    def settled(self, players: set[int]) -> bool:
        return any(own <= players for own in self.excluding)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.integers(0, 5), min_size=1, max_size=3), max_size=4))
def test_what_settles_it_is_the_least_that_must_be_left_out(excluding: list[set[int]]) -> None:
    game = Monotone(excluding)
    found = settling(game, 6)
    assert found is not None
    left = set(range(6)) - set(found)
    assert not game.settled(left)
    assert {k for k in range(6) if game.settled({k})} <= set(found)
    for k in found:  # each of them takes part in some set that excludes; a mutant: everything left out
        assert any(k in own for own in excluding)
    if excluding and not set(range(6)) <= set().union(*excluding):
        assert set(found) != set(range(6))
    if not excluding:
        assert found == ()


def test_what_is_settled_before_any_finding_is_no_finding_s_doing() -> None:
    assert settling(Monotone([set()]), 3) is None


def test_the_finding_that_excludes_a_disease_is_named_and_the_others_weigh_without_it() -> None:
    q = asked("seed")
    answer = explain(q.network, q.model, q.understood, entry(q, NRAXSPA))
    assert answer.posterior == 0
    assert answer.end_nats is None
    assert [c.finding for c in answer.settling] == ["sacroiliitis_grade_left"]
    excluding = answer.settling[0]
    assert (excluding.role, excluding.alone_nats, excluding.given_rest_nats) == ("against", None, None)
    said = {f: s for f, s in q.understood.evidence.items() if f not in excluding.findings}
    columns = [said, q.understood.patient]
    others = [c for c in answer.contributions if not c.settles]
    columns += [{f: s for f, s in said.items() if f not in c.findings} for c in others]
    odds = log_odds(q.model, [q.model.likelihood(e) for e in columns], answer.entry)
    assert answer.span.end_nats == pytest.approx(odds[0], abs=1e-9)
    assert answer.start_nats == pytest.approx(odds[1], abs=1e-9)
    for k, c in enumerate(others):
        assert c.given_rest_nats == pytest.approx(odds[0] - odds[2 + k], abs=1e-9), c.finding
    assert sum(c.shapley_nats or 0.0 for c in others) == pytest.approx(odds[0] - odds[1], abs=1e-9)
    assert max(abs(c.shapley_nats or 0.0) for c in others) < 10  # a mutant: shares of a bound that stands for infinity


def test_findings_that_exclude_it_only_together_are_both_named() -> None:
    q = small("left", "right", "one")
    answer = explain(q.network, q.model, q.understood, entry(q, "b"))
    assert answer.posterior == 0
    assert {c.finding for c in answer.settling} == {"left", "right"}
    assert all(c.alone_nats is not None and c.given_rest_nats is None for c in answer.settling)
    assert answer.of("one").given_rest_nats == pytest.approx(math.log(5))


def test_a_disease_that_age_and_sex_exclude_has_no_weights() -> None:
    q = small("one", "sex=male")
    answer = explain(q.network, q.model, q.understood, entry(q, "a"))
    assert (answer.start_nats, answer.end_nats, answer.span.start) == (None, None, 0.0)
    assert all(c.alone_nats is None and c.shapley_nats is None and not c.settles for c in answer.contributions)


def test_a_very_small_probability_is_no_exclusion() -> None:
    """However small, its logarithm is there; a mutant: kept within a bound."""
    q = small("test", "one")
    weights = {"present": 1e-300, "absent": 1.0}
    columns = [q.model.likelihood({"b": weights}), q.model.likelihood({"test": "present"})]
    small_odds, excluded = log_odds(q.model, columns, entry(q, "b"))
    assert small_odds == pytest.approx(math.log(0.3 / 0.7) - 300 * math.log(10), abs=1e-6)
    assert small_odds < -690
    assert excluded == -math.inf


def test_two_diseases_of_which_one_is_excluded_have_no_odds() -> None:
    q = asked("seed")
    pair = (entry(q, "ankylosing_spondylitis"), entry(q, NRAXSPA))
    answer = compare(q.network, q.model, q.understood, pair)
    assert answer.log_odds_nats is None
    assert answer.excluded == (pair[1],)
    assert [a.findings[0] for a in answer.settling] == ["sacroiliitis_grade_left"]
    weights = [a.given_rest_nats for a in answer.asked if not a.settles]
    assert all(w is not None and abs(w) < 10 for w in weights)
    assert max(abs(w or 0.0) for w in weights) > 1


def test_an_answer_that_would_settle_it_has_no_logarithm() -> None:
    q = small("one")
    answer = compare(q.network, q.model, q.understood, (entry(q, "a"), entry(q, "b")))
    test = next(n for n in answer.not_asked if n.finding == "test")
    assert test.for_first == ("present", None)  # never met with b
    assert test.for_second[0] == "absent"
    assert test.for_second[1] is not None


@pytest.mark.parametrize(
    "line",
    [
        ["explain", NRAXSPA, "-c", "seed"],
        ["explain", NRAXSPA, "-c", "seed", "--why-not", "ankylosing_spondylitis"],
        ["compare", "ankylosing_spondylitis", NRAXSPA, "-c", "seed"],
        ["explain", "a", "one", "sex=male", "-n", SETTLED],
        ["explain", "b", "left", "right", "-n", SETTLED],
        ["compare", "a", "b", "one", "sex=male", "-n", SETTLED],
        ["compare", "a", "b", "test", "-n", SETTLED],
    ],
    ids=" ".join,
)
def test_no_number_stands_for_what_does_not_exist(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    assert main([*line, "--json"]) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert all(abs(v) < 50 for v in _weights(told))
    assert main([*line, "--plain"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "100,000" not in told
    assert any(word in told for word in ("excludes it", "exclude it", "excluded before any finding", "exclude "))


def _weights(told: object) -> list[float]:
    """Every logarithm of odds in an answer."""
    found: list[float] = []
    for key, value in told.items() if isinstance(told, dict) else ():
        if isinstance(value, float) and ("log10" in key and key != "log10_evidence"):
            found.append(value)
        found += _weights(value)
    for value in told if isinstance(told, list) else ():
        found += _weights(value)
    return found
