"""Durations and windows as a policy writes them: parsed, bounded, told apart into exact ones and calendar ones.

This module knows texts and lengths only. Laying them out in local time is the work of `zones`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema

from cadence.facts import DAY, HOUR, MINUTE, SECOND

_EXACT = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_MONTHS = {"mo": 1, "y": 12}
_WORDS = "s, m, h, d, w, mo or y"
_LONGEST = 1000 * 366 * DAY
_SPAN = re.compile(r"([0-9]+)(s|mo|m|h|d|w|y)")
_SPELLED = re.compile(r"([0-9]{1,12}) ?(second|minute|hour|day|week|month|year)s?")
_LOCAL_DAYS = re.compile(r"([0-9]+) local days?")
_PERIOD_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
_MEAN_DAYS = {"day": 1.0, "week": 7.0, "month": 365.2425 / 12, "quarter": 365.2425 / 4, "year": 365.2425}
_SLACK = 2 * DAY  # local days last up to 26 hours, and dates have been skipped or lived twice


def _span(text: object, kind: str, allowed: str) -> tuple[int, int]:
    """Microseconds and months of one span; ValueError names what was found and what is allowed."""
    found = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if found is None or len(found[1]) > 12:
        raise ValueError(f"{text!r} is not a {kind}; {_near(text, kind)}{allowed}")
    number, unit = int(found[1]), found[2]
    if number == 0:
        raise ValueError(f"{text!r} is an empty {kind}; it must be longer than nothing, for example '1{unit}'")
    micros, months = number * _EXACT.get(unit, 0), number * _MONTHS.get(unit, 0)
    if micros > _LONGEST or months > 12_000:
        raise ValueError(f"{text!r} is too long a {kind}; at most 1000 years are allowed, for example '1000y'")
    return micros, months


def _near(text: object, kind: str) -> str:
    """What may have been meant, where that can be told: `7 days` is 7d, `calender month` is calendar month."""
    if not isinstance(text, str):
        return ""
    spelled = _SPELLED.fullmatch(text.strip().lower())
    if spelled is not None and int(spelled[1]) > 0:
        unit = spelled[2]
        meant = f"{int(spelled[1])}{unit[:2] if unit == 'month' else unit[0]}"
        if kind == "duration" or unit not in ("month", "year"):
            return f"did you mean {meant}? "
    known = [*(f"calendar {unit}" for unit in _PERIOD_DAYS), "ever"] if kind == "window" else []
    near = difflib.get_close_matches(text.lower(), known, n=1, cutoff=0.7)
    return f"did you mean {near[0]}? " if near else ""


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: exact (`90s`, `36h`, `7d`, `2w`: `micros`) or by the calendar (`6mo`, `2y`: `months`)."""

    micros: int
    months: int
    text: str

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read one of `90s 15m 36h 7d 2w 6mo 2y`. Raises ValueError with a plain sentence; none is empty."""
        allowed = f"write a whole number and one of {_WORDS}, for example '36h', '7d' or '6mo'"
        micros, months = _span(text, "duration", allowed)
        return cls(micros, months, text)

    @property
    def exact(self) -> bool:
        """Whether it is the same everywhere and always, so that no zone is needed to add it."""
        return self.months == 0

    def at_most_micros(self) -> int:
        """No addition of this duration moves an instant further than so many microseconds."""
        return self.micros if self.exact else self.months * 31 * DAY + _SLACK


class WindowKind(StrEnum):
    """How a window is laid out in time."""

    ROLLING = "rolling"
    LOCAL_DAYS = "local days"
    CALENDAR = "calendar"
    EVER = "ever"


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch in which touches are counted: `7d`, `7 local days`, `calendar month` or `ever`.

    `micros` is set for a rolling one, `days` for local days, `unit` (day, week, month, quarter, year) for the calendar.
    """

    kind: WindowKind
    micros: int
    days: int
    unit: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read a window. Raises ValueError with a plain sentence; `mo` and `y` are refused, for they aren't exact."""
        units = ", ".join(_PERIOD_DAYS)
        allowed = f"write for example '7d', '7 local days', 'calendar month' (one of {units}) or 'ever'"
        if text == "ever":
            return cls(WindowKind.EVER, 0, 0, "", text)
        if isinstance(text, str) and text.startswith("calendar "):
            unit = text.removeprefix("calendar ")
            if unit not in _PERIOD_DAYS:
                near = _near(text, "window")
                raise ValueError(f"{text!r} is not a window; {near}after 'calendar' comes one of {units}")
            return cls(WindowKind.CALENDAR, 0, 0, unit, text)
        local = _LOCAL_DAYS.fullmatch(text) if isinstance(text, str) else None
        if local is not None:
            days = int(local[1])
            if not 1 <= days <= 366_000:
                raise ValueError(
                    f"{text!r} is no window that can be counted; write '1 local day' or more, up to 366000"
                )
            return cls(WindowKind.LOCAL_DAYS, 0, days, "day", text)
        micros, months = _span(text, "window", allowed)
        if months:
            raise ValueError(
                f"{text!r} can't be a window, for months and years differ in length; "
                "write days ('30d'), 'calendar month' or 'calendar year'"
            )
        return cls(WindowKind.ROLLING, micros, 0, "", text)

    def reach_micros(self) -> int | None:
        """A touch older than so many microseconds doesn't matter any more; None for `ever`."""
        if self.kind is WindowKind.EVER:
            return None
        if self.kind is WindowKind.ROLLING:
            return self.micros
        days = self.days if self.kind is WindowKind.LOCAL_DAYS else _PERIOD_DAYS[self.unit]
        return days * DAY + _SLACK

    def mean_micros(self) -> int | None:
        """How long it is on average over the years, in microseconds; None for `ever`."""
        if self.kind is WindowKind.EVER:
            return None
        if self.kind is WindowKind.ROLLING:
            return self.micros
        return self.days * DAY if self.kind is WindowKind.LOCAL_DAYS else int(_MEAN_DAYS[self.unit] * DAY)


