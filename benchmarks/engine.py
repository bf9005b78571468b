"""How fast is the engine? Ratios against both exact engines of pyAgrum and against pgmpy, in the same run.

    python benchmarks/engine.py [--columns C numpy] [NETWORK ...]     networks that come with pgmpy

CPU time of one thread. Every answer is compared; a ratio is that of medians, against the better pyAgrum engine.

one query   all posteriors of a case, each side's in its own form; every case observes another subset of the nodes. The
            sides take turns at all cases, and of several rounds the fastest counts.
interview   all posteriors after each finding of a case, one after the other; pyAgrum keeps what it can reuse.
batch       a thousand such cases in one call, a case.
next        P(node | case, each state of three nodes), by lanes, against the same algorithm on pyAgrum.
pgmpy       one query against its variable elimination, on the networks small enough for it.
memory      peak of a process that loads a network and answers one query, and pyAgrum's for the same.
cold        CPU time of such a process from start to answer, the compiled network in the cache, against pyAgrum's.

Each network and column (the C kernel, numpy alone) is measured in a process of its own, with 15 minutes and 16 GiB.
Where a peer's query takes over a second, it is asked two cases, three findings of an interview, and two of the states
of "next", from which the rest is extrapolated; where it does not finish at all, ddx is measured alone. Noisy-OR
layers, which no table could hold, have no peer. What cannot be built is said, with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

NETWORKS = (
    *("asia", "child", "alarm", "insurance", "hepar2", "win95pts", "hailfinder"),
    *("pathfinder", "andes", "pigs", "water", "munin", "munin1", "mildew", "link"),
)
FOR_PGMPY = 60  # nodes up to which pgmpy is asked
CASES, ROUNDS, ROWS, CLAMPED = 20, 5, 1000, 3
SECONDS = 900  # for one network and column
SLOW = 1.0  # seconds of a peer's query beyond which it is asked less
BYTES = 16 << 30  # of address space for one network and column
COLUMNS = {"C": "", "numpy": "numpy"}
FIGURES = ("one query", "interview", "batch", "next", "pgmpy", "cold")

Answer = TypeVar("Answer")


def timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    start = time.process_time()
    answer = work()
    return time.process_time() - start, answer


# in the process of one network


class Contest:
    """One network on both sides, or on ours alone."""

    def __init__(self, name: str, *, alone: bool = False) -> None:
        import pyagrum as gum
        from peers import ENGINES, as_case, bundled, drawn, in_pyagrum

        import ddx

        gum.setNumberOfThreads(1)
        from ddx.engine.case_by_case import prepared

        loaded = ddx.load(bundled(name))
        self.pgmpy = loaded.to_pgmpy
        self.net = loaded.bayesnet()
        self.compile_seconds, _ = timed(lambda: prepared(self.net))
        self.model = ddx.compile(loaded)
        bn = in_pyagrum(self.net)
        self.engines = [] if alone else [getattr(gum, engine)(bn) for engine in ENGINES]
        self.rows = drawn(self.net, ROWS, 2)
        cases = [as_case(self.model, row) for row in drawn(self.net, CASES, 1)]
        asked = [timed(lambda e=engine: by_peer(e, self.net.nodes, cases[0]))[0] for engine in self.engines]
        self.slow = max(asked, default=0.0) > SLOW
        self.rounds = 1 if self.slow else ROUNDS
        self.cases = cases[:2] if self.slow else cases
        self.error = 0.0

    def one_query(self) -> tuple[float | None, float]:
        """(ratio, our median in us)"""
        ours, theirs = self._fastest(self.cases)
        here = statistics.median(ours)
        return (min(statistics.median(t) for t in theirs) / here if theirs else None), here * 1e6

    def interview(self) -> float:
        """Ratio of the time of one case whose findings come one by one."""
        longest = max(self.cases[:5], key=len)
        steps = list(longest.items())[: 3 if self.slow else 12]
        prefixes = [dict(steps[: k + 1]) for k in range(len(steps))]
        ours, theirs = self._fastest(prefixes, keep=True)
        return min(sum(t) for t in theirs) / sum(ours)

    def batch(self) -> float:
        """Ratio of the time of one case within a batch."""
        from peers import as_case

        ours = min(timed(lambda: self.model.posteriors_batch(self.rows))[0] for _ in range(self.rounds)) / ROWS
        theirs = []
        for engine in self.engines:
            cases = [as_case(self.model, row) for row in self.rows[: len(self.cases)]]
            theirs.append(
                statistics.median(timed(lambda c=c, e=engine: by_peer(e, self.net.nodes, c))[0] for c in cases)
            )
        return min(theirs) / ours

    def next_test(self) -> float:
        """Ratio for every P(node | case, s), s each state of three nodes that were not observed."""
        import numpy as np

        model, case = self.model, self.cases[0]
        belief = model.posteriors(case)
        free = [n for n in model.nodes if n not in case][:CLAMPED]
        clamped = [(n, s) for n in free for s in model.states[n] if belief[n][s] > 0]

        def ours() -> None:
            lanes = np.repeat(model.likelihood(case)[:, None], len(clamped) + 1, axis=1)
            for k, (node, state) in enumerate(clamped):
                lanes[model.offsets[node], k + 1] = [float(label == state) for label in model.states[node]]
            model.lanes(lanes)

        some = clamped[:2] if self.slow else clamped

        def theirs(engine: Any) -> None:
            for node, state in some:
                by_peer(engine, model.nodes, {**case, node: state})

        here = min(timed(ours)[0] for _ in range(self.rounds))
        there = min(timed(lambda e=engine: theirs(e))[0] for engine in self.engines)
        return there * (len(clamped) + 1) / len(some) / here

    def by_pgmpy(self) -> float | None:
        """Ratio against pgmpy's variable elimination, every unobserved node of three cases, one node at a time."""
        if len(self.net.nodes) > FOR_PGMPY:
            return None
        from pgmpy.inference import VariableElimination

        engine, ratios = VariableElimination(self.pgmpy()), []
        for case in self.cases[:3]:
            free = [n for n in self.net.nodes if n not in case]
            here = min(timed(lambda case=case: self.model.posteriors({**case}))[0] for _ in range(3))
            there, _ = timed(lambda c=case, f=free: [engine.query([n], evidence=c, show_progress=False) for n in f])
            ratios.append(there / here)
        return statistics.median(ratios)

    def _fastest(self, cases: list[dict[str, str]], *, keep: bool = False) -> tuple[list[float], list[list[float]]]:
        """The fastest round of each case, ours and each engine's; the sides take turns at all cases."""
        ours = [float("inf")] * len(cases)
        theirs = [[float("inf")] * len(cases) for _ in self.engines]
        for _ in range(self.rounds):
            mine = []
            for i, case in enumerate(cases):
                seconds, belief = timed(lambda case=case: self.model.posteriors(case))
                ours[i] = min(ours[i], seconds)
                mine.append(belief)
            for k, engine in enumerate(self.engines):
                engine.eraseAllEvidence()
                for i, case in enumerate(cases):
                    seconds, truth = timed(lambda c=case, e=engine: by_peer(e, self.net.nodes, c, keep=keep))
                    theirs[k][i] = min(theirs[k][i], seconds)
                    self.error = max(self.error, largest_difference(mine[i], truth))
        return ours, theirs


