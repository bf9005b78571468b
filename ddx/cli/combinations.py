"""ddx combinations: one disease or several."""

from __future__ import annotations

import click

from ddx.cli.question import Line, question


@click.command()
@click.option("--all", "every", is_flag=True, help="Every set and pair that was formed.")
@question
def combinations(line: Line, every: bool) -> None:
    """One disease or several: the most probable sets of diseases, and of each pair both, one, the other, neither.

    \b
      ddx combinations -c seed
      ddx combinations skin-induration doughnut-sign hla-b27 sacroiliitis=4 --json
    """
    asked = line.asked()
    from ddx.cli.pages import cautious
    from ddx.reasoning.combinations import combinations as answer_of
    from ddx.report import combinations as report

    answer = answer_of(asked.network, asked.model, asked.understood)
    line.answer(
        lambda: report.plain(answer),
        lambda surface: report.text(asked.network, cautious(asked, answer), surface, every=every),
    )
