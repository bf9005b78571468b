"""Large networks: what compiling them costs, how large their trees are, and what is exact. Prints Markdown.

    python benchmarks/large.py [--set INDEX] [NETWORK ...]

First the networks that come with pgmpy (all of them, or those named): the entries of pyAgrum's junction tree, of our
smallest one, and the possible ones that are kept (those of the cliques put between a large one and its many children
included). With --set, the index.json of a conformance set, also every Bayesian network of
the UAI 2014 competition in it: whether the official marginals and P(evidence) are met exactly. Each network has a
process of its own, without the cache; seconds are CPU time, peak is the largest resident memory, reading included.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
import pyagrum as gum
from peers import bundled, structure_in_pyagrum

import ddx
from ddx.engine.case_by_case import prepared
from ddx.engine.factors import factorise, scopes
from ddx.engine.kernel import compiled
from ddx.engine.model import EFFORT
from ddx.engine.triangulate import Sizes, cliques_of, moral_graph
from ddx.knowledge.bayesnet import BayesNet

GROUP = "uai-2014-competition"


def machine() -> str:
    """Date, processor, memory and versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    info = Path("/proc/cpuinfo")
    named = info.read_text().splitlines() if info.is_file() else []
    model = next((line.split(":")[1].strip() for line in named if line.startswith("model name")), platform.processor())
    kernel = "numpy only" if compiled() is None else "C kernel"
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, {kernel}, one thread"
    return f"{date.today()}, {model}, {os.cpu_count()} processors, {memory:.0f} GiB; {versions}"


def junction_tree_entries(net: BayesNet) -> float:
    """Entries of all cliques of pyAgrum's junction tree."""
    bn = structure_in_pyagrum(net)
    tree = gum.JunctionTreeGenerator().junctionTree(bn)
    cards = {v: bn.variable(v).domainSize() for v in bn.nodes()}
    return float(sum(math.prod(cards[v] for v in tree.clique(c)) for c in tree.nodes()))


def tree_entries(net: BayesNet) -> float:
    """Entries of all cliques of our smallest tree, impossible ones included."""
    found, orders = factorise(net, EFFORT)
    graph = moral_graph(found.cards, scopes(found))
    totals = [Sizes(found.cards).total(cliques_of(graph, order)) for order in orders]
    return min(totals)


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def compile_one(path: Path) -> dict[str, Any]:
    """What compiling one network costs."""
    net = ddx.load(path).bayesnet()
    start = time.process_time()
    model = prepared(net)
    told = {"seconds": time.process_time() - start, "entries": model.structure.entries, "nodes": len(net.nodes)}
    start = time.process_time()
    model.posteriors({})
    return {**told, "first": time.process_time() - start, "peak": peak_gib()}


def sizes_of(path: Path) -> dict[str, Any]:
    net = ddx.load(path).bayesnet()
    return {"peer": junction_tree_entries(net), "dense": tree_entries(net)}


def solve_one(path: Path, item: dict[str, Any]) -> dict[str, Any]:
    """One problem of the competition against its official answer."""
    net = ddx.load(path).bayesnet()
    start = time.process_time()
    model = prepared(net)
    seconds = time.process_time() - start
    evidence = {str(k): str(v) for k, v in item["evidence_index"].items()}
    start = time.process_time()
    belief = model.posteriors(evidence)
    query = time.process_time() - start
    rows = item["expected"]["marginals_by_index"].items()
    off = max(abs(a - b) for index, row in rows for a, b in zip(belief[index].values(), row, strict=True))
    log10 = abs(belief.log_evidence / math.log(10) - item["expected"]["log10_partition_function"])
    told = {"seconds": seconds, "query": query, "off": off, "log10": log10, "exact": belief.exact, "peak": peak_gib()}
    return {**told, "entries": model.structure.entries, "nodes": len(net.nodes), "found": len(evidence)}


def in_own_process(*arguments: str) -> Any:
    done = subprocess.run([sys.executable, __file__, "--one", *arguments], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def print_bundled(names: list[str]) -> None:
    print("| network | variables | entries: pyAgrum | ours | possible | compile s | first query s | peak GiB |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name in names:
        told, sizes = in_own_process("compile", name), in_own_process("sizes", name)
        if isinstance(told, str) or isinstance(sizes, str):
            print(f"| {name} | {told if isinstance(told, str) else sizes} |")
            continue
        print(
            f"| {name} | {told['nodes']:,} | {sizes['peer']:,.0f} | {sizes['dense']:,.0f} | {told['entries']:,} "
            f"| {told['seconds']:.2f} | {told['first']:.3f} | {told['peak']:.2f} |",
            flush=True,
        )


def print_set(index: Path) -> None:
    items = json.loads(index.read_text())["items"]
    print("\n| problem | variables | findings | answer | entries | compile s | query s | peak GiB | off | log10 off |")
    print("|---|---:|---:|---|---:|---:|---:|---:|---:|---:|")
    for item in items:
        if item["group"] != GROUP or not item.get("network_as_bayes"):
            continue
        told = in_own_process("solve", str(index), item["id"])
        name = item["id"] + ("" if item["checked"]["agrees"] else " *")
        if isinstance(told, str):
            print(f"| {name} | {told} |")
            continue
        right = told["off"] <= item["tolerance"] and told["log10"] <= item["log10_tolerance"]
        answer = ("exact, right" if right else "exact, WRONG") if told["exact"] else "approximate"
        print(
            f"| {name} | {told['nodes']:,} | {told['found']} | {answer} | {told['entries']:,} | {told['seconds']:.2f} "
            f"| {told['query']:.4f} | {told['peak']:.2f} | {told['off']:.0e} | {told['log10']:.0e} |",
            flush=True,
        )
    print("\n\\* solved by neither pyAgrum nor Merlin in 25 s and 6 GiB")


def one(what: str, *arguments: str) -> None:
    if what == "solve":
        index = Path(arguments[0])
        item = next(i for i in json.loads(index.read_text())["items"] if i["id"] == arguments[1])
        print(json.dumps(solve_one(index.parent / item["network_as_bayes"], item)))
    else:
        print(json.dumps({"compile": compile_one, "sizes": sizes_of}[what](Path(bundled(arguments[0])))))


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        return one(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, metavar="INDEX", help="index.json of a conformance set")
    parser.add_argument("networks", nargs="*", help="of those that come with pgmpy")
    chosen = parser.parse_args()
    print(machine() + "\n")
    everything = sorted(path.name.removesuffix(".bif.gz") for path in Path(bundled("asia")).parent.glob("*.bif.gz"))
    print_bundled(chosen.networks or everything)
    if chosen.set:
        print_set(chosen.set)
    return None


if __name__ == "__main__":
    main()
