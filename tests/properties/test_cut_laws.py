"""What evidence leaves of a network says the same as the whole, in every form, for many sets of numbers at once."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ddx.engine import cut
from ddx.engine.cut import CutNetwork, Form, How, Seen, seen_in
from ddx.engine.evidence_tree import EvidenceTree
from ddx.engine.model import Model, compile_network
from ddx.errors import TooLarge
from ddx.knowledge.bayesnet import BayesNet, LocalModel, NoisyMax, Table, Term
from oracle.joint import posteriors as by_joint
from properties.strategies import cases, networks

Floats = npt.NDArray[np.float64]

quick = settings(max_examples=40, deadline=None)
FORMS = {
    "written out": Form(1 << 16, split=False),
    "split": Form(1 << 16, split=True),
    "chains": Form(1, split=False),
}


def lane(model: LocalModel, *others: LocalModel) -> LocalModel:
    """Local models of one shape as lanes."""
    if isinstance(model, Table):
        return Table(model.parents, np.stack([m.values for m in (model, *others)], axis=-1))  # type: ignore[union-attr]
    terms = [[t.values for t in m.terms] for m in (model, *others)]  # type: ignore[union-attr]
    stacked = [np.stack(same, axis=-1) for same in zip(*terms, strict=True)]
    return NoisyMax(tuple(Term(t.parents, v) for t, v in zip(model.terms, stacked, strict=True)))


def cut_by(
    model: Model, likelihood: Floats, form: Form, lanes: Mapping[str, LocalModel] | None = None, **how: bool
) -> CutNetwork:
    net = model.network
    models = lanes or {node: lane(net.models[node]) for node in net.nodes}
    cards = {node: len(states) for node, states in net.states.items()}
    return CutNetwork(models, cards, seen_in(model.offsets, likelihood), net.nodes, How([form], **how))


def everything(found: CutNetwork, lanes: int = 1) -> dict[str, Floats]:
    posteriors = found.posteriors(lanes)
    seen = {v: np.eye(found.cards[v])[s][:, None] * np.ones(lanes) for v, s in found.seen.states.items()}
    return posteriors | seen


@quick
@given(cases(), st.sampled_from(sorted(FORMS)))
def test_posteriors_are_those_of_the_joint(case: tuple[BayesNet, dict[str, str]], form: str) -> None:
    net, evidence = case
    exact, total = by_joint(net, evidence)
    assume(float(total) > 1e-200)
    model = compile_network(net, effort=0)
    found = cut_by(model, model.likelihood(evidence), FORMS[form])
    for node, row in everything(found).items():
        assert row[:, 0] == pytest.approx([float(p) for p in exact[node].values()], abs=1e-10)
    log_evidence = found.tree.derivatives(found.tables()).log_evidence_nats
    assert float(log_evidence[0]) == pytest.approx(math.log(float(total)), abs=1e-9)


def test_a_mutant_of_the_chain_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain that forgets how far the maximum already was does not give the joint."""
    states = dict.fromkeys(("a", "b", "c"), ("no", "little", "much"))
    rng = np.random.default_rng(0)
    root = Table((), rng.dirichlet(np.ones(3)))
    terms = [Term((), rng.dirichlet(np.ones(3)))] + [Term((p,), rng.dirichlet(np.ones(3), 3)) for p in "ab"]
    net = BayesNet.build("two causes", states, {"a": root, "b": root, "c": NoisyMax(tuple(terms))})
    model = compile_network(net, effort=0)
    right = model.posteriors({"c": "little"})["a"]["much"]
    column = model.likelihood({"c": "little"})
    assert everything(cut_by(model, column, FORMS["chains"]))["a"][2, 0] == pytest.approx(right, abs=1e-12)
    monkeypatch.setattr(cut._Noisy, "leaks", property(lambda self: tuple(np.ones(1) for _ in self.levels)))
    assert everything(cut_by(model, column, FORMS["chains"]))["a"][2, 0] != pytest.approx(right, abs=1e-4)


