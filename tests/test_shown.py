"""Answers print themselves, serialise, and draw themselves in a notebook."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from xml.etree import ElementTree

import pytest

from ddx.reasoning.combinations import combinations
from ddx.reasoning.compare import compare
from ddx.reasoning.conflict import conflict
from ddx.reasoning.coverage import coverage
from ddx.reasoning.differential import diagnose
from ddx.reasoning.explain import explain
from ddx.reasoning.next_test import Aim, next_tests
from ddx.reasoning.replay import replay
from ddx.reasoning.shown import BLUE, LABEL_PIXELS, ORANGE, Bar, Shown, picture
from reasoning_cases import asked, entry

NAMES = ("combinations", "compare", "conflict", "coverage", "diagnose", "explain", "next", "replay")


def answer(name: str) -> Shown:
    q = asked(None, "skin-induration", "doughnut-sign", "no-raynaud")
    about = (q.network, q.model, q.understood)
    one, other = entry(q, "scleromyxedema"), entry(q, "systemic_sclerosis")
    return {
        "combinations": lambda: combinations(*about),
        "compare": lambda: compare(*about, (one, other)),
        "conflict": lambda: conflict(*about),
        "coverage": lambda: coverage(*about[:2], diagnose(*about)),
        "diagnose": lambda: diagnose(*about),
        "explain": lambda: explain(*about, one),
        "next": lambda: next_tests(*about, Aim(plan=2)),
        "replay": lambda: replay(*about, guess=["scleredema"]),
    }[name]()


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_frozen_prints_itself_and_serialises(name: str) -> None:
    made = answer(name)
    for field in ("basis", made.__slots__[0]):
        with pytest.raises(FrozenInstanceError):
            setattr(made, field, None)
    page = str(made)
    assert page.splitlines()[0] == made.headline
    assert len(page.splitlines()) >= 2 + len(made.bars)
    assert "100%" not in page
    assert json.loads(made.to_json()) == json.loads(json.dumps(made.body()))
    assert len(made.result_sha256) == 64


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_draws_itself_as_well_formed_markup(name: str) -> None:
    made = answer(name)
    whole = ElementTree.fromstring(made._repr_html_())
    svg = whole.find("{http://www.w3.org/2000/svg}svg")
    assert svg is not None
    bars = svg.findall("{http://www.w3.org/2000/svg}rect")
    assert len(bars) == sum(len(b.amounts) for b in made.bars)
    for drawn in bars:
        assert float(drawn.attrib["x"]) >= LABEL_PIXELS - 0.1
        assert float(drawn.attrib["x"]) + float(drawn.attrib["width"]) <= float(svg.attrib["width"])


def test_bars_point_both_ways_and_text_is_escaped() -> None:
    drawn = picture([Bar("<b>", 2.0, "+2", (-1.0, "-1"))], ["a", "b & c"], 'said "so"')
    svg = ElementTree.fromstring(drawn)
    right, left = svg.findall("{http://www.w3.org/2000/svg}rect")
    assert (right.attrib["fill"], left.attrib["fill"]) == (BLUE, ORANGE)
    assert float(right.attrib["width"]) == pytest.approx(2 * float(left.attrib["width"]))
    assert "<b>" not in drawn
    assert "b &amp; c" in drawn
    assert svg.attrib["aria-label"] == 'said "so"'
