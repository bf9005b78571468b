"""Why, and why not? What every chain of findings does to the odds of one disease.

    alone       log odds(D | patient, chain) - log odds(D | patient): against age, sex and setting only
    given rest  log odds(D | everything)     - log odds(D | everything but the chain)
    share       Shapley: the mean over all orders of entry; the shares add up to the whole change of the log odds

`alone` ignores that another disease explains a finding; `given rest` makes a diagnostic finding look weak where others
already settle the matter. Side by side they show what happened. Where the weight is lost, either another disease
explains the finding away (held absent, it gives the weight back), or other findings imply it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.accounts import ExplainedAway, WeighedCase
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.graph import above, parents_in
from ddx.reasoning.grounds import Grounds, citations
from ddx.reasoning.information import information_bits
from ddx.reasoning.numbers import Parameter
from ddx.reasoning.odds import held
from ddx.reasoning.shapley import shapley
from ddx.reasoning.shown import Bar, Shown, chance, signed
from ddx.reasoning.understanding import State, Understood

LN10 = math.log(10)
NEUTRAL_NATS = math.log(1.2)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one chain of findings, named by its first, does to the log odds of the disease."""

    findings: tuple[str, ...]
    alone_nats: float
    given_rest_nats: float
    shapley_nats: float
    shapley_error_nats: float | None  # None where it is exact
    probability_given_rest: float  # P(the whole chain | everything else)
    explained_by: ExplainedAway | None = None
    implied_by: tuple[str, ...] = ()
    through: tuple[Entry, ...] = ()  # diseases by way of which alone it bears on this one
    numbers: tuple[Parameter, ...] = ()

    @property
    def finding(self) -> str:
        return self.findings[0]

    @property
    def mean_nats(self) -> float:
        return (self.alone_nats + self.given_rest_nats) / 2

    @property
    def role(self) -> str:
        """for, against or neutral, by both weights."""
        if max(abs(self.alone_nats), abs(self.given_rest_nats)) < NEUTRAL_NATS:
            return "neutral"
        return "for" if self.mean_nats > 0 else "against"


@dataclass(frozen=True, slots=True)
class Explanation(Shown):
    """The answer of `explain`: contributions, strongest first, and what bears on the disease and was not asked."""

    basis: Basis
    entry: Entry
    prior: float  # P(D | patient, complaint)
    posterior: float
    start_nats: float  # log odds before any finding, the complaint included
    end_nats: float
    contributions: tuple[Contribution, ...]
    not_asked: tuple[str, ...]  # what would tell most about the disease first
    citations: Mapping[str, str]  # of the sources that the numbers name

    def of(self, finding: str) -> Contribution:
        """The contribution of the chain that holds a finding."""
        return next(c for c in self.contributions if finding in c.findings)

    @property
    def headline(self) -> str:
        told = f"{self.entry.label}: {chance(self.prior)} -> {chance(self.posterior)}"
        away = [f"{c.finding} is explained by {c.explained_by.by.label}" for c in self.contributions if c.explained_by]
        return ". ".join([told, *away[:1], "Weights as log10 of what they multiply its odds by"])

    @property
    def columns(self) -> tuple[str, ...]:
        return "on its own", "given all else"

    @property
    def bars(self) -> tuple[Bar, ...]:
        said = self.basis.understood.evidence
        weights = ((c, c.alone_nats / LN10, c.given_rest_nats / LN10) for c in self.contributions)
        return tuple(
            Bar(chain_told(c.finding, said, len(c.findings)), alone, signed(alone), (rest, signed(rest)))
            for c, alone, rest in weights
        )

    @property
    def result_sha256(self) -> str:
        return self.basis.result_sha256("explain", {"disease": self.entry.id})

    def body(self) -> dict[str, Plain]:
        return {
            "disease": self.entry.id,
            "label": self.entry.label,
            "prior": self.prior,
            "posterior": self.posterior,
            "start_log10_odds": self.start_nats / LN10,
            "end_log10_odds": self.end_nats / LN10,
            "contributions": [_plain(c) for c in self.contributions],
            "not_asked": list(self.not_asked),
            "citations": dict(self.citations),
        }


