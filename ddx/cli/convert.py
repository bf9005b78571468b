"""ddx convert: a network in another format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddx.cli.terminal import emit
from ddx.errors import FileProblem, SpecError

if TYPE_CHECKING:
    from ddx.network import Network


@click.command()
@click.argument("source")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--setting", metavar="S", help="Of a network with settings: the one whose numbers are written.")
@click.option("--force", is_flag=True, help="Replace TARGET where it exists.")
def convert(source: str, target: Path, setting: str | None, force: bool) -> None:
    """Write SOURCE (a name on the shelf or a file) as TARGET, in the format that its name asks for.

    Formats: .bif .xmlbif .bifxml .xdsl .net .uai, also .gz, and .yaml. A clinical network is written for one setting;
    its sources, labels and roles have no place in the other formats. YAML is written of a network of another tool that
    has a roles file (NAME.roles.yaml beside it), which says what its diseases and findings are.

    \b
      ddx convert alarm.bif alarm.xdsl
      ddx convert scleroderma-mimics clinic.xdsl --setting scleroderma-clinic
      ddx convert asia asia.yaml
    """
    from ddx.network import load

    if target.exists() and not force:
        raise FileProblem(f"{target}: is there already. --force replaces it.")
    network = load(source)
    if target.suffix in (".yaml", ".yml"):
        _write_yaml(network, target)
    else:
        from ddx.exchange.files import write_network

        write_network(network.bayesnet(setting), target)
    emit(f"{network.name} -> {target}\n")


def _write_yaml(network: Network, target: Path) -> None:
    from ddx.exchange.clinical import written
    from ddx.storage import write_atomically

    if network.spec is None:
        raise SpecError(
            "the clinical format says which variables are diseases and which are findings, and this file does not",
            where=network.name,
            remedy=f"Put {network.name}.roles.yaml beside it; docs/how-to/use-a-network-of-another-tool.md shows how.",
        )
    if network.numbers is None:
        raise SpecError("it is YAML already", where=network.name, remedy="Copy the file.")
    if target.name.endswith(".roles.yaml"):
        raise SpecError("a roles file holds no numbers", where=target.name, remedy="Choose another name.")
    text = written(network.spec, network.bayesnet())
    try:
        write_atomically(target, text.encode())
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else fault
        raise FileProblem(f"{target}: cannot be written ({reason}). Check the folder and its rights.") from None
