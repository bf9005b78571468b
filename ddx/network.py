"""The front door: load a network, compile it for a setting.

A network file is found by its name on the shelf or by its path. What has been read and compiled once is kept in the
cache, under the SHA-256 of the bytes of every file it came from and of what their names say, so that a second query
parses no YAML and compiles nothing. A cache that is missing, damaged or of another version is silently made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
    network whatever its layout; `key` the bytes it was read from, and as what they were read.
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

    @classmethod
    def from_pgmpy(cls, model: DiscreteBayesianNetwork, name: str = "") -> Network:
        """A pgmpy network as one of another tool: it compiles, and its variables can be observed, all by their names.

        States that are not text become their text. Raises SpecError where the model is not a discrete Bayesian network
        with a table for every variable.
        """
        from ddx.exchange.pgmpy_models import from_pgmpy

        net = from_pgmpy(model, name)
        tables = [[node, net.states[node], net.parents(node), _numbers(net, node)] for node in net.nodes]
        sha256 = _sha256(json.dumps(tables, ensure_ascii=False).encode())
        return cls(net.name, "", net.name, sha256, _sha256(f"{net.name} {sha256}".encode()), foreign=net)

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
    if is_yaml(path):
        return _clinical(path)
    beside = catalog.roles_beside(path)
    if beside is not None:
        return _with_roles(beside, path)
    from ddx.engine import cache

    file = _hashed(path)
    key = _key_of([file])
    kept = cache.fetch(_model_key(key, ""))
    name = path.name.split(".")[0]
    return Network(name, "", name, file.sha256, key, foreign=_foreign(path) if kept is None else kept.model.network)


def is_yaml(path: Path) -> bool:
    """Does the name of this file end as that of a clinical network, packed or not?"""
    return path.name.lower().removesuffix(".gz").endswith((".yaml", ".yml"))


def _foreign(path: Path) -> BayesNet:
    from ddx.exchange.files import read_network

    return read_network(path)


def _numbers(network: BayesNet, node: str) -> list[object]:
    from ddx.knowledge.bayesnet import expand

    numbers: list[object] = expand(network, node).values.tolist()
    return numbers


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
    both = _hashed(path), _hashed(file)
    sha256 = _sha256(" ".join(one.sha256 for one in both).encode())
    key = _key_of(both)

    def read() -> clinical.Network:
        from ddx.exchange.files import read_network
        from ddx.knowledge.roles import applied, read_roles

        roles, document = read_roles(path)
        return applied(roles, read_network(file), document)

    return replace(_kept(key, read) or _read(key, read, sha256), numbers=file)


def _clinical(path: Path) -> Network:
    """A clinical network, from the cache where its bytes, and those of what it builds on, were read before."""

    def read() -> clinical.Network:
        return _read_yaml(path)[0]

    known = _files_of(path)
    kept = _kept(_key_of(known), read) if known else None
    if kept is not None:
        return kept
    found, below = _read_yaml(path)
    files = [_hashed(file) for file in (path, *below)]
    for file, base in zip(files, below, strict=False):
        _keep(_key_of([file]), "view", {"made_by": made_by(), "key": _key_of([file]), "of": _called(base)})
    return _read(_key_of(files), lambda: found)


def _read_yaml(path: Path) -> tuple[clinical.Network, tuple[Path, ...]]:
    """The network in a YAML file, packed or not, and the files of the networks that it is a view of."""
    from ddx.knowledge.load import load_with_files

    if path.suffix.lower() != ".gz":
        return load_with_files(path, catalog.networks())
    from tempfile import TemporaryDirectory

    from ddx.exchange.source import read_source

    beside = {_called(file): file for file in path.parent.glob(f"*{catalog.NETWORK_ENDING}")}
    with TemporaryDirectory() as folder:
        unpacked = Path(folder) / path.name[: -len(".gz")]
        unpacked.write_bytes(read_source(path).data)
        return load_with_files(unpacked, {**catalog.networks(), **beside})


class _Hashed(NamedTuple):
    """A file, and the SHA-256 of its bytes."""

    path: Path
    sha256: str

    @property
    def said(self) -> str:
        """The bytes, and what the name says: the format, and what a network is called whose file does not say it."""
        packed = "packed" if self.path.suffix.lower() == ".gz" else "plain"
        return f"{f'{packed} YAML' if is_yaml(self.path) else self.path.name} {self.sha256}"


def _hashed(path: Path) -> _Hashed:
    return _Hashed(path, _sha256(read_bytes(path)))


def _key_of(files: Iterable[_Hashed]) -> str:
    return _sha256(" ".join(file.said for file in files).encode())


def _files_of(path: Path) -> list[_Hashed]:
    """The file and those that it builds on from where it lies, as was noted of the same bytes; none where one lacks."""
    files: list[_Hashed] = []
    base: Path | None = path
    while base is not None and base not in [file.path for file in files]:
        files.append(_hashed(base))
        view = _content(_key_of(files[-1:]), "view")
        if view is None:
            return files
        base = _base(base, str(view.get("of")))
    return []


def _base(path: Path, name: str) -> Path | None:
    """The file of the network that a view is of: the one beside it, else the one on the shelf."""
    beside = path.parent / f"{name}{catalog.NETWORK_ENDING}"
    return beside if beside.exists() else catalog.networks().get(name)


def _called(file: Path) -> str:
    return file.name.removesuffix(catalog.NETWORK_ENDING)


Read = Callable[[], "clinical.Network"]


def _read(key: str, read: Read, sha256: str | None = None) -> Network:
    """A network as its author wrote it; what a question needs to know of it is kept apart from its numbers."""
    from ddx.knowledge import codec
    from ddx.knowledge.provenance import tally

    found = read()
    plain = codec.to_plain(found)
    canonical = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    content = {
        "made_by": made_by(),
        "key": key,
        "sha256": sha256 or _sha256(canonical.encode()),
        "name": [found.header.name, found.header.version, found.header.title],
        "outline": outline.to_plain(outline.outline_of(found, tally(found))),
    }
    _keep(key, "outline", content)
    _keep(key, "spec", {"made_by": made_by(), "key": key, "spec": plain})
    return _of_content(content, lambda: found)


def _of_content(content: Mapping[str, Any], read: Read) -> Network:
    known = outline.of_plain(content["outline"])
    name, version, title = content["name"]
    return Network(name, version, title, content["sha256"], content["key"], outline=known, read_spec=read)


def _kept(key: str, read: Read) -> Network | None:
    """The network that was read from these bytes before; None where it was not, or cannot be trusted."""

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
    """What was kept under a key, if it was kept by this version."""
    try:
        content: dict[str, Any] = json.loads(_place(key, what).read_text(encoding="utf-8"))
        if content["made_by"] != made_by() or content["key"] != key:
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
