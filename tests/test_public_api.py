"""The public names are few, pinned, and cost nothing until they are used."""

import ast
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import ddx

PACKAGE = Path(ddx.__file__).parent
PINNED = ["Case", "Network", "__version__", "compile", "errors", "load"]


def test_the_names_are_pinned() -> None:
    assert sorted(ddx.__all__) == PINNED
    assert dir(ddx) == PINNED
    assert len(PINNED) <= 12


@pytest.mark.parametrize("name", PINNED)
def test_each_name_is_there(name: str) -> None:
    assert getattr(ddx, name) is getattr(ddx, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'diagnose'"):
        _ = ddx.diagnose  # type: ignore[attr-defined]


def test_import_ddx_imports_nothing_of_weight(tmp_path: Path) -> None:
    program = "import sys; before = set(sys.modules); import ddx; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "ddx" in loaded
    assert [m for m in loaded if m.startswith("ddx.")] == []
    assert {m.split(".")[0] for m in loaded} - {"ddx"} <= sys.stdlib_module_names


def test_the_version_is_that_of_the_installed_package() -> None:
    try:
        installed = version("ddx")
    except PackageNotFoundError:
        pytest.skip("ddx is not installed; the checkout is tested")
    assert installed == ddx.__version__


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert {f for f in folders if not (f / "__init__.py").is_file()} == set()


LONGEST_FUNCTION, LONGEST_MODULE = 70, 600  # lines; the habits, 40 and 400, are for readers to keep


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_and_functions_can_be_read_in_one_go(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name: n for f in functions if (n := (f.end_lineno or f.lineno) - f.lineno + 1) > LONGEST_FUNCTION}
    assert long == {}
    assert len(text.splitlines()) <= LONGEST_MODULE
