"""ddx replay: the posterior after each finding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddx.cli.disease import entries_named
from ddx.cli.question import Line, question
from ddx.errors import UnknownFinding, near_misses
from ddx.knowledge import catalog

if TYPE_CHECKING:
    from ddx.cli.asking import Asked

ENDINGS = (".yaml", ".yml", ".json")


@click.command()
@click.option("--order", metavar="NAMES", default="", help="These findings first; or `tier`.")
@click.option("--guess", metavar="DISEASES", default="", help="Your own list, kept beside the answer.")
@question
def replay(line: Line, order: str, guess: str) -> None:
    """The case step by step: of 1,000 such patients, how many have each disease after each finding.

    The first word may be a case, as after -c: its name on the shelf, or a file.

    --order takes the names of findings that come first, with commas between them, or the word `tier`: bedside
    before laboratory before imaging before biopsy.

    \b
      ddx replay seed
      ddx replay my.case.yaml --order tier
      ddx replay seed --order raynaud,doughnut_sign --guess scleredema,mgus
      ddx replay skin-induration doughnut-sign no-raynaud
    """
    asked = _asked(_with_case(line))
    from ddx.cli.pages import cautious
    from ddx.reasoning.replay import replay as answer_of
    from ddx.report import replay as report

    own = [entry.id for entry in entries_named(asked, guess)]
    wanted = [name.strip() for name in order.split(",") if name.strip()]
    answer = answer_of(asked.network, asked.model, asked.understood, wanted, own)
    line.answer(
        lambda: report.plain(answer), lambda surface: report.text(asked.network, cautious(asked, answer), surface)
    )


def _with_case(line: Line) -> Line:
    """A first word that is a case, on the shelf or in a file, is that case, where -c names none."""
    first, rest = line.findings[:1], line.findings[1:]
    if line.named["case"] is None and first and _is_case(first[0]):
        return line.of_case(rest, first[0])
    return line


def _is_case(word: str) -> bool:
    return word in catalog.cases() or word.endswith(ENDINGS) or Path(word).is_file()


def _asked(line: Line) -> Asked:
    """The case understood; where the first word is neither a finding nor a case, how a case is named."""
    try:
        return line.asked()
    except UnknownFinding as fault:
        first = line.findings[0] if line.findings else ""
        if line.named["case"] is not None or repr(first.removeprefix("no-")) not in str(fault):
            raise
        meant = near_misses(first, catalog.cases()) or "-c names one: its name on the shelf, or a file."
        raise UnknownFinding(f"{fault} Nor is {first!r} a case. {meant}") from None
