"""On which numbers does a weight rest? Those on the way from a disease to the findings, with source and grade."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from ddx.knowledge import spec
from ddx.knowledge.lexicon import Entry
from ddx.knowledge.meaning import cause_states
from ddx.network import Network
from ddx.reasoning.graph import Parents, above
from ddx.reasoning.numbers import Parameter, parameters
from ddx.reasoning.understanding import State

MOST = 12  # numbers named for one weight


class Grounds:
    """The numbers of one network by the variable that they speak of."""

    def __init__(self, network: Network, parents: Parents) -> None:
        self._network = network.spec
        self._parents = parents
        self._of: dict[str, list[Parameter]] = {}
        for p in parameters(network.spec) if network.spec else ():
            self._of.setdefault(p.node, []).append(p)
        self._cause = lru_cache(maxsize=None)(self._found)

    def bears(self, entry: Entry, findings: Iterable[str]) -> bool:
        """Whether the findings depend on the entry, directly or by way of others."""
        return entry.node in above(self._parents, findings)

    def below(
        self, entries: Sequence[Entry], findings: Iterable[str], said: Mapping[str, State]
    ) -> tuple[Parameter, ...]:
        """The numbers by which the entries bear on the findings; those for the states observed come first.

        The first entry is the one asked about, the others those by way of which it bears on the findings. Where none
        does, the numbers of the findings and of what lies above them.
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
        rank = {name: i for i, name in enumerate(findings)}
        states = {s for name in findings if isinstance(s := said.get(name), str)}

        def order(p: Parameter) -> tuple[bool, bool, int, bool, float, str]:
            direct = any(node in own for node, _ in self._givens(p))
            return not direct, p.node not in rank, rank.get(p.node, 0), p.state not in states, -p.value, p.where

        return tuple(sorted(dict.fromkeys(found), key=order)[:MOST])

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


def citations(network: Network, numbers: Iterable[Parameter]) -> dict[str, str]:
    """The citation of every source that the numbers name, by its key."""
    sources = network.spec.sources if network.spec else {}
    return {key: sources[key].citation for key in dict.fromkeys(k for p in numbers for k in p.cited) if key in sources}
