"""Networks made by others: every file of the conformance set is read, or refused where it must be.

The set is given with `pytest --conformance INDEX` or DDX_CONFORMANCE; see `conformance_set`. Whether the posteriors are
right is another file's question; this one asks whether the numbers arrive.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from conformance_set import asked, index, items, kind
from ddx.errors import DdxError, FileProblem, SpecError
from ddx.exchange import bif, hugin, uai, xdsl
from ddx.exchange.files import FORMATS, read_network
from ddx.exchange.source import Source
from ddx.knowledge.bayesnet import expand
from oracle.reading import Reading, largest_difference, of_network, read

INDEX = index()
FORMATS_BY_NAME = {"bif": bif, "net": hugin, "uai": uai}


def networks() -> list[Any]:
    """The networks whose posteriors are asked for, and those that must be refused, each once."""
    found = {item["network"]: item for item in items() if kind(item) in ("posteriors", "refusal")}
    return asked([{**item, "id": name} for name, item in found.items()])


def independently(path: Path) -> Reading:
    """The file as the independent reading has it."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    ending = path.suffixes[-2] if path.suffix == ".gz" else path.suffix
    return read(data, {".bifxml": "xmlbif"}.get(ending, ending[1:]))


@pytest.mark.parametrize("item", asked([item for item in items() if kind(item) == "reading"]))
def test_a_real_file(item: dict[str, Any]) -> None:
    must, path = item["must"], INDEX.parent / item["network"]
    try:
        network = read_network(path)
    except DdxError as fault:
        assert must != "ACCEPT", str(fault)
        assert "OtherCarCost" not in must or "OtherCarCost" in str(fault)
        assert "unsupported format" not in must or "unsupported format" in str(fault)
        assert "encoding" not in must or "UTF-8" in str(fault)
    else:
        assert must != "REFUSE"
        assert "note" not in must or network.remarks
        assert len(network.nodes) > 1
        assert largest_difference(of_network(network), independently(path)) < 1e-12


@pytest.mark.parametrize("item", networks())
def test_a_network_of_the_set(item: dict[str, Any]) -> None:
    path = INDEX.parent / item["network"]
    if item["format"] == "uai-markov":
        with pytest.raises(SpecError, match="MARKOV"):
            read_network(path)
        if not item.get("network_as_bayes"):
            return
        path = INDEX.parent / item["network_as_bayes"]
    network = read_network(path)
    assert largest_difference(of_network(network), independently(path)) < 1e-12
    known = item.get("evidence") or {str(k): str(v) for k, v in (item.get("evidence_index") or {}).items()}
    assert all(state in network.states[node] for node, state in known.items())
    for node, row in (item["expected"].get("marginals") or {}).items():
        assert set(row) <= set(network.states[node])
    for place, values in (item["expected"].get("marginals_by_index") or {}).items():
        assert len(values) == len(network.states[str(place)])
    small = [node for node in network.nodes if not network.parents(node)]
    assert all(expand(network, node).values.sum() == pytest.approx(1, abs=1e-12) for node in small)


def noisy_or(links: dict[str, float], leak: float) -> str:
    """An XDSL file with one noisy-OR, each link on top of the leak."""
    absent = '<state id="yes"/><state id="no"/>'
    causes = "".join(f'<cpt id="{name}">{absent}<probabilities>0.5 0.5</probabilities></cpt>' for name in links)
    columns = " ".join(f"{p!r} {1 - p!r} 0 1" for p in [*links.values()])
    effect = f'<noisymax id="effect">{absent}<parents>{" ".join(links)}</parents>'
    effect += f"<parameters>{columns} {leak!r} {1 - leak!r}</parameters></noisymax>"
    return f'<smile version="1.0" id="t"><nodes>{causes}{effect}</nodes></smile>'


@pytest.mark.parametrize("item", asked([item for item in items() if kind(item) == "table"]))
@pytest.mark.parametrize("mistaken", [False, True])
def test_a_leak_convention(item: dict[str, Any], mistaken: bool) -> None:
    """Published noisy-OR tables: links that contain the leak, and links on top of it, which is what XDSL holds.

    Taken for the other convention, the same links must miss the table: the test can fail.
    """
    leak, links = item["model"]["leak"], dict(item["model"]["links"])
    if item["model"]["convention"].startswith("Diez") != mistaken:
        links = {name: 1 - (1 - p) / (1 - leak) for name, p in links.items()}
    network = xdsl.read(Source(noisy_or(links, leak).encode(), "made by the test", "made"))
    table = expand(network, "effect")
    worst = 0.0
    for row in item["expected"]["p_absent"]:
        at = tuple(network.states[p].index("yes" if row["parents"][p] else "no") for p in table.parents)
        worst = max(worst, abs(float(table.values[(*at, 0)]) - row["p"]))
    assert (worst <= item["tolerance"]) is not mistaken


SMALL = {  # F depends on E and D: a file of each format, made by hand
    "bif": b"""network t { } variable D { type discrete [ 2 ] { a, b }; } variable E { type discrete [ 2 ] { x, y }; }
      variable F { type discrete [ 2 ] { n, y }; }
      probability ( D ) { table 0.1, 0.9; } probability ( E ) { default 0.2 0.8; }
      probability ( F | E, D ) { (x, a) 0.1, 0.9; (y, a) 0.3, 0.7; (x, b) 0.2 0.8; (y, b) 0.4 0.6; }""",
    "net": b"""net { } node D { states = ("a" "b"); } node E { states = ("x" "y"); } node F { states = ("n" "y"); }
      potential (D) { data = (0.1 0.9); } potential (E) { data = (0.2 0.8); } % (0.5 0.5)
      potential (F | E D) { data = (((0.1 0.9)(0.2 0.8))((0.3 0.7)(0.4 0.6))); }""",
    "uai": b"BAYES 3 2 2 2 3 1 0 1 1 3 1 0 2 2 0.1 0.9 2 0.2 0.8 8 0.1 0.9 0.2 0.8 0.3 0.7 0.4 0.6",
}


@pytest.mark.parametrize("format_", SMALL)
def test_the_independent_reading_notices_a_wrong_table(format_: str) -> None:
    """The mutants: rows in another order, another parent, another state, another number."""
    right = read(SMALL[format_], format_)
    network = FORMATS_BY_NAME[format_].read(Source(SMALL[format_], "t", "t"))
    assert largest_difference(of_network(network), right) < 1e-15
    node = "2" if format_ == "uai" else "F"
    states, parents, rows = right[node]
    turned = dict(zip(rows, [*rows.values()][::-1], strict=True))
    for wrong in (
        (states, parents[::-1], {key[::-1]: row for key, row in turned.items()}),
        (states, parents, turned),
        (states, parents[:1], {key[:1]: row for key, row in rows.items()}),
        ([*states[:1], "other"], parents, rows),
        (states, parents, {**rows, next(iter(rows)): [0.11, 0.89]}),
    ):
        assert largest_difference(of_network(network), {**right, node: wrong}) > 0.009
    swapped = (states, parents[::-1], {key[::-1]: row for key, row in rows.items()})
    assert largest_difference(of_network(network), {**right, node: swapped}) < 1e-15  # the same, told in another order


@pytest.mark.parametrize("suffix", sorted(set(FORMATS)))
def test_an_empty_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"empty{suffix}"
    path.write_bytes(b"")
    with pytest.raises((SpecError, FileProblem), match=path.name):
        read_network(path)
