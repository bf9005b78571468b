"""From a YAML file to a checked clinical network.

The shape (keys, types, numbers) is checked against the classes of `ddx.knowledge.spec`, the meaning (names that
resolve, rows that add up, gates that exist) here. Every problem is collected and told with file, line, what was
read, why it is wrong and what to do; near misses are named.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ddx.documents import Document, Place, Value, read
from ddx.errors import SpecError, near_misses
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
BOOLEANS = ("serious", "reviewed", "mandatory")


def load(path: Path, find_base: Mapping[str, Path] | None = None) -> spec.Network:
    """The network in a file, or the view in it applied to the network it is of.

    `find_base` maps names to the files of networks that a view may be of; a view may also name a file beside it.
    """
    return load_with_files(path, find_base)[0]


def load_with_files(path: Path, find_base: Mapping[str, Path] | None = None) -> tuple[spec.Network, tuple[Path, ...]]:
    """The same, and the files that it builds on: those of the networks that it is a view of, or none."""
    document = read(path)
    body = document.value
    form = body.get("ddx") if isinstance(body, dict) else None
    if form == "view/1":
        view = shaped(spec.ViewFile, document)
        below = base_of(view, path, find_base or {})
        base, files = load_with_files(below, find_base)
        return apply_view(view, base, document), (below, *files)
    if form != "network/1":
        read_as = f"`ddx: {form}`" if form else "no line `ddx: network/1`"
        raise SpecError(f"{read_as}", where=document.where(("ddx",)), remedy="Start the file with `ddx: network/1`.")
    network = shaped(spec.Network, document)
    tell(document, meaning.faults(network))
    tell(document, cycle_faults(network))
    return network, ()


def base_of(view: spec.ViewFile, path: Path, known: Mapping[str, Path]) -> Path:
    """The file of the network that a view is of."""
    beside = path.parent / f"{view.of}.yaml"
    if beside.exists():
        return beside
    if view.of in known:
        return known[view.of]
    raise SpecError(
        f"a view of {view.of!r}, which is no network here", where=path.name, remedy=near_misses(view.of, known)
    )


def apply_view(view: spec.ViewFile, base: spec.Network, document: Document) -> spec.Network:
    """The larger network with the view attached: nothing is copied, the compiler leaves out what is not chosen."""
    faults = meaning.view_faults(view, base)
    tell(document, faults)
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
    from pydantic import TypeAdapter, ValidationError

    faults = [*_bad_booleans(document.value, ()), *_odd_numbers(document.value, ()), *_bare_versions(document)]
    if faults:
        return None, faults
    try:
        return TypeAdapter(cls).validate_python(document.value), []
    except ValidationError as fault:
        return None, list(_translated(document, fault.errors(include_url=False))) or [((), str(fault), "")]


def tell(document: Document, faults: Iterable[Fault]) -> None:
    """Raise one SpecError that lists the problems, each with its line; nothing where there are none."""
    listed = list(dict.fromkeys(faults))
    if not listed:
        return
    place, message, remedy = listed[0]
    more = [f"{document.where(p)}: {owned(p, m)}{'. ' + r if r else ''}" for p, m, r in listed[1:MOST_TOLD]]
    if len(listed) > MOST_TOLD:
        more.append(f"... and {len(listed) - MOST_TOLD} more")
    remedy = "\n".join([remedy, *more]) if more else remedy
    raise SpecError(owned(place, message), where=document.where(place), remedy=remedy)


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


def _translated(document: Document, errors: Iterable[ErrorDetails]) -> Iterator[Fault]:
    for error in errors:
        place, classes = _place_of(document, error["loc"])
        if not _kind_fits(document, classes):
            continue
        key = str(place[-1]) if place else "the file"
        yield place, *_words_for(error, key, place, document)


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


def _kind_fits(document: Document, classes: list[tuple[Place, str]]) -> bool:
    """Whether an error belongs to the class that the block's `kind` names (unions report one error for each class)."""
    for at, name in classes:
        if name not in _CLASSES:
            continue
        block = _at(document.value, at)
        written = block.get("kind") if isinstance(block, dict) else None
        kinds = meaning.KINDS.get(name, ())
        known = any(written in k for k in meaning.KINDS.values())
        if known and written not in kinds:
            return False
        if not known and name != "Noisy":
            return False
    return True


def _words_for(error: Mapping[str, Any], key: str, place: Place, document: Document) -> tuple[str, str]:
    """What was read and why it is wrong, and the remedy, in our words."""
    kind, read_as = error["type"], error.get("input")
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _fields_beside(place, document)
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


def _fields_beside(place: Place, document: Document) -> list[str]:
    """The keys that the classes allow where an unknown key stands: those of the class whose fields fit best."""
    siblings = set(_keys(document, place[:-1]))
    best = max(
        (
            tuple(f.name for f in dataclasses.fields(item))
            for item in vars(spec).values()
            if dataclasses.is_dataclass(item)
        ),
        key=lambda names: len(siblings & set(names)),
    )
    return [name for name in best if name not in siblings]
