"""ddx compare: what separates two diseases."""

from __future__ import annotations

import click

from ddx.cli.disease import entry_named
from ddx.cli.question import Line, question


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
    if pair[0].id == pair[1].id:
        raise click.UsageError(f"{first!r} and {second!r} are the same disease ({pair[0].id}); name two.")
    answer = answer_of(asked.network, asked.model, asked.understood, pair)
    line.answer(
        lambda: report.plain(answer), lambda surface: report.text(asked.network, cautious(asked, answer), surface)
    )
