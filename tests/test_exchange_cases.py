"""Cases of other systems: nothing guessed, nothing dropped in silence, nothing of the patient's identity repeated."""

from __future__ import annotations

import json
import random
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ddx
from ddx.documents import UNSEEN
from ddx.errors import CaseError, ContradictoryFinding, DdxError
from ddx.evidence import Case, Observed
from ddx.exchange import csvcases, fhir, phenopacket
from ddx.exchange.cases import kind_of, read_cases
from ddx.exchange.ontology import Ontology
from ddx.exchange.source import Source
from ddx.exchange.terms import Imported, Term, Vocabulary, checked, mapped
from ddx.knowledge.spec import Network

SECRET = "ZZ-PHI-1234"
SCLERODACTYLY, PRURITUS = "HP:0011838", "HP:0000989"  # exact
NARROWER, BROADER, RELATED = "HP:0002092", "HP:0000979", "HP:0100324"
ARTHRITIS = "HP:0001369"  # exact for one finding, broader than another


@pytest.fixture(scope="module")
def network() -> Network:
    found = ddx.load("scleroderma-mimics").spec
    assert found is not None
    return found


def source(value: Any) -> Source:
    data = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
    return Source(data, "file", "stem")


def feature(term: str, **more: Any) -> dict[str, Any]:
    return {"type": {"id": term, "label": SECRET}, **more}


def packet(*features: Any, **more: Any) -> dict[str, Any]:
    subject = {"id": SECRET, "sex": "MALE", "timeAtLastEncounter": {"age": {"iso8601duration": "P52Y"}}}
    body = {"id": SECRET, "subject": subject, "phenotypicFeatures": list(features)}
    return {**body, "metaData": {"phenopacketSchemaVersion": "2.0", "createdBy": SECRET}, **more}


def states(imported: Imported) -> dict[str, str | None]:
    return {observed.name: observed.state for observed in imported.case.findings}


