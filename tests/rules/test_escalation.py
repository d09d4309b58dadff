"""escalation: no more contact than in the stretch before, unless answers didn't become fewer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import DAY, HOUR
from cadence.rules import escalation
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")
TEN_DAYS = {"window": "10d"}


def touches(*days_ago: float) -> list[dict[str, Any]]:
    return [{"at": NOW - int(d * DAY), "touch": "newsletter"} for d in days_ago]


def answers(*days_ago: float) -> list[dict[str, Any]]:
    return [{"at": NOW - int(d * DAY), "event": "click"} for d in days_ago]


@pytest.mark.parametrize(("allow", "days"), [(0, 7), (1, 6), (2, 6), (3, 1), (4, 1), (5, 0)])
def test_what_left_the_later_stretch_counts_in_the_one_before(allow: int, days: int) -> None:
    some = rule("escalation", {**TEN_DAYS, "allow": allow})
    assert asked(some, view(touches(9, 4, 3, 3))) == NOW + days * DAY


def test_as_many_as_before_are_welcome() -> None:
    assert asked(rule("escalation", TEN_DAYS), view(touches(19, 18, 17, 3, 2))) == NOW


def test_a_floor_of_three() -> None:
    some = rule("escalation", {**TEN_DAYS, "floor": 3})
    assert (asked(some, view(touches(3, 2))), asked(some, view(touches(4, 3, 2)))) == (NOW, NOW + 6 * DAY)


def test_it_ends_at_an_instant_at_which_nothing_but_an_old_answer_moves() -> None:
    history = [*touches(1, 2), *answers(3, 15, 17)]
    assert asked(rule("escalation", TEN_DAYS), view(history)) == NOW + 3 * DAY


def test_an_old_answer_that_leaves_too_late_to_help_helps_nothing() -> None:
    history = [*touches(8, 9), *answers(3, 15, 17, 16)]
    assert asked(rule("escalation", TEN_DAYS), view(history)) == NOW + DAY


@pytest.mark.parametrize(
    ("old", "days"), [((12, 15, 19), 5), ((12, 15, 16, 19), 5), ((11, 12, 16, 16, 18), 8), ((11, 12, 25), 8)]
)
def test_it_ends_when_so_many_old_answers_have_left_that_no_more_are_in_the_stretch_before(
    old: tuple[int, ...], days: int
) -> None:
    assert asked(rule("escalation", TEN_DAYS), view([*touches(1, 2, 3), *answers(1, *old)])) == NOW + days * DAY


def test_an_answer_exactly_a_stretch_after_others_is_in_the_one_before_when_they_leave() -> None:
    assert asked(rule("escalation", TEN_DAYS), view([*touches(1, 2, 3), *answers(5, 15, 15)])) == NOW + 8 * DAY


def test_asked_from_a_later_instant_it_may_be_refused_where_it_was_welcome() -> None:
    seen = view([*touches(1, 2), *answers(6)])
    some = rule("escalation", TEN_DAYS)
    assert asked(some, seen) == NOW
    assert asked(some, seen, NOW + 4 * DAY) == NOW + 8 * DAY


def test_many_touches_at_one_instant_leave_together() -> None:
    assert asked(rule("escalation", TEN_DAYS), view(touches(*[3] * 50))) == NOW + 7 * DAY


def test_the_evidence_names_the_touches_of_the_later_stretch_and_counts_both() -> None:
    push = evidence(
        rule("escalation", {**TEN_DAYS, "allow": 1}), view([*touches(25, 15, 4, 3, 2), *answers(3, 14, 16, 22)])
    )
    assert push.touches == (3, 4, 5)
    assert {k: push.detail[k] for k in ("why", "count", "before", "most", "answers", "answers_before")} == {
        "why": "fewer", "count": 4, "before": 1, "most": 2, "answers": 1, "answers_before": 2,
    }  # fmt: skip


def test_a_touch_exactly_a_stretch_old_is_in_the_one_before() -> None:
    push = evidence(rule("escalation", {**TEN_DAYS, "allow": 1}), view(touches(20, 10, 9, 3, 2)))
    assert (push.touches, push.detail["count"], push.detail["before"], push.detail["most"]) == ((3, 4, 5), 4, 1, 2)


def test_what_is_allowed_more_is_said() -> None:
    push = evidence(rule("escalation", {**TEN_DAYS, "allow": 2}), view(touches(15, 14, 5, 4, 3, 2)))
    assert (push.detail["before"], push.detail["most"]) == (2, 4)


def test_without_any_answer_the_sentence_says_so() -> None:
    assert evidence(rule("escalation", TEN_DAYS), view(touches(3, 2))).detail["why"] == "unanswered"


@pytest.mark.parametrize(
    "keys", [{}, {"window": "1mo"}, {**TEN_DAYS, "floor": 0}, {**TEN_DAYS, "allow": -1}, {**TEN_DAYS, "allow": True}]
)
def test_what_makes_no_sense_is_an_error(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"window|floor|allow"):
        escalation.Keys.model_validate(keys)


def test_it_looks_two_stretches_back() -> None:
    some = rule("escalation", TEN_DAYS)
    assert some.keys.touch_reach() == 20 * DAY
    assert set(some.keys.event_reach().values()) == {20 * DAY}


def welcome(touched: list[int], answered: list[int], keys: dict[str, Any], t: int) -> bool:
    """As language.md says it, for one t."""
    window = int(keys["window"][:-1]) * HOUR
    near = sum(t - window < min(a, t) <= t for a in touched)
    far = sum(t - 2 * window < a <= t - window for a in touched)
    here = sum(t - window < a <= t for a in answered)
    there = sum(t - 2 * window < a <= t - window for a in answered)
    return near + 1 <= max(keys["floor"], far + keys["allow"]) or (here > 0 and here >= there)


hours = st.lists(st.integers(-6, 40), max_size=14)


@given(hours, hours, st.integers(1, 12), st.integers(0, 3), st.integers(1, 4), st.integers(0, 8))
def test_the_answer_is_the_first_instant_that_the_words_accept(
    touched: list[int], answered: list[int], window: int, allow: int, floor: int, later: int
) -> None:
    keys = {"window": f"{window}h", "allow": allow, "floor": floor}
    touched_at = [NOW - h * HOUR for h in touched]
    answered_at = [NOW - h * HOUR for h in answered if h >= 0]
    history = [{"at": a, "touch": "newsletter"} for a in touched_at] + [
        {"at": a, "event": "reply"} for a in answered_at
    ]
    answer = asked(rule("escalation", keys), view(history, now=NOW), NOW + later * HOUR)
    whole_hours = range(NOW + later * HOUR, NOW + 200 * HOUR, HOUR)
    assert answer == next(t for t in whole_hours if welcome(touched_at, answered_at, keys, t))
    assert answer == NOW + later * HOUR or not welcome(touched_at, answered_at, keys, answer - 1)


@given(st.lists(st.tuples(hours, hours), min_size=1, max_size=5))
def test_a_batch_is_answered_as_each_alone(people: list[tuple[list[int], list[int]]]) -> None:
    told = [
        [{"at": NOW - h * HOUR, "touch": "newsletter"} for h in touched]
        + [{"at": NOW - h * HOUR, "event": "click"} for h in answered if h >= 0]
        for touched, answered in people
    ]
    messages = [{"category": "newsletter", "contact": i} for i in range(len(told))]
    some = rule("escalation", {"window": "7h", "allow": 1, "floor": 1})
    together = view(told[0], now=NOW, circle=[({}, h) for h in told[1:]], messages=messages)
    rows = np.arange(len(told))
    found = escalation.welcome_at(some, together, rows, np.full(len(told), NOW, np.int64))
    assert found.tolist() == [asked(some, view(h, now=NOW)) for h in told]
