"""Quiet intervals and chosen hours: cases laid out by hand, and every zone against a slow clock."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadence.calendar import (
    WEEKDAYS,
    QuietInterval,
    next_change,
    open_windows,
    parse_days,
    parse_hours,
    quiet_until,
    zone_index,
    zone_names,
)
from cadence.facts import DAY, HELD, HOUR, MINUTE, NEVER, NONE

NIGHT = QuietInterval.parse("20:00", "08:00")
YEAR = int(365.2425 * DAY)
zones = st.sampled_from(zone_names())
minutes = st.integers(0, 1439)
weekdays = st.frozensets(st.integers(0, 6), max_size=5)


@st.composite
def edges(draw):
    """A zone and an instant since 1970, mostly within two days of a change of its clock."""
    zone, at = draw(zones), draw(st.integers(0, 100 * YEAR))
    if draw(st.integers(0, 3)):
        change = int(next_change([at], [zone_index(zone)])[0])
        if change != NEVER:
            at = change + draw(st.integers(-2 * DAY, 2 * DAY) | st.integers(-3 * HOUR, 3 * HOUR) | st.just(0))
    return zone, at


def named(days: frozenset[int]) -> list[str] | None:
    return [WEEKDAYS[day] for day in days] or None


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def test_every_case_of_quiet_hours_ends_when_it_should(shared, read):
    for case in json.loads((shared / "data/cases/quiet_hours_dst.json").read_text())["cases"]:
        times = {} if case["from"] == case["to"] else {"from_": case["from"], "to": case["to"]}
        interval = QuietInterval.parse(**times, days=case["days"])
        until = int(quiet_until(interval, [read.at(case["now_utc"])], read.zone(case["zone"]))[0])
        assert until == read.at(case["welcome_at_utc"]), case
        assert (until > read.at(case["now_utc"])) == case["quiet"], case


@given(edges(), minutes, minutes, weekdays)
@settings(max_examples=8 * settings.default.max_examples)
def test_quiet_ends_where_the_slow_clock_says(slow, edge, starts, ends, days):
    zone, at = edge
    ends = ends if ends != starts else 1440
    interval = QuietInterval.parse(clock(starts), clock(ends), days=named(days))
    if interval.always:
        return
    assert int(quiet_until(interval, [at], [zone_index(zone)])[0]) == slow.quiet_until(starts, ends, days, at, zone)


@given(edges(), weekdays.filter(bool))
def test_whole_days_end_where_the_slow_clock_says(slow, edge, days):
    zone, at = edge
    until = quiet_until(QuietInterval.parse(days=named(days)), [at], [zone_index(zone)])
    assert int(until[0]) == slow.quiet_until(0, 1440, days, at, zone)


def test_many_rows_are_answered_as_one_by_one(read):
    names = ["Europe/Stockholm", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia"]
    codes = np.array([zone_index(name) for name in names], np.int32)
    random = np.random.default_rng(5)
    at = random.integers(read.at("2011-12-01T00:00Z"), read.at("2012-02-01T00:00Z"), 9_000)
    zone, country = random.choice(codes, 9_000), random.integers(-1, 3, 9_000).astype(np.int32)
    countries = ("SE", "DE-BY", "US")
    for interval in (
        NIGHT,
        QuietInterval.parse("22:00", "06:00", days=["fri"], holidays=True),
        QuietInterval.parse(holidays=True),
    ):
        together = quiet_until(interval, at, zone, country, countries)
        apart = [
            int(quiet_until(interval, at[row : row + 1], zone[row : row + 1], country[row : row + 1], countries)[0])
            for row in range(0, 9_000, 30)
        ]
        assert together[::30].tolist() == apart


def test_rows_far_apart_in_time_are_answered_as_one_by_one(slow):
    random = np.random.default_rng(6)
    at, zone = random.integers(0, 130 * YEAR, 300), zone_index("America/New_York")
    until = quiet_until(NIGHT, at, zone)
    assert until.tolist() == [slow.quiet_until(1200, 480, (), int(t), "America/New_York") for t in at]


def test_holidays_of_rows_far_apart_in_time_are_those_where_each_lives(read):
    national = {"SE": "06-06", "NO": "05-17", "DE": "10-03"}
    rows = [
        (year, home, day) for year in range(2006, 2096, 3) for home in (*national, None) for day in national.values()
    ]
    at = np.array([read.at(f"{year}-{day}T10:00Z") for year, _, day in rows])
    lives = [list(national).index(home) if home else -1 for _, home, _ in rows]
    found = quiet_until(QuietInterval.parse(holidays=True), at, read.zone("UTC"), lives, list(national))
    own = np.array([national.get(home) == day for _, home, day in rows])
    assert (found - at)[own].tolist() == [14 * HOUR] * int(own.sum())
    abroad = (found > at) & ~own  # Whitsun and Ascension are holidays in all three
    assert abroad.sum() < 12
    assert not abroad[[home is None for _, home, _ in rows]].any()


def test_the_night_of_a_holiday_ends_in_the_morning_after_it_in_rows_far_apart_in_time_too(read):
    night = QuietInterval.parse("20:00", "08:00", holidays=True)
    at = np.array([read.at(f"{year}-06-07T05:00Z") for year in range(2006, 2096, 3)])
    found = quiet_until(night, at, read.zone("UTC"), 0, ("SE",))
    assert (found - at).tolist() == [3 * HOUR] * len(at)


@pytest.mark.parametrize("beside", [[], ["2026-11-29T12:00Z"]])
def test_quiet_hours_go_on_where_the_clock_is_put_back_by_a_whole_day(read, beside):
    night = QuietInterval.parse("20:00", "16:00", days=["thu"])  # Alaska was bought, and had two Fridays in a row
    at = np.array([read.at(text) for text in ["1867-10-19T10:00+15:02:19", *beside]])
    until = read.at("1867-10-18T16:00-08:57:41")
    assert quiet_until(night, at, zone_index("America/Juneau")).tolist() == [until, *at[1:].tolist()]


@pytest.mark.parametrize(
    ("one", "other", "covers"),
    [
        ({"from_": "20:00", "to": "08:00"}, {"from_": "22:00", "to": "07:00"}, True),
        ({"from_": "20:00", "to": "08:00"}, {"from_": "20:00", "to": "08:00", "days": ["mon"]}, True),
        ({"from_": "20:00", "to": "08:00"}, {"from_": "00:00", "to": "08:00"}, True),  # of the night before
        ({"from_": "20:00", "to": "08:00"}, {"from_": "20:00", "to": "24:00"}, True),
        ({"from_": "20:00", "to": "08:00"}, {"from_": "19:59", "to": "08:00"}, False),
        ({"from_": "20:00", "to": "08:00"}, {"from_": "20:00", "to": "08:01"}, False),
        ({"from_": "20:00", "to": "08:00"}, {"from_": "07:00", "to": "08:30"}, False),
        ({"from_": "20:00", "to": "08:00", "days": ["fri"]}, {"from_": "01:00", "to": "02:00", "days": ["sat"]}, True),
        ({"from_": "20:00", "to": "08:00", "days": ["fri"]}, {"from_": "01:00", "to": "02:00", "days": ["fri"]}, False),
        ({"from_": "20:00", "to": "08:00", "days": ["sun"]}, {"from_": "01:00", "to": "02:00", "days": ["mon"]}, True),
        ({"days": ["sat", "sun"]}, {"from_": "09:00", "to": "17:00", "days": ["sun"]}, True),
        ({"days": ["sat", "sun"]}, {"from_": "09:00", "to": "17:00"}, False),
        (
            {"days": ["sat", "sun"]},
            {"from_": "22:00", "to": "02:00", "days": ["sat"]},
            False,
        ),  # in no single one of them
        ({"from_": "09:00", "to": "17:00"}, {}, False),
        ({}, {"holidays": True, "from_": "09:00", "to": "17:00"}, True),
        ({"holidays": True}, {"from_": "09:00", "to": "17:00"}, False),
        ({"holidays": True}, {"holidays": True, "from_": "09:00", "to": "17:00", "days": ["mon"]}, True),
        ({"holidays": ["public", "bank"]}, {"holidays": True}, True),
        ({"holidays": True}, {"holidays": ["public", "bank"]}, False),
        (
            {"holidays": True, "from_": "20:00", "to": "08:00"},
            {"holidays": True, "from_": "01:00", "to": "02:00"},
            False,
        ),
    ],
)
def test_one_interval_covers_another_that_never_lasts_longer(one, other, covers):
    assert QuietInterval.parse(**one).covers(QuietInterval.parse(**other)) is covers


@given(st.tuples(minutes, minutes), st.tuples(minutes, minutes), weekdays, weekdays, edges())
def test_what_covers_is_quiet_for_as_long_at_least(one, other, days, other_days, edge):
    zone, at = edge
    if one[0] == one[1] or other[0] == other[1]:
        return
    wide, narrow = QuietInterval(*one, False, days, ()), QuietInterval(*other, False, other_days, ())
    if wide.covers(narrow):
        t = at + np.arange(-30, 30) * HOUR
        assert (quiet_until(wide, t, zone_index(zone)) >= quiet_until(narrow, t, zone_index(zone))).all()


@pytest.mark.parametrize(
    ("country", "now", "until"),
    [
        ("SE", "2026-06-05T22:00Z", "2026-06-06T22:00Z"),  # the National Day, from midnight to midnight in Stockholm
        ("SE", "2026-06-05T21:59Z", "2026-06-05T21:59Z"),
        ("NO", "2026-06-06T10:00Z", "2026-06-06T10:00Z"),
        (None, "2026-06-06T10:00Z", "2026-06-06T10:00Z"),
    ],
)
def test_holidays_are_quiet_where_the_contact_lives(read, country, now, until):
    holidays = QuietInterval.parse(holidays=True)
    code = [-1] if country is None else [1]
    found = quiet_until(holidays, [read.at(now)], read.zone("Europe/Stockholm"), code, ("DE", country or "NO"))
    assert found.tolist() == [read.at(until)]


def test_without_any_country_no_holiday_is_known(read):
    at = read.at("2026-12-25T10:00Z")
    assert quiet_until(QuietInterval.parse(holidays=True), [at], read.zone("Europe/Oslo")).tolist() == [at]


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-12-25T12:00+01:00", "2026-12-25T12:00+01:00"),  # a Friday, and a holiday: the day isn't asked for
        ("2026-12-26T12:00+01:00", "2026-12-27T00:00+01:00"),  # a Saturday, and a holiday
        ("2026-12-19T12:00+01:00", "2026-12-19T12:00+01:00"),  # a Saturday as any other
    ],
)
def test_days_and_holidays_must_both_hold(read, now, until):
    both = QuietInterval.parse(days=["sat"], holidays=True)
    assert quiet_until(both, [read.at(now)], read.zone("Europe/Stockholm"), [0], ("SE",)).tolist() == [read.at(until)]


def test_a_holiday_night_belongs_to_the_date_on_which_it_begins(read):
    night = QuietInterval.parse("20:00", "08:00", holidays=True)
    at = [read.at(text) for text in ("2026-06-06T07:00+02:00", "2026-06-07T07:00+02:00")]
    found = quiet_until(night, at, read.zone("Europe/Stockholm", 2), [0, 0], ("SE",))
    assert found.tolist() == [at[0], read.at("2026-06-07T08:00+02:00")]


def test_twenty_four_is_the_end_of_the_date(read):
    evening = QuietInterval.parse("22:00", "24:00", days=["sat"])
    at = read.at("2026-11-21T23:00+01:00")
    assert quiet_until(evening, [at], read.zone("Europe/Stockholm")).tolist() == [read.at("2026-11-22T00:00+01:00")]


@pytest.mark.parametrize(
    ("zone", "now", "first", "second"),
    [
        ("Atlantic/Azores", "2026-10-24T23:30Z", "2026-10-25T00:00Z", "2026-10-25T01:00Z"),  # back at one o'clock
        ("America/Havana", "2025-11-02T03:30Z", "2025-11-02T04:00Z", "2025-11-02T05:00Z"),
        ("America/St_Johns", "2008-11-02T02:00Z", "2008-11-02T02:30Z", "2008-11-02T03:30Z"),  # a minute past midnight
    ],
)
def test_a_date_ends_at_the_first_of_two_midnights_and_a_time_of_day_at_the_second(read, zone, now, first, second):
    at, where = [read.at(now)], read.zone(zone)
    for whole in (QuietInterval.parse(days=["sat"]), QuietInterval.parse("20:00", "24:00", days=["sat"])):
        assert quiet_until(whole, at, where).tolist() == [read.at(first)]
    assert quiet_until(QuietInterval.parse("20:00", "00:00", days=["sat"]), at, where).tolist() == [read.at(second)]


@pytest.mark.parametrize(
    "always", [QuietInterval.parse(), QuietInterval.parse("00:00", "24:00"), QuietInterval.parse(all_day=True)]
)
def test_what_is_quiet_without_a_hole_never_ends(always):
    assert quiet_until(always, [0, HELD, NONE], zone_index("Asia/Tokyo")).tolist() == [NEVER, HELD, NONE]


def test_never_held_and_none_stay_what_they_are():
    odd = [NEVER, HELD, NONE]
    assert quiet_until(NIGHT, odd, zone_index("Asia/Tokyo")).tolist() == odd
    assert open_windows(((540, 720),), frozenset(), odd, zone_index("Asia/Tokyo")).tolist() == odd


def test_no_rows_are_no_rows():
    assert quiet_until(NIGHT, np.empty(0, np.int64), np.empty(0, np.int32)).size == 0
    assert open_windows(((540, 720),), frozenset(), np.empty(0, np.int64), np.empty(0, np.int32)).size == 0


def test_an_entry_is_read_as_it_is_written():
    assert QuietInterval.parse("9:30", "24:00", days=["mon", "sun"]) == QuietInterval(
        570, 1440, False, frozenset({0, 6}), ()
    )
    assert QuietInterval.parse(holidays=["public", "de_facto"]).holidays == ("public", "de_facto")
    assert QuietInterval.parse(days=["sat"], holidays=False) == QuietInterval(None, None, True, frozenset({5}), ())


def slow_open(slow, hours, days, at, zone):
    """The earliest open instant by stepping from minute to minute (since 1973 all clocks change on minutes)."""
    step = at
    while True:
        local = slow.local(step, zone)
        day, minute = local // DAY, local % DAY // MINUTE
        if (not days or (day + 3) % 7 in days) and any(starts <= minute < ends for starts, ends in hours):
            return step
        step = (step // MINUTE + 1) * MINUTE


@given(edges(), st.lists(st.tuples(minutes, st.integers(1, 300)), min_size=1, max_size=2), weekdays)
def test_hours_open_where_the_slow_clock_says(slow, edge, stretches, days):
    zone, at = edge
    at += 5 * YEAR
    hours = tuple((starts, min(starts + length, 1440)) for starts, length in stretches)
    found = int(open_windows(hours, days, [at], [zone_index(zone)])[0])
    if found == NEVER or found - at > 8 * DAY:
        return
    assert found == slow_open(slow, hours, days, at, zone)


@pytest.mark.parametrize(
    ("hours", "days", "now", "opens", "zone"),
    [
        (["09:00-12:00"], [], "2026-11-24T08:00+01:00", "2026-11-24T09:00+01:00", "Europe/Stockholm"),
        (["09:00-12:00"], [], "2026-11-24T12:00+01:00", "2026-11-25T09:00+01:00", "Europe/Stockholm"),
        (["09:00-12:00", "17:00-24:00"], [], "2026-11-24T12:00+01:00", "2026-11-24T17:00+01:00", "Europe/Stockholm"),
        (["17:00-24:00"], [], "2026-11-24T23:59:59+01:00", "2026-11-24T23:59:59+01:00", "Europe/Stockholm"),
        ([], ["mon"], "2026-11-24T12:00+01:00", "2026-11-30T00:00+01:00", "Europe/Stockholm"),
        (["09:00-12:00"], ["mon", "tue"], "2026-11-24T12:00+01:00", "2026-11-30T09:00+01:00", "Europe/Stockholm"),
        # 02:15 to 02:45 doesn't exist on 29 March 2026, and Sunday is the only day: two weeks
        (["02:15-02:45"], ["sun"], "2026-03-22T03:00+01:00", "2026-04-05T02:15+02:00", "Europe/Stockholm"),
        # the clock is put into the hours, and back into them
        (["02:15-03:30"], [], "2026-03-29T01:59+01:00", "2026-03-29T03:00+02:00", "Europe/Stockholm"),
        (["01:30-02:30"], [], "2026-10-25T02:45+02:00", "2026-10-25T02:00+01:00", "Europe/Stockholm"),
        (["02:15-02:30"], [], "2026-10-25T02:45+02:00", "2026-10-25T02:15+01:00", "Europe/Stockholm"),
        ([], ["sat"], "2008-11-02T00:00-02:30", "2008-11-01T23:01-03:30", "America/St_Johns"),
        ([], ["fri"], "2011-12-29T23:00-10:00", "2012-01-06T00:00+14:00", "Pacific/Apia"),  # a Friday was skipped
    ],
)
def test_chosen_hours_open_when_they_should(read, hours, days, now, opens, zone):
    found = open_windows(parse_hours(hours), parse_days(days), [read.at(now)], read.zone(zone))
    assert found.tolist() == [read.at(opens)]


def test_no_wish_is_always_open():
    assert open_windows((), frozenset(), [5, 7], zone_index("Asia/Tokyo")).tolist() == [5, 7]


def alertmanager(shared):
    return json.loads((shared / "data/cases/time_intervals_alertmanager.json").read_text())


def spread(names: list[str]) -> list[str]:
    """mon-fri written out."""
    week = WEEKDAYS
    found = []
    for name in names:
        first, _, last = name.partition("-")
        found += week[week.index(first) : week.index(last or first) + 1]
    return found


def test_business_hours_hold_what_alertmanager_says_they_hold(shared, read):
    asked = 0
    for case in alertmanager(shared)["contains"]:
        interval = case["interval"]
        if set(interval) - {"times", "weekdays", "zone"}:
            continue  # days of the month, months and years are no words of ours
        hours = parse_hours([f"{times['from']}-{times['to']}" for times in interval.get("times", [])])
        days, zone = parse_days(spread(interval.get("weekdays", []))), read.zone(interval.get("zone", "UTC"))
        for text in case["inside"] + case["outside"]:
            at = read.at(text)
            assert (int(open_windows(hours, days, [at], zone)[0]) == at) == (text in case["inside"]), (case, text)
            asked += 1
    assert asked >= 13


def test_times_that_alertmanager_refuses_are_refused(shared):
    refused = 0
    for case in alertmanager(shared)["invalid"]:
        kind, _, text = case["input"].partition(": ")
        if kind == "times" and ".." in text:
            with pytest.raises(ValueError, match=r"is not a time of day|does not end after"):
                parse_hours([text.replace("'", "").replace("..", "-")])
            refused += 1
        elif kind == "weekdays":
            with pytest.raises(ValueError, match="is not a weekday"):
                parse_days([text])
            refused += 1
    assert refused >= 10
