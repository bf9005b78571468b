"""ddx sensitivity: what would change it."""

from __future__ import annotations

import click

from ddx.cli.disease import entry_named
from ddx.cli.question import Line, question


@click.command()
@click.argument("disease")
@question
def sensitivity(line: Line, disease: str) -> None:
    """What would change DISEASE: the smallest change of one number or one finding, and what it depends on most.

    \b
      ddx sensitivity ankylosing_spondylitis -c seed
      ddx sensitivity scleromyxedema skin-induration no-raynaud ana=negative --json
    """
    asked = line.asked()
    from ddx.cli.pages import cautious

    entry = entry_named(asked, disease)
    from ddx.reasoning.sensitivity import sensitivity as answer_of
    from ddx.report import sensitivity as report

    answer = answer_of(asked.network, asked.model, asked.understood, entry)
    line.answer(
        lambda: report.plain(answer), lambda surface: report.text(asked.network, cautious(asked, answer), surface)
    )
