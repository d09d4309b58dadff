"""Dates and instants as texts in conditions and attributes: `2026-03-01`, `2026-03-01T10:00`, `2026-03-01T10:00+01:00`.

A date is its beginning, and a time without an offset is a local time, both in the contact's own zone; so what is read
here may be an instant only once a zone is known. Nothing here knows conditions or policies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from cadence.calendar import local_day, to_utc
from cadence.facts import DAY, Bools, Codes, Ints

_SHAPE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FURTHEST = 2**62


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as somebody wrote it. `micros` are microseconds since 1970 UTC, or, where `local`, of the wall
    clock."""

    micros: int
    local: bool
    whole_day: bool
    """It was written as a date: equal to every instant of that local date, otherwise its beginning."""

    def at(self, zone: Codes) -> Ints:
        """The instant, for contacts in these zones: int64[len(zone)]."""
        if not self.local:
            return np.full(len(zone), self.micros, np.int64)
        zones, inverse = np.unique(zone, return_inverse=True)
        return to_utc(np.full(len(zones), self.micros, np.int64), zones)[inverse]

    def equals(self, at: Ints, zone: Codes) -> Bools:
        """Which of these instants are this moment; a date is every instant of it."""
        if not self.whole_day:
            return np.asarray(at == self.at(zone), bool)
        return np.asarray(local_day(at, zone) == self.micros // DAY, bool)


def moment_of(value: Any) -> Moment | None:
    """A text, date or datetime as a moment; None for what is none. Whole numbers are microseconds since 1970 UTC."""
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, datetime):
        return _from_datetime(value)
    if isinstance(value, date):
        return _from_date(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _FURTHEST:
        return Moment(value, local=False, whole_day=False)
    return None


def _from_text(text: str) -> Moment | None:
    if not _SHAPE.fullmatch(text):
        return None
    try:
        return _from_date(date.fromisoformat(text)) if len(text) == 10 else _from_datetime(datetime.fromisoformat(text))
    except ValueError:
        return None


def _from_datetime(value: datetime) -> Moment:
    local = value.tzinfo is None
    wall = value.replace(tzinfo=UTC) if local else value
    return Moment((wall - _EPOCH) // timedelta(microseconds=1), local, whole_day=False)


def _from_date(value: date) -> Moment:
    return Moment((value - _EPOCH.date()).days * DAY, local=True, whole_day=True)
