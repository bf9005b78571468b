"""What does a JSON file made by others say, with nothing coerced and nothing lost?

Unlike a case file of ours, `true`, `"true"` and 1 stay different things, because the standards read here give them
different meanings. Refused: a key that stands twice, NaN and Infinity, whole numbers beyond 15 digits, more than 50
levels, halves of characters.
"""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn

from ddx.documents import DEEPEST, DocumentError, constant_in_json, deep_in_json, places_in_json, twice_in_json
from ddx.errors import sentence
from ddx.exchange.source import Source, shown

MOST_DIGITS = 15  # a float64 holds these exactly
STEP = re.compile(r"\[\d+\]|[^.\[\]]+")  # of a place such as entry[2].resource

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def parse(source: Source) -> Json:
    """The value of a JSON file; DocumentError or FileProblem with file and line otherwise."""
    text = source.text()

    def fail(message: str, remedy: str = "") -> NoReturn:
        raise DocumentError(sentence(message, where=source.where, remedy=remedy))

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(items)
        if len(found) < len(items):
            raise twice_in_json(text, source.where)
        return found

    def whole(word: str) -> int:
        if len(word.lstrip("-")) > MOST_DIGITS:
            fail(f"the number {shown(word)} has more than {MOST_DIGITS} digits")
        return int(word)

    def decimal(word: str) -> float:
        if not math.isfinite(float(word)):
            fail(f"the number {shown(word)} is too large")
        return float(word)

    def constant(word: str) -> Json:
        raise constant_in_json(text, source.where, word)

    try:
        value: Json = json.loads(
            text, object_pairs_hook=pairs, parse_int=whole, parse_float=decimal, parse_constant=constant
        )
    except json.JSONDecodeError as fault:
        where = f"{source.where}:{fault.lineno}"
        raise DocumentError(sentence(f"not JSON: {fault.msg}", where=where, remedy="Is the file whole?")) from None
    except RecursionError:
        raise deep_in_json(text, source.where) from None
    _check(value, source.where, text)
    return value


def place_in(source: Source, place: str) -> str:
    """file:line:place of a place such as `entry[2].resource`, or the line of the nearest place above it.

    >>> place_in(Source(b'{"a": [{},\\n{"b_c": 1}]}', "f", "f"), "a[1].bC")
    'f:2:a[1].bC'
    """
    steps = [step.strip("[]").lower() for step in STEP.findall(place)]
    nearest, at = 0, ""
    for path, line, _ in places_in_json(source.text()):
        found = [str(step).replace("_", "").lower() for step in path]
        if len(found) > nearest and found == steps[: len(found)]:
            nearest, at = len(found), f"{line}:"
    return f"{source.where}:{at}{place}"


def _check(value: Json, where: str, text: str) -> None:
    """Depth and characters, without recursion."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > DEEPEST:
            raise deep_in_json(text, where)
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
        elif isinstance(item, str) and any("\ud800" <= c <= "\udfff" for c in item):
            raise DocumentError(sentence("half of a character (a lone surrogate)", where=where, remedy="Remove it."))
