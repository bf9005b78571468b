"""Findings in words, as they are said at the bedside: `no Raynaud phenomenon`, `ANA negative`, `mRSS >=30`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ddx.knowledge.lexicon import Askable, Lexicon
from ddx.reasoning.basis import Tail
from ddx.reasoning.understanding import Understood, Used

BARE = ("present", "yes", "true")  # states that say no more than that the finding is there
DENIED = ("absent", "no", "false", "none")  # states that say that it is not
SAID_OF_IT = ("positive", "negative", "normal", "abnormal", "elevated", "increased", "reduced", "decreased", "low",
              "high", "deficient", "thickened", "poor", "good")  # fmt: skip
BOUND = re.compile(r"^(lt|le|gt|ge)(\d+(?:_\d+)?)(.*)$")  # ge30, lt4cm, gt2_5cm
RANGE = re.compile(r"^(\d+(?:_\d+)?)to(\d+(?:_\d+)?)(.*)$")  # 10to59, 2to3_9
DIGITS_APART = re.compile(r"\d_\d")  # a range as another tool writes it
SIGNS = {"lt": "<", "le": "≤", "gt": ">", "ge": "≥"}


def state_said(asked: Askable, state: str) -> str:
    """A state as it is read: `≥30`, `<4 cm`, `10-59`; with its unit where it is a range of a measured value."""
    bound, between = BOUND.match(state), RANGE.match(state)
    if bound is None and between is None:
        return state if DIGITS_APART.search(state) else state.replace("_", " ")
    if bound is not None:
        number, unit = SIGNS[bound[1]] + bound[2].replace("_", "."), bound[3]
    else:
        assert between is not None
        number, unit = f"{between[1]}-{between[2]}".replace("_", "."), between[3]
    own = asked.quantity.unit if asked.quantity is not None and state in asked.quantity.states else ""
    return f"{number} {(unit or own).strip()}".rstrip()


def finding(asked: Askable, said: str | Mapping[str, float]) -> str:
    """A finding with its state, in as few words as say it."""
    if not isinstance(said, str):
        return f"{asked.label} (uncertain)"
    if said in BARE or said in asked.label.casefold().split():
        return asked.label
    if said in DENIED:
        return f"no {asked.label}"
    state = state_said(asked, said)
    is_adjective = said in SAID_OF_IT or not (state[0].isalnum() or state.isdigit()) or RANGE.match(said)
    return f"{asked.label} {state}" if is_adjective else f"{asked.label}: {state}"


def finding_of(lexicon: Lexicon, understood: Understood, name: str) -> str:
    """A finding of the case in words, by its id."""
    return finding(lexicon.askables[name], understood.evidence[name])


def chain(lexicon: Lexicon, understood: Understood, findings: Sequence[str]) -> str:
    """Findings that stand or fall together, by the first: `Monoclonal protein (+4 tied)`."""
    said = finding_of(lexicon, understood, findings[0])
    return f"{said} (+{len(findings) - 1} tied)" if len(findings) > 1 else said


def counts(*probabilities: float) -> tuple[str, ...]:
    """Probabilities as counts of the same number of patients, and that number: small enough to tell them apart.

    >>> counts(0.31, 0.042), counts(0.0017, 0.0028)
    (('31', '4', '100'), ('17', '28', '10,000'))
    """
    least = min(probabilities)
    of = next((n for n in (100, 1_000, 10_000, 100_000) if least * n >= 3), 1_000_000)
    return (*(f"{p * of:,.0f}" for p in probabilities), f"{of:,}")


def of_hundred(probability: float) -> str:
    """How many of 100 patients, never 0 and never all.

    >>> [of_hundred(p) for p in (1.0, 0.9949, 0.2, 0.055, 0.0012, 0.0004)]
    ['nearly 100', '99', '20', '5.5', '0.1', 'fewer than 0.1']
    """
    hundred = 100 * probability
    if hundred >= 99.5:
        return "nearly 100"
    return f"{hundred:.0f}" if hundred >= 9.5 else f"{hundred:.1f}" if hundred >= 0.1 else "fewer than 0.1"


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


def covered(tail: Tail) -> str:
    """How well the diseases that the case points to account for it, and what that leaves to be said."""
    least = 1 / (1 + tail.patients) + 1e-9
    share = "fewer than 1" if tail.share <= least else f"{100 * tail.share:.0f}"
    told = f"Of 100 patients with the diseases that this case points to, {share} would have such improbable findings"
    if tail.word == "inside":
        return f"The network accounts for the case as a whole. {told}."
    if tail.word == "unusual":
        return f"As a whole the case is unusual even for the diseases that it points to. {told}."
    return (
        f"As a whole the case lies outside what this network explains. {told}. Something that is not in the network, "
        "or a finding entered wrongly, may be behind it: what is probable here is only what explains it least badly."
    )
