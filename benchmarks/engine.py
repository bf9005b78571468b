"""How fast is the engine? Ratios against both exact engines of pyAgrum, and pgmpy, interleaved in one process.

    python benchmarks/engine.py [--pgmpy] [NETWORK ...]        networks that come with pgmpy

CPU time of one thread. Every answer is compared; the figure is the smallest ratio of the medians against the better
pyAgrum engine. "One query" is all posteriors of a case whose observed nodes are another subset each time, each side's
in its own form; the sides take turns at all cases, and of several rounds the fastest counts. "Batch" is a thousand
such cases in one call. "Next" is P(node | case, each state of three nodes) by lanes, against the same algorithm on
pyAgrum. DDX_KERNEL=numpy measures without the C kernel.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
import pyagrum as gum

import ddx
from ddx.engine import noisy_or_layer
from ddx.engine.kernel import compiled
from ddx.engine.model import Model
from ddx.knowledge.bayesnet import BayesNet, expand

Answer = TypeVar("Answer")
CASES, ROUNDS, ROWS, CLAMPED = 20, 5, 1000, 3
NETWORKS = ["alarm", "hepar2", "win95pts", "pathfinder", "andes"]


def bundled(name: str) -> str:
    """The path of a network that comes with pgmpy, found without importing it."""
    found = importlib.util.find_spec("pgmpy")
    assert found is not None and found.origin is not None
    return str(Path(found.origin).parent / "utils" / "example_models" / f"{name}.bif.gz")


def in_pyagrum(net: BayesNet) -> Any:
    """The same tables through pyAgrum's API, in float64; its axes are the reverse of its names."""
    bn = gum.BayesNet()
    for node, labels in net.states.items():
        bn.add(gum.LabelizedVariable(node, node, list(labels)))
    for node in net.nodes:
        for parent in net.parents(node):
            bn.addArc(parent, node)
    for node in net.nodes:
        table = expand(net, node)
        family = [*table.parents, node]
        order = [family.index(n) for n in bn.cpt(node).names]
        bn.cpt(node).fillWith(table.values.transpose(order[::-1]).ravel().tolist())
    return bn


