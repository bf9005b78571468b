"""Numbers in files of other tools that cannot be taken as they are written: told or refused, never silently changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import ddx
from ddx.cli import main
from ddx.errors import SpecError
from ddx.exchange.files import read_network
from ddx.knowledge.bayesnet import Rounded

BIF = """network t { }
variable D { type discrete [ 2 ] { present, absent }; }
variable F { type discrete [ 2 ] { present, absent }; }
probability ( D ) { table 0.1, 0.9; }
probability ( F | D ) {
  (present) 0.9, 0.10002;
  (absent) 0.05, 0.95003;
}
"""
ROLES = """ddx: roles/1
name: t
version: '1.0'
title: t
citation: nobody
population: nobody
licence: none
diseases: {D: {label: Disease, present: [present]}}
findings: {F: {label: Finding, tier: history}}
"""
TOLD = "2 rows sum to 1 only roughly (the worst, P(F | D=absent), to 1.00003) and were brought to 1. `ddx check "


@pytest.fixture
def rough(tmp_path: Path) -> Path:
    """A network with two rows that do not sum to 1."""
    path = tmp_path / "t.bif"
    path.write_text(BIF, encoding="utf-8")
    return path


def test_a_network_knows_its_rough_rows_and_so_does_the_cache(rough: Path) -> None:
    expected = Rounded(2, "P(F | D=absent)", 1.00003)
    assert read_network(rough).rounded == pytest.approx(expected)
    ddx.compile(ddx.load(rough))
    assert ddx.compile(ddx.load(rough)).network.rounded == pytest.approx(expected)


@pytest.mark.parametrize("times", [1, 2])
def test_rough_rows_are_told_once(rough: Path, times: int, capsys: pytest.CaptureFixture[str]) -> None:
    rough.with_name("t.roles.yaml").write_text(ROLES, encoding="utf-8")
    for command in (
        ["posterior", "-n", str(rough), "F=present", "--json"],
        ["diagnose", "-n", str(rough), "F"],
        ["convert", str(rough), str(rough.with_suffix(".xdsl")), "--force"],
        ["convert", str(rough), str(rough.with_name("u.yaml")), "--force"],
    ):
        for _ in range(times):
            assert main(command) == 0
            err = capsys.readouterr().err
            assert err.count(TOLD) == 1
            assert err.count("\n") == 1


def test_one_rough_row_and_none(rough: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rough.write_text(BIF.replace("0.10002", "0.1"), encoding="utf-8")
    assert main(["posterior", "-n", str(rough)]) == 0
    told = "1 row sums to 1 only roughly (P(F | D=absent), to 1.00003) and was brought to 1. `ddx check "
    assert told in capsys.readouterr().err
    rough.write_text(BIF.replace("0.10002", "0.1").replace("0.95003", "0.950003"), encoding="utf-8")
    assert main(["posterior", "-n", str(rough)]) == 0
    assert capsys.readouterr().err == ""


WHOLE = BIF.replace("0.10002", "0.1").replace("0.95003", "0.95")


@pytest.mark.parametrize("number", ["1e-400", "0.0001e-330", "000.1E-999", "-1e-400"])
@pytest.mark.parametrize("ending", ["bif", "xmlbif", "xdsl", "net", "uai"])
def test_a_number_that_would_become_0_is_refused_with_its_line(tmp_path: Path, number: str, ending: str) -> None:
    path, other = tmp_path / "t.bif", tmp_path / f"other.{ending}"
    path.write_text(WHOLE, encoding="utf-8")
    assert main(["convert", str(path), str(other)]) == 0
    other.write_text(other.read_text(encoding="utf-8").replace("0.05", number), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_network(other)
    assert f"{number} is smaller than a number can be. Write 0 if it is impossible." in str(caught.value)
    assert f"other.{ending}:" in str(caught.value)


def test_the_line_is_that_of_the_row(tmp_path: Path) -> None:
    path = tmp_path / "t.bif"
    path.write_text(WHOLE.replace("0.05, 0.95", "1e-400, 1.0"), encoding="utf-8")
    with pytest.raises(SpecError, match=r"t\.bif:7: P\(F \| D=absent\): 1e-400"):
        read_network(path)


@pytest.mark.parametrize("number", ["0", "0.000", "0e5", "0.0E-400", "1e-320"])
def test_zeros_and_the_smallest_numbers_are_read(tmp_path: Path, number: str) -> None:
    path = tmp_path / "t.bif"
    path.write_text(WHOLE.replace("0.05, 0.95", f"{number}, 1"), encoding="utf-8")
    assert read_network(path).models["F"].values[1, 0] == float(number)  # type: ignore[union-attr]


def test_yaml_is_no_file_of_another_tool(tmp_path: Path) -> None:
    toy = Path(__file__).parent / "data" / "toy.yaml"
    shutil.copy(toy, tmp_path / "toy.yaml")
    with pytest.raises(ddx.errors.FileProblem, match=r"YAML, not a network of another tool\. Unpack it first"):
        read_network(tmp_path / "toy.yaml")


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("0.1, 0.9;", "-0.1, 1.1;", "-0.1 is not a probability. Write a number from 0 to 1."),
        ("0.1, 0.9;", "0.1;", "2 needed, 1 found. Every row has one for each state."),
        ("[ 2 ]", "[ 3 ]", "[ 3 ] states announced, 2 listed. Mend the count, or the list."),
        ("F | D", "F | F", "F is its own parent. Leave it out of its parents."),
        ("F | D", "F | zzzzz", "zzzzz is not a declared variable but a parent of F. Declare it, or leave it out."),
    ],
)
def test_a_refusal_says_what_to_do(tmp_path: Path, was: str, now: str, words: str) -> None:
    path = tmp_path / "t.bif"
    path.write_text(WHOLE.replace(was, now, 1), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_network(path)
    assert str(caught.value).endswith(words)
