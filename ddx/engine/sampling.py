"""Approximate posteriors with standard errors, where nothing exact fits.

Likelihood weighting (Fung & Chang 1990; Shachter & Peot 1990): nodes are drawn parents first, from what their
likelihood leaves of P(node | parents), and weigh the sample by how much that is. Posteriors are self-normalised. The
square of the standard error of one is

    sum w^2 (x - p)^2 / (sum w)^2  +  unseen^2,      unseen = the greatest weight possible / sum w.

The second term is what no sample can tell of itself: a state of the world that was not met, and would have weighed more
than all that were. It keeps what was not met from passing for impossible. Where it is large, or the effective number of
samples (sum w)^2 / sum w^2 is small, nothing is answered. Nothing is drawn without a seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.belief import Belief, Layout, rows_of
from ddx.errors import TooLarge
from ddx.knowledge.bayesnet import BayesNet, LocalModel, Table, Term

Floats = npt.NDArray[np.float64]
States = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]

CHUNK = 8192  # samples drawn together
TELLING = 1 << 16  # samples after which it shows whether enough of them will be effective
LEAST_EFFECTIVE = 1000.0
MOST_UNSEEN = 0.02


@dataclass(frozen=True, slots=True)
class Sampling:
    """Drawing stops at `enough` effective samples, or at `most` drawn."""

    most: int = 1 << 19
    enough: float = 40_000.0
    seed: int = 0


def sampled(network: BayesNet, layout: Layout, likelihood: Floats, how: Sampling) -> Belief:
    """Posteriors from weighted samples, marked approximate, with standard errors and the effective sample size.

    `log_evidence` is an estimate too, with relative standard error sqrt(1 / effective - 1 / drawn). TooLarge where
    the samples agree too seldom with the findings to say anything.
    """
    rng = np.random.default_rng(how.seed)
    drawing = _Drawing(network, layout, likelihood)
    sums = _Sums(layout.total)
    while sums.drawn < how.most and sums.effective < how.enough:
        sums.add(*drawing.chunk(rng, min(CHUNK, how.most - sums.drawn)))
        if sums.drawn >= TELLING and sums.effective * how.most < LEAST_EFFECTIVE * sums.drawn / 2:
            break
    unseen = sums.unseen(drawing.log_heaviest())
    if sums.effective < LEAST_EFFECTIVE or unseen > MOST_UNSEEN:
        raise TooLarge(
            f"no exact answer fits, and {sums.drawn:,} samples do not tell enough: they are worth {sums.effective:.0f} "
            f"(at least {LEAST_EFFECTIVE:.0f}), and what they did not meet may weigh {min(unseen, 1e9):.2g} times as "
            f"much (at most {MOST_UNSEEN})",
            where=network.name,
            remedy="Observe more, or leave out what is very improbable.",
        )
    values, errors = sums.estimates(unseen)
    certain = drawing.certain()
    values[certain], errors[certain] = likelihood[certain] > 0, 0.0
    log_evidence = sums.peak + math.log(sums.weight / sums.drawn)
    rows = rows_of(layout, values), rows_of(layout, errors)
    return Belief.of(layout, rows[0], log_evidence, rows[1], sums.effective)


class _Drawing:
    """Draws of all nodes from a likelihood (states,)."""

    def __init__(self, network: BayesNet, layout: Layout, likelihood: Floats) -> None:
        self.layout = layout
        self.order = network.topological_order()
        self.models = network.models
        self.said = {n: likelihood[first:last] for n, (first, last) in layout.spans.items()}
        self.told = {n for n, said in self.said.items() if (said != 1.0).any()}

    def certain(self) -> list[int]:
        """Places of the states of nodes that are left one state."""
        fixed = [n for n in self.told if np.count_nonzero(self.said[n]) == 1]
        return [k for n in fixed for k in range(*self.layout.spans[n])]

    def log_heaviest(self) -> float:
        """The log of a weight that no sample exceeds: every likelihood at its best, whatever the others are."""
        best = 0.0
        for node in self.told:
            possible = {p: np.flatnonzero(self.said[p]) for p in self.models[node].parents}
            best += math.log(_greatest_of(self.models[node], possible, self.said[node]))
        return best

    def chunk(self, rng: np.random.Generator, samples: int) -> tuple[States, Floats]:
        """(nodes, samples) places of the states drawn on the axis of all states, and log weights (samples,)."""
        drawn: dict[str, States] = {}
        log_weight = np.zeros(samples)
        for node in self.order:
            if node not in self.told:
                drawn[node] = _greatest(self.models[node], drawn, rng, samples)
                continue
            rows = _distribution(self.models[node], drawn, samples) * self.said[node]
            below = np.cumsum(rows, axis=1)
            with np.errstate(divide="ignore"):
                log_weight += np.log(below[:, -1])
            at = rng.random(samples) * below[:, -1]
            drawn[node] = (at[:, None] >= below[:, :-1]).sum(axis=1)
        places = [drawn[node] + first for node, (first, _) in self.layout.spans.items()]
        return np.stack(places), log_weight


class _Sums:
    """Running sums of weights, on a scale of exp(peak)."""

    def __init__(self, states: int) -> None:
        self.peak = -math.inf
        self.drawn = 0
        self.weight = self.squares = 0.0
        self.by_state, self.squares_by_state = np.zeros(states), np.zeros(states)

    @property
    def effective(self) -> float:
        return self.weight**2 / self.squares if self.squares > 0 else 0.0

    def add(self, places: States, log_weight: Floats) -> None:
        """One chunk: places (nodes, samples), log weights (samples,)."""
        self.drawn += len(log_weight)
        peak = max(self.peak, float(log_weight.max()))
        if peak == -math.inf:
            return
        shrink, weight = math.exp(self.peak - peak), np.exp(log_weight - peak)
        self.peak = peak
        self.weight = self.weight * shrink + float(weight.sum())
        self.squares = self.squares * shrink**2 + float((weight**2).sum())
        self.by_state *= shrink
        self.squares_by_state *= shrink**2
        for node in places:
            first, last = int(node.min()), int(node.max()) + 1
            self.by_state[first:last] += np.bincount(node - first, weight, last - first)
            self.squares_by_state[first:last] += np.bincount(node - first, weight**2, last - first)

    def unseen(self, log_heaviest: float) -> float:
        """The greatest weight that a sample could have, as a part of all weights drawn."""
        return math.exp(min(log_heaviest - self.peak, 700.0)) / self.weight if self.weight > 0 else math.inf

    def estimates(self, unseen: float) -> tuple[Floats, Floats]:
        """Posteriors and their standard errors (states,)."""
        p = self.by_state / self.weight
        spread = (1 - p) ** 2 * self.squares_by_state + p**2 * (self.squares - self.squares_by_state)
        return p, np.sqrt(np.maximum(spread, 0.0) / self.weight**2 + unseen**2)


def _terms(model: LocalModel) -> tuple[Term, ...]:
    return (Term(model.parents, model.values),) if isinstance(model, Table) else model.terms


def _rows(term: Term, drawn: Mapping[str, States], samples: int) -> Floats:
    """(samples, states) the distribution of a contribution in each sample."""
    if not term.parents:
        return np.broadcast_to(term.values, (samples, len(term.values)))
    return np.asarray(term.values[tuple(drawn[p] for p in term.parents)])


def _greatest(model: LocalModel, drawn: Mapping[str, States], rng: np.random.Generator, samples: int) -> States:
    """A draw of a node from P(node | parents): the greatest of the draws of its contributions."""
    greatest = np.zeros(samples, dtype=np.int64)
    for term in _terms(model):
        below = np.cumsum(_rows(term, drawn, samples), axis=1)[:, :-1]
        greatest = np.maximum(greatest, (rng.random(samples)[:, None] >= below).sum(axis=1))
    return greatest


def _distribution(model: LocalModel, drawn: Mapping[str, States], samples: int) -> Floats:
    """(samples, states) P(node | parents) in each sample."""
    if isinstance(model, Table):
        return _rows(Term(model.parents, model.values), drawn, samples)
    below = np.ones((samples, model.terms[0].values.shape[-1]))
    for term in model.terms:
        below = below * np.cumsum(_rows(term, drawn, samples), axis=1)
    below[:, -1] = 1.0
    return np.maximum(np.diff(below, axis=1, prepend=0.0), 0.0)


def _greatest_of(model: LocalModel, possible: Mapping[str, Places], said: Floats) -> float:
    """At least the largest sum of P(state | parents) x likelihood over possible states of the parents."""

    def allowed(term: Term) -> Floats:
        own = [possible[p] for p in term.parents]
        return term.values[np.ix_(*own)].reshape(-1, len(said)) if own else term.values[None, :]

    if isinstance(model, Table):
        return float((allowed(Term(model.parents, model.values)) @ said).max())
    below = [np.cumsum(allowed(term), axis=1) for term in model.terms]
    most = np.prod([b.max(axis=0) for b in below], axis=0)  # P(node <= state), at most
    least = np.concatenate([[0.0], np.prod([b.min(axis=0) for b in below], axis=0)[:-1]])  # P(node < state), at least
    return float(min(np.maximum(most - least, 0.0) @ said, said.max()))
