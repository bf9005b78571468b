"""What would the tables be, were a number of the network another? One number changed, its variable's table made anew.

Numbers of the findings, of latent states and of diseases with causes act through the table of their own variable; a
prior of the setting scales the odds of its root. What the compiler solved for (the roots of a setting that states its
patients given their complaint) is held as solved, and the numbers of the complaint itself are not varied: solved anew,
they would leave the stated priors where they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddx.engine import ground, population, priors
from ddx.engine.model import Model
from ddx.engine.retable import flat_tables
from ddx.errors import SpecError
from ddx.knowledge import spec
from ddx.knowledge.arcs import parents_of
from ddx.knowledge.bayesnet import LocalModel
from ddx.knowledge.meaning import models_of
from ddx.network import Network
from ddx.reasoning.numbers import Parameter, Place, parameters, with_value

Floats = npt.NDArray[np.float64]

LEAST, MOST = 1e-9, 1.0 - 1e-9  # a probability is varied between these
LARGEST_RATIO = 1e6


class Regrounding:
    """The numbers of one setting, and what the tables of a compiled model become when one of them changes."""

    def __init__(self, network: Network, model: Model, setting: str | None) -> None:
        if network.spec is None or network.spec.view is not None:
            what = "a view" if network.spec else "a network of another tool"
            message = f"{what} has no numbers of its own that could be varied"
            raise SpecError(message, where=network.name, remedy="Ask the clinical network that it builds on.")
        self.spec, self.model = network.spec, model
        self.people = population.population(network.spec, network.chosen_setting(setting))
        self.roots = priors.solve(network.spec, self.people)
        self.setting = self.people.name
        self._families: dict[str, spec.Network] = {}
        self._modelled = set(models_of(network.spec))
        self.varied = tuple(p for p in parameters(network.spec) if self._acts(p))

    def _acts(self, p: Parameter) -> bool:
        complaint = self.people.complaint
        if p.place[0] == "settings":
            return p.place[1] == self.setting and p.place[2] == "priors" and p.node not in self._modelled
        if p.place[2] != "model" or (complaint is not None and p.node == complaint.finding):
            return False
        replaced = p.node in self.roots.backgrounds or p.node in self.people.backgrounds
        return not (p.place[3] == "background" and replaced)

    def is_linear(self, p: Parameter) -> bool:
        """Whether tables are linear in the number, so that posteriors are (a t + b) / (c t + d) in it."""
        return p.place[2] == "model" and p.place[3] in ("given", "rows", "otherwise")

    def bounds(self, p: Parameter) -> tuple[float, float]:
        """Between what the number can be varied: states of its row named beside it keep theirs."""
        if isinstance(p.number, spec.OddsRatio):
            return 1 / LARGEST_RATIO, LARGEST_RATIO
        others = self._beside(p)
        return LEAST, max(p.value, MOST - others)

    def local(self, p: Parameter, value: float) -> LocalModel:
        """P(variable | parents) with another value of the number."""
        if p.place[0] == "settings":
            return ground.local_model(self.family(p.node), self.people, self._shifted(p, value), p.node)
        return ground.local_model(with_value(self.family(p.node), p, value), self.people, self.roots, p.node)

    def family(self, node: str) -> spec.Network:
        """The network cut down to a variable and what it depends on: all that its table is made from."""
        if node not in self._families:
            kept = {node, *parents_of(self.spec, node)}
            whole = self.spec
            self._families[node] = replace(
                whole,
                context={n: b for n, b in whole.context.items() if n in kept},
                diseases={n: b for n, b in whole.diseases.items() if n in kept},
                latents={n: b for n, b in whole.latents.items() if n in kept},
                findings={n: b for n, b in whole.findings.items() if n in kept},
            )
        return self._families[node]

    def flat(self, p: Parameter, value: float) -> Floats:
        """All tables of the model, flat, with another value of the number."""
        changed = {p.node: self.local(p, value)}
        flat: Floats = flat_tables(self.model.network, self.model.structure, self.model.parts, changed)[0]
        return flat

    def factors(self, p: Parameter) -> range:
        """The tables that the number acts on."""
        first, last = self.model.parts.of_node[p.node]
        return range(first, last)

    def _shifted(self, p: Parameter, value: float) -> ground.Roots:
        """The roots with the odds of one prior changed as its own odds are."""
        row = self.shifted_odds(p, value, self.roots.odds[p.node])
        return replace(self.roots, odds={**self.roots.odds, p.node: row})

    def shifted_odds(self, p: Parameter, value: float, odds: Floats) -> Floats:
        """(states,) base odds with those of one prior changed as its own odds are."""
        row: Floats = odds.copy()
        row[self.model.states[p.node].index(p.state)] *= value * (1 - p.value) / (p.value * (1 - value))
        return row

    def _beside(self, p: Parameter) -> float:
        """The sum of the other numbers of the same row."""
        if p.place[0] == "settings":
            return 0.0
        row = _at(self.spec, p.place[:-1])
        if not isinstance(row, dict):
            return 0.0
        return float(sum(n.value for state, n in row.items() if state != p.place[-1]))


def _at(value: object, place: Place) -> object:
    """What stands at a place of the file."""
    for step in place:
        if isinstance(value, dict):
            value = value[step]
        elif isinstance(step, int):
            assert isinstance(value, tuple)
            value = value[step]
        else:
            value = getattr(value, step)
    return value
