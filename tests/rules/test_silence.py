"""silence: ever longer waits for who never answers, and at last no more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import DAY, HOUR, NEVER
from cadence.rules import silence
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")
BACK_OFF = {"base": "2d", "factor": 2, "max": "10d", "stop_after": 5}


def touches(*days_ago: float) -> list[dict[str, Any]]:
    return [{"at": NOW - int(d * DAY), "touch": "newsletter"} for d in days_ago]


@pytest.mark.parametrize(("count", "days"), [(1, 2), (2, 4), (3, 8), (4, 10)])
def test_the_wait_grows_to_its_most(count: int, days: int) -> None:
    assert asked(rule("silence", BACK_OFF), view(touches(*range(1, count + 1)))) == NOW - DAY + days * DAY


def test_waits_are_rounded_up_to_the_microsecond() -> None:
    keys = {"base": "1s", "factor": 1.5, "max": "10d"}
    history = [{"at": NOW - k, "touch": "newsletter"} for k in range(9)]
    assert asked(rule("silence", keys), view(history)) == NOW + 25_628_907  # 1.5 ** 8 seconds: ...906.25


def test_however_large_the_factor_no_wait_is_longer_than_the_most() -> None:
    keys = rule("silence", {"base": "2d", "factor": 1e308, "max": "10d"}).keys
    assert silence._waits(keys, 4000).tolist() == [0, 2 * DAY, *[10 * DAY] * 3999]


def test_the_most_may_be_the_base() -> None:
    same = rule("silence", {"base": "2d", "factor": 3, "max": "2d"})
    assert asked(same, view(touches(1, 2))) == NOW + DAY


def test_after_so_many_without_an_answer_it_stops() -> None:
    assert asked(rule("silence", BACK_OFF), view(touches(100, 200, 300, 400, 500))) == NEVER


def test_an_answer_begins_anew() -> None:
    history = [*touches(1, 2, 3, 4, 5, 6), {"at": NOW - 2 * DAY, "event": "click"}]
    assert asked(rule("silence", BACK_OFF), view(history)) == NOW + DAY


def test_an_answer_at_a_touchs_own_instant_answers_it() -> None:
    assert asked(rule("silence", BACK_OFF), view([*touches(1), {"at": NOW - DAY, "event": "reply"}])) == NOW


def test_opening_a_mail_is_no_answer() -> None:
    assert asked(rule("silence", BACK_OFF), view([*touches(1), {"at": NOW - HOUR, "event": "open"}])) > NOW


def test_answered_by_says_what_an_answer_is() -> None:
    history = [*touches(1), {"at": NOW - HOUR, "event": "visit"}]
    assert asked(rule("silence", {**BACK_OFF, "answered_by": ["reply"]}), view(history)) > NOW


def test_uncounted_touches_ask_for_no_answer() -> None:
    assert asked(rule("silence", BACK_OFF), view([{"at": NOW - HOUR, "touch": "service"}])) == NOW


def test_the_evidence_names_the_touches_without_an_answer() -> None:
    push = evidence(rule("silence", BACK_OFF), view([*touches(1, 2, 3), {"at": NOW - 60 * HOUR, "event": "reply"}]))
    assert (push.touches, push.detail["count"], push.detail["touch_at"]) == ((2, 3), 2, NOW - DAY)


def test_the_evidence_says_after_how_many_it_stops_if_it_does() -> None:
    some = rule("silence", {"base": "2d"})
    assert evidence(some, view(touches(1))).detail == {"why": "waiting", "count": 1, "touch_at": NOW - DAY}
    stops = evidence(rule("silence", {"stop_after": 1}), view(touches(1)))
    assert stops.detail == {"why": "sunset", "count": 1, "touch_at": NOW - DAY, "stop_after": 1}


def test_a_touch_answered_at_its_own_instant_is_no_evidence() -> None:
    push = evidence(rule("silence", BACK_OFF), view([*touches(1, 2), {"at": NOW - 2 * DAY, "event": "reply"}]))
    assert (push.touches, push.detail["count"]) == ((2,), 1)


def test_an_answer_of_this_instant_answers_what_a_wrong_clock_dated_later() -> None:
    seen = view([*touches(1, -1), {"at": NOW, "event": "reply"}])
    assert asked(rule("silence", BACK_OFF), seen) == NOW
    assert asked(rule("silence", BACK_OFF), view([*touches(1, -1), {"at": NOW - HOUR, "event": "reply"}])) > NOW


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"base": "1mo"},
        {"base": "2d", "factor": 0.5},
        {"stop_after": 0},
        {"base": "2d", "answered_by": 7},
        {"base": "2d", "answered_by": {"reply": 1}},
    ],
)
def test_what_makes_no_sense_is_an_error(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"silence|base|factor|stop_after|answered_by"):
        silence.Keys.model_validate(keys)


def test_a_misspelt_answer_is_told_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"did you mean reply\?"):
        silence.Keys.model_validate({**BACK_OFF, "answered_by": ["repyl"]})


def test_a_factor_without_a_base_is_a_problem() -> None:
    keys = silence.Keys.model_validate({"stop_after": 3, "factor": 2})
    assert [path for path, _ in keys.problems({})] == [("base",)]


@given(
    st.lists(st.integers(-5, 60), max_size=9),
    st.lists(st.integers(0, 60), max_size=2),
    st.sampled_from([1, 1.5, 2, 3]),
    st.integers(2, 9),
)
def test_the_answer_is_as_the_words_say(ago: list[int], answered: list[int], factor: float, stop: int) -> None:
    history = [{"at": NOW - d * DAY, "touch": "newsletter"} for d in ago]
    history += [{"at": NOW - d * DAY, "event": "reply"} for d in answered]
    some = rule("silence", {"base": "2d", "factor": factor, "max": "20d", "stop_after": stop})
    unanswered = [d for d in ago if not answered or max(d, 0) < min(answered)]
    if not unanswered:
        expected = NOW
    elif len(unanswered) >= stop:
        expected = NEVER
    else:
        wait = min(20.0, 2 * factor ** (len(unanswered) - 1))
        expected = max(NOW, NOW - min(unanswered) * DAY + int(wait * DAY))
    assert asked(some, view(history)) == expected
