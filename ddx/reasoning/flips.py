"""What is the smallest change that turns a conclusion? Of one number, searched over all of them; of one finding.

Two conclusions: whether the disease asked about is likelier than not, and which disease is the most probable one. The
size of a change of a number is the largest difference of logits in its row (of a ratio: of its logarithms). On each
side of a number the first of its known values at which a conclusion turns is narrowed down; a turn there and back
between two neighbouring values would be missed, which a line cannot do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ddx.engine.cut import Seen
from ddx.reasoning.numbers import Parameter
from ddx.reasoning.one_way import Curve, Hypothesis, between
from ddx.reasoning.understanding import Used

Floats = npt.NDArray[np.float64]

CONFIRMED = 1e-6  # a flip is found to this, in its size
TRIED = 16  # values between the two ends of a bracket
MOST_ROUNDS = 12


class Functions(Protocol):
    """P(e, h) / P(e) of several hypotheses, as functions of one number at a time, and of the state of one finding."""

    joint: Floats  # (hypotheses,) now

    @property
    def nodes(self) -> Sequence[str]: ...
    @property
    def hypotheses(self) -> Sequence[Hypothesis]: ...
    @property
    def seen(self) -> Seen: ...
    def index(self, name: str) -> int: ...
    def curves(self) -> list[Curve]: ...
    def along(self, moves: Sequence[tuple[Curve, Floats]]) -> list[Floats]: ...
    def size_of_change(self, p: Parameter, value: float) -> float: ...
    def states(self, node: str) -> tuple[str, ...]: ...
    def with_state(self, finding: str) -> Floats: ...


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
class Conclusion:
    """Positive `margin` of the joints (hypotheses, ...) while it stands, and what holds where it does not."""

    margin: Callable[[Floats], Floats]
    outcome: Callable[[Floats], str]


def conclusions(disease: str, names: Sequence[str], joint: Floats) -> tuple[Conclusion, Conclusion]:
    """About one disease against one half, and about which of the diseases (all but the last hypothesis) is first."""
    own, absent = names.index(disease), len(names) - 1
    first = int(np.argmax(joint[:-1]))
    others = [k for k in range(len(names) - 1) if k != first]
    likely = bool(joint[own] >= joint[absent])
    sign = 1.0 if likely else -1.0

    def half(joints: Floats) -> Floats:
        margin: Floats = sign * (joints[own] - joints[absent])
        return margin

    def lead(joints: Floats) -> Floats:
        margin: Floats = joints[first] - joints[others].max(axis=0)
        return margin

    told = f"{disease} {'falls below' if likely else 'rises above'} one half"
    return (
        Conclusion(half, lambda _: told),
        Conclusion(lead, lambda j: f"{names[others[int(np.argmax(j[others]))]]} is first instead of {names[first]}"),
    )


@dataclass(frozen=True, slots=True)
class _Bracket:
    """A conclusion stands at `near` and does not at `far`, on one side of the present value; with their sizes."""

    curve: Curve
    near: float
    far: float
    at_least: float
    at_most: float

    @classmethod
    def of(cls, one_way: Functions, curve: Curve, ends: tuple[float, float]) -> _Bracket:
        sizes = [one_way.size_of_change(curve.parameter, end) for end in ends]
        return cls(curve, *ends, *sizes)


def smallest_flip(one_way: Functions, curves: Sequence[Curve], conclusion: Conclusion) -> NumberFlip | None:
    """The smallest change of one number that turns a conclusion; None where none within the bounds does."""
    if not conclusion.margin(one_way.joint) > 0:
        return None
    brackets = [_Bracket.of(one_way, c, ends) for c in curves for ends in _steps(c, conclusion)]
    for _ in range(MOST_ROUNDS):
        bound = min((b.at_most for b in brackets), default=0.0)
        brackets = [b for b in brackets if b.at_least <= bound]
        if all(b.at_most - b.at_least < CONFIRMED for b in brackets):
            break
        brackets = _narrowed(one_way, brackets, conclusion)
    best = min(brackets, key=lambda b: (b.at_most, b.curve.parameter.where), default=None)
    if best is None:
        return None
    (there,) = one_way.along([(best.curve, np.array([best.far]))])
    return NumberFlip(best.curve.parameter, best.far, best.at_most, conclusion.outcome(there[:, 0]))


def _steps(curve: Curve, conclusion: Conclusion) -> list[tuple[float, float]]:
    """On each side of the present value, the first step between known values over which the conclusion turns."""
    stands = conclusion.margin(curve.joints) > 0
    found = []
    for side, back in ((range(curve.now + 1, len(stands)), -1), (range(curve.now - 1, -1, -1), 1)):
        turned = next((k for k in side if not stands[k]), None)
        if turned is not None:
            found.append((float(curve.values[turned + back]), float(curve.values[turned])))
    return found


def _narrowed(one_way: Functions, brackets: Sequence[_Bracket], conclusion: Conclusion) -> list[_Bracket]:
    """Every bracket cut into TRIED + 1 parts, of which the first that turns the conclusion is left."""
    tried = [between(b.curve.parameter, b.near, b.far, TRIED) for b in brackets]
    along = one_way.along([(b.curve, values) for b, values in zip(brackets, tried, strict=True)])
    found = []
    for bracket, values, joints in zip(brackets, tried, along, strict=True):
        ends = [bracket.near, *values.tolist(), bracket.far]
        k = [*(conclusion.margin(joints) <= 0), True].index(True)
        found.append(_Bracket.of(one_way, bracket.curve, (ends[k], ends[k + 1])))
    return found


def finding_flips(
    one_way: Functions, used: Sequence[Used], told: Sequence[Conclusion], disease: str
) -> list[FindingFlip]:
    """Every finding that turns a conclusion: withdrawn, or in another state where withdrawing it does not."""
    own, absent = one_way.index(disease), len(one_way.hypotheses) - 1
    found = []
    for finding in (u.finding for u in used if u.finding in one_way.nodes):
        joints, states = one_way.with_state(finding), one_way.states(finding)
        changes: list[tuple[str | None, Floats]] = [(None, joints.sum(axis=1))]
        changes += [(s, joints[:, i]) for i, s in enumerate(states) if one_way.seen.states.get(finding, i) != i]
        for state, joint in changes:
            total = joint[own] + joint[absent]
            outcome = "; ".join(c.outcome(joint) for c in told if c.margin(joint) < 0)
            if total > 0 and outcome:
                found.append(FindingFlip(finding, state, float(joint[own] / total), outcome))
                if state is None:
                    break
    return found
