"""Malformed and hostile networks, cases and command lines: refused with the words that name the fault, or read with
their meaning, within the time, memory and output that each item allows.

The set is given by DDX_HOSTILE (an index.json), or lies in `shared/` beside the project. Every item of these kinds is
asked of `ddx` in a process of its own; how, says `hostile_rendering`.
"""

from __future__ import annotations

import ast
import json
import operator
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hostile_rendering import Trial, trials

INDEX = Path(os.environ.get("DDX_HOSTILE", Path(__file__).parents[3] / "shared" / "hostile" / "dev" / "index.json"))
KINDS = ("network", "case", "cli")
REFUSALS = {"network": (3,), "case": (3, 5), "cli": (2, 3)}  # 5: evidence that is impossible
LEFT_OUT: dict[str, str] = {}  # id -> why it is not asked; nothing is
PROMISE = re.compile(r"(P|odds)\((\w+)(?:=(\w+))?(?:\|[^)]*)?\)=(.*)")
STARTING_SECONDS = 2.0  # before an interrupt is sent, so that the command waits for its input


def index() -> list[Any]:
    if not INDEX.is_file():
        return []
    return [item for item in json.loads(INDEX.read_text())["items"] if item["kind"] in KINDS]


def items() -> list[Any]:
    if not index():
        reason = pytest.mark.skip(reason=f"hostile set absent: no {INDEX.name} there; set DDX_HOSTILE")
        return [pytest.param(None, id="absent", marks=reason)]
    return [pytest.param(item, id=item["id"]) for item in index() if item["id"] not in LEFT_OUT]


@dataclass(frozen=True, slots=True)
class Done:
    """What a process did, printed and used."""

    code: int
    out: str
    err: str
    seconds: float
    largest_mb: float


def run(trial: Trial, folder: Path) -> Done:
    """One command in a fresh folder, killed after a minute."""
    for name, data in trial.files.items():
        (folder / name).write_bytes(data)
    out, err = folder / ".out", folder / ".err"
    start = time.perf_counter()
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "ddx", *trial.arguments],
            cwd=folder,
            env={**os.environ, **trial.env, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE if trial.interrupt else subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        if trial.interrupt:
            time.sleep(STARTING_SECONDS)
            process.send_signal(signal.SIGINT)
        stop = time.monotonic() + 60
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        while not pid and time.monotonic() < stop:
            time.sleep(0.005)
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if not pid:
            process.kill()
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.stdin is not None:
            process.stdin.close()
    seconds = time.perf_counter() - start
    said = [file.read_bytes().decode("utf-8", "replace") for file in (out, err)]
    return Done(process.returncode, *said, seconds, used.ru_maxrss / 1024)


def faults(item: dict[str, Any], trial: Trial, done: Done, folder: Path) -> list[str]:
    """Everything in which a run is not as the item demands."""
    said, limits = done.out + done.err, item["limits"]
    found = [f"prints {p}" for p in item["output_must_not_match"] if re.search(p, said, re.MULTILINE)]
    found += [f"{done.seconds:.1f} s"] if done.seconds > limits["seconds"] + STARTING_SECONDS * trial.interrupt else []
    found += [f"{done.largest_mb:.0f} MB"] if done.largest_mb > limits["rss_mb"] else []
    found += [f"{len(said)} characters"] if len(said.encode()) > limits["output_bytes"] else []
    refusal = done.code in REFUSALS[item["kind"]]
    allowed = {
        "REFUSE": refusal,
        "ACCEPT": done.code == 0,
        "ACCEPT_OR_REFUSE": refusal or done.code == 0,
        "NEUTRALISE": refusal or done.code == 0,
        "HELP": done.code in (0, 2) and "Usage" in said,
        "EXIT130": done.code == 130,
    }
    if not allowed[item["must"]]:
        found.append(f"exit {done.code}, but must {item['must']}: {said[-300:]}")
    if item["must"] == "REFUSE" and refusal:
        found += _refused_badly(item, trial, done, folder)
    if done.code == 0 and item.get("if_accepted") and "--json" in trial.arguments:
        found += [] if holds(item["if_accepted"], json.loads(done.out)["posteriors"]) else ["another meaning"]
    return found


def _refused_badly(item: dict[str, Any], trial: Trial, done: Done, folder: Path) -> list[str]:
    words = [trial.renamed.get(word, word) for word in item["message_must_name"]]
    found = [f"does not name {word}: {done.err}" for word in words if not named(word, done.err, trial)]
    found += ["prints an answer"] if done.out else []
    left = [name for name in trial.files if (folder / name).read_bytes() != trial.files[name]]
    found += [f"{name} was changed" for name in left]
    found += [f"{trial.writes} was written"] if trial.writes and (folder / trial.writes).exists() else []
    known = {*trial.files, ".out", ".err"}
    return found + [f"left {path.name}" for path in folder.iterdir() if path.name not in known]


def named(word: str, message: str, trial: Trial) -> bool:
    """Does the message itself, not the name of a file in it, hold the word?"""
    for name in trial.files:
        message = message.replace(name, "") if name != word else message
    return re.search(r"(?<![\w-])" + re.escape(word) + r"(?![\w-])", message) is not None


def holds(promise: str, posteriors: dict[str, dict[str, float]]) -> bool:
    """P(node=state|...)=value or odds(node)=value, where the value may be a calculation, the last of several."""
    match = PROMISE.fullmatch(promise)
    assert match is not None, promise
    kind, node, state, written = match.groups()
    if node not in posteriors:  # UAI has no names: v1 is variable 1
        node = node.removeprefix("v")
    p = posteriors[node][state or "present"]
    wanted = calculated(written.rpartition("=")[2])
    wanted = wanted if kind == "P" else wanted / (1 + wanted)
    return abs(p - wanted) < 1e-6 and (kind == "P" or abs(p / wanted - 1) < 1e-6)


def calculated(text: str) -> float:
    """A sum of products: + - * / ^ and brackets."""
    signs: dict[type, Any] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
    signs |= {ast.Div: operator.truediv, ast.Pow: operator.pow}

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.BinOp):
            return float(signs[type(node.op)](value(node.left), value(node.right)))
        assert isinstance(node, ast.Constant)
        return float(node.value)

    return value(ast.parse(text.replace("^", "**"), mode="eval").body)


