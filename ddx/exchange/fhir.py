"""What do the Observations of a FHIR R4 Bundle say of a patient, in the words of a network?

An Observation is used where one of its codes is a code of a finding. Its value says whether the finding was seen:
`valueBoolean`, or a coded value for present / absent, positive / negative, detected / not detected; a
`valueQuantity` in the unit of the finding becomes its state. An Observation that was cancelled or entered in error
is left out, one whose meaning a modifier extension changes is refused, as the standard demands. One patient only:
a subject is the Patient whose fullUrl it names, or whose id ends the reference (`Patient/7`, also as an address).
Nothing of the patient's identity is taken over or repeated in a message; resources that are not read are counted
in the notes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NoReturn

from ddx.errors import CaseError, ContradictoryFinding, sentence
from ddx.evidence import Case, Observed
from ddx.exchange.jsontext import Json, parse, place_in
from ddx.exchange.ontology import Ontology
from ddx.exchange.source import Source, shown
from ddx.exchange.terms import (
    Imported,
    Link,
    Term,
    Unmapped,
    Vocabulary,
    code_id,
    mapped,
    refuse_unmapped,
    subject_of,
    unchecked,
)
from ddx.knowledge.lexicon import of_network
from ddx.knowledge.spec import Network

SYSTEMS = {
    "http://human-phenotype-ontology.org": "hpo",
    "http://human-phenotype-ontology.github.io": "hpo",
    "http://purl.obolibrary.org/obo/hp.owl": "hpo",
    "http://purl.obolibrary.org/obo/hp.fhir": "hpo",
    "http://loinc.org": "loinc",
    "http://snomed.info/sct": "snomed",
}
SEEN = {  # (system, code) -> was the finding seen?
    ("http://loinc.org", "LA9633-4"): True,  # present
    ("http://loinc.org", "LA9634-2"): False,  # absent
    ("http://loinc.org", "LA33-6"): True,  # yes
    ("http://loinc.org", "LA32-8"): False,  # no
    ("http://loinc.org", "LA6576-8"): True,  # positive
    ("http://loinc.org", "LA6577-6"): False,  # negative
    ("http://loinc.org", "LA11882-0"): True,  # detected
    ("http://loinc.org", "LA11883-8"): False,  # not detected
    ("http://snomed.info/sct", "52101004"): True,  # present
    ("http://snomed.info/sct", "2667000"): False,  # absent
    ("http://snomed.info/sct", "10828004"): True,  # positive
    ("http://snomed.info/sct", "260385009"): False,  # negative
    ("http://snomed.info/sct", "260373001"): True,  # detected
    ("http://snomed.info/sct", "260415000"): False,  # not detected
    ("http://snomed.info/sct", "373066001"): True,  # yes
    ("http://snomed.info/sct", "373067005"): False,  # no
    ("http://terminology.hl7.org/CodeSystem/v2-0136", "Y"): True,
    ("http://terminology.hl7.org/CodeSystem/v2-0136", "N"): False,
    ("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "POS"): True,
    ("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "NEG"): False,
}
PATIENT = re.compile(r"(?:.*/)?(Patient/[^/]+)(?:/_history/.*)?")
USED = ("final", "amended", "corrected", "preliminary")
SEXES = ("male", "female")


def read(source: Source, network: Network, *, strict: bool = False, ontology: Ontology | None = None) -> Imported:
    """The case that a Bundle of Observations (or a single one) makes in this network.

    Raises CaseError (ContradictoryFinding for statements that exclude one another), DocumentError or FileProblem,
    each with the place; with `strict` also where an Observation is not used. With an `ontology` no observed term may
    have an excluded ancestor.
    """
    bundle = _Bundle(source, Vocabulary.of(network))
    bundle.take(parse(source))
    findings, links, unmapped = mapped(bundle.terms, bundle.vocabulary, ontology)
    measured = {observed.name for observed, _ in bundle.measured}
    for observed in findings:
        if observed.name in measured:
            bundle.fail(f"{observed.name} is given as a value and as seen or not seen", observed.where, "Keep one.")
    if not bundle.observations:
        bundle.remarks.append("no Observations: the case holds nothing but who the patient is")
    total = len(bundle.terms) + len(bundle.measured) + len(bundle.unmapped)
    unused = (*bundle.unmapped, *unmapped)
    if strict:
        refuse_unmapped(unused, total, source.where)
    subject, notes = subject_of(bundle.vocabulary, bundle.subject)
    found = (*findings, *(observed for observed, _ in bundle.measured))
    used = (*links, *(link for _, link in bundle.measured))
    everything = (*bundle.notes(), *bundle.remarks, *notes, *unchecked(bundle.terms, ontology))
    return Imported(Case(found, subject, network=network.header.name, name=source.where), used, unused, everything)


class _Bundle:
    """Gathers what the resources of one Bundle say."""

    def __init__(self, source: Source, vocabulary: Vocabulary) -> None:
        """Nothing yet."""
        self.source, self.where, self.vocabulary = source, source.where, vocabulary
        self.terms: list[Term] = []
        self.measured: list[tuple[Observed, Link]] = []
        self.unmapped: list[Unmapped] = []
        self.subject: dict[str, str] = {}
        self.observations = 0
        self.remarks: list[str] = []
        self._patients: set[str] = set()
        self._named: dict[str, str] = {}  # name of a Patient of the Bundle -> the one name used here
        self._left_out: Counter[str] = Counter()

    def fail(self, message: str, place: str, remedy: str = "") -> NoReturn:
        """CaseError at a place inside the file."""
        where = place_in(self.source, place.removeprefix(f"{self.where}:"))
        raise CaseError(sentence(message, where=where, remedy=remedy))

    def notes(self) -> list[str]:
        """What was left out, counted."""
        return [f"left out: {count} {what}" for what, count in sorted(self._left_out.items())]

    def take(self, value: Json) -> None:
        """Reads a Bundle, or one resource by itself."""
        body = self.block(value, "file")
        if body.get("resourceType") != "Bundle":
            kind = body.get("resourceType")
            return self.all([(body, None, shown(kind) if isinstance(kind, str) else "resource")])
        entries: list[tuple[Mapping[str, Json], Json, str]] = []
        for index, item in enumerate(self.items(body.get("entry", []), "entry")):
            place = f"entry[{index}].resource"
            entry = self.block(item, place)
            entries.append((self.block(entry.get("resource"), place), entry.get("fullUrl"), place))
        return self.all(entries)

    def all(self, entries: Iterable[tuple[Mapping[str, Json], Json, str]]) -> None:
        """Reads resources, each with its fullUrl and place; a patient may stand behind those that speak of them."""
        for body, url, place in entries:
            if body.get("resourceType") == "Patient":
                self.name(body, url, place)
        for body, _, place in entries:
            self.resource(body, place)

    def resource(self, body: Mapping[str, Json], place: str) -> None:
        """Reads one resource."""
        kind = body.get("resourceType")
        if not isinstance(kind, str):
            self.fail("no resourceType", place, "Is this a FHIR R4 Bundle?")
        if body.get("modifierExtension"):
            self.fail("a modifierExtension, which may turn the meaning round", place, "Remove the resource.")
        if kind == "Patient":
            self.patient(body)
        elif kind == "Observation":
            self.observation(body, place)
        else:
            self._left_out[f"{shown(kind)} resources (not read)"] += 1

    def name(self, body: Mapping[str, Json], url: Json, place: str) -> None:
        """Keeps by which names a Patient may be spoken of: the fullUrl and the id."""
        address, own = self.text(url, place, "fullUrl"), self.text(body.get("id"), place, "id")
        relative = f"Patient/{own}" if own else place
        name = address or relative
        for word in (name, _tail(name), relative):
            self._named.setdefault(word, name)
        self.about(name, place)

    def about(self, name: str, place: str) -> None:
        """A resource speaks of the patient of that name; a second patient is refused."""
        tail = _tail(name)
        self._patients.add(self._named.get(name) or self._named.get(tail) or tail)
        if len(self._patients) > 1:
            self.fail("more than one patient", place, "Give the Bundle of one patient.")

    def patient(self, body: Mapping[str, Json]) -> None:
        """Takes the sex; the age depends on a day that the Bundle does not fix."""
        gender = body.get("gender")
        if isinstance(gender, str) and gender in SEXES:
            self.subject["sex"] = gender
        elif gender is not None:
            self._left_out["sex that is neither male nor female"] += 1
        if "birthDate" in body:
            self._left_out["age (a date of birth; give the age with the case)"] += 1

    def observation(self, body: Mapping[str, Json], place: str) -> None:
        """Reads one Observation."""
        self.observations += 1
        subject = self.block(body.get("subject", {}), f"{place}.subject")
        reference = self.text(subject.get("reference"), f"{place}.subject", "reference")
        if reference:
            self.about(reference, place)
        status = body.get("status")
        if status not in USED:
            self._left_out["Observations that are not preliminary or final"] += 1
            return
        if body.get("component"):
            self._left_out["Observations with components (only the whole is read)"] += 1
        codes = [code for code, _ in self.codings(body.get("code"), f"{place}.code")]
        known = [code for code in codes if code in self.vocabulary.coded]
        if not known:
            named = codes[0] if codes else f"the Observation at {place}"
            name = self.vocabulary.network.header.name
            self.unmapped.append(Unmapped(named, f"no finding of {name} has this code"))
        elif "valueQuantity" in body:
            self.quantity(known[0], self.block(body["valueQuantity"], f"{place}.valueQuantity"), place)
        else:
            seen = self.seen(body, place)
            if seen is None:
                self.unmapped.append(Unmapped(known[0], "its value is neither seen nor not seen"))
            else:
                self.statement(Term(known[0], seen, f"{self.where}:{place}"))

    def statement(self, term: Term) -> None:
        """Keeps a statement; the same one made twice (on two days) counts once."""
        for earlier in self.terms:
            if earlier.id == term.id and earlier.observed != term.observed:
                message = f"{term.id} is both observed and excluded"
                raise ContradictoryFinding(sentence(message, where=term.where, remedy="Keep the one that holds now."))
        if all(earlier.id != term.id for earlier in self.terms):
            self.terms.append(term)

    def quantity(self, term: str, value: Mapping[str, Json], place: str) -> None:
        """A measured value in the unit of the finding."""
        number = value.get("value")
        units = [self.text(value.get(key), f"{place}.valueQuantity", key) for key in ("unit", "code")]
        if isinstance(number, bool) or not isinstance(number, int | float) or value.get("comparator"):
            self.unmapped.append(Unmapped(term, "its value is not one number"))
            return
        lexicon = of_network(self.vocabulary.network)
        for name, code in self.vocabulary.coded[term]:
            quantity = self.vocabulary.askables[name].quantity
            if quantity is None or code.relation != "exact" or quantity.unit not in units:
                unit = quantity.unit if quantity else "no unit"
                self.unmapped.append(Unmapped(term, f"{name} takes {unit}, not this quantity"))
                continue
            observed = Observed(name, repr(number), where=f"{self.where}:{place}")
            state = lexicon.observe(observed)[1]
            for earlier, link in self.measured:
                if earlier.name == name and link.state != state:
                    message = f"{name} is measured twice, with different results"
                    raise ContradictoryFinding(sentence(message, where=observed.where, remedy="Keep the latest."))
            if all(earlier.name != name for earlier, _ in self.measured):
                self.measured.append((observed, Link(term, name, str(state), code.relation)))

    def seen(self, body: Mapping[str, Json], place: str) -> bool | None:
        """Was it seen? None where the value does not say."""
        value = body.get("valueBoolean")
        if value is not None:
            if not isinstance(value, bool):
                self.fail("valueBoolean is not true or false", place, "Write it without quotes.")
            return value
        pairs = [pair for _, pair in self.codings(body.get("valueCodeableConcept"), f"{place}.valueCodeableConcept")]
        answers = {SEEN[pair] for pair in pairs if pair in SEEN}
        if len(answers) > 1:
            self.fail("a value that says both seen and not seen", place, "Keep one coding.")
        return answers.pop() if answers else None

    def codings(self, value: Json, place: str) -> Iterator[tuple[str, tuple[str, str]]]:
        """The codings of a CodeableConcept, as a term and as (system, code)."""
        if value is None:
            return
        for item in self.items(self.block(value, place).get("coding", []), f"{place}.coding"):
            coding = self.block(item, f"{place}.coding")
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str) and code:
                term = code_id(SYSTEMS[system], code) if system in SYSTEMS else f"{system}|{code}"
                yield shown(term), (system, code)

    def text(self, value: Json, place: str, key: str) -> str:
        """A text; empty where there is none."""
        if value is not None and not isinstance(value, str):
            self.fail(f"{key} is not text", place, "Write it in quotes.")
        return value or ""

    def block(self, value: Json, place: str) -> dict[str, Json]:
        """An object."""
        if not isinstance(value, dict):
            self.fail("an object expected", place, "Is this a FHIR R4 Bundle?")
        return value

    def items(self, value: Json, place: str) -> list[Json]:
        """A list."""
        if not isinstance(value, list):
            self.fail("a list expected", place, "Is this a FHIR R4 Bundle?")
        return value


def _tail(reference: str) -> str:
    """`Patient/7` of an address that ends so, of whatever version; anything else as it is.

    >>> _tail("https://example.org/fhir/Patient/7/_history/2"), _tail("urn:uuid:7")
    ('Patient/7', 'urn:uuid:7')
    """
    match = PATIENT.fullmatch(reference)
    return match[1] if match else reference
