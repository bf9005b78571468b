"""What is kept between processes: made again when the code changes, and within bounds."""

from __future__ import annotations

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
from ddx.exchange import files
from ddx.exchange.pgmpy_models import bundled
from ddx.knowledge.bayesnet import BayesNet, Table
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
