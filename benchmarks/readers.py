"""Who reads other people's networks right? ddx, pgmpy and pyAgrum on the same files, in the same run.

    python benchmarks/readers.py INDEX [INDEX ...] [--seconds 20] [--gigabytes 4] [--files]

INDEX is an index.json that lists files with `must` (REFUSE, ACCEPT or something between); items in YAML and of other
kinds are left out. Each file is read by each reader in a process of its own with a limit of time and memory. What was
read is compared, by name, with an independent reading (tests/oracle/reading.py) and with the promise of the item:

    right     read, and every table is as the file has it (to 1e-6: pyAgrum keeps float32), or refused as it must be
    refused   refused, though the file is good
    wrong     read as something else than it says, or read though it must be refused
    crashed   the process died or ran out of memory or stack
    hung      no answer in time

A refusal counts whatever it says: how it is worded, and whether by a message or by an error from deep inside, is not
judged. Packed real files are unpacked before they are handed over; `--files` lists every verdict.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import gzip
import importlib.metadata
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from oracle import reading

ENDINGS = {".bif": "bif", ".xmlbif": "xmlbif", ".bifxml": "xmlbif", ".xdsl": "xdsl", ".net": "net", ".uai": "uai"}
TOLERANCE = 1e-6
EXACT = 1e-12
VERDICTS = ("right", "refused", "wrong", "crashed", "hung")


def by_ddx(path: Path) -> reading.Reading:
    """What ddx reads."""
    from ddx.exchange.files import read_network

    return reading.of_network(read_network(path))


def by_pgmpy(path: Path) -> reading.Reading:
    """What pgmpy reads. UAI has no names: pgmpy's own are counted off."""
    from pgmpy import readwrite

    name = {"bif": "BIFReader", "xmlbif": "XMLBIFReader", "xdsl": "XDSLReader", "net": "NETReader", "uai": "UAIReader"}
    model = getattr(readwrite, name[format_of(path)])(str(path)).get_model()
    tables = {str(cpd.variable): cpd for cpd in model.get_cpds()}
    found: reading.Reading = {}
    for node in map(str, model.nodes()):
        cpd = tables[node]
        names = {str(variable): [str(state) for state in states] for variable, states in cpd.state_names.items()}
        parents = [str(variable) for variable in cpd.variables[1:]]
        values = np.moveaxis(np.asarray(cpd.values, dtype=float), 0, -1)
        rows: reading.Rows = {}
        for index in np.ndindex(*values.shape[:-1]):
            key = tuple(names[parent][i] for parent, i in zip(parents, index, strict=True))
            rows[key] = values[index].tolist()
        found[node] = (names[node], parents, rows)
    return {n: found[n] for n in found} if format_of(path) != "uai" else _counted(found, "var_")


def by_pyagrum(path: Path) -> reading.Reading:
    """What pyAgrum reads."""
    import pyagrum as gum

    network = gum.loadBN(str(path))
    found: reading.Reading = {}
    for number in network.nodes():
        table = network.cpt(number)
        node, *parents = [table.variable(i) for i in range(table.nbrDim())]
        states = [node.label(i) for i in range(node.domainSize())]
        rows: reading.Rows = {}
        for index in np.ndindex(*(parent.domainSize() for parent in parents)):
            key = tuple(parent.label(i) for parent, i in zip(parents, index, strict=True))
            at = dict(zip([parent.name() for parent in parents], index, strict=True))
            rows[key] = [float(table[{**at, node.name(): i}]) for i in range(len(states))]
        found[node.name()] = (states, [parent.name() for parent in parents], rows)
    return found if format_of(path) != "uai" else _counted(found, "")


def _counted(found: reading.Reading, prefix: str) -> reading.Reading:
    """Names of UAI variables as their numbers."""

    def plain(name: str) -> str:
        return name.removeprefix(prefix)

    return {
        plain(node): (
            [str(i) for i in range(len(states))],
            [plain(p) for p in parents],
            _by_number(found, parents, rows),
        )
        for node, (states, parents, rows) in found.items()
    }


def _by_number(found: reading.Reading, parents: list[str], rows: reading.Rows) -> reading.Rows:
    states: list[Mapping[str, int]] = [{s: i for i, s in enumerate(found[parent][0])} for parent in parents]
    return {tuple(str(known[s]) for known, s in zip(states, key, strict=True)): row for key, row in rows.items()}


READERS: dict[str, Callable[[Path], reading.Reading]] = {"ddx": by_ddx, "pgmpy": by_pgmpy, "pyAgrum": by_pyagrum}


def format_of(path: Path) -> str:
    """The format that the name of a file ends in."""
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    return ENDINGS[suffix]


