"""Networks in another format: what is written can be read, causes stay causes, and what is lost is told."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import ddx
from ddx.cli import main
from ddx.engine.model import compile_network
from ddx.errors import SpecError
from ddx.exchange import xdsl
from ddx.exchange.clinical import written
from ddx.exchange.files import not_carried, read_network, write_network
from ddx.exchange.source import Source
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import BayesNet, NoisyMax, Table, Term, expand
from ddx.knowledge.roles import unassigned

TOY = Path(__file__).parent / "data" / "toy.yaml"

GENIE = """<?xml version="1.0" encoding="UTF-8"?>
<smile version="1.0" id="net_1"><nodes>
<cpt id="D"><state id="present"/><state id="absent"/><probabilities>0.1 0.9</probabilities></cpt>
<cpt id="E"><state id="high"/><state id="low"/><state id="none"/><probabilities>0.1 0.2 0.7</probabilities></cpt>
<noisymax id="F"><state id="severe"/><state id="mild"/><state id="no"/><parents>D E</parents>
<strengths>0 1 0 1 2</strengths>
<parameters>0.3 0.4 0.3 0 0 1 0.5 0.2 0.3 0.1 0.2 0.7 0 0 1 0.01 0.02 0.97</parameters></noisymax>
<deterministic id="G"><state id="s1"/><state id="s2"/><parents>F D</parents>
<resultingstates>s1 s2 s1 s1 s2 s2</resultingstates></deterministic>
</nodes><extensions><genie version="1.0" app="GeNIe 2.1" name="my net/1">
<node id="E"><name>E</name></node><submodel id="S"><node id="D"><name>Disease one</name></node></submodel>
</genie></extensions></smile>
"""


@pytest.fixture
def genie(tmp_path: Path) -> Path:
    """A network as GeNIe writes it: a noisy-MAX, a deterministic node, names of its own in the drawing."""
    path = tmp_path / "genie.xdsl"
    path.write_text(GENIE, encoding="utf-8")
    return path


def bif_of(tmp_path: Path, name: str, states: str = "yes, no", row: str = "0.1, 0.9") -> Path:
    count = len(states.split(","))
    path = tmp_path / "one.bif"
    path.write_text(
        f'network "my net/1" {{ }}\nvariable {name} {{ type discrete [ {count} ] {{ {states} }}; }}\n'
        f"probability ( {name} ) {{ table {row}; }}\n",
        encoding="utf-8",
    )
    return path


def same_marginals(one: BayesNet, other: BayesNet, given: dict[str, str]) -> None:
    mine, theirs = compile_network(one).posteriors(given), compile_network(other).posteriors(given)
    for node in one.nodes:
        assert dict(mine[node]) == pytest.approx(dict(theirs[node]), abs=1e-12)


# what is written can be read


@pytest.mark.parametrize(
    ("name", "states", "row", "words"),
    [
        ("no", "yes, no", "0.1, 0.9", "no is no name to many readers of YAML"),
        ("Y", "yes, no", "0.1, 0.9", "Call it Y_ or spell it out"),
        ("a", "only", "1.0", "a needs two or more states"),
    ],
)
@pytest.mark.parametrize("ending", ["yaml", "yaml.gz"])
def test_yaml_that_would_be_refused_is_not_written(
    tmp_path: Path, name: str, states: str, row: str, words: str, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = bif_of(tmp_path, name, states, row), tmp_path / f"out.{ending}"
    target.write_text("mine", encoding="utf-8")
    assert main(["convert", str(source), str(target), "--force"]) == 3
    told = capsys.readouterr()
    assert "not written, because it could not be read again: out.yaml:" in told.err
    assert words in told.err
    assert told.out == ""
    assert target.read_text(encoding="utf-8") == "mine"


def test_a_file_that_would_be_refused_or_have_other_names_is_not_written(tmp_path: Path) -> None:
    half = Table((), np.array([0.5, 0.5]))
    long, decomposed = "n" * 300, "e\u0301"
    for name, words in ((long, "too long"), (decomposed, "would be read as"), ("a=b", "")):
        network = BayesNet.build("t", {name: ("x", "y")}, {name: half})
        if not words:
            write_network(network, tmp_path / "a.bif")
            continue
        with pytest.raises(SpecError, match="not written, because") as caught:
            write_network(network, tmp_path / f"{len(name)}.bif")
        assert words in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bif"]


def test_packed_yaml_is_written_and_read(tmp_path: Path) -> None:
    source = bif_of(tmp_path, "coin")
    for ending in ("yaml", "yaml.gz"):
        assert main(["convert", str(source), str(tmp_path / f"out.{ending}")]) == 0
    packed = (tmp_path / "out.yaml.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "out.yaml").read_bytes()
    assert ddx.compile(ddx.load(tmp_path / "out.yaml.gz")).posteriors({})["coin"]["yes"] == pytest.approx(0.1)
    assert main(["convert", str(TOY), str(tmp_path / "toy.yaml.gz")]) == 3


# causes stay causes


def test_a_noisy_max_of_forty_causes_becomes_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"D{i}" for i in range(40)]
    parts = "".join(
        f'<cpt id="{n}"><state id="yes"/><state id="no"/><probabilities>0.1 0.9</probabilities></cpt>' for n in names
    )
    node = f'<noisymax id="F"><state id="yes"/><state id="no"/><parents>{" ".join(names)}</parents>'
    node += f"<parameters>{'0.5 0.5 0 1 ' * 40}0.01 0.99</parameters></noisymax>"
    source, target = tmp_path / "big.xdsl", tmp_path / "big.yaml"
    source.write_text(f'<smile version="1.0" id="big"><nodes>{parts}{node}</nodes></smile>', encoding="utf-8")
    assert main(["convert", str(source), str(target)]) == 0
    same_marginals(ddx.load(source).bayesnet(), ddx.load(target).bayesnet(), {"F": "yes", "D0": "yes"})
    assert main(["check", str(target)]) == 0
    capsys.readouterr()
    assert main(["convert", str(source), str(tmp_path / "big.bif")]) == 3
    assert "A noisy-OR or noisy-MAX stays one in .xdsl and in .yaml." in capsys.readouterr().err


def noisy(tmp_path: Path, genie: Path, text: str | None = None) -> BayesNet:
    network = read_network(genie)
    path = tmp_path / "out.yaml"
    path.write_text(text or written(unassigned(network, "genie"), network), encoding="utf-8")
    return ddx.load(path).bayesnet()


def test_a_noisy_max_stays_one_in_yaml(tmp_path: Path, genie: Path) -> None:
    network, again = read_network(genie), noisy(tmp_path, genie)
    assert isinstance(again.models["F"], NoisyMax)
    for given in ({}, {"F": "severe"}, {"G": "s2", "E": "low"}):
        same_marginals(network, again, given)


def test_a_wrong_link_would_be_seen(tmp_path: Path, genie: Path) -> None:
    """The mutant of the law above: links read as rates that hold the background."""
    network = read_network(genie)
    text = written(unassigned(network, "genie"), network)
    assert "rates: on_top" in text
    again = noisy(tmp_path, genie, text.replace("      rates: on_top\n", ""))
    with pytest.raises(AssertionError):
        same_marginals(network, again, {})


def test_a_disease_with_causes_and_what_has_no_role_keep_their_causes(tmp_path: Path, genie: Path) -> None:
    genie.with_name("genie.roles.yaml").write_text(
        "ddx: roles/1\nname: genie\nversion: '1.0'\ntitle: t\ncitation: c\npopulation: p\nlicence: l\n"
        "diseases: {F: {label: F, present: [mild, severe]}}\nfindings: {G: {label: G, tier: history}}\n",
        encoding="utf-8",
    )
    target = tmp_path / "out.yaml"
    assert main(["convert", str(genie), str(target)]) == 0
    network = ddx.load(target)
    assert network.spec is not None
    assert isinstance(network.spec.latents["F_cause"].model, spec.Noisy)
    same_marginals(read_network(genie), network.bayesnet(), {"G": "s1"})


def test_causes_that_yaml_cannot_name_one_by_one_become_a_table(tmp_path: Path) -> None:
    """Two causes that act together, one cause twice, two leaks, a name with `=`."""
    half, pair = Table((), np.array([0.5, 0.5])), np.array([[[0.9, 0.1], [0.5, 0.5]], [[1, 0], [0.3, 0.7]]])
    one, leak = np.array([[1, 0], [0.4, 0.6]]), np.array([0.9, 0.1])
    for name, terms in (
        ("B", (Term(("A", "B"), pair),)),
        ("B", (Term(("A",), one), Term(("A",), one), Term(("B",), one))),
        ("B", (Term(("A",), one), Term((), leak), Term((), leak))),
        ("B=C", (Term(("A",), one), Term(("B=C",), one))),
    ):
        states = {"A": ("n", "y"), name: ("n", "y"), "F": ("n", "y")}
        network = BayesNet.build("t", states, {"A": half, name: half, "F": NoisyMax(terms)})
        path = tmp_path / "t.yaml"
        path.write_text(written(unassigned(network, "t"), network), encoding="utf-8")
        assert isinstance(ddx.load(path).bayesnet().models["F"], Table)
        same_marginals(network, ddx.load(path).bayesnet(), {"F": "y"})


# XDSL


def test_xdsl_keeps_strengths_and_deterministic_nodes(tmp_path: Path, genie: Path) -> None:
    target = tmp_path / "out.xdsl"
    assert main(["convert", str(genie), str(target)]) == 0
    text = target.read_text(encoding="utf-8")
    assert "<strengths>0 1 0 1 2</strengths>" in text
    assert '<deterministic id="G">' in text
    assert "<resultingstates>s1 s2 s1 s1 s2 s2</resultingstates>" in text
    one, other = read_network(genie), read_network(target)
    for node in one.nodes:
        assert np.array_equal(expand(one, node).values, expand(other, node).values)


def test_the_strengths_of_an_order_of_its_own_are_kept(genie: Path) -> None:
    text = GENIE.replace("<strengths>0 1 0 1 2<", "<strengths>1 0 2 1 0<")
    network = xdsl.read(Source(text.encode(), "file", "stem"))
    assert "<strengths>1 0 2 1 0</strengths>" in xdsl.write(network)


# what is lost is told


NAMES = "not carried over: the names of the variables and of their states, which UAI counts from 0"


def test_names_that_uai_has_no_place_for_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = bif_of(tmp_path, "coin"), tmp_path / "out.uai"
    assert main(["convert", str(source), str(target), "--strict"]) == 3
    assert f"{NAMES}. Leave --strict out." in capsys.readouterr().err
    assert not target.exists()
    assert main(["convert", str(source), str(target)]) == 0
    assert f"{target}: {NAMES}\n" in capsys.readouterr().err
    assert main(["convert", str(target), str(tmp_path / "again.uai"), "--strict"]) == 0
    assert main(["convert", str(source), str(tmp_path / "out.net"), "--strict"]) == 0
    assert capsys.readouterr().err == ""
    assert read_network(tmp_path / "out.net").name == "my net/1"


@pytest.mark.parametrize("ending", ["xdsl", "bif", "yaml"])
def test_the_names_of_genies_drawing_are_told(
    tmp_path: Path, genie: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):  # read, and from the cache
        assert main(["convert", str(genie), str(tmp_path / f"out.{ending}"), "--force"]) == 0
        told = capsys.readouterr().err
        assert "not carried over: GeNIe's name of the network, my net/1\n" in told
        assert "not carried over: GeNIe's names of nodes: D is Disease one\n" in told
        ddx.compile(ddx.load(genie))


def test_what_ddx_drew_itself_is_carried(tmp_path: Path) -> None:
    network = BayesNet.build("my net/1", {"x/y": ("0", "1")}, {"x/y": Table((), np.array([0.5, 0.5]))})
    write_network(network, tmp_path / "a.xdsl")
    again = read_network(tmp_path / "a.xdsl")
    assert (again.name, again.left_out) == ("my net/1", ())
    assert not_carried(again, "b.xdsl") == ()


def test_the_name_that_yaml_takes_from_its_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = bif_of(tmp_path, "coin")
    assert main(["convert", str(source), str(tmp_path / "out.yaml")]) == 0
    told = "not carried over: the name of the network, my net/1; it is called one like its file"
    assert told in capsys.readouterr().err
