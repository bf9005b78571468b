"""A small network cut from a larger one: findings left out vanish, diseases left out are averaged out at their prior.

Latent nodes and everything above a chosen finding stay, except diseases that were not chosen. A term of a noisy-MAX
whose disease was left out becomes part of the background: sum over its states of P(state) P(contribution | state).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ddx.engine.model import compile_network
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import Array, BayesNet, LocalModel, NoisyMax, Table, Term
from ddx.knowledge.lexicon import entries_of


def chosen_diseases(network: spec.Network) -> set[str]:
    """The disease nodes that a view keeps: those of its entries."""
    assert network.view is not None
    return {e.node for e in entries_of(network) if e.id in network.view.diseases}


def cut(network: spec.Network, whole: BayesNet, complaint: str | None) -> BayesNet:
    """The BayesNet of a view; the complaint of the setting stays even where the view does not name it."""
    assert network.view is not None
    kept = chosen_diseases(network)
    dropped = set(network.diseases) - kept
    wanted = [*kept, *network.view.findings, *([complaint] if complaint else [])]
    chosen = _above(whole, wanted, dropped)
    priors = _priors(whole, {p for n in chosen for p in whole.parents(n) if p in dropped})
    states = {n: s for n, s in whole.states.items() if n in chosen}
    models = {n: _averaged(whole.models[n], priors) for n in states}
    return BayesNet.build(network.header.name, states, models)


def _above(whole: BayesNet, nodes: list[str], dropped: set[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found and node not in dropped:
            found.add(node)
            waiting += whole.parents(node)
    return found


def _priors(whole: BayesNet, nodes: set[str]) -> dict[str, Array]:
    """P(node) before any finding, for the diseases that are averaged out."""
    if not nodes:
        return {}
    above = _above(whole, sorted(nodes), set())
    states = {n: s for n, s in whole.states.items() if n in above}
    model = compile_network(BayesNet.build(whole.name, states, {n: whole.models[n] for n in states}))
    belief = model.posteriors({})
    return {n: np.array(list(belief[n].values())) for n in sorted(nodes)}


def _averaged(model: LocalModel, priors: Mapping[str, Array]) -> LocalModel:
    if isinstance(model, Table):
        return Table(*_summed(model.parents, model.values, priors))
    return NoisyMax(tuple(Term(*_summed(t.parents, t.values, priors)) for t in model.terms))


def _summed(parents: tuple[str, ...], values: Array, priors: Mapping[str, Array]) -> tuple[tuple[str, ...], Array]:
    """Each dropped parent summed out at its prior; axes (parent states ..., child states)."""
    for node in [p for p in parents if p in priors]:
        axis = parents.index(node)
        values = np.tensordot(priors[node], values, axes=(0, axis))
        parents = parents[:axis] + parents[axis + 1 :]
    return parents, np.ascontiguousarray(values)