@pytest.mark.parametrize("item", items())
def test_a_hostile_item(item: dict[str, Any], tmp_path: Path) -> None:
    for number, trial in enumerate(trials(item, INDEX.parent)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert faults(item, trial, run(trial, folder), folder) == []
    assert not Path("/tmp/ddx_pwned").exists()


@pytest.mark.skipif(not index(), reason="hostile set absent; set DDX_HOSTILE")
def test_every_item_is_asked() -> None:
    """An item that nobody renders is a failure, whatever set is given."""
    missing = []
    for item in index():
        try:
            asked = len(trials(item, INDEX.parent)) > 0
        except KeyError:
            asked = False
        if asked == (item["id"] in LEFT_OUT):
            missing.append(item["id"])
    assert missing == []


CONTROL = {
    "id": "own",
    "kind": "network",
    "must": "ACCEPT",
    "limits": {"seconds": 30, "rss_mb": 512, "output_bytes": 9999},
    "output_must_not_match": ["Traceback"],
    "message_must_name": ["F"],
    "if_accepted": "P(D=present|F=present)=0.1*9=0.6666666667",
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, ""),
        ({"must": "REFUSE"}, "exit 0"),
        ({"if_accepted": "P(D=present|F=present)=0.6667"}, "another meaning"),
        ({"if_accepted": "odds(D)=2.1"}, "another meaning"),
        ({"if_accepted": "odds(D)=(0.1/0.9)*(0.9/0.05)^1"}, ""),
        ({"output_must_not_match": ["posteriors"]}, "prints posteriors"),
        ({"limits": {"seconds": 0, "rss_mb": 1, "output_bytes": 1}}, "MB"),
    ],
)
def test_the_instrument(change: dict[str, Any], fault: str, tmp_path: Path) -> None:
    """The mutants: an item of our own is as it must be, and with another demand it is not."""
    from hostile_texts import NETWORK

    trial = Trial(("posterior", "-n", "net.yaml", "F=present", "--json"), {"net.yaml": NETWORK.encode()})
    item = {**CONTROL, "if_accepted": "P(D=present|F=present)=0.6666666667", **change}
    found = faults(item, trial, run(trial, tmp_path), tmp_path)
    assert (fault in " ".join(found)) if fault else not found


def test_the_instrument_reads_a_refusal(tmp_path: Path) -> None:
    trial = Trial(("posterior", "-n", "net.yaml", "--json"), {"net.yaml": b"ddx: network/1\nD: 1\n"})
    done = run(trial, tmp_path)
    assert done.code == 3
    item = {**CONTROL, "must": "REFUSE", "message_must_name": ["nothing_like_it"]}
    assert any("does not name nothing_like_it" in fault for fault in faults(item, trial, done, tmp_path))
    (tmp_path / "x").write_text("left")
    assert "left x" in faults({**item, "message_must_name": []}, trial, done, tmp_path)
