"""Does the index case stand on the elicited numbers, and on which?

    python benchmarks/robustness.py [--draws 120] [--seed 1] [--sd 0.7]   how often each promise survives
    python benchmarks/robustness.py --leans [CASE ...]                    the elicited numbers a case leans on
    python benchmarks/robustness.py --held [--draws 120] [--seed 1]       what it costs to hold the roots in intervals

Every number graded memory or judgement is moved at once: a probability p becomes logit^-1(logit p + sd z) with
z standard normal; sd 0.7 is a factor of 2 on the odds. A row of several such numbers is renormalised, and what is
measured in a row keeps its value. 0 and 1 stay. The priors of a clinic that compete for its one complaint keep their
sum. The roots of the setting are solved anew in every draw; a draw whose setting cannot be met is counted and left out.

`--leans` moves one elicited number at a time by the same factor, up and down, with the roots held as solved, and names
those that change the log10 odds of the case's first two diagnoses most; the state that its row leaves out loses no more
than that factor. Tried are the numbers of findings and of latent variables.

`--held` draws every number as `ddx diagnose --intervals` does, and compares its posteriors, for which the roots are
held as solved, with those of the setting solved anew in each draw.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import ddx
from ddx.engine import ground, population, priors
from ddx.engine.model import Model
from ddx.errors import SpecError
from ddx.evidence import read_case
from ddx.knowledge import catalog, spec
from ddx.knowledge.lexicon import Entry, of_network
from ddx.network import Network
from ddx.reasoning.differential import listed
from ddx.reasoning.numbers import Parameter, logit
from ddx.reasoning.one_way import Hypothesis, OneWay
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.uncertainty import draws
from ddx.reasoning.understanding import State, understand

Floats = npt.NDArray[np.float64]
Shift = Callable[[], float]  # what is added to the next log odds

SD = 0.7
PROMISES: dict[str, Callable[[dict[str, float]], bool]] = {
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
    words.add_argument("--sd", type=float, default=SD)
    words.add_argument("--leans", nargs="*", metavar="CASE")
    words.add_argument("--held", action="store_true")
    asked = words.parse_args()
    if asked.held:
        hold(asked.draws, asked.seed)
    elif asked.leans is None:
        survive(asked.draws, asked.seed, asked.sd)
    else:
        network = ddx.load("scleroderma-mimics")
        for name in asked.leans or sorted(catalog.cases()):
            lean(name, network)


def survive(draws: int, seed: int, sd: float) -> None:
    """Print how often each promise of the index case holds, and where the posteriors lie."""
    rng = np.random.default_rng(seed)
    network = ddx.load("scleroderma-mimics")
    model, evidence = ddx.compile(network), evidence_of("seed", network)
    assert network.spec is not None
    found: list[dict[str, float]] = []
    unmet = 0
    while len(found) + unmet < draws:
        moved = perturbed(network.spec, lambda: sd * float(rng.standard_normal()))
        try:
            found.append(figures(regrounded(model, moved), evidence))
        except SpecError:
            unmet += 1
    print(f"{draws} draws, sd {sd} on the log odds of every elicited number, seed {seed}; setting not met in {unmet}")
    for words, holds in PROMISES.items():
        kept = sum(holds(f) for f in found)
        print(f"  {words:30} holds in {kept} of {len(found)} ({100 * kept / len(found):.0f} %)")
    every = sum(all(holds(f) for holds in PROMISES.values()) for f in found)
    print(f"  {'all five':30} hold in {every} of {len(found)} ({100 * every / len(found):.0f} %)")
    for name in found[0]:
        low, middle, high = np.quantile([f[name] for f in found], [0.05, 0.5, 0.95])
        print(f"  P({name}) 5 % {low:.4g}  median {middle:.4g}  95 % {high:.4g}")


def hold(count: int, seed: int) -> None:
    """Print how far log odds with held roots are from those of the setting solved anew, draw by draw."""
    network = ddx.load("scleroderma-mimics")
    model, said = ddx.compile(network), understand(network, read_case(catalog.case_path("seed")))
    numbers, belief = Regrounding(network, model, said.setting), model.posteriors(said.evidence)
    entries = [e for e in listed(network, model) if any(belief[e.node][s] > 0 for s in e.states)]
    rows = [row for own in numbers.rows.values() for row in own]
    drawn = draws(rows, count, np.random.default_rng(seed))
    held, anew = [], []
    for k in range(count):
        values = {key: float(lane[k]) for key, lane in drawn.items()}
        grounding = numbers.grounding({key: np.array([t]) for key, t in values.items()})
        kept = model.with_tables({n: ground.one_lane(grounding.local_model(n)) for n in model.nodes})
        try:
            solved = regrounded(model, replaced(numbers.spec, values))
        except SpecError:
            continue
        held.append(log_odds(kept, said.evidence, entries))
        anew.append(log_odds(solved, said.evidence, entries))
    apart, spread = np.std(np.array(held) - anew, axis=0), np.std(anew, axis=0)
    print(f"{len(held)} draws, seed {seed}; setting not met in {count - len(held)}. Standard deviations of log odds:")
    for i in np.argsort(-apart):
        print(f"  {entries[i].id:34} between held and solved anew {apart[i]:.3f}, over the draws {spread[i]:.2f}")


def log_odds(model: Model, evidence: Mapping[str, State], entries: Sequence[Entry]) -> list[float]:
    belief, found = model.posteriors(evidence), []
    for entry in entries:
        own = belief[entry.node]
        there = sum(own[s] for s in own if s in entry.states)
        found.append(math.log(there) - math.log(sum(own[s] for s in own if s not in entry.states)))
    return found


def replaced(value: Any, drawn: Mapping[int, float]) -> Any:
    """A block with other values for the numbers that were drawn."""
    if isinstance(value, spec.Number):
        return (
            dataclasses.replace(value, p=drawn[id(value)], k=None, n=None, series=()) if id(value) in drawn else value
        )
    if isinstance(value, spec.OddsRatio):
        return dataclasses.replace(value, value=drawn.get(id(value), value.value))
    if isinstance(value, dict):
        return {key: replaced(item, drawn) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(replaced(item, drawn) for item in value)
    if isinstance(value, spec.Block):
        block: Any = value
        return dataclasses.replace(block, **{name: replaced(getattr(value, name), drawn) for name in names_of(value)})
    return value


def lean(name: str, network: Network) -> None:
    """Print the elicited numbers that move the first two diagnoses of a case most."""
    case = read_case(catalog.case_path(name))
    said = understand(network, case)
    model = ddx.compile(network, setting=said.setting)
    named = [network.lexicon.disease(d).id for d in (*case.expect.rank, *case.expect.rank_any)[:2]]
    entries = [network.lexicon.entries[d] for d in named]
    held = [Hypothesis.of(e, model.states[e.node], present=there) for e in entries for there in (True, False)]
    log_evidence = model.posteriors(said.evidence).log_evidence
    numbers = Regrounding(network, model, said.setting)
    one_way = OneWay(numbers, model.likelihood(said.evidence), log_evidence, held)
    largest: list[dict[str, float]] = [{} for _ in entries]
    base = log10_odds(one_way.joint[:, None])[:, 0]
    for p in (p for p in one_way.acting if elicited(p.number) and p.place[0] in ("findings", "latents")):
        (joints,) = one_way.joints([(p, moved_both_ways(p, numbers.row_of(p).rest))])
        words = f"{p.node}: {p.given} {p.state}"
        for i, change in enumerate(np.abs(log10_odds(joints) - base[:, None]).max(axis=1)):
            largest[i][words] = max(largest[i].get(words, 0.0), float(change))
    for entry, odds, changes in zip(entries, base, largest, strict=True):
        top = sorted(changes.items(), key=lambda item: -item[1])[:4]
        shown = "; ".join(f"{words} ({change:.2f})" for words, change in top)
        told = f"{entry.id} {1.0 / (1.0 + 10.0**-odds):.4f}, log10 odds {odds:+.2f}"
        print(f"{name}: {told}. Leans on {shown}", flush=True)


def moved_both_ways(p: Parameter, rest: float) -> Floats:
    """A number with its odds (a ratio itself) divided and multiplied by the factor, and what else its row allows."""
    if isinstance(p.number, spec.OddsRatio):
        return p.value * np.exp([-SD, SD])
    low, high = (1 / (1 + np.exp(-(logit(p.value) + by))) for by in (-SD, SD))
    least = 1 / (1 + np.exp(-(logit(rest) - SD))) if rest > 0 else 0.0
    return np.array([low, min(high, p.value + rest - least) if rest > 0 else high])


def log10_odds(joints: Floats) -> Floats:
    """(diseases, values) from the joints with each present and absent: near-certainty is not rounded to 1."""
    odds: Floats = np.log10(joints[0::2]) - np.log10(joints[1::2])
    return odds


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


def regrounded(model: Model, network: spec.Network) -> Model:
    """The compiled network with the numbers of another: the same families, roots solved anew."""
    people = population.population(network, network.default_setting)
    fresh = ground.ground(network, people, priors.solve(network, people))
    return model.with_tables(dict(fresh.models))


def perturbed(value: Any, shift: Shift) -> Any:
    """A block with every elicited number in it moved; rows are kept distributions."""
    if isinstance(value, spec.Number):
        return _moved(value, shift())
    if isinstance(value, spec.Profile) and value.kind == "rate":
        return dataclasses.replace(value, row={s: perturbed(n, shift) for s, n in value.row.items()})
    if isinstance(value, spec.Network):
        settings = {name: _moved_setting(setting, value, shift) for name, setting in value.settings.items()}
        parts = {k: perturbed(getattr(value, k), shift) for k in ("diseases", "latents", "findings")}
        return dataclasses.replace(value, settings=settings, **parts)
    if isinstance(value, dict):
        if value and all(isinstance(n, spec.Number) for n in value.values()):
            return _moved_row(value, shift)
        return {key: perturbed(item, shift) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(perturbed(item, shift) for item in value)
    if isinstance(value, spec.Block):
        block: Any = value
        return dataclasses.replace(block, **{name: perturbed(getattr(value, name), shift) for name in names_of(value)})
    return value


def names_of(block: Any) -> tuple[str, ...]:
    """The fields of a block, in the order of its class."""
    return tuple(field.name for field in dataclasses.fields(block))


def elicited(number: spec.Number | spec.OddsRatio) -> bool:
    return number.grade != "measured"


def _moved_setting(setting: spec.Setting, network: spec.Network, shift: Shift) -> spec.Setting:
    """A setting moved; the priors of what can cause its complaint keep their sum, for they share the one complaint."""
    moved = {cause: _moved(number, shift()) for cause, number in setting.priors.items()}
    if setting.complaint is not None:
        model = network.findings[setting.complaint.finding].model
        assert isinstance(model, spec.Noisy)
        sharing = [c for c in setting.priors if c in model.given and elicited(setting.priors[c])]
        scale = sum(setting.priors[c].value for c in sharing) / sum(moved[c].value for c in sharing)
        moved |= {c: dataclasses.replace(moved[c], p=moved[c].value * scale) for c in sharing}
    return dataclasses.replace(
        setting,
        context={c: _moved_row(row, shift) for c, row in setting.context.items()},
        backgrounds={n: _moved_row(row, shift) for n, row in setting.backgrounds.items()},
        priors=moved,
        complaint=perturbed(setting.complaint, shift),
    )


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
