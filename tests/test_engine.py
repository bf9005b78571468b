"""The engine where it is hard: extreme evidence, impossible evidence, decomposed families, the cache."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ddx.engine import cache, combinations
from ddx.engine.case_tree import CaseTree, Question
from ddx.engine.model import compile_network
from ddx.errors import CaseError, ImpossibleEvidence, TooLarge, UnknownFinding, UnknownState
from ddx.knowledge.bayesnet import BayesNet, LocalModel, NoisyMax, Table, Term
from oracle import joint


def star(findings: int, rates: tuple[float, float], prior: float = 0.1) -> BayesNet:
    """One disease and its findings."""
    states = {"d": ("absent", "present"), **{f"f{i}": ("absent", "present") for i in range(findings)}}
    rows = np.array([[1 - rates[0], rates[0]], [1 - rates[1], rates[1]]])
    models: dict[str, LocalModel] = {"d": Table((), np.array([1 - prior, prior]))}
    models.update({f"f{i}": Table(("d",), rows) for i in range(findings)})
    return BayesNet.build("star", states, models)


def test_four_hundred_balanced_findings_return_the_prior() -> None:
    evidence = {f"f{i}": "present" if i % 2 else "absent" for i in range(400)}
    belief = compile_network(star(400, (0.1, 0.9))).posteriors(evidence)
    assert belief["d"]["present"] == pytest.approx(0.1, abs=1e-10)
    assert belief.log_evidence == pytest.approx(200 * math.log(0.09), rel=1e-12)


def test_evidence_of_probability_1e_minus_1200_is_right() -> None:
    evidence = {f"f{i}": "present" for i in range(400)}
    belief = compile_network(star(400, (1e-3, 2e-3))).posteriors(evidence)
    odds = (0.1 / 0.9) * 2.0**400
    assert belief["d"]["absent"] == pytest.approx(1 / (1 + odds), rel=1e-9)
    assert belief.log_evidence == pytest.approx(math.log(0.1) + 400 * math.log(2e-3), rel=1e-12)


def test_impossible_evidence_names_a_smallest_set() -> None:
    net = BayesNet.build(
        "gate",
        dict.fromkeys("abcd", ("no", "yes")),
        {
            "a": Table((), np.array([0.5, 0.5])),
            "b": Table(("a",), np.array([[1.0, 0.0], [0.5, 0.5]])),
            "c": Table(("a",), np.array([[0.5, 0.5], [1.0, 0.0]])),
            "d": Table(("a",), np.array([[0.5, 0.5], [0.4, 0.6]])),
        },
    )
    with pytest.raises(ImpossibleEvidence) as caught:
        compile_network(net).posteriors({"d": "yes", "b": "yes", "c": "yes"})
    assert set(caught.value.findings) == {"b=yes", "c=yes"}


def test_bad_evidence_is_refused() -> None:
    model = compile_network(star(2, (0.1, 0.9)))
    with pytest.raises(UnknownFinding, match="f0"):
        model.posteriors({"f": "present"})
    with pytest.raises(UnknownState, match="absent"):
        model.posteriors({"f0": "presnt"})
    for weights in ({"absent": 0.0, "present": 0.0}, {"absent": -1.0, "present": 1.0}, {"absent": 1.0}):
        with pytest.raises(CaseError):
            model.posteriors({"f0": weights})
    with pytest.raises(CaseError):
        model.posteriors_batch(np.zeros((3, 2), dtype=int))


def noisy_layer(diseases: int, rng: np.random.Generator) -> BayesNet:
    """One finding with many possible causes."""
    names = [f"d{i}" for i in range(diseases)]
    states = dict.fromkeys((*names, "f", "g"), ("absent", "present"))
    models: dict[str, LocalModel] = {}
    for n in names:
        prior = 10.0 ** -rng.uniform(1, 6)
        models[n] = Table((), np.array([1 - prior, prior]))
    for finding in ("f", "g"):
        terms = [Term((), np.array([0.99, 0.01]))]
        for n in names:
            w = rng.uniform(0.1, 0.9)
            terms.append(Term((n,), np.array([[1.0, 0.0], [1 - w, w]])))
        models[finding] = NoisyMax(tuple(terms))
    return BayesNet.build("layer", states, models)


def test_thirty_causes_are_never_expanded() -> None:
    """2^31 entries as a table; P(f) has a closed form."""
    net = noisy_layer(30, np.random.default_rng(3))
    model = compile_network(net)
    assert model.structure.entries < 1_000_000
    noisy = net.models["f"]
    assert isinstance(noisy, NoisyMax)
    survives = 0.99
    for term in noisy.terms[1:]:
        prior = net.models[term.parents[0]].values[1]  # type: ignore[union-attr]
        survives *= 1 - prior * term.values[1, 1]
    assert model.posteriors({})["f"]["present"] == pytest.approx(1 - survives, abs=1e-12)


def test_many_causes_agree_with_enumeration() -> None:
    net = noisy_layer(7, np.random.default_rng(5))
    truth, mass = joint.posteriors(net, {"f": "present", "g": "absent"})
    belief = compile_network(net).posteriors({"f": "present", "g": "absent"})
    for node, row in truth.items():
        for state, p in row.items():
            assert belief[node][state] == pytest.approx(float(p), rel=1e-12)
    assert belief.log_evidence == pytest.approx(math.log(float(mass)), abs=1e-12)


def test_what_would_not_fit_is_refused_before_it_is_built() -> None:
    with pytest.raises(TooLarge):
        compile_network(star(30, (0.1, 0.9)), limit_bytes=100)


def test_combinations_are_those_of_the_joint() -> None:
    net = noisy_layer(4, np.random.default_rng(11))
    events = {f"d{i}": (f"d{i}", ("present",)) for i in range(4)}
    model = compile_network(net, events=events)
    evidence = {"f": "present"}
    truth: dict[frozenset[str], float] = {}
    mass = float(joint.posteriors(net, evidence)[1])
    for world in joint.assignments(net):
        present = frozenset(d for d in events if world[d] == "present")
        truth[present] = truth.get(present, 0.0) + float(joint.weight(net, world, evidence)) / mass
    factors, log_constant = CaseTree(model, Question({}, ((evidence,),), tuple(events))).factors((0,))
    stop = combinations.Until(mass=0.9999)
    found = combinations.most_probable_sets(model, factors, math.log(mass) - log_constant, list(events), stop)
    assert [s.probability for s in found] == sorted((s.probability for s in found), reverse=True)
    for one in found:
        assert one.probability == pytest.approx(truth[frozenset(one.events)], rel=1e-9)


def test_new_numbers_in_a_compiled_network() -> None:
    net = star(3, (0.1, 0.9))
    model = compile_network(net).with_tables({"d": [0.5, 0.5]})
    fresh = compile_network(star(3, (0.1, 0.9), prior=0.5))
    evidence = {"f0": "present", "f1": "absent", "f2": "present"}
    assert model.posteriors(evidence)["d"] == pytest.approx(dict(fresh.posteriors(evidence)["d"]), abs=1e-15)


def test_the_cache_gives_back_what_was_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDX_CACHE_DIR", str(tmp_path / "cache"))
    model = compile_network(noisy_layer(6, np.random.default_rng(2)), events={"e": ("d0", ("present",))})
    assert cache.fetch("key") is None
    assert cache.store("key", model, {"said": "something"})
    kept = cache.fetch("key")
    assert kept is not None and kept.header == {"said": "something"}
    evidence = {"f": "present"}
    assert dict(kept.model.posteriors(evidence)["e"]) == dict(model.posteriors(evidence)["e"])
    (file,) = (tmp_path / "cache").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("place", [3, 12, 40, 300, -5])
def test_a_damaged_cache_never_answers_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    """Damage to the first part is as good as no file; damage to the tree, seen only when it is read, is made good."""
    monkeypatch.setenv("DDX_CACHE_DIR", str(tmp_path))
    model = compile_network(star(3, (0.1, 0.9)))
    cache.store("key", model, {})
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[place] ^= 0xFF
    file.write_bytes(bytes(data))
    kept = cache.fetch("key")
    assert (kept is None) == (place > 0)
    if kept is not None:
        assert dict(kept.model.posteriors({"f0": "present"})) == dict(model.posteriors({"f0": "present"}))
    for length in (50, 100, len(data) - 1):
        file.write_bytes(bytes(data[:length]))
        assert cache.fetch("key") is None


def test_a_cache_file_that_goes_away_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDX_CACHE_DIR", str(tmp_path))
    model = compile_network(star(3, (0.1, 0.9)))
    cache.store("key", model, {})
    kept = cache.fetch("key")
    assert kept is not None
    for file in tmp_path.iterdir():
        file.unlink()
    assert dict(kept.model.posteriors({"f0": "present"})) == dict(model.posteriors({"f0": "present"}))


def test_one_network_compiles_to_the_same_bytes_whatever_the_hash_seed() -> None:
    program = (
        "import sys, hashlib; sys.path.insert(0, sys.argv[1])\n"
        "import numpy as np\n"
        "from test_engine import noisy_layer\n"
        "from ddx.engine.model import compile_network\n"
        "made = compile_network(noisy_layer(12, np.random.default_rng(4))).structure.arrays()\n"
        "print(hashlib.sha256(b''.join(a.tobytes() for a in made.values())).hexdigest())\n"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parent)]
    found = set()
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        found.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1


@pytest.mark.parametrize("kernel", ["", "numpy"])
def test_a_likelihood_is_free_of_scale_however_large(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDX_KERNEL", kernel)
    model = compile_network(star(12, (0.2, 0.7)))
    mild = {f"f{i}": {"absent": 0.1, "present": 0.4} for i in range(12)}
    huge = {name: {state: w * 1e200 for state, w in said.items()} for name, said in mild.items()}
    one, other = model.posteriors(mild), model.posteriors(huge)
    assert dict(other["d"]) == pytest.approx(dict(one["d"]), abs=1e-12)
    assert other.log_evidence == pytest.approx(one.log_evidence + 12 * math.log(1e200), abs=1e-9)
    tree = CaseTree(model, Question({}, tuple(({f: said},) for f, said in huge.items()), ("d",)), math.inf)
    answers = tree.lanes(np.ones((2, 1)), np.zeros((12, 1), dtype=np.int64))
    assert answers.marginals[:, 0] == pytest.approx(list(one["d"].values()), abs=1e-12)
    assert answers.log_evidence[0] == pytest.approx(other.log_evidence, abs=1e-9)


def test_likelihoods_that_float64_cannot_weigh_against_each_other_are_refused() -> None:
    """Scaled to at most 1, the smaller one would be 0, and what is improbable would be called impossible."""
    model = compile_network(star(2, (0.2, 0.7)))
    with pytest.raises(CaseError, match="too far apart; write 0"):
        model.posteriors({"f0": {"absent": 5e-324, "present": 2.0}})
    near = model.posteriors({"f0": {"absent": 1e-299, "present": 2.0}, "f1": "absent"})
    assert 0 < near["f0"]["absent"] < 1e-298
    assert model.posteriors({"f0": {"absent": 1e-310, "present": 0.0}})["f0"]["absent"] == 1.0
