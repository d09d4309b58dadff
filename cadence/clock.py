"""Where `now` comes from: the database's clock, or a virtual one that can live through weeks in a minute.

The only place, besides the edges, where time is read. It notices a clock that was set back or ahead, says so, and
holds to two rules: what decides never goes back by what a step took, and after a jump of more than a day nothing is
decided until an admin agrees. It schedules nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cadence.facts import DAY, SECOND, instant

LARGEST_JUMP: int = DAY
"""A running daemon's clock that moves further than this on its own, ahead or back, stops deciding until an admin
agrees."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A clock that went where time alone could not have taken it."""

    expected: int
    found: int

    @property
    def sentence(self) -> str:
        """For the log and for `cadence status`."""
        way = "ahead" if self.found > self.expected else "back"
        hours = abs(self.found - self.expected) / (3600 * SECOND)
        return (
            f"the clock jumped {way} by {hours:.1f} h: {instant(self.expected).isoformat()} was expected, "
            f"it says {instant(self.found).isoformat()}; nothing is decided until it is back, or until "
            "`cadence run --agree-clock` says that it is right"
        )


class Clock(Protocol):
    """What the daemon asks for the time."""

    @property
    def virtual(self) -> bool:
        """True where time stands still until it is moved."""

    def now(self) -> int:
        """The instant that decisions are made at, microseconds since 1970 UTC. Never earlier than what it said
        before."""

    @property
    def jump(self) -> Jump | None:
        """Why nothing may be decided; None where the clock is fine."""


def system_micros() -> int:
    """This machine's clock. For the edges: where a database can be asked, it is asked instead."""
    return time.time_ns() // 1000


def passed_micros() -> int:
    """Time that has passed since some fixed moment, sleep of the machine included; no setting of the clock moves it."""
    return (
        time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        if hasattr(time, "CLOCK_BOOTTIME")
        else time.monotonic_ns() // 1000
    )


class RealClock:
    """A clock that others may set (the database's, usually), made safe to decide by.

    A step back of up to a day: `now` stands at the latest instant it said until the clock has caught up, so that a stop
    recorded before the step stays known. More than a day, either way, while running: `jump` says so until `agree`."""

    virtual = False

    def __init__(
        self,
        read: Callable[[], int] = system_micros,
        latest: int | None = None,
        jump: Jump | None = None,
        passed: Callable[[], int] = passed_micros,
        tell: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """read: the clock. latest: the last instant that was decided at by anyone. jump: one that an earlier daemon
        stopped at and no one has agreed to. passed: time that no setting moves. tell: hears of each step back,
        once."""
        self._read, self._passed, self._tell = read, passed, tell
        self._lock = threading.Lock()
        self._seen, self._seen_at = read(), passed()
        self._latest = self._seen if latest is None else latest
        self._jump: Jump | None = None
        self._behind = False
        if jump is not None or self._latest - self._seen > LARGEST_JUMP:
            self._seen = self._latest if jump is None else jump.expected
            self.now()

    @property
    def jump(self) -> Jump | None:
        """Why nothing may be decided; None where the clock is fine."""
        return self._jump

    def now(self) -> int:
        """The clock's instant, or the latest said before where the clock stepped back."""
        with self._lock:
            found, passed = self._read(), self._passed()
            expected = self._seen + (passed - self._seen_at)
            if abs(found - expected) > LARGEST_JUMP:
                self._jump = Jump(expected, found)
                return self._latest
            self._jump = None
            self._seen, self._seen_at = found, passed
            self._notice(found)
            self._latest = max(self._latest, found)
            return self._latest

    def agree(self) -> None:
        """An admin says that the clock is right as it is now: it is gone by from here on."""
        with self._lock:
            self._jump, self._behind = None, False
            self._seen, self._seen_at = self._read(), self._passed()
            self._latest = self._seen

    def _notice(self, found: int) -> None:
        behind = self._latest - found > SECOND
        if behind and not self._behind:
            self._tell(
                f"the clock stepped back by {(self._latest - found) / SECOND:.0f} s; decisions stay at "
                f"{instant(self._latest).isoformat()} until it has caught up"
            )
        self._behind = behind


class VirtualClock:
    """A clock that stands still while work runs and is then moved to the next thing due."""

    virtual = True
    jump: Jump | None = None

    def __init__(self, start: int, speed: float | None = None, wait: Callable[[float], object] = time.sleep) -> None:
        """start: the first instant. speed: at most so many virtual seconds per real one; None: as fast as work allows.
        wait: how real seconds are let pass; a daemon puts its own way there, which a stop cuts short."""
        if speed is not None and not speed > 0:  # nor is what is no number
            raise ValueError(
                f"a speed of {speed:g} would never arrive; give a positive number, or none for as fast as it can"
            )
        self.wait = wait
        self._now, self._speed = start, speed

    def now(self) -> int:
        """Where it stands."""
        return self._now

    def advance(self, to: int) -> None:
        """Jump to an instant; one that has passed moves nothing. Slowed down to `speed`."""
        ahead = to - self._now
        if ahead <= 0:
            return
        if self._speed is not None:
            self.wait(ahead / SECOND / self._speed)
        self._now = to
