"""ddx check: every problem of a network file."""

from __future__ import annotations

import click

from ddx.cli.terminal import emit, surface


@click.command()
@click.argument("network")
@click.option("--json", "as_json", is_flag=True, help="The answer for a program; lists every note.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
@click.option("--all", "every_note", is_flag=True, help="Every note, also those of one kind.")
def check(network: str, as_json: bool, plain: bool, every_note: bool) -> None:
    """What is wrong with NETWORK (a name on the shelf or a file), and what is doubtful, each with line and remedy.

    Exits with 3 where there is an error, with 0 where there are only warnings and notes. Files of other tools and
    roles files are checked too. Figures that a second reader wrote down in review/NAME.yaml are compared.

    \b
      ddx check my-network.yaml
      ddx check scleroderma-mimics --all
      ddx check alarm.bif --json
    """
    from ddx.reasoning.lint import lint
    from ddx.report import check as page

    report = lint(network)
    if as_json:
        from ddx.report.json import written

        emit(written(page.plain(report)))
    else:
        emit(page.text(report, surface(plain=plain), every_note=every_note))
    if not report.sound:
        click.get_current_context().exit(3)
