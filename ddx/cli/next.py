"""ddx next: what to look for next."""

from __future__ import annotations

import click

from ddx.cli.asking import Amount, asked, case_options
from ddx.cli.disease import entries_named, entry_named
from ddx.cli.terminal import emit, surface
from ddx.knowledge.spec import TIERS


@click.command("next")
@click.argument("findings", nargs=-1, metavar="[FINDINGS]...")
@case_options
@click.option("--focus", metavar="D1,D2", default="", help="About these diseases only.")
@click.option("--rule-in", metavar="D", help="By the highest probability of D that an outcome can lead to.")
@click.option("--rule-out", metavar="D", help="By the lowest probability of D that an outcome can lead to.")
@click.option("--by-cost", is_flag=True, help="By information for each unit of cost.")
@click.option("--limit", type=Amount(0), default=50.0, show_default=True, help="Cost of a test at most.")
@click.option("--tier", type=click.Choice(TIERS), help="Tests of this tier only.")
@click.option("--tiers", is_flag=True, help="Grouped by tier: bedside, laboratory, imaging, biopsy.")
@click.option("--plan", type=click.IntRange(0, 4), default=0, help="Look so many tests ahead.")
@click.option("--all", "every", is_flag=True, help="Every test, also those that tell little.")
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def next(
    findings: tuple[str, ...],
    case: str | None,
    network: str | None,
    setting: str | None,
    focus: str,
    rule_in: str | None,
    rule_out: str | None,
    by_cost: bool,
    limit: float,
    tier: str | None,
    tiers: bool,
    plan: int,
    every: bool,
    as_json: bool,
    plain: bool,
) -> None:
    """What to look for next: every finding not yet asked, by the information that it is expected to bring.

    \b
      ddx next -c seed
      ddx next skin-induration no-raynaud --by-cost --tiers
      ddx next -c seed --rule-out multiple_myeloma
      ddx next skin-induration --focus scleromyxedema,scleredema --plan 3
    """
    question = asked(findings, case, network, setting)
    from ddx.reasoning.next_test import Aim, next_tests
    from ddx.report import next_test as report

    if sum(map(bool, (focus, rule_in, rule_out))) > 1:
        raise click.UsageError("--focus, --rule-in and --rule-out exclude one another; name one.")
    aimed = rule_in or rule_out
    entries = (entry_named(question, aimed),) if aimed else entries_named(question, focus)
    purpose = "rule_in" if rule_in else "rule_out" if rule_out else "information"
    aim = Aim(entries, purpose, by_cost, limit, tier, plan)
    answer = next_tests(question.network, question.model, question.understood, aim)
    if as_json:
        from ddx.report.json import written

        emit(written(report.plain(answer)))
    else:
        emit(report.text(question.network, answer, surface(plain=plain), tiers=tiers, every=every))
