"""What is kept between processes: made again when the code changes, and within bounds."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

import ddx
from ddx import network as front_door
from ddx.engine import cache
from ddx.engine.model import compile_network
from ddx.errors import DdxError
from ddx.exchange import files
from ddx.exchange.pgmpy_models import bundled
from ddx.knowledge import catalog
from ddx.knowledge.bayesnet import BayesNet, Table
from ddx.reasoning.drift import difference
from ddx.storage import stamp_of

TOY = Path(__file__).parent / "data" / "toy.yaml"
COIN = BayesNet.build("coin", {"coin": ("head", "tail")}, {"coin": Table((), np.array([0.5, 0.5]))})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    place = tmp_path / "cache"
    monkeypatch.setenv("DDX_CACHE_DIR", str(place))
    return place


def test_a_stamp_changes_with_the_files_and_with_nothing_else(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "a.py").write_text("x = 1\n")
    (code / "notes.txt").write_text("one\n")
    before = stamp_of([code], (".py",))
    (code / "notes.txt").write_text("another\n")
    assert stamp_of([code], (".py",)) == before
    os.utime(code / "a.py", ns=(1, 1))
    assert stamp_of([code], (".py",)) != before
    os.utime(code / "a.py", ns=(2, 2))
    (code / "a.py").write_text("x = 2\n")
    assert stamp_of([code], (".py",)) != before
    assert stamp_of([tmp_path / "absent"], (".py",)) == ""


def test_other_code_compiles_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = ddx.load(TOY)
    ddx.compile(network)
    kept = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    monkeypatch.setattr(front_door, "made_by", lambda: "other code")
    ddx.compile(ddx.load(TOY))
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(after) == len(kept) + 1  # the model by another name; what was read, written anew
    assert sum(after.get(name) != when for name, when in kept.items()) == 2


def test_the_code_is_part_of_the_key() -> None:
    package = Path(ddx.__file__).parent
    stamp = stamp_of([package / room for room in front_door.MADE_BY], (".py",))
    for room in front_door.MADE_BY:
        assert len(list((package / room).glob("*.py"))) > 3
    assert "triangulate.py" in stamp and "meaning.py" in stamp and "bif.py" in stamp


def stored(key: str, *, days_ago: float) -> Path:
    assert cache.store(key, compile_network(COIN), {})
    path = cache.folder() / f"{key}.model"
    when = time.time() - 86_400 * days_ago
    os.utime(path, (when, when))
    return path


def test_what_was_not_used_for_long_goes_when_something_is_stored(folder: Path) -> None:
    young, old = stored("young", days_ago=4), stored("old", days_ago=400)
    mine = folder / "mine.txt"
    mine.write_text("not of the cache")
    os.utime(mine, (1, 1))
    assert cache.fetch("old") is not None  # reading removes nothing
    os.utime(old, (1, 1))  # reading may have counted as use
    newest = stored("newest", days_ago=0)
    assert {p.name for p in folder.iterdir()} == {young.name, newest.name, mine.name}


def test_the_folder_is_bounded_and_the_longest_unused_go_first(folder: Path) -> None:
    paths = [stored(f"n{i}", days_ago=10 - i) for i in range(5)]
    size = paths[0].stat().st_size
    cache.prune(folder, kept=paths[0], most_bytes=3 * size)
    assert {p.name for p in folder.iterdir()} == {"n0.model", "n3.model", "n4.model"}
    cache.prune(folder, kept=paths[0], most_bytes=1)
    assert {p.name for p in folder.iterdir()} == {"n0.model"}


def test_a_file_of_another_tool_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "asia.bif.gz"
    shutil.copy(bundled("asia"), path)
    first = ddx.load(path)
    evidence = {"dysp": "yes"}
    told = ddx.compile(first).posteriors(evidence)
    reads = []
    monkeypatch.setattr(files, "read_network", lambda where: reads.append(where) or first.bayesnet())
    again = ddx.load(path)
    assert ddx.compile(again).posteriors(evidence) == told
    assert reads == []
    assert again.bayesnet().remarks == first.bayesnet().remarks
    assert list(again.lexicon.askables) == list(first.lexicon.askables)
    path.write_bytes(path.read_bytes() + b"\0")  # other bytes: read again
    ddx.load(path)
    assert reads == [path]


def altered(folder: Path, *, was: str = "", now: str = "") -> Path:
    """A folder with the view four-diseases, as it ships, and the network that it is of, with one number changed."""
    folder.mkdir()
    shutil.copy(catalog.network_path("four-diseases"), folder / "four-diseases.yaml")
    text = catalog.network_path("scleroderma-mimics").read_text(encoding="utf-8")
    assert was in text
    (folder / "scleroderma-mimics.yaml").write_text(text.replace(was, now), encoding="utf-8")
    return folder / "four-diseases.yaml"


def ssc_with_raynaud(network: ddx.network.Network) -> float:
    belief = ddx.compile(network).posteriors({"raynaud": "present"})
    return 1 - belief["systemic_sclerosis"]["absent"]


def test_a_view_is_of_the_network_beside_it_whatever_was_read_before(tmp_path: Path) -> None:
    """The same bytes of a view in two folders, and on the shelf, with other numbers below."""
    was, now = "scleromyxedema: {p: 0.008,", "scleromyxedema: {p: 0.2,"
    one, other = altered(tmp_path / "A"), altered(tmp_path / "B", was=was, now=now)
    cold = {path: ddx.load(path).sha256 for path in (other, one)}
    assert ddx.load("four-diseases").sha256 == cold[one] != cold[other]
    for path in (one, other, one):  # from the cache now
        network = ddx.load(path)
        assert network.sha256 == cold[path]
        assert network.spec is not None
        prior = network.spec.settings["scleroderma-clinic"].priors["scleromyxedema"]
        assert prior.value == (0.2 if path == other else 0.008)
    assert ssc_with_raynaud(ddx.load(one)) == ssc_with_raynaud(ddx.load("four-diseases"))
    assert ssc_with_raynaud(ddx.load(one)) != ssc_with_raynaud(ddx.load(other))
    assert difference(ddx.load(one), ddx.load(other)).changes


def test_a_view_is_read_once_and_again_when_its_network_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = altered(tmp_path / "A")
    first = ddx.load(path)
    reads = []
    original = front_door._read_yaml
    monkeypatch.setattr(front_door, "_read_yaml", lambda where: reads.append(where) or original(where))
    assert ddx.load(path).sha256 == first.sha256
    assert reads == []
    base = path.with_name("scleroderma-mimics.yaml")
    base.write_text(base.read_text(encoding="utf-8").replace("{p: 0.008,", "{p: 0.009,"), encoding="utf-8")
    assert ddx.load(path).sha256 != first.sha256
    assert reads == [path]
    base.unlink()  # the one on the shelf then
    assert ddx.load(path).sha256 == ddx.load("four-diseases").sha256


@pytest.mark.parametrize("name", ["coin.net", "coin.txt", "coin.pkl", "coin.bif.gz", "coin"])
def test_what_is_refused_stays_refused_when_the_same_bytes_were_read_under_another_name(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "coin.bif"
    files.write_network(COIN, path)
    ddx.compile(ddx.load(path))
    shutil.copy(path, tmp_path / name)
    with pytest.raises(DdxError):
        ddx.load(tmp_path / name)


def test_a_packed_network_is_no_plain_one_and_the_other_way_round(tmp_path: Path) -> None:
    plain, packed = tmp_path / "toy.yaml", tmp_path / "toy.yaml.gz"
    plain.write_bytes(TOY.read_bytes())
    packed.write_bytes(gzip.compress(TOY.read_bytes()))
    assert ddx.load(plain).sha256 == ddx.load(packed).sha256
    for file, name in ((plain, "a.yaml.gz"), (packed, "a.yaml")):
        shutil.copy(file, tmp_path / name)
        with pytest.raises(DdxError):
            ddx.load(tmp_path / name)


def test_a_file_without_a_name_of_its_own_is_called_by_its_file(tmp_path: Path) -> None:
    """UAI files hold no name: the copy is called as the copy is."""
    for name in ("one.uai", "other.uai"):
        files.write_network(COIN, tmp_path / name)
    ddx.compile(ddx.load(tmp_path / "one.uai"))
    assert ddx.load(tmp_path / "other.uai").bayesnet().name == "other"


def test_a_packed_view_is_of_the_network_beside_it(tmp_path: Path) -> None:
    plain = altered(tmp_path / "A", was="scleromyxedema: {p: 0.008,", now="scleromyxedema: {p: 0.2,")
    packed = plain.with_name("small.yaml.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for _ in range(2):
        assert ddx.load(packed).sha256 == ddx.load(plain).sha256
        assert ddx.load(packed).sha256 != ddx.load("four-diseases").sha256


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(b" " * 50_000_000), "larger than"),
        (gzip.compress(TOY.read_bytes())[:-9], "not a whole gzip file"),
        (gzip.compress(TOY.read_bytes().replace(b"p: 0.9,", b"p: 1.9,", 1)), r"^toy\.yaml:\d+: "),
    ],
)
def test_a_packed_network_that_cannot_be_read_says_why(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "toy.yaml.gz"
    path.write_bytes(data)
    with pytest.raises(DdxError, match=words):
        ddx.load(path)
