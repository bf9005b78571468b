"""sensitivity in a network of another tool: functions and flips are those of networks with another table."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from ddx.cli import main
from ddx.cli.asking import Asked
from ddx.cli.asking import asked as ask
from ddx.errors import SpecError
from ddx.knowledge.bayesnet import Table
from ddx.reasoning.credible import credible
from ddx.reasoning.differential import listed
from ddx.reasoning.numbers import Parameter, expit, logit
from ddx.reasoning.sensitivity import Sensitivity, sensitivity
from reasoning_cases import entry

CASES = [("asia", "lung", ("smoke=yes", "dysp=yes")), ("alarm", "HYPOVOLEMIA", ("CVP=HIGH",))]


@cache
def case(network: str, findings: tuple[str, ...]) -> Asked:
    return ask(findings, None, network, None)


@cache
def answered(network: str, disease: str, findings: tuple[str, ...]) -> Sensitivity:
    q = case(network, findings)
    return sensitivity(q.network, q.model, q.understood, entry(q, disease))


def edited(q: Asked, p: Parameter, t: float, *, proportional: bool = True) -> dict[str, float]:
    """P(every disease | evidence) with another entry in the file, the others of its row in proportion."""
    net = q.model.network
    table = net.models[p.node]
    assert isinstance(table, Table)
    when = [str(step).split("=", 1) for step in p.place[2:-1]]
    place = tuple(net.states[parent].index(state) for parent, state in when)
    at = net.states[p.node].index(p.state)
    row = table.values[place].copy()
    assert row[at] == p.value
    if proportional:
        row *= (1 - t) / (1 - p.value)
    row[at] = t
    values = table.values.copy()
    values[place] = row / row.sum()
    belief = q.model.with_tables({p.node: values}).posteriors(q.understood.evidence)
    return {e.id: sum(belief[e.node][s] for s in e.states) for e in listed(q.network, q.model)}


@pytest.mark.parametrize(("network", "disease", "findings"), CASES)
def test_slopes_and_ranges_are_those_of_networks_with_other_tables(
    network: str, disease: str, findings: tuple[str, ...]
) -> None:
    q, answer = case(network, findings), answered(network, disease, findings)
    assert answer.numbers == len(answer.influences) > 9
    for i in answer.influences[::4]:
        p, step = i.parameter, 1e-5 * min(i.parameter.value, 1 - i.parameter.value)
        low, high = (edited(q, p, p.value + s)[disease] for s in (-step, step))
        assert i.slope == pytest.approx((high - low) / (2 * step), rel=1e-4, abs=1e-6), p.where
        for end in (i.low, i.high):
            assert end.posterior == pytest.approx(edited(q, p, end.value)[disease], abs=1e-9), p.where
            assert abs(logit(end.value) - logit(p.value)) == pytest.approx(np.log(2), abs=1e-9)
        assert i.is_line
        assert i.posterior(0.3) == pytest.approx(edited(q, p, 0.3)[disease], abs=1e-9)


def test_the_others_of_a_row_keep_their_proportions() -> None:
    """The mutant: an entry is raised, and the row is made to sum to 1 again."""
    network, disease, findings = CASES[1]
    q, answer = case(network, findings), answered(network, disease, findings)
    i = next(i for i in answer.influences if len(q.model.states[i.parameter.node]) > 2)
    assert i.high.posterior == pytest.approx(edited(q, i.parameter, i.high.value)[disease], abs=1e-9)
    other = edited(q, i.parameter, i.high.value, proportional=False)[disease]
    assert i.high.posterior != pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize(("network", "disease", "findings"), CASES)
def test_flips_flip_and_nothing_smaller_does(network: str, disease: str, findings: tuple[str, ...]) -> None:
    q, answer = case(network, findings), answered(network, disease, findings)

    def outcome(p: Parameter, t: float) -> tuple[bool, str]:
        found = edited(q, p, t)
        return found[disease] >= 0.5, max(found, key=found.__getitem__)

    now = outcome(answer.influences[0].parameter, answer.influences[0].parameter.value)
    assert len(answer.number_flips) == 2
    for which, flip in enumerate(answer.number_flips):
        p, further = flip.parameter, 1e-3 * np.sign(flip.value - flip.parameter.value)
        before, after = (outcome(p, expit(logit(flip.value) + side * further))[which] for side in (-1, 1))
        assert before == now[which] != after, flip
        for q_ in (i.parameter for i in answer.influences[:40]):  # in no row does any entry move further than this
            for shift in (-0.98, 0.98):
                smaller = expit(logit(q_.value) + shift * flip.size_logits)
                if len(q.model.states[q_.node]) == 2:
                    assert outcome(q_, smaller)[which] == now[which], (flip, q_.where)


def test_findings_can_be_withdrawn() -> None:
    network, disease, findings = CASES[1]
    answer, q = answered(network, disease, findings), case(network, findings)
    (flip,) = answer.finding_flips
    assert (flip.finding, flip.state) == ("CVP", None)
    assert flip.posterior == pytest.approx(q.model.posteriors({})[disease]["TRUE"], abs=1e-12)


def test_entries_that_do_not_bear_on_the_case_are_not_varied() -> None:
    """Those of the findings that were not asked for; not those of other diseases, of which one may come first."""
    answer, q = answered(*CASES[1]), case(CASES[1][0], CASES[1][2])
    nodes = {i.parameter.node for i in answer.influences}
    assert nodes == {"CVP", "LVEDVOLUME", *(e.node for e in listed(q.network, q.model))}


@pytest.mark.parametrize("network", ["asia", "four-diseases"])
def test_intervals_need_numbers_with_a_basis(network: str) -> None:
    q = ask((), None, network, None)
    with pytest.raises(SpecError) as refused:
        credible(q.network, q.model, q.understood, count=16)
    assert ("ddx convert" if network == "asia" else "-n scleroderma-mimics") in str(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        ["diagnose", "--intervals", "smoke=yes", "-n", "asia"],
        ["credible", "smoke=yes", "-n", "asia"],
        ["sensitivity", "scleromyxedema", "-n", "four-diseases"],
    ],
    ids=" ".join,
)
def test_a_refusal_says_what_to_do(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line) == 3
    told = capsys.readouterr().err
    assert "no setting" not in told
    assert "`ddx convert`" in told or "-n scleroderma-mimics" in told


@pytest.mark.parametrize("network", ["child", "hepar2", "pathfinder"])
def test_the_shelf_can_be_asked(network: str, capsys: pytest.CaptureFixture[str]) -> None:
    q = ask((), None, network, None)
    assert main(["sensitivity", listed(q.network, q.model)[0].id, "-n", network]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "entries of tables varied" in page
    assert "halves and doubles its odds" in page
