"""ddx replay: the posterior after each finding."""

from __future__ import annotations

import click

from ddx.cli.asking import asked, case_options
from ddx.cli.disease import entries_named
from ddx.cli.terminal import emit, surface


@click.command()
@click.argument("findings", nargs=-1, metavar="[FINDINGS]...")
@case_options
@click.option("--order", metavar="NAMES", default="", help="These findings first; or `tier`.")
@click.option("--guess", metavar="DISEASES", default="", help="Your own list, kept beside the answer.")
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def replay(
    findings: tuple[str, ...],
    case: str | None,
    network: str | None,
    setting: str | None,
    order: str,
    guess: str,
    as_json: bool,
    plain: bool,
) -> None:
    """The case step by step: of 1,000 such patients, how many have each disease after each finding.

    \b
    --order takes the names of findings that come first, with commas between them, or the word
    `tier`: bedside before laboratory before imaging before biopsy.

    \b
      ddx replay -c seed
      ddx replay -c seed --order raynaud,doughnut_sign --guess systemic_sclerosis,scleredema
      ddx replay skin-induration doughnut-sign no-raynaud
    """
    question = asked(findings, case, network, setting)
    from ddx.reasoning.replay import replay as answer_of
    from ddx.report import replay as report

    own = [entry.id for entry in entries_named(question, guess)]
    wanted = [name.strip() for name in order.split(",") if name.strip()]
    answer = answer_of(question.network, question.model, question.understood, wanted, own)
    if as_json:
        from ddx.report.json import written

        emit(written(report.plain(answer)))
    else:
        emit(report.text(question.network, answer, surface(plain=plain)))
