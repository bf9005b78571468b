"""Which reader does a file with cases of another system ask for?

`.json` is looked into: a phenopacket has phenotypicFeatures, FHIR has a resourceType. `.csv` holds many cases in
the words of the network itself and has a reader of its own, `csvcases.read`.
"""

from __future__ import annotations

import os

from ddx.evidence import Case
from ddx.exchange import csvcases, fhir, phenopacket
from ddx.exchange.jsontext import parse
from ddx.exchange.source import problem, read_source
from ddx.exchange.terms import Ancestors, Imported
from ddx.knowledge.spec import Network

KINDS = {"phenopacket": phenopacket.read, "fhir": fhir.read}


def read_import(
    path: str | os.PathLike[str], network: Network, *, strict: bool = False, ancestors: Ancestors | None = None
) -> Imported:
    """The case in a phenopacket or a FHIR Bundle; FileProblem where it is neither.

    `strict` refuses terms that are not used; `ancestors` gives for each term those above it.
    """
    source = read_source(path)
    kind = kind_of(path)
    if kind is None:
        remedy = "A phenopacket has phenotypicFeatures, a FHIR Bundle has a resourceType."
        raise problem("neither a phenopacket nor a FHIR Bundle", source.where, remedy)
    return KINDS[kind](source, network, strict=strict, ancestors=ancestors)


def read_table(path: str | os.PathLike[str]) -> tuple[Case, ...]:
    """The cases of a CSV file."""
    return csvcases.read(read_source(path))


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """phenopacket or fhir, by what the JSON file holds; None where it is neither. DdxError where it is no JSON."""
    body = parse(read_source(path))
    if not isinstance(body, dict) or "ddx" in body:
        return None
    if isinstance(body.get("resourceType"), str):
        return "fhir"
    marks = ("phenotypicFeatures", "phenotypic_features", "metaData", "meta_data", "phenopacket", "proband")
    return "phenopacket" if any(mark in body for mark in marks) else None
