"""Numbers in words, with what they rest on: `Paraprotein in 93% with Multiple myeloma (kyle2003, measured)`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ddx.knowledge import spec
from ddx.knowledge.lexicon import Entry
from ddx.knowledge.meaning import cause_states, states_of
from ddx.network import Network
from ddx.reasoning.grounds import Quoted
from ddx.reasoning.numbers import Parameter
from ddx.report import phrases
from ddx.report.figures import percent
from ddx.report.surface import Surface


def number_said(network: Network, quoted: Quoted) -> str:
    """What the numbers of one row say of a variable, as a sentence without a verb."""
    p = quoted.number
    basis = f"{' + '.join(quoted.cited) or 'no source'}, {quoted.grade}"
    if p.state == "any effect":
        return f"{_name(network, p.node)}: odds x{p.value:.3g} {_given(network, p)} ({basis})"
    share = f"{quoted.counts[0]} of {quoted.counts[1]}" if quoted.counts else percent(quoted.share)
    return f"{_in_states(network, p.node, quoted.states)} in {share} {_given(network, p)} ({basis})"


def cited(citations: Mapping[str, str], quoted: Iterable[Quoted], surface: Surface) -> Iterator[str]:
    """The citations of what was quoted, each with the key that stands beside the number."""
    keys = dict.fromkeys(key for q in quoted for key in q.cited if key in citations)
    if keys:
        yield surface.faint("  " + surface.rule("sources"))
    for key in keys:
        yield from surface.wrapped(f"{key}: {citations[key]}", first="  ", rest="    ")


def form(network: Network, entry: Entry, state: str | None, surface: Surface) -> list[str]:
    """That a name means one form of the disease that is answered for, where it does."""
    if state is None:
        return []
    named = state_label(network, entry.node, state)
    return surface.wrapped(
        f"You named one form of {entry.label} ({named}); this is the answer for {entry.label} as a whole."
    )


def _in_states(network: Network, node: str, states: tuple[str, ...]) -> str:
    """A variable in one of some states: by the entry that these are, if any; by its name where it is there at all."""
    entry = next((e for e in network.entries if e.node == node and set(e.states) == set(states)), None)
    if entry is not None:
        return entry.label
    if len(states) == 1:
        return _variable(network, node, states[0])
    every = states_of(network.spec)[node] if network.spec else states
    if set(states) == set(every[1:]) and every[0] in phrases.DENIED:
        return _name(network, node)
    if set(states) == set(every[1:]):
        return f"{_name(network, node)} other than {state_label(network, node, every[0])}"
    return f"{_name(network, node)}, {' or '.join(state_label(network, node, s) for s in states)}"


def _variable(network: Network, node: str, state: str) -> str:
    """A variable in a state, whatever it is."""
    asked = network.lexicon.askables.get(node)
    if asked is not None:
        return phrases.finding(asked, state)
    name = _name(network, node)
    return name if state in phrases.BARE else f"{name}, {state_label(network, node, state)}"


def _name(network: Network, node: str) -> str:
    clinical = network.spec
    groups = (clinical.findings, clinical.diseases, clinical.latents, clinical.context) if clinical else ()
    return next((group[node].label for group in groups if node in group), node)


def state_label(network: Network, node: str, state: str) -> str:
    disease = network.spec.diseases.get(node) if network.spec else None
    return disease.state_labels.get(state, state.replace("_", " ")) if disease else state.replace("_", " ")


def _given(network: Network, p: Parameter) -> str:
    """Under what the number holds: `with Multiple myeloma`, `without any cause`, `when Fever`."""
    clinical = network.spec
    assert clinical is not None
    if p.given == "background":
        return "without any of its causes"
    if p.given == "otherwise":
        return "otherwise"
    if p.given.startswith("setting "):
        return f"in the setting {p.given.removeprefix('setting ')}"
    if p.place[3] in ("rows", "strata"):
        return f"when {_condition(network, p)}"
    found = cause_states(clinical, p.given)
    if found is None:
        return f"given {p.given}"
    node, states = found
    entry = network.lexicon.entries.get(p.given)
    return f"with {entry.label if entry else _cause(network, node, states)}"


def _cause(network: Network, node: str, states: tuple[str, ...]) -> str:
    whole = [e for e in network.entries if e.node == node and set(e.states) == set(states)]
    return whole[0].label if whole else _variable(network, node, states[0])


def _condition(network: Network, p: Parameter) -> str:
    """The condition of a row of a table, or of a stratum."""
    assert network.spec is not None
    block = getattr(network.spec, str(p.place[0]))[p.node]
    rows = getattr(block.model, str(p.place[3]))
    row = rows[p.place[4]]
    parts = [
        f"{_variable(network, node, wanted)}"
        if isinstance(wanted, str)
        else f"{_name(network, node)} {' or '.join(state_label(network, node, s) for s in wanted)}"
        for node, wanted in row.when.items()
    ]
    if isinstance(row, spec.Stratum) and row.cause is not None:
        parts.insert(0, _given_cause(network, row.cause))
    return ", ".join(parts)


def _given_cause(network: Network, cause: str) -> str:
    found = cause_states(network.spec, cause) if network.spec else None
    return _cause(network, *found) if found else cause
