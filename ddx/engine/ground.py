"""From what an author wrote to what can be computed: a clinical network and its roots become a BayesNet.

* A reported rate becomes a link. With the background already in the rate (the default),
  P_link(<= s) = P(<= s | cause) / P(<= s | background), at most 1 and rising in s; for two states this is
  w = 1 - (1 - p) / (1 - leak). The background in force is that of the setting, so that P(finding | cause alone)
  is the reported rate in every setting. A rate below its background gives the link 0.
* An odds ratio OR becomes the rate p' with p' / (1 - p') = OR b / (1 - b), b the background of any effect.
* An attribute is the mean of the rows of the causes present while its gate holds, `not_applicable` otherwise.
* A root takes P(d = s | context) proportional to base odds times the weights of its profiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.population import Population, row_vector
from ddx.errors import SpecError, TooLarge
from ddx.knowledge import spec
from ddx.knowledge.arcs import parents_of
from ddx.knowledge.bayesnet import LARGEST_TABLE, Array, BayesNet, LocalModel, NoisyMax, Table, Term
from ddx.knowledge.meaning import cause_states, models_of, states_of

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Roots:
    """What a setting leaves to be solved: context mixes, base odds of root states, backgrounds of nodes with causes."""

    mix: Mapping[str, Array]
    odds: Mapping[str, Array]  # node -> base odds of each state against absence; odds[0] = 1
    backgrounds: Mapping[str, Array]  # node -> P(state | no cause), where it differs from the written row


def ground(network: spec.Network, people: Population, roots: Roots, only: Iterable[str] | None = None) -> BayesNet:
    """The BayesNet of the network for these roots; with `only`, of these variables (closed under parents)."""
    states = states_of(network)
    chosen = list(states) if only is None else [n for n in states if n in set(only)]
    models: dict[str, LocalModel] = {}
    for node in chosen:
        models[node] = local_model(network, people, roots, node)
    return BayesNet.build(network.header.name, {n: states[n] for n in chosen}, models)


def local_model(network: spec.Network, people: Population, roots: Roots, node: str) -> LocalModel:
    """P(node | parents) of one variable."""
    states = states_of(network)
    if node in network.context:
        return Table((), roots.mix[node])
    model = models_of(network).get(node)
    if model is None:
        return _root(network, people, roots.odds[node], node)
    if isinstance(model, spec.Noisy):
        return _noisy(network, model, node, background_in_force(network, people, roots, node))
    if isinstance(model, spec.Attribute):
        return _attribute(network, people, model, node)
    shape = _shape(states, model.parents, node)
    if isinstance(model, spec.Table):
        return Table(model.parents, _table(network, model, node, shape))
    return Table(model.parents, _deterministic(network, model, node, shape))


def background_in_force(network: spec.Network, people: Population, roots: Roots, node: str) -> Array:
    """P(node | no cause), averaged over contexts: solved, of the setting, or as written."""
    model, states = models_of(network)[node], states_of(network)[node]
    if node in roots.backgrounds:
        return roots.backgrounds[node]
    row = people.backgrounds.get(node)
    assert isinstance(model, spec.Noisy)
    return row_vector(row if row is not None else model.background, states)


def link(row: Array, leak: Array, rates: str) -> Array:
    """The contribution of a cause over the child's states: P_link(<= s) = P(<= s | cause) / P(<= s | background)."""
    if rates == "on_top":
        return row
    below, background = np.cumsum(row), np.cumsum(leak)
    ratio = np.divide(below, background, out=np.ones_like(below), where=background > 0)
    ratio = np.minimum.accumulate(np.minimum(ratio, 1.0)[::-1])[::-1]
    ratio[-1] = 1.0
    return np.diff(ratio, prepend=0.0)


