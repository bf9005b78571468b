"""`ddx check` on files with many faults: one fault hides no other, and what could not be looked at is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddx.documents import parse
from ddx.errors import SpecError
from ddx.exchange.files import read_network
from ddx.knowledge import spec
from ddx.knowledge.arcs import cycle_faults
from ddx.knowledge.check import check_file
from ddx.knowledge.load import load
from ddx.knowledge.meaning import cause_states, known_of
from ddx.knowledge.partial import Around, partial
from ddx.network import load as load_any
from ddx.reasoning.lint import Report, lint

TOY = Path(__file__).parent / "data" / "toy.yaml"
E = "source: elicited, grade: judgement"
FINDING = """  {name}:
    label: {name}
    states: [absent, present]
    tier: exam
    model: {model}
"""
FOLLOWS = (
    "{{kind: deterministic, parents: [{0}], otherwise: absent, rules: [{{when: {{{0}: present}}, state: present}}]}}"
)


def written(folder: Path, *changes: tuple[str, str], more: str = "") -> Path:
    text = TOY.read_text(encoding="utf-8")
    for was, now in changes:
        assert was in text, was
        text = text.replace(was, now, 1)
    path = folder / "net.yaml"
    path.write_text(text + more, encoding="utf-8")
    return path


def messages(report: Report, level: str) -> str:
    return "\n".join(f"{i.message}. {i.remedy}" for i in report.issues if i.level == level)


ROW = ("{male: {p: 0.49,", f"{{female: {{p: 0.7, {E}}}, male: {{p: 0.49,")
SOURCE = ("mgus: {p: 0.03, source: elicited", "mgus: {p: 0.03, source: nobody")
CAUSE = ("        flu: {a:", "        flux: {a:")
RANGE = ("multiple_myeloma: {present: {p: 0.2,", "multiple_myeloma: {present: {p: 1.2,")
ALIAS = ("label: Flu\n", "label: Flu\n    aliases: [ssc]\n")
BELOW = ("ssc=limited: {present: {p: 0.2,", "ssc=limited: {present: {p: 0.002,")
TIER = ("tier: history", "tier: hstory")
CIRCLE = FINDING.format(name="a1", model=FOLLOWS.format("a2")) + FINDING.format(name="a2", model=FOLLOWS.format("a1"))


def test_one_error_hides_neither_the_others_nor_the_doubts(tmp_path: Path) -> None:
    report = lint(str(written(tmp_path, ROW, SOURCE, CAUSE, RANGE, ALIAS, BELOW, TIER, more=CIRCLE)))
    errors, warnings, notes = (messages(report, level) for level in ("error", "warning", "note"))
    for words in ("row sums to 1.19", "no source 'nobody'", "unknown cause 'flux'", "1.2 is not a prob", "cycle: a"):
        assert words in errors
    assert "'hstory' is not a known word" in errors
    for words in (
        "'ssc' (id of ssc) is also aliases of flu",
        "P(fever | ssc=limited) = 0.002 is below",
        "graded measured",
    ):
        assert words in warnings
    assert "not checked until the errors are mended" in notes
    assert "whether the settings can be met, states that never occur, size" in notes
    assert "findings without a disease" in notes


def test_a_word_that_no_number_rests_on_hides_nothing(tmp_path: Path) -> None:
    """With a misspelt tier, an unknown source or a prior too low, the network is computed all the same."""
    sound = lint(str(written(tmp_path)))
    for change in (TIER, SOURCE, ("  title: A toy for the tests\n", ""), ("serious: true", "serious: yes")):
        report = lint(str(written(tmp_path, change)))
        assert report.count("error") == 1
        assert "treewidth" in messages(report, "note")
        assert {(i.message, i.remedy) for i in sound.issues if i.level == "warning"} <= {
            (i.message, i.remedy) for i in report.issues
        }


def test_a_prior_too_low_leaves_the_rest_to_be_told(tmp_path: Path) -> None:
    low = ("      flu: {p: 0.01,", f"      mgus: {{p: 0.0001, {E}}}\n      flu: {{p: 0.01,")
    reviewed = ("      ssc=limited: {p: 0.1,", "      ssc=limited: {p: 0.1, reviewed: true,")
    still = FINDING.format(name="still", model="{kind: deterministic, parents: [fever], otherwise: absent, rules: []}")
    (tmp_path / "review").mkdir()
    complaint = f"    complaint: {{finding: fever, state: present, p: {{p: 0.4, {E}}}}}\n"
    report = lint(str(written(tmp_path, low, reviewed, (complaint, ""), more=still)))
    assert "below P(flu) P(mgus | flu)" in messages(report, "error")
    assert "called reviewed" in messages(report, "warning")


LEFT_OUT = [
    (("states: [absent, limited, diffuse]", "states: nope"), 1),
    (("states: [absent, limited, diffuse]", "state: [absent, limited, diffuse]"), 1),
    (("background: {present: {p: 0.01,", "backgroud: {present: {p: 0.01,"), 2),
    (("present: {p: 0.9,", "present: {p: 0,9,"), 1),
    (("kind: attribute", "kind: attributes"), 1),
    (("kind: attribute", "kind: something"), 1),
    (("sources: {elicited: {citation: invented for a test}}", "sources: {elicited: x}"), 1),
    (("    inherits: general\n", "    inherit: general\n"), 1),
    (("{label: MGUS, states: [mgus]}", "{label: MGUS, states: 3}"), 1),
    (("    reported: {mgus:", "    reportd: {mgus:"), 1),
    (("  sex: {label: Sex, states: [male, female]}", "  sex: {label: Sex, states: 7}"), 1),
    (("default_setting: clinic\n", ""), 1),
    (("profile: [{context: sex,", "profile: [{contxt: sex,"), 2),
]


@pytest.mark.parametrize(("change", "count"), LEFT_OUT, ids=[c[0][1][:28] for c in LEFT_OUT])
def test_what_could_not_be_read_makes_no_further_faults(tmp_path: Path, change: tuple[str, str], count: int) -> None:
    """The names of what was left out are still names, and no doubt rests on what is not there."""
    sound = {i.message for i in lint(str(TOY)).issues}
    report = lint(str(written(tmp_path, change)))
    assert report.count("error") == count
    assert "not checked until" in messages(report, "note")
    assert {i.message for i in report.issues if i.level == "warning"} <= sound
    both = lint(str(written(tmp_path, change, more=CIRCLE)))
    assert "cycle: " in messages(both, "error")


def test_without_a_group_of_variables_only_the_shape_is_told(tmp_path: Path) -> None:
    report = lint(str(written(tmp_path, ("findings:\n", "findngs:\n"))))
    assert report.count("error") == 2
    assert "what the rest of the file means" in messages(report, "note")


def test_a_sound_file_is_read_whole() -> None:
    found = partial(parse(TOY.read_text(encoding="utf-8"), "toy.yaml"))
    assert (found.faults, found.missing) == ([], frozenset())
    assert found.network == load(TOY)
    assert "not checked" not in messages(lint(str(TOY)), "note")


def test_places_around_a_place() -> None:
    around = Around([("findings", "fever", "model")])
    assert around.touches(("findings",)) and around.touches(("findings", "fever", "model", "given", "flu"))
    assert not around.touches(("findings", "kind"), ("findings", "fever", "label"))


# --- single numbers and words


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("present: {p: 0.9,", "present: {p: 0.9, n: -5,", "n: -5 is no number of patients"),
        ("present: {p: 0.9,", "present: {p: 0.9, n: 0,", "n: 0 is no number of patients"),
        ("present: {p: 0.9,", "present: {p: 1e-400,", "p: 1e-400 is too small to be told from 0"),
        ("present: {p: 0.9,", "present: {p: 0,9,", "p: 0,9 is not a number. Write 0.9: a comma begins"),
        ("kind: attribute", "kind: attributes", "'attributes' is not a known word. Write 'attribute'."),
        ("kind: attribute", "kind: zzz", "Write noisy-or, noisy-max, table, deterministic or attribute."),
        ("      kind: attribute\n", "", "the key 'kind' is missing. Add `kind:`: noisy-or"),
        ("inherits: general", "inherits: clinic", "clinic inherits from itself"),
        ("    label: General population\n", "    label: G\n    inherits: clinic\n", "general -> clinic -> general"),
        ("label: MGUS", "lable: MGUS", "unknown key 'lable'. Did you mean label?"),
        ("states: [absent, limited, diffuse]", "state: [absent, limited]", "unknown key 'state'. Did you mean states?"),
        ("ssc=limited: {value: 3, source: elicited", "ssc=limited: {value: 3, source: no", "no source 'no'"),
        ("ssc=limited: {value: 3,", "ssc=limited: {value: 3, lo: 5, hi: 2,", "the interval 5.0 to 2.0"),
        ("ssc=limited: {value: 3,", "ssc=limited: {value: 0,", "an odds ratio of 0.0. It must be above 0"),
    ],
)
def test_a_fault_is_told_where_it_stands(tmp_path: Path, was: str, now: str, words: str) -> None:
    """By `ddx check` and on loading alike, and once."""
    path = written(tmp_path, (was, now))
    report = lint(str(path))
    assert sum(words in f"{i.message}. {i.remedy}" for i in report.issues) == 1
    assert "unknown key 'gate'" not in messages(report, "error")
    with pytest.raises(SpecError) as caught:
        load(path)
    assert words in str(caught.value)
    assert "net.yaml:" in str(caught.value)


@pytest.mark.parametrize("number", ["0", "0.0", "0e-400", "1e-300", "5e-324"])
def test_zero_and_small_numbers_are_numbers(tmp_path: Path, number: str) -> None:
    path = written(tmp_path, ("present: {p: 0.9,", f"present: {{p: {number},"))
    assert load(path).findings["fever"].model.given["flu"]["present"].p == float(number)  # type: ignore[union-attr]


def test_an_odds_ratio_is_graded_and_reviewed_as_any_number(tmp_path: Path) -> None:
    path = written(
        tmp_path, ("{value: 3, source: elicited, grade: judgement", "{value: 3, source: elicited, grade: measured")
    )
    line = next(i for i, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if "odds_ratios" in row)
    told = {i.message: i.level for i in lint(str(path)).issues if i.where == f"net.yaml:{line}"}
    assert told["clone: graded measured, but its source is no measurement (invented for a test)"] == "warning"
    assert told["clone: measured, but without an interval"] == "note"
    network = load_any(path)
    assert network.outline is not None
    assert f"{network.outline.tally.unreviewed} of {network.outline.tally.numbers} numbers" in messages(
        lint(str(path)), "note"
    )


def test_causes_looked_up_once_are_those_looked_up_each_time() -> None:
    network = load(TOY)
    known = known_of(network)
    words = [*known.words, *(f"{n}={s}" for n, states in known.states.items() for s in states), "flux", "flu=no", "=a"]
    assert [known.cause(word) for word in words] == [cause_states(network, word) for word in words]


# --- long chains, circles, many unknown words


def chain(length: int, last: str) -> str:
    """Findings that each follow from the next; the last follows from `last`."""
    names = [f"c{i}" for i in range(length)]
    return "".join(
        FINDING.format(name=name, model=FOLLOWS.format(over))
        for name, over in zip(names, [*names[1:], last], strict=True)
    )


def test_a_long_chain_is_no_fault_and_a_long_circle_is(tmp_path: Path) -> None:
    path = written(tmp_path, more=chain(1500, "fever"))
    checked = check_file(path, {})
    assert checked.sound and checked.whole
    path.write_text(TOY.read_text(encoding="utf-8") + chain(1500, "c0"), encoding="utf-8")
    (fault,) = [i for i in check_file(path, {}).issues if i.level == "error"]
    assert fault.message.startswith("cycle: c1499 -> ") and fault.message.endswith("... -> c1499")


def test_findings_of_a_long_chain_are_put_in_order(tmp_path: Path) -> None:
    from ddx.reasoning.chains import _depths

    ties: dict[str, tuple[str, ...]] = {f"c{i}": (f"c{i + 1}",) for i in range(5000)} | {"c5000": ()}
    assert _depths(ties) == {f"c{i}": 5000 - i for i in range(5001)}


def test_the_circle_is_one(tmp_path: Path) -> None:
    """What is named is a circle, causes first, and not what only leads to it."""
    more = CIRCLE + FINDING.format(name="tail", model=FOLLOWS.format("a1"))
    network = partial(parse(TOY.read_text(encoding="utf-8") + more, "net.yaml")).network
    assert isinstance(network, spec.Network)
    ((place, message, _),) = cycle_faults(network)
    assert message in ("cycle: a1 -> a2 -> a1", "cycle: a2 -> a1 -> a2")
    assert place == ("findings", message.split()[1], "model")


def test_a_cycle_in_a_file_of_another_tool_has_its_lines(tmp_path: Path) -> None:
    blocks = "".join(f"variable {v} {{ type discrete [2] {{ y, n }}; }}\n" for v in "DF")
    table = "probability ( {} | {} ) {{ (y) 0.5, 0.5; (n) 0.5, 0.5; }}\n"
    path = tmp_path / "cyc.bif"
    path.write_text("network x { }\n" + blocks + table.format("D", "F") + table.format("F", "D"), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_network(path)
    assert caught.value.where == f"{path}:4"
    assert f"D at {path}:4, F at {path}:5" in caught.value.remedy


def test_near_misses_are_looked_for_only_where_they_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ddx.knowledge import naming

    asked: list[str] = []
    real = naming.near_misses
    monkeypatch.setattr(naming, "near_misses", lambda word, known: asked.append(word) or real(word, known))
    rows = ", ".join(f"flu{i}x: {{present: {{p: 0.5, {E}}}}}" for i in range(500))
    model = f"{{kind: noisy-or, background: {{present: {{p: 0.01, {E}}}}}, given: {{{rows}}}}}"
    path = written(tmp_path, more=FINDING.format(name="many", model=model))
    assert sum(i.level == "error" for i in check_file(path, {}).issues) == 500
    assert len(asked) <= 50
    assert "Did you mean flu?" in check_file(path, {}).issues[0].remedy
    asked.clear()
    with pytest.raises(SpecError, match="and 488 more"):
        load(path)
    assert len(asked) <= 12


# --- roles


ROLES = """ddx: roles/1
name: bad
version: "1"
title: t
citation: c
population: p
licence: l
diseases: {D: {label: D, present: [y]}}
findings: {F: {label: F, tier: exam}}
"""


def test_a_roles_file_beside_is_checked_with_the_file(tmp_path: Path) -> None:
    blocks = "".join(f"variable {v} {{ type discrete [2] {{ y, n }}; }}\n" for v in "DF")
    tables = "probability ( D ) { table 0.1, 0.9; }\nprobability ( F | D ) { (y) 0.5, 0.5; (n) 0.1, 0.9; }\n"
    path, roles = tmp_path / "bad.bif", tmp_path / "bad.roles.yaml"
    path.write_text("network x { }\n" + blocks + tables, encoding="utf-8")
    assert lint(str(path)).sound
    roles.write_text(ROLES, encoding="utf-8")
    assert lint(str(path)).sound
    assert lint(str(path)).kind == "other tool"
    wrong = ROLES.replace("present: [y]", "present: [yes_]").replace("F: {label: F", "G: {label: F")
    roles.write_text(wrong, encoding="utf-8")
    for name in (path, roles):
        report = lint(str(name))
        assert {i.where for i in report.issues if i.level == "error"} == {"bad.roles.yaml:8", "bad.roles.yaml:9"}
        assert "treewidth" in messages(report, "note")
    roles.write_text(ROLES.replace("tier: exam", "tier: exm") + "x: 1\n", encoding="utf-8")
    assert lint(str(path)).count("error") == 2
    with pytest.raises(SpecError):
        load_any(path)
