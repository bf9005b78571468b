"""ddx explain: why, and why not."""

from __future__ import annotations

import click

from ddx.cli.asking import asked, case_options
from ddx.cli.disease import entry_named
from ddx.cli.terminal import emit, surface


@click.command()
@click.argument("disease")
@click.argument("findings", nargs=-1, metavar="[FINDINGS]...")
@case_options
@click.option("--why-not", metavar="OTHER", help="What each finding does to this disease and to the other.")
@click.option("--all", "every", is_flag=True, help="Also the findings that weigh nothing.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the shares above twelve groups.")
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def explain(
    disease: str,
    findings: tuple[str, ...],
    case: str | None,
    network: str | None,
    setting: str | None,
    why_not: str | None,
    every: bool,
    seed: int,
    as_json: bool,
    plain: bool,
) -> None:
    """Why DISEASE, and why not: what each finding weighs on its own and given all else, with sources.

    Findings that stand or fall together (a paraprotein and its isotype) are weighed as one. Where a finding loses its
    weight, the disease that explains it is named, with the weight that returns when that disease is held absent.

    \b
      ddx explain multiple_myeloma -c seed
      ddx explain scleromyxedema -c seed --why-not systemic_sclerosis
      ddx explain ssc no-raynaud ana=negative --json
    """
    question = asked(findings, case, network, setting)
    from ddx.reasoning.explain import explain as answer_of
    from ddx.report import explain as report

    answer = answer_of(question.network, question.model, question.understood, entry_named(question, disease), seed=seed)
    other = None
    if why_not is not None:
        entry = entry_named(question, why_not)
        other = answer_of(question.network, question.model, question.understood, entry, seed=seed)
    if as_json:
        from ddx.report.json import written

        emit(written(report.plain(answer, other)))
    elif other is not None:
        emit(report.contrast(question.network, answer, other, surface(plain=plain)))
    else:
        emit(report.text(question.network, answer, surface(plain=plain), every=every))
