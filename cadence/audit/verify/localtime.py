"""Durations, windows and local time in the verifier's own plain code: one instant at a time, straight from zoneinfo.

It shares nothing with `cadence.calendar`, on purpose: what one gets wrong, the other shall find."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NEVER_ENDS: int = 2**62
"""Later than any instant that can be written."""
_MICRO = timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """Microseconds since 1970 UTC as a datetime."""
    return _EPOCH + timedelta(microseconds=at)


def micros(instant: datetime) -> int:
    """An aware datetime as microseconds since 1970 UTC."""
    return (instant - _EPOCH) // _MICRO


@lru_cache(maxsize=1_024)
def span(text: str) -> tuple[int, int]:
    """A duration as microseconds and months, one of them 0. Raises ValueError for a text that is none."""
    found = re.fullmatch(r"(\d+)(s|mo|m|h|d|w|y)", str(text))
    if found is None:
        raise ValueError(f"{text!r} is no duration")
    number, unit = int(found[1]), found[2]
    if unit in ("mo", "y"):
        return 0, number * (12 if unit == "y" else 1)
    return number * (_UNITS[unit] // _MICRO), 0


def exact(text: str | int) -> int:
    """An exact duration in microseconds; 0 for 0."""
    return 0 if text == 0 else span(str(text))[0]


def later(at: int, text: str, zone: str) -> int:
    """`at` and a duration, by the calendar of the zone where it has months."""
    exactly, months = span(text)
    if not months:
        return at + exactly
    return _months_on(at, months, zone)


def earlier(at: int, text: str, zone: str) -> int:
    """`at` less a duration."""
    exactly, months = span(text)
    if not months:
        return at - exactly
    return _months_on(at, -months, zone)


def _months_on(at: int, months: int, zone: str) -> int:
    wall = moment(at).astimezone(_zone(zone)).replace(tzinfo=None)
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    if not 1 <= year <= 9998:
        return NEVER_ENDS if months > 0 else -NEVER_ENDS
    last = (date(year + month // 11, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return instant_of(wall.replace(year=year, month=month + 1, day=min(wall.day, last), fold=0), zone)


@lru_cache(maxsize=2_048)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=65_536)
def instant_of(wall: datetime, zone: str, second: bool = False) -> int:
    """When a wall clock shows this: the first time, or with `second` the second where there are two; where it never
    does, the end of the gap."""
    place = _zone(zone)
    old = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
    new = wall.replace(tzinfo=place, fold=1).astimezone(UTC)
    if old.astimezone(place).replace(tzinfo=None, fold=0) == wall:
        return micros(max(old, new) if second else old)
    low, high = micros(new), micros(old)
    after = old.astimezone(place).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if moment(middle).astimezone(place).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high


def local(at: int, zone: str) -> datetime:
    """What the wall clock shows."""
    return moment(at).astimezone(_zone(zone))


def day_start(day: date, zone: str) -> int:
    """The first instant of a local date."""
    return instant_of(datetime.combine(day, time()), zone)


@lru_cache(maxsize=65_536)
def day_of(at: int, zone: str) -> date:
    """The local date that an instant belongs to: the latest that has begun."""
    day = local(at, zone).date()
    following = day + timedelta(days=1)
    return following if day_start(following, zone) <= at else day


def leaves_window(at: int, per: str, zone: str) -> int:
    """When a touch at `at` no longer lies in a window."""
    if per == "ever":
        return NEVER_ENDS
    if per.startswith("calendar "):
        return day_start(_next_period(day_of(at, zone), per.removeprefix("calendar ")), zone)
    if "local day" in per:
        return day_start(day_of(at, zone) + timedelta(days=int(per.split()[0])), zone)
    return at + exact(per)


def _next_period(day: date, unit: str) -> date:
    if unit == "day":
        return day + timedelta(days=1)
    if unit == "week":
        return day + timedelta(days=7 - day.weekday())
    if unit == "year":
        return date(day.year + 1, 1, 1)
    length = 3 if unit == "quarter" else 1
    first = (day.month - 1) // length * length + length
    return date(day.year + first // 12, first % 12 + 1, 1)


def is_exact(per: str) -> bool:
    """Whether a window or duration is the same in every zone."""
    return per == "ever" or re.fullmatch(r"\d+[smhdw]", per) is not None


@dataclass(frozen=True, slots=True)
class Quiet:
    """A stretch of quiet, as a policy writes it."""

    begins: str | None
    ends: str | None
    days: tuple[str, ...]
    holidays: tuple[str, ...]

    @classmethod
    def of(cls, says: Mapping[str, Any]) -> Quiet:
        """Out of a rule's keys."""
        holidays = says.get("holidays") or ()
        kinds = ("public",) if holidays is True else tuple(holidays)
        return cls(says.get("from"), says.get("to"), tuple(says.get("days") or ()), kinds)


