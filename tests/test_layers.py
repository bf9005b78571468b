"""Imports go down the stairs only, and the linter that says so can be made to fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ddx

PACKAGE = Path(ddx.__file__).parent
CONTRACTS = Path(__file__).parents[1] / "pyproject.toml"
LINT = "from importlinter.cli import lint_imports_command as lint; lint()"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package as it is tested here, to lint and to spoil."""
    shutil.copytree(PACKAGE, tmp_path / "ddx", ignore=shutil.ignore_patterns("__pycache__", "networks", "*.so"))
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LINT, "--config", str(CONTRACTS), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_every_contract_is_kept(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("errors.py", "import ddx.evidence", "Imports go down the stairs only"),
        ("engine/__init__.py", "def late():\n    import ddx.report", "Imports go down the stairs only"),
        ("exchange/__init__.py", "import ddx.engine", "Imports go down the stairs only"),
        ("attic.py", "", "Imports go down the stairs only"),
        ("reasoning/__init__.py", "import click", "Numbers and words know nothing"),
        ("engine/__init__.py", "from ruamel.yaml import YAML", "Numbers and words know nothing"),
        ("engine/__init__.py", "import ddx.knowledge.load", "The engine reads no files"),
        ("knowledge/spec.py", "import ddx.knowledge.load", "No two modules import each other"),
    ],
)
def test_a_spoilt_copy_is_caught(copy: Path, module: str, line: str, broken: str) -> None:
    spoilt = copy / "ddx" / module
    text = spoilt.read_text(encoding="utf-8") if spoilt.exists() else ""
    spoilt.write_text(f"{text}\n{line}\n", encoding="utf-8")
    done = lint(copy)
    assert done.returncode == 1
    assert any(row.startswith(broken) and "BROKEN" in row for row in done.stdout.splitlines()), done.stdout
