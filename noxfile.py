"""The one task file: `nox` runs lint, types and test; `nox -s NAME` any of the others."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "types", "test"]
nox.options.reuse_existing_virtualenvs = True
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@nox.session
def lint(session: nox.Session) -> None:
    """Style, layout and the stairs that imports go down."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict."""
    session.install("-e", ".[dev]")
    session.run("mypy", "--strict", "ddx", "cli.py")


@nox.session
def test(session: nox.Session) -> None:
    """Every test, on an installed ddx. Arguments after `--` go to pytest."""
    session.install(".[test]")
    session.run("pytest", *session.posargs, env=ONE_THREAD)


@nox.session
def wheel(session: nox.Session) -> None:
    """Everything that continuous integration does: the README's commands, the checks, the wheel and its tests."""
    session.run(".ci/run", external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated pages of docs/reference anew."""
    session.install("-e", ".")
    session.run("python", "docs/reference/generate.py")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Every reader under damage: `nox -s fuzz -- SECONDS`, for each reader and engine (20 where none is given).

    Seeds come from the sets that DDX_CONFORMANCE and DDX_HOSTILE name, where they do, and from the project's tests.
    """
    session.install(".[test]")
    session.install("atheris")
    seconds = session.posargs[0] if session.posargs else "20"
    for engine in ("hypothesis", "atheris"):
        session.run("python", "tests/fuzzing/readers.py", "--engine", engine, "--seconds", seconds, env=ONE_THREAD)


@nox.session
def bench(session: nox.Session) -> None:
    """Start-up time; the other files of benchmarks/ are run the same way, by hand."""
    session.install(".[test]")
    session.run("python", "benchmarks/startup.py", env=ONE_THREAD)
