"""Compiled models on disk, so that a network is compiled once.

One file a model: a magic line, the length of the head, the SHA-256 of everything after it, the head (JSON), then the
arrays, each aligned to 64 bytes and used in place. Nothing is unpickled. A file that is damaged, of another version or
of another byte order is as good as none; a folder that cannot be written is no error.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ddx.engine.belief import Layout
from ddx.engine.model import Model, Settings
from ddx.engine.structure import Parts, Structure
from ddx.knowledge.bayesnet import BayesNet, LocalModel, NoisyMax, Table, Term
from ddx.storage import write_atomically

MAGIC = b"ddx-model\n"
VERSION = 2  # of this layout and of the compiler: raise it when either changes
ALIGNED = 64
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
    except OSError:
        return False
    return True


def fetch(key: str) -> Entry | None:
    """The model kept under a key, or None where there is none that can be trusted."""
    try:
        content = _path(key).read_bytes()
    except OSError:
        return None
    try:
        return _unpack(content)
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def _path(key: str) -> Path:
    name = key if re.fullmatch(r"[0-9A-Za-z_-]{1,100}", key) else hashlib.sha256(key.encode()).hexdigest()
    return folder() / f"{name}.model"


def _pack(model: Model, header: str) -> bytes:
    arrays: dict[str, npt.NDArray[np.generic]] = model.structure.arrays()
    arrays["terms"] = _term_values(model.network)
    places, blocks, at = [], [], 0
    for name, array in arrays.items():
        block = np.ascontiguousarray(array).tobytes()
        places.append([name, array.dtype.str, len(array), at])
        blocks.append(block + b"\0" * (-len(block) % ALIGNED))
        at += len(blocks[-1])
    head = {"version": VERSION, "order": sys.byteorder, "arrays": places, "model": _describe(model), "header": header}
    text = json.dumps(head).encode()
    text += b" " * (-(len(MAGIC) + 8 + 32 + len(text)) % ALIGNED)
    body = b"".join([text, *blocks])
    return MAGIC + len(text).to_bytes(8, "little") + hashlib.sha256(body).digest() + body


def _unpack(content: bytes) -> Entry | None:
    start = len(MAGIC) + 40
    if content[: len(MAGIC)] != MAGIC or len(content) < start:
        return None
    length = int.from_bytes(content[len(MAGIC) : len(MAGIC) + 8], "little")
    if hashlib.sha256(memoryview(content)[start:]).digest() != content[start - 32 : start]:
        return None
    head = json.loads(content[start : start + length])
    if head["version"] != VERSION or head["order"] != sys.byteorder:
        return None
    arrays = {
        name: np.frombuffer(content, dtype=np.dtype(kind), count=count, offset=start + length + at)
        for name, kind, count, at in head["arrays"]
    }
    return Entry(_rebuild(head["model"], arrays), head["header"])


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
        "states": list(model.states.items()),
        "events": list(model.events.items()),
        "families": families,
        "cards": model.parts.cards,
        "scopes": model.parts.scopes,
        "of_node": list(model.parts.of_node.items()),
        "limit_bytes": model.settings.limit_bytes,
        "effort": model.settings.effort,
    }


def _term_values(network: BayesNet) -> npt.NDArray[np.float64]:
    flat = [t.values.ravel() for m in network.models.values() if isinstance(m, NoisyMax) for t in m.terms]
    return np.concatenate([np.empty(0), *flat])


def _rebuild(told: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Model:
    terms = arrays.pop("terms")
    structure = Structure(**arrays)
    states = {node: tuple(labels) for node, labels in told["states"]}
    events = {event: (node, tuple(labels)) for event, (node, labels) in told["events"]}
    of_node = {node: (first, last) for node, (first, last) in told["of_node"]}
    parts = Parts(tuple(told["cards"]), tuple(map(tuple, told["scopes"])), of_node)
    settings = Settings(told["limit_bytes"], told["effort"])
    return Model(Layout.of(states, events), structure, parts, _network(told, states, parts, structure, terms), settings)


def _network(
    told: dict[str, Any],
    states: dict[str, tuple[str, ...]],
    parts: Parts,
    structure: Structure,
    terms: npt.NDArray[np.float64],
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
                start = structure.factor_start[parts.of_node[node][0]]
                values = structure.tables[start : start + int(np.prod(shape))].reshape(shape)
                models[node] = Table(tuple(nodes[p] for p in family), values)
        return BayesNet(told["name"], states, models, tuple(told["remarks"]))

    return build