def by_peer(engine: Any, nodes: tuple[str, ...], case: Mapping[str, str], *, keep: bool = False) -> list[Any]:
    """Every posterior, as the engine itself holds it; with `keep`, only the last finding is new to the engine."""
    if keep:
        last = list(case)[-1]
        engine.addEvidence(last, case[last])
    else:
        engine.setEvidence(dict(case))
    engine.makeInference()
    return [engine.posterior(n) for n in nodes]


def largest_difference(mine: Mapping[str, Mapping[str, float]], truth: list[Any]) -> float:
    rows = zip(mine.values(), truth, strict=True)
    return max(abs(a - b) for row, other in rows for a, b in zip(row.values(), other.tolist(), strict=True))


def measured(name: str, *, alone: bool) -> dict[str, Any]:
    """Everything about one network, in this process."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    contest = Contest(name, alone=alone)
    one, microseconds = contest.one_query()
    found = {
        "one query": one,
        "us": microseconds,
        "entries": contest.model.structure.entries,
        "compile s": contest.compile_seconds,
        "error": None if alone else contest.error,
    }
    if alone:
        return found
    return found | {
        "interview": contest.interview(),
        "batch": contest.batch(),
        "next": contest.next_test(),
        "pgmpy": contest.by_pgmpy(),
    }


def once(side: str, name: str) -> None:
    """One query in a process of its own, for its memory and its time."""
    from pathlib import Path

    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    if side == "ddx":
        import ddx

        model = ddx.compile(ddx.load(name))
        model.posteriors({model.nodes[0]: model.states[model.nodes[0]][0]})
        return
    import pyagrum as gum

    bn = gum.loadBN(name) if Path(name).suffix == ".bif" else None
    assert bn is not None
    engine = gum.LazyPropagation(bn)
    first = bn.variable(next(iter(bn.nodes())))
    engine.setEvidence({first.name(): 0})
    engine.makeInference()
    for node in bn.names():
        engine.posterior(node)


# in the process that prints


def child(arguments: list[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of this script in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, env={**os.environ, **environment}, check=False
        )
    except subprocess.TimeoutExpired:
        return 1, "", f"no answer in {SECONDS} s"
    return done.returncode, done.stdout, done.stderr


def last_line(err: str) -> str:
    return (err.strip().splitlines() or ["killed"])[-1][:120]


def cold(name: str, environment: Mapping[str, str]) -> dict[str, float]:
    """CPU seconds and peak memory of one query from a cold start, ours and pyAgrum's, by a parent for each."""
    program = (
        f"import subprocess, resource, sys; subprocess.run(sys.argv[1:], check=True, timeout={SECONDS / 4}); "
        "u = resource.getrusage(resource.RUSAGE_CHILDREN); print(u.ru_utime + u.ru_stime, u.ru_maxrss)"
    )
    found: dict[str, float] = {}
    everything = {**os.environ, **environment}
    import gzip
    import tempfile
    from pathlib import Path

    from peers import bundled

    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / f"{name}.bif"
        plain.write_bytes(gzip.decompress(Path(bundled(name)).read_bytes()))
        for side in ("ddx", "pyagrum"):
            best, peak = float("inf"), 0
            for _ in range(4):
                command = [sys.executable, "-c", program, sys.executable, __file__, "--once", side, str(plain)]
                done = subprocess.run(command, capture_output=True, text=True, env=everything, check=False)
                if done.returncode:
                    break
                seconds, kilobytes = done.stdout.split()
                best, peak = min(best, float(seconds)), int(kilobytes) * 1024
            found[side], found[f"{side} bytes"] = best, peak
    return found


