"""Strict reading of text that people write: YAML 1.2 and JSON, as plain values that remember their lines.

Every scalar is read as its written text (`no`, `1e-4` and `04` stay words; the schema decides what they are);
only an empty value or `null` is nothing. Refused, each with its line: duplicate keys, aliases and anchors, tags,
several documents, more than 50 levels, more than 20 MB, text that is not UTF-8, control and bidirectional characters.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ddx.errors import DdxError, FileProblem, sentence

if TYPE_CHECKING:
    from ruamel.yaml.events import Event, ScalarEvent

LARGEST_FILE = 20_000_000  # bytes
DEEPEST = 50  # levels

Value = None | str | list["Value"] | dict[str, "Value"]
Place = tuple[str | int, ...]
Tree = str | int | float | list["Tree"] | dict[str, "Tree"]  # what is written


class DocumentError(DdxError):
    """Text that is not a well-formed document; names the line."""


@dataclass(frozen=True, slots=True)
class Document:
    """The value of a file and, for every place in it, the line where it stands.

    `bare` are the places of values that are written without quotes.
    """

    name: str
    value: Value
    lines: Mapping[Place, int] = field(default_factory=dict)
    bare: frozenset[Place] = frozenset()

    def where(self, place: Iterable[str | int] = ()) -> str:
        """file:line of a place, or of the nearest place above it that is known."""
        path = tuple(place)
        while path and path not in self.lines:
            path = path[:-1]
        line = self.lines.get(path)
        return f"{self.name}:{line}" if line else self.name


def read_bytes(path: Path, largest: int = LARGEST_FILE) -> bytes:
    """The bytes of a file; FileProblem where it is missing, no file, unreadable or too large."""
    try:
        if path.is_dir():
            raise FileProblem(f"{path}: is a folder, not a file")
        with path.open("rb") as stream:
            data = stream.read(largest + 1)
    except FileNotFoundError:
        raise FileProblem(f"{path}: no such file") from None
    except OSError as fault:
        raise FileProblem(f"{path}: cannot be read ({fault.strerror})") from None
    if len(data) > largest:
        raise FileProblem(f"{path}: more than {largest // 1_000_000} MB; a file of this kind is never that large")
    return data


def decode(data: bytes, name: str) -> str:
    """UTF-8 text; DocumentError names the line."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data[: fault.start].count(b"\n") + 1
        raise DocumentError(
            sentence("not UTF-8 text", where=f"{name}:{line}", remedy="Save the file as UTF-8.")
        ) from None


def _check_characters(line: str, where: str) -> None:
    for character in line:
        kind = unicodedata.category(character)
        if kind in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and character not in "\t\r":
            raise DocumentError(
                sentence(f"the invisible character U+{ord(character):04X}", where=where, remedy="Remove it.")
            )


def parse(text: str, name: str, kind: str = "yaml") -> Document:
    """A YAML or JSON text as a Document, its names and words in NFC. `kind` is "yaml" or "json"."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.isprintable():
            _check_characters(line, f"{name}:{number}")
    return _parse_json(text, name) if kind == "json" else _parse_yaml(text, name)


def read(path: Path) -> Document:
    """The document in a file; a name that ends in .json is JSON, anything else YAML."""
    text = decode(read_bytes(path), path.name)
    return parse(text, path.name, "json" if path.suffix == ".json" else "yaml")


def _parse_json(text: str, name: str) -> Document:
    """JSON by the standard library: numbers keep their text, duplicate keys are refused."""

    def pairs(items: list[tuple[str, Value]]) -> dict[str, Value]:
        seen: dict[str, Value] = {}
        for written, value in items:
            key = normal(written)
            if key in seen:
                raise DocumentError(sentence(f"the key {key!r} stands twice", where=name, remedy="Keep one."))
            seen[key] = value
        return seen

    def constant(word: str) -> Value:
        raise DocumentError(sentence(f"{word} is not a number of JSON", where=name))

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_int=str, parse_float=str, parse_constant=constant)
    except json.JSONDecodeError as fault:
        raise DocumentError(sentence(f"not JSON: {fault.msg}", where=f"{name}:{fault.lineno}")) from None
    except RecursionError:
        raise DocumentError(sentence(f"more than {DEEPEST} levels", where=name)) from None
    return Document(name, _worded(value, name))


def _worded(value: object, name: str, depth: int = 0) -> Value:
    if depth > DEEPEST:
        raise DocumentError(sentence(f"more than {DEEPEST} levels", where=name))
    for text in (value,) if isinstance(value, str) else value if isinstance(value, dict) else ():
        if not text.isprintable():  # written with escapes
            _check_characters(text.replace("\n", ""), name)
    if isinstance(value, dict):
        return {key: _worded(item, name, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_worded(item, name, depth + 1) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else normal(str(value))


def normal(text: str) -> str:
    """The text in NFC, so that two spellings of one name are one name."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _parse_yaml(text: str, name: str) -> Document:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    builder = _Builder(name)
    try:
        for event in YAML(typ="rt", pure=True).parse(text):
            builder.take(event)
    except MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = mark.line + 1 if mark else 1
        raise DocumentError(sentence(f"not YAML: {fault.problem or fault.context}", where=f"{name}:{line}")) from None
    except YAMLError as fault:
        raise DocumentError(sentence(f"not YAML: {str(fault).splitlines()[0]}", where=name)) from None
    return builder.document()


