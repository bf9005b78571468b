"""Cases on the shelf without a YAML reader: what was read once is kept as JSON, under the hash of its bytes."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import replace
from pathlib import Path

from ddx.documents import DocumentError, parse, read, read_bytes
from ddx.engine import cache
from ddx.evidence import Case, case_of
from ddx.storage import write_atomically

FORM = 1  # raise it when what is kept changes its form


def shelved_case(path: Path) -> Case:
    """The case in a file of the shelf, from the cache where it is there."""
    name = hashlib.sha256(f"case {FORM}\n".encode() + read_bytes(path)).hexdigest()
    kept = cache.folder() / f"{name}.json"
    try:
        document = parse(kept.read_text(encoding="utf-8"), path.name, "json")
        return case_of(replace(document, lines={}))  # the lines of what is kept are not those of the file
    except (OSError, DocumentError):
        document = read(path)
        _keep(kept, json.dumps(document.value, ensure_ascii=False))
        return case_of(document)


def _keep(path: Path, text: str) -> None:
    """Write it in one step; a folder that cannot be written is no error."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, text.encode(), 0o600)
