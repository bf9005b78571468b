"""An independent reading of networks of other tools: short, lenient, and nothing shared with ddx's own readers.

It takes files for well formed and refuses nothing; what it is for is to say what a good file holds. Everything is a
plain `Reading`: for each variable its states, its parents in the order of the file, and for each combination of the
parents' states the probabilities of the variable's own.
"""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence

from ddx.knowledge.bayesnet import BayesNet, expand

States = dict[str, list[str]]
Rows = dict[tuple[str, ...], list[float]]
Reading = dict[str, tuple[list[str], list[str], Rows]]  # node -> (states, parents, rows)

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
WORD = r'(?:"[^"]*"|[^\s(){},;|]+)'


def read(data: bytes, format_: str) -> Reading:
    """The network of a file; `format_` is bif, xmlbif, xdsl, net or uai."""
    if format_ in ("xmlbif", "xdsl"):
        root = ET.fromstring(data)
        return _xmlbif(root) if format_ == "xmlbif" else _xdsl(root)
    text = data.decode("utf-8-sig", "surrogateescape")
    return {"bif": _bif, "net": _net, "uai": _uai}[format_](text)


def _rows(states: States, node: str, parents: Sequence[str], numbers: Iterable[float]) -> Rows:
    """Numbers with the child varying fastest, then the last parent, as a row for each combination."""
    flat, size = [*numbers], len(states[node])
    keys = itertools.product(*(states[parent] for parent in parents))
    return {key: flat[size * i : size * (i + 1)] for i, key in enumerate(keys)}


def _numbers(text: str) -> list[float]:
    return [float(word) for word in NUMBER.findall(text)]


def _words(text: str) -> list[str]:
    return [word.strip('"') for word in re.findall(WORD, text)]


def _bif(text: str) -> Reading:
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)
    found: Reading = {}
    states: States = {}
    for name, body in re.findall(rf"\bvariable\s+({WORD})\s*\{{(.*?)\}}\s*;?[^}}]*?\}}", text, re.DOTALL):
        states[name.strip('"')] = _words(body.rpartition("{")[2])
    for head, body in re.findall(r"\bprobability\s*\(([^)]*)\)\s*\{(.*?)\}", text, re.DOTALL):
        child, _, given = head.partition("|")
        node, parents = _words(child)[0], _words(given)
        rows: Rows = {}
        for entry in body.split(";"):
            key = re.match(r"\s*\(([^)]*)\)(.*)", entry, re.DOTALL)
            if key:
                rows[tuple(_words(key[1]))] = _numbers(key[2])
            elif entry.split()[:1] == ["default"]:
                keys = itertools.product(*(states[p] for p in parents))
                rows = {**{k: _numbers(entry) for k in keys}, **rows}
            elif entry.split()[:1] == ["table"]:
                flat = _numbers(entry)
                keys = [*itertools.product(*(states[p] for p in parents))]
                rows = {k: flat[i :: len(keys)] for i, k in enumerate(keys)}
        found[node] = (states[node], parents, rows)
    return found


def _net(text: str) -> Reading:
    text = re.sub(r"%[^\n]*", " ", text)
    states: States = {}
    found: Reading = {}
    for name, body in re.findall(rf"\bnode\s+({WORD})\s*\{{(.*?)\}}", text, re.DOTALL):
        listed = re.search(r"\bstates\s*=\s*\((.*?)\)\s*;", body, re.DOTALL)
        states[name] = _words(listed[1]) if listed else []
    for head, body in re.findall(r"\bpotential\s*\(([^)]*)\)\s*\{(.*?)\}", text, re.DOTALL):
        child, _, given = head.partition("|")
        node, parents = _words(child)[0], _words(given)
        listed = re.search(r"\bdata\s*=(.*?);", body, re.DOTALL)
        found[node] = (states[node], parents, _rows(states, node, parents, _numbers(listed[1] if listed else "")))
    return found


def _xmlbif(root: ET.Element) -> Reading:
    states = {_text(v, "NAME"): [_said(o) for o in v.iter("OUTCOME")] for v in root.iter("VARIABLE")}
    found: Reading = {}
    for definition in root.iter("DEFINITION"):
        node, parents = _text(definition, "FOR"), [_said(given) for given in definition.iter("GIVEN")]
        found[node] = (states[node], parents, _rows(states, node, parents, _numbers(_text(definition, "TABLE"))))
    return found


