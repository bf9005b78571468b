"""Cases of other systems on the command line, and answers for other systems: nothing silent, nobody named."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ddx.cli import main
from ddx.cli.asking import asked
from ddx.exchange import ontology
from ddx.exchange.source import Source
from ddx.reasoning.differential import diagnose
from ddx.report import csv as as_csv
from ddx.report import fhir as as_fhir

TOY = str(Path(__file__).parent / "data" / "toy.yaml")
CANARY = "ZZPHI"  # stands wherever a file may name the patient
SCLERODACTYLY, PRURITUS, NARROWER = "HP:0011838", "HP:0000989", "HP:0002092"
UNKNOWN = "HP:0999999"

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """`ddx COMMAND ... -c FILE` with that content: exit code, stdout, stderr; the canary is in neither."""

    def go(content: Any, *arguments: str, name: str = "case.json", command: str = "diagnose") -> tuple[int, str, str]:
        file = tmp_path / name
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        code = main([command, "-c", str(file), *arguments])
        out, err = capsys.readouterr()
        assert CANARY not in out + err
        assert "Traceback" not in err
        return code, out, err

    return go


def feature(term: str, **more: Any) -> dict[str, Any]:
    return {"type": {"id": term, "label": f"{CANARY} label"}, "description": f"{CANARY} text", **more}


def packet(*features: Any, **more: Any) -> dict[str, Any]:
    subject = {
        "id": f"{CANARY}-id",
        "alternateIds": [f"{CANARY}-other"],
        "sex": "MALE",
        "dateOfBirth": f"{CANARY}-1970",
        "timeAtLastEncounter": {"age": {"iso8601duration": "P52Y"}},
    }
    meta = {"phenopacketSchemaVersion": "2.0", "createdBy": f"{CANARY} clinic", "created": f"{CANARY}"}
    return {
        "id": f"{CANARY}-packet",
        "subject": subject,
        "phenotypicFeatures": list(features),
        "metaData": meta,
        **more,
    }


def bundle(*resources: Any) -> dict[str, Any]:
    patient = {
        "resourceType": "Patient",
        "id": f"{CANARY}7",
        "name": [{"family": f"{CANARY}"}],
        "birthDate": f"{CANARY}",
        "gender": "male",
    }
    entries = [{"fullUrl": f"urn:{CANARY}", "resource": body} for body in (patient, *resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def observation(code: str, seen: bool, system: str = "http://human-phenotype-ontology.org") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"{CANARY}-observation",
        "status": "final",
        "subject": {"reference": f"Patient/{CANARY}7", "display": f"{CANARY}"},
        "code": {"coding": [{"system": system, "code": code}], "text": f"{CANARY}"},
        "valueBoolean": seen,
        "note": [{"text": f"{CANARY}"}],
    }


def used(out: str) -> dict[str, dict[str, Any]]:
    return {entry["finding"]: entry for entry in json.loads(out)["evidence"]["used"]}


class TestPhenopackets:
    def test_observed_and_excluded_answer_as_the_same_findings_do(
        self, ask: Ask, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, out, _ = ask(packet(feature(SCLERODACTYLY), feature(PRURITUS, excluded=True)), "--json")
        assert code == 0
        assert used(out)["sclerodactyly"]["state"] == "present"
        assert used(out)["pruritus"]["state"] == "absent"
        assert main(["diagnose", "age=52", "sex=male", "sclerodactyly", "no-pruritus", "--json"]) == 0
        typed = json.loads(capsys.readouterr().out)
        assert json.loads(out)["diseases"] == typed["diseases"]
        assert json.loads(out)["result_sha256"] == typed["result_sha256"]

    def test_version_1_negated_is_absent(self, ask: Ask) -> None:
        meta = {"phenopacketSchemaVersion": "1.0.0"}
        code, out, _ = ask(packet(feature(PRURITUS, negated=True), metaData=meta), "--json")
        assert code == 0
        assert used(out)["pruritus"]["state"] == "absent"

    def test_a_quoted_false_is_refused(self, ask: Ask) -> None:
        code, out, err = ask(packet(feature(SCLERODACTYLY, excluded="false")))
        assert (code, out) == (3, "")
        assert "excluded" in err and "without quotes" in err

    def test_an_unknown_term_is_listed_and_not_used(self, ask: Ask) -> None:
        code, out, err = ask(packet(feature(SCLERODACTYLY), feature(UNKNOWN)), "--json")
        assert code == 0
        assert json.loads(out)["evidence"]["ignored"] == [UNKNOWN]
        assert f"not used: {UNKNOWN} (no finding of scleroderma-mimics has this code)" in err
        _, page, _ = ask(packet(feature(SCLERODACTYLY), feature(UNKNOWN)))
        assert f"Ignored: {UNKNOWN}." in page

    def test_strict_refuses_it(self, ask: Ask) -> None:
        code, out, err = ask(packet(feature(SCLERODACTYLY), feature(UNKNOWN)), "--strict")
        assert (code, out) == (3, "")
        assert UNKNOWN in err and "1 of 2 terms" in err
        assert ask(packet(feature(SCLERODACTYLY)), "--strict")[0] == 0

    def test_strict_of_one_command_does_not_reach_the_next(self, ask: Ask) -> None:
        assert ask(packet(feature(UNKNOWN)), "--strict")[0] == 3
        assert ask(packet(feature(UNKNOWN)))[0] == 0

    def test_what_could_not_be_checked_is_told(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ontology, "BROUGHT_BY", "no_such_package")
        note = "note: not checked: whether an excluded term stands above an observed one"
        assert note in ask(packet(feature(SCLERODACTYLY), feature(PRURITUS, excluded=True)))[2]
        assert note not in ask(packet(feature(PRURITUS)))[2]
        assert note not in ask(packet(feature(PRURITUS, excluded=True)))[2]

    def test_an_ontology_finds_what_stands_above(
        self, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        obo = tmp_path / "small.obo"
        obo.write_text(OBO, encoding="utf-8")
        monkeypatch.setenv(ontology.NAMED_BY, str(obo))
        child, above = feature(SCLERODACTYLY), feature("HP:0000002", excluded=True)
        code, out, err = ask(packet(child, above))
        assert (code, out) == (3, "")
        assert SCLERODACTYLY in err and "HP:0000002" in err and "above it, is excluded" in err
        code, out, err = ask(packet(feature("HP:0000009"), feature(PRURITUS, excluded=True)), "--json")
        assert code == 0
        assert used(out)["sclerodactyly"]["state"] == "present"
        assert f"note: HP:0000009 is an old id; read as {SCLERODACTYLY}" in err
        assert "not checked" not in err
        obo.write_text("nothing")
        assert "not an ontology" in ask(packet(child, above))[2]

    def test_used_shows_the_term_and_its_relation(self, ask: Ask) -> None:
        _, out, _ = ask(packet(feature(SCLERODACTYLY), feature(NARROWER)), "--used", "--plain")
        assert re.search(rf"sclerodactyly +present +\(given as {SCLERODACTYLY}, exact\)", out)
        assert f"{NARROWER}, narrower" in out

    def test_a_finding_on_the_line_joins_and_may_not_repeat(self, ask: Ask) -> None:
        code, out, _ = ask(packet(feature(SCLERODACTYLY)), "no-raynaud", "--json")
        assert code == 0
        assert used(out)["raynaud"]["state"] == "absent"
        code, _, err = ask(packet(feature(SCLERODACTYLY)), "no-sclerodactyly")
        assert code == 3 and "given twice" in err

    def test_the_network_is_the_one_that_was_named(self, ask: Ask) -> None:
        code, out, _ = ask(packet(feature(UNKNOWN)), "-n", "four-diseases", "--json")
        assert code == 0
        assert json.loads(out)["network"]["name"] == "four-diseases"

    @pytest.mark.parametrize(
        ("command", "more"), [("explain", ("systemic_sclerosis",)), ("next", ()), ("conflict", ())]
    )
    def test_other_questions_take_it(self, ask: Ask, command: str, more: tuple[str, ...]) -> None:
        code, _, err = ask(packet(feature(SCLERODACTYLY), feature(UNKNOWN)), *more, command=command)
        assert code == 0 and UNKNOWN in err
        assert ask(packet(feature(UNKNOWN)), *more, "--strict", command=command)[0] == 3


OBO = f"""format-version: 1.2
data-version: hp/releases/2025-01-16

