"""Which reader or writer does the name of a network file ask for?

`read_network` and `write_network` are the front door of this room; each format has a module of its own.
"""

from __future__ import annotations

import gzip
import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, cast

from ddx.errors import DdxError, SpecError, TooLarge, near_misses
from ddx.exchange.source import LARGEST_FILE_BYTES, Source, problem, read_source, reason, shown
from ddx.knowledge.bayesnet import BayesNet
from ddx.storage import write_atomically


class Format(Protocol):
    """A module that reads and writes one format."""

    def read(self, source: Source) -> BayesNet:
        """The network of a file."""

    def write(self, network: BayesNet) -> str:
        """The text of a network."""


FORMATS = {
    ".bif": "bif",
    ".xmlbif": "xmlbif",
    ".bifxml": "xmlbif",
    ".xml": "xmlbif",
    ".xdsl": "xdsl",
    ".net": "hugin",
    ".uai": "uai",
}
UNSUPPORTED = {
    ".dsl": "the old GeNIe format; save it as .xdsl in GeNIe",
    ".oobn": "an object-oriented Hugin network; unfold it and save it as .net in Hugin",
    ".hkb": "a binary Hugin file; save it as .net in Hugin",
    ".dne": "a Netica file; save it as .xdsl or .bif",
    ".neta": "a Netica file; save it as .xdsl or .bif",
    ".dsc": "a Microsoft Belief Network file; save it as .xdsl or .bif",
    ".xbn": "a Microsoft Belief Network file; save it as .xdsl or .bif",
    ".rds": "an R object; save it with bnlearn's write.bif",
    ".rda": "an R object; save it with bnlearn's write.bif",
    ".pkl": "a Python pickle, which could run code when opened; it is never read",
}


def is_network_file(path: str | os.PathLike[str]) -> bool:
    """Does the name of this file end as that of a network of another tool, readable or not?"""
    suffix = _suffix(Path(path))
    return suffix in FORMATS or suffix in UNSUPPORTED


def read_network(path: str | os.PathLike[str]) -> BayesNet:
    """The network of a file made by another tool: .bif .xmlbif .bifxml .xml .xdsl .net .uai, also .gz.

    Raises FileProblem for a file that cannot be read or whose format is not supported, SpecError for one that is
    not what its name says, TooLarge (a SpecError) for one beyond the stated size.
    """
    format_ = _format(Path(path))
    return format_.read(read_source(path))


def write_network(network: BayesNet, path: str | os.PathLike[str]) -> None:
    """Writes a network in the format that the name of the file asks for; the file appears whole or not at all.

    What is written has been read again. Raises FileProblem where the file cannot be written, SpecError where the format
    cannot carry the network.
    """
    file = Path(path)
    format_ = _format(file)
    try:
        data = format_.write(network).encode("utf-8")
    except TooLarge as fault:
        remedy = "A noisy-OR or noisy-MAX stays one in .xdsl and in .yaml."
        raise TooLarge(fault.message, where=fault.where, remedy=remedy) from None
    again = _read_again(network, format_, Source(data, shown(file.name, 4096), file.name.split(".")[0]))
    renamed = [(was, now) for was, now in zip(_names(network), _names(again), strict=True) if was != now]
    if renamed and not _numbered(file):
        message = f"not written, because {renamed[0][0]!r} would be read as {renamed[0][1]!r}"
        raise SpecError(message, where=network.name, remedy="Rename it.")
    if file.suffix.lower() == ".gz":
        data = gzip.compress(data, mtime=0)
    try:
        write_atomically(file, data)
    except (OSError, ValueError) as fault:
        remedy = "Check the folder, its rights and the space on the disk."
        raise problem(f"cannot be written: {reason(fault)}", shown(str(file), 4096), remedy) from None


def not_carried(network: BayesNet, path: str | os.PathLike[str]) -> tuple[str, ...]:
    """What the file that the network came from says besides, and what the format of this path has no place for."""
    unnamed = all(_counted(names) for names in (network.states, *network.states.values()))
    names = "the names of the variables and of their states, which UAI counts from 0"
    return (*network.left_out, *([names] if _numbered(Path(path)) and not unnamed else []))


def _counted(names: Iterable[str]) -> bool:
    """Are these names 0, 1, ... in order?"""
    return all(name == str(index) for index, name in enumerate(names))


def _numbered(path: Path) -> bool:
    """Does the name of this file ask for a format that has numbers for names?"""
    return FORMATS.get(_suffix(path)) == "uai"


def _read_again(network: BayesNet, format_: Format, source: Source) -> BayesNet:
    """The network as it would be read; SpecError where it would be refused."""
    try:
        if len(source.data) > LARGEST_FILE_BYTES:
            raise problem(f"larger than {LARGEST_FILE_BYTES:,} bytes", source.where, "Split the network.")
        return format_.read(source)
    except DdxError as fault:
        message = f"not written, because it could not be read again: {fault}"
        raise SpecError(message, where=network.name) from None


def _names(network: BayesNet) -> list[str]:
    return [name for node, states in network.states.items() for name in (node, *states)]


def _suffix(path: Path) -> str:
    inner = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return inner.suffix.lower()


def _format(path: Path) -> Format:
    suffix = _suffix(path)
    where = shown(str(path), 4096)
    if suffix in UNSUPPORTED:
        raise problem(f"unsupported format {suffix}: {UNSUPPORTED[suffix]}", where)
    if suffix in (".yaml", ".yml"):
        raise problem("YAML, not a network of another tool", where, "Unpack it first.")
    if suffix not in FORMATS:
        remedy = f"{near_misses(suffix, FORMATS)} Known are {' '.join(FORMATS)}, also .gz.".strip()
        raise problem(f"the ending {shown(suffix) or '(none)'} names no network format", where, remedy)
    return cast(Format, importlib.import_module(f"ddx.exchange.{FORMATS[suffix]}"))
