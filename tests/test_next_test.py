"""What `next` recommends: within the limit, what is always asked first, and no test for what the case excludes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ddx.cli import main
from ddx.cli.asking import Asked
from ddx.cli.asking import asked as ask
from ddx.reasoning.next_test import Aim, NextTests, next_tests
from ddx.reasoning.plan import Step
from ddx.report.next_test import sentence, stopping, text
from ddx.report.surface import Surface
from reasoning_cases import asked, entry

XOR = (Path(__file__).parent / "data" / "xor.yaml").read_text()
FEW = ("age=52", "sex=male", "skin-induration", "no-raynaud", "ana=negative", "paraprotein")
SEED_EXCLUDES = "nonradiographic_axspa"


def of_xor(folder: Path, *always: str) -> Asked:
    """The network in which stain and smear tell nothing alone, some of its findings always asked."""
    written = XOR
    for name in always:
        assert f"  {name}:\n" in written
        written = written.replace(f"  {name}:\n", f"  {name}:\n    mandatory: true\n")
    file = folder / "always.yaml"
    file.write_text(written)
    return ask((), None, str(file), None)


def answered(q: Asked, aim: Aim) -> NextTests:
    return next_tests(q.network, q.model, q.understood, aim)


def page(q: Asked, aim: Aim) -> str:
    return text(q.network, answered(q, aim), Surface(width=200))


@pytest.mark.parametrize("limit", [5.0, 10.0, 50.0])
@pytest.mark.parametrize("purpose", ["information", "rule_in", "rule_out"])
def test_what_is_recommended_costs_no_more_than_the_limit(purpose: str, limit: float) -> None:
    q = asked(None, *FEW)
    focus = (entry(q, "multiple_myeloma"),) if purpose != "information" else ()
    answer = answered(q, Aim(focus, purpose, cost_limit=limit))
    best = answer.recommended
    assert best is not None
    assert best.cost <= limit
    assert best == next(t for t in answer.tests if t.cost <= limit)
    assert f"{best.label} ({best.tier.replace('_', ' ')}, cost {best.cost:g})" in sentence(q.network, answer)
    listed, _, beyond = page(q, answer.aim).partition(f"beyond the limit of {limit:g}")
    assert "Bone-marrow clonal plasma cells" in beyond
    assert "Bone-marrow clonal plasma cells" not in listed


def test_a_better_test_beyond_the_limit_is_listed_and_not_recommended() -> None:
    """Without a limit it would be another one: a mutant."""
    q = asked(None, *FEW)
    aimed = (entry(q, "multiple_myeloma"),)
    near, far = (answered(q, Aim(aimed, "rule_out", cost_limit=n)) for n in (5.0, 100.0))
    assert near.recommended != far.recommended
    assert [t.finding for t in near.tests] == [t.finding for t in far.tests]
    assert far.recommended is not None and not near.within(far.recommended)


def test_where_nothing_is_within_the_limit_it_says_so() -> None:
    q = asked(None, *FEW)
    answer = answered(q, Aim(cost_limit=0.5))
    assert answer.recommended is None and answer.stop
    told = sentence(q.network, answer)
    assert told.startswith("No test of at most 0.5 cost units is left to ask. Beyond the limit, Waxy lichenoid papules")
    assert answer.headline == "Nothing within the limit is left to ask."
    aimed = answered(q, Aim((entry(q, "multiple_myeloma"),), "rule_out", cost_limit=0.5))
    assert "is left to ask. Beyond the limit, to rule out Multiple myeloma" in sentence(q.network, aimed)


def test_a_program_is_told_what_is_within_the_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["next", "-c", "seed", "--limit", "10", "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert answer["recommended"] == next(t["finding"] for t in answer["tests"] if t["within_limit"])
    assert all(t["within_limit"] == (t["cost"] <= 10) for t in answer["tests"])
    assert not answer["tests"][0]["within_limit"]


def test_what_is_always_asked_comes_first_though_it_tells_nothing(tmp_path: Path) -> None:
    q = of_xor(tmp_path, "stain")
    answer = answered(q, Aim())
    assert [t.finding for t in answer.tests] == ["stain", "itch"]
    assert answer.tests[0].information_bits == pytest.approx(0, abs=1e-9)
    assert [t.finding for t in answered(of_xor(tmp_path), Aim()).tests] == ["itch"]
    told = sentence(q.network, answer)
    assert told.startswith("First what is always asked: Stain (cheap lab, cost 2). Then: Itch (history, cost 1).")
    assert "not met, 1 test does and 1 that is always asked is open." in stopping(answer)


@pytest.mark.parametrize("limit", [0.0, 1.0, 2.0])
def test_nothing_is_settled_while_what_is_always_asked_is_open(tmp_path: Path, limit: float) -> None:
    q = of_xor(tmp_path, "stain", "smear")
    known = ask(("itch",), None, str(tmp_path / "always.yaml"), None)
    for question in (q, known):
        told = page(question, Aim(cost_limit=limit))
        assert not answered(question, Aim(cost_limit=limit)).stop
        assert "Nothing" not in told and "Stop:" not in told
        assert "always asked" in told
        assert ("but beyond the limit" in told) == (limit < 2)


def steps(step: Step | None) -> list[Step]:
    return [] if step is None else [step, *(s for b in step.after for s in steps(b.then))]


def test_a_plan_begins_with_what_is_always_asked(tmp_path: Path) -> None:
    """Without the mark it begins with another finding: a mutant."""
    free = answered(of_xor(tmp_path), Aim(plan=1)).plan
    assert free is not None and free.first is not None and free.first.finding == "itch"
    q = of_xor(tmp_path, "stain")
    for depth in (1, 2, 3):
        plan = answered(q, Aim(plan=depth, price_bits=0.05)).plan
        assert plan is not None and plan.first is not None
        assert (plan.first.finding, plan.first.mandatory) == ("stain", True)
        assert not any(s.mandatory for b in plan.first.after for s in steps(b.then))
    assert "  Stain (always asked)\n" in page(q, Aim(plan=2))
    dear = answered(q, Aim(plan=1, cost_limit=1)).plan
    assert dear is not None and dear.first is not None and dear.first.finding == "itch"


def test_a_shortlist_holds_what_is_always_asked(tmp_path: Path) -> None:
    written = (Path(__file__).parents[1] / "networks" / "scleroderma-mimics.yaml").read_text()
    for name in ("bone_lesions", "sclerodactyly"):
        written = written.replace(f"\n  {name}:\n", f"\n  {name}:\n    mandatory: true\n", 1)
    file = tmp_path / "always.yaml"
    file.write_text(written)
    q = ask(FEW, None, str(file), None)
    for depth in (2, 3):
        plan = answered(q, Aim(plan=depth)).plan
        assert plan is not None and len(plan.considered) < plan.open
        assert {s.finding for s in steps(plan.first) if s.mandatory} == {"bone_lesions", "sclerodactyly"}
        assert plan.information_bits >= plan.one_at_a_time_bits - 1e-9
    aimed = page(q, Aim((entry(q, "ankylosing_spondylitis"),)))
    assert "First what is always asked: Sclerodactyly (exam, cost 1) and Bone lesions (imaging, cost 25)." in aimed


def test_a_disease_that_the_case_excludes_is_named() -> None:
    q = asked("seed")
    aim = Aim((entry(q, SEED_EXCLUDES),), "rule_in")
    answer = answered(q, aim)
    assert answer.now[SEED_EXCLUDES] == 0
    told = sentence(q.network, answer)
    assert told == "The case excludes Non-radiographic axial spondyloarthritis: no test can change that."
    both = answered(q, Aim((entry(q, SEED_EXCLUDES), entry(q, "mgus"))))
    told = sentence(q.network, both)
    assert told.startswith("The case excludes Non-radiographic axial spondyloarthritis: no test can change that. N")
    open_ = asked(None, *FEW)
    assert "excludes" not in sentence(open_.network, answered(open_, Aim((entry(open_, SEED_EXCLUDES),), "rule_in")))


def test_one_is_one(tmp_path: Path) -> None:
    told = page(of_xor(tmp_path), Aim(plan=1, cost_limit=1))
    assert "Exact over every plan of the one affordable test." in told
    assert "no test of at most 1 cost unit moves" in told
