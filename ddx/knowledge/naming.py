"""Does a word name something that is there, and once? What networks and roles files are asked alike.

Each fault is (place in the file, message, remedy). Comparing words is slow: a remedy that names near misses is worked
out when it is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ddx.documents import Place
from ddx.errors import near_misses
from ddx.knowledge.spec import Quantity


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """The names that were perhaps meant; the remedy `otherwise` where none is close."""

    word: str
    known: Iterable[str]
    otherwise: str = ""

    def __str__(self) -> str:
        return near_misses(self.word, self.known) or self.otherwise


Fault = tuple[Place, str, str | Near]

MOST_LISTED = 12  # names that a remedy lists where none is near
NO_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")  # in any case, to readers of older YAML


def names_once(groups: Mapping[str, Iterable[str]], remedy: str) -> Iterator[Fault]:
    """Names that stand in two groups of the file."""
    seen: dict[str, str] = {}
    for group, names in groups.items():
        for name in names:
            if name in seen:
                yield (group, name), f"{name} is already one of the {seen[name]}", remedy
            seen[name] = group


def no_words(groups: Mapping[str, Iterable[str]]) -> Iterator[Fault]:
    """Names that other readers of the same file take for true, false or nothing."""
    for group, names in groups.items():
        for name in names:
            if name.lower() in NO_WORDS:
                message = f"{name} is no name to many readers of YAML, but true, false or nothing"
                yield (group, name), message, f"Call it {name}_ or spell it out."


def unknown_state(state: str, known: Collection[str], place: Place, whose: str) -> Iterator[Fault]:
    """A state that a variable does not have."""
    if state not in known:
        listed = ", ".join([*known][:MOST_LISTED])
        yield place, f"{whose} has no state {state!r}", Near(state, known, f"Its states: {listed}.")


def quantity_faults(quantity: Quantity | None, states: tuple[str, ...], place: Place, whose: str) -> Iterator[Fault]:
    """Cuts that do not rise or do not fit the states and the ends of the scale; states that the variable has not."""
    if quantity is None:
        return
    if len(quantity.states) != len(quantity.cuts) + 1 or list(quantity.cuts) != sorted(quantity.cuts):
        message = f"{len(quantity.states)} states for {len(quantity.cuts)} cuts"
        yield place, message, "Rising cuts, one fewer than states."
    ends = [x for x in (quantity.lowest, *quantity.cuts, quantity.highest) if x is not None]
    if quantity.lowest is not None and quantity.lowest < 0:
        yield place, f"the lowest value is {quantity.lowest:g}", "No measured value is below 0."
    if ends != sorted(ends):
        yield place, "a cut lies beyond the lowest or highest value", "Cuts lie between `lowest` and `highest`."
    for state in quantity.states:
        yield from unknown_state(state, states, place, whose)
