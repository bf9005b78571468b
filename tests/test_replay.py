"""What a replay says of each step: natural frequencies where there are any, and nothing that its rows do not show."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from ddx.cli import main
from ddx.cli.asking import Asked
from ddx.cli.asking import asked as ask
from ddx.reasoning.differential import listed
from ddx.reasoning.lanes import Lanes, StepLanes
from ddx.reasoning.replay import Replay, replay
from ddx.report.replay import text
from ddx.report.surface import Surface
from reasoning_cases import TOY, asked, toy

DOUGHNUT = (
    "ddx: case/1\nsubject: {age: 52, sex: male}\nfindings:\n  doughnut_sign: {likelihood: {present: %g, absent: %g}}\n"
)
ODDS = (9.0, 0.9, 0.09)  # of a sign to 1, 0.1, 0.01 of its absence


def uncertain(folder: Path, weight: float) -> Asked:
    file = folder / f"{weight:g}.case.yaml"
    file.write_text(DOUGHNUT % (weight, weight / 9))
    return ask((), str(file), None, None)


def answered(q: Asked, guess: tuple[str, ...] = ()) -> Replay:
    return replay(q.network, q.model, q.understood, guess=guess)


def page(q: Asked) -> str:
    return text(q.network, answered(q), Surface(width=120))


def printed(capsys: pytest.CaptureFixture[str], *line: str) -> dict[str, Any]:
    assert main([*line, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_an_uncertain_finding_is_told_without_a_scale(tmp_path: Path) -> None:
    """9 to 1 is 0.9 to 0.1: it multiplies odds, and is met in no number of patients."""
    questions = [uncertain(tmp_path, weight) for weight in ODDS]
    pages = [page(q) for q in questions]
    for told in pages:
        assert '"Doughnut sign (uncertain)" multiplies the odds of Scleromyxedema by 3.7.' in told
        assert '"Doughnut sign (uncertain)" is met' not in told
    for q in questions:
        step = answered(q).last
        assert step.probability_before is None
        assert step.move is not None and (step.move.met_with, step.move.met_without) == (None, None)
        odds = [
            q.model.posteriors(e).probability("scleromyxedema") for e in (q.understood.before, q.understood.evidence)
        ]
        before, after = (math.log(p / (1 - p)) for p in odds)
        assert step.move.odds_nats == pytest.approx(after - before, abs=1e-9)
        assert step.move.odds_nats != pytest.approx(math.log(odds[1] / odds[0]), abs=1e-3)  # a mutant: of probabilities


def test_programs_get_null_for_what_an_uncertain_finding_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uncertain(tmp_path, 9.0)
    step = printed(capsys, "replay", str(tmp_path / "9.case.yaml"))["steps"][-1]
    assert step["state"] == "uncertain"
    assert step["probability_before"] is None
    assert (step["most_moved"]["met_with"], step["most_moved"]["met_without"]) == (None, None)
    assert 10 ** step["most_moved"]["odds_log10"] == pytest.approx(3.7, abs=0.05)


def test_what_argues_against_divides_the_odds(tmp_path: Path) -> None:
    told = page(uncertain_toy(tmp_path))
    assert '"Fever (uncertain)" divides the odds of Flu by' in told


def uncertain_toy(folder: Path) -> Asked:
    file = folder / "fever.case.yaml"
    file.write_text("ddx: case/1\nfindings:\n  fever: {likelihood: {present: 1, absent: 20}}\n")
    return ask((), str(file), TOY, None)


def test_a_step_that_moves_nothing_says_what_its_rows_show() -> None:
    """A count that is rounded to one less is not said to be no change."""
    blocks = page(asked("seed")).split("\n\n")
    some = {"as much as": 0, "more than": 0}
    for block in blocks:
        said = re.search(r"Moves no disease by (as much as|more than) 1 of 1,000", block)
        if said is not None:
            rows = re.findall(r" (\S+) -> +(\S+) of 1,000", block)
            assert rows
            assert any(before != after for before, after in rows) == (said[1] == "more than")
            some[said[1]] += 1
    assert all(some.values())


ORDERS = [
    ("seed", ()),
    ("seed", ("tier",)),
    ("seed", ("mprotein_heavy", "paraprotein", "sacroiliitis_grade_left", "doughnut_sign")),
    ("no-clone", ()),
    ("thirty-four-years", ("tier",)),
]


def largest_difference(q: Asked, answer: Replay, shift: int) -> float:
    """Between the steps and plain queries of the whole model with so many findings more entered."""
    names = [s.finding for s in answer.steps[1:] if s.finding is not None]
    worst = 0.0
    for k, step in enumerate(answer.steps):
        entered = {f: q.understood.evidence[f] for f in names[: k + shift]}
        belief = q.model.posteriors({**q.understood.patient, **entered})
        worst = max(worst, *(abs(belief.probability(d) - p) for d, p in step.posteriors.items()))
        if k and not shift and isinstance(q.understood.evidence[names[k - 1]], str):
            assert step.probability_before is not None
            before = {f: said for f, said in entered.items() if f != names[k - 1]}
            logs = [q.model.log_evidence({**q.understood.patient, **said}) for said in (before, entered)]
            assert step.probability_before == pytest.approx(math.exp(logs[1] - logs[0]), rel=1e-9)
    return worst


@pytest.mark.parametrize(("case", "order"), ORDERS)
def test_every_step_is_what_the_whole_model_says(case: str, order: tuple[str, ...]) -> None:
    q = asked(case)
    answer = replay(q.network, q.model, q.understood, order)
    assert largest_difference(q, answer, 0) < 1e-9
    assert largest_difference(q, answer, 1) > 1e-2  # a mutant: one finding more at every step


def test_an_uncertain_finding_of_a_chain_is_entered_as_the_whole_model_does(tmp_path: Path) -> None:
    file = tmp_path / "chain.case.yaml"
    written = "{likelihood: {present: 3, absent: 1}}\n  kind: {likelihood: {a: 1, b: 4, not_applicable: 1}}"
    file.write_text(f"ddx: case/1\nsubject: {{sex: male}}\nfindings:\n  fever: {written}\n")
    q = ask((), str(file), TOY, None)
    for order in ((), ("kind", "fever")):
        assert largest_difference(q, replay(q.network, q.model, q.understood, order), 0) < 1e-12


def test_a_finding_by_itself_is_what_the_whole_model_says() -> None:
    """Also one that is tied to others, which are then left out; with them it is another answer, a mutant."""
    q = asked("seed")
    entries, names = listed(q.network, q.model), [u.finding for u in q.understood.findings]
    lanes = StepLanes(q.network, q.model, q.understood, entries)
    for k in range(len(names)):
        lanes.add_alone(k)
    whole = Lanes(q.model)
    for name in names:
        whole.add({**q.understood.patient, name: q.understood.evidence[name]})
    found, truth = lanes.run(), whole.run()
    assert found.log_odds(entries) == pytest.approx(truth.log_odds(entries), abs=1e-9)
    assert found.log_evidence_nats == pytest.approx(truth.log_evidence_nats, abs=1e-9)
    lanes.add(len(names))
    assert lanes.run().log_odds(entries)[:, 0] != pytest.approx(truth.log_odds(entries)[:, -1], abs=1e-3)


@pytest.mark.parametrize(
    ("q", "beginning"),
    [
        (asked(None, "age=52", "sex=male", "raynaud"), "age, sex and setting alone"),
        (asked(None, "age=52"), "age and setting alone"),
        (asked(None, "raynaud"), "the setting alone"),
        (toy("sex=male"), "sex and setting alone"),
        (ask(("smoke=yes", "dysp=yes"), None, "asia", None), "smoking alone"),
        (ask(("dysp=yes",), None, "asia", None), "the network alone"),
    ],
    ids=lambda a: a if isinstance(a, str) else "",
)
def test_it_begins_with_what_there_is(q: Asked, beginning: str) -> None:
    assert f"Before any finding: {beginning}\n" in page(q)


def test_the_fingerprint_covers_the_readers_list_and_the_order() -> None:
    q = asked(None, "no-raynaud", "ana=negative")
    plain, guessed = answered(q), answered(q, ("mgus",))
    turned = replay(q.network, q.model, q.understood, ["ana"])
    assert len({plain.result_sha256, guessed.result_sha256, turned.result_sha256}) == 3
    assert answered(q, ("mgus",)).result_sha256 == guessed.result_sha256


def test_a_file_may_be_the_first_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uncertain(tmp_path, 9.0)
    monkeypatch.chdir(tmp_path)
    named = printed(capsys, "replay", "-c", "9.case.yaml")
    assert printed(capsys, "replay", "9.case.yaml") == named
    (tmp_path / "bare").write_text(DOUGHNUT % (9, 1))
    assert printed(capsys, "replay", "bare") == named
    longer = printed(capsys, "replay", "9.case.yaml", "no-raynaud")
    assert [s["finding"] for s in longer["steps"][-2:]] == ["doughnut_sign", "raynaud"]
    assert main(["replay", "missing.yaml"]) == 3
    assert "'missing.yaml': no such case file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("sead", "Nor is 'sead' a case. Did you mean seed?"),
        ("nowhere", "Nor is 'nowhere' a case. -c names one: its name on the shelf, or a file."),
        ("no-such-case", "Nor is 'no-such-case' a case."),
    ],
)
def test_a_first_word_that_is_nothing_says_how_a_case_is_named(
    line: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", *line.split()]) == 3
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("line", ["raynaud frogs", "-c seed frogs"])
def test_any_other_word_is_only_no_finding(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *line.split()]) == 3
    told = capsys.readouterr().err
    assert "no finding 'frogs'" in told
    assert "a case" not in told
