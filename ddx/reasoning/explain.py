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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.chains import chains
from ddx.reasoning.differential import listed
from ddx.reasoning.graph import Parents, above, parents_in
from ddx.reasoning.grounds import Grounds
from ddx.reasoning.lanes import Lanes
from ddx.reasoning.numbers import Parameter
from ddx.reasoning.odds import held, log_evidence, log_odds
from ddx.reasoning.shapley import Bools, Shares, shapley
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.understanding import State, Understood

Floats = npt.NDArray[np.float64]

LN10 = math.log(10)
LOST_NATS = math.log(2)  # a weight whose loss needs an account
RESTORED = 0.5  # who explains or implies a finding gives back at least this share of what was lost
IMPLIED = 0.95  # a finding is implied by the rest if it is at least this probable without itself
EXPLAINERS = 5
NEUTRAL_NATS = math.log(1.2)


@dataclass(frozen=True, slots=True)
class ExplainedAway:
    """Held absent, `by` gives the chain this weight.

    Where `by` works through another state of the disease's own node (it brings a harmless clone, which then accounts
    for the paraprotein), `through` names that node, `beside` that state's entry, and `without_both_nats` is the weight
    with both held absent.
    """

    by: Entry
    without_nats: float
    through: str | None = None
    beside: Entry | None = None
    without_both_nats: float | None = None


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
    numbers: tuple[Parameter, ...] = ()

    @property
    def finding(self) -> str:
        return self.findings[0]

    @property
    def mean_nats(self) -> float:
        return (self.alone_nats + self.given_rest_nats) / 2

    @property
    def role(self) -> str:
        """for, against or neutral."""
        strongest = max(self.alone_nats, self.given_rest_nats, self.shapley_nats, key=abs)
        if abs(strongest) < NEUTRAL_NATS:
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
    not_asked: tuple[str, ...]

    def of(self, finding: str) -> Contribution:
        """The contribution of the chain that holds a finding."""
        return next(c for c in self.contributions if finding in c.findings)

    @property
    def headline(self) -> str:
        return f"{self.entry.label}: {self.prior:.3g} -> {self.posterior:.3g}; log10 weights given all else"

    @property
    def bars(self) -> tuple[Bar, ...]:
        said = self.basis.understood.evidence
        return tuple(
            Bar(_told(c.finding, said, len(c.findings)), c.given_rest_nats / LN10, f"{c.given_rest_nats / LN10:+.2f}")
            for c in self.contributions
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
        }


def explain(network: Network, model: Model, understood: Understood, entry: Entry, *, seed: int = 0) -> Explanation:
    """What carries one disease. ImpossibleEvidence where the findings cannot occur together."""
    parents = parents_in(model)
    grouped = chains(network, parents, [u.finding for u in understood.findings])
    case = _Case(model, understood, entry, grouped)
    posterior = model.posteriors(understood.evidence)
    shares = shapley(case.value, len(grouped), seed=seed)
    alone, rest, start, end, expected = case.weights()
    contributions = [
        Contribution(c, float(alone[k]), float(rest[k]), shares.shares[k], _error(shares, k), float(expected[k]))
        for k, c in enumerate(grouped)
    ]
    accounts = _accounts(network, model, case, contributions, parents)
    grounds = Grounds(network, parents)
    complete = [_with(c, accounts, grounds.below(entry, c.findings, understood.evidence)) for c in contributions]
    complete.sort(key=lambda c: (-max(abs(c.alone_nats), abs(c.given_rest_nats)), c.findings))
    belief = posterior[entry.node]
    before = model.posteriors(understood.before)[entry.node]
    return Explanation(
        basis_of(network, understood, posterior.log_evidence),
        entry,
        sum(before[s] for s in entry.states),
        sum(belief[s] for s in entry.states),
        start,
        end,
        tuple(complete),
        _not_asked(network, understood, parents, entry),
    )


class _Case:
    """The lanes of one question."""

    def __init__(self, model: Model, understood: Understood, entry: Entry, grouped: Sequence[tuple[str, ...]]) -> None:
        self.model, self.entry, self.grouped = model, entry, grouped
        self.patient = model.likelihood(understood.patient)
        self.whole = model.likelihood(understood.evidence)
        said = understood.evidence
        self.own = [model.likelihood({f: said[f] for f in c}) for c in grouped]  # each chain by itself

    def column(self, inside: Sequence[int]) -> Floats:
        """The patient and some of the chains."""
        found: Floats = self.patient.copy()
        for k in inside:
            found *= self.own[k]
        return found

    def without(self, *left_out: int) -> Floats:
        return self.column([k for k in range(len(self.own)) if k not in left_out])

    def value(self, subsets: Bools) -> Floats:
        """Log odds of the disease for subsets (subsets, chains)."""
        found = np.empty(len(subsets))
        for first in range(0, len(subsets), 512):
            part = subsets[first : first + 512]
            columns = [self.column(np.flatnonzero(row).tolist()) for row in part]
            found[first : first + 512] = log_odds(self.model, columns, self.entry)
        return found

    def weights(self) -> tuple[Floats, Floats, float, float, Floats]:
        """Alone and given the rest (chains,), log odds at start and end, P(chain | rest) (chains,)."""
        count = len(self.own)
        columns = [self.patient, self.whole, *(self.column([k]) for k in range(count))]
        columns += [self.without(k) for k in range(count)]
        odds = log_odds(self.model, columns, self.entry)
        every = log_evidence(self.model, [self.whole, *columns[2 + count :]])
        alone, rest = odds[2 : 2 + count] - odds[0], odds[1] - odds[2 + count :]
        expected: Floats = np.exp(every[0] - every[1:])
        return alone, rest, float(odds[0]), float(odds[1]), expected


