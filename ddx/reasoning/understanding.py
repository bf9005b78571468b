"""How was the case understood? Findings as written become findings and states of one network, in one setting.

Nothing is guessed and nothing is dropped: every fault is told, a finding given twice is refused, and what the setting
itself adds (its complaint counts as observed unless the case says otherwise) is marked as coming from there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ddx.errors import CaseError, ContradictoryFinding, UnknownFinding, UnknownName, sentence
from ddx.evidence import Case, Observed, said
from ddx.knowledge.lexicon import Lexicon
from ddx.network import Network

MOST_TOLD = 5  # faults told at once
MOST_COUNTED = 20  # faults after which no finding is looked up any more: near misses take time
ON_THE_LINE = "on the line"  # where findings typed with the command stand
LONGEST_NAME = 200  # characters of a finding as typed

State = str | Mapping[str, float]  # a state, or a likelihood for each state


@dataclass(frozen=True, slots=True)
class Used:
    """A finding as used. `given` is what was written where that differs; `origin` is case, line, subject or setting."""

    finding: str
    said: State
    origin: str
    given: str = ""

    @property
    def entered(self) -> State:
        """As it is entered. A likelihood has no scale: its largest becomes 1, and P(evidence) is never above 1."""
        if isinstance(self.said, str):
            return self.said
        largest = max(self.said.values())
        return {state: weight / largest for state, weight in self.said.items()} if largest > 0 else self.said


@dataclass(frozen=True, slots=True)
class Understood:
    """The evidence of a case in a network: `used` in the order given, the subject and the setting's complaint first."""

    setting: str | None
    used: tuple[Used, ...]
    unknown: tuple[str, ...]
    context: frozenset[str]  # those of `used` that describe the patient and are no findings
    complaint: str | None = None  # the finding that the setting's complaint is, where the evidence holds it as stated
    ignored: tuple[str, ...] = ()

    @property
    def evidence(self) -> dict[str, State]:
        """Everything, as the engine takes it."""
        return {u.finding: u.entered for u in self.used}

    @property
    def as_given(self) -> dict[str, State]:
        """Everything, likelihoods in the scale in which they were written."""
        return {u.finding: u.said for u in self.used}

    @property
    def before(self) -> dict[str, State]:
        """What is known before any finding: the patient and the complaint of the setting."""
        return {u.finding: u.entered for u in self.used if u.finding in self.context or u.finding == self.complaint}

    @property
    def patient(self) -> dict[str, State]:
        """Age, sex and the like."""
        return {u.finding: u.entered for u in self.used if u.finding in self.context}

    @property
    def findings(self) -> tuple[Used, ...]:
        """What was found or looked for, without what describes the patient."""
        return tuple(u for u in self.used if u.finding not in self.context)


def understand(network: Network, case: Case, setting: str | None = None) -> Understood:
    """The case in the words of the network, in `setting`, else that of the case, else the network's default.

    Raises UnknownName for a setting that is not there, ContradictoryFinding for a finding given twice, and the
    lexicon's errors for names, states and values that mean nothing; several faults are told together.
    """
    with _at("" if setting else case.where):
        chosen = network.chosen_setting(setting or case.setting) or None
    context = frozenset(network.outline.context) if network.outline else frozenset()
    known, ignored = within(network, case.findings)
    with _at(case.where):
        patient = network.lexicon.subject(_subject(network.lexicon, case))
    seen = _resolved(network, [*patient, *known])
    used = [u for u in seen.values() if u is not None]
    unknown = tuple(name for name, u in seen.items() if u is None)
    complaint = network.settings[chosen].complaint if chosen else None
    if complaint is not None and complaint.finding not in seen:
        used.insert(0, Used(complaint.finding, complaint.state, "setting"))
    used.sort(key=lambda u: u.finding not in context)
    held = complaint is not None and any(u.finding == complaint.finding and u.said == complaint.state for u in used)
    asked = complaint.finding if held and complaint else None
    return Understood(chosen, tuple(used), unknown, context, asked, ignored)


