"""Which numbers is a network made of, where do they stand, and what do they rest on?

Every probability and odds ratio of a clinical network has a place in its file, as
`findings.raynaud.model.given.systemic_sclerosis=limited.present`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ddx.knowledge import spec
from ddx.knowledge.meaning import cause_states

Numbered = spec.Number | spec.OddsRatio
Place = tuple[str | int, ...]

TABLES = "tables"  # where the numbers of another tool's network stand


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number: the variable and state that it speaks of, given what, and its place in the file.

    Of a profile: the share of a context (`sex=male`) given the disease, or the disease given the context.
    """

    place: Place
    node: str
    state: str
    given: str  # a cause, `background`, a condition, a context, or `setting NAME`; empty where it is given nothing
    number: Numbered

    @property
    def where(self) -> str:
        return ".".join(str(step) for step in self.place)

    @property
    def words(self) -> str:
        """What it is the probability (or ratio) of."""
        what = self.state if self.given == self.node else f"{self.node} {self.state}"
        return f"{what} given {self.given}" if self.given else what

    @property
    def is_entry(self) -> bool:
        """Whether it is an entry of a table of another tool's file, without a basis of its own."""
        return self.place[0] == TABLES

    @property
    def value(self) -> float:
        return self.number.value

    @property
    def cited(self) -> tuple[str, ...]:
        """Keys of the sources, the pooled series included."""
        series = self.number.series if isinstance(self.number, spec.Number) else ()
        named = [self.number.source, *(s.source for s in series)]
        return tuple(dict.fromkeys(name for name in named if name))


def parameters(network: spec.Network) -> tuple[Parameter, ...]:
    """Every number, in the order of the file."""
    found = []
    for group in ("settings", "diseases", "latents", "findings"):
        for name, block in getattr(network, group).items():
            for place, number in _below(block, (group, name)):
                found.append(_parameter(network, place, number))
    return tuple(found)


def logit(t: float) -> float:
    """Log odds of a probability, in nats; finite at 0 and 1."""
    bounded = min(max(t, 1e-12), 1 - 1e-12)
    return math.log(bounded) - math.log1p(-bounded)


def expit(x: float) -> float:
    """The probability with these log odds."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _below(value: object, place: Place) -> Iterator[tuple[Place, Numbered]]:
    if isinstance(value, spec.Number | spec.OddsRatio):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _below(item, (*place, key))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _below(item, (*place, i))
    elif isinstance(value, spec.Block):
        names: tuple[str, ...] = tuple(type(value).__slots__)
        for name in names:
            yield from _below(getattr(value, name), (*place, name))


def _parameter(network: spec.Network, place: Place, number: Numbered) -> Parameter:
    group, name = str(place[0]), str(place[1])
    if group == "settings":
        return _of_setting(network, place, number, name)
    if place[2] == "profile":
        assert isinstance(place[3], int)
        profile = network.diseases[name].profile[place[3]]
        told = f"{profile.context}={place[-1]}"
        if profile.kind == "share":
            return Parameter(place, name, told, name, number)
        return Parameter(place, name, profile.of or "present", told, number)
    kind = str(place[3])  # background, given, odds_ratios, strata, rows, otherwise
    if kind == "given":
        return Parameter(place, name, str(place[-1]), str(place[4]), number)
    if kind == "odds_ratios":
        return Parameter(place, name, "any effect", str(place[4]), number)
    if kind in ("rows", "strata"):
        assert isinstance(place[4], int)
        block = getattr(getattr(network, group)[name].model, kind)[place[4]]
        return Parameter(place, name, str(place[-1]), _condition(block), number)
    return Parameter(place, name, str(place[-1]), kind, number)


def _condition(block: spec.TableRow | spec.Stratum) -> str:
    """What a row or stratum is given: `x=y, z=u/v`; of a stratum, first its cause."""
    told = [f"{v}={w if isinstance(w, str) else '/'.join(w)}" for v, w in block.when.items()]
    cause = (block.cause or "background",) if isinstance(block, spec.Stratum) else ()
    return ", ".join([*cause, *told])


def _of_setting(network: spec.Network, place: Place, number: Numbered, name: str) -> Parameter:
    kind = str(place[2])
    if kind == "complaint":
        complaint = network.settings[name].complaint
        assert complaint is not None
        return Parameter(place, complaint.finding, complaint.state, f"setting {name}", number)
    if kind == "priors":
        found = cause_states(network, str(place[3]))
        node, state = (found[0], found[1][0]) if found else (str(place[3]), "present")
        return Parameter(place, node, state, f"setting {name}", number)
    return Parameter(place, str(place[3]), str(place[-1]), f"setting {name}", number)
