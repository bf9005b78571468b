"""What would change it? How one disease depends on every number, and the smallest changes that turn the conclusion.

    P(D | e)(t) = (a t + b) / (c t + d)

in any number t that its table is linear in (Castillo et al. 1997; Coupe & van der Gaag 2002): P(e, D) and P(e, not D)
are linear, and their slopes come for all numbers at once from one pass back (`derivatives`). Numbers that act otherwise
(backgrounds, odds ratios, priors) get the same local slope; a flip found from it is searched for exactly. Every flip is
confirmed on the changed tables. The size of a change is the difference of the logits of the number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.derivatives import Sliced, by_factor
from ddx.reasoning.differential import listed
from ddx.reasoning.explain import source_of
from ddx.reasoning.lanes import Lanes
from ddx.reasoning.numbers import Parameter, expit, logit, size_of_change
from ddx.reasoning.odds import held
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.understanding import State, Understood

Floats = npt.NDArray[np.float64]

RIVALS = 5  # diseases that could take the first place
SEARCHED = 4  # candidates for a flip that are confirmed, nearest first, of each kind
STEP = 1e-4  # of a central difference, in logits
HALF = 0.5
MOST_STEPS = 40
CONFIRMED = 1e-6  # a flip is found to this, in logits


@dataclass(frozen=True, slots=True)
class Linear:
    """P(e, hypothesis) as a function of one number: slope t + intercept."""

    slope: float
    intercept: float

    def at(self, t: float) -> float:
        return self.slope * t + self.intercept


@dataclass(frozen=True, slots=True)
class Influence:
    """One number: dP(D | e)/dt, where the posterior goes over its 90 % range, and its function where it is linear."""

    parameter: Parameter
    slope: float
    low: tuple[float, float]  # value, posterior
    high: tuple[float, float]
    present: Linear | None = None
    absent: Linear | None = None

    @property
    def swing(self) -> float:
        return abs(self.high[1] - self.low[1])

    def posterior(self, t: float) -> float:
        """P(D | e) with the number at t; for numbers that act linearly."""
        assert self.present is not None and self.absent is not None
        here, there = self.present.at(t), self.absent.at(t)
        return here / (here + there)


@dataclass(frozen=True, slots=True)
class NumberFlip:
    """The smallest change of one number that turns a conclusion: what then holds."""

    parameter: Parameter
    value: float
    size_logits: float
    outcome: str


@dataclass(frozen=True, slots=True)
class FindingFlip:
    """A change of one finding that turns a conclusion; `state` is None where it is withdrawn."""

    finding: str
    state: str | None
    posterior: float
    outcome: str


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
    numbers = Regrounding(network, model, understood.setting)
    case = _Case(network, model, understood, entry)
    acting = [p for p in numbers.varied if numbers.factors(p)[0] in case.touched]
    slopes = {p: case.slopes(numbers, p) for p in acting}
    influences = [_influence_of(case, numbers, p, slopes[p]) for p in acting]
    influences.sort(key=lambda i: (-i.swing, -abs(i.slope), i.parameter.where))
    return Sensitivity(
        basis_of(network, understood, belief.log_evidence),
        entry,
        case.posterior,
        tuple(influences),
        tuple(_number_flips(case, numbers, slopes)),
        tuple(_finding_flips(case, understood)),
        len(acting),
    )


class _Case:
    """P(e, h) and its derivatives for the hypotheses that matter: D, not D, and whatever could be first instead."""

    def __init__(self, network: Network, model: Model, understood: Understood, entry: Entry) -> None:
        self.network, self.model, self.entry = network, model, entry
        self.column = model.likelihood(understood.evidence)
        lanes = Lanes(model)
        lanes.add_column(self.column)
        entries = listed(network, model)
        present = lanes.run().present(entries)[:, 0]
        order = np.argsort(-present, kind="stable").tolist()
        self.leader = entries[order[0]]
        self.rivals = [entries[k] for k in order[1 : RIVALS + 1]]
        self.posterior = float(present[[e.id for e in entries].index(entry.id)])
        hypotheses = [(e.id, held(model, e, present=True)) for e in dict.fromkeys([entry, self.leader, *self.rivals])]
        hypotheses.append(("not", held(model, entry, present=False)))
        scale = model.lanes(self.column[:, None], marginals=False).log_evidence[0]
        self.scale = math.exp(-float(scale)) if scale > -700 else 1.0  # joints are relative to P(e)
        self.sliced = {name: Sliced(model, self.column * lane) for name, lane in hypotheses}
        self.joint: dict[str, float] = {}
        self.gradient = {}
        for name, sliced in self.sliced.items():
            value, gradients = sliced.gradient(sliced.tables(model.structure.tables))
            self.joint[name] = value * self.scale
            self.gradient[name] = by_factor(sliced, gradients)
        self.touched = {f for gradient in self.gradient.values() for f in gradient}

    def slopes(self, numbers: Regrounding, p: Parameter) -> dict[str, float]:
        """dP(e, h)/dt / P(e) of every hypothesis."""
        low, high = _nearby(numbers, p)
        first = self.model.structure.tables if numbers.is_linear(p) else numbers.flat(p, low)
        low = p.value if numbers.is_linear(p) else low
        second = numbers.flat(p, high)
        start = self.model.structure.factor_start
        found = dict.fromkeys(self.joint, 0.0)
        for f in numbers.factors(p):
            change = (second[start[f] : start[f + 1]] - first[start[f] : start[f + 1]]) / (high - low)
            for name, gradient in self.gradient.items():
                if f in gradient:
                    found[name] += float(gradient[f].ravel() @ change) * self.scale
        return found

    def joints(self, flat: Floats, names: Sequence[str]) -> dict[str, float]:
        """P(e, h) / P(e now) with other tables."""
        found = {}
        for name in names:
            sliced = self.sliced[name]
            found[name] = sliced.forward(sliced.tables(flat))[0] * self.scale
        return found


def _nearby(numbers: Regrounding, p: Parameter) -> tuple[float, float]:
    """Two values of a number between which its slope is taken: far apart where it is linear."""
    low, high = numbers.bounds(p)
    if p.state == "any effect":
        return p.value * (1 - STEP), p.value * (1 + STEP)
    if numbers.is_linear(p):
        return p.value, (high + p.value) / 2 if high > p.value * (1 + STEP) else (low + p.value) / 2
    step = STEP * max(p.value * (1 - p.value), 1e-9)
    return max(low, p.value - step), min(high, p.value + step)


def _influence_of(case: _Case, numbers: Regrounding, p: Parameter, slope: dict[str, float]) -> Influence:
    here, there = case.joint[case.entry.id], case.joint["not"]
    up, down = slope[case.entry.id], slope["not"]
    gradient = (up * there - down * here) / (here + there) ** 2
    low, high = plausible(p)
    present = Linear(up, here - up * p.value)
    absent = Linear(down, there - down * p.value)

    def at(t: float) -> float:
        one, other = max(present.at(t), 0.0), max(absent.at(t), 0.0)
        return one / (one + other) if one + other > 0 else here / (here + there)

    linear = numbers.is_linear(p)
    return Influence(
        p, gradient, (low, at(low)), (high, at(high)), present if linear else None, absent if linear else None
    )


def plausible(p: Parameter) -> tuple[float, float]:
    """Where a number lies with 90 %: its stated interval, or that of its Beta or log-normal distribution."""
    from ddx.reasoning.uncertainty import interval

    return interval(p.number)


def _number_flips(case: _Case, numbers: Regrounding, slopes: dict[Parameter, dict[str, float]]) -> list[NumberFlip]:
    """The smallest change of one number across one half, and the smallest one that changes the first place."""
    entry, leader = case.entry.id, case.leader.id
    found = []
    word = "falls below" if case.posterior >= HALF else "rises above"
    half = _smallest(case, numbers, slopes, (entry, "not"))
    if half is not None:
        found.append(NumberFlip(*half, outcome=f"{entry} {word} one half"))
    overtaken = [(r.id, _smallest(case, numbers, slopes, (leader, r.id))) for r in case.rivals]
    known = [(size[2], name, size) for name, size in overtaken if size is not None]
    if known:
        _, name, best = min(known, key=lambda k: k[0])
        found.append(NumberFlip(*best, outcome=f"{name} is first instead of {leader}"))
    return found


def _smallest(
    case: _Case, numbers: Regrounding, slopes: dict[Parameter, dict[str, float]], pair: tuple[str, str]
) -> tuple[Parameter, float, float] | None:
    """The number whose smallest change makes P(e, one) and P(e, other) change places: it, its value, the size."""
    one, other = pair
    margin = case.joint[one] - case.joint[other]
    candidates = []
    for p, slope in slopes.items():
        tilt = slope[one] - slope[other]
        if tilt != 0 and abs(margin) > 0:
            low, high = numbers.bounds(p)
            value = _estimated(p, margin / tilt)
            if low < value < high or not numbers.is_linear(p):
                reach = min(max(value, low), high)
                candidates.append((size_of_change(p, reach), p.where, p))
    best: tuple[Parameter, float, float] | None = None
    ranked = [p for _, _, p in sorted(candidates, key=lambda c: c[:2])]
    linear = [p for p in ranked if numbers.is_linear(p)][:SEARCHED]
    stated = [p for p in ranked if p.place[0] == "settings"][:SEARCHED]
    others = [p for p in ranked if p.place[0] != "settings" and not numbers.is_linear(p)][:SEARCHED]
    for p in [*linear, *stated, *others]:
        value_found = _confirmed(case, numbers, p, pair)
        if value_found is not None and (best is None or size_of_change(p, value_found) < best[2]):
            best = p, value_found, size_of_change(p, value_found)
    return best


def _estimated(p: Parameter, step: float) -> float:
    """Where the margin is expected to vanish: linear in the number, of a prior in the factor on its odds."""
    if p.place[0] != "settings":
        return p.value - step
    factor = 1 - step / (p.value * (1 - p.value))
    odds = p.value / (1 - p.value) * factor
    return odds / (1 + odds) if factor > 0 else 0.0


def _confirmed(case: _Case, numbers: Regrounding, p: Parameter, pair: tuple[str, str]) -> float | None:
    """The value nearest to the present one at which the pair changes places, searched for on the changed tables."""

    def margin(t: float) -> float:
        joints = case.joints(numbers.flat(p, t), pair)
        return joints[pair[0]] - joints[pair[1]]

    now = case.joint[pair[0]] - case.joint[pair[1]]
    found = []
    for end in numbers.bounds(p):
        there = margin(end)
        if there * now < 0:
            found.append(_crossing(margin, (p.value, end), (now, there)))
    return min(found, key=lambda t: size_of_change(p, t), default=None)


def _crossing(margin: Callable[[float], float], between: tuple[float, float], ends: tuple[float, float]) -> float:
    """The far side of the crossing, to CONFIRMED of the logit, by false position (Illinois); `ends` are the margins."""
    bounded = 0 < max(between) < 1
    near, far = (logit(t) if bounded else math.log(t) for t in between)
    inverse: Callable[[float], float] = expit if bounded else math.exp
    here, there = ends
    side = 0
    for _ in range(MOST_STEPS):
        if abs(far - near) < CONFIRMED:
            break
        middle = near + (far - near) * here / (here - there)
        middle = middle if min(near, far) < middle < max(near, far) else (near + far) / 2
        value = margin(inverse(middle))
        if value * there > 0:
            far, there, here, side = middle, value, here / 2 if side > 0 else here, 1
        else:
            near, here, there, side = middle, value, there / 2 if side < 0 else there, -1
        if abs(value) < 1e-12 * abs(ends[0]):
            far = middle + math.copysign(CONFIRMED, far - near)
            break
    return inverse(far)


def _finding_flips(case: _Case, understood: Understood) -> list[FindingFlip]:
    """Every finding that turns a conclusion: withdrawn, or in another state where withdrawing it does not."""
    model, evidence = case.model, understood.evidence
    changes: list[tuple[str, str | None, dict[str, State]]] = []
    for used in understood.findings:
        rest = {f: s for f, s in evidence.items() if f != used.finding}
        changes.append((used.finding, None, rest))
        if isinstance(used.said, str):
            states = [s for s in model.states[used.finding] if s != used.said]
            changes += [(used.finding, s, {**rest, used.finding: s}) for s in states]
    if not changes:
        return []
    lanes = Lanes(model)
    for _, _, said in changes:
        lanes.add(said)
    answers = lanes.run()
    entries = list(dict.fromkeys([case.entry, case.leader, *case.rivals]))
    present = answers.present(entries)
    found, withdrawn = [], set()
    for k, (finding, state, _) in enumerate(changes):
        if not np.isfinite(answers.log_evidence_nats[k]) or finding in withdrawn:
            continue
        outcome = _turned(case, entries, present[:, k])
        if outcome:
            if state is None:
                withdrawn.add(finding)
            found.append(FindingFlip(finding, state, float(present[0, k]), outcome))
    return found


def _turned(case: _Case, entries: Sequence[Entry], present: Floats) -> str:
    """What a change of the evidence turns; empty where nothing."""
    now = float(present[0])
    parts = []
    if (now >= HALF) != (case.posterior >= HALF):
        parts.append(f"{case.entry.id} {'falls below' if now < HALF else 'rises above'} one half")
    first = entries[int(np.argmax(present))]
    if first.id != case.leader.id and float(present.max()) > float(present[entries.index(case.leader)]):
        parts.append(f"{first.id} is first instead of {case.leader.id}")
    return "; ".join(parts)


def _influence(i: Influence) -> Plain:
    return {
        "number": source_of(i.parameter),
        "slope": i.slope,
        "low": {"value": i.low[0], "posterior": i.low[1]},
        "high": {"value": i.high[0], "posterior": i.high[1]},
    }


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
