"""Did a second reader find the same figures in the sources? `review/NAME.yaml` beside a network is compared with it.

ddx: review/1
network: scleroderma-mimics
reader: who transcribed, without looking at the network
numbers:
  findings/raynaud/model/given/systemic_sclerosis=limited/present: 95/100
  settings/general-population/priors/dish: 0.17
  findings/raynaud/model/odds_ratios/smoking: 2.5
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ddx.documents import Document, Place, read
from ddx.errors import DdxError, near_misses
from ddx.knowledge import spec
from ddx.knowledge.check import Checked, Issue, issue_of, told
from ddx.knowledge.load import shape_of
from ddx.knowledge.numbers import AnyNumber, numbers_of

FOLDER = "review"  # beside the network
AGREES = 1e-9  # largest relative difference of two transcriptions of one figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Review(spec.Block):
    """The second reader's file: place of a number, its steps joined by `/`, to `p`, `k/n` or odds ratio as read."""

    ddx: Literal["review/1"]
    network: str
    reader: str
    numbers: dict[str, str]
    note: str = ""


def review_file(network_file: Path) -> Path | None:
    """Where the second reader's copy of a network lies; None where there is none."""
    beside = network_file.parent / FOLDER / f"{network_file.name.split('.')[0]}.yaml"
    return beside if beside.is_file() else None


def check_review(checked: Checked, network_file: Path) -> tuple[Issue, ...]:
    """Every figure on which the two readers differ, and every one called reviewed that no second reader wrote down.

    Without the folder of second readings (an installed ddx brings none) nothing is known of them: that is said once.
    """
    if checked.network is None or checked.document is None or checked.network.view is not None:
        return ()
    if not (network_file.parent / FOLDER).is_dir():
        return tuple(_not_here(checked.network, network_file))
    place = review_file(network_file)
    if place is None:
        return tuple(_unsupported(checked.network, checked.document, {}))
    try:
        document = read(place)
    except DdxError as fault:
        issue = issue_of(fault, place.name)
        return (replace(issue, where=f"{FOLDER}/{issue.where}"),)
    review, misshapen = shape_of(Review, document)
    if review is None:
        return tuple(replace(issue, where=f"{FOLDER}/{issue.where}") for issue in told(document, "error", misshapen))
    return (
        *_differences(checked.network, checked, review, document),
        *_unsupported(checked.network, checked.document, review.numbers),
    )


def _differences(network: spec.Network, checked: Checked, review: Review, other: Document) -> Iterator[Issue]:
    own = checked.document
    assert own is not None
    known = {path_of(place): (place, number) for place, number in numbers_of(network)}
    unread = tuple(path_of(place) for place in checked.missing)
    for path, written in review.numbers.items():
        where = f"{FOLDER}/{other.where(('numbers', path))}"
        if path not in known:
            if not any(f"{path}/".startswith(f"{place}/") for place in unread):
                yield Issue("error", where, f"no number stands at {path}", near_misses(path, known))
            continue
        place, number = known[path]
        ratio = isinstance(number, spec.OddsRatio)
        read_as = _ratio(written) if ratio else _figure(written)
        if read_as is None and ratio:
            yield Issue("error", where, f"{written!r} is no odds ratio", "Write a number above 0, as 2.5.")
        elif read_as is None:
            yield Issue("error", where, f"{written!r} is neither a probability nor k/n", "Write 0.95 or 95/100.")
        elif not _agree(number, read_as):
            message = f"{path} is {_said(number)}, but the second reader read {written}"
            yield Issue("error", own.where(place), message, f"Look at the source again ({where}).")
        elif not number.reviewed:
            yield Issue("note", own.where(place), f"{path}: both readers agree", "Write `reviewed: true`.")


def _unsupported(network: spec.Network, document: Document, reviewed: dict[str, str]) -> Iterator[Issue]:
    for place, number in numbers_of(network):
        if number.reviewed and path_of(place) not in reviewed:
            message = "called reviewed, but no second reader's file holds it"
            yield Issue(
                "warning", document.where(place), message, "Remove `reviewed: true`, or add the second reading."
            )


def _not_here(network: spec.Network, network_file: Path) -> Iterator[Issue]:
    count = sum(number.reviewed for _, number in numbers_of(network))
    if count:
        name = f"{FOLDER}/{network_file.name.split('.')[0]}.yaml"
        which = "1 number is" if count == 1 else f"{count:,} numbers are"
        message = f"{which} called reviewed; the second reader's file {name} is not here to compare"
        yield Issue("note", network_file.name, message)


def path_of(place: Place) -> str:
    """The place of a number as the second reader's file names it."""
    return "/".join(str(step) for step in place)


def _figure(written: str) -> tuple[int, int] | float | None:
    k, slash, n = written.partition("/")
    try:
        if slash:
            counts = int(k), int(n)
            return counts if 0 <= counts[0] <= counts[1] and counts[1] > 0 else None
        p = float(written)
    except ValueError:
        return None
    return p if 0 <= p <= 1 else None


def _ratio(written: str) -> float | None:
    try:
        value = float(written)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _agree(number: AnyNumber, figure: tuple[int, int] | float) -> bool:
    counts = number.counts if isinstance(number, spec.Number) else None
    if isinstance(figure, tuple):
        return counts == figure
    return counts is None and abs(number.value - figure) <= AGREES * max(figure, AGREES)


def _said(number: AnyNumber) -> str:
    counts = number.counts if isinstance(number, spec.Number) else None
    return "{}/{}".format(*counts) if counts is not None else f"{number.value:g}"
