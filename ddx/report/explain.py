"""Why, and why not, as a page: two weights side by side, what explains a finding away, where the numbers are from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.explain import LN10, Contribution, Explanation
from ddx.report import phrases, sources
from ddx.report.figures import percent
from ddx.report.frame import chain_fitted, factor, page, weighed_width, weight_bar
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface, fitted, listed

CELLS = 8
MOST = 8  # findings shown for, and against
MOST_SHARES = 5
WORTH_A_WORD_NATS = 0.4
IMPLIED = 0.9  # what is at least this probable given the rest is implied by it
ROLES = (("for", "findings for"), ("against", "findings against"))


def plain(answer: Explanation, other: Explanation | None = None) -> dict[str, Plain]:
    """The form ddx/explain/1; with a second disease also what each finding does to it."""
    body = answer.body()
    if other is not None:
        body["why_not"] = other.body()
    return framed("explain", answer.basis, body, answer.result_sha256)


def text(network: Network, answer: Explanation, surface: Surface, *, every: bool = False) -> str:
    """The page; with `every` all findings, also those that weigh little or nothing."""
    largest = max((abs(w) for c in answer.contributions for w in (c.alone_nats, c.given_rest_nats)), default=1.0)
    lines = [*surface.wrapped(sentence(network, answer)), ""]
    lines.append(surface.faint(f"  {'':{weighed_width(surface, CELLS)}}  {'on its own':{9 + CELLS}}  given all else"))
    shown = {role: [c for c in answer.contributions if c.role == role] for role in ("for", "against", "neutral")}
    folded = [c for role, _ in ROLES for c in shown[role][MOST:]] if not every else []
    for role, title in (*ROLES, ("neutral", "neutral")) if every else ROLES:
        own = shown[role] if every else shown[role][:MOST]
        if own:
            lines.append("  " + surface.faint(surface.rule(title)))
            lines += [line for c in own for line in _row(network, answer, c, (largest, surface))]
    if folded:
        names = ", ".join(f"{_said(network, answer, c)} {factor(c.given_rest_nats)}" for c in folded)
        lines += surface.wrapped(f"Weaker, given all else: {names} (--all).", first="  ", rest="    ")
    if shown["neutral"] and not every:
        names = listed((_said(network, answer, c) for c in shown["neutral"]), 6)
        lines += surface.wrapped(f"Neutral: {names} (--all).", first="  ", rest="    ")
    if answer.not_asked:
        labels = (network.lexicon.askables[f].label for f in answer.not_asked)
        lines += surface.wrapped(f"Not asked yet: {listed(labels, 8)}.", first="  ", rest="    ")
    lines += ["", *_shares(network, answer, surface)]
    told = [c for role, _ in ROLES for c in (shown[role] if every else shown[role][:MOST])]
    lines += ["", *sources.cited(answer.citations, (c.numbers[0] for c in told if c.numbers), surface)]
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def contrast(network: Network, one: Explanation, other: Explanation, surface: Surface) -> str:
    """Why one disease and not another: what each finding does to both, given all else."""
    pairs = [(c, other.of(c.finding)) for c in one.contributions]
    pairs.sort(key=lambda p: -abs(p[0].given_rest_nats - p[1].given_rest_nats))
    largest = max((abs(w.given_rest_nats) for p in pairs for w in p), default=1.0)
    lines = [*surface.wrapped(sentence(network, one)), *surface.wrapped(sentence(network, other)), ""]
    width = weighed_width(surface, CELLS)
    lines.append(
        surface.faint(f"  {'given all else':{width}}  {fitted(one.entry.label, 17)}  {fitted(other.entry.label, 17)}")
    )
    for first, second in pairs[:12]:
        left = f"{factor(first.given_rest_nats):>8} {weight_bar(first.given_rest_nats, CELLS, largest, surface)}"
        right = f"{factor(second.given_rest_nats):>8} {weight_bar(second.given_rest_nats, CELLS, largest, surface)}"
        lines.append(f"  {_fitted(network, one, first, width)}  {left}  {right}")
    ids = f"{one.entry.id} {other.entry.id}"
    told = f"x multiplies the odds of the disease, / divides them. Each against the other: ddx compare {ids}."
    return page(network, one.basis, one.result_sha256, [*lines, "", *surface.wrapped(told)], surface)


def sentence(network: Network, answer: Explanation) -> str:
    """The answer in plain words: where the disease stands, what was explained away, what speaks for and against it."""
    away = [c for c in answer.contributions if c.explained_by is not None]
    strong = [c for c in answer.contributions if abs(c.given_rest_nats) >= WORTH_A_WORD_NATS and c not in away]
    strong.sort(key=lambda c: -abs(c.given_rest_nats))
    speaking = [
        ("for", [c for c in strong if c.given_rest_nats > 0]),
        ("against", [c for c in strong if c.given_rest_nats < 0]),
    ]
    if answer.posterior < answer.prior:
        speaking.reverse()
    parts = [_away_said(network, answer, c) for c in away[:1]]
    for side, own in speaking:
        if own:
            names = _and([_said(network, answer, c) for c in own[:3]])
            parts.append(f"{names} {'speaks' if len(own) == 1 else 'speak'} {side} it")
    told = "; ".join(parts) if parts else "no finding moves it by much once the rest is known"
    return f"{answer.entry.label} {percent(answer.prior)} -> {percent(answer.posterior)}: {told}."


def _and(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _away_said(network: Network, answer: Explanation, c: Contribution) -> str:
    assert c.explained_by is not None
    away = c.explained_by
    bringing = f", which brings {away.beside.label}," if away.beside is not None else ""
    verb = "multiply" if c.alone_nats > 0 else "divide"
    alone = f"{_said(network, answer, c)} alone would {verb} its odds by {factor(c.alone_nats)[1:]}"
    return f"{alone}, but {away.by.label}{bringing} accounts for it"


def _row(network: Network, answer: Explanation, c: Contribution, drawn: tuple[float, Surface]) -> Iterator[str]:
    largest, surface = drawn
    alone = f"{factor(c.alone_nats):>8} {weight_bar(c.alone_nats, CELLS, largest, surface)}"
    rest = f"{factor(c.given_rest_nats):>8} {weight_bar(c.given_rest_nats, CELLS, largest, surface)}"
    yield f"  {_fitted(network, answer, c, weighed_width(surface, CELLS))}  {alone}  {rest}"
    for note in _notes(network, answer, c):
        yield from surface.wrapped(note, first="      ", rest="        ")


def _notes(network: Network, answer: Explanation, c: Contribution) -> Iterator[str]:
    understood = answer.basis.understood
    if len(c.findings) > 1:
        tied = ", ".join(phrases.finding_of(network.lexicon, understood, f) for f in c.findings[1:])
        yield f"with {tied}"
    away = c.explained_by
    if away is not None and away.beside is not None and away.without_both_nats is not None:
        one, both = factor(away.without_nats), factor(away.without_both_nats)
        yield (
            f"explained by {away.by.label}, which brings {away.beside.label}: with {away.by.label} held absent it "
            f"weighs {one}, with {away.beside.label} held absent too {both}"
        )
    elif away is not None:
        yield f"explained by {away.by.label}: with that held absent it weighs {factor(away.without_nats)}"
    if c.implied_by:
        names = _and([phrases.finding_of(network.lexicon, understood, f) for f in c.implied_by])
        yield f"{'implied by' if c.probability_given_rest >= IMPLIED else 'says much the same as'} {names}"
    if c.through:
        yield f"bears on it by way of {_and([e.label for e in c.through])}"
    if c.numbers:
        more = f"; {len(c.numbers) - 1} more in --json" if len(c.numbers) > 1 else ""
        yield f"{sources.number_said(network, c.numbers[0])}{more}"


def _shares(network: Network, answer: Explanation, surface: Surface) -> list[str]:
    """Shapley shares: the largest, and what the others come to, so that they can be added up."""
    if not answer.contributions:
        return []
    total = (answer.end_nats - answer.start_nats) / LN10
    ranked = sorted(answer.contributions, key=lambda c: -abs(c.shapley_nats))
    sampled = any(c.shapley_error_nats is not None for c in answer.contributions)
    parts = [f"{_said(network, answer, c)} {_share(c)}" for c in ranked[:MOST_SHARES]]
    left = ranked[MOST_SHARES:]
    if left:
        parts.append(f"the other {len(left)} {sum(c.shapley_nats for c in left) / LN10:+.2f}")
    how = "sampled, with standard errors" if sampled else "exact"
    told = (
        f"All findings together changed its log10 odds by {total:+.2f}. Fair shares of that, the mean over all orders "
    )
    return surface.wrapped(f"{told}of entry (Shapley, {how}): {', '.join(parts)}.", first="  ", rest="  ")


def _share(c: Contribution) -> str:
    share = f"{c.shapley_nats / LN10:+.2f}"
    return share if c.shapley_error_nats is None else f"{share} (se {c.shapley_error_nats / LN10:.2f})"


def _said(network: Network, answer: Explanation, c: Contribution) -> str:
    return phrases.finding_of(network.lexicon, answer.basis.understood, c.finding)


def _fitted(network: Network, answer: Explanation, c: Contribution, width: int) -> str:
    return chain_fitted(_said(network, answer, c), len(c.findings) - 1, width)
