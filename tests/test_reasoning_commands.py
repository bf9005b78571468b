"""explain, next, conflict, compare, replay and sensitivity from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ddx.cli import main

HEADER = {"format", "tool", "network", "setting", "exact", "log10_evidence", "evidence", "result_sha256"}
FEW = ("skin-induration", "doughnut-sign", "no-raynaud")
QUESTIONS = [
    ("explain", "contributions", ("explain", "scleromyxedema", *FEW)),
    ("next", "tests", ("next", *FEW)),
    ("conflict", "surprises", ("conflict", *FEW)),
    ("compare", "discriminators", ("compare", "scleromyxedema", "systemic_sclerosis", *FEW)),
    ("replay", "steps", ("replay", *FEW)),
    ("combinations", "combinations", ("combinations", *FEW)),
    ("coverage", "expected_nats", ("coverage", *FEW)),
    ("credible", "intervals", ("credible", *FEW, "--draws", "32")),
]


@pytest.mark.parametrize(("question", "body", "arguments"), QUESTIONS, ids=lambda a: a if isinstance(a, str) else "")
def test_json_has_the_header_and_its_body(
    question: str, body: str, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) >= HEADER
    assert answer["format"] == f"ddx/{question}/1"
    assert answer[body]


@pytest.mark.parametrize(("_question", "_body", "arguments"), QUESTIONS, ids=lambda a: a if isinstance(a, str) else "")
def test_pages_say_what_they_rest_on(
    _question: str, _body: str, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--plain"]) == 0
    page = capsys.readouterr().out
    assert page.isascii()
    assert "3 findings used" in page.splitlines()[0]
    assert "scleroderma clinic" in page.splitlines()[0]
    assert "For education and decision support" in page
    assert "100%" not in page


FIELDS = [  # the contract of the JSON forms
    ("next", "tests", {"finding", "information_bits", "cost", "per_cost", "outcomes"}),
    ("conflict", "surprises", {"finding", "probability"}),
    ("compare", "discriminators", {"finding", "asked"}),
    ("replay", "steps", {"finding", "state", "posteriors"}),
    ("combinations", "combinations", {"diseases", "probability"}),
    ("credible", "intervals", {"id", "posterior", "interval", "median", "same_rank", "top_three"}),
]


@pytest.mark.parametrize(("question", "body", "fields"), FIELDS, ids=lambda a: a if isinstance(a, str) else "")
def test_the_fields_of_the_other_answers(
    question: str, body: str, fields: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = next(arguments for name, _, arguments in QUESTIONS if name == question)
    assert main([*line, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert all(set(item) >= fields for item in answer[body])
    if question == "next":
        outcomes = [o for t in answer["tests"] for o in t["outcomes"]]
        assert all(set(o) == {"state", "probability", "posteriors"} for o in outcomes)
    if question == "conflict":
        assert {"unexplained", "pairs", "coverage"} <= set(answer)


PAGES = [
    ["explain", "multiple_myeloma", "--all"],
    ["explain", "scleromyxedema", "--why-not", "ssc"],
    ["next", "--all"],
    ["next", "--tiers", "--plan", "2"],
    ["next", "--rule-in", "multiple_myeloma"],
    ["conflict", "--all"],
    ["compare", "scleromyxedema", "ssc"],
    ["combinations", "--all"],
    ["replay", "--guess", "ssc"],
    ["coverage"],
    ["credible", "--draws", "32"],
    ["credible", "--draws", "32", "--all"],
    ["sensitivity", "scleromyxedema"],
    ["sensitivity", "ankylosing_spondylitis"],
    ["posterior"],
]


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("arguments", PAGES, ids=" ".join)
def test_a_page_fits_its_width(
    arguments: list[str], columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main([*arguments, "-c", "thirty-four-years"]) == 0
    page = capsys.readouterr().out
    assert "\x1b" not in page
    for line in page.splitlines()[1:]:  # the first stays one line where nobody reads it now
        assert len(line) <= columns, line


@pytest.mark.parametrize("command", ["diagnose", "next", "replay", "combinations"])
def test_help_fits_eighty_columns(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80


LOOKED_UP = [
    ["show", "systemic_sclerosis"],
    ["show", "scleromyxedema"],
    ["show", "mrss"],
    ["show", "mgus"],
    ["show", "lung", "-n", "asia"],
    ["find", "skin"],
    ["about"],
    ["about", "four-diseases", "--engine"],
    ["posterior", "-n", "asia", "smoke=yes"],
    ["posterior", "-n", "hepar2"],
    ["sensitivity", "scleromyxedema", "age=52", "sex=male", *FEW[::2], "ana=negative", "paraprotein"],
]


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("arguments", LOOKED_UP, ids=" ".join)
def test_what_is_looked_up_fits_its_width(
    arguments: list[str], columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(arguments) == 0
    for line in capsys.readouterr().out.splitlines()[arguments[0] in ("posterior", "sensitivity") :]:
        assert len(line) <= columns


def test_a_table_of_numbers_loses_nothing_where_it_is_narrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The basis of a number goes to a line of its own: sources stay whole."""
    pages = []
    for columns in (60, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["show", "scleromyxedema"]) == 0
        pages.append(capsys.readouterr().out)
    for page in pages:
        assert page.count("mahevas2020*") == pages[0].count("mahevas2020*") > 2
        assert "of counts k/n, P is (k + 1/2) / (n + 1)" in page
    assert len(pages[0].splitlines()) > len(pages[1].splitlines())


