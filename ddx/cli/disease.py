"""Diseases named on the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddx.reasoning.lookup import entry_meant

if TYPE_CHECKING:
    from ddx.cli.asking import Asked
    from ddx.knowledge.lexicon import Entry


def entry_named(question: Asked, name: str) -> Entry:
    """The entry of the differential that a name means; of a whole node the likelier one. UnknownName otherwise."""
    meant = question.network.lexicon.disease(name)

    def weigh(entry: Entry) -> float:
        belief = question.model.posteriors(question.understood.evidence)
        return sum(belief[entry.node][state] for state in entry.states)

    return entry_meant(question.network, meant, weigh)


def entries_named(question: Asked, names: str) -> tuple[Entry, ...]:
    """Several, with commas between them."""
    return tuple(entry_named(question, name.strip()) for name in names.split(",") if name.strip())
