"""`ddx check`: every problem at once, each with level, line and remedy; a sound file has none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ddx.cli import main
from ddx.errors import SpecError
from ddx.knowledge import catalog
from ddx.knowledge.check import Issue, check_file
from ddx.knowledge.load import load
from ddx.reasoning.lint import Report, lint

TOY = Path(__file__).parent / "data" / "toy.yaml"


def written(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """The toy with some of its text replaced."""
    text = TOY.read_text(encoding="utf-8")
    for was, now in changes:
        assert was in text, was
        text = text.replace(was, now, 1)
    path = tmp_path / "net.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def lines_of(path: Path, text: str) -> list[str]:
    rows = path.read_text(encoding="utf-8").splitlines()
    return [f"{path.name}:{i}" for i, row in enumerate(rows, 1) if text in row]


def found(path: Path, words: str) -> Issue:
    hits = [i for i in lint(str(path)).issues if words in i.message]
    assert hits, [i.message for i in lint(str(path)).issues]
    return hits[0]


def test_the_toy_has_no_error() -> None:
    report = lint(str(TOY))
    assert report.sound
    assert any("treewidth" in i.message for i in report.issues)
    assert any("19 of 19 numbers await a second reader" in i.message for i in report.issues)


# what is changed, the level, words of the message, and a text on the line that must be named
DOUBTS = [
    (("label: Flu\n", "label: Flu\n    aliases: [ssc]\n"), "warning", "'ssc'", "ssc: {label"),
    (
        ("        ssc=limited: {present: {p: 0.2,", "        ssc=limited: {present: {p: 0.002,"),
        "warning",
        "P(fever | ssc=limited) = 0.002 is below the background 0.01",
        "p: 0.002",
    ),
    (("grade: measured", "grade: measured"), "warning", "no measurement", "grade: measured"),
    (
        (
            "sources: {elicited: {citation: invented for a test}}",
            "sources: {elicited: {citation: c, url: 'javascript:x'}}",
        ),
        "warning",
        "no web address",
        "javascript",
    ),
    (
        (
            "sources: {elicited: {citation: invented for a test}}",
            "sources: {elicited: {citation: c}, b: {citation: b}}",
        ),
        "note",
        "no number cites b",
        "sources:",
    ),
    (("p: 0.9, source: elicited", "p: 0.9, source: nobody"), "error", "no source 'nobody'", "nobody"),
    (("k: 7, n: 10", "k: 17, n: 10"), "error", "17 of 10", "k: 17"),
    (
        ("      ssc=limited: {p: 0.1,", "      ssc=limited: {p: 0.1, reviewed: true,"),
        "warning",
        "no second reader's file",
        "reviewed",
    ),
    (
        ("      flu: {p: 0.01,", "      mgus: {p: 0.0001, source: elicited, grade: judgement}\n      flu: {p: 0.01,"),
        "error",
        "below P(flu) P(mgus | flu) = 0.01 x 0.3 = 0.003",
        "mgus: {p: 0.0001",
    ),
    (
        (
            "    inherits: general\n",
            "    inherits: general\n"
            "    backgrounds: {fever: {present: {p: 0.3, source: elicited, grade: judgement}}}\n",
        ),
        "warning",
        "P(fever | ssc=limited) = 0.2 is below the background of clinic 0.3",
        "backgrounds: {fever",
    ),
]


@pytest.mark.parametrize(("change", "level", "words", "on"), DOUBTS, ids=[d[2][:30] for d in DOUBTS])
def test_a_doubt_is_told_with_its_line(
    tmp_path: Path, change: tuple[str, str], level: str, words: str, on: str | None
) -> None:
    path = written(tmp_path, change)
    (tmp_path / "review").mkdir()
    issue = found(path, words)
    assert issue.level == level
    if on is not None:
        assert issue.where in lines_of(path, on)
        assert issue.remedy


@pytest.mark.parametrize(("change", "level", "words"), [d[:3] for d in DOUBTS if d[1] != "note"])
def test_without_the_fault_nothing_is_told(change: tuple[str, str], level: str, words: str) -> None:
    """The mutant: on the toy as it is, none of these is told, except the one that it has."""
    told = [i.message for i in lint(str(TOY)).issues if words in i.message]
    assert bool(told) == (change[0] == change[1])


E = "source: elicited, grade: judgement"
FLU_PRIOR = "      flu: {p: 0.01,"
COLD = f"      cold: {{p: 0.1, {E}}}\n"
SSC = "  ssc: {label: SSc, states: [absent, limited, diffuse]}"
SHARE = "kind: share, row: {male: {k: 7, n: 10, source: elicited, grade: measured}}"
ODDS = f"      odds_ratios: {{ssc=limited: {{value: 3, {E}}}}}\n"
LOOP = (
    f"{SSC[:-1]}, model: {{kind: noisy-max, background: {{limited: {{p: 0.1, {E}}}, diffuse: {{p: 0.1, {E}}}}}, "
    f"given: {{clone=mgus: {{limited: {{p: 0.2, {E}}}, diffuse: {{p: 0.1, {E}}}}}}}}}}}"
)
RATES = f"kind: rate, row: {{male: {{p: 0.5, {E}}}, female: {{p: 0.4, {E}}}}}"

ASKED_OF_A_LINTER = {  # what ddx check must find -> changes that make the fault, its level, words of what it says
    "rows": (
        [("{male: {p: 0.49,", f"{{female: {{p: 0.7, {E}}}, male: {{p: 0.49,")],
        "error",
        "row sums to 1.19, not 1",
    ),
    "cycles": ([(SSC, LOOP)], "error", "cycle: "),
    "orphans": (
        [
            ("diseases:\n", "diseases:\n  cold: {label: Cold}\n"),
            (FLU_PRIOR, f"      cold: {{p: 0.1, {E}}}\n{FLU_PRIOR}"),
        ],
        "warning",
        "cold is the cause of no finding",
    ),
    "missing sources": ([("p: 0.9, source: elicited", "p: 0.9, source: nobody")], "error", "no source 'nobody'"),
    "sources without words": ([("citation: invented for a test", "citation: ' '")], "warning", "has no citation"),
    "judgement as measured": ([], "warning", "graded measured, but its source is no measurement"),
    "an effect rarer than its cause brings about": (
        [(FLU_PRIOR, f"      mgus: {{p: 0.0001, {E}}}\n{FLU_PRIOR}")],
        "error",
        "below P(flu) P(mgus | flu)",
    ),
    "links below the leak": (
        [("ssc=limited: {present: {p: 0.2,", "ssc=limited: {present: {p: 0.002,")],
        "warning",
        "link",
    ),
    "priors against associations": ([(SHARE, RATES)], "warning", "the rates of flu by sex average to"),
    "states never used": (
        [("mm: {p: 0.001,", "mm: {p: 0,"), ("mm: {p: 0.01,", "mm: {p: 0,"), (ODDS, "")],
        "warning",
        "clone is never mm, in no setting",
    ),
    "overlapping aliases": ([("label: Flu\n", "label: Flu\n    aliases: [ssc]\n")], "warning", "'ssc'"),
    "unreviewed numbers": ([], "note", "19 of 19 numbers await a second reader"),
    "treewidth and memory": ([], "note", "MB; treewidth at most"),
}


@pytest.mark.parametrize("kind", ASKED_OF_A_LINTER)
def test_each_kind_of_problem_is_found(tmp_path: Path, kind: str) -> None:
    """The list of what a linter of networks is asked for; `unreachable` is in the test of findings that say nothing."""
    changes, level, words = ASKED_OF_A_LINTER[kind]
    issue = found(written(tmp_path, *changes), words)
    assert issue.level == level
    assert issue.where.startswith("net.yaml")
    if changes:  # the toy itself does not have it
        assert not [i for i in lint(str(TOY)).issues if words in i.message]
        assert issue.remedy


def test_a_network_too_large_to_compile_says_how_large(tmp_path: Path) -> None:
    """Predicted before it is allocated: thirty parents of one table."""
    text = TOY.read_text(encoding="utf-8")
    names = [f"x{i}" for i in range(30)]
    model = f"{{kind: table, otherwise: {{present: {ROW}}}}}"
    text += "".join(FINDING.format(name=name, model=model) for name in names)
    text += FINDING.format(
        name="wide", model=f"{{kind: table, parents: [{', '.join(names)}], otherwise: {{present: {ROW}}}}}"
    )
    path = tmp_path / "net.yaml"
    path.write_text(text, encoding="utf-8")
    issue = next(i for i in lint(str(path)).issues if i.level == "error")
    assert "2,147,483,648" in issue.message


FINDING = """  {name}:
    label: {name}
    states: [absent, present]
    tier: exam
    model: {model}
