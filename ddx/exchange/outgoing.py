"""In which form does the name of a file ask cases to be written?

.case.yaml .json                  a case of ddx
.csv                              one case a row
.phenopacket .phenopacket.json    a GA4GH phenopacket, version 2
.evid                             the evidence of a UAI problem

A case of ddx carries everything; what another form has no place for is named, never dropped in silence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from ddx.errors import CaseError, near_misses, sentence
from ddx.evidence import Case, Observed, as_document
from ddx.exchange import csvcases, phenopacket, uai, yamltext
from ddx.exchange.source import problem, reason, shown
from ddx.knowledge.spec import Network
from ddx.storage import PRIVATE, write_atomically

Written = tuple[str, tuple[str, ...]]  # the text, and what it cannot carry, each with the reason
WORDS = ("title", "source", "note", "expect")  # of a case, for which only a case of ddx has a place


@dataclass(frozen=True, slots=True)
class Within:
    """The network that a case is about, and the case in its words.

    Its codes (`spec`), its variables with their states in order, and of the case: the evidence, what is on record as
    unknown, the `known` findings as written, and the names of those `beyond` it. `usual` is the network that need not
    be told: it was named on the line, or a reader takes it where none is.
    """

    spec: Network | None
    usual: str
    states: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    evidence: Mapping[str, object] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    known: tuple[Observed, ...] = ()
    beyond: tuple[str, ...] = ()


def is_case_file(path: Path) -> bool:
    """Does the name of this file ask for a case?"""
    return _writer(path) is not None


def written(cases: Sequence[Case], path: Path, within: Within) -> Written:
    """The text for that file. CaseError for several cases in a form for one, FileProblem for an unknown ending."""
    where = shown(str(path), 4096)
    writer = _writer(path)
    if writer is None:
        hint = near_misses(path.suffix, WRITERS)
        raise problem(f"the ending names no form of a case; known are {' '.join(WRITERS)}", where, hint)
    if path.name.lower().endswith(".csv"):
        return csvcases.write(cases), (*_networks(cases, within.usual), *_lost(cases, WORDS))
    if len(cases) != 1:
        remedy = "Write a table (.csv), or keep one case."
        raise CaseError(sentence(f"{len(cases)} cases, but such a file holds one", where=where, remedy=remedy))
    return writer(cases[0], within)


def put(text: str, path: Path) -> None:
    """Writes a case whole or not at all, readable by its owner alone; FileProblem where it cannot."""
    try:
        write_atomically(path, text.encode("utf-8"), PRIVATE)
    except (OSError, ValueError) as fault:
        where = shown(str(path), 4096)
        raise problem(f"cannot be written: {reason(fault)}", where, "Check the folder and its rights.") from None


def _yaml(case: Case, _within: Within) -> Written:
    return "".join(yamltext.lines(as_document(case))), ()


def _json(case: Case, _within: Within) -> Written:
    return json.dumps(as_document(case), indent=2, ensure_ascii=False) + "\n", ()


def _phenopacket(case: Case, within: Within) -> Written:
    if within.spec is None:
        raise CaseError("a phenopacket is written by the codes of the findings, which this network does not give")
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    text, left_out = phenopacket.write(replace(case, findings=within.known), within.spec, created=now)
    setting = (f"setting: name it with --setting {case.setting}",) if case.setting else ()
    elsewhere = (*_networks([case], within.usual), *setting)
    return text, (*left_out, *_beyond(within), *elsewhere, *_lost([case], ("id", *WORDS)))


def _evidence(case: Case, within: Within) -> Written:
    text, left_out = uai.write_evidence(within.evidence, within.states, within.unknown)
    nobody = tuple(f"subject {key}: unknown; .evid holds states only" for key in case.subject_unknown)
    return text, (*left_out, *nobody, *_beyond(within), *_lost([case], ("setting", "id", *WORDS)))


def _csv(case: Case, within: Within) -> Written:
    return csvcases.write([case]), (*_networks([case], within.usual), *_lost([case], WORDS))


def _beyond(within: Within) -> tuple[str, ...]:
    """The findings that the network of the case does not have."""
    return (f"{', '.join(within.beyond)}: not in this network",) if within.beyond else ()


def _networks(cases: Sequence[Case], usual: str) -> tuple[str, ...]:
    """The networks that a reader would not take by itself."""
    return tuple(f"network: name it with -n {n}" for n in sorted({c.network for c in cases if c.network} - {usual}))


def _lost(cases: Sequence[Case], words: Sequence[str]) -> tuple[str, ...]:
    """What the cases say under these words, for which a form has no place."""
    said = [word for word in words if any(getattr(case, word) for case in cases)]
    return (f"{', '.join(said)}: no place in this form",) if said else ()


WRITERS: dict[str, Callable[[Case, Within], Written]] = {
    ".case.yaml": _yaml,
    ".phenopacket.json": _phenopacket,
    ".phenopacket": _phenopacket,
    ".json": _json,
    ".csv": _csv,
    ".evid": _evidence,
}


def _writer(path: Path) -> Callable[[Case, Within], Written] | None:
    return next((write for ending, write in WRITERS.items() if path.name.lower().endswith(ending)), None)