def attempt(reader: str, path: Path, gigabytes: float, pipe: Connection) -> None:
    """In a child: send what the reader makes of a file, or that it refused it."""
    limit = int(gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    try:
        pipe.send(("read", READERS[reader](path)))
    except (MemoryError, RecursionError) as fault:
        pipe.send(("crashed", repr(fault)[:200]))
    except BaseException as fault:  # noqa: BLE001 - whatever it is, the file was not read
        pipe.send(("refused", f"{type(fault).__name__}: {fault}"[:200]))


def outcome(reader: str, path: Path, seconds: float, gigabytes: float) -> tuple[str, Any]:
    """read with a reading, or refused, crashed or hung with what is known."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=attempt, args=(reader, path, gigabytes, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        told: tuple[str, Any] = ours.recv() if ours.poll(seconds) else ("hung", f"{seconds:.0f} s")
    except (EOFError, OSError):
        process.join(5)
        told = ("crashed", f"exit {process.exitcode}")
    process.kill()
    process.join()
    return told


def verdict(item: Mapping[str, Any], path: Path, told: tuple[str, Any]) -> tuple[str, float]:
    """One of VERDICTS, and how far the tables were off where the file was read."""
    kind, found = told
    must = item["must"].split()[0].rstrip(",")
    if kind in ("crashed", "hung"):
        return kind, 0.0
    if kind == "refused":
        return ("refused" if must == "ACCEPT" and "or REFUSE" not in item["must"] else "right"), 0.0
    if must == "REFUSE":
        return "wrong", 0.0
    data = path.read_bytes()
    try:
        wanted = reading.read(gzip.decompress(data) if path.suffix == ".gz" else data, format_of(path))
        off = reading.largest_difference(found, wanted)
    except (KeyError, ValueError, IndexError, StopIteration, SyntaxError):
        off = float("inf")  # read, though it makes no sense
    return ("right" if off <= TOLERANCE else "wrong"), off


def group_of(item: Mapping[str, Any]) -> str:
    """To be read, to be refused, or either."""
    must = item["must"]
    return "to be refused" if must == "REFUSE" else "to be read" if must == "ACCEPT" else "either"


def items(index: Path) -> list[dict[str, Any]]:
    """The network files of an index that have a fixed format and a `must`."""
    found = []
    for item in json.loads(index.read_text(encoding="utf-8"))["items"]:
        name = item.get("file") or item.get("network")
        if item.get("kind", "network") == "network" and item.get("must") and name:
            path = index.parent / name
            ending = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
            if ending in ENDINGS:
                found.append({**item, "path": path})
    return found


@contextlib.contextmanager
def handed_over(item: Mapping[str, Any]) -> Any:
    """The file as every reader gets it: a packed real file is unpacked."""
    path: Path = item["path"]
    if path.suffix != ".gz" or item.get("kind") == "network":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.name[:-3]
        with gzip.open(path, "rb") as packed:
            plain.write_bytes(packed.read(100_000_000))
        yield plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--files", action="store_true", help="every verdict, and what was said")
    options = parser.parse_args()
    import pgmpy.readwrite  # noqa: F401 - before the forks, so that no child pays for it
    import pyagrum  # noqa: F401

    counts: Counter[tuple[str, str, str, str]] = Counter()
    worst: Counter[str] = Counter()
    total = 0
    for index in options.index:
        for item in items(index):
            total += 1
            with handed_over(item) as path:
                for reader in READERS:
                    told = outcome(reader, path, options.seconds, options.gigabytes)
                    said, off = verdict(item, path, told)
                    counts[format_of(path), group_of(item), reader, said] += 1
                    worst[reader] += EXACT < off <= TOLERANCE
                    if options.files:
                        shown = "" if told[0] == "read" else str(told[1]).replace("\n", " ")[:90]
                        print(f"{item['id']:44} {item['must'][:18]:18} {reader:8} {said:8} {shown}")
    versions = {reader: importlib.metadata.version(reader.lower()) for reader in READERS}
    print(page(counts, worst, versions, total))


def page(
    counts: Mapping[tuple[str, str, str, str], int], rounded: Mapping[str, int], versions: Mapping[str, str], total: int
) -> str:
    """The table, as Markdown."""
    today = datetime.date.today().isoformat()
    named = ", ".join(f"{reader} {version}" for reader, version in versions.items())
    lines = [f"{total} files, {today}, {named}, Python {platform.python_version()}.", ""]
    lines += [f"| | files | {' | '.join(READERS)} |", f"|---|---|{'---|' * len(READERS)}"]
    for group in ("to be read", "to be refused", "either"):
        for format_ in dict.fromkeys(ENDINGS.values()):
            cells = [_cell(counts, format_, group, reader) for reader in READERS]
            size = sum(n for (f, g, r, _), n in counts.items() if (f, g, r) == (format_, group, "ddx"))
            if size:
                lines.append(f"| {format_}, {group} | {size} | {' | '.join(cells)} |")
    totals = [_cell(counts, None, None, reader) for reader in READERS]
    lines.append(f"| **all** | {total} | {' | '.join(totals)} |")
    lines.append(
        f"| read right but rounded (off by more than {EXACT:g}) | | {' | '.join(str(rounded[r]) for r in READERS)} |"
    )
    return "\n".join(lines)


def _cell(counts: Mapping[tuple[str, str, str, str], int], format_: str | None, group: str | None, reader: str) -> str:
    told: Counter[str] = Counter()
    for (f, g, r, said), n in counts.items():
        if r == reader and format_ in (None, f) and group in (None, g):
            told[said] += n
    return ", ".join(f"{told[v]} {v}" for v in VERDICTS if told[v])


if __name__ == "__main__":
    main()
