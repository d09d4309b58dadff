"""Cron expressions as local time: which wall-clock times they name, and at which instants these come in a zone.

The expression is stepped through on the wall clock, by cronsim, and each time is then laid into the zone by the
calendar: one that doesn't exist is the first instant after the gap, one that comes twice the first (language.md section
7). So each named time comes once, and several that fall into one gap come together, once. No campaign and no clock is
known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

from cadence.calendar import to_local, to_utc, zone_index

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (a wall clock has no zone)
_PROBE = datetime(2026, 1, 1)  # noqa: DTZ001
_FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, L (the last) or LW (the last weekday)",
    "month": "1 to 12 or JAN to DEC",
    "day-of-week": "0 to 7 (0 and 7 are Sunday), SUN to SAT, MON#1 (the first Monday) or 5L (the last Friday)",
}


_NEVER = "names a date that never comes"


class CronRefused(ValueError):
    """An expression that is none; says which field, what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that an expression names, in one zone."""

    wall: str
    """What the wall clock shows: `2026-04-07T10:00`. In a gap, the latest of those that come together."""
    at: int
    """The instant, microseconds since 1970 UTC."""


def check_cron(expression: str) -> None:
    """Raises `CronRefused` for an expression that can't be read or names a time that never comes."""
    parts = expression.split()
    if len(parts) != 5:
        raise CronRefused(
            f"must have five fields (minute, hour, day of month, month, weekday), like 0 10 * * TUE; found {len(parts)}"
        )
    try:
        first = next(CronSim(expression, _PROBE), None)
    except CronSimError as error:
        raise CronRefused(_sentence(str(error), parts)) from None
    if first is None:
        raise CronRefused(_NEVER)


def _sentence(found: str, parts: list[str]) -> str:
    field = found.removeprefix("Bad ")
    if field not in _FIELDS:
        return found
    if field == "day-of-month" and _can_be_read(f"0 0 {parts[2]} * *"):  # 31, with months that have fewer
        return _NEVER
    place = list(_FIELDS).index(field)
    allowed = f"{_FIELDS[field]}, lists 1,2, ranges 1-5, steps */2"
    return f"field {place + 1} ({field}) is {parts[place]!r}; allowed are {allowed}"


def _can_be_read(expression: str) -> bool:
    try:
        CronSim(expression, _PROBE)
    except CronSimError:
        return False
    return True


def occurrences(expression: str, zone: str, after: int) -> Iterator[Occurrence]:
    """All occurrences in a zone strictly after an instant, in order; times that come at one instant are one
    occurrence."""
    code = zone_index(zone)
    start = wall_of(int(to_local(after, code)))
    ahead: Occurrence | None = None
    for found in CronSim(expression, start - timedelta(minutes=1)):
        at = int(to_utc(micros_of(found), code))
        if at <= after:
            continue
        if ahead is not None and at > ahead.at:
            yield ahead
        ahead = Occurrence(found.isoformat(timespec="minutes"), at)
    if ahead is not None:
        yield ahead


def next_occurrence(expression: str, zone: str, after: int) -> Occurrence | None:
    """The first one strictly after an instant; None where there is none in fifty years."""
    return next(occurrences(expression, zone, after), None)


def at_local(wall: str, zone: str) -> Occurrence:
    """A single local time in a zone."""
    when = datetime.fromisoformat(wall)
    return Occurrence(when.isoformat(timespec="minutes"), int(to_utc(micros_of(when), zone_index(zone))))


def wall_of(local: int) -> datetime:
    """A local time in microseconds as a datetime without a zone, cut to the minute."""
    return (_EPOCH + timedelta(microseconds=local)).replace(second=0, microsecond=0)


def micros_of(wall: datetime) -> int:
    """A datetime without a zone as local microseconds."""
    return (wall - _EPOCH) // timedelta(microseconds=1)
