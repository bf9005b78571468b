"""Where was something explained away, as the findings of a case were entered one after the other?

A finding would raise a disease by itself, but hardly does here, since another disease that is already likely accounts
for it; or a disease falls although the finding by itself does not speak against it, since a disease that the finding
raised accounts for what had spoken for it. It is told where a query with the other disease held absent bears it out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddx.knowledge.lexicon import Entry
from ddx.reasoning.graph import Parents, above
from ddx.reasoning.lanes import Answers, StepLanes
from ddx.reasoning.numbers import expit

Floats = npt.NDArray[np.float64]

LIKELY = 0.5
SPOKEN_OF = 0.01  # explaining away is told of diseases that are, or would be, at least this probable
LOST_NATS = math.log(2)  # a weight on its own whose loss is told
FELL_NATS = math.log(1.5)  # a fall that is told
MOST_ASKED = 8  # candidates looked into at one step
RESTORED = 0.5  # the other disease held absent gives back at least this share of what was lost


@dataclass(frozen=True, slots=True)
class ExplainingAway:
    """A disease that this step moved otherwise than the finding would by itself, and the disease that accounts for it.

    `alone_nats` is what the finding by itself does to its log odds, `here_nats` what it did at this step. `explains` is
    the finding accounted for: this one, or an earlier one where this one only raised `by`.
    """

    disease: str
    alone_nats: float
    here_nats: float
    by: str
    explains: str


def explained_away(
    parents: Parents, lanes: StepLanes, entries: Sequence[Entry], names: Sequence[str], answers: Answers
) -> dict[int, ExplainingAway]:
    """Step number -> what was explained away there: of several, what lost most of its probability.

    `answers` are those of so many findings entered, from none to all `names`, and of each one by itself.
    """
    return _Search(parents, lanes, entries, names, answers).found()


class _Search:
    """Looks for explaining away at every step, and keeps what a query with the other disease held absent bears out."""

    def __init__(
        self, parents: Parents, lanes: StepLanes, entries: Sequence[Entry], names: Sequence[str], answers: Answers
    ) -> None:
        self.lanes, self.entries, self.names = lanes, entries, names
        count = len(names)
        odds, self.present = answers.log_odds(entries), answers.present(entries)
        self.before = odds[:, :count]
        self.here = np.diff(odds[:, : count + 1], axis=1)  # (entries, findings) as entered
        self.alone = odds[:, count + 1 :] - odds[:, [0]]
        self.up = {name: above(parents, [name]) for name in names}
        self.causes = {e.node: above(parents, [e.node]) for e in entries}

    def found(self) -> dict[int, ExplainingAway]:
        """As `explained_away`."""
        asked = []
        for k in range(len(self.names)):
            every = sorted((*self._lost(k), *self._gave_way(k)), key=lambda one: -self._gone(k, one))
            asked += [(k, one) for one in every[:MOST_ASKED]]
        if not asked:
            return {}
        for k, (_, other, _) in asked:
            for count in (k, k + 1):
                self.lanes.add(count, held=[(self.entries[other], False)])
        odds = self.lanes.run().log_odds(self.entries)
        found: dict[int, ExplainingAway] = {}
        for n, (k, (own, other, explains)) in enumerate(asked):
            alone, here = float(self.alone[own, k]), float(self.here[own, k])
            without = float(odds[own, 2 * n + 1] - odds[own, 2 * n])
            if k + 1 not in found and (without - here) / (self._aim(k, own, explains) - here) >= RESTORED:
                found[k + 1] = ExplainingAway(self.entries[own].id, alone, here, self.entries[other].id, explains)
        return found

    def _aim(self, k: int, own: int, explains: str) -> float:
        """What the step would do to the log odds of a disease if nothing were explained away."""
        return float(self.alone[own, k]) if explains == self.names[k] else 0.0

    def _gone(self, k: int, one: tuple[int, int, str]) -> float:
        """How much probability that is."""
        own, _, explains = one
        return expit(float(self.before[own, k]) + self._aim(k, own, explains)) - float(self.present[own, k + 1])

    def _lost(self, k: int) -> list[tuple[int, int, str]]:
        """(disease, other, finding): the finding raises the disease by itself, but hardly with the other known."""
        name, found = self.names[k], []
        for own, entry in enumerate(self.entries):
            would = float(self.present[own, len(self.names) + 1 + k])
            alone, here = float(self.alone[own, k]), float(self.here[own, k])
            if would >= SPOKEN_OF and alone >= LOST_NATS and here <= alone / 2:
                found += [(own, other, name) for other in self._accounting(entry, name, self.present[:, k])]
        return found

    def _gave_way(self, k: int) -> list[tuple[int, int, str]]:
        """(disease, other, earlier finding): the disease falls since the finding raised the other."""
        found = []
        for own, entry in enumerate(self.entries):
            fell = self.here[own, k] <= -FELL_NATS and self.present[own, k] >= SPOKEN_OF
            if not fell or self.alone[own, k] <= -FELL_NATS / 2 or entry.node in self.up[self.names[k]]:
                continue
            raising = [j for j in range(k) if entry.node in self.up[self.names[j]] and self.alone[own, j] > 0]
            strongest = max(raising, key=lambda j: self.alone[own, j], default=None)
            if strongest is not None:
                earlier = self.names[strongest]
                others = self._accounting(entry, earlier, self.present[:, k + 1])
                found += [(own, other, earlier) for other in others if self.here[other, k] > 0]
        return found

    def _accounting(self, entry: Entry, finding: str, present: Floats) -> list[int]:
        """Likely diseases above a finding that are neither the disease itself nor its effects."""
        return [
            i
            for i, e in enumerate(self.entries)
            if present[i] >= LIKELY and e.node in self.up[finding] and entry.node not in self.causes[e.node]
        ]
