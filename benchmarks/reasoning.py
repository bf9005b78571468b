"""What the questions of the reasoning rooms cost on the flagship, with 16 findings of the index case.

    python benchmarks/reasoning.py [REPEATS]

Where pyAgrum can give the same answer by looping (one propagation for each what-if, its better engine), it does so in
the same run, and its numbers are compared. The smallest time of several runs counts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from ddx.cli.asking import Asked, asked
from ddx.evidence import Case
from ddx.reasoning.conflict import conflict
from ddx.reasoning.credible import credible
from ddx.reasoning.explain import explain
from ddx.reasoning.next_test import Aim, next_tests
from ddx.reasoning.replay import replay
from ddx.reasoning.sensitivity import sensitivity
from ddx.reasoning.shapley import EXACT_UP_TO, ORDERS
from ddx.reasoning.understanding import Understood, understand

FINDINGS = 16
DRAWS = 256


def few(question: Asked) -> Understood:
    """The first 16 findings of the index case."""
    kept = question.case.findings[:FINDINGS]
    return understand(question.network, Case(kept, question.case.subject), question.understood.setting)


def timed(ask: Callable[[], object], repeats: int) -> tuple[float, object]:
    best, answer = float("inf"), None
    for _ in range(repeats):
        start = time.perf_counter()
        answer = ask()
        best = min(best, time.perf_counter() - start)
    return best, answer


class Rival:
    """The same network in pyAgrum, through its API in float64; one propagation for each what-if."""

    def __init__(self, question: Asked) -> None:
        import pyagrum

        from ddx.knowledge.bayesnet import expand

        self.gum, self.net = pyagrum, question.model.network
        self.bn = pyagrum.BayesNet()
        ids = {
            node: self.bn.add(pyagrum.LabelizedVariable(node, node, list(labels)))
            for node, labels in self.net.states.items()
        }
        tables = {node: expand(self.net, node) for node in self.net.nodes}
        for node, table in tables.items():
            for parent in table.parents:
                self.bn.addArc(ids[parent], ids[node])
        for node, table in tables.items():
            cpt = self.bn.cpt(ids[node])
            own = [*table.parents, node]
            wanted = list(cpt.names)[::-1]
            cpt.fillWith(np.transpose(table.values, [own.index(n) for n in wanted]).ravel().tolist())

    def posteriors(self, evidences: list[dict[str, object]], engine: str) -> list[dict[str, np.ndarray]]:
        """All marginals of each evidence."""
        infer = getattr(self.gum, engine)(self.bn)
        found = []
        for evidence in evidences:
            infer.setEvidence(evidence)
            infer.makeInference()
            found.append({n: infer.posterior(n).toarray() for n in self.net.nodes})
        return found


def main(repeats: int) -> None:
    question = asked((), "seed", None, None)
    network, model, said = question.network, question.model, few(question)
    myeloma = network.lexicon.entries["multiple_myeloma"]
    questions: dict[str, Callable[[], object]] = {
        "explain": partial(explain, network, model, said, myeloma),
        "next": partial(next_tests, network, model, said),
        "next, plan of 3": partial(next_tests, network, model, said, Aim(plan=3)),
        "conflict": partial(conflict, network, model, said),
        "replay": partial(replay, network, model, said),
        "sensitivity": partial(sensitivity, network, model, said, myeloma),
        f"credible, {DRAWS} draws": partial(credible, network, model, said, count=DRAWS),
    }
    seconds = {}
    for name, ask in questions.items():
        seconds[name], _ = timed(ask, 1 if name.startswith(("sens", "cred")) else repeats)
        print(f"{name:24} {seconds[name] * 1000:9.1f} ms", flush=True)
    rival = Rival(question)
    evidence = {f: s for f, s in said.evidence.items() if isinstance(s, str)}
    leave_out = [{g: s for g, s in evidence.items() if g != f} for f in list(evidence)[:4]]
    for engine in ("LazyPropagation", "ShaferShenoyInference"):
        start = time.perf_counter()
        theirs = rival.posteriors(list(leave_out), engine)
        each = (time.perf_counter() - start) / len(leave_out)
        ours = [model.posteriors(e) for e in leave_out]
        pairs = zip(ours, theirs, strict=True)
        place = model.states["clone"].index("mm")
        worst = max(abs(one["clone"]["mm"] - other["clone"][place]) for one, other in pairs)
        print(f"pyAgrum {engine}: {each * 1000:.1f} ms for one what-if; difference {worst:.1e}")
        chains = len(explain(network, model, said, myeloma).contributions)
        lanes = {  # what-ifs of the answer, those that share a propagation counted once
            "explain": 2**chains if chains <= EXACT_UP_TO else 2 * ORDERS * chains,
            "replay": 2 * len(said.findings) + 1,
            "next": 25,
            "conflict": len(said.findings) + 2 + chains * (chains + 1) // 2,
        }
        for name, count in lanes.items():
            theirs_ms = count * each * 1000
            times = count * each / seconds[name]
            print(f"  {name}: {count} what-ifs, at least {theirs_ms:.0f} ms, {times:.1f} times")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
