"""What separates two diseases, as a page."""

from __future__ import annotations

from collections.abc import Iterator

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.compare import LN10, Asked, Comparison, NotAsked
from ddx.report import phrases, sources
from ddx.report.figures import percent, times
from ddx.report.frame import chain_fitted, factor, page, weighed_width, weight_bar
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface, fitted

CELLS = 8
MOST_ASKED, MOST_OPEN = 10, 10
WORTH_A_WORD_NATS = 0.4


def plain(answer: Comparison) -> dict[str, Plain]:
    """The form ddx/compare/1."""
    return framed("compare", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: Comparison, surface: Surface) -> str:
    """The page."""
    first, second = answer.first.label, answer.second.label
    named = zip((answer.first, answer.second), answer.states, strict=True)
    lines = [line for entry, state in named for line in sources.form(network, entry, state, surface)]
    lines += [*surface.wrapped(sentence(answer)), *surface.wrapped(separating(network, answer)), ""]
    lines += surface.wrapped(f"x speaks for {first}, / for {second}.", first="  ")
    width = weighed_width(surface, CELLS)
    lines.append(surface.faint(f"  {'asked':{width}}  {'on its own':{9 + CELLS}}  given all else"))
    shown = answer.asked[:MOST_ASKED]
    lines += [line for a in shown for line in _row(network, answer, a, surface)]
    if len(answer.asked) > len(shown):
        lines.append(surface.faint(f"  {len(answer.asked) - len(shown)} more weigh less, given all else"))
    if answer.not_asked:
        titles = f"  {'not asked yet':{_open_width(surface)}}  {'cost':>4}  {'bits':>5}  what each answer weighs"
        lines += ["", surface.faint(titles)]
    lines += [_open_row(network, n, surface) for n in answer.not_asked[:MOST_OPEN]]
    told = "Bits: what an answer is expected to tell between the two, half of it under either."
    lines += ["", *surface.wrapped(told), ""]
    cited = (quoted for a in shown for quoted in a.quoted if quoted)
    return page(
        network, answer.basis, answer.result_sha256, [*lines, *sources.cited(answer.citations, cited, surface)], surface
    )


def sentence(answer: Comparison) -> str:
    """Where the two stand."""
    first, second = (e.label for e in (answer.first, answer.second))
    here, there = (percent(p) for p in answer.posteriors)
    told = f"{first} {here}, {second} {there}"
    told += "; they exclude one another" if answer.exclusive else f", both {percent(answer.both)}"
    if answer.ahead is None or answer.odds is None:
        return f"{told}. {_settled(answer)}"
    ahead, behind = (e.label for e in answer.ahead)
    if answer.exclusive:
        return f"{told}. {ahead} is {times(answer.odds)} probable as {behind}."
    return f"{told}. {ahead} without {behind} is {times(answer.odds)} probable as the other way round."


def _settled(answer: Comparison) -> str:
    """What is impossible, where there are no odds between the two."""
    if answer.excluded:
        names = " and ".join(e.label for e in answer.excluded)
        by = "the findings exclude" if answer.settling else "age, sex and setting alone exclude"
        return f"There are no odds between them: {by} {names}."
    pairs = ((answer.first, answer.second), (answer.second, answer.first))
    never = [(a.label, b.label) for (a, b), possible in zip(pairs, answer.possible, strict=True) if not possible]
    told = " and ".join(f"{a} without {b}" for a, b in never)
    return f"There are no odds between them: {told} cannot be."


def separating(network: Network, answer: Comparison) -> str:
    """The findings of the case that separate them best, given all else."""
    understood = answer.basis.understood
    parts = []
    if answer.settling:
        names = ", ".join(phrases.finding_of(network.lexicon, understood, a.findings[0]) for a in answer.settling)
        parts.append(f"{names} {'settles' if len(answer.settling) == 1 else 'settle'} it")
    for entry, sign in ((answer.first, 1), (answer.second, -1)):
        own = [a for a in answer.asked if sign * (a.given_rest_nats or 0.0) >= WORTH_A_WORD_NATS][:3]
        names = ", ".join(phrases.finding_of(network.lexicon, understood, a.findings[0]) for a in own)
        parts.append(f"for {entry.label} {f'speak most {names}' if own else 'nothing speaks strongly'}")
    told = "; ".join(parts)
    return f"{told[0].upper()}{told[1:]}."


def _row(network: Network, answer: Comparison, a: Asked, surface: Surface) -> Iterator[str]:
    weights = [w for b in answer.asked for w in (b.alone_nats, b.given_rest_nats) if w is not None]
    largest = max((abs(w) for w in weights), default=1.0)
    said = phrases.finding_of(network.lexicon, answer.basis.understood, a.findings[0])
    cells = [
        f"{_weight(a, w):>8} {weight_bar(w or 0.0, CELLS, largest, surface)}" for w in (a.alone_nats, a.given_rest_nats)
    ]
    yield f"  {chain_fitted(said, len(a.findings) - 1, weighed_width(surface, CELLS))}  {'  '.join(cells)}"
    told = [sources.number_said(network, quoted) for quoted in a.quoted if quoted]
    if told:
        yield from surface.wrapped("; ".join(dict.fromkeys(told)), first="      ", rest="        ")


def _weight(a: Asked, nats: float | None) -> str:
    """A weight, or what stands in its place where there is none."""
    return factor(nats) if nats is not None else "settles" if a.settles else "-"


def _open_row(network: Network, n: NotAsked, surface: Surface) -> str:
    """A finding not asked yet, with what its most telling answers weigh."""
    asked = network.lexicon.askables[n.finding]
    weights = [
        f"{phrases.state_said(asked, state)} {'settles it' if log10 is None else factor(log10 * LN10)}"
        for state, log10 in (n.for_first, n.for_second)
    ]
    head = f"  {fitted(asked.label, _open_width(surface))}  {n.cost:4g}  {n.information_bits:5.2f}  "
    return head + fitted(", ".join(weights), surface.width - len(head)).rstrip()


def _open_width(surface: Surface) -> int:
    return max(16, min(30, surface.width - 41))
