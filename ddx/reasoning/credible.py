"""How sure are the posteriors, given how sure the numbers are? Every number drawn anew, again and again.

Each number of the network is drawn from the distribution behind it (`uncertainty`: its counts, its interval or its
grade), the table of its variable is made anew, and the case is answered exactly. What is held: see `regrounding`.

For every variable VARIANTS tables are drawn, and a draw picks one of each at random: variables are independent, numbers
of one variable are drawn together. Intervals are those of 90 %, and widened to hold the point estimate where they miss
it (a point estimate is not a median).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ddx.engine import ground
from ddx.engine.model import Model
from ddx.engine.retable import flat_tables
from ddx.errors import ImpossibleEvidence
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import LocalModel
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.derivatives import Sliced
from ddx.reasoning.differential import listed
from ddx.reasoning.numbers import Parameter, with_value
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.uncertainty import LEVELS, draws
from ddx.reasoning.understanding import Understood

Floats = npt.NDArray[np.float64]

DRAWS = 256
VARIANTS = 32
MOST_OF_ROW = 0.999  # numbers drawn for one row are scaled down where they come to more


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a posterior lies with 90 %, and how often the disease kept its place or was among the first three."""

    entry: Entry
    posterior: float
    low: float
    high: float
    median: float
    same_rank: float
    top_three: float


@dataclass(frozen=True, slots=True)
class Credible(Shown):
    """The answer: an interval for every disease, most probable first; `first_kept` is how often the first one stays."""

    basis: Basis
    intervals: tuple[Interval, ...]
    first_kept: float
    draws: int
    seed: int

    def of(self, disease: str) -> Interval:
        """The interval of one disease."""
        return next(i for i in self.intervals if i.entry.id == disease)

    @property
    def headline(self) -> str:
        first = self.intervals[0]
        return f"{first.entry.label} {first.posterior:.3g} [{first.low:.3g} - {first.high:.3g}], {self.draws} draws"

    @property
    def bars(self) -> tuple[Bar, ...]:
        return tuple(Bar(i.entry.label, i.posterior, f"{i.low:.3g}-{i.high:.3g}") for i in self.intervals)

    @property
    def result_sha256(self) -> str:
        return self.basis.result_sha256("credible", {"draws": self.draws, "seed": self.seed})

    def body(self) -> dict[str, Plain]:
        return {
            "draws": self.draws,
            "seed": self.seed,
            "first_kept": self.first_kept,
            "intervals": [
                {
                    "id": i.entry.id,
                    "posterior": i.posterior,
                    "interval": [i.low, i.high],
                    "median": i.median,
                    "same_rank": i.same_rank,
                    "top_three": i.top_three,
                }
                for i in self.intervals
            ],
        }


def credible(network: Network, model: Model, understood: Understood, *, count: int = DRAWS, seed: int = 0) -> Credible:
    """Intervals of every posterior. ImpossibleEvidence where the findings cannot occur together."""
    belief = model.posteriors(understood.evidence)
    entries = listed(network, model)
    now = np.array([sum(belief[e.node][s] for s in e.states) for e in entries])
    drawn = posteriors_drawn(network, model, understood, (entries, count, seed))
    low, median, high = np.quantile(drawn, [LEVELS[0], 0.5, LEVELS[1]], axis=0)
    ranks = np.argsort(np.argsort(-drawn, axis=1, kind="stable"), axis=1)  # (draws, entries)
    order = np.argsort(-now, kind="stable")
    place = np.empty(len(entries), dtype=int)
    place[order] = np.arange(len(entries))
    found = [
        Interval(
            entries[k],
            float(now[k]),
            min(float(low[k]), float(now[k])),
            max(float(high[k]), float(now[k])),
            float(median[k]),
            float((ranks[:, k] == place[k]).mean()),
            float((ranks[:, k] < 3).mean()),
        )
        for k in order
    ]
    basis = basis_of(network, understood, belief.log_evidence)
    return Credible(basis, tuple(found), float((ranks[:, order[0]] == 0).mean()), count, seed)


