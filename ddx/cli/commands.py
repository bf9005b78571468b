"""The commands by name. A command's room is imported when the command runs, so that `ddx diagnose` loads little."""

from __future__ import annotations

from importlib import import_module

import click

from ddx import __version__
from ddx.errors import near_misses

COMMANDS = {  # name -> one line for the list; the command `name` of the module ddx.cli.name
    "diagnose": "What could this be? The ranked differential of a case.",
    "explain": "Why a disease, and why not: what each finding weighs.",
    "next": "What to look for next.",
    "compare": "What separates two diseases.",
    "combinations": "One disease or several: sets and pairs.",
    "conflict": "What does not fit the rest.",
    "replay": "The posterior after each finding.",
    "coverage": "Can this network explain the case at all?",
    "sensitivity": "What would change it.",
    "credible": "How sure the posteriors are: 90% intervals.",
    "posterior": "Raw posteriors of every variable of any network.",
    "show": "What a disease or finding is, with its numbers and sources.",
    "find": "Look names up.",
    "about": "What a network is for, what it rests on, and its limits.",
    "verify": "Is a saved answer what ddx says?",
    "test": "Check cases against what they promise.",
    "check": "Every problem of a network file, with line and remedy.",
    "diff": "What changed between two versions of a network, in clinical words.",
    "convert": "A network in another format: BIF, XMLBIF, XDSL, NET, UAI or YAML.",
}

HELP = """Differential diagnosis by exact Bayesian networks, with a source behind every number.

\b
  ddx diagnose skin-induration doughnut-sign no-raynaud ana=negative
  ddx diagnose -c seed                    a case that comes with ddx
  ddx diagnose -c my.case.yaml --json     your own case, for a program
  ddx find raynaud                        how a finding is called
  ddx about                               what the numbers rest on

For education and decision support; not for time-critical use; not validated prospectively.
Exit codes: 0 done, 1 a bug, 2 usage, 3 bad or missing case or network, 4 an expectation failed,
5 impossible evidence, 130 interrupted.
"""


class Lazy(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"ddx.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = near_misses(args[0], COMMANDS) or f"Commands: {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {args[0][:60]!r}. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=Lazy,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="ddx %(version)s")
def ddx() -> None:
    """The front door; its help is HELP."""
