"""On which numbers does a weight rest? Those on the way from a disease to the findings, with source and grade.

    share of states W in a row  =  sum of the numbers of W, or 1 - sum of the others where W holds the state left out

A row of a file may name other states than the one observed; what is quoted is always what the row says of that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ddx.knowledge import spec
from ddx.knowledge.lexicon import Entry
from ddx.knowledge.meaning import cause_states, models_of, states_of
from ddx.network import Network
from ddx.reasoning.graph import Parents, above
from ddx.reasoning.numbers import Parameter, parameters
from ddx.reasoning.understanding import State

Seen = tuple[tuple[str, str | None], ...]  # findings of a chain, each with its state

MOST = 12  # numbers named for one weight
GRADES = ("measured", "memory", "judgement")  # from the best founded to the least


@dataclass(frozen=True, slots=True)
class Quoted:
    """What one row of the file says of some states of a variable, and which of its numbers say so.

    `counts` are (k, n) where all of these numbers are counts of the same n; `number` stands for what they are given.
    """

    number: Parameter
    states: tuple[str, ...]
    share: float
    counts: tuple[int, int] | None
    cited: tuple[str, ...]
    grade: str


class Grounds:
    """The numbers of one network by the variable that they speak of."""

    def __init__(self, network: Network, parents: Parents) -> None:
        self._network = network.spec
        self._askables = network.lexicon.askables
        self._parents = parents
        self._of: dict[str, list[Parameter]] = {}
        for p in parameters(network.spec) if network.spec else ():
            self._of.setdefault(p.node, []).append(p)
        self._cause = lru_cache(maxsize=None)(self._found)
        self._wanted = lru_cache(maxsize=None)(self._mattering)

    def bears(self, entry: Entry, findings: Iterable[str]) -> bool:
        """Whether the findings depend on the entry, directly or by way of others."""
        return entry.node in above(self._parents, findings)

    def below(
        self, entries: Sequence[Entry], findings: Iterable[str], said: Mapping[str, State]
    ) -> tuple[Parameter, ...]:
        """The numbers by which the entries bear on the findings; the nearest to the first finding come first.

        Of these the numbers of the states that were observed. The first entry is the one asked about, the others those
        by way of which it bears on the findings. Where none does, the numbers of the findings and of what lies above
        them.
        """
        up = above(self._parents, findings)
        own = {e.node for e in entries}
        path = {v for v in up if not own.isdisjoint(above(self._parents, [v]))} - own
        found = [p for v in path for p in self._model_numbers(v) if self._is_from(p, path, entries)]
        if not found:
            found = [p for name in findings for p in self._model_numbers(name)]
        if not found:
            found = [p for v in up - {entries[0].node} for p in self._of.get(v, ())]
        found = found or self._of.get(entries[0].node, [])
        seen = _seen(findings, said)
        steps = self._steps([name for name, _ in seen[:1]])
        rank = {name: i for i, (name, _) in enumerate(seen)}

        def order(p: Parameter) -> tuple[bool, int, bool, int, bool, float, str]:
            direct = any(node in own for node, _ in self._givens(p))
            wanted = self._wanted(p.node, seen)
            near = steps.get(p.node, len(self._parents))
            return not direct, near, p.node not in rank, rank.get(p.node, 0), p.state not in wanted, -p.value, p.where

        return tuple(sorted(dict.fromkeys(found), key=order)[:MOST])

    def quoted(self, numbers: Sequence[Parameter], findings: Sequence[str], said: Mapping[str, State]) -> Quoted | None:
        """What the row of the first of the numbers says of what was observed; None where there is no number.

        Of a finding of two states that is absent: how often it is there.
        """
        if not numbers:
            return None
        first = numbers[0]
        own = self._states.get(first.node, ())
        if first.state not in own or not isinstance(first.number, spec.Number) or len(first.place) < 5:
            return Quoted(first, (first.state,), first.value, _counts([first], False), first.cited, first.number.grade)
        row = self._row(first)
        wanted = self._wanted(first.node, _seen(findings, said))
        if len(own) == 2 and self._is_absence(first.node, wanted):
            wanted = frozenset({first.state})
        used, others = _named(row, wanted)
        return Quoted(
            first,
            tuple(s for s in own if s in wanted),
            _share(row, wanted),
            _counts(used, others),
            tuple(dict.fromkeys(key for p in used or row for key in p.cited)),
            max((p.number.grade for p in used or row), key=GRADES.index),
        )

    def _is_absence(self, node: str, wanted: frozenset[str]) -> bool:
        asked = self._askables.get(node)
        return asked is not None and wanted == {asked.absent}

    @cached_property
    def _states(self) -> Mapping[str, tuple[str, ...]]:
        return states_of(self._network) if self._network else {}

    @cached_property
    def _rules(self) -> Mapping[str, spec.Deterministic]:
        models = models_of(self._network) if self._network else {}
        return {name: model for name, model in models.items() if isinstance(model, spec.Deterministic)}

    def _steps(self, findings: Sequence[str]) -> dict[str, int]:
        """How many links above the findings each variable stands."""
        found: dict[str, int] = {}
        level, at = set(findings), 0
        while level:
            found |= dict.fromkeys(level, at)
            level = {up for name in level for up in self._parents[name]} - set(found)
            at += 1
        return found

    def _mattering(self, node: str, seen: Seen) -> frozenset[str]:
        """The states that matter: the one observed, else those that bring about what was observed below it."""
        own = dict(seen)
        if (state := own.get(node)) is not None:
            return frozenset({state})
        found: set[str] = set()
        for below in above(self._parents, own):
            if below == node or node not in self._parents[below]:
                continue
            if below in self._rules:
                states = self._wanted(below, seen)
                rules = (rule.when.get(node) for rule in self._rules[below].rules if rule.state in states)
                found |= {s for w in rules if w is not None for s in ((w,) if isinstance(w, str) else w)}
            else:
                states = self._wanted(below, seen)
                numbers = [p for p in self._model_numbers(below) if self._allows(p, states)]
                given = (pair for p in numbers for pair in self._givens(p) if pair[0] == node)
                found |= {s for _, states in given for s in states}
        every = self._states.get(node, ())
        return frozenset(found if found and found != set(every) else every[1:])

    def _row(self, p: Parameter) -> list[Parameter]:
        """The numbers of the row that a number stands in."""
        return [q for q in self._of[p.node] if q.place[:-1] == p.place[:-1]]

    def _allows(self, p: Parameter, wanted: frozenset[str]) -> bool:
        """Whether the row of a table leaves anything to these states; what causes it otherwise always does."""
        return p.place[3] != "rows" or _share(self._row(p), wanted) > 0

    def _model_numbers(self, node: str) -> list[Parameter]:
        return [p for p in self._of.get(node, ()) if p.place[0] != "settings" and p.place[2] == "model"]

    def _is_from(self, p: Parameter, path: set[str], entries: Sequence[Entry]) -> bool:
        for node, states in self._givens(p):
            if node in path or any(node == e.node and set(states) & set(e.states) for e in entries):
                return True
        return False

    def _givens(self, p: Parameter) -> list[tuple[str, tuple[str, ...]]]:
        """What a number is conditional on."""
        if p.place[3] != "rows":
            found = self._cause(p.given)
            return [found] if found else []
        assert self._network is not None
        block = getattr(self._network, str(p.place[0]))[p.node]
        assert isinstance(block.model, spec.Table) and isinstance(p.place[4], int)
        when = block.model.rows[p.place[4]].when
        return [(v, (wanted,) if isinstance(wanted, str) else wanted) for v, wanted in when.items()]

    def _found(self, cause: str) -> tuple[str, tuple[str, ...]] | None:
        return cause_states(self._network, cause) if self._network else None


def _seen(findings: Iterable[str], said: Mapping[str, State]) -> Seen:
    """The findings of a chain, each with its state; None where it is uncertain."""
    states = ((name, said.get(name)) for name in findings)
    return tuple((name, state if isinstance(state, str) else None) for name, state in states)


def _named(row: Sequence[Parameter], wanted: frozenset[str]) -> tuple[list[Parameter], bool]:
    """The numbers that give the share of some states, and whether they are those of all other states."""
    others = not wanted <= {p.state for p in row}
    return [p for p in row if (p.state in wanted) != others], others


def _share(row: Sequence[Parameter], wanted: frozenset[str]) -> float:
    """What a row gives to some states; below 1e-12 it is rounding, and nothing."""
    used, others = _named(row, wanted)
    total = sum(p.value for p in used)
    share = 1 - total if others else total
    return share if share > 1e-12 else 0.0


def _counts(numbers: Sequence[Parameter], others: bool) -> tuple[int, int] | None:
    """(k, n) of these numbers together, or of all but them; None where they are not counts of one n."""
    counts = [getattr(p.number, "counts", None) for p in numbers]
    known = [c for c in counts if c is not None]
    if len(known) < len(counts) or len({n for _, n in known}) != 1:
        return None
    k, n = sum(k for k, _ in known), known[0][1]
    return (n - k, n) if others else (k, n)


def citations(network: Network, numbers: Iterable[Parameter]) -> dict[str, str]:
    """The citation of every source that the numbers name, by its key."""
    sources = network.spec.sources if network.spec else {}
    return {key: sources[key].citation for key in dict.fromkeys(k for p in numbers for k in p.cited) if key in sources}
