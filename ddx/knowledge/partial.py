"""What can still be read of a network file whose shape is not right throughout?

What does not fit is left out, and whatever cannot stand without it: a key, then the block that needs the key, up to the
variable, setting or source, and then what names it elsewhere. Words that no number rests on (a label, a tier) get a
stand-in instead, so that one misspelt tier does not hide the variable. What was left out is known by its place: nothing
can be said above or below it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace

from ddx.documents import Document, Place, Value
from ddx.errors import closest
from ddx.knowledge import meaning, spec
from ddx.knowledge.load import fitted, shape_of
from ddx.knowledge.naming import Fault

STAND_INS: dict[str, Value] = {
    **dict.fromkeys(("label", "citation", "name", "version", "title", "licence", "data_cutoff"), "?"),
    **dict.fromkeys(("intended_use", "intended_users", "population"), "?"),
    "authors": [],
    "tier": "history",
    "grade": "judgement",
}
WORDS = {*STAND_INS, "header", "note", "serious", "mandatory", "reviewed", "cost", "definition", "codes", "synonyms"}
GROUPS = ("sources", "settings", "context", "diseases", "latents", "findings")
MODELS = tuple(kind for kinds in meaning.KINDS.values() for kind in kinds)
CAUSES = ("given", "odds_ratios", "priors", "backgrounds", "context", "when", "gate")  # blocks whose keys are variables
NAMED = ("parents", "precedence")  # lists of variables
NAMES = ("finding", "context", "inherits", "of", "source", "cause", "default_setting")  # keys whose value is a name
MOST_ROUNDS = 50  # each goes one block up


@dataclass(frozen=True, slots=True)
class Partial:
    """The network that remains, or None; every fault of shape; the places that are missing from what remains."""

    network: spec.Network | None
    faults: list[Fault]
    missing: frozenset[Place] = frozenset()

    @property
    def arcs_missing(self) -> bool:
        """Whether a variable, or something that one depends on, may be among what is missing."""
        return any(
            place[0] not in ("sources", "settings")
            and (len(place) < 3 or place[2] in ("model", "profile"))
            and len(place) < 6
            and "background" not in place
            for place in self.missing
        )


class Around:
    """Which places lie above, at or below certain ones?"""

    def __init__(self, places: Iterable[Place]) -> None:
        self._places = frozenset(places)
        self._above = {place[:i] for place in self._places for i in range(len(place) + 1)}

    def touches(self, *places: Place) -> bool:
        """Whether one of these is above, at or below one of them."""
        return any(p in self._above or any(p[:i] in self._places for i in range(len(p))) for p in places)


def partial(document: Document) -> Partial:
    """As much of the network in a document as can be read."""
    network, faults = shape_of(spec.Network, document)
    if network is not None:
        return Partial(network, faults)
    rest = _Rest(document)
    wrong = [place for place, _, _ in faults]
    for _ in range(MOST_ROUNDS):
        if not all(rest.leave_out(place) for place in dict.fromkeys(wrong)):
            return Partial(None, faults)
        network, more = fitted(spec.Network, replace(document, value=rest.value))
        if network is not None:
            return Partial(network, faults, frozenset(rest.missing))
        wrong = [place for place, _, _ in more]
    return Partial(None, faults)


class _Rest:
    """A copy of what was read, from which parts are taken away."""

    def __init__(self, document: Document) -> None:
        self.value = copy.deepcopy(document.value)
        self.missing: set[Place] = set()
        self._replaced: set[Place] = set()

    def leave_out(self, place: Place) -> bool:
        """Take away the smallest part that holds this place; False where the network could not do without it."""
        while place and isinstance(place[-1], int):  # the places of a list's other items must stay what they are
            place = place[:-1]
        block = self._block(place[:-1]) if place else None
        if block is None:  # taken away before, or never there
            return any(place[:i] in self.missing for i in range(1, len(place)))
        if len(place) == 1:
            return self._top(str(place[0]), block)
        key = str(place[-1])
        stand_in = self._stand_in(place, block)
        if stand_in is not None and place not in self._replaced:
            self._replaced.add(place)
            block[key] = stand_in
            return True
        if key not in block or _rests_on(place):
            return self.leave_out(place[:-1])
        self._drop(place, block)
        return True

    def _top(self, key: str, block: dict[str, Value]) -> bool:
        """The same of a key at the left margin: a header can be made up, a group of variables cannot."""
        if key == "header" and (key,) not in self._replaced:
            self._replaced.add((key,))
            block[key] = {}
        elif key == "default_setting":
            self.missing.add((key,))
            block[key] = ""
        elif key in block and key not in GROUPS:
            self._drop((key,), block)
        else:
            return False
        return True

    def _stand_in(self, place: Place, block: dict[str, Value]) -> Value:
        """What may stand for a word that no number rests on, or for the model of a finding; None where nothing can."""
        if len(place) == 3 and place[0] == "findings" and place[-1] == "model":
            self.missing.add(place)
            written = block.get("model")
            kind = str(written.get("kind")) if isinstance(written, dict) else ""
            if closest(kind, MODELS, 1) == ["attribute"]:
                return {"kind": "attribute", "gate": {}, "background": {}}
            return {"kind": "table"}
        return copy.copy(STAND_INS.get(str(place[-1])))

    def _drop(self, place: Place, block: dict[str, Value]) -> None:
        dropped = block.pop(str(place[-1]))
        if place[-1] in WORDS and ("label" in block or "grade" in block):
            return
        wide = len(place) > (2 if place[0] == "settings" else 3) and place[-2] not in CAUSES
        self.missing.add(place[:-1] if wide else place)
        lost: tuple[str, ...] = ()
        if len(place) == 1 and isinstance(dropped, dict):
            lost = tuple(dropped)
        elif len(place) == 2 or (len(place) == 4 and place[2] == "reported"):
            lost = (str(place[-1]), *(_entries(dropped) if place[0] == "diseases" else ()))
        for at in [at for name in lost for at in _mentions(self.value, name, ())]:
            self.leave_out(at)

    def _block(self, place: Place) -> dict[str, Value] | None:
        value = self.value
        for step in place:
            if isinstance(value, dict):
                value = value.get(str(step))
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value if isinstance(value, dict) else None


def _entries(disease: Value) -> Iterator[str]:
    """The names under `reported` of a disease, or under what may be that key misspelt."""
    known = {field.name for field in fields(spec.Disease)} - {"reported"}
    for key, value in disease.items() if isinstance(disease, dict) else ():
        if key not in known and isinstance(value, dict):
            yield from value


def _rests_on(place: Place) -> bool:
    """Whether the rest of a disease or latent means something else without this key: its states, its entries."""
    known = ("model", "profile", "aliases", "state_labels", "state_aliases", *WORDS)
    return len(place) == 3 and place[0] in ("diseases", "latents") and place[2] not in known


def _mentions(value: Value, name: str, place: Place) -> Iterator[Place]:
    """Where a name stands as a cause, a parent, or whatever else a key calls for."""
    if isinstance(value, dict):
        for key, item in value.items():
            here: Place = (*place, key)
            is_cause = len(here) > 2 and here[-2] in CAUSES and key.partition("=")[0] == name
            if is_cause or (key in NAMES and item == name):
                yield here
            elif key in NAMED and isinstance(item, list) and name in _causes(item):
                yield place if key == "parents" else here
            else:
                yield from _mentions(item, name, here)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _mentions(item, name, (*place, i))


def _causes(items: list[Value]) -> Iterator[str]:
    """The names in a list of causes, or of lists of them."""
    for item in items:
        if isinstance(item, list):
            yield from _causes(item)
        elif isinstance(item, str):
            yield item.partition("=")[0]
