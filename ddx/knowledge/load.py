"""From a YAML file to a checked clinical network.

The shape (keys, types, numbers) is checked against the classes of `ddx.knowledge.spec`, the meaning (names that
resolve, rows that add up, gates that exist) here. Every problem is collected and told with file, line, what was
read, why it is wrong and what to do; near misses are named.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ddx.documents import Document, Place, Value, read
from ddx.errors import SpecError, closest, near_misses, sentence
from ddx.knowledge import meaning, spec
from ddx.knowledge.arcs import cycle_faults
from ddx.knowledge.naming import Fault

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

T = TypeVar("T")

MOST_TOLD = 12  # problems told at once
OWNERS = ("settings", "context", "diseases", "latents", "findings", "sources")
NUMBERS = ("p", "k", "n", "lo", "hi", "value", "cost")
PLAIN_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][+-]?[0-9]+)?")
UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")  # as pydantic calls it
BOOLEANS = ("serious", "reviewed", "mandatory")


def load(path: Path, find_base: Mapping[str, Path] | None = None) -> spec.Network:
    """The network in a file, or the view in it applied to the network it is of.

    `find_base` maps names to the files of networks that a view may be of; a view may also name a file beside it.
    """
    return load_with_files(path, find_base)[0]


def load_with_files(path: Path, find_base: Mapping[str, Path] | None = None) -> tuple[spec.Network, tuple[Path, ...]]:
    """The same, and the files that it builds on: those of the networks that it is a view of, or none."""
    return _loaded(path, find_base or {}, ())


def _loaded(path: Path, known: Mapping[str, Path], views: tuple[Path, ...]) -> tuple[spec.Network, tuple[Path, ...]]:
    document = read(path)
    body = document.value
    form = body.get("ddx") if isinstance(body, dict) else None
    if form == "view/1":
        view = shaped(spec.ViewFile, document)
        below = base_of(view, path, known, views)
        base, files = _loaded(below, known, (*views, path))
        return apply_view(view, base, document), (below, *files)
    if form != "network/1":
        read_as = f"`ddx: {form}`" if form else "no line `ddx: network/1`"
        raise SpecError(f"{read_as}", where=document.where(("ddx",)), remedy="Start the file with `ddx: network/1`.")
    network = shaped(spec.Network, document)
    tell(document, meaning.faults(network))
    tell(document, cycle_faults(network))
    return network, ()


def base_of(view: spec.ViewFile, path: Path, known: Mapping[str, Path], views: tuple[Path, ...] = ()) -> Path:
    """The file of the network that a view is of; `views` are those that led to this one."""
    beside = path.parent / f"{view.of}.yaml"
    found = beside if beside.exists() else known.get(view.of)
    if found is None:
        raise SpecError(
            f"a view of {view.of!r}, which is no network here", where=path.name, remedy=near_misses(view.of, known)
        )
    if found.resolve() in {one.resolve() for one in (*views, path)}:
        raise SpecError(f"{view.of!r} is a view of itself", where=path.name, remedy="Name a network under `of`.")
    return found


def apply_view(view: spec.ViewFile, base: spec.Network, document: Document) -> spec.Network:
    """The larger network with the view attached; SpecError tells every name that it does not have."""
    tell(document, meaning.view_faults(view, base))
    return applied_view(view, base)


def applied_view(view: spec.ViewFile, base: spec.Network) -> spec.Network:
    """The same: nothing is copied, the compiler leaves out what is not chosen."""
    header = dataclasses.replace(
        base.header,
        name=view.name,
        version=view.version,
        title=view.title,
        description=view.description or base.header.description,
    )
    chosen = spec.View(of=view.of, diseases=view.diseases, findings=view.findings)
    setting = view.default_setting or base.default_setting
    return dataclasses.replace(base, header=header, default_setting=setting, view=chosen)


def shaped(cls: type[T], document: Document) -> T:
    """The document as a value of that class; SpecError tells every place where it does not fit."""
    value, faults = shape_of(cls, document)
    tell(document, faults)
    assert value is not None
    return value


def shape_of(cls: type[T], document: Document) -> tuple[T | None, list[Fault]]:
    """The document as a value of that class, or None and every place where it does not fit."""
    own = [*_bad_booleans(document.value, ()), *_odd_numbers(document.value, ()), *_bare_versions(document)]
    told = {place for place, _, _ in own}
    value, faults = fitted(cls, document)
    found = [*own, *(fault for fault in faults if fault[0] not in told)]
    return (None if found else value), found


def fitted(cls: type[T], document: Document) -> tuple[T | None, list[Fault]]:
    """The same by keys and types alone, without regard to words that other readers take otherwise."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(cls).validate_python(document.value), []
    except ValidationError as fault:
        return None, list(_translated(cls, document, fault.errors(include_url=False))) or [((), str(fault), "")]


