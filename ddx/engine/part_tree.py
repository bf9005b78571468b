"""A clique tree for one part of a network, and many lanes answered by it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from ddx.engine import logspace, propagate
from ddx.engine.belief import Layout
from ddx.engine.cliquetree import BYTES_AN_ENTRY, build, most_planned
from ddx.engine.factors import scopes, zeros
from ddx.engine.model import Makers, Model, Settings
from ddx.engine.reduction import Reduced
from ddx.engine.structure import Parts, Structure
from ddx.engine.supports import too_large
from ddx.engine.triangulate import Sizes, best_elimination, bits, cliques_of, moral_graph
from ddx.errors import TooLarge

Floats = npt.NDArray[np.float64]

EFFORT = 2
WORTH_A_SEARCH = 200_000  # entries, beyond which a smaller tree is looked for


@dataclass(frozen=True, slots=True)
class Plan:
    """How a part would be summed: the order, and the entries that each maximal clique (a bit set) may have."""

    order: tuple[int, ...]
    cliques: Mapping[int, float]

    @property
    def entries(self) -> float:
        return sum(self.cliques.values())

    @classmethod
    def of(cls, part: Reduced) -> Plan:
        cards, known = part.factors.cards, zeros(part.factors)
        graph = moral_graph(cards, scopes(part.factors))
        entries, order = best_elimination(graph, cards, 0, zeros=known)
        if entries > WORTH_A_SEARCH:
            entries, order = best_elimination(graph, cards, EFFORT, zeros=known)
        sizes = Sizes(cards, known)
        return cls(order, {clique: sizes.entries(clique) for clique in cliques_of(graph, order)})


@dataclass(frozen=True, slots=True)
class PartTree:
    """The tree of a part. P(lane) is what `model` says of it times exp(log_scale)."""

    part: Reduced
    model: Model | None  # None where every variable has one state
    log_scale: float

    def run(self, lanes: Floats, spans: Sequence[tuple[int, int]], wanted: Collection[int]) -> tuple[Floats, Floats]:
        """Marginals of the wanted nodes on the axis of all states (states, lanes), 0 elsewhere; log P(lane) (lanes,).

        `lanes` (states, lanes) on that axis; an impossible lane is zeros and -inf.
        """
        log_evidence = np.full(lanes.shape[1], self.log_scale)
        own = self.part.variables[: self.part.visible]
        with np.errstate(divide="ignore"):
            for v in set(range(len(spans))) & set(self.part.domains) - set(own):
                log_evidence += np.log(lanes[spans[v][0] + self.part.domains[v][0]])
        rows = [spans[v][0] + states for v, states in zip(own, self.part.states, strict=False)]
        places = np.concatenate([np.empty(0, dtype=np.intp), *rows])
        marginals = np.zeros_like(lanes)
        if self.model is not None:
            answers = self.model.lanes(lanes[places], marginals=bool(wanted))
            log_evidence = log_evidence + answers.log_evidence
            if wanted:
                marginals[places] = answers.marginals
        possible = log_evidence > -math.inf
        for v in set(wanted) - set(own):
            marginals[spans[v][0] + self.part.domains[v][0]] = possible
        for v in set(own) - set(wanted):
            marginals[spans[v][0] : spans[v][1]] = 0.0
        marginals[:, ~possible] = 0.0
        return marginals, log_evidence


def grown(part: Reduced, plan: Plan, limit_bytes: int) -> PartTree:
    """The tree of a part; TooLarge where it does not fit, NothingPossible where nothing is left of it."""
    if not part.variables:
        return PartTree(part, None, part.log_scale)
    if plan.entries > most_planned(limit_bytes):
        raise too_large(plan.entries, limit_bytes // BYTES_AN_ENTRY)
    structure = build(part.factors, (plan.order,), part.visible, limit_bytes)
    potentials, log_total = _conditionals(structure)
    share = math.exp(-log_total / len(part.factors.factors))
    structure = structure._replace(potentials=potentials, tables=structure.tables * share)  # which now sum to 1
    own = zip(part.variables[: part.visible], part.states, strict=False)
    layout = Layout.of({str(v): tuple(map(str, states)) for v, states in own}, {})
    of_node = dict.fromkeys(layout.states, (0, 0))
    parts = Parts(part.factors.cards, tuple(scopes(part.factors)), of_node, structure.factor_start, structure.tables)
    settings = Settings(limit_bytes, EFFORT, structure.entries)
    model = Model(layout, parts, Makers(lambda: structure, _no_network), settings)
    return PartTree(part, model, part.log_scale + log_total)


def _no_network() -> NoReturn:
    raise TooLarge("the tree of one case has no local models of its own")


def _conditionals(structure: Structure) -> tuple[Floats, float]:
    """(entries,) P(rest of the clique | separator), and the log of the sum of everything."""
    potentials, log_total = propagate.conditionals(structure, propagate.products(structure, structure.tables))
    if log_total > propagate.TRUSTED_ABOVE_NATS:
        return potentials, log_total
    return _conditionals_in_logs(structure)


def _conditionals_in_logs(structure: Structure) -> tuple[Floats, float]:
    """The same for products that float64 cannot hold."""
    logs = logspace.log_products(structure, structure.tables)
    message = np.zeros(structure.messages)
    for c in range(structure.cliques - 1, -1, -1):
        first, last = structure.entry_start[c : c + 2].tolist()
        start, stop = structure.message_start[c : c + 2].tolist()
        begins = (structure.segment_start[start - structure.states : stop - structure.states] - first).astype(np.intp)
        values = logs[first:last]
        block = structure.maps[structure.map_start[c] : structure.map_start[c + 1]].reshape(last - first, -1)
        for k in range(structure.input_count[c]):
            values += message[block[:, k]]
        sums = logspace.log_segment_sums(values[:, None], begins)[:, 0]
        values -= np.repeat(np.where(np.isfinite(sums), sums, 0.0), np.diff(begins, append=last - first))
        message[start:stop] = sums
    return np.exp(logs), float(message[structure.message_start[0]])


def cutset(part: Reduced, plan: Plan, most_entries: float) -> tuple[list[int], float]:
    """Variables of a part without which its cliques hold no more than `most_entries`, and the entries then left.

    Greedy: always the variable whose states buy the most. Once it is held, a clique keeps 1 / states of its entries.
    """
    cards = part.factors.cards
    sizes = dict(plan.cliques)
    chosen: list[int] = []
    total = plan.entries
    while total > most_entries:
        saved: dict[int, float] = {}
        for clique, size in sizes.items():
            for v in bits(clique):
                if v not in chosen:
                    saved[v] = saved.get(v, 0.0) + size * (1 - 1 / cards[v])
        worth = {v: math.log(total / (total - s)) / math.log(cards[v]) for v, s in saved.items() if cards[v] > 1}
        if not worth:
            break
        best = max(worth, key=lambda v: (worth[v], -v))
        chosen.append(best)
        sizes = {c: size / cards[best] if c >> best & 1 else size for c, size in sizes.items()}
        total = sum(sizes.values())
    return chosen, total
