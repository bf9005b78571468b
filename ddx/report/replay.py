"""A case step by step, for a class: natural frequencies, one sentence for each finding."""

from __future__ import annotations

from collections.abc import Iterator

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.replay import PATIENTS, Move, Replay, Step
from ddx.report import phrases
from ddx.report.figures import bar
from ddx.report.frame import page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface, fitted

CELLS = 20
TOP = 4


def plain(answer: Replay) -> dict[str, Plain]:
    """The form ddx/replay/1."""
    return framed("replay", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: Replay, surface: Surface) -> str:
    """The page: one block for each step."""
    lines = []
    label = {e.id: e.label for e in answer.entries}
    if answer.guess:
        lines += [f"Your list: {', '.join(label.get(g, g) for g in answer.guess)}", ""]
    for k, step in enumerate(answer.steps):
        lines += _block(network, answer, k, surface)
        before = answer.steps[k - 1] if k else step
        lines += _bars(answer, before, step, surface)
        lines.append("")
    lines += _verdict(answer, surface)
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def _block(network: Network, answer: Replay, k: int, surface: Surface) -> Iterator[str]:
    step, total = answer.steps[k], len(answer.steps) - 1
    if step.finding is None:
        yield surface.strong("Before any finding: age, sex and setting alone")
        return
    said = phrases.finding_of(network.lexicon, answer.basis.understood, step.finding)
    yield surface.strong(f"Step {k}/{total}   New: {said}")
    if step.move is not None:
        yield from surface.wrapped(sentence(answer, said, step.move), first="  ")


def sentence(answer: Replay, said: str, move: Move) -> str:
    """How often the finding is met with and without the disease that it moved most."""
    label = next(e.label for e in answer.entries if e.id == move.disease)
    return (
        f'"{said}" is met in {_of_hundred(move.met_with)} of 100 such patients with {label}, '
        f"and in {_of_hundred(move.met_without)} of 100 without."
    )


def _of_hundred(probability: float) -> str:
    hundred = 100 * probability
    if hundred >= 99.5:
        return "nearly 100"
    return f"{hundred:.0f}" if hundred >= 9.5 else f"{hundred:.1f}" if hundred >= 0.1 else "fewer than 0.1"


def _bars(answer: Replay, before: Step, step: Step, surface: Surface) -> Iterator[str]:
    """The likeliest diseases, those guessed, and the one that moved most: of 1,000 such patients, before -> after."""
    ranked = sorted(step.posteriors, key=lambda d: -step.posteriors[d])[:TOP]
    shown = dict.fromkeys([*ranked, *(g for g in answer.guess if g in step.posteriors)])
    if step.move is not None:
        shown[step.move.disease] = None
    label = {e.id: e.label for e in answer.entries}
    for d in sorted(shown, key=lambda d: -step.posteriors[d]):
        drawn = surface.blue(bar(step.posteriors[d], CELLS, unicode=surface.unicode))
        change = f"{_count(before, d):>6} -> {_count(step, d):>6}" if step.finding else f"{_count(step, d):>16}"
        yield f"  {fitted(label[d], 32)}  {change} of {PATIENTS:,}  {drawn}".rstrip()


def _count(step: Step, disease: str) -> str:
    """Never 0 and never all of them."""
    count = step.of_thousand(disease)
    return "<1" if count < 1 else f">{PATIENTS - 1}" if count >= PATIENTS else f"{count}"


def _verdict(answer: Replay, surface: Surface) -> list[str]:
    """The reader's own list beside where the case ended."""
    if not answer.guess:
        return []
    label = {e.id: e.label for e in answer.entries}
    told = ", ".join(f"{label.get(g, g)} {_count(answer.last, g)}" for g in answer.guess if g in answer.last.posteriors)
    return [*surface.wrapped(f"Your list now, of {PATIENTS:,} such patients: {told}."), ""]
