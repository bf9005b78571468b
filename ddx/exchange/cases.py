"""Which reader does a file with cases of another system ask for?

A table (`.csv`) and the evidence of a UAI problem (`.evid`) are known by their names, JSON by what it holds: a
phenopacket has phenotypicFeatures, FHIR has a resourceType; a case of ours has `ddx` and is read elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ddx.errors import CaseError, sentence
from ddx.evidence import Case, Observed
from ddx.exchange import csvcases, fhir, phenopacket, uai
from ddx.exchange.ontology import Ontology
from ddx.exchange.source import Source, problem
from ddx.exchange.terms import Imported
from ddx.knowledge.spec import Network

OURS = re.compile(rb'"ddx"\s*:')
SIGNS = {  # kind -> keys that only it has
    "fhir": re.compile(rb'"resourceType"\s*:'),
    "phenopacket": re.compile(
        rb'"(?:phenotypicFeatures|phenotypic_features|metaData|meta_data|phenopacket|proband)"\s*:'
    ),
}
CODED = {"phenopacket": phenopacket.read, "fhir": fhir.read}
NAMED = {".csv": "table", ".evid": "evidence"}


def kind_of(source: Source) -> str | None:
    """phenopacket, fhir, table or evidence; None where the file is none of them.

    FileProblem for a case of ddx that is packed: only the files of other systems may be.
    """
    name = source.where.lower().removesuffix(".gz")
    for ending, kind in NAMED.items():
        if name.endswith(ending):
            return kind
    if OURS.search(source.data):
        if source.where.lower().endswith(".gz"):
            raise problem("a case of ddx is read unpacked", source.where, "Unpack it.")
        return None
    return next((kind for kind, sign in SIGNS.items() if sign.search(source.data)), None)


def read_cases(
    source: Source,
    kind: str,
    network: Network | None,
    *,
    strict: bool = False,
    ontology: Callable[[], Ontology | None] = lambda: None,
) -> tuple[Imported, ...]:
    """The cases in a file of that kind; more than one only in a table.

    Phenopackets and FHIR are put in the words of `network`, by the codes of its findings; `strict` refuses terms that
    are not used, and only for these two is `ontology` asked. CaseError for a network without codes, and whatever the
    readers refuse.
    """
    if kind == "table":
        return tuple(Imported(case, (), (), ()) for case in csvcases.read(source))
    if kind == "evidence":
        observed = tuple(Observed(n, s, where=source.where) for n, s in uai.read_evidence(source).items())
        return (Imported(Case(observed, name=source.stem), (), (), ()),)
    if network is None or not any(finding.codes for finding in network.findings.values()):
        message = "the network gives no codes for its findings, by which a file of this kind is read"
        raise CaseError(sentence(message, where=source.where, remedy="Name a clinical network with -n."))
    return (CODED[kind](source, network, strict=strict, ontology=ontology()),)
