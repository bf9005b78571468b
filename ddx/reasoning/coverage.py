"""How far do these findings lie outside what the network can explain? Before any strong word is said.

    tail   share of patients, drawn from the network with the diseases that this case points to and asked the same
           things, whose findings are at most as probable given those diseases as the findings of this case

(a posterior predictive check: Rubin 1984, Gelman, Meng & Stern 1996). A small tail says that even the diseases that
explain the findings best do not bring about such findings; a posterior near 1 then only says which of them explain it
least badly. That a disease is rare does not make its patients lie outside: the diseases are given, and drawn from
their posterior (a set that the differential lists, then whatever else lies above the findings: age, exposures, stages).

With one set of diseases drawn, the tail of cases that do come from the network is uniform, exactly; the mean over many
does not hang on one draw, and is at most twice as often below any level as that level says (Meng 1994).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddx.engine.below import Below, uniform
from ddx.engine.case_tree import CaseTree
from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, Tail
from ddx.reasoning.differential import Differential, listed
from ddx.reasoning.graph import above, parents_in
from ddx.reasoning.lanes import CaseLanes
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.understanding import State

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SAME_NATS = 1e-9


@dataclass(frozen=True, slots=True)
class Draws:
    """How many sets of diseases are drawn, and how many patients for each."""

    worlds: int = 32
    patients: int = 32
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
    def lies(self) -> Tail:
        """The tail, with how many patients were drawn."""
        return Tail(self.tail, self.draws.worlds * self.draws.patients)

    @property
    def log10_probability(self) -> float:
        """log10 P(findings | diseases)."""
        return self.log_probability_nats / math.log(10)

    @property
    def expected_log10(self) -> tuple[float, float, float]:
        """Its 5, 50, 95 % quantiles among the patients drawn, in powers of ten."""
        low, middle, high = self.expected_nats
        return low / math.log(10), middle / math.log(10), high / math.log(10)

    @property
    def headline(self) -> str:
        told = f"{self.tail:.2g} of patients with the diseases that it points to have findings as improbable as these"
        return f"This case lies {self.lies.word} what the network explains: {told}."

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
            "coverage": self.lies.word,
            "tail": self.tail,
            "log_probability_nats": self.log_probability_nats,
            "expected_nats": quantiles,
            "patients": self.lies.patients,
        }


class Above(NamedTuple):
    """What lies above the findings of a case: its tree, which versions of its groups were entered, sets of entries."""

    tree: CaseTree
    versions: Sequence[int]
    entries: tuple[Entry, ...]
    sets: tuple[tuple[tuple[str, ...], float], ...]  # ids of the entries that are present, and how probable that is


def coverage(network: Network, model: Model, answer: Differential, draws: Draws | None = None) -> Coverage:
    """How well the diseases that a case points to bring about its findings."""
    chosen, understood = draws or Draws(), answer.basis.understood
    entries = tuple(d.entry for d in answer.diseases)
    lanes = CaseLanes(network, model, understood, listed(network, model))
    sets = tuple((c.diseases, c.probability) for c in answer.combinations)
    case = Above(lanes.tree, lanes.everything, entries, sets)
    asked = {u.finding: u.said for u in understood.findings if isinstance(u.said, str)}
    own, drawn = log_probabilities(model, case, understood.evidence, asked, chosen)
    ranked = np.sort(drawn.ravel())
    low, middle, high = ranked[np.rint(np.array([0.05, 0.5, 0.95]) * (len(ranked) - 1)).astype(int)].tolist()
    return Coverage(answer.basis, float(own.mean()), (low, middle, high), tail_of(own, drawn), chosen)


def tail_of(own: Floats, drawn: Floats) -> float:
    """The tail, the case itself counted among those drawn; own (worlds,) and drawn (worlds, patients) in nats."""
    return float((1 + (drawn <= own[:, None] + SAME_NATS).sum()) / (1 + drawn.size))


def log_probabilities(
    model: Model, case: Above, evidence: Mapping[str, State], asked: Mapping[str, str], draws: Draws
) -> tuple[Floats, Floats]:
    """log P(findings asked | world) of the case (worlds,) and of patients drawn in each world (worlds, patients)."""
    rng = Random(draws.seed)
    parents = parents_in(model)
    upper = above(parents, [e.node for e in case.entries])
    held = {n: s for n, s in evidence.items() if isinstance(s, str) and (n in upper or n not in asked)}
    upper = above(parents, [*upper, *held])
    told = tuple(name for name in asked if name not in upper)
    worlds = _worlds(model, case, {n: held.get(n) for n in model.nodes if n in upper}, draws.worlds, rng)
    given = {n: np.repeat(states, draws.patients) for n, states in worlds.items()}
    below = Below(model, worlds, told)
    patients = below.drawn(given, rng)
    said = {n: np.full(draws.worlds, model.states[n].index(asked[n])) for n in told}
    own = below.log_probability({**worlds, **said})
    return own, below.log_probability({**given, **patients}).reshape(draws.worlds, draws.patients)


def _worlds(model: Model, case: Above, upper: Mapping[str, str | None], count: int, rng: Random) -> dict[str, Ints]:
    """The state (worlds,) of each upper node: as held, or drawn from P(upper nodes | case) by a set of diseases."""
    lanes = np.ones((case.tree.states, count))
    for k, pick in enumerate(rng.choices(range(len(case.sets)), [p for _, p in case.sets], k=count)):
        for e in case.entries:
            first, present = case.tree.spans[e.node][0], e.id in case.sets[pick][0]
            lanes[[first + i for i, s in enumerate(model.states[e.node]) if (s in e.states) != present], k] = 0.0
    worlds: dict[str, Ints] = {}
    for node, state in upper.items():
        if state is not None:
            worlds[node] = np.full(count, model.states[node].index(state))
            continue
        span = slice(*case.tree.spans[node])
        if (np.count_nonzero(lanes[span], axis=0) > 1).any():
            kinds = [column.tobytes() for column in lanes.T]
            firsts = {kind: k for k, kind in enumerate(kinds)}
            one_each = lanes[:, list(firsts.values())]
            versions = np.repeat(np.array(case.versions, dtype=np.int64)[:, None], len(firsts), axis=1)
            marginals = case.tree.lanes(one_each, versions).marginals[span]
            of = {kind: k for k, kind in enumerate(firsts)}
            below = np.cumsum(marginals[:, [of[kind] for kind in kinds]], axis=0)
            chance = uniform(rng, count) * below[-1]
            lanes[span] = np.arange(len(below))[:, None] == (chance >= below[:-1]).sum(axis=0)
        worlds[node] = np.argmax(lanes[span], axis=0)
    return worlds
