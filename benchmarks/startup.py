"""What one cold process costs: CPU time of `ddx diagnose -c seed` as a multiple of `python -c pass`.

    python benchmarks/startup.py [REPEATS]

The two are run in turn, and the smallest of each is compared: the rest is the machine's other work. The compiled
network is in the cache, as it is for every query but the first.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile

BARE = [sys.executable, "-c", "pass"]
QUERY = [sys.executable, "-m", "ddx", "diagnose", "-c", "seed"]
LARGEST_RATIO = 20.0
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"OMP_NUM_THREADS": "1"}


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one process, children included; away from a checkout, so that the installed ddx runs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT, cwd=tempfile.gettempdir())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(repeats: int) -> int:
    cpu_seconds(QUERY)
    pairs = [(cpu_seconds(BARE), cpu_seconds(QUERY)) for _ in range(repeats)]
    bare, query = (min(times) for times in zip(*pairs, strict=True))
    print(f"python -c pass          {bare * 1000:7.1f} ms CPU")
    print(
        f"ddx diagnose -c seed    {query * 1000:7.1f} ms CPU   {query / bare:.1f} times   (at most {LARGEST_RATIO:.0f})"
    )
    return int(query / bare > LARGEST_RATIO)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
