"""How well founded is a network? Its numbers counted by grade, and how many a second reader has seen."""

from __future__ import annotations

from collections import Counter

from ddx.knowledge import spec
from ddx.knowledge.outline import Tally

GRADES: tuple[spec.Grade, ...] = ("measured", "memory", "judgement")


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
