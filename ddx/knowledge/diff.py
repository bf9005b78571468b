"""What changed between two versions of a network, in the words of those who read it.

Numbers that changed, with value, counts, source and grade before and after; what was added and what removed; what else
is written differently. Networks of other tools are compared by variable, states, parents and the largest difference of
any row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np

from ddx.knowledge import spec
from ddx.knowledge.bayesnet import BayesNet, expand
from ddx.knowledge.lexicon import entries_of
from ddx.knowledge.meaning import states_of

Numbered = spec.Number | spec.OddsRatio
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
    old: Numbered | None
    new: Numbered | None


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
        for what, before, after in (
            ("states", old.states[node], new.states[node]),
            ("parents", old.parents(node), new.parents(node)),
        ):
            if before != after:
                other.append(TextChange(f"{what} of {node}", node, ", ".join(before), ", ".join(after)))
        other += _rows(old, new, node)
    return Changes(
        added=tuple(f"variable {n}" for n in new.nodes if n not in old.states),
        removed=tuple(f"variable {n}" for n in old.nodes if n not in new.states),
        other=tuple(other),
    )


def _rows(old: BayesNet, new: BayesNet, node: str) -> Iterator[TextChange]:
    """The row that differs most, where the tables are about the same variables in the same order."""
    same = old.parents(node) == new.parents(node)
    if not same or any(old.states[v] != new.states.get(v) for v in (node, *old.parents(node))):
        return
    before, after = expand(old, node).values, expand(new, node).values
    apart = np.abs(before - after)
    if apart.max() <= SAME:
        return
    at = np.unravel_index(int(np.argmax(apart)), apart.shape)
    given = ", ".join(f"{p}={old.states[p][int(i)]}" for p, i in zip(old.parents(node), at, strict=False))
    state = old.states[node][int(at[-1])]
    rows = int((apart.max(axis=-1) > SAME).sum())
    what = f"P({node}={state}{f' | {given}' if given else ''})" + (f", and {rows - 1} more rows" if rows > 1 else "")
    yield TextChange(what, node, f"{before[at]:.6g}", f"{after[at]:.6g}")


def _called(block: object, name: str) -> str:
    label = getattr(block, "label", "") or getattr(block, "citation", "")
    return f"{name} ({label})" if label and label != name else name


def _walked(old: object, new: object, place: Place, words: _Words) -> Iterator[NumberChange | TextChange]:
    """Every difference below a place."""
    if old == new:
        return
    if isinstance(old, Numbered | None) and isinstance(new, Numbered | None):
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
        for at, number in _numbers(value, place):
            yield NumberChange(words.of(at), _path(at), None if is_new else number, number if is_new else None)


def _numbers(value: object, place: Place) -> Iterator[tuple[Place, Numbered]]:
    if isinstance(value, Numbered):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, (*place, key))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _numbers(item, (*place, i))
    elif isinstance(value, spec.Block):
        for item in fields(value):  # type: ignore[arg-type]
            yield from _numbers(getattr(value, item.name), (*place, item.name))


def _has_numbers(value: object) -> bool:
    return next(_numbers(value, ()), None) is not None


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
