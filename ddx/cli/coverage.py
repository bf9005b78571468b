"""ddx coverage: how far the findings lie outside what the network explains."""

from __future__ import annotations

import click

from ddx.cli.question import Line, question


@click.command()
@click.option("--seed", type=int, default=0, show_default=True, help="Of the patients drawn.")
@question
def coverage(line: Line, seed: int) -> None:
    """Can this network explain the case at all? How improbable the findings are, among patients drawn from it.

    Patients with the diseases that the case points to are drawn and asked the same things: how many of them have
    findings as improbable as these? Where hardly any do, something that is not in the network may be behind them.

    \b
      ddx coverage -c seed
      ddx coverage skin-induration no-raynaud ana=negative --json
    """
    asked = line.asked()
    from ddx.reasoning.coverage import Draws
    from ddx.reasoning.coverage import coverage as answer_of
    from ddx.reasoning.differential import diagnose
    from ddx.report import coverage as report

    differential = diagnose(asked.network, asked.model, asked.understood)
    answer = answer_of(asked.network, asked.model, differential, Draws(seed=seed))
    line.answer(lambda: report.plain(answer), lambda surface: report.text(asked.network, answer, surface))
