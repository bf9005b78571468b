"""Compiled models on disk, so that a network is compiled once.

One file a model, in two parts. The first is read at once: a magic line, the length of the head and of the part, its
SHA-256, the head (JSON), and the arrays of the factors. The second, read when the tree is first needed, are the arrays
of the tree; the head has its length and SHA-256. Arrays are aligned to 64 bytes and used in place. Nothing is
unpickled. A file that is damaged, of another version or of another byte order is as good as none; a folder that cannot
be written is no error. Where a model is stored, what has not been used for long makes room for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ddx.engine.belief import Layout
from ddx.engine.model import Makers, Model, Settings, compile_network
from ddx.engine.structure import Parts, Structure
from ddx.knowledge.bayesnet import BayesNet, LocalModel, NoisyMax, Rounded, Table, Term
from ddx.storage import write_atomically

MAGIC = b"ddx-model\n"
VERSION = 4  # of this layout and of the compiler: raise it when either changes
ALIGNED = 64
FRONT = 64  # bytes: the magic line, two lengths, a SHA-256, and nothing
FACTORS = ("factor_start", "tables", "terms")  # arrays of the first part
WRITTEN = (".model", ".outline.json", ".spec.json", ".view.json")  # ends of the names of what is kept
MOST_BYTES = 1 << 30
UNUSED_DAYS = 180
Block = bytes | memoryview
Json = Mapping[str, Any]  # whatever the caller keeps beside the model


@dataclass(frozen=True)
class Entry:
    """A model from the cache and what was stored beside it."""

    model: Model
    raw_header: str

    @cached_property
    def header(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.raw_header)
        return found


def folder() -> Path:
    """$DDX_CACHE_DIR, else $XDG_CACHE_HOME/ddx, else ~/.cache/ddx."""
    if given := os.environ.get("DDX_CACHE_DIR"):
        return Path(given)
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given) / "ddx"
    return Path("~/.cache/ddx").expanduser()


def store(key: str, model: Model, header: Json) -> bool:
    """Keep a model under a key; whether that was possible."""
    path = _path(key)
    content = _pack(model, json.dumps(header, ensure_ascii=False, separators=(",", ":")))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, content, 0o600)
        prune(path.parent, kept=path)
    except OSError:
        return False
    return True


def prune(place: Path, *, kept: Path, most_bytes: int = MOST_BYTES) -> None:
    """Remove what was not used for UNUSED_DAYS, then the longest unused, until `most_bytes` are left; `kept` stays.

    Only files that the cache wrote. OSError where the folder cannot be listed; what cannot be removed stays.
    """
    found = []
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.name.endswith(WRITTEN) and entry.path != str(kept):
                status = entry.stat()
                found.append((max(status.st_atime, status.st_mtime), status.st_size, entry.path))
    too_old = time.time() - UNUSED_DAYS * 86_400
    left = most_bytes - kept.stat().st_size
    for used, size, path in sorted(found, reverse=True):
        left -= size
        if used < too_old or left < 0:
            with contextlib.suppress(OSError):
                Path(path).unlink()


def fetch(key: str) -> Entry | None:
    """The model kept under a key, or None where there is none that can be trusted."""
    path = _path(key)
    try:
        with path.open("rb") as file:
            front = file.read(FRONT)
            if front[: len(MAGIC)] != MAGIC or len(front) < FRONT:
                return None
            first = file.read(int.from_bytes(front[len(MAGIC) + 8 : len(MAGIC) + 16], "little"))
    except (OSError, OverflowError, MemoryError):
        return None
    try:
        return _unpack(path, front, first)
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def _path(key: str) -> Path:
    name = key if re.fullmatch(r"[0-9A-Za-z_-]{1,100}", key) else hashlib.sha256(key.encode()).hexdigest()
    return folder() / f"{name}.model"


def _pack(model: Model, header: str) -> bytes:
    arrays: dict[str, npt.NDArray[np.generic]] = model.structure.arrays()
    arrays["terms"] = _term_values(model.network)
    factors, factor_places = _blocks({name: arrays.pop(name) for name in FACTORS})
    tree, tree_places = _blocks(arrays)
    head = {
        "version": VERSION,
        "order": sys.byteorder,
        "factors": factor_places,
        "tree": {"arrays": tree_places, "length": sum(map(len, tree)), "sha256": _hash(tree).hex()},
        "model": _describe(model),
        "header": header,
    }
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % ALIGNED)
    first = [text, *factors]
    lengths = (len(text), sum(map(len, first)))
    front = MAGIC + b"".join(n.to_bytes(8, "little") for n in lengths) + _hash(first)
    return b"".join([front.ljust(FRONT, b"\0"), *first, *tree])


def _hash(blocks: Iterable[Block]) -> bytes:
    found = hashlib.sha256()
    for block in blocks:
        found.update(block)
    return found.digest()


def _blocks(arrays: Mapping[str, npt.NDArray[np.generic]]) -> tuple[list[Block], list[list[Any]]]:
    """The bytes of some arrays in place, each filled up to be aligned; and where each is: name, type, count, place."""
    places: list[list[Any]] = []
    blocks: list[Block] = []
    at = 0
    for name, array in arrays.items():
        places.append([name, array.dtype.str, len(array), at])
        blocks += [np.ascontiguousarray(array).view(np.uint8).data, b"\0" * (-array.nbytes % ALIGNED)]
        at += array.nbytes + len(blocks[-1])
    return blocks, places


def _arrays(content: bytes, start: int, places: Iterable[Iterable[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {
        name: np.frombuffer(content, dtype=np.dtype(kind), count=count, offset=start + at)
        for name, kind, count, at in places
    }


def _unpack(path: Path, front: bytes, first: bytes) -> Entry | None:
    start = len(MAGIC) + 16
    if hashlib.sha256(first).digest() != front[start : start + 32]:
        return None
    length = int.from_bytes(front[len(MAGIC) : len(MAGIC) + 8], "little")
    head = json.loads(first[:length])
    if head["version"] != VERSION or head["order"] != sys.byteorder:
        return None
    if path.stat().st_size != FRONT + len(first) + head["tree"]["length"]:
        return None
    return Entry(_rebuild(head, _arrays(first, length, head["factors"]), (path, FRONT + len(first))), head["header"])


def _describe(model: Model) -> dict[str, Any]:
    index = {node: i for i, node in enumerate(model.nodes)}
    network = model.network
    families: list[list[int] | dict[str, list[list[int]]]] = []
    for node in model.nodes:
        local = network.models[node]
        if isinstance(local, NoisyMax):
            families.append({"terms": [[index[p] for p in term.parents] for term in local.terms]})
        else:
            families.append([index[p] for p in local.parents])
    return {
        "name": network.name,
        "remarks": network.remarks,
        "rounded": network.rounded,
        "left_out": network.left_out,
        "states": list(model.states.items()),
        "events": list(model.events.items()),
        "families": families,
        "cards": model.parts.cards,
        "scopes": model.parts.scopes,
        "of_node": list(model.parts.of_node.items()),
        "limit_bytes": model.settings.limit_bytes,
        "effort": model.settings.effort,
        "entries": model.entries,
        "case_by_case": not model.structure.cliques,
    }


def _term_values(network: BayesNet) -> npt.NDArray[np.float64]:
    flat = [t.values.ravel() for m in network.models.values() if isinstance(m, NoisyMax) for t in m.terms]
    return np.concatenate([np.empty(0), *flat])


def _rebuild(head: Mapping[str, Any], factors: dict[str, npt.NDArray[Any]], tree: tuple[Path, int]) -> Model:
    """The model; its tree is read from the file, from a place in it on, when it is first needed."""
    told = head["model"]
    states = {node: tuple(labels) for node, labels in told["states"]}
    events = {event: (node, tuple(labels)) for event, (node, labels) in told["events"]}
    of_node = {node: (first, last) for node, (first, last) in told["of_node"]}
    scopes = tuple(map(tuple, told["scopes"]))
    parts = Parts(tuple(told["cards"]), scopes, of_node, factors["factor_start"], factors["tables"])
    settings = Settings(told["limit_bytes"], told["effort"], told["entries"])
    network = _network(told, states, parts, factors["terms"])
    if told["case_by_case"]:
        from ddx.engine.case_by_case import CaseByCase

        return CaseByCase(Layout.of(states, events), parts, network)

    def structure() -> Structure:
        arrays = _tree(tree, head["tree"])
        if arrays is not None:
            return Structure(**arrays, factor_start=parts.factor_start, tables=parts.tables)
        limit, effort = settings.limit_bytes, settings.effort
        return compile_network(network(), events=events, limit_bytes=limit, effort=effort).structure

    return Model(Layout.of(states, events), parts, Makers(structure, network), settings)


def _tree(place: tuple[Path, int], told: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]] | None:
    """The arrays of the tree, or None where the file has gone or is damaged."""
    path, start = place
    try:
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(told["length"] + 1)
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != told["sha256"]:
        return None
    return _arrays(content, 0, told["arrays"])


def _network(
    told: Mapping[str, Any], states: dict[str, tuple[str, ...]], parts: Parts, terms: npt.NDArray[np.float64]
) -> Callable[[], BayesNet]:
    """The network as it was compiled, put together when it is first asked for."""

    def build() -> BayesNet:
        nodes, at = list(states), 0
        models: dict[str, LocalModel] = {}
        for node, family in zip(nodes, told["families"], strict=True):
            if isinstance(family, dict):
                made = []
                for parents in family["terms"]:
                    shape = (*(len(states[nodes[p]]) for p in parents), len(states[node]))
                    size = int(np.prod(shape))
                    made.append(Term(tuple(nodes[p] for p in parents), terms[at : at + size].reshape(shape)))
                    at += size
                models[node] = NoisyMax(tuple(made))
            else:
                shape = (*(len(states[nodes[p]]) for p in family), len(states[node]))
                values = parts.table(parts.of_node[node][0]).reshape(shape)
                models[node] = Table(tuple(nodes[p] for p in family), values)
        rounded = Rounded(*told["rounded"]) if told["rounded"] else None
        return BayesNet(told["name"], states, models, tuple(told["remarks"]), rounded, tuple(told["left_out"]))

    return build
