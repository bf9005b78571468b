"""Which tests, one after the other, and which after which answer? A plan that looks all the way ahead.

    V(h, n) = max(0, max over t of  sum over o of P(o | h) [H(h) - H(h, t=o) + V(h and t=o, n - 1)] - price x cost(t))

with H(h) the entropies of the diseases asked about, added up, after the answers h (expectimax over a finite horizon;
Heckerman, Horvitz & Middleton 1993 on why one step is not enough). A test that tells nothing by itself is chosen where
it lets the next one tell much. Nothing is sampled and no plan of the candidates is left out: every set of at most N
answers is one lane. A branch ends where no plan of the steps left moves a disease by `shift` through answers that are
not too rare, or where no test is worth its price. Findings that are always asked come first, whatever they tell: while
one of them can be asked, t runs over those alone, and no branch ends.

Which tests are candidates is the shortlist, and it is told: all of them, if the lanes stay within LANES; otherwise
first those that taking the best test step by step would use, so that the plan is never worse than that, then the ones
that tell most by themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.case_tree import Question, case_tree
from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.knowledge.spec import Attribute
from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.information import entropies_bits, groupings, present_in, summing
from ddx.reasoning.understanding import State

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Answers = tuple[tuple[int, int], ...]  # (candidate, state) of each answer, candidates in order

LANES = 2000  # sets of answers that one plan may look at
EQUAL_BITS = 1e-12
HISTORY = "history"  # the tier of a finding without one
NEVER = -1  # stands for a finding that no plan asks for


@dataclass(frozen=True, slots=True)
class Candidate:
    """A test that a plan may use; `gates` are findings that must have been asked for before it can be.

    One that is `mandatory` is always asked, before all that are not.
    """

    finding: str
    cost: float
    gates: tuple[str, ...] = ()
    tier: str = HISTORY
    mandatory: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """How far ahead, what a unit of cost must earn, and what is worth following."""

    depth: int
    price_bits: float = 0.0
    shift: float = 0.0  # a branch ends where no disease can be moved by so much,
    seen: float = 0.0  # by answers at least this probable each


@dataclass(frozen=True, slots=True)
class Branch:
    """An answer, its probability when the test is made, and what to do then; a missing step says stop."""

    state: str
    probability: float
    then: Step | None


@dataclass(frozen=True, slots=True)
class Step:
    """A test of a plan: what it tells by itself at this point, and with all that follows, less its price."""

    finding: str
    information_bits: float
    worth_bits: float
    after: tuple[Branch, ...]
    mandatory: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The best plan of `considered`; `information_bits` and `cost` are expected, the price is not taken off.

    `one_at_a_time_bits` is what taking the best of the same tests step by step is expected to tell.
    """

    depth: int
    first: Step | None
    information_bits: float
    one_at_a_time_bits: float
    cost: float
    considered: tuple[str, ...]
    open: int  # tests that could have been considered

    def body(self) -> dict[str, Plain]:
        """For programs."""
        return {
            "depth": self.depth,
            "information_bits": self.information_bits,
            "one_at_a_time_bits": self.one_at_a_time_bits,
            "cost": self.cost,
            "considered": list(self.considered),
            "open": self.open,
            "first": _plain(self.first),
        }


def open_findings(network: Network, model: Model, known: Collection[str], closed: Collection[str]) -> list[Candidate]:
    """Every finding that is not known; what something is like waits until it is known whether it is there.

    `closed` are findings that are not known and cannot be asked for (again).
    """
    spec = network.spec
    found = []
    for name in network.lexicon.askables:
        block = spec.findings.get(name) if spec else None
        if name in known or name in closed or name not in model.offsets or (spec is not None and block is None):
            continue
        gates = block.model.gate if block and isinstance(block.model, Attribute) else {}
        waiting = tuple(g for g in gates if spec and g in spec.findings and g not in known)
        asked = Candidate(name, 1.0, waiting)
        if block is not None:
            asked = Candidate(name, block.cost, waiting, block.tier, block.mandatory)
        found.append(asked)
    return found


def fitting(states: Sequence[int], depth: int, most: int = LANES) -> int:
    """How many of the candidates, with so many states each, can be looked at together."""
    sizes = [1.0] + [0.0] * depth  # the sets of 0, 1, ... answers
    for count, own in enumerate(states):
        for k in range(depth, 0, -1):
            sizes[k] += sizes[k - 1] * own
        if sum(sizes) > most:
            return count
    return len(states)


