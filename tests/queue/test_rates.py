"""Rates and breakers: never more than allowed in any stretch of time, and back in business when that is over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import DAY, HOUR, MINUTE, SECOND
from cadence.queue import breaker, rates
from cadence.queue.breaker import Breaker, Health
from cadence.queue.rates import Rate


def test_a_burst_goes_at_once_and_then_one_by_one() -> None:
    rate = Rate(per_second=1, burst=3)
    assert rates.room(rate, None, 0) == 3

    full = rates.taken(rate, None, 0, 3)

    assert rates.room(rate, full, 0) == 0
    assert rates.opens_at(rate, full, 0) == SECOND
    assert rates.room(rate, full, SECOND) == 1


def test_after_a_rest_the_burst_is_there_again() -> None:
    rate = Rate(per_second=2, burst=4)
    full = rates.taken(rate, None, 0, 4)

    assert rates.room(rate, full, 10 * SECOND) == 4


def test_after_a_clock_was_set_back_a_year_one_goes_at_once_and_the_others_at_their_speed() -> None:
    rate = Rate(per_second=1, burst=2)
    full = rates.taken(rate, None, 365 * DAY, 2)
    assert rates.opens_at(rate, full, 0) == 0
    assert rates.room(rate, full, 0) == 1

    anew = rates.taken(rate, full, 0, 1)

    assert [rates.room(rate, anew, seconds * SECOND) for seconds in range(4)] == [0, 1, 2, 2]


def test_a_clock_set_back_a_few_seconds_lets_no_more_go_it_is_waited_for() -> None:
    rate = Rate(per_second=1, burst=2)
    full = rates.taken(rate, None, 10 * SECOND, 2)

    assert (rates.room(rate, full, 0), rates.opens_at(rate, full, 0)) == (0, 11 * SECOND)


@given(
    st.floats(0.1, 1000),
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(0, 10 * SECOND), st.integers(0, 60)), max_size=30),
)
def test_in_no_stretch_of_time_more_go_than_rate_and_burst_allow(
    per_second: float, burst: int, asks: list[tuple[int, int]]
) -> None:
    rate = Rate(per_second, burst)
    now, next_at = 0, None
    gone: list[tuple[int, int]] = []
    for pause, wanted in asks:
        now += pause
        n = min(wanted, rates.room(rate, next_at, now))
        if n:
            next_at = rates.taken(rate, next_at, now, n)
            gone.append((now, n))
    for i, (start, _) in enumerate(gone):
        total = 0
        for when, n in gone[i:]:
            total += n
            assert total <= burst + (when - start) // rate.step


@pytest.mark.parametrize("per_second", [0, -1, 2_000_000])
def test_a_rate_that_is_none_is_refused(per_second: float) -> None:
    with pytest.raises(ValueError, match="a rate of"):
        Rate(per_second)


def test_a_few_failures_leave_it_closed_and_five_in_a_row_open_it() -> None:
    health = Health()
    for _ in range(4):
        health = breaker.failed(health, 0, "refused")
    assert breaker.room(health, 0) is None

    health = breaker.failed(health, 0, "refused")

    assert (breaker.room(health, 0), health.reopen_at) == (0, MINUTE)


def test_after_the_pause_one_may_try_and_its_success_closes_it() -> None:
    opened = breaker.failed(Health(), 0, "away", n=5)

    assert breaker.room(opened, MINUTE) == 1
    assert breaker.succeeded(opened) == Health()


def test_while_one_tries_nobody_else_does_until_it_has_been_silent_for_two_minutes() -> None:
    tried = breaker.tried(breaker.failed(Health(), 0, "away", n=5), MINUTE)

    assert [breaker.room(tried, MINUTE + at) for at in (0, MINUTE, 2 * MINUTE - 1, 2 * MINUTE)] == [0, 0, 0, 1]
    assert [breaker.opens_at(tried, MINUTE + at) for at in (0, 3 * MINUTE)] == [3 * MINUTE, 4 * MINUTE]
    assert not breaker.to_be_probed(tried, MINUTE)
    assert breaker.room(tried, -24 * HOUR) == 1  # by a clock that was ahead
    assert breaker.room(breaker.untried(tried, MINUTE), MINUTE) == 1
    assert breaker.tried(Health(), 0) == breaker.untried(Health(), 0) == Health()
    assert (breaker.succeeded(tried), breaker.failed(tried, MINUTE, "still away").reopen_at) == (Health(), 3 * MINUTE)


def test_each_failed_try_doubles_the_pause_up_to_a_quarter_of_an_hour() -> None:
    health, now, pauses = breaker.failed(Health(), 0, "away", n=5), 0, []
    for _ in range(6):
        assert health.reopen_at is not None
        now = health.reopen_at
        health = breaker.failed(health, now, "still away")
        pauses.append(((health.reopen_at or 0) - now) // MINUTE)

    assert pauses == [2, 4, 8, 15, 15, 15]


def test_a_provider_that_says_how_long_to_wait_is_left_alone_so_long() -> None:
    health = breaker.failed(Health(), 0, "429", retry_after=10 * MINUTE)

    assert (health.breaker, health.reopen_at) == (Breaker.OPEN, 10 * MINUTE)


def test_one_that_opened_by_a_clock_that_was_ahead_is_tried_once_the_clock_is_right() -> None:
    opened = breaker.failed(Health(), 23 * HOUR, "away", n=5)

    assert [breaker.room(opened, at) for at in (0, 12 * HOUR, 23 * HOUR)] == [1, 1, 0]
