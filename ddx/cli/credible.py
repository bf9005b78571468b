"""ddx credible: how sure the posteriors are."""

from __future__ import annotations

import click

from ddx.cli.question import Line, question


@click.command()
@click.option("--draws", type=click.IntRange(16, 100_000), default=1000, show_default=True, help="Of all numbers.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draws.")
@click.option("--all", "every", is_flag=True, help="Every disease, also the improbable ones.")
@question
def credible(line: Line, draws: int, seed: int, every: bool) -> None:
    """How sure is it? A 90% interval for every disease, and how often each keeps its place.

    Every number of the network that bears on the case is drawn anew from what is behind it (its counts, its interval
    or its grade), and the case is answered exactly for each draw.

    \b
      ddx credible -c seed
      ddx credible skin-induration no-raynaud ana=negative --draws 4000
      ddx credible -c seed --all --json
    """
    asked = line.asked()
    from ddx.cli.pages import cautious
    from ddx.reasoning.credible import credible as answer_of
    from ddx.report import credible as report

    answer = answer_of(asked.network, asked.model, asked.understood, count=draws, seed=seed)
    line.answer(
        lambda: report.plain(answer),
        lambda surface: report.text(asked.network, cautious(asked, answer), surface, every=every),
    )