def noisy_or() -> str:
    """The two-layer networks that no table could hold."""
    import numpy as np

    from ddx.engine import noisy_or_layer

    told = []
    for diseases, findings, links, present in ((30, 120, 30, 10), (8000, 3000, 20, 10)):
        rng = np.random.default_rng(0)
        own = [
            [(int(f), float(rng.uniform(0.05, 0.95))) for f in rng.choice(findings, links, replace=False)]
            for _ in range(diseases)
        ]
        layer = noisy_or_layer.Layer.of(10.0 ** -rng.uniform(2, 5, diseases), np.full(findings, 0.01), own)
        ask = lambda layer=layer, k=present: noisy_or_layer.posteriors(layer, range(k), range(20, 35))  # noqa: E731
        best = min(timed(ask)[0] for _ in range(5))
        told.append(f"noisy-OR {diseases:,} x {findings:,}, {present} present: {best * 1e3:.1f} ms")
    return "; ".join(told)


def row(name: str, column: str, found: Mapping[str, Any]) -> str:
    cells = [
        f"{found[figure]:.{0 if found[figure] > 9.5 else 1}f}x" if found.get(figure) else "-" for figure in FIGURES
    ]
    size = f"{found['us']:.0f} | {found['entries']:,} | {found['compile s']:.1f}"
    memory = f"{found['ddx bytes'] / 1e6:.0f} / {found['pyagrum bytes'] / 1e6:.0f}".replace(" / 0", " / -")
    error = "-" if found["error"] is None else f"{found['error']:.0e}"
    return f"| {name} | {column} | {' | '.join(cells)} | {size} | {memory} | {error} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", nargs="+", choices=COLUMNS, default=list(COLUMNS))
    parser.add_argument("--measure", metavar="NETWORK", help=argparse.SUPPRESS)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--layers", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--once", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    chosen = parser.parse_args()
    if chosen.measure:
        print(json.dumps(measured(chosen.measure, alone=chosen.alone)))
        return
    if chosen.layers:
        print(noisy_or())
        return
    if chosen.once:
        once(*chosen.once)
        return
    titles = ["network", "column", *FIGURES, "us a query", "entries", "compile s", "MB ddx / pyAgrum", "error"]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for name in chosen.networks:
        alone: list[str] = []
        for column in chosen.columns:
            environment = {"DDX_KERNEL": COLUMNS[column]}
            code, out, err = child(["--measure", name, *alone], environment)
            if code and not alone:
                print(f"{name}, {column}, with the peers: {last_line(err)}", file=sys.stderr, flush=True)
                alone = ["--alone"]
                code, out, err = child(["--measure", name, *alone], environment)
            if code:
                print(f"| {name} | {column} | not built: {last_line(err)} |", flush=True)
                continue
            found = json.loads(out)
            times = cold(name, environment)
            found |= times | {"cold": times["pyagrum"] / times["ddx"] if times["pyagrum bytes"] else None}
            print(row(name, column, found), flush=True)
    for column in chosen.columns:
        print(f"{column}: {child(['--layers'], {'DDX_KERNEL': COLUMNS[column]})[1].strip()}")


if __name__ == "__main__":
    main()
