"""Who depends on whom in a compiled network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ddx.engine.model import Model

Parents = Mapping[str, tuple[str, ...]]


def parents_in(model: Model) -> Parents:
    """Every node with the nodes that it depends on directly."""
    nodes = model.nodes
    found: dict[str, tuple[str, ...]] = {}
    for node, (first, last) in model.parts.of_node.items():
        scopes = model.parts.scopes[first:last]
        around = dict.fromkeys(nodes[v] for scope in scopes for v in scope if v < len(nodes))
        found[node] = tuple(n for n in around if n != node)
    return found


def above(parents: Parents, nodes: Iterable[str]) -> frozenset[str]:
    """These nodes and everything that they depend on, however far up."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += parents[node]
    return frozenset(found)
