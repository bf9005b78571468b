"""How is a network written in the NET language of Hugin?

    net { ... }
    node NAME { states = ("a" "b"); ... }
    potential (CHILD | PARENT ...) { data = ((0.9 0.1) (0.05 0.95)); }

The numbers run through the child's states fastest and through the first parent's slowest; inner parentheses may be
left out as a whole, but where they are they must fit. Decision, utility, continuous and function nodes, expressions
(`model_data`) and object-oriented classes are refused by name.

Hugin wants C identifiers as names of nodes. Others are written as one that fits, with the true name in an attribute
of ours, `ddx_name`, which is read back.
"""

from __future__ import annotations

import math

import numpy as np

from ddx.errors import FileProblem
from ddx.exchange.draft import Draft
from ddx.exchange.identifiers import identifiers
from ddx.exchange.source import Source, shown
from ddx.exchange.tokens import Dialect, Tokens, unquoted
from ddx.knowledge.bayesnet import BayesNet, Table, expand

DIALECT = Dialect(comment=r"%[^\n]*", string=r'"(?:[^"\\]|\\.)*"', marks="{}()=;|,", unfinished="%")
OTHER_NODES = ("decision", "utility", "continuous", "function", "instance", "temporal")
TRUE_NAME = "ddx_name"

Fields = dict[str, tuple[list[str], int]]  # key -> tokens of the value, index of the key
Potential = tuple[str, tuple[str, ...], Fields, int]  # child, parents, fields, index of the keyword


def read(source: Source) -> BayesNet:
    """The network of a Hugin NET file; FileProblem or SpecError with file:line otherwise."""
    tokens = _tokens(source)
    if tokens.next != "net":
        found = "a class, which has to be unfolded in Hugin," if tokens.next == "class" else repr(shown(tokens.next))
        tokens.fail(f"a NET file begins with 'net', {found} found", remedy="Is this a Hugin NET file?")
    tokens.take("the file")
    name = _text(_fields(tokens, "net").get("name", (['""'], 0))[0])
    draft = Draft(name or source.stem, source.where, tokens.place)
    true_names: dict[str, str] = {}
    potentials: list[Potential] = []
    while tokens.next:
        keyword = tokens.take("the file")
        if keyword == "discrete" and tokens.next == "node":
            keyword = tokens.take("the file")
        if keyword == "node":
            _node(tokens, draft, true_names)
        elif keyword == "potential":
            potentials.append(_potential(tokens))
        else:
            kind = "only chance nodes make a Bayesian network" if keyword in OTHER_NODES else "'node' expected"
            tokens.fail(f"{shown(keyword)!r} {shown(tokens.next)}: {kind}", at=tokens.at - 1)
    for potential in potentials:
        _table(draft, potential, true_names)
    return draft.build()


def write(network: BayesNet) -> str:
    """The network as Hugin NET; noisy-MAX nodes are written as their dense tables.

    Numbers are written so that reading gives the same float64.
    """
    ids = identifiers(network.states)
    parts = [f"net\n{{\n    name = {_quoted(network.name)};\n}}\n"]
    for node, states in network.states.items():
        true_name = "" if ids[node] == node else f"    {TRUE_NAME} = {_quoted(node)};\n"
        labels = " ".join(map(_quoted, states))
        parts.append(f"\nnode {ids[node]}\n{{\n{true_name}    states = ({labels});\n}}\n")
    for node in network.states:
        table = expand(network, node)
        head = f"{ids[node]} | {' '.join(ids[p] for p in table.parents)}" if table.parents else ids[node]
        parts.append(f"\npotential ({head})\n{{\n    data = {_nested(table.values.tolist())};\n}}\n")
    return "".join(parts)


def _nested(values: list[float] | list[object]) -> str:
    inner = (_nested(v) if isinstance(v, list) else repr(v) for v in values)
    return f"({' '.join(inner)})"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _text(words: list[str]) -> str:
    """The value of a field of one string, without quotes and escapes."""
    plain = unquoted(words[0]) if len(words) == 1 else ""
    return plain.replace('\\"', '"').replace("\\\\", "\\")


