"""Why, and why not? What every chain of findings does to the odds of one disease.

    alone       log odds(D | patient, chain) - log odds(D | patient): against age, sex and setting only
    given rest  log odds(D | everything)     - log odds(D | everything but the chain)
    share       Shapley: the mean over all orders of entry; the shares add up to the whole change of the log odds

`alone` ignores that another disease explains a finding; `given rest` makes a diagnostic finding look weak where others
already settle the matter. Side by side they show what happened. Where the weight is lost, another disease explains the
finding away (held absent, it gives the weight back) or brings the disease asked about, or other findings imply it.
Findings that exclude the disease, or prove it, have no weight: what the others weigh is told with these left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.accounts import Account, Brought, ExplainedAway, WeighedCase, Weights
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.graph import above, parents_in
from ddx.reasoning.grounds import Grounds, Quoted, citations
from ddx.reasoning.information import information_bits
from ddx.reasoning.numbers import Parameter, expit
from ddx.reasoning.odds import held
from ddx.reasoning.settled import settling
from ddx.reasoning.shapley import Shares, shapley
from ddx.reasoning.shown import Bar, Shown, chance, signed
from ddx.reasoning.understanding import State, Understood

LN10 = math.log(10)
NEUTRAL_NATS = math.log(1.2)
NO_ACCOUNT = Account()


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one chain of findings, named by its first, does to the log odds of the disease.

    A weight is None where it does not exist: that of a chain that settles the disease, alone or with others, and those
    of all chains where the patient's age, sex and setting do.
    """

    findings: tuple[str, ...]
    alone_nats: float | None
    given_rest_nats: float | None
    shapley_nats: float | None
    shapley_error_nats: float | None  # None where it is exact
    probability_given_rest: float | None  # P(the whole chain | everything else); None where a finding is uncertain
    account: Account = NO_ACCOUNT
    settles: str | None = None  # excludes or proves the disease
    numbers: tuple[Parameter, ...] = ()
    quoted: Quoted | None = None  # what the first of the numbers says of what was observed

    @property
    def finding(self) -> str:
        return self.findings[0]

    @property
    def explained_by(self) -> ExplainedAway | None:
        return self.account.explained_by

    @property
    def brought_by(self) -> Brought | None:
        return self.account.brought_by

    @property
    def implied_by(self) -> tuple[str, ...]:
        return self.account.implied_by

    @property
    def through(self) -> tuple[Entry, ...]:
        """Diseases by way of which alone it bears on this one."""
        return self.account.through

    @property
    def strength_nats(self) -> float:
        """The larger of its weights; infinite where it settles the disease."""
        known = [abs(w) for w in (self.alone_nats, self.given_rest_nats) if w is not None]
        return math.inf if self.settles else max(known, default=0.0)

    @property
    def role(self) -> str:
        """for, against or neutral, by both weights."""
        if self.settles is not None:
            return "for" if self.settles == "proves" else "against"
        if self.strength_nats < NEUTRAL_NATS or self.alone_nats is None or self.given_rest_nats is None:
            return "neutral"
        return "for" if self.alone_nats + self.given_rest_nats > 0 else "against"


@dataclass(frozen=True, slots=True)
class Span:
    """From which to which log odds (in nats) the weights lead: before any finding, the complaint included, and after.

    `end` leaves out the chains that settle the disease, named in `without` by their first findings. Both ends are None
    where age, sex and setting settle it before any finding.
    """

    start_nats: float | None
    end_nats: float | None
    start: float  # the probability before any finding
    end: float
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation(Shown):
    """The answer of `explain`: contributions, strongest first, and what bears on the disease and was not asked.

    `state` is the one form of the disease that was asked about, where it was one: all of this is of the whole disease.
    """

    basis: Basis
    entry: Entry
    prior: float  # P(D | patient, complaint)
    posterior: float
    span: Span
    contributions: tuple[Contribution, ...]
    not_asked: tuple[str, ...]  # what would tell most about the disease first
    citations: Mapping[str, str]  # of the sources that the numbers name
    seed: int = 0
    state: str | None = None

    def of(self, finding: str) -> Contribution:
        """The contribution of the chain that holds a finding."""
        return next(c for c in self.contributions if finding in c.findings)

    @property
    def start_nats(self) -> float | None:
        """Log odds before any finding, the complaint included."""
        return self.span.start_nats

    @property
    def end_nats(self) -> float | None:
        """Log odds after all findings; None where these settle the disease."""
        return None if self.span.without else self.span.end_nats

    @property
    def settling(self) -> tuple[Contribution, ...]:
        """What excludes the disease, or proves it."""
        return tuple(c for c in self.contributions if c.settles)

    @property
    def headline(self) -> str:
        told = f"{self.entry.label}: {chance(self.span.start)} -> {chance(self.posterior)}"
        away = [f"{c.finding} is explained by {c.explained_by.by.label}" for c in self.contributions if c.explained_by]
        settled = [f"{c.finding} {c.settles} it" for c in self.settling]
        return ". ".join([told, *settled, *away[:1], "Weights as log10 of what they multiply its odds by"])

    @property
    def columns(self) -> tuple[str, ...]:
        return "on its own", "given all else"

    @property
    def bars(self) -> tuple[Bar, ...]:
        said = self.basis.understood.evidence
        return tuple(
            Bar(
                chain_told(c.finding, said, len(c.findings)),
                (c.alone_nats or 0.0) / LN10,
                _weight_told(c, c.alone_nats),
                ((c.given_rest_nats or 0.0) / LN10, _weight_told(c, c.given_rest_nats)),
            )
            for c in self.contributions
        )

    @property
    def result_sha256(self) -> str:
        return self.sha256_beside(None)

    def sha256_beside(self, other: Explanation | None) -> str:
        """The hash of this answer, or of this one with that for another disease beside it (`--why-not`)."""
        options: dict[str, Plain] = {"disease": self.entry.id, "state": self.state, "seed": self.seed}
        if other is not None:
            options |= {"why_not": other.entry.id, "why_not_state": other.state}
        return self.basis.result_sha256("explain", options)

    def body(self) -> dict[str, Plain]:
        span = self.span
        settled: Plain = None
        if span.without:
            left: list[Plain] = list(span.without)
            settled = {"findings": left, "without_log10_odds": _log10(span.end_nats), "without": span.end}
        return {
            "disease": self.entry.id,
            "label": self.entry.label,
            "state": self.state,
            "prior": self.prior,
            "posterior": self.posterior,
            "start": span.start,
            "start_log10_odds": _log10(self.start_nats),
            "end_log10_odds": _log10(self.end_nats),
            "settled_by": settled,
            "contributions": [_plain(c) for c in self.contributions],
            "not_asked": list(self.not_asked),
            "citations": dict(self.citations),
        }


