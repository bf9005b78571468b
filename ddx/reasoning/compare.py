"""What separates two diseases? Every finding by how much better one of them accounts for it than the other.

    asked       log P(chain | D1 without D2) / P(chain | D2 without D1), on its own (against age and sex) and given all
                else; above 0 it speaks for the first
    not asked   the expected weight of evidence between the two, half of it under either (Jeffreys), in bits, and the
                answer that speaks most for each

Where the two are states of one node they exclude each other anyway. Findings with which only one of the two is possible
(or neither alone) have no such weight: what the others weigh is told with these left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.chains import chains
from ddx.reasoning.explain import chain_told, source_of
from ddx.reasoning.graph import parents_in
from ddx.reasoning.grounds import Grounds, Quoted, citations
from ddx.reasoning.lanes import Lanes
from ddx.reasoning.numbers import Parameter
from ddx.reasoning.odds import held, log_odds_between
from ddx.reasoning.plan import open_findings
from ddx.reasoning.settled import settling
from ddx.reasoning.shown import Bar, Shown, chance, signed
from ddx.reasoning.understanding import Understood

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

LN10 = math.log(10)
NEGLIGIBLE_BITS = 1e-6
LEAST = 1e-12  # what is less probable counts as this probable where expected weights are added up


@dataclass(frozen=True, slots=True)
class Asked:
    """A chain of the case: the weight of evidence for the first disease against the second, in nats.

    A weight is None where it does not exist, as that of what settles the question. `numbers` are those by which the
    first and the second disease bear on it, `quoted` what the first of each say of what was observed.
    """

    findings: tuple[str, ...]
    alone_nats: float | None
    given_rest_nats: float | None
    settles: bool = False
    numbers: tuple[tuple[Parameter, ...], tuple[Parameter, ...]] = ((), ())
    quoted: tuple[Quoted | None, Quoted | None] = (None, None)

    @property
    def strength_nats(self) -> float:
        """The size of its weight given all else; infinite where it settles the question."""
        return math.inf if self.settles else abs(self.given_rest_nats or 0.0)


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A finding not yet asked for: what it is expected to tell, and which answer speaks for which disease.

    The logarithm is None where the answer is impossible with one of the two, and settles it.
    """

    finding: str
    cost: float
    information_bits: float
    for_first: tuple[str, float | None]  # state, log10 of P(state | first) / P(state | second)
    for_second: tuple[str, float | None]  # state, the same logarithm (below 0)


@dataclass(frozen=True, slots=True)
class Comparison(Shown):
    """The answer of `compare`: what was asked and what was not, best separating first."""

    basis: Basis
    first: Entry
    second: Entry
    posteriors: tuple[float, float]
    both: float
    log_odds_nats: float | None  # first without second against second without first; None where one is impossible
    possible: tuple[bool, bool]  # the first without the second, the second without the first
    asked: tuple[Asked, ...]
    not_asked: tuple[NotAsked, ...]
    citations: Mapping[str, str]  # of the sources that the numbers name
    states: tuple[str | None, str | None] = (None, None)  # the one form of each that was asked about, where it was one

    @property
    def exclusive(self) -> bool:
        """Whether they are states of one node, so that nobody has both."""
        return self.first.node == self.second.node and set(self.first.states).isdisjoint(self.second.states)

    @property
    def excluded(self) -> tuple[Entry, ...]:
        """Which of the two the case excludes."""
        pairs = zip((self.first, self.second), self.posteriors, strict=True)
        return tuple(entry for entry, p in pairs if p == 0)

    @property
    def settling(self) -> tuple[Asked, ...]:
        """The chains by which the question is settled."""
        return tuple(a for a in self.asked if a.settles)

    @property
    def ahead(self) -> tuple[Entry, Entry] | None:
        """The more probable one, and the other; None where the odds do not exist."""
        if self.log_odds_nats is None:
            return None
        return (self.first, self.second) if self.log_odds_nats >= 0 else (self.second, self.first)

    @property
    def odds(self) -> float | None:
        """How many times as probable the one ahead is without the other as the other way round; at most e^50."""
        return None if self.log_odds_nats is None else math.exp(min(abs(self.log_odds_nats), 50.0))

    @property
    def headline(self) -> str:
        here, there = self.posteriors
        told = f"{self.first.label} {chance(here)} or {self.second.label} {chance(there)}?"
        return f"{told} Weights as log10 of the odds between them, above 0 for the first"

    @property
    def columns(self) -> tuple[str, ...]:
        return "on its own", "given all else"

    @property
    def bars(self) -> tuple[Bar, ...]:
        said = self.basis.understood.evidence
        return tuple(
            Bar(
                chain_told(a.findings[0], said, len(a.findings)),
                (a.alone_nats or 0.0) / LN10,
                _weight_told(a.alone_nats),
                ((a.given_rest_nats or 0.0) / LN10, _weight_told(a.given_rest_nats)),
            )
            for a in self.asked
        )

    @property
    def result_sha256(self) -> str:
        options: dict[str, Plain] = {"first": self.first.id, "second": self.second.id, "states": list(self.states)}
        return self.basis.result_sha256("compare", options)

    def body(self) -> dict[str, Plain]:
        asked: list[Plain] = [
            {
                "finding": a.findings[0],
                "group": list(a.findings),
                "asked": True,
                "settles": a.settles,
                "alone_log10": _log10(a.alone_nats),
                "given_rest_log10": _log10(a.given_rest_nats),
                "sources": {
                    entry.id: [source_of(p) for p in own]
                    for entry, own in zip((self.first, self.second), a.numbers, strict=True)
                },
            }
            for a in self.asked
        ]
        open_: list[Plain] = [
            {
                "finding": n.finding,
                "asked": False,
                "cost": n.cost,
                "information_bits": n.information_bits,
                "for_first": {"state": n.for_first[0], "log10": n.for_first[1]},
                "for_second": {"state": n.for_second[0], "log10": n.for_second[1]},
            }
            for n in self.not_asked
        ]
        return {
            "first": {"disease": self.first.id, "posterior": self.posteriors[0]},
            "second": {"disease": self.second.id, "posterior": self.posteriors[1]},
            "both": self.both,
            "log10_odds": _log10(self.log_odds_nats),
            "states": list(self.states),
            "settled_by": [a.findings[0] for a in self.settling],
            "discriminators": [*asked, *open_],
            "citations": dict(self.citations),
        }


