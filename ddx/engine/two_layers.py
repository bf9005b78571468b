"""Is this network two layers, independent yes / no causes over noisy-OR findings? Then subsets answer for it.

However many links there are, the cost grows with the findings that are present, not with the treewidth; see
`noisy_or_layer`. Likelihoods of causes change their odds; a finding must be present, absent or not observed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ddx.engine import noisy_or_layer
from ddx.engine.belief import Layout
from ddx.engine.noisy_or_layer import MOST_PRESENT, Layer
from ddx.knowledge.bayesnet import BayesNet, NoisyMax, Table

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class TwoLayers:
    """The layer, and where the first state (absent) of each disease and finding stands on the axis of all states."""

    layer: Layer
    diseases: Places  # (diseases,)
    findings: Places  # (findings,)

    def answers(self, lane: Floats) -> bool:
        """Whether this lane (states,) can be answered: no likelihood of a finding, not too many present ones."""
        absent, present = lane[self.findings], lane[self.findings + 1]
        soft = (absent != present) & (absent > 0) & (present > 0)
        return bool(not soft.any() and np.count_nonzero(absent < present) <= MOST_PRESENT)

    def answer(self, lane: Floats, *, marginals: bool) -> tuple[Floats, float]:
        """Marginals (states,), zeros where they are not wanted, and log P(lane); zeros and -inf where impossible."""
        found = np.zeros_like(lane)
        absent, present = lane[self.findings], lane[self.findings + 1]
        odds = self.layer.priors * lane[self.diseases + 1]
        total = odds + (1.0 - self.layer.priors) * lane[self.diseases]
        weight = np.concatenate([total, np.maximum(absent, present)])
        if not weight.all():
            return found, -math.inf
        layer = replace(self.layer, priors=odds / total)
        shown, missing = np.flatnonzero(absent < present), np.flatnonzero(present < absent)
        told = noisy_or_layer.posteriors(layer, shown.tolist(), missing.tolist())
        if told.log_evidence == -math.inf or not marginals:
            return found, told.log_evidence + float(np.log(weight).sum())
        found[self.diseases], found[self.diseases + 1] = 1.0 - told.posteriors, told.posteriors
        found[self.findings[missing]] = found[self.findings[shown] + 1] = 1.0
        free = np.flatnonzero(absent == present)
        off = noisy_or_layer.absence(layer, shown.tolist(), missing.tolist(), free)
        found[self.findings[free]], found[self.findings[free] + 1] = off, 1.0 - off
        return found, told.log_evidence + float(np.log(weight).sum())


def two_layers(network: BayesNet, layout: Layout) -> TwoLayers | None:
    """The network as two layers, or None where it is something else."""
    if any(len(labels) != 2 for labels in network.states.values()):
        return None
    tables = {n: m for n, m in network.models.items() if isinstance(m, Table) and not m.parents}
    roots = {n: i for i, n in enumerate(tables)}
    findings = [n for n in network.nodes if n not in roots]
    priors = [float(table.values[1]) for table in tables.values()]
    links: list[dict[int, float]] = [{} for _ in roots]
    leaks = []
    for f, node in enumerate(findings):
        model = network.models[node]
        if not isinstance(model, NoisyMax):
            return None
        leak = 0.0
        for term in model.terms:
            if not term.parents:
                leak = _either(leak, float(term.values[1]))
            elif len(term.parents) > 1 or term.parents[0] not in roots or term.values[0, 1] > 0:
                return None
            else:
                own = links[roots[term.parents[0]]]
                own[f] = _either(own.get(f, 0.0), float(term.values[1, 1]))
        leaks.append(leak)
    layer = Layer.of(priors, leaks, [list(own.items()) for own in links])
    first = {node: span[0] for node, span in layout.spans.items()}
    places = (np.array([first[n] for n in names], dtype=np.intp) for names in (roots, findings))
    return TwoLayers(layer, *places)


def _either(p: float, q: float) -> float:
    """P(one at least of two independent events); nothing is subtracted from 1 that is small."""
    return p + (1.0 - p) * q