def odds_ratio_row(ratio: float, leak: Array) -> Array:
    """The row of a cause that multiplies the odds of any effect: the effects keep their proportions."""
    any_effect = 1.0 - float(leak[0])
    raised = ratio * any_effect / (1.0 - any_effect + ratio * any_effect)
    row: Array = leak * (raised / any_effect if any_effect > 0 else 1.0)
    row[0] = 1.0 - raised
    return row


def _root(network: spec.Network, people: Population, odds: Array, node: str) -> Table:
    """P(d = s | contexts) proportional to base odds times the profile weights of each context."""
    disease = network.diseases.get(node)
    profiles = disease.profile if disease else ()
    parents = tuple(dict.fromkeys(p.context for p in profiles))
    states = states_of(network)[node]
    shape = tuple(len(network.context[c].states) for c in parents)
    weights = np.broadcast_to(odds, (*shape, len(states))).copy()
    for profile in profiles:
        axis = parents.index(profile.context)
        factor = profile_weights(network, people, profile)
        factor = factor.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        for s, state in enumerate(states[1:], 1):
            if profile.of in (None, state):
                weights[..., s] *= factor
    return Table(parents, weights / weights.sum(axis=-1, keepdims=True))


def profile_weights(network: spec.Network, people: Population, profile: spec.Profile) -> Array:
    """What each context state multiplies the odds by: share / general mix, or the odds of the rate."""
    states = network.context[profile.context].states
    if profile.kind == "share":
        weights: Array = row_vector(profile.row, states) / people.general_mix[profile.context]
        return weights
    rate = np.array([profile.row[s].value for s in states])
    odds: Array = rate / (1.0 - rate)
    return odds


def _noisy(network: spec.Network, model: spec.Noisy, node: str, leak: Array) -> NoisyMax:
    states = states_of(network)[node]
    terms = [_leak_term(network, model, states, leak)]
    links: dict[str, dict[str, Array]] = {}
    for cause, row in model.given.items():
        own, present = _cause(network, cause)
        for state in present:
            links.setdefault(own, {})[state] = link(row_vector(row, states), leak, model.rates)
    for cause, ratio in model.odds_ratios.items():
        own, present = _cause(network, cause)
        for state in present:
            links.setdefault(own, {})[state] = link(odds_ratio_row(ratio.value, leak), leak, "with_background")
    terms += [_cause_term(network, model, node, own, by_state, leak) for own, by_state in links.items()]
    return NoisyMax(tuple(terms))


def _leak_term(network: spec.Network, model: spec.Noisy, states: tuple[str, ...], leak: Array) -> Term:
    """The background, by context where it has strata: each keeps its ratio of odds to the written background."""
    strata = [s for s in model.strata if s.cause is None]
    contexts = tuple(dict.fromkeys(c for s in strata for c in s.when))
    shape = _shape({c: network.context[c].states for c in contexts}, contexts)
    written = row_vector(model.background, states)
    shift = np.divide(_odds(leak), _odds(written), out=np.ones_like(leak), where=written > 0)
    values = np.broadcast_to(leak, (*shape, len(states))).copy()
    for stratum in reversed(strata):
        row = _odds(row_vector(stratum.row, states)) * shift
        values[_where(network, contexts, stratum.when)] = row / row.sum()
    return Term(contexts, values)


def _cause_term(
    network: spec.Network, model: spec.Noisy, node: str, own: str, by_state: Mapping[str, Array], leak: Array
) -> Term:
    """The contribution of one parent: nothing in the states without a row; by context where `strata` name the cause."""
    known = states_of(network)
    strata = [s for s in model.strata if s.cause is not None and _cause(network, s.cause)[0] == own]
    contexts = tuple(dict.fromkeys(c for s in strata for c in s.when))
    values = np.zeros((*_shape(known, contexts), len(known[own]), len(known[node])))
    values[..., 0] = 1.0
    for state, row in by_state.items():
        values[..., known[own].index(state), :] = row
    for stratum in reversed(strata):
        assert stratum.cause is not None
        chosen = _where(network, contexts, stratum.when)
        for state in _cause(network, stratum.cause)[1]:
            row = link(row_vector(stratum.row, known[node]), leak, model.rates)
            values[chosen, known[own].index(state), :] = row
    return Term((*contexts, own), values)


