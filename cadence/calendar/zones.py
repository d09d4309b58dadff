"""Local time in columns: names of zones, wall clocks and back, local dates, calendar steps, and when windows free.

Public functions take numpy columns (scalars broadcast) and return int64 columns. Instants are microseconds since 1970
UTC, local times the same count as if the wall clock showed UTC, dates days since 1970-01-01. NEVER, HELD and NONE
stay what they are. How the clocks change is in `transitions`; nothing here reads a clock.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import tzdata  # type: ignore[import-untyped]

from cadence.calendar import transitions
from cadence.calendar.spans import Duration, Window, WindowKind
from cadence.calendar.transitions import zone_names
from cadence.facts import DAY, HELD, NEVER, NONE, Bools, Codes, Ints

IntsLike = npt.ArrayLike


def tz_version() -> str:
    """The release of the tz database that answers come from, for example 2026f."""
    return str(tzdata.IANA_VERSION)


@cache
def _codes() -> dict[str, int]:
    return {name: code for code, name in enumerate(zone_names())}


def zone_index(name: str) -> int:
    """The code of an IANA zone, the same throughout a process. Raises ValueError naming the nearest right names."""
    code = _codes().get(name)
    if code is None:
        folded = {known.casefold(): known for known in zone_names()}
        near = difflib.get_close_matches(str(name).casefold().replace(" ", "_"), folded)
        hint = (
            f"did you mean {' or '.join(folded[one] for one in near)}?" if near else "write one like Europe/Stockholm"
        )
        raise ValueError(f"{name!r} is not a zone of the tz database ({tz_version()}); {hint}")
    return code


def zone_name(index: int) -> str:
    """The name of a zone code. Raises ValueError for a code that is none."""
    if not 0 <= index < len(zone_names()):
        raise ValueError(f"zone codes go from 0 to {len(zone_names()) - 1}, found {index}")
    return zone_names()[index]


@cache
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    return _read_zones_by_country()


def _read_zones_by_country() -> dict[str, tuple[str, ...]]:
    """zone.tab of the tz database: country to its zones, in the order listed, but that of most of the country first."""
    found: dict[str, list[str]] = {}
    for line in resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone, comment = (*line.split("\t"), "")[:4]
            zones = found.setdefault(country, [])
            zones.insert(0 if comment.startswith("most of ") else len(zones), zone)
    return {country: tuple(zones) for country, zones in found.items()}


def zones_of_country(country: str) -> tuple[str, ...]:
    """All zones of a country (ISO 3166, a subdivision is passed over: DE-BY is DE); empty for one without any."""
    return _zones_by_country().get(country.split("-")[0].upper(), ())


def as_columns(at: IntsLike, zone: IntsLike) -> tuple[Ints, Codes, Bools | None]:
    """Both as columns of one shape, and which rows are no instants (None: all are); those stand at 1970 meanwhile."""
    rows, codes = np.asarray(at, np.int64), np.asarray(zone, np.int32)
    if rows.shape != codes.shape:
        rows, codes = np.broadcast_arrays(rows, codes)
    if not rows.size or (int(rows.max()) < HELD and int(rows.min()) > NONE):
        return rows, codes, None
    odd = (rows >= HELD) | (rows == NONE)
    return np.where(odd, 0, rows), codes, odd


def restored(found: Ints, at: IntsLike, odd: Bools | None) -> Ints:
    """What was found, but for rows that hold no instant (NEVER, HELD, NONE): those stay as they came in `at`."""
    return found if odd is None else np.where(odd, np.asarray(at, np.int64), found)


def to_local(t: IntsLike, zone: IntsLike) -> Ints:
    """What each zone's wall clock shows at t: int64[n], microseconds since 1970-01-01 00:00 on that wall."""
    rows, codes, odd = as_columns(t, zone)
    return restored(rows + transitions.offsets_at(rows, codes), t, odd)


def to_utc(local: IntsLike, zone: IntsLike, *, second: bool = False) -> Ints:
    """The instant at which a wall clock shows a local time: int64[n].

    A local time that doesn't exist is the first instant after the gap; one that comes twice the first, or with
    `second` the second.
    """
    rows, codes, odd = as_columns(local, zone)
    found = transitions.last_shown(rows, codes) if second else transitions.first_shown(rows, codes)
    return restored(found, local, odd)


