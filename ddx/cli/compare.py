"""ddx compare: what separates two diseases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ddx.cli.disease import entry_named, form_named
from ddx.cli.question import Line, question

if TYPE_CHECKING:
    from ddx.knowledge.lexicon import Entry


@click.command()
@click.argument("first")
@click.argument("second")
@question
def compare(line: Line, first: str, second: str) -> None:
    """What separates FIRST from SECOND: the findings that were asked, and those worth asking.

    \b
      ddx compare scleromyxedema systemic_sclerosis -c seed
      ddx compare mgus multiple_myeloma paraprotein
    """
    asked = line.asked()
    from ddx.cli.pages import cautious
    from ddx.reasoning.compare import compare as answer_of
    from ddx.report import compare as report

    pair = (entry_named(asked, first), entry_named(asked, second))
    states = (form_named(asked, first), form_named(asked, second))
    if pair[0].id == pair[1].id:
        raise click.UsageError(_same(pair[0], (first, second), states))
    answer = replace(answer_of(asked.network, asked.model, asked.understood, pair), states=states)
    line.answer(
        lambda: report.plain(answer), lambda surface: report.text(asked.network, cautious(asked, answer), surface)
    )


def _same(entry: Entry, names: tuple[str, str], states: tuple[str | None, str | None]) -> str:
    """Why two names cannot be compared."""
    first, second = names
    if states[0] == states[1]:
        return f"{first!r} and {second!r} are the same disease ({entry.id}); name two."
    if None in states:
        form, whole = names if states[1] is None else names[::-1]
        told = f"{form!r} is a form of {whole!r} ({entry.label})"
    else:
        told = f"{first!r} and {second!r} are both forms of {entry.label}"
    return (
        f"{told}, which is answered for as a whole; name another disease. `ddx explain {entry.id}` tells of the whole."
    )
