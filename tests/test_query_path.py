"""A query on a compiled network imports none of the heavy libraries."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"pgmpy", "pandas", "scipy", "networkx", "sklearn", "ruamel", "pydantic", "yaml", "rich", "pytest"}
PROGRAM = """
import sys
from ddx.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as left:
    code = left.code
print("LOADED", *sorted({name.split(".")[0] for name in sys.modules}))
sys.exit(code)
"""


def modules_loaded(folder: Path, *arguments: str, program: str = PROGRAM) -> set[str]:
    """Top-level modules that one process of the command line, far from the checkout, has imported when it is done."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].removeprefix("LOADED").split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("diagnose", "-c", "seed"),
        ("diagnose", "-c", "seed", "--json"),
        ("diagnose", "no-raynaud", "paraprotein"),
        ("explain", "multiple_myeloma", "-c", "seed"),
        ("next", "-c", "seed"),
    ],
    ids=" ".join,
)
def test_a_second_process_imports_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    modules_loaded(tmp_path, *arguments)
    assert modules_loaded(tmp_path, *arguments) & HEAVY == set()


def test_the_instrument_sees_an_import(tmp_path: Path) -> None:
    assert "pydantic" in modules_loaded(tmp_path, "--help", program="import pydantic\n" + PROGRAM)
