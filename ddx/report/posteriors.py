"""Raw posteriors: every state of every variable with its probability."""

from __future__ import annotations

from collections.abc import Mapping

from ddx.engine.belief import Belief
from ddx.reasoning.basis import Basis, Plain
from ddx.report.figures import bar, power_of_ten
from ddx.report.json import head
from ddx.report.surface import Surface, fitted

Posteriors = Mapping[str, Mapping[str, float]]

LONGEST_NAME = 40
BAR_CELLS = 12


def plain(basis: Basis, values: Posteriors, belief: Belief) -> dict[str, Plain]:
    """{"log10_evidence": x, "posteriors": {node: {state: p}}}, after what every answer carries.

    Approximate ones come with "standard_errors", of the same form, and "effective_samples".
    """
    found: dict[str, Plain] = {**head(basis), "posteriors": {node: dict(states) for node, states in values.items()}}
    if belief.standard_errors is not None:
        found["standard_errors"] = {node: dict(states) for node, states in belief.standard_errors.items()}
        found["effective_samples"] = belief.effective_samples
    return found


def text(basis: Basis, values: Posteriors, surface: Surface, belief: Belief) -> str:
    """One line a state: these are numbers, so they are shown to four digits and not capped."""
    errors = belief.standard_errors
    observed = {used.finding for used in basis.understood.used}
    width = min(LONGEST_NAME, max(len(node) for node in values))
    states = min(LONGEST_NAME, max(len(state) for of in values.values() for state in of))
    lines = [
        f"{basis.network} {basis.version}".strip()
        + f" · {len(observed)} observed · P(evidence) {power_of_ten(basis.log10_evidence)}"
        + f" · {'exact' if errors is None else f'approximate: {belief.effective_samples:,.0f} effective samples'}"
    ]
    for node, of in values.items():
        for i, (state, probability) in enumerate(of.items()):
            name = fitted(node if i == 0 else "", width)
            mark = "*" if node in observed and i == 0 else " "
            filled = bar(probability, BAR_CELLS, unicode=surface.unicode)
            doubt = "" if errors is None else f" ±{errors[node][state]:<8.2g}"
            number = f"{probability:9.4g}{doubt}"
            lines.append(f"{mark} {name}  {fitted(state, states)}  {number}  {surface.blue(filled)}".rstrip())
    return surface.plain("\n".join(lines)) + "\n"
