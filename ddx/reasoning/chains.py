"""Which findings stand or fall together?

A band on electrophoresis, the paraprotein, its isotype and its size are one observation made four times: withdrawing
one of them changes nothing while the others stay. Findings are of one chain where one depends on the other, or both
on the same hidden state. Diseases, the patient's context and latent roots (room for what is not in the network) do
not tie findings together: that is what the findings are weighed for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ddx.network import Network
from ddx.reasoning.graph import Parents


def chains(network: Network, parents: Parents, observed: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The observed findings as chains, each named by its first; chains in the order given.

    Within a chain what others only follow from, as an isotype follows from a paraprotein, is put first.
    """
    ties = _ties(network, parents)
    root = _joined(ties)
    found: dict[str, list[str]] = {}
    for name in observed:
        found.setdefault(root.get(name, name), []).append(name)
    depth = _depths(ties)
    return tuple(tuple(sorted(chain, key=lambda n: depth.get(n, 0))) for chain in found.values())


def _ties(network: Network, parents: Parents) -> dict[str, tuple[str, ...]]:
    """Every finding and hidden state with the findings and hidden states that it depends on."""
    if network.outline is None:
        return dict.fromkeys(parents, ())
    apart = {*network.outline.diseases, *network.outline.context}
    apart |= {name for name in network.outline.latents if name in parents and not parents[name]}
    return {
        node: tuple(p for p in own if p not in apart) for node, own in parents.items() if node not in apart
    }  # fmt: skip


def _joined(ties: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Variable -> the one that stands for its chain."""
    over = {name: name for name in ties}

    def top(name: str) -> str:
        while over[name] != name:
            name = over[name]
        return name

    for name, own in ties.items():
        for tied in own:
            over[top(name)] = top(tied)
    return {name: top(name) for name in ties}


def _depths(ties: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """How many links stand above each variable."""
    depth: dict[str, int] = {}
    for name in ties:
        waiting = [name]
        while waiting:
            unknown = [tied for tied in ties[waiting[-1]] if tied not in depth]
            if unknown:
                waiting += unknown
            else:
                here = waiting.pop()
                depth[here] = 1 + max((depth[tied] for tied in ties[here]), default=-1)
    return depth
