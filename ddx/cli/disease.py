"""Diseases named on the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddx.reasoning.lookup import entry_meant

if TYPE_CHECKING:
    from ddx.cli.asking import Asked
    from ddx.knowledge.lexicon import Entry


def entry_named(question: Asked, name: str) -> Entry:
    """The entry of the differential that a name means; of a whole node the likelier one.

    UnknownName where there is none, SpecError where the network does not say which of its variables are diseases.
    """
    from ddx.reasoning.differential import listed

    listed(question.network, question.model)
    meant = question.network.lexicon.disease(name)

    def weigh(entry: Entry) -> float:
        belief = question.model.posteriors(question.understood.evidence)
        return sum(belief[entry.node][state] for state in entry.states)

    return entry_meant(question.network, meant, weigh)


def form_named(question: Asked, name: str) -> str | None:
    """The state, where a name means one form of a disease that is answered for as a whole; None where it does not."""
    meant, entry = question.network.lexicon.disease(name), entry_named(question, name)
    return meant.state if len(entry.states) > 1 else None


def entries_named(question: Asked, names: str) -> tuple[Entry, ...]:
    """Several, with commas between them."""
    return tuple(entry_named(question, name.strip()) for name in names.split(",") if name.strip())
