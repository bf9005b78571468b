"""Raw posteriors: every state of every variable with its probability."""

from __future__ import annotations

from collections.abc import Mapping

from ddx.engine.belief import Belief
from ddx.network import Network
from ddx.reasoning.basis import Basis, Plain
from ddx.report.figures import bar
from ddx.report.heading import heading, identity_lines
from ddx.report.json import head
from ddx.report.surface import Surface, fitted

Posteriors = Mapping[str, Mapping[str, float]]

LONGEST_NAME = 40
BAR_CELLS = 12
COLUMNS, DOUBT = 17, 10  # characters of a line beside name, state and bar; of a standard error
LEAST_NAMES = 30  # characters that names and states are to have together


def plain(basis: Basis, values: Posteriors, belief: Belief) -> dict[str, Plain]:
    """{"log10_evidence": x, "posteriors": {node: {state: p}}}, after what every answer carries.

    Approximate ones come with "standard_errors", of the same form, and "effective_samples".
    """
    found: dict[str, Plain] = {**head(basis), "posteriors": {node: dict(states) for node, states in values.items()}}
    if belief.standard_errors is not None:
        found["standard_errors"] = {node: dict(states) for node, states in belief.standard_errors.items()}
        found["effective_samples"] = belief.effective_samples
    return found


def text(network: Network, basis: Basis, values: Posteriors, surface: Surface, belief: Belief) -> str:
    """One line a state: these are numbers, so they are shown to four digits and not capped."""
    errors = belief.standard_errors
    observed = {used.finding for used in basis.understood.used}
    width, states, cells = _widths(values, surface, COLUMNS + (0 if errors is None else DOUBT))
    lines = heading(network, basis, surface)
    if errors is not None:
        lines += surface.wrapped(f"Approximate: {belief.effective_samples:,.0f} effective samples.", rest="  ")
    lines.append("")
    for node, of in values.items():
        for i, (state, probability) in enumerate(of.items()):
            name = fitted(node if i == 0 else "", width)
            mark = "*" if node in observed and i == 0 else " "
            filled = bar(probability, cells, unicode=surface.unicode)
            doubt = "" if errors is None else f" ±{errors[node][state]:<8.2g}"
            number = f"{probability:9.4g}{doubt}"
            lines.append(f"{mark} {name}  {fitted(state, states)}  {number}  {surface.blue(filled)}".rstrip())
    lines += ["", *identity_lines(basis, basis.result_sha256("posterior", {}), surface)]
    return surface.plain("\n".join(lines)) + "\n"


def _widths(values: Posteriors, surface: Surface, taken: int) -> tuple[int, int, int]:
    """Characters of a name, of a state and of a bar; there is no bar where names would be left with little."""
    names = min(LONGEST_NAME, max(len(node) for node in values))
    states = min(LONGEST_NAME, max(len(state) for of in values.values() for state in of))
    left = surface.width - taken
    cells = BAR_CELLS if left - BAR_CELLS >= min(names + states, LEAST_NAMES) else 0
    left -= cells
    states = min(states, max(left - names, left // 3))
    return min(names, left - states), states, cells
