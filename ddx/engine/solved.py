"""Which roots was a compiled setting solved for? They are read back from its tables; nothing is solved again.

context mix    the table of the context
base odds      P(d = s | context) / P(d absent | context), over the weight that the profiles give s there
background     the leak term; of a stratum, its odds over the ratio that the stratum keeps to what is written
"""

from __future__ import annotations

import numpy as np

from ddx.engine.ground import Grounding, Names, Roots
from ddx.engine.population import Population
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import Array, BayesNet, NoisyMax, Table


def roots_of(network: spec.Network, people: Population, grounded: BayesNet) -> Roots:
    """The roots with which `ground` made this BayesNet of a network and setting."""
    names = Names(network)
    solved = [node for node, _ in people.priors if node in names.models]
    if people.complaint is not None:
        solved.append(people.complaint.finding)
    even = {node: np.ones(len(names.states[node])) for node, _ in people.priors if node not in names.models}
    plain = Grounding(names, people, Roots(people.mix, even, {}))
    mix = {context: _table(grounded, context) for context in network.context}
    odds = {node: _base_odds(_table(grounded, node), plain.local_model(node)) for node in even}
    backgrounds = {node: _background(plain, grounded, node) for node in dict.fromkeys(solved)}
    return Roots(mix, odds, backgrounds)


def _table(grounded: BayesNet, node: str) -> Array:
    model = grounded.models[node]
    assert isinstance(model, Table)
    return model.values


def _base_odds(table: Array, weights: object) -> Array:
    """(states,) the odds that, times the weights, are the table; read where the weights are largest."""
    assert isinstance(weights, Table)
    rows = table.reshape(-1, table.shape[-1])
    known = weights.values[..., 0].reshape(rows.shape)
    odds = np.ones(rows.shape[1])
    for s in range(1, rows.shape[1]):
        at = int(np.argmax(known[:, s] * known[:, 0]))
        odds[s] = (rows[at, s] / rows[at, 0]) / (known[at, s] / known[at, 0])
    return odds


def _background(plain: Grounding, grounded: BayesNet, node: str) -> Array:
    """(states,) the background in force."""
    model, written = grounded.models[node], plain.names.models[node]
    assert isinstance(model, NoisyMax) and isinstance(written, spec.Noisy)
    leak = model.terms[0]
    if not leak.parents:
        return leak.values
    strata = [s for s in written.strata if s.cause is None]
    reached = [plain.names.where(leak.parents, s.when) for s in strata]
    free = ~np.any(reached, axis=0)
    if free.any():
        return np.asarray(leak.values[free][0])
    row = plain.row(strata[0].row, plain.names.states[node])[:, 0]
    shifted = np.asarray(leak.values[reached[0]][0])
    shift = np.divide(shifted, row, out=np.ones_like(row), where=row > 0)
    odds = plain.row(written.background, plain.names.states[node])[:, 0] * shift
    background: Array = odds / odds.sum()
    return background