class _Builder:
    """Builds the value from the reader's events, so that nothing refused is ever built."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Place, int] = {}
        self.open: list[tuple[Place, dict[str, Value] | list[Value]]] = []
        self.key: list[str | None] = []  # the key that waits for its value, one for each open block
        self.documents: list[Value] = []
        self.bare: list[Place] = []

    def document(self) -> Document:
        if len(self.documents) != 1:
            raise DocumentError(sentence(f"{len(self.documents)} documents, wanted one", where=self.name))
        return Document(self.name, self.documents[0], self.lines, frozenset(self.bare))

    def take(self, event: Event) -> None:
        from ruamel.yaml.events import ScalarEvent

        kind = type(event).__name__
        line = event.start_mark.line + 1
        self._refuse(event, kind, line)
        if isinstance(event, ScalarEvent):
            self._scalar(event, line)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self._begin({} if kind == "MappingStartEvent" else [], line)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self.open.pop()
            self.key.pop()

    def _refuse(self, event: Event, kind: str, line: int) -> None:
        where = f"{self.name}:{line}"
        if kind == "AliasEvent" or getattr(event, "anchor", None):
            raise DocumentError(sentence("an anchor or alias", where=where, remedy="Write the value out."))
        tag = getattr(event, "ctag", None)
        if tag:
            raise DocumentError(sentence(f"the tag {tag}", where=where, remedy="Remove it: values need no tags."))

    def _scalar(self, event: ScalarEvent, line: int) -> None:
        text = normal(str(event.value))
        if event.style == ">":  # the reader marks where it folded lines
            text = text.replace("\a", "")
        if not text.isprintable():  # written with escapes, in double quotes
            _check_characters(text.replace("\n", ""), f"{self.name}:{line}")
        if self.open and isinstance(self.open[-1][1], dict) and self.key[-1] is None:
            self._name_key(text, line)
        elif event.style is not None:
            self._place(text, line)
        else:
            self.bare.append(self._place(None if text in ("", "~", "null", "Null", "NULL") else text, line))

    def _name_key(self, key: str, line: int) -> None:
        place, block = self.open[-1]
        here: Place = (*place, key)
        if key in block:
            message = f"the key {key!r} stands twice (first on line {self.lines[here]})"
            raise DocumentError(sentence(message, where=f"{self.name}:{line}", remedy="Keep one."))
        self.lines[here] = line
        self.key[-1] = key

    def _begin(self, block: dict[str, Value] | list[Value], line: int) -> None:
        if len(self.open) >= DEEPEST:
            raise DocumentError(sentence(f"more than {DEEPEST} levels", where=f"{self.name}:{line}"))
        place = self._place(block, line)
        self.open.append((place, block))
        self.key.append(None)

    def _place(self, value: Value, line: int) -> Place:
        """Put a value where it belongs and say where that is."""
        if not self.open:
            self.documents.append(value)
            return ()
        place, block = self.open[-1]
        if isinstance(block, list):
            block.append(value)
            here: Place = (*place, len(block) - 1)
            self.lines[here] = line
            return here
        key = self.key[-1]
        if key is None:
            raise DocumentError(sentence("a key that is not a word", where=f"{self.name}:{line}"))
        block[key] = value
        self.key[-1] = None
        return (*place, key)
