"""Which roots does a setting have when its numbers are others? For many sets of numbers at once, a lane each.

`priors` solves one setting; here the same targets are met in every lane by Broyden's method (1965): the step is the
inverse of d reached / d root, in log odds, times what is missing. The inverse is that of the setting as it was
compiled, and each lane corrects its own by what its steps have changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ddx.engine.cut import CutNetwork, Form, How, Seen
from ddx.engine.ground import AS_WRITTEN, Drawn, Grounding, Names, Roots
from ddx.engine.population import Population
from ddx.engine.priors import Target, targets_of
from ddx.knowledge.arcs import with_ancestors

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

FORMS = (Form(1 << 16, split=True), Form(1 << 12, split=True))
AGREES = 1e-10  # largest difference in log odds at which a lane is met
MET = 1e-8  # a lane whose largest difference is larger in the end cannot be met
MOST_STEPS = 30
AT_ONCE = 4  # chunks of lanes that stay in cache: solving is many small calls
LONGEST_STEP = 2.0  # of one log odds
DERIVED_OVER = 1e-4  # of a central difference, in log odds
NEGLIGIBLE = 1e-10  # share of the largest singular value: contexts name all of their states, one too many
SMALLEST = 1e-300
KINDS = ("mix", "odds", "backgrounds")


@dataclass(frozen=True, slots=True)
class Lanes:
    """A setting in each lane: the numbers drawn, what it says of its patients, and roots to start from.

    `said` holds P(state) of every variable that the setting speaks of, (states, lanes); the general mix of `people` may
    be (states, lanes) too; `changed` are the variables whose own numbers were drawn.
    """

    people: Population
    drawn: Drawn
    said: Mapping[str, Floats]
    start: Roots
    changed: tuple[str, ...]
    count: int

    def some(self, chosen: Longs, start: Roots | None = None) -> Lanes:
        """A few of them, by their numbers; to start from other roots, where they are given."""
        general = {c: mix if mix.ndim == 1 else mix[:, chosen] for c, mix in self.people.general_mix.items()}
        wide = _spread(self.start if start is None else start, self.count)
        roots = Roots(*(_cut(getattr(wide, kind), chosen) for kind in KINDS))
        people, drawn = replace(self.people, general_mix=general), {k: v[chosen] for k, v in self.drawn.items()}
        return Lanes(people, drawn, _cut(self.said, chosen), roots, self.changed, len(chosen))


class ManySettings:
    """The targets of one setting, the variables that decide whether they are met, and how to meet them."""

    def __init__(self, names: Names, people: Population, roots: Roots) -> None:
        self.targets = tuple(targets_of(names.network, people))
        self.nodes = with_ancestors(names.network, [*roots.mix, *(t.node for t in self.targets)])
        self.solved = tuple(dict.fromkeys(t.node for t in self.targets))
        complaint = people.complaint
        seen = {complaint.finding: names.states[complaint.finding].index(complaint.state)} if complaint else {}
        self._names = names.left_by(seen)
        plain = Grounding(self._names, people, roots)
        cards = {node: len(states) for node, states in names.states.items()}
        models = {node: plain.local_model(node) for node in names.states if node in self.nodes}
        kept = [node for node in self.solved if node not in seen]
        self._cut = CutNetwork(models, cards, Seen(seen, {}), kept, How(FORMS))
        self._inverse = self._inverse_now(people, roots)

    def solve(self, lanes: Lanes) -> Roots:
        """The roots of every lane; NaN in a lane whose setting cannot be met."""
        width = AT_ONCE * self._cut.tree.width
        chunks = [np.arange(k, min(k + width, lanes.count)) for k in range(0, lanes.count, width)]
        with np.errstate(all="ignore"):  # what leads nowhere ends as NaN
            parts = [self._solve(lanes.some(chunk)) for chunk in chunks]
        return Roots(*(_joined([getattr(part, kind) for part in parts]) for kind in KINDS))

    def _solve(self, lanes: Lanes, inverse: Floats | None = None, steps: int = MOST_STEPS) -> Roots:
        """The same of one chunk. Once most lanes are met, the others go on by themselves."""
        tables = self._tables(Grounding(self._names, lanes.people, lanes.start, lanes.drawn), lanes.changed)
        wanted, roots = self._wanted(lanes), lanes.start
        inverse = np.tile(self._inverse, (lanes.count, 1, 1)) if inverse is None else inverse
        missing = wanted - self._reached(lanes, roots, tables)
        done = 0
        while len(left := _unmet(missing)) > lanes.count // 2 and done < steps:
            step = np.clip(np.einsum("lij,jl->il", inverse, missing), -LONGEST_STEP, LONGEST_STEP)
            roots = _stepped(roots, self.targets, step)
            still = wanted - self._reached(lanes, roots, tables)
            _correct(inverse, step, missing - still)
            missing, done = still, done + 1
        marks = np.where((np.abs(missing) < MET).all(axis=0), 0.0, np.nan)
        found = _stepped(roots, self.targets, np.broadcast_to(marks, wanted.shape))
        if not len(left) or done == steps:
            return found
        return _put(found, left, self._solve(lanes.some(left, roots), inverse[left], steps - done))

    def _inverse_now(self, people: Population, roots: Roots) -> Floats:
        """(targets, targets) d root / d reached, in log odds, of the setting as it was compiled."""
        count = len(self.targets)
        lanes = Lanes(people, AS_WRITTEN, {}, _spread(roots, 2 * count), (), 2 * count)
        steps = np.concatenate([np.eye(count), -np.eye(count)], axis=1) * DERIVED_OVER
        reached = self._reached(lanes, _stepped(lanes.start, self.targets, steps), self._cut.tables())
        slopes = (reached[:, :count] - reached[:, count:]) / (2 * DERIVED_OVER)
        return np.asarray(np.linalg.pinv(slopes, rcond=NEGLIGIBLE), dtype=np.float64)

    def _tables(self, grounding: Grounding, nodes: Sequence[str], tables: Sequence[Floats] = ()) -> list[Floats]:
        """These tables (those of the setting as it was compiled, where none are given), some variables made anew."""
        found = list(tables) or self._cut.tables()
        for node in nodes:
            if node in self._cut.places:
                made = self._cut.tables_of(node, grounding.local_model(node))
                for place, table in zip(self._cut.places[node], made, strict=True):
                    found[place] = table
        return found

    def _reached(self, lanes: Lanes, roots: Roots, tables: Sequence[Floats]) -> Floats:
        """(targets, lanes) log odds of what the setting speaks of, given its complaint; of the complaint itself."""
        made = self._tables(Grounding(self._names, lanes.people, roots, lanes.drawn), self.solved, tables)
        found = self._cut.tree.derivatives(made)
        share = {v: made[k] * found.by_table[k] / found.total for v, k in self._cut.place_of_kept.items()}
        complaint = np.exp(found.log_evidence_nats)[None]
        rows = [_log_odds(complaint if t.kind == "complaint" else share[t.node], t) for t in self.targets]
        return np.stack([np.broadcast_to(row, lanes.count) for row in rows])

    def _wanted(self, lanes: Lanes) -> Floats:
        """(targets, lanes) the log odds that the setting states."""
        rows = [
            _log_odds(np.full((1, 1), t.stated) if t.kind == "complaint" else lanes.said[t.node], t)
            for t in self.targets
        ]
        return np.stack([np.broadcast_to(row, lanes.count) for row in rows])


def _unmet(missing: Floats) -> Longs:
    """The lanes of (targets, lanes) in which something is still missing, or led nowhere."""
    return np.flatnonzero(~(np.abs(missing) < AGREES).all(axis=0))


def _log_odds(share: Floats, target: Target) -> Floats:
    """(lanes,) of one target: against absence for a root, against everything else otherwise."""
    here = share[0 if target.kind == "complaint" else target.state]
    against = share[0] if target.kind == "odds" else 1.0 - here
    odds: Floats = np.log(np.maximum(here, SMALLEST)) - np.log(np.maximum(against, SMALLEST))
    return odds


def _correct(inverse: Floats, step: Floats, change: Floats) -> None:
    """Broyden's correction in place: what each lane's last step has changed is what its inverse now says of it."""
    said = np.einsum("lij,jl->il", inverse, change)
    along = np.einsum("il,lij->jl", step, inverse)
    scale = np.einsum("il,il->l", step, said)
    usable = np.abs(scale) > SMALLEST
    inverse += np.einsum("il,jl->lij", (step - said) * np.where(usable, 1 / np.where(usable, scale, 1.0), 0.0), along)


def _stepped(roots: Roots, of: Sequence[Target], steps: Floats) -> Roots:
    """The roots with the weight of each target multiplied by exp(step), steps (targets, lanes)."""
    kinds = {"mix": dict(roots.mix), "odds": dict(roots.odds), "backgrounds": dict(roots.backgrounds)}
    for target, step in zip(of, steps, strict=True):
        rows = kinds.get(target.kind, kinds["backgrounds"])
        row = rows[target.node]
        own = np.arange(len(row))[:, None] == target.state
        rows[target.node] = row * np.where(own, np.exp(step), 1.0)
    for name in ("mix", "backgrounds"):
        kinds[name] = {node: row / row.sum(axis=0) for node, row in kinds[name].items()}
    return Roots(**kinds)


def _spread(roots: Roots, count: int) -> Roots:
    """The roots with an axis of so many lanes."""

    def wide(rows: Mapping[str, Floats]) -> dict[str, Floats]:
        return {n: np.broadcast_to(r if r.ndim == 2 else r[:, None], (len(r), count)) for n, r in rows.items()}

    return Roots(*(wide(getattr(roots, kind)) for kind in KINDS))


def _cut(rows: Mapping[str, Floats], chosen: Longs) -> dict[str, Floats]:
    """Some lanes of rows (states, lanes), where they differ."""
    return {node: row if row.shape[-1] == 1 else row[:, chosen] for node, row in rows.items()}


def _put(whole: Roots, chosen: Longs, part: Roots) -> Roots:
    """The roots of all lanes, some of them by the roots of a part."""

    def put(rows: Mapping[str, Floats], own: Mapping[str, Floats]) -> dict[str, Floats]:
        found = {}
        for node, row in rows.items():
            found[node] = row.copy()
            found[node][:, chosen] = own[node]
        return found

    return Roots(*(put(getattr(whole, kind), getattr(part, kind)) for kind in KINDS))


def _joined(parts: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """The lanes of several, one after the other."""
    return {node: np.concatenate([rows[node] for rows in parts], axis=1) for node in parts[0]}
