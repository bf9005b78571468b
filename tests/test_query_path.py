"""A query on a compiled network imports none of the heavy libraries."""

import subprocess
import sys

import pytest

HEAVY = {"pgmpy", "pandas", "scipy", "networkx", "sklearn", "ruamel", "pydantic", "yaml", "rich", "pytest"}
PROGRAM = """
import sys
from ddx.cli import main
try:
    main(sys.argv[1:])
except SystemExit as left:
    code = left.code
else:
    code = 0
print("LOADED", *sorted({name.split(".")[0] for name in sys.modules}))
sys.exit(code)
"""


def modules_loaded(*arguments: str) -> set[str]:
    """Top-level modules that one process of the command line has imported when it is done."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=120
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
def test_a_second_process_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    modules_loaded(*arguments)
    assert modules_loaded(*arguments) & HEAVY == set()


def test_the_instrument_sees_an_import() -> None:
    program = "import pydantic\n" + PROGRAM
    done = subprocess.run(
        [sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=False, timeout=120
    )
    assert "pydantic" in done.stdout.splitlines()[-1].split()
