"""Does the case give what it promises? Checks the `expect` block of a case against its differential."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ddx.engine.model import Model
from ddx.evidence import Expect
from ddx.network import Network
from ddx.reasoning.differential import Differential
from ddx.reasoning.lanes import Lanes, clamped
from ddx.reasoning.lookup import entry_meant, states_meant


@dataclass(frozen=True, slots=True)
class Broken:
    """One promise that does not hold: what was promised, what is."""

    promise: str
    found: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.found}"


def broken(network: Network, model: Model, answer: Differential, expect: Expect) -> tuple[Broken, ...]:
    """The promises of the `expect` block that do not hold; empty where all do. UnknownName for an unknown disease."""
    known = _Known(network, model, answer)
    return (
        *_ranked(known, expect.rank, "rank", in_order=True),
        *_ranked(known, expect.rank_any, "rank_any", in_order=False),
        *_bounded(known, expect),
    )


class _Known:
    """Names and probabilities of one differential."""

    def __init__(self, network: Network, model: Model, answer: Differential) -> None:
        self.network, self.model, self.answer = network, model, answer
        self.order = [d.id for d in answer.diseases]

    def place(self, name: str) -> str:
        """The entry that a name means; of a whole node the likelier one."""
        meant = self.network.lexicon.disease(name)
        return entry_meant(self.network, meant, lambda e: self.answer.of(e.id).posterior).id

    def joint(self, names: Sequence[str]) -> float:
        """P(all of these, whatever else), by holding one after the other present."""
        column = self.model.likelihood(self.answer.basis.understood.evidence)
        probability = 1.0
        for name in names:
            meant = states_meant(self.network, self.network.lexicon.disease(name))
            lanes = Lanes(self.model)
            lanes.add_column(column)
            probability *= float(lanes.run().present([meant])[0, 0])
            column = clamped(self.model, column, meant, present=True)
        return probability


def _ranked(known: _Known, names: Sequence[str], key: str, *, in_order: bool) -> Iterator[Broken]:
    if not names:
        return
    wanted = [known.place(name) for name in names]
    first = known.order[: len(wanted)]
    holds = first == wanted if in_order else set(first) == set(wanted)
    if not holds:
        yield Broken(f"{key}: {', '.join(names)}", f"the first are {', '.join(first)}")


def _bounded(known: _Known, expect: Expect) -> Iterator[Broken]:
    for name, bound in expect.above.items():
        yield from _bound(f"P({name})", known.joint([name]), "above", bound, float.__gt__)
    for name, bound in expect.below.items():
        yield from _bound(f"P({name})", known.joint([name]), "below", bound, float.__lt__)
    for names, bound in expect.joint_above.items():
        yield from _bound(f"P({' + '.join(names)})", known.joint(names), "above", bound, float.__gt__)


def _bound(
    what: str, probability: float, word: str, bound: float, holds: Callable[[float, float], bool]
) -> Iterator[Broken]:
    if not holds(probability, bound):
        yield Broken(f"{what} {word} {bound:g}", f"it is {probability:.4g}")
