"""P(a node and its parents | evidence), for every node at once: what a parameter's influence is read from.

dP(evidence) / d theta = P(family configuration, evidence) / theta (Darwiche 2003), so one pass answers for all
parameters that are not 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.engine.propagate import Lanes

Floats = npt.NDArray[np.float64]


def family_posteriors(model: Model, likelihood: Floats) -> dict[str, Floats]:
    """Node -> P(parents, node | evidence), axes (parent states ..., node states), for a lane (states,).

    Decomposed noisy-MAX nodes have no table and are left out. All zeros where the evidence is impossible.
    """
    structure = model.structure
    beliefs = Lanes(structure).beliefs(likelihood[:, None])[:, 0]  # (entries,)
    found: dict[str, Floats] = {}
    for node, (first, last) in model.parts.of_node.items():
        if last - first > 1:
            continue
        clique = int(structure.factor_clique[first])
        own = beliefs[structure.entry_start[clique] : structure.entry_start[clique + 1]]
        place = structure.factor_maps[structure.factor_map_start[first] : structure.factor_map_start[last]]
        start, stop = structure.factor_start[first : last + 1].tolist()
        sums: Floats = np.bincount(place - start, own, stop - start).astype(np.float64)
        found[node] = sums.reshape([model.parts.cards[v] for v in model.parts.scopes[first]])
    return found
