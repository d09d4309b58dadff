"""The clock: what decides never goes back by what a step took, and a jump of more than a day waits for an admin."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from cadence.clock import Jump, RealClock, VirtualClock
from cadence.facts import DAY, HOUR, SECOND

START = 1_800_000_000 * SECOND


@dataclass
class Hands:
    """A clock and the time that really passes, both set by the test."""

    shown: int = START
    passed: int = 0
    told: list[str] = field(default_factory=list)

    def go(self, real: int, shown: int | None = None) -> None:
        self.passed += real
        self.shown += real if shown is None else shown

    def clock(self, latest: int | None = None, jump: Jump | None = None) -> RealClock:
        return RealClock(lambda: self.shown, latest, jump, lambda: self.passed, self.told.append)


def test_it_goes_with_the_clock() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.go(HOUR)

    assert (clock.now(), clock.jump, hands.told) == (START + HOUR, None, [])


def test_set_back_an_hour_it_stands_until_the_clock_has_caught_up_and_says_so_once() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.go(SECOND, -HOUR)
    assert [clock.now(), clock.now()] == [START, START]
    hands.go(2 * HOUR)

    assert clock.now() == START + HOUR
    assert len(hands.told) == 1
    assert "stepped back by 3600 s" in hands.told[0]


def test_ahead_by_an_hour_it_goes_along() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.go(SECOND, HOUR)

    assert (clock.now(), clock.jump) == (START + HOUR, None)


def test_ahead_by_a_year_it_stops_until_an_admin_agrees() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.go(SECOND, 365 * DAY)
    assert clock.now() == START
    assert clock.jump is not None
    assert "jumped ahead" in clock.jump.sentence
    assert "--agree-clock" in clock.jump.sentence

    clock.agree()

    assert (clock.now(), clock.jump) == (START + 365 * DAY, None)


def test_ahead_by_a_year_and_back_again_it_goes_on_by_itself() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.go(SECOND, 365 * DAY)
    clock.now()
    hands.go(HOUR, HOUR - 365 * DAY)

    assert (clock.now(), clock.jump) == (START + HOUR + SECOND - SECOND, None)


def test_a_daemon_that_was_off_for_a_month_is_no_jump() -> None:
    assert Hands().clock(latest=START - 30 * DAY).jump is None


def test_a_daemon_restarted_after_a_jump_still_waits_for_the_admin() -> None:
    assert Hands(START + 365 * DAY).clock(START, Jump(START, START + 365 * DAY)).jump is not None


def test_a_clock_a_month_before_what_was_decided_waits_for_the_admin() -> None:
    clock = Hands().clock(latest=START + 30 * DAY)

    assert clock.jump is not None
    assert clock.now() == START + 30 * DAY


def test_the_virtual_clock_stands_until_it_is_moved_and_never_goes_back() -> None:
    clock = VirtualClock(START)
    clock.advance(START + DAY)
    clock.advance(START)

    assert clock.now() == START + DAY


def test_its_speed_only_limits_how_fast_it_jumps() -> None:
    waited: list[float] = []
    clock = VirtualClock(START, 3600.0, waited.append)

    clock.advance(START + DAY)

    assert waited == [24.0]


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_never_arrives_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="would never arrive"):
        VirtualClock(START, speed)
