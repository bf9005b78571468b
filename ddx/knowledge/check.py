"""What is wrong with a network file, and what is doubtful? Every problem at once, each with its line and its remedy.

    error    the network cannot be used, or says two things at once
    warning  it can be used, but what is written is probably not what is meant
    note     worth knowing: figures that nobody has reviewed, measured figures without counts

What needs inference (settings that cannot be met, states that never occur, treewidth) is in `ddx.reasoning.lint`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ddx.documents import Document, DocumentError, Place, read
from ddx.errors import DdxError, SpecError
from ddx.knowledge import spec
from ddx.knowledge.arcs import cycle_faults, parents_of
from ddx.knowledge.load import base_of, owned, shape_of
from ddx.knowledge.meaning import cause_states, faults, models_of, numbers_of, states_of, view_faults
from ddx.knowledge.naming import Fault

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
NOT_MEASURED = re.compile(r"^\s*(elicited|recalled|judg|guess|assum|expert|invented)", re.IGNORECASE)
NOT_READ = ("expert judgement", "not read", "not an estimate")
WEB = re.compile(r"^https?://", re.IGNORECASE)
FACTOR = 3.0  # rates by context that average to more than this many times the stated prior, or less than its part


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem: how bad, where (file:line), what was read and why it is wrong, what to do."""

    level: Level
    where: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The problems of a file and, where it could be read, the network in it (that of a view: the larger one)."""

    issues: tuple[Issue, ...]
    network: spec.Network | None = None
    document: Document | None = None


def check_file(path: Path, known: Mapping[str, Path]) -> Checked:
    """Every problem of a network or view file that can be told without inference. Bad files are errors in the list."""
    try:
        document = read(path)
    except DdxError as fault:
        return Checked((issue_of(fault, path.name),))
    form = document.value.get("ddx") if isinstance(document.value, dict) else None
    if form == "view/1":
        return _check_view(path, document, known)
    if form != "network/1":
        read_as = f"`ddx: {form}`" if isinstance(form, str) else "no line `ddx: network/1`"
        where = document.where(("ddx",))
        return Checked((Issue("error", where, read_as, "Start the file with `ddx: network/1`."),))
    network, misshapen = shape_of(spec.Network, document)
    if network is None:
        return Checked(_told(document, "error", misshapen))
    meant = [*faults(network)]
    meant += [] if meant else cycle_faults(network)
    if meant:
        return Checked(_told(document, "error", meant))
    return Checked(tuple(_doubts(network, document)), network, document)


def issue_of(fault: DdxError, name: str) -> Issue:
    """An error as the one problem that it is."""
    if isinstance(fault, SpecError):
        return Issue("error", fault.where or name, fault.message, fault.remedy)
    text = str(fault)
    place = re.match(rf"^({re.escape(name)}(?::\d+)?): ", text) if isinstance(fault, DocumentError) else None
    return Issue("error", place[1] if place else name, (text[place.end() :] if place else text).rstrip("."))


def _check_view(path: Path, document: Document, known: Mapping[str, Path]) -> Checked:
    view, misshapen = shape_of(spec.ViewFile, document)
    if view is None:
        return Checked(_told(document, "error", misshapen))
    try:
        base = check_file(base_of(view, path, known), known)
    except DdxError as fault:
        return Checked((issue_of(fault, path.name),))
    wrong = [issue for issue in base.issues if issue.level == "error"]
    if base.network is None or wrong:
        return Checked(tuple(wrong))
    return Checked(_told(document, "error", view_faults(view, base.network)), base.network, document)


def _told(document: Document, level: Level, found: Iterable[Fault]) -> tuple[Issue, ...]:
    """Faults as issues, each once, in the order of their lines."""
    listed = [
        Issue(level, document.where(place), owned(place, message), remedy)
        for place, message, remedy in dict.fromkeys(found)
    ]
    return tuple(sorted(listed, key=lambda issue: line_of(issue.where)))


def line_of(where: str) -> int:
    """The line of file:line; 0 where there is none."""
    number = where.rpartition(":")[2]
    return int(number) if number.isdecimal() else 0


def _doubts(network: spec.Network, document: Document) -> Iterator[Issue]:
    yield from _told(document, "error", _below_what_it_follows_from(network))
    warnings = [
        *_below_background(network),
        *_beside_the_rates(network),
        *_alone(network),
        *_shared_words(network),
        *_source_doubts(network),
        *_graded_too_high(network),
        *_hidden_rows(network),
    ]
    yield from _told(document, "warning", warnings)
    yield from _told(document, "note", [*_without_counts(network), *_unused_sources(network), *_unreviewed(network)])


def _below_what_it_follows_from(network: spec.Network) -> Iterator[Fault]:
    """P(effect) < P(disease) P(effect | disease), both as stated, in a setting without a complaint."""
    for name, setting in network.settings.items():
        stated = _stated_priors(network, name)
        for cause, number in setting.priors.items():
            effect = cause_states(network, cause)
            model = models_of(network).get(effect[0]) if effect else None
            if effect is None or setting.complaint is not None or not isinstance(model, spec.Noisy):
                continue
            for other, row in model.given.items():
                own = cause_states(network, other)
                if own is None or effect[1][0] not in row:
                    continue
                prior = sum(stated.get((own[0], state), 0.0) for state in own[1])
                least = prior * row[effect[1][0]].value
                if number.value < least * (1 - 1e-9):
                    message = (
                        f"P({cause}) is stated as {number.value:.4g}, below P({other}) P({cause} | {other}) = "
                        f"{prior:.4g} x {row[effect[1][0]].value:.4g} = {least:.4g}"
                    )
                    yield ("settings", name, "priors", cause), message, "One of the three numbers is wrong."


def _stated_priors(network: spec.Network, name: str) -> dict[tuple[str, str], float]:
    """(node, state) -> prior, with what the setting inherits."""
    chain: list[str] = []
    following: str | None = name
    while following is not None and following not in chain:
        chain.append(following)
        following = network.settings[following].inherits
    found: dict[tuple[str, str], float] = {}
    for setting in reversed(chain):
        for cause, number in network.settings[setting].priors.items():
            means = cause_states(network, cause)
            if means is not None:
                found[means[0], means[1][0]] = number.value
    return found


def _below_background(network: spec.Network) -> Iterator[Fault]:
    """Rates below the background, as written or as a setting has it: the link is 0, the disease says nothing."""
    for name, model in models_of(network).items():
        if not isinstance(model, spec.Noisy) or model.rates == "on_top":
            continue
        place: Place = (_group(network, name), name, "model", "given")
        yield from _weak_links(network, name, model.background, place, "")
        for setting_name, setting in network.settings.items():
            if name in setting.backgrounds:
                at: Place = ("settings", setting_name, "backgrounds", name)
                yield from _weak_links(network, name, setting.backgrounds[name], at, f" of {setting_name}")


def _weak_links(network: spec.Network, name: str, background: spec.Row, place: Place, whose: str) -> Iterator[Fault]:
    model, states = models_of(network)[name], states_of(network)[name]
    assert isinstance(model, spec.Noisy)
    leak = _effect_share(background, states)
    for cause, row in model.given.items():
        rate = _effect_share(row, states)
        if rate < leak * (1 - 1e-9):
            message = (
                f"P({name} | {cause}) = {rate:.4g} is below the background{whose} {leak:.4g}: its link becomes 0, and "
                f"{name} says nothing about {cause}"
            )
            remedy = "Leave the row out and say so in `note`, or mend one of the two."
            if whose:
                remedy = "Rate and background come from different patients: mend one, or say so in `note`."
            yield place if whose else (*place, cause), message, remedy


def _effect_share(row: spec.Row, states: tuple[str, ...]) -> float:
    """P(any state but the first)."""
    if states[0] in row:
        return 1.0 - row[states[0]].value
    return sum(number.value for number in row.values()) if len(row) == len(states) - 1 else 1.0


def _beside_the_rates(network: spec.Network) -> Iterator[Fault]:
    """Rates by context whose average is far from the prior that the general setting states."""
    for name, disease in network.diseases.items():
        for i, profile in enumerate(disease.profile):
            if profile.kind != "rate" or profile.context not in network.context:
                continue
            for setting_name, setting in network.settings.items():
                if setting.inherits is not None or setting.complaint is not None:
                    continue
                mix = setting.context.get(profile.context)
                average = _average(profile.row, mix, network.context[profile.context].states) if mix else None
                wanted = (profile.of,) if profile.of else disease.states[1:]
                stated = _stated_priors(network, setting_name)
                prior = sum(stated.get((name, state), 0.0) for state in wanted)
                if average and prior and not 1 / FACTOR < average / prior < FACTOR:
                    message = (
                        f"the rates of {name} by {profile.context} average to {average:.3g} in {setting_name}, but its "
                        f"prior there is {prior:.3g}"
                    )
                    yield ("diseases", name, "profile", i), message, "The prior is used; mend it or the rates."


def _average(row: spec.Row, mix: spec.Row, states: tuple[str, ...]) -> float:
    shares = {s: mix[s].value for s in states if s in mix}
    left = max(0.0, 1.0 - sum(shares.values()))
    return sum(row[s].value * shares.get(s, left) for s in states if s in row)


def _alone(network: spec.Network) -> Iterator[Fault]:
    """Findings that nothing brings about, and diseases that nothing shows."""
    parents = {node: parents_of(network, node) for node in states_of(network)}
    children = {parent for own in parents.values() for parent in own}
    for name in network.findings:
        above = _above(parents, name)
        if not above and name not in children:
            message = f"{name} depends on nothing and nothing on it"
            yield ("findings", name), message, "Give it causes, or leave it out."
        elif not above & {*network.diseases, *network.latents}:
            yield ("findings", name), f"no disease stands behind {name}: it tells nothing", "Name what causes it."
    for group in ("diseases", "latents", "context"):
        for name in getattr(network, group):
            if name not in children and not (group == "context" and parents[name]):
                what = "is the cause of no finding: nothing can raise or lower it"
                told = "shifts nothing" if group == "context" else what
                yield (group, name), f"{name} {told}", "Name it under a model, or leave it out."


def _above(parents: Mapping[str, tuple[str, ...]], node: str) -> set[str]:
    found: set[str] = set()
    waiting = list(parents[node])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += parents[one]
    return found


def _shared_words(network: spec.Network) -> Iterator[Fault]:
    """One word for two things of a kind: whoever types it gets the first."""
    said: dict[tuple[str, str], tuple[str, str]] = {}
    for kind, name, key, word, place in _words(network):
        folded = fold(word)
        first = said.setdefault((kind, folded), (name, key))
        if first[0] != name:
            message = f"{word!r} ({key} of {name}) is also {first[1]} of {first[0]}"
            yield place, message, "A word must mean one thing: leave it out of one of them."
    findings = {word for kind, word in said if kind == "finding"}
    for kind, name, key, word, place in _words(network):
        if kind == "finding" and key != "id" and fold(word).startswith("no ") and fold(word)[3:] in findings:
            yield place, f"{word!r} ({key} of {name}) reads as the absence of another finding", "Use another word."


def _words(network: spec.Network) -> Iterator[tuple[str, str, str, str, Place]]:
    """(kind, what it means, key, word, place) of every id, alias and synonym."""
    for name, disease in network.diseases.items():
        own: Place = ("diseases", name)
        yield "disease", name, "id", name, own
        for key, words in (("aliases", disease.aliases), ("synonyms", disease.synonyms)):
            yield from (("disease", name, key, w, (*own, key, i)) for i, w in enumerate(words))
        for event, block in disease.reported.items():
            at: Place = (*own, "reported", event)
            yield "disease", event, "id", event, at
            yield from (("disease", event, "aliases", w, (*at, "aliases", i)) for i, w in enumerate(block.aliases))
    for name, finding in network.findings.items():
        yield "finding", name, "id", name, ("findings", name)
        for key, words in (("aliases", finding.aliases), ("synonyms", finding.synonyms)):
            yield from (("finding", name, key, w, ("findings", name, key, i)) for i, w in enumerate(words))
    for name, context in network.context.items():
        for word in dict.fromkeys((name, context.subject or name)):
            yield "finding", name, "id", word, ("context", name)


def fold(word: str) -> str:
    """A word without case, `-` and `_`, as names are compared."""
    return " ".join(word.replace("_", " ").replace("-", " ").casefold().split())


def _source_doubts(network: spec.Network) -> Iterator[Fault]:
    for key, source in network.sources.items():
        if source.url and not WEB.match(source.url):
            yield (
                ("sources", key, "url"),
                f"{source.url[:80]!r} is no web address",
                "Write https://..., or leave it out.",
            )
        if not source.citation.strip():
            yield ("sources", key), f"the source {key} has no citation", "Say what it is, or who was asked and how."


def _graded_too_high(network: spec.Network) -> Iterator[Fault]:
    """Judgement or memory presented as measured."""
    for place, number in numbers_of(network):
        if number.grade != "measured":
            continue
        cited = [
            network.sources[s] for s in (number.source, *(x.source for x in number.series)) if s in network.sources
        ]
        soft = [s for s in cited if NOT_MEASURED.match(s.citation) or s.read.casefold() in NOT_READ]
        if soft:
            message = f"graded measured, but its source is no measurement ({soft[0].citation[:60]})"
            yield place, message, "Grade it judgement or memory, or cite where it was measured."


def _hidden_rows(network: spec.Network) -> Iterator[Fault]:
    """Rows of a table, or rules, that an earlier one always covers."""
    for name, model in models_of(network).items():
        if not isinstance(model, spec.Table | spec.Deterministic):
            continue
        key = "rows" if isinstance(model, spec.Table) else "rules"
        items: tuple[spec.TableRow | spec.Rule, ...] = model.rows if isinstance(model, spec.Table) else model.rules
        for i, item in enumerate(items):
            covering = [k for k in range(i) if _covers(items[k].when, item.when)]
            if covering:
                place = (_group(network, name), name, "model", key, i)
                yield place, f"never used: {key} {covering[0] + 1} of {name} fits first", "Put it before, or remove it."


def _covers(wide: spec.Condition, narrow: spec.Condition) -> bool:
    """Whether the first condition holds wherever the second does."""
    return all(name in narrow and _as_set(narrow[name]) <= _as_set(states) for name, states in wide.items())


def _as_set(states: str | tuple[str, ...]) -> set[str]:
    return {states} if isinstance(states, str) else set(states)


def _without_counts(network: spec.Network) -> Iterator[Fault]:
    for place, number in numbers_of(network):
        if number.grade == "measured" and number.counts is None and number.n is None and number.lo is None:
            yield place, "measured, but without counts or an interval", "Add k and n, or lo and hi, from the source."


def _unused_sources(network: spec.Network) -> Iterator[Fault]:
    used = {s for _, n in numbers_of(network) for s in (n.source, *(x.source for x in n.series))}
    used |= {o.source for m in models_of(network).values() if isinstance(m, spec.Noisy) for o in m.odds_ratios.values()}
    for key in network.sources:
        if key not in used:
            yield ("sources", key), f"no number cites {key}", "Remove it, or cite it where it was used."


def _unreviewed(network: spec.Network) -> Iterator[Fault]:
    numbers = [n for _, n in numbers_of(network)]
    count = sum(not n.reviewed for n in numbers)
    if count:
        yield (), f"{count:,} of {len(numbers):,} numbers await a second reader", "See networks/review/README.md."


def _group(network: spec.Network, name: str) -> str:
    return next(g for g in ("diseases", "latents", "findings") if name in getattr(network, g))
