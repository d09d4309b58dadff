"""What a rule is told about itself: its kind, its name, its keys and whom it governs; and what the categories say.

The policy makes these out of YAML and hands them to the decision core; nothing here reads YAML, and nothing here
decides.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from cadence.calendar import Duration, DurationField
from cadence.facts import ENGAGEMENT, EventKind, key

Remarks = list[tuple[tuple[str, ...], str]]
"""What is said about keys: the path of the key, and a sentence."""


class Keys(BaseModel):
    """The base of every rule's own keys, as YAML writes them, and what a kind says by default: a rule overrides what
    differs. What every rule may carry stands in `Rule`, not here."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True)
    categories_unless_named: ClassVar[tuple[str, ...]] = ()
    """The categories that a rule of this kind governs and counts where it names none; empty: all."""

    def default_name(self) -> str | None:
        """What a rule with these keys is called where no name is given; None: by its kind."""
        return None

    def problems(self, categories: Mapping[str, Category], rule: Rule | None = None) -> Remarks:
        """What is wrong with these keys taken together, that their own types don't find.

        With the rule itself, only what it governs (its filters) is looked at."""
        return []

    def remarks(self) -> Remarks:
        """What is no mistake but worth a warning."""
        return []

    def covers(self, other: Any) -> bool | None:
        """Whether it stops all that the other, of its kind, would stop; None: that is told by comparing key by key."""
        return None

    def touch_reach(self) -> int | None:
        """How far back touches matter, in microseconds; 0: not at all; None: for ever."""
        return 0

    def event_reach(self) -> Mapping[EventKind, int]:
        """Which events are needed as rows, and how far back, in microseconds. Latest instants per kind are always
        there."""
        return {}

    @property
    def spacing(self) -> int:
        """How far apart touches lie at the least in the long run, in microseconds, under these keys alone, to somebody who
        never answers: NEVER when they end, 0 where the keys don't bound it."""
        return 0

    @classmethod
    def always_on(cls, rails: Sequence[Keys]) -> Self:
        """Of a kind that is always on: the keys it then has, given those of the guard rails of its kind."""
        return cls()

    def asked(self, in_segment: bool) -> Self | None:
        """With what keys a rule that is written is asked; None: for nothing besides what is always on."""
        return self

    @property
    def over_accounts(self) -> bool:
        """Whether it looks at all contacts of an account, so that they must not be decided apart."""
        return False


def _exact(duration: Duration) -> Duration:
    if not duration.exact:
        raise ValueError(f"{duration.text!r} differs in length from month to month; write it in days, like '30d'")
    return duration


ExactDuration = Annotated[
    DurationField,
    AfterValidator(_exact),
    Field(json_schema_extra={"pattern": r"^0*[1-9][0-9]*(s|m|h|d|w)$", "examples": ["36h", "7d"]}),
]
"""A duration that is the same everywhere: no months and years."""

Count = Annotated[int, Field(strict=True, ge=1)]
"""A whole number of at least 1. `true` and `"2"` are none."""


def listed(value: object) -> object:
    """One word where a list of words is meant, as a list of one."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def event_words(kinds: Sequence[EventKind]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """A check that all words are events of these kinds. It raises ValueError naming the nearest right word."""
    allowed = [k.word for k in kinds]

    def check(words: Sequence[str]) -> tuple[str, ...]:
        for word in words:
            if word not in allowed:
                near = difflib.get_close_matches(word, allowed, n=1)
                hint = f"did you mean {near[0]}? " if near else ""
                raise ValueError(f"{word!r} can't stand here; {hint}allowed are {', '.join(allowed)}")
        return tuple(words)

    return check


ANY_ANSWER: tuple[str, ...] = tuple(k.word for k in ENGAGEMENT)
"""Every kind of engagement."""

AnsweredBy = Annotated[
    tuple[str, ...],
    BeforeValidator(listed),
    AfterValidator(event_words(ENGAGEMENT)),
    Field(
        min_length=1,
        json_schema_extra={"type": ["string", "array"], "items": {"type": "string", "enum": list(ANY_ANSWER)}},
    ),
]
"""A rule's `answered_by`: which engagement ends a silence, a word or a list of words."""


