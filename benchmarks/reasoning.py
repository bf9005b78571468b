"""What the questions of the reasoning rooms cost on the flagship, with 16 findings of the index case and with all.

    python benchmarks/reasoning.py [REPEATS]

Times are of one thread's processor, the smallest of several runs. Beside each stands the same answer computed by
looping pyAgrum in the same run (its network fed through its API in float64, the better of its two exact engines),
where it can compute it at all:

    explain       one propagation for every subset of the chains of findings (two for every order drawn, above 12)
    next          one for every state of every finding not asked; it has no plans
    conflict      one for every finding left out, and for every chain and pair of chains alone
    replay        one for every finding entered, and for every finding left out
    sensitivity   it has none: two networks for every number, a difference quotient each; no search for a flip
    credible      one network for every draw, its tables made by ddx

What would take it long is extrapolated from a few propagations or networks, which is said.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pyagrum as gum
from peers import ENGINES, in_pyagrum

from ddx.cli.asking import Asked, asked
from ddx.engine.ground import one_lane
from ddx.engine.model import Model
from ddx.evidence import Case
from ddx.knowledge.bayesnet import BayesNet
from ddx.reasoning.conflict import conflict
from ddx.reasoning.credible import credible
from ddx.reasoning.differential import listed
from ddx.reasoning.explain import explain
from ddx.reasoning.next_test import Aim, next_tests
from ddx.reasoning.regrounding import Regrounding
from ddx.reasoning.replay import replay
from ddx.reasoning.sensitivity import sensitivity
from ddx.reasoning.shapley import EXACT_UP_TO, ORDERS
from ddx.reasoning.uncertainty import draws
from ddx.reasoning.understanding import Understood, understand

FINDINGS = 16
DRAWS = (256, 1000)
MEASURED = 5  # networks of which pyAgrum's time is extrapolated
DISEASE = "multiple_myeloma"

Evidence = dict[str, str]


def main(repeats: int) -> None:
    question = asked((), "seed", None, None)
    kept = question.case.findings[:FINDINGS]
    few = understand(question.network, Case(kept, question.case.subject), question.understood.setting)
    for words, said in ((f"{FINDINGS} findings", few), ("all findings", question.understood)):
        print(f"{words} of the index case")
        measure(question, said, repeats)


def measure(question: Asked, said: Understood, repeats: int) -> None:
    """Print what every question costs, and what pyAgrum costs for the same."""
    network, model = question.network, question.model
    entry = network.lexicon.entries[DISEASE]
    questions: dict[str, Callable[[], object]] = {
        "explain": partial(explain, network, model, said, entry),
        "next": partial(next_tests, network, model, said),
        "next, plan of 3": partial(next_tests, network, model, said, Aim(plan=3)),
        "conflict": partial(conflict, network, model, said),
        "replay": partial(replay, network, model, said),
        "sensitivity": partial(sensitivity, network, model, said, entry),
        **{f"credible, {n} draws": partial(credible, network, model, said, count=n) for n in DRAWS},
    }
    theirs = loops(question, said)
    for name, ask in questions.items():
        ask()
        ours = min(processor_seconds(ask) for _ in range(repeats))
        told, seconds = theirs.get(name, ("", 0.0))
        rival = f"pyAgrum {1000 * seconds:11,.0f} ms  {seconds / ours:7,.0f}x  {told}" if told else "pyAgrum has none"
        print(f"  {name:22} {1000 * ours:8.1f} ms    {rival}")


def processor_seconds(ask: Callable[[], object]) -> float:
    start = time.process_time()
    ask()
    return time.process_time() - start


def loops(question: Asked, said: Understood) -> dict[str, tuple[str, float]]:
    """Question -> (what was looped, seconds) of pyAgrum."""
    network, model = question.network, question.model
    rival = Rival(model.network)
    evidence: Evidence = {f: s for f, s in said.evidence.items() if isinstance(s, str)}
    findings = [u.finding for u in said.findings]
    without = [{g: s for g, s in evidence.items() if g != f} for f in findings]
    asked_next = [n for n in network.lexicon.askables if n in model.offsets and n not in evidence]
    belief = model.posteriors(evidence)
    outcomes = [{**evidence, n: s} for n in asked_next for s, p in belief[n].items() if p > 0]
    engine = min(ENGINES, key=lambda name: rival.seconds(without[:3], name))
    each = rival.seconds(without, engine) / len(without)
    check(rival, model, without[0], engine)
    one, worst, count = drawn_networks(question, said, engine)
    disease = network.lexicon.entries[DISEASE]
    numbers = len(sensitivity(network, model, said, disease).influences)
    chains = len(explain(network, model, said, disease).contributions)
    subsets = 2**chains if chains <= EXACT_UP_TO else 2 * ORDERS * chains
    alone = chains * (chains + 1) // 2 + 2
    many = "extrapolated: "
    found = {
        "explain": (f"{many}{subsets:,} what-ifs", subsets * each),
        "next": (f"{len(outcomes)} outcomes", rival.seconds(outcomes, engine)),
        "conflict": (f"{many}{len(findings)} left out, {alone} alone", (len(findings) + alone) * each),
        "replay": (f"{many}{2 * len(findings) + 1} steps", (2 * len(findings) + 1) * each),
        "sensitivity": (f"{many}2 networks for each of {numbers} numbers, no flips", 2 * numbers * one),
    }
    for n in DRAWS:
        found[f"credible, {n} draws"] = f"{many}{count} networks measured; they differ by {worst:.0e}", n * one
    return found


def check(rival: Rival, model: Model, evidence: Evidence, engine: str) -> None:
    """Both say the same."""
    ours, theirs = model.posteriors(evidence), rival.posteriors([evidence], engine)[0]
    worst = max(float(np.abs(np.array(list(ours[n].values())) - theirs[n]).max()) for n in model.nodes)
    assert worst < 1e-10, worst


def drawn_networks(question: Asked, said: Understood, engine: str) -> tuple[float, float, int]:
    """Seconds of pyAgrum for one drawn network, and the largest difference of a disease's posterior from ours."""
    network, model = question.network, question.model
    numbers = Regrounding(network, model, said.setting)
    entries = listed(network, model)
    evidence: Evidence = {f: s for f, s in said.evidence.items() if isinstance(s, str)}
    nodes = numbers.bearing([*said.evidence, *(e.node for e in entries)])
    drawn = draws(numbers.rows_of(nodes), MEASURED, np.random.default_rng(0))
    seconds, worst = 0.0, 0.0
    for k in range(MEASURED):
        grounding = numbers.grounding({key: values[[k]] for key, values in drawn.items()})
        net = replace(model.network, models={n: one_lane(grounding.local_model(n)) for n in model.nodes})
        start = time.process_time()
        (theirs,) = Rival(net).posteriors([evidence], engine)
        seconds += time.process_time() - start
        ours = model.with_tables(dict(net.models)).posteriors(evidence)
        for e in entries:
            there = sum(p for s, p in zip(model.states[e.node], theirs[e.node], strict=True) if s in e.states)
            worst = max(worst, abs(there - sum(ours[e.node][s] for s in e.states)))
    return seconds / MEASURED, worst, MEASURED


class Rival:
    """A network in pyAgrum, through its API in float64."""

    def __init__(self, net: BayesNet) -> None:
        self.nodes, self.bn = net.nodes, in_pyagrum(net)

    def posteriors(self, evidences: list[Evidence], engine: str) -> list[dict[str, np.ndarray]]:
        """All marginals of each evidence; a network is compiled once for all of them."""
        infer = getattr(gum, engine)(self.bn)
        found = []
        for evidence in evidences:
            infer.setEvidence(evidence)
            infer.makeInference()
            found.append({n: infer.posterior(n).toarray() for n in self.nodes})
        return found

    def seconds(self, evidences: list[Evidence], engine: str) -> float:
        """Processor time of all marginals of each evidence, which is possible."""
        infer = getattr(gum, engine)(self.bn)
        start = time.process_time()
        for evidence in evidences:
            infer.setEvidence(evidence)
            infer.makeInference()
            for node in self.nodes:
                infer.posterior(node)
        return time.process_time() - start


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
