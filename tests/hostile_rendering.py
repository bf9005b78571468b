"""How is an item of the hostile set asked of ddx? Its file as it is, or its hazard in the format that ddx has.

Networks of other tools, phenopackets and tables are final and are asked as they are. Cases in YAML and JSON get the
first line of a case of ddx and are otherwise untouched. Networks in YAML and command lines were written for a made-up
format: `YAML` and `LINES` render each anew, by the id of the item.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostile_texts import G_IS_F, NETWORK, B, changed, improbable

OBO = "format-version: 1.2\n\n[Term]\nid: HP:0002197\nis_a: HP:0001250\n\n[Term]\nid: HP:0001250\n"
P = "        D: {present: {p: 0.9,"
INCLUDE = "include: {}\ndiseases:\n"
PRESENT = "F=present"
NFC, NFD = "\u00e9", "e\u0301"


@dataclass(frozen=True, slots=True)
class Trial:
    """One command: its words, the files that it finds, what is set around it."""

    arguments: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)  # words of the item -> what ddx calls it
    interrupt: bool = False  # waits for standard input until it is interrupted
    writes: str = ""  # a file that must not be there after a refusal


def trials(item: dict[str, Any], folder: Path) -> list[Trial]:
    """The commands that an item asks of ddx; KeyError for one that is rendered by nobody. `folder` holds the set."""
    if item["kind"] == "cli":
        return LINES[item["id"].removeprefix("cli-args-")](item)
    if item["kind"] == "network" and item["format"] == "yaml":
        return [_network(text) for text in YAML[item["id"].removeprefix("network-yaml-")]]
    if item["id"] == "case-yaml-extreme-1e-300":
        case = "ddx: case/1\nfindings:\n" + "".join(f"  F{i}: present\n" for i in range(60))
        return [_case("case.yaml", case.encode(), improbable(60))]
    data, name = (folder / item["file"]).read_bytes(), Path(item["file"]).name
    if item["kind"] == "network":
        evidence = [word.lstrip("v") if item["format"] == "uai" else word for word in given(item)]
        return [Trial(("posterior", "-n", name, *evidence, "--json"), {name: data})]
    if item["format"] == "phenopacket":
        files = {name: data, "hp.obo": OBO.encode()}
        return [Trial(("diagnose", "-c", name, "--json"), files, {"DDX_ONTOLOGY": "hp.obo"})]
    if item["format"] == "csv":
        tables = [
            Trial(("diagnose", "-n", "net.yaml", "-c", name, "--csv"), {name: data, "net.yaml": NETWORK.encode()})
        ]
        return tables if item["must"] == "NEUTRALISE" else [_case(name, data), *tables]
    return [_case(f"case.{item['format']}", _ours(data, item["format"]), NETWORK + G_IS_F)]


def given(item: dict[str, Any]) -> list[str]:
    """The evidence of the promise `P(D=present|F=present)=...`."""
    promise = str(item.get("if_accepted") or "")
    return [promise.partition("|")[2].partition(")")[0]] if "|" in promise else []


def _ours(data: bytes, format_: str) -> bytes:
    """A case of the set as a case of ddx."""
    if format_ == "yaml":
        return b"ddx: case/1\n" + data
    coding = "utf-16-le" if data.startswith(b"\xff\xfe") else "utf-8"
    text = data.decode(coding)
    return text.replace("{", '{"ddx": "case/1", ', 1).encode(coding)


def _network(text: str | bytes) -> Trial:
    data = text if isinstance(text, bytes) else text.encode()
    named = "NO" if b"  NO:" in data else "F"
    return Trial(("posterior", "-n", "net.yaml", f"{named}=present", "--json"), {"net.yaml": data})


def _case(name: str, data: bytes, network: str = NETWORK) -> Trial:
    files = {name: data, "net.yaml": network.encode()}
    return Trial(("posterior", "-n", "net.yaml", "-c", name, "--json"), files)


def _json_as_yaml() -> str:
    from ruamel.yaml import YAML as Reader

    return json.dumps(Reader(typ="safe", pure=True).load(NETWORK))


YAML: dict[str, list[str | bytes]] = {
    "alias-control": [
        changed(
            ("{label: The disease}", "{label: The disease, states: &s [absent, present]}"),
            ("    states: [absent, present]\n", "    states: *s\n"),
        )
    ],
    "ansi-in-label": [changed(("The finding", r'"F\e[31mRED\e]8;;http://evil\a"'))],
    "citation-missing-with-required": [changed(("p: 0.9, source: s", "p: 0.9"))],
    "control": [NETWORK],
    "crlf": [NETWORK.replace("\n", "\r\n")],
    "decimal-comma": [changed(("{p: 0.9,", "{p: '0,9',")), changed(("{p: 0.9,", "{p: 0,9,"))],
    "duplicate-key-node": [NETWORK + "  F: {label: x, states: [absent, present], tier: exam, model: {kind: table}}\n"],
    "duplicate-key-state": [
        changed((f"{{present: {{p: 0.9, {B}}}}}", f"{{present: {{p: 0.9, {B}}}, present: {{p: 0.8, {B}}}}}"))
    ],
    "exp-without-dot": [changed(("{D: {p: 0.1", "{D: {p: 1e-1")), changed(("{p: 0.9", "{p: 9e-1"))],
    "include-absolute": [changed(("diseases:\n", INCLUDE.format("/etc/passwd")))],
    "include-traversal": [changed(("diseases:\n", INCLUDE.format("../../../../etc/passwd")))],
    "include-url": [changed(("diseases:\n", INCLUDE.format("http://127.0.0.1:9/x.yaml")))],
    "js-url-in-source": [changed(("{citation: c}", "{citation: c, url: 'javascript:alert(1)'}"))],
    "json-as-yaml": [_json_as_yaml()],
    "noisy-or-over-1": [
        NETWORK + NETWORK[NETWORK.index("  F:\n") :].replace("  F:\n", "  G:\n").replace("p: 0.9", "p: 1.2")
    ],
    "norway-node": [changed(("  F:\n", "  NO:\n"))],
    "null-prob": [changed(("p: 0.9,", "p: ,")), changed((f"p: 0.9, {B}", f"p: null, {B}"))],
    "octal-and-sexagesimal": [
        changed(('version: "1.10"', "version: 1.10")),
        changed(("p: 0.9,", "p: 012,")),
        changed(("p: 0.9,", "p: 22:30,")),
    ],
    "python-tag": [
        changed(("label: everybody", 'label: !!python/object/apply:os.system ["touch /tmp/ddx_pwned"]')),
        NETWORK + 'evil: !!python/object/apply:os.system ["touch /tmp/ddx_pwned"]\n',
    ],
    "row-sum": [changed((f"{{present: {{p: 0.9, {B}}}}}", f"{{present: {{p: 0.8, {B}}}, absent: {{p: 0.1, {B}}}}}"))],
    "two-documents": [f"{NETWORK}---\n{NETWORK}"],
    "unicode-nfc-nfd": [
        changed(("  D: {l", f"  caf{NFC}: {{l"), ("{D: {p", f"{{caf{NFD}: {{p"), ("  D: {pre", f"  caf{NFD}: {{pre"))
    ],
    "unknown-format": [changed(("network/1", "network/99"))],
}


def _line(*words: str, **more: Any) -> Trial:
    return Trial(words, {"net.yaml": NETWORK.encode()}, **more)


def _number(item: dict[str, Any], *options: str) -> list[Trial]:
    """The option as it is written, which ddx does not have, and options of ddx that take a number."""
    name, value = item["argv"][1:]
    asked = [_line("diagnose", "-n", "net.yaml", PRESENT, name, value)]
    for option in options:
        command = ["next"] if option in ("--limit", "--plan") else ["credible"]
        asked.append(_line(*command, "-n", "net.yaml", PRESENT, option, value, renamed={name: option}))
    return asked


def _findings(*findings: str, **more: Any) -> list[Trial]:
    return [_line("diagnose", "-n", "net.yaml", *findings, **more)]


def _existing(_item: dict[str, Any]) -> list[Trial]:
    files = {"EXISTING_FILE": b"mine", "net.yaml": NETWORK.encode()}
    return [Trial(("convert", "net.yaml", "EXISTING_FILE"), files)]


def _zero(_item: dict[str, Any]) -> list[Trial]:
    return [
        Trial((command, *words), {"net.yaml": NETWORK.encode()})
        for command, *words in (
            ("diagnose", "-n", "/dev/zero"),
            ("diagnose", "-n", "net.yaml", "-c", "/dev/zero"),
            ("convert", "/dev/zero", "x.bif"),
        )
    ]


LINES: dict[str, Callable[[dict[str, Any]], list[Trial]]] = {
    "bad-number": lambda item: _number(item, "--limit", "--plan", "--draws", "--seed"),
    "case-fold-ambiguous": lambda _: _findings("f=present"),
    "ctrl-c": lambda _: _findings("-c", "-", interrupt=True),
    "dev-zero": _zero,
    "double-equals": lambda _: _findings("F=a=b"),
    "empty-name": lambda _: _findings("=present"),
    "huge-arg": lambda item: _findings(item["argv"][2]),
    "huge-number": lambda item: _number(item, "--plan", "--draws"),
    "many-args": lambda item: _findings(*item["argv"][2::2]),
    "missing-file": lambda item: [_line(*item["argv"]), _line("diagnose", "-n", "net.yaml", "-c", item["argv"][2])],
    "nan-number": lambda item: _number(item, "--limit", "--plan", "--draws", "--seed"),
    "negative-number": lambda item: _number(item, "--limit", "--plan", "--draws"),
    "no-args": lambda _: [_line()],
    "non-utf8-locale": lambda _: [
        _line("diagnose", "-n", "net.yaml", PRESENT, env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}),
        _line("explain", "D", "-n", "net.yaml", PRESENT, env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}),
    ],
    "out-dir-missing": lambda _: [
        _line("convert", "net.yaml", "nowhere/dir/x.bif", writes="nowhere"),
        _line("convert", "seed", "nowhere/dir/x.json", writes="nowhere"),
    ],
    "out-exists": _existing,
    "smart-quotes": lambda item: _findings(item["argv"][2]),
    "unknown-command": lambda item: [_line(*item["argv"])],
    "unknown-option": lambda item: [_line(*item["argv"])],
    "zero-number": lambda item: _number(item, "--limit", "--plan", "--draws"),
}
