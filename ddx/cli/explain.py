"""ddx explain: why, and why not."""

from __future__ import annotations

from dataclasses import replace

import click

from ddx.cli.disease import entry_named, form_named
from ddx.cli.question import Line, question


@click.command()
@click.argument("disease")
@click.option("--why-not", metavar="OTHER", help="What each finding does to this disease and to the other.")
@click.option("--all", "every", is_flag=True, help="Also the findings that weigh nothing.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the shares above twelve groups.")
@question
def explain(line: Line, disease: str, why_not: str | None, every: bool, seed: int) -> None:
    """Why DISEASE, and why not: what each finding weighs on its own and given all else, with sources.

    Findings that stand or fall together (a paraprotein and its isotype) are weighed as one. Where a finding loses its
    weight, the disease that explains it is named, with the weight that returns when that disease is held absent.

    \b
      ddx explain multiple_myeloma -c seed
      ddx explain scleromyxedema -c seed --why-not systemic_sclerosis
      ddx explain ssc no-raynaud ana=negative --json
    """
    asked = line.asked()
    from ddx.cli.pages import cautious
    from ddx.reasoning.explain import explain as answer_of
    from ddx.report import explain as report

    named = [disease] if why_not is None else [disease, why_not]
    entries = [entry_named(asked, name) for name in named]
    if len({e.id for e in entries}) < len(entries):
        raise click.UsageError(f"{disease!r} and {why_not!r} are the same disease ({entries[0].id}); name another.")
    answers = [
        replace(answer_of(asked.network, asked.model, asked.understood, e, seed=seed), state=form_named(asked, name))
        for e, name in zip(entries, named, strict=True)
    ]
    first, *rest = answers
    if rest:
        line.answer(
            lambda: report.plain(first, rest[0]),
            lambda surface: report.contrast(asked.network, (cautious(asked, first), rest[0]), surface, every=every),
        )
    else:
        line.answer(
            lambda: report.plain(first),
            lambda surface: report.text(asked.network, cautious(asked, first), surface, every=every),
        )
