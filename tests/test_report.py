"""Answers in words: caps, signs, widths, and a whole page."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddx.cli.asking import Asked, asked
from ddx.cli.pages import coverage_of, page_of
from ddx.engine.model import Model
from ddx.evidence import Case, Observed
from ddx.knowledge.lexicon import Askable
from ddx.knowledge.spec import Quantity
from ddx.network import Network, load
from ddx.reasoning import basis
from ddx.reasoning.differential import diagnose
from ddx.reasoning.understanding import Understood, understand
from ddx.report import figures, phrases
from ddx.report.figures import EIGHTHS, bar, lift, percent, times
from ddx.report.heading import heading
from ddx.report.json import differential as as_json
from ddx.report.json import written
from ddx.report.surface import BLUE, ORANGE, Surface, fitted, listed
from ddx.report.text import Options, differential_text

TOY = str(Path(__file__).parent / "data" / "toy.yaml")
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def page(*tokens: str, surface: Surface | None = None, options: Options | None = None, network: str = TOY) -> str:
    question = asked(tokens, None, network, None)
    answer = diagnose(question.network, question.model, question.understood)
    return differential_text(page_of(question, answer, surface or Surface(), options))


def test_strong_words_are_kept_back_where_the_case_lies_outside() -> None:
    """Doughnut sign and leonine face, Raynaud and a groove sign, plaques, a bamboo spine: nobody has them all."""
    odd = ("doughnut-sign", "raynaud", "groove-sign", "bamboo-spine", "morphea-plaques", "leonine-facies")
    told = page(*odd, network="scleroderma-mimics")
    assert " ".join(told.split()).index("the case lies outside what this network explains") < told.index("DIAGNOSIS")
    assert "One disease or two?" not in told
    usual = page("doughnut-sign", "no-raynaud", network="scleroderma-mimics")
    assert "lies outside" not in usual and "One disease or two?" in usual


def test_programs_read_how_well_the_case_is_accounted_for() -> None:
    question = asked((), "seed", None, None)
    answer = diagnose(question.network, question.model, question.understood)
    covered = coverage_of(question, answer)
    assert covered is not None
    assert as_json(answer, None, covered)["coverage"] == covered.body()
    assert covered.body()["coverage"] == covered.lies.word == "inside"
    assert page_of(question, answer, Surface()).basis.tail == covered.lies
    nothing = asked(("fever=?",), None, TOY, None)
    without = diagnose(nothing.network, nothing.model, nothing.understood)
    assert page_of(nothing, without, Surface()).basis.tail is None


@pytest.mark.parametrize("scale", [0.01, 1.0, 1000.0])
def test_an_uncertain_finding_has_no_scale(scale: float) -> None:
    said = {"absent": 0.1 * scale, "present": 0.9 * scale}
    question = asked((), None, "scleroderma-mimics", None)
    case = Case((Observed("doughnut_sign", likelihood=said, where="case"),), {"age": "52"})
    one = understand(question.network, case)
    answer = diagnose(question.network, question.model, one)
    sure = understand(question.network, Case((Observed("doughnut_sign", "present", where="case"),), {"age": "52"}))
    assert diagnose(question.network, question.model, sure).basis.log_evidence_nats < answer.basis.log_evidence_nats < 0
    assert one.as_given["doughnut_sign"] == said  # and is told as it was written


def test_every_page_says_what_was_ignored_and_assumed() -> None:
    question = asked((), "seed", "four-diseases", None)
    told = " ".join(heading(question.network, diagnose(*about(question)).basis, Surface()))
    assert "Ignored: " in told and "tst." in told
    assumed = asked((), None, "scleroderma-mimics", None)
    told = " ".join(heading(assumed.network, diagnose(*about(assumed)).basis, Surface()))
    assert "its complaint counts as observed" in told
    unknown = asked(("dysphagia=?",), None, "scleroderma-mimics", None)
    assert "unknown: dysphagia" in " ".join(heading(unknown.network, diagnose(*about(unknown)).basis, Surface()))


def about(question: Asked) -> tuple[Network, Model, Understood]:
    return question.network, question.model, question.understood


@pytest.mark.parametrize("module", [figures, basis])
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    done = doctest.testmod(module)  # type: ignore[arg-type]
    assert done.attempted > 0
    assert done.failed == 0


@given(st.floats(0, 1))
def test_no_probability_is_shown_as_certain(p: float) -> None:
    text = percent(p)
    assert len(text) <= 5
    assert text not in ("100%", "0%", "0.0%")
    if text[0] not in "<>":
        assert abs(float(text[:-1]) / 100 - p) <= (0.0005 if p < 0.0995 else 0.005) + 1e-9


@given(st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_bars_grow_with_the_probability_and_never_overflow(p: float, q: float, unicode: bool) -> None:
    small, large = (bar(x, 10, unicode=unicode) for x in sorted((p, q)))
    assert len(large) <= 10
    assert len(small) <= len(large)
    assert set(large) <= (set(EIGHTHS) | {"█"} if unicode else {"#"})


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_lifts_keep_their_side_of_one(a: float, b: float) -> None:
    assert len(lift(a)) <= 7
    assert times(max(a, b, 1.0)).endswith("as")
    if a < 0.9:
        assert lift(a).lstrip("<").startswith("x0")


def test_names_are_cut_and_counted() -> None:
    assert fitted("abcdef", 4) == "abc…"
    assert fitted("ab", 4) == "ab  "
    assert listed("abcde", 3) == "a, b, c, 2 more"
    assert listed("abc", 3) == "a, b, c"


def test_states_of_measured_values_are_said_as_ranges() -> None:
    said = ("lt5", "5to9_9", "ge10")
    crp = Askable("crp", "CRP", said, None, None, Quantity(unit="mg/l", cuts=(5, 10), states=said))
    assert [phrases.finding(crp, s) for s in said] == ["CRP <5 mg/l", "CRP 5-9.9 mg/l", "CRP ≥10 mg/l"]
    schober = Askable("schober", "Schober", ("ge4cm", "le2_5cm"), None, None)
    assert [phrases.state_said(schober, s) for s in schober.states] == ["≥4 cm", "≤2.5 cm"]
    assert phrases.finding(schober, "4") == "Schober: 4"


def test_findings_are_said_as_at_the_bedside() -> None:
    asks = load(TOY).lexicon.askables
    assert phrases.finding(asks["fever"], "present") == "Fever"
    assert phrases.finding(asks["fever"], "absent") == "no Fever"
    assert phrases.finding(asks["kind"], "a") == "Kind: a"
    assert phrases.finding(asks["kind"], "positive") == "Kind positive"
    assert phrases.finding(asks["kind"], {"a": 1.0}) == "Kind (uncertain)"


GOLDEN = """\
2 findings used (2 present; --used lists them) · setting: Clinic (its complaint counts as observed: Fever) · toy 1.0
Of 19 numbers behind this, 5.3% were measured, 95% are judgement; 19 await a
  second reader.

  DIAGNOSIS  PRIOR      NOW              LIFT
  Flu        30% ->   44%  ████▍       x1.5
      for: Fever (+1 tied)
  MGUS       12% ->   15%  █▌          x1.3
      for: Fever (+1 tied)
  ── kept in view (serious) ──────────────────────────────────────────────────
  Myeloma   0.4% ->  0.5%  ▏           x1.3
      for: Fever (+1 tied)
  ────────────────────────────────────────────────────────────────────────────
  not moved by this case: SSc 10%  (--all)