def _accounts(
    network: Network, model: Model, case: _Case, found: Sequence[Contribution], parents: Parents
) -> dict[tuple[str, ...], ExplainedAway | tuple[str, ...]]:
    """For each chain whose weight is lost, by whom it is explained away, or by which findings it is implied."""
    lost = [
        k
        for k, c in enumerate(found)
        if abs(c.alone_nats) >= LOST_NATS and abs(c.alone_nats - c.given_rest_nats) >= abs(c.alone_nats) / 2
        and c.given_rest_nats / c.alone_nats < 1
    ]  # fmt: skip
    if not lost:
        return {}
    accounts: dict[tuple[str, ...], ExplainedAway | tuple[str, ...]] = {}
    explainers = _explainers(network, model, case)
    for k in lost:
        away = _explained(model, case, found[k], k, explainers, parents)
        if away is not None:
            accounts[found[k].findings] = away
    for k in lost:
        if found[k].findings not in accounts and len(found) > 1:
            implied = _implied(model, case, found[k], k)
            if implied:
                accounts[found[k].findings] = implied
    return accounts


def _explainers(network: Network, model: Model, case: _Case) -> list[Entry]:
    """Diseases that are there more likely than not, and that the case made so, most probable first."""
    lanes = Lanes(model)
    before, after = lanes.add_column(case.patient), lanes.add_column(case.whole)
    entries = [e for e in listed(network, model) if e.id != case.entry.id]
    present = lanes.run().present(entries) if entries else np.zeros((0, 2))
    found = [(float(p[after]), e) for p, e in zip(present, entries, strict=True) if p[after] >= 0.5 > p[before]]
    return [e for _, e in sorted(found, key=lambda pair: (-pair[0], pair[1].id))[:EXPLAINERS]]


def _explained(
    model: Model, case: _Case, lost: Contribution, k: int, explainers: Sequence[Entry], parents: Parents
) -> ExplainedAway | None:
    """The disease that, held absent, gives back most of the weight that the chain had lost.

    Where none does by itself: one that does together with another state of the disease's own node that it brings.
    """
    upward = above(parents, lost.findings)
    own = case.entry.node
    others = [x for x in explainers if x.node in upward and x.node != own]
    beside = [x for x in explainers if x.node == own and own in upward]
    direct = parents[lost.finding]
    bringing = [x for x in others if x.node in above(parents, [own]) and x.node not in direct]
    single = _without(model, case, k, [(x,) for x in others])
    best = max(others, key=lambda x: single[x.id,], default=None)
    if best is not None and _share(lost, single[best.id,]) >= RESTORED:
        return ExplainedAway(best, single[best.id,])
    pairs = _without(model, case, k, [(x, y) for x in bringing for y in beside])
    both = max(pairs, key=lambda ids: (pairs[ids], single[ids[0],]), default=None)
    if both is None or _share(lost, pairs[both]) < RESTORED:
        return None
    first, second = (next(e for e in explainers if e.id == i) for i in both)
    return ExplainedAway(first, single[first.id,], own, second, pairs[both])


def _without(
    model: Model, case: _Case, k: int, held_absent: Sequence[tuple[Entry, ...]]
) -> dict[tuple[str, ...], float]:
    """The weight of a chain given the rest with these diseases held absent, by their ids."""
    columns = []
    for entries in held_absent:
        lane = np.ones(model.layout.total)
        for x in entries:
            lane *= held(model, x, present=False)
        columns += [case.whole * lane, case.without(k) * lane]
    odds = log_odds(model, columns, case.entry)
    weights = (odds[0::2] - odds[1::2]).tolist()
    return {tuple(x.id for x in entries): w for entries, w in zip(held_absent, weights, strict=True)}


def _share(lost: Contribution, weight: float) -> float:
    """How much of what the chain lost a weight gives back."""
    return (weight - lost.given_rest_nats) / (lost.alone_nats - lost.given_rest_nats)


def _implied(model: Model, case: _Case, lost: Contribution, k: int) -> tuple[str, ...]:
    """The findings without which the chain would weigh most of what it weighs alone, strongest first."""
    others = [j for j in range(len(case.own)) if j != k]
    columns = [column for j in others for column in (case.without(j), case.without(j, k))]
    odds = log_odds(model, columns, case.entry)
    weights = odds[0::2] - odds[1::2]
    share = (weights - lost.given_rest_nats) / (lost.alone_nats - lost.given_rest_nats)
    order = [int(i) for i in np.argsort(-share) if share[i] >= RESTORED][:3]
    return tuple(case.grouped[others[i]][0] for i in order)


def _with(
    c: Contribution, accounts: Mapping[tuple[str, ...], ExplainedAway | tuple[str, ...]], numbers: tuple[Parameter, ...]
) -> Contribution:
    account = accounts.get(c.findings)
    away = account if isinstance(account, ExplainedAway) else None
    implied = account if isinstance(account, tuple) else ()
    return Contribution(
        c.findings, c.alone_nats, c.given_rest_nats, c.shapley_nats, c.shapley_error_nats, c.probability_given_rest,
        away, implied, numbers,
    )  # fmt: skip


def _error(shares: Shares, k: int) -> float | None:
    return None if shares.standard_errors is None else shares.standard_errors[k]


def _not_asked(network: Network, understood: Understood, parents: Parents, entry: Entry) -> tuple[str, ...]:
    """Findings that the disease bears on and that the case does not mention."""
    known = {*understood.evidence, *understood.unknown, *understood.context}
    asked = [a for a in network.lexicon.askables if a not in known and a in parents]
    return tuple(a for a in asked if entry.node in above(parents, [a]))


def _told(finding: str, said: Mapping[str, State], count: int) -> str:
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
