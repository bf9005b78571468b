"""Random networks and evidence for the laws: up to six nodes of up to three states, all kinds of numbers."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from ddx.knowledge.bayesnet import BayesNet, LocalModel, NoisyMax, Table, Term

KINDS = ("dense", "deterministic", "rare", "noisy")


def rows(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> npt.NDArray[np.float64]:
    """P(child | parents), (parent states ..., child states)."""
    if kind == "deterministic":
        return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
    values = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    if kind == "rare":
        tiny = 10.0 ** -rng.uniform(1, 12, shape[:-1])
        values = np.stack([1 - tiny, *[tiny / (shape[-1] - 1)] * (shape[-1] - 1)], axis=-1)
    return values / values.sum(axis=-1, keepdims=True)


@st.composite
def networks(draw: st.DrawFn, most_nodes: int = 6) -> BayesNet:
    """A random DAG with random tables or noisy-MAX families."""
    count = draw(st.integers(1, most_nodes))
    cards = draw(st.lists(st.integers(2, 3), min_size=count, max_size=count))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    names = [f"n{i}" for i in range(count)]
    states = {n: tuple(f"s{k}" for k in range(c)) for n, c in zip(names, cards, strict=True)}
    models: dict[str, LocalModel] = {}
    for i, name in enumerate(names):
        parents = tuple(p for p in names[:i] if rng.random() < 0.45)[:4]
        shape = tuple(len(states[p]) for p in parents)
        kind = draw(st.sampled_from(KINDS))
        if kind == "noisy":
            terms = [Term((), rows(rng, (cards[i],), "dense"))]
            terms += [Term((p,), rows(rng, (len(states[p]), cards[i]), "dense")) for p in parents]
            models[name] = NoisyMax(tuple(terms))
        else:
            models[name] = Table(parents, rows(rng, (*shape, cards[i]), kind))
    return BayesNet.build("random", states, models)


@st.composite
def cases(draw: st.DrawFn, most_nodes: int = 6) -> tuple[BayesNet, dict[str, str]]:
    """A network and hard evidence on some of its nodes."""
    net = draw(networks(most_nodes))
    observed = draw(st.lists(st.sampled_from(net.nodes), unique=True, max_size=len(net.nodes)))
    return net, {node: draw(st.sampled_from(net.states[node])) for node in observed}


def reordered(net: BayesNet, rng: np.random.Generator) -> BayesNet:
    """The same network with nodes, parents and (of tables) states in another order."""
    nodes = [net.nodes[i] for i in rng.permutation(len(net.nodes))]
    ordered = {n for n in net.nodes if isinstance(net.models[n], NoisyMax)}
    turn = {n: (np.arange(len(s)) if n in ordered else rng.permutation(len(s))) for n, s in net.states.items()}
    states = {n: tuple(net.states[n][k] for k in turn[n]) for n in nodes}

    def turned(node: str, parents: tuple[str, ...], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return values[np.ix_(*(turn[n] for n in (*parents, node)))]

    models: dict[str, LocalModel] = {}
    for node in nodes:
        model = net.models[node]
        if isinstance(model, NoisyMax):
            terms = [Term(t.parents, turned(node, t.parents, t.values)) for t in model.terms]
            models[node] = NoisyMax(tuple(terms[i] for i in rng.permutation(len(terms))))
        else:
            order = list(rng.permutation(len(model.parents)))
            values = turned(node, model.parents, model.values).transpose(*order, len(order))
            models[node] = Table(tuple(model.parents[i] for i in order), values)
    return BayesNet.build(net.name, states, models)


def ancestors(net: BayesNet, nodes: set[str]) -> set[str]:
    """These nodes and everything above them."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += net.parents(node)
    return found


def separated(net: BayesNet, one: str, other: str, given: set[str]) -> bool:
    """d-separation, by the moral graph of the ancestors (Lauritzen et al. 1990)."""
    kept = ancestors(net, {one, other, *given})
    edges: set[frozenset[str]] = set()
    for node in kept:
        family = [node, *net.parents(node)]
        edges |= {frozenset(pair) for pair in itertools.combinations(family, 2)}
    reached, waiting = {one}, [one]
    while waiting:
        node = waiting.pop()
        for edge in edges:
            if node in edge:
                (neighbour,) = edge - {node}
                if neighbour not in reached and neighbour not in given:
                    reached.add(neighbour)
                    waiting.append(neighbour)
    return other not in reached
