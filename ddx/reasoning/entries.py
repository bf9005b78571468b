"""How do P(evidence, hypothesis) depend on one entry of a table, in a network of another tool?

Such a network has no reported rates: its numbers are the entries of its tables. When one entry t of a row becomes
t', the others of the row keep their proportions, and

    dP(e, h) / dt = F / t - (R - F) / (1 - t)

with F = P(e, h, the entry's state and parents) and R that of its whole row (Darwiche 2003; Castillo et al. 1997), so
that P(e, h) is a straight line from t = 0 to t = 1. Nothing says how sure an entry is: its range halves and doubles its
odds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from ddx.engine.cut import Seen, seen_in
from ddx.engine.families import family_posteriors
from ddx.engine.model import Model
from ddx.errors import TooLarge
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import Table
from ddx.reasoning.numbers import TABLES, Parameter, expit, logit
from ddx.reasoning.one_way import Curve, Hypothesis

Floats = npt.NDArray[np.float64]

LEAST, MOST = 1e-9, 1.0 - 1e-9  # an entry is varied between these
FACTOR = 2.0  # of its odds, at the ends of its range
NO_SLOPE = 1e-12  # what rounding leaves of an entry that does not bear on the case
SOURCE = "imported"


class TableEntries:
    """The joints of a case with hypotheses, as functions of one entry of a table at a time."""

    def __init__(
        self, model: Model, likelihood: Floats, log_evidence_nats: float, hypotheses: Sequence[Hypothesis]
    ) -> None:
        if not model.structure.cliques:
            raise TooLarge("its tables cannot be varied: there is no clique tree of this network that fits")
        self.model, self.hypotheses, self.log_evidence_nats = model, tuple(hypotheses), log_evidence_nats
        self._likelihood = likelihood
        self.seen: Seen = seen_in(model.offsets, likelihood)
        self.nodes = model.nodes
        lanes = np.stack([likelihood * self._held(h) for h in hypotheses], axis=1)
        self.joint = self._relative(model.lanes(lanes, marginals=False).log_evidence)
        self._families = [family_posteriors(model, lane) for lane in lanes.T]
        self._rows: dict[int, Floats] = {}  # id of a number -> the row of its table

    def index(self, name: str) -> int:
        """Which hypothesis has this name."""
        return next(i for i, h in enumerate(self.hypotheses) if h.name == name)

    def states(self, node: str) -> tuple[str, ...]:
        """The states of a variable."""
        return tuple(self.model.states[node])

    def size_of_change(self, p: Parameter, value: float) -> float:
        """How far an entry is moved: the largest difference of logits in its row."""
        others = [q for q in self._rows[id(p.number)].tolist() if q > 0]
        others.remove(p.value)
        moved = [(p.value, value), *((q, q * (1 - value) / (1 - p.value)) for q in others)]
        return max(abs(logit(new) - logit(old)) for old, new in moved)

    def curves(self) -> list[Curve]:
        """The function of every entry that can move a posterior; of a row of two, the smaller entry alone."""
        return [curve for node in self.nodes for curve in self._curves_of(node)]

    def along(self, moves: Sequence[tuple[Curve, Floats]]) -> list[Floats]:
        """(hypotheses, values) of each function."""
        return [curve.along(values) for curve, values in moves]

    def with_state(self, finding: str) -> Floats:
        """P(rest of e, finding = state, h) / P(e), (hypotheses, states)."""
        span = self.model.offsets[finding]
        lanes = np.repeat(self._likelihood[:, None], span.stop - span.start, axis=1)
        lanes[span] = np.eye(span.stop - span.start)
        found = [self.model.lanes(lanes * self._held(h)[:, None], marginals=False) for h in self.hypotheses]
        return np.stack([self._relative(answer.log_evidence) for answer in found])

    def _held(self, h: Hypothesis) -> Floats:
        """(states of all variables,) 1 where a hypothesis allows a state."""
        held = np.ones(len(self._likelihood))
        held[self.model.offsets[h.node]] = h.allowed
        return held

    def _relative(self, log_evidence_nats: Floats) -> Floats:
        """P(lane) / P(e), 0 where a lane is impossible."""
        found: Floats = np.exp(log_evidence_nats - self.log_evidence_nats)
        return found

    def _curves_of(self, node: str) -> Iterator[Curve]:
        """The functions of the entries of one table, where it is one."""
        table = self.model.network.models[node]
        if not isinstance(table, Table) or node not in self._families[0]:
            return
        here = np.stack([own[node] * joint for own, joint in zip(self._families, self.joint, strict=True)], axis=-1)
        rows = here.sum(axis=-2, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            entries = table.values[..., None]
            slopes = here / entries - (rows - here) / (1 - entries)
        for place in product(*(range(n) for n in table.values.shape)):
            if _varies(table.values[place[:-1]], place[-1]) and np.abs(slopes[place]).max() > NO_SLOPE:
                yield self._curve(node, table, place, slopes[place])

    def _curve(self, node: str, table: Table, place: tuple[int, ...], slope: Floats) -> Curve:
        states, value = self.model.states, float(table.values[place])
        parents = [f"{p}={states[p][i]}" for p, i in zip(table.parents, place, strict=False)]
        number = spec.Number(p=value, source=SOURCE, grade="judgement")
        where = (TABLES, node, *parents, states[node][place[-1]])
        p = Parameter(where, node, states[node][place[-1]], ", ".join(parents), number)
        self._rows[id(number)] = table.values[place[:-1]]
        low, high = (expit(logit(value) + shift) for shift in (-math.log(FACTOR), math.log(FACTOR)))
        values = np.array(sorted({LEAST, low, value, high, MOST}))
        joints = np.maximum(self.joint[:, None] + slope[:, None] * (values - value), 0.0)
        return Curve(p, values, joints, int(np.searchsorted(values, value)), slope, (LEAST, MOST), (low, high))


def _varies(row: Floats, state: int) -> bool:
    """Whether an entry is one that is varied: not 0 or 1; of a row of two states the smaller one alone."""
    t = row[state]
    if not LEAST < t < MOST:
        return False
    others = np.delete(row, state)
    return len(others) > 1 or bool(t < others[0]) or (bool(t == others[0]) and state == 1)
