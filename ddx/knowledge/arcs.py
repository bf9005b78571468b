"""Who depends on whom in a clinical network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ddx.knowledge import spec
from ddx.knowledge.meaning import cause_states, models_of, states_of
from ddx.knowledge.naming import Fault


def parents_of(network: spec.Network, node: str) -> tuple[str, ...]:
    """The variables that this one depends on directly, each once."""
    model = models_of(network).get(node)
    if model is None:
        disease = network.diseases.get(node)
        return tuple(dict.fromkeys(p.context for p in disease.profile)) if disease else ()
    if isinstance(model, spec.Table | spec.Deterministic):
        return model.parents
    causes = [*model.given, *(model.odds_ratios if isinstance(model, spec.Noisy) else ())]
    nodes = [found[0] for cause in causes if (found := cause_states(network, cause))]
    if isinstance(model, spec.Attribute):
        return tuple(dict.fromkeys([*model.gate, *nodes]))
    contexts = [c for stratum in model.strata for c in stratum.when]
    return tuple(dict.fromkeys([*contexts, *nodes]))


def with_ancestors(network: spec.Network, nodes: Iterable[str]) -> set[str]:
    """These variables and everything above them."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += parents_of(network, node)
    return found


def cycle_faults(network: spec.Network) -> Iterator[Fault]:
    """One fault where variables depend on one another in a circle: it names the circle, at its first variable."""
    done: set[str] = set()
    for start in states_of(network):
        path: list[str] = []
        found = _circle(network, start, path, done)
        if found:
            group = next(g for g in ("diseases", "latents", "findings") if found[0] in getattr(network, g))
            yield (group, found[0], "model"), "cycle: " + " -> ".join([*found, found[0]]), "Remove one of these arcs."
            return


def _circle(network: spec.Network, node: str, path: list[str], done: set[str]) -> list[str]:
    """The nodes of a circle above this node, causes first; empty where there is none."""
    if node in path:
        return path[path.index(node) :][::-1]
    if node in done:
        return []
    path.append(node)
    for parent in parents_of(network, node):
        found = _circle(network, parent, path, done)
        if found:
            return found
    path.pop()
    done.add(node)
    return []
