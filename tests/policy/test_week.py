"""The quiet hours of a week as data: what is quiet when, in whose zone, and which short holes are left open."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from cadence.facts import HOUR, MINUTE
from cadence.policy.load import from_mapping
from cadence.policy.policy import Policy
from cadence.policy.week import Week, monday_of, places_named, quiet_week, strip_text

MONDAY = date(2026, 3, 2)


def policy(*rules: str, defaults: str = "{timezone: Europe/Stockholm, country: SE}") -> Policy:
    return from_mapping(f"defaults: {defaults}\nguard_rails: {{quiet_hours: [{', '.join(rules)}]}}").required()


def week(*rules: str, first: date = MONDAY, zone: str = "Europe/Stockholm", **of: str) -> Week:
    return quiet_week(policy(*rules), zone, first, **of)


NIGHT = "{name: night, from: '20:00', to: '08:00'}"
SUNDAYS = "{name: Sundays, days: [sun]}"


def test_a_night_is_drawn_on_both_ends_of_each_day() -> None:
    assert {strip_text(row) for row in week(NIGHT).rows} == {"█" * 16 + "·" * 24 + "█" * 8}


def test_a_sunday_is_quiet_all_day() -> None:
    assert [strip_text(row) == "█" * 48 for row in week(NIGHT, SUNDAYS).rows] == [False] * 6 + [True]


def test_a_half_hour_is_quiet_when_any_minute_of_it_is() -> None:
    assert strip_text(week("{name: short, from: '12:10', to: '12:20'}").rows[0])[23:26] == "·█·"


def test_stretches_cover_the_week_without_gaps_and_name_what_is_quiet() -> None:
    found = week(NIGHT, SUNDAYS).stretches
    assert all(a.end == b.begin for a, b in pairwise(found))
    assert sum(s.end - s.begin for s in found) == 7 * 24 * HOUR
    assert found[0].quiet == ("night",)
    assert found[-1].quiet == ("night", "Sundays")


def test_a_week_in_which_clocks_change_has_an_hour_less() -> None:
    found = week(NIGHT, first=date(2026, 3, 23)).stretches
    assert sum(s.end - s.begin for s in found) == (7 * 24 - 1) * HOUR


def test_a_short_hole_between_two_quiet_stretches_is_told() -> None:
    holes = week(NIGHT, "{name: day, from: '10:00', to: '20:00'}").holes
    assert [h.end - h.begin for h in holes] == [2 * HOUR] * 7


def test_a_hole_of_three_hours_is_none() -> None:
    assert week(NIGHT, "{name: day, from: '11:00', to: '20:00'}").holes == ()


def test_a_hole_of_a_minute_less_is_one() -> None:
    holes = week(NIGHT, "{name: day, from: '10:59', to: '20:00'}").holes
    assert {h.end - h.begin for h in holes} == {3 * HOUR - MINUTE}


def test_a_hole_over_the_end_of_the_week_is_told_once() -> None:
    rules = ("{name: a, from: '01:00', to: '23:00'}",)
    assert len(week(*rules).holes) == 7


def test_holidays_are_those_of_the_country() -> None:
    rule = "{name: holidays, holidays: true}"
    easter = date(2026, 3, 30)
    assert [any(row) for row in week(rule, first=easter, country="SE").rows] == [False] * 4 + [True, False, True]
    assert not any(any(row) for row in week(rule, first=easter).rows)


def test_a_rule_for_a_country_is_drawn_for_its_parts_and_nowhere_else() -> None:
    rule = "{name: lunch, from: '12:00', to: '13:00', where: {country: DE}}"
    assert any(week(rule, country="DE-BY").rows[0])
    assert not any(week(rule, country="SE").rows[0])


def test_a_rule_for_a_channel_is_drawn_for_that_channel() -> None:
    rule = "{name: calls, from: '12:00', to: '13:00', channels: [phone]}"
    assert any(week(rule, channel="phone").rows[0])
    assert not any(week(rule).rows[0])


def test_a_rule_that_asks_for_more_than_a_country_is_left_out_by_name() -> None:
    assert week("{name: few, from: '12:00', to: '13:00', where: {orders: 1}}").left_out == ("few",)


def test_a_rule_for_a_channel_or_a_segment_is_left_out_by_name_where_none_is_said() -> None:
    calls = "{name: calls, from: '12:00', to: '13:00', channels: [phone]}"
    assert week(calls).left_out == ("calls",)
    assert week(calls, channel="email").left_out == ()
    few = from_mapping(
        "segments: [{name: few, where: {orders: 1}, cadence: {quiet_hours: {days: [sat]}}}, {name: rest}]"
    )
    assert quiet_week(few.required(), "UTC", MONDAY).left_out == ("quiet_hours (of segment few)",)


def test_quiet_rules_of_one_name_are_all_drawn() -> None:
    drawn = week("{from: '00:00', to: '06:00'}", "{from: '22:00', to: '24:00'}").rows[0]
    assert (drawn[0], drawn[24], drawn[47]) == (True, False, True)


def test_zones_worth_drawing_are_the_policys_own_and_those_of_countries_named() -> None:
    rule = "{name: lunch, from: '12:00', to: '13:00', where: {country: FR}}"
    assert places_named(policy(NIGHT, rule)) == (("Europe/Stockholm", "SE"), ("Europe/Paris", "FR"))


def test_a_zone_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="did you mean Europe/Stockholm"):
        week(NIGHT, zone="Europe/Stokholm")


def test_the_monday_of_a_week() -> None:
    assert [monday_of(date(2026, 3, d)) for d in (2, 8, 9)] == [MONDAY, MONDAY, date(2026, 3, 9)]
