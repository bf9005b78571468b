"""A case step by step, for a class: natural frequencies, one sentence for each finding."""

from __future__ import annotations

from collections.abc import Iterator

from ddx.network import Network
from ddx.reasoning.basis import Plain
from ddx.reasoning.explaining_away import ExplainingAway
from ddx.reasoning.replay import PATIENTS, Move, Replay, Step
from ddx.report import phrases
from ddx.report.figures import bar
from ddx.report.frame import factor, page
from ddx.report.frame import plain as framed
from ddx.report.surface import Surface, fitted

CELLS = 20
MOST_LABEL = 40
TOP = 4


def plain(answer: Replay) -> dict[str, Plain]:
    """The form ddx/replay/1."""
    return framed("replay", answer.basis, answer.body(), answer.result_sha256)


def text(network: Network, answer: Replay, surface: Surface) -> str:
    """The page: one block for each step."""
    lines = []
    label = {e.id: e.label for e in answer.entries}
    if answer.guess:
        lines += [*surface.wrapped(f"Your list: {', '.join(label[g] for g in answer.guess)}.", rest="  "), ""]
    for k, step in enumerate(answer.steps):
        lines += _block(network, answer, k, surface)
        before = answer.steps[k - 1] if k else step
        lines += _bars(answer, before, step, surface)
        lines.append("")
    if answer.guess:
        lines += _verdict(network, answer, surface)
    return page(network, answer.basis, answer.result_sha256, lines, surface)


def _block(network: Network, answer: Replay, k: int, surface: Surface) -> Iterator[str]:
    step, total = answer.steps[k], len(answer.steps) - 1
    if step.finding is None:
        yield from map(surface.strong, surface.wrapped(beginning(network, answer), rest="  "))
        return
    said = _said(network, answer, step.finding)
    why = " (the complaint of this setting)" if step.finding == answer.basis.understood.complaint else ""
    yield from map(surface.strong, surface.wrapped(f"Step {k}/{total}   New: {said}{why}", rest="  "))
    if step.move is not None:
        yield from surface.wrapped(sentence(answer, said, k, step.move), first="  ")
    if step.explaining_away is not None:
        yield from surface.wrapped(away_said(network, answer, said, step.explaining_away), first="  ")


def beginning(network: Network, answer: Replay) -> str:
    """What there is before any finding: what is known of the patient, and the setting, where there are such."""
    understood = answer.basis.understood
    known = [_lowered(network.lexicon.askables[name].label) for name in understood.patient]
    if understood.setting:
        known.append("setting" if known else "the setting")
    *first, last = known or ["the network"]
    return f"Before any finding: {' and '.join(part for part in (', '.join(first), last) if part)} alone"


def sentence(answer: Replay, said: str, k: int, move: Move) -> str:
    """How often the finding of step k is met with and without the disease that it moved most."""
    label = _label(answer, move.disease)
    if abs(move.after - move.before) < 1 / PATIENTS:
        before, step = answer.steps[k - 1 : k + 1]
        moved = any(_count(before, d) != _count(step, d) for d in _told(answer, step))
        amount = "more than" if moved else "as much as"
        return f"Moves no disease by {amount} 1 of {PATIENTS:,} patients."
    if move.met_with is None or move.met_without is None:
        verb, nats = ("multiplies", move.odds_nats) if move.odds_nats > 0 else ("divides", -move.odds_nats)
        return f'"{said}" {verb} the odds of {label} by {factor(nats)[1:]}.'
    return (
        f'"{said}" is met in {phrases.of_hundred(move.met_with)} of 100 such patients with '
        f"{label}, and in {phrases.of_hundred(move.met_without)} of 100 without."
    )


def away_said(network: Network, answer: Replay, said: str, away: ExplainingAway) -> str:
    """What was explained away at this step, in plain words."""
    disease, by = _label(answer, away.disease), _label(answer, away.by)
    if _said(network, answer, away.explains) == said:
        alone = f"by itself it would multiply the odds of {disease} by {factor(away.alone_nats)[1:]}"
        here = f"here it does by {factor(away.here_nats)[1:]}" if away.here_nats > 0 else "here it does not raise them"
        return f"Explaining away: {alone}; {here}, since {by} already accounts for it."
    earlier = _said(network, answer, away.explains)
    return (
        f"Explaining away: the odds of {disease} are divided by {factor(-away.here_nats)[1:]}, though this finding by "
        f"itself does not speak against it: {by} now accounts for {earlier}."
    )


def _said(network: Network, answer: Replay, finding: str) -> str:
    return phrases.finding_of(network.lexicon, answer.basis.understood, finding)


def _lowered(label: str) -> str:
    """A label as it stands within a sentence; abbreviations stay as they are."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _label(answer: Replay, disease: str) -> str:
    return next(e.label for e in answer.entries if e.id == disease)


def _bars(answer: Replay, before: Step, step: Step, surface: Surface) -> Iterator[str]:
    """The diseases that are told of: of 1,000 such patients, before -> after."""
    wide = max(16, min(MOST_LABEL, surface.width - 50))
    for d in _told(answer, step):
        drawn = surface.blue(bar(step.posteriors[d], min(CELLS, surface.width - wide - 31), unicode=surface.unicode))
        change = f"{_count(before, d):>6} -> {_count(step, d):>6}" if step.finding else f"{_count(step, d):>16}"
        yield f"  {fitted(_label(answer, d), wide)}  {change} of {PATIENTS:,}  {drawn}".rstrip()


def _told(answer: Replay, step: Step) -> list[str]:
    """The likeliest diseases, those guessed, and those that moved; the most probable first."""
    ranked = sorted(step.posteriors, key=lambda d: -step.posteriors[d])[:TOP]
    shown = dict.fromkeys([*ranked, *answer.guess])
    if step.move is not None:
        shown[step.move.disease] = None
    if step.explaining_away is not None:
        shown[step.explaining_away.disease] = None
    return sorted(shown, key=lambda d: -step.posteriors[d])


def _count(step: Step, disease: str) -> str:
    """Never 0 and never all of them."""
    count = step.of_thousand(disease)
    return "<1" if count < 1 else f">{PATIENTS - 1}" if count >= PATIENTS else f"{count}"


def _verdict(network: Network, answer: Replay, surface: Surface) -> Iterator[str]:
    """The reader's own list beside where the case ended, and the step that decided each."""
    yield surface.strong(f"Your list and the case, of {PATIENTS:,} such patients")
    for title, judged, verb in (
        ("on your list and likely", answer.right, "raised"),
        ("on your list, but not likely", answer.wrong, "lowered"),
        ("likely, but not on your list", answer.missed, "raised"),
    ):
        if judged:
            yield "  " + surface.faint(surface.rule(title))
        for j in judged:
            change = f"{_count(answer.steps[0], j.disease):>6} -> {_count(answer.last, j.disease):>6}"
            yield f"  {fitted(_label(answer, j.disease), min(MOST_LABEL, surface.width - 24))}  {change}"
            finding = answer.steps[j.step].finding
            if finding is not None:
                said = f"{verb} most at step {j.step}: {_said(network, answer, finding)}"
                yield from surface.wrapped(said, first="      ")
    yield ""