def within(network: Network, observed: Iterable[Observed]) -> tuple[list[Observed], tuple[str, ...]]:
    """Findings for this network, and the ids of those that only the larger network has of which it is a view."""
    if network.beyond is None:
        return [*observed], ()
    known: list[Observed] = []
    ignored: list[str] = []
    faults = 0
    for item in observed:
        try:
            if faults < MOST_COUNTED:
                _observe(network.lexicon, item)
        except UnknownFinding:
            with contextlib.suppress(UnknownFinding):
                ignored.append(network.beyond.observe(item)[0])
                continue
            faults += 1
        except (CaseError, UnknownName):
            faults += 1  # told, with every other fault, when the known ones are resolved
        known.append(item)
    return known, tuple(ignored)


def _subject(lexicon: Lexicon, case: Case) -> dict[str, str]:
    """What is known of the patient. A word for not known is known where the network has exactly that state."""
    about = {key: lexicon.askables[lexicon.subjects[key]] for key in case.subject_unknown if key in lexicon.subjects}
    stated = {key: case.subject_unknown[key] for key in about if case.subject_unknown[key] in about[key].states}
    return {**case.subject, **stated}


@contextlib.contextmanager
def _at(where: str) -> Iterator[None]:
    """What is refused here is told with this place."""
    try:
        yield
    except (CaseError, UnknownName) as fault:
        if not where:
            raise
        raise type(fault)(sentence(str(fault), where=where)) from None


def _resolved(network: Network, observed: Iterable[Observed]) -> dict[str, Used | None]:
    """Finding -> as used, None where it is on record as unknown; raises one error for all faults."""
    seen: dict[str, Used | None] = {}
    first: dict[str, Observed] = {}
    faults: list[CaseError | UnknownName] = []
    for item in observed:
        if len(faults) > MOST_COUNTED:
            break
        try:
            finding, state = _observe(network.lexicon, item)
            if finding in seen:
                raise ContradictoryFinding(_twice(finding, first[finding], item))
        except (CaseError, UnknownName) as fault:
            faults.append(fault)
            continue
        first[finding] = item
        seen[finding] = None if state is None else Used(finding, state, _origin(item), _given(item, state))
    if faults:
        raise _together(faults)
    return seen


def _observe(lexicon: Lexicon, item: Observed) -> tuple[str, State | None]:
    if len(item.name) > LONGEST_NAME:
        raise CaseError(f"{item.name[:40]!r}... is no finding: it has {len(item.name):,} characters.")
    return lexicon.observe(item)


def _twice(finding: str, one: Observed, other: Observed) -> str:
    places = " and ".join(dict.fromkeys(item.where for item in (one, other) if item.where))
    written = " and ".join(_written(item) for item in (one, other))
    return f"{finding} is given twice: {written}{f' ({places})' if places else ''}. Keep one."


def _written(item: Observed) -> str:
    """As it was typed: `no-x` carries the word present until the network's names are known."""
    return item.name if item.where == ON_THE_LINE and item.state == "present" else said(item)


def _origin(item: Observed) -> str:
    return {ON_THE_LINE: "line", "subject": "subject"}.get(item.where, "case")


def _given(item: Observed, state: State) -> str:
    """What was written, where it is not the state itself or the plain word for it."""
    written = item.state or ""
    return "" if written in (state, "present", "absent") else written


def _together(faults: list[CaseError | UnknownName]) -> CaseError | UnknownName:
    if len(faults) == 1:
        return faults[0]
    lines = [str(fault) for fault in faults[:MOST_TOLD]]
    if len(faults) > MOST_TOLD:
        least = "at least " if len(faults) > MOST_COUNTED else ""
        lines.append(f"... and {least}{len(faults) - MOST_TOLD} more")
    return type(faults[0])("\n     ".join(lines))
