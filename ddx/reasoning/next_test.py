"""What should be looked for next? Every finding not yet asked, by how much its answer would tell about the diseases.

    I(F; D | e) = sum over f, d of P(f, d | e) log2 [P(f, d | e) / (P(f | e) P(d | e))]      (bits)

Of several diseases the information about each is added up, each disease by itself: what they tell about one another
is counted with both. One lane for the evidence and one for each state of each disease give P(f | e, d) of every finding
at once (no lane for any outcome of a test). By the martingale property the expected posterior is the present one, so no
test is expected to rule in or out: `rule_in` ranks by the highest probability that an outcome can lead to. Taking the
best test step by step is myopic; `plan` looks ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.errors import ImpossibleEvidence
from ddx.knowledge.lexicon import Entry
from ddx.knowledge.spec import TIERS
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.differential import listed
from ddx.reasoning.information import entropies_bits, groupings, information_bits, summing
from ddx.reasoning.lanes import places
from ddx.reasoning.plan import Candidate, Plan, Rules, fitting, open_findings, planned
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.understanding import State, Understood

Floats = npt.NDArray[np.float64]

SEEN = 0.001  # outcomes at least this probable count for what a test could change, and so for the stopping rule
LIKELY = 0.01  # outcomes at least this probable can rule in or out, and are followed to find a plan
SHIFT = 0.05  # a test is worth while if an outcome moves a disease by so much
COST_LIMIT = 50.0
NEGLIGIBLE_BITS = 1e-9
BEDSIDE = ("history", "exam")


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be learnt: about which diseases, to rule one in or out, at what cost at most, how far ahead."""

    focus: tuple[Entry, ...] = ()  # all where empty
    purpose: str = "information"  # information | rule_in | rule_out
    by_cost: bool = False
    cost_limit: float = COST_LIMIT
    tier: str | None = None
    plan: int = 0
    price_bits: float = 0.0  # what a unit of cost must earn in a plan


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
class NextTests(Shown):
    """The answer of `next`: tests in order, mandatory ones first, whatever they tell and cost."""

    basis: Basis
    aim: Aim
    now: dict[str, float]
    entropy_bits: float  # the sum of the entropies of the diseases asked about: no test can tell more
    tests: tuple[Test, ...]
    plan: Plan | None

    def within(self, test: Test) -> bool:
        """Whether a test costs no more than the limit."""
        return test.cost <= self.aim.cost_limit

    @property
    def recommended(self) -> Test | None:
        """The first test within the limit."""
        return next(filter(self.within, self.tests), None)

    @property
    def mandatory(self) -> tuple[Test, ...]:
        """What is always asked and still open."""
        return tuple(t for t in self.tests if t.mandatory)

    @property
    def excluded(self) -> tuple[Entry, ...]:
        """Diseases asked about by name that the case makes impossible: no test bears on them."""
        return tuple(e for e in self.aim.focus if self.now[e.id] == 0)

    @property
    def worth_while(self) -> tuple[Test, ...]:
        """Tests within the limit that could move a disease by SHIFT."""
        return tuple(t for t in self.tests if t.shift >= SHIFT and self.within(t))

    @property
    def stop(self) -> bool:
        """Whether nothing within the limit moves anything, and all that is always asked has been."""
        return not self.worth_while and not self.mandatory

    @property
    def headline(self) -> str:
        if not self.tests:
            return "Nothing is left to ask."
        best = self.recommended
        if best is None:
            return "Nothing within the limit is left to ask."
        return f"Next: {best.label} ({best.information_bits:.3f} bits)"

    @property
    def bars(self) -> tuple[Bar, ...]:
        return tuple(Bar(t.label, t.information_bits, f"{t.information_bits:.3f} bits") for t in self.tests[:15])

    @property
    def result_sha256(self) -> str:
        aim = self.aim
        focus: list[Plain] = [e.id for e in aim.focus]
        options: dict[str, Plain] = {"focus": focus, "purpose": aim.purpose, "by_cost": aim.by_cost, "tier": aim.tier}
        plan: dict[str, Plain] = {"plan": aim.plan, "price_bits": aim.price_bits}
        return self.basis.result_sha256("next", {**options, **plan, "cost_limit": aim.cost_limit})

    def body(self) -> dict[str, Plain]:
        return {
            "now": dict(self.now),
            "entropy_bits": self.entropy_bits,
            "stop": self.stop,
            "recommended": self.recommended.finding if self.recommended is not None else None,
            "tests": [_plain(t, self.within(t)) for t in self.tests],
            "plan": self.plan.body() if self.plan is not None else None,
        }


