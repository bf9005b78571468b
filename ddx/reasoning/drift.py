"""What do changed numbers change? The rankings of the shipped cases in two versions of a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ddx.engine.model import Model
from ddx.errors import DdxError
from ddx.evidence import Case, read_case
from ddx.knowledge import catalog
from ddx.knowledge.diff import Changes, compared, compared_foreign
from ddx.network import Network
from ddx.network import compile as compiled
from ddx.reasoning.understanding import understand

LISTED = 0.05  # diseases at least this probable make up the ranking of a case
SHIFT = 0.02  # a posterior that moved by this much is told


@dataclass(frozen=True, slots=True)
class Shift:
    """One disease of a case, before and after."""

    disease: str
    old: float
    new: float


@dataclass(frozen=True, slots=True)
class Drift:
    """A case whose ranking changed, or that can no longer (or only now) be answered: then `fault` says why."""

    case: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    shifts: tuple[Shift, ...]
    fault: str = ""

    @property
    def reordered(self) -> bool:
        return self.old != self.new


@dataclass(frozen=True, slots=True)
class Difference:
    """Two versions of a network: what changed, which cases were compared, and which of them changed."""

    old: Network
    new: Network
    changes: Changes
    cases: int
    drifts: tuple[Drift, ...]


def difference(old: Network, new: Network) -> Difference:
    """What changed from one network to the other; cases are compared where something did."""
    if old.spec is not None and new.spec is not None:
        changes = compared(old.spec, new.spec)
        if old.numbers is not None and new.numbers is not None:
            changes = _joined(changes, compared_foreign(old.bayesnet(), new.bayesnet()))
    else:
        changes = compared_foreign(old.bayesnet(), new.bayesnet())
    cases = _cases(old, new) if changes and old.entries and new.entries else []
    drifts = [drift for name, case in cases if (drift := _drift(name, case, old, new)) is not None]
    return Difference(old, new, changes, len(cases), tuple(drifts))


def _joined(one: Changes, other: Changes) -> Changes:
    return Changes(
        (*one.numbers, *other.numbers),
        tuple(dict.fromkeys([*one.added, *other.added])),
        tuple(dict.fromkeys([*one.removed, *other.removed])),
        (*one.other, *other.other),
    )


def _cases(old: Network, new: Network) -> list[tuple[str, Case]]:
    """The shipped cases of either network, and of the one that it is a view of."""
    about = {network.name for network in (old, new)}
    about |= {network.spec.view.of for network in (old, new) if network.spec and network.spec.view}
    read = {name: read_case(path) for name, path in catalog.cases().items()}
    return [(name, case) for name, case in read.items() if case.network in about]


def _drift(name: str, case: Case, old: Network, new: Network) -> Drift | None:
    """What changed for a case; None where its ranking and every posterior stayed."""
    try:
        before, after = _posteriors(old, case), _posteriors(new, case)
    except DdxError as fault:
        return Drift(name, (), (), (), str(fault))
    rankings = [tuple(d for d, p in _ranked(found) if p >= LISTED) for found in (before, after)]
    moved = tuple(_shifts(before, after))
    if rankings[0] == rankings[1] and not moved:
        return None
    return Drift(name, rankings[0], rankings[1], moved)


def _posteriors(network: Network, case: Case) -> dict[str, float]:
    setting = case.setting if case.setting in network.settings else None
    understood = understand(network, case, setting)
    model: Model = compiled(network, understood.setting)
    belief = model.posteriors(understood.evidence)
    listed = [e for e in network.entries if e.node in model.offsets]
    return {e.id: sum(belief[e.node][s] for s in e.states) for e in listed}


def _ranked(found: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def _shifts(before: dict[str, float], after: dict[str, float]) -> Iterator[Shift]:
    both = [Shift(d, before[d], after[d]) for d in before if d in after]
    for shift in sorted(both, key=lambda s: (-abs(s.new - s.old), s.disease)):
        if abs(shift.new - shift.old) >= SHIFT:
            yield shift