One disease or two?  Both Flu and MGUS: 13%. Flu without MGUS is 2.3 times as
  probable. The most probable set of all: none of the listed diseases (49%).

Why? ddx explain flu · Next? ddx next · Does it fit? ddx conflict
Numbers: ddx show NAME · This network: ddx about · For programs: --json
"""


def test_a_whole_page() -> None:
    shown = page("kind=a")
    body, foot = shown[: len(GOLDEN)], shown[len(GOLDEN) :]
    assert body == GOLDEN
    assert re.match(r"ddx \S+ · toy 1\.0 \(sha256 [0-9a-f]{12}\) · exact · P\(evidence\) 0\.25 · result", foot)
    assert "not validated prospectively" in " ".join(foot.split()).replace("has not been validated", "not validated")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("tokens", [(), ("doughnut-sign", "no-raynaud", "ana=negative", "paraprotein", "crp=14")])
def test_nothing_is_wider_than_the_terminal(width: int, tokens: tuple[str, ...]) -> None:
    shown = page(*tokens, surface=Surface(width, terminal=True), network="scleroderma-mimics")
    assert max(map(len, shown.splitlines())) <= width
    assert not any(line != line.rstrip() for line in shown.splitlines())


def test_the_plain_page_is_ascii_without_escapes() -> None:
    shown = page("doughnut-sign", "paraprotein", surface=Surface(unicode=False), network="scleroderma-mimics")
    assert shown.isascii()
    assert "\x1b" not in shown
    assert "Waldenstrom" in shown
    assert "####" in shown


def test_colour_says_nothing_that_the_text_does_not() -> None:
    tokens = ("doughnut-sign", "no-raynaud", "ana=negative")
    plain = page(*tokens, network="scleroderma-mimics")
    painted = page(*tokens, surface=Surface(colour=True), network="scleroderma-mimics")
    assert BLUE in painted and ORANGE in painted
    assert [line.rstrip() for line in ESCAPE.sub("", painted).splitlines()] == plain.splitlines()


def test_serious_diseases_and_strong_refutations_stay_in_view() -> None:
    shown = page("doughnut-sign", "no-raynaud", "ana=negative", "anti-topo1=negative", network="scleroderma-mimics")
    assert "kept in view (serious)" in shown
    assert "Multiple myeloma" in shown
    assert re.search(r"Systemic sclerosis +70% ->", shown)
    assert "the diagnosis is" not in shown.lower()


def test_the_assumed_complaint_and_the_setting_stand_on_the_first_line() -> None:
    first = page("raynaud", network="scleroderma-mimics").splitlines()[0]
    assert "setting: scleroderma clinic" in first
    assert "Skin thickening or induration" in first
    assert "whose complaint this case does not have" in page("no-fever").splitlines()[0]


def test_used_lists_every_finding_with_its_origin() -> None:
    shown = page("no-raynaud", "crp=14", "age=52", "tst=?", options=Options(used=True), network="scleroderma-mimics")
    assert re.search(r"\+ skin_induration +present  \(the complaint of the setting\)", shown)
    assert re.search(r"- raynaud +absent", shown)
    assert re.search(r"\+ crp +elevated  \(given as 14\)", shown)
    assert "On record as unknown: tst." in shown


def test_all_lists_every_disease() -> None:
    shown = page("kind=a", options=Options(every_disease=True))
    assert all(name in shown for name in ("Flu", "SSc", "MGUS", "Myeloma"))
    assert "not moved" not in shown


def test_the_json_is_the_contract() -> None:
    question = asked(("kind=a", "sex=male"), None, TOY, None)
    found = json.loads(written(as_json(diagnose(question.network, question.model, question.understood))))
    assert found["format"] == "ddx/differential/1"
    assert list(found)[:7] == ["format", "tool", "network", "setting", "exact", "log10_evidence", "evidence"]
    assert found["evidence"] == {
        "used": [
            {"finding": "sex", "state": "male"},
            {"finding": "fever", "state": "present", "from": "setting"},
            {"finding": "kind", "state": "a"},
        ],
        "unknown": [],
        "ignored": [],
    }
    by_id = {d["id"]: d for d in found["diseases"]}
    assert set(by_id["flu"]) == {"id", "label", "prior", "posterior", "interval", "lift", "serious"}
    assert by_id["mgus"]["of"] == "clone"
    assert set(by_id["ssc"]["states"]) == {"absent", "limited", "diffuse"}
    assert by_id["flu"]["interval"] is None
    assert by_id["flu"]["lift"] == pytest.approx(by_id["flu"]["posterior"] / by_id["flu"]["prior"])
    posteriors = [d["posterior"] for d in found["diseases"]]
    assert posteriors == sorted(posteriors, reverse=True)
    assert re.fullmatch(r"[0-9a-f]{64}", found["result_sha256"])
    assert "not been validated prospectively" in found["intended_use"]