def explain(network: Network, model: Model, understood: Understood, entry: Entry, *, seed: int = 0) -> Explanation:
    """What carries one disease. ImpossibleEvidence where the findings cannot occur together."""
    posterior = model.posteriors(understood.evidence)
    case = WeighedCase(network, model, understood, entry)
    settled = () if math.isfinite(case.weights.end) else settling(case.value, len(case.chains))
    out = [case.chains[k] for k in (settled or ())]
    left = case if not out else WeighedCase(network, model, _without(understood, out), entry)
    span, weighed = (_span(left, out), _weighed(left, seed)) if settled is not None else (_settled_before(case), {})
    grounds = Grounds(network, case.parents)
    belief, before = posterior[entry.node], model.posteriors(understood.before)[entry.node]
    now = sum(belief[s] for s in entry.states)
    whole = case.weights
    contributions = []
    for k, (chain, expected) in enumerate(zip(case.chains, case.expected(), strict=True)):
        own = weighed.get(chain) or Contribution(
            chain, _finite(whole.alone[k]), None, None, None, None, settles=_settles(now) if chain in out else None
        )
        ways = [entry, *own.through]
        numbers = grounds.below(ways, chain, understood.evidence)
        quoted = grounds.quoted(numbers, chain, understood.evidence)
        contributions.append(replace(own, probability_given_rest=expected, numbers=numbers, quoted=quoted))
    contributions.sort(key=lambda c: (-c.strength_nats, c.findings))
    return Explanation(
        basis_of(network, understood, posterior.log_evidence),
        entry,
        sum(before[s] for s in entry.states),
        now,
        span,
        tuple(contributions),
        not_asked(network, model, understood, entry) if settled == () else (),
        citations(network, (p for c in contributions for p in c.numbers)),
        seed,
    )


def _weighed(case: WeighedCase, seed: int) -> dict[tuple[str, ...], Contribution]:
    """The chains of a case that leaves the disease open, each with its weights and what became of them."""
    weights, accounts = case.weights, case.accounts()
    shares = shapley(case.value, len(case.chains), seed=seed)
    return {chain: _contribution(chain, k, (weights, shares, accounts[k])) for k, chain in enumerate(case.chains)}


def _contribution(chain: tuple[str, ...], k: int, found: tuple[Weights, Shares, Account]) -> Contribution:
    weights, shares, account = found
    error = None if shares.standard_errors is None else shares.standard_errors[k]
    return Contribution(
        chain, float(weights.alone[k]), float(weights.given_rest[k]), shares.shares[k], error, None, account
    )


def _span(case: WeighedCase, out: Sequence[tuple[str, ...]]) -> Span:
    """Where the weights start and end, in a case without the chains that settle the disease."""
    weights = case.weights
    return Span(weights.start, weights.end, expit(weights.start), expit(weights.end), tuple(c[0] for c in out))


def _settled_before(case: WeighedCase) -> Span:
    start = expit(case.weights.start)
    return Span(None, None, start, start)


def _without(understood: Understood, out: Sequence[tuple[str, ...]]) -> Understood:
    """The case without these chains."""
    gone = {f for chain in out for f in chain}
    complaint = None if understood.complaint in gone else understood.complaint
    return replace(understood, used=tuple(u for u in understood.used if u.finding not in gone), complaint=complaint)


def _settles(probability: float) -> str:
    return "proves" if probability > 0.5 else "excludes"


def _finite(weight: float) -> float | None:
    return float(weight) if math.isfinite(weight) else None


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


def _log10(nats: float | None) -> float | None:
    return None if nats is None else nats / LN10


def _weight_told(c: Contribution, nats: float | None) -> str:
    return (c.settles or "none") if nats is None else signed(nats / LN10)


def _plain(c: Contribution) -> Plain:
    return {
        "finding": c.finding,
        "group": list(c.findings),
        "role": c.role,
        "settles": c.settles,
        "alone_log10": _log10(c.alone_nats),
        "given_rest_log10": _log10(c.given_rest_nats),
        "shapley_log10": _log10(c.shapley_nats),
        "shapley_standard_error_log10": _log10(c.shapley_error_nats),
        "probability_given_rest": c.probability_given_rest,
        "implied_by": list(c.implied_by),
        "explained_by": None if c.explained_by is None else _away(c.explained_by),
        "brought_by": None if c.brought_by is None else _brought(c.brought_by),
        "through": [e.id for e in c.through],
        "sources": [source_of(p) for p in c.numbers],
    }


def _brought(brought: Brought) -> Plain:
    return {"disease": brought.by.id, "without_log10": brought.without_nats / LN10}


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
