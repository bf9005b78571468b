"""What elements does an XML file made by others hold?

The standard library's expat, with everything refused that a network file has no use for: declared entities (and so
every expansion bomb and every look at another file), references to undeclared ones, and nesting or numbers of
elements beyond stated limits. A DOCTYPE that declares elements and attributes only, as JavaBayes writes it, is
read over; one that points outside the file is refused. The encoding is the one that the file declares, else UTF-8
or UTF-16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from ddx.documents import normal
from ddx.errors import SpecError
from ddx.exchange.source import Source, shown

DEEPEST = 50  # levels
MOST_ELEMENTS = 500_000
CHUNK_BYTES = 1 << 16


@dataclass(slots=True)
class Element:
    """One element with its attributes, its own text (stripped) and the line where it begins."""

    tag: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly inside, without leading and trailing blanks."""
        return normal("".join(self.pieces)).strip()

    def all(self, tag: str) -> Iterator[Element]:
        """The children of this name, in order."""
        return (child for child in self.children if child.tag == tag)


class _Tree:
    """Builds the elements while expat reads."""

    def __init__(self, where: str) -> None:
        """Prepares the parser; every handler that refuses stands here."""
        self.where = where
        self.root: Element | None = None
        self.open: list[Element] = []
        self.count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.EntityDeclHandler = self.entity
        self.parser.ExternalEntityRefHandler = self.reference
        self.parser.SkippedEntityHandler = self.skipped

    def fail(self, message: str, remedy: str = "") -> NoReturn:
        """SpecError at the line that is being read."""
        raise SpecError(message, where=f"{self.where}:{self.parser.CurrentLineNumber}", remedy=remedy)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if len(self.open) >= DEEPEST:
            self.fail(f"<{shown(tag)}> is nested more than {DEEPEST} levels deep", "No network needs that.")
        if self.count > MOST_ELEMENTS:
            self.fail(f"more than {MOST_ELEMENTS:,} elements", "No network needs that.")
        values = {key: normal(value) for key, value in attributes.items()}
        element = Element(tag, self.parser.CurrentLineNumber, values)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def end(self, _tag: str) -> None:
        self.open.pop()

    def characters(self, text: str) -> None:
        if self.open:
            self.open[-1].pieces.append(text)

    def doctype(self, _name: str, system: str | None, public: str | None, _internal: bool) -> None:
        if system is not None or public is not None:  # with one, expat drops unknown entities in attributes silently
            self.fail("a DOCTYPE outside the file", "It is never fetched; delete the DOCTYPE.")

    def entity(self, name: str, *_rest: object) -> None:
        self.fail(f"the entity {shown(name)!r} is declared", "Entities are refused; write the text itself.")

    def reference(self, *_rest: object) -> int:
        self.fail("a reference to something outside the file", "It is never fetched; write the text itself.")

    def skipped(self, name: str, _parameter: bool) -> None:
        self.fail(f"the entity &{shown(name)}; is not declared", "Write the text itself.")


def parse(source: Source) -> Element:
    """The root element; SpecError with file:line where the XML is not well formed or holds what is refused."""
    tree = _Tree(source.where)
    try:
        for start in range(0, len(source.data), CHUNK_BYTES):
            tree.parser.Parse(source.data[start : start + CHUNK_BYTES], False)
        tree.parser.Parse(b"", True)
    except expat.ExpatError as fault:
        raise SpecError(
            f"not well-formed XML: {expat.ErrorString(fault.code)}",
            where=f"{source.where}:{fault.lineno}",
            remedy="Is the file whole, and is the declared encoding right?",
        ) from None
    except (LookupError, ValueError) as fault:  # an encoding that Python does not know or that is not byte by byte
        message = f"the declared encoding cannot be read: {shown(str(fault))}"
        raise SpecError(message, where=source.where, remedy="Save the file as UTF-8.") from None
    if tree.root is None:
        raise SpecError("no element", where=source.where)
    return tree.root
