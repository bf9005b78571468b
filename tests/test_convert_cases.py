"""`ddx convert CASE OUT`: another form says the same, names what it cannot carry, and is its owner's alone."""

from __future__ import annotations

import csv
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ddx
from ddx.cli import main
from ddx.evidence import as_document, case_of, parse_case, read_case
from ddx.exchange.files import write_network
from ddx.exchange.pgmpy_models import bundled
from ddx.exchange.yamltext import lines
from ddx.knowledge import catalog

CASE = """ddx: case/1
id: case-77
title: "a case: with signs, = and #"
source: a journal
note: a note
subject: {age: 52, sex: male, ancestry: unknown}
findings:
  raynaud: absent
  sclerodactyly: present
  pruritus: absent
  dysphagia: unknown
  sacroiliitis_grade_left: 4
  hla_b27: {likelihood: {positive: 0.9, negative: 0.1}}
expect: {rank: [scleromyxedema], above: {scleromyxedema: 0.5}, joint_above: {scleromyxedema+mgus: 0.01}}
"""
PLAIN = CASE.replace("  hla_b27: {likelihood: {positive: 0.9, negative: 0.1}}\n", "")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """One command in a folder that holds both cases."""
    (tmp_path / "a.case.yaml").write_text(CASE, encoding="utf-8")
    (tmp_path / "plain.case.yaml").write_text(PLAIN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def go(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return go


def answer(run: Run, *arguments: str) -> Any:
    code, out, err = run("diagnose", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.mark.parametrize("name", ["out.json", "out.case.yaml"])
def test_the_forms_of_ddx_carry_everything(run: Run, tmp_path: Path, name: str) -> None:
    assert run("convert", "a.case.yaml", name)[0] == 0
    one, other = read_case(tmp_path / "a.case.yaml"), read_case(tmp_path / name)
    assert [(o.name, o.state, o.likelihood) for o in one.findings] == [
        (o.name, o.state, o.likelihood) for o in other.findings
    ]
    for key in ("subject", "subject_unknown", "id", "title", "source", "note", "expect"):
        assert getattr(one, key) == getattr(other, key) != ""
    assert answer(run, "-c", name) == answer(run, "-c", "a.case.yaml")
    assert run("convert", name, f"again-{name}")[0] == 0
    assert (tmp_path / f"again-{name}").read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("name", sorted(catalog.cases()))
def test_every_shipped_case_survives(name: str) -> None:
    case = read_case(catalog.case_path(name))
    again = parse_case("".join(lines(as_document(case))), case.name)
    plain = parse_case(json.dumps(as_document(case)), case.name, "json")
    for other in (again, plain):
        assert as_document(other) == as_document(case)
        assert [(o.name, o.state) for o in other.findings] == [(o.name, o.state) for o in case.findings]
        assert other.expect == case.expect


@pytest.mark.parametrize("word", ["no", "yes", "null", "0x1", "1e3", "a: b", "# x", "'", '"', "é", " ", "-", "?", "{}"])
def test_a_state_is_written_as_the_word_that_it_is(word: str) -> None:
    text = "".join(lines({"ddx": "case/1", "findings": {"F": word, word: "x"}}))
    case = parse_case(text, "t")
    assert case.findings[0].state == (None if word == "?" else word)
    assert case.findings[1].name == word


def test_a_phenopacket_carries_what_has_an_exact_term(run: Run, tmp_path: Path) -> None:
    code, out, err = run("convert", "a.case.yaml", "out.phenopacket.json")
    assert (code, out) == (0, "a.case.yaml -> out.phenopacket.json\n")
    packet = json.loads((tmp_path / "out.phenopacket.json").read_text(encoding="utf-8"))
    features = {f["type"]["id"]: f.get("excluded", False) for f in packet["phenotypicFeatures"]}
    assert features == {"HP:0011838": False, "HP:0000989": True, "HP:0030880": True}
    assert packet["subject"] == {
        "id": "subject",
        "sex": "MALE",
        "timeAtLastEncounter": {"age": {"iso8601duration": "P52Y"}},
    }
    for finding in ("dysphagia", "sacroiliitis_grade_left", "hla_b27"):
        assert f"not carried over: {finding}" in err
    back = answer(run, "-c", "out.phenopacket.json")
    said = {u["finding"]: u.get("state") for u in back["evidence"]["used"]}
    assert (said["sclerodactyly"], said["pruritus"], said["raynaud"]) == ("present", "absent", "absent")
    assert "case-77" not in json.dumps(packet)
    code, _, err = run("convert", "a.case.yaml", "strict.phenopacket.json", "--strict")
    assert code == 3 and "hla_b27" in err
    assert not (tmp_path / "strict.phenopacket.json").exists()


def test_a_phenopacket_becomes_a_case(run: Run, tmp_path: Path) -> None:
    run("convert", "a.case.yaml", "p.phenopacket.json")
    assert run("convert", "p.phenopacket.json", "q.case.yaml", "--strict")[0] == 0
    assert answer(run, "-c", "q.case.yaml")["diseases"] == answer(run, "-c", "p.phenopacket.json")["diseases"]


def test_tables_hold_many_cases_and_the_other_forms_one(run: Run, tmp_path: Path) -> None:
    assert run("convert", "plain.case.yaml", "out.csv")[0] == 0
    (row,) = csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines())
    assert (row["raynaud"], row["subject.age"], row["dysphagia"]) == ("absent", "52", "unknown")
    assert answer(run, "-c", "out.csv")["diseases"] == answer(run, "-c", "plain.case.yaml")["diseases"]
    (tmp_path / "two.csv").write_text("case,raynaud\n=1,absent\nc2,present\n", encoding="utf-8")
    assert run("convert", "two.csv", "again.csv")[0] == 0
    assert (tmp_path / "again.csv").read_text(encoding="utf-8").splitlines() == [
        "case,raynaud",
        "'=1,absent",
        "c2,present",
    ]
    code, _, err = run("convert", "two.csv", "two.json")
    assert code == 3 and "2 cases" in err
    code, _, err = run("convert", "a.case.yaml", "a.csv")
    assert code == 3 and "hla_b27" in err and "likelihood" in err


def test_the_evidence_of_a_uai_network(run: Run, tmp_path: Path) -> None:
    (tmp_path / "asia.case.yaml").write_text("ddx: case/1\nfindings: {dysp: yes, smoke: no}\n", encoding="utf-8")
    write_network(ddx.load(str(bundled("asia"))).bayesnet(), tmp_path / "asia.bif")
    assert run("convert", "asia.bif", "asia.uai")[0] == 0
    assert run("convert", "asia.case.yaml", "asia.uai.evid", "-n", "asia.bif")[0] == 0
    one = json.loads(run("posterior", "-c", "asia.case.yaml", "-n", "asia.bif", "--json")[1])
    other = json.loads(run("posterior", "-c", "asia.uai.evid", "--json")[1])
    assert other["log10_evidence"] == pytest.approx(one["log10_evidence"], abs=1e-12)
    for (_, mine), (_, theirs) in zip(one["posteriors"].items(), other["posteriors"].items(), strict=True):
        assert [*theirs.values()] == pytest.approx([*mine.values()], abs=1e-12)
    (tmp_path / "soft.case.yaml").write_text(
        "ddx: case/1\nfindings: {dysp: {likelihood: {yes: 1, no: 2}}}\n", encoding="utf-8"
    )
    code, _, err = run("convert", "soft.case.yaml", "soft.evid", "-n", "asia.bif")
    assert code == 0 and "not carried over: dysp" in err


LITTLE = """ddx: case/1
network: scleroderma-mimics
setting: back-pain-clinic
id: case-77
title: {title}
source: {source}
note: {note}
subject: {{age: 52, sex: male, ancestry: unknown}}
findings: {{raynaud: absent, dysphagia: unknown}}
expect: {{below: {{mgus: 0.9}}}}
"""
LOST = "title, source, note, expect: no place in this form"
SETTING = "setting: name it with --setting back-pain-clinic"
UNKNOWN = "dysphagia: neither plainly present nor plainly absent"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("x.csv", [LOST]),
        ("x.phenopacket.json", [UNKNOWN, "subject ancestry: no place for what is written", SETTING, f"id, {LOST}"]),
        (
            "x.evid",
            [
                "dysphagia: unknown; .evid holds states only",
                "subject ancestry: unknown; .evid holds states only",
                "setting, id, title, source, note, expect: no place in this form",
            ],
        ),
        ("x.case.yaml", []),
        ("x.json", []),
    ],
)
def test_what_a_form_has_no_place_for_is_told_once_and_refused_when_strict(
    run: Run, tmp_path: Path, name: str, told: list[str]
) -> None:
    text = LITTLE.format(title="ZZ one", source="ZZ two", note="ZZ three")
    (tmp_path / "little.case.yaml").write_text(text, encoding="utf-8")
    code, _, err = run("convert", "little.case.yaml", name, "--strict")
    assert (code, (tmp_path / name).exists()) == ((3, False) if told else (0, True))
    assert not told or "; ".join(told) in err
    code, _, err = run("convert", "little.case.yaml", name, "--force")
    assert code == 0
    assert err.splitlines() == [f"ddx: {name}: not carried over: {item}" for item in told]
    assert "ZZ" not in err


