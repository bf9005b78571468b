"""What a query answers: posteriors of one case, of many cases, of many lanes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Layout(NamedTuple):
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


class Belief(dict[str, Mapping[str, float]]):
    """The posteriors of one case: `belief[node]` is state -> probability, `belief[event]` is absent / present.

    A name that is both a node and an event means the node; `probability(event)` is always that of the event.
    `log_evidence` is log P(evidence) in nats; `exact` is false where the answer is approximate, and then there are
    standard errors and the effective number of samples. It is a dict for speed, and frozen, as are its rows.
    """

    __slots__ = ("effective_samples", "exact", "layout", "log_evidence", "standard_errors")
    layout: Layout
    log_evidence: float
    exact: bool
    standard_errors: Mapping[str, Mapping[str, float]] | None  # where the answer is approximate
    effective_samples: float | None

    @classmethod
    def of(
        cls,
        layout: Layout,
        rows: Mapping[str, Mapping[str, float]],
        log_evidence: float,
        standard_errors: Mapping[str, Mapping[str, float]] | None = None,
        effective_samples: float | None = None,
    ) -> Belief:
        """A belief with one row for every node; approximate where it has standard errors."""
        made = dict.__new__(cls)
        dict.update(made, rows)
        put = object.__setattr__
        put(made, "layout", layout)
        put(made, "log_evidence", log_evidence)
        put(made, "exact", standard_errors is None)
        put(made, "standard_errors", standard_errors)
        put(made, "effective_samples", effective_samples)
        return made

    def _frozen(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a belief is frozen; make a dict of it first")

    __setitem__ = __delitem__ = __ior__ = __setattr__ = __delattr__ = _frozen
    clear = pop = popitem = setdefault = update = _frozen

    def __missing__(self, name: str) -> Mapping[str, float]:
        if name in self.layout.events:
            absent, present = self._split(name)
            return {"absent": absent, "present": present}
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or name in self.layout.events

    def get(self, name: str, default: object = None) -> Any:
        """The row of a node or event, or the default."""
        try:
            return self[name]
        except KeyError:
            return default

    def probability(self, event: str) -> float:
        """P(event | evidence)."""
        return self._split(event)[1]

    def _split(self, event: str) -> tuple[float, float]:
        node, meant = self.layout.events[event]
        row = self[node]
        return sum(p for s, p in row.items() if s not in meant), sum(row[s] for s in meant)

    def __repr__(self) -> str:
        shown = [f"{n}: {', '.join(f'{s} {p:.4g}' for s, p in self[n].items())}" for n in list(self)[:6]]
        more = f"; {len(self) - 6} more nodes" if len(self) > 6 else ""
        kind = "exact" if self.exact else "approximate"
        return f"<Belief, {kind}, log_evidence {self.log_evidence:.4f} nats; {'; '.join(shown)}{more}>"


def rows_of(layout: Layout, values: Floats) -> dict[str, Mapping[str, float]]:
    """Numbers on the axis of all states as node -> state -> number."""
    flat = values.tolist()
    pieces = (flat[first:last] for first, last in layout.spans.values())
    sealed = map(MappingProxyType, map(dict, map(zip, layout.states.values(), pieces)))
    return dict(zip(layout.states, sealed, strict=True))


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


class LaneAnswers(NamedTuple):
    """All marginals (states, lanes) and log P(evidence) (lanes,) in nats; an impossible lane is zeros and -inf."""

    marginals: Floats
    log_evidence: Floats
