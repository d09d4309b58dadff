"""The sections of a policy as YAML writes them: pydantic models whose docstrings are what editors and the docs show.

Rules' own keys stand with the rules; here is what every rule may carry, and all that is no rule. Nothing here looks at
two sections at once (`checks` does), and nothing here is what the engine works with (`policy` is).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticKnownError

from cadence.calendar import Duration, DurationField, zone_index, zones_of_country
from cadence.facts import CHANNELS, ENGAGEMENT
from cadence.rules.rule import Across, Each, ExactDuration


class Written(BaseModel):
    """The base of what stands in YAML: unknown keys are errors, and nothing is changed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def one_of(words: Iterable[str]) -> AfterValidator:
    """A check that a text is one of these words; `places` finds the nearest right one."""
    known = tuple(words)
    expected = ", ".join(f"'{w}'" for w in known)

    def check(value: str) -> str:
        if value not in known:
            raise PydanticKnownError("literal_error", {"expected": expected})
        return value

    return AfterValidator(check)


def _span(value: Any) -> int:
    if value == 0 and not isinstance(value, bool):
        return 0
    duration = Duration.parse(value)
    if not duration.exact:
        raise ValueError(
            f"{duration.text!r} differs in length from month to month; write it in days, for example '30d'"
        )
    return duration.micros


def _zone(name: str) -> str:
    zone_index(name)
    return name


def _country(code: str) -> str:
    if code != code.upper() or not zones_of_country(code):
        raise ValueError(f"{code!r} is no country of ISO 3166; write for example SE, or DE-BY with a subdivision")
    return code


_EVENTS = [kind.word for kind in ENGAGEMENT]

Channel = Annotated[str, one_of(CHANNELS), WithJsonSchema({"type": "string", "enum": list(CHANNELS)})]
Event = Annotated[str, one_of(_EVENTS), WithJsonSchema({"type": "string", "enum": _EVENTS})]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Texts = Annotated[list[Name], Field(min_length=1)]
Span = Annotated[
    int,
    BeforeValidator(_span),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": "^[0-9]+(s|m|h|d|w)$", "examples": ["30m", "24h"]}, {"const": 0}]}
    ),
]
"""An exact length of time in microseconds, written as a duration, or 0 for none."""
Zone = Annotated[str, AfterValidator(_zone)]
Country = Annotated[str, AfterValidator(_country), WithJsonSchema({"type": "string", "examples": ["SE", "DE-BY"]})]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]
Where = Annotated[
    dict[str, Any],
    Field(min_length=1),
    WithJsonSchema({"$ref": "#/$defs/condition"}),
]


class DefaultsSection(Written):
    """What goes for contacts and messages that don't say it themselves."""

    timezone: Zone = "UTC"
    """The zone of contacts without one, and of the policy's own dates: an IANA name, for example Europe/Stockholm."""
    country: Country | None = None
    """The country of contacts without one: ISO 3166, with a subdivision where it matters (DE-BY)."""
    locale: Locale = "en"
    """The language of contacts without one."""
    expires: ExactDuration = Duration.parse("14d")
    """When a marketing message without an expiry of its own is given up."""
    spread: Span = 0
    """Over how long messages that fall due together are spread."""
    unknown_zone: Literal["default", "strict"] = "default"
    """`strict`: a contact without a zone has all zones of its country at once."""


ConsentWord = Literal["opt_in", "relationship", "none"]


class Ground(Written):
    """An event that carries a relationship, and for how long."""

    since: Event
    """The event it is counted from."""
    lasts: DurationField | None = None
    """How long it carries: `2y`, `6mo`. Without it, for ever."""


class ConsentInFull(Written):
    """Which consent is needed, with how long it lasts."""

    kind: ConsentWord
    """`opt_in`: the contact has given it. `relationship`: none, while a ground lasts. `none`: none."""
    lasts: DurationField | None = None
    """After this an opt-in lapses."""
    grounds: Annotated[list[Ground], Field(min_length=1)] | None = None
    """What carries a relationship; the longest counts. Without grounds it always stands."""

    @model_validator(mode="after")
    def _fits(self) -> ConsentInFull:
        if self.lasts and self.kind != "opt_in":
            raise ValueError(f"'lasts' goes with opt_in; with {self.kind} write it into a ground, or leave it out")
        if self.grounds and self.kind != "relationship":
            raise ValueError(f"'grounds' go with relationship, not with {self.kind}")
        return self


def _one_consent(value: Any) -> str:
    return "in full" if isinstance(value, dict | ConsentInFull) else "in a word"


def _any_consent(value: Any) -> str:
    if isinstance(value, dict) and not set(value) & set(ConsentInFull.model_fields):
        return "by channel"
    return _one_consent(value)


ConsentOfOne = Annotated[
    Annotated[ConsentWord, Tag("in a word")] | Annotated[ConsentInFull, Tag("in full")],
    Discriminator(_one_consent),
]
Consent = Annotated[
    Annotated[ConsentWord, Tag("in a word")]
    | Annotated[ConsentInFull, Tag("in full")]
    | Annotated[dict[Channel, ConsentOfOne], Field(min_length=1), Tag("by channel")],
    Discriminator(_any_consent),
]


