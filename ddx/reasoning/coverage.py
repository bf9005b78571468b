"""How far do these findings lie outside what the network can explain? Before any strong word is said.

    tail   share of patients, drawn from the network with the diseases that this case points to and asked the same
           things, whose findings are at most as probable given those diseases as the findings of this case

(a posterior predictive check: Rubin 1984, Gelman, Meng & Stern 1996). A small tail says that even the diseases that
explain the findings best do not bring about such findings; a posterior near 1 then only says which of them explain it
least badly. That a disease is rare does not make its patients lie outside: the diseases are given, and drawn from
their posterior (a set of present diseases, then whatever else lies above the findings: age, exposures, stages).

With one set of diseases drawn, the tail of cases that do come from the network is uniform, exactly; the mean over many
does not hang on one draw, and is at most twice as often below any level as that level says (Meng 1994).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.case_tree import Question, case_tree
from ddx.engine.combinations import Until, most_probable_sets
from ddx.engine.model import Model
from ddx.knowledge.bayesnet import BayesNet, NoisyMax, Table
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.differential import listed
from ddx.reasoning.graph import above, parents_in
from ddx.reasoning.lanes import clamped
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.understanding import State, Understood

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

OUTSIDE, UNUSUAL = 0.02, 0.05
SET_MASS, MOST_SETS = 0.999, 64  # sets of diseases are drawn among those that hold so much, or so many of them
SAME_NATS = 1e-9


@dataclass(frozen=True, slots=True)
class Draws:
    """How many sets of diseases are drawn, and how many patients for each."""

    worlds: int = 16
    patients: int = 16
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Coverage(Shown):
    """The answer: where the case lies among patients with the diseases that it points to."""

    basis: Basis
    log_probability_nats: float  # log P(findings | diseases), mean over the sets of diseases drawn
    expected_nats: tuple[float, float, float]  # its 5, 50, 95 % quantiles among the patients drawn
    tail: float
    draws: Draws

    @property
    def word(self) -> str:
        """inside, unusual or outside."""
        return "outside" if self.tail < OUTSIDE else "unusual" if self.tail < UNUSUAL else "inside"

    @property
    def strong_words(self) -> bool:
        """Whether the answer may speak plainly of what is probable."""
        return self.word != "outside"

    @property
    def patients(self) -> int:
        """How many were drawn in all."""
        return self.draws.worlds * self.draws.patients

    @property
    def headline(self) -> str:
        told = f"{self.tail:.2g} of patients with the diseases that it points to have findings as improbable as these"
        return f"This case lies {self.word} what the network explains: {told}."

    @property
    def bars(self) -> tuple[Bar, ...]:
        named = zip(("expected, 5%", "expected, 50%", "expected, 95%"), self.expected_nats, strict=True)
        every = [("this case", self.log_probability_nats), *named]
        return tuple(Bar(label, nats, f"{nats:.1f} nats") for label, nats in every)

    @property
    def result_sha256(self) -> str:
        drawn = self.draws
        options: dict[str, Plain] = {"worlds": drawn.worlds, "patients": drawn.patients, "seed": drawn.seed}
        return self.basis.result_sha256("coverage", options)

    def body(self) -> dict[str, Plain]:
        quantiles: list[Plain] = list(self.expected_nats)
        return {
            "coverage": self.word,
            "tail": self.tail,
            "log_probability_nats": self.log_probability_nats,
            "expected_nats": quantiles,
            "patients": self.patients,
        }


def coverage(network: Network, model: Model, understood: Understood, draws: Draws | None = None) -> Coverage:
    """How well the diseases that a case points to bring about its findings. ImpossibleEvidence where they cannot."""
    belief = model.posteriors(understood.evidence)
    chosen = draws or Draws()
    asked = [u.finding for u in understood.findings if isinstance(u.said, str)]
    own, drawn = log_probabilities(model, listed(network, model), understood.evidence, asked, chosen)
    quantiles = np.quantile(drawn, [0.05, 0.5, 0.95]).tolist()
    return Coverage(
        basis_of(network, understood, belief.log_evidence),
        float(own.mean()),
        (quantiles[0], quantiles[1], quantiles[2]),
        tail_of(own, drawn),
        chosen,
    )


def tail_of(own: Floats, drawn: Floats) -> float:
    """The tail, the case itself counted among those drawn; own (worlds,) and drawn (worlds, patients) in nats."""
    return float((1 + (drawn <= own[:, None] + SAME_NATS).sum()) / (1 + drawn.size))


def log_probabilities(
    model: Model, entries: Sequence[Entry], evidence: Mapping[str, State], asked: Sequence[str], draws: Draws
) -> tuple[Floats, Floats]:
    """log P(findings asked | world) of the case (worlds,) and of patients drawn in each world (worlds, patients)."""
    rng = np.random.default_rng(draws.seed)
    parents = parents_in(model)
    upper = above(parents, [e.node for e in entries])
    told = [name for name in asked if name not in upper]
    worlds = _worlds(model, entries, evidence, [n for n in model.nodes if n in upper], (draws.worlds, rng))
    held = {n: s for n, s in evidence.items() if n not in told and isinstance(s, str)}  # an age, say, that is given
    base = model.likelihood(held)[:, None] * worlds  # (states, worlds)
    lanes = np.repeat(base, 1 + draws.patients, axis=1)  # of each world the case, then the patients drawn
    fixed = {n: np.argmax(lanes[span], axis=0) for n, span in model.offsets.items() if n in upper or n in held}
    states = drawn_states(model.network, fixed, above(parents, told), lanes.shape[1], rng)
    for name in told:
        said = states[name]
        said[:: 1 + draws.patients] = model.states[name].index(str(evidence[name]))
        span = model.offsets[name]
        lanes[span] *= np.arange(span.stop - span.start)[:, None] == said[None, :]
    both = model.lanes(np.hstack([base, lanes]), marginals=False).log_evidence
    logs = both[draws.worlds :].reshape(draws.worlds, -1) - both[: draws.worlds, None]
    return logs[:, 0], logs[:, 1:]


def _worlds(
    model: Model,
    entries: Sequence[Entry],
    evidence: Mapping[str, State],
    upper: Sequence[str],
    drawing: tuple[int, np.random.Generator],
) -> Floats:
    """(states, worlds) 1 for the state of each upper node in each world: drawn from P(upper nodes | evidence)."""
    count, rng = drawing
    said = model.likelihood(evidence)
    tree = case_tree(model, Question(evidence, (), tuple(dict.fromkeys(e.node for e in entries))))
    total = float(tree.lanes(np.ones((tree.states, 1)), np.empty((0, 1))).log_evidence[0])
    factors, log_constant = tree.factors(())
    until = Until(SET_MASS, MOST_SETS)
    sets = most_probable_sets(model, factors, total - log_constant, [e.id for e in entries], until)
    odds = np.array([s.probability for s in sets])
    lanes = np.empty((len(said), count))
    for k, pick in enumerate(rng.choice(len(sets), count, p=odds / odds.sum()).tolist()):
        lane = said
        for e in entries:
            lane = clamped(model, lane, e, present=e.id in sets[pick].events)
        lanes[:, k] = lane
    worlds = np.ones_like(lanes)
    for node in upper:
        span = model.offsets[node]
        if (np.count_nonzero(lanes[span], axis=0) > 1).any():
            kinds, of = np.unique(lanes, axis=1, return_inverse=True)
            below = np.cumsum(model.lanes(kinds).marginals[span][:, of.ravel()], axis=0)
            state = (rng.random(count) * below[-1] >= below[:-1]).sum(axis=0)
            lanes[span] *= np.arange(len(below))[:, None] == state
        worlds[span] = lanes[span] > 0
    return worlds


def drawn_states(
    net: BayesNet, fixed: Mapping[str, Ints], wanted: frozenset[str], count: int, rng: np.random.Generator
) -> dict[str, Ints]:
    """(count,) states of the wanted nodes, parents first: as fixed, or drawn from the network."""
    found: dict[str, Ints] = {}
    for node in net.topological_order():
        if node in fixed:
            found[node] = fixed[node]
        elif node in wanted:
            found[node] = _drawn(net.models[node], found, count, rng)
    return found


def _drawn(model: Table | NoisyMax, found: Mapping[str, Ints], count: int, rng: np.random.Generator) -> Ints:
    """States (count,) of one node; of independent contributions the greatest."""
    if isinstance(model, NoisyMax):
        each = [_drawn(Table(t.parents, t.values), found, count, rng) for t in model.terms]
        greatest: Ints = np.max(each, axis=0)
        return greatest
    rows = model.values[tuple(found[p] for p in model.parents)]  # (count, states), or (states,)
    below = np.cumsum(np.broadcast_to(rows, (count, rows.shape[-1])), axis=1)
    state: Ints = (rng.random(count)[:, None] * below[:, -1:] >= below[:, :-1]).sum(axis=1)
    return state
