"""Quiet intervals (nights, weekends, holidays) and the hours a contact chose, laid out in local time, in columns.

Both answer with an instant: when the quiet that covers t ends, and when the chosen hours are open next. This module
knows neither rules nor messages; which of a contact's zones count, and how, is decided by who asks.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cadence.calendar.holidays import all_categories, holidays_of
from cadence.calendar.zones import as_columns, next_change, restored, to_local, to_utc
from cadence.facts import DAY, MINUTE, NEVER, Bools, Codes, Ints

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_DAY_MINUTES = 1440
_BEFORE, _AFTER = 3, 1  # dates beside that of t whose interval may cover it, clocks put back by a whole day included
_SEARCH_DAYS = 15  # a chosen hour of one weekday may fall into a gap; then the next week has it


def minute_of(text: object, *, end: bool = False) -> int:
    """A time of day as minutes from midnight; with `end`, 24:00 is allowed. Raises ValueError with a plain sentence."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    minute = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else None
    if minute is None or minute > _DAY_MINUTES or (minute == _DAY_MINUTES and not end):
        allowed = '"00:00" to "24:00"' if end else '"00:00" to "23:59"'
        raise ValueError(f"{text!r} is not a time of day; write hours and minutes in quotes, from {allowed}")
    return minute


def parse_days(days: Sequence[str]) -> frozenset[int]:
    """Weekdays by their short names, as numbers from 0 (Monday). Raises ValueError naming the nearest right one."""
    if isinstance(days, str):
        raise ValueError(f"{days!r} is not a list of weekdays; write for example [{days}]")
    for day in days:
        if day not in WEEKDAYS:
            near = difflib.get_close_matches(str(day).casefold(), WEEKDAYS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(f"{day!r} is not a weekday; {hint}allowed are {', '.join(WEEKDAYS)}")
    return frozenset(WEEKDAYS.index(day) for day in days)


def parse_hours(hours: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Stretches of a day like `09:00-12:00`, as minutes from midnight. Raises ValueError for empty or backward ones."""
    if isinstance(hours, str):
        raise ValueError(f'{hours!r} is not a list of hours; write for example ["{hours}"]')
    found = []
    for text in hours:
        starts, dash, ends = str(text).partition("-")
        if not dash:
            raise ValueError(f'{text!r} is not a stretch of hours; write for example "09:00-12:00"')
        stretch = minute_of(starts.strip()), minute_of(ends.strip(), end=True)
        if stretch[0] >= stretch[1]:
            raise ValueError(
                f'{text!r} does not end after it begins; over midnight write two: "22:00-24:00" and "00:00-06:00"'
            )
        found.append(stretch)
    return tuple(found)


def _parse_holidays(holidays: object) -> tuple[str, ...]:
    """The categories of holidays asked for: true means public, none asked for is empty."""
    if holidays is None or holidays is False:
        return ()
    if holidays is True:
        return ("public",)
    if isinstance(holidays, str) or not isinstance(holidays, Sequence) or not holidays:
        raise ValueError(f"{holidays!r} can't stand for holidays; write true, or a list like [public, de_facto]")
    for category in holidays:
        if category not in all_categories():
            near = difflib.get_close_matches(str(category), all_categories(), n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(f"{category!r} is not a kind of holiday; {hint}allowed are {', '.join(all_categories())}")
    return tuple(holidays)


@dataclass(frozen=True, slots=True)
class QuietInterval:
    """One entry of quiet hours. `starts` and `ends` are minutes of the day (None for whole days; `ends` up to 1440).

    `days`: weekdays from 0 (Monday) on which it begins, empty for every. `holidays`: the categories of holidays on
    which it begins, empty if it doesn't ask. Both given: both must hold.
    """

    starts: int | None
    ends: int | None
    all_day: bool
    days: frozenset[int]
    holidays: tuple[str, ...]

    @classmethod
    def parse(
        cls,
        from_: str | None = None,
        to: str | None = None,
        all_day: bool | None = None,
        days: Sequence[str] | None = None,
        holidays: bool | Sequence[str] | None = None,
    ) -> QuietInterval:
        """Read an entry as a policy writes it. Raises ValueError with a plain sentence."""
        if days is not None and not days:
            raise ValueError("days is an empty list; leave it out for every day, or name some, for example [sat, sun]")
        weekdays, categories = parse_days(days or ()), _parse_holidays(holidays)
        if from_ is None and to is None:
            if all_day is False:
                raise ValueError(
                    'all_day is false but there are no times; give both, for example from: "20:00", to: "08:00"'
                )
            return cls(None, None, True, weekdays, categories)
        if all_day:
            raise ValueError("all_day and times exclude each other; leave out all_day, or from and to")
        if from_ is None or to is None:
            raise ValueError(
                f"{'from' if from_ is None else 'to'} is missing; give both times, or neither for the whole day"
            )
        starts, ends = minute_of(from_), minute_of(to, end=True)
        if starts == ends:
            raise ValueError(
                f"from and to are both {from_!r}, which says nothing; for the whole day write all_day: true"
            )
        return cls(starts, ends, False, weekdays, categories)

    @property
    def always(self) -> bool:
        """Whether it covers all time: every day, from end to end."""
        whole = self.all_day or (self.starts, self.ends) == (0, _DAY_MINUTES)
        return whole and len(self.days) in (0, 7) and not self.holidays

    @property
    def to_the_end(self) -> bool:
        """Whether it ends with its date, as whole days and `24:00` do: where midnight comes twice, at the first. `00:00`
        is a time of day, which ends at the second."""
        return self.ends in (None, _DAY_MINUTES)

    @property
    def minutes(self) -> tuple[int, int]:
        """From when to when, counted from midnight of the date on which it begins."""
        starts, ends = self.starts or 0, _DAY_MINUTES if self.ends is None else self.ends
        return starts, ends + _DAY_MINUTES * (ends < starts)

    def covers(self, other: QuietInterval) -> bool:
        """Whether each stretch of the other lies within one of this one's, of the same date or of the day before."""
        if self.holidays and not (other.holidays and set(other.holidays) <= set(self.holidays)):
            return False
        (starts, ends), (begins, stops) = self.minutes, other.minutes
        befores = [
            before
            for before in ((0,) if self.holidays else (0, 1))
            if starts - before * _DAY_MINUTES <= begins and stops <= ends - before * _DAY_MINUTES
        ]
        days = self.days or range(7)
        return all(any((day - before) % 7 in days for before in befores) for day in other.days or range(7))


def _bounds(interval: QuietInterval, day: Ints, zone: Codes) -> tuple[Ints, Ints]:
    """Begin and end (us UTC) of the interval of each local date; end is begin where the weekday isn't asked for."""
    starts, ends = interval.minutes
    begin = to_utc(day * DAY + starts * MINUTE, zone)
    end = to_utc(day * DAY + ends * MINUTE, zone, second=not interval.to_the_end)
    if interval.days:
        asked = np.isin(np.arange(7), list(interval.days))
        end = np.where(asked[(day + 3) % 7], end, begin)  # 1970-01-01 was a Thursday
    return begin, end


Bounds = Callable[[int], tuple[Ints, Ints]]
Asked = Callable[[int], Bools]


def _laid_out(interval: QuietInterval, day: Ints, zone: Codes) -> Bounds:
    """For each row the begin and end of the interval of its date plus so many days.

    Rows share few zones and dates as a rule: then the bounds are reckoned once for each of these, and looked up.
    """
    there = np.flatnonzero(np.bincount(zone)).astype(np.int32)
    low = int(day.min()) - _BEFORE
    days = int(day.max()) + _AFTER - low + 1
    if len(there) * days > max(len(day), 4096):
        return lambda beside: _bounds(interval, day + beside, zone)
    slot = np.zeros(int(there[-1]) + 1, np.int64)
    slot[there] = np.arange(len(there)) * days - low
    begins, ends = _bounds(interval, np.tile(np.arange(low, low + days), len(there)), np.repeat(there, days))
    cell = slot[zone] + day
    return lambda beside: (begins[cell + beside], ends[cell + beside])


def _holidays_asked(interval: QuietInterval, day: Ints, country: Codes, countries: Sequence[str]) -> Asked:
    """For each row whether its date plus so many days is a holiday where it lives; without a country none is."""
    there = [code for code in np.unique(country).tolist() if code >= 0]
    calendars = {code: holidays_of(countries[code], interval.holidays) for code in there}
    low = int(day.min()) - _BEFORE
    days = int(day.max()) + _AFTER - low + 1
    if (len(there) + 1) * days > max(len(day), 4096):

        def one_by_one(beside: int) -> Bools:
            found = np.zeros(day.shape, np.bool_)
            for code, calendar in calendars.items():
                rows = country == code
                found[rows] = calendar.contains(day[rows] + beside)
            return found

        return one_by_one
    slot = np.zeros(len(countries) + 1, np.int64)  # the last is for code -1; the first stretch of the table is for none
    table = [np.zeros(days, np.bool_)]
    for place, (code, calendar) in enumerate(calendars.items(), start=1):
        slot[code] = place * days
        table.append(calendar.contains(np.arange(low, low + days)))
    known, cell = np.concatenate(table), slot[country] + day - low
    return lambda beside: np.asarray(known[cell + beside], np.bool_)


def quiet_until(
    interval: QuietInterval,
    t: npt.ArrayLike,
    zone: npt.ArrayLike,
    country: npt.ArrayLike | None = None,
    countries: Sequence[str] = (),
) -> Ints:
    """t where it isn't quiet, else the end of the longest-lasting single interval that covers t: int64[n].

    The interval of a local date begins at the first occurrence of `from` (in a gap: at the gap's end) and ends at the
    next `to` (in a gap: at its end; in an overlap: the second), or with its date, which the first midnight ends;
    half-open. A date that was skipped has intervals, too: they begin at the gap's end. `country` holds places in
    `countries`, -1 for none. An interval without a hole ends NEVER. NEVER, HELD and NONE stay.
    """
    rows, codes, odd = as_columns(np.atleast_1d(np.asarray(t, np.int64)), zone)
    if not rows.size:
        return rows
    if interval.always:
        return restored(np.full(rows.shape, NEVER, np.int64), t, odd)
    day = to_local(rows, codes) // DAY
    bounds = _laid_out(interval, day, codes)
    asked: Asked | None = None
    if interval.holidays:
        lives_in = np.broadcast_to(np.asarray(-1 if country is None else country, np.int32), rows.shape)
        asked = _holidays_asked(interval, day, lives_in, countries)
    until = rows
    for beside in range(-_BEFORE, _AFTER + 1):
        begin, end = bounds(beside)
        covers = (begin <= rows) & (rows < end)
        if asked is not None and covers.any():
            covers &= asked(beside)
        until = np.where(covers, np.maximum(until, end), until)
    return restored(until, t, odd)


def _is_open(hours: Sequence[tuple[int, int]], days: frozenset[int], t: Ints, zone: Codes) -> Bools:
    """Whether the wall clock shows one of the hours of one of the weekdays at t."""
    local = to_local(t, zone)
    day = local // DAY
    minutes = local - day * DAY
    open_ = np.isin(np.arange(7), list(days))[(day + 3) % 7] if days else np.ones(t.shape, np.bool_)
    if hours:
        within = np.zeros(t.shape, np.bool_)
        for starts, ends in hours:
            within |= (minutes >= starts * MINUTE) & (minutes < ends * MINUTE)
        open_ = open_ & within
    return np.asarray(open_, np.bool_)


def _earliest_open(
    hours: Sequence[tuple[int, int]], days: frozenset[int], t: Ints, zone: Codes, dates: Sequence[int]
) -> Ints:
    """The earliest instant after t at which hours open on these dates (counted from that of t), else NEVER.

    Hours open where the wall clock comes to their beginning, for the first or the second time, or where it is put
    into them: if forward, over their beginning, and if back, to a date that isn't after that of t.
    """
    day = to_local(t, zone) // DAY
    candidates = []
    changed = t
    for _ in range(2):  # no zone has more changes within so few days
        changed = next_change(changed, zone)
        candidates.append(np.where(to_local(changed, zone) // DAY <= day, changed, NEVER))
    for beside in dates:
        for starts, _ in hours or ((0, _DAY_MINUTES),):
            begins = (day + beside) * DAY + starts * MINUTE
            candidates += [to_utc(begins, zone), to_utc(begins, zone, second=True)]
    found = np.full(t.shape, NEVER, np.int64)
    for candidate in candidates:
        real = (candidate > t) & (candidate < found)
        real[real] = _is_open(hours, days, candidate[real], zone[real])
        found = np.where(real, candidate, found)
    return found


def open_windows(hours: Sequence[tuple[int, int]], days: frozenset[int], t: npt.ArrayLike, zone: npt.ArrayLike) -> Ints:
    """The earliest instant >= t whose local time lies in one of the hours of a date on one of the weekdays: int64[n].

    `hours` are half-open stretches of minutes of the day, up to 1440; `days` weekdays from 0 (Monday); either may be
    empty for any. NEVER where nothing opens within two weeks. NEVER, HELD and NONE stay.
    """
    rows, codes, odd = as_columns(np.atleast_1d(np.asarray(t, np.int64)), zone)
    found = np.where(_is_open(hours, days, rows, codes), rows, NEVER)
    for dates in (range(-1, 2), range(2, 5), range(5, 8), range(8, _SEARCH_DAYS + 1)):
        left = np.flatnonzero(found == NEVER)
        if left.size:
            found[left] = _earliest_open(hours, days, rows[left], codes[left], dates)
    return restored(found, t, odd)
