"""Does a reported rate come out of the network as it is written? Below the background it cannot.

The link of a cause is P_link(<= s) = P(<= s | cause) / P(<= s | background), at most 1 and rising in s, against the
background that holds in no special context. With the cause alone the network then says

    P(<= s) = P(<= s | background in force) x P_link(<= s)

which is the rate as written, unless P(>= s | cause) < P(>= s | background) for some state, the quotients do not rise in
s, or the background in force is that of a stratum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ddx.documents import Place
from ddx.knowledge import spec
from ddx.knowledge.meaning import Known
from ddx.knowledge.naming import Fault
from ddx.knowledge.partial import Around

Numbers = tuple[float, ...]  # a probability for each state
LEAST = 1e-9  # relative difference from which two numbers differ


@dataclass(frozen=True, slots=True)
class Held:
    """A row, and when it holds; always where `when` is empty."""

    when: spec.Condition
    row: Numbers

    @property
    def words(self) -> str:
        told = [f"{v} is {w if isinstance(w, str) else ' or '.join(w)}" for v, w in self.when.items()]
        return f" where {' and '.join(told)}" if told else ""


@dataclass(frozen=True, slots=True)
class Against:
    """The backgrounds of a variable as one population has them: the one that links rest on, and those in force."""

    name: str
    states: tuple[str, ...]
    whose: str  # " of SETTING", or nothing
    place: Place | None  # where the setting states it
    leak: Numbers
    in_force: tuple[Held, ...]


def numbers(row: spec.Row, states: Sequence[str]) -> Numbers:
    """The row over all states: the one that is left out takes the rest."""
    rest = max(0.0, 1.0 - sum(number.value for number in row.values()))
    return tuple(row[s].value if s in row else rest for s in states)


def at_least(row: Numbers) -> Numbers:
    """P(>= s) of each state."""
    return tuple(accumulate(reversed(row)))[::-1]


def with_cause(rate: Numbers, leak: Numbers, in_force: Numbers) -> Numbers:
    """P(s | the cause alone): what the network says where `rate` is written, linked against `leak`."""
    ratios = [min(1.0, r / b) if b > 0 else 1.0 for r, b in zip(accumulate(rate), accumulate(leak), strict=True)]
    ratios[-1] = 1.0
    rising = [*accumulate(reversed(ratios), min)][::-1]
    below = [b * r for b, r in zip(accumulate(in_force), rising, strict=True)]
    return tuple(here - before for here, before in zip(below, [0.0, *below], strict=False))


def weak_links(known: Known, spoiled: Around) -> Iterator[Fault]:
    """Rates that are below the background, as written or as a setting has it, and what the network says instead."""
    for name, model in known.models.items():
        if isinstance(model, spec.Noisy):
            place = _place(known, name)
            yield from _weak_ratios(name, model, place)
            if model.rates == "with_background" and not spoiled.touches((*place, "background"), (*place, "strata")):
                for against in _populations(known, name, model, spoiled):
                    for cause, row in model.given.items():
                        if not spoiled.touches((*place, "given", cause)):
                            held = _rows(model, cause, numbers(row, against.states), against.states)
                            yield from _weak(against, cause, held, place)


def _place(known: Known, name: str) -> Place:
    return next((g, name, "model") for g in ("diseases", "latents", "findings") if name in getattr(known.network, g))


def _weak_ratios(name: str, model: spec.Noisy, place: Place) -> Iterator[Fault]:
    for cause, ratio in model.odds_ratios.items():
        if 0 < ratio.value < 1:
            message = f"an odds ratio of {ratio.value:.4g}: the network uses 1, as no cause makes {name} rarer"
            yield (*place, "odds_ratios", cause), message, "Leave it out and say so in `note`."


def _populations(known: Known, name: str, model: spec.Noisy, spoiled: Around) -> Iterator[Against]:
    states = known.states[name]
    written = numbers(model.background, states)
    strata = [s for s in model.strata if s.cause is None]
    rows = [numbers(s.row, states) for s in strata]
    own = [Held(s.when, row) for s, row in zip(strata, rows, strict=True)]
    yield Against(name, states, "", None, written, (Held({}, written), *own))
    for setting_name, setting in known.network.settings.items():
        place = ("settings", setting_name, "backgrounds", name)
        if name in setting.backgrounds and not spoiled.touches(place):
            leak = numbers(setting.backgrounds[name], states)
            own = [Held(s.when, _shifted(row, written, leak)) for s, row in zip(strata, rows, strict=True)]
            yield Against(name, states, f" of {setting_name}", place, leak, (Held({}, leak), *own))


def _shifted(row: Numbers, written: Numbers, leak: Numbers) -> Numbers:
    """The row of a stratum whose odds are to the setting's background as they were to the written one."""
    odds = [_odds(row, s) * (_odds(leak, s) / _odds(written, s) if written[s] > 0 else 1.0) for s in range(len(row))]
    total = sum(odds)
    return tuple(o / total for o in odds) if total > 0 else row


