"""The front door: load a network, compile it for a setting.

A network file is found by its name on the shelf or by its path. What has been read and compiled once is kept in the
cache, under the SHA-256 of the bytes of every file it came from, so that a second query parses no YAML and compiles
nothing. A cache that is missing, damaged or of another version is silently made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddx import __version__
from ddx.documents import read_bytes
from ddx.errors import UnknownName, near_misses
from ddx.knowledge import catalog, outline
from ddx.knowledge.lexicon import Entry, Lexicon, of_states
from ddx.knowledge.outline import Outline, Setting
from ddx.storage import stamp_of, write_atomically

if TYPE_CHECKING:
    from pgmpy.models import DiscreteBayesianNetwork

    from ddx.engine.model import Model
    from ddx.knowledge import spec as clinical
    from ddx.knowledge.bayesnet import BayesNet

MADE_BY = ("knowledge", "engine", "exchange")  # rooms whose code decides what is kept in the cache


@cache
def made_by() -> str:
    """What made the content of the cache: the version, and names, sizes and times of the files of code."""
    here = Path(__file__).parent
    return _sha256(f"1 {__version__} {stamp_of([here / room for room in MADE_BY], ('.py',))}".encode())


@dataclass(frozen=True)
class Network:
    """A network as loaded: a clinical one (`outline`), or one of another tool (`foreign`), without roles or settings.

    `spec` is all that the author of a clinical network wrote, read when it is asked for. With a roles file, it says
    what the variables of another tool's file are, and `numbers` is that file. `sha256` identifies the content of a
    network whatever its layout; `key` the bytes it was read from.
    """

    name: str
    version: str
    title: str
    sha256: str
    key: str
    outline: Outline | None = None
    foreign: BayesNet | None = None
    numbers: Path | None = None
    read_spec: Callable[[], clinical.Network] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def spec(self) -> clinical.Network | None:
        """What the author wrote, every number with its basis; None for a network of another tool."""
        return self.read_spec() if self.read_spec is not None else None

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Settings by name; none for a network of another tool."""
        return self.outline.settings if self.outline else {}

    @property
    def default_setting(self) -> str | None:
        return self.outline.default_setting if self.outline else None

    @cached_property
    def lexicon(self) -> Lexicon:
        """The names of the network."""
        if self.outline is not None:
            return self.outline.lexicon
        return of_states(self.foreign.states if self.foreign else {})

    @property
    def beyond(self) -> Lexicon | None:
        """The names of the larger network that this is a view of; None where it is no view."""
        return self.outline.beyond if self.outline else None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the differential lists, in the order of the file."""
        return tuple(self.lexicon.entries.values())

    def bayesnet(self, setting: str | None = None) -> BayesNet:
        """The numbers: every variable with P(variable | parents) in a setting (the default one where none is named).

        Raises UnknownName for a setting that the network does not have, SpecError where it cannot be compiled.
        """
        chosen = self.chosen_setting(setting)
        if self.foreign is not None:
            return self.foreign
        if self.numbers is not None:
            from ddx.exchange.files import read_network

            return read_network(self.numbers)
        from ddx.engine import ground, population, priors, view

        assert self.spec is not None
        people = population.population(self.spec, chosen)
        whole = ground.ground(self.spec, people, priors.solve(self.spec, people))
        if self.spec.view is None:
            return whole
        return view.cut(self.spec, whole, people.complaint.finding if people.complaint else None)

    def to_pgmpy(self, setting: str | None = None) -> DiscreteBayesianNetwork:
        """A pgmpy network with the same names and numbers; noisy-OR families are written out as tables."""
        from ddx.exchange.pgmpy_models import to_pgmpy

        return to_pgmpy(self.bayesnet(setting))

    def chosen_setting(self, setting: str | None) -> str:
        """The setting of that name, or the default one; "" for a network without settings. UnknownName otherwise."""
        if not self.settings and not setting:
            return ""
        name = setting or self.default_setting or ""
        if name not in self.settings:
            hint = near_misses(name, self.settings) or f"Settings: {', '.join(self.settings) or 'none'}."
            raise UnknownName(f"{self.name} has no setting {name!r}. {hint}")
        return name


def load(name_or_path: str | Path) -> Network:
    """The network of that name on the shelf, or in that file (.yaml .bif .xmlbif .bifxml .xdsl .net .uai, also .gz).

    Raises UnknownName or FileProblem where there is none, SpecError (file, line, remedy) where it is not right.
    """
    path = catalog.network_path(str(name_or_path))
    if path.name.endswith(catalog.ROLES_ENDING):
        return _with_roles(path)
    if path.suffix in (".yaml", ".yml"):
        return _clinical(path)
    beside = catalog.roles_beside(path)
    if beside is not None:
        return _with_roles(beside, path)
    from ddx.engine import cache

    key = _sha256(read_bytes(path))
    kept = cache.fetch(_model_key(key, ""))
    name = path.name.split(".")[0]
    return Network(name, "", name, key, key, foreign=_foreign(path) if kept is None else kept.model.network)


def _foreign(path: Path) -> BayesNet:
    from ddx.exchange.files import read_network

    return read_network(path)


def compile(network: Network, setting: str | None = None) -> Model:
    """The network ready for queries in a setting (the default one where none is named).

    A network whose clique tree would not fit answers case by case (`engine.case_by_case`): exactly where it can,
    otherwise `posteriors` are sampled and say so, and what needs exact answers raises TooLarge. Raises UnknownName for
    a setting that it does not have, SpecError where the setting's numbers cannot be met.
    """
    from ddx.engine import cache

    chosen = network.chosen_setting(setting)
    key = _model_key(network.key, chosen)
    kept = cache.fetch(key)
    if kept is not None:
        return kept.model
    from ddx.engine.case_by_case import prepared

    model = prepared(network.bayesnet(chosen), events=events_of(network))
    cache.store(key, model, {"network": network.name, "setting": chosen})
    return model


def _model_key(network: str, setting: str) -> str:
    """The name in the cache of what was compiled from a network with that key."""
    return _sha256(f"{network} {setting} {made_by()}".encode())


def _with_roles(path: Path, numbers: Path | None = None) -> Network:
    """The network of another tool that a roles file is about: `numbers`, or the file beside it, or a bundled one."""
    from ddx.exchange.beside import numbers_of

    file = numbers or numbers_of(path)
    key = _sha256(f"{_sha256(read_bytes(path))} {_sha256(read_bytes(file))}".encode())

    def read() -> clinical.Network:
        from ddx.exchange.files import read_network
        from ddx.knowledge.roles import applied, read_roles

        roles, document = read_roles(path)
        return applied(roles, read_network(file), document)

    return replace(_kept(key, read) or _read(key, read, {}, key), numbers=file)


def _clinical(path: Path) -> Network:
    """A clinical network, from the cache where its bytes, and those of what it builds on, were read before."""

    def read() -> clinical.Network:
        from ddx.knowledge.load import load as load_clinical

        return load_clinical(path, catalog.networks())

    key = _sha256(read_bytes(path))
    kept = _kept(key, read)
    if kept is not None:
        return kept
    from ddx.knowledge.load import load_with_files

    found, files = load_with_files(path, catalog.networks())
    return _read(key, lambda: found, {str(base): _sha256(read_bytes(base)) for base in files})


Read = Callable[[], "clinical.Network"]


def _read(key: str, read: Read, built_on: Mapping[str, str], sha256: str | None = None) -> Network:
    """A network as its author wrote it; what a question needs to know of it is kept apart from its numbers."""
    from ddx.knowledge import codec
    from ddx.knowledge.provenance import tally

    found = read()
    plain = codec.to_plain(found)
    canonical = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    content = {
        "made_by": made_by(),
        "key": key,
        "built_on": built_on,
        "sha256": sha256 or _sha256(canonical.encode()),
        "name": [found.header.name, found.header.version, found.header.title],
        "outline": outline.to_plain(outline.outline_of(found, tally(found))),
    }
    _keep(key, "outline", content)
    _keep(key, "spec", {"made_by": made_by(), "key": key, "built_on": built_on, "spec": plain})
    return _of_content(content, lambda: found)


def _of_content(content: Mapping[str, Any], read: Read) -> Network:
    key, built_on = content["key"], content["built_on"]
    whole = _sha256(" ".join([key, *built_on.values()]).encode()) if built_on else key
    known = outline.of_plain(content["outline"])
    name, version, title = content["name"]
    return Network(name, version, title, content["sha256"], whole, outline=known, read_spec=read)


def _kept(key: str, read: Read) -> Network | None:
    """The network that was read from these bytes, unless a file that it builds on has changed since."""

    def read_kept() -> clinical.Network:
        from ddx.knowledge import codec
        from ddx.knowledge import spec as clinical

        content = _content(key, "spec")
        try:
            return codec.of_plain(clinical.Network, content["spec"]) if content is not None else read()
        except (ValueError, KeyError, TypeError, AttributeError):
            return read()

    content = _content(key, "outline")
    try:
        return _of_content(content, read_kept) if content is not None else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _content(key: str, what: str) -> Mapping[str, Any] | None:
    """What was kept of a network, if it was kept by this version and nothing that it builds on has changed."""
    try:
        content: dict[str, Any] = json.loads(_place(key, what).read_text(encoding="utf-8"))
        if content["made_by"] != made_by() or content["key"] != key:
            return None
        if any(_sha256(Path(base).read_bytes()) != was for base, was in content["built_on"].items()):
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return content


def _keep(key: str, what: str, content: Mapping[str, Any]) -> None:
    """Write to the cache; a folder that cannot be written is no error."""
    place = _place(key, what)
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    with contextlib.suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(place, text.encode(), 0o600)


def _place(key: str, what: str) -> Path:
    from ddx.engine.cache import folder

    return folder() / f"{key}.{what}.json"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def events_of(network: Network) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The entries of the differential as events over the states of their nodes, as the engine takes them."""
    return {e.id: (e.node, e.states) for e in network.entries}
