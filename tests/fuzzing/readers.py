"""Every reader of ddx under random and guided damage, for a bounded time: read or refused, never anything else.

    python tests/fuzzing/readers.py [--engine hypothesis | atheris] [--seconds 20] [READER ...]

`--seconds` is for each reader. Hypothesis damages good files piece by piece; atheris follows the code that each input
reaches. Good files come from the sets that DDX_CONFORMANCE and DDX_HOSTILE name (an index.json each), where they are
set, and from the project's own tests. A reader may return or raise a DdxError whose message is printable and short;
anything else, or more than five seconds, is a find: the input is written to the folder `fuzz-finds` and the exit code
is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
LONGEST_SECONDS = 5.0
LONGEST_MESSAGE = 20_000  # of all problems of one file together
LARGEST_SEED = 20_000  # bytes
FINDS = Path("fuzz-finds")
NETWORKS = ("bif", "xmlbif", "xdsl", "net", "uai", "gz")
CASES = ("evid", "csv", "obo", "phenopacket", "fhir", "case-yaml", "case-json", "line", "report")
NAMES = (*NETWORKS, *CASES, "network-yaml", "roles", "review")

Reader = Callable[[bytes], object]


def readers() -> dict[str, Reader]:
    """Every reader by name; imported here, so that atheris can watch the imports."""
    import ddx
    from ddx.documents import decode, parse
    from ddx.evidence import case_of, observed_on_the_line
    from ddx.exchange import bif, csvcases, fhir, hugin, ontology, phenopacket, report, uai, xdsl, xmlbif
    from ddx.exchange.source import Source
    from ddx.knowledge.check import check_file
    from ddx.knowledge.load import shape_of
    from ddx.knowledge.review import Review
    from ddx.knowledge.roles import Roles
    from ddx.reasoning.understanding import understand

    toy = ddx.load(str(TESTS / "data" / "toy.yaml"))
    coded = ddx.load("scleroderma-mimics").spec
    assert coded is not None
    scratch = Path(tempfile.mkdtemp(prefix="ddx-fuzz-"))

    def of_source(read: Callable[[Source], object]) -> Reader:
        return lambda data: read(Source(data, "file", "file"))

    def packed(data: bytes) -> object:
        from ddx.exchange.files import read_network

        (scratch / "net.bif.gz").write_bytes(data)
        return read_network(scratch / "net.bif.gz")

    def network(data: bytes) -> object:
        (scratch / "net.yaml").write_bytes(data)
        return check_file(scratch / "net.yaml", {})

    def document(data: bytes, kind: str = "yaml") -> Any:
        return parse(decode(data, "file"), "file", kind)

    def line(data: bytes) -> object:
        from ddx.evidence import Case

        words = data.decode("utf-8", "surrogateescape").split("\n")
        return understand(toy, Case(observed_on_the_line(words)))

    return {
        "bif": of_source(bif.read),
        "xmlbif": of_source(xmlbif.read),
        "xdsl": of_source(xdsl.read),
        "net": of_source(hugin.read),
        "uai": of_source(uai.read),
        "gz": packed,
        "evid": of_source(uai.read_evidence),
        "csv": of_source(csvcases.read),
        "obo": of_source(ontology.read),
        "phenopacket": of_source(lambda source: phenopacket.read(source, coded)),
        "fhir": of_source(lambda source: fhir.read(source, coded)),
        "case-yaml": lambda data: understand(toy, case_of(document(data))),
        "case-json": lambda data: understand(toy, case_of(document(data, "json"))),
        "network-yaml": network,
        "roles": lambda data: shape_of(Roles, document(data)),
        "review": lambda data: shape_of(Review, document(data)),
        "line": line,
        "report": of_source(report.read),
    }


def judged(read: Reader, data: bytes) -> str:
    """What is wrong with what a reader does with an input; nothing where it reads or refuses it."""
    from ddx.errors import DdxError

    start = time.perf_counter()
    try:
        read(data)
    except DdxError as fault:
        message = str(fault)
        shown = message.replace("\n", "")
        if len(message) > LONGEST_MESSAGE:
            return f"a message of {len(message)} characters"
        if not shown.isprintable() and not _escaped_by_the_command_line(shown):
            return f"a message that cannot be shown: {message[:200]!r}"
    except Exception as fault:  # noqa: BLE001 - that is what is looked for
        return f"{type(fault).__name__}: {str(fault)[:200]}"
    seconds = time.perf_counter() - start
    return f"{seconds:.1f} s" if seconds > LONGEST_SECONDS else ""


def _escaped_by_the_command_line(message: str) -> bool:
    """Names of findings are repeated as typed; `ddx` escapes them when it prints."""
    from ddx.cli import shown

    return shown(message).isprintable()


def seeds(name: str) -> list[bytes]:
    """Good and bad inputs of one kind, the project's own first."""
    return [*_own()[name], *_of_sets(name)]