class CategorySection(Written):
    """What a message is to the contact."""

    transactional: bool = False
    """A receipt, a code, an apology: consent is not asked, no stop applies, and no rule for marketing governs it."""
    consent: Consent = "opt_in"
    """The consent it needs: a word, a mapping with kind, or a mapping from channel to one of these."""
    exempt: list[Name] | None = None
    """Kinds of rule or names of rules that don't govern it. By default a transactional one is exempt from `all`, `[]`
    makes it exempt from nothing that may govern it."""
    counted: bool | None = None
    """Whether its touches count. Marketing's do by default, transactional ones don't."""
    priority: float = 50
    """Who goes first when several wait; higher goes first."""
    was: Texts | None = None
    """Names it had before: what was sent under them still counts."""


class Filtered(Written):
    """Which messages or touches: any value of a filter, of all filters given."""

    channels: Annotated[list[Channel], Field(min_length=1)] | None = None
    """Only these channels."""
    categories: Texts | None = None
    """Only these categories."""
    campaigns: Texts | None = None
    """Only these campaigns."""
    tags: Texts | None = None
    """Only what has one of these tags."""

    @property
    def empty(self) -> bool:
        """True where no filter is given."""
        return not (self.channels or self.categories or self.campaigns or self.tags)


class ExceptSection(Filtered):
    """What the rule leaves out; it is neither governed nor counted."""

    @model_validator(mode="after")
    def _filters(self) -> ExceptSection:
        if self.empty:
            raise ValueError("it excepts nothing; give channels, categories, campaigns or tags")
        return self


class CountsSection(Filtered):
    """Which touches the rule counts, those of uncounted categories too."""

    all: Literal[True] | None = None
    """Every touch there is."""

    @model_validator(mode="after")
    def _filters(self) -> CountsSection:
        if self.empty == (self.all is None):
            raise ValueError("give either all: true, or filters (channels, categories, campaigns, tags)")
        return self


class InForceSection(Written):
    """The dates between which a rule is in force, both included, in the policy's zone."""

    first: Annotated[date | None, Field(alias="from")] = None
    """The first date."""
    until: date | None = None
    """The last date."""

    @model_validator(mode="after")
    def _in_order(self) -> InForceSection:
        if self.first is None and self.until is None:
            raise ValueError("give 'from', 'until' or both, for example {from: 2026-08-11}")
        if self.first and self.until and self.until < self.first:
            raise ValueError(f"it ends ({self.until}) before it begins ({self.first})")
        return self


class Carried(Filtered):
    """What every rule may carry besides its own keys."""

    name: Name | None = None
    """What it is called in every answer."""
    excluded: Annotated[ExceptSection | None, Field(alias="except")] = None
    """What it leaves out: neither governed nor, without `counts`, counted."""
    counts: CountsSection | None = None
    """Which touches it counts, where not those that it governs."""
    where: Where | None = None
    """Governs only these contacts."""
    each: Each | None = None
    """Counted apart for each value of this."""
    across: Across | None = None
    """Whose touches are counted together."""
    in_force: InForceSection | None = None
    """Between which dates it is in force."""
    only_watch: bool = False
    """It says what it would have done, and binds nothing."""


class KeepInTouchSection(Written):
    """How long silence may last in a segment."""

    at_least_every: ExactDuration
    """The longest silence."""
    campaign: Name | None = None
    """What is sent when it has lasted that long."""


class SegmentSection(Written):
    """A group of contacts and the rules that hold for it besides the guard rails. The first that matches is theirs."""

    name: Name
    """What it is called in every answer."""
    where: Where | None = None
    """Which contacts are in it. The last segment has none: it is everyone's who is in no other."""
    cadence: dict[str, Any] | None = None
    """Its rules by kind, and keep_in_touch."""


class ArbitrationSection(Written):
    """In which order several messages for one person go, and how far ahead is looked for a more important one."""

    order: Annotated[list[Literal["priority", "value", "expiry", "age"]], Field(min_length=1)] = [
        "priority",
        "value",
        "expiry",
        "age",
    ]
    """By what they are put in order; what comes first weighs most."""
    lookahead: Span = 0
    """A message waits while sending it would make a more important one wait that comes within this time."""

    @model_validator(mode="after")
    def _once(self) -> ArbitrationSection:
        if len(set(self.order)) < len(self.order):
            raise ValueError("a word stands twice in 'order'")
        return self


class Document(Written):
    """A Cadence policy, or a part of one: when outreach is welcome, for whom, and what goes first."""

    version: Literal[1] | None = None
    """The version of the policy language: 1."""
    include: Texts | None = None
    """Other files, beside this one or among the ready packs. What is included comes first; this file adds to it."""
    defaults: dict[str, Any] | None = None
    categories: dict[str, Any] | None = None
    """What a message can be to the contact, by name."""
    guard_rails: dict[str, Any] | None = None
    """Rules that hold for everyone, by kind; one rule or a list of them. No segment can loosen them."""
    segments: list[Any] | None = None
    """Groups of contacts, each with rules of its own. The first that matches wins; the last has no `where`."""
    arbitration: dict[str, Any] | None = None
