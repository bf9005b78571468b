"""The shelf: which networks and cases come with ddx, and where their files are.

An installed ddx carries them in `ddx/networks`; a checkout has them in `networks/` at the top of the tree. A network
is named by its file without `.yaml`, a case by its file without `.case.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ddx.errors import FileProblem, UnknownName, near_misses, sentence

NETWORK_ENDING = ".yaml"
CASE_ENDING = ".case.yaml"
ROLES_ENDING = ".roles.yaml"


def shelf() -> Path:
    """The folder of the networks that come with ddx."""
    package = Path(__file__).parents[1]
    installed = package / "networks"
    return installed if installed.is_dir() else package.parent / "networks"


def networks() -> dict[str, Path]:
    """Networks on the shelf: name -> file, in the order of their names."""
    return _files(shelf(), NETWORK_ENDING)


def roles() -> dict[str, Path]:
    """Roles on the shelf, for networks that others bring along: name -> file, in the order of their names."""
    return _files(shelf() / "roles", ROLES_ENDING)


def roles_beside(path: Path) -> Path | None:
    """The roles file beside the file of another tool (`asia.roles.yaml` beside `asia.bif.gz`); None where none is."""
    beside = path.with_name(path.name.split(".")[0] + ROLES_ENDING)
    return beside if _is_there(beside) else None


def cases() -> dict[str, Path]:
    """Cases on the shelf: name -> file, in the order of their names."""
    return _files(shelf() / "cases", CASE_ENDING)


def network_path(name: str) -> Path:
    """The file of a network given by its name on the shelf or by its path."""
    return _found(name, {**roles(), **networks()}, "network")


def case_path(name: str) -> Path:
    """The file of a case given by its name on the shelf or by its path."""
    return _found(name, cases(), "case")


def _files(folder: Path, ending: str) -> dict[str, Path]:
    return {path.name.removesuffix(ending): path for path in sorted(folder.glob(f"*{ending}"))}


def _found(name: str, shelved: Mapping[str, Path], kind: str) -> Path:
    """A name on the shelf comes first; then a file; what has a `/` or an ending was meant as a file."""
    if name in shelved:
        return shelved[name]
    path = Path(name)
    if _is_there(path):
        return path
    if path.suffix or len(path.parts) > 1:
        raise FileProblem(sentence(f"{name!r}: no such {kind} file", remedy=near_misses(path.name, shelved)))
    remedy = near_misses(name, shelved) or f"On the shelf: {', '.join(shelved) or 'none'}."
    raise UnknownName(sentence(f"no {kind} named {name!r} on the shelf, and no file of that name", remedy=remedy))


def _is_there(path: Path) -> bool:
    """Whether something can be read there; a folder is not it."""
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):  # a name too long, a zero byte, a folder that may not be entered
        return False
