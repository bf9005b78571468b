"""Who depends on whom in a clinical network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ddx.knowledge import spec
from ddx.knowledge.meaning import Known, known_of
from ddx.knowledge.naming import Fault

Arcs = Mapping[str, tuple[str, ...]]  # variable -> the variables that it depends on directly, each once


def arcs_of(network: spec.Network) -> Arcs:
    """The parents of every variable."""
    known = known_of(network)
    return {node: _parents(known, node) for node in known.states}


def _parents(known: Known, node: str) -> tuple[str, ...]:
    model = known.models.get(node)
    if model is None:
        disease = known.network.diseases.get(node)
        return tuple(dict.fromkeys(p.context for p in disease.profile)) if disease else ()
    if isinstance(model, spec.Table | spec.Deterministic):
        return model.parents
    causes = [*model.given, *(model.odds_ratios if isinstance(model, spec.Noisy) else ())]
    nodes = [found[0] for cause in causes if (found := known.cause(cause))]
    if isinstance(model, spec.Attribute):
        return tuple(dict.fromkeys([*model.gate, *nodes]))
    contexts = [c for stratum in model.strata for c in stratum.when]
    return tuple(dict.fromkeys([*contexts, *nodes]))


def with_ancestors(network: spec.Network, nodes: Iterable[str]) -> set[str]:
    """These variables and everything above them."""
    return _reached(arcs_of(network), nodes)


def above(arcs: Arcs, node: str) -> set[str]:
    """The variables above this one; in a circle, it is one of them."""
    return _reached(arcs, arcs[node])


def _reached(arcs: Arcs, nodes: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += arcs.get(node, ())
    return found


def cycle_faults(network: spec.Network) -> Iterator[Fault]:
    """One fault where variables depend on one another in a circle: it names the circle, at its first variable."""
    found = _circle(arcs_of(network))
    if found:
        group = next(g for g in ("diseases", "latents", "findings") if found[0] in getattr(network, g))
        yield (group, found[0], "model"), f"cycle: {in_words(found)}", "Remove one of these arcs."


def in_words(circle: list[str]) -> str:
    """`a -> b -> a`, causes first; of a long circle its two ends."""
    whole = [*circle, circle[0]]
    return " -> ".join(whole if len(whole) <= 12 else [*whole[:10], "...", whole[-1]])


def _circle(arcs: Arcs) -> list[str]:
    """The variables of a circle, causes first; empty where there is none."""
    done: set[str] = set()
    for start in arcs:
        path: dict[str, Iterator[str]] = {}  # in order of visit, each with the parents still to see
        here: str | None = start if start not in done else None
        while here is not None:
            path.setdefault(here, iter(arcs.get(here, ())))
            following = next((p for p in path[here] if p not in done), None)
            if following in path:
                names = list(path)
                return names[names.index(following) :][::-1]
            if following is None:
                done.add(here)
                del path[here]
                following = next(reversed(path), None)
            here = following
    return []
