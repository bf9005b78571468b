"""The differential as a FHIR R4 RiskAssessment, for systems that speak FHIR.

Each disease is one prediction. Probabilities are percentages, as the standard has them (0 to 100). A disease carries
only those codes that mean exactly it. The patient is not named: the subject that the standard demands says `masked`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ddx.knowledge.lexicon import Entry
from ddx.knowledge.spec import Code
from ddx.network import Network
from ddx.reasoning.basis import INTENDED_USE, Basis, Plain
from ddx.reasoning.differential import Diagnosis, Differential
from ddx.report import phrases
from ddx.report.figures import lift, percent

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
SYSTEMS = {  # vocabulary -> its URI in FHIR; a code of another one is written without a system
    "hpo": "http://human-phenotype-ontology.org",
    "icd10": "http://hl7.org/fhir/sid/icd-10",
    "loinc": "http://loinc.org",
    "mondo": "http://purl.obolibrary.org/obo/mondo.owl",
    "snomed": "http://snomed.info/sct",
}


def risk_assessment(
    network: Network, answer: Differential, intervals: Mapping[str, tuple[float, float]] | None = None
) -> dict[str, Plain]:
    """The resource; `intervals` (low, high) by disease go into the rationale, where they were asked for."""
    found = intervals or {}
    basis: list[Plain] = [{"display": said} for said in _findings(network, answer.basis)]
    told: dict[str, Plain] = {
        "resourceType": "RiskAssessment",
        "status": "preliminary",
        "method": {"text": _method(answer)},
        "subject": {"extension": [{"url": ABSENT, "valueCode": "masked"}]},
    }
    if basis:  # the standard knows no empty list
        told["basis"] = basis
    told["prediction"] = [_prediction(network, d, found.get(d.id)) for d in answer.diseases]
    told["note"] = [{"text": note} for note in _notes(answer.basis)]
    return told


def _method(answer: Differential) -> str:
    """With what the answer was made, so that it can be made again."""
    basis = answer.basis
    named = f"{basis.network} {basis.version}".strip()
    parts = [
        f"ddx {basis.tool_version}, {'exact' if basis.exact else 'approximate'} inference in a Bayesian network",
        f"network {named} (sha256 {basis.sha256})",
        f"setting {basis.understood.setting}" if basis.understood.setting else "",
        f"result sha256 {answer.result_sha256}",
    ]
    return "; ".join(part for part in parts if part)


def _findings(network: Network, basis: Basis) -> Iterator[str]:
    """The evidence in words; what nobody stated is marked."""
    for used in basis.understood.used:
        said = phrases.finding(network.lexicon.askables[used.finding], used.said)
        yield f"{said} (the complaint of the setting, not stated)" if used.origin == "setting" else said


def _prediction(network: Network, diagnosis: Diagnosis, interval: tuple[float, float] | None) -> Plain:
    coding: list[Plain] = [_coding(vocabulary, code) for vocabulary, code in _codes(network, diagnosis.entry)]
    outcome: dict[str, Plain] = {"coding": coding} if coding else {}
    outcome["text"] = diagnosis.entry.label
    rationale = f"{percent(diagnosis.prior)} before the findings, {lift(diagnosis.lift)} by them"
    if interval is not None:
        rationale += f"; 90% interval {percent(interval[0])} to {percent(interval[1])}"
    return {
        "outcome": outcome,
        "probabilityDecimal": min(100.0, 100.0 * diagnosis.posterior),
        "rationale": rationale,
    }


def _codes(network: Network, entry: Entry) -> Iterator[tuple[str, Code]]:
    """The codes that mean exactly this entry: those of the event where it is one, else those of the disease."""
    disease = network.spec.diseases.get(entry.node) if network.spec else None
    if disease is not None:
        codes = disease.codes if entry.of is None else disease.reported[entry.id].codes
        yield from ((v, code) for v, code in sorted(codes.items()) if code.relation == "exact")


def _coding(vocabulary: str, code: Code) -> Plain:
    told: dict[str, Plain] = {"system": SYSTEMS[vocabulary]} if vocabulary in SYSTEMS else {}
    told["code"] = code.id if vocabulary in SYSTEMS or ":" in code.id else f"{vocabulary.upper()}:{code.id}"
    if code.label:
        told["display"] = code.label
    return told


def _notes(basis: Basis) -> Iterator[str]:
    yield INTENDED_USE
    yield "The predictions are not exclusive: several diseases may be there at once."
    if basis.understood.unknown:
        yield f"On record as unknown: {', '.join(basis.understood.unknown)}."
    if basis.understood.ignored:
        yield f"Not used: {', '.join(basis.understood.ignored)}."
