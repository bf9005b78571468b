"""How is a network written in XDSL, the format of GeNIe and SMILE?

    <cpt id><state id/>...<parents/><probabilities/></cpt>              P(node | parents), node's states fastest
    <deterministic id>...<resultingstates/></deterministic>             the state for each configuration of the parents
    <noisymax id>...<strengths/><parameters/></noisymax>                see below

Decision, utility, equation and dynamic nodes are refused by name.

Noisy-MAX. GeNIe lists the states of such a node from the highest effect to none, ddx from none to the highest: the
states of these nodes are turned round in reading and in writing, here and as parents in the tables of others; names
keep their meaning, positions change. `parameters` holds one column of P(contribution = state) for each state of
each parent, in the order of that parent's `strengths`, and the leak last. The last column of a parent must be "none
for certain"; where it is not, the order has been mistaken and the file is refused. The parameters are those of each
cause alone with the leak apart (Diez's), which is what a `Term` means: P(node <= s) is their plain product.
Strengths are written from the state that contributes most often to the one that never does.
A noisy-MAX that GeNIe cannot hold (a term of several parents, two terms of one parent or two leaks, a parent without
a neutral state) is written as its dense table.

Ids are letters, digits and underscores in GeNIe. Other names are written as ids that fit, with the true ones in user
properties (`ddx_name`, `ddx_states`), which GeNIe keeps and which are read back. The names that GeNIe shows in its
drawing are no ids; they are left out, and `left_out` says so.

A table of zeros and ones is written as a deterministic node, which is what GeNIe calls it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from ddx.errors import near_misses
from ddx.exchange.draft import Draft
from ddx.exchange.identifiers import identifiers
from ddx.exchange.markup import Element, parse
from ddx.exchange.source import Source, shown
from ddx.knowledge.bayesnet import Array, BayesNet, NoisyMax, Table, Term, expand

KINDS = ("cpt", "deterministic", "noisymax")
BESIDE = ("extensions", "cases", "properties", "property")  # parts of a file that are no part of the model
PARTS = ("state", "parents", "probabilities", "resultingstates", "strengths", "parameters", "property")
TRUE_NAME, TRUE_STATES = "ddx_name", "ddx_states"
APP = "ddx"  # what made the drawing; the name it gives the network is then the true one


def read(source: Source) -> BayesNet:
    """The network of an XDSL file; SpecError with file:line otherwise."""
    root = parse(source)
    draft = Draft(_network_name(root) or source.stem, source.where, lambda line: f"{source.where}:{line}")
    if root.tag != "smile":
        draft.fail(f"<smile> expected, <{shown(root.tag)}> found", root.line, "Is this an XDSL file?")
    for child in root.children:
        if child.tag not in ("nodes", *BESIDE):
            draft.fail(f"<{shown(child.tag)}> cannot be read", child.line, "Only static networks of discrete nodes.")
    groups = list(root.all("nodes"))
    if len(groups) != 1:
        draft.fail(f"one <nodes> expected, {len(groups)} found", root.line)
    nodes = {}
    for element in groups[0].children:
        node = _node(element, draft)
        if node.id in nodes:
            draft.fail(f"two nodes have the id {shown(node.id)}", element.line, "Keep one.")
        nodes[node.id] = node
    draft.left_out += _drawn_names(root, nodes)
    reader = _Tables(draft, nodes)
    for node in nodes.values():
        reader.read(node)
    return draft.build()


def write(network: BayesNet) -> str:
    """The network as XDSL; numbers are written so that reading gives the same float64."""
    ids = identifiers(network.states)
    turned = {node for node in network.states if _columns(network, node) is not None}
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        f'<smile version="1.0" id={quoteattr(identifiers([network.name])[network.name])} numsamples="10000">\n',
        "  <nodes>\n",
    ]
    parts += [_written(network, node, ids, turned) for node in network.states]
    parts.append("  </nodes>\n")
    parts.append(f'  <extensions>\n    <genie version="1.0" app="{APP}" name={quoteattr(network.name)}>\n')
    parts += [_drawn(ids[node], node, place) for place, node in enumerate(network.states)]
    return "".join([*parts, "    </genie>\n  </extensions>\n</smile>\n"])


@dataclass(frozen=True, slots=True)
class _Node:
    """One node as the file has it, its states in the file's order."""

    id: str
    name: str
    states: tuple[str, ...]
    ids: tuple[str, ...]  # the states' ids
    parents: tuple[str, ...]  # ids
    element: Element

    @property
    def turned(self) -> bool:
        return self.element.tag == "noisymax"


