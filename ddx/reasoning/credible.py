"""How sure are the posteriors, given how sure the numbers are? Every number drawn anew, again and again.

Each number that bears on the case is drawn from the distribution behind it (`uncertainty`: its counts, its interval or
its grade), independently in every draw but for the numbers of one row, which are drawn together. The tables that the
evidence leaves are made for all draws at once, and the case is answered exactly in each, a lane of the engine for every
draw. What is held: see `regrounding`.

Intervals are those of 90 %, and widened to hold the point estimate where they miss it (a point estimate is not a
median).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.engine.cut import CutNetwork, Form, How, seen_in
from ddx.engine.evidence_tree import RESCALED_BELOW_NATS
from ddx.engine.ground import Names
from ddx.engine.model import Model
from ddx.knowledge.bayesnet import Table
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain, basis_of
from ddx.reasoning.differential import listed
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.shown import Bar, Shown
from ddx.reasoning.uncertainty import LEVELS, draws
from ddx.reasoning.understanding import Understood

Floats = npt.NDArray[np.float64]

DRAWS = 1000
FEWEST_AT_ONCE, MOST_AT_ONCE, CELLS_AT_ONCE = 16, 1000, 1 << 24
FORMS = tuple(Form(largest, split=True) for largest in (1 << 16, 10000))  # tried; the least work is taken


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
    drawn = posteriors_drawn(network, model, understood, count=count, seed=seed)
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


def posteriors_drawn(network: Network, model: Model, understood: Understood, *, count: int, seed: int) -> Floats:
    """(draws, diseases) P(disease present | evidence), each draw with numbers of its own."""
    numbers = Regrounding(network, model, understood.setting)
    seen = seen_in(model.offsets, model.likelihood(understood.evidence))
    names = numbers.names.left_by(seen.states)
    entries = listed(network, model)
    kept = list(dict.fromkeys(e.node for e in entries))
    nodes = numbers.bearing([*seen.states, *seen.soft, *kept])
    cards = {node: len(states) for node, states in model.states.items()}
    how = How(FORMS, rescaled=model.posteriors(understood.evidence).log_evidence < RESCALED_BELOW_NATS)
    rng = np.random.default_rng(seed)
    parts = []
    tables = [model.network.parents(node) for node in nodes if isinstance(model.network.models[node], Table)]
    for size in _batches(count, names, tables):
        grounding = numbers.grounding(draws(numbers.rows_of(nodes), size, rng), names)
        case = CutNetwork({node: grounding.local_model(node) for node in nodes}, cards, seen, kept, how)
        probability = {node: np.eye(cards[node])[s][:, None] for node, s in seen.states.items()}
        probability.update(case.posteriors(size))
        present = [np.broadcast_to(_present(model, probability[e.node], e), size) for e in entries]
        parts.append(np.stack(present, axis=1))
    return np.concatenate(parts)


def _batches(count: int, names: Names, tables: Sequence[tuple[str, ...]]) -> list[int]:
    """How many draws are made at once: fewer where a table that the evidence leaves (by its parents) is large."""
    cells = [math.prod(len(names.left[p]) for p in own) for own in tables]
    most = max(FEWEST_AT_ONCE, min(MOST_AT_ONCE, CELLS_AT_ONCE // max(cells, default=1)))
    return [min(most, count - first) for first in range(0, count, most)]


def _present(model: Model, probability: Floats, entry: Entry) -> Floats:
    """(draws,) that the entry is present, from its node (states, draws)."""
    present: Floats = probability[[s in entry.states for s in model.states[entry.node]]].sum(axis=0)
    return present
