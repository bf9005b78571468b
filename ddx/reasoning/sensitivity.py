"""What would change it? How one disease depends on every number, and the smallest changes that turn the conclusion.

    P(D | e)(t) = (a t + b) / (c t + d)

in any number t that its table is linear in (Castillo et al. 1997; Coupe & van der Gaag 2002): P(e, D) and P(e, not D)
are linear, and their slopes come for all numbers at once (`one_way`). Numbers that act otherwise (backgrounds, odds
ratios, priors) have their exact values at a grid. `flips` searches all of them for the smallest change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.differential import listed
from ddx.reasoning.explain import source_of
from ddx.reasoning.flips import FindingFlip, NumberFlip, conclusions, finding_flips, smallest_flip
from ddx.reasoning.numbers import Parameter
from ddx.reasoning.one_way import Curve, Hypothesis, OneWay
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.understanding import Understood


@dataclass(frozen=True, slots=True)
class Linear:
    """P(e, hypothesis) / P(e now) as a function of one number: slope t + intercept."""

    slope: float
    intercept: float

    def at(self, t: float) -> float:
        return self.slope * t + self.intercept


@dataclass(frozen=True, slots=True)
class Influence:
    """One number: dP(D | e)/dt, where the posterior goes over its 90 % range, and its function between `within`."""

    parameter: Parameter
    slope: float
    low: tuple[float, float]  # value, posterior
    high: tuple[float, float]
    present: Linear
    absent: Linear
    within: tuple[float, float]  # values between which P(e, D) and P(e, not D) are these lines

    @property
    def is_line(self) -> bool:
        """Whether the lines hold over all of the 90 % range, so that the posterior is (a t + b) / (c t + d) there."""
        return self.within[0] <= self.low[0] and self.high[0] <= self.within[1]

    @property
    def swing(self) -> float:
        return abs(self.high[1] - self.low[1])

    def posterior(self, t: float) -> float:
        """P(D | e) with the number at t, within `within`."""
        here, there = max(self.present.at(t), 0.0), max(self.absent.at(t), 0.0)
        return here / (here + there)


@dataclass(frozen=True, slots=True)
class Sensitivity(Shown):
    """The answer of `sensitivity`: influences, largest swing first, and what turns the conclusion."""

    basis: Basis
    entry: Entry
    posterior: float
    influences: tuple[Influence, ...]
    number_flips: tuple[NumberFlip, ...]
    finding_flips: tuple[FindingFlip, ...]
    numbers: int  # varied

    @property
    def headline(self) -> str:
        return f"{self.entry.label} {self.posterior:.3g}: the numbers that it depends on most"

    @property
    def bars(self) -> tuple[Bar, ...]:
        return tuple(Bar(i.parameter.where[-50:], i.swing, f"{i.swing:.3g}") for i in self.influences[:15])

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
    numbers = Regrounding(network, model, understood.setting)
    one_way = OneWay(numbers, model.likelihood(understood.evidence), belief.log_evidence, hypotheses)
    curves = one_way.curves()
    own, absent = one_way.index(entry.id), len(hypotheses) - 1
    influences = [_influence_of(curve, own, absent) for curve in curves]
    influences.sort(key=lambda i: (-i.swing, -abs(i.slope), i.parameter.where))
    told = conclusions(entry.id, [h.name for h in hypotheses], one_way.joint)
    number_flips = [flip for c in told if (flip := smallest_flip(one_way, curves, c)) is not None]
    return Sensitivity(
        basis_of(network, understood, belief.log_evidence),
        entry,
        float(one_way.joint[own] / (one_way.joint[own] + one_way.joint[absent])),
        tuple(influences),
        tuple(number_flips),
        tuple(finding_flips(one_way, understood.findings, told, entry.id)),
        len(curves),
    )


def _influence_of(curve: Curve, own: int, absent: int) -> Influence:
    """What one number does to P(D | e)."""
    p, now = curve.parameter, curve.joints[:, curve.now]
    here, there = float(now[own]), float(now[absent])
    up, down = float(curve.slope[own]), float(curve.slope[absent])
    gradient = (up * there - down * here) / (here + there) ** 2

    def posterior(t: float) -> float:
        joint = np.maximum(curve.at(t)[[own, absent]], 0.0)
        total = float(joint.sum())
        return float(joint[0]) / total if total > 0 else here / (here + there)

    low, high = curve.interval
    lines = Linear(up, here - up * p.value), Linear(down, there - down * p.value)
    return Influence(p, gradient, (low, posterior(low)), (high, posterior(high)), *lines, curve.line)


def _influence(i: Influence) -> Plain:
    return {
        "number": source_of(i.parameter),
        "slope": i.slope,
        "low": {"value": i.low[0], "posterior": i.low[1]},
        "high": {"value": i.high[0], "posterior": i.high[1]},
        "function": _function(i) if i.is_line else None,
    }


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
