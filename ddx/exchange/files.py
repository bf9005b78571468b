"""Which reader or writer does the name of a network file ask for?

`read_network` and `write_network` are the front door of this room; each format has a module of its own.
"""

from __future__ import annotations

import gzip
import importlib
import os
from pathlib import Path
from typing import Protocol, cast

from ddx.errors import near_misses
from ddx.exchange.source import Source, problem, read_source, reason, shown
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

    Raises FileProblem where the file cannot be written, SpecError where the format cannot carry the network.
    """
    file = Path(path)
    data = _format(file).write(network).encode("utf-8")
    if file.suffix.lower() == ".gz":
        data = gzip.compress(data, mtime=0)
    try:
        write_atomically(file, data)
    except (OSError, ValueError) as fault:
        remedy = "Check the folder, its rights and the space on the disk."
        raise problem(f"cannot be written: {reason(fault)}", shown(str(file), 4096), remedy) from None


def _suffix(path: Path) -> str:
    inner = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return inner.suffix.lower()


def _format(path: Path) -> Format:
    suffix = _suffix(path)
    where = shown(str(path), 4096)
    if suffix in UNSUPPORTED:
        raise problem(f"unsupported format {suffix}: {UNSUPPORTED[suffix]}", where)
    if suffix not in FORMATS:
        remedy = f"{near_misses(suffix, FORMATS)} Known are {' '.join(FORMATS)}, also .gz.".strip()
        raise problem(f"the ending {shown(suffix) or '(none)'} names no network format", where, remedy)
    return cast(Format, importlib.import_module(f"ddx.exchange.{FORMATS[suffix]}"))
