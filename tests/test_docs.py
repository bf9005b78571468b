"""The documentation cannot rot: what is generated is up to date, what is shown is run, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

TESTS = Path(__file__).parent
TOP = Path(__file__).parents[1]
DOCS = TOP / "docs"

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not beside the tests")

PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("networks/**/*.md"), *DOCS.rglob("*.md")])
HELD = ("requirements", "risk-table")  # pages that name tests


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The script that writes the generated parts of the documentation."""
    found = importlib.util.spec_from_file_location("generate", DOCS / "reference" / "generate.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_command_page_is_what_the_commands_say(generate: ModuleType) -> None:
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    assert page == generate.cli_page(), "run python docs/reference/generate.py"


def test_the_schema_is_that_of_the_format(generate: ModuleType) -> None:
    schema = (DOCS / "reference" / "network.schema.json").read_text(encoding="utf-8")
    assert schema == generate.json_schema(), "run python docs/reference/generate.py"


def test_the_readme_shows_what_its_commands_print(generate: ModuleType) -> None:
    page = (TOP / "README.md").read_text(encoding="utf-8")
    assert page == generate.with_output(page), "run python docs/reference/generate.py"
    assert page != generate.with_output(page.replace("-c seed", "-c no-clone")), "another case must show"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(TOP).as_posix())
def test_the_commands_of_a_page_run(generate: ModuleType, page: Path) -> None:
    for command in generate.commands(page.read_text(encoding="utf-8")):
        done = generate.run(command)
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_every_test_that_the_explanations_name_exists() -> None:
    """Requirements and risks point at the tests that hold them."""
    pages = "".join((DOCS / "explanation" / f"{name}.md").read_text(encoding="utf-8") for name in HELD)
    named = set(re.findall(r"`(?:tests/)?((?:test_|properties|conformance|oracle)[\w*/]*)`", pages))
    assert len(named) > 10
    assert {name for name in named if not [*TESTS.glob(name), *TESTS.glob(f"{name}.py")]} == set()


def test_every_part_of_others_is_listed() -> None:
    project = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r"^(?:dependencies|test|dev) = \[(.*)\]$", project, re.MULTILINE)
    parts = {part for line in lists for part in re.findall(r'"([\w.-]+)', line)} - {"ddx"}
    page = (DOCS / "explanation" / "third-party.md").read_text(encoding="utf-8")
    assert len(lists) == 3
    assert {part for part in parts if part not in page} == set()


def links(page: Path) -> list[str]:
    found = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    return [link for link in found if not link.startswith(("http:", "https:"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(TOP).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in links(page) if not (page.parent / link).exists()]
    assert not missing


def test_a_broken_link_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("see [this](nowhere.md)")
    assert [link for link in links(page) if not (page.parent / link).exists()] == ["nowhere.md"]


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (TOP / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", block],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_the_readme_has_its_two_commands() -> None:
    """Continuous integration runs exactly these lines."""
    lines = (TOP / "README.md").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("pip install . && ddx ") for line in lines) == 1
    assert sum(line.startswith("pip install '.[test]' && pytest") for line in lines) == 1


def test_every_command_that_a_page_shows_exists() -> None:
    from ddx.cli.commands import COMMANDS

    known = {*COMMANDS}
    for page in PAGES:
        for name in re.findall(r"`ddx ([a-z]+)\b", page.read_text(encoding="utf-8")):
            assert name in known, f"{page.name} speaks of ddx {name}"
