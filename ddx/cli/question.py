"""What the commands that ask about a case have in common: the case on the line, and how the answer is printed.

`@question` gives a command its FINDINGS, -c, -n, --setting, --json and --plain, and hands them over as one `Line`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from ddx.cli.asking import asked, asked_each, case_options
from ddx.cli.terminal import emit, surface

if TYPE_CHECKING:
    from ddx.cli.asking import Asked
    from ddx.reasoning.basis import Plain
    from ddx.report.surface import Surface


@dataclass(frozen=True, slots=True)
class Line:
    """What was typed about the case, and how the answer is wanted; `named` goes to `asking.asked` by name."""

    findings: tuple[str, ...]
    named: dict[str, Any]
    as_json: bool
    plain: bool

    def asked(self) -> Asked:
        """The case understood in its network."""
        return asked(self.findings, **self.named)

    def asked_each(self) -> list[Asked]:
        """As `asked`, once for each case of a table."""
        return asked_each(self.findings, **self.named)

    def of_case(self, findings: tuple[str, ...], case: str) -> Line:
        """The same line with another case and other findings."""
        return replace(self, findings=findings, named={**self.named, "case": case})

    def answer(self, plain: Callable[[], Plain], text: Callable[[Surface], str]) -> None:
        """Print one of the two forms of an answer."""
        if self.as_json:
            from ddx.report.json import written

            emit(written(plain()))
        else:
            emit(text(surface(plain=self.plain)))


def question(function: Callable[..., None]) -> Callable[..., None]:
    """A command about a case: its function takes a `Line` first, then its own arguments by name.

    Written below the command's own arguments and options, which then come first in its help.
    """

    @functools.wraps(function)
    def command(**options: Any) -> None:
        named = {name: options.pop(name) for name in _case_names()}
        function(Line(options.pop("findings"), named, options.pop("as_json"), options.pop("plain")), **options)

    for option in (
        click.option("--plain", is_flag=True, help="No colour, ASCII only."),
        click.option("--json", "as_json", is_flag=True, help="The answer for a program."),
        case_options,
        click.argument("findings", nargs=-1, metavar="[FINDINGS]..."),
    ):
        command = option(command)
    return command


@functools.cache
def _case_names() -> tuple[str, ...]:
    """The names of the options that say which case is meant."""
    bare = case_options(lambda: None)
    options = [option for option in getattr(bare, "__click_params__", []) if option.expose_value]
    return tuple(str(option.name) for option in options)
