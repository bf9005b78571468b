"""What a query answers: posteriors of one case, of many cases, of many lanes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """Names, and where each stands on the axis of all states."""

    states: Mapping[str, tuple[str, ...]]
    spans: Mapping[str, tuple[int, int]]  # node -> first and one past the last of its states
    events: Mapping[str, tuple[str, tuple[str, ...]]]  # event -> its node, the states that mean it is present

    @classmethod
    def of(cls, states: Mapping[str, tuple[str, ...]], events: Mapping[str, tuple[str, tuple[str, ...]]]) -> Layout:
        spans, start = {}, 0
        for node, labels in states.items():
            spans[node] = (start, start + len(labels))
            start += len(labels)
        return cls(states, spans, events)

    @property
    def total(self) -> int:
        return sum(len(labels) for labels in self.states.values())

    def present(self, event: str) -> list[int]:
        """Places of the states that mean that an event is present."""
        node, labels = self.events[event]
        return [self.spans[node][0] + self.states[node].index(label) for label in labels]


class Belief(Mapping[str, Mapping[str, float]]):
    """The posteriors of one case: `belief[node]` is state -> probability, `belief[event]` is absent / present.

    A name that is both a node and an event means the node; `probability(event)` is always that of the event.
    `log_evidence` is log P(evidence) in nats; `exact` is false where the answer is approximate.
    """

    __slots__ = ("_layout", "_values", "exact", "log_evidence")
    log_evidence: float
    exact: bool

    def __init__(self, layout: Layout, values: list[float], log_evidence: float, exact: bool = True) -> None:
        put = object.__setattr__
        put(self, "_layout", layout)
        put(self, "_values", values)  # one number for every state of every node
        put(self, "log_evidence", log_evidence)
        put(self, "exact", exact)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a belief is frozen: {name} cannot be set")

    def __getitem__(self, name: str) -> Mapping[str, float]:
        layout: Layout = self._layout
        span = layout.spans.get(name)
        if span is not None:
            return dict(zip(layout.states[name], self._values[span[0] : span[1]], strict=True))
        if name in layout.events:
            absent, present = self._split(name)
            return {"absent": absent, "present": present}
        raise KeyError(name)

    def probability(self, event: str) -> float:
        """P(event | evidence)."""
        return self._split(event)[1]

    def _split(self, event: str) -> tuple[float, float]:
        layout: Layout = self._layout
        first, last = layout.spans[layout.events[event][0]]
        chosen = set(layout.present(event))
        absent = sum(self._values[i] for i in range(first, last) if i not in chosen)
        return absent, sum(self._values[i] for i in chosen)

    def __iter__(self) -> Iterator[str]:
        layout: Layout = self._layout
        yield from layout.spans
        yield from (event for event in layout.events if event not in layout.spans)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        layout: Layout = self._layout
        shown = [f"{n}: {', '.join(f'{s} {p:.4g}' for s, p in self[n].items())}" for n in list(layout.spans)[:6]]
        more = f"; {len(layout.spans) - 6} more nodes" if len(layout.spans) > 6 else ""
        kind = "exact" if self.exact else "approximate"
        return f"<Belief, {kind}, log_evidence {self.log_evidence:.4f} nats; {'; '.join(shown)}{more}>"


@dataclass(frozen=True, slots=True, eq=False)
class BatchTable:
    """The posteriors of many cases: `table[node]` and `table[event]` are float64 (cases, states).

    An event's columns are absent, present. `log_evidence` (cases,) is in nats. Where impossible cases were to be
    marked they have log_evidence -inf, probabilities 0 and `impossible` true.
    """

    layout: Layout
    values: Floats  # (cases, states of all nodes)
    log_evidence: Floats  # (cases,)
    exact: bool = True

    @property
    def impossible(self) -> npt.NDArray[np.bool_]:
        return np.isneginf(self.log_evidence)

    def __getitem__(self, name: str) -> Floats:
        span = self.layout.spans.get(name)
        if span is not None:
            return self.values[:, span[0] : span[1]]
        if name not in self.layout.events:
            raise KeyError(name)
        first, last = self.layout.spans[self.layout.events[name][0]]
        chosen = self.layout.present(name)
        rest = [i for i in range(first, last) if i not in set(chosen)]
        return np.stack([self.values[:, rest].sum(axis=1), self.values[:, chosen].sum(axis=1)], axis=1)

    def __len__(self) -> int:
        return len(self.log_evidence)


@dataclass(frozen=True, slots=True, eq=False)
class LaneAnswers:
    """All marginals (states, lanes) and log P(evidence) (lanes,) in nats; an impossible lane is zeros and -inf."""

    marginals: Floats
    log_evidence: Floats
