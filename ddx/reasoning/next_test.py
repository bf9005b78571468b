"""What should be looked for next? Every finding not yet asked, by how much its answer would tell about the diseases.

    I(F; D | e) = sum over f, d of P(f, d | e) log2 [P(f, d | e) / (P(f | e) P(d | e))]      (bits)

Of several diseases the information about each is added up, each disease by itself: what they tell about one another
is counted with both. One lane for the evidence and one for each state of each disease give P(f | e, d) of every finding
at once (no lane for any outcome of a test). By the martingale property the expected posterior is the present one, so a
test cannot be expected to rule in or out: `rule_in` ranks by the highest probability that an outcome can lead to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.errors import ImpossibleEvidence
from ddx.knowledge.lexicon import Entry
from ddx.knowledge.spec import TIERS, Attribute
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.differential import listed
from ddx.reasoning.lanes import Lanes
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.understanding import State, Understood

Floats = npt.NDArray[np.float64]

SEEN = 0.001  # outcomes at least this probable count for what a test could change, and so for the stopping rule
LIKELY = 0.01  # outcomes at least this probable are followed by a plan, and can rule in or out
SHIFT = 0.05  # a test is worth while if an outcome moves a disease by so much
COST_LIMIT = 50.0
NEGLIGIBLE_BITS = 1e-9


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be learnt: about which diseases, to rule one in or out, at what cost at most, how far ahead."""

    focus: tuple[Entry, ...] = ()  # all where empty
    purpose: str = "information"  # information | rule_in | rule_out
    by_cost: bool = False
    cost_limit: float = COST_LIMIT
    tier: str | None = None
    plan: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer of a test: its probability, and every disease asked about after it."""

    state: str
    probability: float
    posteriors: dict[str, float]


@dataclass(frozen=True, slots=True)
class Test:
    """One finding that could be asked for."""

    finding: str
    label: str
    tier: str
    cost: float
    mandatory: bool
    information_bits: float
    outcomes: tuple[Outcome, ...]
    moves: tuple[str, float, float, float]  # the disease it can move most: id, now, lowest, highest

    @property
    def per_cost(self) -> float:
        """Bits for each unit of cost."""
        return self.information_bits / self.cost if self.cost > 0 else self.information_bits

    @property
    def shift(self) -> float:
        """The largest change of a probability that a likely outcome brings."""
        _, now, low, high = self.moves
        return max(now - low, high - now)


@dataclass(frozen=True, slots=True)
class Step:
    """A test of a plan, and what to do after each of its likely outcomes; a missing step says stop."""

    finding: str
    information_bits: float
    after: tuple[tuple[str, float, Step | None], ...]  # state, probability, next step


@dataclass(frozen=True, slots=True)
class NextTests(Shown):
    """The answer of `next`: tests in order, mandatory ones first; `stop` where nothing affordable moves anything."""

    basis: Basis
    aim: Aim
    now: dict[str, float]
    entropy_bits: float  # the sum of the entropies of the diseases asked about: no test can tell more
    tests: tuple[Test, ...]
    plan: Step | None
    stop: bool

    @property
    def headline(self) -> str:
        if not self.tests:
            return "Nothing is left to ask."
        return f"Next: {self.tests[0].label} ({self.tests[0].information_bits:.3f} bits)"

    @property
    def bars(self) -> tuple[Bar, ...]:
        return tuple(Bar(t.label, t.information_bits, f"{t.information_bits:.3f} bits") for t in self.tests[:15])

    @property
    def result_sha256(self) -> str:
        aim = self.aim
        focus: list[Plain] = [e.id for e in aim.focus]
        options: dict[str, Plain] = {"focus": focus, "purpose": aim.purpose, "by_cost": aim.by_cost, "plan": aim.plan}
        return self.basis.result_sha256("next", {**options, "cost_limit": aim.cost_limit, "tier": aim.tier})

    def body(self) -> dict[str, Plain]:
        return {
            "now": dict(self.now),
            "entropy_bits": self.entropy_bits,
            "stop": self.stop,
            "tests": [_plain(t) for t in self.tests],
            "plan": _plan_plain(self.plan),
        }


def next_tests(network: Network, model: Model, understood: Understood, aim: Aim | None = None) -> NextTests:
    """Every finding not yet asked, best first. ImpossibleEvidence where the findings cannot occur together."""
    wanted = aim or Aim()
    looked = _Look(network, model, understood, wanted)
    tests = looked.tests(understood.evidence)
    stop = not any(t.shift >= SHIFT and t.cost <= wanted.cost_limit for t in tests)
    plan = looked.plan(understood.evidence, wanted.plan) if wanted.plan > 0 else None
    return NextTests(
        basis_of(network, understood, looked.log_evidence_nats),
        wanted,
        looked.now,
        looked.entropy_bits,
        tuple(tests),
        plan,
        stop,
    )


def information_bits(joint: Floats) -> float:
    """Mutual information of a joint distribution (one, other), in bits: between 0 and the entropy of either."""
    rows, columns = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    positive = joint > 0
    ratio = joint[positive] / (rows * columns)[positive]
    return max(0.0, float(joint[positive] @ np.log2(ratio)))


def entropy_bits(distribution: Floats) -> float:
    """The entropy of a distribution, in bits."""
    positive = distribution[distribution > 0]
    return max(0.0, -float(positive @ np.log2(positive)))


class _Look:
    """One look ahead: the joint of every disease with every finding, given some evidence."""

    def __init__(self, network: Network, model: Model, understood: Understood, aim: Aim) -> None:
        self.network, self.model, self.aim = network, model, aim
        self.entries = aim.focus or listed(network, model)
        self.closed = {*understood.unknown, *understood.context}
        self.groups = [_grouping(model, node, self.entries) for node in dict.fromkeys(e.node for e in self.entries)]
        self.now: dict[str, float] = {}
        self.entropy_bits = self.log_evidence_nats = 0.0

    def tests(self, evidence: dict[str, State], *, keep: bool = True) -> list[Test]:
        """Every test given this evidence, best first; `keep` records where things stand."""
        base = self.model.likelihood(evidence)
        joints, log_evidence = self._joints(base)
        if np.isneginf(log_evidence):
            self.model.posteriors(evidence)  # raises, and names a smallest impossible set
            raise ImpossibleEvidence(evidence)
        now = self._present([j.sum(axis=1) for j, _ in joints])
        if keep:
            self.now, self.log_evidence_nats = now, log_evidence
            self.entropy_bits = sum(entropy_bits(prior) for _, prior in joints)
        found = [self._test(name, joints, now) for name in self._open(evidence)]
        wanted = [t for t in found if t is not None and self.aim.tier in (None, t.tier)]
        return sorted(wanted, key=lambda t: self._rank(t))

    def _open(self, evidence: dict[str, State]) -> list[str]:
        """Findings not asked yet; what something is like can be asked once it was asked whether it is there."""
        spec = self.network.spec
        if spec is None:
            return [a for a in self.network.lexicon.askables if a not in evidence and a not in self.closed]
        left = []
        for name in self.network.lexicon.askables:
            known = name in evidence or name in self.closed
            if name in spec.findings and name in self.model.offsets and not known:
                model = spec.findings[name].model
                gates = model.gate if isinstance(model, Attribute) else {}
                if all(gate in evidence for gate in gates if gate in spec.findings):
                    left.append(name)
        return left

    def plan(self, evidence: dict[str, State], depth: int) -> Step | None:
        """The best affordable test, and after each likely outcome the best one then; None says stop."""
        affordable = [t for t in self.tests(evidence, keep=False) if t.cost <= self.aim.cost_limit and t.shift >= SHIFT]
        if not affordable or depth == 0:
            return None
        best = affordable[0]
        likely = [o for o in best.outcomes if o.probability >= LIKELY]
        after = [(o.state, o.probability, self.plan({**evidence, best.finding: o.state}, depth - 1)) for o in likely]
        return Step(best.finding, best.information_bits, tuple(after))

    def _joints(self, base: Floats) -> tuple[list[tuple[Floats, Floats]], float]:
        """For each disease (groups of states, all states) P(group, state | e), and P(group | e); log P(e)."""
        lanes = Lanes(self.model)
        lanes.add_column(base)
        first = lanes.run()
        whole = first.marginals[:, 0]
        columns, held = [], []
        for of_state, count in self.groups:
            node = [int(i) for i in np.flatnonzero(of_state >= 0)]
            prior = np.array([whole[[i for i in node if of_state[i] == g]].sum() for g in range(count)])
            likeliest = int(np.argmax(prior))
            mine = [g for g in range(count) if g != likeliest]
            columns += [base * ((of_state < 0) | (of_state == g)) for g in mine]
            held.append((prior, likeliest, mine))
        marginals = self.model.lanes(np.stack(columns, axis=1)).marginals if columns else np.zeros((len(whole), 0))
        joints, at = [], 0
        for prior, likeliest, mine in held:
            joint = np.empty((len(prior), len(whole)))
            for g in mine:
                joint[g] = marginals[:, at] * prior[g]
                at += 1
            joint[likeliest] = np.maximum(whole - joint[mine].sum(axis=0), 0.0)  # the rest, of the likeliest
            joints.append((joint, prior))
        return joints, float(first.log_evidence_nats[0])

    def _present(self, groups: Sequence[Floats]) -> dict[str, float]:
        """P(each entry present) from the sums over one node's states, all nodes summing alike."""
        total = groups[0].sum() if groups else 1.0
        found = {}
        for k, weights in enumerate(groups):
            for e, chosen in self._places(k):
                found[e.id] = float(weights[chosen].sum() / total)
        return found

    def _places(self, k: int) -> list[tuple[Entry, list[int]]]:
        """The entries of one disease node, and its groups of states in which each is present."""
        of_state, _ = self.groups[k]
        first = int(np.argmax(of_state >= 0))
        node = self.model.nodes[int(np.searchsorted(self.model.structure.node_start, first, "right")) - 1]
        span, labels = self.model.offsets[node], self.model.states[node]
        found = []
        for e in self.entries:
            if e.node == node:
                states = [span.start + i for i, s in enumerate(labels) if s in e.states]
                found.append((e, sorted({int(of_state[i]) for i in states})))
        return found

    def _test(self, name: str, joints: Sequence[tuple[Floats, Floats]], now: dict[str, float]) -> Test | None:
        span, labels = self.model.offsets[name], self.model.states[name]
        bits = sum(information_bits(joint[:, span]) for joint, _ in joints)
        if bits < NEGLIGIBLE_BITS:
            return None
        outcomes = []
        for i, state in enumerate(labels):
            probability = float(joints[0][0][:, span.start + i].sum())
            if probability > 0:
                after = self._present([joint[:, span.start + i] for joint, _ in joints])
                outcomes.append(Outcome(state, probability, after))
        block = self.network.spec.findings.get(name) if self.network.spec else None
        made = Test(
            name, self.network.lexicon.askables[name].label, block.tier if block else "history",
            block.cost if block else 1.0, block.mandatory if block else False, bits, tuple(outcomes), ("", 0, 0, 0),
        )  # fmt: skip
        return replace(made, moves=_moved_most(made, now))

    def _rank(self, t: Test) -> tuple[float, ...]:
        first = 0.0 if t.mandatory else 1.0
        if self.aim.purpose == "information":
            return first, -(t.per_cost if self.aim.by_cost else t.information_bits)
        aimed = self.aim.focus[0].id
        reached = [o.posteriors[aimed] for o in t.outcomes if o.probability >= LIKELY]
        best = max(reached, default=0.0) if self.aim.purpose == "rule_in" else -min(reached, default=1.0)
        return first, -round(best, 9), -t.information_bits