class _Tables:
    """Turns the numbers of the nodes into local models."""

    def __init__(self, draft: Draft, nodes: dict[str, _Node]) -> None:
        """Declares every variable, with its states in ddx's order."""
        self.draft, self.nodes = draft, nodes
        for node in nodes.values():
            draft.variable(node.name, node.states[::-1] if node.turned else node.states, node.element.line)

    def read(self, node: _Node) -> None:
        """Gives one node its model."""
        line = node.element.line
        for parent in node.parents:
            if parent not in self.nodes:
                message = f"{shown(parent)} is a parent of {shown(node.name)} but no node of this file"
                self.draft.fail(message, line, near_misses(parent, self.nodes))
        if node.turned:
            self.draft.model(node.name, self._noisymax(node), line)
            return
        parents = tuple(self.nodes[p].name for p in node.parents)
        shape = self.draft.shape(node.name, parents, line)
        values = self._cpt(node, shape) if node.element.tag == "cpt" else self._deterministic(node, shape)
        axes = [axis for axis, parent in enumerate(node.parents) if self.nodes[parent].turned]
        self.draft.model(node.name, Table(parents, np.flip(values, tuple(axes))), line)

    def _cpt(self, node: _Node, shape: tuple[int, ...]) -> Array:
        words = _only(node, "probabilities", self.draft).split()
        return self.draft.numbers(
            words, math.prod(shape), f"the probabilities of {shown(node.name)}", node.element.line
        ).reshape(shape)

    def _deterministic(self, node: _Node, shape: tuple[int, ...]) -> Array:
        words = _only(node, "resultingstates", self.draft).split()
        configurations = math.prod(shape[:-1])
        if len(words) != configurations:
            message = f"the resulting states of {shown(node.name)}: {configurations} needed, {len(words)} found"
            self.draft.fail(message, node.element.line, "Give one for each combination of the states of its parents.")
        place = {state: i for i, state in enumerate(node.ids)}
        for word in words:
            if word not in place:
                message = f"{shown(word)!r} is not a state of {shown(node.name)}"
                self.draft.fail(message, node.element.line, near_misses(word, place))
        values = np.zeros((configurations, shape[-1]))
        values[np.arange(configurations), [place[word] for word in words]] = 1.0
        return values.reshape(shape)

    def _noisymax(self, node: _Node) -> NoisyMax:
        line, count = node.element.line, len(node.states)
        sizes = [len(self.nodes[p].states) for p in node.parents]
        if len(set(node.parents)) < len(node.parents):
            self.draft.fail(f"{shown(node.name)} has a parent twice", line, "Name it once.")
        words = _only(node, "parameters", self.draft).split()
        total = (sum(sizes) + 1) * count
        columns = self.draft.numbers(words, total, f"the parameters of {shown(node.name)}", line).reshape(-1, count)[
            :, ::-1
        ]
        orders = self._strengths(node, sizes)
        terms = []
        start = 0
        for parent, size, order in zip(node.parents, sizes, orders, strict=True):
            own = columns[start : start + size]  # (parent states in order of strength, child states from none)
            if own[-1, 0] != 1.0:
                none = shown(node.states[-1])
                message = f"{shown(node.name)}: the weakest state of {shown(parent)} must give {none} for certain"
                self.draft.fail(message, line, "Check the order of the strengths.")
            values = np.empty_like(own)
            values[order] = own
            terms.append(Term((self.nodes[parent].name,), values[::-1] if self.nodes[parent].turned else values))
            start += size
        leak = columns[-1]
        return NoisyMax((*terms, *([Term((), leak)] if leak[0] != 1.0 or not terms else [])))

    def _strengths(self, node: _Node, sizes: list[int]) -> list[list[int]]:
        """For each parent the indices of its states, strongest first; as listed where the file gives none."""
        found = list(node.element.all("strengths"))
        words = found[0].text.split() if found else [str(i) for size in sizes for i in range(size)]
        orders = []
        for parent, size in zip(node.parents, sizes, strict=True):
            own, words = words[:size], words[size:]
            if sorted(own) != sorted(map(str, range(size))):
                message = f"{shown(node.name)}: the strengths of {shown(parent)} are not an order of its {size} states"
                self.draft.fail(message, node.element.line)
            orders.append([int(word) for word in own])
        if words:
            self.draft.fail(f"{shown(node.name)}: more strengths than states of its parents", node.element.line)
        return orders


