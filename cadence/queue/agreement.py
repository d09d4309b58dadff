"""A clock that jumped, on record: daemons stop deciding until it is back or an admin agrees, whatever is restarted meanwhile.

Telling a jump is the clock's business; here it is written down and asked about.
"""

from __future__ import annotations

from dataclasses import dataclass

from cadence.clock import Jump, RealClock
from cadence.facts import DAY, instant
from cadence.store import Store, changes, status

LONGEST_OFF: int = 30 * DAY
"""A daemon whose clock lies further ahead of all that is on record when it starts removes nothing until an admin agrees."""


class Agreement:
    """What one daemon knows of its clock's jump, and of an admin's word on it."""

    def __init__(self) -> None:
        self._noted = False

    def settle(self, store: Store, clock: RealClock) -> bool:
        """Keep a jump on record until the clock is back; True when an admin has just agreed to it, and the clock goes on."""
        jump = clock.jump
        with store.write() as conn:
            noted = status.note(conn, "jump")
            if jump is not None and noted is None and self._noted:
                clock.agree()
                self._noted = False
                return True
            if jump is not None:
                status.save_note(conn, "jump", {"expected": jump.expected, "found": jump.found})
            elif noted is not None:
                status.save_note(conn, "jump", None)
            self._noted = jump is not None
        return False


def agree_clock(store: Store, clock_now: int, by: str) -> None:
    """An admin says that the clock is right as it is: daemons that stopped deciding go on. Who it was is on the
    record."""
    with store.write() as conn:
        status.agree_jump(conn, clock_now)
        changes.note(conn, "agree_clock", by, clock_now)


def unsettled_jump(store: Store) -> Jump | None:
    """The jump of the clock at which a daemon stopped deciding and no one has agreed to; None without."""
    with store.read() as conn:
        noted = status.note(conn, "jump")
    return None if noted is None else Jump(noted["expected"], noted["found"])


@dataclass(frozen=True, slots=True)
class Gap:
    """How far a clock was found ahead of all that is on record: nobody was at work for so long, or the clock is wrong."""

    latest: int
    found: int

    @property
    def sentence(self) -> str:
        """For the log, for `cadence status`, and for who wants something removed."""
        return (
            f"the clock says {instant(self.found).isoformat(timespec='seconds')}, "
            f"{(self.found - self.latest) / DAY:.0f} days after the latest instant that was on record "
            f"({instant(self.latest).isoformat(timespec='seconds')}); old rows are kept until somebody has looked at it. If it "
            "is wrong, set it right; if nobody was at work for so long, say so with `cadence run --agree-clock`"
        )


def notice_gap(store: Store, latest: int | None, now: int) -> Gap | None:
    """Keep it on record where a daemon that starts finds its clock far ahead of the latest instant there was; returns what
    is unsettled. By such a clock much would be old at once."""
    if latest is not None and now - latest > LONGEST_OFF:
        with store.write() as conn:
            status.keep_note(conn, "gap", {"latest": latest, "found": now})
    return unsettled_gap(store)


def unsettled_gap(store: Store) -> Gap | None:
    """The gap before a daemon's start that no one has agreed to; None without."""
    with store.read() as conn:
        noted = status.note(conn, "gap")
    return None if noted is None else Gap(noted["latest"], noted["found"])
