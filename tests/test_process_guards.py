"""What holds of the process: files whole or not at all, whatever ends it; nobody's words where they do not belong."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ddx import storage
from ddx.cli import main
from ddx.errors import FileProblem
from ddx.exchange.outgoing import put
from ddx.storage import LEFT_OVER_SECONDS, write_atomically

LENGTH = 300_000
WRITER = f"""
import sys, itertools
from pathlib import Path
from ddx.storage import write_atomically
for letter in itertools.cycle(sys.argv[2]):
    write_atomically(Path(sys.argv[1]), letter.encode() * {LENGTH}, 0o600)
    print(letter, flush=True)
"""

posix = pytest.mark.skipif(os.name != "posix", reason="signals and rights of POSIX")


def writer(path: Path, letters: str) -> subprocess.Popen[str]:
    """A process that writes files full of one letter after another until it is ended."""
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), letters], stdout=subprocess.PIPE, text=True)


def whole(path: Path) -> bool:
    data = path.read_bytes()
    return len(data) == LENGTH and len(set(data)) == 1


@posix
def test_a_killed_writer_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    path, generator = tmp_path / "case.json", random.Random(4)
    for _ in range(12):
        process = writer(path, "ab")
        assert process.stdout is not None
        process.stdout.readline()  # it has written once
        time.sleep(generator.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert whole(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    left = [file for file in tmp_path.iterdir() if file != path]
    for file in [*left, tmp_path / f".case.json.{process.pid}.00000000"]:
        file.touch()
        old = time.time() - 2 * LEFT_OVER_SECONDS
        os.utime(file, (old, old))
    write_atomically(path, b"c" * LENGTH)
    assert [*tmp_path.iterdir()] == [path]


@posix
def test_the_file_of_a_writer_that_lives_is_left_alone(tmp_path: Path) -> None:
    own, young = tmp_path / f".x.{os.getpid()}.0", tmp_path / ".x.999999999.0"
    for file in (own, young, tmp_path / ".x.word.0", tmp_path / ".y.999999999.0"):
        file.write_bytes(b"1")
        if file != young:
            os.utime(file, (0, 0))
    write_atomically(tmp_path / "x", b"2")
    assert len([*tmp_path.iterdir()]) == 5


@posix
def test_two_writers_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    both = [writer(path, letters) for letters in ("ab", "cd")]
    try:
        for process in both:
            assert process.stdout is not None
            process.stdout.readline()
        seen = set()
        start = time.monotonic()
        while time.monotonic() < start + 1.0 or (len(seen) < 2 and time.monotonic() < start + 30.0):
            assert whole(path)
            seen.add(path.read_bytes()[:1])
        assert len(seen) > 1
        assert all(process.poll() is None for process in both)  # neither was stopped by the other
    finally:
        for process in both:
            process.kill()
            process.communicate()


def test_the_instrument_sees_a_torn_file(tmp_path: Path) -> None:
    """The mutant: writing in place is not whole at every moment."""
    path = tmp_path / "x"
    path.write_bytes(b"a" * (LENGTH // 2))
    assert not whole(path)
    path.write_bytes(b"a" * 10 + b"b" * (LENGTH - 10))
    assert not whole(path)


def test_what_is_synced_before_and_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def synced(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def renamed(self: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(self, target)

    monkeypatch.setattr(storage.os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    write_atomically(tmp_path / "x", b"1")
    assert steps == ["file", "rename", "folder"]


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"old")

    def interrupted(_handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(storage.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "x", b"new")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("x", b"old")]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_a_link_laid_in_the_way_is_replaced_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "x").symlink_to(tmp_path / "mine")
    write_atomically(tmp_path / "x", b"new")
    assert ((tmp_path / "mine").read_bytes(), (tmp_path / "x").read_bytes()) == (b"mine", b"new")
    assert not (tmp_path / "x").is_symlink()


def process(*arguments: str, folder: Path, cache: str = "cache") -> subprocess.CompletedProcess[str]:
    """`ddx` in a folder, with a cache there."""
    return subprocess.run(
        [sys.executable, "-m", "ddx", *arguments],
        cwd=folder,
        env={**os.environ, "DDX_CACHE_DIR": str(folder / cache)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own in a new folder; skips where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        done = None
    if done is None or done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder in which this user may not write: by its rights, or for root by a file system that is read only."""
    folder = tmp_path / "locked"
    if os.geteuid() == 0:
        with mounted(folder, "ro,size=16k"):
            yield folder
        return
    folder.mkdir()
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


