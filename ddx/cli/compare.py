"""ddx compare: what separates two diseases."""

from __future__ import annotations

import click

from ddx.cli.asking import asked, case_options
from ddx.cli.disease import entry_named
from ddx.cli.terminal import emit, surface


@click.command()
@click.argument("first")
@click.argument("second")
@click.argument("findings", nargs=-1, metavar="[FINDINGS]...")
@case_options
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def compare(
    first: str,
    second: str,
    findings: tuple[str, ...],
    case: str | None,
    network: str | None,
    setting: str | None,
    as_json: bool,
    plain: bool,
) -> None:
    """What separates FIRST from SECOND: the findings that were asked, and those worth asking.

    \b
      ddx compare scleromyxedema systemic_sclerosis -c seed
      ddx compare mgus multiple_myeloma paraprotein
    """
    question = asked(findings, case, network, setting)
    from ddx.reasoning.compare import compare as answer_of
    from ddx.report import compare as report

    pair = (entry_named(question, first), entry_named(question, second))
    if pair[0].id == pair[1].id:
        raise click.UsageError(f"{first!r} and {second!r} are the same disease ({pair[0].id}); name two.")
    answer = answer_of(question.network, question.model, question.understood, pair)
    if as_json:
        from ddx.report.json import written

        emit(written(report.plain(answer)))
    else:
        emit(report.text(question.network, answer, surface(plain=plain)))
