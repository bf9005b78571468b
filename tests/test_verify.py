"""`ddx verify`: a saved answer can be made again, and one that was touched is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddx.cli import main
from hostile_texts import NETWORK

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NETWORK, encoding="utf-8")

    def go(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return go


def saved(run: Run, *arguments: str) -> Any:
    return json.loads(run("diagnose", *arguments, "--json")[1])


def kept(report: Any) -> str:
    Path("report.json").write_text(json.dumps(report), encoding="utf-8")
    return "report.json"


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", "seed"),
        ("-c", "seed", "--setting", "general-population"),
        ("no-raynaud", "age=52", "dysphagia=?"),
        ("-n", "four-diseases", "no-raynaud"),
        ("-n", "asia", "smoke=yes", "dysp=yes"),
        (),
    ],
    ids=" ".join,
)
def test_an_untouched_report_holds(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run("verify", kept(saved(run, *arguments)))
    assert (code, err) == (0, "")
    assert "holds" in out
    assert run("verify", "report.json", "--plain") == (0, out, "")


def test_likelihoods_and_intervals_too(run: Run, tmp_path: Path) -> None:
    case = "ddx: case/1\nfindings: {hla_b27: {likelihood: {positive: 0.9, negative: 0.1}}, raynaud: absent}\n"
    (tmp_path / "case.yaml").write_text(case, encoding="utf-8")
    assert run("verify", kept(saved(run, "-c", "case.yaml")))[0] == 0


def changed(report: Any, *path: str | int, to: Any) -> Any:
    at = report
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return report


@pytest.mark.parametrize(
    ("path", "to", "words"),
    [
        (("diseases", 0, "posterior"), 0.5, "0.5 in the report"),
        (("diseases", 0, "id"), "nosuch", "nosuch is not in the network"),
        (("network", "sha256"), "0" * 64, "the network is another"),
        (("tool", "version"), "99.0", "made with ddx 99.0"),
        (("evidence", "used", 0, "state"), "present", "the hash of the result does not belong"),
        (("result_sha256",), "0" * 64, "the hash of the result does not belong"),
    ],
)
def test_a_touched_report_is_found_out(run: Run, path: tuple[str | int, ...], to: Any, words: str) -> None:
    report = saved(run, "no-raynaud", "-n", "four-diseases")
    report["evidence"]["used"].sort(key=lambda used: used["finding"] != "raynaud")
    code, out, err = run("verify", kept(changed(report, *path, to=to)))
    assert (code, out) == (4, "")
    assert words in err
    code, out, _ = run("verify", "report.json", "--json")
    assert code == 4
    assert words in " ".join(json.loads(out)["differences"])


def test_a_network_that_changed_since(run: Run, tmp_path: Path) -> None:
    report = kept(saved(run, "-n", "net.yaml", "F=present"))
    assert run("verify", report, "-n", "net.yaml")[0] == 0
    (tmp_path / "net.yaml").write_text(NETWORK.replace("p: 0.9,", "p: 0.8,"), encoding="utf-8")
    code, _, err = run("verify", report, "-n", "net.yaml")
    assert code == 4
    assert "the network is another" in err and "D is 0.666666666667 in the report" in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"format": "ddx/explain/1"}', "ddx/explain/1"),
        ('{"format": "ddx/differential/99"}', "ddx/differential/99"),
        ('{"format": "ddx/differential/1"}', "network is not an object"),
        ('{"format": "ddx/differential/1", "network": {}, "tool": {}, "evidence": {"used": [{}]}}', "finding"),
    ],
)
def test_what_is_no_report_is_refused(run: Run, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    code, out, err = run("verify", "report.json")
    assert (code, out) == (3, "")
    assert words in err
    assert run("verify", "nosuch.json")[0] == 3
