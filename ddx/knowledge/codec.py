"""A network as JSON and back, without a schema library: how compiled networks carry their knowledge.

Only what differs from the default is written. What this reads, this wrote: it checks nothing.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Hashable
from functools import cache
from typing import TypeVar, cast

from ddx.knowledge import spec

T = TypeVar("T")
Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


def to_plain(value: object) -> Plain:
    """Dataclasses, tuples and dicts as JSON values; fields at their default are left out."""
    if dataclasses.is_dataclass(value):
        return {
            name: to_plain(item)
            for name, default in _defaults(cast(Hashable, type(value)))
            if (item := getattr(value, name)) != default
        }
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    return cast(Plain, value)


def of_plain(cls: type[T], plain: Plain) -> T:
    """The value of that class which `to_plain` wrote."""
    return cast(T, _decoder(cast(Hashable, cls))(plain))


@cache
def _defaults(cls: Hashable) -> tuple[tuple[str, object], ...]:
    return tuple(
        (f.name, f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default)
        for f in dataclasses.fields(cast(type, cls))
    )


Decoder = Callable[[typing.Any], object]


@cache
def _decoder(kind: object) -> Decoder:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _dataclass_decoder(kind)
    if origin is tuple:
        item = _decoder(arguments[0])
        return lambda plain: tuple([item(x) for x in plain])
    if origin is dict:
        value = _decoder(arguments[1])
        return lambda plain: {k: value(x) for k, x in plain.items()}
    if origin in (types.UnionType, typing.Union):
        return _union_decoder(arguments)
    return lambda plain: plain


def _dataclass_decoder(cls: type) -> Decoder:
    hints = typing.get_type_hints(cls, vars(spec))
    fields = {f.name: _decoder(hints[f.name]) for f in dataclasses.fields(cls)}
    make = cast(Callable[..., object], cls)
    return lambda plain: make(**{name: fields[name](item) for name, item in plain.items()})


def _union_decoder(arguments: tuple[object, ...]) -> Decoder:
    """None, a mapping, the class whose `kind` the block names, or a word or list of words."""
    classes = [a for a in arguments if isinstance(a, type) and dataclasses.is_dataclass(a)]
    mappings = [a for a in arguments if typing.get_origin(a) is dict]
    if mappings:
        block = _decoder(mappings[0])
        return lambda plain: None if plain is None else block(plain)
    if not classes:
        return lambda plain: tuple(plain) if isinstance(plain, list) else plain
    tagged = {word: _decoder(cls) for cls in classes for word in _kinds(cls)}
    only = _decoder(classes[0])

    def decode(plain: typing.Any) -> object:
        return None if plain is None else tagged.get(plain.get("kind"), only)(plain)

    return decode


def _kinds(cls: type) -> tuple[str, ...]:
    hint = typing.get_type_hints(cls, vars(spec)).get("kind")
    return typing.get_args(hint) if hint is not None else ()
