"""What does a JSON file made by others say, with nothing coerced and nothing lost?

Unlike a case file of ours, `true`, `"true"` and 1 stay different things, because the standards read here give them
different meanings. Refused: a key that stands twice, NaN and Infinity, whole numbers beyond 15 digits, more than 50
levels, halves of characters.
"""

from __future__ import annotations

import json
import math
from typing import NoReturn

from ddx.documents import DocumentError
from ddx.errors import sentence
from ddx.exchange.source import Source, shown

DEEPEST = 50  # levels
MOST_DIGITS = 15  # a float64 holds these exactly

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def parse(source: Source) -> Json:
    """The value of a JSON file; DocumentError or FileProblem with file and line otherwise."""
    text = source.text()

    def fail(message: str, remedy: str = "") -> NoReturn:
        raise DocumentError(sentence(message, where=source.where, remedy=remedy))

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for key, value in items:
            if key in found:
                fail(f"the key {shown(key)!r} stands twice in one object", "Keep one.")
            found[key] = value
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
        fail(f"{word} is not a number of JSON", "Write a decimal number, or leave the value out.")

    try:
        value: Json = json.loads(
            text, object_pairs_hook=pairs, parse_int=whole, parse_float=decimal, parse_constant=constant
        )
    except json.JSONDecodeError as fault:
        where = f"{source.where}:{fault.lineno}"
        raise DocumentError(sentence(f"not JSON: {fault.msg}", where=where, remedy="Is the file whole?")) from None
    except RecursionError:
        fail(f"more than {DEEPEST} levels")
    _check(value, source.where)
    return value


def _check(value: Json, where: str) -> None:
    """Depth and characters, without recursion."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > DEEPEST:
            raise DocumentError(sentence(f"more than {DEEPEST} levels", where=where))
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
        elif isinstance(item, str) and any("\ud800" <= c <= "\udfff" for c in item):
            raise DocumentError(sentence("half of a character (a lone surrogate)", where=where, remedy="Remove it."))
