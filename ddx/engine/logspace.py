"""Evidence that float64 cannot hold: the same passes in logarithms.

Slower by an order of magnitude, and right whatever the numbers: products of tables that underflow, and evidence of
probability 1e-2000. It also decides what is impossible: log P(evidence) is -inf only where it is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddx.engine.structure import Structure

Floats = npt.NDArray[np.float64]


def log_products(structure: Structure, tables: Floats) -> Floats:
    """(entries,) sum of the logarithms of every clique's factors."""
    found = np.zeros(structure.entries)
    with np.errstate(divide="ignore"):
        logs = np.log(tables)
    for f, clique in enumerate(structure.factor_clique.tolist()):
        place = structure.factor_maps[structure.factor_map_start[f] : structure.factor_map_start[f + 1]]
        found[structure.entry_start[clique] : structure.entry_start[clique + 1]] += logs[place]
    return found


def run(structure: Structure, logs: Floats, likelihood: Floats, marginals: bool = True) -> tuple[Floats, Floats]:
    """Marginals (states, lanes) and log P(evidence) (lanes,) in nats; `logs` from `log_products`."""
    lanes = likelihood.shape[1]
    message = np.zeros((structure.messages, lanes))
    with np.errstate(divide="ignore"):
        message[: structure.states] = np.log(likelihood)
    work = np.empty((structure.entries, lanes))
    blocks = [_block(structure, c) for c in range(structure.cliques)]
    for c in range(structure.cliques - 1, -1, -1):
        entries, separator, begins, block = blocks[c]
        values = work[entries]
        values[...] = logs[entries, None]
        for k in range(block.shape[1]):
            values += message[block[:, k]]
        message[separator] = log_segment_sums(values, begins)
    log_evidence: Floats = message[blocks[0][1]][0].copy()
    if not marginals:
        return np.empty((0, lanes)), log_evidence
    reached = np.full((structure.messages, lanes), -np.inf)
    reached[blocks[0][1]] = np.where(np.isfinite(log_evidence), 0.0, -np.inf)
    for entries, separator, begins, block in blocks:
        old = message[separator]
        shift = np.where(np.isfinite(old), reached[separator] - np.where(np.isfinite(old), old, 0.0), -np.inf)
        values = work[entries]
        values += np.repeat(shift, np.diff(begins, append=len(values)), axis=0)
        for k in range(block.shape[1]):
            order = np.argsort(block[:, k], kind="stable")
            place = block[order, k]
            firsts = np.flatnonzero(np.concatenate([[True], place[1:] != place[:-1]]))
            reached[place[firsts]] = log_segment_sums(values[order], firsts)
    found = np.exp(reached[: structure.states])
    sums = np.add.reduceat(found, structure.node_start[:-1], axis=0)  # 1 but for the digits that large logarithms lack
    return found / np.repeat(np.where(sums > 0, sums, 1.0), np.diff(structure.node_start), axis=0), log_evidence


def log_segment_sums(values: Floats, firsts: npt.NDArray[np.intp]) -> Floats:
    """log of the sums of exp over consecutive rows."""
    peak = np.maximum.reduceat(values, firsts, axis=0)
    safe = np.where(np.isfinite(peak), peak, 0.0)
    lengths = np.diff(firsts, append=len(values))
    with np.errstate(divide="ignore"):
        summed: Floats = np.log(np.add.reduceat(np.exp(values - np.repeat(safe, lengths, axis=0)), firsts, axis=0))
    return summed + safe


def _block(structure: Structure, c: int) -> tuple[slice, slice, npt.NDArray[np.intp], npt.NDArray[np.int32]]:
    first, last = structure.entry_start[c : c + 2].tolist()
    start, stop = structure.message_start[c : c + 2].tolist()
    begins = (structure.segment_start[start - structure.states : stop - structure.states] - first).astype(np.intp)
    block = structure.maps[structure.map_start[c] : structure.map_start[c + 1]].reshape(last - first, -1)
    return slice(first, last), slice(start, stop), begins, block
