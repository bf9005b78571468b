"""Numbers in words, with what they rest on: `Paraprotein in 93% with Multiple myeloma (kyle2003, measured)`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ddx.knowledge import spec
from ddx.knowledge.meaning import cause_states
from ddx.network import Network
from ddx.reasoning.numbers import Parameter
from ddx.report import phrases
from ddx.report.figures import percent
from ddx.report.surface import Surface


def number_said(network: Network, p: Parameter) -> str:
    """One number as a sentence without a verb."""
    counts = getattr(p.number, "counts", None)
    basis = f"{' + '.join(p.cited) or 'no source'}, {p.number.grade}"
    if p.state == "any effect":
        return f"{_name(network, p.node)}: odds x{p.value:.3g} {_given(network, p)} ({basis})"
    share = f"{counts[0]} of {counts[1]}" if counts else percent(p.value)
    return f"{_variable(network, p.node, p.state)} in {share} {_given(network, p)} ({basis})"


def cited(citations: Mapping[str, str], numbers: Iterable[Parameter], surface: Surface) -> Iterator[str]:
    """The citations of some numbers, each with the key that stands beside the number."""
    keys = dict.fromkeys(key for p in numbers for key in p.cited if key in citations)
    if keys:
        yield surface.faint("  " + surface.rule("sources"))
    for key in keys:
        yield from surface.wrapped(f"{key}: {citations[key]}", first="  ", rest="    ")


def _variable(network: Network, node: str, state: str) -> str:
    """A variable in a state, whatever it is."""
    asked = network.lexicon.askables.get(node)
    if asked is not None:
        return phrases.finding(asked, state)
    name = _name(network, node)
    return name if state in phrases.BARE else f"{name}, {_state(network, node, state)}"


def _name(network: Network, node: str) -> str:
    clinical = network.spec
    groups = (clinical.findings, clinical.diseases, clinical.latents, clinical.context) if clinical else ()
    return next((group[node].label for group in groups if node in group), node)


def _state(network: Network, node: str, state: str) -> str:
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
        else f"{_name(network, node)} {' or '.join(_state(network, node, s) for s in wanted)}"
        for node, wanted in row.when.items()
    ]
    if isinstance(row, spec.Stratum) and row.cause is not None:
        parts.insert(0, _given_cause(network, row.cause))
    return ", ".join(parts)


def _given_cause(network: Network, cause: str) -> str:
    found = cause_states(network.spec, cause) if network.spec else None
    return _cause(network, *found) if found else cause
