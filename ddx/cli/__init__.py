"""The command line: `ddx COMMAND ...`. Parse, call, print.

Exit codes: 0 done, 1 a bug, 2 usage, 3 a bad or missing case or network, 4 an expectation failed, 5 impossible
evidence, 130 interrupted. Data goes to stdout, messages to stderr.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

LONGEST_LINE = 600  # characters of one line of a message
DASHED_WORD = re.compile(r"^-[A-Za-z][a-z_-]{2,}$")


def run() -> NoReturn:
    """One command as a whole process. Everything is written when it is done, so it leaves at once.

    Taking the interpreter apart first would cost a tenth of the time of an answer, and clean up nothing.
    """
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        return _reader_gone()


def _run(argv: list[str]) -> int:
    import click

    from ddx.cli.commands import ddx
    from ddx.errors import DdxError

    _tolerant_streams()
    try:
        code = ddx.main(argv, prog_name="ddx", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as fault:
        usage = f"{fault.ctx.get_usage()}\n" if fault.ctx else ""
        _say(shown(f"{usage}ddx: {fault.format_message()}") if argv else fault.format_message())
        return fault.exit_code
    except SystemExit:  # click's way of saying that the reader of its help has gone
        return _reader_gone()
    except click.Abort:
        return _interrupted()
    except DdxError as fault:
        _say(shown(f"ddx: {fault}{_dash_hint(argv)}"))
        return fault.exit_code
    return int(code or 0)


def _say(message: str) -> None:
    """A message on stderr; nobody may be there to read it."""
    with contextlib.suppress(BrokenPipeError):
        print(message, file=sys.stderr, flush=True)


def _dash_hint(arguments: Sequence[str]) -> str:
    """`-nausea` is read as an option with a value; say how an absent finding is written."""
    dashed = [a for a in arguments if DASHED_WORD.match(a)]
    return f" (A finding that is absent is written no-{dashed[0][1:]}, not {dashed[0]}.)" if dashed else ""


def shown(message: str) -> str:
    """A message without control characters and without endless lines."""
    lines = []
    for line in message.split("\n"):
        safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        lines.append(safe if len(safe) <= LONGEST_LINE else f"{safe[:LONGEST_LINE]}... ({len(safe):,} characters)")
    return "\n".join(lines)


def _tolerant_streams() -> None:
    """What the locale cannot write is escaped instead of ending in an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _interrupted() -> int:
    _say("ddx: interrupted")
    return 130


def _reader_gone() -> int:
    """Whoever read our output has gone: say nothing, and keep Python from complaining when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
