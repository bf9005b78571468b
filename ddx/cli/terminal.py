"""Where the answer is written: width, colour and characters of stdout."""

from __future__ import annotations

import os
import shutil
import sys

from ddx.report.surface import NARROWEST, WIDEST, Surface


def surface(*, plain: bool = False) -> Surface:
    """The surface that stdout is: colour only on a terminal that has it, ASCII where nothing else can be written.

    `--plain`, NO_COLOR, TERM=dumb and a pipe take the colour away; `--plain`, TERM=dumb and a locale without block
    characters also keep to ASCII.
    """
    dumb = os.environ.get("TERM") == "dumb"
    colour = sys.stdout.isatty() and not (plain or dumb or os.environ.get("NO_COLOR"))
    columns = shutil.get_terminal_size((80, 24)).columns
    return Surface(min(max(columns, NARROWEST), WIDEST), colour, not (plain or dumb) and _takes_blocks())


def emit(text: str) -> None:
    """Write an answer to stdout."""
    sys.stdout.write(text)


def _takes_blocks() -> bool:
    try:
        "█·─".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