def tell(document: Document, faults: Iterable[Fault]) -> None:
    """Raise one SpecError that lists the problems, each with its line; nothing where there are none."""
    listed = list(dict.fromkeys(faults))
    if not listed:
        return
    place, message, remedy = listed[0]
    more = [sentence(owned(p, m), where=document.where(p), remedy=str(r)) for p, m, r in listed[1:MOST_TOLD]]
    if len(listed) > MOST_TOLD:
        more.append(f"... and {len(listed) - MOST_TOLD} more")
    raise SpecError(owned(place, message), where=document.where(place), remedy="\n".join([str(remedy), *more]))


def owned(place: Place, message: str) -> str:
    """The message, and before it the variable, setting or source that it is about, unless it says so."""
    if len(place) < 2 or place[0] not in OWNERS or re.search(rf"(?<!\w){re.escape(str(place[1]))}(?!\w)", message):
        return message
    return f"{place[1]}: {message}"


def _bad_booleans(value: Value, place: Place) -> Iterator[Fault]:
    """`serious: yes` is a word in YAML 1.2; only true and false are read as such."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _bad_booleans(item, (*place, i))
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in BOOLEANS and isinstance(item, str) and item not in ("true", "false"):
                yield (*place, key), f"{key}: {item} is neither true nor false", "Write true or false."
            yield from _bad_booleans(item, (*place, key))


def _odd_numbers(value: Value, place: Place) -> Iterator[Fault]:
    """`012`, `1_0` and digits of other scripts mean different numbers to different readers."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _odd_numbers(item, (*place, i))
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in NUMBERS and isinstance(item, str) and not PLAIN_NUMBER.fullmatch(item) and _is_number(item):
                yield (*place, key), f"{key}: {item} is not a plain number", "Write it with a decimal point, as 0.05."
            elif key in NUMBERS and isinstance(item, str) and _vanishes(item):
                yield (*place, key), f"{key}: {item} is too small to be told from 0", "Write 0, or a larger number."
            yield from _odd_numbers(item, (*place, key))


def _bare_versions(document: Document) -> Iterator[Fault]:
    """`version: 1.10` is the number 1.1 to other readers of YAML."""
    for place in (("version",), ("header", "version")):
        version = _at(document.value, place)
        if place in document.bare and isinstance(version, str) and _is_number(version):
            message = f"version: {version} is a number to other readers, which may drop its zeros"
            yield place, message, f'Write it in quotes: version: "{version}".'


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


def _vanishes(text: str) -> bool:
    """Whether a number other than 0 is written that becomes 0 when it is read."""
    digits = re.split("[eE]", text)[0]
    return _is_number(text) and float(text) == 0 and any(digit in "123456789" for digit in digits)


def _translated(cls: type, document: Document, errors: Iterable[ErrorDetails]) -> Iterator[Fault]:
    placed = [(error, *_place_of(document, error["loc"])) for error in errors]
    tried: dict[Place, dict[str, None]] = {}  # block of several kinds -> the classes that it was read as
    for _, _, classes in placed:
        for at, name in classes:
            if name in meaning.KINDS:
                tried.setdefault(at, {})[name] = None
    meant = {at: _class_meant(document, at, names) for at, names in tried.items()}
    for at in (at for at, name in meant.items() if name is None):
        yield _no_kind(_at(document.value, at), at, [k for name in tried[at] for k in meaning.KINDS[name]])
    for error, place, classes in placed:
        if all(meant[at] == name for at, name in classes if at in meant):
            key = str(place[-1]) if place else "the file"
            known = _fields_beside(cls, place, document) if error["type"] in UNKNOWN_KEY else []
            yield place, *_words_for(error, key, (known, _before(place, document)))


def _class_meant(document: Document, at: Place, names: Iterable[str]) -> str | None:
    """The class whose `kind` a block names, or nearly names."""
    block = _at(document.value, at)
    written = block.get("kind") if isinstance(block, dict) else None
    kinds = {kind: name for name in names for kind in meaning.KINDS[name]}
    near = closest(written, kinds, 1) if isinstance(written, str) else []
    return kinds[near[0]] if near else None