def _odds(row: Numbers, state: int) -> float:
    return row[state] / row[0] if row[0] > 0 else row[state]


def _rows(model: spec.Noisy, cause: str, given: Numbers, states: tuple[str, ...]) -> tuple[Held, ...]:
    """What is written of a cause: in no special context, then by stratum."""
    strata = [s for s in model.strata if s.cause == cause]
    return (Held({}, given), *(Held(s.when, numbers(s.row, states)) for s in strata))


def _weak(against: Against, cause: str, rows: tuple[Held, ...], place: Place) -> Iterator[Fault]:
    for i, row in enumerate(rows):
        for k, background in enumerate(against.in_force):
            if _meet(rows, i, background.when) and _meet(against.in_force, k, row.when):
                said = _said(against, cause, row, background)
                if said:
                    remedy = "Leave the row out and say so in `note`, or mend one of the two."
                    if against.whose:
                        remedy = "Rate and background come from different patients: mend one, or say so in `note`."
                    yield against.place or (*place, "given", cause), said, remedy


def _meet(items: tuple[Held, ...], i: int, other: spec.Condition) -> bool:
    """Whether the item can be the one in force where the other condition holds: the first that fits."""
    when = items[i].when
    if any(not as_set(when[v]) & as_set(other[v]) for v in when if v in other):
        return False
    both = {**other, **{v: tuple(as_set(w) & as_set(other.get(v, w))) for v, w in when.items()}}
    earlier = items[1:i] if i else items[1:]
    return not any(covers(item.when, both) for item in earlier)


def _said(against: Against, cause: str, row: Held, background: Held) -> str:
    """What is written and what comes out; empty where the rate is not below the background, and comes out."""
    least, most = at_least(row.row), at_least(background.row)
    out = with_cause(row.row, against.leak, background.row)
    weak = [s for s in range(1, len(least)) if least[s] < most[s] * (1 - LEAST)]
    name, states = against.name, against.states
    listed = f"{_listed(row.row, states)}, the network uses {_listed(out, states)}"
    if not weak:
        if background.when or all(abs(o - r) <= LEAST for o, r in zip(out, row.row, strict=True)):
            return ""
        return (
            f"P({name} | {cause}){row.words} cannot be reached over the background{against.whose}: written as {listed}"
        )
    s = weak[0]
    what = name if len(states) == 2 else f"{name} at least {states[s]}"
    text = (
        f"P({what} | {cause}){row.words} = {least[s]:.4g} is below the background{against.whose} {most[s]:.4g}"
        f"{background.words}: "
    )
    if len(states) > 2:
        return f"{text}written as {listed}"
    if background.when:
        return f"{text}the network uses {out[1]:.4g} there"
    return f"{text}its link becomes 0, the network uses {out[1]:.4g}, and {name} says nothing about {cause}"


def _listed(row: Numbers, states: tuple[str, ...]) -> str:
    return ", ".join(f"{state} {p:.4g}" for state, p in zip(states[1:], row[1:], strict=True))


def covers(wide: spec.Condition, narrow: spec.Condition) -> bool:
    """Whether the first condition holds wherever the second does."""
    return all(name in narrow and as_set(narrow[name]) <= as_set(states) for name, states in wide.items())


def as_set(states: str | tuple[str, ...]) -> set[str]:
    """The states that a condition names."""
    return {states} if isinstance(states, str) else set(states)
