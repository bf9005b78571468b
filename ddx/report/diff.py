"""Two versions of a network as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from ddx.knowledge import spec
from ddx.knowledge.diff import NumberChange, TextChange
from ddx.knowledge.numbers import AnyNumber
from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.drift import Difference, Drift
from ddx.report.figures import percent
from ddx.report.surface import Surface

FORMAT = "ddx/diff/1"


def plain(found: Difference) -> dict[str, Plain]:
    """Every difference, none folded."""
    return {
        "format": FORMAT,
        "old": _network(found.old),
        "new": _network(found.new),
        "same": not found.changes,
        "numbers": [
            {"what": c.what, "place": c.place, "old": _number(c.old), "new": _number(c.new)}
            for c in found.changes.numbers
        ],
        "added": list(found.changes.added),
        "removed": list(found.changes.removed),
        "other": [{"what": c.what, "place": c.place, "old": c.old, "new": c.new} for c in found.changes.other],
        "cases_compared": found.cases,
        "cases": [_drift(drift) for drift in found.drifts],
    }


def _network(network: Network) -> Plain:
    return {"name": network.name, "version": network.version, "sha256": network.sha256}


def _number(number: AnyNumber | None) -> Plain:
    if number is None:
        return None
    told: dict[str, Plain] = {"value": number.value, "lo": number.lo, "hi": number.hi}
    if isinstance(number, spec.Number) and number.counts is not None:
        told["k"], told["n"] = number.counts
    told.update(source=number.source, grade=number.grade, note=number.note, reviewed=number.reviewed)
    return told


def _drift(drift: Drift) -> Plain:
    return {
        "case": drift.case,
        "reordered": drift.reordered,
        "old": list(drift.old),
        "new": list(drift.new),
        "shifts": [{"disease": s.disease, "old": s.old, "new": s.new} for s in drift.shifts],
        "fault": drift.fault or None,
    }


def text(found: Difference, surface: Surface) -> str:
    """What changed, in the order in which it matters to a reader: cases last."""
    names = " -> ".join(f"{n.name} {n.version}".strip() + f" ({n.sha256[:12]})" for n in (found.old, found.new))
    lines = [names]
    if not found.changes:
        lines.append("No difference: the same variables, numbers and sources.")
    changes = found.changes
    lines += _part("Numbers that changed", [_number_line(c) for c in changes.numbers], surface)
    lines += _part("Added", list(changes.added), surface)
    lines += _part("Removed", list(changes.removed), surface)
    lines += _part("Written differently", [_text_line(c) for c in changes.other], surface)
    if changes:
        lines += _cases(found, surface)
    return surface.plain("\n".join(line.rstrip() for line in lines)) + "\n"


def _part(title: str, items: list[str], surface: Surface) -> Iterator[str]:
    if items:
        yield ""
        yield surface.strong(f"{title} ({len(items)})")
    for item in items:
        yield from surface.wrapped(item, first="  ", rest="      ")


def _number_line(change: NumberChange) -> str:
    if change.old is None or change.new is None:
        sign, number = ("+", change.new) if change.old is None else ("-", change.old)
        assert number is not None
        return f"{sign} {change.what}: {_figure(number)} [{_basis(number)}]"
    old, new = _figure(change.old), _figure(change.new)
    bases = [_basis(change.old), _basis(change.new)]
    basis = bases[0] if bases[0] == bases[1] else f"{bases[0]} -> {bases[1]}"
    return f"{change.what}: {f'{old} -> {new}' if old != new else f'{old}, unchanged'} [{basis}]"


def _figure(number: AnyNumber) -> str:
    if isinstance(number, spec.OddsRatio):
        return f"OR {number.value:g}"
    counts = "" if number.counts is None else " ({}/{})".format(*number.counts)
    return f"{number.value:.4g}{counts}"


def _basis(number: AnyNumber) -> str:
    sources = [number.source]
    if isinstance(number, spec.Number):
        sources += [series.source for series in number.series]
    return ", ".join([*(s for s in dict.fromkeys(sources) if s), number.grade])


def _text_line(change: TextChange) -> str:
    old, new = ((text if text is not None else "nothing")[:300] for text in (change.old, change.new))
    return f"{change.what}: {old} -> {new}"


def _cases(found: Difference, surface: Surface) -> Iterator[str]:
    yield ""
    if not found.cases:
        yield "No shipped case is about this network."
        return
    reordered = sum(drift.reordered for drift in found.drifts)
    yield surface.strong(f"Of {found.cases} shipped cases, {reordered} rank differently")
    for drift in found.drifts:
        yield from surface.wrapped(f"{drift.case}: {_drift_line(drift)}", first="  ", rest="      ")


def _drift_line(drift: Drift) -> str:
    if drift.fault:
        return f"cannot be compared: {drift.fault}"
    ranking = f"{' > '.join(drift.old) or 'none'} -> {' > '.join(drift.new) or 'none'}" if drift.reordered else ""
    shifts = ", ".join(f"{s.disease} {percent(s.old)} -> {percent(s.new)}" for s in drift.shifts[:5])
    return "; ".join(part for part in (ranking, shifts) if part)
