"""What does a GA4GH phenopacket say of a patient, in the words of a network, and how is a case written as one?

Versions 1 (`negated`, `ageAtCollection`) and 2 (`excluded`, `timeAtLastEncounter`) of the JSON form. A feature is
observed unless it says otherwise with the literal `true`; the text "false" is refused, since taking it for true or
for false would both be a guess. A field that the standard does not have is refused, because a misspelt `excluded`
turns a finding into its opposite. Diagnoses, interpretations, measurements and files are not read, and the notes
say so. Nothing of the patient's identity is taken over or repeated in a message.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import NoReturn

from ddx.errors import CaseError, near_misses, sentence
from ddx.evidence import Case
from ddx.exchange.jsontext import Json, parse, place_in
from ddx.exchange.ontology import Ontology
from ddx.exchange.source import Source, shown
from ddx.exchange.terms import (
    Imported,
    Term,
    Vocabulary,
    mapped,
    refuse_unmapped,
    renewed,
    subject_of,
    unchecked,
)
from ddx.knowledge.lexicon import of_network
from ddx.knowledge.spec import Network

ONSETS = ("onset", "ageOfOnset", "ageRangeOfOnset", "classOfOnset")  # all but the first of version 1
QUALIFIERS: tuple[str, ...] = ("severity", "modifiers", "presentInMother", *ONSETS)  # no network asks for them
FEATURE: tuple[str, ...] = ("type", "excluded", "negated", "resolution", "evidence", "description", *QUALIFIERS)
READ = ("id", "subject", "phenotypicFeatures", "metaData")
UNREAD: tuple[str, ...] = ("measurements", "biosamples", "interpretations", "diseases", "medicalActions", "files")
UNREAD += ("genes", "variants", "htsFiles")  # version 1
SEXES = {"MALE": "male", "FEMALE": "female"}
AGE = re.compile(r"P(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T[\dHMS.]*)?", re.ASCII)


def read(source: Source, network: Network, *, strict: bool = False, ontology: Ontology | None = None) -> Imported:
    """The case that a phenopacket makes in this network.

    With an `ontology` no observed term may have an excluded ancestor, and old ids are renewed. Raises CaseError
    (ContradictoryFinding for terms that exclude one another), DocumentError or FileProblem, each with the place; with
    `strict` also where a term is not used.
    """
    packet = _Reader(source).packet(parse(source))
    vocabulary = Vocabulary.of(network)
    terms, told = renewed(packet.terms, ontology)
    findings, links, unmapped = mapped(terms, vocabulary, ontology)
    if strict:
        refuse_unmapped(unmapped, len(terms), source.where)
    subject, notes = subject_of(vocabulary, packet.subject)
    if not packet.terms:
        packet.notes.append("no features: the case holds nothing but who the patient is")
    notes = [*packet.notes, *told, *notes, *unchecked(terms, ontology)]
    return Imported(
        Case(findings, subject, network=network.header.name, name=source.where), links, unmapped, tuple(notes)
    )


def write(case: Case, network: Network, *, created: str) -> tuple[str, tuple[str, ...]]:
    """The case as a phenopacket of version 2, and what it cannot carry of findings and patient, each with the reason.

    Only a finding whose code is exact, in the state that its name or `no-NAME` means, is written. `created` is an
    RFC 3339 time. Raises UnknownFinding or UnknownState for what the network does not know.
    """
    lexicon = of_network(network)
    features: list[Json] = []
    left_out: list[str] = []
    for observed in case.findings:
        name, state = lexicon.observe(observed)
        code = network.findings[name].codes.get("hpo") if name in network.findings else None
        askable = lexicon.askables[name]
        if code is None or code.relation != "exact":
            left_out.append(f"{name}: no exact HPO term")
        elif state is None or state not in (askable.present, askable.absent):
            left_out.append(f"{name}: neither plainly present nor plainly absent")
        else:
            kind: dict[str, Json] = {"id": code.id, "label": code.label}
            features.append({"type": kind} if state == askable.present else {"type": kind, "excluded": True})
    packet: dict[str, Json] = {
        "id": "case",
        "subject": _written_subject({**case.subject, **case.subject_unknown}, left_out),
        "phenotypicFeatures": features,
        "metaData": {
            "created": created,
            "createdBy": "ddx",
            "resources": [
                {
                    "id": "hp",
                    "name": "human phenotype ontology",
                    "url": "http://purl.obolibrary.org/obo/hp.owl",
                    "version": "not recorded",
                    "namespacePrefix": "HP",
                    "iriPrefix": "http://purl.obolibrary.org/obo/HP_",
                }
            ],
            "phenopacketSchemaVersion": "2.0",
        },
    }
    return json.dumps(packet, indent=2, ensure_ascii=False) + "\n", tuple(left_out)


def _written_subject(subject: Mapping[str, str], left_out: list[str]) -> dict[str, Json]:
    written: dict[str, Json] = {"id": "subject"}
    sexes = {word: code for code, word in SEXES.items()}
    for key in sorted(subject, reverse=True):
        value = subject[key]
        if key == "sex" and value in sexes:
            written["sex"] = sexes[value]
        elif key == "age" and re.fullmatch(r"\d{1,3}", value, re.ASCII):
            written["timeAtLastEncounter"] = {"age": {"iso8601duration": f"P{int(value)}Y"}}
        else:
            left_out.append(f"subject {key}: no place for what is written")
    return written


class _Packet:
    """What was read of one phenopacket."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.terms: list[Term] = []
        self.subject: dict[str, str] = {}
        self.notes: list[str] = []
        self.qualified: Counter[str] = Counter()  # qualifier -> features that have it


