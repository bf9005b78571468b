"""What is wrong with a network, as far as only inference can tell? And everything that reading it tells.

Settings whose numbers cannot be met, states that occur in no setting, variables without arcs in another tool's file,
the treewidth and the memory that the compiled network needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ddx.documents import Document
from ddx.engine.case_by_case import prepared
from ddx.engine.model import Model
from ddx.errors import DdxError
from ddx.knowledge import catalog
from ddx.knowledge.bayesnet import BayesNet
from ddx.knowledge.check import LEVELS, Checked, Issue, Level, check_file, issue_of, line_of
from ddx.knowledge.review import check_review
from ddx.network import Network, load
from ddx.network import compile as compiled
from ddx.reasoning.describe import sized


@dataclass(frozen=True, slots=True)
class Report:
    """Every problem of a file: errors first, each level in the order of the lines."""

    file: str
    kind: str  # "network", "roles" or "other tool"
    issues: tuple[Issue, ...]

    def count(self, level: Level) -> int:
        """How many problems have this level."""
        return sum(issue.level == level for issue in self.issues)

    @property
    def sound(self) -> bool:
        return not self.count("error")


def lint(name: str) -> Report:
    """Every problem of the network of that name on the shelf, or in that file; UnknownName or FileProblem without."""
    path = catalog.network_path(name)
    if path.name.endswith(catalog.ROLES_ENDING):
        return _report(path, "roles", _roles_issues(path))
    if path.suffix in (".yaml", ".yml"):
        checked = check_file(path, catalog.networks())
        return _report(path, "network", [*_clinical_issues(path, checked), *checked.issues])
    return _report(path, "other tool", _foreign_issues(path))


def _report(path: Path, kind: str, issues: Iterable[Issue]) -> Report:
    once = dict.fromkeys(issues)
    ordered = sorted(once, key=lambda i: (LEVELS.index(i.level), i.where.partition(":")[0], line_of(i.where)))
    return Report(str(path), kind, tuple(ordered))


def _clinical_issues(path: Path, checked: Checked) -> Iterator[Issue]:
    if checked.network is None or checked.document is None or any(i.level == "error" for i in checked.issues):
        return
    yield from check_review(checked, path)
    try:
        network = load(path)
    except DdxError as fault:
        yield issue_of(fault, path.name)
        return
    models: list[Model] = []
    for setting in network.settings:
        try:
            models.append(compiled(network, setting))
        except DdxError as fault:
            message = issue_of(fault, path.name)
            where = checked.document.where(("settings", setting))
            yield Issue("error", where, f"setting {setting}: {message.message}", message.remedy)
            continue
        if setting == network.default_setting:
            yield _size(path.name, models[-1])
    yield from _never(network, models, checked.document)


def _never(network: Network, models: Sequence[Model], document: Document) -> Iterator[Issue]:
    """States that have probability 0 in every setting."""
    assert network.spec is not None
    if len(models) < len(network.settings):
        return
    zero = [{(node, s) for node in m.nodes for s, p in m.posteriors({})[node].items() if p <= 0} for m in models]
    for node, state in sorted(set.intersection(*zero)) if zero else ():
        group = next(
            (g for g in ("context", "diseases", "latents", "findings") if node in getattr(network.spec, g)), ""
        )
        message = f"{node} is never {state}, in no setting"
        yield Issue("warning", document.where((group, node)), message, "Give it a row where it occurs, or remove it.")


def _roles_issues(path: Path) -> Iterator[Issue]:
    from ddx.exchange.beside import numbers_of

    try:
        network = load(path)
        file = numbers_of(path)
    except DdxError as fault:
        yield issue_of(fault, path.name)
        return
    assert network.spec is not None
    unnamed = len(network.spec.latents)
    if unnamed:
        yield Issue("note", path.name, f"{unnamed} variables have no role and are never asked")
    yield from _foreign_issues(file)


def _foreign_issues(path: Path) -> Iterator[Issue]:
    """What can be said of a file that names no sources, settings or roles."""
    from ddx.exchange.files import read_network

    try:
        network = read_network(path)
        model = prepared(network)
    except DdxError as fault:
        yield issue_of(fault, path.name)
        return
    yield from (Issue("note", path.name, remark) for remark in network.remarks)
    yield from _loose(path.name, network)
    belief = model.posteriors({})
    for node in network.nodes if belief.exact else ():
        never = [state for state, p in belief[node].items() if p <= 0]
        if never:
            yield Issue("warning", path.name, f"{node} is never {' nor '.join(never)}", "Its table gives 0 throughout.")
    yield _size(path.name, model)


def _loose(where: str, network: BayesNet) -> Iterator[Issue]:
    children = {parent for node in network.nodes for parent in network.parents(node)}
    for node in network.nodes:
        if not network.parents(node) and node not in children:
            yield Issue("warning", where, f"{node} depends on nothing and nothing on it", "Give it arcs, or remove it.")


def _size(where: str, model: Model) -> Issue:
    size = sized(model)
    message = (
        f"compiles to {size.cliques} cliques, {size.entries:,} entries, {size.compiled_bytes / 1e6:.1f} MB; "
        f"treewidth at most {size.treewidth}"
    )
    if not size.cliques:
        message = "too large for one clique tree: every case gets trees of its own, or samples where those do not fit"
    return Issue("note", where, message)