def drawn(net: BayesNet, count: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """(cases, nodes) state indices of possible cases, 10 to 50 % of the nodes observed, -1 elsewhere."""
    rng = np.random.default_rng(seed)
    states: dict[str, Any] = {}
    for node in net.topological_order():
        table = expand(net, node)
        rows = table.values[tuple(states[p] for p in table.parents)] if table.parents else table.values[None]
        below = np.cumsum(np.broadcast_to(rows, (count, rows.shape[-1])), axis=1)[:, :-1]
        states[node] = (rng.random((count, 1)) >= below).sum(axis=1)
    table = np.stack([states[n] for n in net.nodes], axis=1)
    hidden = rng.random(table.shape) >= rng.uniform(0.1, 0.5, (count, 1))
    return np.where(hidden, -1, table)


def as_case(model: Model, row: Any) -> dict[str, str]:
    return {n: model.states[n][s] for n, s in zip(model.nodes, row.tolist(), strict=True) if s >= 0}


def timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    start = time.process_time()
    answer = work()
    return time.process_time() - start, answer


def by_peer(engine: Any, nodes: tuple[str, ...], case: Mapping[str, str]) -> list[Any]:
    """Every posterior, as the engine itself holds it."""
    engine.setEvidence(dict(case))
    engine.makeInference()
    return [engine.posterior(n) for n in nodes]


def largest_difference(mine: Mapping[str, Mapping[str, float]], truth: list[Any]) -> float:
    rows = zip(mine.values(), truth, strict=True)
    return max(abs(a - b) for row, other in rows for a, b in zip(row.values(), other.tolist(), strict=True))


def one_query(model: Model, engines: list[Any], rows: Any) -> tuple[float, float, float]:
    """(smallest ratio of medians, median of ours in us, largest difference); of each case the fastest round."""
    cases = [as_case(model, row) for row in rows]
    ours = [float("inf")] * len(cases)
    theirs, worst = [[float("inf")] * len(cases) for _ in engines], 0.0
    for _ in range(ROUNDS):
        mine = []
        for i, case in enumerate(cases):
            seconds, belief = timed(lambda case=case: model.posteriors(case))
            ours[i] = min(ours[i], seconds)
            mine.append(belief)
        for k, engine in enumerate(engines):
            for i, case in enumerate(cases):
                seconds, truth = timed(lambda case=case, engine=engine: by_peer(engine, model.nodes, case))
                theirs[k][i] = min(theirs[k][i], seconds)
                worst = max(worst, largest_difference(mine[i], truth))
    here = statistics.median(ours)
    return min(statistics.median(t) for t in theirs) / here, here * 1e6, worst


def batch(model: Model, engines: list[Any], rows: Any) -> float:
    """Ratio of the time of one case within a batch, against the better engine."""
    ours = min(timed(lambda: model.posteriors_batch(rows))[0] for _ in range(3)) / len(rows)
    theirs = []
    for engine in engines:
        seconds = [timed(lambda r=r, e=engine: by_peer(e, model.nodes, as_case(model, r)))[0] for r in rows[:CASES]]
        theirs.append(statistics.median(seconds))
    return min(theirs) / ours


def next_test(model: Model, engines: list[Any], row: Any) -> float:
    """Ratio for P(everything | case, s) for each state s of three nodes not observed: the lanes of a next test."""
    case = as_case(model, row)
    free = [n for n in model.nodes if n not in case][:CLAMPED]
    clamped = [(n, s) for n in free for s in model.states[n] if model.posteriors(case)[n][s] > 0]

    def ours() -> None:
        lanes = np.repeat(model.likelihood(case)[:, None], len(clamped) + 1, axis=1)
        for k, (node, state) in enumerate(clamped):
            span = model.offsets[node]
            lanes[span, k + 1] = [float(label == state) for label in model.states[node]]
        model.lanes(lanes)

    def theirs(engine: Any) -> None:
        by_peer(engine, model.nodes, case)
        for node, state in clamped:
            by_peer(engine, model.nodes, {**case, node: state})

    here = min(timed(ours)[0] for _ in range(5))
    return min(timed(lambda e=engine: theirs(e))[0] for engine in engines) / here


def by_pgmpy(name: str, model: Model, rows: Any) -> float:
    """Ratio against pgmpy's variable elimination, one query of all unobserved nodes, on three cases."""
    from pgmpy.inference import VariableElimination

    engine = VariableElimination(ddx.load(bundled(name)).to_pgmpy())
    ratios = []
    for row in rows[:3]:
        case = as_case(model, row)
        free = [n for n in model.nodes if n not in case]
        here, _ = timed(lambda case=case: model.posteriors(case))
        there, _ = timed(
            lambda case=case, free=free: engine.query(free, evidence=case, joint=False, show_progress=False)
        )
        ratios.append(there / here)
    return statistics.median(ratios)


def noisy_or() -> None:
    """The two-layer networks that no table could hold."""
    for diseases, findings, links, present in ((30, 120, 30, 10), (8000, 3000, 20, 10)):
        rng = np.random.default_rng(0)
        own = [
            [(int(f), float(rng.uniform(0.05, 0.95))) for f in rng.choice(findings, links, replace=False)]
            for _ in range(diseases)
        ]
        layer = noisy_or_layer.Layer.of(10.0 ** -rng.uniform(2, 5, diseases), np.full(findings, 0.01), own)
        ask = lambda layer=layer, present=present: noisy_or_layer.posteriors(layer, range(present), range(20, 35))  # noqa: E731
        best = min(timed(ask)[0] for _ in range(5))
        print(f"noisy-OR {diseases} x {findings}, {present} present: {best * 1e3:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pgmpy", action="store_true", help="also pgmpy (slow)")
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    chosen = parser.parse_args()
    gum.setNumberOfThreads(1)
    print("kernel:", "numpy" if compiled() is None else "C")
    for name in chosen.networks:
        network = ddx.load(bundled(name))
        net, model = network.bayesnet(), ddx.compile(network)
        bn = in_pyagrum(net)
        engines = [gum.LazyPropagation(bn), gum.ShaferShenoyInference(bn)]
        ratio, here, worst = one_query(model, engines, drawn(net, CASES, 1))
        line = (
            f"{name}: one query {ratio:.0f}x ({here:.0f} us), batch {batch(model, engines, drawn(net, ROWS, 2)):.0f}x"
        )
        line += f", next {next_test(model, engines, drawn(net, 1, 3)[0]):.0f}x, error {worst:.1e}"
        if chosen.pgmpy:
            line += f", pgmpy {by_pgmpy(name, model, drawn(net, 3, 4)):.0f}x"
        print(line, flush=True)
    noisy_or()


if __name__ == "__main__":
    main()
