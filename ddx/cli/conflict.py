"""ddx conflict: what does not fit the rest."""

from __future__ import annotations

import click

from ddx.cli.question import Line, question


@click.command()
@question
def conflict(line: Line) -> None:
    """What does not fit: findings that the rest does not expect, pairs that pull apart, and what resolves each.

    \b
      ddx conflict -c seed
      ddx conflict skin-induration no-raynaud ana=negative --json
    """
    asked = line.asked()
    from ddx.reasoning.conflict import conflict as answer_of
    from ddx.report import conflict as report

    answer = answer_of(asked.network, asked.model, asked.understood)
    line.answer(lambda: report.plain(answer), lambda surface: report.text(asked.network, answer, surface))
