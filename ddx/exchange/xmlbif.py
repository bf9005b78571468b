"""How is a network written in XMLBIF 0.3, the XML format of JavaBayes, Weka and aGrUM?

    <VARIABLE TYPE="nature"><NAME/><OUTCOME/>...</VARIABLE>
    <DEFINITION><FOR/><GIVEN/>...<TABLE/></DEFINITION>

The numbers of a TABLE run through the states of FOR fastest, then through the last GIVEN, the first one slowest.
A table in another order cannot be told from a right one unless its rows fail to sum to 1, and is refused then.
"""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

from ddx.errors import SpecError
from ddx.exchange.draft import Draft
from ddx.exchange.markup import Element, parse
from ddx.exchange.source import Source, shown
from ddx.knowledge.bayesnet import BayesNet, Table, expand

VERSIONS = ("0.3", "0.30")


def read(source: Source) -> BayesNet:
    """The network of an XMLBIF file; SpecError with file:line otherwise."""
    root = parse(source)
    where = f"{source.where}:{root.line}"
    if root.tag != "BIF":
        raise SpecError(f"<BIF> expected, <{shown(root.tag)}> found", where=where, remedy="Is this an XMLBIF file?")
    if root.attributes.get("VERSION", VERSIONS[0]).strip() not in VERSIONS:
        raise SpecError(f"XMLBIF version {shown(root.attributes['VERSION'])}; 0.3 is read", where=where)
    networks = list(root.all("NETWORK"))
    if len(networks) != 1 or len(root.children) != 1:
        found = ", ".join(f"<{shown(child.tag)}>" for child in root.children[:5]) or "nothing"
        raise SpecError(f"one <NETWORK> expected inside <BIF>, {found} found", where=where, remedy="Split the file.")
    return _network(networks[0], source)


def write(network: BayesNet) -> str:
    """The network as XMLBIF 0.3; noisy-MAX nodes are written as their dense tables.

    Numbers are written so that reading gives the same float64.
    """
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<BIF VERSION="0.3">\n<NETWORK>\n', _tagged("NAME", network.name)]
    for node, states in network.states.items():
        outcomes = "".join(f"  {_tagged('OUTCOME', state)}" for state in states)
        parts.append(f'<VARIABLE TYPE="nature">\n  {_tagged("NAME", node)}{outcomes}</VARIABLE>\n')
    for node, states in network.states.items():
        table = expand(network, node)
        rows = "\n".join(" ".join(map(repr, row)) for row in table.values.reshape(-1, len(states)).tolist())
        head = _tagged("FOR", node) + "".join(f"  {_tagged('GIVEN', parent)}" for parent in table.parents)
        parts.append(f"<DEFINITION>\n  {head}  <TABLE>\n{rows}\n  </TABLE>\n</DEFINITION>\n")
    return "".join([*parts, "</NETWORK>\n</BIF>\n"])


def _tagged(tag: str, text: str) -> str:
    if text != text.strip():
        raise SpecError(f"the name {text!r} begins or ends with a blank, which XMLBIF cannot keep", remedy="Rename it.")
    return f"<{tag}>{escape(text)}</{tag}>\n"


def _network(element: Element, source: Source) -> BayesNet:
    names = [name.text for name in element.all("NAME")]
    draft = Draft(names[0] if names and names[0] else source.stem, source.where, lambda line: f"{source.where}:{line}")
    definitions: list[Element] = []
    for child in element.children:
        if child.tag == "VARIABLE":
            _variable(child, draft)
        elif child.tag == "DEFINITION":
            definitions.append(child)
        elif child.tag not in ("NAME", "PROPERTY"):
            draft.fail(f"<{shown(child.tag)}> is not expected in <NETWORK>", child.line)
    for definition in definitions:
        _definition(definition, draft)
    return draft.build()


def _variable(element: Element, draft: Draft) -> None:
    _only(element, ("NAME", "OUTCOME", "PROPERTY"), draft)
    name = _one(element, "NAME", draft)
    kind = element.attributes.get("TYPE", "nature").strip()
    if kind != "nature":
        message = f"{shown(name)} is a {shown(kind)} node; only nature (chance) nodes make a Bayesian network"
        draft.fail(message, element.line)
    draft.variable(name, [outcome.text for outcome in element.all("OUTCOME")], element.line)


def _definition(element: Element, draft: Draft) -> None:
    _only(element, ("FOR", "GIVEN", "TABLE", "PROPERTY"), draft)
    child = _one(element, "FOR", draft)
    parents = tuple(given.text for given in element.all("GIVEN"))
    shape = draft.shape(child, parents, element.line)
    words = _one(element, "TABLE", draft, f" for {shown(child)}").split()
    values = draft.numbers(words, math.prod(shape), f"the table of {shown(child)}", element.line)
    draft.model(child, Table(parents, values.reshape(shape)), element.line)


def _one(element: Element, tag: str, draft: Draft, of: str = "") -> str:
    """The text of the only child of this name."""
    found = list(element.all(tag))
    if len(found) != 1 or found[0].children:
        message = f"one plain <{tag}> expected in <{element.tag}>{of}, {len(found)} found"
        draft.fail(message, element.line, f"Give exactly one <{tag}>.")
    return found[0].text


def _only(element: Element, tags: tuple[str, ...], draft: Draft) -> None:
    for child in element.children:
        if child.tag not in tags:
            draft.fail(f"<{shown(child.tag)}> is not expected in <{element.tag}>", child.line)
    if element.text:
        draft.fail(f"{shown(element.text)!r} is not expected in <{element.tag}>", element.line)
