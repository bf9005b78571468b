"""Which findings stand or fall together?

A band on electrophoresis, the paraprotein, its isotype and its size are one observation made four times: withdrawing
one of them changes nothing while the others stay. Findings are of one chain where one depends on the other, or both
on the same hidden state. Diseases, the patient's context and latent roots (room for what is not in the network) do
not tie findings together: that is what the findings are weighed for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ddx.knowledge import spec


def chains(network: spec.Network | None, observed: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The observed findings as chains, each named by its first; chains and members in the order given.

    A finding that others only follow from, as an isotype follows from a paraprotein, is put first.
    """
    names = list(observed)
    if network is None:
        return tuple((name,) for name in names)
    parents = {name: _ties(network, name) for name in (*network.findings, *network.latents)}
    root = _joined(parents)
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(root.get(name, name), []).append(name)
    depth = _depths(parents)
    return tuple(tuple(sorted(chain, key=lambda n: depth.get(n, 0))) for chain in found.values())


def _ties(network: spec.Network, name: str) -> tuple[str, ...]:
    """The findings and latents with causes of their own that a variable depends on."""
    model = network.findings[name].model if name in network.findings else network.latents[name].model
    nodes: Iterable[str] = ()
    if isinstance(model, spec.Attribute):
        nodes = (*model.gate, *model.given)
    elif isinstance(model, spec.Noisy):
        nodes = (*model.given, *model.odds_ratios)
    elif model is not None:
        nodes = model.parents
    plain = dict.fromkeys(node.partition("=")[0] for node in nodes)
    return tuple(node for node in plain if _is_link(network, node))


def _is_link(network: spec.Network, node: str) -> bool:
    return node in network.findings or (node in network.latents and network.latents[node].model is not None)


def _joined(parents: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Variable -> the one that stands for its chain."""
    above = {name: name for name in parents}

    def top(name: str) -> str:
        while above[name] != name:
            name = above[name]
        return name

    for name, own in parents.items():
        for parent in own:
            above[top(name)] = top(parent)
    return {name: top(name) for name in parents}


def _depths(parents: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """How many links stand above each variable."""
    depth: dict[str, int] = {}

    def of(name: str) -> int:
        if name not in depth:
            depth[name] = 0
            depth[name] = 1 + max((of(parent) for parent in parents[name]), default=-1)
        return depth[name]

    for name in parents:
        of(name)
    return depth
