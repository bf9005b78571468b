"""ddx test: check cases against what they promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddx.cli.asking import Asked, asked
from ddx.cli.terminal import emit, surface
from ddx.errors import DdxError, ExpectationFailed, FileProblem
from ddx.knowledge import catalog

if TYPE_CHECKING:
    from ddx.reasoning.basis import Plain
    from ddx.reasoning.expectations import Broken


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one case: `holds`, `broken`, `no promise` or `error`; the promises broken, or what went wrong."""

    name: str
    outcome: str
    broken: tuple[Broken, ...] = ()
    page: str = ""
    error: DdxError | None = None

    @property
    def told(self) -> str:
        """What is broken, then the differential."""
        return "\n".join([*(f"  {promise}" for promise in self.broken), "", self.page])

    @property
    def text(self) -> str:
        """As it is printed."""
        if self.outcome == "broken":
            return f"FAILED  {self.name}\n{self.told}\n"
        if self.outcome == "error":
            return f"ERROR   {self.name}\n  {self.error}\n"
        return f"{self.outcome:10}  {self.name}\n"

    def plain(self) -> Plain:
        """An entry of ddx/test/1."""
        promises: list[Plain] = [{"promise": b.promise, "found": b.found} for b in self.broken]
        error = str(self.error) if self.error else None
        return {"case": self.name, "outcome": self.outcome, "broken": promises, "error": error}


@click.command()
@click.argument("cases", nargs=-1, required=True, metavar="CASES...")
@click.option("-n", "--network", metavar="NETWORK", help="This network instead of the one each case names.")
@click.option("--setting", metavar="S", help="This setting instead of the one each case names.")
@click.option("--json", "as_json", is_flag=True, help="The answer for a program.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def test(cases: tuple[str, ...], network: str | None, setting: str | None, as_json: bool, plain: bool) -> None:
    """Check the `expect` block of every case; where one does not hold, print its differential and exit with 4.

    CASES are names on the shelf, files, or folders (every *.case.yaml in them). pytest collects the same files.

    \b
      ddx test seed
      ddx test my-cases/ another.case.yaml
      ddx test my-cases/ --json
    """
    found = []
    for name in named(cases):
        found.append(_verdict(name, network, setting, plain=plain))
        if not as_json:
            emit(found[-1].text)
    if as_json:
        from ddx.report.json import written

        whole: dict[str, Plain] = {"format": "ddx/test/1", "cases": [verdict.plain() for verdict in found]}
        emit(written(whole))
    failed = sum(verdict.outcome == "broken" for verdict in found)
    if failed:
        raise ExpectationFailed(f"{failed} of {len(found)} cases do not give what they promise")
    click.get_current_context().exit(next((v.error.exit_code for v in found if v.error), 0))


def _verdict(name: str, network: str | None, setting: str | None, *, plain: bool) -> Verdict:
    """Whether one case holds; a case that cannot be answered is an error with its exit code."""
    try:
        return verdict(name, asked((), name, network, setting), plain=plain)
    except DdxError as fault:
        return Verdict(name, "error", error=fault)


def verdict(name: str, question: Asked, *, plain: bool = True) -> Verdict:
    """Whether what a case promises holds, with its differential where it does not."""
    from ddx.reasoning.differential import diagnose
    from ddx.reasoning.expectations import broken

    answer = diagnose(question.network, question.model, question.understood)
    if not question.case.expect:
        return Verdict(name, "no promise")
    faults = broken(question.network, question.model, answer, question.case.expect)
    if not faults:
        return Verdict(name, "holds")
    from ddx.cli.pages import page_of
    from ddx.report.text import differential_text

    return Verdict(name, "broken", faults, differential_text(page_of(question, answer, surface(plain=plain))))


def named(cases: Sequence[str]) -> list[str]:
    """Every case that the words stand for: names on the shelf, files, and what is in folders."""
    return [name for word in cases for name in _cases_in(word)]


def _cases_in(word: str) -> Iterator[str]:
    if word not in catalog.cases() and Path(word).is_dir():
        found = sorted(str(path) for path in Path(word).rglob(f"*{catalog.CASE_ENDING}"))
        if not found:
            raise FileProblem(f"{word}: no *{catalog.CASE_ENDING} in this folder")
        yield from found
    else:
        yield word
