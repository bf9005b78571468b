"""Cliques put in to relieve a large one change the work and never the answer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest

from ddx.engine import branches
from ddx.engine.model import Model, compile_network
from ddx.engine.triangulate import bits
from ddx.knowledge.bayesnet import BayesNet, LocalModel, Table

CAUSES = 6


def layer(seed: int) -> BayesNet:
    """Six causes that one finding joins in a large clique, and a finding for each pair of them; some zeros."""
    rng = np.random.default_rng(seed)
    causes = [f"d{i}" for i in range(CAUSES)]
    pairs = list(combinations(causes, 2))
    states = dict.fromkeys((*causes, "all", *(f"{a}{b}" for a, b in pairs)), ("absent", "mild", "severe"))
    models: dict[str, LocalModel] = {d: Table((), rng.dirichlet(np.ones(3))) for d in causes}
    models["all"] = Table(tuple(causes), rng.dirichlet(np.ones(3), (3,) * CAUSES))
    for a, b in pairs:
        rows = rng.dirichlet(np.ones(3), (3, 3))
        rows[0, 0] = (1.0, 0.0, 0.0)
        models[f"{a}{b}"] = Table((a, b), rows)
    return BayesNet.build("layer", states, models)


def compiled_both(net: BayesNet, monkeypatch: pytest.MonkeyPatch) -> tuple[Model, Model]:
    """The network with nothing put in, and with all that helps."""
    monkeypatch.setattr(branches, "LARGE", math.inf)
    plain = compile_network(net)
    monkeypatch.setattr(branches, "LARGE", 1)
    return plain, compile_network(net)


def some_lanes(model: Model, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    lanes = np.ones((model.layout.total, 12))
    for span in model.offsets.values():
        for lane in range(12):
            if rng.random() < 0.3:
                lanes[span, lane] = rng.random(3) if rng.random() < 0.5 else np.eye(3)[rng.integers(3)]
    return lanes


def largest_difference(plain: Model, relieved: Model, seed: int) -> float:
    lanes = some_lanes(plain, seed)
    one, other = plain.lanes(lanes), relieved.lanes(lanes)
    assert np.array_equal(np.isneginf(one.log_evidence), np.isneginf(other.log_evidence))
    possible = np.isfinite(one.log_evidence)
    assert possible.any()
    logs = np.abs(one.log_evidence - other.log_evidence)[possible].max()
    return float(max(logs, np.abs(one.marginals - other.marginals).max()))


@pytest.mark.parametrize("kernel", ["", "numpy"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_put_in_saves_reads_and_changes_no_answer(
    seed: int, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DDX_KERNEL", kernel)
    plain, relieved = compiled_both(layer(seed), monkeypatch)
    assert relieved.structure.cliques > plain.structure.cliques
    assert len(relieved.structure.maps) < 0.5 * len(plain.structure.maps)
    assert largest_difference(plain, relieved, seed) < 1e-12


def test_a_clique_that_adds_numbers_of_its_own_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant: a clique that was put in weighs its entries instead of handing on the messages as they are."""
    plain, relieved = compiled_both(layer(1), monkeypatch)
    structure = relieved.structure
    put_in = int(np.flatnonzero(np.diff(structure.entry_start) == np.diff(structure.message_start))[-1])
    entries = slice(*structure.entry_start[put_in : put_in + 2].tolist())
    potentials = structure.potentials.copy()
    potentials[entries] *= np.linspace(0.5, 1.0, entries.stop - entries.start)
    relieved.structure = structure._replace(potentials=potentials)
    assert largest_difference(plain, relieved, 1) > 1e-6


def ancestors(parents: dict[int, int], c: int) -> Iterator[int]:
    while parents[c] != c:
        c = parents[c]
        yield c


def test_it_stays_a_clique_tree() -> None:
    """Every variable's cliques hang together: each but the topmost has a parent that holds it too."""
    sets = [0b111111111111, *(1 << i | 1 << j for i, j in combinations(range(12), 2))]
    parents = dict.fromkeys(range(len(sets)), 0)
    found, above = branches.relieved(sets, parents, [2] * 12)
    assert found[: len(sets)] == sets and len(found) > len(sets)
    assert all(0 in {c, *ancestors(above, c)} for c in above)
    for v in range(12):
        holders = [c for c, mask in enumerate(found) if mask >> v & 1]
        assert sum(1 for c in holders if above[c] == c or not found[above[c]] >> v & 1) == 1
    assert sum(1 for c in above if above[c] == 0) < 12
    assert all(len(bits(found[c])) <= 11 for c in range(len(sets), len(found)))
