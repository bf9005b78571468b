"""ddx conflict: what does not fit the rest."""

from __future__ import annotations

import click

from ddx.cli.asking import asked, case_options
from ddx.cli.terminal import emit, surface


@click.command()
@click.argument("findings", nargs=-1, metavar="[FINDINGS]...")
@case_options
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def conflict(
    findings: tuple[str, ...],
    case: str | None,
    network: str | None,
    setting: str | None,
    as_json: bool,
    plain: bool,
) -> None:
    """What does not fit: findings that the rest does not expect, pairs that pull apart, and what resolves each.

    \b
      ddx conflict -c seed
      ddx conflict skin-induration no-raynaud ana=negative --json
    """
    question = asked(findings, case, network, setting)
    from ddx.reasoning.conflict import conflict as answer_of
    from ddx.report import conflict as report

    answer = answer_of(question.network, question.model, question.understood)
    if as_json:
        from ddx.report.json import written

        emit(written(report.plain(answer)))
    else:
        emit(report.text(question.network, answer, surface(plain=plain)))
