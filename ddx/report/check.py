"""The problems of a network file as text and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ddx.knowledge.check import LEVELS, Issue
from ddx.reasoning.basis import Plain
from ddx.reasoning.lint import Report
from ddx.report.surface import Surface

FORMAT = "ddx/check/1"
ALIKE = 3  # notes of one kind from this many on are told in one line


def plain(report: Report) -> dict[str, Plain]:
    """Every problem, none folded."""
    return {
        "format": FORMAT,
        "file": report.file,
        "kind": report.kind,
        "sound": report.sound,
        "counts": {level: report.count(level) for level in LEVELS},
        "issues": [
            {"level": i.level, "where": i.where, "message": i.message, "remedy": i.remedy} for i in report.issues
        ],
    }


def text(report: Report, surface: Surface, *, every_note: bool) -> str:
    """One paragraph a problem, notes of one kind together, and a line that counts them."""
    lines: list[str] = []
    notes = [issue for issue in report.issues if issue.level == "note"]
    for issue in report.issues:
        if issue.level != "note" or every_note:
            lines += _issue(issue, surface)
    if not every_note:
        lines += _notes(notes, surface)
    lines.append(_verdict(report))
    return surface.plain("\n".join(line.rstrip() for line in lines)) + "\n"


def _issue(issue: Issue, surface: Surface) -> Iterator[str]:
    paint = {"error": surface.orange, "warning": surface.blue}.get(issue.level, surface.faint)
    body, *more = f"{issue.level}: {issue.where}: {issue.message}. {issue.remedy}".rstrip(" ").split("\n")
    wrapped = surface.wrapped(body, rest="    ")
    yield paint(wrapped[0][: len(issue.level)]) + wrapped[0][len(issue.level) :]
    yield from wrapped[1:]
    yield from (f"    {line}" for line in more)


def _notes(notes: Sequence[Issue], surface: Surface) -> Iterator[str]:
    kinds: dict[tuple[str, str], list[Issue]] = {}
    for issue in notes:
        kinds.setdefault((re.sub(r"\S*[/_\d]\S*", "*", issue.message), issue.remedy), []).append(issue)
    for (_, remedy), alike in kinds.items():
        if len(alike) < ALIKE:
            for issue in alike:
                yield from _issue(issue, surface)
            continue
        where = f"{alike[0].where} and {len(alike) - 1} more places (--all lists them)"
        yield from _issue(Issue("note", where, alike[0].message, remedy), surface)


def _verdict(report: Report) -> str:
    counted = ", ".join(f"{report.count(level)} {level}{'s' * (report.count(level) != 1)}" for level in LEVELS)
    return f"{report.file}: {counted}."
