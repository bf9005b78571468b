"""Write what is generated in the documentation anew.

`cli.md` comes from the commands' own help, `network.schema.json` from the classes of the format, and what the commands
of the README print from running them.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import click

import ddx as package
from ddx.cli.commands import ddx
from ddx.knowledge.schema import json_schema

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"
WIDTH = 96
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


def cli_page() -> str:
    """The help of `ddx` and of each command, as one page."""
    settings = {**ddx.context_settings, "max_content_width": WIDTH, "terminal_width": WIDTH}
    context = click.Context(ddx, info_name="ddx", **settings)
    blocks = ["# Commands\n\nGenerated from `ddx --help` and `ddx COMMAND --help`.\n", _block("ddx", ddx, context)]
    for name in ddx.list_commands(context):
        command = ddx.get_command(context, name)
        assert command is not None
        own = click.Context(command, parent=context, info_name=name, max_content_width=WIDTH, terminal_width=WIDTH)
        blocks.append(_block(f"ddx {name}", command, own))
    return "\n".join(blocks)


def _block(title: str, command: click.Command, context: click.Context) -> str:
    return f"## {title}\n\n```\n{command.get_help(context).rstrip()}\n```\n"


def commands(page: str) -> list[str]:
    """The commands of the console blocks of a page: the lines after `$ `."""
    lines = [line for block in CONSOLE.findall(page) for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def run(command: str) -> subprocess.CompletedProcess[str]:
    """One `ddx` command, far from the tree, by the ddx that is imported here, on a page of 80 columns."""
    words = shlex.split(command)
    if words[:1] != ["ddx"]:
        raise ValueError(f"not a ddx command: {command}")
    found = Path(package.__file__).parents[1]
    env = {**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(found)}
    with tempfile.TemporaryDirectory() as elsewhere:
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=elsewhere,
            env=env,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )


def with_output(page: str) -> str:
    """The page with what each of its commands prints now."""

    def block(found: re.Match[str]) -> str:
        shown = "\n".join(f"$ {command}\n{run(command).stdout}" for command in commands(found[0]))
        return f"```console\n{shown}```"

    return CONSOLE.sub(block, page)


def main() -> None:
    """Write all of it, with a fresh cache: what other code compiled must not answer."""
    with tempfile.TemporaryDirectory() as fresh:
        os.environ["DDX_CACHE_DIR"] = fresh
        _write()


def _write() -> None:
    (HERE / "cli.md").write_text(cli_page(), encoding="utf-8")
    (HERE / "network.schema.json").write_text(json_schema(), encoding="utf-8")
    README.write_text(with_output(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
