"""surveillance: messages that follow what somebody was seen doing wait, are few, and keep off some topics."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import DAY, HOUR, NEVER
from cadence.rules import surveillance
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")
FREE = {"needs_consent": "none"}
AGREED = {"consented": "profiling", "channel": "sms", "at": 0}


def triggered(*days_ago: float) -> list[dict[str, Any]]:
    return [{"at": NOW - int(d * DAY), "touch": "newsletter", "triggered": True} for d in days_ago]


def message(hours_ago: float = 100, **more: Any) -> dict[str, Any]:
    return {"trigger": NOW - int(hours_ago * HOUR), **more}


def test_the_wait_runs_from_what_was_seen() -> None:
    some = rule("surveillance", {"wait": "6h", **FREE})
    assert [asked(some, view([], message(h))) - NOW for h in (2, 6, 7, -1)] == [4 * HOUR, 0, 0, 7 * HOUR]


def test_a_wait_may_be_a_month() -> None:
    some = rule("surveillance", {"wait": "1mo", **FREE})
    seen = view([], {"trigger": at("2026-02-28T12:00")}, contact={"timezone": "Europe/Stockholm"})
    assert asked(some, seen) == at("2026-03-28T12:00")


def test_triggered_touches_fill_the_window_and_others_do_not() -> None:
    some = rule("surveillance", {"max": 2, "per": "7d", **FREE})
    others = [{"at": NOW - HOUR, "touch": "newsletter"}] * 5
    assert asked(some, view([*triggered(3), *others], message())) == NOW
    assert asked(some, view([*triggered(3, 1), *others], message())) == NOW + 4 * DAY


def test_a_message_without_a_trigger_is_not_asked() -> None:
    some = rule("surveillance", {"wait": "6h", "max": 1, "per": "ever", "never_topics": ["health"]})
    assert asked(some, view(triggered(1), {"topic": "health"})) == NOW


def test_ever_is_never() -> None:
    some = rule("surveillance", {"max": 1, "per": "ever", **FREE})
    assert asked(some, view(triggered(900), message())) == NEVER
    assert asked(some, view([], message())) == NOW


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ([], False),
        ([AGREED], True),
        ([AGREED, {"opt_out": "profiling", "at": 1}], False),
        ([AGREED, {"opt_out": "sms", "at": 1}], False),
        ([AGREED, {"opt_out": "email", "at": 1}], True),
        ([{"opt_in": "profiling", "at": 1}], True),
        ([{"opt_in": "newsletter", "at": 1}], False),
        ([{"opt_in": "profiling", "at": 2}, {"opt_out": "all", "at": 2}], False),
        ([{"opt_in": "profiling", "at": 2}, {"opt_out": "all", "at": 1}], True),
    ],
)
def test_profiling_is_given_where_it_stands_on_some_channel(said: list[dict[str, Any]], given: bool) -> None:
    assert (asked(rule("surveillance"), view(said, message())) == NOW) is given


def test_the_evidence_says_which_of_its_demands_it_was() -> None:
    some = rule("surveillance", {"wait": "6h", "max": 1, "per": "7d", "never_topics": ["health", "debt"]})
    told = [
        evidence(some, view([AGREED], message(topic="debt"))),
        evidence(some, view(triggered(1), message(1))),
        evidence(some, view([AGREED, *triggered(1)], message(1))),
        evidence(some, view([AGREED, *triggered(9)], message(1))),
        evidence(rule("surveillance", {"max": 1, "per": "ever", **FREE}), view(triggered(9), message(1))),
    ]
    assert [p.detail["why"] for p in told] == ["topic", "unasked", "full", "seen", "ever"]
    assert [p.touches for p in told] == [(), (), (1,), (), (1,)]
    assert (told[0].detail["topic"], told[3].detail["trigger_at"]) == ("debt", NOW - HOUR)
    assert (told[2].detail["count"], told[2].detail["frees_from_at"]) == (1, NOW - DAY)


def test_the_evidence_leaves_out_what_leaves_the_window_at_that_instant() -> None:
    some = rule("surveillance", {"max": 1, "per": "7d", **FREE})
    assert evidence(some, view(triggered(6, 3), message()), NOW + DAY).touches == (2,)


@pytest.mark.parametrize(
    "keys",
    [{"max": 1}, {"per": "7d"}, {"needs_consent": "none"}, {"needs_consent": "newsletter"}, {"max": 0, "per": "7d"}],
)
def test_what_makes_no_sense_is_an_error(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"surveillance|per|max|needs_consent"):
        surveillance.Keys.model_validate(keys)


def test_it_looks_as_far_back_as_its_window() -> None:
    reaches = [
        rule("surveillance", k).keys.touch_reach() for k in ({}, {"max": 1, "per": "7d"}, {"max": 1, "per": "ever"})
    ]
    assert reaches == [0, 7 * DAY, None]


@given(st.lists(st.tuples(st.integers(-3, 30), st.booleans()), max_size=8), st.integers(-3, 30), st.integers(1, 3))
def test_the_answer_is_as_the_words_say(touched: list[tuple[int, bool]], seen_ago: int, most: int) -> None:
    some = rule("surveillance", {"wait": "36h", "max": most, "per": "5d", **FREE})
    history = [{"at": NOW - d * DAY, "touch": "newsletter", "triggered": t} for d, t in touched]
    counted = sorted(NOW - d * DAY for d, t in touched if t)
    free = counted[-most] + 5 * DAY if len(counted) >= most else NOW
    expected = max(NOW, free, NOW - seen_ago * DAY + 36 * HOUR)
    assert asked(some, view(history, message(24 * seen_ago))) == expected