def next_tests(network: Network, model: Model, understood: Understood, aim: Aim | None = None) -> NextTests:
    """Every finding not yet asked, best first. ImpossibleEvidence where the findings cannot occur together."""
    wanted = aim or Aim()
    look = _Look(network, model, understood, wanted)
    seen = look.seen(understood.evidence)
    tests = look.tests(understood.evidence, seen)
    return NextTests(
        basis_of(network, understood, seen.log_evidence_nats),
        wanted,
        dict(zip(look.ids, seen.now.tolist(), strict=True)),
        seen.entropy_bits,
        tuple(tests),
        look.plan(understood.evidence, seen) if wanted.plan > 0 else None,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is to be seen from some evidence; entries as in `_Look.entries`."""

    log_evidence_nats: float
    now: Floats  # (entries,) P(entry | e)
    entropy_bits: float
    whole: Floats  # (states,) P(state | e)
    after: Floats  # (entries, states) P(entry | e, state)
    bits: dict[str, float]  # of each node


class _Look:
    """Looks ahead from some evidence: the joint of every disease with every finding."""

    def __init__(self, network: Network, model: Model, understood: Understood, aim: Aim) -> None:
        self.network, self.model, self.aim = network, model, aim
        self.entries = aim.focus or listed(network, model)
        self.ids = [e.id for e in self.entries]
        self.closed = {*understood.unknown, *understood.context}
        self.groups = groupings(model, self.entries)
        self.sums = summing(self.groups, model.layout.spans)  # (groups, states)
        own = np.zeros((len(self.entries), model.layout.total))
        for k, e in enumerate(self.entries):
            own[k, list(places(model, e)[0])] = 1.0
        self.of_groups = (own @ self.sums.T > 0).astype(np.float64)  # (entries, groups)

    def seen(self, evidence: dict[str, State]) -> _Seen:
        """How things stand, and how they would after every state. ImpossibleEvidence where P(evidence) = 0."""
        base = self.model.likelihood(evidence)
        first = self.model.lanes(base[:, None])
        if np.isneginf(first.log_evidence[0]):
            self.model.posteriors(evidence)  # raises, and names a smallest impossible set
            raise ImpossibleEvidence(evidence)
        whole = first.marginals[:, 0]
        prior, joint = self.sums @ whole, self._joint(base, whole)
        starts = self.model.structure.node_start[:-1].tolist()
        bits = information_bits(joint, len(self.groups), starts)
        with np.errstate(divide="ignore", invalid="ignore"):
            after = np.nan_to_num(self.of_groups @ joint / whole)
        return _Seen(
            float(first.log_evidence[0]),
            self.of_groups @ prior,
            float(entropies_bits(prior[:, None])[0]),
            whole,
            np.clip(after, 0.0, 1.0),
            dict(zip(self.model.nodes, bits.tolist(), strict=True)),
        )

    def _joint(self, base: Floats, whole: Floats) -> Floats:
        """P(group, state | e) (groups, states): one lane for each group of states but the likeliest of its disease."""
        prior = self.sums @ whole
        joint = np.zeros(self.sums.shape)
        held, rest, first = [], [], 0
        for group in self.groups:
            likeliest = first + int(np.argmax(prior[first : first + group.count]))
            mine = [g for g in range(first, first + group.count) if g != likeliest and prior[g] > 0]
            node = self.model.offsets[group.node]
            for g in mine:
                lane = base.copy()
                lane[node] *= self.sums[g, node]
                held.append((g, lane))
            rest.append((likeliest, mine))
            first += group.count
        if held:
            marginals = self.model.lanes(np.stack([lane for _, lane in held], axis=1)).marginals
            rows = [g for g, _ in held]
            joint[rows] = marginals.T * prior[rows, None]
        for likeliest, mine in rest:
            joint[likeliest] = np.maximum(whole - joint[mine].sum(axis=0), 0.0)  # what the others leave
        return joint

    def tests(self, evidence: dict[str, State], seen: _Seen) -> list[Test]:
        """Every test that can be asked for, best first."""
        found = [self._test(c, seen) for c in self.candidates(evidence) if not c.gates]
        told = [t for t in found if t.mandatory or t.information_bits >= NEGLIGIBLE_BITS]
        return sorted(told, key=self._rank)

    def _test(self, asked: Candidate, seen: _Seen) -> Test:
        name = asked.finding
        span, labels = self.model.offsets[name], self.model.states[name]
        after, odds = seen.after[:, span], seen.whole[span]
        told = [
            Outcome(state, float(odds[i]), dict(zip(self.ids, after[:, i].tolist(), strict=True)))
            for i, state in enumerate(labels)
            if odds[i] > 0
        ]
        return Test(
            name,
            self.network.lexicon.askables[name].label,
            asked.tier,
            asked.cost,
            asked.mandatory,
            seen.bits[name],
            tuple(told),
            self._moves(seen.now, after[:, odds >= SEEN]),
        )

    def _moves(self, now: Floats, after: Floats) -> tuple[str, float, float, float]:
        """The disease that an outcome can move most: its id, and its probability now, at lowest, at highest."""
        if after.shape[1] == 0:
            return self.ids[0], float(now[0]), float(now[0]), float(now[0])
        low, high = np.minimum(now, after.min(axis=1)), np.maximum(now, after.max(axis=1))
        most = int(np.argmax(np.maximum(now - low, high - now)))
        return self.ids[most], float(now[most]), float(low[most]), float(high[most])

    def _rank(self, t: Test) -> tuple[float, ...]:
        first = 0.0 if t.mandatory else 1.0
        if self.aim.purpose == "information":
            return first, -(t.per_cost if self.aim.by_cost else t.information_bits)
        aimed = self.aim.focus[0].id
        end = deciding(t, aimed, self.aim.purpose).posteriors[aimed]
        return first, round(end if self.aim.purpose == "rule_out" else -end, 9), -t.information_bits

    def candidates(self, evidence: Mapping[str, State]) -> list[Candidate]:
        """Every test not asked yet, of the tier that is wanted."""
        found = open_findings(self.network, self.model, evidence, self.closed)
        return [c for c in found if self.aim.tier in (None, c.tier)]

    def plan(self, evidence: dict[str, State], seen: _Seen) -> Plan:
        """The best plan of the shortlisted affordable tests."""
        every = [c for c in self.candidates(evidence) if c.cost <= self.aim.cost_limit]
        depth = self.aim.plan
        if fitting(self._states(every), depth) < len(every):
            first = list(dict.fromkeys(self._one_at_a_time(evidence, seen)))
            rank = {name: k for k, name in enumerate(first)}
            every.sort(
                key=lambda c: (
                    not c.mandatory,
                    rank.get(c.finding, len(rank)),
                    bool(c.gates),
                    -self._worth(c, seen),
                )
            )
        chosen = every[: fitting(self._states(every), depth)]
        rules = Rules(depth, self.aim.price_bits, SHIFT, SEEN)
        first_step, expected = planned(self.model, evidence, self.entries, chosen, rules)
        (bits, cost), (one_at_a_time, _) = expected.tolist()
        return Plan(depth, first_step, bits, one_at_a_time, cost, tuple(c.finding for c in chosen), len(every))

    def _states(self, candidates: Sequence[Candidate]) -> list[int]:
        return [len(self.model.states[c.finding]) for c in candidates]

    def _worth(self, asked: Candidate, seen: _Seen) -> float:
        return seen.bits[asked.finding] - self.aim.price_bits * asked.cost

    def _one_at_a_time(self, evidence: dict[str, State], seen: _Seen) -> Iterator[str]:
        """What taking the best test step by step asks for, after every likely answer, the first steps first."""
        standing = [(evidence, seen)]
        for step in range(self.aim.plan):
            following = []
            for known, here in standing:
                affordable = [c for c in self.candidates(known) if not c.gates and c.cost <= self.aim.cost_limit]
                if affordable:
                    best = max(affordable, key=lambda c: (c.mandatory, self._worth(c, here))).finding
                    yield best
                    odds = here.whole[self.model.offsets[best]]
                    following += [
                        {**known, best: s} for s, p in zip(self.model.states[best], odds, strict=True) if p >= LIKELY
                    ]
            if step + 1 < self.aim.plan:
                standing = [(known, self.seen(known)) for known in following]


def deciding(test: Test, disease: str, purpose: str) -> Outcome:
    """The outcome by which a test can rule a disease in or out best, among those that are not too rare.

    To rule in: at least LIKELY among patients with the disease, however rare the disease itself. To rule out: at least
    LIKELY among all such patients. The likeliest of all where none is.
    """
    now = sum(o.probability * o.posteriors[disease] for o in test.outcomes)
    if purpose == "rule_in":
        likely = [o for o in test.outcomes if o.probability * o.posteriors[disease] >= LIKELY * now]
        return max(likely or test.outcomes, key=lambda o: o.posteriors[disease])
    likely = [o for o in test.outcomes if o.probability >= LIKELY] or list(test.outcomes)
    return min(likely, key=lambda o: o.posteriors[disease])


def _plain(t: Test, within: bool) -> Plain:
    return {
        "finding": t.finding,
        "label": t.label,
        "tier": t.tier,
        "cost": t.cost,
        "within_limit": within,
        "mandatory": t.mandatory,
        "information_bits": t.information_bits,
        "per_cost": t.per_cost,
        "outcomes": [
            {"state": o.state, "probability": o.probability, "posteriors": dict(o.posteriors)} for o in t.outcomes
        ],
    }


def by_tier(tests: Sequence[Test]) -> dict[str, list[Test]]:
    """Tests by tier, bedside before laboratory before imaging before biopsy, each in its order."""
    return {tier: own for tier in TIERS if (own := [t for t in tests if t.tier == tier])}
