"""The root probabilities of a setting: what must they be, so that its patients look as it says?

A clinic's numbers are P(disease | complaint): "of patients referred for indurated skin, 0.8 % have it". Entered as
priors and followed by the complaint as a finding, the complaint would count twice. Here the roots are solved for:
every context mix, every stated prior and P(complaint) itself are reproduced by the network given the complaint.
Each weight is multiplied by (odds stated / odds reached)^0.8, and the steps before tell how to correct the next one
(Anderson 1965), until all agree; every step is exact inference. Without a complaint the same loop makes the marginals
those stated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ddx.engine import ground
from ddx.engine.ground import Roots
from ddx.engine.model import Model, compile_network
from ddx.engine.population import Population, row_vector
from ddx.errors import SpecError
from ddx.knowledge import spec
from ddx.knowledge.arcs import with_ancestors
from ddx.knowledge.bayesnet import Array, LocalModel
from ddx.knowledge.meaning import models_of, states_of

STEP = 0.8  # exponent of one update; 1 can overshoot where several causes compete for one complaint
REMEMBERED = 6  # steps,
NEAR = 0.1  # once no log odds differ by more
AGREES = 1e-11  # largest difference in log odds at which the loop stops
MOST_STEPS = 3000
EXHAUSTED = 1e-14  # odds beyond this or its inverse: what is stated cannot be reached


@dataclass(frozen=True, slots=True)
class Target:
    """One stated figure: the state of a variable among the patients of the setting, or the complaint itself."""

    node: str
    state: int
    stated: float
    kind: str  # "mix" | "odds" | "background" | "complaint"


def solve(network: spec.Network, people: Population) -> Roots:
    """The roots under which the network says what the setting states; SpecError names what cannot be met.

    The error gives the node, the stated figure and the smallest (or largest) figure that can be reached.
    """
    roots = starting_roots(network, people)
    targets = list(targets_of(network, people))
    if not targets:
        return roots
    network = _cut(network, with_ancestors(network, [*roots.mix, *(t.node for t in targets)]))
    model = compile_network(ground.ground(network, people, roots), effort=0)
    complaint = people.complaint
    lane = model.likelihood({complaint.finding: complaint.state} if complaint else {})[:, None]
    walk = _Walk()
    for _ in range(MOST_STEPS):
        lanes = model.lanes(lane)
        reached = [_reached(model, lanes.marginals[:, 0], float(lanes.log_evidence[0]), t) for t in targets]
        steps = [_log_odds(*_stated(t, people)) - _log_odds(*r) for t, r in zip(targets, reached, strict=True)]
        if max(map(abs, steps), default=0.0) < AGREES:
            return roots
        roots = _stepped(roots, targets, walk.next(np.array(steps)))
        _check_reachable(people, roots, targets, reached)
        model = model.with_tables(_models(network, people, roots, targets))
    worst = max(range(len(targets)), key=lambda i: abs(steps[i]))
    raise _unreachable(people, targets[worst], reached[worst])


def _cut(network: spec.Network, kept: set[str]) -> spec.Network:
    """The network with these variables alone, which are closed under parents."""
    return replace(
        network,
        context={n: x for n, x in network.context.items() if n in kept},
        diseases={n: x for n, x in network.diseases.items() if n in kept},
        latents={n: x for n, x in network.latents.items() if n in kept},
        findings={n: x for n, x in network.findings.items() if n in kept},
    )


def starting_roots(network: spec.Network, people: Population) -> Roots:
    """The stated numbers taken as roots, as if the complaint told nothing: where the solution starts."""
    odds: dict[str, Array] = {}
    for node, state in people.priors:
        if node not in models_of(network):
            states = states_of(network)[node]
            row = odds.setdefault(node, np.ones(len(states)))
            row[states.index(state)] = people.priors[node, state]
    for node, row in odds.items():
        row[0] = 1.0 - row[1:].sum()
        odds[node] = row / row[0]
    backgrounds = {n: _background(network, people, n) for n, _ in people.priors if n in models_of(network)}
    if people.complaint is not None:
        finding = people.complaint.finding
        if not isinstance(models_of(network)[finding], spec.Noisy):
            message = f"the complaint {finding} has no background that could be solved for"
            raise SpecError(
                message, where=_where(network, people), remedy="A complaint needs a noisy-or or noisy-max model."
            )
        backgrounds[finding] = _background(network, people, finding)
    return Roots(dict(people.mix), odds, backgrounds)


def _background(network: spec.Network, people: Population, node: str) -> Array:
    model = models_of(network)[node]
    assert isinstance(model, spec.Noisy)
    written = row_vector(people.backgrounds.get(node, model.background), states_of(network)[node])
    floor = np.maximum(written, 1e-9)
    normalised: Array = floor / floor.sum()
    return normalised


def targets_of(network: spec.Network, people: Population) -> Iterator[Target]:
    """What a setting states: shares of contexts, priors, the rate of its complaint."""
    for context, mix in people.mix.items():
        for i, share in enumerate(mix):
            if 0 < share < 1:
                yield Target(context, i, float(share), "mix")
    for (node, state), stated in people.priors.items():
        kind = "background" if node in models_of(network) else "odds"
        yield Target(node, states_of(network)[node].index(state), stated, kind)
    if people.complaint is not None:
        states = states_of(network)[people.complaint.finding]
        yield Target(
            people.complaint.finding, states.index(people.complaint.state), people.complaint.p.value, "complaint"
        )


def _stated(target: Target, people: Population) -> tuple[float, float]:
    """(probability of the state, of what its odds are against): absence for a root, everything else otherwise."""
    if target.kind == "odds":
        present = sum(p for (node, _), p in people.priors.items() if node == target.node)
        return target.stated, 1.0 - present
    return target.stated, 1.0 - target.stated


def _reached(model: Model, marginals: Array, log_evidence_nats: float, target: Target) -> tuple[float, float]:
    if target.kind == "complaint":
        reached = math.exp(log_evidence_nats)
        return reached, 1.0 - reached
    own = marginals[model.offsets[target.node]]
    here = float(own[target.state])
    return here, float(own[0]) if target.kind == "odds" else 1.0 - here


def _log_odds(here: float, against: float) -> float:
    return math.log(max(here, 1e-300)) - math.log(max(against, 1e-300))


class _Walk:
    """The steps taken so far, and how the differences in log odds changed with them."""

    def __init__(self) -> None:
        self.steps: list[Array] = []
        self.changes: list[Array] = []
        self.last: Array | None = None

    def next(self, differences: Array) -> Array:
        """The next step in log odds: STEP of each difference, less what the last REMEMBERED steps say of it.

        They are heard near the solution only, and forgotten where they led away: far from it, small steps lead to the
        solution that is continuous with the numbers stated, if there is one.
        """
        largest = np.abs(differences).max()
        if self.last is not None:
            self.changes.append(differences - self.last)
            if largest > NEAR or largest > 2 * np.abs(self.last).max():
                self.steps.clear()
                self.changes.clear()
        self.last = differences
        step: Array = STEP * differences
        if self.changes:
            taken, changed = np.array(self.steps[-REMEMBERED:]).T, np.array(self.changes[-REMEMBERED:]).T
            share = np.linalg.lstsq(changed, differences, rcond=1e-10)[0]
            step = step - (taken + STEP * changed) @ share
        self.steps.append(step)
        return step


def _stepped(roots: Roots, targets: list[Target], steps: Array) -> Roots:
    mix = {c: row.copy() for c, row in roots.mix.items()}
    odds = {n: row.copy() for n, row in roots.odds.items()}
    backgrounds = {n: row.copy() for n, row in roots.backgrounds.items()}
    for target, step in zip(targets, steps.tolist(), strict=True):
        rows = {"mix": mix, "odds": odds}.get(target.kind, backgrounds)
        rows[target.node][target.state] *= math.exp(step)
    for rows in (mix, backgrounds):
        for node, row in rows.items():
            rows[node] = row / row.sum()
    return Roots(mix, odds, backgrounds)


def _models(network: spec.Network, people: Population, roots: Roots, targets: list[Target]) -> Mapping[str, LocalModel]:
    """The local models that depend on what is being solved for."""
    return {node: ground.local_model(network, people, roots, node) for node in {t.node: None for t in targets}}


def _check_reachable(
    people: Population, roots: Roots, targets: list[Target], reached: list[tuple[float, float]]
) -> None:
    for target, figure in zip(targets, reached, strict=True):
        rows = {"mix": roots.mix, "odds": roots.odds}.get(target.kind, roots.backgrounds)
        row = rows[target.node]
        against = float(row[0]) if target.state != 0 else float(row.max())
        weight = float(row[target.state]) / max(against, 1e-300)
        if not EXHAUSTED < weight < 1 / EXHAUSTED:
            raise _unreachable(people, target, figure)


def _unreachable(people: Population, target: Target, figure: tuple[float, float]) -> SpecError:
    which = "smallest" if figure[0] > target.stated else "largest"
    what = f"P({target.node})" if target.kind == "complaint" else target.node
    return SpecError(
        f"setting {people.name} states {target.stated:.4g} for {what}, but the {which} figure that can be reached "
        f"is {figure[0]:.4g}",
        where=people.name,
        remedy="Other numbers of the setting force it: state that figure, or mend the numbers that force it.",
    )


def _where(network: spec.Network, people: Population) -> str:
    return f"{network.header.name}, setting {people.name}"
