"""next, conflict, compare, replay, coverage: what they promise on the index case, against plain queries."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ddx.cli.asking import Asked
from ddx.cli.asking import asked as ask
from ddx.engine.model import compile_network
from ddx.errors import UnknownFinding
from ddx.reasoning.combinations import combinations, neither
from ddx.reasoning.compare import compare
from ddx.reasoning.conflict import conflict
from ddx.reasoning.coverage import Coverage, coverage
from ddx.reasoning.differential import diagnose
from ddx.reasoning.next_test import Aim, deciding, next_tests
from ddx.reasoning.replay import replay
from ddx.reasoning.understanding import State, Used
from ddx.reasoning.weights import fit, reasons
from oracle.joint import posteriors
from reasoning_cases import asked, entry, toy

quick = settings(max_examples=15, deadline=None)
XOR = str(Path(__file__).parent / "data" / "xor.yaml")
FEW = ("skin-induration", "no-raynaud", "ana=negative")


def test_every_surprise_is_what_a_fresh_network_without_the_finding_predicts() -> None:
    """Compiled anew, in another elimination order, and asked without the finding."""
    q = asked("seed")
    answer = conflict(q.network, q.model, q.understood)
    fresh = compile_network(q.model.network, effort=0)
    assert {s.finding for s in answer.surprises} == {u.finding for u in q.understood.findings}
    for s in answer.surprises:
        rest = {f: said for f, said in q.understood.evidence.items() if f != s.finding}
        predicted = fresh.posteriors(rest)[s.finding]
        assert s.probability == pytest.approx(predicted[s.state], rel=1e-9)
        assert s.expected == max(predicted, key=lambda state: predicted[state])
    doughnut = next(s for s in answer.surprises if s.finding == "doughnut_sign")  # with itself it is certain: a mutant
    assert doughnut.probability != pytest.approx(
        fresh.posteriors(q.understood.evidence)["doughnut_sign"]["present"], rel=1e-3
    )


def test_surprises_of_the_toy_are_those_of_adding_up_the_joint() -> None:
    q = toy("fever", "kind=b", "sex=male")
    for s in conflict(q.network, q.model, q.understood).surprises:
        rest = {f: said for f, said in q.understood.evidence.items() if f != s.finding}
        assert s.probability == pytest.approx(float(posteriors(q.model.network, rest)[0][s.finding][s.state]), rel=1e-9)


def test_what_a_pair_is_said_to_do_is_what_fresh_queries_say() -> None:
    q = asked("seed")
    answer = conflict(q.network, q.model, q.understood)
    assert answer.in_conflict >= len(answer.pairs) > 5

    def p(*findings: str, **more: str) -> float:
        said = {f: q.understood.evidence[f] for f in findings}
        given = q.model.log_evidence({**q.understood.patient, **more})
        return math.exp(q.model.log_evidence({**q.understood.patient, **said, **more}) - given)

    for pair in answer.pairs[:4]:
        assert pair.together == pytest.approx(p(*pair.first, *pair.second), rel=1e-9)
        assert pair.by_chance == pytest.approx(p(*pair.first) * p(*pair.second), rel=1e-9)
        assert pair.conflict_nats == pytest.approx(math.log(pair.by_chance / pair.together), abs=1e-9)
        for r in pair.resolved_by:
            node, states = q.model.events[r.disease]
            with_it = p(*pair.first, *pair.second, **{node: states[0]})
            assert r.together == pytest.approx(with_it, rel=1e-9)
            assert r.together > pair.by_chance
    assert answer.coverage.lies.word == "inside"


def test_the_tuberculin_test_stands_apart() -> None:
    q = asked("seed")
    answer = conflict(q.network, q.model, q.understood)
    assert [s.finding for s in answer.unexplained] == ["tst"]
    assert "tst" not in [s.finding for s in answer.misfits]


def misfits(q: Asked) -> tuple[set[str], set[str]]:
    """What `conflict` and what `diagnose` say does not fit."""
    found = conflict(q.network, q.model, q.understood)
    why = reasons(q.network, q.model, diagnose(q.network, q.model, q.understood), ())
    return {s.finding for s in found.misfits}, {u.finding for u in why.unexpected}


@pytest.mark.parametrize(
    ("case", "findings", "finding", "by"),
    [
        ("lytic-lesions", (), "bone_lesions", "multiple_myeloma"),
        ("gadolinium", (), "renal_failure_severe", "nephrogenic_systemic_fibrosis"),
        (None, ("age=52", "sex=male", "skin-induration", "no-raynaud", "ana=negative", "paraprotein"),
         "paraprotein", "mgus"),
    ],
    ids=["lytic lesions", "gadolinium", "paraprotein"],
)  # fmt: skip
def test_what_a_disease_of_the_case_explains_fits_though_it_surprises(
    case: str | None, findings: tuple[str, ...], finding: str, by: str
) -> None:
    q = asked(case, *findings)
    surprise = next(s for s in conflict(q.network, q.model, q.understood).surprises if s.finding == finding)
    assert surprise.probability < 0.05
    assert surprise.fit == "explained"
    assert [e.id for e in surprise.explained_by] == [by]
    assert misfits(q) == (set(), set())


@pytest.mark.parametrize(
    "findings",
    [
        ("doughnut-sign", "no-raynaud", "ana=negative", "bone-lesions=sclerotic"),
        ("doughnut-sign", "no-raynaud", "polyneuropathy", "bamboo-spine"),
        ("raynaud", "ana=positive", "bone-lesions=lytic", "morphea-plaques"),
        ("hypercalcaemia", "no-raynaud"),
    ],
)
def test_the_two_pages_agree_on_what_does_not_fit(findings: tuple[str, ...]) -> None:
    here, there = misfits(asked(None, *findings))
    assert here == there
    q = asked(None, *findings)
    rare = {s.finding for s in conflict(q.network, q.model, q.understood).surprises if s.probability < 0.05}
    assert rare  # a mutant: all that is rare does not fit
    assert here < rare or rare == here == {"hypercalcemia"}


def test_how_a_finding_fits() -> None:
    by = [entry(asked("seed"), "mgus")]
    kinds = [fit(p, tied, own) for p, tied, own in ((0.2, 1, []), (0.03, 1, []), (0.03, 1, by), (0.003, 1, by))]
    assert kinds == ["", "misfit", "explained", "surprising"]
    assert fit(0.001, 3, []) == fit(0.001, 3, by) == "tied"


def test_nobody_is_counted_for_an_uncertain_finding() -> None:
    """A likelihood has no scale, so that no share of patients `has` it, alone or in a pair."""
    q = asked(None, "skin-induration", "paraprotein", "no-raynaud")
    answers = []
    for scale in (1000.0, 0.01):
        weights = {"absent": 0.9 * scale, "present": 0.1 * scale}
        used = tuple(replace(u, said=weights) if u.finding == "raynaud" else u for u in q.understood.used)
        answers.append(conflict(q.network, q.model, replace(q.understood, used=used)))
    one, other = answers
    assert one.uncertain == ("raynaud",)
    assert "raynaud" not in {s.finding for s in one.surprises}
    assert one.total_nats == pytest.approx(other.total_nats, abs=1e-9)
    pairs = [p for p in one.pairs if "raynaud" in p.first + p.second]
    assert pairs
    for p, twin in zip(one.pairs, other.pairs, strict=True):
        assert p.conflict_nats == pytest.approx(twin.conflict_nats, abs=1e-9)
        assert [r.disease for r in p.resolved_by] == [r.disease for r in twin.resolved_by]
        uncertain = p in pairs
        assert (p.together is None) == (p.by_chance is None) == uncertain
        assert all((r.together is None) == uncertain for r in p.resolved_by)
        assert all(r.conflict_nats < 0 for r in p.resolved_by)


def test_scleromyxedema_resolves_stiff_skin_without_raynaud() -> None:
    q = asked(None, "doughnut-sign", "no-raynaud")
    answer = conflict(q.network, q.model, q.understood)
    pair = next(p for p in answer.pairs if {*p.first, *p.second} == {"doughnut_sign", "raynaud"})
    assert pair.conflict_nats > 0
    assert "scleromyxedema" in [r.disease for r in pair.resolved_by]
    assert all(r.conflict_nats < 0 for r in pair.resolved_by)


def test_two_diseases_beat_one() -> None:
    q = asked("seed")
    answer = diagnose(q.network, q.model, q.understood)
    pair = next(p for p in answer.pairs if {p.first.id, p.second.id} == {"scleromyxedema", "ankylosing_spondylitis"})
    assert pair.both > 10 * max(pair.first_only, pair.second_only)


def test_both_one_the_other_and_neither_are_everything() -> None:
    q = asked("seed")
    answer = combinations(q.network, q.model, q.understood)
    leading = answer.leading
    assert leading is not None
    assert {leading.first.id, leading.second.id} == {"scleromyxedema", "ankylosing_spondylitis"}
    assert answer.how_many is not None
    assert sum(answer.how_many.values()) == pytest.approx(1, abs=1e-12)
    mean = sum(number * p for number, p in answer.how_many.items())
    assert mean == pytest.approx(sum(d.posterior for d in answer.differential.diseases), abs=1e-9)
    assert answer.held >= 0.99
    for p in answer.pairs:
        assert p.first.node != p.second.node
        one, other = (answer.differential.of(e.id).posterior for e in (p.first, p.second))
        assert p.both <= min(one, other) + 1e-12  # never more probable than either
        assert p.both + p.first_only == pytest.approx(one, abs=1e-9)
        assert p.both + p.second_only == pytest.approx(other, abs=1e-9)
        node, states = q.model.events[p.first.id]
        absent = {s: float(s not in states) for s in q.model.states[node]}
        without = {**q.understood.evidence, node: absent}
        if p == answer.pairs[0]:
            share = math.exp(q.model.log_evidence(without) - q.model.log_evidence(q.understood.evidence))
            left = 1 - q.model.posteriors(without).probability(p.second.id)
            assert neither(p) == pytest.approx(share * left, abs=1e-9)
    assert [s.probability for s in answer.sets] == sorted((s.probability for s in answer.sets), reverse=True)


def test_the_outcomes_of_a_test_are_those_of_fresh_queries() -> None:
    q = asked(None, *FEW)
    answer = next_tests(q.network, q.model, q.understood)
    for t in answer.tests[:3]:
        belief = q.model.posteriors(q.understood.evidence)
        for o in t.outcomes:
            assert o.probability == pytest.approx(belief[t.finding][o.state], abs=1e-12)
            if o.probability > 1e-6:
                after = q.model.posteriors({**q.understood.evidence, t.finding: o.state})
                for disease in ("scleromyxedema", "mgus"):
                    assert o.posteriors[disease] == pytest.approx(after.probability(disease), abs=1e-9)


def test_information_stands_between_nothing_and_the_entropy() -> None:
    q = asked(None, *FEW)
    answer = next_tests(q.network, q.model, q.understood)
    assert answer.tests
    assert all(0 <= t.information_bits <= answer.entropy_bits + 1e-12 for t in answer.tests)
    bits = [t.information_bits for t in answer.tests if not t.mandatory]
    assert bits == sorted(bits, reverse=True)


@quick
@given(st.data())
def test_the_expected_posterior_is_the_present_one(data: st.DataObject) -> None:
    """No test can be expected to rule in or out: on random cases of the toy and of the flagship."""
    q = data.draw(st.sampled_from([toy(), toy("fever"), asked(None, *FEW), asked(None, "paraprotein")]))
    findings = [f for f in q.network.lexicon.askables if f in q.model.offsets]
    said = data.draw(st.dictionaries(st.sampled_from(findings), st.integers(0, 1), max_size=3))
    evidence = {f: q.model.states[f][k] for f, k in said.items()}
    assume(math.isfinite(q.model.log_evidence(evidence)))
    used = tuple(Used(f, s, "line") for f, s in evidence.items())
    answer = next_tests(q.network, q.model, replace(q.understood, used=used))
    for t in answer.tests:
        assert sum(o.probability for o in t.outcomes) == pytest.approx(1, abs=1e-10)
        for disease, now in answer.now.items():
            expected = sum(o.probability * o.posteriors[disease] for o in t.outcomes)
            assert expected == pytest.approx(now, abs=1e-10)
    assume(answer.tests)
    best = answer.tests[0]  # a mutant: outcomes taken to be equally probable
    disease = best.moves[0]
    equal = sum(o.posteriors[disease] for o in best.outcomes) / len(best.outcomes)
    if max(o.probability for o in best.outcomes) > 0.7 and best.shift > 0.01:
        assert equal != pytest.approx(answer.now[disease], abs=1e-10)


def test_tests_that_rule_in_reach_highest_and_those_that_rule_out_lowest() -> None:
    q = asked("seed")
    aimed = (entry(q, "multiple_myeloma"),)
    into = next_tests(q.network, q.model, q.understood, Aim(aimed, "rule_in"))
    assert into.tests[0].finding == "bone_lesions"  # lytic in 3 of 1,000 such patients, but in most with myeloma
    ends = [deciding(t, "multiple_myeloma", "rule_in").posteriors["multiple_myeloma"] for t in into.tests]
    assert ends == sorted(ends, reverse=True)
    out = next_tests(q.network, q.model, q.understood, Aim(aimed, "rule_out"))
    ends = [deciding(t, "multiple_myeloma", "rule_out").posteriors["multiple_myeloma"] for t in out.tests]
    assert ends == pytest.approx(sorted(ends), abs=2e-9)
    assert out.tests[0].finding == "flc_ratio"


def test_a_plan_finds_the_pair_that_tells_only_together() -> None:
    q = ask((), None, XOR, None)
    one = next_tests(q.network, q.model, q.understood, Aim(plan=1)).plan
    assert one is not None and one.first is not None
    assert one.first.finding == "itch"
    two = next_tests(q.network, q.model, q.understood, Aim(plan=2)).plan
    assert two is not None and two.first is not None
    assert two.first.finding == "stain"
    assert [b.then.finding for b in two.first.after if b.then] == ["smear", "smear"]
    assert two.information_bits > 5 * two.one_at_a_time_bits
    assert two.cost == pytest.approx(4)
    dear = next_tests(q.network, q.model, q.understood, Aim(plan=2, price_bits=0.25)).plan
    assert dear is not None and dear.first is None  # 0.92 bits for 4 units, 0.12 for 1: none earns a quarter of a bit
    cheap = next_tests(q.network, q.model, q.understood, Aim(plan=2, cost_limit=1)).plan
    assert cheap is not None and cheap.first is not None
    assert cheap.first.finding == "itch"
    assert cheap.considered == ("itch",)


def test_a_plan_of_the_flagship_is_told_and_no_worse_than_one_test_at_a_time() -> None:
    q = asked(None, *FEW)
    aimed = (entry(q, "scleromyxedema"), entry(q, "scleredema"))
    plan = next_tests(q.network, q.model, q.understood, Aim(aimed, plan=3)).plan
    assert plan is not None and plan.first is not None
    assert plan.information_bits > plan.one_at_a_time_bits
    assert 3 <= len(plan.considered) < plan.open
    assert plan.first.worth_bits == pytest.approx(plan.information_bits)
    total = sum(b.probability for b in plan.first.after)
    assert total == pytest.approx(1, abs=1e-9)


def test_a_settled_case_says_stop() -> None:
    q = toy("fever")
    assert next_tests(q.network, q.model, q.understood, Aim(cost_limit=0)).stop


def test_the_last_step_of_a_replay_is_the_differential() -> None:
    q = asked("seed")
    answer = replay(q.network, q.model, q.understood)
    for d in diagnose(q.network, q.model, q.understood).diseases:
        assert answer.last.posteriors[d.id] == pytest.approx(d.posterior, rel=1e-9, abs=1e-15)
    assert answer.steps[3].posteriors["scleromyxedema"] != pytest.approx(answer.last.posteriors["scleromyxedema"])


def test_order_changes_the_way_and_not_the_end() -> None:
    q = asked(None, *FEW)
    one = replay(q.network, q.model, q.understood)
    other = replay(q.network, q.model, q.understood, ["ana", "raynaud"])
    assert [s.finding for s in other.steps[1:3]] == ["ana", "raynaud"]
    assert other.last.posteriors == pytest.approx(one.last.posteriors, rel=1e-9)
    with pytest.raises(UnknownFinding):
        replay(q.network, q.model, q.understood, ["doughnut_sign"])


def test_how_often_a_finding_is_met_is_a_conditional_probability() -> None:
    q = asked(None, *FEW)
    step = replay(q.network, q.model, q.understood).steps[2]
    move = step.move
    assert step.finding == "raynaud"
    assert move is not None
    assert move.disease == "systemic_sclerosis"
    states = q.model.states["systemic_sclerosis"]
    weights = {s: float(s != states[0]) for s in states}
    belief = q.model.posteriors({**q.understood.patient, "skin_induration": "present", "systemic_sclerosis": weights})
    assert move.met_with == pytest.approx(belief["raynaud"]["absent"], rel=1e-9)


def test_explaining_away_is_told_whichever_finding_comes_first() -> None:
    """A paraprotein that is known makes myeloma likelier; waxy papules take that back, or keep it from happening."""
    first = asked(None, "age=52", "sex=male", "paraprotein", "waxy-papules")
    step = next(s for s in replay(first.network, first.model, first.understood).steps if s.finding == "waxy_papules")
    away = step.explaining_away
    assert away is not None
    assert (away.disease, away.by, away.explains) == ("multiple_myeloma", "scleromyxedema", "paraprotein")
    assert away.alone_nats > 0 > away.here_nats
    second = asked(None, "age=52", "sex=male", "waxy-papules", "paraprotein")
    answer = replay(second.network, second.model, second.understood)
    step = next(s for s in answer.steps if s.finding == "paraprotein")
    away = step.explaining_away
    assert away is not None
    assert (away.disease, away.by, away.explains) == ("smouldering_myeloma", "scleromyxedema", "paraprotein")
    said, patient = second.understood.evidence, second.understood.patient

    def log_odds(evidence: dict[str, State]) -> float:
        p = second.model.posteriors(evidence)["clone"]["smm"]
        return math.log(p) - math.log1p(-p)

    before = {f: s for f, s in said.items() if f != "paraprotein"}
    assert away.here_nats == pytest.approx(log_odds(said) - log_odds(before), abs=1e-9)
    alone = log_odds({**patient, "paraprotein": "present"}) - log_odds(dict(patient))
    assert away.alone_nats == pytest.approx(alone, abs=1e-9)
    without: dict[str, State] = {"lichen_myxedematosus": {"absent": 1.0, "localized": 1.0, "scleromyxedema": 0.0}}
    back = log_odds({**said, **without}) - log_odds({**before, **without})
    assert back - away.here_nats >= (away.alone_nats - away.here_nats) / 2
    assert answer.steps[1].explaining_away is None


def test_the_readers_list_is_judged_against_the_case() -> None:
    q = asked("seed")
    answer = replay(q.network, q.model, q.understood, guess=["systemic_sclerosis", "scleromyxedema"])
    assert [j.disease for j in answer.right] == ["scleromyxedema"]
    assert [j.disease for j in answer.wrong] == ["systemic_sclerosis"]
    assert {j.disease for j in answer.missed} == {"ankylosing_spondylitis", "mgus"}
    right = answer.right[0]
    assert answer.steps[right.step].finding == "doughnut_sign"
    assert (right.first, right.last) == (
        answer.steps[0].posteriors["scleromyxedema"],
        answer.last.posteriors["scleromyxedema"],
    )


def test_by_tier_the_complaint_still_comes_first() -> None:
    q = asked(None, "hla-b27", "paraprotein", "no-raynaud")
    steps = replay(q.network, q.model, q.understood, ["tier"]).steps
    assert [s.finding for s in steps[1:]] == ["skin_induration", "raynaud", "hla_b27", "paraprotein"]


def test_what_separates_two_diseases() -> None:
    q = asked("seed")
    pair = (entry(q, "scleromyxedema"), entry(q, "systemic_sclerosis"))
    answer = compare(q.network, q.model, q.understood, pair)
    strongest = [a.findings[0] for a in answer.asked[:5]]
    assert {"doughnut_sign", "raynaud"} <= set(strongest)
    turned = compare(q.network, q.model, q.understood, pair[::-1])
    for a in answer.asked:
        mirrored = next(b for b in turned.asked if b.findings == a.findings)
        assert mirrored.given_rest_nats == pytest.approx(-a.given_rest_nats, abs=1e-8)
    assert "nailfold" in [n.finding for n in answer.not_asked[:5]]


def test_the_form_asked_about_is_in_the_hash_of_a_comparison() -> None:
    q = asked("seed")
    answer = compare(q.network, q.model, q.understood, (entry(q, "scleromyxedema"), entry(q, "systemic_sclerosis")))
    assert answer.result_sha256 != replace(answer, states=(None, "limited")).result_sha256


def covered(q: Asked) -> Coverage:
    return coverage(q.network, q.model, diagnose(q.network, q.model, q.understood))


def test_coverage_calls_a_mixture_that_nothing_explains_outside() -> None:
    odd = asked(None, "doughnut-sign", "raynaud", "groove_sign", "bamboo_spine", "morphea_plaques", "leonine_facies")
    found = covered(odd)
    assert found.lies.word == "outside"
    assert not found.lies.strong_words
    assert math.isfinite(found.log_probability_nats)
    assert found.tail == pytest.approx(1 / (1 + found.lies.patients), abs=0.01)
    assert found.log_probability_nats < found.expected_nats[0]


@pytest.mark.parametrize("case", ["seed", "gadolinium", "lytic-lesions", "crest", "worse-on-ivig"])
def test_a_rare_disease_does_not_put_its_patients_outside(case: str) -> None:
    q = asked(case)
    answer = covered(q)
    assert answer.lies.word == "inside"
    assert answer == covered(q)


def test_without_findings_nothing_lies_outside() -> None:
    q = toy("fever=?")
    assert covered(q).tail == pytest.approx(1.0)
