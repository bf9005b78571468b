"""What is wrong with a network file, and what is doubtful? Every problem at once, each with its line and its remedy.

    error    the network cannot be used, or says two things at once
    warning  it can be used, but what is written is probably not what is meant
    note     worth knowing: figures that nobody has reviewed, measured figures without counts

What needs inference (settings that cannot be met, states that never occur, treewidth) is in `ddx.reasoning.lint`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ddx.documents import Document, DocumentError, Place, read
from ddx.errors import DdxError, SpecError
from ddx.knowledge import doubts, spec
from ddx.knowledge.arcs import cycle_faults
from ddx.knowledge.links import weak_links
from ddx.knowledge.load import applied_view, base_of, owned, shape_of
from ddx.knowledge.meaning import Known, known_of, network_faults, view_faults
from ddx.knowledge.naming import Fault, Near
from ddx.knowledge.numbers import source_faults
from ddx.knowledge.partial import Around, Partial, partial

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
MOST_NEAR = 50  # remedies that name near misses, in one file


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem: how bad, where (file:line), what was read and why it is wrong, what to do."""

    level: Level
    where: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The problems of a file, the network in it as far as it could be read, and what was not looked at for errors.

    `missing` are the places that could not be read. `whole`: the numbers are all there and make sense, so that the
    network can be computed with. `base` is the document of the network that a view is of.
    """

    issues: tuple[Issue, ...]
    network: spec.Network | None = None
    document: Document | None = None
    unchecked: tuple[str, ...] = ()
    missing: frozenset[Place] = frozenset()
    whole: bool = True
    base: Document | None = None

    @property
    def sound(self) -> bool:
        return not any(issue.level == "error" for issue in self.issues)


def check_file(path: Path, known: Mapping[str, Path]) -> Checked:
    """Every problem of a network or view file that can be told without inference. Bad files are errors in the list."""
    return _check_file(path, known, ())


def _check_file(path: Path, known: Mapping[str, Path], views: tuple[Path, ...]) -> Checked:
    try:
        document = read(path)
    except DdxError as fault:
        return Checked((issue_of(fault, path.name),))
    form = document.value.get("ddx") if isinstance(document.value, dict) else None
    if form == "view/1":
        return _check_view(path, document, known, views)
    if form != "network/1":
        read_as = f"`ddx: {form}`" if isinstance(form, str) else "no line `ddx: network/1`"
        where = document.where(("ddx",))
        return Checked((Issue("error", where, read_as, "Start the file with `ddx: network/1`."),))
    found = partial(document)
    if found.network is None:
        return Checked(told(document, "error", found.faults), unchecked=("what the rest of the file means",))
    return _checked(found.network, found, document)


def _checked(network: spec.Network, found: Partial, document: Document) -> Checked:
    """What is there is checked; nothing is said of what is missing, but that it is."""
    known, missing = known_of(network), Around(found.missing)
    wrong = [f for f in network_faults(network) if not missing.touches(f[0])]
    uncited = [f for f in source_faults(network) if not missing.touches(f[0])]
    circle = [*cycle_faults(network)]
    spoiled = Around([*found.missing, *(place for place, _, _ in wrong)])
    arcs_known = not found.arcs_missing and doubts.arcs_known(known)
    doubtful = [*_warnings(known, spoiled), *(doubts.alone(known) if arcs_known else ())]
    errors = [*found.faults, *wrong, *uncited, *circle, *doubts.too_rare(known, spoiled)]
    issues = (
        *told(document, "error", errors),
        *told(document, "warning", (f for f in doubtful if not missing.touches(f[0]))),
        *told(document, "note", _notes(network, whole=not found.missing)),
    )
    unchecked = _unchecked(found, wrong=bool(wrong), arcs_known=arcs_known)
    whole = not (found.missing or wrong or circle)
    return Checked(issues, network, document, unchecked, found.missing, whole)


def _warnings(known: Known, spoiled: Around) -> Iterator[Fault]:
    yield from weak_links(known, spoiled)
    yield from doubts.beside_the_rates(known, spoiled)
    yield from doubts.shared_words(known.network)
    yield from doubts.source_doubts(known.network)
    yield from doubts.graded_too_high(known.network)
    yield from doubts.hidden_rows(known)


def _notes(network: spec.Network, *, whole: bool) -> Iterator[Fault]:
    yield from doubts.without_counts(network)
    if whole:
        yield from doubts.unused_sources(network)
        yield from doubts.unreviewed(network)


def _unchecked(found: Partial, *, wrong: bool, arcs_known: bool) -> tuple[str, ...]:
    """What was not looked at, or not everywhere."""
    told = {
        "rates, backgrounds and priors on the lines with an error": bool(found.missing) or wrong,
        "findings without a disease behind them and diseases that cause nothing": not arcs_known,
        "sources that nothing cites, numbers that await a second reader": bool(found.missing),
    }
    return tuple(what for what, is_so in told.items() if is_so)


def issue_of(fault: DdxError, name: str) -> Issue:
    """An error as the one problem that it is."""
    if isinstance(fault, SpecError):
        return Issue("error", fault.where or name, fault.message, fault.remedy)
    text = str(fault)
    place = re.match(rf"^({re.escape(name)}(?::\d+)?): ", text) if isinstance(fault, DocumentError) else None
    return Issue("error", place[1] if place else name, (text[place.end() :] if place else text).rstrip("."))


def _check_view(path: Path, document: Document, known: Mapping[str, Path], views: tuple[Path, ...]) -> Checked:
    view, misshapen = shape_of(spec.ViewFile, document)
    if view is None:
        return Checked(told(document, "error", misshapen), unchecked=("the names that the view chooses",))
    try:
        base = _check_file(base_of(view, path, known, views), known, (*views, path))
    except DdxError as fault:
        return Checked((issue_of(fault, path.name),))
    wrong = tuple(issue for issue in base.issues if issue.level == "error")
    if base.network is None:
        return Checked(wrong, unchecked=base.unchecked)
    unknown = view_faults(view, base.network) if base.whole else []
    issues = (*wrong, *told(document, "error", unknown))
    unchecked = () if base.whole else ("the names that the view chooses",)
    if issues:
        return Checked(issues, None, document, unchecked)
    return Checked((), applied_view(view, base.network), document, base=base.document)


def told(document: Document, level: Level, found: Iterable[Fault]) -> tuple[Issue, ...]:
    """Faults as issues, each once, in the order of their lines."""
    hints: dict[tuple[str, str], str] = {}
    listed = [
        Issue(level, document.where(place), owned(place, message), _hint(message, remedy, hints))
        for place, message, remedy in dict.fromkeys(found)
    ]
    return tuple(sorted(listed, key=lambda issue: line_of(issue.where)))


def _hint(message: str, remedy: str | Near, hints: dict[tuple[str, str], str]) -> str:
    """The remedy; near misses are looked for once for each message, and not without end."""
    if not isinstance(remedy, Near):
        return remedy
    key = message, remedy.otherwise
    if key not in hints:
        hints[key] = str(remedy) if len(hints) < MOST_NEAR else remedy.otherwise
    return hints[key]


def line_of(where: str) -> int:
    """The line of file:line; 0 where there is none."""
    number = where.rpartition(":")[2]
    return int(number) if number.isdecimal() else 0