def test_a_table_keeps_the_setting_the_name_and_what_nobody_knows(run: Run, tmp_path: Path) -> None:
    (tmp_path / "little.case.yaml").write_text(LITTLE.format(title="a", source="b", note="c"), encoding="utf-8")
    assert run("convert", "little.case.yaml", "x.csv")[0] == 0
    assert run("convert", "x.csv", "back.case.yaml", "--strict")[0] == 0
    one, other = read_case(tmp_path / "little.case.yaml"), read_case(tmp_path / "back.case.yaml")
    for key in ("subject", "subject_unknown", "id", "setting"):
        assert getattr(one, key) == getattr(other, key)
    assert (
        answer(run, "-c", "back.case.yaml")["result_sha256"] == answer(run, "-c", "little.case.yaml")["result_sha256"]
    )


def test_findings_beyond_the_network_are_told(run: Run, tmp_path: Path) -> None:
    """A view answers without them, so the forms that are written in its words do not hold them."""
    ignored = answer(run, "-c", "seed", "-n", "four-diseases")["evidence"]["ignored"]
    assert len(ignored) > 20
    for name in ("seed.evid", "seed.phenopacket.json"):
        assert run("convert", "seed", name, "-n", "four-diseases", "--strict")[0] == 3
        assert not (tmp_path / name).exists()
        code, _, err = run("convert", "seed", name, "-n", "four-diseases")
        assert code == 0 and f"not carried over: {', '.join(ignored)}: not in this network" in err
    assert run("convert", "seed", "seed.json", "-n", "four-diseases", "--strict")[0] == 0
    assert answer(run, "-c", "seed.json")["evidence"]["ignored"] == ignored


