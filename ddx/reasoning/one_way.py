"""How do P(evidence, hypothesis) depend on one number at a time, on any number?

P(e, h) is linear in the table of every variable, so that one pass back for each hypothesis answers for all numbers:

    P(e, h)(t) = sum over the cells of the variable's table, cut by the evidence, of dP(e, h) / d cell x cell(t)

which is exact however the cells depend on t. Numbers whose variable is several tables (very large families), or which
change several variables (the mix of a context), are propagated with their own tables instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ddx.engine.cut import CutNetwork, Form, How, Seen, seen_in
from ddx.engine.evidence_tree import RESCALED_BELOW_NATS
from ddx.errors import TooLarge
from ddx.knowledge import spec
from ddx.knowledge.lexicon import Entry
from ddx.reasoning.numbers import Parameter, logit
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.uncertainty import intervals, varies

Floats = npt.NDArray[np.float64]
Moves = Sequence[tuple[Parameter, Floats]]  # a number, and the values it is to take

WRITTEN_OUT = (Form(1 << 17, split=False),)
CHAINED = (Form(1 << 16, split=True), Form(1 << 12, split=True), Form(1 << 8, split=True))
CELLS_AT_ONCE = 1 << 23  # of the tables of one variable, all lanes together
STEP = 1e-4  # of a central difference, in logits
KNOTS = 13  # values between the bounds at which a number that does not act linearly is looked at
EDGE_ROUNDS = 1  # of looking for the last value at which a setting can be met
LINEAR_WITHIN = 1e-9  # of the largest value: how far values may lie from a line


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A variable held in some of its states: `allowed` for each."""

    name: str
    node: str
    allowed: tuple[bool, ...]

    @classmethod
    def of(cls, entry: Entry, states: Sequence[str], *, present: bool) -> Hypothesis:
        """A disease present, or absent."""
        name = entry.id if present else f"no {entry.id}"
        return cls(name, entry.node, tuple((s in entry.states) == present for s in states))


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """P(e, h) / P(e now) of every hypothesis (hypotheses, values) as a function of one number.

    `values` rise and hold the present one, `now`. Between `line[0]` and `line[1]` the function is the straight line
    through the present value.
    """

    parameter: Parameter
    values: Floats
    joints: Floats
    now: int
    slope: Floats  # (hypotheses,) at the present value
    line: tuple[float, float]
    interval: tuple[float, float]  # where the number lies with 90 %

    def at(self, t: float) -> Floats:
        """(hypotheses,) at one of `values`, or within `line`."""
        known = np.flatnonzero(self.values == t)
        found: Floats = self.joints[:, known[0]] if len(known) else self.along(np.array([t]))[:, 0]
        return found

    def along(self, values: Floats) -> Floats:
        """(hypotheses, values) on the line."""
        found: Floats = self.joints[:, [self.now]] + self.slope[:, None] * (values - self.parameter.value)
        return found

    def holds(self, *values: float) -> bool:
        """Whether the function is a line at all of these values."""
        return all(self.line[0] <= t <= self.line[1] for t in values)


