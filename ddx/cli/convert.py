"""ddx convert: a network in another format, or a case in another form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddx.cli.casefile import keep_strict, strictly
from ddx.cli.terminal import emit
from ddx.errors import CaseError, FileProblem, SpecError, sentence

if TYPE_CHECKING:
    from ddx.network import Network


@click.command()
@click.argument("source")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("-n", "--network", metavar="NETWORK", help="Of a case: the network whose words and codes it is put in.")
@click.option("--setting", metavar="S", help="Of a network with settings: the one whose numbers are written.")
@click.option("--strict", is_flag=True, expose_value=False, callback=keep_strict, help="Of a case: all of it or none.")
@click.option("--force", is_flag=True, help="Replace TARGET where it exists.")
def convert(source: str, target: Path, network: str | None, setting: str | None, force: bool) -> None:
    """Write SOURCE (a name on the shelf or a file) as TARGET, in the format that its name asks for.

    Networks: .bif .xmlbif .bifxml .xdsl .net .uai, also .gz, and .yaml. A clinical network is written for one setting;
    its sources, labels and roles have no place in the other formats. A roles file (NAME.roles.yaml) beside a network of
    another tool says what its diseases and findings are; without one, YAML has all variables as findings.

    Cases: .case.yaml .json .csv .phenopacket.json .evid, from any file that -c takes. What the form cannot carry is
    told; --strict then writes nothing. Only you can read the file.

    \b
      ddx convert alarm.bif alarm.xdsl
      ddx convert scleroderma-mimics clinic.xdsl --setting scleroderma-clinic
      ddx convert asia asia.yaml
      ddx convert seed seed.phenopacket.json
      ddx convert patient.phenopacket.json patient.case.yaml
    """
    from ddx.exchange.outgoing import WRITERS, is_case_file
    from ddx.knowledge import catalog

    if target.exists() and not force:
        raise FileProblem(f"{target}: is there already. --force replaces it.")
    if is_case_file(target):
        name = _convert_case(source, target, network, setting)
    elif source in catalog.cases() or is_case_file(Path(source)):
        raise FileProblem(f"{target}: {source} is a case, which is written as {' '.join(WRITERS)}.")
    else:
        name = _convert_network(source, target, setting)
    emit(f"{name} -> {target}\n")


def _convert_network(source: str, target: Path, setting: str | None) -> str:
    from ddx.network import load

    network = load(source)
    if target.suffix in (".yaml", ".yml"):
        _write_yaml(network, target)
    else:
        from ddx.exchange.files import write_network

        write_network(network.bayesnet(setting), target)
    return network.name


def _write_yaml(network: Network, target: Path) -> None:
    from ddx.exchange.clinical import written
    from ddx.knowledge.roles import unassigned
    from ddx.storage import write_atomically

    if target.name.endswith(".roles.yaml"):
        raise SpecError("a roles file holds no numbers", where=target.name, remedy="Choose another name.")
    if network.spec is None:
        text = written(unassigned(network.bayesnet(), network.name), network.bayesnet())
        advice = f"Move them there, or put {network.name}.roles.yaml beside the file before you convert it"
        click.echo(f"ddx: {target}: which variables are diseases is not said; all are findings. {advice}.", err=True)
    elif network.numbers is None:
        raise SpecError("it is YAML already", where=network.name, remedy="Copy the file.")
    else:
        text = written(network.spec, network.bayesnet())
    try:
        write_atomically(target, text.encode())
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else fault
        raise FileProblem(f"{target}: cannot be written ({reason}). Check the folder and its rights.") from None


def _convert_case(source: str, target: Path, network: str | None, setting: str | None) -> str:
    """Every case in the source, understood in its network before anything is written."""
    from ddx.cli.asking import asked_each
    from ddx.exchange.outgoing import Within, put, written

    questions = asked_each((), source, network, setting)
    first = questions[0]
    states = {node: first.model.states[node] for node in first.model.nodes}
    within = Within(first.network.spec, states, first.understood.evidence)
    cases = [q.case if network is None else replace(q.case, network=network) for q in questions]
    text, left_out = written(cases, target, within)
    if left_out and strictly():
        raise CaseError(
            sentence(f"not carried over: {'; '.join(left_out)}", where=source, remedy="Leave --strict out.")
        )
    put(text, target)
    for item in left_out:
        click.echo(f"ddx: {target}: not carried over: {item}", err=True)
    return source
