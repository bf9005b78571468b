"""What a question needs to know of a clinical network: its names, roles and settings, and how well founded it is.

None of its numbers. They are compiled; what is written here is enough to understand a case and to name the answer, and
it is read without the classes of the format, so that a question starts quickly.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping

from ddx.knowledge.lexicon import Askable, Entry, Lexicon, Meant, Scale, of_network

if typing.TYPE_CHECKING:
    from ddx.knowledge import spec

Plain = typing.Any  # JSON values; what this reads, this wrote


class Complaint(typing.NamedTuple):
    """The finding, in one state, for which the patients of a setting are seen."""

    finding: str
    state: str


class Setting(typing.NamedTuple):
    """Where patients are seen: what it is called, and the complaint that they come with."""

    label: str
    complaint: Complaint | None


class Tally(typing.NamedTuple):
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


class Outline(typing.NamedTuple):
    """A clinical network without its numbers. `beyond` are the names of the network that a view is of."""

    context: tuple[str, ...]
    diseases: tuple[str, ...]
    latents: tuple[str, ...]
    settings: Mapping[str, Setting]
    default_setting: str
    tally: Tally
    lexicon: Lexicon
    beyond: Lexicon | None = None


def outline_of(network: spec.Network, tally: Tally) -> Outline:
    """The outline of a network; `tally` counts its numbers."""
    from dataclasses import replace

    settings = {}
    for name, setting in network.settings.items():
        asked = setting.complaint
        settings[name] = Setting(setting.label, Complaint(asked.finding, asked.state) if asked else None)
    return Outline(
        tuple(network.context),
        tuple(network.diseases),
        tuple(network.latents),
        settings,
        network.default_setting,
        tally,
        of_network(network),
        of_network(replace(network, view=None)) if network.view is not None else None,
    )


def to_plain(outline: Outline) -> Plain:
    """The outline as JSON values."""
    return {
        "context": outline.context,
        "diseases": outline.diseases,
        "latents": outline.latents,
        "settings": {
            name: [s.label, [s.complaint.finding, s.complaint.state] if s.complaint else None]
            for name, s in outline.settings.items()
        },
        "default_setting": outline.default_setting,
        "tally": [dict(outline.tally.by_grade), outline.tally.with_counts, outline.tally.unreviewed],
        "lexicon": _lexicon_plain(outline.lexicon),
        "beyond": _lexicon_plain(outline.beyond) if outline.beyond else None,
    }


def of_plain(plain: Plain) -> Outline:
    """The outline that `to_plain` wrote."""
    return Outline(
        tuple(plain["context"]),
        tuple(plain["diseases"]),
        tuple(plain["latents"]),
        {
            name: Setting(label, Complaint(*asked) if asked else None)
            for name, (label, asked) in plain["settings"].items()
        },
        plain["default_setting"],
        Tally(*plain["tally"]),
        _lexicon_of(plain["lexicon"]),
        _lexicon_of(plain["beyond"]) if plain["beyond"] else None,
    )


def _lexicon_plain(lexicon: Lexicon) -> Plain:
    number: dict[Meant, int] = {}
    words, spelled = (
        {word: [number.setdefault(m, len(number)) for m in meant] for word, meant in known.items()}
        for known in (lexicon.words, lexicon.spelled)
    )
    return {
        "askables": [
            [
                *(a.id, a.label, a.states, a.absent, a.present),
                list(a.quantity) if a.quantity else None,
                dict(a.state_aliases),
            ]
            for a in lexicon.askables.values()
        ],
        "entries": [[e.id, e.label, e.node, e.states, e.serious, e.of] for e in lexicon.entries.values()],
        "meant": [[m.kind, m.id, m.node, m.state] for m in number],
        "words": words,
        "spelled": spelled,
        "subjects": dict(lexicon.subjects),
    }


def _lexicon_of(plain: Plain) -> Lexicon:
    askables = [
        Askable(
            *(name, label, tuple(states), absent, present),
            Scale(scale[0], tuple(scale[1]), tuple(scale[2]), *scale[3:]) if scale else None,
            aliases,
        )
        for name, label, states, absent, present, scale, aliases in plain["askables"]
    ]
    entries = [
        Entry(name, label, node, tuple(states), serious, of)
        for name, label, node, states, serious, of in plain["entries"]
    ]
    meant = [Meant(*m) for m in plain["meant"]]
    words, spelled = (
        {word: tuple([meant[i] for i in of]) for word, of in plain[key].items()} for key in ("words", "spelled")
    )
    return Lexicon(askables, entries, words, plain["subjects"], spelled)
