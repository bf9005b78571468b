"""pytest collects case files, and a failure shows the differential."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOY = str(Path(__file__).parent / "data" / "toy.yaml")
PROGRAM = """
import importlib.metadata, sys, pytest
named = {e.name for e in importlib.metadata.entry_points(group="pytest11")}
sys.exit(pytest.main(sys.argv[1:] + ([] if "ddx" in named else ["-p", "ddx.pytest_plugin"])))
"""


def collected(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest on a folder, in a process of its own, with the plugin as it is installed."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), "-p", "no:cacheprovider", "-q", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def write(folder: Path, name: str, expect: str) -> None:
    text = f"ddx: case/1\nnetwork: {TOY}\nfindings: {{kind: a}}\n{expect}"
    (folder / f"{name}.case.yaml").write_text(text)


def test_a_case_that_holds_passes(tmp_path: Path) -> None:
    write(tmp_path, "flu", "expect: {above: {flu: 0.4}, rank: [flu]}\n")
    write(tmp_path, "none", "")
    (tmp_path / "other.yaml").write_text("not: a case\n")
    done = collected(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_a_broken_promise_fails_with_the_differential(tmp_path: Path) -> None:
    write(tmp_path, "flu", "expect: {above: {flu: 0.9}}\n")
    done = collected(tmp_path)
    assert done.returncode == 1
    assert "P(flu) above 0.9: it is 0.4" in done.stdout
    assert "DIAGNOSIS" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("text", ["ddx: case/1\nfindings: {nosuch: present}\n", "ddx: case/9\n", ""])
def test_a_case_that_cannot_be_read_fails_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.case.yaml").write_text(text)
    done = collected(tmp_path)
    assert done.returncode == 1
    assert "bad.case.yaml" in done.stdout
    assert "Traceback" not in done.stdout