def _grouping(model: Model, node: str, entries: Sequence[Entry]) -> tuple[npt.NDArray[np.int64], int]:
    """(states,) which group a state of the node is in, -1 for other nodes; states with the same entries are one."""
    span, labels = model.offsets[node], model.states[node]
    meant = [frozenset(e.id for e in entries if e.node == node and s in e.states) for s in labels]
    kinds = list(dict.fromkeys(meant))
    of_state = np.full(model.layout.total, -1, dtype=np.int64)
    of_state[span] = [kinds.index(m) for m in meant]
    return of_state, len(kinds)


def _moved_most(test: Test, now: dict[str, float]) -> tuple[str, float, float, float]:
    """The disease that an outcome can move most: its id, and its probability now, at lowest, at highest."""
    seen = [o.posteriors for o in test.outcomes if o.probability >= SEEN]
    best = ("", 0.0, 0.0, 0.0)
    for disease, here in now.items():
        low, high = min((p[disease] for p in seen), default=here), max((p[disease] for p in seen), default=here)
        if max(here - low, high - here) > max(best[1] - best[2], best[3] - best[1]) or not best[0]:
            best = disease, here, low, high
    return best


def _plain(t: Test) -> Plain:
    return {
        "finding": t.finding,
        "label": t.label,
        "tier": t.tier,
        "cost": t.cost,
        "mandatory": t.mandatory,
        "information_bits": t.information_bits,
        "per_cost": t.per_cost,
        "outcomes": [
            {"state": o.state, "probability": o.probability, "posteriors": dict(o.posteriors)} for o in t.outcomes
        ],
    }


def _plan_plain(step: Step | None) -> Plain:
    if step is None:
        return None
    after: list[Plain] = [{"state": s, "probability": p, "next": _plan_plain(n)} for s, p, n in step.after]
    return {"finding": step.finding, "information_bits": step.information_bits, "after": after}


def by_tier(tests: Sequence[Test]) -> dict[str, list[Test]]:
    """Tests by tier, bedside before laboratory before imaging before biopsy, each in its order."""
    return {tier: own for tier in TIERS if (own := [t for t in tests if t.tier == tier])}
