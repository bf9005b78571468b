"""What to look for next, as a page: information, cost, and what each outcome would do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.next_test import BEDSIDE, SHIFT, NextTests, Outcome, Test, by_tier, deciding
from ddx.reasoning.plan import Branch, Plan, Step
from ddx.report import phrases
from ddx.report.figures import bar, percent
from ddx.report.frame import factor, page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface, fitted

CELLS = 5
TIER_WIDTH = 11
MOST, MOST_OF_PART = 10, 4
LEAST = 0.01  # what tells less than this share of the best is not shown
NEVER_SHOWN = 0.0005  # outcomes less probable than this are not told


def plain(answer: NextTests) -> dict[str, Plain]:
    """The form ddx/next/1."""
    return framed("next", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: NextTests, surface: Surface, *, tiers: bool = False, every: bool = False) -> str:
    """The page."""
    lines = [*surface.wrapped(sentence(network, answer)), *surface.wrapped(stopping(answer))]
    if answer.tests:
        titles = f"  {'':{_width(surface)}} {'tier':{TIER_WIDTH}} {'cost':>4} {'bits':>6} {'per cost':>8}"
        lines += ["", surface.faint(titles)]
    least = 0.0 if every else LEAST * max((t.information_bits for t in answer.tests), default=0.0)
    for title, own in _parts(answer, tiers):
        if title:
            lines.append("  " + surface.faint(surface.rule(title)))
        most = len(own) if every else MOST_OF_PART if title else MOST
        shown = [t for t in own if t.information_bits >= least or t.mandatory][:most]
        lines += [line for t in shown for line in _row(network, answer, t, surface)]
        if len(own) > len(shown):
            lines.append(surface.faint(f"  {len(own) - len(shown)} more tell less (--all)"))
    if answer.plan is not None:
        lines += ["", *_planned(network, answer, answer.plan, surface)]
    told = (
        "Bits: expected information about each disease asked about, added up. In brackets, how probable an answer is."
    )
    if answer.mandatory:
        told += " * is always asked."
    lines += ["", *surface.wrapped(told)]
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def _parts(answer: NextTests, tiers: bool) -> list[tuple[str, list[Test]]]:
    """Titles, each with its tests: those within the limit, in one or by tier, then those beyond it."""
    within = [t for t in answer.tests if answer.within(t)]
    beyond = [t for t in answer.tests if not answer.within(t)]
    parts = [(tier.replace("_", " "), own) for tier, own in by_tier(within).items()] if tiers else [("", within)]
    return [*parts, (f"beyond the limit of {_limit(answer)}", beyond)] if beyond else parts


def sentence(network: Network, answer: NextTests) -> str:
    """The answer in plain words: what is excluded, what is always asked, what is best to ask for."""
    parts = [_excluded(answer), _always(answer), _best(network, answer)]
    return " ".join(part for part in parts if part)


def _excluded(answer: NextTests) -> str:
    names = [e.label for e in answer.excluded]
    return f"The case excludes {_and(names)}: no test can change that." if names else ""


def _always(answer: NextTests) -> str:
    within = [_called(t) for t in answer.mandatory if answer.within(t)]
    beyond = [_called(t) for t in answer.mandatory if not answer.within(t)]
    told = [f"First what is always asked: {_and(within)}."] if within else []
    told += [f"Always asked, but beyond the limit of {_limit(answer)}: {_and(beyond)}."] if beyond else []
    return " ".join(told)


def _best(network: Network, answer: NextTests) -> str:
    """What to ask for of all that is not always asked."""
    rest = [t for t in answer.tests if not t.mandatory]
    within = [t for t in rest if answer.within(t)]
    if not rest:
        return "" if answer.mandatory or answer.excluded else "Nothing is left to ask that bears on these diseases."
    if answer.aim.purpose != "information":
        if within:
            return f"To {_decided(answer, within[0])}"
        return f"{_none_left(answer)} Beyond the limit, to {_decided(answer, rest[0])}"
    if not any(t in answer.worth_while for t in within):
        return _little(network, answer, within, [t for t in rest if t not in within])
    told = (
        f"{'Then' if answer.mandatory else 'Next'}: {_called(within[0])}. It could move {_moved(network, within[0])}."
    )
    bedside = [t for t in within if t.tier in BEDSIDE]
    if within[0].tier not in BEDSIDE and bedside:
        told += f" At the bedside first: {_called(bedside[0])}."
    return told


def _decided(answer: NextTests, best: Test) -> str:
    """How far a test can rule the disease in or out."""
    disease, purpose = answer.aim.focus[0], answer.aim.purpose
    rule, verb = ("rule in", "raise") if purpose == "rule_in" else ("rule out", "lower")
    now = answer.now[disease.id]
    reached = _reached(deciding(best, disease.id, purpose), disease.id, now, aimed=True)
    return f"{rule} {disease.label}, now {percent(now)}: {_called(best)} could {verb} it to {reached}."


def _little(network: Network, answer: NextTests, within: Sequence[Test], beyond: Sequence[Test]) -> str:
    """Nothing within the limit moves anything: what would tell most, and what beyond the limit would move something."""
    better = next((t for t in beyond if t.shift >= SHIFT), None)
    told = []
    if within:
        most = _called(max(within, key=lambda t: t.information_bits))
        where = "of this tier" if answer.aim.tier else "within the limit" if better else "left"
        nothing = f"Nothing {where} is worth asking for. Most would be learnt from {most}."
        told.append(f"Of the rest, most would be learnt from {most}." if answer.mandatory else nothing)
    elif not answer.mandatory:
        told.append(_none_left(answer))
    if better is not None:
        told.append(f"Beyond the limit, {_called(better)} could move {_moved(network, better)}.")
    return " ".join(told)


def _none_left(answer: NextTests) -> str:
    return f"No {_kind(answer)} of at most {_units(answer)} is left to ask."


def stopping(answer: NextTests) -> str:
    """The stopping rule and where it stands."""
    points = f"{100 * SHIFT:.0f} points of 100"
    rule = f"no {_kind(answer)} of at most {_units(answer)} moves any of these diseases by {points}"
    if answer.stop:
        return f"Stop: {rule}."
    left, always = len(answer.worth_while), len(answer.mandatory)
    unmet = [f"{left} test{' does' if left == 1 else 's do'}"] if left else []
    unmet += [f"{always} that {'is' if always == 1 else 'are'} always asked {'is' if always == 1 else 'are'} open"][
        :always
    ]
    return f"Stopping rule ({rule}): not met, {' and '.join(unmet)}."


def _kind(answer: NextTests) -> str:
    return f"{answer.aim.tier.replace('_', ' ')} test" if answer.aim.tier else "test"


def _limit(answer: NextTests) -> str:
    return f"{answer.aim.cost_limit:g}"


def _units(answer: NextTests) -> str:
    return f"{_limit(answer)} cost {'unit' if answer.aim.cost_limit == 1 else 'units'}"


def _and(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`.

    >>> _and(["a"]), _and(["a", "b"]), _and(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _called(test: Test) -> str:
    return f"{test.label} ({test.tier.replace('_', ' ')}, cost {test.cost:g})"


def _moved(network: Network, test: Test) -> str:
    disease, now, low, high = test.moves
    return f"{_disease(network, disease)} from {percent(now)} to {percent(high)} or {percent(low)}"


def _disease(network: Network, disease: str) -> str:
    return network.lexicon.entries[disease].label if disease in network.lexicon.entries else disease


def _row(network: Network, answer: NextTests, test: Test, surface: Surface) -> Iterator[str]:
    amount, largest = (_length(answer, t) for t in (test, max(answer.tests, key=lambda t: _length(answer, t))))
    drawn = bar(amount / largest if largest > 0 else 0.0, CELLS, unicode=surface.unicode)
    mark = "*" if test.mandatory else " "
    numbers = f"{test.cost:4g} {_bits(test.information_bits, 6)} {_bits(test.per_cost, 8)} {surface.blue(drawn)}"
    yield f" {mark}{fitted(test.label, _width(surface))} {fitted(test.tier.replace('_', ' '), TIER_WIDTH)} {numbers}"
    yield from surface.wrapped(_outcomes(network, answer, test), first="      ", rest="        ")


def _width(surface: Surface) -> int:
    """How wide a test is, beside its tier, its numbers and its bar."""
    return max(16, min(40, surface.width - TIER_WIDTH - CELLS - 25))


def _length(answer: NextTests, test: Test) -> float:
    return test.per_cost if answer.aim.by_cost else test.information_bits


def _bits(bits: float, width: int) -> str:
    """Bits to three digits after the point; what is smaller says so."""
    return f"{bits:{width}.3f}" if bits >= 0.0005 else "<0.001".rjust(width)


def _outcomes(network: Network, answer: NextTests, test: Test) -> str:
    """What every outcome would do to the disease that the test can move most, or to the one aimed at."""
    aimed = answer.aim.purpose != "information"
    disease = answer.aim.focus[0].id if aimed else test.moves[0]
    now = answer.now[disease]
    told = [o for o in test.outcomes if o.probability >= NEVER_SHOWN]
    told.sort(key=lambda o: -o.posteriors[disease])
    parts = [f"{_reached(o, disease, now, aimed=aimed)} if {_state(network, test, o)}" for o in told]
    return f"{_disease(network, disease)} {percent(now)} -> {', '.join(parts)}"


def _reached(outcome: Outcome, disease: str, now: float, *, aimed: bool) -> str:
    """The posterior; where one disease is aimed at also what that does to its odds."""
    after = outcome.posteriors[disease]
    if not aimed or not 0 < now < 1 or not 0 < after < 1:
        return percent(after)
    return f"{percent(after)} (odds {factor(math.log(after / (1 - after)) - math.log(now / (1 - now)))})"


def _state(network: Network, test: Test, outcome: Outcome) -> str:
    asked = network.lexicon.askables[test.finding]
    return f"{phrases.state_said(asked, outcome.state)} ({percent(outcome.probability)})"


def _planned(network: Network, answer: NextTests, plan: Plan, surface: Surface) -> Iterator[str]:
    """The plan as a tree, what it is expected to tell, and among which plans it is the best."""
    if plan.first is None:
        yield from surface.wrapped("Plan: stop; no plan of these tests moves anything.")
        return
    expected = f"{plan.information_bits:.3f} of {answer.entropy_bits:.3f} bits"
    told = f"Plan of {plan.depth}, looking ahead: expected to tell {expected}, at a cost of {plan.cost:.3g}"
    myopic = f"the best test one at a time: {plan.one_at_a_time_bits:.3f}"
    yield from map(surface.strong, surface.wrapped(f"{told} ({myopic}).", rest="  "))
    yield from surface.wrapped(_label(network, plan.first), first="  ", rest="    ")
    yield from _branches(network, plan.first, 4, surface)
    if len(plan.considered) < plan.open:
        names = f"{len(plan.considered)} of the {plan.open} affordable tests"
        rule = "those that the best test one at a time leads to, then those that tell most by themselves"
        rule = f"those always asked, {rule}" if answer.mandatory else rule
        yield from surface.wrapped(f"Exact over every plan of {names}: {rule}.", first="  ")
    else:
        names = "the one affordable test" if plan.open == 1 else f"all {plan.open} affordable tests"
        yield from surface.wrapped(f"Exact over every plan of {names}.", first="  ")


def _label(network: Network, step: Step) -> str:
    label = network.lexicon.askables[step.finding].label
    return f"{label} (always asked)" if step.mandatory else label


def _branches(network: Network, step: Step, indent: int, surface: Surface) -> Iterator[str]:
    """One line for each kind of answer; answers after which the same is done share one, and a last stop has none."""
    asked = network.lexicon.askables[step.finding]
    kinds = _alike(step.after)
    if len(kinds) == 1 and kinds[0][0].then is None:
        return
    for alike in kinds:
        states = " or ".join(f"{phrases.state_said(asked, b.state)} ({percent(b.probability)})" for b in alike)
        when = f"if {states}" if len(kinds) > 1 else "whatever the answer"
        then = alike[0].then
        what = "stop" if then is None else _label(network, then)
        yield from surface.wrapped(f"{when}: {what}", first=" " * indent, rest=" " * (indent + 4))
        if then is not None:
            yield from _branches(network, then, indent + 4, surface)


def _alike(branches: Sequence[Branch]) -> list[list[Branch]]:
    """Branches after which exactly the same is done, together; those too rare to tell are left out."""
    found: dict[object, list[Branch]] = {}
    for branch in branches:
        if branch.probability >= NEVER_SHOWN:
            found.setdefault(_shape(branch.then), []).append(branch)
    return list(found.values())


def _shape(step: Step | None) -> object:
    return None if step is None else (step.finding, tuple((b.state, _shape(b.then)) for b in step.after))
