"""The network format: what is written is what is meant, and every fault names its line and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddx.errors import SpecError, UnknownFinding, UnknownName, UnknownState
from ddx.evidence import Observed
from ddx.knowledge import codec, lexicon, spec
from ddx.knowledge.load import load
from ddx.knowledge.schema import json_schema

TOY = Path(__file__).parent / "data" / "toy.yaml"
DOCS = Path(__file__).parents[1] / "docs" / "reference"


@pytest.fixture(scope="module")
def toy() -> spec.Network:
    return load(TOY)


def test_counts_are_smoothed() -> None:
    assert spec.Number(k=33, n=33, source="s", grade="measured").value == 33.5 / 34
    pooled = spec.Number(
        series=(spec.Series(k=1, n=2, source="a"), spec.Series(k=2, n=5, source="b")), grade="measured"
    )
    assert pooled.counts == (3, 7)
    assert pooled.value == 3.5 / 8


CRP = "{unit: mg/l, cuts: [5, 10], states: [low, some, high]%s}"


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (", lowest: 6", "a cut lies beyond the lowest or highest value"),
        (", highest: 9", "a cut lies beyond the lowest or highest value"),
        (", lowest: -1", "the lowest value is -1"),
        (", lowest: none", "'none' is not a number"),
    ],
)
def test_the_ends_of_a_scale_hold_its_cuts(tmp_path: Path, ends: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        load(measured(tmp_path, ends))


def measured(folder: Path, ends: str) -> Path:
    """The toy with a finding that is measured, on a scale with these ends."""
    judged = "{p: 0.1, source: elicited, grade: judgement}"
    crp = f"""
  crp:
    label: CRP
    states: [low, some, high]
    tier: cheap_lab
    quantity: {CRP % ends}
    model:
      kind: noisy-max
      background: {{some: {judged}, high: {judged}}}
      given:
        flu: {{some: {judged}, high: {judged}}}