class TestPhenopacket:
    def read(self, network: Network, value: Any, **more: Any) -> Imported:
        return phenopacket.read(source(value), network, **more)

    def refusal(self, network: Network, value: Any, **more: Any) -> str:
        with pytest.raises(DdxError) as caught:
            self.read(network, value, **more)
        assert SECRET not in str(caught.value)
        assert str(caught.value).startswith("file")
        return str(caught.value)

    def test_observed_excluded_and_who_the_patient_is(self, network: Network) -> None:
        imported = self.read(network, packet(feature(SCLERODACTYLY), feature(PRURITUS, excluded=True)))
        assert states(imported) == {"sclerodactyly": "present", "pruritus": "absent"}
        assert imported.case.subject == {"sex": "male", "age": "52"}
        assert imported.unmapped == ()
        assert [(link.term, link.relation) for link in imported.links] == [
            (SCLERODACTYLY, "exact"),
            (PRURITUS, "exact"),
        ]
        assert any("not checked" in note for note in imported.notes)
        assert SECRET not in repr(imported)

    def test_the_case_can_be_asked(self, network: Network) -> None:
        imported = self.read(network, packet(feature(SCLERODACTYLY)))
        loaded = ddx.load("scleroderma-mimics")
        evidence = dict(loaded.lexicon.observe(observed) for observed in imported.case.findings)
        evidence.update(loaded.lexicon.observe(o) for o in loaded.lexicon.subject(imported.case.subject))
        assert ddx.compile(loaded).posteriors(evidence).exact

    def test_version_1_negated_is_not_read_as_observed(self, network: Network) -> None:
        subject = {"id": "x", "sex": "FEMALE", "ageAtCollection": {"age": "P52Y6M"}}
        value = packet(
            feature(PRURITUS, negated=True), subject=subject, metaData={"phenopacketSchemaVersion": "1.0.0-RC3"}
        )
        imported = self.read(network, value)
        assert states(imported) == {"pruritus": "absent"}
        assert imported.case.subject == {"sex": "female", "age": "52.5"}

    @pytest.mark.parametrize("key", ["excluded", "negated"])
    @pytest.mark.parametrize("value", ["false", "true", 0, 1, None, []])
    def test_excluded_that_is_no_boolean_is_refused(self, network: Network, key: str, value: Any) -> None:
        assert key in self.refusal(network, packet(feature(PRURITUS, **{key: value})))

    def test_a_misspelt_field_is_refused_not_ignored(self, network: Network) -> None:
        assert "Did you mean excluded?" in self.refusal(network, packet(feature(PRURITUS, exclude=True)))
        assert "two spellings" in self.refusal(network, packet(feature(PRURITUS), phenotypic_features=[]))
        assert "negated" in self.refusal(network, packet(feature(PRURITUS, excluded=True, negated=True)))

    def test_both_json_spellings_are_read(self, network: Network) -> None:
        text = json.dumps(packet(feature(PRURITUS))).replace("phenotypicFeatures", "phenotypic_features")
        assert states(self.read(network, text)) == {"pruritus": "present"}

    def test_what_the_relations_let_conclude(self, network: Network) -> None:
        imported = self.read(network, packet(feature(NARROWER), feature(BROADER), feature(RELATED)))
        assert list(states(imported).values()) == ["present"]
        assert [item.term for item in imported.unmapped] == [BROADER, RELATED]
        assert "broader" in imported.unmapped[0].why
        opposite = [feature(term, excluded=True) for term in (NARROWER, BROADER, RELATED)]
        imported = self.read(network, packet(*opposite))
        assert list(states(imported).values()) == ["absent"]
        assert [item.term for item in imported.unmapped] == [NARROWER, RELATED]

    def test_one_term_may_say_something_of_two_findings(self, network: Network) -> None:
        assert states(self.read(network, packet(feature(ARTHRITIS)))) == {"arthritis_synovitis": "present"}
        excluded = states(self.read(network, packet(feature(ARTHRITIS, excluded=True))))
        assert excluded == {"arthritis_synovitis": "absent", "peripheral_arthritis": "absent"}

    def test_a_finding_of_several_states_is_not_guessed(self, network: Network) -> None:
        imported = self.read(network, packet(feature("HP:0002720")))
        assert imported.case.findings == ()
        assert "iga_level has several states" in imported.unmapped[0].why

    def test_unmapped_terms_are_listed_and_refused_when_strict(self, network: Network) -> None:
        value = packet(feature(PRURITUS), feature("HP:0000252"))
        imported = self.read(network, value)
        assert [item.term for item in imported.unmapped] == ["HP:0000252"]
        message = self.refusal(network, value, strict=True)
        assert "1 of 2" in message
        assert "HP:0000252" in message

    def test_the_three_rules(self, network: Network) -> None:
        assert f"{PRURITUS} is twice" in self.refusal(network, packet(feature(PRURITUS), feature(PRURITUS)))
        both = packet(feature(PRURITUS), feature(PRURITUS, excluded=True))
        assert "both observed and excluded" in self.refusal(network, both)
        child = packet(feature("HP:0002197"), feature("HP:0001250", excluded=True))
        message = self.refusal(
            network, child, ontology=Ontology({"HP:0002197": ("HP:0001250",), "HP:0001250": ("HP:0000118",)})
        )
        assert "HP:0002197" in message
        assert "HP:0001250" in message
        upward = packet(feature("HP:0002197", excluded=True), feature("HP:0001250"))
        assert self.read(network, upward, ontology=Ontology({"HP:0002197": ("HP:0001250",)})).notes == ()

    @pytest.mark.parametrize("written", ["HP_0001250", "hp:0001250", "HP:1250", "HP:00012500", "", "Seizure", "HP:"])
    def test_ids_that_are_none(self, network: Network, written: str) -> None:
        assert "is not the id of a term" in self.refusal(network, packet(feature(written)))

    def test_a_wrong_spelling_of_an_id_gets_the_right_one(self, network: Network) -> None:
        assert "Did you mean HP:0001250?" in self.refusal(network, packet(feature("HP_0001250")))

    @pytest.mark.parametrize(
        ("value", "word"),
        [
            ("{", "not JSON"),
            ("[]", "not an object"),
            ("{}", "phenopacket"),
            ('{"id": 1, "id": 2}', "twice"),
            ('{"phenotypicFeatures": NaN}', "NaN"),
            ('{"phenotypicFeatures": 1e999}', "too large"),
            ('{"phenotypicFeatures": ' + "9" * 5000 + "}", "digits"),
            ("[" * 100_000, "levels"),
            ("[" * 60 + "]" * 60, "levels"),
            ('{"phenotypicFeatures": ["\\ud800"]}', "surrogate"),
            ('{"phenotypicFeatures": {}}', "not a list"),
            ('{"phenotypicFeatures": [{}]}', "type"),
            ('{"proband": {}}', "family"),
            ('{"phenotypicFeatures": [], "metaData": {"phenopacketSchemaVersion": "3.0"}}', "3.0"),
            ('{"phenotypicFeatures": [], "subject": {"sex": "male"}}', "MALE"),
            ('{"phenotypicFeatures": [], "subject": {"ageAtCollection": {"age": "52"}}}', "P52Y"),
            (b"\xff\xfe{", "UTF-16"),
            (b'{"a": "\xe9"}', "UTF-8"),
        ],
    )
    def test_files_that_are_none(self, network: Network, value: Any, word: str) -> None:
        assert word in self.refusal(network, value)

    def test_what_is_not_read_is_said(self, network: Network) -> None:
        value = packet(feature(PRURITUS, resolution={"timestamp": "x"}), diseases=[{"term": {}}], files=[])
        notes = " ".join(self.read(network, value).notes)
        assert "not read: diseases" in notes
        assert "resolved" in notes
        assert "who the patient is" in " ".join(self.read(network, packet()).notes)

    def test_onset_and_modifiers_are_told_and_never_turn_a_finding_round(self, network: Network) -> None:
        onset = {"age": {"iso8601duration": "P30Y"}}
        severe = [{"id": "HP:0012828", "label": "Severe"}]
        value = packet(
            feature(PRURITUS, excluded=True, onset=onset, modifiers=severe),
            feature(SCLERODACTYLY, onset=onset, severity=severe[0]),
        )
        imported = self.read(network, value)
        assert states(imported) == {"pruritus": "absent", "sclerodactyly": "present"}
        assert [n for n in imported.notes if n.startswith("not used")] == [
            "not used: modifiers of 1 features",
            "not used: onset of 2 features",
            "not used: severity of 1 features",
        ]
        for wrong in ({"onset": "P30Y"}, {"modifiers": {}}, {"modifiers": ["Severe"]}, {"severity": "severe"}):
            self.refusal(network, packet(feature(PRURITUS, **wrong)))
        old = feature(PRURITUS, negated=True, classOfOnset={"id": "HP:0003581"})
        assert states(self.read(network, packet(old))) == {"pruritus": "absent"}

    def test_written_and_read_again(self, network: Network) -> None:
        found = (
            Observed("sclerodactyly", "present"),
            Observed("pruritus", "absent"),
            Observed("iga_level", "deficient"),
        )
        case = Case((*found, Observed("hla_b27", "positive"), Observed("raynaud")), {"age": "52", "sex": "male"})
        text, left_out = phenopacket.write(case, network, created="2026-01-01T00:00:00Z")
        imported = self.read(network, text, strict=True)
        assert states(imported) == {"sclerodactyly": "present", "pruritus": "absent"}
        assert imported.case.subject == case.subject
        assert [line.split(":")[0] for line in left_out] == ["iga_level", "hla_b27", "raynaud"]
        again, _ = phenopacket.write(imported.case, network, created="2026-01-01T00:00:00Z")
        assert again == text

    @settings(max_examples=80, deadline=None)
    @given(st.integers(0, 2**32))
    def test_broken_files_are_read_or_refused(self, network: Network, seed: int) -> None:
        generator = random.Random(seed)
        text = json.dumps(packet(feature(PRURITUS, excluded=True), feature(SCLERODACTYLY)))
        for _ in range(generator.randint(1, 4)):
            at = generator.randrange(len(text))
            piece = generator.choice(
                ['"', "{", "}", "[", "]", ",", ":", "null", "true", "1", "\\u0000", text[at : at + 9]]
            )
            text = text[:at] + piece + text[at + generator.choice([0, 0, 1, 5]) :]
        try:
            self.read(network, text)
        except DdxError as fault:
            assert str(fault).isprintable()


