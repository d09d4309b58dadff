"""A clock that jumped, on record: daemons stop deciding until it is back or an admin agrees, whatever is restarted meanwhile.

Telling a jump is the clock's business; here it is written down and asked about.
"""

from __future__ import annotations

from cadence.clock import Jump, RealClock
from cadence.store import Store, changes, status


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
