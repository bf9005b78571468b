"""What is the most probable state of everything, given the findings? And the next most probable ones?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice

from ddx.engine.best_first import heaviest, logs_of
from ddx.engine.elimination import sliced_factors, sum_out
from ddx.engine.likelihood import Evidence
from ddx.engine.model import Model


@dataclass(frozen=True, slots=True)
class Explanation:
    """A state of every node, and P(it | evidence)."""

    states: dict[str, str]
    log_joint: float  # log P(states, evidence) in nats
    probability: float


def most_probable_explanations(model: Model, evidence: Evidence, count: int = 1) -> tuple[Explanation, ...]:
    """The `count` most probable complete configurations, best first (MPE for count 1), exactly.

    Max-product over the nodes; hidden maxima of decomposed families are summed out first, so that a configuration is
    one of the nodes and of nothing else. Empty where the evidence is impossible. TooLarge where a bucket would be.
    """
    lane = model.likelihood(evidence)
    log_evidence = model.log_evidence(evidence)
    if log_evidence == -math.inf:
        return ()
    cards = dict(enumerate(model.parts.cards))
    nodes = range(len(model.nodes))
    factors = sliced_factors(model.parts, lane, nodes)
    hidden = {v for f in factors for v in f.scope if v >= len(nodes)}
    logs, shift = logs_of(sum_out(factors, hidden, cards))
    open_nodes = sorted({v for f in logs for v in f.scope})
    starts = model.parts.node_start
    fixed = {v: int(lane[starts[v] : starts[v + 1]].argmax()) for v in nodes if v not in open_nodes}
    found = []
    for weight, picked in islice(heaviest(logs, open_nodes, cards), count):
        values = fixed | picked
        states = {name: model.states[name][values[v]] for v, name in enumerate(model.nodes)}
        found.append(Explanation(states, weight + shift, math.exp(weight + shift - log_evidence)))
    return tuple(found)
