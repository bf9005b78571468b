"""What is this, and what is known about it? Diseases, findings and context variables by any of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ddx.knowledge import spec
from ddx.knowledge.lexicon import Entry, Meant
from ddx.knowledge.meaning import cause_states
from ddx.network import Network

Numbered = spec.Number | spec.OddsRatio


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a network: P(finding = state | cause), or a prior, or an odds ratio, with its basis."""

    of: str  # the finding, or the disease of a prior
    state: str
    given: str  # the cause, a condition, `background`, or the setting of a prior
    number: Numbered

    @property
    def is_ratio(self) -> bool:
        return isinstance(self.number, spec.OddsRatio)


@dataclass(frozen=True, slots=True)
class Found:
    """What a name stands for. `id` is the entry of the differential, the finding or the context variable."""

    kind: str  # disease, finding or context
    id: str
    label: str
    node: str
    states: tuple[str, ...]
    state: str | None = None  # where the name means one of several present states
    of: str | None = None
    figures: tuple[Figure, ...] = ()
    entry: Entry | None = None
    block: spec.Disease | spec.Event | spec.Finding | spec.Context | None = None


def look_up(network: Network, name: str, weigh: Callable[[Entry], float]) -> Found:
    """What `name` stands for; UnknownName with near misses. `weigh` settles which entry stands for a whole node."""
    meant = network.lexicon.anything(name)
    if meant.kind == "disease":
        return _disease(network, meant, weigh)
    block = _block(network, meant)
    asked = network.lexicon.askables[meant.id]
    figures = tuple(_figures_of_finding(network.spec, meant.id)) if network.spec and meant.kind == "finding" else ()
    return Found(meant.kind, meant.id, asked.label, meant.node, asked.states, figures=figures, block=block)


def entry_meant(network: Network, meant: Meant, weigh: Callable[[Entry], float]) -> Entry:
    """The entry of the differential that a name means; of a whole node with several, the one that weighs most."""
    if meant.id in network.lexicon.entries:
        return network.lexicon.entries[meant.id]
    own = [e for e in network.entries if e.node == meant.node and (meant.state is None or meant.state in e.states)]
    return max(own or [e for e in network.entries if e.node == meant.node], key=weigh)


def states_meant(network: Network, meant: Meant) -> Entry:
    """The states of the node that a name means, as an entry: one state, those of its entry, or all present ones."""
    node = meant.node
    if meant.state is not None:
        return Entry(meant.id, meant.id, node, (meant.state,), of=node)
    if meant.id in network.lexicon.entries:
        return network.lexicon.entries[meant.id]
    states = network.spec.diseases[node].states[1:] if network.spec else ()
    return Entry(node, node, node, states, of=node)


def _disease(network: Network, meant: Meant, weigh: Callable[[Entry], float]) -> Found:
    entry = entry_meant(network, meant, weigh)
    state = meant.state if len(entry.states) > 1 else None
    assert network.spec is not None
    disease = network.spec.diseases[entry.node]
    block: spec.Disease | spec.Event = disease.reported[entry.id] if entry.of else disease
    figures = (*_priors(network.spec, entry), *_figures_of_disease(network.spec, entry))
    return Found("disease", entry.id, entry.label, entry.node, entry.states, state, entry.of, figures, entry, block)


def _block(network: Network, meant: Meant) -> spec.Finding | spec.Context | None:
    if network.spec is None:
        return None
    return network.spec.findings.get(meant.id) or network.spec.context.get(meant.id)


def _priors(network: spec.Network, entry: Entry) -> Iterator[Figure]:
    """The prior of each state of the entry in each setting that states it."""
    for setting_name, setting in network.settings.items():
        for cause, number in setting.priors.items():
            found = cause_states(network, cause)
            if found is not None and found[0] == entry.node and set(found[1]) & set(entry.states):
                yield Figure(entry.id, found[1][0], f"setting {setting_name}", number)


def _figures_of_disease(network: spec.Network, entry: Entry) -> Iterator[Figure]:
    """P(finding | this disease), for every finding that says so."""
    for name, model in _models(network):
        for cause, state, number in _given(model):
            found = cause_states(network, cause)
            if found is not None and found[0] == entry.node and set(found[1]) & set(entry.states):
                yield Figure(name, state, cause, number)


def _figures_of_finding(network: spec.Network, name: str) -> Iterator[Figure]:
    model = network.findings[name].model
    for given, state, number in (*_background(model), *_given(model), *_rows(model)):
        yield Figure(name, state, given, number)


def _models(network: spec.Network) -> Iterator[tuple[str, object]]:
    for group in (network.diseases, network.latents, network.findings):
        for name, block in group.items():
            yield name, block.model


def _background(model: object) -> Iterator[tuple[str, str, Numbered]]:
    if isinstance(model, spec.Noisy | spec.Attribute):
        yield from (("background", state, number) for state, number in model.background.items())


def _given(model: object) -> Iterator[tuple[str, str, Numbered]]:
    if isinstance(model, spec.Noisy | spec.Attribute):
        yield from ((cause, state, number) for cause, row in model.given.items() for state, number in row.items())
    if isinstance(model, spec.Noisy):
        yield from ((cause, "any effect", ratio) for cause, ratio in model.odds_ratios.items())
        for stratum in model.strata:
            given = ", ".join([stratum.cause or "background", condition_said(stratum.when)])
            yield from ((given, state, number) for state, number in stratum.row.items())


def _rows(model: object) -> Iterator[tuple[str, str, Numbered]]:
    if isinstance(model, spec.Table):
        for item in model.rows:
            yield from ((condition_said(item.when), state, number) for state, number in item.row.items())
        yield from (("otherwise", state, number) for state, number in (model.otherwise or {}).items())


def condition_said(when: Mapping[str, str | tuple[str, ...]]) -> str:
    """A condition in one line: `a=x, b=y or z`."""
    return ", ".join(
        f"{name}={wanted if isinstance(wanted, str) else ' or '.join(wanted)}" for name, wanted in when.items()
    )


def search(network: Network, text: str) -> tuple[Meant, ...]:
    """Everything whose name contains the text, or comes close to it; diseases first."""
    rank = {"disease": 0, "finding": 1, "context": 2}
    return tuple(sorted(network.lexicon.search(text), key=lambda m: rank[m.kind]))