class _Reader:
    """Takes a phenopacket apart; the name of its file begins every message."""

    def __init__(self, source: Source) -> None:
        """A reader for one file."""
        self.source, self.where = source, source.where

    def fail(self, message: str, place: str = "", remedy: str = "") -> NoReturn:
        """CaseError at a place inside the file."""
        raise CaseError(sentence(message, where=place_in(self.source, place) if place else self.where, remedy=remedy))

    def packet(self, value: Json) -> _Packet:
        """Features, subject and notes of the whole file."""
        body = self.block(value, "")
        if "phenopacket" in body:
            body = self.block(body["phenopacket"], "phenopacket")
        if "proband" in body or "members" in body:
            self.fail("a family or cohort, not one patient", remedy="Give the phenopacket of one patient.")
        self.known(body, (*READ, *UNREAD), "")
        if "phenotypicFeatures" not in body and "metaData" not in body:
            self.fail("neither phenotypicFeatures nor metaData", remedy="Is this a phenopacket?")
        packet = _Packet()
        version = self.block(body.get("metaData", {}), "metaData").get("phenopacketSchemaVersion", "2")
        if not isinstance(version, str) or version[:1] not in ("1", "2"):
            self.fail(f"phenopacketSchemaVersion {shown(str(version))}; 1 and 2 are read", "metaData")
        for index, item in enumerate(self.items(body.get("phenotypicFeatures", []), "phenotypicFeatures")):
            packet.terms.append(self.feature(item, f"phenotypicFeatures[{index}]", packet))
        packet.notes += [f"not used: {key} of {count} features" for key, count in sorted(packet.qualified.items())]
        self.person(body.get("subject", {}), packet)
        unread = [key for key in UNREAD if body.get(key)]
        if unread:
            packet.notes.append(f"not read: {', '.join(unread)}")
        return packet

    def feature(self, value: Json, place: str, packet: _Packet) -> Term:
        """One feature as a term; how it is qualified is counted, and its form checked."""
        body = self.block(value, place)
        self.known(body, FEATURE, place)
        kind = self.block(body.get("type", {}), f"{place}.type")
        name = kind.get("id")
        if not isinstance(name, str):
            self.fail("a feature without the id of its type", place, 'Write "type": {"id": "HP:0001250"}.')
        if "excluded" in body and "negated" in body:
            self.fail("both excluded (version 2) and negated (version 1)", place, "Keep one.")
        key = "negated" if "negated" in body else "excluded"
        absent = body.get(key, False)
        if not isinstance(absent, bool):
            self.fail(f"{key} is {_kind(absent)}", place, f"Write {key}: true or {key}: false, without quotes.")
        if body.get("resolution") and not absent:
            packet.notes.append(f"{shown(name)} has resolved; it counts as observed")
        for qualifier in (q for q in QUALIFIERS if q in body):
            packet.qualified[qualifier] += 1
            if qualifier == "modifiers":
                for item in self.items(body[qualifier], f"{place}.modifiers"):
                    self.block(item, f"{place}.modifiers")
            elif qualifier in ("onset", "severity"):
                self.block(body[qualifier], f"{place}.{qualifier}")
        return Term(name, not absent, f"{self.where}:{place}")

    def person(self, value: Json, packet: _Packet) -> None:
        """Age and sex, where they are stated plainly."""
        body = self.block(value, "subject")
        sex = body.get("sex")
        if isinstance(sex, str) and sex in SEXES:
            packet.subject["sex"] = SEXES[sex]
        elif sex not in (None, "UNKNOWN_SEX"):
            if sex != "OTHER_SEX":
                self.fail("sex is none of MALE, FEMALE, OTHER_SEX, UNKNOWN_SEX", "subject")
            packet.notes.append("sex: OTHER_SEX is not known to the networks and was left out")
        last = body.get("timeAtLastEncounter", body.get("ageAtCollection"))
        age = self.block(last, "subject.age") if last is not None else {}
        written = age.get("age", age)
        if isinstance(written, dict):
            written = written.get("iso8601duration", written.get("age"))
        if isinstance(written, str):
            packet.subject["age"] = self.years(written)
        elif last is not None or "dateOfBirth" in body:
            packet.notes.append("age: not given as one duration and left out")

    def years(self, written: str) -> str:
        """`P52Y6M` as "52.5"."""
        match = AGE.fullmatch(written)
        if not match or not any(match.groups()):
            self.fail("the age is not a duration of ISO 8601", "subject", "Write P52Y for 52 years.")
        years, months, weeks, days = (int(part or 0) for part in match.groups())
        return f"{years + months / 12 + weeks * 7 / 365.25 + days / 365.25:.2f}".rstrip("0").rstrip(".")

    def block(self, value: Json, place: str) -> dict[str, Json]:
        """An object with its keys in the standard's spelling (both JSON forms of protobuf are read)."""
        if not isinstance(value, dict):
            self.fail(f"{place or 'the file'} is {_kind(value)}, not an object", place)
        body: dict[str, Json] = {}
        for key, item in value.items():
            camel = re.sub(r"_([a-z])", lambda match: match.group(1).upper(), key)
            if camel in body:
                self.fail(f"{shown(camel)} is given twice, in two spellings", place, "Keep one.")
            body[camel] = item
        return body

    def items(self, value: Json, place: str) -> list[Json]:
        """A list."""
        if not isinstance(value, list):
            self.fail(f"{place} is {_kind(value)}, not a list", place)
        return value

    def known(self, body: Mapping[str, Json], keys: tuple[str, ...], place: str) -> None:
        """Refuses a key that the standard does not have."""
        for key in body:
            if key not in keys:
                self.fail(f"unknown field {shown(key)!r}", place, near_misses(key, keys) or "Remove it.")


def _kind(value: Json) -> str:
    """What sort of value this is, without saying it."""
    names = {bool: "true or false", str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "nothing")
