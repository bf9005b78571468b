"""ddx convert: a network in another format, or a case in another form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddx.cli.casefile import keep_strict, strictly
from ddx.cli.terminal import emit
from ddx.errors import CaseError, DdxError, FileProblem, SpecError, sentence

if TYPE_CHECKING:
    from ddx.cli.asking import Asked
    from ddx.exchange.outgoing import Within
    from ddx.knowledge.bayesnet import BayesNet
    from ddx.network import Network


@click.command()
@click.argument("source")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("-n", "--network", metavar="NETWORK", help="Of a case: the network whose words and codes it is put in.")
@click.option("--setting", metavar="S", help="Of a network with settings: the one whose numbers are written.")
@click.option("--strict", is_flag=True, expose_value=False, callback=keep_strict, help="All of it or nothing.")
@click.option("--force", is_flag=True, help="Replace TARGET where it exists.")
def convert(source: str, target: Path, network: str | None, setting: str | None, force: bool) -> None:
    """Write SOURCE (a name on the shelf or a file) as TARGET, in the format that its name asks for.

    Networks: .bif .xmlbif .bifxml .xdsl .net .uai and .yaml, also .gz. A clinical network is written for one setting;
    its sources, labels and roles have no place in the other formats. A roles file (NAME.roles.yaml) beside a network of
    another tool says what its diseases and findings are; without one, YAML has all variables as findings.

    Cases: .case.yaml .json .csv .phenopacket.json .evid, from any file that -c takes. Only you can read the file.

    What the target cannot carry of either is told; --strict then writes nothing.

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
    from ddx.cli.rounded import tell_rounded
    from ddx.exchange.files import not_carried, write_network
    from ddx.network import is_yaml, load

    network = load(source)
    yaml = is_yaml(target)
    text = _yaml(network, target) if yaml else ""
    numbers = network.bayesnet(setting)
    left_out = [*numbers.left_out, *_own_name(network, numbers)] if yaml else [*not_carried(numbers, target)]
    _refuse_if_strict(left_out, source)
    if yaml:
        _put(text, target, network.name)
        _advise(network, target)
    else:
        write_network(numbers, target)
    tell_rounded(numbers, source)
    _tell(left_out, target)
    return network.name


def _yaml(network: Network, target: Path) -> str:
    """The network as the text of a clinical one; SpecError where it cannot be that."""
    from ddx.exchange.clinical import written
    from ddx.knowledge.roles import unassigned

    if target.name.endswith(".roles.yaml"):
        raise SpecError("a roles file holds no numbers", where=target.name, remedy="Choose another name.")
    if network.spec is None:
        return written(unassigned(network.bayesnet(), network.name), network.bayesnet())
    if network.numbers is None:
        raise SpecError("it is YAML already", where=network.name, remedy="Copy the file.")
    return written(network.spec, network.bayesnet())


def _own_name(network: Network, numbers: BayesNet) -> list[str]:
    """The name that a file without roles gives its network, where its file is called otherwise."""
    if network.spec is not None or numbers.name == network.name:
        return []
    return [f"the name of the network, {numbers.name}; it is called {network.name} like its file"]


def _put(text: str, target: Path, name: str) -> None:
    """Put YAML in place once it has been read again, whole or not at all."""
    from ddx.storage import write_atomically

    data = text.encode()
    if target.suffix.lower() == ".gz":
        import gzip

        data = gzip.compress(data, mtime=0)
    _read_again(data, target, name)
    try:
        write_atomically(target, data)
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else fault
        raise FileProblem(f"{target}: cannot be written ({reason}). Check the folder and its rights.") from None


def _read_again(data: bytes, target: Path, name: str) -> None:
    """SpecError where what is about to be written would be refused."""
    from tempfile import TemporaryDirectory

    from ddx.network import load

    with TemporaryDirectory() as folder:
        path = Path(folder) / target.name
        path.write_bytes(data)
        try:
            load(path).bayesnet()
        except DdxError as fault:
            message = f"not written, because it could not be read again: {fault}"
            raise SpecError(message, where=name) from None


def _advise(network: Network, target: Path) -> None:
    """What is left to do where no roles were given."""
    if network.spec is None:
        advice = f"Move them there, or put {network.name}.roles.yaml beside the file before you convert it"
        click.echo(f"ddx: {target}: which variables are diseases is not said; all are findings. {advice}.", err=True)


def _refuse_if_strict(left_out: Sequence[str], source: str) -> None:
    """With --strict nothing is written that does not carry everything."""
    if left_out and strictly():
        told = f"not carried over: {'; '.join(left_out)}"
        raise SpecError(told, where=source, remedy="Leave --strict out.")


def _tell(left_out: Iterable[str], target: Path) -> None:
    for item in left_out:
        click.echo(f"ddx: {target}: not carried over: {item}", err=True)


def _convert_case(source: str, target: Path, network: str | None, setting: str | None) -> str:
    """Every case in the source, understood in its network before anything is written."""
    from ddx.cli.asking import DEFAULT_NETWORK, asked_each
    from ddx.exchange.outgoing import put, written

    questions = asked_each((), source, network, setting)
    cases = [replace(q.case, network=network or q.case.network, setting=setting or q.case.setting) for q in questions]
    text, left_out = written(cases, target, _within(questions[0], network or DEFAULT_NETWORK))
    if left_out and strictly():
        raise CaseError(
            sentence(f"not carried over: {'; '.join(left_out)}", where=source, remedy="Leave --strict out.")
        )
    put(text, target)
    _tell(left_out, target)
    return source


def _within(question: Asked, usual: str) -> Within:
    """A case in the words of its network, as the writers take it; `usual` is the network that need not be told."""
    from ddx.exchange.outgoing import Within
    from ddx.reasoning.understanding import within

    network, model, understood = question.network, question.model, question.understood
    known, beyond = within(network, question.case.findings)
    return Within(
        network.spec,
        usual,
        {node: model.states[node] for node in model.nodes},
        understood.evidence,
        understood.unknown,
        tuple(known),
        beyond,
    )