def observation(term: str, system: str = "http://human-phenotype-ontology.org", **more: Any) -> dict[str, Any]:
    body = {"resourceType": "Observation", "status": "final", "subject": {"reference": f"Patient/{SECRET}"}}
    return {**body, "code": {"coding": [{"system": system, "code": term}]}, **more}


def bundle(*resources: Any) -> dict[str, Any]:
    patient = {"resourceType": "Patient", "id": SECRET, "gender": "male", "birthDate": "1970-01-01"}
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in (patient, *resources)]}


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


class TestFhir:
    def read(self, network: Network, value: Any, **more: Any) -> Imported:
        return fhir.read(source(value), network, **more)

    def refusal(self, network: Network, value: Any, **more: Any) -> str:
        with pytest.raises(CaseError) as caught:
            self.read(network, value, **more)
        assert SECRET not in str(caught.value)
        assert str(caught.value).startswith("file")
        return str(caught.value)

    def test_boolean_and_coded_values(self, network: Network) -> None:
        snomed, loinc = "http://snomed.info/sct", "http://loinc.org"
        imported = self.read(
            network,
            bundle(
                observation(SCLERODACTYLY, valueBoolean=True),
                observation(PRURITUS, valueCodeableConcept=coded(loinc, "LA9634-2")),
                observation("HP:0012344", valueCodeableConcept=coded(snomed, "52101004")),
            ),
        )
        assert list(states(imported).values()) == ["present", "absent", "present"]
        assert imported.case.subject == {"sex": "male"}
        assert any("date of birth" in note for note in imported.notes)
        assert SECRET not in repr(imported)

    def test_what_does_not_say_is_listed(self, network: Network) -> None:
        value = bundle(
            observation(PRURITUS),
            observation(SCLERODACTYLY, valueString="present"),
            observation("1234-5", "http://loinc.org", valueBoolean=True),
            observation(PRURITUS, "http://elsewhere.example", valueBoolean=True),
            observation(PRURITUS, valueBoolean=True, status="entered-in-error"),
            {"resourceType": "Condition"},
        )
        imported = self.read(network, value)
        assert imported.case.findings == ()
        assert len(imported.unmapped) == 4
        assert any("Condition" in note for note in imported.notes)
        assert any("preliminary or final" in note for note in imported.notes)
        assert "4 of 4 terms" in self.refusal(network, value, strict=True)

    def test_meaning_is_never_turned_round(self, network: Network) -> None:
        extended = observation(PRURITUS, valueBoolean=True, modifierExtension=[{"url": "x"}])
        assert "modifierExtension" in self.refusal(network, bundle(extended))
        assert "valueBoolean" in self.refusal(network, bundle(observation(PRURITUS, valueBoolean="false")))
        both = [observation(PRURITUS, valueBoolean=value) for value in (True, False)]
        assert "both observed and excluded" in self.refusal(network, bundle(*both))
        same = [observation(PRURITUS, valueBoolean=True)] * 2
        assert states(self.read(network, bundle(*same))) == {"pruritus": "present"}

    def test_one_patient_only(self, network: Network) -> None:
        other = observation(PRURITUS, valueBoolean=True, subject={"reference": "Patient/other"})
        assert "more than one patient" in self.refusal(network, bundle(other))

    def test_a_measured_value_in_the_unit_of_the_finding(self, network: Network) -> None:
        from dataclasses import replace

        from ddx.knowledge.spec import Code

        finding = replace(network.findings["mprotein_conc"], codes={"loinc": Code(id="33358-3")})
        own = replace(network, findings={**network.findings, "mprotein_conc": finding})
        quantity = {"value": 3.5, "unit": "g/dl"}
        imported = self.read(own, bundle(observation("33358-3", "http://loinc.org", valueQuantity=quantity)))
        assert [(link.finding, link.state) for link in imported.links] == [("mprotein_conc", "ge3")]
        for wrong in ({"value": 35, "unit": "g/l"}, {"value": "3.5", "unit": "g/dl"}, {**quantity, "comparator": "<"}):
            imported = self.read(own, bundle(observation("33358-3", "http://loinc.org", valueQuantity=wrong)))
            assert imported.case.findings == ()
            assert len(imported.unmapped) == 1

    @pytest.mark.parametrize(
        "value", [[], {}, {"resourceType": "Bundle", "entry": {}}, {"resourceType": "Bundle", "entry": [1]}]
    )
    def test_files_that_are_none(self, network: Network, value: Any) -> None:
        self.refusal(network, value)