def _own() -> dict[str, list[bytes]]:
    sys.path.insert(0, str(TESTS))
    from ddx.knowledge import catalog
    from hostile_texts import NETWORK

    toy = (TESTS / "data" / "toy.yaml").read_bytes()
    cases = [path.read_bytes() for path in catalog.cases().values()]
    features = [{"type": {"id": "HP:0000989", "label": "x"}, "excluded": True}, {"type": {"id": "HP:0011838"}}]
    packet = {"id": "x", "subject": {"sex": "MALE"}, "phenotypicFeatures": features, "metaData": {"created": "x"}}
    coding = {"coding": [{"system": "http://human-phenotype-ontology.org", "code": "HP:0000989"}]}
    observation = {"resourceType": "Observation", "status": "final", "code": coding, "valueBoolean": False}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": observation}]}
    json_case = {"ddx": "case/1", "subject": {"sex": "male"}, "findings": {"fever": "present", "kind": "unknown"}}
    yaml_case = b"ddx: case/1\nfindings:\n  fever: {likelihood: {present: 0.9, absent: 1e-1}}\n  kind: unknown\n"
    review = b"ddx: review/1\nnetwork: t\nreader: R\nnumbers:\n  findings/F/model/given/D/present: 9/10\n"
    obo = b"format-version: 1.2\n\n[Term]\nid: HP:1\nalt_id: HP:2\nis_a: HP:3 ! x\n\n[Term]\nid: HP:3\n"
    saved = {
        "format": "ddx/differential/1",
        "tool": {"version": "1"},
        "network": {"name": "t", "sha256": "0"},
        "setting": None,
        "evidence": {"used": [{"finding": "F", "state": "present"}], "unknown": ["G"]},
        "diseases": [{"id": "D", "posterior": 0.5}],
        "result_sha256": "0",
    }
    return {
        **_networks(),
        "report": [json.dumps(saved).encode()],
        "evid": [b"2 0 1 2 0\n", b"1\n1 3 0\n"],
        "csv": [b'case,F,subject.age\nc1,present,52\n"c\n2",,\n', b"case,finding,state\nc1,F,present\n"],
        "obo": [obo],
        "phenopacket": [json.dumps(packet).encode()],
        "fhir": [json.dumps(bundle).encode()],
        "case-yaml": [yaml_case, *cases[:2]],
        "case-json": [json.dumps(json_case).encode()],
        "network-yaml": [NETWORK.encode(), toy],
        "roles": [path.read_bytes() for path in [*catalog.roles().values()][1:2]],
        "review": [review],
        "line": [b"fever\nkind=?\nsex=male", b"no-fever\nfever=0.9\nkind=x"],
    }


def _networks() -> dict[str, list[bytes]]:
    """One network with a table, a noisy-MAX and a name with a blank, in every format."""
    import gzip

    import numpy as np

    from ddx.exchange import bif, hugin, uai, xdsl, xmlbif
    from ddx.knowledge.bayesnet import BayesNet, LocalModel, NoisyMax, Table, Term

    states = {"D": ("present", "absent"), "F x": ("0", "1"), "G": ("none", "some", "much")}
    noisy = NoisyMax((Term(("D",), np.array([[0.2, 0.3, 0.5], [1, 0, 0]])), Term((), np.array([0.9, 0.1, 0]))))
    table = Table(("D",), np.array([[0.9, 0.1], [0.05, 0.95]]))
    models: dict[str, LocalModel] = {"D": Table((), np.array([0.1, 0.9])), "F x": table, "G": noisy}
    network = BayesNet.build("seed", states, models)
    formats = {"bif": bif, "xmlbif": xmlbif, "xdsl": xdsl, "net": hugin, "uai": uai}
    written = {name: [format_.write(network).encode()] for name, format_ in formats.items()}
    return {**written, "gz": [gzip.compress(written["bif"][0], mtime=0)]}