class OneWay:
    """The joints of a case with hypotheses, as functions of one number at a time."""

    def __init__(
        self, numbers: Regrounding, likelihood: Floats, log_evidence_nats: float, hypotheses: Sequence[Hypothesis]
    ) -> None:
        self.numbers, self.log_evidence_nats, self.hypotheses = numbers, log_evidence_nats, tuple(hypotheses)
        model = numbers.model
        self.seen = seen_in(model.offsets, likelihood)
        self.kept = tuple(dict.fromkeys(h.node for h in hypotheses))
        self.nodes = numbers.bearing([*self.seen.states, *self.seen.soft, *self.kept])
        self.names = numbers.names.left_by(self.seen.states, whole=True)
        self.cards = {node: len(states) for node, states in model.states.items()}
        plain = numbers.grounding(names=self.names)
        self.models = {node: plain.local_model(node) for node in self.nodes}
        self._rescaled = self.log_evidence_nats < RESCALED_BELOW_NATS
        self.cut = self._cut()
        self.joint, self._gradient = self._derivatives()
        self._written = {id(p.number): p.value for p in numbers.varied}

    def _cut(self) -> CutNetwork:
        """Every family as one table where they fit so; large ones as chains where they do not."""
        try:
            how = How(WRITTEN_OUT, families=True, rescaled=self._rescaled)
            return CutNetwork(self.models, self.cards, self.seen, self.kept, how)
        except TooLarge:
            how = How(CHAINED, families=True, rescaled=self._rescaled)
            return CutNetwork(self.models, self.cards, self.seen, self.kept, how)

    @property
    def acting(self) -> list[Parameter]:
        """The numbers that vary and can move a posterior, in the order of the file."""
        moving = {n for n in self.nodes if not self._alone(n) or self.cut.families[n].pieces[0].scope}
        moving |= self.numbers.solving
        return [p for p in self.numbers.varied if p.node in moving and varies(p)]

    def index(self, name: str) -> int:
        """Which hypothesis has this name."""
        return next(i for i, h in enumerate(self.hypotheses) if h.name == name)

    def curves(self) -> list[Curve]:
        """The function of every number that acts."""
        acting = self.acting
        spans = {}
        rests = [self.numbers.row_of(p).rest for p in acting]
        for p, (low, high) in zip(acting, intervals([p.number for p in acting], rests), strict=True):
            least, most = self.numbers.bounds(p)
            spans[id(p.number)] = max(low, least), min(high, most)
        groups: dict[str, list[tuple[Parameter, Floats]]] = {}
        for p in acting:
            groups.setdefault(self.group(p), []).append((p, self._looked_at(p, spans[id(p.number)])))
        return [
            _curve(p, values, (joints, self.joint), spans[id(p.number)])
            for moves in groups.values()
            for p, values, joints in self._met(moves, EDGE_ROUNDS)
        ]

    def _met(self, moves: Moves, rounds: int) -> list[tuple[Parameter, Floats, Floats]]:
        """Each number with those of its values at which the setting can be met, and the joints there.

        Where it cannot be met at some, the values next to those are looked for in a few rounds.
        """
        found = []
        edges: list[tuple[Parameter, Floats]] = []
        for (p, values), joints in zip(moves, self.joints(moves), strict=True):
            met = np.isfinite(joints.sum(axis=0))
            found.append((p, values[met], joints[:, met]))
            ends = [k for k in range(len(met) - 1) if met[k] != met[k + 1]]
            if ends:
                more = [between(p, float(values[k]), float(values[k + 1]), KNOTS) for k in ends]
                edges.append((p, np.concatenate(more)))
        if not edges or rounds == 0:
            return found
        added = {id(p.number): (values, joints) for p, values, joints in self._met(edges, rounds - 1)}
        return [(p, *_merged((values, joints), added.get(id(p.number)))) for p, values, joints in found]

    def group(self, p: Parameter) -> str:
        """Numbers of one group can be asked about together: those of one variable, and all that are propagated."""
        return p.node if self._alone(p.node) else ""

    def joints(self, moves: Moves) -> list[Floats]:
        """P(e, h) / P(e now), (hypotheses, values), for numbers of one group taking these values, one at a time."""
        nodes = list(dict.fromkeys(p.node for p, _ in moves))
        lanes = sum(len(values) for _, values in moves)
        if len(moves) > 1 and lanes * max(map(self._cells, nodes)) > CELLS_AT_ONCE:
            half = len(moves) // 2
            return [*self.joints(moves[:half]), *self.joints(moves[half:])]
        ends = np.cumsum([0, *(len(values) for _, values in moves)]).tolist()
        drawn: dict[int, Floats] = {}
        for (p, values), first in zip(moves, ends, strict=False):
            for key, own in self.numbers.moved(p, values).items():
                lane = drawn.setdefault(key, np.full(lanes, self._written[key]))
                lane[first : first + len(values)] = own
        if self._alone(nodes[0]):
            model = self.numbers.grounding(drawn, self.names).local_model(nodes[0])
            joint = self._dot(nodes[0], self.cut.tables_of(nodes[0], model)[0])
        else:
            joint = self._propagated(nodes, drawn)
        return [joint[:, a:b] for a, b in pairwise(ends)]

    def along(self, moves: Sequence[tuple[Curve, Floats]]) -> list[Floats]:
        """(hypotheses, values) of each function: on its line where the values lie on it, from its tables elsewhere."""
        found: dict[int, Floats] = {}
        waiting: dict[str, list[int]] = {}
        for i, (curve, values) in enumerate(moves):
            if curve.holds(*values.tolist()):
                found[i] = curve.along(values)
            else:
                waiting.setdefault(self.group(curve.parameter), []).append(i)
        for places in waiting.values():
            made = self.joints([(moves[i][0].parameter, moves[i][1]) for i in places])
            found.update(zip(places, made, strict=True))
        return [found[i] for i in range(len(moves))]

    def size_of_change(self, p: Parameter, value: float) -> float:
        """How far a number is moved, in logits of its row."""
        return self.numbers.size_of_change(p, value)

    def states(self, node: str) -> tuple[str, ...]:
        """The states of a variable."""
        return tuple(self.numbers.model.states[node])

    def with_state(self, finding: str) -> Floats:
        """P(rest of e, finding = state, h) / P(e), (hypotheses, states); summed over states, the finding is withdrawn.

        Of a finding that is one table on which nothing depends, from its tables; of others, made a variable again.
        """
        if finding in self._opened or finding not in self.seen.states:
            return self._open_joints[finding]
        joints = []
        for s in range(self.cards[finding]):
            (table,) = self.cut.tables_of(finding, self.models[finding], {**self.seen.states, finding: s})
            joints.append(self._dot(finding, table)[:, 0])
        return np.stack(joints, axis=1)

    @cached_property
    def _opened(self) -> tuple[str, ...]:
        """The findings that cannot be withdrawn by themselves: others depend on them, or they are several tables."""
        above = {p for node in self.nodes for p in self.numbers.model.network.parents(node)}
        several = {n for n in self.nodes if len(self.cut.families[n].pieces) > 1}
        return tuple(f for f in self.seen.states if f in self.numbers.spec.findings and f in above | several)

    @cached_property
    def _open(self) -> CutNetwork:
        """The network with those findings as variables, what was seen of them as a likelihood."""
        states = {v: s for v, s in self.seen.states.items() if v not in self._opened}
        said = {f: np.eye(self.cards[f])[self.seen.states[f]] for f in self._opened}
        grounding = self.numbers.grounding(names=self.numbers.names.left_by(states, whole=True))
        network = self.numbers.model.network
        depend = [n for n in self.nodes if not said.keys().isdisjoint(network.parents(n))]
        models = self.models | {n: grounding.local_model(n) for n in depend}
        how = How(CHAINED[:2], rescaled=self._rescaled)
        return CutNetwork(models, self.cards, Seen(states, {**self.seen.soft, **said}), self.kept, how)

    @cached_property
    def _open_joints(self) -> dict[str, Floats]:
        """P(rest of e, finding = state, h) / P(e) of every finding that is a variable there."""
        found = self._open.tree.derivatives(self._with_hypotheses(self._open))
        factor, count = self._factor(found.log_scale), len(self.hypotheses)
        by_state = {f: (found.by_table[k] * factor).T for f, k in self._open.place_of_kept.items()}
        return {f: np.broadcast_to(joint, (count, self.cards[f])) for f, joint in by_state.items()}

    def held(self, variable: str) -> Floats:
        """(states, hypotheses) which states of a variable each hypothesis allows."""
        free = (True,) * self.cards[variable]
        allowed = [h.allowed if h.node == variable else free for h in self.hypotheses]
        return np.ascontiguousarray(np.array(allowed, dtype=np.float64).T)

    def _with_hypotheses(self, cut: CutNetwork) -> list[Floats]:
        """The tables, those of the variables kept with a lane for each hypothesis."""
        tables = cut.tables()
        for v, place in cut.place_of_kept.items():
            tables[place] = tables[place] * self.held(v)
        return tables

    def _factor(self, log_scale: Floats) -> Floats:
        """(hypotheses,) what makes scaled joints relative to P(e); 0 where what was seen excludes the hypothesis."""
        seen = self.seen.states
        possible = [h.node not in seen or h.allowed[seen[h.node]] for h in self.hypotheses]
        factor: Floats = np.exp(log_scale - self.log_evidence_nats) * np.array(possible, dtype=np.float64)
        return factor

    def _derivatives(self) -> tuple[Floats, dict[str, Floats]]:
        """P(e, h) / P(e), and its derivative by the table of every variable that is one table, (cells, hypotheses)."""
        count = len(self.hypotheses)
        found = self.cut.tree.derivatives(self._with_hypotheses(self.cut))
        factor, gradient = self._factor(found.log_scale), {}
        for node in self.nodes:
            if self._is_one_table(node):
                values = found.by_table[self.cut.places[node][0]]
                flat = values.reshape(-1, values.shape[-1]) * factor
                gradient[node] = np.broadcast_to(flat, (len(flat), count))
        return np.broadcast_to(found.total, count) * factor, gradient

    def _alone(self, node: str) -> bool:
        """Whether the numbers of a variable act through one table: not where roots are solved anew with them."""
        return node not in self.numbers.solving and self._is_one_table(node)

    def _is_one_table(self, node: str) -> bool:
        return node not in self.numbers.spec.context and len(self.cut.families[node].pieces) == 1

    def _cells(self, node: str) -> int:
        """Cells that one lane of the numbers of a variable takes, about."""
        if not self._alone(node):
            return self._open.tree.work // 8
        return self.cut.tree.size(self.cut.tree.scopes[self.cut.places[node][0]])

    def _dot(self, node: str, table: Floats) -> Floats:
        """(hypotheses, lanes) P(e, h) / P(e) with another table of a variable."""
        tree, gradient = self.cut.tree, self._gradient[node]
        shape = [tree.cards[v] for v in tree.scopes[self.cut.places[node][0]]]
        full = np.broadcast_to(table, (*shape, table.shape[-1]))
        joint: Floats = gradient.T @ full.reshape(len(gradient), -1)
        return joint

    def _propagated(self, nodes: Sequence[str], drawn: Mapping[int, Floats]) -> Floats:
        """(hypotheses, lanes) the same with the tables of every variable that the numbers change."""
        grounding, cut, tables = self.numbers.grounding(drawn, self.names), self._open, self._open.tables()
        for changed in dict.fromkeys(n for node in nodes for n in self.numbers.changed_with(node)):
            if changed in cut.places:
                new = cut.tables_of(changed, grounding.local_model(changed))
                for place, table in zip(cut.places[changed], new, strict=True):
                    tables[place] = table
        found = cut.tree.derivatives(tables)
        states = {v: tables[k] * found.by_table[k] for v, k in cut.place_of_kept.items()}
        states |= {v: np.eye(self.cards[v])[s][:, None] * found.total for v, s in cut.seen.states.items()}
        joints = [states[h.node][list(h.allowed)].sum(axis=0) for h in self.hypotheses]
        return np.stack(np.broadcast_arrays(*joints)) * np.exp(found.log_scale - self.log_evidence_nats)

    def _looked_at(self, p: Parameter, interval: tuple[float, float]) -> Floats:
        """The values at which the function of a number is made: bounds, interval, around the present value."""
        bounds = self.numbers.bounds(p)
        step = STEP * (p.value if isinstance(p.number, spec.OddsRatio) else p.value * (1 - p.value))
        values = {*bounds, *interval, p.value - step, p.value, p.value + step}
        if not self.numbers.is_smooth(p):
            values.update(between(p, *bounds, KNOTS).tolist())
        return np.array(sorted(v for v in values if bounds[0] <= v <= bounds[1]))


