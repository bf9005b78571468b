"""What would the tables be, were the numbers of the network others? Any of them, for many sets of numbers at once.

Numbers of the findings, of latent states and of diseases with causes act through the table of their own variable, the
profile of a disease through its root; a prior of the setting scales the odds of its root (against absence) as its own
odds change, a share of the patients that of its context. What the compiler solved for (the roots of a setting that
states its patients given their complaint) is held as solved in this way, or solved anew with each set of numbers, which
is what editing the file does. The numbers of the complaint itself are not varied: solved anew, they would leave the
stated priors where they are.

The number in a row that leaves a state out takes from that state; in a row that leaves none out, the others keep their
proportions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ddx.engine import population
from ddx.engine.ground import AS_WRITTEN, Drawn, Grounding, Names, Roots
from ddx.engine.many_settings import Lanes, ManySettings
from ddx.engine.model import Model
from ddx.engine.population import Population
from ddx.engine.solved import roots_of
from ddx.errors import SpecError
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import BayesNet, LocalModel, Table
from ddx.network import Network
from ddx.reasoning.numbers import Parameter, Place, logit, parameters
from ddx.reasoning.uncertainty import Row

Floats = npt.NDArray[np.float64]

LEAST, MOST = 1e-9, 1.0 - 1e-9  # a probability is varied between these
LARGEST_RATIO = 1e6
MOST_STEPS, AGREES = 50, 1e-9  # of making a root as common as before
WHOLE = 1e-9  # a row whose numbers come this close to 1 leaves nothing out


class Regrounding:
    """The numbers of one setting that act, and the families of the network when they change.

    With `solving` the roots of a setting are solved anew for every set of numbers, as the compiler would; without, they
    are held.
    """

    def __init__(self, network: Network, model: Model, setting: str | None, *, solving: bool = False) -> None:
        _refuse_without_numbers(network)
        assert network.spec is not None
        self.spec, self.model = network.spec, model
        self.people = population.population(network.spec, network.chosen_setting(setting))
        self.roots = roots_of(network.spec, self.people, model.network)
        self.names = Names(network.spec)
        self.setting = self.people.name
        self._plain = Grounding(self.names, self.people, self.roots)
        self._spread_over = {
            node: tuple(p.context for p in disease.profile)
            for node, disease in network.spec.diseases.items()
            if disease.profile and disease.model is None
        }
        self._chain = _chain(network.spec, self.setting)
        self._anew = ManySettings(self.names, self.people, self.roots) if solving else None
        self.solving = frozenset(self._anew.nodes if self._anew else ())
        self.varied = tuple(p for p in parameters(network.spec) if self._acts(p))

    @cached_property
    def rows(self) -> Mapping[str, tuple[Row, ...]]:
        """Variable -> its numbers that act, each with those that it makes a distribution with."""
        groups: dict[str, dict[Place, list[Parameter]]] = {}
        for p in self.varied:
            groups.setdefault(p.node, {}).setdefault(self._group(p), []).append(p)
        return {
            node: tuple(Row(tuple(own), self._rest(own)) for own in by_place.values())
            for node, by_place in groups.items()
        }

    def rows_of(self, nodes: Iterable[str]) -> list[Row]:
        """The rows of these variables."""
        chosen = set(nodes)
        return [row for node, own in self.rows.items() if node in chosen for row in own]

    def row_of(self, p: Parameter) -> Row:
        """The row that a number stands in."""
        return self._row_of_number[id(p.number)]

    @cached_property
    def _row_of_number(self) -> Mapping[int, Row]:
        return {id(p.number): row for rows in self.rows.values() for row in rows for p in row.numbers}

    def bearing(self, nodes: Iterable[str]) -> list[str]:
        """These variables and everything above them, in the order of the network."""
        above = _above(self.model.network, nodes)
        return [node for node in self.model.nodes if node in above]

    def size_of_change(self, p: Parameter, value: float) -> float:
        """How far a number is moved: the largest difference of logits in its row, or of the logarithms of a ratio."""
        if isinstance(p.number, spec.OddsRatio):
            return abs(math.log(value / p.value))
        row = self.row_of(p)
        moved = [(p.value, value)]
        if row.rest > 0:
            moved.append((row.rest, row.rest + p.value - value))
        elif p.value < 1:
            moved += [(q.value, q.value * (1 - value) / (1 - p.value)) for q in row.numbers if q is not p]
        return max(abs(logit(new) - logit(old)) for old, new in moved)

    def bounds(self, p: Parameter) -> tuple[float, float]:
        """Between what the number can be varied."""
        if isinstance(p.number, spec.OddsRatio):
            return 1 / LARGEST_RATIO, LARGEST_RATIO
        row = self.row_of(p)
        others = sum(q.value for q in row.numbers if q is not p) if row.rest > 0 else 0.0
        return LEAST, max(p.value, MOST - others)

    def is_smooth(self, p: Parameter) -> bool:
        """Whether few values tell how its table depends on a number: rates, rows, shares of a context; not what scales
        odds or moves every link at once (priors, ratios, profiles, backgrounds)."""
        if p.node in self.solving:
            return False
        if p.place[0] == "settings":
            return p.place[2] == "context"
        return p.place[2] == "model" and p.place[3] in ("given", "rows", "otherwise", "strata")

    def changed_with(self, node: str) -> list[str]:
        """The variables whose tables the numbers of one change: itself; with a context, the roots spread over it; all
        that a setting is solved for, where it is solved anew."""
        if self._anew is not None and node in self.solving:
            return list(dict.fromkeys([node, *self._anew.solved, *self._spread_over]))
        return [node, *(n for n, contexts in self._spread_over.items() if node in contexts)]

    def moved(self, p: Parameter, values: Floats) -> dict[int, Floats]:
        """id of a number -> its values (lanes,) when one number takes these values: itself and others of its row."""
        row = self.row_of(p)
        found = {id(p.number): values}
        if row.rest == 0 and len(row.numbers) > 1 and p.value < 1:
            scale = (1 - values) / (1 - p.value)
            found |= {id(q.number): q.value * scale for q in row.numbers if q is not p}
        return found

    def grounding(self, drawn: Drawn = AS_WRITTEN, names: Names | None = None) -> Grounding:
        """The families with these numbers; `names` tell which states evidence leaves."""
        roots = self._drawn_roots(drawn) if drawn else self.roots
        people = self.people
        if self._anew is not None and not drawn.keys().isdisjoint(self._deciding):
            people = replace(people, general_mix={**people.general_mix, **self._general_mix(drawn)})
            roots = self._solved_anew(self._anew, drawn, roots, people)
        return Grounding(names or self.names, people, roots, drawn)

    def _solved_anew(self, anew: ManySettings, drawn: Drawn, start: Roots, people: Population) -> Roots:
        """The roots under which the setting with these numbers is what it says."""
        count = max(len(values) for values in drawn.values())
        changed = dict.fromkeys(p.node for p in self.varied if id(p.number) in drawn and p.node in self.solving)
        return anew.solve(Lanes(people, drawn, self._said(drawn), start, tuple(changed), count))

    def _said(self, drawn: Drawn) -> dict[str, Floats]:
        """(states, lanes) of every variable that the setting speaks of: what it says with these numbers."""
        said = {node: mix[:, None] for node, mix in self.people.mix.items()}
        for node in dict.fromkeys(node for node, _ in self.people.priors):
            states = self.names.states[node]
            own = np.array([self.people.priors.get((node, s), 0.0) for s in states])
            own[0] = 1.0 - own.sum()
            said[node] = own[:, None]
        for node, row in self._stated:
            if node in said and any(id(p.number) in drawn for p in row.numbers):
                said[node] = said[node] * self._factor(node, row, drawn)
        return said

    def _general_mix(self, drawn: Drawn) -> dict[str, Floats]:
        """(states, lanes) of the contexts whose mix is that of the setting that all inherit from, where it is drawn."""
        general = self._chain[-1], "context"
        return {
            node: self.people.general_mix[node][:, None] * self._factor(node, row, drawn)
            for node, row in self._stated
            if row.numbers[0].place[1:3] == general and any(id(p.number) in drawn for p in row.numbers)
        }

    @cached_property
    def _deciding(self) -> frozenset[int]:
        """All numbers on which it depends whether a setting is met."""
        return frozenset(id(p.number) for p in self.varied if p.node in self.solving)

    def _drawn_roots(self, drawn: Drawn) -> Roots:
        """The roots with the odds of every drawn prior, and the shares of every drawn context, changed as their own."""
        if drawn.keys().isdisjoint(self._of_roots):
            return self.roots
        mix, odds, backgrounds = dict(self.roots.mix), dict(self.roots.odds), dict(self.roots.backgrounds)
        factors = {
            node: self._factor(node, row, drawn)
            for node, row in self._stated
            if any(id(p.number) in drawn for p in row.numbers)
        }
        for node, factor in factors.items():
            if node in mix:
                mix[node] = _scaled(mix[node], factor)
            elif node in odds:
                odds[node] = odds[node][:, None] * (factor / factor[0])
            elif node in backgrounds:
                backgrounds[node] = _scaled(backgrounds[node], factor)
        for node, contexts in self._spread_over.items():
            if not factors.keys().isdisjoint((node, *contexts)) or not drawn.keys().isdisjoint(self._profiles[node]):
                odds[node] = self._as_common(Roots(mix, odds, backgrounds), drawn, node)
        return Roots(mix, odds, backgrounds)

    def _as_common(self, roots: Roots, drawn: Drawn, node: str) -> Floats:
        """(states, lanes) base odds with which a root is as common as before, though spread anew over its contexts."""
        before = _over_contexts(self._plain.local_model(node), self.roots.mix)
        written, odds = self.roots.odds[node][:, None], roots.odds[node]
        odds = odds if odds.ndim == 2 else odds[:, None]
        wanted = before / before[0] * (odds / written)
        weights = Grounding(self.names, self.people, Roots({}, {node: np.ones(len(odds))}, {}), drawn).local_model(node)
        assert isinstance(weights, Table)
        for _ in range(MOST_STEPS):
            table = weights.values * odds
            reached = _over_contexts(Table(weights.parents, table / table.sum(axis=-2, keepdims=True)), roots.mix)
            step = wanted / (reached / reached[0])
            odds = odds * step
            if np.abs(step - 1).max() < AGREES:
                break
        return odds

    @cached_property
    def _stated(self) -> list[tuple[str, Row]]:
        """The rows of the setting: priors, shares of contexts, backgrounds."""
        return [(n, row) for n, rows in self.rows.items() for row in rows if row.numbers[0].place[0] == "settings"]

    @cached_property
    def _profiles(self) -> Mapping[str, frozenset[int]]:
        """Root -> the numbers of its profiles."""
        return {
            node: frozenset(
                id(p.number) for row in self.rows.get(node, ()) for p in row.numbers if "profile" in p.place
            )
            for node in self._spread_over
        }

    @cached_property
    def _of_roots(self) -> frozenset[int]:
        """All numbers that act through roots."""
        stated = frozenset(id(p.number) for _, row in self._stated for p in row.numbers)
        return stated.union(*self._profiles.values())

    def _factor(self, node: str, row: Row, drawn: Drawn) -> Floats:
        """(states, lanes) drawn / written, of the states that a row of the setting names and of what it leaves out."""
        states = self.names.states[node]
        values = [drawn.get(id(p.number), np.array([p.value])) for p in row.numbers]
        rest = np.maximum(1.0 - sum(values, start=np.zeros(1)), 0.0)
        factor = np.ones((len(states), max(len(v) for v in values)))
        if row.rest > 0:
            factor[...] = rest / row.rest
        for p, value in zip(row.numbers, values, strict=True):
            factor[states.index(p.state)] = value / p.value
        return factor

    def _acts(self, p: Parameter) -> bool:
        complaint = self.people.complaint
        if complaint is not None and p.node == complaint.finding:
            return False
        if p.place[0] == "settings":
            return self._of_setting(p)
        replaced = p.node in self.roots.backgrounds or p.node in self.people.backgrounds
        return p.place[2] == "profile" or not (p.place[3] == "background" and replaced)

    def _of_setting(self, p: Parameter) -> bool:
        """Whether a number of a setting is in force: of the nearest setting that states it, and not solved for."""
        kind, key = str(p.place[2]), str(p.place[3])
        if kind == "complaint" or not 0 < p.value < 1:
            return False
        stating = next((n for n in self._chain if key in getattr(self.spec.settings[n], kind)), None)
        return stating == p.place[1] and not (kind == "backgrounds" and p.node in self.roots.backgrounds)

    def _group(self, p: Parameter) -> Place:
        """What numbers of one distribution share: the place of their row, or the priors of one variable."""
        if p.place[0] == "settings" and p.place[2] == "priors":
            return ("priors", p.node)
        if isinstance(p.number, spec.OddsRatio) or self._is_rate(p):
            return p.place
        return p.place[:-1]

    def _is_rate(self, p: Parameter) -> bool:
        if p.place[0] != "diseases" or p.place[2] != "profile":
            return False
        return self.spec.diseases[p.node].profile[int(p.place[3])].kind == "rate"

    def _speaks_of(self, p: Parameter) -> str:
        """The variable over whose states the row of a number goes."""
        return self.spec.diseases[p.node].profile[int(p.place[3])].context if p.place[2] == "profile" else p.node

    def _rest(self, numbers: list[Parameter]) -> float:
        """What the state that a row leaves out takes; 0 where it names all."""
        p, count = numbers[0], len(numbers)
        if isinstance(p.number, spec.OddsRatio) or self._is_rate(p):
            return 1.0 - p.value
        states = self.names.states[self._speaks_of(p)]
        named = len([s for s in states if s != "not_applicable"]) == count
        rest = 1.0 - sum(q.value for q in numbers)
        return 0.0 if named or rest < WHOLE else rest


def _refuse_without_numbers(network: Network) -> None:
    """SpecError for a network that has no numbers with a basis: nothing can be said of how sure they are."""
    written = network.spec
    if written is not None and written.view is not None:
        message = "a view has no numbers of its own that could be varied"
        remedy = f"Ask the network that it is a view of: -n {written.view.of}."
        raise SpecError(message, where=network.name, remedy=remedy)
    if written is None or not written.settings:
        message = (
            "nothing says how sure the numbers of a network of another tool are: they have no counts and no grades"
        )
        remedy = "`ddx convert` writes it as a clinical network, in which they can be given."
        raise SpecError(message, where=network.name, remedy=remedy)


def _chain(network: spec.Network, setting: str) -> tuple[str, ...]:
    """The setting and those it inherits from, nearest first."""
    names = [setting]
    while (parent := network.settings[names[-1]].inherits) is not None:
        names.append(parent)
    return tuple(names)


def _above(network: BayesNet, nodes: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += network.parents(node)
    return found


def _over_contexts(model: LocalModel, mix: Mapping[str, Floats]) -> Floats:
    """(states, lanes) P(root), its contexts independent and mixed so."""
    assert isinstance(model, Table)
    values = model.values
    for context in model.parents:
        share = mix[context] if mix[context].ndim == 2 else mix[context][:, None]
        values = (values * share.reshape([len(share), *[1] * (values.ndim - 2), share.shape[-1]])).sum(axis=0)
    return values


def _scaled(row: Floats, factor: Floats) -> Floats:
    """(states, lanes) a distribution times a factor, summing to 1."""
    scaled: Floats = row[:, None] * factor
    scaled /= scaled.sum(axis=0)
    return scaled