def _attribute(network: spec.Network, people: Population, model: spec.Attribute, node: str) -> Table:
    known = states_of(network)
    parents = parents_of(network, node)
    shape = _shape(known, parents, node)
    own = known[node][:-1]
    groups = [set(group) for group in model.precedence]
    rank = {cause: next((i for i, g in enumerate(groups) if cause in g), len(groups)) for cause in model.given}
    total = np.zeros((*shape, len(own)))
    count = np.zeros((*shape, 1))
    for level in sorted(set(rank.values())):
        free = count == 0  # no cause of an earlier group is present
        for cause in (c for c, r in rank.items() if r == level):
            present = _where(network, parents, dict([_cause(network, cause)]))[..., None] & free
            total += np.where(present, row_vector(model.given[cause], own), 0.0)
            count += present
    background = row_vector(people.backgrounds.get(node, model.background), own)
    mean = np.where(count > 0, total / np.maximum(count, 1), background)
    gate = _where(network, parents, model.gate)[..., None]
    return Table(parents, np.concatenate([np.where(gate, mean, 0.0), np.where(gate, 0.0, 1.0)], axis=-1))


def _table(network: spec.Network, model: spec.Table, node: str, shape: tuple[int, ...]) -> Array:
    states = states_of(network)[node]
    values = np.full((*shape, len(states)), np.nan)
    if model.otherwise is not None:
        values[...] = row_vector(model.otherwise, states)
    for item in reversed(model.rows):
        values[_where(network, model.parents, item.when)] = row_vector(item.row, states)
    missing = np.argwhere(np.isnan(values[..., 0]))
    if len(missing):
        known = states_of(network)
        given = ", ".join(f"{p}={known[p][i]}" for p, i in zip(model.parents, missing[0], strict=True))
        raise SpecError(f"{node} has no row for {given}", where=network.header.name, remedy="Add it, or `otherwise`.")
    return values


def _deterministic(network: spec.Network, model: spec.Deterministic, node: str, shape: tuple[int, ...]) -> Array:
    states = states_of(network)[node]
    index = np.full(shape, states.index(model.otherwise))
    for rule in reversed(model.rules):
        index[_where(network, model.parents, rule.when)] = states.index(rule.state)
    chosen: Array = np.eye(len(states))[index]
    return chosen


def _where(network: spec.Network, parents: tuple[str, ...], when: Mapping[str, str | tuple[str, ...]]) -> Bools:
    """Which configurations of the parents a condition holds in, (parent states ...)."""
    known = states_of(network)
    holds = np.ones(_shape(known, parents), dtype=bool)
    for variable, wanted in when.items():
        names = (wanted,) if isinstance(wanted, str) else wanted
        fits = np.array([s in names for s in known[variable]])
        axis = parents.index(variable)
        holds &= fits.reshape([-1 if i == axis else 1 for i in range(len(parents))])
    return holds


def _shape(known: Mapping[str, tuple[str, ...]], parents: tuple[str, ...], node: str | None = None) -> tuple[int, ...]:
    shape = tuple(len(known[p]) for p in parents)
    entries = math.prod(shape) * (len(known[node]) if node else 1)
    if entries > LARGEST_TABLE:
        name = node or "a condition"
        raise TooLarge(f"{name}: a table of {entries:,} entries, more than {LARGEST_TABLE:,}")
    return shape


def _cause(network: spec.Network, cause: str) -> tuple[str, tuple[str, ...]]:
    found = cause_states(network, cause)
    assert found is not None, cause
    return found


def _odds(row: Array) -> Array:
    """Odds of each state against the first."""
    odds: Array = row / row[0] if row[0] > 0 else row
    return odds
