"""What separates two diseases? Every finding by how much better one of them accounts for it than the other.

    asked       log P(chain | D1 without D2) / P(chain | D2 without D1), on its own (against age and sex) and given all
                else; above 0 it speaks for the first
    not asked   the expected weight of evidence between the two, half of it under either (Jeffreys), in bits, and the
                answer that speaks most for each

Where the two are states of one node they exclude each other anyway.
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
from ddx.reasoning.grounds import Grounds, citations
from ddx.reasoning.lanes import Lanes
from ddx.reasoning.numbers import Parameter
from ddx.reasoning.odds import held, log_odds_between
from ddx.reasoning.plan import open_findings
from ddx.reasoning.shown import Bar, Shown, chance, signed
from ddx.reasoning.understanding import Understood

Floats = npt.NDArray[np.float64]

LN10 = math.log(10)
NEGLIGIBLE_BITS = 1e-6


@dataclass(frozen=True, slots=True)
class Asked:
    """A chain of the case: the weight of evidence for the first disease against the second, in nats.

    `numbers` are those by which the first and the second disease bear on it.
    """

    findings: tuple[str, ...]
    alone_nats: float
    given_rest_nats: float
    numbers: tuple[tuple[Parameter, ...], tuple[Parameter, ...]] = ((), ())


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A finding not yet asked for: what it is expected to tell, and which answer speaks for which disease."""

    finding: str
    cost: float
    information_bits: float
    for_first: tuple[str, float]  # state, log10 of P(state | first) / P(state | second)
    for_second: tuple[str, float]  # state, the same logarithm (below 0)


@dataclass(frozen=True, slots=True)
class Comparison(Shown):
    """The answer of `compare`: what was asked and what was not, best separating first."""

    basis: Basis
    first: Entry
    second: Entry
    posteriors: tuple[float, float]
    both: float
    log_odds_nats: float  # first without second against second without first
    asked: tuple[Asked, ...]
    not_asked: tuple[NotAsked, ...]
    citations: Mapping[str, str]  # of the sources that the numbers name

    @property
    def exclusive(self) -> bool:
        """Whether they are states of one node, so that nobody has both."""
        return self.first.node == self.second.node and set(self.first.states).isdisjoint(self.second.states)

    @property
    def ahead(self) -> tuple[Entry, Entry]:
        """The more probable one, and the other."""
        return (self.first, self.second) if self.log_odds_nats >= 0 else (self.second, self.first)

    @property
    def odds(self) -> float:
        """How many times as probable the one ahead is without the other as the other way round; at most e^50."""
        return math.exp(min(abs(self.log_odds_nats), 50.0))

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
        weights = ((a.findings, a.alone_nats / LN10, a.given_rest_nats / LN10) for a in self.asked)
        return tuple(
            Bar(chain_told(own[0], said, len(own)), alone, signed(alone), (rest, signed(rest)))
            for own, alone, rest in weights
        )

    @property
    def result_sha256(self) -> str:
        return self.basis.result_sha256("compare", {"first": self.first.id, "second": self.second.id})

    def body(self) -> dict[str, Plain]:
        asked: list[Plain] = [
            {
                "finding": a.findings[0],
                "group": list(a.findings),
                "asked": True,
                "alone_log10": a.alone_nats / LN10,
                "given_rest_log10": a.given_rest_nats / LN10,
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
            "log10_odds": self.log_odds_nats / LN10,
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
    asked = tuple(replace(a, numbers=_numbers(grounds, pair, a.findings, understood)) for a in weighed)
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
        odds,
        asked,
        _not_asked(network, model, understood, (whole * one, whole * other)),
        citations(network, (p for a in asked for own in a.numbers for p in own)),
    )


def _numbers(
    grounds: Grounds, pair: tuple[Entry, Entry], chain: tuple[str, ...], understood: Understood
) -> tuple[tuple[Parameter, ...], tuple[Parameter, ...]]:
    """The numbers of each disease for a chain; none where the disease does not bear on it."""
    first, second = (grounds.below([e], chain, understood.evidence) if grounds.bears(e, chain) else () for e in pair)
    return first, second


def _asked(
    model: Model, understood: Understood, grouped: Sequence[tuple[str, ...]], between: tuple[Floats, Floats]
) -> tuple[tuple[Asked, ...], float]:
    evidence = understood.evidence
    patient = model.likelihood(understood.patient)
    columns = [patient, model.likelihood(evidence)]
    columns += [patient * model.likelihood({f: evidence[f] for f in chain}) for chain in grouped]
    columns += [model.likelihood({f: s for f, s in evidence.items() if f not in chain}) for chain in grouped]
    odds = log_odds_between(model, columns, *between).tolist()
    start, end, alone, without = odds[0], odds[1], odds[2 : 2 + len(grouped)], odds[2 + len(grouped) :]
    found = [Asked(c, alone[k] - start, end - without[k]) for k, c in enumerate(grouped)]
    return tuple(sorted(found, key=lambda a: (-abs(a.given_rest_nats), a.findings))), end


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
        ratio = np.log(np.maximum(one[likely], 1e-12)) - np.log(np.maximum(other[likely], 1e-12))
        bits = float(((one - other)[likely] @ ratio) / 2 / math.log(2))
        if bits < NEGLIGIBLE_BITS:
            continue
        labels = [s for s, seen in zip(model.states[name], likely, strict=True) if seen]
        high, low = int(np.argmax(ratio)), int(np.argmin(ratio))
        up, down = float(ratio[high]) / LN10, float(ratio[low]) / LN10
        found.append(NotAsked(name, asked.cost, bits, (labels[high], up), (labels[low], down)))
    return tuple(sorted(found, key=lambda n: (-n.information_bits, n.finding)))
