"""ddx diff: what changed between two versions of a network."""

from __future__ import annotations

import click

from ddx.cli.terminal import emit, surface


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def diff(old: str, new: str, as_json: bool, plain: bool) -> None:
    """What changed from OLD to NEW (names on the shelf or files), in clinical words.

    Numbers before and after with source and grade, what was added and removed, and the shipped cases that rank
    differently.

    \b
      ddx diff scleroderma-mimics my-copy.yaml
      ddx diff old.bif new.bif --json
    """
    from ddx.network import load
    from ddx.reasoning.drift import difference
    from ddx.report import diff as page

    found = difference(load(old), load(new))
    if as_json:
        from ddx.report.json import written

        emit(written(page.plain(found)))
    else:
        emit(page.text(found, surface(plain=plain)))
