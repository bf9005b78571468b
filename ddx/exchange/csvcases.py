"""How are many cases written as one table, and safely back?

One case per row, a column for each finding:     case,raynaud,hla_b27,subject.age
Long form, a row for each finding:               case,finding,state

An empty cell means not examined; `unknown` or `?` is kept on record. `setting` and `subject.KEY` are columns of
their own. Reading is strict: UTF-8, commas, every row as long as the header, every column and case once, no
characters that nobody sees.

A spreadsheet runs cells that begin with = + - @ TAB or CR as formulas: they are written with an apostrophe in front,
which reading takes off again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from ddx.documents import check_characters, visible
from ddx.errors import CaseError, ContradictoryFinding, sentence
from ddx.evidence import NOT_KNOWN, Case, Observed, as_written
from ddx.exchange.source import Source, shown

CASE, SETTING, SUBJECT = "case", "setting", "subject."
LONG = (CASE, "finding", "state")
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def read(source: Source) -> tuple[Case, ...]:
    """The cases of a table in either form; CaseError or FileProblem with file:line otherwise."""
    rows = _rows(source)
    header = [cell.strip() for cell in rows[0][1]]
    _check_header(header, source.where)
    if len(rows) == 1:
        _fail("only a header, no case", source.where, 1, "Add a row for each case.")
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            message = f"case {shown(cells[header.index(CASE)] if header.index(CASE) < len(cells) else '')}: "
            _fail(f"{message}{len(cells)} cells, the header has {len(header)}", source.where, line, "Mend the row.")
    records = [(line, dict(zip(header, cells, strict=True))) for line, cells in rows[1:]]
    return _long(records, source.where) if tuple(header) == LONG else _wide(records, source.where)


def write(cases: Iterable[Case]) -> str:
    """The cases, one per row, with every cell safe for a spreadsheet.

    CaseError for a likelihood, which a cell cannot carry, and for a finding with the name of another column.
    """
    chosen = list(cases)
    findings = list(dict.fromkeys(observed.name for case in chosen for observed in case.findings))
    taken = [name for name in findings if name in (CASE, SETTING) or name.startswith(SUBJECT)]
    if taken:
        raise CaseError(f"{taken[0]} is a column of its own in a table, and no finding. Write a JSON case.")
    subjects = list(dict.fromkeys(key for case in chosen for key in (*case.subject, *case.subject_unknown)))
    settings = [SETTING] if any(case.setting for case in chosen) else []
    rows: list[list[str]] = [[CASE, *settings, *(SUBJECT + key for key in subjects), *findings]]
    for number, case in enumerate(chosen, 1):
        states = {observed.name: _state(observed) for observed in case.findings}
        own = [case.setting or ""] if settings else []
        known = {**case.subject, **case.subject_unknown}
        about = [known.get(key, "") for key in subjects]
        rows.append([case.id or case.name or str(number), *own, *about, *(states.get(name, "") for name in findings)])
    return table(rows)


def table(rows: Iterable[Sequence[str | int | float]]) -> str:
    r"""Rows as CSV; a text cell that a spreadsheet would run gets an apostrophe in front, numbers stay numbers.

    >>> table([["id", "p"], ["=1+1", -0.5]])
    "id,p\r\n'=1+1,-0.5\r\n"
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerows([safe(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return stream.getvalue()


def safe(cell: str) -> str:
    """The cell with an apostrophe in front where a spreadsheet would run it (or where one would be taken off)."""
    return f"'{cell}" if cell.lstrip("'").startswith(DANGEROUS) else cell


def _unsafe(cell: str) -> str:
    """The cell as it was before `safe`."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(DANGEROUS) else cell


def _state(observed: Observed) -> str:
    if observed.likelihood is not None:
        raise CaseError(f"{observed.name} is given as a likelihood, which a table cannot carry. Write a JSON case.")
    return observed.word or NOT_KNOWN[0] if observed.state is None else observed.state


def _rows(source: Source) -> list[tuple[int, list[str]]]:
    """(line, cells) of every row that is not blank."""
    text = source.text()
    if "\x00" in text:
        _fail("a NUL character", source.where, text.count("\n", 0, text.index("\x00")) + 1, "Is this a CSV file?")
    check_characters(text, source.where)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, [_unsafe(cell) for cell in cells]))
            line = reader.line_num + 1
    except csv.Error as fault:
        _fail(f"not CSV: {fault}", source.where, line, "Write it with commas, and cells with commas in quotes.")
    if not rows:
        _fail("nothing in it", source.where, 1, "Begin with the header: case,FINDING,...")
    return rows


def _check_header(header: list[str], where: str) -> None:
    if CASE not in header:
        semicolons = "Its separator seems to be ; write commas." if any(";" in cell for cell in header) else ""
        _fail(f"no column {CASE!r} in the header", where, 1, semicolons or "Begin with: case,FINDING,...")
    seen: set[str] = set()
    for number, cell in enumerate(header, 1):
        if not cell or not visible(cell):
            _fail(f"column {number} has no name that can be shown", where, 1, "Name the column.")
        if cell in seen:
            _fail(f"the column {shown(cell)} stands twice", where, 1, "Keep one.")
        seen.add(cell)


def _long(records: list[tuple[int, dict[str, str]]], where: str) -> tuple[Case, ...]:
    found: dict[str, dict[str, Observed]] = {}
    for line, row in records:
        name, finding, state = (row[key].strip() for key in LONG)
        if not name or not finding:
            _fail("a row without case or finding", where, line, "Fill the cell.")
        findings = found.setdefault(name, {})
        if finding in findings:
            message = f"case {shown(name)}: {shown(finding)} stands twice"
            raise ContradictoryFinding(sentence(message, where=f"{where}:{line}", remedy="Keep one."))
        if state:
            findings[finding] = as_written(finding, state, _row(where, line, name))
    return tuple(Case(tuple(findings.values()), id=name, name=name) for name, findings in found.items())


def _wide(records: list[tuple[int, dict[str, str]]], where: str) -> tuple[Case, ...]:
    cases: dict[str, Case] = {}
    for line, row in records:
        cells = {key: cell.strip() for key, cell in row.items()}
        name = cells.pop(CASE)
        if not name or name in cases:
            _fail(f"case {shown(name) or '(no name)'} stands twice or has no name", where, line, "Rename it.")
        setting = cells.pop(SETTING, "") or None
        about = {k[len(SUBJECT) :]: v for k, v in cells.items() if k.startswith(SUBJECT) and v}
        subject = {key: word for key, word in about.items() if word not in NOT_KNOWN}
        unknown = {key: word for key, word in about.items() if word in NOT_KNOWN}
        states: Mapping[str, str] = {k: v for k, v in cells.items() if not k.startswith(SUBJECT) and v}
        place = _row(where, line, name)
        findings = tuple(as_written(key, state, place) for key, state in states.items())
        cases[name] = Case(findings, subject, unknown, setting=setting, id=name, name=name, where=place)
    return tuple(cases.values())


def _row(where: str, line: int, name: str) -> str:
    """How messages name a row."""
    return f"{where}:{line} (case {shown(name)})"


def _fail(message: str, where: str, line: int, remedy: str) -> NoReturn:
    raise CaseError(sentence(message, where=f"{where}:{line}", remedy=remedy))
