"""sensitivity: slopes, functions and flips are those of networks whose numbers were changed in the file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import numpy.typing as npt
import pytest

from changed_numbers import (
    found_now,
    moved,
    numbers_of,
    posterior_edited,
    recompiled,
    with_tables,
    with_values,
)
from ddx.cli.asking import Asked
from ddx.engine import ground, population, priors
from ddx.engine.model import Model, compile_network
from ddx.knowledge import spec
from ddx.knowledge.bayesnet import expand
from ddx.reasoning.credible import credible, posteriors_drawn
from ddx.reasoning.differential import listed
from ddx.reasoning.flips import FindingFlip
from ddx.reasoning.numbers import Parameter, logit, parameters
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.sensitivity import Sensitivity, sensitivity
from ddx.reasoning.uncertainty import varies
from ddx.reasoning.understanding import State, Understood, Used
from reasoning_cases import asked, entry, few, toy

Floats = npt.NDArray[np.float64]
FINDINGS = ("fever", "kind=a", "sex=male")


@pytest.fixture(scope="module", params=["clinic", "general"])
def question(request: pytest.FixtureRequest) -> Asked:
    """In the clinic the roots are solved for and its complaint is observed; in the general population not."""
    return toy(*FINDINGS, setting=request.param)


@pytest.fixture(scope="module")
def flu(question: Asked) -> Sensitivity:
    return sensitivity(question.network, question.model, question.understood, entry(question, "flu"))


@pytest.fixture(scope="module")
def numbers(question: Asked) -> Regrounding:
    return numbers_of(question)


def test_slopes_are_those_of_networks_compiled_anew(question: Asked, flu: Sensitivity, numbers: Regrounding) -> None:
    evidence = question.understood.evidence
    assert {i.parameter.place[2] for i in flu.influences} >= {"model", "priors", "profile", "context"}
    for i in flu.influences:
        p, step = i.parameter, 1e-5 * min(i.parameter.value, 1.0)
        low, high = (posterior_edited(numbers, moved(numbers, p, p.value + s), evidence)["flu"] for s in (-step, step))
        assert i.slope == pytest.approx((high - low) / (2 * step), rel=2e-4, abs=1e-6), p.where
        assert i.slope + 0.01 != pytest.approx((high - low) / (2 * step), rel=2e-4, abs=1e-6)


@cache
def of_seed(disease: str) -> Sensitivity:
    """The index case."""
    q = asked("seed")
    return sensitivity(q.network, q.model, q.understood, entry(q, disease))


def test_slopes_of_the_flagship_are_those_of_new_tables() -> None:
    """The index case, a number of every kind among them, against the whole engine with new tables."""
    q, numbers, answer = asked("seed"), numbers_of(asked("seed")), of_seed("ankylosing_spondylitis")
    for i in [*answer.influences[:5], *answer.influences[8::90]]:
        p, step = i.parameter, 1e-4 * min(i.parameter.value, 1 - i.parameter.value)
        ends = [edited(numbers, moved(numbers, p, p.value + s)) for s in (-step, step)]
        low, high = (m.posteriors(q.understood.evidence).probability("ankylosing_spondylitis") for m in ends)
        assert i.slope == pytest.approx((high - low) / (2 * step), rel=1e-5, abs=1e-14 / step), p.where


def edited(numbers: Regrounding, values: Mapping[Parameter, float]) -> Model:
    """The flagship with other numbers in its file; its tree stays."""
    changed = with_values(numbers.spec, values)
    people = population.population(changed, numbers.setting)
    models = ground.ground(changed, people, priors.solve(changed, people)).models
    return numbers.model.with_tables(dict(models))


def test_slopes_are_those_of_another_engine(question: Asked, flu: Sensitivity, numbers: Regrounding) -> None:
    """pyAgrum has no parameter sensitivity: difference quotients of its posteriors."""
    gum = pytest.importorskip("pyagrum")
    evidence = question.understood.evidence

    def theirs(values: Mapping[Parameter, float]) -> float:
        net = recompiled(numbers, values).network
        bn = gum.BayesNet()
        ids = {n: bn.add(gum.LabelizedVariable(n, n, list(states))) for n, states in net.states.items()}
        for node in net.nodes:
            for parent in expand(net, node).parents:
                bn.addArc(ids[parent], ids[node])
        for node in net.nodes:
            table = expand(net, node)
            own, wanted = [*table.parents, node], list(bn.cpt(ids[node]).names)[::-1]
            bn.cpt(ids[node]).fillWith(np.transpose(table.values, [own.index(n) for n in wanted]).ravel().tolist())
        engine = gum.LazyPropagation(bn)
        engine.setEvidence(evidence)
        engine.makeInference()
        return float(engine.posterior("flu").toarray()[1])

    assert theirs({}) == pytest.approx(flu.posterior, abs=1e-12)
    for i in flu.influences[::3]:
        p, step = i.parameter, 1e-5 * min(i.parameter.value, 1.0)
        change = theirs(moved(numbers, p, p.value + step)) - theirs(moved(numbers, p, p.value - step))
        assert i.slope == pytest.approx(change / (2 * step), rel=2e-4, abs=1e-6), p.where


def test_three_points_of_a_sensitivity_function_predict_the_fourth(
    question: Asked, flu: Sensitivity, numbers: Regrounding
) -> None:
    evidence = question.understood.evidence
    lines = [i for i in flu.influences if i.within[1] - i.within[0] > 0.2 and i.swing > 1e-4]
    assert len(lines) >= 2
    for i in lines:
        ts = np.linspace(*i.within, 6)[1:-1].tolist()
        ys = [posterior_edited(numbers, moved(numbers, i.parameter, t), evidence)["flu"] for t in ts]
        assert [i.posterior(t) for t in ts] == pytest.approx(ys, abs=1e-9), i.parameter.where
        assert predicted(ts, ys) == pytest.approx(ys[3], abs=1e-9)


def test_a_number_that_moves_every_link_at_once_is_no_such_function() -> None:
    """The mutant of the law above: a background of several causes."""
    q = toy(*FINDINGS, setting="general")
    numbers = numbers_of(q)
    background = next(p for p in numbers.varied if p.where == "findings.fever.model.background.present")
    ts = [0.01, 0.05, 0.1, 0.18]
    ys = [posterior_edited(numbers, moved(numbers, background, t), q.understood.evidence)["flu"] for t in ts]
    assert predicted(ts, ys) != pytest.approx(ys[3], abs=1e-9)
    answer = sensitivity(q.network, q.model, q.understood, entry(q, "flu"))
    i = next(i for i in answer.influences if i.parameter.where == background.where)
    assert i.within[1] - i.within[0] < 1e-4


def predicted(ts: list[float], ys: list[float]) -> float:
    """y(t3) of the function (a t + b) / (c t + 1) through the first three points."""
    rows = [[t, 1.0, -t * y] for t, y in zip(ts[:3], ys[:3], strict=True)]
    a, b, c = np.linalg.lstsq(rows, ys[:3], rcond=None)[0]
    return float((a * ts[3] + b) / (c * ts[3] + 1))


def test_a_rate_below_its_background_has_no_slope() -> None:
    """The function bends where a rate meets the background; the line holds only above."""
    q = toy(*FINDINGS)
    assert q.network.spec is not None
    fever = next(p for p in parameters(q.network.spec) if p.where == "findings.fever.model.given.flu.present")
    lower = with_values(q.network.spec, {fever: 0.004})
    changed = replace(q.network, read_spec=lambda: lower)
    said = replace(q.understood, setting="general")
    model = compile_network(changed.bayesnet("general"), events=q.model.events, effort=0)
    answer = sensitivity(changed, model, said, entry(q, "flu"))
    i = next(i for i in answer.influences if i.parameter.where == fever.where)
    assert i.slope == 0
    assert i.within[1] < 0.02


def test_log_odds_are_those_of_the_posterior(flu: Sensitivity) -> None:
    assert flu.log_odds == pytest.approx(logit(flu.posterior), abs=1e-9)
    for i in flu.influences:
        for end in (i.low, i.high):
            assert end.log_odds == pytest.approx(logit(end.posterior), abs=1e-9)


def test_near_certainty_swings_are_compared_in_log_odds() -> None:
    """Where a float has no digits left for 1 - P; the odds are those of the whole engine."""
    q, numbers, answer = asked("seed"), numbers_of(asked("seed")), of_seed("scleromyxedema")
    assert answer.in_log_odds and answer.posterior > 0.9999
    swings = [i.swing_nats for i in answer.influences]
    assert swings == sorted(swings, reverse=True) and swings[9] > 0.1
    assert [i.swing for i in answer.influences] != sorted((i.swing for i in answer.influences), reverse=True)
    rates = [i for i in answer.influences if "given" in i.parameter.place][:3]
    for i in rates:
        for end in (i.low, i.high):
            values = moved(numbers, i.parameter, end.value)
            belief = with_tables(numbers, values).posteriors(q.understood.evidence)["lichen_myxedematosus"]
            absent = belief["absent"] + belief["localized"]
            assert end.log_odds == pytest.approx(math.log(belief["scleromyxedema"] / absent), abs=1e-6)


def test_a_disease_that_the_findings_exclude_depends_on_no_number() -> None:
    answer = of_seed("nonradiographic_axspa")
    assert answer.log_odds == -math.inf
    assert answer.depends == () and answer.bars == ()
    assert len(answer.influences) == answer.numbers > 100


def outcome(found: Mapping[str, float]) -> tuple[bool, str]:
    """Whether flu is likelier than not, and which disease is first."""
    return found["flu"] >= 0.5, max(found, key=found.__getitem__)


def test_flips_flip_and_nothing_smaller_does(question: Asked, flu: Sensitivity, numbers: Regrounding) -> None:
    evidence = question.understood.evidence
    now = outcome(posterior_edited(numbers, {}, evidence))
    assert len(flu.number_flips) == 2
    for which, flip in enumerate(flu.number_flips):
        after = outcome(posterior_edited(numbers, moved(numbers, flip.parameter, flip.value), evidence))
        assert after[which] != now[which], flip
        near = counterexample(numbers, evidence, flip.size_logits * 0.999, lambda o, w=which: o[w] != now[w])
        assert near is None, (flip, near)
        beyond = counterexample(numbers, evidence, flip.size_logits * 1.6, lambda o, w=which: o[w] != now[w])
        assert beyond is not None  # the mutant: a flip of that size would not be the smallest


CLINIC = ("age=52", "sex=male", "skin-induration", "no-raynaud", "ana=negative", "paraprotein")


@pytest.mark.parametrize("case", ["seed", None])
def test_a_flip_of_the_flagship_holds_when_the_file_is_edited(case: str | None) -> None:
    """On both sides: a little less leaves the conclusion, a little more turns it. With held roots it would not."""
    q = asked(case, *(CLINIC if case is None else ()))
    numbers, evidence = numbers_of(q), q.understood.evidence
    answer = (
        of_seed("scleromyxedema") if case else sensitivity(q.network, q.model, q.understood, entry(q, "scleromyxedema"))
    )
    assert len(answer.number_flips) == 2
    assert all(flip.parameter.place[0] == "settings" for flip in answer.number_flips)
    for which, flip in enumerate(answer.number_flips):
        sides = []
        for share in (-1e-4, 1e-4):
            t = flip.value * (flip.value / flip.parameter.value) ** share
            belief = edited(numbers, moved(numbers, flip.parameter, t)).posteriors(evidence)
            found = {e.id: sum(belief[e.node][s] for s in e.states) for e in listed(q.network, q.model)}
            sides.append((found["scleromyxedema"] >= 0.5, max(found, key=found.__getitem__))[which])
        assert sides[0] != sides[1], flip
        assert sides[0] == ((answer.posterior >= 0.5), answer_first(q))[which]
        values = moved(numbers, flip.parameter, flip.value)
        exact, held = (
            found_now(model, evidence, listed(q.network, q.model))
            for model in (edited(numbers, values), with_tables(numbers, values))
        )
        assert 1 - np.array(held) != pytest.approx(1 - np.array(exact), rel=1e-5)  # the mutant


def answer_first(question: Asked) -> str:
    """The most probable disease now."""
    found = found_now(question.model, question.understood.evidence, listed(question.network, question.model))
    return listed(question.network, question.model)[int(np.argmax(found))].id


def counterexample(
    numbers: Regrounding, evidence: Mapping[str, State], size: float, turned: Callable[[tuple[bool, str]], bool]
) -> tuple[str, float] | None:
    """A number that turns the conclusion by a smaller change, by compiling networks with every number at 12 values."""
    for p in (p for p in numbers.varied if varies(p)):
        low, high = numbers.bounds(p)
        x = np.linspace(-size, size, 12)
        odds = p.value if isinstance(p.number, spec.OddsRatio) else p.value / (1 - p.value)
        values = odds * np.exp(x)
        values = values if isinstance(p.number, spec.OddsRatio) else values / (1 + values)
        for t in np.clip(values, low, high).tolist():
            smaller = 0 < numbers.size_of_change(p, t) < size
            if smaller and turned(outcome(posterior_edited(numbers, moved(numbers, p, t), evidence))):
                return p.where, t
    return None


@pytest.mark.parametrize("share", [0.98, 1.05])
def test_nothing_smaller_flips_the_flagship(share: float) -> None:
    """Every number at many values within the size of the flip, as draws, which share no derivative with `sensitivity`.

    With a little more than that size something flips: the mutant.
    """
    q = asked("seed")
    said = few(q, 16)
    numbers, entries = numbers_of(q), listed(q.network, q.model)
    answer = sensitivity(q.network, q.model, said, entry(q, "scleromyxedema"))
    now = found_now(q.model, said.evidence, entries)
    own = [e.id for e in entries].index("scleromyxedema")
    assert len(answer.number_flips) == 2
    for flip in answer.number_flips:
        size = flip.size_logits * share
        tried = [(i.parameter, t) for i in answer.influences for t in nearby(numbers, i.parameter, size)]
        found = as_draws(q, said, tried)
        turned = found.argmax(axis=1) != np.argmax(now) if "is first" in flip.outcome else found[:, own] < 0.5
        assert bool(turned.any()) == (share > 1), flip


def as_draws(question: Asked, said: Understood, tried: Sequence[tuple[Parameter, float]]) -> Floats:
    """(values, diseases) posteriors with one number at a time at another value, each as one draw."""
    numbers = numbers_of(question)
    written = {id(p.number): p.value for p in numbers.varied}
    by_place = {p.place: p for p in numbers.varied}
    drawn: dict[int, Floats] = {}
    for k, (p, t) in enumerate(tried):
        for key, value in numbers.moved(by_place[p.place], np.array([t])).items():
            drawn.setdefault(key, np.full(len(tried), written[key]))[k] = value[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ddx.reasoning.credible.draws", lambda _rows, _count, _rng: drawn)
        patch.setattr("ddx.reasoning.credible.Regrounding", partial(Regrounding, solving=True))
        found = posteriors_drawn(question.network, question.model, said, count=len(tried), seed=0)
    return found[np.isfinite(found).all(axis=1)]  # without those with which the setting cannot be met


def nearby(numbers: Regrounding, p: Parameter, size: float) -> list[float]:
    """Values of a number whose change is no larger than this, the largest on both sides among them."""
    found = []
    for end in numbers.bounds(p):
        near, far = 0.0, 1.0  # shares of the way to the end, in the logit
        for _ in range(40):
            middle = (near + far) / 2
            near, far = (middle, far) if numbers.size_of_change(p, towards(p, end, middle)) <= size else (near, middle)
        found += [towards(p, end, near), towards(p, end, near / 2)]
    return found


def towards(p: Parameter, end: float, share: float) -> float:
    if isinstance(p.number, spec.OddsRatio):
        return p.value * (end / p.value) ** share
    return 1 / (1 + math.exp(-(logit(p.value) + share * (logit(end) - logit(p.value)))))


@pytest.mark.parametrize("disease", ["scleromyxedema", "ankylosing_spondylitis", "multiple_myeloma"])
def test_findings_that_turn_a_conclusion_are_all_found(disease: str) -> None:
    """Every change of one of 16 findings, one at a time, by the whole engine."""
    q = asked("seed")
    said = few(q, 16)
    answer = sensitivity(q.network, q.model, said, entry(q, disease))
    entries, model = listed(q.network, q.model), q.model
    now = found_now(model, said.evidence, entries)
    expected = []
    for used in said.findings:
        rest = {f: s for f, s in said.evidence.items() if f != used.finding}
        others = [s for s in model.states[used.finding] if s != used.said]
        for state in (None, *others):
            changed = rest if state is None else {**rest, used.finding: state}
            if not np.isfinite(model.log_evidence(changed)):
                continue
            there = found_now(model, changed, entries)
            own = [e.id for e in entries].index(disease)
            if (there[own] >= 0.5) != (now[own] >= 0.5) or np.argmax(there) != np.argmax(now):
                expected.append((used.finding, state, there[own]))
                if state is None:
                    break
    assert expected
    assert [(f.finding, f.state) for f in answer.finding_flips] == [(f, s) for f, s, _ in expected]
    assert [f.posterior for f in answer.finding_flips] == pytest.approx([p for _, _, p in expected], abs=1e-10)


def test_findings_given_as_likelihoods_can_be_withdrawn() -> None:
    q = toy("fever", "sex=male")
    likely = {"a": 0.99, "b": 0.01, "not_applicable": 0.5}
    said = replace(q.understood, used=(*q.understood.used, Used("kind", likely, "line")))
    answer = sensitivity(q.network, q.model, said, entry(q, "flu"))
    without = q.model.posteriors(q.understood.evidence)["flu"]["present"]
    assert (answer.posterior >= 0.5) != (without >= 0.5)
    (flip,) = [f for f in answer.finding_flips if f.finding == "kind"]
    assert isinstance(flip, FindingFlip) and flip.state is None
    assert flip.posterior == pytest.approx(without, abs=1e-12)


def test_a_disease_may_be_among_the_evidence() -> None:
    q = toy("fever", "sex=male")
    said = replace(q.understood, used=(*q.understood.used, Used("clone", "mgus", "line")))
    answer = sensitivity(q.network, q.model, said, entry(q, "flu"))
    assert answer.posterior == pytest.approx(q.model.posteriors(said.evidence)["flu"]["present"], abs=1e-12)
    sure = credible(q.network, q.model, said, count=40)
    assert (sure.of("mgus").low, sure.of("mgus").high) == pytest.approx((1.0, 1.0), abs=1e-12)
    assert sure.of("multiple_myeloma").high == 0
