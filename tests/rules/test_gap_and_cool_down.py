"""gap and cool_down: a wait since the latest touch, or since something happened."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import DAY, HOUR, key
from cadence.rules import cool_down
from cadence.rules.rule import Counts, Filters, event_words
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")


def test_a_gap_waits_since_the_latest_touch() -> None:
    history = [{"at": NOW - h * HOUR, "touch": "newsletter"} for h in (3, 20)]
    assert asked(rule("gap", {"wait": "24h"}), view(history)) == NOW + 21 * HOUR


def test_at_the_end_of_the_wait_it_is_welcome() -> None:
    assert asked(rule("gap", {"wait": "24h"}), view([{"at": NOW - 24 * HOUR, "touch": "newsletter"}])) == NOW


def test_a_gap_of_a_month_is_clamped_to_the_end_of_february() -> None:
    seen = view([{"at": "2026-01-31T10:00+01:00", "touch": "newsletter"}], contact={"timezone": "Europe/Stockholm"})
    assert asked(rule("gap", {"wait": "1mo"}), seen, "2026-02-02T10:00+01:00") == at("2026-02-28T10:00+01:00")


def test_a_gap_may_count_other_messages_than_it_governs() -> None:
    some = rule("gap", {"wait": "24h"}, counts=Counts(Filters(categories=frozenset({key("service")}))))
    history = [{"at": NOW - HOUR, "touch": "newsletter"}, {"at": NOW - 2 * HOUR, "touch": "service"}]
    assert asked(some, view(history)) == NOW + 22 * HOUR


def test_the_evidence_of_a_gap_leaves_out_what_is_just_as_old_as_the_wait() -> None:
    history = [{"at": NOW - h * HOUR, "touch": "newsletter"} for h in (24, 23, 3)]
    assert evidence(rule("gap", {"wait": "24h"}), view(history)).touches == (2, 3)


def test_an_unnamed_gap_is_called_like_a_cap_of_one() -> None:
    assert rule("gap", {"wait": "24h"}).name == "1 per 24h"


@given(st.lists(st.integers(-20, 100), max_size=6), st.integers(1, 60))
def test_a_gap_is_a_cap_of_one(hours_ago: list[int], hours: int) -> None:
    seen = view([{"at": NOW - h * HOUR, "touch": "newsletter"} for h in hours_ago])
    assert asked(rule("gap", {"wait": f"{hours}h"}), seen) == asked(rule("caps", {"max": 1, "per": f"{hours}h"}), seen)


def test_a_cool_down_waits_since_the_latest_of_its_events() -> None:
    history = [{"at": NOW - 3 * DAY, "event": "purchase"}, {"at": NOW - 2 * DAY, "event": "refusal"}]
    some = rule("cool_down", {"after": ["purchase", "refusal"], "wait": "7d"})
    assert asked(some, view(history)) == NOW + 5 * DAY


def test_other_events_and_touches_do_not_matter() -> None:
    history = [{"at": NOW - HOUR, "event": "click"}, {"at": NOW - HOUR, "touch": "newsletter"}]
    assert asked(rule("cool_down", {"after": "purchase", "wait": "7d"}), view(history)) == NOW


def test_in_local_days_the_day_of_the_event_is_the_first() -> None:
    seen = view([{"at": "2026-03-02T23:00+01:00", "event": "purchase"}], contact={"timezone": "Europe/Stockholm"})
    some = rule("cool_down", {"after": "purchase", "wait": "7 local days"})
    assert asked(some, seen, "2026-03-05T12:00+01:00") == at("2026-03-09T00:00+01:00")


def test_the_evidence_names_the_event() -> None:
    seen = view([{"at": NOW - DAY, "event": "purchase"}, {"at": NOW - 2 * DAY, "event": "reply"}])
    push = evidence(rule("cool_down", {"after": ["reply", "purchase"], "wait": "7d"}), seen)
    assert (push.detail["event"], push.detail["event_at"]) == ("purchase", NOW - DAY)


@pytest.mark.parametrize(
    "keys",
    [
        {"after": "purchas", "wait": "7d"},
        {"after": [], "wait": "7d"},
        {"after": {"reply": True}, "wait": "7d"},
        {"after": 7, "wait": "7d"},
        {"after": "reply"},
    ],
)
def test_what_makes_no_sense_is_an_error(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"after|wait"):
        cool_down.Keys.model_validate(keys)


@pytest.mark.parametrize(("word", "hint"), [("purchas", "did you mean purchase? "), ("zzz", "")])
def test_a_slip_is_answered_with_the_nearest_word_and_all_that_may_stand_there(word: str, hint: str) -> None:
    said = f"'{word}' can't stand here; {hint}allowed are {', '.join(k.word for k in cool_down.AFTER)}"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        event_words(cool_down.AFTER)([word])
