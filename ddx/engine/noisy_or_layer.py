"""Thousands of diseases over thousands of yes / no findings: who is present, exactly?

A two-layer network: independent diseases, and findings that are noisy-ORs of them,

    P(finding absent | diseases) = (1 - leak) * product over the present diseases of (1 - link).

Absent findings fold into the odds of each disease. For the k present ones, V[T] is the probability that exactly the
findings T have been brought about by the causes so far; a disease takes V to a0 V + a1 (V with each of its links
switched on or not). One pass forwards and one back give every posterior. All terms are positive: nothing is
subtracted, so rare diseases keep their digits (unlike inclusion and exclusion: Heckerman 1989, Quickscore). Cost:
2^k times the links into present findings, whatever the treewidth; diseases without such a link cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ddx.engine.kernel import compiled, run_subsets
from ddx.errors import SpecError, TooLarge

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_PRESENT = 20  # findings; 2^20 numbers a disease
CHECKPOINT_BYTES = 1 << 26  # forward vectors kept at once
SPARED_BYTES = 1 << 21  # vectors of one block of findings
COMPILED_BYTES = 1 << 28  # forward vectors that the C kernel may keep


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Diseases and findings by number; the links of disease d are link_start[d] : link_start[d + 1]."""

    priors: Floats  # (diseases,)
    leaks: Floats  # (findings,) P(present | no disease)
    link_start: Ints  # (diseases + 1,)
    link_finding: Ints  # (links,)
    link_weight: Floats  # (links,) P(this disease alone brings it about), above the leak

    @classmethod
    def of(cls, priors: npt.ArrayLike, leaks: npt.ArrayLike, links: Sequence[Sequence[tuple[int, float]]]) -> Layer:
        """From the links of each disease as (finding, weight); SpecError where a number is no probability."""
        p, q = np.asarray(priors, dtype=np.float64), np.asarray(leaks, dtype=np.float64)
        start = np.concatenate([[0], np.cumsum([len(own) for own in links])]).astype(np.int64)
        finding = np.array([f for own in links for f, _ in own], dtype=np.int64)
        weight = np.array([w for own in links for _, w in own], dtype=np.float64)
        if len(links) != len(p) or (finding < 0).any() or (finding >= len(q)).any():
            raise SpecError("links that do not fit the diseases and findings", where="noisy-OR layer")
        if any(len({f for f, _ in own}) < len(own) for own in links):
            raise SpecError("a disease with two links to one finding", where="noisy-OR layer")
        for numbers in (p, q, weight):
            if not ((numbers >= 0) & (numbers <= 1)).all():
                raise SpecError("a number that is not a probability", where="noisy-OR layer")
        return cls(p, q, start, finding, weight)


@dataclass(frozen=True, slots=True, eq=False)
class LayerAnswer:
    """P(disease | findings) (diseases,), and log P(findings) in nats; zeros and -inf where they are impossible."""

    posteriors: Floats
    log_evidence: float


@dataclass(frozen=True, slots=True)
class _Linked:
    """A disease with links into the present findings."""

    disease: int
    absent: float  # weight of its absence, and of its presence with all absent findings staying absent; sum 1
    present: float
    bits: tuple[int, ...]  # which present findings
    weights: tuple[float, ...]


def posteriors(layer: Layer, present: Sequence[int], absent: Sequence[int] = ()) -> LayerAnswer:
    """P(every disease | these findings are present and those absent), exactly; TooLarge beyond MOST_PRESENT present."""
    if len(set(present)) > MOST_PRESENT:
        raise TooLarge(f"{len(set(present))} present findings, more than {MOST_PRESENT}", where="noisy-OR layer")
    shown, missing = sorted(set(present)), sorted(set(absent))
    if set(shown) & set(missing):
        return LayerAnswer(np.zeros(len(layer.priors)), -math.inf)
    off, on, log_scale = _folded(layer, missing)
    found = on.copy()  # diseases without a link into a present finding
    start = _leaks(layer, shown)
    linked = _linked(layer, shown, off, on)
    total = _forward_backward(start, linked, found)
    if not total > 0.0 or log_scale == -math.inf:
        return LayerAnswer(np.zeros(len(layer.priors)), -math.inf)
    return LayerAnswer(found, log_scale + math.log(total))