def parse_wait(text: str) -> Duration | Window:
    """A duration, or `7 local days`, as a rule's `wait` takes them. Raises ValueError for anything else."""
    if isinstance(text, str) and _LOCAL_DAYS.fullmatch(text):
        return Window.parse(text)
    return Duration.parse(text)


def _text_of(value: Any) -> str:
    return str(value.text)


def _field(kinds: tuple[type, ...], parse: Callable[[str], Any]) -> GetPydanticSchema:
    """How pydantic reads a text into one of these classes and writes it back."""

    def read(value: Any) -> Any:
        return value if isinstance(value, kinds) else parse(value)

    def schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(_text_of)
        )

    return GetPydanticSchema(schema)


_DURATION_PATTERN = r"^0*[1-9][0-9]*(s|m|h|d|w|mo|y)$"
_LOCAL_PATTERN = r"0*[1-9][0-9]* local days?"
_WINDOW_PATTERN = rf"^(0*[1-9][0-9]*(s|m|h|d|w)|{_LOCAL_PATTERN}|calendar ({'|'.join(_PERIOD_DAYS)})|ever)$"
_WAIT_PATTERN = rf"^(0*[1-9][0-9]*(s|m|h|d|w|mo|y)|{_LOCAL_PATTERN})$"

DurationField = Annotated[
    Duration,
    _field((Duration,), Duration.parse),
    WithJsonSchema({"type": "string", "pattern": _DURATION_PATTERN, "examples": ["36h", "7d", "6mo"]}),
]
"""A duration in a pydantic model: a text in YAML and JSON, a Duration in Python."""

WindowField = Annotated[
    Window,
    _field((Window,), Window.parse),
    WithJsonSchema(
        {"type": "string", "pattern": _WINDOW_PATTERN, "examples": ["7d", "7 local days", "calendar month", "ever"]}
    ),
]
"""A window in a pydantic model: a text in YAML and JSON, a Window in Python."""

WaitField = Annotated[
    Duration | Window,
    _field((Duration, Window), parse_wait),
    WithJsonSchema({"type": "string", "pattern": _WAIT_PATTERN, "examples": ["48h", "1mo", "7 local days"]}),
]
"""A rule's `wait` that may also be given in local days: a Duration, or a Window of local days."""
