"""What is this network for, what does it rest on, and how large is it? For independent review of its basis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ddx.engine.model import Model
from ddx.knowledge import spec
from ddx.knowledge.meaning import cause_states
from ddx.knowledge.outline import Tally
from ddx.network import Network

VALIDATION = (
    "Not validated prospectively, and not calibrated on a cohort: posteriors are as good as the numbers and the "
    "independence assumptions behind them. Diseases that are not in the network cannot be found; a finding without a "
    "number for a disease counts there as in people without any of the diseases."
)


@dataclass(frozen=True, slots=True)
class Population:
    """A setting as a reader needs it: who is seen there, and which priors it does not state itself."""

    name: str
    label: str
    description: str
    complaint: str
    stated: int
    inherited: tuple[str, ...]
    inherits: str | None


@dataclass(frozen=True, slots=True)
class Description:
    """A network for the reader. `header`, `tally` and the cells are there for clinical networks only."""

    name: str
    version: str
    title: str
    sha256: str
    header: spec.Header | None
    entries: int
    findings: int
    nodes: int
    default_setting: str | None
    populations: tuple[Population, ...] = ()
    sources: int = 0
    tally: Tally | None = None
    cells: int = 0  # pairs of a disease and a finding that it may bring about
    stated_cells: int = 0  # those with a number of their own
    remarks: tuple[str, ...] = ()
    view_of: str | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """How the network is computed, and what runs it: "C" or "numpy".

    One clique tree of possible entries, or one for each case where that is too large.
    """

    nodes: int
    cliques: int  # 0 where there is no tree for all cases
    entries: int
    treewidth: int | None
    compiled_bytes: int
    kernel: str


def described(network: Network) -> Description:
    """The network for the reader."""
    if network.spec is None:
        net = network.bayesnet()
        return Description(
            network.name, network.version, network.title, network.sha256, None, 0, len(net.nodes), len(net.nodes), None,
            remarks=net.remarks,
        )  # fmt: skip
    clinical = network.spec
    findings = clinical.view.findings if clinical.view else tuple(clinical.findings)
    stated, cells = _cells(clinical)
    groups = (clinical.context, clinical.diseases, clinical.latents, clinical.findings)
    return Description(
        network.name,
        network.version,
        network.title,
        network.sha256,
        clinical.header,
        entries=len(network.entries),
        findings=len(findings),
        nodes=sum(len(group) for group in groups),
        default_setting=clinical.default_setting,
        populations=tuple(_population(clinical, name) for name in clinical.settings),
        sources=len(clinical.sources),
        tally=network.outline.tally if network.outline and network.numbers is None else None,
        cells=cells,
        stated_cells=stated,
        view_of=clinical.view.of if clinical.view else None,
    )


def sized(model: Model) -> Size:
    """The size of a compiled network; the treewidth is that of the elimination order found, an upper bound."""
    from ddx.engine.kernel import compiled
    from ddx.engine.triangulate import best_elimination, cliques_of, moral_graph

    structure = model.structure
    stored = sum(array.nbytes for array in structure.arrays().values())
    kernel = "C" if compiled() is not None else "numpy"
    if not structure.cliques:
        return Size(len(model.nodes), 0, 0, None, stored, kernel)
    graph = moral_graph(model.parts.cards, model.parts.scopes)
    order = best_elimination(graph, model.parts.cards, model.settings.effort)[1]
    width = max(clique.bit_count() for clique in cliques_of(graph, order)) - 1
    return Size(len(model.nodes), structure.cliques, structure.entries, width, stored, kernel)


def _population(network: spec.Network, name: str) -> Population:
    from ddx.engine.population import population

    setting = network.settings[name]
    complaint = f"{setting.complaint.finding}={setting.complaint.state}" if setting.complaint else ""
    inherited = population(network, name).inherited
    return Population(
        name, setting.label, setting.description, complaint, len(setting.priors), inherited, setting.inherits
    )


def _cells(network: spec.Network) -> tuple[int, int]:
    """(stated, all) pairs of a present state of a disease and a finding that causes act on independently."""
    states = [(node, s) for node, disease in network.diseases.items() for s in disease.states[1:]]
    noisy = [f.model for f in network.findings.values() if isinstance(f.model, spec.Noisy)]
    stated = sum(len(_causes(network, [*model.given, *model.odds_ratios])) for model in noisy)
    return stated, len(states) * len(noisy)


def _causes(network: spec.Network, causes: Sequence[str]) -> set[tuple[str, str]]:
    found = [cause_states(network, cause) for cause in causes]
    return {(f[0], state) for f in found if f is not None and f[0] in network.diseases for state in f[1]}
