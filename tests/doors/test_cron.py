"""Cron expressions laid into zones: each named time comes once, in gaps at their end, in overlaps the first time."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.doors.campaigns.cron import CronRefused, at_local, check_cron, next_occurrence, occurrences
from cadence.facts import instant, micros


def told(expression: str, zone: str, after: str, most: int) -> list[str]:
    found = islice(occurrences(expression, zone, micros(datetime.fromisoformat(after))), most)
    return [instant(o.at).strftime("%m-%dT%H:%MZ") for o in found]


def test_ten_on_tuesdays_is_ten_by_the_wall_clock_in_summer_and_winter() -> None:
    assert told("0 10 * * TUE", "Europe/Stockholm", "2026-10-19T00:00+02:00", 2) == ["10-20T08:00Z", "10-27T09:00Z"]


def test_a_time_that_does_not_exist_is_the_first_instant_after_the_gap() -> None:
    assert told("30 2 29 3 *", "Europe/Stockholm", "2026-03-01T00:00Z", 1) == ["03-29T01:00Z"]


def test_a_time_that_comes_twice_is_the_first() -> None:
    assert told("30 2 25 10 *", "Europe/Stockholm", "2026-10-01T00:00Z", 1) == ["10-25T00:30Z"]
    assert told("30 2 * * *", "Europe/Stockholm", "2026-10-25T00:30+00:00", 1) == ["10-26T01:30Z"]


def test_times_that_fall_into_one_gap_come_once() -> None:
    assert told("*/20 2-3 29 3 *", "Europe/Stockholm", "2026-03-28T00:00Z", 3) == [
        "03-29T01:00Z",
        "03-29T01:20Z",
        "03-29T01:40Z",
    ]


def test_a_midnight_that_does_not_exist_is_when_the_day_begins() -> None:
    assert told("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00Z", 1) == ["11-04T03:00Z"]


def test_nine_on_the_date_that_apia_skipped_is_the_first_instant_after_it() -> None:
    assert told("0 9 * * *", "Pacific/Apia", "2011-12-29T20:00Z", 2) == ["12-30T10:00Z", "12-30T19:00Z"]


def test_a_single_local_time_in_a_gap_is_the_first_instant_after_it() -> None:
    assert instant(at_local("2026-03-29T02:30", "Europe/Stockholm").at) == datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("0 10 * *", "five fields"),
        ("0 0 10 * * *", "five fields"),
        ("0 25 * * *", "field 2 (hour) is '25'; allowed are 0 to 23"),
        ("0 10 * * TEU", "field 5 (day-of-week) is 'TEU'"),
        ("0 0 32 * *", "field 3 (day-of-month) is '32'"),
        ("0 0 30 2 *", "names a date that never comes"),
        ("0 0 31 4,6 *", "names a date that never comes"),
        ("61 * * * *", "field 1 (minute)"),
    ],
)
def test_an_expression_that_is_none_names_its_field(expression: str, says: str) -> None:
    with pytest.raises(CronRefused, match=says.replace("(", r"\(").replace(")", r"\)")):
        check_cron(expression)


ZONES = (
    "Europe/Stockholm",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Cairo",
)


@given(
    st.sampled_from(ZONES),
    st.sampled_from(("0 10 * * *", "30 2 * * *", "0 0 * * SUN", "*/30 * * * *", "15 0,2,3 1,29,30 * *")),
    st.integers(1_293_840_000, 1_830_000_000),
)
def test_occurrences_only_go_forward_and_the_next_after_one_is_the_next(
    zone: str, expression: str, second: int
) -> None:
    found = list(islice(occurrences(expression, zone, second * 1_000_000), 6))
    assert all(b.at > a.at > second * 1_000_000 for a, b in pairwise(found))
    for before, after in pairwise(found):
        assert next_occurrence(expression, zone, before.at) == after
