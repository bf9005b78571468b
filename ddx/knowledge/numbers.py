"""Which numbers does a network state, where, and what is wrong with one by itself?

A number is a probability or an odds ratio: both have a source, a grade, an interval, and may be reviewed.
"""

from __future__ import annotations

from collections.abc import Iterator

from ddx.documents import Place
from ddx.knowledge import spec
from ddx.knowledge.naming import Fault, Near

AnyNumber = spec.Number | spec.OddsRatio


def numbers_of(network: spec.Network) -> Iterator[tuple[Place, AnyNumber]]:
    """Every probability and odds ratio of the network with its place in the file."""
    for group in ("settings", "diseases", "latents", "findings"):
        for name, block in getattr(network, group).items():
            yield from numbers_in(block, (group, name))


def numbers_in(value: object, place: Place) -> Iterator[tuple[Place, AnyNumber]]:
    """Every probability and odds ratio in a part of a network that stands at a place."""
    if isinstance(value, AnyNumber):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from numbers_in(item, (*place, key))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from numbers_in(item, (*place, i))
    elif isinstance(value, spec.Block):
        for key in value.__slots__:
            yield from numbers_in(getattr(value, key), (*place, key))


def sources_of(number: AnyNumber) -> tuple[str, ...]:
    """The sources that a number cites: its own, and those of its series."""
    series = number.series if isinstance(number, spec.Number) else ()
    return (*((number.source,) if number.source else ()), *(one.source for one in series))


def source_faults(network: spec.Network) -> Iterator[Fault]:
    """Sources that a number cites and the network does not have."""
    for place, number in numbers_of(network):
        series = number.series if isinstance(number, spec.Number) else ()
        if number.source not in network.sources and not series:
            hint = Near(number.source, network.sources, "Add it under sources.")
            yield place, f"no source {number.source!r}", hint
        for i, one in enumerate(series):
            if one.source not in network.sources:
                yield (*place, "series", i), f"no source {one.source!r}", Near(one.source, network.sources)


def value_faults(network: spec.Network) -> Iterator[Fault]:
    """Counts that cannot be, values and intervals out of range."""
    for place, number in numbers_of(network):
        if isinstance(number, spec.OddsRatio):
            yield from _ratio_faults(number, place)
        else:
            yield from _probability_faults(number, place)


def _ratio_faults(ratio: spec.OddsRatio, place: Place) -> Iterator[Fault]:
    if ratio.value <= 0:
        yield place, f"an odds ratio of {ratio.value}", "It must be above 0."
    bounds = [b for b in (ratio.lo, ratio.hi) if b is not None]
    if any(b < 0 for b in bounds) or (len(bounds) == 2 and bounds[0] > bounds[1]):
        yield place, f"the interval {ratio.lo} to {ratio.hi}", "lo and hi are odds ratios of 0 or more, lo first."


def _probability_faults(number: spec.Number, place: Place) -> Iterator[Fault]:
    for i, series in enumerate(number.series):
        if not 0 <= series.k <= series.n or series.n == 0:
            yield (*place, "series", i), f"{series.k} of {series.n}", "k lies between 0 and n."
    ways = [number.p is not None, number.k is not None, bool(number.series)]
    if sum(ways) != 1 or (number.k is not None and number.n is None):
        yield place, "a number needs p, or k and n, or series", "Give exactly one of them."
        return
    if number.n is not None and number.n < 1:
        yield place, f"n: {number.n} is no number of patients", "n is 1 or more."
    elif number.k is not None and not 0 <= number.k <= (number.n or 0):
        yield place, f"{number.k} of {number.n}", "k lies between 0 and n."
    elif not 0 <= number.value <= 1:
        yield place, f"{number.value} is not a probability", "Write a number from 0 to 1."
    bounds = [b for b in (number.lo, number.hi) if b is not None]
    if any(not 0 <= b <= 1 for b in bounds) or (len(bounds) == 2 and bounds[0] > bounds[1]):
        yield place, f"the interval {number.lo} to {number.hi}", "lo and hi are probabilities, lo first."