"""
ROW = "{p: 0.5, source: elicited, grade: judgement}"


@pytest.mark.parametrize(
    ("name", "model", "words"),
    [
        ("lonely", f"{{kind: table, otherwise: {{present: {ROW}}}}}", "lonely depends on nothing"),
        (
            "idle",
            f"{{kind: table, parents: [sex], otherwise: {{present: {ROW}}}}}",
            "no disease stands behind idle",
        ),
        (
            "twice",
            "{kind: deterministic, parents: [fever], otherwise: absent, "
            "rules: [{when: {fever: present}, state: present}, {when: {fever: present}, state: absent}]}",
            "never used: rules 1 of twice fits first",
        ),
        ("still", "{kind: deterministic, parents: [fever], otherwise: absent, rules: []}", "still is never present"),
        ("round", f"{{kind: table, parents: [round2], otherwise: {{present: {ROW}}}}}", "unknown parent 'round2'"),
    ],
)
def test_a_finding_that_says_nothing(tmp_path: Path, name: str, model: str, words: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(TOY.read_text(encoding="utf-8") + FINDING.format(name=name, model=model), encoding="utf-8")
    assert words in found(path, words).message


def test_a_cycle_names_its_line(tmp_path: Path) -> None:
    model = "{kind: deterministic, parents: [%s], otherwise: absent, rules: []}"
    text = TOY.read_text(encoding="utf-8")
    text += FINDING.format(name="a1", model=model % "a2") + FINDING.format(name="a2", model=model % "a1")
    path = tmp_path / "net.yaml"
    path.write_text(text, encoding="utf-8")
    issue = found(path, "cycle: ")
    assert issue.level == "error"
    assert issue.where.partition(":")[2]


def test_every_problem_is_collected(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ("p: 0.9, source: elicited", "p: 0.9, source: nobody"),
        ("gate: {fever: present}", "gate: {fever: high}"),
        ("inherits: general", "inherits: genral"),
    )
    messages = [i.message for i in lint(str(path)).issues if i.level == "error"]
    assert len(messages) == 3


def test_a_setting_that_cannot_be_met_is_an_error(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ("      flu: {p: 0.3,", "      mgus: {p: 0.0001, source: elicited, grade: judgement}\n      flu: {p: 0.3,"),
    )
    issue = found(path, "setting clinic")
    assert issue.level == "error"
    assert issue.where in lines_of(path, "  clinic:")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"a: [", b"ddx: network/9\n", b"hello", b"ddx: network/1\n", b"ddx: &a 1\n", b"- 1\n"]
)
@pytest.mark.parametrize("ending", ["yaml", "bif", "roles.yaml", "xdsl"])
def test_a_bad_file_is_an_error_in_the_list(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"bad.{ending}"
    path.write_bytes(content)
    report = lint(str(path))
    assert not report.sound
    assert all(i.message for i in report.issues)


def test_exit_codes_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(TOY), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == "ddx/check/1"
    assert told["counts"]["error"] == 0
    assert {"level", "where", "message", "remedy"} == set(told["issues"][0])
    bad = written(tmp_path, ("p: 0.9, source: elicited", "p: 1.9, source: elicited"))
    assert main(["check", str(bad), "--plain"]) == 3
    page = capsys.readouterr().out
    assert "error: net.yaml:" in page
    assert "2 errors" in page
    assert main(["check", str(tmp_path / "absent.yaml")]) == 3


REVIEW = "ddx: review/1\nnetwork: net\nreader: R\nnumbers:\n  {place}: {value}\n"


@pytest.mark.parametrize(
    ("place", "value", "level"),
    [
        ("findings/fever/model/given/flu/present", "0.9", "note"),
        ("findings/fever/model/given/flu/present", "0.8", "error"),
        ("findings/fever/model/given/flu/present", "9/10", "error"),
        ("diseases/flu/profile/0/row/male", "7/10", "note"),
        ("diseases/flu/profile/0/row/male", "7/11", "error"),
        ("diseases/flu/profile/0/row/male", "11/7", "error"),
        ("findings/fever/model/given/flux/present", "0.9", "error"),
        ("findings/fever/model/given/flu/present", "'0,9'", "error"),
        ("diseases/clone/model/odds_ratios/ssc=limited", "3", "note"),
        ("diseases/clone/model/odds_ratios/ssc=limited", "2.5", "error"),
        ("diseases/clone/model/odds_ratios/ssc=limited", "3/4", "error"),
        ("diseases/clone/model/odds_ratios/ssc=limited", "0", "error"),
    ],
)
def test_the_second_reader(tmp_path: Path, place: str, value: str, level: str) -> None:
    path = written(tmp_path)
    (tmp_path / "review").mkdir()
    (tmp_path / "review" / "net.yaml").write_text(REVIEW.format(place=place, value=value), encoding="utf-8")
    report = lint(str(path))
    words = (place, "neither a probability", "is no odds ratio")
    issues = [i for i in report.issues if any(w in i.message for w in words)]
    assert [i.level for i in issues] == [level]
    if level == "error":
        assert "review/net.yaml:5" in issues[0].where + issues[0].remedy


def test_without_second_readings_no_number_is_warned_of(tmp_path: Path) -> None:
    """As installed: the file is not here, which is said once. Where the folder is, each number is told."""
    path = written(tmp_path, ("      ssc=limited: {p: 0.1,", "      ssc=limited: {p: 0.1, reviewed: true,"))
    told = [i for i in lint(str(path)).issues if "review" in i.message and "await" not in i.message]
    assert [i.level for i in told] == ["note"]
    assert "1 number is called reviewed; the second reader's file review/net.yaml is not here" in told[0].message
    (tmp_path / "review").mkdir()
    assert found(path, "called reviewed, but no second reader's file").level == "warning"


def test_the_shelf_without_its_second_readings(tmp_path: Path) -> None:
    shutil.copy(catalog.networks()["scleroderma-mimics"], tmp_path)
    issues = lint(str(tmp_path / "scleroderma-mimics.yaml")).issues
    assert not [i for i in issues if i.level == "warning" and "reviewed" in i.message]
    assert len([i for i in issues if "is not here to compare" in i.message]) == 1


def test_a_view_states_no_numbers_of_its_own() -> None:
    """Its document has none of the lines at which the numbers of the larger network stand."""
    report = lint("four-diseases")
    assert not report.count("error") + report.count("warning")


def test_a_view_of_itself_is_refused(tmp_path: Path) -> None:
    text = catalog.networks()["four-diseases"].read_text(encoding="utf-8")
    path = tmp_path / "round.yaml"
    path.write_text(text.replace("of: scleroderma-mimics", "of: round"), encoding="utf-8")
    assert "is a view of itself" in found(path, "view").message
    with pytest.raises(SpecError, match="is a view of itself"):
        load(path)


def test_other_tools_and_roles() -> None:
    report: Report = lint("asia")
    assert report.kind == "roles"
    assert report.sound


def test_reading_needs_no_inference(tmp_path: Path) -> None:
    assert not [i for i in check_file(TOY, {}).issues if i.level == "error"]
    assert check_file(tmp_path / "absent.yaml", {}).issues[0].level == "error"
