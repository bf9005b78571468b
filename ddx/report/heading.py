"""What every answer carries: on top what was asked of what, and with which caution; below, what it rests on."""

from __future__ import annotations

from ddx.network import Network
from ddx.reasoning.basis import INTENDED_USE, Basis
from ddx.report import phrases
from ddx.report.figures import power_of_ten
from ddx.report.surface import Surface


def heading(network: Network, basis: Basis, surface: Surface, hint: str = "") -> list[str]:
    """What was used, in which setting, of whom; what is on record as unknown; what this network does not have."""
    lexicon, understood = network.lexicon, basis.understood
    counted = phrases.counted(lexicon, understood)
    if hint and understood.findings:
        counted = counted.replace(")", f"; {hint})")
    named = f"{basis.network} {basis.version}".strip()
    parts = (counted, _setting(network, basis), phrases.patient(lexicon, understood), named)
    first = " · ".join(part for part in parts if part)
    lines = surface.wrapped(first, rest="  ") if surface.terminal else [first]
    if understood.unknown:
        lines += surface.wrapped(f"On record as unknown: {', '.join(understood.unknown)}.", rest="  ")
    if understood.ignored:
        lines += surface.wrapped(f"Ignored: {', '.join(understood.ignored)}.", rest="  ")
    return lines


def _setting(network: Network, basis: Basis) -> str:
    understood = basis.understood
    if understood.setting is None:
        return ""
    setting = network.settings[understood.setting]
    text = f"setting: {setting.label or understood.setting}"
    assumed = [u for u in understood.used if u.origin == "setting"]
    if assumed:
        asked = network.lexicon.askables[assumed[0].finding]
        return f"{text} (its complaint counts as observed: {phrases.finding(asked, assumed[0].said)})"
    if setting.complaint is not None and understood.complaint is None:
        return f"{text} (whose complaint this case does not have)"
    return text


def caution(basis: Basis, surface: Surface) -> list[str]:
    """Before any number, where the case lies outside what the network explains: that numbers then say less."""
    if basis.tail is None or basis.strong_words:
        return []
    return [*surface.wrapped(phrases.covered(basis.tail), first="  ! ", rest="    "), ""]


def identity_lines(basis: Basis, result_sha256: str, surface: Surface) -> list[str]:
    """What an answer can be made again from, and what it is for."""
    exact = "exact" if basis.exact else "approximate"
    parts = [
        f"ddx {basis.tool_version}",
        f"{basis.network} {basis.version}".strip() + f" (sha256 {basis.sha256[:12]})",
        exact,
        f"P(evidence) {power_of_ten(basis.log10_evidence)}",
        f"result {result_sha256[:12]}",
    ]
    return [*surface.wrapped(" · ".join(parts), rest="  "), *surface.wrapped(INTENDED_USE)]
