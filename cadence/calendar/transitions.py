"""The changes of each zone's clock as sorted columns, and the look-ups on them; `zones` beside it gives them names.

Changes are read from the files of the tzdata package and, after the last one listed there, reckoned by the rule at the
file's end as far ahead as was asked for; the tests hold all zones against zoneinfo. From 2500 on the answer is that of
the same day 400 years (a whole number of weeks) before, because the rules repeat so. Nothing is ever clamped. This
module knows neither countries nor durations.
"""

from __future__ import annotations

import re
import struct
import threading
import zoneinfo
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources

import numpy as np

from cadence.facts import DAY, NEVER, NONE, SECOND, Bools, Codes, Ints

zoneinfo.reset_tzpath(to=[])  # the tzdata package only, so that all machines agree
zoneinfo.ZoneInfo.clear_cache()

_BITS = 45  # a key is zone << 45 plus the second; every int64 of microseconds is below 2**44 seconds
_FAR = 1 << (_BITS - 1)
_NAME = r"(?:<[^>]+>|[A-Za-z]+)"
_RULE = re.compile(
    rf"{_NAME}(?P<standard>[-+:0-9]+){_NAME}(?P<summer>[-+:0-9]*),"
    r"(?P<begins>(?:M[.0-9]+|J?[0-9]+)(?:/[-+:0-9]+)?),(?P<ends>(?:M[.0-9]+|J?[0-9]+)(?:/[-+:0-9]+)?)"
)
_DAY_SECONDS = 86_400
_YEAR_SECONDS = 31_556_952
_NEAR_HORIZON = 2_208_988_800  # 2040-01-01
_CYCLE = 146_097 * DAY
_REPEATS_FROM = 16_725_225_600 * SECOND  # 2500-01-01
_REPEATED_FROM = _REPEATS_FROM - _CYCLE  # 2100-01-01: past all listed changes
_FULL_HORIZON = 16_725_225_600 + 2 * _YEAR_SECONDS


@cache
def zone_names() -> tuple[str, ...]:
    """All zone names of the tz database, sorted; a zone's code is its place here."""
    return tuple(sorted(zoneinfo.available_timezones()))


def _listed(name: str) -> tuple[list[int], list[int], str]:
    """Instants and offsets (s) of the changes in a TZif file (RFC 8536), and the rule for after the last."""
    data = resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    counts = struct.unpack_from(">6l", data, 20)
    utc, std, leap, times, kinds, chars = counts
    second = 44 + times * 5 + kinds * 6 + chars + leap * 8 + std + utc  # the second block has 64-bit instants
    utc, std, leap, times, kinds, chars = struct.unpack_from(">6l", data, second + 20)
    body = second + 44
    instants = list(struct.unpack_from(f">{times}q", data, body))
    kind_of = struct.unpack_from(f">{times}B", data, body + times * 8)
    offset_of = [struct.unpack_from(">l", data, body + times * 9 + 6 * kind)[0] for kind in range(kinds)]
    rule = data[body + times * 9 + kinds * 6 + chars + leap * 12 + std + utc :].strip().decode("ascii")
    return instants, [offset_of[kind] for kind in kind_of], rule


def _seconds(text: str) -> int:
    """`[+-]hh[:mm[:ss]]` in seconds."""
    parts = [int(part) for part in text.lstrip("+-").split(":")]
    whole = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    return -whole if text.startswith("-") else whole


def _dates(rule: str, years: Ints) -> Ints:
    """The date (days since 1970) that a rule names in each year: `Mm.w.d`, `Jn` (29 February isn't counted) or `n`."""
    first = (years - 1970).astype("datetime64[Y]")
    january = first.astype("datetime64[D]").astype(np.int64)
    if not rule.startswith("M"):
        number = int(rule.lstrip("J"))
        following = (first + 1).astype("datetime64[D]").astype(np.int64)
        skips = (following - january == 366) & (number >= 60) if rule.startswith("J") else 0
        return np.asarray(january + number - rule.startswith("J") + skips, np.int64)
    month, week, weekday = (int(part) for part in rule[1:].split("."))
    begins = first.astype("datetime64[M]") + (month - 1)
    days = begins.astype("datetime64[D]").astype(np.int64)
    ends = (begins + 1).astype("datetime64[D]").astype(np.int64)
    day = days + (weekday - (days + 4)) % 7 + (week - 1) * 7  # 1970-01-01 was a Thursday, Sunday is 0
    return np.asarray(np.where(day >= ends, day - 7, day), np.int64)