def _xdsl(root: ET.Element) -> Reading:
    nodes = {node.get("id", ""): node for node in root.find("nodes") or ()}
    states = {name: [s.get("id", "") for s in node.iter("state")] for name, node in nodes.items()}
    found: Reading = {}
    for name, node in nodes.items():
        parents = _text(node, "parents").split()
        if node.tag == "deterministic":
            forced = _text(node, "resultingstates").split()
            flat = [float(state == one) for one in forced for state in states[name]]
        elif node.tag == "noisymax":
            flat = _noisy(states, name, parents, _numbers(_text(node, "parameters")))
        else:
            flat = _numbers(_text(node, "probabilities"))
        found[name] = (states[name], parents, _rows(states, name, parents, flat))
    return found


def _noisy(states: States, node: str, parents: Sequence[str], columns: Sequence[float]) -> list[float]:
    """Two-state or graded noisy-MAX with the strengths in the order of the states, states from most to none."""
    size = len(states[node])
    by_parent: list[list[Sequence[float]]] = []
    at = 0
    for parent in parents:
        by_parent.append([columns[at + size * i : at + size * (i + 1)] for i in range(len(states[parent]))])
        at += size * len(states[parent])
    leak = columns[at : at + size]
    flat: list[float] = []
    for chosen in itertools.product(*by_parent):
        at_most = [1.0] * size  # P(effect is this state or a weaker one)
        for column in (*chosen, leak):
            at_most = [p * sum(column[i:]) for i, p in enumerate(at_most)]
        flat += [p - q for p, q in zip(at_most, [*at_most[1:], 0.0], strict=True)]
    return flat


def _uai(text: str) -> Reading:
    words = iter(text.split()[1:])
    count = int(next(words))
    states: States = {}
    for i in range(count):
        states[str(i)] = [str(state) for state in range(int(next(words)))]
    scopes = [[next(words) for _ in range(int(next(words)))] for _ in range(int(next(words)))]
    found: Reading = {}
    for *parents, node in scopes:
        numbers = [float(next(words)) for _ in range(int(next(words)))]
        found[node] = (states[node], parents, _rows(states, node, parents, numbers))
    return found


def _text(element: ET.Element, tag: str) -> str:
    child = next(element.iter(tag), None)
    return "" if child is None else _said(child)


def _said(element: ET.Element) -> str:
    return "".join(element.itertext()).strip()


def largest_difference(one: Reading, other: Reading) -> float:
    """The largest difference of two probabilities; infinite where the structure differs. Rows are first scaled to 1."""
    shapes = [{node: ({*states}, {*parents}) for node, (states, parents, _) in r.items()} for r in (one, other)]
    if shapes[0] != shapes[1]:
        return float("inf")
    return max((_difference(one[node], other[node]) for node in one), default=0.0)


def _difference(one: tuple[list[str], list[str], Rows], other: tuple[list[str], list[str], Rows]) -> float:
    (states, parents, rows), (their_states, their_parents, their_rows) = one, other
    if len(rows) != len(their_rows):
        return float("inf")
    worst = 0.0
    for key, row in rows.items():
        named = dict(zip(parents, key, strict=True))
        theirs = their_rows[tuple(named[parent] for parent in their_parents)]
        sums = sum(row), sum(theirs)
        if len(row) != len(states) or len(theirs) != len(states) or not all(map(math.isfinite, sums)) or not all(sums):
            return float("inf")
        place: Mapping[str, int] = {state: i for i, state in enumerate(their_states)}
        for state, p in zip(states, row, strict=True):
            worst = max(worst, abs(p / sums[0] - theirs[place[state]] / sums[1]))
    return worst


def of_network(network: BayesNet) -> Reading:
    """What ddx read, in the same form."""
    found: Reading = {}
    for node, states in network.states.items():
        table = expand(network, node)
        keys = itertools.product(*(network.states[parent] for parent in table.parents))
        rows = dict(zip(keys, table.values.reshape(-1, len(states)).tolist(), strict=True))
        found[node] = ([*states], [*table.parents], rows)
    return found
