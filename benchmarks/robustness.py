"""Does the index case stand on the elicited numbers, and on which?

    python benchmarks/robustness.py [--draws 120] [--seed 1]      how often each promise survives
    python benchmarks/robustness.py --leans [CASE ...]            the elicited numbers a case leans on

Every number graded memory or judgement is moved at once: a probability p becomes logit^-1(logit p + sd z) with
z standard normal and sd 0.7 (a factor of 2 on the odds), a row of several such numbers is renormalised, and what is
measured in a row keeps its value. 0 and 1 stay. The roots of the setting are solved anew in every draw. A draw whose
setting cannot be met is counted and left out.

`--leans` moves one elicited number at a time by a factor of 2 on its odds, up and down, and names those that change
the log10 odds of the case's first diagnosis most. Only the numbers of the findings of the case are tried.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

import ddx
from ddx.engine import ground, population, priors
from ddx.engine.model import Model
from ddx.errors import SpecError
from ddx.evidence import read_case
from ddx.knowledge import catalog, spec
from ddx.knowledge.lexicon import of_network
from ddx.network import Network

T = TypeVar("T")
Shift = Callable[[], float]  # what is added to the next log odds

SD = 0.7
PROMISES = {
    "scleromyxedema > 0.9": lambda f: f["sm"] > 0.9,
    "ankylosing spondylitis > 0.9": lambda f: f["as"] > 0.9,
    "both > 0.85": lambda f: f["both"] > 0.85,
    "systemic sclerosis < 0.05": lambda f: f["ssc"] < 0.05,
    "multiple myeloma < 0.05": lambda f: f["mm"] < 0.05,
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--draws", type=int, default=120)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--leans", nargs="*", metavar="CASE")
    asked = words.parse_args()
    if asked.leans is None:
        survive(asked.draws, asked.seed)
    else:
        network = ddx.load("scleroderma-mimics")
        for name in asked.leans or sorted(catalog.cases()):
            lean(name, network)


def survive(draws: int, seed: int) -> None:
    """Print how often each promise of the index case holds, and where the posteriors lie."""
    rng = np.random.default_rng(seed)
    network = ddx.load("scleroderma-mimics")
    model, evidence = ddx.compile(network), evidence_of("seed", network)
    assert network.spec is not None
    found: list[dict[str, float]] = []
    unmet = 0
    while len(found) + unmet < draws:
        moved = perturbed(network.spec, lambda: SD * float(rng.standard_normal()))
        try:
            found.append(figures(regrounded(model, moved), evidence))
        except SpecError:
            unmet += 1
    print(f"{draws} draws, sd {SD} on the log odds of every elicited number, seed {seed}; setting not met in {unmet}")
    for words, holds in PROMISES.items():
        kept = sum(holds(f) for f in found)
        print(f"  {words:30} holds in {kept} of {len(found)} ({100 * kept / len(found):.0f} %)")
    every = sum(all(holds(f) for holds in PROMISES.values()) for f in found)
    print(f"  {'all five':30} hold in {every} of {len(found)} ({100 * every / len(found):.0f} %)")
    for name in found[0]:
        low, middle, high = np.quantile([f[name] for f in found], [0.05, 0.5, 0.95])
        print(f"  P({name}) 5 % {low:.4g}  median {middle:.4g}  95 % {high:.4g}")


def lean(name: str, network: Network) -> None:
    """Print the elicited numbers that move the first diagnosis of a case most."""
    case = read_case(catalog.case_path(name))
    model, evidence = ddx.compile(network, setting=case.setting), evidence_of(name, network)
    assert network.spec is not None
    meant = network.lexicon.disease((*case.expect.rank, *case.expect.rank_any)[0])
    entry = network.lexicon.entries[meant.id]
    base = log10_odds(model, evidence, entry.node, entry.states)
    people = population.population(network.spec, case.setting or network.spec.default_setting)
    complaint = people.complaint.finding if people.complaint else ""
    changes: list[tuple[float, str]] = []
    for node in evidence:
        if node == complaint or node not in network.spec.findings:
            continue
        for place, moved in one_at_a_time(network.spec.findings[node]):
            changed = dataclasses.replace(network.spec, findings={**network.spec.findings, node: moved})
            roots = priors.Roots({}, {}, {})
            try:
                other = model.with_tables({node: ground.local_model(changed, people, roots, node)})
            except SpecError:
                continue
            changes.append((abs(log10_odds(other, evidence, entry.node, entry.states) - base), f"{node}: {place}"))
    largest: dict[str, float] = {}
    for change, words in sorted(changes, reverse=True):
        largest.setdefault(words, change)
    shown = "; ".join(f"{words} ({change:.2f})" for words, change in list(largest.items())[:4])
    print(f"{name}: {entry.id} {probability(base):.4f}, log10 odds {base:+.2f}. Leans on {shown}")


def evidence_of(name: str, network: Network) -> dict[str, str]:
    """Findings and subject of a case on the shelf, with the complaint of its setting."""
    assert network.spec is not None
    case, lexicon = read_case(catalog.case_path(name)), of_network(network.spec)
    seen = [lexicon.observe(o) for o in (*lexicon.subject(case.subject), *case.findings)]
    setting = network.spec.settings[case.setting or network.spec.default_setting]
    evidence = {setting.complaint.finding: setting.complaint.state} if setting.complaint else {}
    return {**evidence, **{finding: state for finding, state in seen if isinstance(state, str)}}


def figures(model: Model, evidence: dict[str, str]) -> dict[str, float]:
    belief = model.posteriors(evidence)
    sm = belief["lichen_myxedematosus"]["scleromyxedema"]
    given_sm = model.posteriors({**evidence, "lichen_myxedematosus": "scleromyxedema"})
    return {
        "sm": sm,
        "as": belief["axial_spondyloarthritis"]["radiographic"],
        "both": sm * given_sm["axial_spondyloarthritis"]["radiographic"],
        "ssc": 1.0 - belief["systemic_sclerosis"]["absent"],
        "mm": belief["clone"]["mm"],
    }


def log10_odds(model: Model, evidence: dict[str, str], node: str, states: tuple[str, ...]) -> float:
    """log10 odds of a diagnosis, from the exact probabilities of each side (near-certainty is not rounded to 1)."""
    belief = model.posteriors(evidence)[node]
    there = sum(belief[s] for s in belief if s in states)
    other = sum(belief[s] for s in belief if s not in states)
    return math.log10(there) - math.log10(other)


def probability(log10: float) -> float:
    return 1.0 / (1.0 + 10.0**-log10)


def regrounded(model: Model, network: spec.Network) -> Model:
    """The compiled network with the numbers of another: the same families, roots solved anew."""
    people = population.population(network, network.default_setting)
    fresh = ground.ground(network, people, priors.solve(network, people))
    return model.with_tables(dict(fresh.models))


def perturbed(value: T, shift: Shift) -> T:
    """A block with every elicited number in it moved; rows are kept distributions."""
    if isinstance(value, spec.Number):
        return _moved(value, shift())
    if isinstance(value, spec.Profile) and value.kind == "rate":
        return dataclasses.replace(value, row={s: perturbed(n, shift) for s, n in value.row.items()})
    if isinstance(value, spec.Setting):
        rows = {c: _moved_row(row, shift) for c, row in value.context.items()}
        backgrounds = {n: _moved_row(row, shift) for n, row in value.backgrounds.items()}
        numbers = {cause: perturbed(n, shift) for cause, n in value.priors.items()}
        complaint = perturbed(value.complaint, shift)
        return dataclasses.replace(value, context=rows, backgrounds=backgrounds, priors=numbers, complaint=complaint)
    if isinstance(value, dict):
        if value and all(isinstance(n, spec.Number) for n in value.values()):
            return _moved_row(value, shift)
        return {key: perturbed(item, shift) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(perturbed(item, shift) for item in value)
    if isinstance(value, spec.Block):
        fields = {f.name: perturbed(getattr(value, f.name), shift) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value


def one_at_a_time(finding: spec.Finding) -> Iterator[tuple[str, spec.Finding]]:
    """The finding with one elicited number moved by a factor of two on its odds, up or down, and which one it is."""
    counted: list[str] = []

    def label(place: tuple[str, ...], value: object) -> None:
        if isinstance(value, spec.Number):
            counted.append(" ".join(place) if elicited(value) and 0 < value.value < 1 else "")
        elif isinstance(value, dict):
            for key, item in value.items():
                label((*place, key), item)
        elif isinstance(value, tuple):
            for item in value:
                label(place, item)
        elif isinstance(value, spec.TableRow):
            label((*place, ", ".join(f"{k}={v}" for k, v in value.when.items())), value.row)
        elif isinstance(value, spec.Block):
            for field in dataclasses.fields(value):
                label((*place, field.name) if field.name == "background" else place, getattr(value, field.name))

    label((), finding.model)
    for wanted, words in enumerate(counted):
        for size in (SD, -SD) if words else ():
            at = iter(range(len(counted)))
            yield words, perturbed(finding, lambda at=at, wanted=wanted, size=size: size if next(at) == wanted else 0.0)


def elicited(number: spec.Number) -> bool:
    return number.grade != "measured"


def _moved(number: spec.Number, by: float) -> spec.Number:
    if not elicited(number) or number.value in (0.0, 1.0) or by == 0.0:
        return number
    odds = number.value / (1.0 - number.value) * math.exp(by)
    return dataclasses.replace(number, p=odds / (1.0 + odds), k=None, n=None, series=())


def _moved_row(row: spec.Row, shift: Shift) -> spec.Row:
    """Elicited numbers of a row move, measured ones stay, the state left out takes what remains."""
    fixed = sum(n.value for n in row.values() if not elicited(n))
    free = {s: n.value for s, n in row.items() if elicited(n)}
    shifts = {s: shift() for s in row}  # one for each number, in the order of the file
    weights = {s: p * math.exp(shifts[s]) for s, p in free.items()}
    room = 1.0 - fixed
    rest = max(0.0, room - sum(free.values()))
    total = sum(weights.values()) + rest
    if total <= 0:
        return row
    return {
        s: n if s not in weights else dataclasses.replace(n, p=weights[s] / total * room, k=None, n=None, series=())
        for s, n in row.items()
    }


if __name__ == "__main__":
    main()
