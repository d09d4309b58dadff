"""How many messages a provider may be handed now: the generic cell rate algorithm (ITU-T I.371) as pure functions
over one number.

The number, the theoretical arrival instant, is a row that all daemons share; time is passed in. It knows no provider
and no table.
"""

from __future__ import annotations

from dataclasses import dataclass

from cadence.facts import MINUTE, SECOND

CLOCKS_DIFFER: int = MINUTE
"""An arrival instant by so much further ahead than the algorithm brings it is none: a clock was set back. Less is waited
for."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `per_second` messages in the long run, and `burst` of them at once."""

    per_second: float
    burst: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.per_second <= SECOND:
            raise ValueError(f"a rate of {self.per_second:g} a second; it must be above 0 and at most 1,000,000")
        if self.burst < 1:
            raise ValueError(f"a burst of {self.burst}; at least 1 must fit, or nothing ever would")

    @property
    def step(self) -> int:
        """Microseconds from one message to the next."""
        return -int(-SECOND // self.per_second)

    @property
    def slack(self) -> int:
        """How far ahead of the clock the arrival instant may run."""
        return self.step * (self.burst - 1)


def room(rate: Rate, next_at: int | None, now: int) -> int:
    """How many may go at `now`."""
    ahead = _arrival(rate, next_at, now) - now
    return 0 if ahead > rate.slack else (rate.slack - ahead) // rate.step + 1


def taken(rate: Rate, next_at: int | None, now: int, n: int) -> int:
    """The arrival instant once n more have gone at `now`."""
    return _arrival(rate, next_at, now) + n * rate.step


def opens_at(rate: Rate, next_at: int | None, now: int) -> int:
    """The earliest instant, not before `now`, at which one may go."""
    return max(now, _arrival(rate, next_at, now) - rate.slack)


def _arrival(rate: Rate, next_at: int | None, now: int) -> int:
    """The arrival instant as of now. One that was written by a clock which has been set back since says nothing: one
    message may go, and it is counted anew from there."""
    if next_at is None:
        return now
    if next_at - now > rate.slack + rate.step + CLOCKS_DIFFER:
        return now + rate.slack
    return max(next_at, now)