def _no_kind(block: Value, at: Place, kinds: list[str]) -> Fault:
    listed = f"{', '.join(kinds[:-1])} or {kinds[-1]}"
    if not isinstance(block, dict):
        return at, f"{at[-1]}: {block!r} is no block of its own", f"Give it a `kind`: {listed}."
    if "kind" not in block:
        return at, "the key 'kind' is missing", f"Add `kind:`: {listed}."
    return (*at, "kind"), f"kind: {block['kind']!r} is not a known word", f"Write {listed}."


def _place_of(document: Document, loc: tuple[int | str, ...]) -> tuple[Place, list[tuple[Place, str]]]:
    """The place in the file, without the class names that stand in a union's location, and those with their place."""
    place: Place = ()
    classes: list[tuple[Place, str]] = []
    for part in loc:
        if (
            isinstance(part, str)
            and (part in _CLASSES or "[" in part or part in ("str", "tuple"))
            and part not in _keys(document, place)
        ):
            classes.append((place, part))
        else:
            place = (*place, part)
    return place, classes


_CLASSES = {name for name, item in vars(spec).items() if dataclasses.is_dataclass(item)}


def _keys(document: Document, place: Place) -> Iterable[str]:
    value = _at(document.value, place)
    return value if isinstance(value, dict) else ()


def _at(value: Value, place: Place) -> Value:
    for part in place:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _words_for(error: Mapping[str, Any], key: str, beside: tuple[list[str], tuple[str, str] | None]) -> tuple[str, str]:
    """What was read and why it is wrong, and the remedy, in our words."""
    kind, read_as = error["type"], error.get("input")
    if kind in UNKNOWN_KEY:
        known, before = beside
        if before is not None:
            message = f"{before[0]}: {before[1]},{key} is not a number"
            return message, f"Write {before[1]}.{key}: a comma begins the next key."
        hint = near_misses(key, known) or (f"Known here: {', '.join(known)}." if known else "")
        return f"unknown key {key!r}", hint
    if kind in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return f"the key {key!r} is missing", f"Add `{key}:`."
    shown = repr(read_as) if isinstance(read_as, str | int | float | None) else "a block"
    if kind == "literal_error":
        return f"{key}: {shown} is not a known word", f"Write {error['ctx']['expected']}."
    if kind in ("float_parsing", "float_type", "int_parsing", "int_type", "finite_number"):
        return f"{key}: {shown} is not a number", "Write it with a decimal point, as 0.05."
    return f"{key}: {shown} does not fit here ({str(error['msg']).lower()})", ""


def _before(place: Place, document: Document) -> tuple[str, str] | None:
    """The key and number that stand before what was read as a key, but is the part of a number after its comma."""
    block = _at(document.value, place[:-1])
    if not isinstance(block, dict) or not str(place[-1]).isdecimal() or block.get(str(place[-1]), "") is not None:
        return None
    items = [*block.items()]
    key, value = items[[*block].index(str(place[-1])) - 1]
    return (key, value) if key in NUMBERS and isinstance(value, str) and value.lstrip("+-").isdecimal() else None


def _fields_beside(cls: type, place: Place, document: Document) -> list[str]:
    """The keys that the format allows where an unknown key stands, without those that are there."""
    kind: object = cls
    for i, step in enumerate(place[:-1]):
        kind = _kind_at(_inner(kind, step), place[: i + 1], document)
    names = [f.name for f in dataclasses.fields(kind)] if isinstance(kind, type) and _is_block(kind) else []
    return [name for name in names if name not in _keys(document, place[:-1])]


def _is_block(kind: object) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


@cache
def _hints(block: type) -> Mapping[str, object]:
    return typing.get_type_hints(block)


def _inner(kind: object, step: str | int) -> object:
    """The type of what stands under a key, a name or a number of a list."""
    if isinstance(kind, type) and _is_block(kind):
        return _hints(kind).get(str(step))
    inside = typing.get_args(kind)
    return inside[-1] if typing.get_origin(kind) is dict else inside[0] if inside else None


def _kind_at(kind: object, place: Place, document: Document) -> object:
    """The member of a union that is meant at a place; any other type as it is."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return kind
    members = {getattr(m, "__name__", ""): m for m in typing.get_args(kind) if m is not type(None)}
    if len(members) == 1:
        return next(iter(members.values()))
    meant = _class_meant(document, place, [name for name in members if name in meaning.KINDS])
    return members.get(meant or "")