@lru_cache(maxsize=65_536)
def quiet(interval: Quiet, at: int, zone: str, country: str | None) -> bool:
    """Whether an instant lies in the quiet interval of some local date in this zone."""
    here = local(at, zone).date()
    for back in range(-1, 4):
        day = here - timedelta(days=back)
        if interval.days and WEEKDAYS[day.weekday()] not in interval.days:
            continue
        if interval.holidays and not _is_holiday(day, country, interval.holidays):
            continue
        begins, ends = _stretch(interval, day, zone)
        if begins <= at < ends:
            return True
    return False


def _stretch(interval: Quiet, day: date, zone: str) -> tuple[int, int]:
    if interval.begins is None or interval.ends is None:
        return day_start(day, zone), day_start(day + timedelta(days=1), zone)
    begins = instant_of(datetime.combine(day, time.fromisoformat(interval.begins)), zone)
    if interval.ends == "24:00":
        return begins, day_start(day + timedelta(days=1), zone)
    ends = time.fromisoformat(interval.ends)
    last = day if ends > time.fromisoformat(interval.begins) else day + timedelta(days=1)
    return begins, instant_of(datetime.combine(last, ends), zone, second=True)


def _is_holiday(day: date, country: str | None, kinds: tuple[str, ...]) -> bool:
    if not country:
        return False
    return any(day in _holidays(country.upper(), kinds, year) for year in (day.year - 1, day.year, day.year + 1))


@lru_cache(maxsize=4_096)
def _holidays(country: str, kinds: tuple[str, ...], year: int) -> frozenset[date]:
    import holidays  # slow to import, and most policies ask for none

    code, _, part = country.partition("-")
    known = holidays.list_supported_countries(include_aliases=True)
    if code not in known:
        return frozenset()
    has = holidays.country_holidays(code, years=()).supported_categories
    asked = tuple(k for k in kinds if k in has)
    if not asked:
        return frozenset()
    where = part if part in known[code] else None
    return frozenset(holidays.country_holidays(code, subdiv=where, years=year, categories=asked))


def in_hours(at: int, hours: Sequence[str], days: Sequence[str], zone: str) -> bool:
    """Whether local time lies in one of these hours, on one of these days; empty: any."""
    wall = local(at, zone)
    if days and WEEKDAYS[wall.weekday()] not in days:
        return False
    now = wall.hour * 60 + wall.minute
    return not hours or any(begin <= now < end for begin, end in map(_minutes, hours))


def _minutes(stretch: str) -> tuple[int, int]:
    """`09:00-12:00` as minutes of the day."""
    begin, _, end = stretch.partition("-")
    one, other = begin.split(":"), end.split(":")
    return int(one[0]) * 60 + int(one[1]), int(other[0]) * 60 + int(other[1])


@lru_cache(maxsize=512)
def zones_in(country: str) -> tuple[str, ...]:
    """All zones of a country, by the tz database's zone.tab."""
    listed = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in listed if line and not line.startswith("#")]
    return tuple(row[2] for row in rows if row[0] == country.split("-")[0].upper())
