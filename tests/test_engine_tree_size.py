"""Trees are small: never more entries than pyAgrum's junction tree, on networks that come with pgmpy.

The largest take half a minute and a gigabyte, and are looked at where DDX_LONG is set.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

import ddx
from ddx.engine.factors import factorise, scopes
from ddx.engine.model import EFFORT, compile_network
from ddx.engine.triangulate import Sizes, best_elimination, bits, cliques_of, moral_graph, quick_elimination
from ddx.errors import TooLarge
from ddx.exchange.pgmpy_models import bundled
from ddx.knowledge.bayesnet import BayesNet

LARGE = ("barley", "diabetes", "link", "munin", "munin1", "munin2", "munin3", "munin4")
SMALL = sorted({p.name.split(".")[0] for p in Path(bundled("asia")).parent.glob("*.bif.gz")} - {*LARGE})
NAMES = (*SMALL, *(LARGE if os.environ.get("DDX_LONG") else ()))


def junction_tree_entries(net: BayesNet) -> int:
    gum = pytest.importorskip("pyagrum")
    bn = gum.BayesNet()
    for node, labels in net.states.items():
        bn.add(gum.LabelizedVariable(node, node, list(labels)))
    for node in net.nodes:
        for parent in net.parents(node):
            bn.addArc(parent, node)
    tree = gum.JunctionTreeGenerator().junctionTree(bn)
    cards = {v: bn.variable(v).domainSize() for v in bn.nodes()}
    return sum(math.prod(cards[v] for v in tree.clique(c)) for c in tree.nodes())


def maximal_entries(net: BayesNet) -> float:
    """Those of the maximal cliques of the order that is tried first, impossible ones included."""
    found, orders = factorise(net, EFFORT)
    return Sizes(found.cards).total(cliques_of(moral_graph(found.cards, scopes(found)), orders[0]))


@pytest.mark.parametrize("name", NAMES)
def test_no_tree_is_larger_than_that_of_a_peer(name: str) -> None:
    net = ddx.load(bundled(name)).bayesnet()
    model = compile_network(net)
    assert min(model.entries, maximal_entries(net)) <= junction_tree_entries(net)
    assert model.entries <= 1.2 * junction_tree_entries(net)  # with the cliques put in for the sake of speed
    assert 4 * 2 * model.entries + sum(a.nbytes for a in model.structure.arrays().values()) < 2 << 30


def test_a_bad_order_would_be_noticed() -> None:
    net = ddx.load(bundled("win95pts")).bayesnet()
    found, _ = factorise(net, 0)
    graph = moral_graph(found.cards, scopes(found))
    as_written = cliques_of(graph, range(len(found.cards)))
    assert Sizes(found.cards).total(as_written) > junction_tree_entries(net)


def random_graph(variables: int, edges: int, seed: int) -> tuple[list[int], list[tuple[int, ...]]]:
    rng = np.random.default_rng(seed)
    pairs = {tuple(sorted(rng.choice(variables, 2, replace=False).tolist())) for _ in range(edges)}
    return rng.integers(2, 5, variables).tolist(), sorted(pairs)


@pytest.mark.parametrize("seed", range(4))
def test_more_effort_never_makes_a_larger_tree(seed: int) -> None:
    cards, pairs = random_graph(30, 60, seed)
    graph = moral_graph(cards, pairs)
    sizes = []
    for effort in (0, 2, 8):
        entries, order = best_elimination(graph, cards, effort)
        assert sorted(order) == list(range(30))
        assert entries == pytest.approx(sum(math.prod(cards[v] for v in bits(c)) for c in cliques_of(graph, order)))
        sizes.append(entries)
    assert sizes == sorted(sizes, reverse=True)
    assert quick_elimination(cards, pairs)[0] >= sizes[0]


def test_what_would_be_too_large_is_given_up_early() -> None:
    cards, pairs = random_graph(60, 400, 1)
    entries, order = best_elimination(moral_graph(cards, pairs), cards, 8, most=1e6)
    assert (entries, order) == (math.inf, ())
    with pytest.raises(TooLarge, match="30,000 variables"):
        moral_graph([2] * 30_000, [])


def test_zeros_are_counted() -> None:
    """A clique with a deterministic table in it has no more entries than its parents allow."""
    together = 0b111
    assert Sizes([3, 3, 3]).entries(together) == pytest.approx(27)
    assert Sizes([3, 3, 3], [(together, 1 / 3)]).entries(together) == pytest.approx(9)
    assert Sizes([3, 3, 3], [(0b1011, 1 / 3)]).entries(together) == pytest.approx(27)