def test_a_network_that_a_reader_would_not_take_is_told_unless_it_was_named(run: Run, tmp_path: Path) -> None:
    text = "ddx: case/1\nnetwork: four-diseases\nfindings: {raynaud: absent}\n"
    (tmp_path / "four.case.yaml").write_text(text, encoding="utf-8")
    for name in ("four.csv", "four.phenopacket.json"):
        code, _, err = run("convert", "four.case.yaml", name, "--strict")
        assert code == 3 and "network: name it with -n four-diseases" in err
        assert run("convert", "four.case.yaml", name, "--strict", "-n", "four-diseases")[0] == 0


def test_the_setting_on_the_line_is_that_of_the_written_case(run: Run, tmp_path: Path) -> None:
    assert run("convert", "plain.case.yaml", "s.case.yaml", "--setting", "back-pain-clinic")[0] == 0
    assert read_case(tmp_path / "s.case.yaml").setting == "back-pain-clinic"


def test_nobody_else_can_read_a_case_and_nothing_is_replaced_unasked(run: Run, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        for name in ("x.json", "x.case.yaml", "x.phenopacket.json", "x.evid"):
            assert run("convert", "a.case.yaml", name)[0] == 0
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
            code, _, err = run("convert", "a.case.yaml", name)
            assert code == 3 and "--force" in err
            assert run("convert", "a.case.yaml", name, "--force")[0] == 0
    finally:
        os.umask(before)
    assert not [*tmp_path.glob(".*")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.case.yaml", "a.docx"), "is a case, which is written as .case.yaml"),
        (("seed", "seed.yaml"), "is a case, which is written as .case.yaml"),
        (("seed", "seed.xdsl"), "is a case, which is written as .case.yaml"),
        (("a.case.yaml", "nosuch/a.json"), "cannot be written"),
        (("nosuch", "a.json"), "no case named 'nosuch'"),
        (("nosuch.csv", "a.json"), "nosuch.csv"),
        (("a.case.yaml", "a.phenopacket", "-n", "asia"), "this network knows smoke"),
    ],
)
def test_what_cannot_be_written_is_said(run: Run, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = run("convert", *arguments)
    assert (code, out) == (3, "")
    assert words in err
    assert not (tmp_path / arguments[1]).exists()


def test_case_of_reads_what_as_document_writes() -> None:
    """The mutant: another state is another document."""
    from ddx.documents import parse

    document = as_document(parse_case(CASE, "t"))
    text = "".join(lines(document))
    assert as_document(case_of(parse(text, "t"))) == document
    assert as_document(case_of(parse(text.replace("raynaud: absent", "raynaud: present"), "t"))) != document
