"""Contacts, their histories and messages as people tell them: in policy tests and to `decide` (language.md section 8).

These are the shapes, with every key that may be given and what is wrong with the others. What they come to as columns
stands in `telling.py`; instants stay as written here, for a local time needs a zone to be one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from cadence.addresses import address_of
from cadence.calendar import Duration, Window, parse_days, parse_hours, zone_index, zones_of_country
from cadence.facts import CHANNELS
from cadence.policy.moments import Moment, moment_of
from cadence.policy.sections import Channel


class Told(BaseModel):
    """The base: unknown keys are errors, nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _moment(value: Any) -> Moment:
    moment = moment_of(value) if isinstance(value, str) else None
    if moment is None:
        raise ValueError(
            f"{value!r} is no instant; write one like 2026-03-02T12:00+01:00, or a local one like 2026-03-02T12:00"
        )
    return moment


def _duration_or_moment(value: Any) -> Duration | Moment:
    moment = moment_of(value) if isinstance(value, str) else None
    if moment is not None:
        return moment
    try:
        return Duration.parse(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is neither a duration such as 30d nor an instant such as 2026-03-02T12:00+01:00"
        ) from None


def _less_often(value: Any) -> tuple[int, str] | None:
    if value == "none":
        return None
    number, per, window = str(value).partition(" per ")
    if not per or not number.isascii() or not number.isdecimal() or int(number) < 1 or len(number) > 6:
        raise ValueError(
            f"{value!r} is no wish for less; write a number per a window, for example 1 per 30d, or none to end it"
        )
    return int(number), Window.parse(window).text


def _zone(name: str) -> str:
    zone_index(name)
    return name


def _country(code: str) -> str:
    if not zones_of_country(code):
        raise ValueError(f"{code!r} is no country of ISO 3166; write for example SE, or DE-BY with a subdivision")
    return code


def _identity(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ValueError(f"{value!r} is no id; write a text or a whole number")
    return str(value)


def _days(days: list[str]) -> list[str]:
    parse_days(days)
    return days


def _hours(hours: list[str]) -> list[str]:
    parse_hours(hours)
    return hours


def _names(value: Any) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(v, str) and v for v in listed):
        raise ValueError(f"{value!r} is no list of names; write for example [newsletter, promotion]")
    return tuple(listed)


_TEXT_SCHEMA = WithJsonSchema({"type": "string"})
Instant = Annotated[Moment, PlainValidator(_moment), _TEXT_SCHEMA]
"""A `Moment` once read."""
Until = Annotated[Duration | Moment, PlainValidator(_duration_or_moment), _TEXT_SCHEMA]
"""A `Duration` or a `Moment` once read."""
LessOften = Annotated[tuple[int, str] | None, PlainValidator(_less_often), _TEXT_SCHEMA]
Identity = Annotated[str, PlainValidator(_identity), WithJsonSchema({"type": ["string", "integer"]})]
Zone = Annotated[str, AfterValidator(_zone)]
Country = Annotated[str, AfterValidator(_country)]
Names = Annotated[
    tuple[str, ...], PlainValidator(_names), WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}})
]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Yes = Literal[True]
Shared = Literal["household", "account"]


