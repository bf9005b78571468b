"""How well founded is a network? Its numbers counted by grade, and how many a second reader has seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ddx.knowledge import spec

GRADES: tuple[spec.Grade, ...] = ("measured", "memory", "judgement")


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers of a network: how many of each grade, with counts behind them, and not yet reviewed."""

    by_grade: Mapping[str, int]
    with_counts: int
    unreviewed: int

    @property
    def numbers(self) -> int:
        return sum(self.by_grade.values())

    def share(self, grade: str) -> float:
        """The share of the numbers that have this grade."""
        return self.by_grade.get(grade, 0) / self.numbers if self.numbers else 0.0


def tally(network: spec.Network) -> Tally:
    """Count every probability and odds ratio of the network; of a view, those of the findings that it chose."""
    chosen = network.view.findings if network.view else tuple(network.findings)
    findings = {name: finding for name, finding in network.findings.items() if name in chosen}
    numbers = _numbers((network.settings, network.diseases, network.latents, findings))
    grades = Counter(number.grade for number in numbers)
    return Tally(
        {grade: grades[grade] for grade in GRADES},
        sum(1 for n in numbers if isinstance(n, spec.Number) and n.counts is not None),
        sum(1 for n in numbers if not n.reviewed),
    )


def _numbers(value: object) -> list[spec.Number | spec.OddsRatio]:
    """Every number below a value."""
    if isinstance(value, spec.Number | spec.OddsRatio):
        return [value]
    if isinstance(value, dict):
        return [n for item in value.values() for n in _numbers(item)]
    if isinstance(value, tuple):
        return [n for item in value for n in _numbers(item)]
    if isinstance(value, spec.Block):
        names: tuple[str, ...] = tuple(value.__slots__)
        return [n for name in names for n in _numbers(getattr(value, name))]
    return []
