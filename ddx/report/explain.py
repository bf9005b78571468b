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
MOST_CONTRASTED = 12
WORTH_A_WORD_NATS = 0.4
IMPLIED = 0.9  # what is at least this probable given the rest is implied by it
ROLES = (("for", "findings for"), ("against", "findings against"))


def plain(answer: Explanation, other: Explanation | None = None) -> dict[str, Plain]:
    """The form ddx/explain/1; with a second disease also what each finding does to it."""
    body = answer.body()
    if other is not None:
        body["why_not"] = other.body()
    return framed("explain", answer.basis, body, answer.sha256_beside(other))


def text(network: Network, answer: Explanation, surface: Surface, *, every: bool = False) -> str:
    """The page; with `every` all findings, also those that weigh little or nothing."""
    largest = _largest(answer)
    lines = [
        *sources.form(network, answer.entry, answer.state, surface),
        *surface.wrapped(sentence(network, answer)),
        "",
    ]
    lines.append(surface.faint(f"  {'':{weighed_width(surface, CELLS)}}  {'on its own':{9 + CELLS}}  given all else"))
    shown = {role: [c for c in answer.contributions if c.role == role] for role in ("for", "against", "neutral")}
    folded = [c for role, _ in ROLES for c in shown[role][MOST:]] if not every else []
    for role, title in (*ROLES, ("neutral", "neutral")) if every else ROLES:
        own = shown[role] if every else shown[role][:MOST]
        if own:
            lines.append("  " + surface.faint(surface.rule(title)))
            lines += [line for c in own for line in _row(network, answer, c, (largest, surface))]
    if folded:
        names = ", ".join(f"{_said(network, answer, c)} {_weight(c, c.given_rest_nats)}" for c in folded)
        lines += surface.wrapped(f"{len(folded)} more, given all else: {names} (--all).", first="  ", rest="    ")
    if shown["neutral"] and not every:
        names = listed((_said(network, answer, c) for c in shown["neutral"]), 6)
        lines += surface.wrapped(f"Neutral: {names} (--all).", first="  ", rest="    ")
    if answer.not_asked:
        labels = (network.lexicon.askables[f].label for f in answer.not_asked)
        lines += surface.wrapped(f"Not asked yet: {listed(labels, 8)}.", first="  ", rest="    ")
    shares = _shares(network, answer, surface)
    lines += ["", *shares] if shares else []
    told = [c for role, _ in ROLES for c in (shown[role] if every else shown[role][:MOST])]
    lines += ["", *sources.cited(answer.citations, (c.quoted for c in told if c.quoted), surface)]
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def contrast(
    network: Network, answers: tuple[Explanation, Explanation], surface: Surface, *, every: bool = False
) -> str:
    """Why one disease and not another: what each finding does to both, given all else."""
    one, other = answers
    pairs = [(c, other.of(c.finding)) for c in one.contributions]
    pairs.sort(key=lambda p: -_apart(*p))
    largest = max(_largest(one), _largest(other))
    lines = [line for a in answers for line in sources.form(network, a.entry, a.state, surface)]
    lines += [*surface.wrapped(sentence(network, one)), *surface.wrapped(sentence(network, other)), ""]
    width = weighed_width(surface, CELLS)
    lines.append(
        surface.faint(f"  {'given all else':{width}}  {fitted(one.entry.label, 17)}  {fitted(other.entry.label, 17)}")
    )
    shown = pairs if every else pairs[:MOST_CONTRASTED]
    for pair in shown:
        cells = "  ".join(_cell(c, c.given_rest_nats, (largest, surface)) for c in pair)
        lines.append(f"  {_fitted(network, one, pair[0], width)}  {cells}")
        told = dict.fromkeys(sources.number_said(network, c.quoted) for c in pair if c.quoted)
        lines += surface.wrapped("; ".join(told), first="      ", rest="        ") if told else []
    if len(pairs) > len(shown):
        lines.append(surface.faint(f"  {len(pairs) - len(shown)} more differ less (--all)"))
    ids = f"{one.entry.id} {other.entry.id}"
    told_below = f"x multiplies the odds of the disease, / divides them. Each against the other: ddx compare {ids}."
    lines += ["", *surface.wrapped(told_below), ""]
    quoted = (c.quoted for pair in shown for c in pair if c.quoted)
    lines += sources.cited({**one.citations, **other.citations}, quoted, surface)
    return page(network, one.basis, one.sha256_beside(other), lines, surface)


