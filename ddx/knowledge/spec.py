"""The clinical network format, version 1, as plain frozen values.

One class is one block of the YAML file; field names are the keys of the file. The same classes give the loader
its checks, the JSON schema its shape and the compiled cache its metadata, so that the format is said once.
Nothing here imports a YAML or schema library.

A *row* is a distribution over the states of one variable: `{state: Number}`. Exactly one state may be left out;
it takes what the others leave. A *cause* is written as the name of a disease entry (`multiple_myeloma`), of a node
of two states, or as `node=state`. A *condition* (`when`) is `{variable: state}` or `{variable: [states]}`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

Grade = Literal["measured", "memory", "judgement"]
Tier = Literal["history", "exam", "cheap_lab", "special_lab", "imaging", "biopsy", "marrow"]
Relation = Literal["exact", "broader", "narrower", "related"]

TIERS: tuple[Tier, ...] = ("history", "exam", "cheap_lab", "special_lab", "imaging", "biopsy", "marrow")


class Block:
    """A block of the file: keys that it does not name are refused, numbers are finite."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "allow_inf_nan": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series(Block):
    """One published series: k of n patients."""

    k: int
    n: int
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Block):
    """One probability with its basis: `p`, or `k` of `n`, or several `series` to pool.

    `p` with `n` is a rate printed without its count. `source` is a key of the network's sources; series
    carry their own.
    Counts are smoothed, (k + 1/2) / (n + 1), so that 33 of 33 is not certainty.
    """

    p: float | None = None
    k: int | None = None
    n: int | None = None
    series: tuple[Series, ...] = ()
    lo: float | None = None
    hi: float | None = None
    source: str = ""
    grade: Grade
    note: str = ""
    reviewed: bool = False

    @property
    def counts(self) -> tuple[int, int] | None:
        """(k, n), pooled over the series; None where the number has no counts."""
        if self.series:
            return sum(s.k for s in self.series), sum(s.n for s in self.series)
        if self.k is not None and self.n is not None:
            return self.k, self.n
        return None

    @property
    def value(self) -> float:
        """The probability used: p as written, or (k + 1/2) / (n + 1)."""
        if self.p is not None:
            return self.p
        k, n = self.counts or (0, 0)
        return (k + 0.5) / (n + 1)


Row = dict[str, Number]
Condition = dict[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum(Block):
    """A row that holds `when` a context applies: of the background, or of one `cause`. The first that fits is used."""

    when: Condition
    row: Row
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OddsRatio(Block):
    """A cause known by how it multiplies the odds of any effect: odds(effect | cause) = value x odds(background)."""

    value: float
    lo: float | None = None
    hi: float | None = None
    source: str
    grade: Grade
    note: str = ""
    reviewed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Noisy(Block):
    """Causes that act independently: noisy-OR for two states, noisy-MAX for states ordered from none to most.

    `given` holds P(variable | this cause, no other), as the literature reports it; `background` P(variable | no cause).
    `rates: with_background` (the default) says that the reported rates already contain the background, and each is
    converted to the link that reproduces it: P_link(<= s) = P(<= s | cause) / P(<= s | background).
    `rates: on_top` says that they are the links themselves. A cause that is not listed acts as in the background.
    """

    kind: Literal["noisy-or", "noisy-max"]
    background: Row
    given: dict[str, Row] = field(default_factory=dict)
    odds_ratios: dict[str, OddsRatio] = field(default_factory=dict)
    strata: tuple[Stratum, ...] = ()
    rates: Literal["with_background", "on_top"] = "with_background"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow(Block):
    """P(variable | condition)."""

    when: Condition
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Block):
    """P(variable | parents) written out; the first row whose condition fits is used; `otherwise` for the rest."""

    kind: Literal["table"]
    parents: tuple[str, ...] = ()
    rows: tuple[TableRow, ...] = ()
    otherwise: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Block):
    """The state that a condition forces."""

    when: Condition
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deterministic(Block):
    """The state follows from the parents: the first rule whose condition fits, `otherwise` for the rest."""

    kind: Literal["deterministic"]
    parents: tuple[str, ...]
    rules: tuple[Rule, ...]
    otherwise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute(Block):
    """What something is like, where it is there: the isotype of a paraprotein, the pattern of an induration.

    While the `gate` condition does not hold the state is `not_applicable` (added by the compiler as the last state).
    While it holds: the mean of the rows of the causes present; `background` where none is. `precedence` lists groups
    of causes: where one of an earlier group is present, those of later groups (and unlisted ones) do not count.
    """

    kind: Literal["attribute"]
    gate: Condition
    background: Row
    given: dict[str, Row] = field(default_factory=dict)
    precedence: tuple[tuple[str, ...], ...] = ()


