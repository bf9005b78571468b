"""Strict reading: words stay words, lines are remembered, what is ambiguous or dangerous is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddx.documents import DEEPEST, DocumentError, parse, read, read_bytes
from ddx.errors import FileProblem


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