class TestCsv:
    def read(self, text: str | bytes) -> tuple[Case, ...]:
        return csvcases.read(source(text))

    def test_one_case_a_row(self) -> None:
        text = '\ufeffcase,setting,subject.age,F,G\nc1,clinic,52,present,\n"c\n2",,,unknown,?\n\n'
        one, two = self.read(text)
        assert (one.name, one.setting, one.subject) == ("c1", "clinic", {"age": "52"})
        assert [(o.name, o.state) for o in one.findings] == [("F", "present")]
        assert two.name == "c\n2"
        assert [(o.name, o.unknown) for o in two.findings] == [("F", True), ("G", True)]
        assert two.findings[0].where == "file:3 (case c\\n2)"

    def test_one_finding_a_row(self) -> None:
        one, two = self.read("case,finding,state\r\nc1,F,present\r\nc2,F,absent\r\nc1,G,no\r\n")
        assert [(o.name, o.state) for o in one.findings] == [("F", "present"), ("G", "no")]
        assert [(o.name, o.state) for o in two.findings] == [("F", "absent")]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("case,F,F\nc1,present,absent\n", ["file:1", "F", "twice"]),
            ("case,F\n", ["file:1", "no case"]),
            ("case,F\nc1,present,absent\n", ["file:2", "c1", "3 cells"]),
            ("case,F\nc1\n", ["file:2", "c1", "1 cells"]),
            ("case,F\nc1,a\nc1,b\n", ["file:3", "c1", "twice"]),
            ("case;F\nc1;a\n", ["file:1", "commas"]),
            ("F,G\na,b\n", ["file:1", "case"]),
            ("case,\nc1,a\n", ["file:1", "column 2"]),
            ("", ["file:1"]),
            ('case,F\n"c1,a\n', ["file:2", "CSV"]),
            ('case,F\n"c"1,a\n', ["file:2", "CSV"]),
            ("case,F\nc1,\x00\n", ["file:2", "NUL"]),
            ("case,F\n1\u202e,a\n", ["file:2", "U+202E"]),
            ("case,F\nc1,a\u3164\n", ["file:2", "U+3164"]),
            ("case,F\u2060\nc1,a\n", ["file:1", "U+2060"]),
            ("case,finding,state\nc1,F\ufe0f,a\n", ["file:2", "U+FE0F"]),
            ("case,finding,state\nc1,F,a\nc1,F,b\n", ["file:3", "c1", "F", "twice"]),
            (b"case,F\nm\xfcller,a\n", ["file:2", "UTF-8"]),
        ],
    )
    def test_refusals(self, text: str | bytes, words: list[str]) -> None:
        with pytest.raises(DdxError) as caught:
            self.read(text)
        assert [word for word in words if word not in str(caught.value)] == []
        assert str(caught.value).isprintable()

    CELLS = st.text(
        st.characters(exclude_categories=("C", "Zl", "Zp"), include_characters="\t\r").filter(
            lambda c: c in "\t\r" or not UNSEEN.match(c)
        ),
        min_size=1,
        max_size=5,
    )

    @given(st.dictionaries(CELLS, CELLS, min_size=1, max_size=4))
    def test_written_cells_are_safe_and_come_back(self, row: dict[str, str]) -> None:
        kept = {k.strip(): v.strip() for k, v in row.items() if k.strip().isprintable() and k.strip() and v.strip()}
        kept = {k: v for k, v in kept.items() if k not in ("case", "setting") and not k.startswith("subject.")}
        kept = {unicodedata.normalize("NFC", k): unicodedata.normalize("NFC", v) for k, v in kept.items()}
        kept = {k: v for k, v in kept.items() if v not in ("unknown", "?")}
        case = Case(tuple(Observed(k, v) for k, v in kept.items()), {"age": "=1+1"}, name="@SUM(A1)")
        text = csvcases.write([case])
        (again,) = self.read(text)
        assert {o.name: o.state for o in again.findings} == kept
        assert (again.name, again.subject) == (case.name, case.subject)
        assert csvcases.write([again]) == text

    @given(st.lists(CELLS | st.sampled_from(["=1", "+1", "-1", "@x", "\t=", "'=1"]), min_size=1, max_size=4))
    def test_no_written_cell_begins_as_a_formula(self, cells: list[str]) -> None:
        import csv
        import io

        (row,) = csv.reader(io.StringIO(csvcases.table([cells]), newline=""))
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)

    def test_what_is_not_known_keeps_its_word(self) -> None:
        text = "case,subject.age,subject.sex,F,G\r\nc1,?,male,unknown,?\r\n"
        (case,) = self.read(text)
        assert (case.subject, case.subject_unknown) == ({"sex": "male"}, {"age": "?"})
        assert csvcases.write([case]).splitlines() == ["case,subject.sex,subject.age,F,G", "c1,male,?,unknown,?"]

    def test_a_finding_with_the_name_of_another_column_is_refused(self) -> None:
        for name in ("case", "setting", "subject.age"):
            with pytest.raises(CaseError, match=f"{name} is a column of its own"):
                csvcases.write([Case((Observed(name, "present"),))])

    def test_a_likelihood_has_no_cell(self) -> None:
        with pytest.raises(CaseError, match="likelihood"):
            csvcases.write([Case((Observed("F", likelihood={"a": 1.0}),))])


