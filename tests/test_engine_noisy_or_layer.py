"""The subset programme against exact rationals, with diseases as rare as they are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from ddx.engine import noisy_or_layer
from ddx.engine.noisy_or_layer import Layer
from ddx.errors import SpecError, TooLarge

Links = list[list[tuple[int, float]]]


def random_layer(diseases: int, findings: int, links: int, seed: int) -> tuple[list[float], list[float], Links]:
    rng = np.random.default_rng(seed)
    priors = (10.0 ** -rng.uniform(1, 9, diseases)).tolist()
    leaks = (10.0 ** -rng.uniform(1, 5, findings)).tolist()
    own = [
        [(int(f), float(rng.uniform(0.05, 0.95))) for f in rng.choice(findings, min(links, findings), replace=False)]
        for _ in range(diseases)
    ]
    return priors, leaks, own


def exact(
    priors: Sequence[float], leaks: Sequence[float], links: Links, present: Sequence[int], absent: Sequence[int]
) -> tuple[list[Fraction], Fraction]:
    """P(disease, findings) for every disease and P(findings), by adding up all sets of diseases in fractions."""
    joint, total = [Fraction(0)] * len(priors), Fraction(0)
    for world in itertools.product((0, 1), repeat=len(priors)):
        mass = Fraction(1)
        for p, on in zip(priors, world, strict=True):
            mass *= Fraction(p) if on else 1 - Fraction(p)
        spared = [1 - Fraction(leak) for leak in leaks]
        for own, on in zip(links, world, strict=True):
            for f, w in own if on else ():
                spared[f] *= 1 - Fraction(w)
        for f in present:
            mass *= 1 - spared[f]
        for f in absent:
            mass *= spared[f]
        total += mass
        joint = [j + mass * on for j, on in zip(joint, world, strict=True)]
    return joint, total


@pytest.mark.parametrize("seed", range(4))
def test_rare_diseases_keep_twelve_digits(seed: int) -> None:
    priors, leaks, links = random_layer(8, 7, 4, seed)
    present, absent = [0, 2, 3, 5], [1, 6]
    joint, total = exact(priors, leaks, links, present, absent)
    answer = noisy_or_layer.posteriors(Layer.of(priors, leaks, links), present, absent)
    for found, truth in zip(answer.posteriors.tolist(), joint, strict=True):
        assert abs(Fraction(found) * total / truth - 1) < Fraction(1, 10**12)
    assert answer.log_evidence == pytest.approx(math.log(total), abs=1e-12)


def test_fourteen_present_findings_keep_twelve_digits() -> None:
    priors, leaks, links = random_layer(10, 16, 7, 11)
    present, absent = list(range(14)), [14, 15]
    joint, total = exact(priors, leaks, links, present, absent)
    answer = noisy_or_layer.posteriors(Layer.of(priors, leaks, links), present, absent)
    for found, truth in zip(answer.posteriors.tolist(), joint, strict=True):
        assert abs(Fraction(found) * total / truth - 1) < Fraction(1, 10**12)
    assert answer.log_evidence == pytest.approx(math.log(total), rel=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_leave_one_out_and_next_keep_twelve_digits(seed: int) -> None:
    priors, leaks, links = random_layer(7, 8, 4, seed)
    layer = Layer.of(priors, leaks, links)
    present, absent, others = [0, 2, 5], [1, 6], [3, 4, 7]
    _, total = exact(priors, leaks, links, present, absent)

    def close(found: float, truth: Fraction) -> bool:
        return abs(Fraction(found) / truth - 1) < Fraction(1, 10**12)

    for left_out, answer in noisy_or_layer.leave_one_out(layer, present, absent).items():
        fewer = [f for f in present if f != left_out], [f for f in absent if f != left_out]
        joint, mass = exact(priors, leaks, links, *fewer)
        assert all(close(p, t / mass) for p, t in zip(answer.posteriors.tolist(), joint, strict=True))
    off = noisy_or_layer.absence(layer, present, absent, np.array(others))
    off_with = noisy_or_layer.absence_with(layer, present, absent, np.array(others), [1, 3])
    now = noisy_or_layer.posteriors(layer, present, absent).posteriors
    for k, (f, (p, with_it, without)) in enumerate(
        noisy_or_layer.next_findings(layer, present, absent, others).items()
    ):
        joint_on, mass_on = exact(priors, leaks, links, [*present, f], absent)
        joint_off, mass_off = exact(priors, leaks, links, present, [*absent, f])
        assert close(p, mass_on / total) and close(float(off[k]), mass_off / total)
        assert all(close(q, t / mass_on) for q, t in zip(with_it.tolist(), joint_on, strict=True))
        assert all(close(q, t / mass_off) for q, t in zip(without.tolist(), joint_off, strict=True))
        for row, d in enumerate((1, 3)):
            assert off_with[row, k] * now[d] / off[k] == pytest.approx(without[d], rel=1e-11)


def test_a_spared_link_that_is_forgotten_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Layer.of(*random_layer(7, 8, 4, 0))
    honest = noisy_or_layer.absence(layer, [0, 2], [1], np.array([3, 4]))
    monkeypatch.setattr(noisy_or_layer, "_spared", lambda layer, block: np.ones((len(layer.priors), len(block))))
    assert np.abs(noisy_or_layer.absence(layer, [0, 2], [1], np.array([3, 4])) - honest).max() > 1e-6


def test_a_wrong_link_would_be_noticed() -> None:
    priors, leaks, links = random_layer(5, 4, 3, 1)
    joint, total = exact(priors, leaks, links, [0, 1], [2])
    links[0] = [(f, w * 0.99) for f, w in links[0]]
    answer = noisy_or_layer.posteriors(Layer.of(priors, leaks, links), [0, 1], [2])
    ratios = [Fraction(p) * total / t for p, t in zip(answer.posteriors.tolist(), joint, strict=True)]
    assert any(abs(ratio - 1) > Fraction(1, 10**6) for ratio in ratios)


def test_blocks_of_the_forward_pass_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Layer.of(*random_layer(60, 30, 6, 5))
    whole = noisy_or_layer.posteriors(layer, range(8), range(20, 25))
    monkeypatch.setattr(noisy_or_layer, "CHECKPOINT_BYTES", 7 * 8 * 256)
    monkeypatch.setattr(noisy_or_layer, "COMPILED_BYTES", 0)
    parts = noisy_or_layer.posteriors(layer, range(8), range(20, 25))
    np.testing.assert_allclose(parts.posteriors, whole.posteriors, rtol=1e-13)


def test_leave_one_out_and_next_are_what_asking_again_gives() -> None:
    layer = Layer.of(*random_layer(12, 9, 4, 7))
    fewer = noisy_or_layer.leave_one_out(layer, [0, 1, 2], [3])
    np.testing.assert_array_equal(fewer[1].posteriors, noisy_or_layer.posteriors(layer, [0, 2], [3]).posteriors)
    np.testing.assert_array_equal(fewer[3].posteriors, noisy_or_layer.posteriors(layer, [0, 1, 2]).posteriors)
    now = noisy_or_layer.posteriors(layer, [0, 1], [3]).posteriors
    for p, with_it, without in noisy_or_layer.next_findings(layer, [0, 1], [3], [4, 5]).values():
        np.testing.assert_allclose(p * with_it + (1 - p) * without, now, atol=1e-12)


def test_impossible_and_bad_layers() -> None:
    certain = Layer.of([0.5], [0.0, 0.0], [[(0, 0.5)]])
    assert noisy_or_layer.posteriors(certain, [1]).log_evidence == -math.inf
    assert noisy_or_layer.posteriors(certain, [0], [0]).log_evidence == -math.inf
    with pytest.raises(SpecError):
        Layer.of([0.5], [0.1], [[(0, 1.5)]])
    with pytest.raises(SpecError):
        Layer.of([0.5], [0.1], [[(3, 0.5)]])
    with pytest.raises(TooLarge):
        noisy_or_layer.posteriors(Layer.of([0.5], [0.1] * 30, [[(0, 0.5)]]), range(25))
