"""On which numbers does a weight rest? Those on the way from a disease to the findings, with source and grade."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

    def below(self, entry: Entry, findings: Iterable[str], said: Mapping[str, State]) -> tuple[Parameter, ...]:
        """The numbers by which the entry bears on the findings; those for the states observed come first.

        Where the disease does not bear on a finding itself, the numbers of the finding and of what lies above it.
        """
        up = above(self._parents, findings)
        path = {v for v in up if entry.node in above(self._parents, [v])} - {entry.node}
        found = [p for v in path for p in self._model_numbers(v) if self._is_from(p, path, entry)]
        if not found:
            found = [p for name in findings for p in self._model_numbers(name)]
        if not found:
            found = [p for v in up - {entry.node} for p in self._of.get(v, ())]
        found = found or self._of.get(entry.node, [])
        rank = {name: i for i, name in enumerate(findings)}

        def order(p: Parameter) -> tuple[bool, bool, int, str]:
            seen = said.get(p.node)
            fits = isinstance(seen, str) and p.state in (seen, "any effect")
            direct = self._cause(p.given) is not None and (self._cause(p.given) or ("",))[0] == entry.node
            return not (p.node in rank and (fits or seen is None)), not direct, rank.get(p.node, len(rank)), p.where

        return tuple(sorted(dict.fromkeys(found), key=order)[:MOST])

    def _model_numbers(self, node: str) -> list[Parameter]:
        return [p for p in self._of.get(node, ()) if p.place[0] != "settings" and p.place[2] == "model"]

    def _is_from(self, p: Parameter, path: set[str], entry: Entry) -> bool:
        for node, states in self._givens(p):
            if node in path or (node == entry.node and set(states) & set(entry.states)):
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
