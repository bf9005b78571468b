"""ddx diagnose: the ranked differential of a case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ddx.cli.asking import asked, asked_each, case_options
from ddx.cli.terminal import emit, surface

if TYPE_CHECKING:
    from ddx.cli.asking import Asked
    from ddx.reasoning.credible import Credible
    from ddx.reasoning.differential import Differential

    Intervals = dict[str, tuple[float, float]]  # disease -> low, high


@click.command()
@click.argument("findings", nargs=-1, metavar="[FINDINGS]...")
@case_options
@click.option("--json", "as_json", is_flag=True, help="The answer for a program; lists every disease.")
@click.option("--fhir", "as_fhir", is_flag=True, help="The answer as a FHIR R4 RiskAssessment.")
@click.option("--csv", "as_csv", is_flag=True, help="Every disease as a row; every case of a table.")
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
    as_fhir: bool,
    as_csv: bool,
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
      ddx diagnose -c phenopacket.json --used
      ddx diagnose -c seed --fhir
    """
    if as_json + as_fhir + as_csv > 1:
        raise click.UsageError("--json, --fhir and --csv are three forms of the answer. Give one.")
    if as_csv:
        emit(_table(asked_each(findings, case, network, setting), intervals))
        return
    question = asked(findings, case, network, setting)
    from ddx.reasoning.differential import diagnose as answer_of

    answer = answer_of(question.network, question.model, question.understood)
    sure = _intervals(question) if intervals else None
    if as_json or as_fhir:
        emit(_for_programs(question, answer, _bounds(sure), fhir=as_fhir))
        return
    from ddx.cli.pages import page_of
    from ddx.report.text import Options, differential_text

    emit(differential_text(page_of(question, answer, surface(plain=plain), Options(every_disease, used))))
    if sure is not None:
        from ddx.report import credible

        emit("\n" + credible.text(question.network, sure, surface(plain=plain)))


def _for_programs(question: Asked, answer: Differential, known: Intervals, *, fhir: bool) -> str:
    """The answer as JSON, or as a FHIR resource."""
    from ddx.report import json

    if not fhir:
        return json.written(json.differential(answer, known))
    from ddx.report.fhir import risk_assessment

    return json.written(risk_assessment(question.network, answer, known))


def _table(questions: Sequence[Asked], intervals: bool) -> str:
    """Every disease of every case as a row."""
    from ddx.reasoning.differential import diagnose as answer_of
    from ddx.report.csv import differentials

    answered = [
        (q.case.name, answer_of(q.network, q.model, q.understood), _bounds(_intervals(q) if intervals else None))
        for q in questions
    ]
    return differentials(answered)


def _bounds(sure: Credible | None) -> Intervals:
    return {i.entry.id: (i.low, i.high) for i in sure.intervals} if sure else {}


def _intervals(question: Asked) -> Credible:
    """How sure the posteriors are, given how sure the numbers are."""
    from ddx.reasoning.credible import credible

    return credible(question.network, question.model, question.understood)
