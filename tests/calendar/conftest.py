"""A slow clock to judge the fast one by: one row at a time, through zoneinfo's own arithmetic, with nothing shared."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cadence.calendar import zone_index

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - on the wall
MICRO = timedelta(microseconds=1)
DAY = 86_400_000_000


class SlowClock:
    """Local time by zoneinfo, for one instant (microseconds) and one zone name at a time."""

    def local(self, at: int, zone: str) -> int:
        aware = (EPOCH + at * MICRO).replace(tzinfo=UTC).astimezone(zoneinfo.ZoneInfo(zone))
        return (aware.replace(tzinfo=None) - EPOCH) // MICRO

    def utc(self, local: int, zone: str, fold: int = 0) -> int:
        """The instant of a local time; in a gap the first instant after it, of two the one that `fold` asks for."""
        wall = (EPOCH + local * MICRO).replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold)
        found = (wall.astimezone(UTC).replace(tzinfo=None) - EPOCH) // MICRO
        if self.local(found, zone) == local:
            return found
        low, high = local - 2 * DAY, local + 2 * DAY  # the clock shows less at low, more at high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.local(middle, zone) < local else (low, middle)
        return high

    def quiet_until(self, starts: int, ends: int, days: Sequence[int], at: int, zone: str) -> int:
        """The latest end of the intervals of the dates around that cover the instant."""
        today, until = self.local(at, zone) // DAY, at
        length = ends if ends > starts else ends + 1440
        for day in range(today - 4, today + 3):
            if days and (day + 3) % 7 not in days:
                continue
            begin = self.utc(day * DAY + starts * 60_000_000, zone)
            end = self.utc(day * DAY + length * 60_000_000, zone, fold=int(ends != 1440))  # a date ends once
            if begin <= at < end:
                until = max(until, end)
        return until


@pytest.fixture(scope="session")
def slow() -> SlowClock:
    return SlowClock()


class Reading:
    """Cases as they are written: texts to instants, names to columns."""

    @staticmethod
    def at(text: str) -> int:
        """An instant with an offset, as microseconds since 1970 UTC."""
        return (datetime.fromisoformat(text) - EPOCH.replace(tzinfo=UTC)) // MICRO

    @staticmethod
    def wall(text: str) -> int:
        """A local time as microseconds on the wall."""
        return (datetime.fromisoformat(text) - EPOCH) // MICRO

    @staticmethod
    def zone(name: str, rows: int = 1) -> np.ndarray:
        return np.full(rows, zone_index(name), np.int32)


@pytest.fixture(scope="session")
def read() -> Reading:
    return Reading()
