"""A disease or finding with its numbers and sources, and the hits of a search, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ddx.knowledge import spec
from ddx.knowledge.lexicon import Meant
from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.lookup import Figure, Found
from ddx.report.surface import Surface, fitted

LONGEST_STATE = 16
LEAST_NAME = 20  # characters that a name has at least where all stands on one line


def plain(network: Network, found: Found) -> dict[str, Plain]:
    """{"kind", "id", "state", "label", ...}; `state` is null unless the name means one of several states."""
    told: dict[str, Plain] = {
        "kind": found.kind,
        "id": found.id,
        "state": found.state,
        "label": found.label,
        "node": found.node,
        "of": found.of,
        "states": list(found.states),
        "network": {"name": network.name, "version": network.version, "sha256": network.sha256},
    }
    block = found.block
    if block is not None:
        told["note"] = block.note
        told["aliases"] = list(block.aliases)
    if isinstance(block, spec.Disease | spec.Event | spec.Finding):
        told["codes"] = {system: _code(code) for system, code in block.codes.items()}
    if isinstance(block, spec.Disease | spec.Event):
        told["serious"] = block.serious
    if isinstance(block, spec.Finding):
        asked = network.lexicon.askables[found.id]
        told.update(definition=block.definition, tier=block.tier, cost=block.cost, synonyms=list(block.synonyms))
        told.update(absent=asked.absent, present=asked.present)
    told["numbers"] = [_figure(network, figure) for figure in found.figures]
    return told


def _code(code: spec.Code) -> Plain:
    return {"id": code.id, "label": code.label, "relation": code.relation}


def _figure(network: Network, figure: Figure) -> Plain:
    number = figure.number
    told: dict[str, Plain] = {"of": figure.of, "state": figure.state, "given": figure.given}
    if isinstance(number, spec.OddsRatio):
        told["odds_ratio"] = number.value
    else:
        told["p"] = number.value
        if number.counts is not None:
            told["k"], told["n"] = number.counts
        if number.series:
            told["series"] = [{"k": s.k, "n": s.n, "source": s.source} for s in number.series]
    told.update(lo=number.lo, hi=number.hi, source=number.source, citation=_citation(network, number.source))
    told.update(grade=number.grade, reviewed=number.reviewed, note=number.note)
    return told


def _citation(network: Network, source: str) -> str:
    known = network.spec.sources.get(source) if network.spec else None
    return known.citation if known else ""


def text(network: Network, found: Found, surface: Surface) -> str:
    """The page of one name."""
    lines = [*_heading(network, found, surface), *_numbers(found, surface), *_sources(network, found, surface)]
    return surface.plain("\n".join(line.rstrip() for line in lines)) + "\n"


def _heading(network: Network, found: Found, surface: Surface) -> Iterator[str]:
    block = found.block
    kind = "serious disease" if isinstance(block, spec.Disease | spec.Event) and block.serious else found.kind
    what = f"{found.label} ({found.id}): a {kind} of {network.name} {network.version}".rstrip()
    first, *rest = surface.wrapped(what, rest="  ")
    yield surface.strong(found.label) + first[len(found.label) :] if first.startswith(found.label) else first
    yield from rest
    if found.state is not None:
        yield from surface.wrapped(f"The name means its state {found.state}.", first="  ")
    if found.of is not None:
        present = f"Present while {found.of} is {' or '.join(found.states)}."
        yield from surface.wrapped(present, first="  ", rest="    ")
    else:
        yield from surface.wrapped(f"States: {', '.join(found.states)}", first="  ", rest="    ")
    if isinstance(block, spec.Finding):
        yield from _finding(network, block, found.id, surface)
    names = list(block.aliases) if block is not None else []
    names += block.synonyms if isinstance(block, spec.Finding | spec.Disease) else ()
    if names:
        yield from surface.wrapped(f"Also called: {', '.join(names)}", first="  ", rest="    ")
    if isinstance(block, spec.Disease | spec.Event | spec.Finding) and block.codes:
        codes = ", ".join(f"{system} {code.id} ({code.relation})" for system, code in block.codes.items())
        yield from surface.wrapped(f"Codes: {codes}", first="  ", rest="    ")
    if block is not None and block.note:
        yield from surface.wrapped(f"Note: {block.note}", first="  ", rest="    ")


def _finding(network: Network, block: spec.Finding, name: str, surface: Surface) -> Iterator[str]:
    if block.definition:
        yield from surface.wrapped(block.definition, first="  ")
    yield f"  Tier: {block.tier.replace('_', ' ')}; cost {block.cost:g}"
    asked = network.lexicon.askables[name]
    ways = [f"{name} means {asked.present}"] if asked.present else []
    ways += [f"no-{name} means {asked.absent}"] if asked.absent else []
    if asked.quantity is not None:
        cuts = ", ".join(f"{cut:g}" for cut in asked.quantity.cuts)
        ways.append(f"a value in {asked.quantity.span} is cut at {cuts}")
    if ways:
        yield from surface.wrapped("On the line: " + "; ".join(ways), first="  ", rest="    ")


class _Columns(NamedTuple):
    """How wide names and states of the table of numbers are; `broken` where the basis stands on a line of its own."""

    first: int
    second: int
    broken: bool

    @classmethod
    def of(cls, found: Found, surface: Surface) -> _Columns:
        names = max(len("PRIOR IN, OR FINDING"), *(len(_name(found, f)) for f in found.figures))
        states = min(LONGEST_STATE, max(len("STATE"), *(len(f.state) for f in found.figures)))
        sources = max(len(f.number.source) for f in found.figures) + 1
        left = surface.width - states - sources - 37  # what is written beside name, state and source
        broken = left < min(names, LEAST_NAME)
        return cls(min(names, surface.width - states - 13) if broken else min(names, left), states, broken)

    def line(self, name: str, state: str, value: str, basis: tuple[str, str, str]) -> Iterator[str]:
        counts, grade, source = basis
        start = f"  {fitted(name, self.first)}  {fitted(state, self.second)}  {value:>7}"
        if self.broken:
            yield start
            yield "      " + "  ".join(part for part in (counts, grade, source) if part)
        else:
            yield f"{start}  {counts:>9}  {grade:9}  {source}"


def _name(found: Found, figure: Figure) -> str:
    """What a number of this name is given, or for a disease which finding it speaks of."""
    return figure.given if found.kind != "disease" or figure.given.startswith("setting ") else figure.of


def _numbers(found: Found, surface: Surface) -> Iterator[str]:
    if not found.figures:
        return
    yield ""
    title = "PRIOR IN, OR FINDING" if found.kind == "disease" else "GIVEN"
    columns = _Columns.of(found, surface)
    for line in columns.line(title, "STATE", "P", ("COUNTS", "GRADE", "SOURCE")):
        yield surface.faint(line)
    for figure in found.figures:
        number = figure.number
        counts = "" if isinstance(number, spec.OddsRatio) or number.counts is None else "{}/{}".format(*number.counts)
        value = f"OR {number.value:g}" if figure.is_ratio else f"{number.value:.3g}"
        source = number.source + ("" if number.reviewed else "*")
        yield from columns.line(_name(found, figure), figure.state, value, (counts, number.grade, source))
    if any(isinstance(f.number, spec.Number) and f.number.counts is not None for f in found.figures):
        yield surface.faint("  of counts k/n, P is (k + 1/2) / (n + 1)")
    if any(not figure.number.reviewed for figure in found.figures):
        yield surface.faint("  * not yet seen by a second reader")


def _sources(network: Network, found: Found, surface: Surface) -> Iterator[str]:
    used = dict.fromkeys(source for figure in found.figures for source in _keys(figure))
    listed = [(key, network.spec.sources[key]) for key in used if network.spec and key in network.spec.sources]
    if listed:
        yield ""
    for key, source in listed:
        where = source.identifier or source.url
        told = f"{source.citation}{f'. {where}' if where else ''}{f' [read: {source.read}]' if source.read else ''}"
        yield from surface.wrapped(told, first=f"  {key}: ", rest="      ")


def _keys(figure: Figure) -> Iterator[str]:
    yield figure.number.source
    if isinstance(figure.number, spec.Number):
        yield from (series.source for series in figure.number.series)


def hits_plain(network: Network, hits: Sequence[Meant]) -> dict[str, Plain]:
    """The hits of a search, diseases first."""
    listed: list[Plain] = [{"kind": m.kind, "id": m.id, "state": m.state, "label": label(network, m)} for m in hits]
    return {"network": {"name": network.name, "version": network.version}, "found": listed}


def hits_text(network: Network, hits: Sequence[Meant], surface: Surface) -> str:
    """One line a hit: what it is, how it is written, what it is called."""
    if not hits:
        return f"Nothing in {network.name} has such a name.\n"
    width = max(len(m.id) for m in hits)
    lines = []
    for m in hits:
        called = label(network, m) + (f" ({m.state})" if m.state else "")
        indent = " " * min(width + 11, surface.width // 2)
        lines += surface.wrapped(f"{m.kind:8} {m.id:{width}}  {called}", rest=indent)
    return surface.plain("\n".join(line.rstrip() for line in lines)) + "\n"


def label(network: Network, meant: Meant) -> str:
    """How the meant thing is called."""
    if meant.kind != "disease":
        return network.lexicon.askables[meant.id].label
    entry = network.lexicon.entries.get(meant.id)
    if entry is not None:
        return entry.label
    return network.spec.diseases[meant.node].label if network.spec else meant.id