[Term]
id: {SCLERODACTYLY}
name: Sclerodactyly
alt_id: HP:0000009
is_a: HP:0000003 ! between

[Term]
id: HP:0000003
is_a: HP:0000002 ! above

[Term]
id: HP:0000002

[Term]
id: HP:0000004
is_obsolete: true
replaced_by: HP:0000002

[Typedef]
id: part_of
"""


def test_what_is_read_of_an_ontology() -> None:
    read = ontology.read(Source(OBO.encode(), "x.obo", "x"))
    assert read.above(SCLERODACTYLY) == {"HP:0000002", "HP:0000003"}
    assert read.version == "hp/releases/2025-01-16"
    assert [read.current(term) for term in ("HP:0000009", "HP:0000004", "HP:0000002", "HP:7777777")] == [
        SCLERODACTYLY,
        "HP:0000002",
        "HP:0000002",
        "HP:7777777",
    ]
    assert set(read.parents) == {SCLERODACTYLY, "HP:0000002", "HP:0000003"}
    circle = ontology.Ontology({"A": ("B",), "B": ("A",)})
    assert circle.above("A") == {"B"}


class TestOtherFiles:
    def test_a_fhir_bundle(self, ask: Ask) -> None:
        told = (
            observation(SCLERODACTYLY, True),
            observation(PRURITUS, False),
            observation("1-8", True, "http://loinc.org"),
        )
        code, out, err = ask(bundle(*told), "--json")
        assert code == 0
        assert {name: used(out)[name]["state"] for name in ("sclerodactyly", "pruritus")} == {
            "sclerodactyly": "present",
            "pruritus": "absent",
        }
        assert json.loads(out)["evidence"]["ignored"] == ["LOINC:1-8"]
        assert "LOINC:1-8" in err and "date of birth" in err
        assert ask(bundle(*told), "--strict")[0] == 3

    def test_a_table_with_one_case(self, ask: Ask) -> None:
        code, out, _ = ask("case,raynaud,subject.sex\n1,absent,male\n", "--json", name="case.csv")
        assert code == 0
        assert used(out)["raynaud"]["state"] == "absent"

    def test_a_table_in_the_long_form(self, ask: Ask) -> None:
        code, out, _ = ask("case,finding,state\n1,raynaud,absent\n1,hla_b27,positive\n", "--json", name="case.csv")
        assert code == 0
        assert (used(out)["raynaud"]["state"], used(out)["hla_b27"]["state"]) == ("absent", "positive")

    def test_a_table_with_two_is_answered_as_a_table(self, ask: Ask) -> None:
        text = "case,raynaud\n=1+1,absent\nc2,present\n"
        for form in ("--used", "--json", "--fhir"):
            code, out, err = ask(text, form, name="case.csv")
            assert (code, out) == (3, "") and "2 cases" in err and "--csv" in err
        code, out, _ = ask(text, "--csv", name="case.csv")
        rows = list(csv.DictReader(io.StringIO(out, newline="")))
        assert code == 0
        assert {row["case"] for row in rows} == {"'=1+1", "c2"}
        second = {row["id"]: row for row in rows if row["case"] == "c2"}
        alone = json.loads(ask("case,raynaud\nc2,present\n", "--json", name="case.csv")[1])
        assert {d["id"]: d["posterior"] for d in alone["diseases"]} == {
            name: float(row["posterior"]) for name, row in second.items()
        }
        first = next(row for row in rows if row["case"] != "c2" and row["id"] == "systemic_sclerosis")
        assert float(first["posterior"]) != float(second["systemic_sclerosis"]["posterior"])

    def test_the_evidence_of_a_uai_problem(self, ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        net = tmp_path / "x.uai"
        net.write_text("BAYES\n2\n2 2\n2\n1 0\n2 0 1\n\n2\n0.1 0.9\n\n4\n0.9 0.1\n0.05 0.95\n")
        for network in ((), ("-n", str(net))):
            code, out, _ = ask("1\n1 0\n", "--json", *network, name="x.uai.evid", command="posterior")
            assert code == 0
            assert json.loads(out)["posteriors"]["0"]["0"] == pytest.approx(2 / 3)
            assert json.loads(out)["posteriors"]["1"] == {"0": 1.0, "1": 0.0}
        code, _, err = ask("1\n1 0\n", name="y.uai.evid", command="posterior")
        assert code == 3 and "Name it with -n" in err
        for text, word in (("1\n1 7\n", "7"), ("1\n9 0\n", "9"), ("2\n1 0\n", "2"), ("x", "x"), ("", "nothing")):
            code, _, err = ask(text, name="x.uai.evid", command="posterior")
            assert code == 3 and word in err

    @pytest.mark.parametrize("content", [packet(feature(SCLERODACTYLY)), {"ddx": "case/1", "findings": {}}])
    def test_on_standard_input(
        self, content: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        stdin = io.TextIOWrapper(io.BytesIO(json.dumps(content).encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["diagnose", "-c", "-", "--json"]) == 0
        assert ("sclerodactyly" in used(capsys.readouterr().out)) == ("ddx" not in content)

    @pytest.mark.parametrize("name", ["case.json.gz", "case.phenopacket.gz"])
    def test_packed(self, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / name).write_bytes(gzip.compress(json.dumps(packet(feature(SCLERODACTYLY))).encode()))
        assert main(["diagnose", "-c", str(tmp_path / name), "--json"]) == 0
        assert "sclerodactyly" in used(capsys.readouterr().out)

    def test_a_column_that_is_no_finding_is_refused(self, ask: Ask) -> None:
        code, _, err = ask("case,raynod\n1,absent\n", name="case.csv")
        assert code == 3 and "raynod" in err

    def test_a_case_of_ours_may_speak_of_phenopackets(self, ask: Ask) -> None:
        value = {"ddx": "case/1", "note": "phenopacket", "title": '"metaData"', "findings": {"raynaud": "absent"}}
        assert used(ask(value, "--json")[1])["raynaud"]["state"] == "absent"

    def test_a_network_without_codes_is_refused(self, ask: Ask, tmp_path: Path) -> None:
        net = tmp_path / "coin.bif"
        variable = "variable a {\n  type discrete [ 2 ] { y, n };\n}\n"
        net.write_text(f"network coin {{\n}}\n{variable}probability ( a ) {{\n  table 0.5, 0.5;\n}}\n")
        code, _, err = ask(packet(feature(SCLERODACTYLY)), "-n", str(net))
        assert code == 3 and "gives no codes" in err


@pytest.mark.parametrize(
    "content",
    [
        packet(feature(SCLERODACTYLY), feature(SCLERODACTYLY)),
        packet(feature(SCLERODACTYLY), feature(SCLERODACTYLY, excluded=True)),
        packet(feature(SCLERODACTYLY), diseases=[{"term": {"label": CANARY}}]),
        packet(feature(SCLERODACTYLY), subject={"id": CANARY, "sex": CANARY}),
        packet(feature(SCLERODACTYLY), subject={"id": CANARY, "timeAtLastEncounter": {"age": CANARY}}),
        packet({"type": {"label": CANARY}}),
        json.dumps(packet(feature(SCLERODACTYLY)))[:-20],
        bundle(observation(SCLERODACTYLY, True), {**observation(PRURITUS, True), "valueBoolean": CANARY}),
        bundle({"resourceType": "Patient", "id": f"{CANARY}8"}),
    ],
    ids=range(9),
)
@pytest.mark.parametrize("form", ["--used", "--json", "--fhir", "--csv", "--strict"])
def test_nobody_is_named_whatever_the_file_and_the_answer(ask: Ask, content: Any, form: str) -> None:
    assert ask(content, form)[0] in (0, 3)


def test_the_canary_would_be_heard(ask: Ask) -> None:
    with pytest.raises(AssertionError):
        ask("case,raynaud\n1,absent\n", f"{CANARY}=present", name="case.csv")


class TestRiskAssessment:
    def test_its_shape(self, ask: Ask) -> None:
        content = packet(feature(SCLERODACTYLY), feature(PRURITUS, excluded=True), feature(UNKNOWN))
        code, out, _ = ask(content, "--fhir")
        told, plain = json.loads(out), json.loads(ask(content, "--json")[1])
        assert code == 0
        assert (told["resourceType"], told["status"]) == ("RiskAssessment", "preliminary")
        assert told["subject"]["extension"][0]["valueCode"] == "masked"
        assert set(told) == {"resourceType", "status", "method", "subject", "basis", "prediction", "note"}
        for said in ("ddx ", plain["network"]["sha256"], plain["setting"], plain["result_sha256"]):
            assert said in told["method"]["text"]
        assert len(told["basis"]) == len(plain["evidence"]["used"])
        assert any(item["display"].startswith("no ") for item in told["basis"])
        assert any("not stated" in item["display"] for item in told["basis"])  # the complaint of the setting
        assert any(UNKNOWN in note["text"] for note in told["note"])

    def test_probabilities_are_percentages_of_every_disease(self, ask: Ask) -> None:
        content = packet(feature(SCLERODACTYLY))
        told, plain = (json.loads(ask(content, form)[1]) for form in ("--fhir", "--json"))
        assert [p["outcome"]["text"] for p in told["prediction"]] == [d["label"] for d in plain["diseases"]]
        wanted = [100 * d["posterior"] for d in plain["diseases"]]
        assert [p["probabilityDecimal"] for p in told["prediction"]] == pytest.approx(wanted)
        assert max(wanted) > 1

    def test_only_codes_that_mean_the_disease_itself(self) -> None:
        question = asked((), None, None, None)
        answer = diagnose(question.network, question.model, question.understood)
        told = json.loads(json.dumps(as_fhir.risk_assessment(question.network, answer)))
        codes = {p["outcome"]["text"]: p["outcome"].get("coding") for p in told["prediction"]}
        entries = question.network.lexicon.entries
        mondo = {"system": "http://purl.obolibrary.org/obo/mondo.owl", "code": "MONDO:0005100"}
        assert {**mondo, "display": "systemic sclerosis"} in codes[entries["systemic_sclerosis"].label]
        assert question.network.spec is not None
        broader = question.network.spec.diseases["generalized_morphea"].codes["icd10"]
        assert broader.relation == "broader"
        assert codes[entries["generalized_morphea"].label] is None
        assert [] not in codes.values()


class TestTable:
    def test_every_disease_is_a_row_with_what_it_rests_on(self, ask: Ask) -> None:
        content = packet(feature(SCLERODACTYLY))
        rows = list(csv.DictReader(io.StringIO(ask(content, "--csv")[1], newline="")))
        plain = json.loads(ask(content, "--json")[1])
        assert [(row["id"], float(row["posterior"])) for row in rows] == [
            (d["id"], d["posterior"]) for d in plain["diseases"]
        ]
        assert {row["result_sha256"] for row in rows} == {plain["result_sha256"]}
        assert {row["low"] for row in rows} == {""}

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
    def test_a_cell_that_a_spreadsheet_would_run_is_neutralised(self, start: str) -> None:
        question = asked((), None, TOY, None)
        answer = diagnose(question.network, question.model, question.understood)
        first = answer.diseases[0]
        evil = replace(first, entry=first.entry._replace(label=f"{start}HYPERLINK(1)"))
        told = as_csv.differentials([("c", replace(answer, diseases=(evil, *answer.diseases[1:])), {})])
        rows = list(csv.DictReader(io.StringIO(told, newline="")))
        assert rows[0]["label"] == f"'{start}HYPERLINK(1)"
        assert float(rows[0]["posterior"]) == first.posterior


def test_one_form_at_a_time(ask: Ask) -> None:
    code, out, err = ask(packet(feature(SCLERODACTYLY)), "--fhir", "--csv")
    assert (code, out) == (2, "") and "Give one" in err


def test_a_case_of_ours_loads_no_reader_of_others(tmp_path: Path) -> None:
    """Nor does it where it is JSON; a phenopacket does, so the instrument works."""
    program = (
        "import sys\nfrom ddx.cli import main\ncode = main(sys.argv[1:])\n"
        "print([name for name in sys.modules if name.startswith('ddx.exchange')], file=sys.stderr)\nsys.exit(code)"
    )
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    ours.write_text(json.dumps({"ddx": "case/1", "findings": {"raynaud": "absent"}}))
    theirs.write_text(json.dumps(packet(feature(SCLERODACTYLY))))
    loaded = {}
    for _ in range(2):  # the first may read the network itself
        for file in (ours, theirs):
            command = [sys.executable, "-c", program, "diagnose", "-c", str(file)]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
            loaded[file] = done.stderr.splitlines()[-1]
    assert loaded[ours] == "[]"
    assert "ddx.exchange.phenopacket" in loaded[theirs]
