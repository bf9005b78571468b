"""Approximate posteriors with standard errors, where nothing exact fits.

Likelihood weighting (Fung & Chang 1990; Shachter & Peot 1990): nodes are drawn parents first, observed ones are set
and weigh the sample by their probability. Posteriors are self-normalised; the standard error of one is
sqrt(sum w^2 (x - p)^2) / sum w. Nothing is drawn without a seed.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ddx.engine.belief import Belief, Layout, rows_of
from ddx.errors import ImpossibleEvidence
from ddx.knowledge.bayesnet import BayesNet, Table, Term

Floats = npt.NDArray[np.float64]
States = npt.NDArray[np.int64]


def sampled(network: BayesNet, layout: Layout, likelihood: Floats, samples: int, seed: int) -> Belief:
    """Posteriors from weighted samples, marked approximate, each with its standard error.

    `log_evidence` is an estimate too. ImpossibleEvidence where no sample has any weight: the evidence is impossible,
    or too improbable to be found this way.
    """
    rng = np.random.default_rng(seed)
    drawn: dict[str, States] = {}
    log_weight = np.zeros(samples)
    with np.errstate(divide="ignore"):
        for node in network.topological_order():
            first, last = layout.spans[node]
            said = likelihood[first:last]
            if np.count_nonzero(said) == 1:
                state = int(np.argmax(said))
                drawn[node] = np.full(samples, state, dtype=np.int64)
                log_weight += np.log(_probability(network, node, state, drawn, samples) * said[state])
            else:
                drawn[node] = _draw(network, node, drawn, (rng, samples))
                log_weight += np.log(said[drawn[node]])
    peak = float(log_weight.max())
    if peak == -math.inf:
        raise ImpossibleEvidence([f"no sample of {samples:,} agrees with them"])
    weight = np.exp(log_weight - peak)
    total = float(weight.sum())
    values, errors = np.zeros(layout.total), np.zeros(layout.total)
    for node, states in drawn.items():
        first, last = layout.spans[node]
        p = np.bincount(states, weight, last - first) / total
        squares = np.bincount(states, weight**2, last - first)
        values[first:last] = p
        errors[first:last] = np.sqrt((1 - p) ** 2 * squares + p**2 * ((weight**2).sum() - squares)) / total
    log_evidence = peak + math.log(total / samples)
    return Belief.of(layout, rows_of(layout, values), log_evidence, rows_of(layout, errors))


def _terms(network: BayesNet, node: str) -> tuple[Term, ...]:
    model = network.models[node]
    return (Term(model.parents, model.values),) if isinstance(model, Table) else model.terms


def _rows(term: Term, drawn: dict[str, States], samples: int) -> Floats:
    """(samples, states) the distribution of a contribution in each sample."""
    if not term.parents:
        return np.broadcast_to(term.values, (samples, len(term.values)))
    return np.asarray(term.values[tuple(drawn[p] for p in term.parents)])


def _draw(network: BayesNet, node: str, drawn: dict[str, States], by: tuple[np.random.Generator, int]) -> States:
    rng, samples = by
    greatest = np.zeros(samples, dtype=np.int64)
    for term in _terms(network, node):
        below = np.cumsum(_rows(term, drawn, samples), axis=1)[:, :-1]
        greatest = np.maximum(greatest, (rng.random(samples)[:, None] >= below).sum(axis=1))
    return greatest


def _probability(network: BayesNet, node: str, state: int, drawn: dict[str, States], samples: int) -> Floats:
    terms = _terms(network, node)
    if len(terms) == 1:
        return _rows(terms[0], drawn, samples)[:, state]
    upto, under = np.ones(samples), np.ones(samples)
    for term in terms:
        rows = _rows(term, drawn, samples)
        under = under * rows[:, :state].sum(axis=1)
        upto = upto * rows[:, : state + 1].sum(axis=1)
    return np.maximum(upto - under, 0.0)
