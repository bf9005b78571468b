"""Roles make another tool's network a clinical one; diff tells what changed; convert keeps the distribution."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ddx
from ddx.cli import main
from ddx.errors import SpecError, UnknownName
from ddx.exchange.clinical import written as clinical_text
from ddx.exchange.files import read_network, write_network
from ddx.exchange.pgmpy_models import bundled
from ddx.knowledge import catalog
from ddx.knowledge.bayesnet import BayesNet, NoisyMax, Table, Term, expand
from ddx.knowledge.diff import compared, compared_foreign
from ddx.knowledge.load import load as load_clinical

TOY = Path(__file__).parent / "data" / "toy.yaml"
SHIPPED = ["alarm", "asia", "child", "hepar2", "pathfinder"]

ROLES = """ddx: roles/1
name: small
version: '1.0'
title: Two of ASIA
citation: Lauritzen and Spiegelhalter 1988
population: nobody
licence: as of the file
diseases:
  lung: {label: Lung cancer, present: [yes], serious: true}
  bronc: {label: Bronchitis, present: [yes]}
findings:
  dysp: {label: Dyspnoea, tier: history, cost: 2}
"""


def beside(tmp_path: Path, roles: str = ROLES) -> Path:
    """ASIA as a file of another tool, with a roles file beside it."""
    path = tmp_path / "small.bif"
    path.write_bytes(gzip.decompress(bundled("asia").read_bytes()))
    (tmp_path / "small.roles.yaml").write_text(roles, encoding="utf-8")
    return path


# roles


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_roles_fit_the_bundled_network(name: str) -> None:
    network = ddx.load(name)
    assert network.name == name
    assert network.entries
    assert not network.settings
    model = ddx.compile(network)
    assert set(model.nodes) == set(read_network(bundled(name)).nodes)
    assert all(set(e.states) < set(model.states[e.node]) for e in network.entries)


def test_every_shipped_roles_file_is_tested() -> None:
    assert sorted(catalog.roles()) == SHIPPED


def test_asia_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """P(bronchitis | smoker, dyspnoea) of the published tables, by hand: .6 (.9 e + .8 (1-e)) / sum; e = P(either)."""
    assert main(["diagnose", "-n", "asia", "smoke=yes", "dysp=yes", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    either = 1 - (1 - 0.1) * (1 - 0.0104)
    with_it = 0.6 * (0.9 * either + 0.8 * (1 - either))
    without = 0.4 * (0.7 * either + 0.1 * (1 - either))
    found = {d["id"]: d for d in answer["diseases"]}
    assert found["bronc"]["posterior"] == pytest.approx(with_it / (with_it + without), abs=1e-9)
    assert found["bronc"]["prior"] == pytest.approx(0.6, abs=1e-9)  # smoking is the patient's, no finding
    assert answer["setting"] is None
    assert found["lung"]["serious"] is True


def test_states_may_be_diagnoses_of_their_own() -> None:
    network = ddx.load("child")
    assert {e.id for e in network.entries} == {"PFC", "TGA", "Fallot", "PAIVS", "TAPVD", "Lung"}
    assert {e.of for e in network.entries} == {"Disease"}


def test_a_roles_file_beside_a_network_is_used(tmp_path: Path) -> None:
    path = beside(tmp_path)
    for name in (path, tmp_path / "small.roles.yaml"):
        network = ddx.load(str(name))
        assert [e.label for e in network.entries] == ["Lung cancer", "Bronchitis"]
        assert network.spec is not None
        assert network.spec.findings["dysp"].cost == 2
        assert network.lexicon.finding("dyspnoea").id == "dysp"
    (tmp_path / "small.roles.yaml").unlink()
    assert not ddx.load(str(path)).entries


def test_changed_roles_or_numbers_are_read_anew(tmp_path: Path) -> None:
    path = beside(tmp_path)
    first = ddx.load(str(path))
    (tmp_path / "small.roles.yaml").write_text(ROLES.replace("Bronchitis", "Bronchial"), encoding="utf-8")
    second = ddx.load(str(path))
    assert second.entries[1].label == "Bronchial"
    path.write_text(path.read_text().replace("0.6, 0.4", "0.5, 0.5"))
    third = ddx.load(str(path))
    assert len({first.sha256, second.sha256, third.sha256}) == 3


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("  lung:", "  lungs:", "no variable 'lungs'. Did you mean lung?"),
        ("Lung cancer, present: [yes]", "Lung cancer, present: [maybe]", "lung has no state 'maybe'"),
        ("Lung cancer, present: [yes]", "Lung cancer, present: [yes, no]", "0 states in which it is absent"),
        ("Lung cancer, present: [yes]", "Lung cancer", "does not say in which states"),
        ("  dysp:", "  bronc:", "already one of the diseases"),
        ("cost: 2", "cost: -2", "a cost of -2"),
        ("cost: 2", "absent: none", "dysp has no state 'none'"),
        ("serious: true", "serious: yes", "neither true nor false"),
        ("tier: history", "tier: histori", "not a known word"),
        ("findings:", "context: {xray: {label: X-ray}}\nfindings:", "xray depends on either"),
        ("label: Dyspnoea,", "labell: Dyspnoea,", "unknown key 'labell'"),
    ],
)
def test_faults_of_a_roles_file_name_their_line(tmp_path: Path, was: str, now: str, words: str) -> None:
    assert was in ROLES
    path = beside(tmp_path, ROLES.replace(was, now, 1))
    with pytest.raises(SpecError) as caught:
        ddx.load(str(path))
    assert words in str(caught.value)
    assert "small.roles.yaml:" in str(caught.value)


def test_a_roles_file_without_its_network(tmp_path: Path) -> None:
    (tmp_path / "nosuch.roles.yaml").write_text(ROLES, encoding="utf-8")
    with pytest.raises(UnknownName, match="nosuch"):
        ddx.load(str(tmp_path / "nosuch.roles.yaml"))


def test_a_second_query_reads_neither_yaml_nor_pgmpy() -> None:
    program = (
        "import sys; from ddx.cli import main; main(['diagnose', '-n', 'asia', 'dysp'])\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "ddx" in loaded
    assert not loaded & {"pgmpy", "ruamel", "pydantic", "pandas", "scipy", "networkx"}


# convert


def marginals(network: BayesNet, given: dict[str, str]) -> dict[str, dict[str, float]]:
    from ddx.engine.model import compile_network

    belief = compile_network(network).posteriors(given)
    return {node: dict(belief[node]) for node in network.nodes}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("asia", {"smoke": "yes", "dysp": "yes"}),
        ("alarm", {"PRESS": "ZERO", "HRBP": "HIGH"}),
        ("child", {"XrayReport": "Oligaemic", "Age": "0-3_days"}),
    ],
)
def test_yaml_of_another_tools_network_keeps_the_distribution(tmp_path: Path, name: str, given: dict[str, str]) -> None:
    target = tmp_path / f"{name}2.yaml"
    assert main(["convert", name, str(target)]) == 0
    again = ddx.load(str(target))
    assert again.default_setting == "imported"
    original = ddx.load(name)
    assert [(e.id, e.label, e.serious) for e in again.entries] == [(e.id, e.label, e.serious) for e in original.entries]
    mine, theirs = marginals(again.bayesnet(), given), marginals(original.bayesnet(), given)
    for node, states in theirs.items():
        for state, p in states.items():
            assert mine[node][state] == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("name", ["asia", "sachs", "water"])
def test_without_roles_every_variable_is_a_finding(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that does not say what its variables are becomes YAML all the same, and says what is left to do."""
    source, target = tmp_path / f"{name}.bif", tmp_path / f"{name}.yaml"
    original = read_network(bundled(name))
    write_network(original, source)
    assert main(["convert", str(source), str(target)]) == 0
    assert f"{name}.roles.yaml" in capsys.readouterr().err
    again = ddx.load(str(target))
    assert not again.entries and set(again.lexicon.askables) == set(original.nodes)
    mine, theirs = marginals(again.bayesnet(), {}), marginals(original, {})
    assert max(abs(mine[n][s] - p) for n, row in theirs.items() for s, p in row.items()) < 1e-12
    assert main(["check", str(target)]) == 0
    assert main(["diagnose", "-n", str(target)]) == 3
    assert "which of its variables are diseases" in capsys.readouterr().err


