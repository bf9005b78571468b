"""Cases understood in the flagship or the toy, made once for all tests of the reasoning rooms."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ddx.cli.asking import Asked
from ddx.cli.asking import asked as ask
from ddx.evidence import Case
from ddx.knowledge.lexicon import Entry
from ddx.reasoning.understanding import Understood, understand

TOY = str(Path(__file__).parent / "data" / "toy.yaml")


@cache
def asked(case: str | None, *findings: str) -> Asked:
    """A case of the flagship."""
    return ask(findings, case, None, None)


@cache
def toy(*findings: str, setting: str | None = None) -> Asked:
    """A case of the toy network."""
    return ask(findings, None, TOY, setting)


def entry(question: Asked, name: str) -> Entry:
    return question.network.lexicon.entries[name]


def few(question: Asked, count: int) -> Understood:
    """The first findings of its case."""
    kept = question.case.findings[:count]
    return understand(question.network, Case(kept, question.case.subject), question.understood.setting)
