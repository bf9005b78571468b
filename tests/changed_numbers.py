"""Networks with other numbers in their files, compiled anew: the slow way round for sensitivity and credible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass, replace

import numpy as np
import numpy.typing as npt

from ddx.cli.asking import Asked
from ddx.engine import ground, population, priors
from ddx.engine.model import Model, compile_network
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import LocalModel
from ddx.knowledge.lexicon import Entry
from ddx.reasoning.numbers import Parameter, Place
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.understanding import State

Floats = npt.NDArray[np.float64]
ROOTS = ("mix", "odds", "backgrounds")


def numbers_of(question: Asked) -> Regrounding:
    return Regrounding(question.network, question.model, question.understood.setting)


def anew(numbers: Regrounding, values: Mapping[Parameter, float]) -> dict[str, LocalModel]:
    """Local models of the network with other numbers in its file: grounded from the file, one lane, held roots."""
    drawn = {id(p.number): np.array([t]) for p, t in values.items()}
    roots = numbers.grounding(drawn).roots
    one = {k: {n: row if row.ndim == 1 else row[:, 0] for n, row in getattr(roots, k).items()} for k in ROOTS}
    changed = with_values(numbers.spec, values)
    people = population.population(changed, numbers.setting)
    people = replace(people, general_mix=numbers.people.general_mix)
    return dict(ground.ground(changed, people, ground.Roots(**one)).models)


def moved(numbers: Regrounding, p: Parameter, t: float) -> dict[Parameter, float]:
    """A number at another value, and what moves with it in its row."""
    by_id = {id(q.number): q for q in numbers.varied}
    return {by_id[k]: float(v[0]) for k, v in numbers.moved(p, np.array([t])).items()}


def posterior(
    numbers: Regrounding, values: Mapping[Parameter, float], evidence: Mapping[str, State]
) -> dict[str, float]:
    """P(every disease | evidence), everything compiled anew."""
    net = numbers.model.network
    fresh = compile_network(replace(net, models=anew(numbers, values)), events=numbers.model.events, effort=0)
    belief = fresh.posteriors(evidence)
    return {e: belief.probability(e) for e in numbers.model.events}


def recompiled(numbers: Regrounding, values: Mapping[Parameter, float]) -> Model:
    """The network with other numbers in its file, its setting solved anew by the compiler."""
    changed = with_values(numbers.spec, values)
    people = population.population(changed, numbers.setting)
    models = ground.ground(changed, people, priors.solve(changed, people)).models
    net = replace(numbers.model.network, models=dict(models))
    return compile_network(net, events=numbers.model.events, effort=0)


def posterior_edited(
    numbers: Regrounding, values: Mapping[Parameter, float], evidence: Mapping[str, State]
) -> dict[str, float]:
    """P(every disease | evidence) once the file is edited."""
    belief = recompiled(numbers, values).posteriors(evidence)
    return {e: belief.probability(e) for e in numbers.model.events}


def with_tables(numbers: Regrounding, values: Mapping[Parameter, float]) -> Model:
    return numbers.model.with_tables(anew(numbers, values))


def found_now(model: Model, evidence: Mapping[str, State], entries: Sequence[Entry]) -> list[float]:
    """P(each disease | evidence) by the whole engine."""
    belief = model.posteriors(evidence)
    return [sum(belief[e.node][s] for s in e.states) for e in entries]


def with_values(network: spec.Network, values: Mapping[Parameter, float | spec.Number]) -> spec.Network:
    """The same file with other numbers in some places."""
    changed: object = network
    for p, value in values.items():
        new: object = value
        if not isinstance(value, spec.Number):
            bare = {"k": None, "n": None, "series": ()}
            new = replace(p.number, p=value, **bare) if isinstance(p.number, spec.Number) else None
            new = new or replace(p.number, value=value)  # type: ignore[call-arg]
        changed = _put(changed, p.place, new)
    assert isinstance(changed, spec.Network)
    return changed


def _put(value: object, place: Place, new: object) -> object:
    if not place:
        return new
    step, rest = place[0], place[1:]
    if isinstance(value, dict):
        return {**value, step: _put(value[step], rest, new)}
    if isinstance(value, tuple):
        assert isinstance(step, int)
        return (*value[:step], _put(value[step], rest, new), *value[step + 1 :])
    assert is_dataclass(value) and not isinstance(value, type)
    return replace(value, **{str(step): _put(getattr(value, str(step)), rest, new)})
