"""Which file holds the numbers of a network that a roles file is about?"""

from __future__ import annotations

from pathlib import Path

from ddx.exchange.files import FORMATS
from ddx.exchange.pgmpy_models import bundled
from ddx.exchange.source import problem, shown


def numbers_of(roles: Path) -> Path:
    """The file of that name beside `NAME.roles.yaml`, else the network NAME that pgmpy brings along.

    FileProblem where several files have that name, UnknownName where there is none.
    """
    name = roles.name.split(".")[0]
    endings = [ending + packed for ending in FORMATS for packed in ("", ".gz")]
    found = [file for ending in endings if (file := roles.with_name(name + ending)).is_file()]
    if len(found) > 1:
        names = " and ".join(file.name for file in found)
        raise problem(f"{names} are both called {name}", shown(str(roles), 4096), "Name the file itself.")
    return found[0] if found else bundled(name)