def between(p: Parameter, low: float, high: float, count: int) -> Floats:
    """(count,) values strictly between two, evenly spaced in the logit of a probability, the logarithm of a ratio."""
    if isinstance(p.number, spec.OddsRatio):
        return np.geomspace(low, high, count + 2)[1:-1]
    x = np.linspace(logit(low), logit(high), count + 2)[1:-1]
    values: Floats = 1 / (1 + np.exp(-x))
    return values


def _merged(known: tuple[Floats, Floats], more: tuple[Floats, Floats] | None) -> tuple[Floats, Floats]:
    """Values, rising, and the joints there."""
    if more is None:
        return known
    values, joints = np.concatenate([known[0], more[0]]), np.concatenate([known[1], more[1]], axis=1)
    order = np.argsort(values, kind="stable")
    return values[order], joints[:, order]


def _curve(p: Parameter, values: Floats, joints: tuple[Floats, Floats], interval: tuple[float, float]) -> Curve:
    """The function of a number from its values, which hold the present one, and the joints there and now."""
    found, now = np.array(joints[0]), int(np.argmin(np.abs(values - p.value)))
    found[:, now] = joints[1]
    interval = max(interval[0], float(values[0])), min(interval[1], float(values[-1]))
    low, high = max(now - 1, 0), min(now + 1, len(values) - 1)
    slope = (found[:, high] - found[:, low]) / (values[high] - values[low])
    tolerance = LINEAR_WITHIN * np.abs(found).max(axis=1, keepdims=True)
    straight = (np.abs(found[:, [now]] + slope[:, None] * (values - p.value) - found) <= tolerance).all(axis=0)
    bent = np.flatnonzero(~straight)
    first = int(max([k for k in bent if k < now], default=-1)) + 1
    last = int(min([k for k in bent if k > now], default=len(values))) - 1
    if last - first >= 3:
        slope = (found[:, last] - found[:, first]) / (values[last] - values[first])
    return Curve(p, values, found, now, slope, (float(values[first]), float(values[last])), interval)
