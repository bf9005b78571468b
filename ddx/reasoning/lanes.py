"""Several what-ifs at once: each is one lane of evidence, and all are propagated together.

A lane is the evidence of the case with something added, withdrawn or clamped. Rows are the states of all nodes of the
model, columns the lanes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ddx.engine.case_tree import Question, case_tree
from ddx.engine.elimination import Dense
from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.network import Network
from ddx.reasoning.chains import chains
from ddx.reasoning.graph import above, parents_in
from ddx.reasoning.understanding import State, Understood

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


class TreeLanes:
    """Collects lanes of one question, then runs them in one call on a tree of only what it speaks of.

    A lane is the version in which each group of findings is entered, -1 for not at all, and the entries held.
    """

    def __init__(self, model: Model, question: Question) -> None:
        self.model = model
        self.tree = case_tree(model, question)
        self._versions: list[Sequence[int]] = []
        self._held: list[tuple[tuple[Entry, bool], ...]] = []

    def add_versions(self, versions: Sequence[int], held: Sequence[tuple[Entry, bool]] = ()) -> int:
        """A lane with these versions, and entries held present or absent; its number."""
        self._versions.append(versions)
        self._held.append(tuple(held))
        return len(self._held) - 1

    def run(self) -> Answers:
        """All lanes answered; what is added after that are lanes of the next run."""
        spans = self.tree.spans
        likelihood = np.ones((self.tree.states, len(self._held)))
        for lane, held in enumerate(self._held):
            for entry, present in held:
                first, labels = spans[entry.node][0], self.model.states[entry.node]
                likelihood[[first + i for i, s in enumerate(labels) if (s in entry.states) != present], lane] = 0.0
        versions = np.array(self._versions, dtype=np.int64).T.reshape(-1, len(self._held))
        self._versions, self._held = [], []
        answers = self.tree.lanes(likelihood, versions)
        offsets = {node: slice(*span) for node, span in spans.items()}
        return Answers(self.model, answers.marginals, answers.log_evidence, offsets)


class CaseLanes(TreeLanes):
    """What-ifs about one case in which whole chains of findings are entered or not, and entries held.

    They are answered for the nodes of the entries and all above them.
    """

    def __init__(self, network: Network, model: Model, understood: Understood, entries: Sequence[Entry]) -> None:
        evidence, complaint = understood.evidence, understood.complaint
        parents = parents_in(model)
        self.chains = chains(network, parents, [u.finding for u in understood.findings])
        groups: list[tuple[dict[str, State], ...]] = [({f: evidence[f] for f in chain},) for chain in self.chains]
        self.everything = [0] * len(groups)
        self._before = [-1] * len(groups)
        for k, chain in enumerate(self.chains):
            if complaint in chain:
                self._before[k] = 1 if len(chain) > 1 else 0
                groups[k] += ({complaint: evidence[complaint]},) if len(chain) > 1 else ()
        nodes = dict.fromkeys(e.node for e in entries)
        upper = above(parents, nodes) - set(understood.patient) - set(nodes)
        kept = (*nodes, *(n for n in model.nodes if n in upper))
        super().__init__(model, Question(understood.patient, tuple(groups), kept))

    def add(self, entered: Iterable[int] | None = None, held: Sequence[tuple[Entry, bool]] = ()) -> int:
        """A lane with these chains entered (all where None), and entries held present or absent; its number."""
        chosen = range(len(self.everything)) if entered is None else set(entered)
        return self.add_versions([0 if k in chosen else -1 for k in range(len(self.everything))], held)

    def add_without(self, chain: int, held: Sequence[tuple[Entry, bool]] = ()) -> int:
        """A lane with every chain but one."""
        return self.add((k for k in range(len(self.everything)) if k != chain), held)

    def add_before(self) -> int:
        """A lane with what is known before any finding: the patient and the complaint of the setting."""
        return self.add_versions(self._before)

    def factors(self) -> tuple[list[Dense], float]:
        """P(what is above the findings, the whole case): factors by the number of the variable, and log a constant."""
        return self.tree.factors(self.everything)


class StepLanes(TreeLanes):
    """What-ifs about one case that is entered finding by finding: so many of them, or one by itself, and entries held.

    Of a chain of findings, those entered so far are one version, and each of the others by itself is one.
    """

    def __init__(self, network: Network, model: Model, understood: Understood, entries: Sequence[Entry]) -> None:
        """`understood` has its findings in the order in which they are entered."""
        evidence, names = understood.evidence, [u.finding for u in understood.findings]
        tied = chains(network, parents_in(model), names)
        ordered = [sorted(chain, key=names.index) for chain in tied]
        groups = [
            (
                *({f: evidence[f] for f in chain[: n + 1]} for n in range(len(chain))),
                *({f: evidence[f]} for f in chain[1:]),
            )
            for chain in ordered
        ]
        place = {f: (g, n) for g, chain in enumerate(ordered) for n, f in enumerate(chain)}
        nothing = [-1] * len(groups)
        self._upto, self._alone = [nothing], []
        for name in names:
            g, n = place[name]
            self._upto.append([n if k == g else version for k, version in enumerate(self._upto[-1])])
            by_itself = 0 if n == 0 else len(ordered[g]) + n - 1
            self._alone.append([by_itself if k == g else -1 for k in range(len(groups))])
        kept = tuple(dict.fromkeys(e.node for e in entries))
        super().__init__(model, Question(understood.patient, tuple(groups), kept))

    def add(self, count: int, held: Sequence[tuple[Entry, bool]] = ()) -> int:
        """A lane with so many findings entered, the first ones, and entries held present or absent; its number."""
        return self.add_versions(self._upto[count], held)

    def add_alone(self, finding: int) -> int:
        """A lane with one finding by itself, named by its place."""
        return self.add_versions(self._alone[finding])


class Answers:
    """What the lanes gave: P(state | lane) of the nodes that have an offset, and log P(lane) in nats."""

    def __init__(
        self, model: Model, marginals: Floats, log_evidence_nats: Floats, offsets: Mapping[str, slice] | None = None
    ) -> None:
        self.model = model
        self.marginals = marginals  # (states, lanes)
        self.log_evidence_nats = log_evidence_nats  # (lanes,)
        self.offsets = model.offsets if offsets is None else offsets

    def present(self, entries: Sequence[Entry]) -> Floats:
        """P(entry present | lane), (entries, lanes)."""
        return self._summed([self._places(e)[0] for e in entries])

    def absent(self, entries: Sequence[Entry]) -> Floats:
        """P(entry absent | lane), (entries, lanes): summed by itself, so that it keeps its digits where it is small."""
        return self._summed([self._places(e)[1] for e in entries])

    def log_odds(self, entries: Sequence[Entry]) -> Floats:
        """log odds of each entry in each lane, in nats, (entries, lanes); finite also where a probability is 0."""
        present, absent = self.present(entries), self.absent(entries)
        odds: Floats = np.log(np.maximum(present, SMALLEST)) - np.log(np.maximum(absent, SMALLEST))
        return odds

    def open_log_odds(self, entry: Entry) -> Floats:
        """log odds of an entry in each lane, in nats, (lanes,): infinite where the lane settles it; no number where the
        lane itself is impossible."""
        present, absent = self.present([entry])[0], self.absent([entry])[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.log(present) - np.log(absent)
        found: Floats = np.where(np.isneginf(self.log_evidence_nats), np.nan, odds)
        return found

    def of(self, node: str, lane: int) -> Floats:
        """(states,) P(state | lane) of a node."""
        row: Floats = self.marginals[self.offsets[node], lane]
        return row

    def _places(self, entry: Entry) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return _places(self.offsets[entry.node].start, self.model.states[entry.node], entry)

    def _summed(self, rows: Sequence[tuple[int, ...]]) -> Floats:
        summed: Floats = np.array([self.marginals[list(of)].sum(axis=0) for of in rows])
        return summed


def places(model: Model, entry: Entry) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where the states stand in which the entry is present, and in which it is absent."""
    return _places(model.offsets[entry.node].start, model.states[entry.node], entry)


def _places(start: int, labels: Sequence[str], entry: Entry) -> tuple[tuple[int, ...], tuple[int, ...]]:
    present = tuple(start + i for i, label in enumerate(labels) if label in entry.states)
    absent = tuple(start + i for i, label in enumerate(labels) if label not in entry.states)
    return present, absent


def clamped(model: Model, column: Floats, entry: Entry, *, present: bool) -> Floats:
    """The lane with the entry held present or absent."""
    fixed: Floats = column.copy()
    fixed[list(places(model, entry)[1 if present else 0])] = 0.0
    return fixed