def test_the_file_says_what_it_is(network: Network) -> None:
    for value, kind in ((packet(feature(PRURITUS)), "phenopacket"), (bundle(), "fhir")):
        assert kind_of(source(value)) == kind
        (imported,) = read_cases(source(value), kind, network)
        assert imported.case.subject["sex"] == "male"
        with pytest.raises(CaseError, match="no codes"):
            read_cases(source(value), kind, None)
    for ours in ({"ddx": "case/1"}, {"ddx": "case/1", "note": "metaData"}, [], {"ddx": 1, "metaData": {}}):
        assert kind_of(source(ours)) is None
    with pytest.raises(DdxError, match="read unpacked"):
        kind_of(Source(b'{"ddx": "case/1"}', "c.json.gz", "c"))
    table = Source(b"case,F\nc1,present\nc2,absent\n", "x.CSV.gz", "x")
    assert [one.case.name for one in read_cases(table, str(kind_of(table)), None)] == ["c1", "c2"]
    evidence = Source(b"1\n2 3 0 4 1\n", "x.uai.evid", "x")
    (one,) = read_cases(evidence, str(kind_of(evidence)), None)
    assert [(o.name, o.state) for o in one.case.findings] == [("3", "0"), ("4", "1")]


def test_two_terms_that_disagree_about_one_finding(network: Network) -> None:
    from dataclasses import replace

    from ddx.knowledge.spec import Code

    codes = {"hpo": Code(id=PRURITUS), "narrow": Code(id="HP:0000001", relation="narrower")}
    finding = replace(network.findings["pruritus"], codes=codes)
    vocabulary = Vocabulary.of(replace(network, findings={**network.findings, "pruritus": finding}))
    terms = [Term("HP:0000001", True, "file:1"), Term(PRURITUS, False, "file:2")]
    with pytest.raises(ContradictoryFinding, match="pruritus gets two states"):
        mapped(terms, vocabulary)
    checked(terms)