@quick
@given(cases(), st.integers(0, 10**6), st.sampled_from(sorted(FORMS)))
def test_every_lane_is_its_own_network(case: tuple[BayesNet, dict[str, str]], seed: int, form: str) -> None:
    net, evidence = case
    rng = np.random.default_rng(seed)
    others = [BayesNet.build("other", net.states, {n: redrawn(m, rng) for n, m in net.models.items()}) for _ in "ab"]
    model = compile_network(net, effort=0)
    lanes = {n: lane(net.models[n], *(o.models[n] for o in others)) for n in net.nodes}
    found = everything(cut_by(model, model.likelihood(evidence), FORMS[form], lanes), 3)
    for k, one in enumerate((net, *others)):
        exact, total = by_joint(one, evidence)
        if float(total) > 1e-200:
            for node, row in exact.items():
                assert found[node][:, k] == pytest.approx([float(p) for p in row.values()], abs=1e-9)


def redrawn(model: LocalModel, rng: np.random.Generator) -> LocalModel:
    """Other numbers where there are any, and the same zeros."""

    def moved(values: Floats) -> Floats:
        weights = values * rng.uniform(0.5, 2.0, values.shape)
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))

    if isinstance(model, Table):
        return Table(model.parents, moved(model.values))
    return NoisyMax(tuple(Term(t.parents, moved(t.values)) for t in model.terms))


@quick
@given(networks(), st.integers(0, 10**6), st.sampled_from(sorted(FORMS)), st.booleans())
def test_derivatives_are_difference_quotients(net: BayesNet, seed: int, form: str, rescaled: bool) -> None:
    rng = np.random.default_rng(seed)
    model = compile_network(net, effort=0)
    node = net.nodes[int(rng.integers(len(net.nodes)))]
    column = model.likelihood({node: net.states[node][-1]})
    found = cut_by(model, column, FORMS[form], families=True, rescaled=rescaled)
    tables = found.tables()
    answer = found.tree.derivatives(tables)
    scale = math.exp(float(answer.log_scale[0]))
    total = float(answer.total[0]) * scale
    assume(total > 1e-12)
    assert total == pytest.approx(math.exp(model.log_evidence({node: net.states[node][-1]})), rel=1e-9)
    for k, gradient in answer.by_table.items():
        table = tables[k]
        assert float((table * gradient).sum()) * scale == pytest.approx(total, rel=1e-9)  # linear in every table
        at = tuple(int(rng.integers(n)) for n in table.shape[:-1])
        nudged = [np.array(t) for t in tables]
        nudged[k][at] += 0.25
        change = (math.exp(float(found.tree.totals(nudged)[0])) - total) / 0.25
        assert change == pytest.approx(float(gradient[(*at, 0)]) * scale, rel=1e-7, abs=1e-12)


@quick
@given(cases(), st.integers(0, 10**6))
def test_a_likelihood_is_evidence_too(case: tuple[BayesNet, dict[str, str]], seed: int) -> None:
    net, evidence = case
    node = net.nodes[0]
    weights = dict(zip(net.states[node], np.random.default_rng(seed).uniform(0.1, 1, 3), strict=False))
    said = {**{n: s for n, s in evidence.items() if n != node}, node: weights}
    model = compile_network(net, effort=0)
    assume(np.isfinite(model.log_evidence(said)) and model.log_evidence(said) > -300)
    for form in FORMS.values():
        found = everything(cut_by(model, model.likelihood(said), form))
        belief = model.posteriors(said)
        for n in net.nodes:
            assert found[n][:, 0] == pytest.approx(list(belief[n].values()), abs=1e-10)


def star(leaves: int, p: float) -> Model:
    """One root and so many children, all alike."""
    states = dict.fromkeys(["root", *(f"f{i}" for i in range(leaves))], ("absent", "present"))
    row = Table(("root",), np.array([[1 - p, p], [1 - 2 * p, 2 * p]]))
    models = {node: row if node != "root" else Table((), np.array([0.7, 0.3])) for node in states}
    return compile_network(BayesNet.build("star", states, dict(models)), effort=0)


