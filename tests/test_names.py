"""Names that differ only in case, `-`, `_` and spaces: what is written means itself, and nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ddx.cli import main
from ddx.errors import CaseError, UnknownFinding, UnknownName, UnknownState
from ddx.evidence import Observed
from ddx.knowledge import lexicon, outline
from ddx.knowledge.load import load
from ddx.knowledge.provenance import tally

TOY = Path(__file__).parent / "data" / "toy.yaml"

ALIKE = """network alike { }
variable a { type discrete [ 2 ] { yes, no }; }
variable A { type discrete [ 2 ] { yes, no }; }
variable "x y" { type discrete [ 2 ] { Yes, yes }; }
variable x_y { type discrete [ 2 ] { low, high }; }
probability ( a ) { table 0.1, 0.9; }
probability ( A ) { table 0.2, 0.8; }
probability ( "x y" ) { table 0.3, 0.7; }
probability ( x_y ) { table 0.4, 0.6; }
"""


@pytest.fixture
def alike(tmp_path: Path) -> Path:
    """Four independent variables, two pairs of which read alike."""
    path = tmp_path / "alike.bif"
    path.write_text(ALIKE, encoding="utf-8")
    return path


def posterior(capsys: pytest.CaptureFixture[str], path: Path, *findings: str) -> Mapping[str, Mapping[str, float]]:
    assert main(["posterior", "-n", str(path), *findings, "--json"]) == 0
    told: Mapping[str, Mapping[str, float]] = json.loads(capsys.readouterr().out)["posteriors"]
    return told


@pytest.mark.parametrize(
    ("finding", "node", "state"),
    [
        ("a=yes", "a", "yes"),
        ("A=yes", "A", "yes"),
        ("no-a", "a", "no"),
        ("x y=Yes", "x y", "Yes"),
        ("x y=yes", "x y", "yes"),
        ("x_y=low", "x_y", "low"),
        ("x_y=LOW", "x_y", "low"),
    ],
)
def test_a_name_as_it_is_written_means_itself(
    alike: Path, finding: str, node: str, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = posterior(capsys, alike), posterior(capsys, alike, finding)
    assert after[node][state] == 1
    for other in before.keys() - {node}:
        assert after[other] == pytest.approx(before[other], abs=1e-12)


def test_a_case_may_name_both(alike: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = tmp_path / "both.json"
    case.write_text('{"ddx": "case/1", "findings": {"a": "yes", "A": "no"}}', encoding="utf-8")
    found = posterior(capsys, alike, "-c", str(case))
    assert (found["a"]["yes"], found["A"]["no"]) == (1, 1)


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        ("x-y=low", "'x-y' fits several: x y, x_y. Write one of these."),
        ("x y=YES", "x y: 'YES' fits several states: Yes, yes. Write one of these."),
        ("x y", "x y needs a state"),
    ],
)
def test_what_fits_several_is_refused_with_the_candidates(
    alike: Path, finding: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["posterior", "-n", str(alike), finding]) == 3
    assert words in capsys.readouterr().err


def test_near_misses_name_each_of_those_that_read_alike(alike: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["posterior", "-n", str(alike), "xx y=low"]) == 3
    assert "Did you mean x y or x_y?" in capsys.readouterr().err


def two_fevers(word: str, other: str) -> lexicon.Lexicon:
    """The names of the toy network, with a second fever; each has an alias. Kept and read back, as between queries."""
    toy = load(TOY)
    first = replace(toy.findings["fever"], aliases=(word,))
    second = replace(first, label="Second fever", aliases=(other,), synonyms=(word,))
    network = replace(toy, findings={**toy.findings, "fever": first, "FEVER": second})
    kept = outline.to_plain(outline.outline_of(network, tally(network)))
    return outline.of_plain(json.loads(json.dumps(kept))).lexicon


def test_ids_and_aliases_of_a_clinical_network_mean_themselves() -> None:
    names = two_fevers("hot skin", "hot-skin")
    for written, node in [("fever", "fever"), ("FEVER", "FEVER"), ("hot skin", "fever"), ("hot-skin", "FEVER")]:
        assert names.finding(written).id == node
    for written in ("Hot Skin", "feveR"):
        with pytest.raises(UnknownFinding, match="fits several: FEVER, fever"):
            names.finding(written)
    assert names.anything("Clone").kind == "disease"


def test_an_alias_goes_before_a_synonym_and_two_equal_aliases_mean_nothing() -> None:
    assert two_fevers("hot", "warm").finding("hot").id == "fever"  # a synonym of the other one
    with pytest.raises(UnknownFinding, match="fits several: FEVER, fever"):
        two_fevers("hot", "hot").finding("hot")


def test_diseases_that_read_alike_are_told_apart() -> None:
    toy = load(TOY)
    names = lexicon.of_network(replace(toy, diseases={**toy.diseases, "FLU": replace(toy.diseases["flu"], label="x")}))
    assert (names.disease("flu").id, names.disease("FLU").id) == ("flu", "FLU")
    with pytest.raises(UnknownName, match="fits several: FLU, flu"):
        names.disease("fLU")


def test_a_word_for_a_state_means_itself() -> None:
    aliases = {"M": "male", "m": "missing"}
    states = ("male", "female", "missing")
    sex = lexicon.Askable("sex", "Sex", states, None, None, state_aliases=aliases)
    names = lexicon.Lexicon([sex], (), {"sex": (lexicon.Meant("context", "sex", "sex"),)}, {})
    assert names.observe(Observed("sex", "M")) == ("sex", "male")
    assert names.observe(Observed("sex", "m")) == ("sex", "missing")
    assert names.observe(Observed("sex", "FEMALE")) == ("sex", "female")
    with pytest.raises(UnknownState, match="fits several states: male, missing"):
        names.observe(Observed("sex", "_m"))
    with pytest.raises(CaseError, match="gives one state twice"):
        names.observe(Observed("sex", likelihood={"male": 1, "Male": 1, "female": 1, "missing": 1}))
