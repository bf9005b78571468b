"""From what an author wrote to what can be computed: a clinical network and its roots become a BayesNet.

* A reported rate becomes a link. With the background already in the rate (the default),
  P_link(<= s) = P(<= s | cause) / P(<= s | background), at most 1 and rising in s; for two states this is
  w = 1 - (1 - p) / (1 - leak). The background in force is that of the setting, so that P(finding | cause alone)
  is the reported rate in every setting. A rate below its background gives the link 0.
* An odds ratio OR becomes the rate p' with p' / (1 - p') = OR b / (1 - b), b the background of any effect.
* An attribute is the mean of the rows of the causes present while its gate holds, `not_applicable` otherwise.
* A root takes P(d = s | context) proportional to base odds times the weights of its profiles.

`Grounding` does this for many sets of numbers at once: its arrays end in an axis of lanes, one lane for each set, and
variables whose state is known can be left out of its tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.population import Population, row_vector
from ddx.errors import SpecError, TooLarge
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import LARGEST_TABLE, Array, BayesNet, LocalModel, NoisyMax, Table, Term
from ddx.knowledge.meaning import AnyModel, cause_states, models_of, states_of

Bools = npt.NDArray[np.bool_]
Drawn = Mapping[int, Array]  # id of a Number or OddsRatio of the network -> its value in every lane, (lanes,)

AS_WRITTEN: Drawn = {}


@dataclass(frozen=True, slots=True)
class Roots:
    """What a setting leaves to be solved: context mixes, base odds of root states, backgrounds of nodes with causes.

    Arrays are (states,), or (states, lanes) where each lane has its own.
    """

    mix: Mapping[str, Array]
    odds: Mapping[str, Array]  # node -> base odds of each state against absence; odds[0] = 1
    backgrounds: Mapping[str, Array]  # node -> P(state | no cause), where it differs from the written row


def ground(network: spec.Network, people: Population, roots: Roots, only: Iterable[str] | None = None) -> BayesNet:
    """The BayesNet of the network for these roots; with `only`, of these variables (closed under parents)."""
    grounding = Grounding(Names(network), people, roots)
    states = grounding.names.states
    chosen = list(states) if only is None else [n for n in states if n in set(only)]
    models = {node: one_lane(grounding.local_model(node)) for node in chosen}
    return BayesNet.build(network.header.name, {n: states[n] for n in chosen}, models)


def local_model(network: spec.Network, people: Population, roots: Roots, node: str) -> LocalModel:
    """P(node | parents) of one variable."""
    return one_lane(Grounding(Names(network), people, roots).local_model(node))


def link(row: Array, leak: Array, rates: str) -> Array:
    """The contribution of a cause over the child's states: P_link(<= s) = P(<= s | cause) / P(<= s | background).

    Arrays are (states, ...), here and in `odds_ratio_row`.
    """
    if rates == "on_top":
        return row
    below, background = np.broadcast_arrays(np.cumsum(row, axis=0), np.cumsum(leak, axis=0))
    ratio = np.divide(below, background, out=np.ones_like(below), where=background > 0)
    ratio = np.minimum.accumulate(np.minimum(ratio, 1.0)[::-1], axis=0)[::-1]
    ratio[-1] = 1.0
    return np.diff(ratio, prepend=0.0, axis=0)


def odds_ratio_row(ratio: npt.ArrayLike, leak: Array) -> Array:
    """The row of a cause that multiplies the odds of any effect: the effects keep their proportions."""
    any_effect = 1.0 - leak[0]
    raised = ratio * any_effect / (1.0 - any_effect + ratio * any_effect)
    scale = np.divide(raised, any_effect, out=np.ones_like(raised), where=any_effect > 0)
    row: Array = leak * scale
    row[0] = 1.0 - raised
    return row


class Names:
    """What the families of a network speak of, looked up once; `left` are the states that variables still have.

    Of a variable that was seen (by the number of its state) only that state is left: for its children, and, unless
    tables are to stay `whole`, in its own table.
    """

    def __init__(self, network: spec.Network) -> None:
        self.network = network
        self.states = states_of(network)
        self.models: dict[str, AnyModel] = models_of(network)
        self.left: Mapping[str, tuple[str, ...]] = self.states
        self._whole = True
        self._causes: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._rows: dict[tuple[int, tuple[str, ...]], Array] = {}

    def left_by(self, seen: Mapping[str, int], *, whole: bool = False) -> Names:
        """The same names with what these observations leave."""
        names = copy(self)  # shares what was looked up
        names.left = {n: (s[seen[n]],) if n in seen else s for n, s in self.states.items()}
        names._whole = whole
        return names

    def cause(self, cause: str) -> tuple[str, tuple[str, ...]]:
        """The node and its states that a cause stands for."""
        found = self._causes.get(cause)
        if found is None:
            looked_up = cause_states(self.network, cause)
            assert looked_up is not None, cause
            found = self._causes[cause] = looked_up
        return found

    def written(self, row: spec.Row, states: tuple[str, ...]) -> Array:
        """(states, 1) a row of the network as it is written."""
        key = id(row), states
        if key not in self._rows:
            self._rows[key] = row_vector(row, states)[:, None]
        return self._rows[key]

    def where(self, parents: Sequence[str], when: Mapping[str, str | tuple[str, ...]]) -> Bools:
        """Which configurations of the states left of the parents a condition holds in, (parent states ...)."""
        holds = np.ones(self.shape(parents), dtype=bool)
        for variable, wanted in when.items():
            names = (wanted,) if isinstance(wanted, str) else wanted
            fits = np.array([s in names for s in self.left[variable]])
            axis = parents.index(variable)
            holds &= fits.reshape([-1 if i == axis else 1 for i in range(len(parents))])
        return holds

    def shape(self, parents: Sequence[str], node: str | None = None) -> tuple[int, ...]:
        """(states left of each parent); TooLarge where they, with the states of `node`, are too many for a table."""
        shape = tuple(len(self.left[p]) for p in parents)
        entries = math.prod(shape) * (len(self.states[node]) if node else 1)
        if entries > LARGEST_TABLE:
            name = node or "a condition"
            raise TooLarge(f"{name}: a table of {entries:,} entries, more than {LARGEST_TABLE:,}")
        return shape

    def kept(self, node: str) -> list[int]:
        """The states that the table of a variable has, by number."""
        states = self.states[node]
        return [i for i, s in enumerate(states) if self._whole or s in self.left[node]]


class Grounding:
    """The families of a network for one or many sets of numbers, a lane each.

    `drawn` holds the numbers that differ from what is written; those of one row must make a distribution together
    with the others that the row names. `local_model` gives tables (states left of each parent ..., states left of the
    node, lanes), and terms of noisy families (states left of each parent ..., all states of the node, lanes); an axis
    of lanes has length 1 where the lanes do not differ.
    """

    def __init__(self, names: Names, people: Population, roots: Roots, drawn: Drawn = AS_WRITTEN) -> None:
        self.names, self.people, self.roots, self._drawn = names, people, roots, drawn

    def local_model(self, node: str) -> LocalModel:
        """P(node | parents)."""
        names = self.names
        if node in names.network.context:
            return Table((), _lanes(self.roots.mix[node])[names.kept(node)])
        model = names.models.get(node)
        if model is None:
            return self._root(node)
        if isinstance(model, spec.Noisy):
            return self._noisy(model, node)
        if isinstance(model, spec.Attribute):
            return self._attribute(model, node)
        shape = names.shape(model.parents, node)
        if isinstance(model, spec.Table):
            return Table(model.parents, self._table(model, node, shape))
        return Table(model.parents, self._deterministic(model, node, shape))

    def row(self, row: spec.Row, states: tuple[str, ...]) -> Array:
        """(states, lanes) of a row; the state left out takes the rest."""
        drawn = {s: self._drawn[id(n)] for s, n in row.items() if id(n) in self._drawn}
        if not drawn:
            return self.names.written(row, states)
        vector = np.zeros((len(states), len(next(iter(drawn.values())))))
        left_out = np.array([s not in row for s in states])
        for i, s in enumerate(states):
            if s in row:
                vector[i] = drawn.get(s, row[s].value)
        vector[left_out] = np.maximum(0.0, 1.0 - vector[~left_out].sum(axis=0))
        normalised: Array = vector / vector.sum(axis=0)
        return normalised

    def background(self, node: str) -> Array:
        """(states, lanes) P(node | no cause), averaged over contexts: solved, of the setting, or as written."""
        model = self.names.models[node]
        assert isinstance(model, spec.Noisy)
        if node in self.roots.backgrounds:
            return _lanes(self.roots.backgrounds[node])
        return self.row(self.people.backgrounds.get(node, model.background), self.names.states[node])

    def _root(self, node: str) -> Table:
        """P(d = s | contexts) proportional to base odds times the profile weights of each context."""
        names, odds = self.names, _lanes(self.roots.odds[node])
        disease = names.network.diseases.get(node)
        profiles = disease.profile if disease else ()
        parents = tuple(dict.fromkeys(p.context for p in profiles))
        weights = [np.broadcast_to(w, (*names.shape(parents), len(w))) for w in odds]
        for profile in profiles:
            axis = parents.index(profile.context)
            left = [names.states[profile.context].index(s) for s in names.left[profile.context]]
            factor = self._profile_weights(profile)[left]
            factor = factor.reshape([*(-1 if i == axis else 1 for i in range(len(parents))), factor.shape[-1]])
            for s, state in enumerate(names.states[node][1:], 1):
                if profile.of in (None, state):
                    weights[s] = weights[s] * factor
        stacked = np.stack(np.broadcast_arrays(*weights), axis=-2)
        values = stacked / stacked.sum(axis=-2, keepdims=True)
        return Table(parents, values[..., names.kept(node), :])

    def _profile_weights(self, profile: spec.Profile) -> Array:
        """(context states, lanes) what each multiplies the odds by: share / general mix, or the odds of the rate."""
        states = self.names.states[profile.context]
        if profile.kind == "share":
            weights: Array = self.row(profile.row, states) / _lanes(self.people.general_mix[profile.context])
            return weights
        given = [self._drawn.get(id(profile.row[s]), np.array([profile.row[s].value])) for s in states]
        rate = np.stack(np.broadcast_arrays(*given))
        odds: Array = rate / (1.0 - rate)
        return odds

    def _noisy(self, model: spec.Noisy, node: str) -> NoisyMax:
        states, leak = self.names.states[node], self.background(node)
        terms = [self._leak_term(model, states, leak)]
        links: dict[str, dict[str, Array]] = {}
        for cause, row in model.given.items():
            own, present = self.names.cause(cause)
            for state in present:
                links.setdefault(own, {})[state] = link(self.row(row, states), leak, model.rates)
        for cause, ratio in model.odds_ratios.items():
            own, present = self.names.cause(cause)
            value = self._drawn.get(id(ratio), np.array([ratio.value]))
            for state in present:
                links.setdefault(own, {})[state] = link(odds_ratio_row(value, leak), leak, "with_background")
        terms += [self._cause_term(model, node, (own, by_state), leak) for own, by_state in links.items()]
        return NoisyMax(tuple(terms))

    def _leak_term(self, model: spec.Noisy, states: tuple[str, ...], leak: Array) -> Term:
        """The background, by context where it has strata: each keeps its ratio of odds to the written background."""
        strata = [s for s in model.strata if s.cause is None]
        if not strata:
            return Term((), leak)
        contexts = tuple(dict.fromkeys(c for s in strata for c in s.when))
        written = self.row(model.background, states)
        now, before = np.broadcast_arrays(_odds(leak), _odds(written))
        shift = np.divide(now, before, out=np.ones_like(now), where=before > 0)
        rows = [self.row(s.row, states) for s in strata]
        values = _filled((*self.names.shape(contexts), *leak.shape[:-1]), leak, shift, *rows)
        values[...] = leak
        for stratum, row in zip(reversed(strata), reversed(rows), strict=True):
            shifted = _odds(row) * shift
            values[self.names.where(contexts, stratum.when)] = shifted / shifted.sum(axis=0)
        return Term(contexts, values)

    def _cause_term(self, model: spec.Noisy, node: str, cause: tuple[str, Mapping[str, Array]], leak: Array) -> Term:
        """The contribution of one parent: nothing in states without a row; by context where `strata` name the cause."""
        names, (own, by_state) = self.names, cause
        strata = [s for s in model.strata if s.cause is not None and names.cause(s.cause)[0] == own]
        contexts = tuple(dict.fromkeys(c for s in strata for c in s.when))
        rows = [link(self.row(s.row, names.states[node]), leak, model.rates) for s in strata]
        shape = (*names.shape(contexts), len(names.left[own]), len(names.states[node]))
        values = _filled(shape, *by_state.values(), *rows)
        values[..., 0, :] = 1.0
        for state, row in by_state.items():
            if state in names.left[own]:
                values[..., names.left[own].index(state), :, :] = row
        for stratum, row in zip(reversed(strata), reversed(rows), strict=True):
            chosen = names.where(contexts, stratum.when)
            for state in names.cause(stratum.cause or "")[1]:
                if state in names.left[own]:
                    values[chosen, names.left[own].index(state), :, :] = row
        return Term((*contexts, own), values)

    def _attribute(self, model: spec.Attribute, node: str) -> Table:
        names, own = self.names, self.names.states[node][:-1]
        parents = tuple(dict.fromkeys([*model.gate, *(names.cause(cause)[0] for cause in model.given)]))
        wanted = names.kept(node)
        kept = [s for s in wanted if s < len(own)]
        rows = {cause: self.row(row, own)[kept] for cause, row in model.given.items()}
        background = self.row(self.people.backgrounds.get(node, model.background), own)[kept]
        groups = [set(group) for group in model.precedence]
        rank = {cause: next((i for i, g in enumerate(groups) if cause in g), len(groups)) for cause in rows}
        shape = names.shape(parents, node)
        total = _filled((*shape, len(kept)), background, *rows.values())
        count = np.zeros((*shape, 1, 1))
        for level in sorted(set(rank.values())):
            free = count == 0  # no cause of an earlier group is present
            for cause in (c for c, r in rank.items() if r == level):
                present = names.where(parents, dict([names.cause(cause)]))[..., None, None] & free
                total += np.where(present, rows[cause], 0.0)
                count += present
        mean = np.where(count > 0, total / np.maximum(count, 1), background)
        gate = names.where(parents, model.gate)[..., None, None]
        values = np.where(gate, mean, 0.0)
        if len(kept) < len(wanted):
            closed = np.broadcast_to(np.where(gate, 0.0, 1.0), (*shape, 1, values.shape[-1]))
            values = np.concatenate([values, closed], axis=-2)
        return Table(parents, values)

    def _table(self, model: spec.Table, node: str, shape: tuple[int, ...]) -> Array:
        names, states = self.names, self.names.states[node]
        rows = [self.row(item.row, states)[names.kept(node)] for item in model.rows]
        chosen = np.full(shape, -1)
        if model.otherwise is not None:
            chosen[...] = len(rows)
            rows.append(self.row(model.otherwise, states)[names.kept(node)])
        for i in range(len(model.rows) - 1, -1, -1):
            chosen[names.where(model.parents, model.rows[i].when)] = i
        missing = np.argwhere(chosen < 0)
        if len(missing):
            given = ", ".join(f"{p}={names.left[p][i]}" for p, i in zip(model.parents, missing[0], strict=True))
            message = f"{node} has no row for {given}"
            raise SpecError(message, where=names.network.header.name, remedy="Add it, or `otherwise`.")
        values: Array = np.stack(np.broadcast_arrays(*rows))[chosen]
        return values

    def _deterministic(self, model: spec.Deterministic, node: str, shape: tuple[int, ...]) -> Array:
        names, states = self.names, self.names.states[node]
        index = np.full(shape, states.index(model.otherwise))
        for rule in reversed(model.rules):
            index[names.where(model.parents, rule.when)] = states.index(rule.state)
        chosen: Array = np.eye(len(states))[index][..., names.kept(node), None]
        return chosen


def one_lane(model: LocalModel) -> LocalModel:
    """A local model of `Grounding` as one network has it: its first lane, without the axis."""
    if isinstance(model, Table):
        return Table(model.parents, model.values[..., 0])
    return NoisyMax(tuple(Term(t.parents, t.values[..., 0]) for t in model.terms))


def _lanes(values: Array) -> Array:
    """(states, lanes) of an array that may have no axis of lanes."""
    return values[:, None] if values.ndim == 1 else values


def _filled(shape: Sequence[int], *rows: Array) -> Array:
    """Zeros of this shape and as many lanes as any of the rows has."""
    return np.zeros((*shape, max(row.shape[-1] for row in rows)))


def _odds(row: Array) -> Array:
    """Odds of each state against the first, (states, lanes)."""
    odds: Array = np.divide(row, row[0], out=row.copy(), where=row[0] > 0)
    return odds
