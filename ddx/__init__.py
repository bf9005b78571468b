"""Differential diagnosis by exact Bayesian networks, with a source behind every number.

    network = ddx.load("scleroderma-mimics")     # a name on the shelf, or a file
    model = ddx.compile(network)                 # in the network's default setting
    belief = model.posteriors({"raynaud": "absent"})
    belief["scleromyxedema"]                     # {"absent": ..., "present": ...}

Every error that a user can mend is under `ddx.errors.DdxError`. Each name below is imported when it is first
used, so that `import ddx` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ddx import errors as errors
    from ddx.evidence import Case as Case
    from ddx.network import Network as Network
    from ddx.network import compile as compile
    from ddx.network import load as load

__version__ = "0.1.0"
__all__ = ["Case", "Network", "__version__", "compile", "errors", "load"]

_HOMES = {"Case": "ddx.evidence", "Network": "ddx.network", "compile": "ddx.network", "load": "ddx.network"}


def __getattr__(name: str) -> object:
    if name == "errors":
        return import_module("ddx.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'ddx' has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
