"""What every question starts from: the case, the network and the setting that were named on the line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

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


def case_options(function: F) -> F:
    """-c, -n and --setting, as every question about a case takes them."""
    for option in (
        click.option("--setting", metavar="S", help="Where the patient is seen; `ddx about` lists them."),
        click.option("-n", "--network", metavar="NETWORK", help="A name on the shelf or a file."),
        click.option("-c", "--case", "case", metavar="CASE", help="A case: its name, a file, or - for stdin."),
    ):
        function = option(function)
    return function


def asked(findings: Sequence[str], case: str | None, network: str | None, setting: str | None) -> Asked:
    """Read the case, add the findings on the line, and understand both in the network."""
    from ddx.network import compile as compiled
    from ddx.network import load
    from ddx.reasoning.understanding import understand

    read = case_named(case) if case is not None else Case(())
    whole = replace(read, findings=(*read.findings, *observed_on_the_line(findings)))
    loaded = load(network if network is not None else network_of(read, case))
    understood = understand(loaded, whole, setting)
    return Asked(loaded, compiled(loaded, understood.setting), whole, understood)


def case_named(name: str) -> Case:
    """The case of that name, in that file, or on stdin (YAML or JSON)."""
    from ddx.cli.shelved import shelved_case
    from ddx.evidence import read_case
    from ddx.knowledge import catalog

    if name == "-":
        return case_on_stdin()
    if name in catalog.cases():
        return shelved_case(catalog.case_path(name))
    return read_case(catalog.case_path(name))


def case_on_stdin() -> Case:
    """The case on stdin: JSON where it starts with a brace, YAML otherwise."""
    from ddx.documents import LARGEST_FILE, decode
    from ddx.errors import FileProblem
    from ddx.evidence import parse_case

    data = sys.stdin.buffer.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise FileProblem(f"stdin: more than {LARGEST_FILE // 1_000_000} MB; a case is never that large")
    text = decode(data, "stdin")
    return parse_case(text, "stdin", "json" if text.lstrip().startswith("{") else "yaml")


def network_of(case: Case, file: str | None = None) -> str:
    """The network a case names: on the shelf, or a file beside the case; the usual one where it names none."""
    if case.network is None:
        return DEFAULT_NETWORK
    if file not in (None, "-"):
        beside = Path(str(file)).parent / case.network
        if beside.is_file():
            return str(beside)
    return case.network
