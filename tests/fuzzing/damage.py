"""Good inputs with pieces cut, doubled, moved or put in; now and then damaged as bytes too."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

MARKS = [*"\"'{}()[];,|=:-%#<>&", "/*", "*/", "//", "&x;", "<!--", "-->", "<![CDATA[", "]]>", "---\n", "- ", "? "]
BLANKS = ["\n", "\r\n", "\t", " ", "  ", "\x00", "\ufeff", "\u202e", "e\u0301"]
NUMBERS = ["nan", "inf", "1e999", "-1", "0,5", "1_0", "\u0663", "99999999", "1" * 5000, "0"]
WORDS = ["D", "present", "null", "true", "<!DOCTYPE a [<!ENTITY x 'y'>]>", "<decision/>", "&a ", "*a", "!!x "]
PIECES = [*MARKS, *BLANKS, *NUMBERS, *WORDS, "\\ud800", "\\u0000"]
LETTERS = st.text(st.characters(exclude_categories=("Cs",)), max_size=3)


@st.composite
def damaged(draw: st.DrawFn, good: Sequence[bytes]) -> bytes:
    """One of the inputs, damaged in one to five places."""
    data = draw(st.sampled_from(list(good)))
    text = data.decode("utf-8", "surrogateescape")
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(text)))
        to = min(len(text), at + draw(st.integers(0, 40)))
        piece = draw(st.sampled_from([*PIECES, text[at:to], ""]) | LETTERS)
        text = text[:at] + piece + text[to if draw(st.booleans()) else at :]
    whole = text.encode("utf-8", "surrogateescape")
    if draw(st.integers(0, 6)):
        return whole
    return draw(st.sampled_from([whole[: len(whole) // 2], b"\xff" + whole, whole * 2, whole.replace(b"e", b"\xe9")]))
