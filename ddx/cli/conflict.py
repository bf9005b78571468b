"""ddx conflict: what does not fit the rest."""

from __future__ import annotations

import click

from ddx.cli.question import Line, question


@click.command()
@click.option("--all", "every", is_flag=True, help="Every finding, also those that the rest expects.")
@question
def conflict(line: Line, every: bool) -> None:
    """What does not fit: findings that the rest does not expect, pairs that pull apart, and what resolves each.

    And how far the case as a whole lies outside what the network explains: how many patients with the diseases that it
    points to would have findings as improbable as these.

    \b
      ddx conflict -c seed
      ddx conflict skin-induration no-raynaud ana=negative --json
    """
    asked = line.asked()
    from ddx.reasoning.conflict import conflict as answer_of
    from ddx.report import conflict as report

    answer = answer_of(asked.network, asked.model, asked.understood)
    line.answer(lambda: report.plain(answer), lambda surface: report.text(asked.network, answer, surface, every=every))