def _drawings(root: Element) -> list[Element]:
    return [drawing for part in root.all("extensions") for drawing in part.all("genie")]


def _network_name(root: Element) -> str:
    ours = [drawing.attributes.get("name", "") for drawing in _drawings(root) if drawing.attributes.get("app") == APP]
    return ours[0] if ours and ours[0] else root.attributes.get("id", "")


def _drawn_names(root: Element, nodes: Mapping[str, _Node]) -> Iterator[str]:
    """The names in GeNIe's drawing that are not those by which the network and its nodes are known."""
    for drawing in _drawings(root):
        name = drawing.attributes.get("name", "")
        if name and drawing.attributes.get("app") != APP and name != _network_name(root):
            yield f"GeNIe's name of the network, {shown(name)}"
    drawn = [(nodes[id_].name, name) for id_, name in _drawn_nodes(_drawings(root)) if id_ in nodes and name]
    other = [f"{shown(known)} is {shown(name)}" for known, name in drawn if name != known]
    if other:
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        yield f"GeNIe's names of nodes: {', '.join(other[:3])}{more}"


def _drawn_nodes(groups: Iterable[Element]) -> Iterator[tuple[str, str]]:
    """(id, name) of every node that is drawn, also of those in submodels."""
    for group in groups:
        for node in group.all("node"):
            yield node.attributes.get("id", ""), next((name.text for name in node.all("name")), "")
        yield from _drawn_nodes(group.all("submodel"))


def _node(element: Element, draft: Draft) -> _Node:
    name = element.attributes.get("id", "").strip()
    if element.tag not in KINDS or "dynamic" in element.attributes:
        kind = "dynamic" if "dynamic" in element.attributes else element.tag
        article = "an" if kind[:1] in "aeio" else "a"
        message = f"{shown(name)} is {article} {shown(kind)} node; cpt, deterministic and noisymax nodes are read"
        draft.fail(message, element.line)
    for child in element.children:
        if child.tag not in PARTS:
            draft.fail(f"<{shown(child.tag)}> is not expected in the node {shown(name)}", child.line)
    for tag in PARTS[1:-1]:
        if len(list(element.all(tag))) > 1:
            draft.fail(f"{shown(name)} has two <{tag}>", element.line, "Keep one.")
    ids = tuple(state.attributes.get("id", "") for state in element.all("state"))
    parents = tuple(word for e in element.all("parents") for word in e.text.split())
    true_name = _property(element, TRUE_NAME, draft) or [name]
    states = _property(element, TRUE_STATES, draft) or list(ids)
    if len(true_name) != 1 or len(states) != len(ids):
        draft.fail(f"{shown(name)}: its ddx properties do not fit its states", element.line, "Delete the properties.")
    return _Node(name, true_name[0], tuple(states), ids, parents, element)


def _property(element: Element, key: str, draft: Draft) -> list[str]:
    """The words of a property of ours, empty where it is not there."""
    for child in element.all("property"):
        if child.attributes.get("id") == key:
            try:
                words = json.loads(child.text)
            except (ValueError, RecursionError):
                words = None
            if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
                draft.fail(f"the property {key} is not a list of words", child.line, "Delete the property.")
            return [str(word) for word in words]
    return []


def _only(node: _Node, tag: str, draft: Draft) -> str:
    found = next(node.element.all(tag), None)
    if found is None:
        draft.fail(f"{shown(node.name)} has no <{tag}>", node.element.line, "Give it one.")
    return found.text


