"""How is a tree of words and numbers written as YAML 1.2 that people read?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from ddx.documents import Tree

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
QUOTED = ("null", "y", "n", "yes", "no", "on", "off")  # in any case; other readers take these words for no words


def lines(block: Mapping[str, Tree], depth: int = 0) -> Iterator[str]:
    """A block of YAML: mappings of mappings over several lines, what is small on one."""
    for key, value in block.items():
        start = f"{'  ' * depth}{_scalar(key)}:"
        if isinstance(value, dict) and (depth < 3 and _deep(value)):
            yield f"{start}\n"
            yield from lines(value, depth + 1)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            yield f"{start}\n"
            yield from (f"{'  ' * depth}- {_flow(item)}\n" for item in value)
        else:
            yield f"{start} {_flow(value)}\n"


def _deep(value: Mapping[str, Tree]) -> bool:
    return any(isinstance(item, dict | list) for item in value.values()) or len(value) > 4


def _flow(value: Tree) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _scalar(value) if isinstance(value, str) else repr(value)


def _scalar(text: str) -> str:
    """A word as it is, anything else in double quotes, which YAML reads as JSON does."""
    return text if WORD.fullmatch(text) and text.lower() not in QUOTED else json.dumps(text, ensure_ascii=False)