def _of_sets(name: str) -> Iterator[bytes]:
    """Small files of that kind in the sets that the environment names."""
    endings = {
        "net": (".net",),
        "gz": (".bif.gz",),
        "xmlbif": (".bifxml", ".xmlbif"),
        "case-yaml": (".yaml",),
        "case-json": (".json",),
        "phenopacket": (".phenopacket",),
    }
    for variable in ("DDX_HOSTILE", "DDX_CONFORMANCE"):
        index = Path(os.environ.get(variable, ""))
        if not index.is_file():
            continue
        for item in json.loads(index.read_text(encoding="utf-8"))["items"]:
            file = index.parent / str(item.get("file") or item.get("network"))
            if file.is_file() and file.name.endswith(endings.get(name, (f".{name}",))):
                data = file.read_bytes()
                if len(data) <= LARGEST_SEED:
                    yield data


def by_hypothesis(name: str, read: Reader, seconds: float) -> bytes | None:
    """Damages good inputs until the time is over; a find made small, or None."""
    good, stop = seeds(name), time.monotonic() + seconds
    for number in itertools.count():
        found = _searched(read, good, stop, number)
        if found is not None or time.monotonic() >= stop:
            return found
    return None


def _searched(read: Reader, good: Sequence[bytes], stop: float, number: int) -> bytes | None:
    """Two hundred damaged inputs, the same for the same number."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    from fuzzing.damage import damaged

    found: list[bytes] = []

    @seed(number)
    @settings(
        max_examples=200,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged(good))
    def attempt(data: bytes) -> None:
        if time.monotonic() < stop and judged(read, data):
            found.append(data)
            raise AssertionError

    with contextlib.suppress(AssertionError):
        attempt()
    return found[-1] if found else None


def by_atheris(name: str, seconds: float) -> bytes | None:
    """Lets atheris look for inputs in a process of its own, which ends when it finds one or the time is over."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for data in seeds(name):
            (corpus / hashlib.sha256(data).hexdigest()).write_bytes(data)
        command = [sys.executable, __file__, "--inside", name, str(corpus), f"-max_total_time={int(seconds)}"]
        command += ["-timeout=10", "-rss_limit_mb=2048", f"-artifact_prefix={folder}/find-", "-max_len=4096", "-seed=1"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        print("   ", next((line for line in done.stderr.splitlines()[::-1] if " cov: " in line), "no coverage told"))
        finds = [*Path(folder).glob("find-*")]
        if finds:
            return finds[0].read_bytes()
        if done.returncode != 0:
            raise SystemExit(f"atheris ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return None


def inside(name: str, arguments: list[str]) -> None:
    """The process that atheris runs in."""
    import atheris

    with atheris.instrument_imports(include=["ddx"]):
        read = readers()[name]

    def attempt(data: bytes) -> None:
        fault = judged(read, data)
        if fault:
            raise RuntimeError(fault)

    atheris.Setup([sys.argv[0], *arguments], attempt)
    atheris.Fuzz()


def main() -> int:
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", nargs="*")
    parser.add_argument("--engine", choices=("hypothesis", "atheris"), default="hypothesis")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    known = readers()
    finds = 0
    for name in options.reader or known:
        print(f"{name}: {options.engine}, {len(seeds(name))} seeds, {options.seconds:.0f} s", flush=True)
        if options.engine == "atheris":
            found = by_atheris(name, options.seconds)
        else:
            found = by_hypothesis(name, known[name], options.seconds)
        if found is not None:
            finds += 1
            FINDS.mkdir(exist_ok=True)
            file = FINDS / f"{name}-{hashlib.sha256(found).hexdigest()[:12]}"
            file.write_bytes(found)
            print(f"    FOUND {judged(known[name], found)}: {file} {found[:120]!r}", flush=True)
    print(f"{finds} finds")
    return int(finds > 0)


if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))
    sys.exit(main())