@posix
def test_a_folder_that_cannot_be_written(locked: Path) -> None:
    for target in ("x.bif", "x.json"):
        done = process("convert", "seed" if target == "x.json" else "asia", target, folder=locked)
        assert (done.returncode, done.stdout) == (3, "")
        assert re.search(f"{target}: cannot be written: (Permission denied|Read-only file system)", done.stderr)
        assert "Traceback" not in done.stderr
    done = process("diagnose", "-n", "asia", "smoke=yes", folder=locked)
    assert done.returncode == 0  # the cache cannot be written either: the answer is given all the same
    assert "Bronchitis" in done.stdout
    assert [*locked.iterdir()] == []


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 16 kB and nothing more."""
    with mounted(tmp_path / "full", "size=16k") as folder:
        yield folder


def test_a_full_disk(full: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("a small case", full / "case.json")
    with pytest.raises(FileProblem, match="No space left on device"):
        put("x" * 100_000, full / "case.json")
    assert [(file.name, file.read_text()) for file in full.iterdir()] == [("case.json", "a small case")]
    assert main(["convert", "alarm", str(full / "alarm.bif")]) == 3
    assert "alarm.bif: cannot be written: No space left on device" in capsys.readouterr().err
    assert len([*full.iterdir()]) == 1


@posix
def test_a_file_larger_than_may_be_written(tmp_path: Path) -> None:
    """As a full disk is, where none can be mounted: the system stops the write half-way."""
    program = (
        "import resource, sys\nfrom ddx.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\nsys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "convert", "alarm", "alarm.bif"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "alarm.bif: cannot be written: File too large" in done.stderr
    assert [*tmp_path.iterdir()] == []


# nobody's words where they do not belong

CANARY = "ZZPHI"
ABOUT = f"title: {CANARY}\nnote: {CANARY}\nsource: {CANARY}\nid: {CANARY}\n"
FINDINGS = "findings: {raynaud: absent, hla_b27: positive}\n"
CASES = {
    "good": f"{ABOUT}subject: {{age: 52, sex: male}}\n{FINDINGS}",
    "age": f"{ABOUT}subject: {{age: {CANARY}}}\n{FINDINGS}",
    "sex": f"{ABOUT}subject: {{sex: {CANARY}}}\n{FINDINGS}",
    "key": f"{ABOUT}subject: {{name: {CANARY}}}\n{FINDINGS}",
    "block": f"{ABOUT}subject: {{age: {{x: {CANARY}}}}}\n{FINDINGS}",
    "list": f"title: [{CANARY}]\n{FINDINGS}",
    "finding": f"{ABOUT}findings: {{nosuch: present, hla_b27: perhaps}}\n",
    "weight": f"{ABOUT}findings: {{hla_b27: {{likelihood: {{positive: {CANARY}, negative: 1}}}}}}\n",
    "impossible": f"{ABOUT}findings: {{m_protein_isotype: igg, paraprotein: absent, immunofixation: positive}}\n",
    "quote": f'{ABOUT}note2: "{CANARY}\n{FINDINGS}',
    "broken": f"{ABOUT}subject: {{{CANARY}\n",
    "twice": f"title: {CANARY}\ntitle: {CANARY}\n{FINDINGS}",
    "promise": f"{ABOUT}{FINDINGS}expect: {{above: {{mgus: {CANARY}}}}}\n",
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("command", ["diagnose", "explain", "convert"])
def test_nothing_about_the_patient_leaves_the_file(
    name: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in a message, not in an answer, not in the cache or any other file."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    (tmp_path / "case.yaml").write_text(f"ddx: case/1\n{CASES[name]}", encoding="utf-8")
    words = {"diagnose": ["-c", "case.yaml", "--used"], "explain": ["mgus", "-c", "case.yaml"]}
    code = main([command, *words.get(command, ["case.yaml", "out.phenopacket.json"])])
    out, err = capsys.readouterr()
    assert CANARY not in out + err
    assert (code == 0) == (name == "good"), err
    places = [tmp_path, Path(os.environ["DDX_CACHE_DIR"])]
    files = {file for place in places for file in place.rglob("*") if file.is_file()} - {tmp_path / "case.yaml"}
    assert [file for file in files if CANARY.encode() in file.read_bytes()] == []


def test_the_canary_would_be_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The mutant: a finding's state is repeated in the message, as it must be."""
    (tmp_path / "case.yaml").write_text(f"ddx: case/1\nfindings: {{raynaud: {CANARY}}}\n", encoding="utf-8")
    assert main(["diagnose", "-c", str(tmp_path / "case.yaml")]) == 3
    assert CANARY in capsys.readouterr().err


@posix
def test_what_is_kept_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        done = process("diagnose", "-c", "seed", folder=tmp_path)
    finally:
        os.umask(before)
    assert done.returncode == 0
    kept = [tmp_path / "cache", *(tmp_path / "cache").rglob("*")]
    assert len(kept) > 2
    for path in kept:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_network_is_never_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No question, check or conversion opens a connection."""
    program = (
        "import socket, sys\n"
        "def refuse(*_): raise SystemExit('a connection was opened')\n"
        "socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse\n"
        "from ddx.cli import main\n"
        "for line in sys.stdin:\n    code = main(line.split())\n    assert code == 0, line\n"
    )
    lines = "diagnose -c seed\nexplain mgus -c seed\nnext -c seed\ncheck four-diseases\nconvert asia x.xdsl\nabout\n"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=lines, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
