"""The front door: load a network, compile it for a setting.

A network file is found by its name on the shelf or by its path. What has been read and compiled once is kept in the
cache, under the SHA-256 of the bytes of every file it came from, so that a second query parses no YAML and compiles
nothing. A cache that is missing, damaged or of another version is silently made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ddx import __version__
from ddx.documents import read_bytes
from ddx.errors import UnknownName, near_misses
from ddx.knowledge import catalog, codec
from ddx.knowledge import spec as clinical
from ddx.knowledge.lexicon import Entry, Lexicon, of_network, of_states
from ddx.storage import write_atomically

if TYPE_CHECKING:
    from pgmpy.models import DiscreteBayesianNetwork

    from ddx.engine.model import Model
    from ddx.knowledge.bayesnet import BayesNet

FORMAT = f"1 {__version__}"  # of what is kept in the cache: raise the number when it changes between releases


@dataclass(frozen=True)
class Network:
    """A network as loaded: a clinical one (`spec`), or one of another tool (`foreign`), which has no roles or settings.

    With a roles file, `spec` says what the variables of another tool's file are, and `numbers` is that file.
    `sha256` identifies its content whatever its layout; `key` the bytes it was read from.
    """

    name: str
    version: str
    title: str
    sha256: str
    key: str
    spec: clinical.Network | None = None
    foreign: BayesNet | None = None
    numbers: Path | None = None

    @property
    def settings(self) -> Mapping[str, clinical.Setting]:
        """Settings by name; none for a network of another tool."""
        return self.spec.settings if self.spec else {}

    @property
    def default_setting(self) -> str | None:
        return self.spec.default_setting if self.spec else None

    @cached_property
    def lexicon(self) -> Lexicon:
        """The names of the network."""
        if self.spec is not None:
            return of_network(self.spec)
        return of_states(self.foreign.states if self.foreign else {})

    @cached_property
    def beyond(self) -> Lexicon | None:
        """The names of the larger network that this is a view of; None where it is no view."""
        if self.spec is None or self.spec.view is None:
            return None
        return of_network(replace(self.spec, view=None))

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
    from ddx.exchange.files import read_network

    foreign = read_network(path)
    key = _sha256(read_bytes(path))
    name = path.name.split(".")[0]
    return Network(name, "", name, key, key, foreign=foreign)


def compile(network: Network, setting: str | None = None) -> Model:
    """The network ready for exact queries in a setting (the default one where none is named).

    Raises UnknownName for a setting that it does not have, SpecError where the setting's numbers cannot be met,
    TooLarge where the compiled network would not fit.
    """
    from ddx.engine import cache

    chosen = network.chosen_setting(setting)
    key = _sha256(f"{network.key} {chosen} {FORMAT}".encode())
    kept = cache.fetch(key)
    if kept is not None:
        return kept.model
    from ddx.engine.model import compile_network

    model = compile_network(network.bayesnet(chosen), events=events_of(network))
    cache.store(key, model, {"network": network.name, "setting": chosen})
    return model


def _with_roles(path: Path, numbers: Path | None = None) -> Network:
    """The network of another tool that a roles file is about: `numbers`, or the file beside it, or a bundled one."""
    from ddx.exchange.beside import numbers_of

    file = numbers or numbers_of(path)
    key = _sha256(f"{_sha256(read_bytes(path))} {_sha256(read_bytes(file))}".encode())
    kept = _kept(key)
    if kept is not None:
        return replace(kept, numbers=file)
    from ddx.exchange.files import read_network
    from ddx.knowledge.roles import applied, read_roles

    roles, document = read_roles(path)
    found = applied(roles, read_network(file), document)
    content = {"format": FORMAT, "key": key, "built_on": {}, "sha256": key, "spec": codec.to_plain(found)}
    _keep(key, json.dumps(content, ensure_ascii=False, separators=(",", ":")))
    return replace(_of_content(found, key, key, {}), numbers=file)


def _clinical(path: Path) -> Network:
    """A clinical network, from the cache where its bytes, and those of what it builds on, were read before."""
    key = _sha256(read_bytes(path))
    kept = _kept(key)
    if kept is not None:
        return kept
    from ddx.knowledge.load import files_below
    from ddx.knowledge.load import load as load_clinical

    known = catalog.networks()
    found = load_clinical(path, known)
    plain = codec.to_plain(found)
    canonical = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    built_on = {str(base): _sha256(read_bytes(base)) for base in files_below(path, known)}
    sha256 = _sha256(canonical.encode())
    content = {
        "format": FORMAT,
        "key": key,
        "built_on": built_on,
        "sha256": sha256,
        "spec": plain,
    }
    _keep(key, json.dumps(content, ensure_ascii=False, separators=(",", ":")))
    return _of_content(found, sha256, key, built_on)


def _of_content(found: clinical.Network, sha256: str, key: str, built_on: Mapping[str, str]) -> Network:
    whole = _sha256(" ".join([key, *built_on.values()]).encode()) if built_on else key
    header = found.header
    return Network(header.name, header.version, header.title, sha256, whole, spec=found)


def _kept(key: str) -> Network | None:
    """The network that was read from these bytes, unless a file that it builds on has changed since."""
    try:
        content = json.loads(_place(key).read_text(encoding="utf-8"))
        if content["format"] != FORMAT or content["key"] != key:
            return None
        if any(_sha256(Path(base).read_bytes()) != was for base, was in content["built_on"].items()):
            return None
        found = codec.of_plain(clinical.Network, content["spec"])
        return _of_content(found, content["sha256"], key, content["built_on"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _keep(key: str, text: str) -> None:
    """Write to the cache; a folder that cannot be written is no error."""
    place = _place(key)
    with contextlib.suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(place, text.encode(), 0o600)


def _place(key: str) -> Path:
    from ddx.engine.cache import folder

    return folder() / f"{key}.network.json"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def events_of(network: Network) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The entries of the differential as events over the states of their nodes, as the engine takes them."""
    return {e.id: (e.node, e.states) for e in network.entries}
