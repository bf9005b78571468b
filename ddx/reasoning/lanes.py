"""Several what-ifs at once: each is one lane of evidence, and all are propagated together.

A lane is the evidence of the case with something added, withdrawn or clamped. Rows are the states of all nodes of the
model, columns the lanes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.reasoning.understanding import State

Floats = npt.NDArray[np.float64]

SMALLEST = 1e-300  # a probability below it has no logarithm to speak of


class Lanes:
    """Collects lanes, then runs them in one call."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._columns: list[Floats] = []

    def add(self, evidence: Mapping[str, State]) -> int:
        """A lane with this evidence; returns its number."""
        return self.add_column(self.model.likelihood(evidence))

    def add_column(self, column: Floats) -> int:
        """A lane with this likelihood of every state, (states,)."""
        self._columns.append(column)
        return len(self._columns) - 1

    def run(self) -> Answers:
        """All lanes answered."""
        answers = self.model.lanes(np.stack(self._columns, axis=1))
        return Answers(self.model, answers.marginals, answers.log_evidence)


class Answers:
    """What the lanes gave: P(every state | lane), and log P(lane) in nats."""

    def __init__(self, model: Model, marginals: Floats, log_evidence_nats: Floats) -> None:
        self.model = model
        self.marginals = marginals  # (states, lanes)
        self.log_evidence_nats = log_evidence_nats  # (lanes,)

    def present(self, entries: Sequence[Entry]) -> Floats:
        """P(entry present | lane), (entries, lanes)."""
        return self._summed([places(self.model, e)[0] for e in entries])

    def absent(self, entries: Sequence[Entry]) -> Floats:
        """P(entry absent | lane), (entries, lanes): summed by itself, so that it keeps its digits where it is small."""
        return self._summed([places(self.model, e)[1] for e in entries])

    def log_odds(self, entries: Sequence[Entry]) -> Floats:
        """log odds of each entry in each lane, in nats, (entries, lanes); finite also where a probability is 0."""
        present, absent = self.present(entries), self.absent(entries)
        odds: Floats = np.log(np.maximum(present, SMALLEST)) - np.log(np.maximum(absent, SMALLEST))
        return odds

    def _summed(self, rows: Sequence[tuple[int, ...]]) -> Floats:
        summed: Floats = np.array([self.marginals[list(of)].sum(axis=0) for of in rows])
        return summed


def places(model: Model, entry: Entry) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where the states stand in which the entry is present, and in which it is absent."""
    span = model.offsets[entry.node]
    labels = model.states[entry.node]
    present = tuple(span.start + i for i, label in enumerate(labels) if label in entry.states)
    absent = tuple(span.start + i for i, label in enumerate(labels) if label not in entry.states)
    return present, absent


def clamped(model: Model, column: Floats, entry: Entry, *, present: bool) -> Floats:
    """The lane with the entry held present or absent."""
    fixed: Floats = column.copy()
    fixed[list(places(model, entry)[1 if present else 0])] = 0.0
    return fixed