"""
    path = folder / "measured.yaml"
    path.write_text(TOY.read_text(encoding="utf-8").rstrip() + crp, encoding="utf-8")
    return path


def test_a_value_beyond_the_ends_of_its_scale_is_refused(tmp_path: Path) -> None:
    from ddx.network import load as loaded

    path = measured(tmp_path, ", lowest: 1, highest: 50")
    for network in (loaded(path), loaded(path)):  # read, then from the cache
        names = network.lexicon
        ends = [names.observe(Observed("crp", value))[1] for value in ("1", "50", "50.0 mg/l")]
        assert ends == ["low", "high", "high"]
        for value in ("0.9", "50.1", "1000 mg/l"):
            with pytest.raises(UnknownState, match=r"is not a value in mg/l \(1 to 50\)"):
                names.observe(Observed("crp", value))
    free = loaded(measured(tmp_path, "")).lexicon
    assert free.observe(Observed("crp", "1000"))[1] == "high"  # no end, nothing to refuse


def test_scales_of_the_shelf_end_where_they_end() -> None:
    from ddx.network import load as loaded

    names = loaded("scleroderma-mimics").lexicon
    for name, highest, beyond in [("age", "125", "300"), ("mrss", "51", "1000"), ("basmi", "10", "11"),
                                  ("plasma-cells", "100", "101")]:  # fmt: skip
        assert names.observe(Observed(name, highest))[1]
        with pytest.raises(UnknownState, match=f"{beyond}.* is not a value in"):
            names.observe(Observed(name, beyond))
    with pytest.raises(UnknownState, match=r"or a value in years \(0 to 125\)") as refused:
        names.subject({"age": "300"})
    assert "300" not in str(refused.value)


def test_the_network_survives_the_cache_form(toy: spec.Network) -> None:
    plain = codec.to_plain(toy)
    assert codec.of_plain(spec.Network, plain) == toy


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("kind: noisy-or", "kind: noisy-orr", "'noisy-orr' is not a known word"),
        ("gate: {fever: present}", "gate: {feverr: present}", "Did you mean fever?"),
        ("gate: {fever: present}", "gate: {fever: yes}", "fever has no state 'yes'"),
        ("serious: true", "serious: yes", "neither true nor false"),
        ("tier: history", "tier: histori", "'histori' is not a known word"),
        ("present: {p: 0.9,", "present: {p: '0,9',", "'0,9' is not a number"),
        ("present: {p: 0.9,", "present: {p: .nan,", "is not a number"),
        ("present: {p: 0.9,", "present: {p: 1.1,", "sums to 1.1"),
        ("present: {p: 0.9,", "present: {p: -0.1,", "-0.1 is not a probability"),
        ("present: {p: 0.9,", "present: {k: 3, n: 2,", "3 of 2"),
        ("label: Kind", "lable: Kind", "unknown key 'lable'. Did you mean label?"),
        ("        flu: {a:", "        flux: {a:", "unknown cause 'flux'. Did you mean flu?"),
        ("        flu: {a:", "        clone: {a:", "several present states"),
        ("states: [a, b]", "states: [a, a]", "two or more states"),
        ("ddx: network/1", "ddx: network/9", "Start the file with"),
        ("inherits: general", "inherits: genral", "Did you mean general?"),
        ("complaint: {finding: fever,", "complaint: {finding: fevr,", "Did you mean fever?"),
        ("default_setting: clinic", "default_setting: clinik", "Did you mean clinic?"),
    ],
)
def test_faults_name_line_and_remedy(tmp_path: Path, was: str, now: str, words: str) -> None:
    text = TOY.read_text(encoding="utf-8")
    assert was in text
    path = tmp_path / "bad.yaml"
    path.write_text(text.replace(was, now, 1), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load(path)
    message = str(caught.value)
    assert words in message
    line = next(
        i for i, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if now.splitlines()[0] in row
    )
    assert f"bad.yaml:{line}" in message or "missing" in message


def test_names_resolve_by_id_alias_and_unique_prefix(toy: spec.Network) -> None:
    names = lexicon.of_network(toy)
    assert names.finding("FEVER").id == "fever"
    assert names.finding("fev").id == "fever"
    assert names.disease("mm").id == "multiple_myeloma"
    assert names.disease("multiple-myeloma").state == "mm"
    with pytest.raises(UnknownFinding, match="Did you mean fever"):
        names.finding("fevre")
    with pytest.raises(UnknownName):
        names.disease("nosuch")


def test_states_are_words_of_the_network(toy: spec.Network) -> None:
    names = lexicon.of_network(toy)
    assert names.observe(Observed("fever", "absent")) == ("fever", "absent")
    assert names.observe(Observed("no-fever", "present", where="on the line")) == ("fever", "absent")
    assert names.observe(Observed("fever", None)) == ("fever", None)
    for word in ("no", "perhaps", "false", "0"):
        with pytest.raises(UnknownState, match="absent, present"):
            names.observe(Observed("fever", word))
    with pytest.raises(UnknownState, match="no weight for present"):
        names.observe(Observed("fever", likelihood={"absent": 1.0}))
    with pytest.raises(UnknownState, match="needs a state"):
        names.observe(Observed("kind", "present", where="on the line"))


def test_measured_values_fall_between_the_cuts() -> None:
    quantity = lexicon.Scale("mm", (5.0, 15.0), ("low", "middle", "high"))
    names = lexicon.Lexicon(
        [lexicon.Askable("tst", "TST", quantity.states, None, None, quantity)],
        (),
        {"tst": (lexicon.Meant("finding", "tst", "tst"),)},
        {},
    )
    for written, state in [("0", "low"), ("4.9", "low"), ("5", "middle"), ("25 mm", "high"), ("15", "high")]:
        assert names.observe(Observed("tst", written)) == ("tst", state)
    for bad in ("4,9", "-1", "nan", "inf", "lots"):
        with pytest.raises(UnknownState):
            names.observe(Observed("tst", bad))


@pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not beside the tests")
def test_the_schema_page_is_the_one_that_the_loader_uses() -> None:
    assert (DOCS / "network.schema.json").read_text(encoding="utf-8") == json_schema()