Model = Noisy | Table | Deterministic | Attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class Code(Block):
    """A term of another vocabulary and how it relates to ours: exact, broader, narrower or related."""

    id: str
    label: str = ""
    relation: Relation = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity(Block):
    """How a measured value maps to a state: states from low to high, separated by `cuts`.

    A value that equals a cut belongs to the state above it, or below where `equal: below`. Where the scale itself ends,
    `lowest` and `highest` are the values it can have: what lies beyond is a slip and is refused.
    """

    unit: str
    cuts: tuple[float, ...]
    states: tuple[str, ...]
    equal: Literal["above", "below"] = "above"
    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Block):
    """A property of the patient that shifts priors and backgrounds (age band, sex, ancestry) and is no finding."""

    label: str
    states: tuple[str, ...]
    aliases: dict[str, str] = field(default_factory=dict)  # other word for a state -> state
    quantity: Quantity | None = None
    subject: str = ""  # the key of a case's `subject` block; the id where empty
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Block):
    """How a disease is spread over a context.

    `share` is P(context state | disease); `rate` is P(disease | context state). Either multiplies the odds of the
    disease: share / P(context state in the general population), or the odds of the rate. For a disease of several
    states `of` names the state meant; the default is every present state.
    """

    context: str
    kind: Literal["share", "rate"]
    row: Row
    of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Block):
    """What is reported of a node: an entry of the differential, true while the node is in one of `states`."""

    label: str
    states: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    codes: dict[str, Code] = field(default_factory=dict)
    serious: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disease(Block):
    """A disease, or a family of diseases that exclude one another. The first state is absence.

    Without `reported` the node itself is the entry of the differential. With it, each event is an entry of its own and
    the node has none. Without `model` it is a root: its probability comes from the setting, spread by `profile`.
    """

    label: str
    states: tuple[str, ...] = ("absent", "present")
    state_labels: dict[str, str] = field(default_factory=dict)
    state_aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    codes: dict[str, Code] = field(default_factory=dict)
    serious: bool = False
    reported: dict[str, Event] = field(default_factory=dict)
    profile: tuple[Profile, ...] = ()
    model: Noisy | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent(Block):
    """A variable that nobody observes or reports: a shared mechanism, or room for what is not in the network.

    Without `model` it is a root and takes its probability from the setting, as a disease does.
    """

    label: str
    states: tuple[str, ...] = ("absent", "present")
    model: Noisy | Table | Deterministic | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Block):
    """Something that can be asked, seen or measured. `absent` and `present` say what `no-NAME` and `NAME` mean."""

    label: str
    states: tuple[str, ...]
    tier: Tier
    definition: str = ""
    cost: float = 1.0
    absent: str | None = None
    present: str | None = None
    mandatory: bool = False
    aliases: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    codes: dict[str, Code] = field(default_factory=dict)
    quantity: Quantity | None = None
    model: Noisy | Table | Deterministic | Attribute
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint(Block):
    """What brings the patient: P(finding = state) among those seen in this setting."""

    finding: str
    state: str
    p: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Block):
    """A population: who is seen there, and how common each disease is among them.

    With a complaint, `context` and `priors` are conditional on it, and the compiler solves for the root
    probabilities that give exactly these. `backgrounds` replaces the background row of a node that has causes.
    What is not stated is inherited.
    """

    label: str
    description: str = ""
    inherits: str | None = None
    complaint: Complaint | None = None
    context: dict[str, Row] = field(default_factory=dict)
    priors: dict[str, Number] = field(default_factory=dict)
    backgrounds: dict[str, Row] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Block):
    """Where numbers come from: a publication, or who was asked and how."""

    citation: str
    identifier: str = ""
    url: str = ""
    read: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Block):
    """A small network chosen from a larger one, without copying a number.

    Diseases that are left out are averaged out at their prior; latent nodes stay.
    """

    of: str
    diseases: tuple[str, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header(Block):
    """Who made the network, for whom, from what."""

    name: str
    version: str
    title: str
    description: str = ""
    intended_use: str
    intended_users: str
    population: str
    authors: tuple[str, ...]
    licence: str
    reviewed_by: tuple[str, ...] = ()
    data_cutoff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Block):
    """A clinical network: `ddx: network/1`."""

    ddx: Literal["network/1"]
    header: Header
    default_setting: str
    sources: dict[str, Source]
    settings: dict[str, Setting]
    context: dict[str, Context] = field(default_factory=dict)
    diseases: dict[str, Disease]
    latents: dict[str, Latent] = field(default_factory=dict)
    findings: dict[str, Finding]
    view: View | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFile(Block):
    """A file that holds a view: `ddx: view/1`. What the header leaves empty is that of the larger network."""

    ddx: Literal["view/1"]
    name: str
    version: str
    title: str
    description: str = ""
    default_setting: str = ""
    of: str
    diseases: tuple[str, ...]
    findings: tuple[str, ...]
