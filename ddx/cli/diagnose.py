"""ddx diagnose: the ranked differential of a case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ddx.cli.question import Line, question
from ddx.cli.terminal import emit, surface

if TYPE_CHECKING:
    from ddx.cli.asking import Asked
    from ddx.reasoning.credible import Credible
    from ddx.reasoning.differential import Differential

    Intervals = dict[str, tuple[float, float]]  # disease -> low, high


@click.command()
@click.option("--fhir", "as_fhir", is_flag=True, help="The answer as a FHIR R4 RiskAssessment.")
@click.option("--csv", "as_csv", is_flag=True, help="Every disease as a row; every case of a table.")
@click.option("--all", "every_disease", is_flag=True, help="Every disease, also those the case did not move.")
@click.option("--intervals", is_flag=True, help="Also 90% intervals, by drawing every number anew.")
@click.option("--used", is_flag=True, help="Every finding as it was understood.")
@question
def diagnose(line: Line, as_fhir: bool, as_csv: bool, every_disease: bool, intervals: bool, used: bool) -> None:
    """What could this be? A ranked list, each line with its basis; several diseases at once.

    \b
    FINDINGS are written
      waxy-papules      it is there
      no-raynaud        it was looked for and is not there (no leading dash)
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
    if line.as_json + as_fhir + as_csv > 1:
        raise click.UsageError("--json, --fhir and --csv are three forms of the answer. Give one.")
    if as_csv:
        emit(_table(line.asked_each(), intervals))
        return
    asked = line.asked()
    from ddx.reasoning.differential import diagnose as answer_of

    answer = answer_of(asked.network, asked.model, asked.understood)
    sure = _intervals(asked) if intervals else None
    if line.as_json or as_fhir:
        emit(_for_programs(asked, answer, _bounds(sure), fhir=as_fhir))
        return
    from ddx.cli.pages import page_of
    from ddx.report.text import Options, differential_text

    options = Options(every_disease, used)
    emit(differential_text(page_of(asked, answer, surface(plain=line.plain), options, sure)))


def _for_programs(asked: Asked, answer: Differential, known: Intervals, *, fhir: bool) -> str:
    """The answer as JSON, or as a FHIR resource."""
    from ddx.report import json

    if not fhir:
        from ddx.cli.pages import coverage_of

        return json.written(json.differential(answer, known, coverage_of(asked, answer)))
    from ddx.report.fhir import risk_assessment

    return json.written(risk_assessment(asked.network, answer, known))


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


def _intervals(asked: Asked) -> Credible:
    """How sure the posteriors are, given how sure the numbers are."""
    from ddx.reasoning.credible import credible

    return credible(asked.network, asked.model, asked.understood)
