"""In which form does the name of a file ask cases to be written?

.case.yaml .json                  a case of ddx
.csv                              one case a row
.phenopacket .phenopacket.json    a GA4GH phenopacket, version 2
.evid                             the evidence of a UAI problem
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from ddx.errors import CaseError, near_misses, sentence
from ddx.evidence import Case, as_document
from ddx.exchange import csvcases, phenopacket, uai, yamltext
from ddx.exchange.source import problem, reason, shown
from ddx.knowledge.spec import Network
from ddx.storage import PRIVATE, write_atomically

Written = tuple[str, tuple[str, ...]]  # the text, and what it cannot carry, each with the reason


@dataclass(frozen=True, slots=True)
class Within:
    """The network that a case is about: its codes, its variables with their states in order, the evidence in them."""

    spec: Network | None
    states: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    evidence: Mapping[str, object] = field(default_factory=dict)


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
        return csvcases.write(cases), ()
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
    return phenopacket.write(case, within.spec, created=now)


def _evidence(_case: Case, within: Within) -> Written:
    return uai.write_evidence(within.evidence, within.states)


def _csv(case: Case, _within: Within) -> Written:
    return csvcases.write([case]), ()


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
