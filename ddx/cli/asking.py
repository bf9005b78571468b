"""What every question starts from: the case, the network and the setting that were named on the line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ddx.cli.casefile import given_case, keep_strict, read_foreign, tell, with_terms
from ddx.cli.rounded import tell_rounded_of
from ddx.errors import CaseError, sentence
from ddx.evidence import Case, observed_on_the_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from ddx.engine.model import Model
    from ddx.network import Network
    from ddx.reasoning.understanding import Understood

DEFAULT_NETWORK = "scleroderma-mimics"

F = TypeVar("F", bound="Callable[..., object]")


@dataclass(frozen=True, slots=True)
class Asked:
    """A case understood in a network that is ready for queries."""

    network: Network
    model: Model
    case: Case
    understood: Understood


class Amount(click.FloatRange):
    """A number on the line that is one: click itself takes `nan` and `inf` for numbers in any range."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!s} is not a number.", param, ctx)
        return number


def case_options(function: F) -> F:
    """-c, -n, --setting and --strict, as every question about a case takes them."""
    named = "A case: its name, a file (also a phenopacket, FHIR, CSV or UAI evidence), or - for stdin."
    strict = "Refuse a phenopacket or FHIR file with a term that the network does not use."
    for option in (
        click.option("--strict", is_flag=True, expose_value=False, callback=keep_strict, help=strict),
        click.option("--setting", metavar="S", help="Where the patient is seen; `ddx about` lists them."),
        click.option("-n", "--network", metavar="NETWORK", help="A name on the shelf or a file."),
        click.option("-c", "--case", "case", metavar="CASE", help=named),
    ):
        function = option(function)
    return function


def asked(findings: Sequence[str], case: str | None, network: str | None, setting: str | None) -> Asked:
    """Read the case, add the findings on the line, and understand both in the network."""
    found = asked_each(findings, case, network, setting)
    if len(found) != 1:
        remedy = "`ddx diagnose --csv` answers every case of a table; or keep the rows of one."
        raise CaseError(sentence(f"{len(found)} cases; one can be asked about", where=str(case), remedy=remedy))
    return found[0]


def asked_each(findings: Sequence[str], case: str | None, network: str | None, setting: str | None) -> list[Asked]:
    """As `asked`, once for each case of a table."""
    from ddx.network import load

    given = given_case(case) if case is not None else Case(())
    if isinstance(given, Case):
        named = network if network is not None else network_of(given, case)
        found = [*_questions(load(named), [given], findings, setting)]
        tell_rounded_of(found[0].network, found[0].model, named)
        return found
    named = network if network is not None else given.network or DEFAULT_NETWORK
    loaded = load(named)
    imported = read_foreign(given, loaded)
    questions = [*_questions(loaded, [one.case for one in imported], findings, setting)]
    for one in imported:
        tell(given, one)
    for question in questions[:1]:
        tell_rounded_of(loaded, question.model, named)
    pairs = zip(questions, imported, strict=True)
    return [replace(question, understood=with_terms(question.understood, one)) for question, one in pairs]


def _questions(
    network: Network, cases: Iterable[Case], findings: Sequence[str], setting: str | None
) -> Iterator[Asked]:
    """Each case, with the findings on the line, understood; the network is compiled once for each setting."""
    from ddx.network import compile as compiled
    from ddx.reasoning.understanding import understand

    models: dict[str | None, Model] = {}
    for case in cases:
        whole = replace(case, findings=(*case.findings, *observed_on_the_line(findings)))
        understood = understand(network, whole, setting)
        if understood.setting not in models:
            models[understood.setting] = compiled(network, understood.setting)
        yield Asked(network, models[understood.setting], whole, understood)


def network_of(case: Case, file: str | None = None) -> str:
    """The network a case names: on the shelf, or a file beside the case; the usual one where it names none."""
    if case.network is None:
        return DEFAULT_NETWORK
    if file not in (None, "-"):
        beside = Path(str(file)).parent / case.network
        if beside.is_file():
            return str(beside)
    return case.network