def compare(network: Network, model: Model, understood: Understood, pair: tuple[Entry, Entry]) -> Comparison:
    """What separates two diseases. ImpossibleEvidence where the findings cannot occur together."""
    belief = model.posteriors(understood.evidence)
    first, second = pair
    one = held(model, first, present=True) * held(model, second, present=False)
    other = held(model, second, present=True) * held(model, first, present=False)
    parents = parents_in(model)
    grouped = chains(network, parents, [u.finding for u in understood.findings])
    weighed, odds = _asked(model, understood, grouped, (one, other))
    grounds = Grounds(network, parents)
    asked = tuple(_founded(grounds, pair, a, understood) for a in weighed)
    whole = model.likelihood(understood.evidence)
    lanes = Lanes(model)
    both = lanes.add_column(whole * held(model, first, present=True))
    given_first = lanes.run().present([second])[0, both]
    here, there = (sum(belief[e.node][s] for s in e.states) for e in pair)
    return Comparison(
        basis_of(network, understood, belief.log_evidence),
        first,
        second,
        (here, there),
        float(given_first) * here,
        odds if math.isfinite(odds) else None,
        (odds > -math.inf, odds < math.inf),
        asked,
        _not_asked(network, model, understood, (whole * one, whole * other)),
        citations(network, (p for a in asked for own in a.numbers for p in own)),
    )


def _founded(grounds: Grounds, pair: tuple[Entry, Entry], asked: Asked, understood: Understood) -> Asked:
    """A chain with the numbers of each disease for it; none where the disease does not bear on it."""
    chain, said = asked.findings, understood.evidence
    first, second = (grounds.below([e], chain, said) if grounds.bears(e, chain) else () for e in pair)
    quoted = grounds.quoted(first, chain, said), grounds.quoted(second, chain, said)
    return replace(asked, numbers=(first, second), quoted=quoted)


def _asked(
    model: Model, understood: Understood, grouped: Sequence[tuple[str, ...]], between: tuple[Floats, Floats]
) -> tuple[tuple[Asked, ...], float]:
    """What every chain weighs, strongest first, and the log odds between the two, not finite where that is settled."""
    evidence, count = understood.evidence, len(grouped)

    def value(inside: Bools) -> Floats:
        """Log odds between the two for subsets of the chains (subsets, chains), not finite where they are settled."""
        entered = [[f for k, chain in enumerate(grouped) if row[k] for f in chain] for row in inside]
        columns = [model.likelihood({**understood.patient, **{f: evidence[f] for f in own}}) for own in entered]
        return log_odds_between(model, columns, *between)

    settled = settling(value, count)
    kept = np.ones(count, dtype=bool)
    kept[list(settled or ())] = False
    one = np.eye(count, dtype=bool)
    none, every = np.zeros((1, count), dtype=bool), np.ones((1, count), dtype=bool)
    odds = value(np.concatenate([none, every, kept[None], one, kept & ~one])).tolist()
    (start, whole, end), alone, without = odds[:3], odds[3 : 3 + count], odds[3 + count :]
    out = set(settled or ())
    found = [
        Asked(c, _weight(start, alone[k]), None if k in out else _weight(without[k], end), k in out)
        for k, c in enumerate(grouped)
    ]
    return tuple(sorted(found, key=lambda a: (-a.strength_nats, a.findings))), whole


def _weight(before: float, after: float) -> float | None:
    """after - before, where both exist."""
    return after - before if math.isfinite(before) and math.isfinite(after) else None


def _log10(nats: float | None) -> float | None:
    return None if nats is None else nats / LN10


def _weight_told(nats: float | None) -> str:
    return "settled" if nats is None else signed(nats / LN10)


def _not_asked(
    network: Network, model: Model, understood: Understood, columns: tuple[Floats, Floats]
) -> tuple[NotAsked, ...]:
    answers = model.lanes(np.stack(columns, axis=1))
    if np.isneginf(answers.log_evidence).any():
        return ()
    found = []
    for asked in open_findings(network, model, understood.evidence, {*understood.unknown, *understood.context}):
        if asked.gates:
            continue
        name = asked.finding
        one, other = (answers.marginals[model.offsets[name], k] for k in (0, 1))
        likely = (one > 0) | (other > 0)
        ratio = np.log(np.maximum(one[likely], LEAST)) - np.log(np.maximum(other[likely], LEAST))
        bits = float(((one - other)[likely] @ ratio) / 2 / math.log(2))
        if bits < NEGLIGIBLE_BITS:
            continue
        labels = [s for s, seen in zip(model.states[name], likely, strict=True) if seen]
        high, low = int(np.argmax(ratio)), int(np.argmin(ratio))
        exists = (one[likely] > 0) & (other[likely] > 0)
        up, down = (float(ratio[i]) / LN10 if exists[i] else None for i in (high, low))
        found.append(NotAsked(name, asked.cost, bits, (labels[high], up), (labels[low], down)))
    return tuple(sorted(found, key=lambda n: (-n.information_bits, n.finding)))
