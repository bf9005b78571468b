"""Posteriors of the networks that come with pgmpy, made by two engines that share nothing with ddx.

    python tests/conformance/make_expectations.py [NETWORK ...]

Networks are read by pgmpy, their rows normalised in float64, and handed to pyAgrum through its API. Findings are drawn
from the network itself. pyAgrum (LazyPropagation) and pgmpy (VariableElimination) each give P(evidence) and the
posteriors of some nodes; where both agree, the case is written to expectations.json, beside this script, with pyAgrum's
digits. A case that one of them does not finish within its time is left out, and said. Only names, findings and
posteriors are written: the networks themselves are resolved through pgmpy when the test runs.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyagrum as gum

warnings.simplefilter("ignore")
import pgmpy  # noqa: E402  (it warns when it is imported)
from pgmpy.inference import VariableElimination  # noqa: E402
from pgmpy.utils import get_example_model  # noqa: E402

HERE = Path(__file__).parent
ABOUT = "Posteriors of networks that come with pgmpy, by pyAgrum and by pgmpy; made by make_expectations.py."
CASES = 3
MOST_FINDINGS = 12
MOST_NODES = 10  # whose posteriors are asked for
AGREE = 1e-9
SECONDS = 120
DIGITS = 12

Numbers = npt.NDArray[np.float64]
Case = dict[str, str]


class Tables:
    """What pgmpy read: states, parents and normalised tables (parent states ..., child states), parents first."""

    def __init__(self, model: Any) -> None:
        for cpd in model.cpds:
            cpd.normalize()
        self.model = model
        self.states: dict[str, list[str]] = {}
        for cpd in model.cpds:
            self.states[cpd.variable] = [str(s) for s in cpd.state_names[cpd.variable]]
        self.parents = {cpd.variable: list(cpd.variables[1:]) for cpd in model.cpds}
        self.tables = {cpd.variable: self._table(cpd) for cpd in model.cpds}
        waiting, self.order = list(self.states), list[str]()
        while waiting:
            ready = [n for n in waiting if all(p in self.order for p in self.parents[n])]
            self.order += ready
            waiting = [n for n in waiting if n not in ready]

    def _table(self, cpd: Any) -> Numbers:
        """pgmpy keeps an order of states of its own with every table; brought to each variable's own, by name."""
        values = np.asarray(cpd.values, dtype=np.float64)
        for axis, variable in enumerate(cpd.variables):
            own = [str(s) for s in cpd.state_names[variable]]
            values = np.take(values, [own.index(s) for s in self.states[variable]], axis=axis)
        return np.moveaxis(values, 0, -1)

    def drawn(self, rng: np.random.Generator) -> Case:
        """A state of everything, from the network itself."""
        found: dict[str, int] = {}
        for node in self.order:
            row = self.tables[node][tuple(found[p] for p in self.parents[node])]
            found[node] = int(rng.choice(len(row), p=row / row.sum()))
        return {node: self.states[node][s] for node, s in found.items()}


def by_pyagrum(tables: Tables, case: Case, nodes: list[str]) -> tuple[dict[str, list[float]], float]:
    """Posteriors in the order of the states, and P(evidence)."""
    bn = gum.BayesNet()
    for node, labels in tables.states.items():
        bn.add(gum.LabelizedVariable(node, node, labels))
    for node, parents in tables.parents.items():
        for parent in parents:
            bn.addArc(parent, node)
    for node in tables.states:
        family = [*tables.parents[node], node]
        order = [family.index(n) for n in bn.cpt(node).names]  # its axes are the reverse of its names
        bn.cpt(node).fillWith(tables.tables[node].transpose(order[::-1]).ravel().tolist())
    engine = gum.LazyPropagation(bn)
    engine.setNumberOfThreads(1)
    engine.setEvidence(case)
    for node in nodes:
        engine.addTarget(node)
    engine.makeInference()
    return {node: engine.posterior(node).tolist() for node in nodes}, float(engine.evidenceProbability())


def by_pgmpy(tables: Tables, case: Case, nodes: list[str]) -> tuple[dict[str, list[float]], float]:
    """The same; P(evidence) as the product of P(finding | those before it)."""
    engine = VariableElimination(tables.model)

    def ask(node: str, given: Case) -> dict[str, float]:
        answer = engine.query([node], evidence=given, show_progress=False)
        return dict(zip(map(str, answer.state_names[node]), answer.values.tolist(), strict=True))

    found = {}
    for node in nodes:
        row = ask(node, case)
        found[node] = [row[s] for s in tables.states[node]]
    probability, seen = 1.0, Case()
    for node, state in case.items():
        probability *= ask(node, seen)[state]
        seen[node] = state
    return found, probability


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """TimeoutError after so long."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"not within {seconds} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def item(tables: Tables, name: str, seed: int) -> dict[str, Any] | str:
    """One case with its expected answer, or why there is none."""
    rng = np.random.default_rng(seed)
    world, everything = tables.drawn(rng), list(tables.states)
    count = min(MOST_FINDINGS, max(1, len(everything) // 4))
    case = {str(n): world[n] for n in rng.permutation(everything)[:count].tolist()}
    open_nodes = [n for n in rng.permutation(everything).tolist() if n not in case][:MOST_NODES]
    answers = []
    for oracle in (by_pyagrum, by_pgmpy):
        try:
            with at_most(SECONDS):
                answers.append(oracle(tables, case, open_nodes))
        except (TimeoutError, MemoryError, RuntimeError, ValueError, gum.GumException) as fault:
            return f"{oracle.__name__}: {type(fault).__name__} {str(fault)[:100]}"
    (first, p), (second, q) = answers
    off = max(abs(a - b) for n in open_nodes for a, b in zip(first[n], second[n], strict=True))
    if off > AGREE or not abs(math.log10(p) - math.log10(q)) <= AGREE:
        return f"the oracles differ by {off:.1e}, in log10 P(e) by {abs(math.log10(p) - math.log10(q)):.1e}"
    rows = {n: {s: round(v, DIGITS) for s, v in zip(tables.states[n], row, strict=True)} for n, row in first.items()}
    log10 = round(math.log10(p), DIGITS)
    return {
        "id": f"{name}-{seed}",
        "network": name,
        "evidence": case,
        "expected": {"log10_p_evidence": log10, "marginals": rows},
        "tolerance": AGREE,
        "agree": float(f"{off:.1e}"),
    }


def main(names: list[str]) -> None:
    made: list[dict[str, Any]] = []
    folder = Path(pgmpy.__file__).parent / "utils" / "example_models"
    everything = sorted(path.name.split(".")[0] for path in folder.glob("*.bif.gz"))
    for name in names or everything:
        tables = Tables(get_example_model(name))
        for seed in range(CASES):
            start = time.perf_counter()
            found = item(tables, name, seed)
            told = found if isinstance(found, str) else f"agree to {found['agree']:.1e}"
            sys.stdout.write(f"{name} {seed}: {told} ({time.perf_counter() - start:.1f} s)\n")
            if not isinstance(found, str):
                made.append(found)
    oracles = [f"pyagrum {gum.__version__}", f"pgmpy {version('pgmpy')}"]
    head = json.dumps({"about": ABOUT, "oracles": oracles})[:-1]
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in made)
    (HERE / "expectations.json").write_text(f'{head}, "items": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
