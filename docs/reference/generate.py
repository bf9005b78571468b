"""Write the generated pages of this folder anew: `cli.md` from the commands' own help, and the format's JSON schema."""

from __future__ import annotations

from pathlib import Path

import click

from ddx.cli.commands import ddx
from ddx.knowledge.schema import json_schema

HERE = Path(__file__).parent
WIDTH = 96


def cli_page() -> str:
    """The help of `ddx` and of each command, as one page."""
    context = click.Context(ddx, info_name="ddx", max_content_width=WIDTH, terminal_width=WIDTH)
    blocks = ["# Commands\n\nGenerated from `ddx --help` and `ddx COMMAND --help`.\n", _block("ddx", ddx, context)]
    for name in ddx.list_commands(context):
        command = ddx.get_command(context, name)
        assert command is not None
        own = click.Context(command, parent=context, info_name=name, max_content_width=WIDTH, terminal_width=WIDTH)
        blocks.append(_block(f"ddx {name}", command, own))
    return "\n".join(blocks)


def _block(title: str, command: click.Command, context: click.Context) -> str:
    return f"## {title}\n\n```\n{command.get_help(context).rstrip()}\n```\n"


def main() -> None:
    """Write both pages."""
    (HERE / "cli.md").write_text(cli_page(), encoding="utf-8")
    (HERE / "network.schema.json").write_text(json_schema(), encoding="utf-8")


if __name__ == "__main__":
    main()
