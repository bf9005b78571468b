"""Findings as observed, and the case file.

A case is what was found, what was looked for and not found, and what could not be told: three different things.
States stay the words that were written; which finding and state of a network they mean is decided by
`ddx.knowledge.lexicon`, so that a case can be read without its network.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ddx.documents import Document, Tree, Value, normal, parse, read
from ddx.errors import CaseError, ContradictoryFinding, near_misses, sentence

FORMAT = "case/1"
KEYS = ("ddx", "network", "setting", "subject", "findings", "expect", "title", "source", "note", "id")


NOT_KNOWN = ("unknown", "?")  # words for what nobody could tell


@dataclass(frozen=True, slots=True)
class Observed:
    """One finding as observed: a state or value as written, or a likelihood per state, or unknown (both empty).

    `word` is the word by which it was said to be unknown.
    """

    name: str
    state: str | None = None
    likelihood: Mapping[str, float] | None = None
    where: str = ""
    word: str = ""

    @property
    def unknown(self) -> bool:
        return self.state is None and self.likelihood is None

    def among(self, states: Collection[str]) -> str | None:
        """The state as written. A word for not known is a state where a network has one of exactly that name."""
        return self.word if self.unknown and self.word in states else self.state


@dataclass(frozen=True, slots=True)
class Expect:
    """What a case promises of its posteriors; makes the case file a test."""

    rank: tuple[str, ...] = ()
    rank_any: tuple[str, ...] = ()
    above: Mapping[str, float] = field(default_factory=dict)
    below: Mapping[str, float] = field(default_factory=dict)
    joint_above: Mapping[tuple[str, ...], float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rank or self.rank_any or self.above or self.below or self.joint_above)


@dataclass(frozen=True, slots=True)
class Case:
    """A patient as entered: findings in the order given, who the patient is, and where they are seen.

    `subject_unknown` is what nobody knows of the patient, each with the word for that. `id` is a name of the case that
    its author gave, `name` what messages call it, `where` the place in a file that they name.
    """

    findings: tuple[Observed, ...]
    subject: Mapping[str, str] = field(default_factory=dict)
    subject_unknown: Mapping[str, str] = field(default_factory=dict)
    network: str | None = None
    setting: str | None = None
    expect: Expect = field(default_factory=Expect)
    title: str = ""
    source: str = ""
    note: str = ""
    id: str = ""
    name: str = ""
    where: str = ""


def read_case(path: Path) -> Case:
    """The case in a YAML or JSON file. CaseError, FileProblem or DocumentError name file and line."""
    return case_of(read(path))


def parse_case(text: str, name: str, kind: str = "yaml") -> Case:
    """The case in a text; `kind` is "yaml" or "json"."""
    return case_of(parse(text, name, kind))


def case_of(document: Document) -> Case:
    """Check the shape of a case document and return the case."""
    body = _mapping(document, (), document.value)
    _known_keys(document, (), body, KEYS)
    if body.get("ddx") != FORMAT:
        read_as = f"ddx: {body['ddx']}" if "ddx" in body else "no key ddx"
        raise _fault(document, ("ddx",), f"{read_as}, but a case starts with ddx: {FORMAT}", "Add or mend that line.")
    findings = _mapping(document, ("findings",), body.get("findings") or {})
    subject, subject_unknown = _subject(document, body.get("subject"))
    return Case(
        findings=tuple(_observed(document, name, value) for name, value in findings.items()),
        subject=subject,
        subject_unknown=subject_unknown,
        network=_word(document, "network", body),
        setting=_word(document, "setting", body),
        expect=_expect(document, body.get("expect")),
        title=_word(document, "title", body) or "",
        source=_word(document, "source", body) or "",
        note=_word(document, "note", body) or "",
        id=_word(document, "id", body) or "",
        name=document.name,
        where=document.name,
    )


def as_document(case: Case) -> dict[str, Tree]:
    """The case as the content of a case file, which `case_of` reads as the same case. Names of files are left out."""
    told: dict[str, Tree] = {"ddx": FORMAT}
    for key in ("id", "title", "network", "setting", "source", "note"):
        if getattr(case, key):
            told[key] = str(getattr(case, key))
    if case.subject or case.subject_unknown:
        told["subject"] = {**case.subject, **case.subject_unknown}
    told["findings"] = {observed.name: _written(observed) for observed in case.findings}
    if case.expect:
        told["expect"] = _promises(case.expect)
    return told


def observed_on_the_line(tokens: Iterable[str]) -> tuple[Observed, ...]:
    """Findings typed on the command line: `NAME`, `no-NAME`, `NAME=STATE`, `NAME=VALUE`, `NAME=?`.

    `NAME` and `no-NAME` carry the words `present` and `absent`, which the network's lexicon turns into states.
    Whether `no-x` is a name of its own is decided there too: the name is kept whole, the state left open.
    """
    return tuple(_token(token) for token in tokens)


def merged(first: Iterable[Observed], second: Iterable[Observed]) -> tuple[Observed, ...]:
    """Both lists of findings; ContradictoryFinding where one name stands in both."""
    seen: dict[str, Observed] = {}
    for observed in (*first, *second):
        if observed.name in seen:
            raise ContradictoryFinding(
                f"{observed.name} is given twice ({said(seen[observed.name])}; {said(observed)})"
            )
        seen[observed.name] = observed
    return tuple(seen.values())


def said(observed: Observed) -> str:
    """How a finding was written, for messages."""
    if observed.likelihood is not None:
        return f"{observed.name} with a likelihood"
    return f"{observed.name}={observed.state if observed.state is not None else observed.word or '?'}"


def as_written(name: str, word: str, where: str = "") -> Observed:
    """A finding with what was written for it: a state or value, or a word for not known."""
    return Observed(name, where=where, word=word) if word in NOT_KNOWN else Observed(name, word, where=where)


def _written(observed: Observed) -> Tree:
    if observed.likelihood is not None:
        return {"likelihood": dict(observed.likelihood)}
    return observed.word or NOT_KNOWN[0] if observed.state is None else observed.state


def _promises(expect: Expect) -> Tree:
    told: dict[str, Tree] = {key: [*getattr(expect, key)] for key in ("rank", "rank_any") if getattr(expect, key)}
    for key in ("above", "below"):
        if getattr(expect, key):
            told[key] = dict(getattr(expect, key))
    if expect.joint_above:
        told["joint_above"] = {"+".join(names): bound for names, bound in expect.joint_above.items()}
    return told


def _token(token: str) -> Observed:
    name, equals, state = normal(token).partition("=")
    if not name.strip() or (equals and not state.strip()):
        raise CaseError(f"{token!r} is no finding. Write NAME, no-NAME, NAME=STATE, NAME=VALUE or NAME=?")
    if not equals:
        return Observed(name.strip(), "present", where="on the line")
    return as_written(name.strip(), state.strip(), "on the line")


def _observed(document: Document, name: str, value: Value) -> Observed:
    where = document.where(("findings", name))
    if isinstance(value, str):
        return as_written(name, value, where)
    if isinstance(value, dict):
        _known_keys(document, ("findings", name), value, ("likelihood",))
        weights = _mapping(document, ("findings", name, "likelihood"), value.get("likelihood"))
        numbers = {s: _number(document, ("findings", name, "likelihood", s), w) for s, w in weights.items()}
        if not numbers or any(w < 0 for w in numbers.values()) or not any(numbers.values()):
            raise _fault(document, ("findings", name), f"{name}: a likelihood needs weights >= 0, one of them > 0", "")
        return Observed(name, likelihood=numbers, where=where)
    read_as = "nothing" if value is None else "a list"
    raise _fault(
        document, ("findings", name), f"{name} has {read_as}", "Give a state, `unknown`, or a likelihood per state."
    )


def _subject(document: Document, value: Value) -> tuple[dict[str, str], dict[str, str]]:
    """What is known of the patient, and what nobody knows, with the word for that."""
    subject = _mapping(document, ("subject",), value or {})
    for key, word in subject.items():
        if word is not None and not isinstance(word, str):
            raise _fault(document, ("subject", key), f"subject {key} is not a word or number", "")
    words = {key: str(word) for key, word in subject.items() if word is not None}
    unknown = {key: word for key, word in words.items() if word in NOT_KNOWN}
    return {key: word for key, word in words.items() if key not in unknown}, unknown


def _expect(document: Document, value: Value) -> Expect:
    body = _mapping(document, ("expect",), value or {})
    _known_keys(document, ("expect",), body, ("rank", "rank_any", "above", "below", "joint_above"))
    bounds = {key: _bounds(document, key, body.get(key)) for key in ("above", "below", "joint_above")}
    joint = {tuple(part.strip() for part in key.split("+")): bound for key, bound in bounds["joint_above"].items()}
    return Expect(
        rank=_words(document, "rank", body.get("rank")),
        rank_any=_words(document, "rank_any", body.get("rank_any")),
        above=bounds["above"],
        below=bounds["below"],
        joint_above=joint,
    )


def _bounds(document: Document, key: str, value: Value) -> dict[str, float]:
    rows = _mapping(document, ("expect", key), value or {})
    bounds = {name: _number(document, ("expect", key, name), bound) for name, bound in rows.items()}
    for name, bound in bounds.items():
        if not 0 <= bound <= 1:
            raise _fault(
                document, ("expect", key, name), f"{bound} is not a probability", "Write a number from 0 to 1."
            )
    return bounds


def _words(document: Document, key: str, value: Value) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise _fault(document, ("expect", key), f"{key} is not a list of names", "Write [first, second].")
    return tuple(str(word) for word in value)


def _word(document: Document, key: str, body: Mapping[str, Value]) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise _fault(document, (key,), f"{key} is not a word", "")
    return value


def _number(document: Document, place: tuple[str | int, ...], value: Value) -> float:
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _fault(
            document, place, f"what stands for {place[-1]} is not a number", "Write it with a decimal point, as 0.9."
        )
    return number


def _mapping(document: Document, place: tuple[str | int, ...], value: Value) -> dict[str, Value]:
    if not isinstance(value, dict):
        what = " ".join(str(p) for p in place) or "the case"
        raise _fault(document, place, f"{what} is not a block of `name: value` lines", "")
    return value


def _known_keys(
    document: Document, place: tuple[str | int, ...], body: Mapping[str, Value], known: tuple[str, ...]
) -> None:
    for key in body:
        if key not in known:
            hint = near_misses(key, known) or f"Known here: {', '.join(known)}."
            raise _fault(document, (*place, key), f"unknown key {key!r}", hint)


def _fault(document: Document, place: tuple[str | int, ...], message: str, remedy: str) -> CaseError:
    return CaseError(sentence(message, where=document.where(place), remedy=remedy))