def _ruled(rule: str, since: int, until: int) -> list[tuple[int, int]]:
    """Changes (s, offset in s) after `since`, for a year past `until`, by a file's last rule (RFC 8536 3.3)."""
    found = _RULE.fullmatch(rule)
    if found is None:
        raise ValueError(
            f"the rule {rule!r} in the tz database can't be read; it should look like EST5EDT,M3.2.0,M11.1.0"
        )
    standard = -_seconds(found["standard"])
    summer = -_seconds(found["summer"]) if found["summer"] else standard + 3600
    years = np.arange(since // _YEAR_SECONDS + 1969, until // _YEAR_SECONDS + 1972)
    changes = []
    for turn, before, after in ((found["begins"], standard, summer), (found["ends"], summer, standard)):
        date, _, time = turn.partition("/")
        at = _dates(date, years) * _DAY_SECONDS + _seconds(time or "2") - before
        changes += [(second, after) for second in at.tolist() if second > since]
    return sorted(changes)


@dataclass(frozen=True, slots=True)
class _Zone:
    """One zone's stretches of equal offset: where each begins (s; the first at -FAR) and its offset (s)."""

    begins: Ints
    offsets: Ints


def _read(name: str, horizon: int) -> _Zone:
    """The stretches of a zone, known up to the horizon (s) at least."""
    zone = zoneinfo.ZoneInfo(name)
    instants, offsets, rule = _listed(name)
    before = zone.utcoffset(datetime(1, 1, 3, tzinfo=zone))
    changes = [(-_FAR, (before or timedelta(0)) // timedelta(seconds=1)), *zip(instants, offsets, strict=True)]
    if "," in rule:
        changes.extend(_ruled(rule, instants[-1], max(horizon, instants[-1])))
    kept = [change for place, change in enumerate(changes) if place == 0 or change[1] != changes[place - 1][1]]
    return _Zone(np.array([c[0] for c in kept], np.int64), np.array([c[1] for c in kept], np.int64))


@dataclass(frozen=True, slots=True)
class _Table:
    """All zones read so far in one set of columns. Keys ascend; `first_keys` and `last_keys` invert the clock.

    A stretch's clock shows [begin + offset, end + offset). `first_keys` is the running maximum of those ends: the
    first one above a local time is that of the stretch in which the clock reaches it first. `last_keys` is the
    running minimum, from behind, of those begins: the last one not above a local time is that of the stretch in which
    the clock shows it last.
    """

    known: Bools
    horizon: int
    keys: Ints
    first_keys: Ints
    last_keys: Ints
    begins: Ints
    ends: Ints
    offsets: Ints


def _assemble(zones: dict[int, _Zone], count: int, horizon: int) -> _Table:
    """The table of these zones."""
    known = np.zeros(count, np.bool_)
    columns: tuple[list[Ints], ...] = ([], [], [], [], [], [])
    for index in sorted(zones):
        known[index] = True
        zone, base = zones[index], index << _BITS
        ends = np.append(zone.begins[1:], _FAR)
        shown_from, shown_to = zone.begins + zone.offsets, ends + zone.offsets
        shown_from[0], shown_to[-1] = -_FAR, _FAR - 1
        begins_us = np.append(NONE, zone.begins[1:] * SECOND)
        parts = (
            base + zone.begins,
            base + np.maximum.accumulate(shown_to),
            base + np.minimum.accumulate(shown_from[::-1])[::-1],
            begins_us,
            np.append(begins_us[1:], NEVER),
            zone.offsets * SECOND,
        )
        for column, part in zip(columns, parts, strict=True):
            column.append(part)
    return _Table(known, horizon, *(np.concatenate([*c, np.empty(0, np.int64)]) for c in columns))


class _Clocks:
    """The process-wide table: grows by zones and by horizon, always replaced whole, so that readers need no lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._zones: dict[int, _Zone] = {}
        self._table = _assemble({}, len(zone_names()), _NEAR_HORIZON)

    def table(self, zone: Codes, latest: int) -> _Table:
        """A table that knows these zones up to an instant (us) at least. Raises ValueError for a code that is none."""
        table = self._table
        need = latest // SECOND + 30 * _DAY_SECONDS
        if zone.size and (int(zone.min()) < 0 or int(zone.max()) >= len(table.known)):
            raise ValueError(f"zone codes go from 0 to {len(table.known) - 1}, found {zone.min()} to {zone.max()}")
        if need <= table.horizon and bool(table.known[zone].all()):
            return table
        with self._lock:
            horizon = self._table.horizon
            if need > horizon:
                horizon = min(need + 20 * _YEAR_SECONDS, _FULL_HORIZON)
                self._zones = {index: _read(zone_names()[index], horizon) for index in self._zones}
            for index in np.unique(zone).tolist():
                if index not in self._zones:
                    self._zones[index] = _read(zone_names()[index], horizon)
            self._table = _assemble(self._zones, len(zone_names()), horizon)
            return self._table


_CLOCKS = _Clocks()


def _even(at: Ints) -> tuple[Ints, Ints | None, int]:
    """Instants brought below 2500 by whole cycles, what was taken off (or None), the latest."""
    latest = int(at.max()) if at.size else 0
    if latest < _REPEATS_FROM:
        return at, None, latest
    cycles: Ints = np.where(at >= _REPEATS_FROM, (at - _REPEATED_FROM) // _CYCLE, 0) * _CYCLE
    return at - cycles, cycles, _REPEATS_FROM


def offsets_at(t: Ints, zone: Codes) -> Ints:
    """How far (us) each zone's clock is ahead of UTC at t (us UTC; real instants only)."""
    even, _, latest = _even(t)
    table = _CLOCKS.table(zone, latest)
    if even.size > 4096:
        there = np.flatnonzero(np.bincount(zone.ravel())).astype(np.int32)
        first, last = (_stretch(table.keys, np.full(there.shape, at), there) for at in (int(even.min()), latest))
        if np.array_equal(first, last):  # no clock is changed between the earliest and the latest: ask once per zone
            by_zone = np.zeros(len(table.known), np.int64)
            by_zone[there] = table.offsets[first]
            return np.asarray(by_zone[zone], np.int64)
    return np.asarray(table.offsets[_stretch(table.keys, even, zone)], np.int64)


def _stretch(keys: Ints, at: Ints, zone: Codes) -> Ints:
    """The place of the last key that isn't above each row's."""
    wanted = (zone.astype(np.int64) << _BITS) + at // SECOND
    return np.asarray(np.searchsorted(keys, wanted, side="right") - 1, np.int64)


def first_shown(local: Ints, zone: Codes) -> Ints:
    """The first instant (us UTC) at which each zone's clock shows at least this local time: in a gap, the gap's end."""
    even, cycles, latest = _even(local)
    table = _CLOCKS.table(zone, latest)
    place = _stretch(table.first_keys, even, zone) + 1
    found: Ints = np.maximum(table.begins[place], even - table.offsets[place])
    return np.asarray(found if cycles is None else found + cycles, np.int64)


def last_shown(local: Ints, zone: Codes) -> Ints:
    """The last instant (us UTC) at which each zone's clock shows this local time: in a gap, the gap's end."""
    even, cycles, latest = _even(local)
    table = _CLOCKS.table(zone, latest)
    place = _stretch(table.last_keys, even, zone)
    found: Ints = np.minimum(table.ends[place], even - table.offsets[place])
    return np.asarray(found if cycles is None else found + cycles, np.int64)


def next_change(t: Ints, zone: Codes) -> Ints:
    """The first instant (us UTC) after t at which each zone's clock is put forward or back; NEVER where none is known.

    The rules are reckoned to the end of the year after the latest t at least, so NEVER means that no rule changes it.
    """
    even, cycles, latest = _even(t)
    table = _CLOCKS.table(zone, latest)
    found = table.ends[_stretch(table.keys, even, zone)]
    return np.asarray(found if cycles is None else np.where(found == NEVER, NEVER, found + cycles), np.int64)
