"""Where the answer is written: width, colour and characters of stdout."""

from __future__ import annotations

import contextlib
import os
import sys

import click

from ddx.errors import FileProblem
from ddx.report.surface import NARROWEST, WIDEST, Surface


def surface(*, plain: bool = False) -> Surface:
    """The surface that stdout is: colour only on a terminal that has it, ASCII where nothing else can be written.

    `--plain`, NO_COLOR, TERM=dumb and a pipe take the colour away; `--plain`, TERM=dumb and a locale without block
    characters also keep to ASCII.
    """
    dumb = os.environ.get("TERM") == "dumb"
    terminal = sys.stdout.isatty()
    columns = min(max(_columns(), NARROWEST), WIDEST)
    return Surface(
        columns,
        colour=terminal and not (plain or dumb or os.environ.get("NO_COLOR")),
        unicode=not (plain or dumb) and _takes_blocks(),
        terminal=terminal,
    )


def _columns() -> int:
    """As wide as COLUMNS says, else the terminal, else 80."""
    with contextlib.suppress(ValueError):
        if (said := int(os.environ.get("COLUMNS", ""))) > 0:
            return said
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80 if sys.__stdout__ else 80
    except (OSError, ValueError):
        return 80


def emit(text: str) -> None:
    """Write an answer to stdout; where its reader has gone, stop without a word."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _write_nowhere()
        raise click.exceptions.Exit(0) from None
    except OSError as fault:
        _write_nowhere()
        raise FileProblem(f"stdout: cannot be written ({fault.strerror})") from None


def _write_nowhere() -> None:
    """What is left in the buffer goes nowhere, so that Python does not complain when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _takes_blocks() -> bool:
    try:
        "█·─".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