class ToldContact(Told):
    """A contact."""

    id: Identity | None = None
    addresses: Mapping[Channel, str] = Field(default_factory=dict)
    timezone: Zone | None = None
    timezones: list[Zone] | None = Field(default=None, min_length=1)
    country: Country | None = None
    region: Name | None = None
    locale: Name | None = None
    household: Identity | None = None
    account: Identity | None = None
    attributes: Mapping[str, Any] = Field(default_factory=dict)
    consents: Mapping[Channel | Literal["all"], Names] = Field(default_factory=dict)
    """Undated: by channel the categories."""
    hours: Annotated[list[str], AfterValidator(_hours)] = Field(default_factory=list)
    days: Annotated[list[str], AfterValidator(_days)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        self._check()
        return self

    def _check(self) -> None:
        if self.timezone is not None and self.timezones is not None:
            raise ValueError("timezone and timezones exclude each other; give one of them")
        for channel, value in self.addresses.items():
            address_of(channel, value)


class ToldEvent(Told):
    """One thing that happened: exactly one of the words of language.md section 8, and what goes with it."""

    at: Instant
    touch: Name | None = None
    engagement: Literal["reply", "click", "visit", "purchase", "call_answered"] | None = None
    open: Yes | None = None
    conversation: Yes | None = None
    inquiry: Yes | None = None
    refusal: Yes | None = None
    opt_in: Name | None = None
    opt_out: Name | None = None
    do_not_contact: Yes | None = None
    complaint: Yes | None = None
    bounce: Literal["hard", "soft"] | None = None
    hold: Name | None = None
    release: Name | None = None
    incident: Identity | None = None
    incident_resolved: Identity | None = None
    ticket: Literal["opened", "answered", "solved"] | None = None
    promise: Literal["made", "kept", "broken"] | None = None
    snooze: Until | None = None
    less_often: LessOften = None
    screened: Screened | None = None
    channel: Channel | None = None
    campaign: Name | None = None
    content: Name | None = None
    thread: Name | None = None
    topic: Name | None = None
    tags: Names = ()
    triggered: bool | None = None
    id: Identity | None = None
    outcome: Literal["answered", "voicemail", "no_answer", "not_connected"] | None = None
    amount: float | None = Field(default=None, allow_inf_nan=False)
    currency: Name | None = None
    until: Instant | None = None
    due: Instant | None = None

    @property
    def what(self) -> str:
        """Which of the words it is."""
        return next(word for word in WORDS if word in self.model_fields_set)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        self._check()
        return self

    def _check(self) -> None:
        given = [word for word in WORDS if word in self.model_fields_set]
        if len(given) != 1:
            found = f"found {' and '.join(given)}" if given else "found none of them"
            raise ValueError(f"an event is exactly one of {', '.join(WORDS)}; {found}")
        odd = self.model_fields_set - {"at", given[0], *WORDS[given[0]]}
        if odd:
            goes = ", ".join(WORDS[given[0]]) or "nothing"
            raise ValueError(f"{', '.join(sorted(odd))} can't be told of {given[0]}; with it goes {goes}")
        if given[0] in ("ticket", "promise") and self.id is None:
            raise ValueError(f"a {given[0]} needs an id, so that what ends it is known")
        if self.promise == "made" and self.due is None:
            raise ValueError("a promise that is made needs its due, for example due: 2026-03-05")
        if (self.opt_in or self.opt_out) in CHANNELS and self.channel is not None:
            raise ValueError(
                "channel narrows a category or all; a stop or consent that names a channel can't have another"
            )
        if self.amount is not None and self.engagement != "purchase":
            raise ValueError("amount and currency go with engagement: purchase only")


_TOUCHING = ("channel", "campaign", "content", "thread", "topic", "tags", "triggered", "id", "outcome")
WORDS: Mapping[str, tuple[str, ...]] = {
    "touch": _TOUCHING,
    "engagement": ("channel", "campaign", "amount", "currency", "id"),
    "open": ("channel", "campaign"),
    "conversation": ("channel",),
    "inquiry": ("channel",),
    "refusal": ("channel",),
    "opt_in": ("channel",),
    "opt_out": ("channel",),
    "do_not_contact": ("channel",),
    "complaint": ("channel",),
    "bounce": ("channel",),
    "hold": ("until", "id"),
    "release": ("id",),
    "incident": (),
    "incident_resolved": (),
    "ticket": ("id", "channel"),
    "promise": ("id", "due"),
    "snooze": (),
    "less_often": (),
    "screened": (),
}
"""What may have happened, and what may be told with it."""


class Screened(Told):
    """What a look-up in a register came to."""

    register_: Name = Field(alias="register")
    listed: bool


class Trigger(Told):
    """What set a message off."""

    kind: Name
    at: Instant


class ToldMessage(Told):
    """A message that is to be decided."""

    category: Name
    channel: Channel = "email"
    id: Identity | None = None
    at: Instant | None = None
    """When it was accepted, where age matters."""
    campaign: Name | None = None
    content: Name | None = None
    thread: Name | None = None
    topic: Name | None = None
    tags: Names = ()
    trigger: Trigger | None = None
    priority: float | None = Field(default=None, allow_inf_nan=False)
    value: float = Field(default=0.0, allow_inf_nan=False)
    about: Name | None = None
    expires: Until | None = None


class ToldMember(Told):
    """Another member of the contact's circle."""

    contact: ToldContact
    shares: list[Shared] = Field(default_factory=list)
    """What it shares with the contact; equal addresses need not be named."""
    history: list[ToldEvent] = Field(default_factory=list)


ToldEvent.model_rebuild()
