"""ddx test: check cases against what they promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ddx.cli.asking import Asked, asked
from ddx.cli.terminal import emit, surface
from ddx.errors import DdxError, ExpectationFailed, FileProblem
from ddx.knowledge import catalog


@click.command()
@click.argument("cases", nargs=-1, required=True, metavar="CASES...")
@click.option("-n", "--network", metavar="NETWORK", help="This network instead of the one each case names.")
@click.option("--setting", metavar="S", help="This setting instead of the one each case names.")
@click.option("--plain", is_flag=True, help="No colour, ASCII only.")
def test(cases: tuple[str, ...], network: str | None, setting: str | None, plain: bool) -> None:
    """Check the `expect` block of every case; where one does not hold, print its differential and exit with 4.

    CASES are names on the shelf, files, or folders (every *.case.yaml in them). pytest collects the same files.

    \b
      ddx test seed
      ddx test my-cases/ another.case.yaml
    """
    failed, unreadable = 0, 0
    for name in named(cases):
        try:
            question = asked((), name, network, setting)
            answer_text = verdict(question, plain=plain)
        except ExpectationFailed as fault:
            failed += 1
            emit(f"FAILED  {name}\n{fault}\n")
        except DdxError as fault:
            unreadable = unreadable or fault.exit_code
            emit(f"ERROR   {name}\n  {fault}\n")
        else:
            emit(f"{answer_text}  {name}\n")
    if failed:
        raise ExpectationFailed(f"{failed} of {len(named(cases))} cases do not give what they promise")
    if unreadable:
        click.get_current_context().exit(unreadable)


def verdict(question: Asked, *, plain: bool = True) -> str:
    """`holds`, or `no promise` for a case without an `expect` block; ExpectationFailed carries the differential."""
    from ddx.reasoning.differential import diagnose
    from ddx.reasoning.expectations import broken

    answer = diagnose(question.network, question.model, question.understood)
    if not question.case.expect:
        return "no promise"
    faults = broken(question.network, question.model, answer, question.case.expect)
    if faults:
        from ddx.cli.pages import page_of
        from ddx.report.text import differential_text

        page = differential_text(page_of(question, answer, surface(plain=plain)))
        raise ExpectationFailed("\n".join([*(f"  {fault}" for fault in faults), "", page]))
    return "holds     "


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
