"""A campaign as YAML says it (language.md section 7), key by key. What its words refer to is checked in `load`.

The docstrings stand in the documentation and in the editor's schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cadence.calendar import DurationField, zone_index
from cadence.doors.campaigns.cron import CronRefused, check_cron
from cadence.facts import CHANNELS, ENGAGEMENT, EventKind
from cadence.policy.finding import listed, nearest

State = Literal["draft", "running", "paused", "ended"]
CONTACT_ZONE = "contact"
"""The word for "in each contact's own zone"."""
TRIGGERS: tuple[str, ...] = tuple(kind.word for kind in (*ENGAGEMENT, EventKind.OPT_IN, EventKind.TICKET_SOLVED))
"""Events that can trigger a campaign."""
UNBUILT_TRIGGERS: tuple[str, ...] = ("cart", "browse", "place")
STOPS: tuple[str, ...] = tuple(
    kind.word for kind in (*ENGAGEMENT, EventKind.REFUSAL, EventKind.TICKET_OPENED, EventKind.TICKET_SOLVED)
)
"""Events after which a waiting message can end."""
_NAME = re.compile(r"[^\s/@][^/@\n]{0,99}")
_WALL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", re.ASCII)


class Part(BaseModel):
    """The base of all parts: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Audience(Part):
    """Whom it goes to."""

    where: dict[str, Any] | None = None
    """Words of segments. `{}` is everyone."""
    file: str | None = None
    """A CSV file beside the campaign with a column `id`: the contacts' own ids."""

    @model_validator(mode="after")
    def _one_of(self) -> Audience:
        if (self.where is None) == (self.file is None):
            raise ValueError("must have either where or file")
        return self


class Schedule(Part):
    """When it goes: `cron` and `zone`, or `at` and `zone`, or `trigger` and `wait`."""

    cron: str | None = None
    """Minute, hour, day of month, month, weekday, as cron has them: `0 10 * * TUE`."""
    at: str | None = None
    """Once, at a local time: `2026-04-07T10:00`."""
    zone: str | None = None
    """`contact` (each contact's own), or a zone like Europe/Stockholm. Without it, the policy's."""
    trigger: str | None = None
    """After an event of the contact: purchase, visit, inquiry..."""
    wait: DurationField | None = None
    """How long after that event."""

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                check_cron(value)
            except CronRefused as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("at")
    @classmethod
    def _is_local_time(cls, value: str | None) -> str | None:
        if value is not None and not _WALL.fullmatch(value):
            raise ValueError('must be a local time like "2026-04-07T10:00"; its zone stands in zone')
        if value is not None:
            datetime.fromisoformat(value)
        return value

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, value: str | None) -> str | None:
        if value not in (None, CONTACT_ZONE):
            zone_index(str(value))
        return value

    @field_validator("trigger")
    @classmethod
    def _is_trigger(cls, value: str | None) -> str | None:
        if value in UNBUILT_TRIGGERS:
            raise ValueError(f"the trigger {value} isn't built yet; there are {listed(TRIGGERS)}")
        if value is not None and value not in TRIGGERS:
            near = nearest(value, TRIGGERS)
            raise ValueError(f"must be one of {listed(TRIGGERS)}" + (f"; did you mean {near}?" if near else ""))
        return value

    @model_validator(mode="after")
    def _one_of(self) -> Schedule:
        given = [name for name in ("cron", "at", "trigger") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"must have one of cron, at and trigger; found {' and '.join(given) or 'none of them'}")
        if self.wait is not None and self.trigger is None:
            raise ValueError("wait goes with trigger")
        if self.zone is not None and self.trigger is not None:
            raise ValueError("zone goes with cron or at, not with trigger")
        return self


class Words(Part):
    """A mail's subject and its body, each a Jinja2 template: inline, or a file beside the campaign."""

    subject: str = Field(min_length=1)
    """The subject line."""
    html: str | None = None
    """The HTML part: written here, or a file's name."""
    text: str | None = None
    """The plain part; where only HTML is given, it is made from that."""

    @model_validator(mode="after")
    def _has_body(self) -> Words:
        if self.html is None and self.text is None:
            raise ValueError("needs html or text or both")
        return self


