"""quiet_hours: nights, weekends and holidays in the contact's own time, in each of the possible zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import FIVE_YEARS, HOUR, MINUTE, NEVER, instant
from cadence.rules import quiet_hours
from tests.rules.columns import asked, at, evidence, rule, view

NIGHT = {"from": "20:00", "to": "08:00"}
STOCKHOLM = {"timezone": "Europe/Stockholm", "country": "SE"}


def test_at_from_it_is_quiet_and_at_to_it_is_not() -> None:
    night, seen = rule("quiet_hours", NIGHT), view(contact=STOCKHOLM)
    assert asked(night, seen, "2026-03-10T20:00+01:00") == at("2026-03-11T08:00+01:00")
    assert asked(night, seen, "2026-03-10T08:00+01:00") == at("2026-03-10T08:00+01:00")


def test_in_several_zones_the_holidays_are_those_of_the_region() -> None:
    holidays = rule("quiet_hours", {"holidays": True})
    seen = view(contact={"timezones": ["Europe/Berlin", "Europe/London"], "country": "DE", "region": "BY"})
    epiphany = "2026-01-06T12:00+01:00"
    assert asked(holidays, seen, epiphany) == at("2026-01-07T00:00+00:00")
    assert evidence(holidays, seen, epiphany).detail["where"] == "Europe/London"


def test_a_night_of_spring_ends_by_the_new_clock() -> None:
    answer = asked(rule("quiet_hours", NIGHT), view(contact=STOCKHOLM), "2026-03-28T23:00+01:00")
    assert answer == at("2026-03-29T08:00+02:00")


def test_two_quiet_days_are_one_stretch() -> None:
    weekend = rule("quiet_hours", {"days": ["sat", "sun"]})
    assert asked(weekend, view(contact=STOCKHOLM), "2026-03-07T12:00+01:00") == at("2026-03-09T00:00+01:00")


def test_days_means_the_date_on_which_it_begins() -> None:
    some, seen = rule("quiet_hours", {**NIGHT, "days": ["sat"]}), view(contact=STOCKHOLM)
    assert asked(some, seen, "2026-03-08T02:00+01:00") == at("2026-03-08T08:00+01:00")
    assert asked(some, seen, "2026-03-07T02:00+01:00") == at("2026-03-07T02:00+01:00")


def test_a_holiday_is_quiet_where_the_contact_lives() -> None:
    some = rule("quiet_hours", {"holidays": True})
    christmas = "2026-12-25T12:00+01:00"
    assert asked(some, view(contact=STOCKHOLM), christmas) == at("2026-12-27T00:00+01:00")
    assert asked(some, view(contact={**STOCKHOLM, "country": "JP"}), christmas) == at(christmas)


def test_days_and_holidays_must_both_hold() -> None:
    some = rule("quiet_hours", {"days": ["sat"], "holidays": True})
    seen = view(contact=STOCKHOLM)
    assert asked(some, seen, "2026-12-25T12:00+01:00") == at("2026-12-25T12:00+01:00")
    assert asked(some, seen, "2026-12-26T12:00+01:00") == at("2026-12-27T00:00+01:00")


def test_with_several_possible_zones_quiet_in_any_counts() -> None:
    seen = view(contact={"timezones": ["America/New_York", "America/Los_Angeles"]})
    assert asked(rule("quiet_hours", NIGHT), seen, "2026-01-10T19:00-05:00") == at("2026-01-10T19:00-05:00")
    assert asked(rule("quiet_hours", NIGHT), seen, "2026-01-10T21:00-05:00") == at("2026-01-11T08:00-08:00")


def test_where_the_nights_of_two_zones_leave_no_gap_it_looks_beyond_five_years() -> None:
    seen = view(contact={"timezones": ["Etc/GMT-12", "UTC"]})
    t = at("2026-01-10T12:00")
    assert asked(rule("quiet_hours", NIGHT), seen, t) > t + 5 * 365 * 24 * HOUR


def test_the_evidence_names_the_zone_where_it_is_quiet() -> None:
    seen = view(contact={"timezones": ["America/New_York", "America/Los_Angeles"]})
    push = evidence(rule("quiet_hours", NIGHT), seen, "2026-01-11T09:00-05:00")
    assert (push.detail["where"], push.detail["from"]) == ("America/Los_Angeles", "20:00")


def test_the_evidence_names_the_zone_where_it_is_a_holiday() -> None:
    some, seen = (
        rule("quiet_hours", {"holidays": True}),
        view(contact={"timezones": ["UTC", "Asia/Tokyo"], "country": "SE"}),
    )
    told = evidence(some, seen, "2026-12-24T20:00").detail
    assert (told["why"], told["where"]) == ("holiday", "Asia/Tokyo")
    assert evidence(some, seen, "2026-12-26T20:00").detail["where"] == "UTC"


def test_quiet_of_five_years_is_not_called_never() -> None:
    some, row, t = rule("quiet_hours", {"days": ["sun"]}), np.array([0]), np.array([at("2026-03-10T12:00")])
    told = [quiet_hours.pushes(some, view(), row, t, t + FIVE_YEARS + more)[0].detail["why"] for more in (0, 1)]
    assert told == ["day", "never"]


def test_of_zones_where_it_is_quiet_equally_long_the_evidence_names_the_first() -> None:
    for zones in (["Europe/Stockholm", "Europe/Paris"], ["Europe/Paris", "Europe/Stockholm"]):
        push = evidence(rule("quiet_hours", NIGHT), view(contact={"timezones": zones}), "2026-01-11T03:00")
        assert push.detail == {
            "name": push.rule, "from": "20:00", "to": "08:00", "why": "hours", "where": zones[0],
        }  # fmt: skip


def test_the_evidence_of_a_whole_day_names_no_times() -> None:
    push = evidence(rule("quiet_hours", {"days": ["sun"]}), view(), "2026-01-11T09:00")
    assert (push.detail["from"], push.detail["to"], push.detail["where"]) == ("", "", "UTC")


def test_the_evidence_of_what_is_quiet_for_ever_names_all_zones() -> None:
    seen = view(contact={"timezones": ["America/New_York", "Asia/Tokyo"]})
    push = evidence(
        rule("quiet_hours", {"from": "08:00", "to": "07:59", "days": ["mon"], "all_day": None}),
        seen,
        "2026-01-12T15:00",
    )
    assert push.detail["why"] != "never"
    push = evidence(rule("quiet_hours", {"all_day": True}), seen)
    assert (push.detail["why"], push.welcome_at) == ("never", NEVER)
    assert push.detail["where"] == "America/New_York, Asia/Tokyo"


@pytest.mark.parametrize("keys", [{"from": "8", "to": "09:00"}, {"to": "24:01"}, {"days": ["sa"]}, {"days": []}])
def test_what_makes_no_sense_is_an_error(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"from|to|day"):
        quiet_hours.Keys.model_validate(keys)


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"from": "08:00", "to": "08:00"}, "to"),
        ({"from": "08:00"}, "from"),
        ({"from": "08:00", "to": "09:00", "all_day": True}, "all_day"),
        ({"all_day": False, "days": ["sun"]}, "all_day"),
    ],
)
def test_what_makes_no_sense_together_is_a_problem_of_a_key(keys: dict[str, Any], key: str) -> None:
    assert [path for path, _ in quiet_hours.Keys.model_validate(keys).problems({})] == [(key,)]


def test_quiet_at_all_times_is_a_problem() -> None:
    assert quiet_hours.Keys.model_validate({"all_day": True}).problems({})
    assert asked(rule("quiet_hours", {"all_day": True}), view()) == NEVER


def is_quiet(t: datetime, zone: ZoneInfo, starts: int, ends: int, days: list[int]) -> bool:
    """Minute by minute arithmetic on the wall; right away from changes of the clock."""
    local = t.astimezone(zone)
    minute = local.hour * 60 + local.minute
    if starts < ends:
        return starts <= minute < ends and local.weekday() in days
    return (minute >= starts and local.weekday() in days) or (
        minute < ends and (local - timedelta(days=1)).weekday() in days
    )


HALVES = st.integers(0, 47).map(lambda h: h * 30)
ZONES = st.sampled_from(["Asia/Kathmandu", "Asia/Tokyo", "America/Phoenix", "UTC"])


@given(
    HALVES, HALVES, st.sets(st.integers(0, 6), min_size=1, max_size=6), st.lists(ZONES, min_size=1, max_size=2), HALVES
)
def test_the_answer_is_the_first_quarter_of_an_hour_that_is_quiet_nowhere(
    starts: int, ends: int, days: set[int], zones: list[str], minute: int
) -> None:
    if starts == ends:
        return
    names = [("mon", "tue", "wed", "thu", "fri", "sat", "sun")[d] for d in sorted(days)]
    keys = {"from": f"{starts // 60:02}:{starts % 60:02}", "to": f"{ends // 60:02}:{ends % 60:02}", "days": names}
    t = at("2026-06-10T00:00") + minute * MINUTE
    answer = asked(rule("quiet_hours", keys), view(contact={"timezones": zones}), t)
    tried = instant(t)
    while any(is_quiet(tried, ZoneInfo(z), starts, ends, sorted(days)) for z in zones):
        tried += timedelta(minutes=15)
        if tried > datetime(2026, 8, 1, tzinfo=UTC):
            assert answer > at("2026-08-01T00:00")
            return
    assert answer == at(tried)