def test_a_changed_number_would_be_seen(tmp_path: Path) -> None:
    """The mutant of the test above."""
    network = ddx.load("asia")
    assert network.spec is not None
    text = clinical_text(network.spec, network.bayesnet())
    assert "{p: 0.98," in text
    path = tmp_path / "mutant.yaml"
    path.write_text(text.replace("{p: 0.98,", "{p: 0.97,", 1).replace("{p: 0.02,", "{p: 0.03,", 1), encoding="utf-8")
    mine, theirs = marginals(ddx.load(str(path)).bayesnet(), {}), marginals(network.bayesnet(), {})
    assert abs(mine["xray"]["yes"] - theirs["xray"]["yes"]) > 1e-5


@pytest.mark.parametrize("ending", ["bif", "xmlbif", "xdsl", "net", "uai", "bif.gz"])
def test_a_clinical_network_in_the_other_formats(tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"toy.{ending}"
    assert main(["convert", str(TOY), str(target), "--setting", "general"]) == 0
    mine, theirs = ddx.load(str(TOY)).bayesnet("general"), read_network(target)
    for node, other in zip(mine.nodes, theirs.nodes, strict=True):
        assert np.allclose(expand(mine, node).values, expand(theirs, other).values, rtol=0, atol=1e-12)
    clinic = ddx.load(str(TOY)).bayesnet("clinic")
    assert not np.allclose(expand(mine, "flu").values, expand(clinic, "flu").values)


ENDINGS = ["bif", "xmlbif", "xdsl", "net", "uai"]


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("one", ENDINGS)
def test_every_format_becomes_every_other(tmp_path: Path, one: str, packed: str) -> None:
    """And back, and again the same bytes: nothing is lost but names in UAI, and noisy-MAX outside XDSL."""
    start = tmp_path / f"start.{one}{packed}"
    assert main(["convert", str(TOY), str(start), "--setting", "general"]) == 0
    first = read_network(start)
    for other in ENDINGS:
        there, back = tmp_path / f"there-{other}.{other}{packed}", tmp_path / f"back-{other}.{one}{packed}"
        again = tmp_path / f"again-{other}.{one}{packed}"
        for source, target in ((start, there), (there, back), (back, again)):
            assert main(["convert", str(source), str(target)]) == 0
        second = read_network(back)
        for mine, theirs in zip(first.nodes, second.nodes, strict=True):
            assert np.allclose(expand(first, mine).values, expand(second, theirs).values, rtol=0, atol=1e-15)
        assert again.read_bytes() == back.read_bytes()


def test_a_noisy_max_stays_one_in_xdsl_and_a_table_elsewhere(tmp_path: Path) -> None:
    for ending, kept in (("xdsl", True), ("bif", False)):
        target = tmp_path / f"toy.{ending}"
        assert main(["convert", str(TOY), str(target), "--setting", "general"]) == 0
        assert isinstance(ddx.load(str(TOY)).bayesnet("general").models["fever"], NoisyMax)
        assert isinstance(read_network(target).models["fever"], NoisyMax) == kept
        mine, theirs = ddx.load(str(TOY)).bayesnet("general"), read_network(target)
        assert marginals(mine, {"fever": "present"})["flu"]["present"] == pytest.approx(
            marginals(theirs, {"fever": "present"})["flu"]["present"], abs=1e-12
        )


def test_an_existing_file_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "a.bif"
    target.write_text("mine")
    assert main(["convert", "asia", str(target)]) == 3
    assert target.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert main(["convert", "asia", str(target), "--force"]) == 0
    assert read_network(target).nodes == read_network(bundled("asia")).nodes
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bif"]


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("four-diseases", "a.yaml", "YAML already"),
        ("pathfinder", "a.yaml", "at most 20,000"),
        ("asia", "a.docx", "names no network format"),
        ("asia", "nosuch/a.bif", "cannot be written"),
        ("asia", "nosuch/a.yaml", "cannot be written"),
        ("asia", "a.roles.yaml", "holds no numbers"),
    ],
)
def test_what_cannot_be_converted_is_said(
    tmp_path: Path, source: str, target: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", source, str(tmp_path / target)]) == 3
    assert words in capsys.readouterr().err
    assert not (tmp_path / target).exists()


# diff


def changed(tmp_path: Path, was: str, now: str) -> Path:
    text = TOY.read_text(encoding="utf-8")
    assert was in text
    path = tmp_path / "new.yaml"
    path.write_text(text.replace(was, now, 1), encoding="utf-8")
    return path


def test_a_network_does_not_differ_from_itself() -> None:
    toy = load_clinical(TOY)
    assert not compared(toy, toy)
    net = read_network(bundled("asia"))
    assert not compared_foreign(net, net)


@pytest.mark.parametrize(
    ("was", "now", "what", "figures"),
    [
        ("present: {p: 0.9,", "present: {p: 0.8,", "Fever present, given Flu", (0.9, 0.8)),
        ("flu: {p: 0.3,", "flu: {p: 0.2,", "prior of Flu in Clinic", (0.3, 0.2)),
        ("p: {p: 0.4,", "p: {p: 0.5,", "complaint of Clinic (how often)", (0.4, 0.5)),
        ("k: 7, n: 10", "k: 8, n: 10", "Flu by context: 0 male", (7.5 / 11, 8.5 / 11)),
        ("{value: 3,", "{value: 4,", "Clone odds ratio for SSc limited", (3, 4)),
        (
            "background: {present: {p: 0.01,",
            "background: {present: {p: 0.02,",
            "Fever present, without any",
            (0.01, 0.02),
        ),
        (
            "        ssc=limited: {present: {p: 0.2, source: elicited, grade: judgement}}\n",
            "",
            "Fever present, given SSc limited",
            (0.2, None),
        ),
    ],
)
def test_a_changed_number_is_told_in_words(
    tmp_path: Path, was: str, now: str, what: str, figures: tuple[float, float | None]
) -> None:
    changes = compared(load_clinical(TOY), load_clinical(changed(tmp_path, was, now)))
    assert [c.what[: len(what)] for c in changes.numbers] == [what]
    told = changes.numbers[0]
    assert told.old is not None
    assert told.old.value == pytest.approx(figures[0])
    assert (told.new.value if told.new else None) == (pytest.approx(figures[1]) if figures[1] else None)


def test_what_came_and_went_is_told(tmp_path: Path) -> None:
    new = changed(tmp_path, "  kind:\n    label: Kind", "  sort:\n    label: Kind")
    changes = compared(load_clinical(TOY), load_clinical(new))
    assert changes.added == ("finding sort (Kind)",)
    assert changes.removed == ("finding kind (Kind)",)
    renamed = compared(load_clinical(TOY), load_clinical(changed(tmp_path, "label: Fever", "label: Heat")))
    assert [(c.old, c.new) for c in renamed.other] == [("Fever", "Heat")]


def test_networks_of_other_tools_are_compared_row_by_row(tmp_path: Path) -> None:
    path = beside(tmp_path)
    old = read_network(path)
    path.write_text(path.read_text().replace("0.6, 0.4", "0.5, 0.5"))
    changes = compared_foreign(old, read_network(path))
    assert [(c.what, c.old, c.new) for c in changes.other] == [("P(bronc=yes | smoke=yes)", "0.6", "0.5")]


FOREIGN = """network t { }
variable D { type discrete [ 2 ] { yes, no }; }
variable E { type discrete [ 3 ] { low, mid, high }; }
variable F { type discrete [ 2 ] { yes, no }; }
probability ( D ) { table 0.1, 0.9; }
probability ( E ) { table 0.2, 0.3, 0.5; }
probability ( F | D, E ) {
  (yes, low) 0.9, 0.1; (yes, mid) 0.8, 0.2; (yes, high) 0.7, 0.3;
  (no, low) 0.6, 0.4; (no, mid) 0.5, 0.5; (no, high) 0.4, 0.6;
}
"""
TURNED = """network t { }
variable D { type discrete [ 2 ] { no, yes }; }
variable E { type discrete [ 3 ] { high, low, mid }; }
variable F { type discrete [ 2 ] { no, yes }; }
probability ( D ) { table 0.9, 0.1; }
probability ( E ) { table 0.5, 0.2, 0.3; }
probability ( F | E, D ) {
  (low, yes) 0.1, 0.9; (mid, yes) 0.2, 0.8; (high, yes) 0.3, 0.7;
  (low, no) 0.4, 0.6; (mid, no) 0.5, 0.5; (high, no) 0.6, 0.4;
}
"""
ORDERS = {
    "order of the states of D",
    "order of the states of E",
    "order of the states of F",
    "order of the parents of F",
}


@pytest.mark.parametrize(
    ("was", "now", "found"),
    [
        ("", "", set()),
        ("(high, yes) 0.3, 0.7", "(high, yes) 0.5, 0.5", {("P(F=no | D=yes, E=high)", "0.3", "0.5")}),
        ("table 0.9, 0.1", "table 0.5, 0.5", {("P(D=yes)", "0.1", "0.5")}),
        ("table 0.5, 0.2, 0.3", "table 0.2, 0.5, 0.3", {("P(E=low)", "0.2", "0.5")}),
    ],
)
def test_another_order_hides_no_changed_number(
    tmp_path: Path, was: str, now: str, found: set[tuple[str, str, str]]
) -> None:
    """The law is in the first row: the same network in another order has no changed number."""
    one, other = tmp_path / "o.bif", tmp_path / "n.bif"
    one.write_text(FOREIGN, encoding="utf-8")
    other.write_text(TURNED.replace(was, now) if was else TURNED, encoding="utf-8")
    changes = compared_foreign(read_network(one), read_network(other)).other
    assert {c.what for c in changes} >= ORDERS
    assert {(c.what, c.old, c.new) for c in changes if c.what not in ORDERS} == found


def test_parents_that_came_are_told_as_such(tmp_path: Path) -> None:
    one, other = tmp_path / "o.bif", tmp_path / "n.bif"
    one.write_text(FOREIGN, encoding="utf-8")
    other.write_text(FOREIGN.replace("( D ) { table", "( D | E ) { default"), encoding="utf-8")
    changes = compared_foreign(read_network(one), read_network(other)).other
    assert [(c.what, c.old, c.new) for c in changes] == [("parents of D", "", "E")]


def forty(weight: float, turned: bool = False, leaks: int = 1) -> BayesNet:
    """Forty causes of one effect, the first with this weight: no table would hold them."""
    names = [f"D{i}" for i in range(40)]
    states = dict.fromkeys(names, ("yes", "no") if turned else ("no", "yes"))
    half = Table((), np.array([0.5, 0.5]))
    rows = {name: np.array([[1, 0], [0.5, 0.5]]) for name in names} | {"D0": np.array([[1, 0], [1 - weight, weight]])}
    terms = [Term((name,), rows[name][::-1] if turned else rows[name]) for name in names]
    terms += [Term((), np.array([0.99, 0.01]))] * leaks
    model = NoisyMax(tuple(terms[::-1] if turned else terms))
    return BayesNet.build("t", {**states, "F": ("no", "yes")}, {**dict.fromkeys(names, half), "F": model})


def test_causes_too_many_for_a_table_are_compared_one_by_one() -> None:
    orders = {f"order of the states of D{i}" for i in range(40)} | {"order of the parents of F"}
    assert {c.what for c in compared_foreign(forty(0.5), forty(0.5, turned=True)).other} == orders
    changes = compared_foreign(forty(0.5), forty(0.4, turned=True)).other
    told = [(c.what, c.old, c.new) for c in changes if c.what not in orders]
    assert told == [("contribution of D0=yes to F=no", "0.5", "0.6")]
    uneven = compared_foreign(forty(0.5), forty(0.5, leaks=2)).other
    assert [(c.what, c.new) for c in uneven] == [("F, too large to be compared row by row", "42 contributions")]


def test_cases_of_a_network_are_about_its_views_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for name, now in (("A", "0.008"), ("B", "0.2")):
        (tmp_path / name).mkdir()
        text = catalog.network_path("scleroderma-mimics").read_text(encoding="utf-8")
        text = text.replace("scleromyxedema: {p: 0.008,", f"scleromyxedema: {{p: {now},")
        (tmp_path / name / "scleroderma-mimics.yaml").write_text(text, encoding="utf-8")
        view = catalog.network_path("four-diseases").read_text(encoding="utf-8")
        (tmp_path / name / "four-diseases.yaml").write_text(view, encoding="utf-8")
        paths.append(str(tmp_path / name / "four-diseases.yaml"))
    assert main(["diff", *paths, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [n["what"] for n in told["numbers"]] == ["prior of Scleromyxedema in scleroderma clinic"]
    assert told["cases_compared"] == len(catalog.cases())
    assert any(c["shifts"] for c in told["cases"])


def test_cases_that_rank_differently_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = catalog.network_path("scleroderma-mimics").read_text(encoding="utf-8")
    was = "scleromyxedema: {p: 0.008,"
    assert was in text
    path = tmp_path / "scleroderma-mimics.yaml"
    path.write_text(text.replace(was, "scleromyxedema: {p: 0.2,"), encoding="utf-8")
    assert main(["diff", "scleroderma-mimics", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [n["what"] for n in told["numbers"]] == ["prior of Scleromyxedema in scleroderma clinic"]
    assert told["cases_compared"] == len(catalog.cases())
    assert any(c["reordered"] for c in told["cases"])
    assert main(["diff", "scleroderma-mimics", "scleroderma-mimics"]) == 0
    assert "No difference" in capsys.readouterr().out


def test_a_missing_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "asia", "nosuch"]) == 3
    assert "nosuch" in capsys.readouterr().err
