"""Findings in words, as they are said at the bedside: `no Raynaud phenomenon`, `ANA negative`, `mRSS ge30`."""

from __future__ import annotations

from collections.abc import Mapping

from ddx.knowledge.lexicon import Askable, Lexicon
from ddx.reasoning.understanding import Understood, Used

BARE = ("present", "yes", "true")  # states that say no more than that the finding is there
DENIED = ("absent", "no", "false", "none")  # states that say that it is not


def finding(asked: Askable, said: str | Mapping[str, float]) -> str:
    """A finding with its state, in as few words as say it."""
    if not isinstance(said, str):
        return f"{asked.label} (uncertain)"
    if said in BARE:
        return asked.label
    return f"no {asked.label}" if said in DENIED else f"{asked.label} {said.replace('_', ' ')}"


def finding_of(lexicon: Lexicon, understood: Understood, name: str) -> str:
    """A finding of the case in words, by its id."""
    return finding(lexicon.askables[name], understood.evidence[name])


def sign(lexicon: Lexicon, used: Used) -> str:
    """`+` for what was found, `-` for what was looked for and not found, `~` for an uncertain finding."""
    if not isinstance(used.said, str):
        return "~"
    return "-" if used.said == lexicon.askables[used.finding].absent else "+"


def counted(lexicon: Lexicon, understood: Understood) -> str:
    """`12 findings used (8 present, 4 absent)`."""
    signs = [sign(lexicon, used) for used in understood.findings]
    parts = [("+", "present"), ("-", "absent"), ("~", "uncertain")]
    told = ", ".join(f"{signs.count(s)} {word}" for s, word in parts if s in signs)
    noun = "finding" if len(signs) == 1 else "findings"
    return f"{len(signs)} {noun} used ({told})" if signs else "no findings: these are the priors"


def patient(lexicon: Lexicon, understood: Understood) -> str:
    """Age and sex as they were given: `Age 52, Sex male`."""
    return ", ".join(
        f"{lexicon.askables[u.finding].label} {u.given or (u.said if isinstance(u.said, str) else 'uncertain')}"
        for u in understood.used
        if u.finding in understood.context
    )
