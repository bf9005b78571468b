"""Why, and why not, as a page: two weights side by side, what explains a finding away, where the numbers are from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.explain import LN10, Contribution, Explanation
from ddx.report import phrases
from ddx.report.figures import percent
from ddx.report.frame import basis_of_number, factor, page, weight_bar
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface, fitted, listed

CELLS = 8
WORTH_A_WORD_NATS = 0.4


def plain(answer: Explanation, other: Explanation | None = None) -> dict[str, Plain]:
    """The form ddx/explain/1; with a second disease also what each finding does to it."""
    body = answer.body()
    if other is not None:
        body["why_not"] = other.body()
    return framed("explain", answer.basis, body, answer.result_sha256)


def text(network: Network, answer: Explanation, surface: Surface, *, every: bool = False) -> str:
    """The page."""
    parts = {role: [c for c in answer.contributions if c.role == role] for role in ("for", "against", "neutral")}
    largest = max((abs(w) for c in answer.contributions for w in (c.alone_nats, c.given_rest_nats)), default=1.0)
    lines = [*surface.wrapped(sentence(network, answer)), "", _titles(surface)]
    for role, title in (("for", "findings for"), ("against", "findings against")):
        if parts[role]:
            lines.append("  " + surface.faint(surface.rule(title)))
            for c in parts[role]:
                lines += _row(network, answer, c, largest, surface)
    if every and parts["neutral"]:
        lines.append("  " + surface.faint(surface.rule("neutral")))
        for c in parts["neutral"]:
            lines += _row(network, answer, c, largest, surface)
    elif parts["neutral"]:
        names = listed((_said(network, answer, c) for c in parts["neutral"]), 6)
        lines += surface.wrapped(f"Neutral: {names}.", first="  ", rest="    ")
    if answer.not_asked:
        labels = (network.lexicon.askables[f].label for f in answer.not_asked)
        lines += surface.wrapped(f"Not asked yet: {listed(labels, 8)}.", first="  ", rest="    ")
    lines += ["", *_shares(answer, surface)]
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def contrast(network: Network, one: Explanation, other: Explanation, surface: Surface) -> str:
    """Why one disease and not another: what each finding does to both, given all else."""
    pairs = [(c, other.of(c.finding)) for c in one.contributions]
    pairs.sort(key=lambda p: -abs(p[0].given_rest_nats - p[1].given_rest_nats))
    largest = max((abs(w.given_rest_nats) for p in pairs for w in p), default=1.0)
    lines = [*surface.wrapped(sentence(network, one)), *surface.wrapped(sentence(network, other)), ""]
    width = _width(surface)
    lines.append(surface.faint(f"  {'given all else':{width}}  {fitted(one.entry.label, 17)}  {other.entry.label}"))
    for first, second in pairs[:12]:
        left = f"{factor(first.given_rest_nats):>8} {weight_bar(first.given_rest_nats, CELLS, largest, surface)}"
        right = f"{factor(second.given_rest_nats):>8} {weight_bar(second.given_rest_nats, CELLS, largest, surface)}"
        lines.append(f"  {fitted(_said(network, one, first), width)}  {left}  {right}")
    return page(network, one.basis, one.result_sha256, lines, surface)


def sentence(network: Network, answer: Explanation) -> str:
    """The answer in one plain sentence."""
    strong = [c for c in answer.contributions if abs(c.given_rest_nats) >= WORTH_A_WORD_NATS]
    strong = [c for c in strong if c.explained_by is None]
    strong.sort(key=lambda c: -abs(c.given_rest_nats))
    arguing_for = [_said(network, answer, c) for c in strong if c.given_rest_nats > 0][:3]
    against = [_said(network, answer, c) for c in strong if c.given_rest_nats < 0][:3]
    parts = []
    if arguing_for:
        parts.append(f"{', '.join(arguing_for)} argue{'s' if len(arguing_for) == 1 else ''} for it")
    if against:
        parts.append(f"{', '.join(against)} argue{'s' if len(against) == 1 else ''} against it")
    parts += [_away_said(network, answer, c) for c in answer.contributions if c.explained_by is not None][:2]
    told = "; ".join(parts) if parts else "no finding moves it by much once the rest is known"
    return f"{answer.entry.label} {percent(answer.prior)} -> {percent(answer.posterior)}: {told}."


def _away_said(network: Network, answer: Explanation, c: Contribution) -> str:
    assert c.explained_by is not None
    away = c.explained_by
    through = f" through {away.beside.label}" if away.beside is not None else ""
    alone = f"{_said(network, answer, c)} alone would multiply its odds by {factor(c.alone_nats).lstrip('x')}"
    if c.alone_nats < 0:
        alone = f"{_said(network, answer, c)} alone would divide its odds by {factor(c.alone_nats).lstrip('/')}"
    return f"{alone}, but {away.by.label}{through} accounts for it"


def _titles(surface: Surface) -> str:
    width = _width(surface)
    return surface.faint(f"  {'':{width}}  {'on its own':{9 + CELLS}}  given all else")


def _row(network: Network, answer: Explanation, c: Contribution, largest: float, surface: Surface) -> Iterator[str]:
    alone = f"{factor(c.alone_nats):>8} {weight_bar(c.alone_nats, CELLS, largest, surface)}"
    rest = f"{factor(c.given_rest_nats):>8} {weight_bar(c.given_rest_nats, CELLS, largest, surface)}"
    yield f"  {fitted(_said(network, answer, c), _width(surface))}  {alone}  {rest}"
    for note in _notes(network, c):
        yield from surface.wrapped(note, first="      ", rest="        ")


def _notes(network: Network, c: Contribution) -> Sequence[str]:
    notes = []
    if c.explained_by is not None:
        away = c.explained_by
        note = f"explained by {away.by.label}: held absent, the weight is {factor(away.without_nats)}"
        if away.beside is not None and away.without_both_nats is not None:
            both = factor(away.without_both_nats)
            note = (
                f"explained by {away.by.label}, which brings {away.beside.label} ({away.through}): without "
                f"{away.by.label} the weight is {factor(away.without_nats)}, without both {both}"
            )
        notes.append(note)
    if c.implied_by:
        names = ", ".join(network.lexicon.askables[f].label for f in c.implied_by)
        notes.append(f"implied by {names}")
    if c.numbers:
        first = c.numbers[0]
        given = first.given.replace("_", " ")
        more = f"; {len(c.numbers) - 1} more numbers (--json)" if len(c.numbers) > 1 else ""
        notes.append(f"{first.node} {first.state} given {given}: {basis_of_number(first)}{more}")
    return notes


def _shares(answer: Explanation, surface: Surface) -> list[str]:
    total = (answer.end_nats - answer.start_nats) / LN10
    ranked = sorted(answer.contributions, key=lambda c: -abs(c.shapley_nats))[:4]
    shares = ", ".join(f"{c.finding} {c.shapley_nats / LN10:+.2f}" for c in ranked)
    kind = "exact" if all(c.shapley_error_nats is None for c in answer.contributions) else "sampled"
    moved = f"The log10 odds moved by {total:+.2f} in all"
    told = f"{moved}. Fair shares ({kind} Shapley): {shares}; with the rest they add up."
    return surface.wrapped(told, first="  ", rest="  ") if answer.contributions else []


def _said(network: Network, answer: Explanation, c: Contribution) -> str:
    said = phrases.finding_of(network.lexicon, answer.basis.understood, c.finding)
    tied = len(c.findings) - 1
    return f"{said} (+{tied} tied)" if tied else said


def _width(surface: Surface) -> int:
    return max(24, min(44, surface.width - 2 * (CELLS + 11) - 4))
