"""ddx diagnose: the ranked differential of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ddx.cli.asking import asked, case_options
from ddx.cli.terminal import emit, surface

if TYPE_CHECKING:
    from ddx.cli.asking import Asked
    from ddx.reasoning.credible import Credible


@click.command()
@click.argument("findings", nargs=-1, metavar="[FINDINGS]...")
@case_options
@click.option("--json", "as_json", is_flag=True, help="The answer for a program; lists every disease.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
@click.option("--all", "every_disease", is_flag=True, help="Every disease, also those the case did not move.")
@click.option("--intervals", is_flag=True, help="Also 90% intervals, by drawing every number anew; takes seconds.")
@click.option("--used", is_flag=True, help="Every finding as it was understood.")
def diagnose(
    findings: tuple[str, ...],
    case: str | None,
    network: str | None,
    setting: str | None,
    as_json: bool,
    plain: bool,
    every_disease: bool,
    intervals: bool,
    used: bool,
) -> None:
    """What could this be? A ranked list, each line with its basis; several diseases at once.

    \b
    FINDINGS are written
      waxy-papules      it is there
      no-raynaud        it was looked for and is not there (never with a leading dash)
      ana=negative      this state of it
      crp=14            this value of it
      dysphagia=?       nobody knows: kept on record, not used

    \b
      ddx diagnose age=52 sex=male skin-induration doughnut-sign no-raynaud
      ddx diagnose -c seed
      ddx diagnose -c seed --setting general-population --all
      cat case.yaml | ddx diagnose -c - --json
    """
    question = asked(findings, case, network, setting)
    from ddx.reasoning.differential import diagnose as answer_of

    answer = answer_of(question.network, question.model, question.understood)
    sure = _intervals(question) if intervals else None
    if as_json:
        from ddx.report import json

        known = {i.entry.id: (i.low, i.high) for i in sure.intervals} if sure else None
        emit(json.written(json.differential(answer, known)))
        return
    from ddx.cli.pages import page_of
    from ddx.report.text import Options, differential_text

    emit(differential_text(page_of(question, answer, surface(plain=plain), Options(every_disease, used))))
    if sure is not None:
        from ddx.report import credible

        emit("\n" + credible.text(question.network, sure, surface(plain=plain)))


def _intervals(question: Asked) -> Credible:
    """How sure the posteriors are, given how sure the numbers are."""
    from ddx.reasoning.credible import credible

    return credible(question.network, question.model, question.understood)
