"""The names of a network: which finding, state or disease a word means.

Names resolve as they are written (id, then alias, synonym, label), then whatever the case, `-`, `_` and spaces, then
by unique prefix. What fits nothing is refused with near misses, what fits several with the candidates: nothing is
guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ddx.errors import CaseError, UnknownFinding, UnknownName, UnknownState, closest, sentence
from ddx.evidence import Observed

if TYPE_CHECKING:
    from ddx.knowledge.spec import Finding, Network, Quantity

ABSENT = ("absent", "negative", "no", "normal", "none", "false", "poor")
NO_FILE = ("", "on the line", "subject")  # where findings stand that were read from no file
LARGEST_VALUE = 1e9  # of any measurement
PRESENT = ("present", "positive", "yes", "abnormal", "true", "elevated", "increased", "good")


class Entry(NamedTuple):
    """One entry of the differential: a disease, or a named event over the states of a node.

    `of` is the node where the entry is an event of it, else None; `states` are the states in which it is present.
    """

    id: str
    label: str
    node: str
    states: tuple[str, ...]
    serious: bool = False
    of: str | None = None


class Scale(NamedTuple):
    """How a measured value maps to a state: states from low to high, separated by `cuts`.

    A value that equals a cut belongs to the state above it, or below where `equal` is "below". A scale that ends has a
    `lowest` or `highest` value.
    """

    unit: str
    cuts: tuple[float, ...]
    states: tuple[str, ...]
    equal: str = "above"
    lowest: float | None = None
    highest: float | None = None

    @property
    def span(self) -> str:
        """The values that it can have, in words: `years (0 to 125)`, or the unit alone where it has no ends."""
        if self.highest is None:
            return self.unit if self.lowest is None else f"{self.unit} ({self.lowest:g} or more)"
        return f"{self.unit} ({self.lowest or 0:g} to {self.highest:g})"

    def holds(self, value: float) -> bool:
        """Whether a value lies on the scale."""
        return (self.lowest or 0.0) <= value and (self.highest is None or value <= self.highest)


class Askable(NamedTuple):
    """A finding or context variable as the lexicon needs it."""

    id: str
    label: str
    states: tuple[str, ...]
    absent: str | None
    present: str | None
    quantity: Scale | None = None
    state_aliases: Mapping[str, str] = MappingProxyType({})


class Meant(NamedTuple):
    """What a name stands for: a finding, a context or the entry of a disease, and its state where one is named."""

    kind: str  # "finding" | "context" | "disease"
    id: str
    node: str
    state: str | None = None


Words = Mapping[str, tuple[Meant, ...]]


class Lexicon:
    """Resolves names of one network. Make one with `of_network` or `of_states`.

    `words` are normalised. `spelled` holds as they are written those that are, normalised, the name of several things:
    `a` and `A`, `x y` and `x_y`.
    """

    def __init__(
        self,
        askables: Iterable[Askable],
        entries: Iterable[Entry],
        words: Words,
        subjects: Mapping[str, str],
        spelled: Words = MappingProxyType({}),
    ) -> None:
        self.askables = {a.id: a for a in askables}
        self.entries = {e.id: e for e in entries}
        self.words = words  # normalised word -> what it means; ids first
        self.spelled = spelled
        self.subjects = subjects  # key of a case's subject block -> context variable

    def finding(self, name: str) -> Askable:
        """The finding or context variable of that name; UnknownFinding with near misses."""
        meant = self._resolve(name, ("finding", "context"))
        if meant is None:
            raise UnknownFinding(f"no finding {name!r} in this network. {self._hint(name, ('finding', 'context'))}")
        return self.askables[meant.node]

    def disease(self, name: str) -> Meant:
        """The entry of the differential of that name; UnknownName with near misses."""
        meant = self._resolve(name, ("disease",))
        if meant is None:
            raise UnknownName(f"no disease {name!r} in this network. {self._hint(name, ('disease',))}")
        return meant

    def anything(self, name: str) -> Meant:
        """The finding, context or disease of that name; UnknownName with near misses."""
        kinds = ("disease", "finding", "context")
        meant = self._resolve(name, kinds)
        if meant is None:
            raise UnknownName(f"nothing in this network is called {name!r}. {self._hint(name, kinds)}")
        return meant

    def state(self, askable: Askable, written: str) -> str:
        """The state of a finding that a written word or value means; UnknownState lists the states."""
        if written in askable.states:
            return written
        if written in askable.state_aliases:
            return askable.state_aliases[written]
        aliases = askable.state_aliases.items()
        folded = _fold(written)
        fitting = [*(s for s in askable.states if _fold(s) == folded), *(s for a, s in aliases if _fold(a) == folded)]
        if len(set(fitting)) > 1:
            several = ", ".join(dict.fromkeys(fitting))
            raise UnknownState(f"{askable.id}: {written!r} fits several states: {several}. Write one of these.")
        if fitting:
            return fitting[0]
        if askable.quantity is not None:
            state = _state_of_value(askable.quantity, written)
            if state is not None:
                return state
        raise UnknownState(f"{askable.id} has no state {written!r}. {_states_hint(askable)}")

    def observe(self, observed: Observed) -> tuple[str, str | Mapping[str, float] | None]:
        """(finding id, state or likelihood or None for unknown) of a finding as written.

        UnknownFinding or UnknownState, with file and line where the finding stands in a file.
        """
        try:
            return self._meant(observed)
        except (UnknownFinding, UnknownState) as fault:
            if observed.where in NO_FILE:
                raise
            raise type(fault)(sentence(str(fault), where=observed.where)) from None

    def _meant(self, observed: Observed) -> tuple[str, str | Mapping[str, float] | None]:
        askable, written = self._named(observed)
        if observed.likelihood is not None:
            weights = {self.state(askable, s): w for s, w in observed.likelihood.items()}
            if len(weights) < len(observed.likelihood):
                raise CaseError(f"{askable.id}: the likelihood gives one state twice. Keep one.")
            missing = [s for s in askable.states if s not in weights]
            if missing:
                raise UnknownState(
                    f"{askable.id}: the likelihood gives no weight for {', '.join(missing)}. Give every state one."
                )
            return askable.id, weights
        return askable.id, None if written is None else self.state(askable, written)

    def subject(self, subject: Mapping[str, str]) -> list[Observed]:
        """The `subject` block of a case as observations of context variables; unknown keys are refused.

        What is written of the patient is not repeated in an error.
        """
        found = []
        for key, value in subject.items():
            if key not in self.subjects:
                known = ", ".join(self.subjects) or "none"
                raise CaseError(f"subject has the key {key!r}, but this network knows {known}.")
            askable = self.askables[self.subjects[key]]
            try:
                self.state(askable, value)
            except UnknownState:
                message = f"subject {key}: what is written is no state of {askable.id}"
                raise UnknownState(f"{message}. {_states_hint(askable)}") from None
            found.append(Observed(askable.id, value, where="subject"))
        return found

    def search(self, text: str) -> tuple[Meant, ...]:
        """Everything whose id, label, alias or synonym contains the text, or is close to it."""
        wanted = _fold(text)
        hits = [m for word, meant in self.words.items() if wanted in word for m in meant]
        if not hits:
            close = closest(wanted, self.words, 8)
            hits = [m for word in close for m in self.words[word]]
        return tuple(dict.fromkeys(hits))

    def _named(self, observed: Observed) -> tuple[Askable, str | None]:
        """`no-x` means x absent unless something is called `no-x`."""
        name, written = observed.name, observed.state
        if written == "present" and observed.where == "on the line":
            if self._resolve(name, ("finding", "context")) is None and _fold(name).startswith("no "):
                name, written = name[3:], "absent"
            askable = self.finding(name)
            return askable, _plain(askable, written)
        askable = self.finding(name)
        return askable, observed.among(askable.states)

    def _resolve(self, name: str, kinds: tuple[str, ...]) -> Meant | None:
        """What a name means; None for nothing, UnknownFinding or UnknownName for several things."""
        word = _fold(name)
        for known in (self.spelled.get(name, ()), self.words.get(word, ())):
            hits = [m for m in known if m.kind in kinds]
            alike = [m for m in hits if (m.kind == "disease") == (hits[0].kind == "disease")]
            if alike:
                return _only(alike, name, kinds, "Write one of these.")
        begun = [
            m
            for known, meant in self.words.items()
            if word and known.startswith(word)
            for m in meant
            if m.kind in kinds
        ]
        return _only(begun, name, kinds, "Type more of it.") if begun else None

    def _hint(self, name: str, kinds: tuple[str, ...]) -> str:
        words = [w for w, meant in self.words.items() if any(m.kind in kinds for m in meant)]
        close = closest(_fold(name), words, 3)
        ids = dict.fromkeys(m.id for w in close for m in self.words[w] if m.kind in kinds)
        return f"Did you mean {' or '.join(ids)}?" if ids else "`ddx find TEXT` looks names up."


def of_network(network: Network) -> Lexicon:
    """The lexicon of a clinical network; of a view, only what it chose can be named."""
    entries = tuple(chosen_entries(network))
    ranked = [(rank, *named) for rank in range(4) for named in _names(network, entries, rank)]
    subjects = {(c.subject or cid): cid for cid, c in network.context.items()}
    return Lexicon(_askables(network), entries, _folded(ranked), subjects, _spelled(ranked))


def of_states(states: Mapping[str, tuple[str, ...]]) -> Lexicon:
    """The lexicon of a network without roles: every node can be asked, under its own name."""
    askables = [Askable(node, node, labels, *_poles(labels, None, None)) for node, labels in states.items()]
    ranked = [(0, node, Meant("finding", node, node)) for node in states]
    return Lexicon(askables, (), _folded(ranked), {}, _spelled(ranked))


def _folded(ranked: Iterable[tuple[int, str, Meant]]) -> Words:
    """Normalised word -> what it means, in the order given."""
    words: dict[str, dict[Meant, None]] = {}
    for _, word, meant in ranked:
        words.setdefault(_fold(word), {})[meant] = None
    return {word: tuple(meant) for word, meant in words.items()}


def _spelled(ranked: Sequence[tuple[int, str, Meant]]) -> Words:
    """Word as it is written -> what has it at its best rank, of words that, normalised, name several things."""
    several = {word for word, meant in _folded(ranked).items() if len(meant) > 1}
    best: dict[tuple[str, bool], int] = {}
    found: dict[str, dict[Meant, None]] = {}
    for rank, word, meant in ranked:
        if _fold(word) in several and best.setdefault((word, meant.kind == "disease"), rank) == rank:
            found.setdefault(word, {})[meant] = None
    return {word: tuple(meant) for word, meant in found.items()}


def _only(hits: Sequence[Meant], name: str, kinds: tuple[str, ...], remedy: str) -> Meant:
    """The one thing that a name fits; refused where it fits several."""
    if len({(m.id, m.state) for m in hits}) == 1:
        return hits[0]
    names = ", ".join(sorted({m.id for m in hits})[:6])
    raise (UnknownFinding if "finding" in kinds else UnknownName)(f"{name!r} fits several: {names}. {remedy}")


def entries_of(network: Network) -> Iterable[Entry]:
    """The entries of the differential, in the order of the file."""
    for node, disease in network.diseases.items():
        if disease.reported:
            for event_id, event in disease.reported.items():
                yield Entry(event_id, event.label, node, event.states, event.serious, node)
        else:
            yield Entry(node, disease.label, node, disease.states[1:], disease.serious)


def chosen_entries(network: Network) -> Iterable[Entry]:
    """The entries that are reported: those of the view, where the network is one."""
    return (e for e in entries_of(network) if network.view is None or e.id in network.view.diseases)


def _chosen_findings(network: Network) -> dict[str, Finding]:
    if network.view is None:
        return network.findings
    return {name: network.findings[name] for name in network.view.findings}


def _names(network: Network, entries: tuple[Entry, ...], rank: int) -> Iterable[tuple[str, Meant]]:
    """Ids at rank 0, aliases at 1, synonyms at 2, labels at 3."""
    for entry in entries:
        event = network.diseases[entry.node].reported.get(entry.id)
        state = entry.states[0] if entry.of and len(entry.states) == 1 else None
        meant = Meant("disease", entry.id, entry.node, state if entry.of else None)
        block = event or network.diseases[entry.node]
        yield from ((w, meant) for w in ([entry.id], block.aliases, (), [entry.label])[rank])
    for node, disease in network.diseases.items():
        first = next((e for e in entries if e.node == node), None)
        if first is None:
            continue
        whole = Meant("disease", first.id if not disease.reported else node, node)
        yield from ((w, whole) for w in ([node], disease.aliases, disease.synonyms, [disease.label])[rank])
        if rank == 1:
            for state, aliases in disease.state_aliases.items():
                yield from ((w, Meant("disease", _entry_of_state(entries, node, state), node, state)) for w in aliases)
    for fid, finding in _chosen_findings(network).items():
        meant = Meant("finding", fid, fid)
        yield from ((w, meant) for w in ([fid], finding.aliases, finding.synonyms, [finding.label])[rank])
    for cid, context in network.context.items():
        meant = Meant("context", cid, cid)
        yield from ((w, meant) for w in ([cid], [context.subject or cid], (), [context.label])[rank])


def _entry_of_state(entries: tuple[Entry, ...], node: str, state: str) -> str:
    return next((e.id for e in entries if e.node == node and state in e.states), node)


def _askables(network: Network) -> Iterable[Askable]:
    for fid, f in _chosen_findings(network).items():
        states = (*f.states, "not_applicable") if f.model.kind == "attribute" else f.states
        yield Askable(fid, f.label, states, *_poles(f.states, f.absent, f.present), _scale(f.quantity))
    for cid, c in network.context.items():
        yield Askable(cid, c.label, c.states, None, None, _scale(c.quantity), c.aliases)


def _poles(states: tuple[str, ...], absent: str | None, present: str | None) -> tuple[str | None, str | None]:
    """The states that `no-NAME` and `NAME` mean, where that is plain: as declared, or by the usual words."""
    if len({_fold(s) for s in states}) == len(states) == 2 and absent is None and present is None:
        for low, high in (states, states[::-1]):
            if low in ABSENT or high in PRESENT:
                return low, high
        return None, None
    if absent is None:
        absent = next((s for s in states if s in ABSENT), None)
    return absent, present


def _plain(askable: Askable, word: str | None) -> str | None:
    """The state that `NAME` (present) or `no-NAME` (absent) means; refused where that is not plain."""
    meant = askable.present if word == "present" else askable.absent
    if meant is None:
        raise UnknownState(f"{askable.id} needs a state: write {askable.id}=STATE. {_states_hint(askable)}")
    return meant


def _scale(quantity: Quantity | None) -> Scale | None:
    if quantity is None:
        return None
    return Scale(quantity.unit, quantity.cuts, quantity.states, quantity.equal, quantity.lowest, quantity.highest)


def _state_of_value(scale: Scale, written: str) -> str | None:
    """The state in whose range a measured value lies; None where the text is no number."""
    text = written[: -len(scale.unit)].strip() if written.endswith(scale.unit) else written
    if "," in text:
        raise UnknownState(f"{written!r} has a comma. Write the decimal with a point.")
    try:
        value = float(text)
    except ValueError:
        return None
    if not (scale.holds(value) and value < LARGEST_VALUE):
        raise UnknownState(f"{written!r} is not a value in {scale.span}.")
    above = sum(value >= cut if scale.equal == "above" else value > cut for cut in scale.cuts)
    return scale.states[above]


def _states_hint(askable: Askable) -> str:
    hint = f"Its states: {', '.join(askable.states)}"
    if askable.quantity is not None:
        hint += f", or a value in {askable.quantity.span}"
    return hint + "."


def _fold(word: str) -> str:
    return " ".join(word.replace("_", " ").replace("-", " ").casefold().split())
