"""Strict reading: words stay words, lines are remembered, what is ambiguous or dangerous is refused with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from ddx.documents import DEEPEST, DocumentError, parse, read, read_bytes, visible
from ddx.errors import FileProblem, SpecError
from ddx.exchange import bif
from ddx.exchange.source import Source
from ddx.knowledge.bayesnet import BayesNet, Table


def test_scalars_are_the_words_written() -> None:
    value = parse("a: no\nb: [1e-4, 04, yes, true]\nc: ~\nd: 'null'\n", "f").value
    assert value == {"a": "no", "b": ["1e-4", "04", "yes", "true"], "c": None, "d": "null"}


def test_json_and_yaml_say_the_same() -> None:
    text = '{"a": 4, "b": [0.10, true], "c": null}'
    assert parse(text, "f", "json").value == {"a": "4", "b": ["0.10", "true"], "c": None}
    assert parse('{"a": "4"}', "f", "json").value == parse("a: 4", "f").value


def test_every_place_knows_its_line() -> None:
    document = parse("a:\n  b:\n    - x\n    - y\n", "case.yaml")
    assert document.where(("a", "b", 1)) == "case.yaml:4"
    assert document.where(("a", "b", 1, "deeper")) == "case.yaml:4"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "stands twice"),
        ("a: &x 1\nb: 2\n", 1, "anchor"),
        ("a: 1\nb: *x\n", 2, ""),
        ("a: !!python/object:os.system 1\n", 1, "tag"),
        ("a: 1\n---\nb: 2\n", 0, "2 documents"),
        ("", 0, "0 documents"),
        ("a: [1\n", 2, "not YAML"),
        ("a: x\u202ey\n", 1, "U+202E"),
        ("a: x\u200by\n", 1, "U+200B"),
        ("[" * (DEEPEST + 1), 1, "levels"),
        ("? [a]\n: 1\n", 1, "not a word"),
    ],
)
def test_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text, "f.yaml")
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"f.yaml:{line}:" if line else "f.yaml: ")


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": }', "[" * 5000])
def test_bad_json_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        parse(text, "f.json", "json")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="no such file"):
        read(tmp_path / "absent.yaml")
    with pytest.raises(FileProblem, match="folder"):
        read(tmp_path)
    (tmp_path / "large.yaml").write_bytes(b"a" * 11)
    with pytest.raises(FileProblem, match="more than"):
        read_bytes(tmp_path / "large.yaml", largest=10)
    (tmp_path / "latin.yaml").write_bytes(b"a: b\nc: \xe9\n")
    with pytest.raises(DocumentError, match=r"latin\.yaml:2: not UTF-8"):
        read(tmp_path / "latin.yaml")


def test_two_spellings_of_a_name_are_one() -> None:
    """Composed and decomposed letters, written or escaped, in YAML and in JSON."""
    assert parse("caf\u00e9: e\u0301\n", "f.yaml").value == parse("cafe\u0301: \u00e9\n", "f.yaml").value
    for text, kind in (
        ('"caf\\u00e9": 1\n"cafe\\u0301": 2\n', "yaml"),
        ('{"caf\\u00e9": 1, "cafe\\u0301": 2}', "json"),
    ):
        with pytest.raises(DocumentError, match="stands twice"):
            parse(text, "f", kind)


def test_what_is_written_without_quotes_is_known() -> None:
    document = parse('a: 1.10\nb: "1.10"\nc: [x, "y"]\n', "f.yaml")
    assert document.bare == {("a",), ("c", 0)}


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ('{"a": {\n"b": 1,\n"b": 2}}', "f:3: the key 'b' stands twice (first on line 2)"),
        ('{"a": [1,\n{"b": NaN}]}', "f:2: NaN is not a number of JSON"),
        ('{"a":\n-Infinity}', "f:2: -Infinity is not a number of JSON"),
        ('{"a": "NaN",\n"b": NaN}', "f:2: NaN"),
        ('{"a":\n' + "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1) + "}", "f:2: more than 50 levels"),
        ('{"a":\n' + "[" * 90_000, "f:2: more than 50 levels"),
        ('{"a": "x",\n"b": ["y",\n"\\u202e"]}', "f:3: the invisible character U+202E"),
        ('{"a": "x",\n"b\\u200b": 1}', "f:2: the invisible character U+200B"),
    ],
)
def test_a_fault_in_json_has_its_line(text: str, start: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text, "f", "json")
    assert str(caught.value).startswith(start)


def test_every_place_in_json_knows_its_line() -> None:
    text = '{"a": {"b, {": [1,\n"]",\n{"c": null}], "d": "\\"\\n"},\n"caf\\u00e9": true}'
    document = parse(text, "f", "json")
    places = {(): 1, ("a", "b, {"): 1, ("a", "b, {", 1): 2, ("a", "b, {", 2, "c"): 3, ("a", "d"): 3, ("caf\u00e9",): 4}
    assert {place: document.lines[place] for place in places} == places


INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u2060\u2061\u2062\u2063\u2064\u3164\ufe0f\uffa0\u200d\u202e\u00ad\U000e0101"


@pytest.mark.parametrize("character", INVISIBLE)
def test_what_nobody_sees_is_refused(character: str) -> None:
    assert not visible(f"x{character}y")
    told = f"f:2: the invisible character U+{ord(character):04X}"
    escaped = json.dumps(character)
    for text, kind in (
        (f"a: b\nx{character}y: 1\n", "yaml"),
        (f"a: b\nx: y{character}\n", "yaml"),
        (f'a: b\n"x{escaped[1:-1]}": 1\n' if ord(character) < 0x10000 else f"a: b\n{character}: 1\n", "yaml"),
        (f'{{"a": "b",\n"x{character}": 1}}', "json"),
        (f'{{"a": "b",\n"x": {escaped}}}', "json"),
    ):
        with pytest.raises(DocumentError) as caught:
            parse(text, "f", kind)
        assert str(caught.value).startswith(told)


@pytest.mark.parametrize("character", INVISIBLE)
def test_no_name_of_a_network_holds_what_nobody_sees(character: str) -> None:
    """The mutant: without the character the same network is read."""
    text = 'network n {{ }} variable "A{0}" {{ type discrete [ 2 ] {{ "b{1}", "c" }}; }}'
    text += 'probability ( "A{0}" ) {{ table 0.3, 0.7; }}'
    assert bif.read(Source(text.format("", "").encode(), "f", "f")).states == {"A": ("b", "c")}
    table = Table((), np.array([0.3, 0.7]))
    for name, state in ((character, ""), ("", character)):
        with pytest.raises(SpecError, match="cannot be shown") as caught:
            bif.read(Source(text.format(name, state).encode(), "f", "f"))
        assert character not in str(caught.value)
        with pytest.raises(SpecError, match="cannot be shown"):
            BayesNet.build("n", {f"A{name}": (f"b{state}", "c")}, {f"A{name}": table})


def test_letters_of_every_script_are_seen() -> None:
    for word in (
        "waxy papules",
        "Krankheit\u00df",
        "\u75c5\u6c17",
        "\ubcd1",
        "\u0645\u0631\u0636",
        "\u0930\u094b\u0917",
        "\u1787\u17c6\u1784\u17ba",
    ):
        assert visible(word)
        assert parse(f"{word}: {word}\n", "f").value == {word: word}


@pytest.mark.parametrize(
    "text",
    [
        "note: !CANARY x\n",
        "note: !CANARY!x y\n",
        "note: !<CANARY x\n",
        "note: CANARY: x\n",
        'note: "CANARY\n',
        "note: 'x' CANARY 'y\n",
        "note: |CANARY\n",
        "note: &CANARY x\n",
        "note: *CANARY\n",
        "%TAG !CANARY x\n---\nnote: x\n",
    ],
)
def test_what_is_written_in_a_value_is_not_repeated(text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text, "f")
    assert "CANARY" not in str(caught.value)
    assert str(caught.value).startswith("f:")


def test_a_packed_document_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "c.case.yaml.gz").write_bytes(gzip.compress(b"a: b\n"))
    with pytest.raises(DocumentError, match=r"c\.case\.yaml\.gz: packed with gzip"):
        read(tmp_path / "c.case.yaml.gz")
