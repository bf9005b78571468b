"""The ten misreadings that would hurt patients most: each is refused, or read as what it says.

For each the harm if a reader guessed: a finding turned into its opposite, lost, or counted with a wrong number.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddx.cli import main
from hostile_texts import G_IS_F, NETWORK, TWO_THIRDS, B, changed

SCLERODACTYLY, PRURITUS, UNKNOWN = "HP:0011838", "HP:0000989", "HP:9999999"

Ask = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """`ddx COMMAND ... --json` in a folder with these files: exit code, the answer or None, what stderr says."""
    monkeypatch.chdir(tmp_path)

    def go(files: dict[str, str], *arguments: str) -> tuple[int, Any, str]:
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        code = main([*arguments, "--json"])
        out, err = capsys.readouterr()
        assert bool(out) == (code == 0)
        return code, json.loads(out) if out else None, err

    return go


def case(findings: str, network: str = NETWORK, ending: str = "yaml") -> dict[str, str]:
    body = findings if ending == "json" else f"ddx: case/1\nfindings:\n{findings}"
    return {f"case.{ending}": body, "net.yaml": network}


def of_case(ask: Ask, files: dict[str, str], *findings: str) -> tuple[int, Any, str]:
    name = next(name for name in files if name.startswith("case"))
    return ask(files, "posterior", "-n", "net.yaml", "-c", name, *findings)


def packet(*features: dict[str, Any], version: str = "2.0") -> dict[str, str]:
    body = {"id": "x", "phenotypicFeatures": features, "metaData": {"phenopacketSchemaVersion": version}}
    return {"p.json": json.dumps(body)}


def feature(term: str, **more: Any) -> dict[str, Any]:
    return {"type": {"id": term, "label": "x"}, **more}


def seen(answer: Any) -> dict[str, str]:
    return {used["finding"]: used["state"] for used in answer["evidence"]["used"]}


def test_1_no_is_not_false(ask: Ask) -> None:
    code, _, err = of_case(ask, case("  F: no\n"))
    assert code == 3 and "F has no state 'no'" in err
    words = NETWORK.replace("states: [absent, present]", "states: [no, yes]").replace("{present:", "{yes:")
    code, answer, _ = of_case(ask, case("  F: no\n", words))
    assert answer["posteriors"]["D"]["present"] == pytest.approx(0.01 / (0.01 + 0.9 * 0.95))


@pytest.mark.parametrize("second", ["  F: absent\n", "  f: absent\n", "  The finding: absent\n"])
def test_2_a_finding_twice_with_two_states(ask: Ask, second: str) -> None:
    code, _, err = of_case(ask, case(f"  F: present\n{second}"))
    assert code == 3 and "twice" in err and "F" in err
    code, _, err = of_case(ask, case('{"ddx": "case/1", "findings": {"F": "present", "F": "absent"}}', ending="json"))
    assert code == 3 and "'F' stands twice" in err
    code, _, err = of_case(ask, case("  F: present\n"), "no-F")
    assert code == 3 and "F is given twice" in err


@pytest.mark.parametrize("written", ["false", "true", "no", 0, 1, None, []])
def test_3_excluded_in_quotes_is_no_boolean(ask: Ask, written: Any) -> None:
    code, _, err = ask(packet(feature(SCLERODACTYLY, excluded=written)), "diagnose", "-c", "p.json")
    assert code == 3 and "excluded is" in err


def test_4_negated_of_version_1_is_absent(ask: Ask) -> None:
    for version in ("1.0.0", "2.0"):
        features = (feature(PRURITUS, negated=True), feature(SCLERODACTYLY, negated=False))
        code, answer, _ = ask(packet(*features, version=version), "diagnose", "-c", "p.json")
        assert code == 0
        assert (seen(answer)["pruritus"], seen(answer)["sclerodactyly"]) == ("absent", "present")
    code, _, err = ask(packet(feature(PRURITUS, negated=True, excluded=False)), "diagnose", "-c", "p.json")
    assert code == 3 and "both excluded" in err
    code, _, err = ask(packet(feature(PRURITUS, exclude=True)), "diagnose", "-c", "p.json")
    assert code == 3 and "Did you mean excluded?" in err


def test_5_a_term_above_an_observed_one_is_excluded(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDX_ONTOLOGY", "hp.obo")
    obo = f"format-version: 1.2\n\n[Term]\nid: {SCLERODACTYLY}\nis_a: {PRURITUS}\n\n[Term]\nid: {PRURITUS}\n"
    files = {"hp.obo": obo, **packet(feature(SCLERODACTYLY), feature(PRURITUS, excluded=True))}
    code, _, err = ask(files, "diagnose", "-c", "p.json")
    assert code == 3 and SCLERODACTYLY in err and PRURITUS in err
    files = {"hp.obo": obo, **packet(feature(SCLERODACTYLY, excluded=True), feature(PRURITUS))}
    assert ask(files, "diagnose", "-c", "p.json")[0] == 0  # the other way round is no contradiction


def test_6_an_unknown_term_is_never_skipped_in_silence(ask: Ask) -> None:
    code, answer, err = ask(packet(feature(UNKNOWN), feature(PRURITUS)), "diagnose", "-c", "p.json")
    assert code == 0 and answer["evidence"]["ignored"] == [UNKNOWN]
    assert f"not used: {UNKNOWN}" in err
    assert ask(packet(feature(UNKNOWN)), "diagnose", "-c", "p.json", "--strict")[0] == 3
    code, _, err = of_case(ask, case(f"  F: present\n  '{UNKNOWN}': present\n"))
    assert code == 3 and UNKNOWN in err


@pytest.mark.parametrize("number", ["{p: '0,9',", "{p: 0,9,"])
def test_7_a_decimal_comma(ask: Ask, number: str) -> None:
    code, _, err = of_case(ask, case("  F: present\n", changed(("{p: 0.9,", number))))
    assert code == 3 and "F" in err
    bif = BIF.replace("0.9, 0.1", "0,9, 0,1")
    code, _, err = ask({"n.bif": bif}, "posterior", "-n", "n.bif")
    assert code == 3 and "decimal comma" in err
    code, _, err = ask({}, "diagnose", "iga_level=0,4")
    assert code == 3 and "0,4" in err


BIF = """network t { }
variable D { type discrete [ 2 ] { present, absent }; }
variable F { type discrete [ 2 ] { present, absent }; }
probability ( D ) { table 0.1, 0.9; }
probability ( F | D ) { (present) 0.9, 0.1; (absent) 0.05, 0.95; }
"""


@pytest.mark.parametrize(
    ("was", "now", "word"),
    [
        ("findings:\n", "findings:\n  F: {label: x, states: [a, b], tier: exam, model: {kind: table}}\n", "'F'"),
        (f"{{present: {{p: 0.9, {B}}}}}", f"{{present: {{p: 0.9, {B}}}, present: {{p: 0.1, {B}}}}}", "'present'"),
        ("{p: 0.9,", "{p: 0.9, p: 0.1,", "'p'"),
    ],
)
def test_8_the_last_of_two_keys_does_not_win(ask: Ask, was: str, now: str, word: str) -> None:
    code, _, err = of_case(ask, case("  F: present\n", changed((was, now))))
    assert code == 3 and f"the key {word} stands twice" in err
    code, _, err = ask({"n.bif": BIF + "probability ( D ) { table 0.5, 0.5; }\n"}, "posterior", "-n", "n.bif")
    assert code == 3 and "D has two probability tables" in err
    text = packet(feature(PRURITUS))["p.json"].replace('"type"', '"excluded": false, "excluded": true, "type"')
    assert ask({"p.json": text}, "diagnose", "-c", "p.json")[0] == 3


XMLBIF = """<BIF VERSION="0.3"><NETWORK><NAME>t</NAME>
<VARIABLE TYPE="nature"><NAME>F</NAME><OUTCOME>none</OUTCOME><OUTCOME>some</OUTCOME><OUTCOME>much</OUTCOME></VARIABLE>
<VARIABLE TYPE="nature"><NAME>D</NAME><OUTCOME>present</OUTCOME><OUTCOME>absent</OUTCOME></VARIABLE>
<VARIABLE TYPE="nature"><NAME>E</NAME><OUTCOME>present</OUTCOME><OUTCOME>absent</OUTCOME></VARIABLE>
<DEFINITION><FOR>F</FOR><GIVEN>D</GIVEN><GIVEN>E</GIVEN>
<TABLE>0.1 0.2 0.7 0.2 0.3 0.5 0.3 0.3 0.4 0.9 0.05 0.05</TABLE></DEFINITION>
<DEFINITION><FOR>D</FOR><TABLE>0.1 0.9</TABLE></DEFINITION>
<DEFINITION><FOR>E</FOR><TABLE>0.2 0.8</TABLE></DEFINITION>
</NETWORK></BIF>
"""


def test_9_a_table_of_xmlbif_is_not_transposed(ask: Ask) -> None:
    """The child varies fastest, then the last parent: P(much) with D alone is 0.5, with E alone 0.4."""
    code, answer, _ = ask({"n.bifxml": XMLBIF}, "posterior", "-n", "n.bifxml", "F=much")
    with_d = 0.1 * (0.2 * 0.7 + 0.8 * 0.5)
    without = 0.9 * (0.2 * 0.4 + 0.8 * 0.05)
    assert code == 0
    assert answer["posteriors"]["D"]["present"] == pytest.approx(with_d / (with_d + without), abs=1e-12)
    code, _, err = ask({"n.bifxml": XMLBIF.replace("0.1 0.2 0.7", "0.1 0.2 0.3")}, "posterior", "-n", "n.bifxml")
    assert code == 3 and "P(F | D=present, E=present)" in err


def test_10_evidence_of_probability_0_is_no_posterior(ask: Ask) -> None:
    code, answer, err = of_case(ask, case("  F: present\n  G: absent\n", NETWORK + G_IS_F))
    assert (code, answer) == (5, None)
    assert "F=present, G=absent" in err


def test_the_control(ask: Ask) -> None:
    """Without a hazard the answer is given, and another number gives another answer: the tests above can fail."""
    answer = of_case(ask, case("  F: present\n"))[1]
    assert answer["posteriors"]["D"]["present"] == pytest.approx(TWO_THIRDS)
    answer = of_case(ask, case("  F: present\n", changed(("{p: 0.9,", "{p: 0.8,"))))[1]
    assert answer["posteriors"]["D"]["present"] != pytest.approx(TWO_THIRDS)