def sentence(network: Network, answer: Explanation) -> str:
    """The answer in plain words: where the disease stands, what was explained away, what speaks for and against it."""
    away = [c for c in answer.contributions if c.explained_by is not None or c.brought_by is not None]
    strong = [c for c in answer.contributions if abs(c.given_rest_nats or 0.0) >= WORTH_A_WORD_NATS]
    strong = [c for c in strong if c.explained_by is None and not c.settles]
    strong.sort(key=lambda c: -abs(c.given_rest_nats or 0.0))
    speaking = [
        ("for", [c for c in strong if (c.given_rest_nats or 0.0) > 0]),
        ("against", [c for c in strong if (c.given_rest_nats or 0.0) < 0]),
    ]
    if answer.posterior < answer.span.start:
        speaking.reverse()
    parts = [*_settled_said(network, answer), *(_away_said(network, answer, c) for c in away[:1])]
    for side, own in speaking:
        if own:
            names = _and([_said(network, answer, c) for c in own[:3]])
            parts.append(f"{names} {'speaks' if len(own) == 1 else 'speak'} {side} it")
    told = "; ".join(parts) if parts else "no finding moves it by much once the rest is known"
    stands = f"{answer.entry.label} {percent(answer.span.start)} -> {percent(answer.posterior)}"
    return f"{stands}{_complaint_said(answer)}: {told}."


def _complaint_said(answer: Explanation) -> str:
    """Where the disease stood after the complaint, which counts among the findings: `diagnose` starts there."""
    understood = answer.basis.understood
    if understood.complaint is None or len(understood.findings) == 1:
        return ""
    return f" (with the complaint alone {percent(answer.prior)})"


def _settled_said(network: Network, answer: Explanation) -> list[str]:
    """What excludes the disease, or proves it."""
    understood = answer.basis.understood
    if answer.span.start_nats is None:
        kind = "excluded" if answer.posterior < 0.5 else "certain"
        return [f"it is {kind} before any finding, by age, sex and setting alone, so that no finding can move it"]
    if not answer.settling:
        return []
    alone = [c for c in answer.settling if c.alone_nats is None]
    together = [c for c in answer.settling if c.alone_nats is not None]
    verb = "exclude" if answer.posterior < 0.5 else "prove"
    parts = []
    for own, how in ((alone, ""), (together, " together")):
        if own:
            names = _and([phrases.finding_of(network.lexicon, understood, c.finding) for c in own])
            parts.append(f"{names}{how} {verb}{'s' if len(own) == 1 else ''} it")
    return parts


def _largest(answer: Explanation) -> float:
    """The longest bar in nats."""
    return max((abs(w) for c in answer.contributions for w in (c.alone_nats, c.given_rest_nats) if w), default=1.0)


def _apart(first: Contribution, second: Contribution) -> float:
    """How far a finding tells the two apart, in nats."""
    if bool(first.settles) != bool(second.settles):
        return float("inf")
    return abs((first.given_rest_nats or 0.0) - (second.given_rest_nats or 0.0))


def _weight(c: Contribution, nats: float | None) -> str:
    """A weight, or what stands in its place where there is none."""
    return factor(nats) if nats is not None else c.settles or "-"


def _cell(c: Contribution, nats: float | None, drawn: tuple[float, Surface]) -> str:
    largest, surface = drawn
    return f"{_weight(c, nats):>8} {weight_bar(nats or 0.0, CELLS, largest, surface)}"