def _columns(network: BayesNet, node: str) -> list[tuple[str | None, Array]] | None:
    """The terms of a noisy-MAX as GeNIe holds them, (parent or None for the leak, values); None where it cannot."""
    model = network.models[node]
    if not isinstance(model, NoisyMax) or not model.parents:
        return None
    owners = [term.parents for term in model.terms]
    if any(len(owner) > 1 for owner in owners) or len(set(owners)) < len(owners):
        return None
    if any(term.parents and not _neutral(term.values) for term in model.terms):
        return None
    return [(term.parents[0] if term.parents else None, term.values) for term in model.terms]


def _neutral(values: Array) -> list[int]:
    """The parent states that contribute nothing for certain."""
    return [i for i, none in enumerate(values[:, 0].tolist()) if none == 1.0]


def _drawn(node_id: str, node: str, place: int) -> str:
    """Where GeNIe draws a node, and under which name: eight in a row."""
    left, top = 150 * (place % 8), 90 * (place // 8)
    position = f"<position>{left} {top} {left + 120} {top + 60}</position>"
    return f'      <node id="{node_id}"><name>{escape(node)}</name>{position}</node>\n'


def _written(network: BayesNet, node: str, ids: dict[str, str], turned: set[str]) -> str:
    states = network.states[node][:: -1 if node in turned else 1]
    state_ids = identifiers(states)
    kind, parents, body = _noisymax(network, node, turned) if node in turned else _cpt(network, node, turned, state_ids)
    lines = [f'<{kind} id="{ids[node]}">', *(f'  <state id="{state_ids[state]}" />' for state in states)]
    if parents:
        lines.append(f"  <parents>{' '.join(ids[p] for p in parents)}</parents>")
    lines += [f"  {line}" for line in body]
    if ids[node] != node:
        lines.append(f'  <property id="{TRUE_NAME}">{escape(json.dumps([node]))}</property>')
    if any(state_ids[state] != state for state in states):
        lines.append(f'  <property id="{TRUE_STATES}">{escape(json.dumps(list(states)))}</property>')
    return "".join(f"    {line}\n" for line in [*lines, f"</{kind}>"])


Model = tuple[str, tuple[str, ...], list[str]]  # kind of node, parents, what stands in it


def _cpt(network: BayesNet, node: str, turned: set[str], state_ids: dict[str, str]) -> Model:
    """A table, or the state that each configuration of the parents forces where all its numbers are 0 or 1."""
    table = expand(network, node)
    values = np.flip(table.values, tuple(axis for axis, parent in enumerate(table.parents) if parent in turned))
    if table.parents and np.isin(values, (0.0, 1.0)).all():
        forced = values.reshape(-1, values.shape[-1]).argmax(axis=-1).tolist()
        words = " ".join(state_ids[network.states[node][state]] for state in forced)
        return "deterministic", table.parents, [f"<resultingstates>{words}</resultingstates>"]
    return "cpt", table.parents, [f"<probabilities>{_numbers(values)}</probabilities>"]


def _noisymax(network: BayesNet, node: str, turned: set[str]) -> Model:
    columns = _columns(network, node) or []
    count = len(network.states[node])
    leak = next((values for parent, values in columns if parent is None), np.eye(1, count)[0])
    causes = [(parent, values) for parent, values in columns if parent is not None]
    strengths: list[str] = []
    parameters: list[Array] = []
    for parent, values in causes:
        place = [len(values) - 1 - i if parent in turned else i for i in range(len(values))]  # in the file
        order = sorted(range(len(values)), key=lambda i: (values[i, 0], place[i]))
        strengths += [str(place[i]) for i in order]
        parameters += [values[i, ::-1] for i in order]
    written = " ".join(_numbers(column) for column in (*parameters, leak[::-1]))
    body = [f"<strengths>{' '.join(strengths)}</strengths>", f"<parameters>{written}</parameters>"]
    return "noisymax", tuple(parent for parent, _ in causes), body


def _numbers(values: Array) -> str:
    return " ".join(map(repr, values.ravel().tolist()))
