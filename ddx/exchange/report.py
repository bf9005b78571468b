"""What does a saved answer of `ddx diagnose --json` say that it rests on, so that it can be made again?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from ddx.errors import CaseError, sentence
from ddx.evidence import Case, Observed
from ddx.exchange.jsontext import Json, parse
from ddx.exchange.source import Source, shown

FORMAT = "ddx/differential/1"


@dataclass(frozen=True, slots=True)
class Reported:
    """The evidence of a saved differential as a case, its network, what made it, and what it answered."""

    case: Case
    network: str
    network_sha256: str
    tool_version: str
    posteriors: Mapping[str, float]  # disease -> probability
    result_sha256: str


def read(source: Source) -> Reported:
    """The report in a JSON file; CaseError where it is no saved differential, DocumentError where it is no JSON."""
    body = parse(source)
    reader = _Reader(source.where)
    whole = reader.block(body, "the file")
    if whole.get("format") != FORMAT:
        reader.fail(f"format {shown(str(whole.get('format')))}", f"Only answers of `ddx diagnose --json` ({FORMAT}).")
    network, tool = (reader.block(whole.get(key), key) for key in ("network", "tool"))
    evidence = reader.block(whole.get("evidence"), "evidence")
    used = [reader.observed(item) for item in reader.items(evidence.get("used"), "evidence.used")]
    unknown = [Observed(reader.word(item, "unknown")) for item in reader.items(evidence.get("unknown"), "unknown")]
    diseases = [reader.block(item, "diseases") for item in reader.items(whole.get("diseases"), "diseases")]
    setting = whole.get("setting")
    name = reader.word(network.get("name"), "network.name")
    return Reported(
        Case((*used, *unknown), setting=None if setting is None else reader.word(setting, "setting"), network=name),
        name,
        reader.word(network.get("sha256"), "network.sha256"),
        reader.word(tool.get("version"), "tool.version"),
        {reader.word(d.get("id"), "id"): reader.number(d.get("posterior"), "posterior") for d in diseases},
        reader.word(whole.get("result_sha256"), "result_sha256"),
    )


class _Reader:
    """Takes a report apart; every message names the file and the part."""

    def __init__(self, where: str) -> None:
        """A reader for one file."""
        self.where = where

    def fail(self, message: str, remedy: str = "Is this an answer of `ddx diagnose --json`?") -> NoReturn:
        """CaseError for this file."""
        raise CaseError(sentence(message, where=self.where, remedy=remedy))

    def block(self, value: Json, part: str) -> dict[str, Json]:
        """An object."""
        if not isinstance(value, dict):
            self.fail(f"{part} is not an object")
        return value

    def items(self, value: Json, part: str) -> list[Json]:
        """A list."""
        if not isinstance(value, list):
            self.fail(f"{part} is not a list")
        return value

    def word(self, value: Json, part: str) -> str:
        """A text."""
        if not isinstance(value, str):
            self.fail(f"{part} is not a text")
        return value

    def number(self, value: Json, part: str) -> float:
        """A number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(f"{part} is not a number")
        return float(value)

    def observed(self, value: Json) -> Observed:
        """One finding of the evidence, with its state or likelihood."""
        body = self.block(value, "evidence.used")
        name = self.word(body.get("finding"), "finding")
        if "likelihood" not in body:
            return Observed(name, self.word(body.get("state"), f"the state of {shown(name)}"), where=self.where)
        weights = self.block(body["likelihood"], "likelihood").items()
        return Observed(name, likelihood={s: self.number(w, "a weight") for s, w in weights}, where=self.where)
