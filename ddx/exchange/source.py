"""What bytes does a file made by others hold, within stated limits, and what do they say as text?

A file is read at most once and never beyond `LARGEST_FILE_BYTES`; a gzip file is refused while it expands beyond
that. Text is UTF-8, brought to NFC so that two spellings of one name are one name.
"""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path

from ddx.documents import PACKED, normal, visible
from ddx.errors import FileProblem, sentence

LARGEST_FILE_BYTES = 20 * 1024 * 1024
LONGEST_SHOWN = 60  # characters of a word of the file that a message repeats


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a file, what to call it in a message, and the name a network has if the file gives none."""

    data: bytes
    where: str
    stem: str

    def text(self) -> str:
        """The bytes as UTF-8 text in NFC; FileProblem names the encoding, the line and the byte."""
        if self.data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise problem("the file is UTF-16", self.where, "Save it as UTF-8.")
        try:
            text = self.data.decode("utf-8-sig")
        except UnicodeDecodeError as fault:
            line = self.data.count(b"\n", 0, fault.start) + 1
            byte = f"byte 0x{self.data[fault.start]:02x} at position {fault.start}"
            remedy = "Save the file as UTF-8 (it may be Latin-1 or Windows-1252)."
            raise problem(f"{byte} is not UTF-8", f"{self.where}:{line}", remedy) from None
        return normal(text)


def read_source(path: str | os.PathLike[str], largest_bytes: int = LARGEST_FILE_BYTES) -> Source:
    """The bytes of `path`, expanded where its name ends in .gz.

    Raises FileProblem where the file is missing, not a regular file, unreadable, not what its name says or
    larger than `largest_bytes`, before more than that is held in memory.
    """
    file = Path(path)
    where = shown(str(path), longest=4096)
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise problem("not a regular file", where, "Give the name of a file.")
        data = _expanded(file, where, largest_bytes) if file.suffix.lower() == ".gz" else _plain(file, largest_bytes)
    except (OSError, ValueError) as fault:
        raise problem(f"cannot be read: {reason(fault)}", where, "Check the name and the rights.") from None
    if len(data) > largest_bytes:
        raise problem(f"larger than {largest_bytes:,} bytes", where, "This size is refused; split or shrink it.")
    if data.startswith(PACKED) and file.suffix.lower() == ".gz":
        raise problem("packed with gzip twice", where, "Unpack it once.")
    if data.startswith(PACKED):
        raise problem("the content is gzip, the name does not say so", where, "Add .gz to the name.")
    stem = file.name[:-3] if file.suffix.lower() == ".gz" else file.name
    return Source(data, where, normal(Path(stem).stem))


def shown(word: str, longest: int = LONGEST_SHOWN) -> str:
    """A word of the file as a message may print it: short, and with everything unprintable escaped.

    >>> shown("F\\u202eX")
    'F\\\\u202eX'
    """
    cut = word[:longest]
    safe = cut if visible(cut) else "".join(c if visible(c) else _escaped(c) for c in cut)
    return safe + "..." if len(word) > longest else safe


def problem(message: str, where: str, remedy: str = "") -> FileProblem:
    """A FileProblem that says where, what and how to mend it."""
    return FileProblem(sentence(message, where=where, remedy=remedy))


def reason(fault: Exception) -> str:
    """What the operating system says, without the path that the message names anyway."""
    return fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _plain(file: Path, largest_bytes: int) -> bytes:
    with file.open("rb") as stream:
        return stream.read(largest_bytes + 1)


def _expanded(file: Path, where: str, largest_bytes: int) -> bytes:
    try:
        with gzip.open(file, "rb") as stream:
            return stream.read(largest_bytes + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as fault:
        raise problem(f"not a whole gzip file: {fault}", where, "Fetch or compress it again.") from None
