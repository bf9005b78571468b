"""Samples know how far off they are: standard errors cover, effective samples are counted, too few are not answered."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest

import ddx
from ddx.engine.belief import Belief, Layout
from ddx.engine.likelihood import Evidence, likelihood_of
from ddx.engine.model import compile_network
from ddx.engine.sampling import CHUNK, Sampling, sampled
from ddx.errors import TooLarge
from ddx.exchange.pgmpy_models import bundled
from ddx.knowledge.bayesnet import BayesNet, LocalModel, NoisyMax, Table, Term

Floats = npt.NDArray[np.float64]
RUNS = 40
SAMPLES = 16_000


def drawn(net: BayesNet, evidence: Evidence, seed: int, samples: int = SAMPLES) -> Belief:
    layout = Layout.of(net.states, {})
    return sampled(net, layout, likelihood_of(layout, evidence), Sampling(most=samples, enough=1e9, seed=seed))


def noisy() -> BayesNet:
    """Three causes, one of three states, over two graded findings."""
    rng = np.random.default_rng(7)
    states = {
        "a": ("no", "yes"),
        "b": ("no", "yes"),
        "c": ("none", "some", "much"),
        "f": ("0", "1", "2"),
        "g": ("0", "1"),
    }
    models: dict[str, LocalModel] = {
        "a": Table((), np.array([0.9, 0.1])),
        "b": Table(("a",), np.array([[0.8, 0.2], [0.4, 0.6]])),
        "c": Table((), np.array([0.85, 0.1, 0.05])),
    }
    for finding in ("f", "g"):
        width = len(states[finding])
        terms = [Term((), np.array([0.95, *[0.05 / (width - 1)] * (width - 1)]))]
        for cause in ("a", "b", "c"):
            rows = rng.dirichlet([1.0] * width, len(states[cause]))
            rows[0] = np.eye(width)[0]
            terms.append(Term((cause,), rows))
        models[finding] = NoisyMax(tuple(terms))
    return BayesNet.build("noisy", states, models)


def problems() -> list[tuple[str, BayesNet, dict[str, str | Mapping[str, float]]]]:
    asia, alarm = (ddx.load(bundled(name)).bayesnet() for name in ("asia", "alarm"))
    return [
        ("no findings", asia, {}),
        ("a rare one", asia, {"asia": "yes", "xray": "yes"}),
        ("graded", noisy(), {"f": "2", "g": {"0": 0.2, "1": 0.9}}),
        ("many", alarm, {"HRBP": "HIGH", "CVP": "LOW", "PRESS": "HIGH"}),
    ]


def errors_of(belief: Belief, truth: Belief, evidence: Evidence) -> tuple[Floats, Floats]:
    """Differences and standard errors of every posterior of what was not observed."""
    assert belief.standard_errors is not None
    free = [n for n in truth if not isinstance(evidence.get(n), str)]
    offs = [belief[n][s] - p for n in free for s, p in truth[n].items()]
    return np.array(offs), np.array([error for n in free for error in belief.standard_errors[n].values()])


@pytest.mark.parametrize("what, net, evidence", problems(), ids=lambda x: x if isinstance(x, str) else "")
def test_standard_errors_cover(what: str, net: BayesNet, evidence: Evidence) -> None:
    truth = compile_network(net).posteriors(evidence)
    offs, errors = zip(*(errors_of(drawn(net, evidence, seed), truth, evidence) for seed in range(RUNS)), strict=True)
    z = np.concatenate(offs) / np.concatenate(errors)
    assert (np.abs(z) < 1.96).mean() > 0.92
    assert (np.abs(z) < 3).mean() > 0.985
    assert np.abs(z).max() < 5.5
    assert 0.75 < math.sqrt((z**2).mean()) < 1.15  # nor are they wider than they have to be
    halved = np.concatenate(offs) / (np.concatenate(errors) / 2)
    assert (np.abs(halved) < 1.96).mean() < 0.8  # half the error would be noticed


@pytest.mark.parametrize("what, net, evidence", problems(), ids=lambda x: x if isinstance(x, str) else "")
def test_the_probability_of_the_evidence_is_within_its_error(what: str, net: BayesNet, evidence: Evidence) -> None:
    truth = compile_network(net).log_evidence(evidence)
    z = []
    for seed in range(RUNS):
        belief = drawn(net, evidence, seed)
        assert belief.effective_samples is not None
        relative = math.sqrt(max(0.0, 1 / belief.effective_samples - 1 / SAMPLES))
        z.append((math.exp(belief.log_evidence - truth) - 1) / max(relative, 1e-12))
    assert np.abs(z).max() < 4.5


def test_without_findings_every_sample_counts() -> None:
    belief = drawn(noisy(), {}, 1)
    assert belief.effective_samples == pytest.approx(SAMPLES)
    assert not belief.exact
    assert belief.log_evidence == pytest.approx(0.0, abs=1e-12)


def test_findings_below_the_causes_cost_samples() -> None:
    belief = drawn(noisy(), {"f": "2"}, 1)
    assert belief.effective_samples is not None and 1000 < belief.effective_samples < SAMPLES / 2


def test_one_seed_one_answer() -> None:
    net = noisy()
    assert drawn(net, {"f": "1"}, 5) == drawn(net, {"f": "1"}, 5)
    assert drawn(net, {"f": "1"}, 5) != drawn(net, {"f": "1"}, 6)


def star(prior: float, rate: float, findings: int) -> BayesNet:
    models: dict[str, LocalModel] = {"d": Table((), np.array([1 - prior, prior]))}
    row = np.array([[0.999, 0.001], [1 - rate, rate]])
    models.update({f"f{i}": Table(("d",), row) for i in range(findings)})
    return BayesNet.build("star", dict.fromkeys(models, ("no", "yes")), models)


def test_a_state_that_no_sample_met_is_not_impossible() -> None:
    net = star(1e-6, 0.5, 2)
    belief = drawn(net, {}, 0)
    assert belief["d"]["yes"] == 0.0
    assert belief.standard_errors is not None
    assert 1e-6 < 4 * belief.standard_errors["d"]["yes"] < 1e-3


def test_what_is_observed_has_no_error() -> None:
    belief = drawn(noisy(), {"a": "yes", "f": "2"}, 0)
    assert belief.standard_errors is not None
    assert belief["a"] == {"no": 0.0, "yes": 1.0} and belief.standard_errors["a"] == {"no": 0.0, "yes": 0.0}


def test_too_few_effective_samples_are_no_answer() -> None:
    """All findings of a rare disease: no sample has it, all weigh the same, and every one of them is wrong."""
    net = star(1e-4, 0.9, 8)
    with pytest.raises(TooLarge, match="do not tell enough"):
        drawn(net, {f"f{i}": "yes" for i in range(8)}, 0)


def test_drawing_stops_when_enough_are_effective() -> None:
    layout = Layout.of(noisy().states, {})
    lane = likelihood_of(layout, {})
    belief = sampled(noisy(), layout, lane, Sampling(most=10 * CHUNK, enough=CHUNK - 1.0, seed=0))
    assert belief.effective_samples == pytest.approx(CHUNK)
