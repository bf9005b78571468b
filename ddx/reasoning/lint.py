"""What is wrong with a network, as far as only inference can tell? And everything that reading it tells.

Settings whose numbers cannot be met, states that occur in no setting, variables without arcs in another tool's file,
the treewidth and the memory that the compiled network needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ddx.documents import Document, Place, read
from ddx.engine.case_by_case import prepared
from ddx.engine.model import Model
from ddx.errors import DdxError
from ddx.knowledge import catalog
from ddx.knowledge import spec as clinical
from ddx.knowledge.bayesnet import BayesNet
from ddx.knowledge.check import LEVELS, Checked, Issue, Level, check_file, issue_of, line_of, told
from ddx.knowledge.load import shape_of
from ddx.knowledge.outline import outline_of
from ddx.knowledge.provenance import tally
from ddx.knowledge.review import check_review
from ddx.knowledge.roles import Roles, role_faults
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
        return _report(path, "roles", _roles_issues(path, None))
    if path.suffix in (".yaml", ".yml"):
        checked = check_file(path, catalog.networks())
        return _report(path, "network", [*_clinical_issues(path, checked), *checked.issues])
    beside = catalog.roles_beside(path)
    found = _foreign_issues(path) if beside is None else _roles_issues(beside, path)
    return _report(path, "other tool", found)


def _report(path: Path, kind: str, issues: Iterable[Issue]) -> Report:
    once = dict.fromkeys(issues)
    ordered = sorted(once, key=lambda i: (LEVELS.index(i.level), i.where.partition(":")[0], line_of(i.where)))
    return Report(str(path), kind, tuple(ordered))


def _clinical_issues(path: Path, checked: Checked) -> Iterator[Issue]:
    """What a second reader and inference tell; where there are errors, what was not looked at."""
    unchecked = [*checked.unchecked]
    if checked.network is not None:
        yield from check_review(checked, path)
    if checked.network is not None and checked.whole:
        yield from _computed_issues(path, checked, checked.network)
    else:
        unchecked.append("whether the settings can be met, states that never occur, size")
    if not checked.sound and unchecked:
        yield Issue("note", path.name, f"not checked until the errors are mended: {'; '.join(unchecked)}")


def _computed_issues(path: Path, checked: Checked, written: clinical.Network) -> Iterator[Issue]:
    assert checked.document is not None
    try:
        network = load(path) if checked.sound else _as_read(written)
    except DdxError as fault:
        yield issue_of(fault, path.name)
        return
    models: list[Model] = []
    for setting in network.settings:
        try:
            models.append(compiled(network, setting) if checked.sound else prepared(network.bayesnet(setting)))
        except DdxError as fault:
            yield _unmet(fault, setting, checked.base or checked.document)
            continue
        if setting == network.default_setting:
            yield _size(path.name, models[-1])
    if len(models) == len(network.settings):
        yield from _never(written, models, checked.document)
    else:
        message = "not checked until the settings can be met: states that never occur"
        yield Issue("note", path.name, message)


def _as_read(written: clinical.Network) -> Network:
    """A network that has errors, but none in its numbers: computed with, and never kept."""
    header = written.header
    known = outline_of(written, tally(written))
    return Network(header.name, header.version, header.title, "", "", outline=known, read_spec=lambda: written)


def _unmet(fault: DdxError, setting: str, document: Document) -> Issue:
    issue = issue_of(fault, document.name)
    message = (
        issue.message
        if re.search(rf"(?<!\w){re.escape(setting)}(?!\w)", issue.message)
        else (f"setting {setting}: {issue.message}")
    )
    return Issue("error", document.where(("settings", setting)), message, issue.remedy)


def _never(written: clinical.Network, models: Sequence[Model], document: Document) -> Iterator[Issue]:
    """States that have probability 0 in every setting."""
    zero = [{(node, s) for node in m.nodes for s, p in m.posteriors({})[node].items() if p <= 0} for m in models]
    for node, state in sorted(set.intersection(*zero)) if zero else ():
        place = _place_of(written, node)
        message = f"{node} is never {state}, in no setting"
        yield Issue("warning", document.where(place), message, "Give it a row where it occurs, or remove it.")


def _place_of(written: clinical.Network, node: str) -> Place:
    """Where a variable stands in the file of the network, or of the view."""
    if written.view is not None:
        return ("findings", written.view.findings.index(node)) if node in written.view.findings else ("of",)
    groups = ("context", "diseases", "latents", "findings")
    return next(((g, node) for g in groups if node in getattr(written, g)), ())


def _roles_issues(path: Path, file: Path | None) -> Iterator[Issue]:
    """What is wrong with a roles file, and with the file that it is about: `file`, or the one of its name."""
    from ddx.exchange.beside import numbers_of
    from ddx.exchange.files import read_network

    try:
        document = read(path)
    except DdxError as fault:
        yield issue_of(fault, path.name)
        document = None
    roles, misshapen = shape_of(Roles, document) if document is not None else (None, [])
    if document is not None:
        yield from told(document, "error", misshapen)
    try:
        about = file or numbers_of(path)
    except DdxError as fault:
        yield issue_of(fault, path.name)
        return
    yield from _foreign_issues(about)
    try:
        network = read_network(about)
    except DdxError:  # told above
        return
    if roles is not None and document is not None:
        yield from told(document, "error", role_faults(roles, network))
        unnamed = len({*network.nodes} - {*roles.diseases, *roles.findings, *roles.context})
        if unnamed:
            yield Issue("note", path.name, f"{unnamed} variables have no role and are never asked")


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
