"""What are the odds of one disease in many what-ifs? Two numbers for each what-if, and no marginal of anything else.

    log odds(D | e) = log P(e, D) - log P(e, not D)

Nothing is subtracted from 1, so that the odds keep their digits where the disease is all but certain. Where one of the
two is impossible there is no such number: the odds are infinite, and no number (NaN) where both are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ddx.engine.model import Model
from ddx.knowledge.lexicon import Entry
from ddx.reasoning.lanes import places

Floats = npt.NDArray[np.float64]


def log_evidence(model: Model, columns: Sequence[Floats]) -> Floats:
    """(what-ifs,) log P(evidence) in nats of each likelihood (states,)."""
    if not columns:
        return np.zeros(0)
    return model.lanes(np.stack(columns, axis=1), marginals=False).log_evidence


def log_odds(model: Model, columns: Sequence[Floats], entry: Entry) -> Floats:
    """(what-ifs,) log odds of the entry in nats; NaN where the what-if itself is impossible."""
    return log_odds_between(model, columns, held(model, entry, present=True), held(model, entry, present=False))


def log_odds_between(model: Model, columns: Sequence[Floats], one: Floats, other: Floats) -> Floats:
    """(what-ifs,) log P(evidence, one) - log P(evidence, other) in nats, for two hypotheses as lanes of 0 and 1.

    Infinite where one of them is impossible, NaN where both are.
    """
    joint = log_evidence(model, [column * hypothesis for hypothesis in (one, other) for column in columns])
    with np.errstate(invalid="ignore"):
        odds: Floats = joint[: len(columns)] - joint[len(columns) :]
    return odds


def held(model: Model, entry: Entry, *, present: bool) -> Floats:
    """(states,) 1 where the entry is present (or absent), and for every state of other nodes."""
    lane = np.ones(model.layout.total)
    lane[list(places(model, entry)[1 if present else 0])] = 0.0
    return lane