class Template(Words):
    """What it says, and the same in other languages."""

    translations: dict[str, Words] = Field(default_factory=dict)
    """By locale (`sv`, `pt-BR`): who has that locale, or that language, gets this one."""

    def words_for(self, locale: str | None) -> Words:
        """The words for a locale: its own, else its language's, else the default ones."""
        whole = (locale or "").replace("_", "-").lower()
        language = whole.partition("-")[0]
        by_name = {name.replace("_", "-").lower(): words for name, words in self.translations.items()}
        wanted = (whole, language, *_NORWEGIAN.get(language, ()))
        return next((by_name[name] for name in wanted if name in by_name), self)


_NORWEGIAN: Mapping[str, tuple[str, ...]] = {"no": ("nb", "nn"), "nb": ("no",), "nn": ("no", "nb")}
"""What else is read by whose language is called so: most registers say `no` for what is written as `nb`."""


class StillIf(Part):
    """What must still be true when it is about to go."""

    where: dict[str, Any]
    """Words of segments."""


class AtMost(Part):
    """How many messages it may queue."""

    per_run: Annotated[int, Field(ge=1)] | None = None
    """In one run: of all zones together, where it goes by the contacts' own."""
    per_day: Annotated[int, Field(ge=1)] | None = None
    """On one date of the policy's zone; a run counts on that on which it begins."""


class Spec(Part):
    """A campaign's keys."""

    name: str
    """What it is called everywhere; 1 to 100 characters."""
    category: str
    """One of the policy's."""
    channel: str = "email"
    """The channel it goes by."""
    audience: Audience | None = None
    """Whom it goes to. A campaign with a trigger may leave it out: everyone to whom that happens."""
    schedule: Schedule
    """When it goes."""
    template: Template
    """What it says."""
    state: State = "running"
    """Taken when the campaign is new, and when this line changes; `cadence campaign` changes it besides."""
    was: list[str] = Field(default_factory=list)
    """Old names: a rename frees no slot."""
    expires: DurationField | None = None
    """Counted from the scheduled instant. Without it, the policy's default."""
    priority: float | None = Field(default=None, allow_inf_nan=False)
    """Who goes first when several wait; higher goes first. Without it, the category's."""
    collapse: Literal["newest", "oldest", "all"] | None = None
    """Of what waits of this campaign for one person. Default: newest with cron, else all."""
    still_if: StillIf | None = None
    """What must still be true when it is about to go."""
    stop_on: list[str] = Field(default_factory=list)
    """After one of these events the waiting message ends."""
    at_most: AtMost = AtMost()
    """How many messages it may queue."""
    thread: str | None = None
    """The conversation it belongs to, for rules that count by thread."""
    topic: str | None = None
    """What it is about, in a word, for rules that count by topic."""
    tags: list[str] = Field(default_factory=list)
    """For the filters of rules."""
    value: float = Field(default=0.0, allow_inf_nan=False)
    """Of two equally important ones the more valuable goes first."""
    about: str | None = None
    """The hold it is about, which doesn't hold it."""
    content: str | None = None
    """A name for what it says, for the rule repetition. Without it, a hash of the template."""
    variables: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """For the template, besides the contact's own."""

    @field_validator("name")
    @classmethod
    def _is_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("must be 1 to 100 characters without / and @")
        return value

    @field_validator("channel")
    @classmethod
    def _is_channel(cls, value: str) -> str:
        return _one_of(value, CHANNELS)

    @field_validator("stop_on")
    @classmethod
    def _are_events(cls, value: list[str]) -> list[str]:
        return [_one_of(word, STOPS) for word in value]

    @model_validator(mode="after")
    def _has_audience(self) -> Spec:
        if self.audience is None and self.schedule.trigger is None:
            raise ValueError("needs the key 'audience'; audience: {where: {}} is everyone")
        if self.at_most.per_run is not None and self.schedule.trigger is not None:
            raise ValueError("at_most: per_run goes with cron or at; what an event triggers has no runs, give per_day")
        if self.audience is not None and self.audience.file is not None and self.schedule.trigger is not None:
            raise ValueError("audience: file goes with cron or at, not with trigger")
        return self

    @property
    def collapsing(self) -> Literal["newest", "oldest", "all"]:
        """Which of several waiting ones stay."""
        return self.collapse or ("newest" if self.schedule.cron is not None else "all")


def _one_of(value: str, words: tuple[str, ...]) -> str:
    if value in words:
        return value
    near = nearest(value, words)
    raise ValueError(f"must be one of {listed(words)}" + (f"; did you mean {near}?" if near else ""))
