"""ddx replay: the posterior after each finding."""

from __future__ import annotations

import click

from ddx.cli.disease import entries_named
from ddx.cli.question import Line, question
from ddx.knowledge import catalog


@click.command()
@click.option("--order", metavar="NAMES", default="", help="These findings first; or `tier`.")
@click.option("--guess", metavar="DISEASES", default="", help="Your own list, kept beside the answer.")
@question
def replay(line: Line, order: str, guess: str) -> None:
    """The case step by step: of 1,000 such patients, how many have each disease after each finding.

    The first word may be a case on the shelf, as after -c.

    \b
    --order takes the names of findings that come first, with commas between them, or the word
    `tier`: bedside before laboratory before imaging before biopsy.

    \b
      ddx replay seed
      ddx replay seed --order raynaud,doughnut_sign --guess systemic_sclerosis,scleredema
      ddx replay skin-induration doughnut-sign no-raynaud
    """
    asked = _with_case(line).asked()
    from ddx.reasoning.replay import replay as answer_of
    from ddx.report import replay as report

    own = [entry.id for entry in entries_named(asked, guess)]
    wanted = [name.strip() for name in order.split(",") if name.strip()]
    answer = answer_of(asked.network, asked.model, asked.understood, wanted, own)
    line.answer(lambda: report.plain(answer), lambda surface: report.text(asked.network, answer, surface))


def _with_case(line: Line) -> Line:
    """A first word that names a case on the shelf is that case, where -c names none."""
    first, rest = line.findings[:1], line.findings[1:]
    if line.named["case"] is None and first and first[0] in catalog.cases():
        return line.of_case(rest, first[0])
    return line
