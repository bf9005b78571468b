"""pytest collects `*.case.yaml`: each is a test that its `expect` block holds; a failure shows the differential."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

ENDING = ".case.yaml"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CaseFile | None:
    """A case file is a test file."""
    return CaseFile.from_parent(parent, path=file_path) if file_path.name.endswith(ENDING) else None


class CaseFile(pytest.File):
    """One case file, which holds one case."""

    def collect(self) -> Iterator[CaseItem]:
        yield CaseItem.from_parent(self, name=self.path.name.removesuffix(ENDING))


class CaseItem(pytest.Item):
    """A case: passes where everything it promises holds."""

    def runtest(self) -> None:
        from ddx.cli.asking import asked
        from ddx.cli.test import verdict
        from ddx.errors import ExpectationFailed

        found = verdict(self.name, asked((), str(self.path), None, None))
        if found.broken:
            raise ExpectationFailed(found.told)

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], *_style: object) -> str | TerminalRepr:
        from ddx.errors import DdxError

        if isinstance(excinfo.value, DdxError):
            return f"{self.path.name}\n{excinfo.value}"
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"case: {self.name}"