def _and(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _away_said(network: Network, answer: Explanation, c: Contribution) -> str:
    alone = _said(network, answer, c)
    if c.alone_nats is not None:
        verb = "multiply" if c.alone_nats > 0 else "divide"
        alone = f"{alone} alone would {verb} its odds by {factor(c.alone_nats)[1:]}"
    if c.brought_by is not None:
        return f"{alone}, but {c.brought_by.by.label} makes it likely already"
    assert c.explained_by is not None
    away = c.explained_by
    bringing = f", which brings {away.beside.label}," if away.beside is not None else ""
    return f"{alone}, but {away.by.label}{bringing} accounts for it"


def _row(network: Network, answer: Explanation, c: Contribution, drawn: tuple[float, Surface]) -> Iterator[str]:
    _, surface = drawn
    cells = "  ".join(_cell(c, nats, drawn) for nats in (c.alone_nats, c.given_rest_nats))
    yield f"  {_fitted(network, answer, c, weighed_width(surface, CELLS))}  {cells}"
    for note in _notes(network, answer, c):
        yield from surface.wrapped(note, first="      ", rest="        ")


def _notes(network: Network, answer: Explanation, c: Contribution) -> Iterator[str]:
    understood = answer.basis.understood
    if len(c.findings) > 1:
        tied = ", ".join(phrases.finding_of(network.lexicon, understood, f) for f in c.findings[1:])
        yield f"with {tied}"
    if c.settles is not None:
        how = "with" if c.settles == "excludes" else "without"
        among = "" if c.alone_nats is None or len(answer.settling) == 1 else " beside what else settles it"
        yield f"never met {how} {answer.entry.label} in this network{among}"
    away = c.explained_by
    if away is not None and away.beside is not None and away.without_both_nats is not None:
        one, both = factor(away.without_nats), factor(away.without_both_nats)
        yield (
            f"explained by {away.by.label}, which brings {away.beside.label}: with {away.by.label} held absent it "
            f"weighs {one}, with {away.beside.label} held absent too {both}"
        )
    elif away is not None:
        yield f"explained by {away.by.label}: with that held absent it weighs {factor(away.without_nats)}"
    if c.brought_by is not None:
        by, weight = c.brought_by.by.label, factor(c.brought_by.without_nats)
        yield f"{answer.entry.label} is already implied by {by}: with that held absent it weighs {weight}"
    if c.implied_by:
        names = _and([phrases.finding_of(network.lexicon, understood, f) for f in c.implied_by])
        yield f"{'implied by' if (c.probability_given_rest or 0.0) >= IMPLIED else 'says much the same as'} {names}"
    if c.through:
        yield f"bears on it by way of {_and([e.label for e in c.through])}"
    if c.quoted is not None:
        more = f"; {len(c.numbers) - 1} more in --json" if len(c.numbers) > 1 else ""
        yield f"{sources.number_said(network, c.quoted)}{more}"


def _shares(network: Network, answer: Explanation, surface: Surface) -> list[str]:
    """Shapley shares: the largest, and what the others come to, so that they can be added up."""
    shared = [(c, c.shapley_nats) for c in answer.contributions if c.shapley_nats is not None]
    if not shared:
        return []
    shared.sort(key=lambda pair: -abs(pair[1]))
    sampled = any(c.shapley_error_nats is not None for c, _ in shared)
    parts = [f"{_said(network, answer, c)} {_share(c, nats)}" for c, nats in shared[:MOST_SHARES]]
    left = shared[MOST_SHARES:]
    if left:
        parts.append(f"the other {len(left)} {sum(nats for _, nats in left) / LN10:+.2f}")
    how = "sampled, with standard errors" if sampled else "exact"
    told = f"Fair shares of that, the mean over all orders of entry (Shapley, {how}): {', '.join(parts)}."
    return surface.wrapped(f"{_moved(network, answer)} {told}", first="  ", rest="  ")


def _moved(network: Network, answer: Explanation) -> str:
    """From which to which log odds, and by how much."""
    span = answer.span
    assert span.start_nats is not None
    assert span.end_nats is not None
    start, end = span.start_nats / LN10, span.end_nats / LN10
    counted = _complaint_counted(answer)
    who = f"All findings together{counted} took"
    if span.without:
        names = _and([_said(network, answer, answer.of(f)) for f in span.without])
        who = f"Without {names}, the other findings{counted} would take"
    ends = f"from {start:+.2f} ({percent(span.start)}) to {end:+.2f} ({percent(span.end)})"
    return f"{who} its log10 odds {ends}, by {end - start:+.2f}."


def _complaint_counted(answer: Explanation) -> str:
    """That the complaint is one of the findings that are weighed, where it is."""
    complaint = answer.basis.understood.complaint
    counted = complaint is not None and answer.of(complaint).settles is None
    return " (the complaint among them)" if counted else ""


def _share(c: Contribution, nats: float) -> str:
    share = f"{nats / LN10:+.2f}"
    return share if c.shapley_error_nats is None else f"{share} (se {c.shapley_error_nats / LN10:.2f})"


def _said(network: Network, answer: Explanation, c: Contribution) -> str:
    return phrases.finding_of(network.lexicon, answer.basis.understood, c.finding)


def _fitted(network: Network, answer: Explanation, c: Contribution, width: int) -> str:
    return chain_fitted(_said(network, answer, c), len(c.findings) - 1, width)
