"""JSON of other systems in any shape: read or refused with one clear message; and whose Observations they are."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ddx
from ddx.errors import CaseError, DdxError
from ddx.exchange import fhir, phenopacket
from ddx.exchange.source import Source
from ddx.exchange.terms import Imported
from ddx.knowledge.spec import Code, Network

PRURITUS, SCLERODACTYLY, CONCENTRATION = "HP:0000989", "HP:0011838", "33358-3"
ANYTHING = (None, [], {}, 0, -1.5, "", "word", True, False, [None], [[]], {"reference": []}, "Patient/other")
Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def network() -> Network:
    """A network in which one finding with a quantity has a code."""
    found = ddx.load("scleroderma-mimics").spec
    assert found is not None
    finding = replace(found.findings["mprotein_conc"], codes={"loinc": Code(id=CONCENTRATION)})
    return replace(found, findings={**found.findings, "mprotein_conc": finding})


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def observation(code: str = PRURITUS, **more: Any) -> dict[str, Any]:
    body = {"resourceType": "Observation", "status": "final", "subject": {"reference": "urn:uuid:p1"}}
    return {**body, "code": coded("http://human-phenotype-ontology.org", code), **more}


BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "fullUrl": "urn:uuid:p1",
            "resource": {"resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1970-01-01"},
        },
        {"fullUrl": "urn:uuid:o1", "resource": observation(valueBoolean=True)},
        {
            "resource": observation(
                SCLERODACTYLY, valueCodeableConcept=coded("http://loinc.org", "LA9634-2"), component=[{"code": {}}]
            )
        },
        {
            "resource": {
                **observation(valueQuantity={"value": 3.5, "unit": "g/dl", "code": "g/dL"}),
                "code": coded("http://loinc.org", CONCENTRATION),
            }
        },
        {"resource": {"resourceType": "Condition"}},
    ],
}
PACKET: dict[str, Any] = {
    "id": "x",
    "subject": {"id": "x", "sex": "MALE", "timeAtLastEncounter": {"age": {"iso8601duration": "P52Y"}}},
    "phenotypicFeatures": [
        {"type": {"id": PRURITUS, "label": "x"}, "excluded": True, "severity": {"id": "x"}, "modifiers": [{"id": "x"}]},
        {"type": {"id": SCLERODACTYLY}, "onset": {"age": {}}, "resolution": {"timestamp": "x"}},
    ],
    "diseases": [{"term": {}}],
    "metaData": {"phenopacketSchemaVersion": "2.0"},
}
OLD_PACKET = {
    "subject": {"sex": "FEMALE", "ageAtCollection": {"age": "P52Y6M"}},
    "phenotypic_features": [{"type": {"id": PRURITUS}, "negated": True, "classOfOnset": {"id": "x"}}],
    "metaData": {"phenopacketSchemaVersion": "1.0"},
}
FILES = {
    "fhir": (fhir.read, BUNDLE),
    "phenopacket": (phenopacket.read, PACKET),
    "version 1": (phenopacket.read, OLD_PACKET),
}


def read(kind: str, value: Any, network: Network) -> Imported:
    return FILES[kind][0](Source(json.dumps(value, indent=1).encode(), "file", "file"), network)


def places(value: Any, here: Place = ()) -> Iterator[Place]:
    """Every place in a JSON value, the whole first."""
    yield here
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in pairs:
        yield from places(part, (*here, step))


def changed(value: Any, place: Place, other: Any) -> Any:
    """The value with something else at a place; as it is where the place is not there any more."""
    if not place:
        return other
    whole = copy.deepcopy(value)
    part = whole
    try:
        for step in place[:-1]:
            part = part[step]
        part[place[-1]] = other
    except (TypeError, KeyError, IndexError):
        return value
    return whole


def read_or_refused(kind: str, value: Any, network: Network) -> None:
    try:
        read(kind, value, network)
    except DdxError as fault:
        assert str(fault).startswith("file")
        assert str(fault).isprintable()


@pytest.mark.parametrize("kind", FILES)
def test_any_value_at_any_place_is_read_or_refused(kind: str, network: Network) -> None:
    value = FILES[kind][1]
    assert read(kind, value, network).case.findings
    for place in places(value):
        for other in ANYTHING:
            read_or_refused(kind, changed(value, place, other), network)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", FILES)
def test_several_values_at_several_places(kind: str, network: Network, data: st.DataObject) -> None:
    value = FILES[kind][1]
    leaves = (
        st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    )
    anything = leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.text(max_size=3), leaves, max_size=2)
    for place in data.draw(st.lists(st.sampled_from([*places(value)]), min_size=1, max_size=4)):
        value = changed(value, place, data.draw(anything))
    read_or_refused(kind, value, network)


@pytest.mark.parametrize(
    ("place", "other", "words"),
    [
        (("entry", 3, "resource", "valueQuantity", "unit"), ["mg/l"], "unit is not text"),
        (("entry", 3, "resource", "valueQuantity", "code"), {}, "code is not text"),
        (("entry", 3, "resource", "valueQuantity"), [], "an object expected"),
        (("entry", 1, "resource", "subject", "reference"), 7, "reference is not text"),
        (("entry", 0, "resource", "id"), ["p1"], "id is not text"),
        (("entry", 0, "fullUrl"), {}, "fullUrl is not text"),
    ],
)
def test_a_value_of_another_type_is_named(network: Network, place: Place, other: Any, words: str) -> None:
    with pytest.raises(CaseError, match=words) as caught:
        read("fhir", changed(BUNDLE, place, other), network)
    assert f":entry[{place[1]}].resource" in str(caught.value)


def about(*subjects: str, patients: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """A Bundle of Observations about these subjects, and of patients after them."""
    observed = [{"resource": observation(valueBoolean=True, subject={"reference": s})} for s in subjects]
    return {"resourceType": "Bundle", "entry": [*observed, *patients]}


def patient(own: str = "", url: str = "") -> dict[str, Any]:
    body: dict[str, Any] = {"resourceType": "Patient", **({"id": own} if own else {})}
    return {"resource": body, **({"fullUrl": url} if url else {})}


ONE = patient("p1", "urn:uuid:1")
ADDRESS = "https://example.org/fhir/Patient/p1"


@pytest.mark.parametrize(
    "bundle",
    [
        BUNDLE,
        about("urn:uuid:1", "Patient/p1", ADDRESS, f"{ADDRESS}/_history/2", patients=(ONE,)),
        about("urn:uuid:1", patients=(patient(url="urn:uuid:1"),)),
        about("Patient/p1", ADDRESS, patients=()),
        about("Patient/p1", patients=(patient(url=ADDRESS),)),
        about("Patient/p1", patients=(ONE, ONE)),
    ],
)
def test_one_patient_by_several_names(network: Network, bundle: dict[str, Any]) -> None:
    assert "pruritus" in {observed.name for observed in read("fhir", bundle, network).case.findings}


@pytest.mark.parametrize(
    "bundle",
    [
        about("urn:uuid:1", "urn:uuid:2", patients=(ONE,)),
        about("urn:uuid:1", "Patient/p2", patients=(ONE,)),
        about("https://example.org/fhir/Patient/p2", patients=(ONE,)),
        about("Patient/p1", "Patient/p2", patients=()),
        about(patients=(ONE, patient("p2", "urn:uuid:2"))),
        about(patients=(ONE, patient("p1", "urn:uuid:2"))),
        about(patients=(patient(), patient())),
    ],
)
def test_two_patients_are_refused(network: Network, bundle: dict[str, Any]) -> None:
    with pytest.raises(CaseError, match="more than one patient"):
        read("fhir", bundle, network)


@pytest.mark.parametrize("bundle", [{"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": [ONE]}])
def test_nothing_observed_is_told(network: Network, bundle: dict[str, Any]) -> None:
    told = "no Observations: the case holds nothing but who the patient is"
    assert told in read("fhir", bundle, network).notes
    assert told not in read("fhir", BUNDLE, network).notes


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (
            '{"metaData": {},\n"phenotypicFeatures": [{"type": {"id": "HP:1"},\n"excluded": "no"}]}',
            "2:phenotypicFeatures[0]",
        ),
        ('{"metaData": {},\n"phenotypic_features": [\n{"type": {}}]}', "3:phenotypicFeatures[0]"),
        ('{"metaData": {},\n"subject": {\n"sex": "MALE", "sex": "FEMALE"}}', "3: the key 'sex' stands twice"),
        ('{"metaData": {},\n"a": NaN}', "2: NaN is not a number"),
        ('{"metaData": {},\n"a": ' + "[" * 60 + "]" * 60 + "}", "2: more than 50 levels"),
        ('{"metaData": {},\n"a": ' + "[" * 90_000, "2: more than 50 levels"),
    ],
)
def test_a_fault_in_json_is_told_with_its_line(network: Network, text: str, where: str) -> None:
    with pytest.raises(DdxError) as caught:
        phenopacket.read(Source(text.encode(), "file", "file"), network)
    assert str(caught.value).startswith(f"file:{where}")
