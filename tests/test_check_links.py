"""What `ddx check` says of rates below the background is what the network then computes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ddx
from ddx.knowledge.check import check_file
from ddx.knowledge.links import with_cause

TOY = Path(__file__).parent / "data" / "toy.yaml"
E = "source: elicited, grade: judgement"
NODE = """  rash:
    label: Rash
    states: {states}
    tier: exam
    model:
      kind: noisy-max
      background: {background}
      given: {{flu: {given}}}
"""


def row(**numbers: float) -> str:
    return "{" + ", ".join(f"{state}: {{p: {p!r}, {E}}}" for state, p in numbers.items()) + "}"


def network(folder: Path, given: dict[str, float], background: dict[str, float], more: str = "") -> Path:
    """The toy with one finding more, of flu alone."""
    states = f"[absent, {', '.join(background)}]"
    text = TOY.read_text(encoding="utf-8")
    text += NODE.format(states=states, background=row(**background), given=row(**given)) + more
    path = folder / "net.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def told(path: Path) -> list[str]:
    return [i.message for i in check_file(path, {}).issues if i.level == "warning" and "rash" in i.message]


def used(message: str) -> dict[str, float]:
    """`state number` pairs after `the network uses`."""
    listed = message.partition("the network uses ")[2]
    return {state: float(p) for state, p in re.findall(r"(\w+) ([\d.e-]+)", listed)}


def computed(path: Path, **context: str) -> dict[str, float]:
    model = ddx.compile(ddx.load(path), setting="general")
    alone = {"flu": "present", "ssc": "absent", **context}
    return dict(model.posteriors(alone)["rash"])


def test_each_state_is_compared_and_what_comes_out_is_told(tmp_path: Path) -> None:
    path = network(tmp_path, {"mild": 0.6, "severe": 0.01}, {"mild": 0.3, "severe": 0.1})
    (message,) = told(path)
    assert "P(rash at least severe | flu) = 0.01 is below the background 0.1" in message
    assert "written as mild 0.6, severe 0.01" in message
    assert used(message) == pytest.approx({"mild": 0.51, "severe": 0.1})
    assert computed(path) == pytest.approx({"absent": 0.39, **used(message)})


def test_a_rate_that_comes_out_as_written_is_no_doubt(tmp_path: Path) -> None:
    path = network(tmp_path, {"mild": 0.6, "severe": 0.2}, {"mild": 0.3, "severe": 0.1})
    assert not told(path)
    assert computed(path) == pytest.approx({"absent": 0.2, "mild": 0.6, "severe": 0.2})


def test_a_rate_that_no_link_gives_is_told(tmp_path: Path) -> None:
    """Nowhere below the background, and yet changed: P(<= s | cause) / P(<= s | background) falls from 0.8 to 0.6."""
    path = network(tmp_path, {"mild": 0.05, "severe": 0.55}, {"mild": 0.25, "severe": 0.25})
    (message,) = told(path)
    assert "P(rash | flu) cannot be reached over the background: written as mild 0.05, severe 0.55" in message
    assert used(message) == pytest.approx({"mild": 0.15, "severe": 0.55})
    assert computed(path) == pytest.approx({"absent": 0.3, **used(message)})


STRATA = "      strata: [{{when: {{sex: male}}, row: {row}}}{more}]\n"


def test_a_stratum_above_the_rate_is_told(tmp_path: Path) -> None:
    strata = STRATA.format(row=row(present=0.6), more="")
    path = network(tmp_path, {"present": 0.2}, {"present": 0.05}, strata)
    (message,) = told(path)
    assert "P(rash | flu) = 0.2 is below the background 0.6 where sex is male: the network uses 0.6632 there" in message
    assert computed(path, sex="male")["present"] == pytest.approx(0.6632, abs=5e-5)
    assert computed(path, sex="female")["present"] == pytest.approx(0.2)


def test_the_stratum_of_a_cause_stands_for_its_rate(tmp_path: Path) -> None:
    """Where the cause has a row of its own, that one is compared; one that an earlier stratum covers never is."""
    high = f", {{when: {{sex: male}}, cause: flu, row: {row(present=0.7)}}}"
    never = f", {{when: {{sex: male}}, row: {row(present=0.9)}}}"
    path = network(
        tmp_path, {"present": 0.2}, {"present": 0.05}, STRATA.format(row=row(present=0.6), more=high + never)
    )
    assert not told(path)
    low = high.replace("p: 0.7", "p: 0.01")
    path = network(tmp_path, {"present": 0.2}, {"present": 0.05}, STRATA.format(row=row(present=0.6), more=low))
    assert any("P(rash | flu) where sex is male = 0.01" in message for message in told(path))


def test_the_backgrounds_of_a_setting_shift_its_strata(tmp_path: Path) -> None:
    strata = STRATA.format(row=row(present=0.15), more="")
    path = network(tmp_path, {"present": 0.2}, {"present": 0.1}, strata)
    assert not told(path)
    text = path.read_text(encoding="utf-8")
    shifted = f"    label: General population\n    backgrounds: {{rash: {row(present=0.15)}}}\n"
    path.write_text(text.replace("    label: General population\n", shifted), encoding="utf-8")
    (message,) = told(path)
    assert "below the background of general 0.2189 where sex is male" in message
    stated = float(message.partition("the network uses ")[2].split()[0])
    assert computed(path, sex="male")["present"] == pytest.approx(stated, rel=1e-3)


def test_backgrounds_that_leave_nothing_in_common_are_no_bug(tmp_path: Path) -> None:
    """Never with the setting's background, always with the stratum's: there are no odds to shift."""
    path = network(tmp_path, {"present": 0.2}, {"present": 0.1}, STRATA.format(row=row(present=0.0), more=""))
    text = path.read_text(encoding="utf-8")
    always = f"    label: General population\n    backgrounds: {{rash: {row(present=1.0)}}}\n"
    path.write_text(text.replace("    label: General population\n", always), encoding="utf-8")
    assert any("below the background of general 1" in message for message in told(path))


def test_an_odds_ratio_below_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    text = TOY.read_text(encoding="utf-8")
    path.write_text(text.replace("value: 3,", "value: 0.5,"), encoding="utf-8")
    assert any("an odds ratio of 0.5: the network uses 1" in i.message for i in check_file(path, {}).issues)


def rows(size: int) -> st.SearchStrategy[tuple[float, ...]]:
    weights = st.lists(st.integers(1, 50), min_size=size, max_size=size)
    return weights.map(lambda w: tuple(x / sum(w) for x in w))


def _laws(rate: tuple[float, ...], leak: tuple[float, ...], found: tuple[float, ...]) -> Iterator[bool]:
    """No state at or above which the cause makes the finding rarer; as written where the rate is nowhere below."""
    tail = [[sum(r[s:]) for s in range(1, len(r))] for r in (rate, leak, found)]
    yield abs(sum(found) - 1) < 1e-9 and min(found) > -1e-12
    yield all(f >= max(r, b) - 1e-9 for r, b, f in zip(*tail, strict=True))
    ratios = [sum(rate[: s + 1]) / sum(leak[: s + 1]) for s in range(len(rate))]
    if all(a <= b + 1e-12 for a, b in pairwise(ratios)):
        yield found == pytest.approx(rate, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(st.integers(2, 5).flatmap(lambda n: st.tuples(rows(n), rows(n))))
def test_what_comes_out_is_never_below_the_rate_or_the_background(
    drawn: tuple[tuple[float, ...], tuple[float, ...]],
) -> None:
    rate, leak = drawn
    assert all(_laws(rate, leak, with_cause(rate, leak, leak)))


def test_a_link_above_one_breaks_the_law() -> None:
    """The mutant: the rate taken as it is where it lies below its background."""
    rate, leak = (0.9, 0.1), (0.5, 0.5)
    assert all(_laws(rate, leak, with_cause(rate, leak, leak)))
    assert not all(_laws(rate, leak, rate))
