"""Which variables of another tool's network are diseases, which are findings? The roles file says so.

A file of another tool has variables, states and tables, but says neither what is a diagnosis nor what can be asked.
`NAME.roles.yaml` beside it (`ddx: roles/1`) does: the diseases with the states in which they are present, the findings
with tier and cost, the context, each with a label. What it does not name stays in the network and is never asked.
The numbers remain those of the other file: they have no sources, and every page says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ddx.documents import Document, read
from ddx.errors import near_misses
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import BayesNet
from ddx.knowledge.load import shaped, tell
from ddx.knowledge.naming import Fault, names_once, quantity_faults, unknown_state

INTENDED_USE = (
    "Teaching and comparison: the numbers are those of the authors of this network, without a source for each. "
    "Not for decisions about patients."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiseaseRole(spec.Block):
    """A variable that is a disease while it is in one of the states `present`.

    With `entries: states` each of these states is a diagnosis of its own; all states are, where `present` is empty.
    """

    label: str
    present: tuple[str, ...] = ()
    entries: Literal["node", "states"] = "node"
    state_labels: dict[str, str] = field(default_factory=dict)
    serious: bool = False
    serious_states: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRole(spec.Block):
    """A variable that can be asked, seen or measured; `absent` and `present` say what `no-NAME` and `NAME` mean."""

    label: str
    tier: spec.Tier
    cost: float = 1.0
    definition: str = ""
    absent: str | None = None
    present: str | None = None
    aliases: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    quantity: spec.Quantity | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRole(spec.Block):
    """A variable that describes the patient and is no finding: it counts as known before any finding."""

    label: str
    aliases: dict[str, str] = field(default_factory=dict)
    quantity: spec.Quantity | None = None
    subject: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles(spec.Block):
    """A roles file: `NAME.roles.yaml` is about the file NAME beside it, else about the network NAME of pgmpy."""

    ddx: Literal["roles/1"]
    name: str
    version: str
    title: str
    description: str = ""
    citation: str
    population: str
    intended_use: str = INTENDED_USE
    intended_users: str = "teachers, and those who compare engines"
    licence: str
    diseases: dict[str, DiseaseRole]
    findings: dict[str, FindingRole]
    context: dict[str, ContextRole] = field(default_factory=dict)


def read_roles(path: Path) -> tuple[Roles, Document]:
    """The roles in a file, and the document, which knows the lines. SpecError tells every fault of shape."""
    document = read(path)
    roles = shaped(Roles, document)
    return roles, document


def applied(roles: Roles, network: BayesNet, document: Document) -> spec.Network:
    """The knowledge of a network with roles: names, labels, tiers; no settings and no numbers of its own.

    SpecError tells every name and state that the network does not have.
    """
    tell(document, role_faults(roles, network))
    return _assigned(roles, network)


def unassigned(network: BayesNet, name: str) -> spec.Network:
    """The knowledge of a network without roles: every variable a finding to be asked, until somebody says otherwise."""
    roles = Roles(
        ddx="roles/1",
        name=name,
        version="1",
        title=f"{name}, from a file that does not say what its variables are",
        description="Every variable stands among the findings. Move those that are diseases or describe the patient.",
        citation=f"The file of {name}",
        population="not stated",
        licence="as of the file",
        diseases={},
        findings={node: FindingRole(label=node, tier="history") for node in network.nodes},
    )
    return _assigned(roles, network)


def _assigned(roles: Roles, network: BayesNet) -> spec.Network:
    named = {*roles.diseases, *roles.findings, *roles.context}
    latents = {
        node: spec.Latent(label=node, states=states, model=_model(network, node) if network.parents(node) else None)
        for node, states in network.states.items()
        if node not in named
    }
    return spec.Network(
        ddx="network/1",
        header=_header(roles),
        default_setting="",
        sources={"imported": spec.Source(citation=roles.citation)},
        settings={},
        context={c: _context(role, network.states[c]) for c, role in roles.context.items()},
        diseases={d: _disease(role, network.states[d]) for d, role in roles.diseases.items()},
        latents=latents,
        findings={f: _finding(role, network, f) for f, role in roles.findings.items()},
    )


def role_faults(roles: Roles, network: BayesNet) -> list[Fault]:
    """Everything that the roles say of variables and states that the network does not have."""
    return [
        *_node_faults(roles, network.states),
        *(f for name in roles.diseases if name in network.states for f in _disease_faults(roles, network.states, name)),
        *(f for name in roles.findings if name in network.states for f in _finding_faults(roles, network.states, name)),
        *(f for name in roles.context if name in network.states for f in _context_faults(roles, network, name)),
    ]


def present_states(role: DiseaseRole, states: tuple[str, ...]) -> tuple[str, ...]:
    """The states in which the disease is there: those named, or every one where each is a diagnosis of its own."""
    return role.present if role.present or role.entries == "node" else states


def _node_faults(roles: Roles, states: Mapping[str, tuple[str, ...]]) -> Iterator[Fault]:
    groups = {group: getattr(roles, group) for group in ("diseases", "findings", "context")}
    for group, names in groups.items():
        for name in names:
            if name not in states:
                yield (group, name), f"the network has no variable {name!r}", near_misses(name, states)
    yield from names_once(groups, "Give each variable one role.")
    if not roles.diseases:
        yield ("diseases",), "no disease", "Name at least one variable that is a disease."


def _disease_faults(roles: Roles, states: Mapping[str, tuple[str, ...]], name: str) -> Iterator[Fault]:
    role, known, place = roles.diseases[name], states[name], ("diseases", name)
    for key in ("present", "serious_states"):
        for i, state in enumerate(getattr(role, key)):
            yield from unknown_state(state, known, (*place, key, i), name)
    for state in role.state_labels:
        yield from unknown_state(state, known, (*place, "state_labels", state), name)
    if role.entries == "node":
        if not role.present:
            yield place, f"{name} does not say in which states it is present", "Add `present: [STATE]`."
        elif len(set(known) - set(role.present)) != 1:
            message = f"{name} has {len(set(known) - set(role.present))} states in which it is absent"
            yield (*place, "present"), message, "One is needed; or write `entries: states`."
        return
    for state in present_states(role, known):
        if state in states and state != name:
            yield place, f"the entry {state} has the name of a variable", "Leave `entries: states` out."
        twice = [other for other, r in roles.diseases.items() if _is_entry(r, states.get(other, ()), state)]
        if len(twice) > 1 and twice[-1] == name:
            yield place, f"the state {state} is an entry of {twice[0]} as well", "Leave `entries: states` out of one."


def _is_entry(role: DiseaseRole, states: tuple[str, ...], state: str) -> bool:
    return role.entries == "states" and state in present_states(role, states)


def _finding_faults(roles: Roles, states: Mapping[str, tuple[str, ...]], name: str) -> Iterator[Fault]:
    role, known, place = roles.findings[name], states[name], ("findings", name)
    for key in ("absent", "present"):
        state = getattr(role, key)
        if state is not None:
            yield from unknown_state(state, known, (*place, key), name)
    if role.cost < 0:
        yield (*place, "cost"), f"a cost of {role.cost}", "Costs are 0 or more."
    yield from quantity_faults(role.quantity, known, (*place, "quantity"), name)


def _context_faults(roles: Roles, network: BayesNet, name: str) -> Iterator[Fault]:
    role, known, place = roles.context[name], network.states[name], ("context", name)
    for alias, state in role.aliases.items():
        yield from unknown_state(state, known, (*place, "aliases", alias), name)
    yield from quantity_faults(role.quantity, known, (*place, "quantity"), name)
    if network.parents(name):
        yield (
            place,
            f"{name} depends on {', '.join(network.parents(name))}",
            "Context has no causes: make it a finding.",
        )


def _header(roles: Roles) -> spec.Header:
    return spec.Header(
        name=roles.name,
        version=roles.version,
        title=roles.title,
        description=roles.description,
        intended_use=roles.intended_use,
        intended_users=roles.intended_users,
        population=roles.population,
        authors=(roles.citation,),
        licence=roles.licence,
        data_cutoff="not stated",
    )


def _disease(role: DiseaseRole, states: tuple[str, ...]) -> spec.Disease:
    """Absence first, as the clinical format has it; the order in the other file is untouched."""
    present = present_states(role, states)
    ordered = (*(s for s in states if s not in present), *present)
    events = {}
    if role.entries == "states":
        events = {s: _event(role, s) for s in present}
    return spec.Disease(
        label=role.label,
        states=ordered,
        state_labels=role.state_labels,
        aliases=role.aliases,
        synonyms=role.synonyms,
        serious=role.serious,
        reported=events,
        note=role.note,
    )


def _event(role: DiseaseRole, state: str) -> spec.Event:
    label = role.state_labels.get(state) or " ".join(state.replace("_", " ").split())
    return spec.Event(label=label, states=(state,), serious=role.serious or state in role.serious_states)


def _finding(role: FindingRole, network: BayesNet, name: str) -> spec.Finding:
    return spec.Finding(
        label=role.label,
        states=network.states[name],
        tier=role.tier,
        definition=role.definition,
        cost=role.cost,
        absent=role.absent,
        present=role.present,
        aliases=role.aliases,
        synonyms=role.synonyms,
        quantity=role.quantity,
        model=_model(network, name),
        note=role.note,
    )


def _context(role: ContextRole, states: tuple[str, ...]) -> spec.Context:
    return spec.Context(
        label=role.label,
        states=states,
        aliases=role.aliases,
        quantity=role.quantity,
        subject=role.subject,
        note=role.note,
    )


def _model(network: BayesNet, name: str) -> spec.Table:
    """Who it depends on, without the numbers, which stay in the other file."""
    return spec.Table(kind="table", parents=network.parents(name))
