"""ddx sensitivity: what would change it."""

from __future__ import annotations

import click

from ddx.cli.asking import asked, case_options
from ddx.cli.disease import entry_named
from ddx.cli.terminal import emit, surface


@click.command()
@click.argument("disease")
@click.argument("findings", nargs=-1, metavar="[FINDINGS]...")
@case_options
@click.option("--intervals", is_flag=True, help="90% intervals of every posterior, by drawing every number anew.")
@click.option("--draws", type=click.IntRange(16, 100_000), default=1000, show_default=True, help="Of --intervals.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of --intervals.")
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def sensitivity(
    disease: str,
    findings: tuple[str, ...],
    case: str | None,
    network: str | None,
    setting: str | None,
    intervals: bool,
    draws: int,
    seed: int,
    as_json: bool,
    plain: bool,
) -> None:
    """What would change DISEASE: the smallest change of one number or one finding, and what it depends on most.

    \b
      ddx sensitivity ankylosing_spondylitis -c seed
      ddx sensitivity scleromyxedema -c seed --intervals
    """
    question = asked(findings, case, network, setting)
    entry = entry_named(question, disease)
    from ddx.report.json import written

    if intervals:
        from ddx.reasoning.credible import credible
        from ddx.report import credible as pages

        sure = credible(question.network, question.model, question.understood, count=draws, seed=seed)
        page = written(pages.plain(sure)) if as_json else pages.text(question.network, sure, surface(plain=plain))
        emit(page)
        return
    from ddx.reasoning.sensitivity import sensitivity as answer_of
    from ddx.report import sensitivity as report

    answer = answer_of(question.network, question.model, question.understood, entry)
    if as_json:
        emit(written(report.plain(answer)))
    else:
        emit(report.text(question.network, answer, surface(plain=plain)))
