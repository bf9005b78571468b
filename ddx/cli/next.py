"""ddx next: what to look for next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ddx.cli.asking import Amount
from ddx.cli.disease import entries_named, entry_named
from ddx.cli.question import Line, question
from ddx.knowledge.spec import TIERS

if TYPE_CHECKING:
    from ddx.cli.asking import Asked
    from ddx.reasoning.next_test import Aim


@click.command("next")
@click.option("--focus", metavar="D1,D2", default="", help="About these diseases only.")
@click.option("--rule-in", metavar="D", help="By the highest probability of D that an outcome can lead to.")
@click.option("--rule-out", metavar="D", help="By the lowest probability of D that an outcome can lead to.")
@click.option("--by-cost", is_flag=True, help="By information for each unit of cost.")
@click.option("--limit", type=Amount(0), default=50.0, show_default=True, help="Cost of a test at most.")
@click.option("--tier", type=click.Choice(TIERS), help="Tests of this tier only.")
@click.option("--tiers", is_flag=True, help="Grouped by tier: bedside, laboratory, imaging, biopsy.")
@click.option("--plan", type=click.IntRange(0, 4), default=0, help="The best plan of so many tests, looking ahead.")
@click.option("--price", type=Amount(0), default=0.0, help="Bits that a unit of cost must earn in a plan.")
@click.option("--all", "every", is_flag=True, help="Every test, also those that tell little.")
@question
def next(line: Line, tiers: bool, every: bool, **wanted: Any) -> None:
    """What to look for next: every finding not yet asked, by the information that it is expected to bring.

    \b
      ddx next -c seed
      ddx next skin-induration no-raynaud --by-cost --tiers
      ddx next -c seed --rule-out multiple_myeloma
      ddx next skin-induration --focus scleromyxedema,mgus --plan 3 --price 0.001
    """
    asked = line.asked()
    from ddx.cli.pages import cautious
    from ddx.reasoning.next_test import next_tests
    from ddx.report import next_test as report

    answer = next_tests(asked.network, asked.model, asked.understood, _aim(asked, **wanted))
    line.answer(
        lambda: report.plain(answer),
        lambda surface: report.text(asked.network, cautious(asked, answer), surface, tiers=tiers, every=every),
    )


def _aim(asked: Asked, **wanted: Any) -> Aim:
    """What is to be learnt, from the options; UsageError where they do not go together."""
    from ddx.reasoning.next_test import Aim

    focus, rule_in, rule_out = wanted["focus"], wanted["rule_in"], wanted["rule_out"]
    if sum(map(bool, (focus, rule_in, rule_out))) > 1:
        raise click.UsageError("--focus, --rule-in and --rule-out exclude one another; name one.")
    if wanted["price"] > 0 and wanted["plan"] == 0:
        raise click.UsageError("--price is what tests must earn in a plan; say how long the plan is: --plan 3.")
    aimed = rule_in or rule_out
    entries = (entry_named(asked, aimed),) if aimed else entries_named(asked, focus)
    purpose = "rule_in" if rule_in else "rule_out" if rule_out else "information"
    return Aim(entries, purpose, wanted["by_cost"], wanted["limit"], wanted["tier"], wanted["plan"], wanted["price"])