def leave_one_out(layer: Layer, present: Sequence[int], absent: Sequence[int]) -> dict[int, LayerAnswer]:
    """The answer without each finding in turn."""
    answers = {f: posteriors(layer, [g for g in present if g != f], absent) for f in present}
    return answers | {f: posteriors(layer, present, [g for g in absent if g != f]) for f in absent}


def next_findings(
    layer: Layer, present: Sequence[int], absent: Sequence[int], candidates: Sequence[int]
) -> dict[int, tuple[float, Floats, Floats]]:
    """For each candidate: P(it is present | findings), and P(disease | findings, it present), (..., it absent)."""
    now = posteriors(layer, present, absent).log_evidence
    answers = {}
    for f in candidates:
        with_it = posteriors(layer, [*present, f], absent)
        without = posteriors(layer, present, [*absent, f])
        answers[f] = (math.exp(with_it.log_evidence - now), with_it.posteriors, without.posteriors)
    return answers


def absence(layer: Layer, present: Sequence[int], absent: Sequence[int], others: Ints) -> Floats:
    """P(each of some other findings is absent | findings), (others,); 0 throughout where the findings are impossible.

    E[(1 - leak) * product over the present diseases of (1 - link)] is the same sum over subsets with every link into
    the other finding taken as spared. One run forwards for a block of findings.
    """
    shown, missing = sorted(set(present)), sorted(set(absent))
    off, on, _ = _folded(layer, missing)
    linked = _linked(layer, shown, off, on)
    start = _leaks(layer, shown)
    found = np.zeros(len(others))
    width = max(1, min(SPARED_BYTES // start.nbytes, SPARED_BYTES // max(1, len(layer.priors))))
    for first in range(0, len(others), width):
        block = others[first : first + width]
        spared = _spared(layer, block)
        alone = off[:, None] + on[:, None] * spared  # P(a disease spares it | absent findings)
        alone[[c.disease for c in linked]] = 1.0
        now = np.repeat(start[None, :], len(block) + 1, axis=0)  # the last row is the findings alone
        for cause in linked:
            weight = cause.present * np.append(spared[cause.disease], 1.0)
            now = cause.absent * now + weight[:, None] * _switched(now, cause)
        if now[-1, -1] > 0.0:
            found[first : first + width] = (1.0 - layer.leaks[block]) * alone.prod(axis=0) * now[:-1, -1] / now[-1, -1]
    return found


def absence_with(
    layer: Layer, present: Sequence[int], absent: Sequence[int], others: Ints, diseases: Sequence[int]
) -> Floats:
    """P(each other finding is absent | findings, this disease), (diseases, others): what a next test is worth to it.

    With P(disease | findings) and `absence`, Bayes' rule gives P(disease | findings, what the test showed).
    """
    found = np.zeros((len(diseases), len(others)))
    for row, d in enumerate(diseases):
        certain = layer.priors.copy()
        certain[d] = 1.0
        found[row] = absence(replace(layer, priors=certain), present, absent, others)
    return found


def _spared(layer: Layer, findings: Ints) -> Floats:
    """(diseases, findings) P(a present disease does not bring the finding about)."""
    place = np.full(len(layer.leaks), -1)
    place[findings] = np.arange(len(findings))
    own = np.flatnonzero(place[layer.link_finding] >= 0)
    disease = np.searchsorted(layer.link_start, own, side="right") - 1
    spared = np.ones((len(layer.priors), len(findings)))
    spared[disease, place[layer.link_finding[own]]] = 1.0 - layer.link_weight[own]
    return spared


def _folded(layer: Layer, absent: Sequence[int]) -> tuple[Floats, Floats, float]:
    """Weights of each disease's absence and presence given the absent findings, summing to 1; log of their sums."""
    stays = np.ones(len(layer.leaks))
    stays[list(absent)] = 0.0
    spared = np.where(stays[layer.link_finding] > 0, 1.0, 1.0 - layer.link_weight)
    kept = np.ones(len(layer.priors))
    busy = np.diff(layer.link_start) > 0
    if busy.any():
        kept[busy] = np.multiply.reduceat(spared, layer.link_start[:-1][busy])
    off, on = 1.0 - layer.priors, layer.priors * kept
    total = off + on
    with np.errstate(divide="ignore"):
        log_scale = float(np.log(total).sum() + np.log1p(-layer.leaks[list(absent)]).sum())
    safe = np.where(total > 0, total, 1.0)
    return off / safe, on / safe, log_scale


def _leaks(layer: Layer, present: Sequence[int]) -> Floats:
    """V before any disease: each present finding brought about by its leak, or not."""
    start = np.ones(1)
    for f in present:
        leak = layer.leaks[f]
        start = np.concatenate([start * (1.0 - leak), start * leak])
    return start


def _linked(layer: Layer, present: Sequence[int], off: Floats, on: Floats) -> list[_Linked]:
    bit = np.full(len(layer.leaks), -1)
    bit[list(present)] = np.arange(len(present))
    places = np.flatnonzero((bit[layer.link_finding] >= 0) & (layer.link_weight > 0))
    disease = np.searchsorted(layer.link_start, places, side="right") - 1
    groups: dict[int, list[int]] = {}
    for d, place in zip(disease.tolist(), places.tolist(), strict=True):
        groups.setdefault(d, []).append(place)
    bits = bit[layer.link_finding]
    return [
        _Linked(d, float(off[d]), float(on[d]), tuple(bits[own].tolist()), tuple(layer.link_weight[own].tolist()))
        for d, own in groups.items()
    ]


def _forward_backward(start: Floats, linked: Sequence[_Linked], found: Floats) -> float:
    """V[all present] at the end; `found` gets the posterior of every linked disease."""
    module = compiled()
    if module is not None and linked and start.nbytes * len(linked) <= COMPILED_BYTES:
        weights = np.array([c.absent for c in linked]), np.array([c.present for c in linked])
        flat = np.array([w for c in linked for w in c.weights])
        links = np.concatenate([[0], np.cumsum([len(c.bits) for c in linked])]).astype(np.int64)
        bits = np.array([b for c in linked for b in c.bits], dtype=np.int64)
        total, answers = run_subsets(module, start, (*weights, flat), (links, bits))
        found[[c.disease for c in linked]] = answers
        return total
    return _blockwise(start, linked, found)


def _blockwise(start: Floats, linked: Sequence[_Linked], found: Floats) -> float:
    """The same with numpy, keeping only the forward vectors of one block of causes at a time."""
    block = max(1, min(len(linked) or 1, CHECKPOINT_BYTES // start.nbytes))
    checkpoints, now = [], start
    for k, cause in enumerate(linked):
        if k % block == 0:
            checkpoints.append(now)
        now = cause.absent * now + cause.present * _switched(now, cause)
    total = float(now[-1])
    after = np.zeros_like(start)  # P(the causes still to come bring about the rest)
    after[-1] = 1.0
    for k in range(len(checkpoints) - 1, -1, -1):
        part = linked[k * block : (k + 1) * block]
        before = [checkpoints[k]]
        for cause in part[:-1]:
            before.append(cause.absent * before[-1] + cause.present * _switched(before[-1], cause))
        for cause, reached in zip(reversed(part), reversed(before), strict=True):
            with_it = _completed(after, cause)
            present, absent = cause.present * float(reached @ with_it), cause.absent * float(reached @ after)
            found[cause.disease] = present / (present + absent) if present + absent > 0 else 0.0
            after = cause.absent * after + cause.present * with_it
    return total


def _switched(now: Floats, cause: _Linked) -> Floats:
    """V after a present disease has switched each of its findings on, or not."""
    made: Floats = now.copy()
    for bit, weight in zip(cause.bits, cause.weights, strict=True):
        halves = made.reshape(-1, 2, 1 << bit)  # (higher findings, this one off / on, lower findings)
        halves[:, 1] += weight * halves[:, 0]
        halves[:, 0] *= 1.0 - weight
    return made


def _completed(after: Floats, cause: _Linked) -> Floats:
    """What is still to come, seen before a present disease switches its findings on: the transpose of `_switched`."""
    made: Floats = after.copy()
    for bit, weight in zip(cause.bits, cause.weights, strict=True):
        halves = made.reshape(-1, 2, 1 << bit)
        halves[:, 0] *= 1.0 - weight
        halves[:, 0] += weight * halves[:, 1]
    return made
