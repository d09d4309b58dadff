"""Local time in columns, against the tz database's own edges and against zoneinfo in every zone there is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadence.calendar import (
    Duration,
    Window,
    add,
    day_start,
    local_day,
    next_change,
    subtract,
    to_local,
    to_utc,
    tz_version,
    window_frees_at,
    zone_index,
    zone_name,
    zone_names,
    zones_of_country,
)
from cadence.calendar.zones import _read_zones_by_country, as_columns
from cadence.facts import DAY, HELD, HOUR, NEVER, NONE

YEAR = int(365.2425 * DAY)
zones = st.sampled_from(zone_names())
instants = st.integers(-90 * YEAR, 130 * YEAR)
near = st.integers(-3 * HOUR, 3 * HOUR) | st.sampled_from([-1, 0, 1, -30 * 60_000_000, 30 * 60_000_000])


def one(value) -> int:
    return int(value[0])


@st.composite
def edges(draw, changes=st.booleans()):
    """A zone and an instant, every other time close to a change of its clock."""
    zone, at = draw(zones), draw(instants)
    if draw(changes):
        change = one(next_change(np.array([at]), np.array([zone_index(zone)])))
        if change != NEVER:
            at = change + draw(near)
    return zone, at


def test_every_local_time_of_the_edge_cases_is_the_instant_it_should_be(shared, read):
    for case in json.loads((shared / "data/cases/tz_edges.json").read_text())["local_times"]:
        if case["zone"] == "Africa/Monrovia":
            continue  # the case gives the end of the gap to the minute; the tz database says 00:44:30
        wanted = [read.at(text) for text in case["utc"]] or [read.at(case["first_instant_after_gap_utc"])]
        local, zone = [read.wall(case["local"])], read.zone(case["zone"])
        assert (one(to_utc(local, zone)), one(to_utc(local, zone, second=True))) == (wanted[0], wanted[-1]), case


def test_monrovia_was_put_forward_by_44_minutes_and_30_seconds(read):
    assert one(to_utc([read.wall("1972-01-07T00:20:00")], read.zone("Africa/Monrovia"))) == read.at(
        "1972-01-07T00:44:30Z"
    )


def test_every_local_day_of_the_edge_cases_begins_and_lasts_as_it_should(shared, read):
    for case in json.loads((shared / "data/cases/tz_edges.json").read_text())["local_days"]:
        zone, day = read.zone(case["zone"]), read.wall(case["local_date"]) // DAY
        begins, following = one(day_start([day], zone)), one(day_start([day + 1], zone))
        assert begins == read.at(case["starts_utc"] or case["next_day_starts_utc"]), case
        assert following == read.at(case["next_day_starts_utc"]), case
        assert following - begins == case["length_hours"] * HOUR, case


def test_all_zones_show_what_zoneinfo_shows(slow):
    at = np.random.default_rng(7).integers(-90 * YEAR, 130 * YEAR, (len(zone_names()), 12))
    codes = np.repeat(np.arange(len(zone_names()), dtype=np.int32), 12)
    shown = to_local(at.ravel(), codes).reshape(at.shape)
    wrong = [
        (name, int(t))
        for name, row, clock in zip(zone_names(), at, shown, strict=True)
        for t, local in zip(row, clock, strict=True)
        if slow.local(int(t), name) != local
    ]
    assert wrong == []


def test_all_zones_change_when_zoneinfo_changes(slow):
    codes = np.arange(len(zone_names()), dtype=np.int32)
    at = np.full(codes.shape, -60 * YEAR)
    for _ in range(40):
        at = next_change(at, codes)
        going = at != NEVER
        at, codes = at[going], codes[going]
        shown = to_local(at, codes), to_local(at - 1, codes)
        for row, code in enumerate(codes.tolist()):
            name, t = zone_name(code), int(at[row])
            assert (slow.local(t, name), slow.local(t - 1, name)) == (int(shown[0][row]), int(shown[1][row])), (name, t)


@given(edges())
@settings(max_examples=6 * settings.default.max_examples)
def test_the_wall_clock_is_that_of_zoneinfo(slow, edge):
    zone, at = edge
    assert one(to_local([at], [zone_index(zone)])) == slow.local(at, zone)


@given(edges(), st.integers(-26 * HOUR, 26 * HOUR))
@settings(max_examples=6 * settings.default.max_examples)
def test_a_local_time_is_the_instant_that_zoneinfo_says(slow, edge, beside):
    zone, at = edge
    local = slow.local(at, zone) + beside
    found = [one(to_utc([local], [zone_index(zone)], second=second)) for second in (False, True)]
    assert found == [slow.utc(local, zone), slow.utc(local, zone, fold=1)]


@given(edges())
def test_a_day_begins_with_the_first_instant_of_its_date(slow, edge):
    zone, at = edge
    day = slow.local(at, zone) // DAY
    begins = one(day_start([day], [zone_index(zone)]))
    assert slow.local(begins, zone) // DAY >= day
    assert slow.local(begins - 1, zone) // DAY < day


@given(zones, st.integers(500 * YEAR, 7_900 * YEAR))
def test_far_beyond_the_tables_nothing_is_clamped(slow, zone, at):
    assert one(to_local([at], [zone_index(zone)])) == slow.local(at, zone)
    local = slow.local(at, zone)
    assert one(to_utc([local], [zone_index(zone)])) == slow.utc(local, zone)


def test_rows_of_many_zones_and_times_are_answered_each_for_itself(slow):
    names = ["Europe/Stockholm", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo"]
    random = np.random.default_rng(3)
    which, at = random.integers(0, 4, 500), random.integers(0, 90 * YEAR, 500)
    codes = np.array([zone_index(name) for name in names], np.int32)[which]
    assert to_local(at, codes).tolist() == [slow.local(int(t), names[n]) for t, n in zip(at, which, strict=True)]


def test_one_instant_for_very_many_rows_is_answered_as_for_one(read):
    codes = np.resize(np.array([zone_index("Europe/Stockholm"), zone_index("Asia/Kolkata")], np.int32), 10_000)
    shown = to_local(read.at("2026-11-24T12:00Z"), codes)
    assert set(shown[::2].tolist()) == {read.wall("2026-11-24T13:00")}
    assert set(shown[1::2].tolist()) == {read.wall("2026-11-24T17:30")}


def test_what_is_no_instant_stands_at_1970_while_others_are_reckoned():
    rows, codes, odd = as_columns([NEVER, 5, HELD, NONE], 3)
    assert (rows.tolist(), codes.tolist(), odd.tolist()) == ([0, 5, 0, 0], [3] * 4, [True, False, True, True])


@pytest.mark.parametrize("odd", [NEVER, HELD, NONE])
def test_one_that_is_no_instant_stays_beside_others_too(read, odd):
    zone, day = read.zone("Europe/Stockholm", 2), Duration.parse("1d")
    for found in (to_local([odd, 0], zone), to_utc([0, odd], zone)[::-1], add([odd, 0], day, zone)):
        assert found[0] == odd != found[1]
    assert to_local([odd], zone[:1]).tolist() == [odd]


def test_what_is_added_up_to_the_last_instant_is_never(read):
    zone, day = read.zone("Europe/Stockholm"), Duration.parse("1d")
    ends = [one(add([HELD - DAY + beside], day, zone)) for beside in (-1, 0, 1)]
    assert ends == [HELD - 1, NEVER, NEVER]
    begins = [one(subtract([NONE + DAY + beside], day, zone)) for beside in (-1, 0, 1)]
    assert begins == [NONE, NONE, NONE + 1]


@pytest.mark.parametrize("year", [2499, 2500, 2633, 2899, 2900, 4242, 9998])
@pytest.mark.parametrize("name", ["Europe/Stockholm", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"])
def test_years_far_ahead_have_the_clocks_of_those_that_repeat(slow, name, year):
    code = [zone_index(name)]
    for month in (1, 4, 7, 10):
        at = int((np.datetime64(f"{year}-{month:02}-08T12:34") - np.datetime64(0, "s")) / np.timedelta64(1, "us"))
        local = slow.local(at, name)
        assert one(to_local([at], code)) == local
        assert [one(to_utc([local], code)), one(to_utc([local], code, second=True))] == [at, at]
        change = one(next_change([at], code))
        if name == "Asia/Kathmandu":
            assert change == NEVER
        else:
            assert at < change < at + YEAR
            before, after = (slow.local(change + beside, name) - (change + beside) for beside in (-1, 0))
            assert before != after


def test_a_year_far_ahead_shifts_none_beside_it(read):
    local = [read.wall("2026-07-08T12:00"), read.wall("2626-07-08T12:00")]
    at, zone = [wall - 2 * HOUR for wall in local], read.zone("Europe/Stockholm", 2)
    assert to_local(at, zone).tolist() == local
    assert to_utc(local, zone).tolist() == to_utc(local, zone, second=True).tolist() == at
    assert next_change(at, zone).tolist() == [read.at("2026-10-25T01:00Z"), read.at("2626-10-29T01:00Z")]


def test_months_far_ahead_are_counted_to_the_microsecond(read):
    for start, end in (
        ("9997-01-31T12:00:00.000001", "9997-02-28T12:00:00.000001"),
        ("9997-03-01T00:00:00.000003", "9997-04-01T00:00:00.000003"),
    ):
        assert one(add([read.wall(start)], Duration.parse("1mo"), read.zone("UTC"))) == read.wall(end)


def test_what_may_lie_beyond_the_last_or_the_first_instant_is_never_or_none(read):
    zone, month, week = read.zone("Asia/Tokyo"), Duration.parse("1mo"), Window.parse("calendar week")
    last = HELD - month.at_most_micros() - 1
    assert last < one(add([last], month, zone)) < HELD
    assert one(add([last + 1], month, zone)) == NEVER
    first = NONE + month.at_most_micros() + 1
    assert NONE < one(subtract([first], month, zone)) < first
    assert one(subtract([first - 1], month, zone)) == NONE
    last = HELD - 2 * week.reach_micros() - 1
    assert last < one(window_frees_at([last], week, zone)) < HELD
    assert one(window_frees_at([last + 1], week, zone)) == NEVER


def test_narrow_numbers_and_no_numbers_are_columns_too(read):
    first, zone = np.ones(1, np.int32), read.zone("UTC")
    assert day_start(first, zone).tolist() == [DAY]
    assert add(first, Duration.parse("1d"), zone).tolist() == [DAY + 1]
    assert window_frees_at(first, Window.parse("24h"), zone).tolist() == [DAY + 1]
    assert to_local([], []).tolist() == []


def test_never_held_and_none_stay_what_they_are(read):
    odd, zone = np.array([NEVER, HELD, NONE]), read.zone("Europe/Stockholm", 3)
    for found in (
        to_local(odd, zone),
        to_utc(odd, zone),
        add(odd, Duration.parse("7d"), zone),
        add(odd, Duration.parse("6mo"), zone),
        subtract(odd, Duration.parse("1y"), zone),
        subtract(odd, Duration.parse("1h"), zone),
        window_frees_at(odd, Window.parse("7 local days"), zone),
        window_frees_at(odd, Window.parse("24h"), zone),
        next_change(odd, zone),
    ):
        assert found.tolist() == odd.tolist()


def test_an_empty_column_is_an_empty_column():
    nothing = np.empty(0, np.int64)
    assert to_local(nothing, nothing).size == 0
    assert to_local([], []).size == 0
    assert window_frees_at(nothing, Window.parse("calendar month"), nothing).size == 0


@pytest.mark.parametrize("length", ["1000y", "300d"])
def test_what_lies_beyond_the_last_instant_is_never(read, length):
    assert one(add([HELD - DAY], Duration.parse(length), read.zone("Europe/Oslo"))) == NEVER
    assert one(subtract([NONE + DAY], Duration.parse(length), read.zone("Europe/Oslo"))) == NONE


@pytest.mark.parametrize("window", ["300d", "7 local days", "calendar month", "calendar year"])
def test_what_leaves_its_window_beyond_the_last_instant_leaves_it_never(read, window):
    zone = read.zone("Pacific/Kiritimati", 3)
    at = [HELD - 1, HELD - DAY, HELD - 5 * DAY]
    assert window_frees_at(at, Window.parse(window), zone).tolist() == [NEVER] * 3


@pytest.mark.parametrize(
    ("start", "length", "end", "zone"),
    [
        ("2026-08-31T12:00+02:00", "6mo", "2027-02-28T12:00+01:00", "Europe/Stockholm"),
        ("2027-08-31T12:00+02:00", "6mo", "2028-02-29T12:00+01:00", "Europe/Stockholm"),
        ("2024-02-29T12:00+01:00", "1y", "2025-02-28T12:00+01:00", "Europe/Stockholm"),
        ("2026-02-28T02:30+01:00", "1mo", "2026-03-28T02:30+01:00", "Europe/Stockholm"),
        ("2026-01-29T02:30+01:00", "2mo", "2026-03-29T03:00+02:00", "Europe/Stockholm"),  # 02:30 doesn't exist
        ("2026-09-25T02:30+02:00", "1mo", "2026-10-25T02:30+02:00", "Europe/Stockholm"),  # 02:30 comes twice
        ("2011-11-30T12:00-10:00", "1mo", "2011-12-31T00:00+14:00", "Pacific/Apia"),  # the date was skipped
        ("2026-03-28T12:00+01:00", "1d", "2026-03-29T13:00+02:00", "Europe/Stockholm"),  # exact: 24 hours
        ("2026-03-28T12:00+01:00", "2w", "2026-04-11T13:00+02:00", "Europe/Stockholm"),
    ],
)
def test_durations_are_added_exactly_or_by_the_calendar(read, start, length, end, zone):
    assert one(add([read.at(start)], Duration.parse(length), read.zone(zone))) == read.at(end)


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2026-08-31T12:00+02:00", "6mo", "2026-02-28T12:00+01:00"),
        ("2026-04-29T02:30+02:00", "1mo", "2026-03-29T03:00+02:00"),
        ("2026-11-25T02:30+01:00", "1mo", "2026-10-25T02:30+02:00"),
        ("2026-01-15T12:00+01:00", "2y", "2024-01-15T12:00+01:00"),
        ("2026-03-29T13:00+02:00", "24h", "2026-03-28T12:00+01:00"),
    ],
)
def test_durations_are_taken_off_in_the_same_way(read, start, length, end):
    assert one(subtract([read.at(start)], Duration.parse(length), read.zone("Europe/Stockholm"))) == read.at(end)


@pytest.mark.parametrize(
    ("touch", "window", "frees", "zone"),
    [
        ("2026-03-28T12:00+01:00", "7d", "2026-04-04T13:00+02:00", "Europe/Stockholm"),
        ("2026-03-28T23:59+01:00", "7 local days", "2026-04-04T00:00+02:00", "Europe/Stockholm"),
        ("2026-03-28T00:00+01:00", "1 local day", "2026-03-29T00:00+01:00", "Europe/Stockholm"),
        ("2026-03-31T12:00+02:00", "calendar day", "2026-04-01T00:00+02:00", "Europe/Stockholm"),
        ("2026-11-22T23:59:59+01:00", "calendar week", "2026-11-23T00:00+01:00", "Europe/Stockholm"),
        ("2026-11-23T00:00+01:00", "calendar week", "2026-11-30T00:00+01:00", "Europe/Stockholm"),
        ("2026-02-10T12:00+01:00", "calendar month", "2026-03-01T00:00+01:00", "Europe/Stockholm"),
        ("2026-12-31T23:59+01:00", "calendar month", "2027-01-01T00:00+01:00", "Europe/Stockholm"),
        ("2026-04-01T00:00+02:00", "calendar quarter", "2026-07-01T00:00+02:00", "Europe/Stockholm"),
        ("1969-11-30T12:00+01:00", "calendar quarter", "1970-01-01T00:00+01:00", "Europe/Stockholm"),
        ("2026-06-30T12:00+02:00", "calendar year", "2027-01-01T00:00+01:00", "Europe/Stockholm"),
        ("2018-11-03T12:00-03:00", "1 local day", "2018-11-04T01:00-02:00", "America/Sao_Paulo"),  # no midnight
        ("2011-12-29T12:00-10:00", "1 local day", "2011-12-31T00:00+14:00", "Pacific/Apia"),  # no 30th at all
        ("2012-11-03T12:00-04:00", "1 local day", "2012-11-04T00:00-04:00", "America/Havana"),  # midnight comes twice
        # the day before is shown again after midnight; the new day has begun all the same
        ("2008-11-01T23:30-03:30", "1 local day", "2008-11-03T00:00-03:30", "America/St_Johns"),
        ("2008-11-01T23:30-02:30", "1 local day", "2008-11-02T00:00-02:30", "America/St_Johns"),
    ],
)
def test_a_touch_leaves_the_window_when_it_should(read, touch, window, frees, zone):
    assert one(window_frees_at([read.at(touch)], Window.parse(window), read.zone(zone))) == read.at(frees)


def test_a_window_for_ever_never_frees_but_for_no_touch(read):
    frees = window_frees_at([read.at("2026-11-24T12:00Z"), NONE], Window.parse("ever"), read.zone("Asia/Tokyo", 2))
    assert frees.tolist() == [NEVER, NONE]


@given(edges(), st.sampled_from(["3 local days", "calendar week", "calendar month", "calendar year", "36h"]))
def test_an_older_touch_never_leaves_a_window_later(edge, text):
    zone, at = edge
    later = at + np.arange(0, 30) * 10 * 60_000_000
    frees = window_frees_at(later, Window.parse(text), zone_index(zone))
    assert (np.diff(frees) >= 0).all()
    assert (frees > later).all()


@given(edges(), st.sampled_from(["3 local days", "calendar week", "calendar quarter", "calendar year", "36h"]))
def test_a_window_reaches_no_further_back_than_it_says(edge, text):
    zone, at = edge
    window = Window.parse(text)
    assert one(window_frees_at([at], window, [zone_index(zone)])) - at <= window.reach_micros()


@given(edges(), st.sampled_from(["1mo", "7mo", "2y", "90s"]))
def test_a_duration_is_no_longer_than_it_says(edge, text):
    zone, at = edge
    length, code = Duration.parse(text), [zone_index(zone)]
    assert 0 < one(add([at], length, code)) - at <= length.at_most_micros()
    assert 0 < at - one(subtract([at], length, code)) <= length.at_most_micros()


def test_local_days_count_from_1970(read):
    assert one(local_day([read.at("1970-01-01T23:30Z")], read.zone("Europe/Stockholm"))) == 1
    assert one(local_day([read.at("1970-01-01T00:30Z")], read.zone("America/New_York"))) == -1


def test_zones_go_by_codes_and_back():
    assert [zone_index(zone_name(code)) for code in range(len(zone_names()))] == list(range(len(zone_names())))


def test_countries_have_their_zones():
    assert zones_of_country("SE") == ("Europe/Stockholm",)
    assert zones_of_country("de-by") == ("Europe/Berlin", "Europe/Busingen")
    assert len(zones_of_country("US")) == 29
    assert zones_of_country("BV") == ()


def test_the_zone_of_most_of_a_country_is_its_first():
    for zones_of in (zones_of_country, _read_zones_by_country().__getitem__):
        assert zones_of("UA") == ("Europe/Kyiv", "Europe/Simferopol")
        assert zones_of("NZ") == ("Pacific/Auckland", "Pacific/Chatham")
        assert zones_of("US")[:2] == ("America/New_York", "America/Detroit")


def test_every_zone_of_every_country_is_known():
    for country in ("AQ", "BR", "CA", "RU", "AU", "UA", "NO"):
        assert set(zones_of_country(country)) <= set(zone_names())


def test_the_release_of_the_tz_database_is_told():
    assert tz_version()[:2] == "20"