class Stricter(StrEnum):
    """Which way a key makes its rule stricter, as metadata of the key: `max: Annotated[Count, Stricter.LESS]`."""

    LESS = "less"
    MORE = "more"


class Each(StrEnum):
    """Counted apart for each value of this."""

    THREAD = "thread"
    CAMPAIGN = "campaign"
    TOPIC = "topic"
    CONTENT = "content"
    CATEGORY = "category"
    CHANNEL = "channel"
    TAG = "tag"


class Across(StrEnum):
    """Whose touches are counted together."""

    CONTACT = "contact"
    ADDRESS = "address"
    HOUSEHOLD = "household"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Filters:
    """Messages or touches that match: any value of each set that is not empty. Sets hold keys; empty is "whatever"."""

    channels: frozenset[int] = frozenset()
    categories: frozenset[int] = frozenset()
    campaigns: frozenset[int] = frozenset()
    tags: frozenset[int] = frozenset()

    @property
    def everything(self) -> bool:
        """True where nothing is filtered out."""
        return not (self.channels or self.categories or self.campaigns or self.tags)


@dataclass(frozen=True, slots=True)
class Counts:
    """Which touches a rule counts when it says so itself: whatever matches, uncounted categories too."""

    filters: Filters = Filters()
    """With no filter at all (`{all: true}`): every touch."""


@dataclass(frozen=True, slots=True)
class ConsentGround:
    """An event that carries a relationship: since such an event, for so long (for ever, without `lasts`)."""

    since: str
    """An event kind's word: purchase, inquiry, reply, conversation..."""
    lasts: Duration | None = None


@dataclass(frozen=True, slots=True)
class ConsentNeed:
    """What consent one category needs in one channel (language.md section 3)."""

    kind: Literal["opt_in", "relationship", "none"] = "opt_in"
    lasts: Duration | None = None
    """An opt-in's, where it lapses."""
    grounds: tuple[ConsentGround, ...] = ()


@dataclass(frozen=True, slots=True)
class Category:
    """What a message is to the contact."""

    name: str
    transactional: bool = False
    consent: Mapping[int, ConsentNeed] = field(default_factory=dict)
    """By channel key; 0 holds what goes for all channels not named."""
    exempt: frozenset[str] = frozenset()
    """Rule kinds or names; {"all"} for all."""
    counted: bool = True
    priority: float = 50.0
    was: tuple[str, ...] = ()

    def need(self, channel: int) -> ConsentNeed:
        """The consent this category needs on a channel (key)."""
        return self.consent.get(channel) or self.consent.get(0) or ConsentNeed()

    @property
    def keys(self) -> frozenset[int]:
        """The keys of its name and of its old names."""
        return frozenset(key(n) for n in (self.name, *self.was))


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the policy, made ready: the kind's own keys, and what every rule may carry (language.md section
    4)."""

    kind: str
    name: str
    """What it is called in every answer."""
    keys: Any
    """The kind's own model, a `Keys`; the bare one for a kind that has none of its own."""
    segment: str | None = None
    """The segment whose rule it is; None for a guard rail or a rule that is always on."""
    filters: Filters = Filters()
    excluded: tuple[Filters, ...] = ()
    """`except`: governed and counted are all but what matches one of these."""
    counts: Counts | None = None
    where: Any = None
    """A condition of the policy's, already parsed; the rule itself never looks at it."""
    each: Each | None = None
    tag: int = 0
    """With `each: tag`, which of the message's tags is meant: such a rule is asked once for each of them."""
    across: Across = Across.CONTACT
    in_force: tuple[int, int] | None = None
    """[from, until) in microseconds."""
    only_watch: bool = False
    always_on: bool = False
    """It is there without being written."""
