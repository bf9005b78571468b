"""Says which ddx is tested, and gives it a cache of its own: what was compiled by other code must not answer."""

import os
import tempfile
from pathlib import Path

import pytest

import ddx


def pytest_addoption(parser: pytest.Parser) -> None:
    """Sets of expected answers that do not ship."""
    parser.addoption("--conformance", metavar="INDEX", help="the index.json of a set of posteriors made by others")


def pytest_configure(config: pytest.Config) -> None:
    """A fresh cache folder for the whole run, for its child processes too; and the conformance set that was named."""
    fresh = tempfile.TemporaryDirectory(prefix="ddx-tests-", ignore_cleanup_errors=True)
    patch = pytest.MonkeyPatch()
    patch.setenv("DDX_CACHE_DIR", fresh.name)
    if named := config.getoption("--conformance"):
        patch.setenv("DDX_CONFORMANCE", str(Path(named).resolve()))
    config.add_cleanup(patch.undo)
    config.add_cleanup(fresh.cleanup)


def pytest_report_header() -> str:
    """One line in the head of pytest's output."""
    return f"ddx {ddx.__version__} from {Path(ddx.__file__).parent}, cache in {os.environ['DDX_CACHE_DIR']}"
