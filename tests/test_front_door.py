"""The three front doors - `ddx`, `python -m ddx`, `python cli.py` - open on the same house."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]
SCRIPT = Path(sys.executable).with_name("ddx")

installed = pytest.mark.skipif(not SCRIPT.exists(), reason="ddx is not installed beside this Python")
checkout = pytest.mark.skipif(not (TREE / "cli.py").exists(), reason="the tests run without their tree")
DOORS = [
    pytest.param([str(SCRIPT)], id="ddx", marks=installed),
    pytest.param([sys.executable, "-m", "ddx"], id="python -m ddx"),
    pytest.param([sys.executable, str(TREE / "cli.py")], id="python cli.py", marks=checkout),
]


def run(door: Sequence[str], *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One command, far from the checkout."""
    return subprocess.run(
        [*door, *arguments], cwd=folder, env=os.environ, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("door", DOORS)
def test_every_door_answers_the_index_case(door: Sequence[str], tmp_path: Path) -> None:
    done = run(door, "diagnose", "-c", "seed", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["network"]["name"] == "scleroderma-mimics"
    assert {d["id"] for d in answer["diseases"][:2]} <= {"scleromyxedema", "ankylosing_spondylitis", "mgus"}


@checkout
@installed
def test_the_checkout_and_the_installed_wheel_give_the_same_answer(tmp_path: Path) -> None:
    """One may run the kernel and the other numpy: they agree to the last digits, not to the last bit."""
    installed, bare = (
        json.loads(run(door, "diagnose", "-c", "seed", "--json", folder=tmp_path).stdout)
        for door in ([str(SCRIPT)], [sys.executable, str(TREE / "cli.py")])
    )
    assert installed["result_sha256"] == bare["result_sha256"]
    assert installed["evidence"] == bare["evidence"]
    posteriors = [{d["id"]: d["posterior"] for d in answer["diseases"]} for answer in (installed, bare)]
    assert posteriors[0] == pytest.approx(posteriors[1], rel=1e-9)


@pytest.mark.parametrize("door", DOORS)
def test_every_door_returns_the_exit_code(door: Sequence[str], tmp_path: Path) -> None:
    assert run(door, "diagnose", "--nosuchoption", folder=tmp_path).returncode == 2
    done = run(door, "diagnose", "-c", "no-such-case", folder=tmp_path)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "no-such-case" in done.stderr


def test_a_shelf_beside_a_copied_package_is_found(tmp_path: Path) -> None:
    """The rule of `shelf`: `networks` inside the package where it is there, otherwise beside the package."""
    import ddx

    package = tmp_path / "ddx"
    shutil.copytree(Path(ddx.__file__).parent, package, ignore=shutil.ignore_patterns("networks", "__pycache__"))
    ask = [sys.executable, "-c", "from ddx.knowledge.catalog import shelf; print(shelf())"]

    def where() -> Path:
        done = subprocess.run(ask, cwd=tmp_path, capture_output=True, text=True, check=True)
        return Path(done.stdout.strip())

    assert where() == tmp_path / "networks"
    (package / "networks").mkdir()
    assert where() == package / "networks"
