"""The case file and findings on the line: three kinds of not-present stay three, contradictions are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddx import load
from ddx.errors import CaseError, ContradictoryFinding, DdxError, UnknownFinding, UnknownState
from ddx.evidence import merged, observed_on_the_line, parse_case, read_case

CASE = """
ddx: case/1
network: toy
setting: clinic
subject: {age: 52, sex: male}
findings:
  fever: absent
  grade: 4
  b27: {likelihood: {positive: 0.9, negative: 0.1}}
  cough: unknown
expect:
  rank_any: [flu, ssc]
  above: {flu: 0.9}
  joint_above: {flu+ssc: 0.5}
"""


def test_a_case_is_read_as_written() -> None:
    case = parse_case(CASE, "c.case.yaml")
    assert [(f.name, f.state) for f in case.findings] == [
        ("fever", "absent"),
        ("grade", "4"),
        ("b27", None),
        ("cough", None),
    ]
    assert case.findings[2].likelihood == {"positive": 0.9, "negative": 0.1}
    assert [f.unknown for f in case.findings] == [False, False, False, True]
    assert case.subject == {"age": "52", "sex": "male"}
    assert case.expect.joint_above == {("flu", "ssc"): 0.5}


def test_json_is_the_same_case() -> None:
    as_json = '{"ddx": "case/1", "findings": {"grade": 4, "fever": "absent"}}'
    as_yaml = "ddx: case/1\nfindings: {grade: 4, fever: absent}\n"
    read_json, read_yaml = parse_case(as_json, "c", "json"), parse_case(as_yaml, "c")
    assert [(f.name, f.state) for f in read_json.findings] == [(f.name, f.state) for f in read_yaml.findings]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("findings: {a: b}", "ddx: case/1"),
        ("ddx: case/2\nfindings: {a: b}", "case/2"),
        ("ddx: case/1\nfinding: {a: b}", "Did you mean findings"),
        ("ddx: case/1\nfindings: [a]", "name: value"),
        ("ddx: case/1\nfindings: {a: [b]}", "a list"),
        ("ddx: case/1\nfindings: {a: }", "nothing"),
        ("ddx: case/1\nfindings: {a: {likelihood: {x: -1}}}", "weights"),
        ("ddx: case/1\nfindings: {a: {likelihood: {x: '0,5'}}}", "not a number"),
        ("ddx: case/1\nfindings: {}\nexpect: {above: {flu: 90}}", "not a probability"),
        ("ddx: case/1\nfindings: {a: b, a: c}", "twice"),
    ],
)
def test_refused_with_one_message(text: str, words: str) -> None:
    with pytest.raises(DdxError) as caught:
        parse_case(text, "c.yaml")
    assert words in str(caught.value)
    assert "c.yaml" in str(caught.value)


def test_tokens() -> None:
    observed = observed_on_the_line(["waxy-papules", "crp=14", "x=?", "no-raynaud"])
    assert [(o.name, o.state) for o in observed] == [
        ("waxy-papules", "present"),
        ("crp", "14"),
        ("x", None),
        ("no-raynaud", "present"),
    ]
    for bad in ("", "=x", "a="):
        with pytest.raises(CaseError):
            observed_on_the_line([bad])


def test_one_finding_twice_is_refused() -> None:
    first, second = observed_on_the_line(["a=1"]), observed_on_the_line(["a=2"])
    with pytest.raises(ContradictoryFinding, match="a=1; a=2"):
        merged(first, second)


FAULTS = [
    ("  raynaud: no", "3: raynaud has no state 'no'"),
    ("  frogs: present", "3: no finding 'frogs'"),
    ("  hla_b27: {likelihood: {positive: 1}}", "3: hla_b27: the likelihood gives no weight for negative"),
]


@pytest.mark.parametrize(("written", "told"), FAULTS)
def test_what_the_network_does_not_know_is_told_with_file_and_line(written: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "x.case.yaml"
    file.write_text(f"ddx: case/1\nfindings:\n{written}\n")
    lexicon = load("scleroderma-mimics").lexicon
    with pytest.raises((UnknownFinding, UnknownState), match=f"^x.case.yaml:{told}"):
        lexicon.observe(read_case(file).findings[0])
    with pytest.raises(UnknownState, match=r"^raynaud has no state 'no'"):
        lexicon.observe(observed_on_the_line(["raynaud=no"])[0])
