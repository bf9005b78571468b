"""The front door of other people's files, and pgmpy's models."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddx.errors import FileProblem, SpecError, UnknownName
from ddx.exchange import bif
from ddx.exchange.files import FORMATS, UNSUPPORTED, is_network_file, read_network, write_network
from ddx.exchange.identifiers import IDENTIFIER, identifiers
from ddx.exchange.pgmpy_models import bundled, from_pgmpy, to_pgmpy
from ddx.exchange.source import LARGEST_FILE_BYTES, read_source, shown
from ddx.knowledge.bayesnet import BayesNet, NoisyMax, Table, Term, expand


def example() -> BayesNet:
    states = {"D": ("present", "absent"), "F": ("no", "some", "much"), "G": ("absent", "present")}
    noisy = NoisyMax((Term(("D",), np.array([[0.2, 0.8], [1, 0]])), Term((), np.array([0.99, 0.01]))))
    f_given_d = Table(("D",), np.array([[0.1, 0.2, 0.7], [0.9, 0.1, 0.0]]))
    return BayesNet.build("example", states, {"D": Table((), np.array([0.1, 0.9])), "F": f_given_d, "G": noisy})


@pytest.mark.parametrize("suffix", sorted(FORMATS))
@pytest.mark.parametrize("packed", ["", ".gz", ".GZ"])
def test_the_name_of_the_file_says_the_format(tmp_path: Path, suffix: str, packed: str) -> None:
    path = tmp_path / f"example{suffix.upper() if packed == '.GZ' else suffix}{packed}"
    write_network(example(), path)
    again = read_network(path)
    for mine, theirs in zip(example().nodes, again.nodes, strict=True):
        assert np.allclose(expand(example(), mine).values, expand(again, theirs).values, rtol=0, atol=1e-15)
    assert list(tmp_path.iterdir()) == [path]
    assert is_network_file(path)


def test_writing_is_reproducible_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.bif.gz"
    path.write_bytes(b"old")
    write_network(example(), path)
    first = path.read_bytes()
    write_network(example(), path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("suffix", sorted(UNSUPPORTED))
def test_formats_that_are_not_read_are_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_text("anything")
    with pytest.raises(FileProblem, match=f"unsupported format {suffix}"):
        read_network(path)
    assert is_network_file(path)


def test_an_unknown_ending_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"Did you mean \.bif.*\.xdsl"):
        read_network(tmp_path / "x.bfi")
    assert not is_network_file(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("missing.bif", None, "No such file"),
        ("folder.bif", "folder", "not a regular file"),
        ("not.bif.gz", b"network t { }", "gzip"),
        ("is.bif", gzip.compress(b"network t { }"), "Add .gz"),
        ("cut.bif.gz", gzip.compress(b"network t { }" * 99)[:-9], "gzip"),
        ("two.bif.gz", gzip.compress(gzip.compress(b"network t { }")), "packed with gzip twice. Unpack it once."),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, data: bytes | str | None, words: str) -> None:
    path = tmp_path / name
    if isinstance(data, bytes):
        path.write_bytes(data)
    elif data:
        path.mkdir()
    with pytest.raises(FileProblem, match=words) as caught:
        read_network(path)
    assert name in str(caught.value)


def test_a_pipe_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.bif"
    os.mkfifo(path)
    seen: list[str] = []

    def attempt() -> None:
        try:
            read_network(path)
        except FileProblem as fault:
            seen.append(str(fault))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(5)
    assert seen and "not a regular file" in seen[0]


def test_too_large_a_file_is_refused_while_it_is_read(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.bif", tmp_path / "a.bif.gz"
    plain.write_bytes(b" " * 1001)
    packed.write_bytes(gzip.compress(b" " * 50_000_000))
    assert packed.stat().st_size < 100_000
    for path, limit in ((plain, 1000), (packed, LARGEST_FILE_BYTES)):
        with pytest.raises(FileProblem, match="larger than"):
            read_source(path, limit)
    assert len(read_source(plain, 1001).data) == 1001


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="cannot be written"):
        write_network(example(), tmp_path / "nowhere" / "a.bif")


def test_what_a_message_shows_is_short_and_escaped() -> None:
    assert shown("F\u202eX") == "F\\u202eX"
    assert len(shown("9" * 5000)) < 70


@given(st.lists(st.text(max_size=4), unique=True))
def test_identifiers_are_identifiers_and_differ(names: list[str]) -> None:
    chosen = identifiers(names)
    assert list(chosen) == names
    assert len(set(chosen.values())) == len(names)
    assert all(IDENTIFIER.fullmatch(word) for word in chosen.values())
    assert all(chosen[name] == name for name in names if IDENTIFIER.fullmatch(name))


@pytest.mark.filterwarnings("ignore::FutureWarning")
class TestPgmpy:
    def test_there_and_back(self) -> None:
        model = to_pgmpy(example())
        assert model.check_model()
        assert set(model.nodes()) == set(example().nodes)
        again = from_pgmpy(model)
        assert again.states == example().states
        for node in again.nodes:
            assert np.allclose(expand(again, node).values, expand(example(), node).values, rtol=0, atol=1e-15)

    def test_the_order_of_a_parents_states_is_found_by_name(self) -> None:
        from pgmpy.factors.discrete import TabularCPD
        from pgmpy.models import DiscreteBayesianNetwork

        model = DiscreteBayesianNetwork([("D", "F")])
        names = {"F": ["yes", "no"], "D": ["absent", "present"]}
        model.add_cpds(
            TabularCPD("D", 2, [[0.1], [0.9]], state_names={"D": ["present", "absent"]}),
            TabularCPD("F", 2, [[0.05, 0.9], [0.95, 0.1]], ["D"], [2], state_names=names),
        )
        table = expand(from_pgmpy(model), "F")
        assert np.array_equal(table.values, [[0.9, 0.1], [0.05, 0.95]])

    def test_posteriors_of_pgmpy_agree_with_the_joint(self) -> None:
        from pgmpy.inference import VariableElimination

        posterior = VariableElimination(to_pgmpy(example())).query(["D"], {"G": "present"}, show_progress=False)
        joint = np.array([0.1 * (1 - 0.2 * 0.99), 0.9 * 0.01])
        assert posterior.values == pytest.approx(joint / joint.sum(), abs=1e-12)

    def test_what_is_no_network_is_refused(self) -> None:
        from pgmpy.models import DiscreteBayesianNetwork

        with pytest.raises(SpecError, match="has no table"):
            from_pgmpy(DiscreteBayesianNetwork([("A", "B")]))
        with pytest.raises(SpecError, match="not a discrete Bayesian network"):
            from_pgmpy("asia")  # type: ignore[arg-type]

    def test_bundled_networks_are_found_without_importing_pgmpy(self) -> None:
        code = "import sys; from ddx.exchange.pgmpy_models import bundled; print(bundled('asia'))"
        code += "; assert 'pgmpy' not in sys.modules"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        network = read_network(done.stdout.strip())
        assert network.nodes == ("asia", "tub", "smoke", "lung", "bronc", "either", "xray", "dysp")
        with pytest.raises(UnknownName, match="Did you mean hepar2"):
            bundled("hepra2")

    @pytest.mark.parametrize("name", ["asia", "alarm", "child", "insurance"])
    def test_our_reader_and_pgmpys_agree_on_its_own_networks(self, name: str) -> None:
        from pgmpy.readwrite import BIFReader

        mine = read_network(bundled(name))
        theirs = from_pgmpy(BIFReader(string=bif.write(mine)).get_model())
        for node in mine.nodes:
            one, other = expand(mine, node), expand(theirs, node)
            order = [other.parents.index(p) for p in one.parents]
            values = other.values.transpose(*order, len(order))
            for axis, name_ in enumerate((*one.parents, node)):
                values = values.take([theirs.states[name_].index(s) for s in mine.states[name_]], axis=axis)
            assert np.allclose(one.values, values, rtol=0, atol=1e-6)


@pytest.mark.parametrize("suffix", [".bif", ".bifxml", ".net"])
def test_another_tool_reads_what_we_write(tmp_path: Path, suffix: str) -> None:
    """pyAgrum keeps float32 from BIF and NET. Its XDSL and UAI readers mix up several parents and are no judges."""
    gum = pytest.importorskip("pyagrum")
    mine = read_network(bundled("alarm"))
    write_network(mine, tmp_path / f"alarm{suffix}")
    theirs = gum.loadBN(str(tmp_path / f"alarm{suffix}"))
    for node in mine.nodes:
        table, other = expand(mine, node), theirs.cpt(node)
        for index in np.ndindex(*table.values.shape):
            names = dict(zip((*table.parents, node), index, strict=True))
            key = {name: mine.states[name][place] for name, place in names.items()}
            assert other[key] == pytest.approx(table.values[index], abs=1e-7)
