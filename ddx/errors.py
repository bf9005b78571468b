"""What can go wrong, as a tree.

    DdxError                    anything that a user can mend; exit code 3 unless said otherwise
    ├── SpecError               a network file that cannot be what it says
    │   └── TooLarge            a table or a clique tree beyond the stated size, found before it is allocated
    ├── CaseError               a case that cannot be read as one
    │   ├── UnknownFinding      no finding of that name in the network
    │   ├── UnknownState        the finding has no such state
    │   └── ContradictoryFinding  one finding given twice
    ├── UnknownName             no network, setting or disease of that name
    ├── FileProblem             a file that is missing, unreadable or too large
    ├── ImpossibleEvidence      P(evidence) = 0; carries a smallest impossible set; exit code 5
    └── ExpectationFailed       a case does not meet its `expect` block; exit code 4

A message says where (file:line), what was read, why it is wrong, what to do, and near misses.
Anything that is not a DdxError is a bug and shows a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

MOST_COMPARED = 2000  # known words among which a near miss is looked for; comparing is slow


class DdxError(Exception):
    """Base of every error that a user can mend; `exit_code` is what the command line returns."""

    exit_code = 3


class SpecError(DdxError):
    """A network that cannot be what it says: `where` is file:line or file:node."""

    def __init__(self, message: str, *, where: str = "", remedy: str = "") -> None:
        self.message = message
        self.where = where
        self.remedy = remedy
        super().__init__(sentence(message, where=where, remedy=remedy))


class TooLarge(SpecError):
    """A table or clique tree beyond the stated size, refused before anything is allocated."""


class CaseError(DdxError):
    """A case that cannot be read as one."""


class UnknownFinding(CaseError):
    """No finding of that name in the network."""


class UnknownState(CaseError):
    """The finding has no such state."""


class ContradictoryFinding(CaseError):
    """One finding was given twice."""


class UnknownName(DdxError):
    """No network, setting or disease of that name."""


class FileProblem(DdxError):
    """A file that is missing, unreadable or too large."""


class ImpossibleEvidence(DdxError):
    """P(evidence) = 0. `findings` is a smallest set of findings that is impossible by itself."""

    exit_code = 5

    def __init__(self, findings: Iterable[str]) -> None:
        self.findings = tuple(findings)
        super().__init__(
            "these findings cannot occur together in this network: "
            + ", ".join(self.findings)
            + ". Check them, or give one of them as a likelihood."
        )


class ExpectationFailed(DdxError):
    """A case does not meet its `expect` block; the message is the differential."""

    exit_code = 4


def sentence(message: str, *, where: str = "", remedy: str = "") -> str:
    """`where: message. remedy` with the parts that are there."""
    text = f"{where}: {message}" if where else message
    return f"{text}. {remedy}" if remedy else text


def near_misses(word: str, known: Iterable[str]) -> str:
    """`Did you mean a or b?`, or nothing where no known word is close."""
    close = closest(word, islice(dict.fromkeys(known), MOST_COMPARED), 3)
    return f"Did you mean {' or '.join(close)}?" if close else ""


def closest(word: str, known: Iterable[str], count: int) -> list[str]:
    """The known words most like a word, most like first; those that are hardly like it are left out."""
    import difflib

    return difflib.get_close_matches(word, list(known), n=count, cutoff=0.6)