def test_evidence_that_float64_cannot_hold_is_rescaled() -> None:
    model = star(400, 1e-3)
    said = {node: "absent" if i % 2 else "present" for i, node in enumerate(model.nodes) if node != "root"}
    column = model.likelihood(said)
    assert model.log_evidence(said) < -1000
    found = cut_by(model, column, FORMS["split"], rescaled=True)
    exact = list(model.posteriors(said)["root"].values())
    assert everything(found)["root"][:, 0] == pytest.approx(exact, rel=1e-9)
    assert float(found.tree.totals(found.tables())[0]) == pytest.approx(model.log_evidence(said), rel=1e-12)
    plain = cut_by(model, column, FORMS["split"])
    assert everything(plain)["root"][:, 0].sum() == 0  # the mutant: it underflows


def test_chunks_of_lanes_do_not_disturb_one_another() -> None:
    """Many lanes, in chunks that share their memory, and each lane by itself."""
    rng = np.random.default_rng(4)
    names = [f"d{i}" for i in range(5)]
    states = dict.fromkeys([*names, "f", "g"], ("absent", "present"))
    drawn = [
        {
            **{d: Table((), rng.dirichlet(np.ones(2))) for d in names},
            **{f: NoisyMax(tuple(Term((d,), rng.dirichlet(np.ones(2), 2)) for d in names)) for f in "fg"},
        }
        for _ in range(300)
    ]
    model = compile_network(BayesNet.build("many", states, dict(drawn[0])), effort=0)
    column = model.likelihood({"f": "present", "g": "absent"})
    lanes = {n: lane(*(one[n] for one in drawn)) for n in states}
    for form in FORMS.values():
        found = cut_by(model, column, form, lanes)
        assert 300 % found.tree.width and found.tree.width < 300
        many = found.posteriors(300)
        for k in (0, 1, 127, 128, 299):
            alone = cut_by(model, column, form, {n: lane(m) for n, m in drawn[k].items()}).posteriors(1)
            for d in names:
                assert many[d][:, k] == pytest.approx(alone[d][:, 0], abs=1e-13)


def test_barren_variables_and_seen_ones_take_no_part() -> None:
    model = star(30, 0.1)
    found = cut_by(model, model.likelihood({"f0": "present"}), FORMS["split"])
    assert "f0" not in found.tree.position
    assert found.place_of_kept.keys() == set(model.nodes) - {"f0"}
    only = CutNetwork(
        {n: lane(model.network.models[n]) for n in ("root", "f0")},
        dict.fromkeys(model.nodes, 2),
        Seen({"f0": 1}, {}),
        ("root",),
        How([FORMS["split"]]),
    )
    assert set(only.tree.position) == {"root"}
    assert only.posteriors(1)["root"] == pytest.approx(everything(found)["root"])


def test_a_product_that_does_not_fit_is_refused() -> None:
    pairs = [(f"a{i}", f"b{j}") for i in range(30) for j in range(30)]
    with pytest.raises(TooLarge, match="more than"):
        EvidenceTree(pairs, {v: 2 for pair in pairs for v in pair})


def test_the_form_that_takes_least_work_is_used() -> None:
    """A finding with 16 causes: a chain where it is there, a table for each cause where it is not."""
    names = [f"d{i}" for i in range(16)]
    states = dict.fromkeys([*names, "f"], ("absent", "present"))
    rate = np.array([[1.0, 0.0], [0.6, 0.4]])
    terms = (Term((), np.array([0.99, 0.01])), *(Term((d,), rate) for d in names))
    models: dict[str, LocalModel] = {d: Table((), np.array([0.9, 0.1])) for d in names}
    net = BayesNet.build("many causes", states, {**models, "f": NoisyMax(terms)})
    model = compile_network(net, effort=0)
    forms = [Form(1 << 20, split=True), Form(1 << 8, split=True)]
    for state in ("absent", "present"):
        lanes = {n: lane(m) for n, m in net.models.items()}
        seen = seen_in(model.offsets, model.likelihood({"f": state}))
        found = CutNetwork(lanes, dict.fromkeys(states, 2), seen, names, How(forms))
        assert found.tree.work < 2000
        exact = model.posteriors({"f": state})["d3"]["present"]
        assert found.posteriors(1)["d3"][1, 0] == pytest.approx(exact, rel=1e-12)
    wide = CutNetwork(lanes, dict.fromkeys(states, 2), seen, names, How(forms[:1]))
    assert wide.tree.work > 1 << 16
