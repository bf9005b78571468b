"""What is doubtful about a network that can be read? Probably not meant, or worth knowing.

Each doubt is (place in the file, message, remedy). What lies around a `spoiled` place, where there is an error, is not
compared with anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ddx.documents import Place
from ddx.knowledge import spec
from ddx.knowledge.arcs import above, arcs_of
from ddx.knowledge.links import covers
from ddx.knowledge.meaning import Known, inherited
from ddx.knowledge.naming import Fault
from ddx.knowledge.numbers import numbers_of, sources_of
from ddx.knowledge.partial import Around

NOT_MEASURED = re.compile(r"^\s*(elicited|recalled|judg|guess|assum|expert|invented)", re.IGNORECASE)
NOT_READ = ("expert judgement", "not read", "not an estimate")
WEB = re.compile(r"^https?://", re.IGNORECASE)
FACTOR = 3.0  # rates by context that average to more than this many times the stated prior, or less than its part


def too_rare(known: Known, spoiled: Around) -> Iterator[Fault]:
    """P(effect) < P(disease) P(effect | disease), both as stated, in a setting without a complaint."""
    for name, setting in known.network.settings.items():
        stated = _stated_priors(known, name, spoiled)
        for cause, number in setting.priors.items():
            place: Place = ("settings", name, "priors", cause)
            if setting.complaint is None and not spoiled.touches(place, ("settings", name, "complaint")):
                for message in _rarer(known, cause, number.value, stated, spoiled):
                    yield place, message, "One of the three numbers is wrong."


def _rarer(known: Known, cause: str, p: float, stated: dict[tuple[str, str], float], spoiled: Around) -> Iterator[str]:
    effect = known.cause(cause)
    model = known.models.get(effect[0]) if effect else None
    if effect is None or not isinstance(model, spec.Noisy):
        return
    for other, row in model.given.items():
        own = known.cause(other)
        place: Place = (group_of(known.network, effect[0]), effect[0], "model", "given", other)
        if own is None or effect[1][0] not in row or spoiled.touches(place):
            continue
        prior = sum(stated.get((own[0], state), 0.0) for state in own[1])
        least = prior * row[effect[1][0]].value
        if p < least * (1 - 1e-9):
            yield (
                f"P({cause}) is stated as {p:.4g}, below P({other}) P({cause} | {other}) = "
                f"{prior:.4g} x {row[effect[1][0]].value:.4g} = {least:.4g}"
            )


def _stated_priors(known: Known, name: str, spoiled: Around) -> dict[tuple[str, str], float]:
    """(node, state) -> prior, with what the setting inherits."""
    found: dict[tuple[str, str], float] = {}
    for setting in reversed([*inherited(known.network, name)]):
        for cause, number in known.network.settings[setting].priors.items():
            means = known.cause(cause)
            if means is not None and not spoiled.touches(("settings", setting, "priors", cause)):
                found[means[0], means[1][0]] = number.value
    return found


def beside_the_rates(known: Known, spoiled: Around) -> Iterator[Fault]:
    """Rates by context whose average is far from the prior that the general setting states."""
    for name, disease in known.network.diseases.items():
        for i, profile in enumerate(disease.profile):
            place: Place = ("diseases", name, "profile", i)
            if profile.kind == "rate" and not spoiled.touches(place):
                for setting, average, prior in _averages(known, name, profile, spoiled):
                    if not 1 / FACTOR < average / prior < FACTOR:
                        message = (
                            f"the rates of {name} by {profile.context} average to {average:.3g} in {setting}, but its "
                            f"prior there is {prior:.3g}"
                        )
                        yield place, message, "The prior is used; mend it or the rates."


def _averages(known: Known, name: str, profile: spec.Profile, spoiled: Around) -> Iterator[tuple[str, float, float]]:
    """(setting, average of the rates there, prior there) of every setting from which the others inherit."""
    for setting_name, setting in known.network.settings.items():
        mix = setting.context.get(profile.context)
        at: Place = ("settings", setting_name, "context", profile.context)
        if not mix or setting.inherits is not None or setting.complaint is not None or spoiled.touches(at):
            continue
        average = _average(profile.row, mix, known.states[profile.context])
        wanted = (profile.of,) if profile.of else known.states[name][1:]
        stated = _stated_priors(known, setting_name, spoiled)
        prior = sum(stated.get((name, state), 0.0) for state in wanted)
        if average and prior:
            yield setting_name, average, prior


def _average(row: spec.Row, mix: spec.Row, states: tuple[str, ...]) -> float:
    shares = {s: mix[s].value for s in states if s in mix}
    left = max(0.0, 1.0 - sum(shares.values()))
    return sum(row[s].value * shares.get(s, left) for s in states if s in row)


def alone(known: Known) -> Iterator[Fault]:
    """Findings that nothing brings about, and diseases that nothing shows."""
    network, arcs = known.network, arcs_of(known.network)
    children = {parent for own in arcs.values() for parent in own}
    for name in network.findings:
        over = above(arcs, name)
        if not over and name not in children:
            message = f"{name} depends on nothing and nothing on it"
            yield ("findings", name), message, "Give it causes, or leave it out."
        elif not over & {*network.diseases, *network.latents}:
            yield ("findings", name), f"no disease stands behind {name}: it tells nothing", "Name what causes it."
    for group in ("diseases", "latents", "context"):
        for name in getattr(network, group):
            if name not in children and not (group == "context" and arcs[name]):
                what = "is the cause of no finding: nothing can raise or lower it"
                told = "shifts nothing" if group == "context" else what
                yield (group, name), f"{name} {told}", "Name it under a model, or leave it out."


def arcs_known(known: Known) -> bool:
    """Whether every cause and parent that a model names is a variable of the network."""
    for model in known.models.values():
        if isinstance(model, spec.Table | spec.Deterministic):
            if any(parent not in known.states for parent in model.parents):
                return False
        elif any(
            known.cause(cause) is None
            for cause in (*model.given, *(model.odds_ratios if isinstance(model, spec.Noisy) else ()))
        ):
            return False
    return True


def shared_words(network: spec.Network) -> Iterator[Fault]:
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


def source_doubts(network: spec.Network) -> Iterator[Fault]:
    for key, source in network.sources.items():
        if source.url and not WEB.match(source.url):
            yield (
                ("sources", key, "url"),
                f"{source.url[:80]!r} is no web address",
                "Write https://..., or leave it out.",
            )
        if not source.citation.strip():
            yield ("sources", key), f"the source {key} has no citation", "Say what it is, or who was asked and how."


def graded_too_high(network: spec.Network) -> Iterator[Fault]:
    """Judgement or memory presented as measured."""
    for place, number in numbers_of(network):
        if number.grade != "measured":
            continue
        cited = [network.sources[s] for s in sources_of(number) if s in network.sources]
        soft = [s for s in cited if NOT_MEASURED.match(s.citation) or s.read.casefold() in NOT_READ]
        if soft:
            message = f"graded measured, but its source is no measurement ({soft[0].citation[:60]})"
            yield place, message, "Grade it judgement or memory, or cite where it was measured."


def hidden_rows(known: Known) -> Iterator[Fault]:
    """Rows of a table, or rules, that an earlier one always covers."""
    for name, model in known.models.items():
        if not isinstance(model, spec.Table | spec.Deterministic):
            continue
        key = "rows" if isinstance(model, spec.Table) else "rules"
        items: tuple[spec.TableRow | spec.Rule, ...] = model.rows if isinstance(model, spec.Table) else model.rules
        for i, item in enumerate(items):
            covering = [k for k in range(i) if covers(items[k].when, item.when)]
            if covering:
                place = (group_of(known.network, name), name, "model", key, i)
                yield place, f"never used: {key} {covering[0] + 1} of {name} fits first", "Put it before, or remove it."


def without_counts(network: spec.Network) -> Iterator[Fault]:
    """Measured figures that do not say how well they are known."""
    for place, number in numbers_of(network):
        if number.grade != "measured" or number.lo is not None:
            continue
        if isinstance(number, spec.OddsRatio):
            yield place, "measured, but without an interval", "Add lo and hi, from the source."
        elif number.counts is None and number.n is None:
            yield place, "measured, but without counts or an interval", "Add k and n, or lo and hi, from the source."


def unused_sources(network: spec.Network) -> Iterator[Fault]:
    """Sources that no number cites."""
    used = {source for _, number in numbers_of(network) for source in sources_of(number)}
    for key in network.sources:
        if key not in used:
            yield ("sources", key), f"no number cites {key}", "Remove it, or cite it where it was used."


def unreviewed(network: spec.Network) -> Iterator[Fault]:
    """How many numbers only one reader has seen."""
    numbers = [n for _, n in numbers_of(network)]
    count = sum(not n.reviewed for n in numbers)
    if count:
        yield (), f"{count:,} of {len(numbers):,} numbers await a second reader", "See networks/review/README.md."


def group_of(network: spec.Network, name: str) -> str:
    """The block of the file in which a variable with a model stands."""
    return next(g for g in ("diseases", "latents", "findings") if name in getattr(network, g))
