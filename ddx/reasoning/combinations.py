"""One disease or several? Which sets of diseases are there together, and how much of a pair is both.

    P(both), P(only one), P(only the other), P(neither) add up to 1 for every pair; P(either) = 1 - P(neither)
    sum over n of n P(n diseases at once) = sum over the diseases of P(disease)

A set says exactly which diseases are there and that no other is: common conditions that the case did not move split its
probability. For "both, whatever else" the pairs are asked. Two diseases at once are never more probable than either of
them (the conjunction error), however well the story fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ddx.engine.counting import numbers_present
from ddx.engine.model import Model
from ddx.errors import TooLarge
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain
from ddx.reasoning.differential import MASS, MOST_SETS, PAIRED, Differential, Pair, Together, diagnose, listed
from ddx.reasoning.lanes import CaseLanes
from ddx.reasoning.shown import Bar, Shown, chance
from ddx.reasoning.standing import leading_pair
from ddx.reasoning.understanding import Understood


@dataclass(frozen=True, slots=True)
class Combinations(Shown):
    """The answer of `combinations`, read off a differential."""

    basis: Basis
    differential: Differential
    how_many: Mapping[int, float] | None  # P(so many diseases at once); None where that is too much work

    @property
    def sets(self) -> tuple[Together, ...]:
        """Exactly these diseases and no others, most probable first."""
        return self.differential.combinations

    @property
    def held(self) -> float:
        """What the listed sets hold together."""
        return min(1.0, sum(s.probability for s in self.sets))

    @property
    def leading(self) -> Pair | None:
        """The two diseases that the case raised most surely together."""
        return leading_pair(self.differential)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Pairs that are not of one family, by P(both)."""
        apart = [p for p in self.differential.pairs if p.first.node != p.second.node]
        return tuple(sorted(apart, key=lambda p: (-p.both, p.first.id, p.second.id)))

    @property
    def labels(self) -> Mapping[str, str]:
        """Disease -> its label."""
        return {d.id: d.entry.label for d in self.differential.diseases}

    @property
    def headline(self) -> str:
        if not self.sets:
            return "No set of diseases was formed."
        first = " + ".join(self.labels[d] for d in self.sets[0].diseases) or "none of the listed diseases"
        return f"Most probable set: {first} ({chance(self.sets[0].probability)})"

    @property
    def bars(self) -> tuple[Bar, ...]:
        names = [(" + ".join(self.labels[d] for d in s.diseases) or "none", s.probability) for s in self.sets[:15]]
        return tuple(Bar(name, p, chance(p)) for name, p in names)

    @property
    def result_sha256(self) -> str:
        return self.basis.result_sha256("combinations", {"mass": MASS, "most_sets": MOST_SETS, "paired": PAIRED})

    def body(self) -> dict[str, Plain]:
        return {
            "combinations": [{"diseases": list(s.diseases), "probability": s.probability} for s in self.sets],
            "held": self.held,
            "how_many": None if self.how_many is None else {str(count): p for count, p in self.how_many.items()},
            "pairs": [
                {
                    "diseases": [p.first.id, p.second.id],
                    "both": p.both,
                    "first_only": p.first_only,
                    "second_only": p.second_only,
                    "neither": neither(p),
                    "either": 1 - neither(p),
                }
                for p in self.pairs
            ],
        }


def combinations(network: Network, model: Model, understood: Understood) -> Combinations:
    """Which diseases are there together. ImpossibleEvidence where the findings cannot occur together."""
    found = diagnose(network, model, understood)
    return Combinations(found.basis, found, _how_many(network, model, understood))


def _how_many(network: Network, model: Model, understood: Understood) -> dict[int, float] | None:
    """P(so many diseases at once), of all numbers that are possible."""
    entries = listed(network, model)
    factors, _ = CaseLanes(network, model, understood, entries).factors()
    try:
        numbers = numbers_present(model, factors, [e.id for e in entries])
    except TooLarge:
        return None
    return {count: p for count, p in enumerate(numbers) if p > 0}


def neither(pair: Pair) -> float:
    """P(neither of the two)."""
    return max(0.0, 1 - pair.both - pair.first_only - pair.second_only)
