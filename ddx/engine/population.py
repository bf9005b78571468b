"""Who is seen in a setting: its context mix, complaint, priors and backgrounds, with everything inherited resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ddx.errors import SpecError, UnknownName, near_misses
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import Array
from ddx.knowledge.meaning import cause_states


@dataclass(frozen=True, slots=True)
class Population:
    """A setting with nothing left to look up.

    `priors` holds (node, state) -> probability among the patients of the setting (given its complaint, where it has
    one); `general_mix` the context mix of the setting that everything inherits from, against which shares are read.
    `inherited` names the priors that the setting does not state itself.
    """

    name: str
    complaint: spec.Complaint | None
    mix: Mapping[str, Array]
    general_mix: Mapping[str, Array]
    priors: Mapping[tuple[str, str], float]
    inherited: tuple[str, ...]
    backgrounds: Mapping[str, spec.Row]


def population(network: spec.Network, name: str) -> Population:
    """Resolve a setting; UnknownName where there is none of that name, SpecError where a prior or mix is missing."""
    if name not in network.settings:
        hint = near_misses(name, network.settings) or f"Settings: {', '.join(network.settings)}."
        raise UnknownName(f"no setting {name!r}. {hint}")
    chain = _chain(network, name)
    mix = {c: _mix(network, chain, c) for c in network.context}
    general = {c: _mix(network, chain[-1:], c) for c in network.context}
    stated: dict[str, spec.Number] = {}
    backgrounds: dict[str, spec.Row] = {}
    for setting in reversed(chain):
        stated.update(setting.priors)
        backgrounds.update(setting.backgrounds)
    inherited = tuple(cause for cause in stated if cause not in chain[0].priors)
    priors = _by_state(network, stated)
    _check_priors(network, name, priors)
    return Population(name, chain[0].complaint, mix, general, priors, inherited, backgrounds)


def row_vector(row: spec.Row, states: tuple[str, ...]) -> Array:
    """A row as probabilities over `states`; the state left out takes the rest. Sums to 1."""
    vector = np.array([row[s].value if s in row else np.nan for s in states])
    left_out = np.isnan(vector)
    vector[left_out] = max(0.0, 1.0 - float(vector[~left_out].sum()))
    normalised: Array = vector / vector.sum()
    return normalised


def _chain(network: spec.Network, name: str) -> list[spec.Setting]:
    """The setting and those it inherits from, nearest first."""
    names = [name]
    while (parent := network.settings[names[-1]].inherits) is not None:
        if parent in names:
            raise SpecError(f"the settings {' and '.join(names)} inherit from one another", where=network.header.name)
        names.append(parent)
    return [network.settings[n] for n in names]


def _mix(network: spec.Network, chain: list[spec.Setting], context: str) -> Array:
    for setting in chain:
        if context in setting.context:
            return row_vector(setting.context[context], network.context[context].states)
    raise SpecError(
        f"no setting says how {context} is spread",
        where=network.header.name,
        remedy=f"Add `context: {{{context}: ...}}` to the setting that the others inherit from.",
    )


def _by_state(network: spec.Network, stated: Mapping[str, spec.Number]) -> dict[tuple[str, str], float]:
    """Priors by (node, state); an entry of several states is not one prior and was refused when read."""
    priors: dict[tuple[str, str], float] = {}
    for cause, number in stated.items():
        found = cause_states(network, cause)
        if found is None or len(found[1]) != 1:
            raise SpecError(f"the prior of {cause} must name one state", where=network.header.name)
        priors[found[0], found[1][0]] = number.value
    return priors


def _check_priors(network: spec.Network, name: str, priors: Mapping[tuple[str, str], float]) -> None:
    where = f"{network.header.name}, setting {name}"
    roots = {d: x.states for d, x in network.diseases.items() if x.model is None}
    roots.update({d: x.states for d, x in network.latents.items() if x.model is None})
    for node, states in roots.items():
        missing = [s for s in states[1:] if (node, s) not in priors]
        if missing:
            raise SpecError(
                f"{node} has no prior for {', '.join(missing)}", where=where, remedy="State it or inherit it."
            )
        total = sum(priors[node, s] for s in states[1:])
        if not 0 < total < 1:
            raise SpecError(
                f"the priors of {node} sum to {total:.6g}", where=where, remedy="They must leave room for absence."
            )
