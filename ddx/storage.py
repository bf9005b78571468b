"""Writing files so that they are there whole or not at all, and telling whether some have changed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

PRIVATE = 0o600  # of what is about a patient
LEFT_OVER_SECONDS = 60.0  # an unfinished file is that old before it counts as left behind


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put `data` in place of `path`: a new file beside it, fsync, rename, fsync of the folder. OSError where it cannot.

    Two writers never share a file: the last to finish wins, whole. What a writer that was killed left beside `path` is
    cleared away.
    """
    _clear_left_over(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(temporary, flags, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # whatever it was, also an interrupt: no half of a file stays
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _clear_left_over(path: Path) -> None:
    """Remove the unfinished files of writers of `path` that are no longer there."""
    prefix = f".{path.name}."
    for file in path.parent.iterdir() if path.parent.is_dir() else ():
        writer = file.name.removeprefix(prefix).partition(".")[0]
        if file.name.startswith(prefix) and writer.isascii() and writer.isdigit() and not _runs(int(writer)):
            with contextlib.suppress(OSError):
                if time.time() - file.stat().st_mtime > LEFT_OVER_SECONDS:
                    file.unlink()


def _runs(process: int) -> bool:
    """Whether a process of that number is there; True where that cannot be told."""
    if os.name != "posix" or process <= 0:
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def stamp_of(folders: Iterable[Path], endings: tuple[str, ...]) -> str:
    """A text that changes when a file of these endings in these folders does: names, sizes and times, nothing read.

    Empty where there is none, or a folder cannot be listed.
    """
    found = []
    try:
        for folder in folders:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(endings):
                        status = entry.stat()
                        found.append(f"{entry.name} {status.st_size} {status.st_mtime_ns}")
    except OSError:
        return ""
    return "\n".join(sorted(found))
