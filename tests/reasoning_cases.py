"""Cases understood in the flagship or the toy, made once for all tests of the reasoning rooms."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ddx.cli.asking import Asked
from ddx.cli.asking import asked as ask
from ddx.knowledge.lexicon import Entry

TOY = str(Path(__file__).parent / "data" / "toy.yaml")


@cache
def asked(case: str | None, *findings: str) -> Asked:
    """A case of the flagship."""
    return ask(findings, case, None, None)


@cache
def toy(*findings: str) -> Asked:
    """A case of the toy network."""
    return ask(findings, None, TOY, None)


def entry(question: Asked, name: str) -> Entry:
    return question.network.lexicon.entries[name]
