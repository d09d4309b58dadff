"""own_wishes: a pause, a cap of their own, and hours and days in all of their zones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cadence.facts import DAY, HOUR, NEVER, Wish, instant
from cadence.rules.registry import RULES
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")
MORNING = Wish(hours=((9 * 60, 12 * 60),))
WISHES = rule("own_wishes")


def test_without_a_wish_it_is_welcome() -> None:
    assert asked(WISHES, view()) == NOW


def test_a_pause_is_over_at_its_end() -> None:
    seen = view(contact={"snooze": NOW + DAY})
    assert [asked(WISHES, seen), asked(WISHES, seen, NOW + DAY)] == [NOW + DAY, NOW + DAY]


def test_their_cap_counts_all_counted_touches() -> None:
    history = [{"at": NOW - 20 * DAY, "touch": "promotion"}, {"at": NOW - DAY, "touch": "service"}]
    assert asked(WISHES, view(history, contact={"wish": Wish(less_often=(1, "30d"))})) == NOW + 10 * DAY


def test_their_cap_counts_their_own_touches_only() -> None:
    contact = {"wish": Wish(less_often=(1, "30d")), "addresses": {"email": "a@example.com"}}
    other = (
        {"addresses": {"email": "a@example.com"}},
        [{"at": NOW - DAY, "touch": "newsletter", "address": "a@example.com"}],
    )
    assert asked(WISHES, view(contact=contact, circle=[other])) == NOW


def test_their_cap_may_have_any_window() -> None:
    history = [{"at": NOW - DAY, "touch": "promotion"}]
    answers = [
        asked(WISHES, view(history, contact={"wish": Wish(less_often=(1, window))}))
        for window in ("calendar month", "ever")
    ]
    assert answers == [at("2026-04-01T00:00"), NEVER]


def test_their_caps_go_by_the_calendars_where_they_are() -> None:
    monthly, touched = Wish(less_often=(1, "calendar month")), [{"at": NOW - DAY, "touch": "promotion"}]
    zones = ("UTC", "Asia/Tokyo", "America/Phoenix")
    circle: list[Any] = [({"wish": monthly, "timezone": z}, touched) for z in zones[1:]]
    messages = [{"category": "newsletter", "contact": i} for i in (2, 0, 1)]
    seen, rows = view(touched, contact={"timezone": zones[0]}, circle=circle, messages=messages), np.arange(3)
    answers = RULES["own_wishes"].welcome_at(WISHES, seen, rows, np.full(3, NOW, np.int64)).tolist()
    assert answers == [at("2026-04-01T00:00-07:00"), NOW, at("2026-04-01T00:00+09:00")]


def test_hours_are_half_open() -> None:
    seen = view(contact={"wish": MORNING, "timezone": "Europe/Stockholm"})
    assert asked(WISHES, seen, "2026-03-10T09:00+01:00") == at("2026-03-10T09:00+01:00")
    assert asked(WISHES, seen, "2026-03-10T12:00+01:00") == at("2026-03-11T09:00+01:00")


def test_days_are_those_of_the_local_date() -> None:
    seen = view(contact={"wish": Wish(days=frozenset({0})), "timezone": "Asia/Kathmandu"})
    assert asked(WISHES, seen, "2026-03-10T12:00") == at("2026-03-16T00:00+05:45")


def test_hours_must_suit_each_of_the_zones() -> None:
    contact = {"wish": Wish(hours=((9 * 60, 17 * 60),)), "timezones": ["Europe/Stockholm", "America/New_York"]}
    assert asked(WISHES, view(contact=contact), "2026-03-03T09:00+01:00") == at("2026-03-03T09:00-05:00")


def test_hours_that_meet_only_while_one_zone_has_changed_its_clocks_are_found() -> None:
    hours = ((8 * 60, 8 * 60 + 30), (12 * 60, 12 * 60 + 30))
    contact = {"wish": Wish(hours=hours), "timezones": ["Europe/London", "America/New_York"]}
    assert asked(WISHES, view(contact=contact), "2026-04-10T12:00") == at("2026-10-25T12:00+00:00")


def test_hours_that_never_meet_are_never() -> None:
    contact = {"wish": MORNING, "timezones": ["Asia/Tokyo", "UTC"]}
    assert asked(WISHES, view(contact=contact)) == NEVER


def test_hours_are_looked_for_after_the_pause() -> None:
    seen = view(contact={"wish": MORNING, "snooze": "2026-03-12T13:00"})
    assert instant(asked(WISHES, seen)).isoformat() == "2026-03-13T09:00:00+00:00"


def test_wishes_of_several_contacts_do_not_mix() -> None:
    contact = {"wish": MORNING}
    others = [
        ({"wish": Wish(less_often=(1, "7d"))}, [{"at": NOW - HOUR, "touch": "newsletter"}]),
        ({"wish": MORNING}, []),
    ]
    seen = view(contact=contact, circle=others, messages=[{"category": "newsletter", "contact": i} for i in (0, 1, 2)])
    morning = at("2026-03-11T09:00")
    assert [asked(WISHES, seen, row=i) for i in (0, 1, 2)] == [morning, NOW - HOUR + 7 * DAY, morning]


@pytest.mark.parametrize(
    ("contact", "why"),
    [
        ({"snooze": NOW + DAY}, "snooze"),
        ({"wish": Wish(less_often=(1, "7d"))}, "less_often"),
        ({"wish": MORNING}, "hours"),
        ({"wish": MORNING, "timezones": ["Asia/Tokyo", "UTC"]}, "never"),
    ],
)
def test_the_evidence_says_which_wish(contact: dict[str, object], why: str) -> None:
    history = [{"at": NOW - HOUR, "touch": "newsletter"}]
    assert evidence(WISHES, view(history, contact=contact)).detail["why"] == why


def test_the_evidence_of_their_cap_has_its_numbers_and_touches() -> None:
    history = [{"at": NOW - h * HOUR, "touch": "newsletter"} for h in (200, 20, 3)]
    push = evidence(WISHES, view(history, contact={"wish": Wish(less_often=(2, "7d")), "snooze": NOW + HOUR}))
    assert push.detail == {"why": "less_often", "max": 2, "window": "7d", "count": 2}
    assert (push.touches, push.welcome_at) == ((2, 3), NOW - 20 * HOUR + 7 * DAY)
    push = evidence(WISHES, view(history, contact={"wish": Wish(less_often=(2, "ever"))}))
    assert (push.detail["why"], push.touches, push.welcome_at) == ("ever", (1, 2, 3), NEVER)
    push = evidence(WISHES, view(history, contact={"wish": Wish(less_often=(2, "7d")), "snooze": NOW + 30 * DAY}))
    assert push.detail == {"why": "snooze", "snooze_until_at": NOW + 30 * DAY}


def test_many_contacts_with_the_same_and_other_wishes_each_have_their_own() -> None:
    wishes = [MORNING, Wish(), Wish(hours=((600, 660),)), MORNING, Wish(days=frozenset({6})), Wish(hours=((600, 660),))]
    circle = [({"wish": w}, []) for w in wishes[1:]]
    messages = [{"category": "newsletter", "contact": i} for i in (5, 0, 1, 2, 3, 4, 0)]
    seen = view(contact={"wish": wishes[0]}, circle=circle, messages=messages)
    morning, ten, sunday = (at(t) for t in ("2026-03-11T09:00", "2026-03-11T10:00", "2026-03-15T00:00"))
    rows = np.arange(len(messages))
    answers = RULES["own_wishes"].welcome_at(WISHES, seen, rows, np.full(len(rows), NOW, np.int64)).tolist()
    assert answers == [ten, morning, NOW, ten, morning, sunday, morning]
