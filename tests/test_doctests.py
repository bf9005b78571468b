"""The examples in the docstrings of ddx, run in the package that is tested."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import ddx

DOOR = "ddx.__main__"  # runs the command line when it is imported
MODULES = [m.name for m in pkgutil.walk_packages(ddx.__path__, "ddx.") if m.name != DOOR and "._kernel" not in m.name]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0


def test_there_are_examples() -> None:
    found = doctest.DocTestFinder(exclude_empty=True)
    assert any(test.examples for name in MODULES for test in found.find(import_module(name)))


def test_a_wrong_example_fails(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner().run(wrong).failed == 1
