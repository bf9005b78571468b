"""Strict reading of text that people write: YAML 1.2 and JSON, as plain values that remember their lines.

Every scalar is read as its written text (`no`, `1e-4` and `04` stay words; the schema decides what they are);
only an empty value or `null` is nothing. Refused, each with its line: duplicate keys, aliases and anchors, tags,
several documents, more than 50 levels, more than 20 MB, packed files, text that is not UTF-8, characters that nobody
sees. No message repeats what stands in a value.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ddx.errors import DdxError, FileProblem, sentence

if TYPE_CHECKING:
    from ruamel.yaml.events import Event, ScalarEvent

LARGEST_FILE = 20_000_000  # bytes
DEEPEST = 50  # levels
LONGEST_KEY = 200  # characters of a key that a message repeats
PACKED = b"\x1f\x8b"  # how a gzip file begins
UNSEEN = re.compile(  # what Unicode lets every display leave out, beyond the control and format characters
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)  # of JSON
QUOTE = re.compile(r""" ?(?:'[^']*'|"[^"]*")""")  # in what the YAML reader says

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
    if data.startswith(PACKED):
        raise DocumentError(sentence("packed with gzip; such a file is read unpacked", where=name, remedy="Unpack it."))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data[: fault.start].count(b"\n") + 1
        raise DocumentError(
            sentence("not UTF-8 text", where=f"{name}:{line}", remedy="Save the file as UTF-8.")
        ) from None


def visible(word: str) -> bool:
    """Can every character of a name be seen, and be told from every other?

    >>> visible("waxy papules"), visible("waxy\\u3164papules")
    (True, False)
    """
    return word.isprintable() and (word.isascii() or not UNSEEN.search(word))


def check_characters(text: str, name: str) -> None:
    """DocumentError with file and line for a character that nobody sees: control, format, bidirectional, filler."""
    for number, line in enumerate(text.split("\n"), 1):
        if not visible(line):
            _check_line(line, f"{name}:{number}")


def _check_line(line: str, where: str) -> None:
    for character in line:
        kind = unicodedata.category(character)
        control = kind in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and character not in "\t\r"
        if control or UNSEEN.match(character):
            raise DocumentError(
                sentence(f"the invisible character U+{ord(character):04X}", where=where, remedy="Remove it.")
            )


def parse(text: str, name: str, kind: str = "yaml") -> Document:
    """A YAML or JSON text as a Document, its names and words in NFC. `kind` is "yaml" or "json"."""
    check_characters(text, name)
    return _parse_json(text, name) if kind == "json" else _parse_yaml(text, name)


def read(path: Path) -> Document:
    """The document in a file; a name that ends in .json is JSON, anything else YAML."""
    text = decode(read_bytes(path), path.name)
    return parse(text, path.name, "json" if path.suffix == ".json" else "yaml")


def places_in_json(text: str) -> Iterator[tuple[Place, int, str]]:
    """Every value of a JSON text in turn: its place, its line, and the word or bracket with which it begins.

    >>> [*places_in_json('{"a": [1,\\n2]}')]
    [((), 1, '{'), (('a',), 1, '['), (('a', 0), 1, '1'), (('a', 1), 2, '2')]
    """
    path: list[str | int | None] = []  # of each open block: the key or index of the value to come, None before a key
    line, at = 1, 0
    for token in TOKEN.finditer(text):
        line += text.count("\n", at, token.start())
        at, word = token.start(), token[0]
        if word in ("}", "]"):
            del path[-1:]
        elif word == "," and path:
            path[-1] = path[-1] + 1 if isinstance(path[-1], int) else None
        elif path and path[-1] is None:
            path[-1] = _key(word)
        elif word not in (",", ":"):
            yield tuple(step for step in path if step is not None), line, word
            if word in ("{", "["):
                path.append(None if word == "{" else 0)


