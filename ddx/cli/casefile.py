"""Which case was named on the line, and who wrote it? A case of ddx, or one of another system.

A case of ddx is read here and now and loads no reader of other systems. A case of another system is read once its
network is known, because the network's codes say what its terms mean.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddx.errors import CaseError, sentence
from ddx.evidence import Case

if TYPE_CHECKING:
    from ddx.exchange.source import Source
    from ddx.exchange.terms import Imported
    from ddx.network import Network
    from ddx.reasoning.understanding import Understood

OURS = re.compile(rb'"ddx"\s*:')  # stands in every JSON case of ddx
OTHERS = (".json.gz", ".csv", ".csv.gz", ".evid", ".evid.gz", ".phenopacket", ".phenopacket.gz")
STRICT = "ddx.cli.casefile.strict"  # where --strict is kept while a command runs


@dataclass(frozen=True, slots=True)
class Foreign:
    """A file of another system that has not been read yet: its bytes and what kind it is."""

    source: Source
    kind: str

    @property
    def network(self) -> str | None:
        """The UAI network that the evidence `x.uai.evid` lies beside; None for another kind, which names none."""
        if self.kind != "evidence":
            return None
        name = self.source.where.removesuffix(".gz").removesuffix(".evid")
        beside = next((file for file in (name, f"{name}.gz") if Path(file).is_file()), None)
        if beside is None:
            message = "states by their numbers mean nothing without their network"
            raise CaseError(sentence(message, where=self.source.where, remedy="Name it with -n."))
        return beside


def given_case(name: str) -> Case | Foreign:
    """The case of that name on the shelf, in that file, or on stdin for `-`."""
    from ddx.cli.shelved import shelved_case
    from ddx.evidence import parse_case, read_case
    from ddx.knowledge import catalog

    if name == "-":
        data = _stdin()
        others = None if OURS.search(data) else _foreign_data(data)
        if others is not None:
            return others
        from ddx.documents import decode

        text = decode(data, "stdin")
        return parse_case(text, "stdin", "json" if text.lstrip().startswith("{") else "yaml")
    if name in catalog.cases():
        return shelved_case(catalog.case_path(name))
    path = catalog.case_path(name)
    return _foreign_file(path) or read_case(path)


def read_foreign(file: Foreign, network: Network) -> tuple[Imported, ...]:
    """The cases in a file of another system, in the words of the network; several only in a table."""
    from ddx.exchange import ontology
    from ddx.exchange.cases import read_cases

    return read_cases(file.source, file.kind, network.spec, strict=strictly(), ontology=ontology.at_hand)


def with_terms(understood: Understood, imported: Imported) -> Understood:
    """The same evidence: each finding with the terms it was given as, and the terms not used among the ignored."""
    terms: dict[str, list[str]] = {}
    for link in imported.links:
        terms.setdefault(link.finding, []).append(f"{link.term}, {link.relation}")
    used = tuple(
        replace(u, given="; ".join([*([u.given] if u.given else []), *terms.get(u.finding, ())]))
        for u in understood.used
    )
    unmapped = dict.fromkeys(item.term for item in imported.unmapped)
    return replace(understood, used=used, ignored=(*understood.ignored, *unmapped))


def tell(file: Foreign, imported: Imported) -> None:
    """What became of an import, on stderr: every term not used with the reason, and every note."""
    from ddx.cli import shown

    lines = [f"not used: {item.term} ({item.why})" for item in imported.unmapped]
    for line in dict.fromkeys([*lines, *(f"note: {note}" for note in imported.notes)]):
        click.echo(shown(f"ddx: {file.source.where}: {line}"), err=True)


def keep_strict(context: click.Context, _option: click.Parameter, value: bool) -> None:
    """Keeps --strict where `strictly` finds it, whatever the command."""
    context.meta[STRICT] = value


def strictly() -> bool:
    """Whether the command that runs was given --strict."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(STRICT))


def _stdin() -> bytes:
    from ddx.documents import LARGEST_FILE
    from ddx.errors import FileProblem

    data = sys.stdin.buffer.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise FileProblem(f"stdin: more than {LARGEST_FILE // 1_000_000} MB; a case is never that large")
    return data


def _foreign_data(data: bytes) -> Foreign | None:
    """JSON on stdin that is a phenopacket or FHIR."""
    if not data.lstrip().startswith(b"{"):
        return None
    from ddx.exchange.cases import kind_of
    from ddx.exchange.source import Source

    source = Source(data, "stdin", "stdin")
    kind = kind_of(source)
    return Foreign(source, kind) if kind is not None else None


def _foreign_file(path: Path) -> Foreign | None:
    """The file where another system wrote it; by its name, and JSON by the key `ddx` that it lacks."""
    from ddx.documents import read_bytes

    name = path.name.lower()
    if not name.endswith(OTHERS) and (not name.endswith(".json") or OURS.search(read_bytes(path))):
        return None
    from ddx.exchange.cases import kind_of
    from ddx.exchange.source import problem, read_source

    source = read_source(path)
    kind = kind_of(source)
    if kind is None and name.endswith(OTHERS):
        raise problem("neither a phenopacket nor a FHIR Bundle", source.where, "Is the file whole?")
    return Foreign(source, kind) if kind is not None else None