def explain(network: Network, model: Model, understood: Understood, entry: Entry, *, seed: int = 0) -> Explanation:
    """What carries one disease. ImpossibleEvidence where the findings cannot occur together."""
    posterior = model.posteriors(understood.evidence)
    case = WeighedCase(network, model, understood, entry)
    weights = case.weights()
    shares = shapley(case.value, len(case.chains), seed=seed)
    accounts = case.accounts(weights)
    grounds = Grounds(network, case.parents)
    contributions = [
        Contribution(
            chain,
            float(weights.alone[k]),
            float(weights.given_rest[k]),
            shares.shares[k],
            None if shares.standard_errors is None else shares.standard_errors[k],
            float(weights.probability_given_rest[k]),
            accounts[k].explained_by,
            accounts[k].implied_by,
            accounts[k].through,
            grounds.below([entry, *accounts[k].through], chain, understood.evidence),
        )
        for k, chain in enumerate(case.chains)
    ]
    contributions.sort(key=lambda c: (-max(abs(c.alone_nats), abs(c.given_rest_nats)), c.findings))
    belief, before = posterior[entry.node], model.posteriors(understood.before)[entry.node]
    return Explanation(
        basis_of(network, understood, posterior.log_evidence),
        entry,
        sum(before[s] for s in entry.states),
        sum(belief[s] for s in entry.states),
        weights.start,
        weights.end,
        tuple(contributions),
        not_asked(network, model, understood, entry),
        citations(network, (p for c in contributions for p in c.numbers)),
    )


def not_asked(network: Network, model: Model, understood: Understood, entry: Entry) -> tuple[str, ...]:
    """Findings that the disease bears on and that the case does not mention, those that would tell most first."""
    known, parents = {*understood.evidence, *understood.unknown, *understood.context}, parents_in(model)
    asked = [a for a in network.lexicon.askables if a not in known and a in parents]
    bearing = [a for a in asked if entry.node in above(parents, [a])]
    column = model.likelihood(understood.evidence)
    absent = column * held(model, entry, present=False)
    answers = model.lanes(np.stack([column * held(model, entry, present=True), absent], axis=1))
    prior = np.exp(answers.log_evidence - np.logaddexp.reduce(answers.log_evidence))
    joint = (answers.marginals * prior).T  # (present or absent, states)
    bits = dict(zip(model.nodes, information_bits(joint, 1, model.structure.node_start[:-1].tolist()), strict=True))
    return tuple(sorted(bearing, key=lambda a: -bits[a]))


def chain_told(finding: str, said: Mapping[str, State], count: int) -> str:
    """A chain by its first finding, as a program names it, with how many are tied to it."""
    state = said[finding]
    tied = f" (+{count - 1})" if count > 1 else ""
    return f"{finding}={state if isinstance(state, str) else 'uncertain'}{tied}"


def _plain(c: Contribution) -> Plain:
    told: dict[str, Plain] = {
        "finding": c.finding,
        "group": list(c.findings),
        "role": c.role,
        "alone_log10": c.alone_nats / LN10,
        "given_rest_log10": c.given_rest_nats / LN10,
        "shapley_log10": c.shapley_nats / LN10,
        "shapley_standard_error_log10": None if c.shapley_error_nats is None else c.shapley_error_nats / LN10,
        "probability_given_rest": min(1.0, c.probability_given_rest),
        "implied_by": list(c.implied_by),
        "explained_by": None,
        "through": [e.id for e in c.through],
        "sources": [source_of(p) for p in c.numbers],
    }
    if c.explained_by is not None:
        told["explained_by"] = _away(c.explained_by)
    return told


def _away(away: ExplainedAway) -> Plain:
    told: dict[str, Plain] = {"disease": away.by.id, "without_log10": away.without_nats / LN10}
    if away.beside is not None and away.without_both_nats is not None:
        told["through"] = away.through
        told["beside"] = away.beside.id
        told["without_both_log10"] = away.without_both_nats / LN10
    return told


def source_of(p: Parameter) -> Plain:
    """A number with its basis, for programs."""
    counts = getattr(p.number, "counts", None)
    told: dict[str, Plain] = {
        "place": p.where,
        "of": p.node,
        "state": p.state,
        "given": p.given,
        "value": p.value,
        "grade": p.number.grade,
        "sources": list(p.cited),
    }
    if counts is not None:
        told["k"], told["n"] = counts
    return told
