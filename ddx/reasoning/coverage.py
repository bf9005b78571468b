"""How far do these findings lie outside what the network can explain? Before any strong word is said.

Cases like this one are drawn from the network itself: the patient first, then a value for each finding that the case
mentions. Where P(case) is lower than that of nearly all of them, the findings lie outside of what any set of the
network's diseases brings about, and a posterior near 1 only says which of them explains it least badly.

    tail   share of drawn cases that are at most as probable as this one (a posterior predictive check: Rubin 1984;
           for several findings of a network: Habbema 1976)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.knowledge.bayesnet import BayesNet, Table, expand
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.understanding import Understood

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CASES = 200
OUTSIDE, UNUSUAL = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class Coverage(Shown):
    """The answer: where the case lies among those that the network expects."""

    basis: Basis
    log_evidence_nats: float  # log P(findings | patient)
    expected_nats: tuple[float, float, float]  # its 5, 50, 95 % quantiles among drawn cases
    tail: float
    cases: int

    @property
    def word(self) -> str:
        """inside, unusual or outside."""
        return "outside" if self.tail < OUTSIDE else "unusual" if self.tail < UNUSUAL else "inside"

    @property
    def strong_words(self) -> bool:
        """Whether the answer may speak plainly of what is probable."""
        return self.word != "outside"

    @property
    def headline(self) -> str:
        told = f"{self.tail:.0%} of cases drawn from the network are as improbable as this one"
        return f"This case lies {self.word} what the network explains: {told}."

    @property
    def bars(self) -> tuple[Bar, ...]:
        named = zip(("expected, 5%", "expected, 50%", "expected, 95%"), self.expected_nats, strict=True)
        every = [("this case", self.log_evidence_nats), *named]
        return tuple(Bar(label, nats, f"{nats:.1f} nats") for label, nats in every)

    @property
    def result_sha256(self) -> str:
        return self.basis.result_sha256("coverage", {"cases": self.cases})

    def body(self) -> dict[str, Plain]:
        quantiles: list[Plain] = list(self.expected_nats)
        return {
            "coverage": self.word,
            "tail": self.tail,
            "log_evidence_nats": self.log_evidence_nats,
            "expected_nats": quantiles,
            "cases": self.cases,
        }


def coverage(network: Network, model: Model, understood: Understood, *, cases: int = CASES, seed: int = 0) -> Coverage:
    """Where a case lies among those that the network expects of such a patient, asked the same things.

    ImpossibleEvidence where its findings cannot occur together.
    """
    belief = model.posteriors(understood.evidence)
    patient = model.log_evidence(understood.patient)
    own = belief.log_evidence - patient
    asked = [model.nodes.index(u.finding) for u in understood.findings if isinstance(u.said, str)]
    drawn = drawn_cases(model, understood, cases, np.random.default_rng(seed))
    lanes = np.repeat(model.likelihood(understood.patient)[:, None], cases, axis=1)
    starts = model.structure.node_start
    for node in asked:
        first, last = int(starts[node]), int(starts[node + 1])
        lanes[first:last] *= np.arange(last - first)[:, None] == drawn[:, node][None, :]
    logs = model.lanes(lanes, marginals=False).log_evidence - patient
    quantiles = np.quantile(logs, [0.05, 0.5, 0.95])
    tail = float((1 + (logs <= own + 1e-9).sum()) / (1 + cases))
    basis = basis_of(network, understood, belief.log_evidence)
    return Coverage(basis, own, (float(quantiles[0]), float(quantiles[1]), float(quantiles[2])), tail, cases)


def drawn_cases(model: Model, understood: Understood, cases: int, rng: np.random.Generator) -> Ints:
    """(cases, nodes) states drawn from the network, with the patient as given."""
    net: BayesNet = model.network
    fixed = {n: model.states[n].index(s) for n, s in understood.patient.items() if isinstance(s, str)}
    place = {node: i for i, node in enumerate(model.nodes)}
    found = np.zeros((cases, len(model.nodes)), dtype=np.int64)
    for node in net.topological_order():
        if node in fixed:
            found[:, place[node]] = fixed[node]
            continue
        table: Table = expand(net, node)
        rows = table.values[tuple(found[:, place[p]] for p in table.parents)]  # (cases, states) or (states,)
        below = np.cumsum(np.broadcast_to(rows, (cases, rows.shape[-1])), axis=1)
        state = (rng.random(cases)[:, None] * below[:, -1:] >= below).sum(axis=1)
        found[:, place[node]] = np.minimum(state, rows.shape[-1] - 1)
    return found
