"""What to look for next, as a page: information, cost, and what each outcome would do."""

from __future__ import annotations

from collections.abc import Iterator

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.next_test import SHIFT, NextTests, Step, Test, by_tier
from ddx.report.figures import bar, percent
from ddx.report.frame import page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface, fitted

CELLS = 5
WIDTH = 22
MOST = 12


def plain(answer: NextTests) -> dict[str, Plain]:
    """The form ddx/next/1."""
    return framed("next", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: NextTests, surface: Surface, *, tiers: bool = False, every: bool = False) -> str:
    """The page."""
    lines = surface.wrapped(sentence(network, answer))
    tests = answer.tests if every else answer.tests[:MOST]
    largest = max((t.information_bits for t in answer.tests), default=1.0)
    lines += ["", surface.faint(f"  {'':{WIDTH}} {'cost':>4} {'bits':>6} {'':{CELLS}} could change")]
    if tiers:
        for tier, own in by_tier(tests).items():
            lines.append("  " + surface.faint(surface.rule(tier.replace("_", " "))))
            lines += [line for t in own for line in _row(network, t, largest, surface)]
    else:
        lines += [line for t in tests for line in _row(network, t, largest, surface)]
    if len(tests) < len(answer.tests):
        lines.append(surface.faint(f"  {len(answer.tests) - len(tests)} more tell less (--all)"))
    if answer.plan is not None:
        lines += ["", *surface.wrapped(f"Plan: {_planned(network, answer.plan)}", rest="  ")]
    told = "Bits: expected information about each disease asked about, added up; * is a finding that is always asked."
    lines += ["", *surface.wrapped(told)]
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def sentence(network: Network, answer: NextTests) -> str:
    """The answer in one plain sentence."""
    if not answer.tests:
        return "Nothing is left to ask that bears on these diseases."
    limit = f"{answer.aim.cost_limit:g}"
    if answer.stop:
        return f"Stop: nothing left under {limit} cost units shifts any of these diseases by {SHIFT:.0%}."
    best = answer.tests[0]
    return f"Next: {best.label}. It could move {_moved(network, best)}."


def _moved(network: Network, test: Test) -> str:
    disease, now, low, high = test.moves
    label = network.lexicon.entries[disease].label if disease in network.lexicon.entries else disease
    return f"{label} {percent(now)} -> {percent(high)} | {percent(low)}"


def _row(network: Network, test: Test, largest: float, surface: Surface) -> Iterator[str]:
    drawn = bar(test.information_bits / largest if largest > 0 else 0.0, CELLS, unicode=surface.unicode)
    mark = "*" if test.mandatory else " "
    numbers = f"{test.cost:4g} {test.information_bits:6.3f} {surface.blue(drawn)}{' ' * (CELLS - len(drawn))}"
    first = f" {mark}{fitted(test.label, WIDTH)} {numbers} "
    disease, now, low, high = test.moves
    label = network.lexicon.entries[disease].label if disease in network.lexicon.entries else disease
    change = f"{percent(now):>5} -> {percent(high):>5} | {percent(low):>5}  "
    yield first + change + fitted(label, max(8, surface.width - 16 - WIDTH - CELLS - len(change))).rstrip()


def _planned(network: Network, step: Step) -> str:
    label = network.lexicon.askables[step.finding].label
    branches = []
    for state, probability, after in step.after:
        then = _planned(network, after) if after is not None else "stop"
        branches.append(f"if {state} ({percent(probability)}): {then}")
    return f"{label} [{'; '.join(branches)}]"