def _tokens(source: Source) -> Tokens:
    """The tokens; a file that is not UTF-8 is read as Latin-1 if only its comments need that."""
    try:
        return Tokens(source.text(), DIALECT, source.where)
    except FileProblem:
        tokens = Tokens(source.data.decode("latin-1"), DIALECT, source.where)
        if tokens.ascii:
            return tokens
        raise


def _fields(tokens: Tokens, inside: str) -> Fields:
    """The `key = value;` lines of a block and its braces."""
    fields: Fields = {}
    tokens.expect("{", inside)
    while (key := tokens.take(inside)) != "}":
        at = tokens.at - 1
        tokens.expect("=", f"{shown(key)} of {inside}")
        if key in fields:
            tokens.fail(f"{inside}: {shown(key)} is given twice", at=at, remedy="Keep one.")
        fields[key] = tokens.until(";", f"{shown(key)} of {inside}"), at
    return fields


def _node(tokens: Tokens, draft: Draft, true_names: dict[str, str]) -> None:
    head = tokens.at - 1
    name = tokens.word("a node")
    fields = _fields(tokens, f"node {shown(name)}")
    words, at = fields.get("states", ([], head))
    if len(words) < 3 or words[0] != "(" or words[-1] != ")" or not all(w[0] == '"' for w in words[1:-1]):
        tokens.fail(f"node {shown(name)} has no list of states", at=at, remedy='Write: states = ("absent" "present");')
    true_name = _text(fields[TRUE_NAME][0]) if TRUE_NAME in fields else name
    if name in true_names:
        tokens.fail(f"node {shown(name)} is declared twice", at=head, remedy="Keep one.")
    true_names[name] = true_name
    draft.variable(true_name, [_text([word]) for word in words[1:-1]], head)


def _potential(tokens: Tokens) -> Potential:
    head = tokens.at - 1
    tokens.expect("(", "a potential")
    words = tokens.until(")", "the head of a potential")
    if (
        len(words) == 0
        or any(w in "{}(=;," for w in words)
        or "|" in (words[0], *words[2:])
        or words[1:2] not in ([], ["|"])
    ):
        tokens.fail("the head of a potential is not (child | parent ...)", at=head)
    return words[0], tuple(words[2:]), _fields(tokens, f"potential {shown(words[0])}"), head


def _table(draft: Draft, potential: Potential, true_names: dict[str, str]) -> None:
    name, given, fields, head = potential
    child, *parents = (true_names.get(word, word) for word in (name, *given))
    for key in fields:
        if key in ("model_nodes", "model_data"):
            draft.fail(f"{shown(child)} is given by an expression ({key}); only data is read", head, "Save its table.")
    if "data" not in fields:
        draft.fail(f"{shown(child)} has no data", head, "Write: data = ((0.9 0.1)(0.05 0.95));")
    words, at = fields["data"]
    shape = draft.shape(child, parents, head)
    values = [word for word in words if word not in ("(", ")")]
    table = draft.numbers(values, math.prod(shape), f"the data of {shown(child)}", at)
    if not _fits(words, shape):
        draft.fail(f"the data of {shown(child)}: the parentheses do not fit its parents and states", at)
    draft.model(child, Table(tuple(parents), table.reshape(shape)), head)


def _fits(words: list[str], shape: tuple[int, ...]) -> bool:
    """Do the parentheses open and close where this shape says, or once around everything?"""
    blocks = np.cumprod(shape[::-1]).tolist()  # numbers inside one pair of parentheses, innermost first
    total = blocks[-1]
    nested = ["("] * len(shape)
    for index in range(1, total + 1):
        ends = sum(index % block == 0 for block in blocks)
        nested += ["0", *([")"] * ends), *(["("] * ends if index < total else [])]
    flat = ["(", *(["0"] * total), ")"]
    return [word if word in ("(", ")") else "0" for word in words] in (nested, flat)
