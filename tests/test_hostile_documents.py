"""Hostile and malformed networks and cases: refused by name, made harmless, or read with the meaning they have.

A disease D (prior 0.1) and a finding F (0.9 with it, 0.05 without), rendered with one hazard at a time. The ten hazards
that would hurt patients most stand in `test_ten_worst`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ddx.cli import main
from hostile_texts import NETWORK, TWO_THIRDS, B

NEVER_SHOWN = (
    r"Traceback \(most recent call last\)",
    r'File "/.*\.py", line',
    "\x1b",
    "root:.*:0:0",
    "href=.javascript:",
)


class Asked:
    """What one run of the command line gave."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def posterior(self) -> float:
        found: float = json.loads(self.out)["diseases"][0]["posterior"]
        return found


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a network and a case, run `ddx diagnose --json` on them, and look for what must never be shown."""
    monkeypatch.setenv("DDX_CACHE_DIR", str(tmp_path / "cache"))

    def run(
        network: str | bytes = NETWORK, case: str | bytes | None = None, ending: str = "yaml", *findings: str
    ) -> Asked:
        net = tmp_path / "net.yaml"
        net.write_bytes(network if isinstance(network, bytes) else network.encode())
        arguments = ["diagnose", "-n", str(net), "--json", *findings]
        if case is not None:
            path = tmp_path / f"case.{ending}"
            path.write_bytes(case if isinstance(case, bytes) else case.encode())
            arguments += ["-c", str(path)]
        code = main(arguments)
        told = capsys.readouterr()
        for pattern in NEVER_SHOWN:
            assert not re.search(pattern, told.out + told.err), pattern
        assert len(told.out + told.err) < 200_000
        return Asked(code, told.out, told.err)

    return run


def case(findings: str) -> str:
    return f"ddx: case/1\nfindings:\n{findings}"


def named(word: str, message: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", message) is not None


def refused(asked: Asked, *words: str, code: int = 3) -> None:
    assert asked.code == code, asked.out + asked.err
    assert not asked.out
    for word in words:
        assert named(word, asked.err), asked.err


# networks


def test_the_control(ask: Any) -> None:
    assert ask(NETWORK, case("  F: present\n")).posterior == pytest.approx(TWO_THIRDS)


def test_carriage_returns(ask: Any) -> None:
    crlf = NETWORK.replace("\n", "\r\n"), case("  F: present\n").replace("\n", "\r\n")
    assert ask(*crlf).posterior == pytest.approx(TWO_THIRDS)


def test_a_number_with_an_exponent_is_a_number(ask: Any) -> None:
    for text in ("1e-1", "1E-1", "+.1", "10e-2"):
        assert ask(NETWORK.replace("{D: {p: 0.1", f"{{D: {{p: {text}"), case("  F: present\n")).posterior == (
            pytest.approx(TWO_THIRDS)
        )


def test_json_is_yaml(ask: Any) -> None:
    from ruamel.yaml import YAML

    value = YAML(typ="safe", pure=True).load(NETWORK)
    assert ask(json.dumps(value), case("  F: present\n")).posterior == pytest.approx(TWO_THIRDS)


def test_a_version_that_others_would_shorten_is_refused(ask: Any) -> None:
    refused(ask(NETWORK.replace('"1.10"', "1.10"), case("  F: present\n")), "version", "1.10")
    asked = ask(NETWORK, case("  F: present\n"))
    assert json.loads(asked.out)["network"]["version"] == "1.10"


@pytest.mark.parametrize("name", ["NO", "on", "y", "Null", '"no"'])
def test_a_name_that_others_take_for_no_word_is_refused(ask: Any, name: str) -> None:
    refused(ask(NETWORK.replace("  F:\n", f"  {name}:\n"), case("  F: present\n")), name.strip('"'))


@pytest.mark.parametrize("value", ["012", "22:30", "0x1", "1_0", "0.1_5", "00.9", "\u0660.\u0669", "0b1", "0o7"])
def test_numbers_of_older_yaml_are_not_guessed(ask: Any, value: str) -> None:
    asked = ask(NETWORK.replace("p: 0.9,", f"p: {value},"), case("  F: present\n"))
    assert asked.code == 3
    assert named("F", asked.err)


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("D: {present: {p: 0.9,", "D: {present: {p:,", ("F",)),
        ("D: {present: {p: 0.9,", "D: {present: {p: .nan,", ("F",)),
        ("D: {present: {p: 0.9,", "D: {present: {p: .inf,", ()),
        ("D: {present: {p: 0.9,", "D: {present: {p: 1.2,", ("F", "1.2")),
        ("D: {present: {p: 0.9,", f"D: {{absent: {{p: 0.2, {B}}}, present: {{p: 0.9,", ("F", "1.1")),
        ("D: {present: {p: 0.9,", "D: {present: {p: -0.9,", ("-0.9",)),
        ("p: 0.9, source: s", "p: 0.9", ("source",)),
        ("p: 0.9, source: s", "p: 0.9, source: x", ("x",)),
        ("ddx: network/1", "ddx: network/99", ("99",)),
        ("diseases:\n", "include: /etc/passwd\ndiseases:\n", ("include",)),
        ("diseases:\n", "include: ../../../../etc/passwd\ndiseases:\n", ("include",)),
        ("diseases:\n", "include: http://127.0.0.1:9/x.yaml\ndiseases:\n", ("include",)),
        ("label: everybody", "label: !!python/object/apply:os.system ['touch /tmp/ddx_pwned']", ("tag",)),
        ("label: everybody", "label: &a everybody", ("anchor",)),
        ("label: The disease", "label: &a [*a]", ("anchor",)),
        ("label: The finding", "label: The \u202efinding", ("U+202E",)),
        ("label: The finding", "label: The \u200bfinding", ("U+200B",)),
        ("label: The finding", r'label: "F\e[31mRED\e]8;;http://evil\a"', ("U+001B",)),
        ("label: The finding", r'label: "F\u202ex"', ("U+202E",)),
        ("  D: {label", "  D: [", ()),
    ],
)
def test_a_network_that_is_refused(ask: Any, was: str, now: str, words: tuple[str, ...]) -> None:
    assert was in NETWORK
    refused(ask(NETWORK.replace(was, now, 1), case("  F: present\n")), "net.yaml", *words)
    assert not Path("/tmp/ddx_pwned").exists()


@pytest.mark.parametrize("text", [NETWORK + "---\n" + NETWORK, "", "{}", "[]", "nothing", "ddx: network/1\n"])
def test_two_networks_or_none(ask: Any, text: str) -> None:
    refused(ask(text, case("  F: present\n")))


def test_a_name_in_another_normal_form_is_not_taken_for_the_same_in_silence(ask: Any) -> None:
    text = NETWORK.replace("  D: {label", "  café: {label").replace("{D: {p", "{café: {p")
    assert ask(text.replace("        D: {", "        café: {"), case("  F: present\n")).code == 0
    asked = ask(text.replace("        D: {", "        cafe\u0301: {"), case("  F: present\n"))
    assert asked.code == 3 or asked.posterior == pytest.approx(TWO_THIRDS)


def test_a_script_as_an_address_is_told_and_never_linked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(NETWORK.replace("{citation: c}", "{citation: c, url: 'javascript:alert(1)'}"), encoding="utf-8")
    assert main(["check", str(path)]) == 0
    assert "no web address" in " ".join(capsys.readouterr().out.split())
    assert main(["show", "D", "-n", str(path)]) == 0
    assert "href" not in capsys.readouterr().out


# cases


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ("  F:\n", ("F",)),
        ("  F: 1\n", ("F",)),
        ("  F: true\n", ("F",)),
        ("  F: perhaps\n", ("F", "perhaps", "absent", "present")),
        ("  F: [present]\n", ("F",)),
        ("  F: {likelihood: {present: 0, absent: 0}}\n", ("F",)),
        ("  F: {likelihood: {present: 0.9}}\n", ("F",)),
        ("  F: {likelihood: {present: -1, absent: 1}}\n", ("F",)),
        ("  F: {likelihood: {present: .inf, absent: 1}}\n", ()),
        ("  F: {excluded: 'false'}\n", ("excluded",)),
        ('  F: "present\\e[31m"\n', ("U+001B",)),
    ],
)
def test_a_case_that_is_refused(ask: Any, findings: str, words: tuple[str, ...]) -> None:
    refused(ask(NETWORK, case(findings)), *words)


def test_a_case_without_findings_gives_the_priors(ask: Any) -> None:
    for text in ("ddx: case/1\nfindings: {}\n", "ddx: case/1\nfindings:\n", "ddx: case/1\nfindings: {F: unknown}\n"):
        assert ask(NETWORK, text).posterior == pytest.approx(0.1)


def test_a_likelihood_has_no_scale(ask: Any) -> None:
    odds = 0.1 / 0.9 * (0.9 * 1800 + 0.1 * 100) / (0.05 * 1800 + 0.95 * 100)
    for weights in ("present: 1800, absent: 100", "present: 0.18, absent: 0.01", "present: 1.8e200, absent: 1e199"):
        asked = ask(NETWORK, case(f"  F: {{likelihood: {{{weights}}}}}\n"))
        assert asked.posterior == pytest.approx(odds / (1 + odds))


def test_evidence_of_1e_minus_300(ask: Any) -> None:
    block = NETWORK[NETWORK.index("  F:\n") :].replace("0.05", "2e-5").replace("0.9", "1e-5")
    many = NETWORK[: NETWORK.index("  F:\n")]
    rates = f"background: {{present: {{p: 1e-5, {B}}}}}", f"D: {{present: {{p: 2e-5, {B}}}}}"
    for i in range(60):
        one = block.replace("  F:\n", f"  F{i}:\n", 1)
        one = re.sub(r"background: .*", rates[0], one)
        many += re.sub(r"D: \{present.*", rates[1], one)
    asked = ask(many, case("".join(f"  F{i}: present\n" for i in range(60))))
    odds = (0.1 / 0.9) * 2.0**60
    assert asked.code == 0
    assert 1 - asked.posterior == pytest.approx(1 / (1 + odds), rel=1e-3, abs=1e-15)
    assert json.loads(asked.out)["log10_evidence"] < -270


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"ddx": "case/1", "findings": {"F": "present"}}', 0),
        ('{"ddx": "case/1", "findings": {"F": {"likelihood": {"present": 1' + "0" * 5000 + ', "absent": 1}}}}', 3),
        ('{"ddx": "case/1", "findings": {"F": {"likelihood": {"present": NaN, "absent": 1}}}}', 3),
        ('{"ddx": "case/1", "findings": {"F": false}}', 3),
        ('{"ddx": "case/1", "findings": {"F\\u001b[31m": "present"}}', 3),
        ('{"ddx": "case/1", "findings": {"F": null}}', 3),
        ('{"ddx": "case/1", "findings": {"F": 1}}', 3),
        ('{"ddx": "case/1", "findings": {"F": "present"', 3),
        ("[" * 100_000 + "]" * 100_000, 3),
        ("", 3),
    ],
)
def test_json_cases(ask: Any, text: str, code: int) -> None:
    asked = ask(NETWORK, text, "json")
    assert asked.code == code
    if code == 0:
        assert asked.posterior == pytest.approx(TWO_THIRDS)


def test_json_in_odd_encodings_does_not_crash(ask: Any) -> None:
    text = '{"ddx": "case/1", "id": "\\ud800", "findings": {"F": "present"}}'
    assert ask(NETWORK, text, "json").code in (0, 3)
    assert ask(NETWORK, text.replace("\\ud800", "x").encode("utf-16"), "json").code in (0, 3)
    assert ask(NETWORK, text.replace("\\ud800", "x").encode("utf-8-sig"), "json").code in (0, 3)


@pytest.mark.parametrize("name", ["c1", '"c\n1"', "=HYPERLINK(1)"])
def test_a_table_with_one_case_is_a_case(ask: Any, name: str) -> None:
    assert ask(NETWORK, f"case,F\n{name},present\n", "csv").posterior == pytest.approx(TWO_THIRDS)
    assert ask(NETWORK, f"case,F\n{name},\n", "csv").posterior == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("case,F\n", ("case.csv",)),
        ("case,F,F\nc1,present,absent\n", ("F",)),
        ("case,F\nc1,present,absent\n", ("c1",)),
        ("case,F\nc1,no\n", ("F", "no")),
        ("case,G\nc1,present\n", ("G",)),
        ("case,F\nc1,present\nc2,present\n", ("2",)),
        ("case,F\nm\u00fcller,present\n".encode("latin-1"), ("UTF-8",)),
    ],
)
def test_a_table_that_is_refused(ask: Any, text: str | bytes, words: tuple[str, ...]) -> None:
    refused(ask(NETWORK, text, "csv"), *words)


def test_the_instrument_would_see_a_wrong_answer(ask: Any) -> None:
    """The mutant: with another number the control fails."""
    assert ask(NETWORK.replace("p: 0.9,", "p: 0.8,"), case("  F: present\n")).posterior != pytest.approx(TWO_THIRDS)