def twice_in_json(text: str, name: str) -> DocumentError:
    """The error for a JSON text in which one object has a key twice."""
    first: dict[Place, int] = {}
    for place, line, _ in places_in_json(text):
        if place in first:
            key = str(place[-1])[:LONGEST_KEY] if place else ""
            message = f"the key {key!r} stands twice (first on line {first[place]})"
            return DocumentError(sentence(message, where=f"{name}:{line}", remedy="Keep one."))
        first[place] = line
    return DocumentError(sentence("a key stands twice in one object", where=name, remedy="Keep one."))


def deep_in_json(text: str, name: str) -> DocumentError:
    """The error for a JSON text with too many levels."""
    lines = (line for place, line, _ in places_in_json(text) if len(place) > DEEPEST)
    return DocumentError(sentence(f"more than {DEEPEST} levels", where=_at(name, next(lines, 0))))


def constant_in_json(text: str, name: str, constant: str) -> DocumentError:
    """The error for a JSON text with NaN or an infinity."""
    lines = (line for _, line, word in places_in_json(text) if word == constant)
    where, remedy = _at(name, next(lines, 0)), "Write a decimal number, or leave the value out."
    return DocumentError(sentence(f"{constant} is not a number of JSON", where=where, remedy=remedy))


def _at(name: str, line: int) -> str:
    return f"{name}:{line}" if line else name


def _key(word: str) -> str:
    try:
        return normal(str(json.loads(word, strict=False)))
    except ValueError:
        return word


def _parse_json(text: str, name: str) -> Document:
    """JSON by the standard library: numbers keep their text, duplicate keys are refused."""

    def pairs(items: list[tuple[str, Value]]) -> dict[str, Value]:
        seen = {normal(key): value for key, value in items}
        if len(seen) < len(items):
            raise twice_in_json(text, name)
        return seen

    def constant(word: str) -> Value:
        raise constant_in_json(text, name, word)

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_int=str, parse_float=str, parse_constant=constant)
    except json.JSONDecodeError as fault:
        raise DocumentError(sentence(f"not JSON: {fault.msg}", where=f"{name}:{fault.lineno}")) from None
    except RecursionError:
        raise deep_in_json(text, name) from None
    lines = {}
    for place, line, _ in places_in_json(text):
        if len(place) > DEEPEST:
            raise DocumentError(sentence(f"more than {DEEPEST} levels", where=f"{name}:{line}"))
        lines[place] = line
    return Document(name, _worded(value, Document(name, None, lines), ()), lines)


def _worded(value: object, document: Document, place: Place) -> Value:
    if isinstance(value, dict):
        for key in value:
            _check_escaped(key, document, (*place, key))
        return {key: _worded(item, document, (*place, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_worded(item, document, (*place, index)) for index, item in enumerate(value)]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        _check_escaped(value, document, place)
    return None if value is None else normal(str(value))


def _check_escaped(text: str, document: Document, place: Place) -> None:
    """Characters that were written with escapes."""
    if not visible(text):
        _check_line(text.replace("\n", ""), document.where(place))


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
        said = QUOTE.sub(_quoted, str(fault.problem or fault.context))
        raise DocumentError(sentence(f"not YAML: {said}", where=f"{name}:{line}")) from None
    except YAMLError as fault:
        raise DocumentError(sentence(f"not YAML: {str(fault).splitlines()[0]}", where=name)) from None
    return builder.document()


def _quoted(quote: re.Match[str]) -> str:
    """What the YAML reader quotes where it is one character or a word of its own (`<block end>`), not of the text."""
    words = quote[0].strip()[1:-1]
    return quote[0] if len(words) == 1 or words.startswith("<") else ""


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
        if getattr(event, "ctag", None):
            remedy = "Remove it, or put quotes around a value that begins with an exclamation mark."
            raise DocumentError(sentence("a tag", where=where, remedy=remedy))

    def _scalar(self, event: ScalarEvent, line: int) -> None:
        text = normal(str(event.value))
        if event.style == ">":  # the reader marks where it folded lines
            text = text.replace("\a", "")
        if not visible(text):  # written with escapes, in double quotes
            _check_line(text.replace("\n", ""), f"{self.name}:{line}")
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
