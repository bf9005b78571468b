"""The page of a differential, as `ddx diagnose` and `ddx test` print it; for any, whether the case lies outside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ddx.errors import TooLarge
from ddx.reasoning.coverage import coverage
from ddx.reasoning.standing import standing
from ddx.reasoning.weights import reasons
from ddx.report.text import Options, Page

Answer = TypeVar("Answer", bound=Any)  # a frozen answer with a basis

if TYPE_CHECKING:
    from ddx.cli.asking import Asked
    from ddx.reasoning.basis import Basis
    from ddx.reasoning.coverage import Coverage
    from ddx.reasoning.credible import Credible
    from ddx.reasoning.differential import Differential
    from ddx.report.surface import Surface


def page_of(
    question: Asked,
    answer: Differential,
    surface: Surface,
    options: Options | None = None,
    sure: Credible | None = None,
) -> Page:
    """Everything the page is written from; what is doubted though serious also learns what explained it away."""
    parts = standing(answer)
    why = reasons(question.network, question.model, answer, (*parts.serious, *parts.against))
    counted = question.network.outline.tally if question.network.outline else None
    told = replace(answer, basis=weighed(question, answer))
    return Page(question.network, told, why, counted, surface, options or Options(), sure)


def weighed(question: Asked, answer: Differential) -> Basis:
    """The basis of the differential, with how far the case lies outside what the network explains."""
    covered = coverage_of(question, answer)
    return replace(answer.basis, tail=covered.lies if covered else None)


def cautious(question: Asked, answer: Answer) -> Answer:
    """The answer to any question about a case, which then says so where the network does not account for the case."""
    from ddx.reasoning.differential import diagnose

    differential = diagnose(question.network, question.model, question.understood)
    found: Answer = replace(answer, basis=replace(answer.basis, tail=weighed(question, differential).tail))
    return found


def coverage_of(question: Asked, answer: Differential) -> Coverage | None:
    """How well the network accounts for the case; None where that cannot be told, of no findings or too many states."""
    if not answer.basis.understood.findings:
        return None
    try:
        return coverage(question.network, question.model, answer)
    except TooLarge:
        return None
