"""On what does an answer rest? What every answer carries, whatever was asked.

The tool, the network and its hash, the setting, the evidence as understood, P(evidence), whether the numbers are exact,
and a hash over all of it by which the answer can be made again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ddx import __version__
from ddx.network import Network
from ddx.reasoning.understanding import State, Understood

INTENDED_USE = (
    "For education and decision support: it shows its basis for independent review, is not for time-critical use, "
    "and has not been validated prospectively."
)

OUTSIDE, UNUSUAL = 0.02, 0.05  # tails below them

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


class Tail(NamedTuple):
    """How far a case lies outside what the network explains, as `coverage` finds it: a share of patients drawn."""

    share: float
    patients: int

    @property
    def word(self) -> str:
        """inside, unusual or outside."""
        return "outside" if self.share < OUTSIDE else "unusual" if self.share < UNUSUAL else "inside"

    @property
    def strong_words(self) -> bool:
        """Whether an answer may speak plainly of what is probable."""
        return self.word != "outside"


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer rests on. `log_evidence_nats` is log P(all evidence); `tail` is there where it was asked for."""

    network: str
    version: str
    sha256: str
    understood: Understood
    exact: bool
    log_evidence_nats: float
    tool_version: str = __version__
    tail: Tail | None = None

    @property
    def strong_words(self) -> bool:
        """Whether the answer may speak plainly of what is probable, as far as is known."""
        return self.tail is None or self.tail.strong_words

    @property
    def log10_evidence(self) -> float:
        return self.log_evidence_nats / math.log(10)

    def result_sha256(self, question: str, options: Mapping[str, Plain]) -> str:
        """SHA-256 over the canonical network, the canonical evidence, the question with its options, the version."""
        evidence = sorted((u.finding, canonical_state(u.said)) for u in self.understood.used)
        told: dict[str, object] = {
            "tool": self.tool_version,
            "network": self.sha256,
            "setting": self.understood.setting,
            "evidence": [list(pair) for pair in evidence],
            "question": question,
            "options": dict(options),
        }
        text = json.dumps(told, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def basis_of(network: Network, understood: Understood, log_evidence_nats: float, exact: bool = True) -> Basis:
    """The basis of an answer in a network."""
    return Basis(network.name, network.version, network.sha256, understood, exact, log_evidence_nats)


def canonical_state(said: State) -> str:
    """A state by its name, a likelihood by its shares as fractions: likelihoods are free of scale.

    The numbers count as the decimals that they are written as, so that no rounding tells two scales apart.

    >>> canonical_state({"positive": 0.9, "negative": 0.1}), canonical_state({"negative": 200, "positive": 1800.0})
    ('~negative:1/10,positive:9/10', '~negative:1/10,positive:9/10')
    """
    if isinstance(said, str):
        return f"={said}"
    from fractions import Fraction

    weights = {state: Fraction(repr(float(weight))) for state, weight in said.items()}
    total = sum(weights.values())
    return "~" + ",".join(f"{state}:{weight / total}" for state, weight in sorted(weights.items()))