def planned(
    model: Model,
    evidence: Mapping[str, State],
    entries: Sequence[Entry],
    candidates: Sequence[Candidate],
    rules: Rules,
) -> tuple[Step | None, Floats]:
    """The best first step, and (plan, one at a time) of what each is expected to tell in bits and to cost, (2, 2).

    `evidence` is what is known. Exact over all plans of at most `rules.depth` candidates.
    """
    tree = _Tree(model, evidence, entries, candidates, rules)
    return tree.step(()), np.array([tree.expected((), myopic=False), tree.expected((), myopic=True)])


class _Tree:
    """Every set of at most N answers with its probability, the entropy after it, and the best thing to do then."""

    def __init__(
        self,
        model: Model,
        evidence: Mapping[str, State],
        entries: Sequence[Entry],
        candidates: Sequence[Candidate],
        rules: Rules,
    ) -> None:
        self.candidates, self.rules = _gates_first(candidates), rules
        self.firsts = [model.offsets[c.finding].start for c in self.candidates]
        self.labels = [model.states[c.finding] for c in self.candidates]
        known = {c.finding: k for k, c in enumerate(self.candidates)}
        self.gates = [tuple(known.get(g, NEVER) for g in c.gates) for c in self.candidates]
        self.probability: dict[Answers, float] = {}  # P(answers | base), of the possible ones
        self.entropy_bits: dict[Answers, float] = {}
        self.present: dict[Answers, Floats] = {}  # (entries,) P(each | base, answers)
        self._look(model, evidence, entries)
        self.best: dict[Answers, int | None] = {}
        self.value_bits: dict[Answers, float] = {}
        self.reach: dict[Answers, tuple[Floats, Floats]] = {}  # lowest and highest P of each entry on the ways on
        for history in sorted(self.probability, key=len, reverse=True):
            self._settle(history)

    def _look(self, model: Model, evidence: Mapping[str, State], entries: Sequence[Entry]) -> None:
        """Look at every possible set of at most N answers, each a lane, all of them together."""
        groups = tuple(tuple({c.finding: s} for s in model.states[c.finding]) for c in self.candidates)
        tree = case_tree(model, Question(evidence, groups, tuple(dict.fromkeys(e.node for e in entries))))
        histories = list(self._histories(model, evidence))
        versions = np.full((len(groups), len(histories)), -1, dtype=np.int64)
        for lane, history in enumerate(histories):
            for test, state in history:
                versions[test, lane] = state
        answers = tree.lanes(np.ones((tree.states, len(histories))), versions)
        rows = [[tree.spans[e.node][0] + i for i in present_in(model, e)] for e in entries]
        present = np.array([answers.marginals[own].sum(axis=0) for own in rows])
        bits = entropies_bits(summing(groupings(model, entries), tree.spans) @ answers.marginals)
        odds = np.exp(answers.log_evidence - answers.log_evidence[0])
        for lane, history in enumerate(histories):
            if odds[lane] > 0:
                self.probability[history], self.entropy_bits[history] = float(odds[lane]), float(bits[lane])
                self.present[history] = present[:, lane]

    def _histories(self, model: Model, evidence: Mapping[str, State]) -> Iterator[Answers]:
        """Sets of answers, the shorter first, of which no two exclude each other; gates before what waits for them."""
        layer: list[Answers] = [()]
        fits = self._fitting_answers(model, evidence) if self.rules.depth > 1 else None
        for size in range(self.rules.depth + 1):
            yield from layer
            if size < self.rules.depth:
                layer = [(*h, answer) for h in layer for answer in self._longer(h, fits)]

    def _longer(self, history: Answers, fits: dict[tuple[int, int], Bools] | None) -> Iterator[tuple[int, int]]:
        """The answers that make a set longer at its end."""
        asked = [test for test, _ in history]
        for test in range(asked[-1] + 1 if asked else 0, len(self.candidates)):
            if all(g in asked for g in self.gates[test]):
                for state in range(len(self.labels[test])):
                    if fits is None or all(fits[h][self.firsts[test] + state] for h in history):
                        yield test, state

    def _fitting_answers(self, model: Model, evidence: Mapping[str, State]) -> dict[tuple[int, int], Bools]:
        """For each answer which states (of all nodes) are possible with it."""
        base = model.likelihood(evidence)
        every = [(test, state) for test, labels in enumerate(self.labels) for state in range(len(labels))]
        lanes = np.repeat(base[:, None], len(every), axis=1)
        for lane, (test, state) in enumerate(every):
            span = model.offsets[self.candidates[test].finding]
            lanes[span, lane] *= np.arange(span.stop - span.start) == state
        return dict(zip(every, (model.lanes(lanes).marginals > 0).T, strict=True))

    def _after(self, history: Answers, test: int) -> list[tuple[int, float, Answers]]:
        """(state, P(state | history), the history with it) of every possible answer to a test."""
        found = []
        for state in range(len(self.labels[test])):
            longer = tuple(sorted((*history, (test, state))))
            if longer in self.probability:
                found.append((state, self.probability[longer] / self.probability[history], longer))
        return found

    def _open(self, history: Answers) -> list[int]:
        """Tests that can be made after these answers; while there are mandatory ones, these alone."""
        if len(history) >= self.rules.depth:
            return []
        asked = {test for test, _ in history}
        tests = [t for t in range(len(self.candidates)) if t not in asked and all(g in asked for g in self.gates[t])]
        return [t for t in tests if self.candidates[t].mandatory] or tests

    def _settle(self, history: Answers) -> None:
        """What is best after these answers, once that is known for every longer history."""
        here = self.present[history]
        low, high = here, here
        worth: dict[int, float] = {}
        for test in self._open(history):
            after = self._after(history, test)
            gained = self.bits(history, after) + sum(p * self.value_bits[longer] for _, p, longer in after)
            worth[test] = gained - self.rules.price_bits * self.candidates[test].cost
            for _, p, longer in after:
                if p >= self.rules.seen:
                    low = np.minimum(low, self.reach[longer][0])
                    high = np.maximum(high, self.reach[longer][1])
        best = self._chosen(worth)
        can_move = float(np.maximum(here - low, high - here).max(initial=0.0)) >= self.rules.shift
        if best is not None and not (can_move or self.candidates[best].mandatory):
            best = None
        self.reach[history] = low, high
        self.best[history] = best
        self.value_bits[history] = 0.0 if best is None else worth[best]

    def _chosen(self, worth: Mapping[int, float]) -> int | None:
        """The test worth most, of equals the cheapest; None where none is worth its price and none is mandatory."""
        most = max(worth.values(), default=0.0)
        if most <= EQUAL_BITS and not any(self.candidates[t].mandatory for t in worth):
            return None
        equal = [t for t, w in worth.items() if w >= most - EQUAL_BITS]
        return min(equal, key=lambda t: (self.candidates[t].cost, t))

    def bits(self, history: Answers, after: Sequence[tuple[int, float, Answers]]) -> float:
        """What one test is expected to tell by itself."""
        return self.entropy_bits[history] - sum(p * self.entropy_bits[h] for _, p, h in after)

    def step(self, history: Answers) -> Step | None:
        """The plan from here on."""
        test = self.best[history]
        if test is None:
            return None
        after = self._after(history, test)
        branches = tuple(Branch(self.labels[test][s], p, self.step(longer)) for s, p, longer in after)
        asked = self.candidates[test]
        return Step(asked.finding, self.bits(history, after), self.value_bits[history], branches, asked.mandatory)

    def expected(self, history: Answers, *, myopic: bool) -> Floats:
        """(bits, cost) expected from here on: of the plan, or of taking the best test step by step."""
        test = self._greedy(history) if myopic else self.best[history]
        if test is None:
            return np.zeros(2)
        after = self._after(history, test)
        own: Floats = np.array([self.bits(history, after), self.candidates[test].cost])
        for _, p, longer in after:
            own += p * self.expected(longer, myopic=myopic)
        return own

    def _greedy(self, history: Answers) -> int | None:
        if self.best[history] is None:
            return None
        price, open_ = self.rules.price_bits, self._open(history)
        own = {t: self.bits(history, self._after(history, t)) for t in open_}
        return self._chosen({t: own[t] - price * self.candidates[t].cost for t in open_})


def _gates_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates in an order in which each stands after its gates."""
    left, found = list(candidates), list[Candidate]()
    while left:
        waiting = {c.finding for c in left}
        ready = [c for c in left if waiting.isdisjoint(c.gates)] or left
        found += ready
        left = [c for c in left if c not in ready]
    return found


def _plain(step: Step | None) -> Plain:
    if step is None:
        return None
    after: list[Plain] = [{"state": b.state, "probability": b.probability, "next": _plain(b.then)} for b in step.after]
    return {
        "finding": step.finding,
        "information_bits": step.information_bits,
        "worth_bits": step.worth_bits,
        "mandatory": step.mandatory,
        "after": after,
    }
