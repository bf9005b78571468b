"""The documentation cannot rot: what is generated is up to date, what is shown is run, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
DOCS = TOP / "docs"

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not beside the tests")

PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("networks/**/*.md"), *DOCS.rglob("*.md")])


def generated_cli_page() -> str:
    place = DOCS / "reference" / "generate.py"
    found = importlib.util.spec_from_file_location("generate", place)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    page: str = module.cli_page()
    return page


def test_the_command_page_is_what_the_commands_say() -> None:
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    assert page == generated_cli_page(), "run python docs/reference/generate.py"


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


def test_the_python_of_the_readme_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (TOP / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", block], capture_output=True, text=True, timeout=120, check=False
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
