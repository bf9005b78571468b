"""Why and why not, on the index case and on a toy."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddx.reasoning.compare import compare
from ddx.reasoning.differential import diagnose
from ddx.reasoning.explain import LN10, Explanation, explain
from ddx.reasoning.next_test import Aim, next_tests
from ddx.reasoning.odds import held, log_odds
from ddx.report.sources import number_said
from reasoning_cases import asked, entry


@pytest.fixture(scope="module")
def myeloma() -> Explanation:
    q = asked("seed")
    return explain(q.network, q.model, q.understood, entry(q, "multiple_myeloma"))


@pytest.fixture(scope="module")
def sclerosis() -> Explanation:
    q = asked("seed")
    return explain(q.network, q.model, q.understood, entry(q, "systemic_sclerosis"))


def test_the_paraprotein_weighs_more_alone_than_given_the_rest(myeloma: Explanation) -> None:
    c = myeloma.of("paraprotein")
    assert {"mprotein_heavy", "mprotein_light", "spep_band"} <= set(c.findings)
    assert (c.alone_nats - c.given_rest_nats) / LN10 >= 1.0


def test_scleromyxedema_explains_it_through_the_clone(myeloma: Explanation) -> None:
    away = myeloma.of("paraprotein").explained_by
    assert away is not None
    assert (away.by.id, away.through) == ("scleromyxedema", "clone")
    assert away.beside is not None
    assert away.beside.id == "mgus"
    c = myeloma.of("paraprotein")
    assert c.given_rest_nats < away.without_nats
    assert away.without_both_nats is not None
    assert away.without_both_nats - c.given_rest_nats >= (c.alone_nats - c.given_rest_nats) / 2


def test_the_weight_that_returns_is_that_of_a_query_with_it_clamped(myeloma: Explanation) -> None:
    """By plain queries: log odds with and without the chain, scleromyxedema observed absent in both."""
    q = asked("seed")
    away = myeloma.of("paraprotein").explained_by
    assert away is not None
    chain = myeloma.of("paraprotein").findings
    said = {**q.understood.evidence, "scleromyxedema": "absent"}
    rest = {f: s for f, s in said.items() if f not in chain}
    odds = []
    for evidence in (said, rest):
        p = q.model.posteriors(evidence)["clone"]["mm"]
        odds.append(math.log(p) - math.log1p(-p))
    assert away.without_nats == pytest.approx(odds[0] - odds[1], abs=1e-9)


def test_two_of_the_strongest_against_systemic_sclerosis(sclerosis: Explanation) -> None:
    against = sorted(sclerosis.contributions, key=lambda c: c.given_rest_nats)[:6]
    assert {"raynaud", "ana"} <= {f for c in against if c.given_rest_nats < 0 for f in c.findings}


def test_every_contribution_has_a_source(myeloma: Explanation, sclerosis: Explanation) -> None:
    known = asked("seed").network.spec
    assert known is not None
    for answer in (myeloma, sclerosis):
        for c in answer.contributions:
            assert c.numbers, c.finding
            assert any(p.cited for p in c.numbers), c.finding
            assert {s for p in c.numbers for s in p.cited} <= set(known.sources)
        assert set(answer.citations) == {s for c in answer.contributions for p in c.numbers for s in p.cited}


def test_shares_add_up_to_the_change_of_the_log_odds(myeloma: Explanation) -> None:
    total = sum(c.shapley_nats for c in myeloma.contributions)
    assert total == pytest.approx(myeloma.end_nats - myeloma.start_nats, abs=1e-9)
    left_out = sum(c.given_rest_nats for c in myeloma.contributions)  # mutants: neither weight adds up
    alone = sum(c.alone_nats for c in myeloma.contributions)
    for spoilt in (left_out, alone):
        assert spoilt != pytest.approx(myeloma.end_nats - myeloma.start_nats, abs=0.1)


@settings(max_examples=8, deadline=None)
@given(st.sets(st.integers(0, 42), min_size=1, max_size=7), st.sampled_from(["clone", "scleromyxedema", "dish"]))
def test_contributions_of_any_findings_add_up(chosen: set[int], name: str) -> None:
    q = asked("seed")
    used = [u for u in q.understood.used if u.finding not in q.understood.context]
    kept = [u for i, u in enumerate(used) if i in chosen]
    patient = [u for u in q.understood.used if u.finding in q.understood.context]
    few = replace(q.understood, used=(*patient, *kept), complaint=None)
    disease = entry(q, "mgus" if name == "clone" else name)
    answer = explain(q.network, q.model, few, disease)
    moved = answer.end_nats - answer.start_nats
    assert sum(c.shapley_nats for c in answer.contributions) == pytest.approx(moved, abs=1e-9)
    assert {f for c in answer.contributions for f in c.findings} == {u.finding for u in kept}
    if len(answer.contributions) == 1:
        only = answer.contributions[0]
        assert only.alone_nats == pytest.approx(moved, abs=1e-9)
        assert only.given_rest_nats == pytest.approx(moved, abs=1e-9)


def test_few_findings_are_shared_out_exactly() -> None:
    q = asked(None, "skin-induration", "doughnut-sign", "no-raynaud", "paraprotein")
    answer = explain(q.network, q.model, q.understood, entry(q, "scleromyxedema"))
    assert all(c.shapley_error_nats is None for c in answer.contributions)
    assert sum(c.shapley_nats for c in answer.contributions) == pytest.approx(answer.end_nats - answer.start_nats)


def test_all_weights_are_those_of_the_whole_model(myeloma: Explanation) -> None:
    """Every chain entered alone and withdrawn, on the whole tree and not on that of the case."""
    q = asked("seed")
    said, patient = q.understood.evidence, q.understood.patient
    columns = [patient, said]
    for c in myeloma.contributions:
        columns.append({**patient, **{f: said[f] for f in c.findings}})
        columns.append({f: s for f, s in said.items() if f not in c.findings})
    odds = log_odds(q.model, [q.model.likelihood(e) for e in columns], myeloma.entry)
    assert myeloma.start_nats == pytest.approx(odds[0], abs=1e-9)
    assert myeloma.end_nats == pytest.approx(odds[1], abs=1e-9)
    for k, c in enumerate(myeloma.contributions):
        assert c.alone_nats == pytest.approx(odds[2 + 2 * k] - odds[0], abs=1e-9), c.finding
        assert c.given_rest_nats == pytest.approx(odds[1] - odds[3 + 2 * k], abs=1e-9), c.finding
        assert c.probability_given_rest == pytest.approx(
            math.exp(q.model.log_evidence(said) - q.model.log_evidence(columns[3 + 2 * k])), rel=1e-9
        )
    chain = myeloma.of("paraprotein")  # a mutant: alone and given the rest mixed up
    assert chain.alone_nats != pytest.approx(chain.given_rest_nats, abs=0.5)


def test_what_does_not_speak_of_the_disease_bears_on_it_by_way_of_another(myeloma: Explanation) -> None:
    """Where it is settled whether the other disease is there, most of what the chain weighs on its own is gone."""
    q = asked("seed")
    known = q.network.lexicon.entries
    assert [e.id for e in myeloma.of("doughnut_sign").through] == ["scleromyxedema"]
    assert [e.id for e in myeloma.of("raynaud").through] == ["systemic_sclerosis"]
    assert myeloma.of("paraprotein").through == ()
    ways = (("doughnut_sign", "scleromyxedema", True), ("raynaud", "systemic_sclerosis", False))
    for finding, way, there in ways:
        patient = q.model.likelihood(q.understood.patient) * held(q.model, known[way], present=there)
        own = q.model.likelihood({finding: q.understood.evidence[finding]})
        odds = log_odds(q.model, [patient, patient * own], myeloma.entry)
        assert abs(odds[1] - odds[0]) < abs(myeloma.of(finding).alone_nats) / 2


def test_an_effect_of_the_disease_does_not_explain_it_away() -> None:
    """MGUS comes with scleromyxedema: it is no other account of the paraprotein."""
    q = asked("seed")
    answer = explain(q.network, q.model, q.understood, entry(q, "scleromyxedema"))
    assert all(c.explained_by is None or c.explained_by.by.id != "mgus" for c in answer.contributions)


def test_what_is_not_asked_yet_stands_in_the_order_of_what_it_tells(myeloma: Explanation) -> None:
    q = asked("seed")
    assert myeloma.not_asked[0] == "bone_lesions"
    aim = Aim((entry(q, "multiple_myeloma"),))
    bits = {t.finding: t.information_bits for t in next_tests(q.network, q.model, q.understood, aim).tests}
    told = [bits[f] for f in myeloma.not_asked if f in bits]
    assert told == sorted(told, reverse=True)


def test_it_ends_where_diagnose_ends(myeloma: Explanation) -> None:
    q = asked("seed")
    found = diagnose(q.network, q.model, q.understood).of("multiple_myeloma")
    assert myeloma.posterior == pytest.approx(found.posterior, rel=1e-9)
    assert myeloma.prior == pytest.approx(found.prior, rel=1e-9)


def test_an_answer_prints_itself(myeloma: Explanation) -> None:
    assert "Multiple myeloma" in str(myeloma)
    assert "<svg" in myeloma._repr_html_()
    assert json.loads(myeloma.to_json())["disease"] == "multiple_myeloma"


@pytest.fixture(scope="module")
def mgus() -> Explanation:
    q = asked("seed")
    return explain(q.network, q.model, q.understood, entry(q, "mgus"))


def test_what_brings_the_disease_does_not_explain_its_findings_away(mgus: Explanation) -> None:
    """Scleromyxedema acts on the paraprotein through the clone alone: it implies MGUS and does not replace it."""
    chain = mgus.of("paraprotein")
    assert chain.explained_by is None
    assert chain.brought_by is not None
    assert chain.brought_by.by.id == "scleromyxedema"
    q = asked("seed")
    rest = {f: s for f, s in q.understood.evidence.items() if f not in chain.findings}
    likely = q.model.posteriors(rest)["clone"]["mgus"]
    unlikely = q.model.posteriors({**rest, "scleromyxedema": "absent"})["clone"]["mgus"]
    assert likely > 0.5 > unlikely  # implied by it, without the chain; a mutant: an account of the chain
    assert chain.brought_by.without_nats > chain.given_rest_nats


def test_no_disease_above_the_one_asked_about_is_its_rival(mgus: Explanation, myeloma: Explanation) -> None:
    for c in mgus.contributions:
        assert c.explained_by is None or c.explained_by.by.id != "scleromyxedema"
    assert all(c.brought_by is None for c in myeloma.contributions)  # which nothing makes likely


def test_what_is_not_likely_without_a_finding_is_implied_by_nobody() -> None:
    q = asked("no-clone")
    answer = explain(q.network, q.model, q.understood, entry(q, "smouldering_myeloma"))
    assert answer.of("paraprotein").brought_by is None


def test_the_weights_lead_from_the_start_that_is_told_to_the_end(myeloma: Explanation) -> None:
    """Before the complaint, which is one of the findings that are weighed; `prior` is that after it."""
    q = asked("seed")
    start = sum(q.model.posteriors(q.understood.patient)["clone"][s] for s in myeloma.entry.states)
    assert myeloma.span.start == pytest.approx(start, rel=1e-9)
    assert myeloma.span.end == pytest.approx(myeloma.posterior, rel=1e-9)
    assert myeloma.start_nats is not None
    shares = math.fsum(c.shapley_nats or 0.0 for c in myeloma.contributions)
    assert 1 / (1 + math.exp(-myeloma.start_nats - shares)) == pytest.approx(myeloma.posterior, rel=1e-9)
    from_prior = math.log(myeloma.prior / (1 - myeloma.prior)) + shares  # a mutant: the weights after the complaint
    assert 1 / (1 + math.exp(-from_prior)) != pytest.approx(myeloma.posterior, rel=0.5)


QUOTED = [
    ("scleromyxedema", "biopsy_pattern", "Skin biopsy pattern: classic triad in 75% with Scleromyxedema"),
    ("mgus", "iga_level", "Low IgA, reduced in 25% with MGUS"),
    ("multiple_myeloma", "iga_level", "Low IgA, reduced in 45% with Multiple myeloma"),
    ("multiple_myeloma", "bm_plasma_cells", "Bone-marrow clonal plasma cells <10 % in 4.0% with Multiple myeloma"),
    ("multiple_myeloma", "anemia", "Anaemia (CRAB) in 73% with Multiple myeloma"),
    ("systemic_sclerosis", "raynaud", "Raynaud phenomenon in 1581 of 1625 with Systemic sclerosis, diffuse cutaneous"),
    ("scleromyxedema", "paraprotein", "Monoclonal gammopathy in 68 of 75 with Scleromyxedema"),
    (
        "nonradiographic_axspa",
        "sacroiliitis_grade_left",
        "Sacroiliac joints, definite or fused in <0.1% when Axial spondyloarthritis, nonradiographic",
    ),
]


@pytest.mark.parametrize(("disease", "finding", "told"), QUOTED, ids=lambda a: str(a)[:24])
def test_the_number_quoted_is_of_what_was_observed(disease: str, finding: str, told: str) -> None:
    q = asked("seed")
    answer = explain(q.network, q.model, q.understood, entry(q, disease))
    quoted = answer.of(finding).quoted
    assert quoted is not None
    assert number_said(q.network, quoted).startswith(told)


def test_what_a_row_leaves_to_the_observed_state_adds_up_with_the_rest() -> None:
    """34 of 44 specimens; the file gives the share of the two other patterns."""
    q = asked("seed")
    quoted = explain(q.network, q.model, q.understood, entry(q, "scleromyxedema")).of("biopsy_pattern").quoted
    assert quoted is not None
    assert quoted.states == ("classic_triad",)
    assert quoted.share == pytest.approx(1 - 0.02 - 10.5 / 45, abs=1e-12)
    assert quoted.share != pytest.approx(10.5 / 45, abs=0.1)  # a mutant: the number of another state
    assert quoted.grade == "judgement"  # of the least founded number that it rests on


def test_a_finding_that_acts_through_one_stage_quotes_that_stage() -> None:
    q = asked("seed")
    pair = (entry(q, "scleromyxedema"), entry(q, "systemic_sclerosis"))
    rows = compare(q.network, q.model, q.understood, pair).asked
    pain = next(a for a in rows if "chronic_back_pain" in a.findings).quoted[0]
    assert pain is not None
    assert number_said(q.network, pain).startswith("Multiple myeloma in 3.0% with Scleromyxedema")


def test_no_probability_is_told_of_an_uncertain_finding() -> None:
    """A likelihood has no scale: nine to one is nine to one, however it is written."""
    q = asked(None, "skin-induration", "paraprotein", "no-raynaud")
    answers = []
    for scale in (1000.0, 0.01):
        weights = {"absent": 0.9 * scale, "present": 0.1 * scale}
        used = tuple(replace(u, said=weights) if u.finding == "raynaud" else u for u in q.understood.used)
        answers.append(explain(q.network, q.model, replace(q.understood, used=used), entry(q, "mgus")))
    for one, other in zip(answers[0].contributions, answers[1].contributions, strict=True):
        assert one.findings == other.findings
        assert one.alone_nats == pytest.approx(other.alone_nats, abs=1e-9)
        assert one.given_rest_nats == pytest.approx(other.given_rest_nats, abs=1e-9)
        if one.finding == "raynaud":
            assert one.probability_given_rest is other.probability_given_rest is None
        else:
            assert one.probability_given_rest == pytest.approx(other.probability_given_rest, rel=1e-9)
            assert one.probability_given_rest is not None


def test_every_option_that_changes_the_answer_is_in_its_hash(myeloma: Explanation) -> None:
    q = asked("seed")
    other = explain(q.network, q.model, q.understood, entry(q, "scleromyxedema"))
    hashes = [
        myeloma.result_sha256,
        replace(myeloma, seed=1).result_sha256,
        replace(myeloma, state="mm").result_sha256,
        myeloma.sha256_beside(other),
        other.result_sha256,
    ]
    assert len(set(hashes)) == len(hashes)
    assert myeloma.result_sha256 == replace(myeloma).result_sha256
