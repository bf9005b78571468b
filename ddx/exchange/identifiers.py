"""Under which identifier does a format that allows letters, digits and underscores only keep a name?"""

from __future__ import annotations

import re
from collections.abc import Iterable

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """Name -> identifier: itself where it is one, else a changed one that no other name has.

    >>> identifiers(["Asy/Patch", "Asy_Patch", "5"])
    {'Asy/Patch': 'Asy_Patch_2', 'Asy_Patch': 'Asy_Patch', '5': 'x5'}
    """
    wanted = list(names)
    taken = {name for name in wanted if IDENTIFIER.fullmatch(name)}
    chosen: dict[str, str] = {}
    for name in wanted:
        if name in taken:
            chosen[name] = name
            continue
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        base = plain if IDENTIFIER.fullmatch(plain) else f"x{plain}"
        number = 2
        candidate = base
        while candidate in taken:
            candidate, number = f"{base}_{number}", number + 1
        taken.add(candidate)
        chosen[name] = candidate
    return chosen
