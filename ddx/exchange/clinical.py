"""How does a network of another tool, with a roles file, become a network of the clinical format?

Every number is carried over as it is, with the source `imported` and the grade judgement. What the clinical format has
no words for is written with the ones that it has, so that the distribution stays the same:

* a disease without causes and with a state of absence becomes a root, its prior that of the one setting `imported`;
* any other disease becomes a copy of a hidden variable NAME_cause, which holds the table of the file;
* findings and variables without a role keep their tables; variables without a role become hidden;
* a noisy-OR or noisy-MAX whose causes act one by one stays one, its links `on_top` of the background.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ddx.documents import Tree
from ddx.errors import SpecError
from ddx.exchange.yamltext import lines
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import Array, BayesNet, NoisyMax, Table, expand

MOST_NUMBERS = 20_000  # of a network that is still written as text that people read
SETTING = "imported"
BASIS = {"source": "imported", "grade": "judgement"}


def written(roles: spec.Network, network: BayesNet) -> str:
    """The YAML text of a `network/1` file. `roles` says what each variable is (see `ddx.knowledge.roles`).

    Raises SpecError where it has more numbers than anybody would read.
    """
    size = sum(_size(network, node) for node in network.nodes)
    if size > MOST_NUMBERS:
        raise SpecError(
            f"{size:,} numbers; a clinical network is written with at most {MOST_NUMBERS:,}",
            where=network.name,
            remedy="Keep the file of the other tool; with its roles file it answers all the same.",
        )
    roots = {d for d in roles.diseases if _is_root(roles, network, d)}
    body: dict[str, Tree] = {
        "ddx": "network/1",
        "header": _header(roles.header),
        "default_setting": SETTING,
        "sources": {"imported": {"citation": roles.sources["imported"].citation}},
        "settings": {SETTING: _setting(roles, network, roots)},
        "context": {c: _context(block) for c, block in roles.context.items()},
        "diseases": {d: _disease(roles, network, d, d in roots) for d in roles.diseases},
        "latents": dict(_latents(roles, network, roots)),
        "findings": {f: _finding(roles, network, f) for f in roles.findings},
    }
    needed = ("diseases", "findings")
    return "".join(lines({key: value for key, value in body.items() if value != {} or key in needed}))


def _size(network: BayesNet, name: str) -> int:
    """How many numbers a variable is written with."""
    model = network.models[name]
    if isinstance(model, NoisyMax) and _one_by_one(model):
        return sum(term.values.size for term in model.terms)
    return expand(network, name).values.size


def _is_root(roles: spec.Network, network: BayesNet, name: str) -> bool:
    """Whether a disease can take its prior from a setting."""
    if network.parents(name) or len(_states(roles, network, name)) > len(network.states[name]):
        return False
    return bool((expand(network, name).values > 0).all())


def _states(roles: spec.Network, network: BayesNet, name: str) -> tuple[str, ...]:
    """States of a disease, absence first; where every state is a diagnosis, an absence that never occurs is added."""
    disease = roles.diseases[name]
    present = {s for event in disease.reported.values() for s in event.states}
    if len(present) < len(network.states[name]):
        return disease.states
    none = next(word for word in ("none", "none_of_these", "no_diagnosis") if word not in present)
    return (none, *disease.states)


def _header(header: spec.Header) -> Tree:
    keys = ("name", "version", "title", "description", "intended_use", "intended_users", "population", "licence")
    told: dict[str, Tree] = {key: str(getattr(header, key)) for key in keys if getattr(header, key)}
    return {**told, "authors": list(header.authors), "data_cutoff": header.data_cutoff}


def _setting(roles: spec.Network, network: BayesNet, roots: set[str]) -> Tree:
    priors: dict[str, Tree] = {}
    for name in roles.diseases:
        if name in roots:
            row = dict(zip(network.states[name], expand(network, name).values.tolist(), strict=True))
            priors.update({f"{name}={state}": _number(row[state]) for state in roles.diseases[name].states[1:]})
    context: dict[str, Tree] = {c: _row(network.states[c], expand(network, c).values.tolist()) for c in roles.context}
    told: dict[str, Tree] = {"label": "as imported", "context": context, "priors": priors}
    return {key: value for key, value in told.items() if value != {}}


def _context(block: spec.Context) -> Tree:
    told: dict[str, Tree] = {"label": block.label, "states": list(block.states)}
    if block.aliases:
        told["aliases"] = dict(block.aliases)
    if block.subject:
        told["subject"] = block.subject
    return {**told, **_quantity(block.quantity)}


def _disease(roles: spec.Network, network: BayesNet, name: str, is_root: bool) -> Tree:
    disease, states = roles.diseases[name], _states(roles, network, name)
    told: dict[str, Tree] = {"label": disease.label, "states": list(states), **_names(disease)}
    if disease.state_labels:
        told["state_labels"] = dict(disease.state_labels)
    if disease.serious:
        told["serious"] = "true"
    if disease.reported:
        told["reported"] = {e: _event(event) for e, event in disease.reported.items()}
    if not is_root:
        told["model"] = {
            "kind": "noisy-max",
            "background": {states[0]: _number(1.0), **{s: _number(0.0) for s in states[1:]}},
            "given": {
                f"{_hidden(network, name)}={state}": {s: _number(float(s == state)) for s in states}
                for state in network.states[name]
                if state != states[0]
            },
        }
    return told


def _event(event: spec.Event) -> Tree:
    told: dict[str, Tree] = {"label": event.label, "states": list(event.states)}
    return {**told, "serious": "true"} if event.serious else told


def _latents(roles: spec.Network, network: BayesNet, roots: set[str]) -> Iterator[tuple[str, Tree]]:
    for name, disease in roles.diseases.items():
        if name not in roots:
            yield _hidden(network, name), _variable(network, name, f"what decides {disease.label}")
    for name in roles.latents:
        yield name, _variable(network, name, name)


def _hidden(network: BayesNet, name: str) -> str:
    hidden = f"{name}_cause"
    while hidden in network.states:
        hidden += "_"
    return hidden


def _variable(network: BayesNet, name: str, label: str) -> Tree:
    return {"label": label, "states": list(network.states[name]), "model": _model(network, name)}


def _finding(roles: spec.Network, network: BayesNet, name: str) -> Tree:
    block = roles.findings[name]
    told: dict[str, Tree] = {"label": block.label, "states": list(block.states), "tier": block.tier}
    told["cost"] = block.cost
    for key in ("definition", "absent", "present"):
        if getattr(block, key):
            told[key] = str(getattr(block, key))
    return {**told, **_names(block), **_quantity(block.quantity), "model": _model(network, name)}


def _names(block: spec.Disease | spec.Finding) -> dict[str, Tree]:
    told: dict[str, Tree] = {}
    if block.aliases:
        told["aliases"] = list(block.aliases)
    if block.synonyms:
        told["synonyms"] = list(block.synonyms)
    if block.note:
        told["note"] = block.note
    return told


def _quantity(quantity: spec.Quantity | None) -> dict[str, Tree]:
    if quantity is None:
        return {}
    told: dict[str, Tree] = {"unit": quantity.unit, "cuts": list(quantity.cuts), "states": list(quantity.states)}
    ends: dict[str, Tree] = {n: v for n in ("lowest", "highest") if (v := getattr(quantity, n)) is not None}
    return {"quantity": {**told, "equal": quantity.equal, **ends}}


def _model(network: BayesNet, name: str) -> Tree:
    """P(variable | parents), as independent causes where it is that and the clinical format can say it."""
    model = network.models[name]
    if isinstance(model, NoisyMax) and _one_by_one(model):
        return _noisy(network, name, model)
    return _table(network, name)


def _one_by_one(model: NoisyMax) -> bool:
    """Whether every cause is one variable, once, whose name can stand in `name=state`."""
    owners = [term.parents for term in model.terms]
    apart = len(set(owners)) == len(owners) and all(len(owner) < 2 for owner in owners)
    return bool(model.parents) and apart and not any("=" in parent for parent in model.parents)


def _noisy(network: BayesNet, name: str, model: NoisyMax) -> Tree:
    """The contribution of each state of each cause that has one; the leak is the background."""
    states = network.states[name]
    leak: list[float] = [1.0, *(0.0 for _ in states[1:])]
    given: dict[str, Tree] = {}
    for term in model.terms:
        if not term.parents:
            leak = term.values.tolist()
            continue
        (parent,) = term.parents
        for index in _acting(term.values):
            given[f"{parent}={network.states[parent][index]}"] = _row(states, term.values[index].tolist())
    kind = "noisy-or" if len(states) == 2 else "noisy-max"
    return {"kind": kind, "rates": "on_top", "background": _row(states, leak), "given": given}


def _acting(values: Array) -> list[int]:
    """The parent states that may contribute something; the last one where none does, which keeps the arc."""
    return [i for i, none in enumerate(values[:, 0].tolist()) if none != 1.0] or [len(values) - 1]


def _table(network: BayesNet, name: str) -> Tree:
    """Every row written out; an absence that was added to a parent never occurs and takes the first row."""
    table: Table = expand(network, name)
    states = network.states[name]
    if not table.parents:
        return {"kind": "table", "otherwise": _row(states, table.values.tolist())}
    flat = table.values.reshape(-1, len(states)).tolist()
    rows: list[Tree] = []
    for when, values in zip(_conditions(network.states, table.parents), flat, strict=True):
        rows.append({"when": when, "row": _row(states, values)})
    return {"kind": "table", "parents": list(table.parents), "rows": rows, "otherwise": _row(states, flat[0])}


def _conditions(states: Mapping[str, tuple[str, ...]], parents: tuple[str, ...]) -> Iterator[dict[str, Tree]]:
    if not parents:
        yield {}
        return
    for state in states[parents[0]]:
        for rest in _conditions(states, parents[1:]):
            yield {parents[0]: state, **rest}


def _row(states: tuple[str, ...], values: list[float]) -> Tree:
    return {state: _number(p) for state, p in zip(states, values, strict=True)}


def _number(p: float) -> Tree:
    return {"p": p, **BASIS}
