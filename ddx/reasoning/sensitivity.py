"""What would change it? How one disease depends on every number, and the smallest changes that turn the conclusion.

    P(D | e)(t) = (a t + b) / (c t + d)

in any number t that its table is linear in (Castillo et al. 1997; Coupe & van der Gaag 2002): P(e, D) and P(e, not D)
are linear, and their slopes come for all numbers at once (`one_way`). Numbers that act otherwise (backgrounds, odds
ratios, priors) have their exact values at a grid. A setting is solved anew for every value of a number that it depends
on, so that a number is what stands in the file. `flips` searches all of them for the smallest change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.differential import listed
from ddx.reasoning.entries import TableEntries
from ddx.reasoning.explain import source_of
from ddx.reasoning.flips import FindingFlip, Functions, NumberFlip, conclusions, finding_flips, smallest_flip
from ddx.reasoning.numbers import Parameter
from ddx.reasoning.one_way import Curve, Hypothesis, OneWay
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.understanding import Understood

CERTAIN = 0.05  # nearer to 0 or 1 than this, swings are compared in log odds
NO_SWING_NATS = 1e-9  # what rounding leaves of a number that does not act


@dataclass(frozen=True, slots=True)
class Linear:
    """P(e, hypothesis) / P(e now) as a function of one number: slope t + intercept."""

    slope: float
    intercept: float

    def at(self, t: float) -> float:
        return self.slope * t + self.intercept


@dataclass(frozen=True, slots=True)
class End:
    """One end of the range of a number: P(D | e) and the log odds of D (nats, infinite where D is excluded or sure)."""

    value: float
    posterior: float
    log_odds: float


@dataclass(frozen=True, slots=True)
class Influence:
    """One number: dP(D | e)/dt, where the posterior goes over its range, and its function between `within`.

    The range is the middle 90 % of the distribution that `credible` draws the number from.
    """

    parameter: Parameter
    slope: float
    low: End
    high: End
    present: Linear
    absent: Linear
    within: tuple[float, float]  # values between which P(e, D) and P(e, not D) are these lines

    @property
    def is_line(self) -> bool:
        """Whether the lines hold over all of the range, so that the posterior is (a t + b) / (c t + d) there."""
        return self.within[0] <= self.low.value and self.high.value <= self.within[1]

    @property
    def swing(self) -> float:
        return abs(self.high.posterior - self.low.posterior)

    @property
    def swing_nats(self) -> float:
        """The same in log odds; 0 where they are infinite at both ends."""
        return 0.0 if self.high.log_odds == self.low.log_odds else abs(self.high.log_odds - self.low.log_odds)

    def posterior(self, t: float) -> float:
        """P(D | e) with the number at t, within `within`."""
        here, there = max(self.present.at(t), 0.0), max(self.absent.at(t), 0.0)
        return here / (here + there)


@dataclass(frozen=True, slots=True)
class Sensitivity(Shown):
    """The answer of `sensitivity`: influences, largest swing first, and what turns the conclusion.

    Near 0 or 1 swings are compared in log odds: probabilities hardly move there.
    """

    basis: Basis
    entry: Entry
    posterior: float
    log_odds: float  # nats
    influences: tuple[Influence, ...]
    number_flips: tuple[NumberFlip, ...]
    finding_flips: tuple[FindingFlip, ...]
    numbers: int  # varied

    @property
    def in_log_odds(self) -> bool:
        """Whether the posterior is so near 0 or 1 that a probability does not show what moves it."""
        return near_certain(self.posterior)

    @property
    def depends(self) -> tuple[Influence, ...]:
        """The numbers on which the disease depends at all."""
        return tuple(i for i in self.influences if i.swing_nats > NO_SWING_NATS)

    @property
    def headline(self) -> str:
        return f"{self.entry.label} {self.posterior:.3g}: the numbers that it depends on most"

    @property
    def bars(self) -> tuple[Bar, ...]:
        sizes = [(i, i.swing_nats if self.in_log_odds else i.swing) for i in self.depends[:15]]
        return tuple(Bar(i.parameter.where[-50:], size, f"{size:.3g}") for i, size in sizes)

    @property
    def result_sha256(self) -> str:
        return self.basis.result_sha256("sensitivity", {"disease": self.entry.id})

    def body(self) -> dict[str, Plain]:
        return {
            "disease": self.entry.id,
            "posterior": self.posterior,
            "numbers_varied": self.numbers,
            "influences": [_influence(i) for i in self.influences],
            "flips": [*(_number_flip(f) for f in self.number_flips), *(_finding_flip(f) for f in self.finding_flips)],
        }


def sensitivity(network: Network, model: Model, understood: Understood, entry: Entry) -> Sensitivity:
    """What one disease depends on. ImpossibleEvidence where the findings cannot occur together."""
    belief = model.posteriors(understood.evidence)
    entries = listed(network, model)
    hypotheses = [Hypothesis.of(e, model.states[e.node], present=True) for e in entries]
    hypotheses.append(Hypothesis.of(entry, model.states[entry.node], present=False))
    one_way = _functions(network, model, understood, hypotheses)
    curves = one_way.curves()
    own, absent = one_way.index(entry.id), len(hypotheses) - 1
    influences = [_influence_of(curve, own, absent) for curve in curves]
    now = float(one_way.joint[own] / (one_way.joint[own] + one_way.joint[absent]))
    size = attrgetter("swing_nats" if near_certain(now) else "swing")
    influences.sort(key=lambda i: (-size(i), -abs(i.slope), i.parameter.where))
    told = conclusions(entry.id, [h.name for h in hypotheses], one_way.joint)
    number_flips = [flip for c in told if (flip := smallest_flip(one_way, curves, c)) is not None]
    return Sensitivity(
        basis_of(network, understood, belief.log_evidence),
        entry,
        now,
        log_odds(float(one_way.joint[own]), float(one_way.joint[absent])),
        tuple(influences),
        tuple(number_flips),
        tuple(finding_flips(one_way, understood.findings, told, entry.id)),
        len(curves),
    )


def _functions(network: Network, model: Model, understood: Understood, hypotheses: Sequence[Hypothesis]) -> Functions:
    """Of the numbers that an author wrote; of the entries of the tables, in a network of another tool."""
    likelihood = model.likelihood(understood.evidence)
    log_evidence_nats = model.posteriors(understood.evidence).log_evidence
    if network.spec is not None and not network.spec.settings and network.spec.view is None:
        return TableEntries(model, likelihood, log_evidence_nats, hypotheses)
    numbers = Regrounding(network, model, understood.setting, solving=True)
    return OneWay(numbers, likelihood, log_evidence_nats, hypotheses)


def _influence_of(curve: Curve, own: int, absent: int) -> Influence:
    """What one number does to P(D | e)."""
    p, now = curve.parameter, curve.joints[:, curve.now]
    here, there = float(now[own]), float(now[absent])
    up, down = float(curve.slope[own]), float(curve.slope[absent])
    gradient = (up * there - down * here) / (here + there) ** 2

    def end(t: float) -> End:
        joint = np.maximum(curve.at(t)[[own, absent]], 0.0)
        one, other = joint.tolist() if joint.sum() > 0 else (here, there)
        return End(t, one / (one + other), log_odds(one, other))

    low, high = curve.interval
    lines = Linear(up, here - up * p.value), Linear(down, there - down * p.value)
    return Influence(p, gradient, end(low), end(high), *lines, curve.line)


def near_certain(posterior: float) -> bool:
    """Whether a posterior is so near 0 or 1 that its log odds are shown instead."""
    return not CERTAIN < posterior < 1 - CERTAIN


def log_odds(present: float, absent: float) -> float:
    """log (present / absent), in nats; infinite where one of them is 0."""
    if present <= 0 or absent <= 0:
        return -math.inf if present <= 0 else math.inf
    return math.log(present) - math.log(absent)


def _influence(i: Influence) -> Plain:
    return {
        "number": source_of(i.parameter),
        "slope": i.slope,
        "low": _end(i.low),
        "high": _end(i.high),
        "function": _function(i) if i.is_line else None,
    }


def _end(end: End) -> Plain:
    odds = end.log_odds / math.log(10) if math.isfinite(end.log_odds) else None
    return {"value": end.value, "posterior": end.posterior, "log10_odds": odds}


def _function(i: Influence) -> Plain:
    """P(D | e)(t) = present / (present + absent), both slope t + intercept."""
    lines: dict[str, Plain] = {
        name: {"slope": line.slope, "intercept": line.intercept}
        for name, line in (("present", i.present), ("absent", i.absent))
    }
    return {**lines, "between": list(i.within)}


def _number_flip(f: NumberFlip) -> Plain:
    return {
        "number": source_of(f.parameter),
        "from": f.parameter.value,
        "to": f.value,
        "size_logits": f.size_logits,
        "outcome": f.outcome,
    }


def _finding_flip(f: FindingFlip) -> Plain:
    return {"finding": f.finding, "state": f.state, "posterior": f.posterior, "outcome": f.outcome}