def local_day(t: IntsLike, zone: IntsLike) -> Ints:
    """The date on the wall at t: int64[n], days since 1970-01-01. t must be real instants (no NEVER, HELD or NONE)."""
    return np.asarray(to_local(t, zone) // DAY, np.int64)


def day_start(day: IntsLike, zone: IntsLike) -> Ints:
    """The first instant of a local date: int64[n] UTC.

    Where midnight doesn't exist, the first instant that does; where it comes twice, the first; for a date that was
    skipped altogether the first instant after it.
    """
    rows = np.asarray(day, np.int64)
    return to_utc(rows * DAY, zone)


def _day_lived(rows: Ints, codes: Codes) -> Ints:
    """The day that each instant belongs to when days are the stretches between their beginnings.

    It is the date on the wall, but for the hour in which clocks put back from past midnight show the day before again.
    """
    day = local_day(rows, codes)
    return day + (day_start(day + 1, codes) <= rows)


def _shifted(at: Ints, micros: int) -> Ints:
    """at + micros; beyond the last instant it is NEVER, before the first NONE."""
    beyond = at >= HELD - micros if micros >= 0 else at <= NONE - micros
    return np.where(beyond, NEVER if micros >= 0 else NONE, at + micros)  # numpy lets the others wrap around


def _by_calendar(rows: Ints, codes: Codes, months: int) -> Ints:
    """rows moved by calendar months in each zone, at the same time of day, clamped to the month's last day."""
    local = to_local(rows, codes)
    day = local // DAY
    month = day.astype("datetime64[D]").astype("datetime64[M]")
    of_month = day - month.astype("datetime64[D]").astype(np.int64)
    target = month + np.timedelta64(months, "M")
    first = target.astype("datetime64[D]").astype(np.int64)
    last = (target + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64) - 1
    return to_utc(np.minimum(first + of_month, last) * DAY + (local - day * DAY), codes)


def _moved(t: IntsLike, duration: Duration, zone: IntsLike, sign: int) -> Ints:
    if duration.exact:
        column = np.asarray(t, np.int64)
        odd = (column >= HELD) | (column == NONE)
        return np.where(odd, column, _shifted(column, sign * duration.micros))
    rows, codes, none = as_columns(t, zone)
    edge = duration.at_most_micros()
    beyond = rows >= HELD - edge if sign > 0 else rows <= NONE + edge
    found = _by_calendar(np.where(beyond, 0, rows), codes, sign * duration.months)
    return restored(np.where(beyond, NEVER if sign > 0 else NONE, found), t, none)


def add(t: IntsLike, duration: Duration, zone: IntsLike) -> Ints:
    """t + duration: int64[n]; exact, or by the calendar in the zone (31 Aug + 6mo is the last of February).

    A time of day that doesn't exist there is the first instant after the gap, one that comes twice the first. What
    would lie beyond the last instant is NEVER; NEVER, HELD and NONE stay.
    """
    return _moved(t, duration, zone, 1)


def subtract(t: IntsLike, duration: Duration, zone: IntsLike) -> Ints:
    """t - duration: int64[n], with the same meaning as `add`; what would lie before the first instant is NONE."""
    return _moved(t, duration, zone, -1)


def _next_period(day: Ints, unit: str) -> Ints:
    """The first date of the calendar period after the one that a date lies in; weeks begin on Monday."""
    if unit == "day":
        return day + 1
    if unit == "week":
        return day + 7 - (day + 3) % 7  # 1970-01-01 was a Thursday
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    following = (month // months + 1) * months
    return np.asarray(following.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64), np.int64)


def window_frees_at(at: IntsLike, window: Window, zone: IntsLike) -> Ints:
    """When a touch at `at` leaves the window: int64[n].

    Rolling: at + W. Local days: when the N-th local date after that of `at` begins. Calendar: when the next local
    period begins. Ever: NEVER. NONE (there is no such touch) stays NONE, NEVER and HELD stay.
    """
    rows, codes, odd = as_columns(at, zone)
    if window.kind is WindowKind.ROLLING:
        return restored(_shifted(rows, window.micros), at, odd)
    if window.kind is WindowKind.EVER:
        return restored(np.full(rows.shape, NEVER, np.int64), at, odd)
    beyond = rows >= HELD - 2 * (window.reach_micros() or 0)
    day = _day_lived(np.where(beyond, 0, rows), codes)
    following = day + window.days if window.kind is WindowKind.LOCAL_DAYS else _next_period(day, window.unit)
    return restored(np.where(beyond, NEVER, day_start(following, codes)), at, odd)


def next_change(t: IntsLike, zone: IntsLike) -> Ints:
    """The next instant after t at which each zone's clock is put forward or back: int64[n], NEVER if none is known."""
    rows, codes, odd = as_columns(t, zone)
    return restored(transitions.next_change(rows, codes), t, odd)
