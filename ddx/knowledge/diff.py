"""What changed between two versions of a network, in the words of those who read it.

Numbers that changed, with value, counts, source and grade before and after; what was added and what removed; what else
is written differently. Networks of other tools are compared by variable, states, parents and the largest difference of
any row; names say which number is which, wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np

from ddx.errors import TooLarge
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import Array, BayesNet, NoisyMax, Table, Term, expand
from ddx.knowledge.lexicon import entries_of
from ddx.knowledge.meaning import states_of
from ddx.knowledge.numbers import AnyNumber, numbers_in

Place = tuple[str | int, ...]

GROUPS = {
    "sources": "source",
    "settings": "setting",
    "context": "context variable",
    "diseases": "disease",
    "latents": "hidden variable",
    "findings": "finding",
}
SAME = 1e-12  # a smaller difference of two numbers of other tools' files is none


@dataclass(frozen=True, slots=True)
class NumberChange:
    """One number before and after; None where it was added or removed."""

    what: str  # in words: `Raynaud phenomenon present, given systemic sclerosis limited`
    place: str
    old: AnyNumber | None
    new: AnyNumber | None


@dataclass(frozen=True, slots=True)
class TextChange:
    """Something else that is written differently; None where it was added or removed."""

    what: str
    place: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that differs. `added` and `removed` name whole blocks: diseases, findings, settings, sources."""

    numbers: tuple[NumberChange, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    other: tuple[TextChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.numbers or self.added or self.removed or self.other)


def compared(old: spec.Network, new: spec.Network) -> Changes:
    """What changed from one clinical network to the other."""
    added, removed = [], []
    found: list[NumberChange | TextChange] = []
    for group, word in GROUPS.items():
        before, after = getattr(old, group), getattr(new, group)
        added += [f"{word} {_called(after[name], name)}" for name in after if name not in before]
        removed += [f"{word} {_called(before[name], name)}" for name in before if name not in after]
        for name in before:
            if name in after:
                found += _walked(before[name], after[name], (group, name), _Words(old, new))
    for key in ("header", "view", "default_setting"):
        found += _walked(getattr(old, key), getattr(new, key), (key,), _Words(old, new))
    return Changes(
        tuple(c for c in found if isinstance(c, NumberChange)),
        tuple(added),
        tuple(removed),
        tuple(c for c in found if isinstance(c, TextChange)),
    )


def compared_foreign(old: BayesNet, new: BayesNet) -> Changes:
    """What changed from one network of another tool to the other."""
    other: list[TextChange] = []
    for node in old.nodes:
        if node not in new.states:
            continue
        other += _listed("states", node, old.states[node], new.states[node])
        other += _listed("parents", node, old.parents(node), new.parents(node))
        other += _numbers_of(old, new, node)
    return Changes(
        added=tuple(f"variable {n}" for n in new.nodes if n not in old.states),
        removed=tuple(f"variable {n}" for n in old.nodes if n not in new.states),
        other=tuple(other),
    )


def _listed(what: str, node: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[TextChange]:
    """Names that came or went, or stand in another order."""
    if old != new:
        told = f"order of the {what} of {node}" if sorted(old) == sorted(new) else f"{what} of {node}"
        yield TextChange(told, node, ", ".join(old), ", ".join(new))


def _numbers_of(old: BayesNet, new: BayesNet, node: str) -> Iterator[TextChange]:
    """The row that differs most, where both tables are about the same variables with the same states."""
    if sorted(old.parents(node)) != sorted(new.parents(node)):
        return
    if any(sorted(old.states[v]) != sorted(new.states[v]) for v in (node, *old.parents(node))):
        return
    try:
        before, after = expand(old, node), expand(new, node)
    except TooLarge:
        yield from _contributions(old, new, node)
        return
    given = "P({node}={state} | {given})" if before.parents else "P({node}={state})"
    yield from _rows(old.states, node, before, _in_order(old, new, node, (before, after)), given)


def _contributions(old: BayesNet, new: BayesNet, node: str) -> Iterator[TextChange]:
    """The same of causes that act independently and are too many for one table: cause by cause."""
    by_cause = [{tuple(sorted(t.parents)): t for t in _terms(network, node)} for network in (old, new)]
    if by_cause[0].keys() != by_cause[1].keys() or any(
        len(one) < len(_terms(network, node)) for one, network in zip(by_cause, (old, new), strict=True)
    ):
        counts = [f"{len(_terms(network, node))} contributions" for network in (old, new)]
        yield TextChange(f"{node}, too large to be compared row by row", node, *counts)
        return
    for cause, before in by_cause[0].items():
        told = "contribution of {given} to {node}={state}" if cause else "{node}={state} without a cause"
        yield from _rows(old.states, node, before, _in_order(old, new, node, (before, by_cause[1][cause])), told)


def _terms(network: BayesNet, node: str) -> tuple[Term, ...]:
    model = network.models[node]
    return model.terms if isinstance(model, NoisyMax) else ()


def _in_order(old: BayesNet, new: BayesNet, node: str, tables: tuple[Table | Term, Table | Term]) -> Array:
    """The numbers of the second table with its parents, and all states, in the order of the first: by their names."""
    wanted, given = ((*table.parents, node) for table in tables)
    values: Array = tables[1].values.transpose([given.index(variable) for variable in wanted])
    for axis, variable in enumerate(wanted):
        values = values.take([new.states[variable].index(state) for state in old.states[variable]], axis=axis)
    return values


def _rows(
    states: Mapping[str, tuple[str, ...]], node: str, before: Table | Term, values: Array, told: str
) -> Iterator[TextChange]:
    """The number that differs most, and how many more rows do; `told` says how such a number is called."""
    apart = np.abs(before.values - values)
    if apart.max() <= SAME:
        return
    at = np.unravel_index(int(np.argmax(apart)), apart.shape)
    given = ", ".join(f"{p}={states[p][int(i)]}" for p, i in zip(before.parents, at, strict=False))
    rows = int((apart.max(axis=-1) > SAME).sum())
    what = told.format(node=node, state=states[node][int(at[-1])], given=given)
    more = f", and {rows - 1} more row{'s' * (rows > 2)}" if rows > 1 else ""
    yield TextChange(f"{what}{more}", node, f"{before.values[at]:.6g}", f"{values[at]:.6g}")


def _called(block: object, name: str) -> str:
    label = getattr(block, "label", "") or getattr(block, "citation", "")
    return f"{name} ({label})" if label and label != name else name


def _walked(old: object, new: object, place: Place, words: _Words) -> Iterator[NumberChange | TextChange]:
    """Every difference below a place."""
    if old == new:
        return
    if isinstance(old, AnyNumber | None) and isinstance(new, AnyNumber | None):
        yield NumberChange(words.of(place), _path(place), old, new)
    elif isinstance(old, dict | None) and isinstance(new, dict | None):
        yield from _keyed(old or {}, new or {}, place, words)
    elif isinstance(old, tuple) and isinstance(new, tuple) and _of_blocks(old) and _of_blocks(new):
        yield from _keyed(dict(enumerate(old)), dict(enumerate(new)), place, words)
    elif isinstance(old, spec.Block) and type(old) is type(new):
        for item in fields(old):  # type: ignore[arg-type]
            yield from _walked(getattr(old, item.name), getattr(new, item.name), (*place, item.name), words)
    elif _has_numbers(old) or _has_numbers(new):
        yield from _replaced(old, new, place, words)
    else:
        yield TextChange(words.of(place), _path(place), _text(old), _text(new))


def _keyed(
    old: Mapping[str, object] | Mapping[int, object],
    new: Mapping[str, object] | Mapping[int, object],
    place: Place,
    words: _Words,
) -> Iterator[NumberChange | TextChange]:
    before: dict[str | int, object] = dict(old.items())
    after: dict[str | int, object] = dict(new.items())
    for key in dict.fromkeys([*before, *after]):
        yield from _walked(before.get(key), after.get(key), (*place, key), words)


def _replaced(old: object, new: object, place: Place, words: _Words) -> Iterator[NumberChange | TextChange]:
    """A block that became another, or came or went: every number in it, and that it did."""
    kinds = [getattr(x, "kind", None) or (None if x is None else "there") for x in (old, new)]
    if kinds[0] != kinds[1] and not isinstance(old or new, spec.Stratum | spec.TableRow | spec.Profile):
        yield TextChange(words.of(place), _path(place), kinds[0], kinds[1])
    for value, is_new in ((old, False), (new, True)):
        for at, number in numbers_in(value, place):
            yield NumberChange(words.of(at), _path(at), None if is_new else number, number if is_new else None)


def _has_numbers(value: object) -> bool:
    return next(numbers_in(value, ()), None) is not None


def _of_blocks(value: tuple[object, ...]) -> bool:
    return all(isinstance(item, spec.Block) for item in value)


def _text(value: object) -> str | None:
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    return None if value is None else str(value)


def _path(place: Place) -> str:
    return "/".join(str(step) for step in place)


class _Words:
    """Places of two networks in words."""

    def __init__(self, old: spec.Network, new: spec.Network) -> None:
        self.labels: dict[str, str] = {}
        for network in (old, new):
            for group in ("context", "diseases", "latents", "findings"):
                self.labels.update({name: block.label for name, block in getattr(network, group).items()})
            self.labels.update({entry.id: entry.label for entry in entries_of(network)})
            self.labels.update({name: setting.label for name, setting in network.settings.items()})
        self.states = {**states_of(old), **states_of(new)}

    def of(self, place: Place) -> str:
        """`Raynaud phenomenon present, given Systemic sclerosis limited`; the path where no words fit."""
        group, name, *rest = [*place, ""] if len(place) < 2 else [*place]
        thing = self.labels.get(str(name), str(name))
        if group == "settings" and len(rest) > 1 and rest[0] == "priors":
            return f"prior of {self._cause(str(rest[1]))} in {thing}"
        if group == "settings" and rest[:1] == ["complaint"]:
            return f"complaint of {thing}" + (" (how often)" if rest[-1] == "p" else "")
        if group == "settings" and len(rest) > 2:
            return f"{self.labels.get(str(rest[1]), str(rest[1]))} {rest[2]} in {thing}"
        if rest[:1] == ["model"] and len(rest) > 1:
            return f"{thing} {self._model([str(step) for step in rest[1:]])}".rstrip()
        if rest[:1] == ["profile"]:
            return f"{thing} by context: {' '.join(str(step) for step in rest[1:] if step != 'row')}"
        told = " ".join(str(step).replace("_", " ") for step in rest)
        return f"{thing}: {told}" if told else thing

    def _model(self, steps: list[str]) -> str:
        kind, *rest = steps
        if kind == "given" and rest:
            return f"{' '.join(rest[1:])}, given {self._cause(rest[0])}".removeprefix(", ")
        if kind == "background":
            return f"{' '.join(rest)}, without any of its causes"
        if kind == "odds_ratios":
            return f"odds ratio for {self._cause(rest[0])}" if rest else "odds ratios"
        return f"({' '.join([kind, *rest]).replace('_', ' ')})"

    def _cause(self, cause: str) -> str:
        node, _, state = cause.partition("=")
        return f"{self.labels.get(node, node)} {state.replace('_', ' ')}".rstrip()
