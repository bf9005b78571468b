"""How a case is understood: what is written wins over what it may mean, and faults have their place."""

from __future__ import annotations

from pathlib import Path

import pytest

import ddx
from ddx.cli import main
from ddx.errors import CaseError, DdxError, UnknownFinding
from ddx.evidence import Case, Observed, observed_on_the_line, parse_case
from ddx.exchange import csvcases
from ddx.exchange.source import Source
from ddx.knowledge import lexicon
from ddx.reasoning.understanding import MOST_COUNTED, understand

TOY = str(Path(__file__).parent / "data" / "toy.yaml")
WORDS = """network n {{ }}
variable A {{ type discrete [ {count} ] {{ {states} }}; }}
probability ( A ) {{ table {numbers}; }}
"""


def network_with(tmp_path: Path, *states: str) -> ddx.Network:
    numbers = ", ".join(["0.25", "0.75", "0", "0"][: len(states)])
    text = WORDS.format(count=len(states), states=", ".join(f'"{s}"' for s in states), numbers=numbers)
    (tmp_path / "n.bif").write_text(text, encoding="utf-8")
    return ddx.load(tmp_path / "n.bif")


class TestNotKnown:
    """`unknown` and `?` are words for what nobody could tell, unless the network has a state of exactly that name."""

    CASES = (
        lambda word: Case(observed_on_the_line([f"A={word}"])),
        lambda word: parse_case(f"ddx: case/1\nfindings: {{A: '{word}'}}\n", "c"),
        lambda word: parse_case(f'{{"ddx": "case/1", "findings": {{"A": "{word}"}}}}', "c", "json"),
        lambda word: csvcases.read(Source(f"case,A\n1,{word}\n".encode(), "c.csv", "c"))[0],
        lambda word: csvcases.read(Source(f"case,finding,state\n1,A,{word}\n".encode(), "c.csv", "c"))[0],
    )

    @pytest.mark.parametrize("form", range(len(CASES)))
    @pytest.mark.parametrize("word", ["unknown", "?"])
    def test_a_state_of_that_name_is_observed(self, tmp_path: Path, form: int, word: str) -> None:
        network = network_with(tmp_path, "unknown", "?")
        understood = understand(network, self.CASES[form](word))
        assert (understood.evidence, understood.unknown) == ({"A": word}, ())
        belief = ddx.compile(network).posteriors(understood.evidence)
        assert belief["A"][word] == pytest.approx(1)

    @pytest.mark.parametrize("form", range(len(CASES)))
    def test_without_such_a_state_it_is_on_record_as_unknown(self, tmp_path: Path, form: int) -> None:
        for states, word in ((("unknown", "known"), "?"), (("Unknown", "known"), "unknown"), (("a", "b"), "unknown")):
            understood = understand(network_with(tmp_path, *states), self.CASES[form](word))
            assert (understood.evidence, understood.unknown) == ({}, ("A",))

    def test_of_the_patient_too(self) -> None:
        toy = ddx.load(TOY)
        key, name = next(iter(toy.lexicon.subjects.items()))
        assert understand(toy, Case((), {}, {key: "unknown"})).evidence.keys().isdisjoint([name])
        asked = toy.lexicon.askables[name]
        toy.lexicon.askables[name] = asked._replace(states=(*asked.states, "unknown"))
        assert understand(toy, Case((), {}, {key: "unknown"})).evidence[name] == "unknown"


@pytest.mark.parametrize("name", ["scleroderma-mimics", "four-diseases"])
def test_near_misses_are_worked_out_for_a_bounded_number_of_faults(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(word: str, _known: object, _count: int) -> list[str]:
        asked.append(word)
        return []

    monkeypatch.setattr(lexicon, "closest", counted)
    network = ddx.load(name)
    with pytest.raises(UnknownFinding) as caught:
        understand(network, Case(tuple(Observed(f"no such {i}", "present") for i in range(3000))))
    assert len(asked) <= 4 * (MOST_COUNTED + 1)
    assert len(str(caught.value).splitlines()) == 6
    assert str(caught.value).endswith(f"... and at least {MOST_COUNTED - 4} more")
    with pytest.raises(UnknownFinding, match=r"\.\.\. and 3 more$"):
        understand(network, Case(tuple(Observed(f"no such {i}", "present") for i in range(8))))


def test_findings_beyond_a_view_are_ignored_however_many() -> None:
    whole, view = ddx.load("scleroderma-mimics"), ddx.load("four-diseases")
    names = [name for name in whole.lexicon.askables if name not in view.lexicon.askables]
    assert len(names) > MOST_COUNTED
    assert understand(view, Case(tuple(Observed(name) for name in names))).ignored == tuple(names)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("case,nosuch\nc1,present\n", "t.csv:2 (case c1): no finding 'nosuch'"),
        ("case,raynaud\nc1,absent\nc2,perhaps\n", "t.csv:3 (case c2): raynaud has no state 'perhaps'"),
        ('case,crp\nc1,"1,5"\n', "t.csv:2 (case c1): '1,5' has a comma"),
        ("case,finding,state\nc1,raynaud,absent\nc2,raynaud,perhaps\n", "t.csv:3 (case c2): raynaud has no state"),
        ("case,subject.age\nc1,52\nc2,old\n", "t.csv:3 (case c2): subject age"),
        ("case,setting,raynaud\nc1,nosuch,absent\n", "t.csv:2 (case c1): scleroderma-mimics has no setting 'nosuch'"),
    ],
)
def test_a_fault_in_a_table_is_told_with_row_and_case(text: str, words: str) -> None:
    network = ddx.load("scleroderma-mimics")
    with pytest.raises(DdxError) as caught:
        for case in csvcases.read(Source(text.encode(), "t.csv", "t")):
            understand(network, case)
    assert str(caught.value).startswith(words)


def test_a_fault_in_json_is_told_with_its_line() -> None:
    text = '{"ddx": "case/1",\n"findings": {"raynaud": "absent",\n"ana": "perhaps"}}'
    with pytest.raises(CaseError, match=r"^c\.json:3: ana has no state"):
        understand(ddx.load("scleroderma-mimics"), parse_case(text, "c.json", "json"))


def test_a_case_of_the_shelf_has_no_lines_of_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """Read twice: the second time from what the first has kept, whose lines are not those of the file."""
    told = []
    for _ in range(2):
        assert main(["diagnose", "-c", "seed", "-n", TOY]) == 3
        told.append(capsys.readouterr().err)
    assert "seed.case.yaml:1:" not in told[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2 0 1\n1 x\n", "x.evid:2: 'x' is not an index"),
        ("2 0 1\n0 1\n", "x.evid:2: variable 0 is observed twice"),
        ("1\n2 0 1\n0 1\n", "x.evid:3: variable 0 is observed twice"),
    ],
)
def test_a_fault_in_the_evidence_of_a_uai_problem_has_its_line(text: str, words: str) -> None:
    from ddx.exchange import uai

    with pytest.raises(CaseError) as caught:
        uai.read_evidence(Source(text.encode(), "x.evid", "x"))
    assert str(caught.value).startswith(words)