def posteriors_drawn(
    network: Network, model: Model, understood: Understood, asked: tuple[Sequence[Entry], int, int]
) -> Floats:
    """(draws, entries) P(entry present | evidence), each with its own numbers."""
    entries, count, seed = asked
    rng = np.random.default_rng(seed)
    numbers = Regrounding(network, model, understood.setting)
    index = {node: i for i, node in enumerate(model.nodes)}
    nodes = list(dict.fromkeys(e.node for e in entries))
    sliced = Sliced(model, model.likelihood(understood.evidence), [index[n] for n in nodes])
    base = sliced.tables(model.structure.tables)
    variants = _variants(numbers, sliced, min(count, VARIANTS), rng)
    chosen = {node: rng.integers(0, len(tables), count) for node, tables in variants.items()}
    found = np.empty((count, len(entries)))
    for k in range(count):
        tables = list(base)
        for node, drawn in variants.items():
            for place, table in drawn[int(chosen[node][k])].items():
                tables[place] = table
        total, joints = sliced.joints(tables)
        if not total > 0:
            raise ImpossibleEvidence(understood.evidence)
        joints.update({v: total * np.eye(sliced.cards[v])[s] for v, s in sliced.observed.items()})
        found[k] = [_present(model, joints[index[e.node]], e) / total for e in entries]
    return found


def _present(model: Model, joint: Floats, entry: Entry) -> float:
    return float(sum(joint[i] for i, s in enumerate(model.states[entry.node]) if s in entry.states))


def _variants(
    numbers: Regrounding, sliced: Sliced, count: int, rng: np.random.Generator
) -> dict[str, list[dict[int, Floats]]]:
    """For each variable whose numbers matter, so many drawn versions of its cut tables, by place among the slices."""
    of_factor = {s.factor: k for k, s in enumerate(sliced.slices)}
    by_node: dict[str, list[Parameter]] = {}
    for p in numbers.varied:
        if any(f in of_factor for f in numbers.factors(p)):
            by_node.setdefault(p.node, []).append(p)
    found = {}
    for node, own in by_node.items():
        values = np.stack([draws(p.number, count, rng) for p in own], axis=1)  # (variants, numbers)
        if not (values != [p.value for p in own]).any():
            continue
        found[node] = [_tables(numbers, sliced, of_factor, (node, _redrawn(numbers, own, row))) for row in values]
    return found


def _redrawn(numbers: Regrounding, own: Sequence[Parameter], values: Floats) -> LocalModel:
    """P(variable | parents) with all of its numbers drawn anew."""
    drawn = dict(zip(own, values.tolist(), strict=True))
    node = own[0].node
    if own[0].place[0] == "settings":
        roots = numbers.roots
        for p, value in drawn.items():
            roots = replace(roots, odds={**roots.odds, node: numbers.shifted_odds(p, value, roots.odds[node])})
        return ground.local_model(numbers.family(node), numbers.people, roots, node)
    network = numbers.family(node)
    for p, value in _within_rows(drawn).items():
        network = with_value(network, p, value)
    return ground.local_model(network, numbers.people, numbers.roots, node)


def _within_rows(drawn: Mapping[Parameter, float]) -> dict[Parameter, float]:
    """The numbers of one row scaled down where they come to more than a whole."""
    sums: dict[tuple[str | int, ...], float] = {}
    for p, value in drawn.items():
        if isinstance(p.number, spec.Number):
            sums[p.place[:-1]] = sums.get(p.place[:-1], 0.0) + value
    return {
        p: value * MOST_OF_ROW / sums[p.place[:-1]] if sums.get(p.place[:-1], 0.0) > MOST_OF_ROW else value
        for p, value in drawn.items()
    }


def _tables(
    numbers: Regrounding, sliced: Sliced, of_factor: Mapping[int, int], drawn: tuple[str, LocalModel]
) -> dict[int, Floats]:
    """The cut tables of a drawn variable, by place among the slices."""
    node, local = drawn
    model = numbers.model
    flat = flat_tables(model.network, model.structure, model.parts, {node: local})[0]
    start = model.structure.factor_start
    found = {}
    for f in range(*model.parts.of_node[node]):
        if f in of_factor:
            whole = flat[start[f] : start[f + 1]].reshape([sliced.cards[v] for v in model.parts.scopes[f]])
            found[of_factor[f]] = sliced.slices[of_factor[f]].cut(whole).copy()
    return found