def test_the_fields_of_a_contribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "multiple_myeloma", "-c", "seed", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    fields = {"finding", "group", "alone_log10", "given_rest_log10", "shapley_log10", "implied_by", "explained_by"}
    for c in answer["contributions"]:
        assert set(c) >= {*fields, "sources"}
        assert c["sources"]
        assert all(s["sources"] for s in c["sources"][:1])
    away = next(c["explained_by"] for c in answer["contributions"] if c["finding"] == "paraprotein")
    assert (away["disease"], away["through"], away["beside"]) == ("scleromyxedema", "clone", "mgus")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("compare", "scleromyxedema", "scleromyxedema"), 2),
        (("compare", "lcssc", "dcssc"), 2),
        (("explain", "no-such-disease"), 3),
        (("explain", "ssc", "--why-not", "systemic_sclerosis"), 2),
        (("explain", "lcssc", "--why-not", "dcssc"), 2),
        (("replay", *FEW, "--order", "ana"), 3),
        (("next", *FEW, "--rule-in", "ssc", "--rule-out", "ssc"), 2),
        (("explain",), 2),
        (("conflict", "paraprotein", "no-paraprotein"), 3),
    ],
)
def test_faults_have_their_exit_code(arguments: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(list(arguments)) == code
    told = capsys.readouterr()
    assert told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize("question", ["explain scleromyxedema", "next", "conflict", "replay"])
def test_impossible_evidence_is_told(question: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["no-paraprotein", "mprotein_heavy=IgG"]
    assert main([*question.split(), *said]) == 5
    assert "mprotein_heavy" in capsys.readouterr().err


def test_without_findings_nothing_is_said_to_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conflict", "--setting", "general-population"]) == 0
    page = capsys.readouterr().out
    assert "No finding was entered" in page
    assert "accounts for the case" not in page


def test_a_guess_is_kept_beside_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *FEW, "--guess", "scleredema"]) == 0
    page = capsys.readouterr().out
    assert "Your list: Scleredema" in page
    assert "on your list, but not likely" in page
    assert "likely, but not on your list" in page
    assert main(["replay", *FEW, "--guess", "scleredema", "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)["judged"]
    assert [j["disease"] for j in judged["wrong"]] == ["scleredema"]
    assert "scleromyxedema" in [j["disease"] for j in judged["missed"]]


def test_a_case_may_be_the_first_word_of_a_replay(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "no-clone", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert main(["replay", "-c", "no-clone", "--json"]) == 0
    assert one == json.loads(capsys.readouterr().out)
    assert main(["replay", "no-such-case"]) == 3
    capsys.readouterr()


def test_sensitivity_and_intervals(capsys: pytest.CaptureFixture[str], toy_file: str) -> None:
    line = ["sensitivity", "flu", "fever", "sex=male", "-n", toy_file]
    assert main([*line, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["flips"]
    assert {"number", "slope", "low", "high", "function"} <= set(answer["influences"][0])
    line_of = next(i for i in answer["influences"] if i["function"] and i["low"]["posterior"] != i["high"]["posterior"])
    here, there = (
        line_of["function"][name]["slope"] * line_of["low"]["value"] + line_of["function"][name]["intercept"]
        for name in ("present", "absent")
    )
    assert here / (here + there) == pytest.approx(line_of["low"]["posterior"], abs=1e-9)
    assert main(line) == 0
    assert "numbers varied" in capsys.readouterr().out
    assert main([*line, "--intervals"]) == 2  # of all diseases: `ddx credible`
    assert "No such option" in capsys.readouterr().err


def test_near_certainty_the_page_tells_odds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sensitivity", "scleromyxedema", "-c", "seed", "--plain"]) == 0
    page = capsys.readouterr().out
    bars = re.findall(r"^ {6}([.#]{24})  ", page, re.MULTILINE)
    assert len(bars) == 10 and len(set(bars)) > 5
    page = " ".join(page.split())
    assert "drawn in log odds" in page and " to 1" in page and "-> >99%" not in page
    assert "stated 0.2% to 2.0%" in page  # what the file says, beside the range drawn from
    assert main(["sensitivity", "nonradiographic_axspa", "-c", "seed"]) == 0
    page = capsys.readouterr().out
    assert "depends on no number" in page and "depends on most" not in page
    assert main(["sensitivity", "nonradiographic_axspa", "-c", "seed", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["influences"][0]
    assert first["low"]["log10_odds"] is None and first["slope"] == 0


def test_counts_stand_beside_the_number_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["sensitivity", "scleromyxedema", "age=52", "sex=male", *FEW[::2], "ana=negative", "paraprotein"]
    assert main(line) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "55% of 27/49, pooled" in page
    assert "Of counts k/n, (k + 1/2) / (n + 1) is in force." in page
    assert "drawn in log odds" not in page and "20% or 64% at the ends of its range" in page


def test_credible_is_about_every_disease(capsys: pytest.CaptureFixture[str], toy_file: str) -> None:
    line = ["credible", "fever", "sex=male", "-n", toy_file, "--draws", "32"]
    assert main([*line, "--json"]) == 0
    sure = json.loads(capsys.readouterr().out)
    assert sure["draws"] == 32
    assert {i["id"] for i in sure["intervals"]} == {"flu", "ssc", "mgus", "multiple_myeloma"}
    assert all(i["interval"][0] <= i["posterior"] <= i["interval"][1] for i in sure["intervals"])
    assert main([*line, "--json", "--seed", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["intervals"] != sure["intervals"]


def test_credible_says_how_many_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["credible", *FEW, "--draws", "16"]
    assert main(line) == 0
    few = capsys.readouterr().out
    assert "11 less probable ones (--all)" in few and "Osteitis condensans" not in few
    assert main([*line, "--all"]) == 0
    assert "Osteitis condensans" in (every := capsys.readouterr().out)
    assert "--all" not in every


def test_coverage_says_what_conflict_and_diagnose_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", *FEW]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "The network accounts for the case as a whole." in page
    assert "90 of 100" in page and "1,024 patients" in page
    found = []
    for question in ("coverage", "conflict", "diagnose"):
        assert main([question, *FEW, "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        found.append(answer if question == "coverage" else answer["coverage"])
    assert found[0]["tail"] == found[1]["tail"] == found[2]["tail"]
    assert found[0]["coverage"] == "inside"
    low, middle, high = found[0]["expected_nats"]
    assert low <= middle <= high < 0


def test_coverage_without_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "--setting", "general-population"]) == 0
    page = capsys.readouterr().out
    assert "No finding was entered" in page
    assert "patients" not in page


def test_diagnose_fills_its_intervals_when_asked(capsys: pytest.CaptureFixture[str], toy_file: str) -> None:
    line = ["diagnose", "fever", "sex=male", "-n", toy_file, "--json"]
    assert main(line) == 0
    assert all(d["interval"] is None for d in json.loads(capsys.readouterr().out)["diseases"])
    assert main([*line, "--intervals"]) == 0
    for d in json.loads(capsys.readouterr().out)["diseases"]:
        assert d["interval"][0] <= d["posterior"] <= d["interval"][1]
    assert main([*line[:-1], "--intervals", "--plain"]) == 0
    page = capsys.readouterr().out
    assert "90% INTERVAL" in page and "How sure:" in page and "1,000 draws" in page
    assert all(len(row) <= 80 for row in page.splitlines()[1:])


@pytest.fixture
def toy_file() -> str:
    from reasoning_cases import TOY

    return TOY


def told(capsys: pytest.CaptureFixture[str], *line: str) -> str:
    """The page of a command, as one line."""
    assert main([*line, "--plain"]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_a_page_says_from_where_to_where_its_weights_lead(capsys: pytest.CaptureFixture[str]) -> None:
    page = told(capsys, "explain", "multiple_myeloma", "-c", "seed")
    assert "Multiple myeloma 0.2% -> <0.1% (with the complaint alone 0.6%)" in page
    assert (
        "All findings together (the complaint among them) took its log10 odds from -2.64 (0.2%) to -3.13 (<0.1%), "
        "by -0.49." in page
    )
    assert "MGUS 5.2% -> 8.5%: Skin thickening" in told(capsys, "explain", "mgus")
    without = told(capsys, "explain", "mgus", "--setting", "general-population", "paraprotein")
    assert "the complaint" not in without


def test_findings_that_are_folded_are_not_called_weaker(capsys: pytest.CaptureFixture[str]) -> None:
    page = told(capsys, "explain", "scleromyxedema", "-c", "seed")
    assert "Weaker" not in page
    assert "more, given all else: " in page


def test_mgus_is_said_to_be_implied_and_myeloma_explained_away(capsys: pytest.CaptureFixture[str]) -> None:
    page = told(capsys, "explain", "mgus", "-c", "seed")
    assert "MGUS is already implied by Scleromyxedema: with that held absent it weighs x140" in page
    assert "accounts for it" not in page
    page = told(capsys, "explain", "multiple_myeloma", "-c", "seed")
    assert "but Scleromyxedema, which brings MGUS, accounts for it" in page


def test_a_name_of_one_form_is_said_to_be_answered_for_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    said = "You named one form of Systemic sclerosis (limited cutaneous)"
    assert said in told(capsys, "explain", "lcssc", *FEW)
    assert said in told(capsys, "explain", "scleromyxedema", "--why-not", "lcssc", *FEW)
    assert said in told(capsys, "compare", "lcssc", "scleromyxedema", *FEW)
    assert "You named" not in told(capsys, "explain", "ssc", *FEW)
    assert main(["explain", "lcssc", *FEW, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "limited"
    assert main(["compare", "lcssc", "dcssc"]) == 2
    assert "both forms of Systemic sclerosis" in capsys.readouterr().err


def test_why_not_folds_what_differs_little_and_names_its_sources(capsys: pytest.CaptureFixture[str]) -> None:
    line = ("explain", "scleromyxedema", "-c", "seed", "--why-not", "ssc")
    page = told(capsys, *line)
    assert "more differ less (--all)" in page
    assert "rongioletti2016: Rongioletti" in page
    every = told(capsys, *line, "--all")
    assert "differ less" not in every
    assert "Bamboo spine" in every
    assert "Bamboo spine" not in page


def test_a_network_without_diseases_is_said_to_have_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pair.bif"
    variables = "".join(f"variable {v} {{ type discrete [ 2 ] {{ yes, no }}; }}\n" for v in ("lung", "xray"))
    tables = "probability ( lung ) { table 0.1, 0.9; }\nprobability ( xray | lung ) { (yes) 0.9, 0.1; (no) 0.2, 0.8; }"
    file.write_text(f"network pair {{ }}\n{variables}{tables}\n")
    for line in (["explain", "lung"], ["compare", "lung", "xray"], ["diagnose"]):
        assert main([*line, "-n", str(file)]) == 3
        assert "does not say which of its variables are diseases" in capsys.readouterr().err


def test_conflict_names_who_explains_and_what_is_uncertain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = told(capsys, "conflict", "-c", "lytic-lesions")
    assert "No finding is out of place: what the others do not expect, a disease of the case explains." in page
    assert "Bone lesions: lytic (usual would be none; explained by Multiple myeloma)" in page
    assert "does not fit" not in page
    findings = {"paraprotein": "present", "raynaud": {"likelihood": {"absent": 9, "present": 1}}}
    case = tmp_path / "uncertain.json"
    case.write_text(json.dumps({"ddx": "case/1", "network": "scleroderma-mimics", "findings": findings}))
    page = told(capsys, "conflict", "-c", str(case))
    assert "Uncertain, and so without a number of patients who have it: Raynaud phenomenon." in page
    assert main(["conflict", "-c", str(case), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["uncertain"] == ["raynaud"]
    assert {"fit", "explained_by", "probability"} <= set(answer["surprises"][0])
