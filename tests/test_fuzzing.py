"""The instrument of `nox -s fuzz`, for a moment: every reader under damage, and readers that are wrong are found."""

from __future__ import annotations

import time

import pytest

from ddx.errors import DdxError
from fuzzing import readers


@pytest.fixture(scope="module")
def known() -> dict[str, readers.Reader]:
    found = readers.readers()
    assert set(found) == set(readers.NAMES)
    return found


@pytest.mark.parametrize("name", readers.NAMES)
def test_a_reader_reads_or_refuses(name: str, known: dict[str, readers.Reader]) -> None:
    good = readers.seeds(name)
    known[name](good[0])  # what is damaged was good: otherwise only the first check of a reader would be tried
    assert [fault for data in good if (fault := readers.judged(known[name], data))] == []
    assert readers.by_hypothesis(name, known[name], 0.3) is None


def reader_that(does: str) -> readers.Reader:
    def read(data: bytes) -> None:
        if b"\x00" in data:
            if does == "crashes":
                raise KeyError("x")
            if does == "hangs":
                time.sleep(0.02)
            if does == "shows":
                raise DdxError("\x1b[31m" * 5000)

    return read


@pytest.mark.parametrize("does", ["crashes", "hangs", "shows"])
def test_the_instrument_finds_a_reader_that(does: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "LONGEST_SECONDS", 0.01)
    monkeypatch.setattr(readers, "seeds", lambda _: [b"a\x00b"])
    found = readers.by_hypothesis("line", reader_that(does), 20.0)
    assert found is not None
    assert b"\x00" in found
    assert readers.judged(reader_that(does), found)
    assert not readers.judged(reader_that(does), b"a")
