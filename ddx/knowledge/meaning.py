"""What a well-shaped network must also mean: names that resolve, rows that add up, gates that exist.

Each fault is (place in the file, message, remedy). An empty list is a network that can be compiled, cycles aside:
those are in `ddx.knowledge.arcs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from ddx.documents import Place
from ddx.knowledge import spec
from ddx.knowledge.lexicon import Entry, entries_of
from ddx.knowledge.naming import Fault, Near, names_once, no_words, quantity_faults, unknown_state
from ddx.knowledge.numbers import source_faults, value_faults

NOT_APPLICABLE = "not_applicable"
ROW_TOLERANCE = 1e-5

KINDS: dict[str, tuple[str, ...]] = {
    "Noisy": ("noisy-or", "noisy-max"),
    "Table": ("table",),
    "Deterministic": ("deterministic",),
    "Attribute": ("attribute",),
}

AnyModel = spec.Noisy | spec.Table | spec.Deterministic | spec.Attribute


def states_of(network: spec.Network) -> dict[str, tuple[str, ...]]:
    """Every variable with its states; an attribute has `not_applicable` as its last."""
    states: dict[str, tuple[str, ...]] = {c: context.states for c, context in network.context.items()}
    states.update({d: disease.states for d, disease in network.diseases.items()})
    states.update({x: latent.states for x, latent in network.latents.items()})
    for name, finding in network.findings.items():
        gated = finding.model.kind == "attribute"
        states[name] = (*finding.states, NOT_APPLICABLE) if gated else finding.states
    return states


def models_of(network: spec.Network) -> dict[str, AnyModel]:
    """Every variable that has a model, in the order of the file."""
    models: dict[str, AnyModel] = {d: x.model for d, x in network.diseases.items() if x.model is not None}
    models.update({d: x.model for d, x in network.latents.items() if x.model is not None})
    models.update({d: x.model for d, x in network.findings.items()})
    return models


def cause_states(network: spec.Network, cause: str) -> tuple[str, tuple[str, ...]] | None:
    """(node, states) that a cause stands for: `node=state`, an entry, or a node of two states; None where none."""
    return Known(network, states_of(network), {}, entries_by_id(network)).cause(cause)


@dataclass(frozen=True, slots=True)
class Known:
    """What the names of a network stand for, looked up once."""

    network: spec.Network
    states: Mapping[str, tuple[str, ...]]
    models: Mapping[str, AnyModel]
    entries: Mapping[str, Entry]

    def cause(self, cause: str) -> tuple[str, tuple[str, ...]] | None:
        """What `cause_states` says of it."""
        node, equals, state = cause.partition("=")
        if equals:
            return (node, (state,)) if state in self.states.get(node, ()) else None
        entry = self.entries.get(cause)
        if entry and (entry.of is not None or len(self.network.diseases[entry.node].states) == 2):
            return entry.node, entry.states
        own = self.states.get(cause, ())
        return (cause, own[1:]) if len(own) == 2 else None

    @property
    def words(self) -> tuple[str, ...]:
        """What a cause may be called, states aside."""
        return (*self.states, *self.entries)


def known_of(network: spec.Network) -> Known:
    """The names of a network."""
    return Known(network, states_of(network), models_of(network), entries_by_id(network))


def faults(network: spec.Network) -> list[Fault]:
    """Everything that is wrong with a network whose shape is right."""
    return [*network_faults(network), *source_faults(network)]


def network_faults(network: spec.Network) -> list[Fault]:
    """The same but for the sources, without which the numbers are what they are."""
    known = known_of(network)
    return [
        *_name_faults(known),
        *_setting_faults(known),
        *(f for name in network.diseases for f in _disease_faults(network, name)),
        *(f for name, model in known.models.items() for f in _model_faults(known, name, model)),
        *(f for name in network.findings for f in _finding_faults(network, name)),
        *value_faults(network),
    ]


def view_faults(view: spec.ViewFile, base: spec.Network) -> list[Fault]:
    """Names of a view that its network does not have."""
    entries = {e.id for e in entries_of(base)}
    found: list[Fault] = []
    for key, chosen, known in (("diseases", view.diseases, entries), ("findings", view.findings, set(base.findings))):
        for i, name in enumerate(chosen):
            if name not in known:
                found.append(((key, i), f"{name!r} is not among the {key} of {view.of}", Near(name, known)))
    if view.default_setting and view.default_setting not in base.settings:
        found.append(
            (
                ("default_setting",),
                f"no setting {view.default_setting!r}",
                Near(view.default_setting, base.settings),
            )
        )
    return found


def _name_faults(known: Known) -> Iterator[Fault]:
    network = known.network
    groups = {group: getattr(network, group) for group in ("context", "diseases", "latents", "findings")}
    yield from names_once(groups, "Names are shared by all variables: rename one.")
    yield from no_words(groups)
    seen = {name: group for group, names in groups.items() for name in names}
    for name, disease in network.diseases.items():
        for event in disease.reported:
            place: Place = ("diseases", name, "reported", event)
            if event in seen:
                yield place, f"{event} is already one of the {seen[event]}", "Rename one."
            seen[event] = "reported entries"
    for name, states in known.states.items():
        if len(states) < 2 or len(set(states)) < len(states):
            yield (seen[name], name, "states"), f"{name} needs two or more states, each once", "Mend its states."
    if network.default_setting not in network.settings:
        hint = Near(network.default_setting, network.settings)
        yield ("default_setting",), f"no setting {network.default_setting!r}", hint


def _disease_faults(network: spec.Network, name: str) -> Iterator[Fault]:
    disease, place = network.diseases[name], ("diseases", name)
    for event_id, event in disease.reported.items():
        for state in event.states:
            if state not in disease.states[1:]:
                yield (
                    (*place, "reported", event_id, "states"),
                    f"{name} has no present state {state!r}",
                    Near(state, disease.states[1:]),
                )
    for state in (*disease.state_aliases, *disease.state_labels):
        yield from unknown_state(state, disease.states, place, name)
    for i, profile in enumerate(disease.profile):
        at = (*place, "profile", i)
        if profile.context not in network.context:
            yield (*at, "context"), f"no context {profile.context!r}", Near(profile.context, network.context)
            continue
        if profile.of is not None and profile.of not in disease.states[1:]:
            yield (
                (*at, "of"),
                f"{name} has no present state {profile.of!r}",
                Near(profile.of, disease.states[1:]),
            )
        states = network.context[profile.context].states
        if profile.kind == "share":
            yield from _row_faults(profile.row, states, (*at, "row"))
        elif set(profile.row) != set(states):
            yield (*at, "row"), "a rate is needed for each of " + ", ".join(states), "Give every state its rate."


def _model_faults(known: Known, name: str, model: AnyModel) -> Iterator[Fault]:
    group = next(g for g in ("diseases", "latents", "findings") if name in getattr(known.network, g))
    place: Place = (group, name, "model")
    states = getattr(known.network, group)[name].states
    if isinstance(model, spec.Noisy):
        yield from _noisy_faults(known, model, states, place)
    elif isinstance(model, spec.Attribute):
        yield from _condition_faults(known, model.gate, (*place, "gate"))
        yield from _row_faults(model.background, states, (*place, "background"))
        yield from _given_faults(known, model.given, states, place)
        for group_of in model.precedence:
            for cause in group_of:
                if cause not in model.given:
                    yield (*place, "precedence"), f"{cause!r} has no row under given", Near(cause, model.given)
    else:
        yield from _parent_faults(known, model, states, place)


def _noisy_faults(known: Known, model: spec.Noisy, states: tuple[str, ...], place: Place) -> Iterator[Fault]:
    if model.kind == "noisy-or" and len(states) != 2:
        yield (*place, "kind"), f"a noisy-or has two states, this has {len(states)}", "Write noisy-max."
    yield from _row_faults(model.background, states, (*place, "background"))
    yield from _given_faults(known, model.given, states, place)
    for cause in model.odds_ratios:
        yield from _cause_faults(known, cause, (*place, "odds_ratios", cause))
        if cause in model.given:
            yield (*place, "odds_ratios", cause), f"{cause} has a row and an odds ratio", "Keep one."
    for i, stratum in enumerate(model.strata):
        at = (*place, "strata", i)
        yield from _condition_faults(known, stratum.when, (*at, "when"), only=known.network.context)
        yield from _row_faults(stratum.row, states, (*at, "row"))
        if stratum.cause is not None and stratum.cause not in model.given:
            yield (*at, "cause"), f"{stratum.cause!r} has no row under given", Near(stratum.cause, model.given)


def _parent_faults(
    known: Known, model: spec.Table | spec.Deterministic, states: tuple[str, ...], place: Place
) -> Iterator[Fault]:
    for i, parent in enumerate(model.parents):
        if parent not in known.states:
            yield (*place, "parents", i), f"unknown parent {parent!r}", Near(parent, known.states)
    rows: tuple[spec.TableRow | spec.Rule, ...] = model.rows if isinstance(model, spec.Table) else model.rules
    key = "rows" if isinstance(model, spec.Table) else "rules"
    for i, item in enumerate(rows):
        yield from _condition_faults(known, item.when, (*place, key, i, "when"), only=model.parents)
        if isinstance(item, spec.TableRow):
            yield from _row_faults(item.row, states, (*place, key, i, "row"))
        else:
            yield from unknown_state(item.state, states, (*place, key, i, "state"), str(place[1]))
    if isinstance(model, spec.Deterministic):
        yield from unknown_state(model.otherwise, states, (*place, "otherwise"), str(place[1]))
    if isinstance(model, spec.Table) and model.otherwise is not None:
        yield from _row_faults(model.otherwise, states, (*place, "otherwise"))


def _given_faults(
    known: Known, given: Mapping[str, spec.Row], states: tuple[str, ...], place: Place
) -> Iterator[Fault]:
    meant: dict[tuple[str, str], str] = {}
    for cause, row in given.items():
        at = (*place, "given", cause)
        yield from _cause_faults(known, cause, at)
        yield from _row_faults(row, states, at)
        found = known.cause(cause)
        for state in found[1] if found else ():
            key = (found[0], state) if found else ("", "")
            if key in meant:
                yield at, f"{cause} says again what {meant[key]} says ({key[0]}={state})", "Keep one."
            meant[key] = cause


def _cause_faults(known: Known, cause: str, place: Place) -> Iterator[Fault]:
    if known.cause(cause) is None:
        node = cause.partition("=")[0]
        if "=" not in cause and (node in known.states or node in known.entries):
            yield place, f"{cause} has several present states", f"Name one: {cause}=STATE."
        else:
            yield place, f"unknown cause {cause!r}", Near(node, known.words)


def _condition_faults(
    known: Known, condition: spec.Condition, place: Place, only: Iterable[str] | None = None
) -> Iterator[Fault]:
    allowed = known.states if only is None else [*only]
    if not condition:
        yield place, "an empty condition", "Name at least one variable and state."
    for variable, wanted in condition.items():
        if variable not in allowed or variable not in known.states:
            yield (
                (*place, variable),
                f"{variable!r} cannot stand here",
                Near(variable, allowed, f"Allowed: {', '.join(allowed)}."),
            )
            continue
        for state in (wanted,) if isinstance(wanted, str) else wanted:
            yield from unknown_state(state, known.states[variable], (*place, variable), variable)


def _row_faults(row: spec.Row, states: tuple[str, ...], place: Place) -> Iterator[Fault]:
    for state in row:
        if state not in states:
            yield (
                (*place, state),
                f"no state {state!r}",
                Near(state, states, f"The states: {', '.join(states)}."),
            )
            return
    missing = [s for s in states if s not in row]
    total = sum(number.value for number in row.values() if _has_value(number))
    if len(missing) > 1:
        yield place, f"no number for {', '.join(missing)}", "Leave out one state at most; it takes the rest."
    elif total > 1 + ROW_TOLERANCE or (not missing and abs(total - 1) > ROW_TOLERANCE):
        yield place, f"the row sums to {total:.9g}, not 1", "Mend it, or leave out one state: it takes the rest."


def _finding_faults(network: spec.Network, name: str) -> Iterator[Fault]:
    finding, place = network.findings[name], ("findings", name)
    for key in ("absent", "present"):
        state = getattr(finding, key)
        if state is not None:
            yield from unknown_state(state, finding.states, (*place, key), name)
    if finding.cost < 0:
        yield (*place, "cost"), f"a cost of {finding.cost}", "Costs are 0 or more."
    yield from quantity_faults(finding.quantity, finding.states, (*place, "quantity"), name)


def _setting_faults(known: Known) -> Iterator[Fault]:
    network = known.network
    for name, setting in network.settings.items():
        place: Place = ("settings", name)
        if setting.inherits is not None and setting.inherits not in network.settings:
            message = f"no setting {setting.inherits!r}"
            yield (*place, "inherits"), message, Near(setting.inherits, network.settings)
        circle = [*inherited(network, name)]
        if network.settings[circle[-1]].inherits == name:
            message = " -> ".join([*circle, name])
            told = f"{name} inherits from itself" + (f": {message}" if len(circle) > 1 else "")
            yield (*place, "inherits"), told, "Name another setting, or leave `inherits` out."
        if setting.complaint is not None:
            finding = network.findings.get(setting.complaint.finding)
            if finding is None:
                yield (
                    (*place, "complaint", "finding"),
                    f"no finding {setting.complaint.finding!r}",
                    Near(setting.complaint.finding, network.findings),
                )
            else:
                at = (*place, "complaint", "state")
                yield from unknown_state(setting.complaint.state, finding.states, at, setting.complaint.finding)
        yield from _population_faults(known, setting, place)


def inherited(network: spec.Network, name: str) -> Iterator[str]:
    """A setting and those that it inherits from, nearest first, each once."""
    told: set[str] = set()
    following: str | None = name
    while following in network.settings and following not in told:
        told.add(following)
        yield following
        following = network.settings[following].inherits


def _population_faults(known: Known, setting: spec.Setting, place: Place) -> Iterator[Fault]:
    network = known.network
    for context, row in setting.context.items():
        if context not in network.context:
            yield (*place, "context", context), f"no context {context!r}", Near(context, network.context)
        else:
            yield from _row_faults(row, network.context[context].states, (*place, "context", context))
    for cause in setting.priors:
        yield from _cause_faults(known, cause, (*place, "priors", cause))
    for node, row in setting.backgrounds.items():
        model = known.models.get(node)
        if not isinstance(model, spec.Noisy | spec.Attribute):
            yield (*place, "backgrounds", node), f"{node} has no background", Near(node, known.models)
        else:
            own = tuple(s for s in known.states[node] if s != NOT_APPLICABLE)
            yield from _row_faults(row, own, (*place, "backgrounds", node))


def _has_value(number: spec.Number) -> TypeGuard[spec.Number]:
    return number.p is not None or number.counts is not None


def entries_by_id(network: spec.Network) -> dict[str, Entry]:
    """The entries of the differential by their id."""
    return {entry.id: entry for entry in entries_of(network)}
