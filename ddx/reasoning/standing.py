"""What deserves to be seen? The differential sorted into what the case raised, what must stay in view, and the rest.

Diseases that nobody tested sit at their prior and look like results, so they are folded away; serious ones never are.
The JSON form lists every disease; this is for the eye.
"""

from __future__ import annotations

from dataclasses import dataclass

from ddx.reasoning.differential import LIKELIER_THAN_NOT, Diagnosis, Differential, Pair

MOVED = 1.2  # a lift above this, or below its inverse, is a move
SEEN = 0.01  # raised diseases below this are named, not tabled
IN_VIEW = 0.002  # serious diseases below this are named in a line, not tabled
WORTH_A_LINE = 0.01  # what was argued against is tabled if it was at least this probable before
MOST_RAISED = 8
MOST_AGAINST = 5
SECOND = 0.05  # a second disease is spoken of from here


@dataclass(frozen=True, slots=True)
class Standing:
    """Every disease once: tabled in the first three, named or counted in the others. Most probable first."""

    raised: tuple[Diagnosis, ...]
    serious: tuple[Diagnosis, ...]
    against: tuple[Diagnosis, ...]
    serious_and_rare: tuple[Diagnosis, ...]
    little: tuple[Diagnosis, ...]  # moved, but neither probable now nor before
    unmoved: tuple[Diagnosis, ...]


def moved(diagnosis: Diagnosis) -> int:
    """1 where the case raised the disease, -1 where it argued against it, 0 where it did neither."""
    lift = diagnosis.lift
    if lift is None:
        return 1 if diagnosis.posterior > 0 else 0
    return 1 if lift > MOVED else -1 if lift < 1 / MOVED else 0


def standing(answer: Differential) -> Standing:
    """Sort the differential for the eye."""
    raised = [d for d in answer.diseases if _is_raised(d)][:MOST_RAISED]
    left = [d for d in answer.diseases if d not in raised]
    serious = [d for d in left if d.entry.serious and d.posterior >= IN_VIEW]
    left = [d for d in left if d not in serious]
    fallen = sorted((d for d in left if moved(d) < 0 and d.prior >= WORTH_A_LINE), key=lambda d: d.posterior - d.prior)
    against = sorted(fallen[:MOST_AGAINST], key=lambda d: (-d.prior, d.id))
    left = [d for d in left if d not in against]
    other = [d for d in left if not d.entry.serious]
    return Standing(
        tuple(raised),
        tuple(serious),
        tuple(against),
        tuple(d for d in left if d.entry.serious),
        tuple(d for d in other if moved(d) != 0),
        tuple(d for d in other if moved(d) == 0),
    )


def _is_raised(diagnosis: Diagnosis) -> bool:
    return (moved(diagnosis) > 0 and diagnosis.posterior >= SEEN) or diagnosis.posterior >= LIKELIER_THAN_NOT


def leading_pair(answer: Differential) -> Pair | None:
    """The two raised diseases of different families that are most probably there, where the second is worth a word."""
    first = [d for d in answer.diseases if _is_raised(d) and d.posterior >= SECOND]
    for i, one in enumerate(first):
        for other in first[i + 1 :]:
            pair = pair_of(answer, one.id, other.id)
            if one.entry.node != other.entry.node and pair is not None:
                return pair
    return None


def pair_of(answer: Differential, one: str, other: str) -> Pair | None:
    """The pair of these diseases, the more probable one first; None where it was not formed."""
    for pair in answer.pairs:
        if {pair.first.id, pair.second.id} == {one, other}:
            if pair.first.id == one:
                return pair
            return Pair(pair.second, pair.first, pair.both, pair.second_only, pair.first_only)
    return None
