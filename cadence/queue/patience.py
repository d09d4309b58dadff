"""A database that is away, or in which another writer was in the way: how long to wait, and what the log says of it.

What waits is the daemon's business; so is giving up.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable

from cadence.log import logger
from cadence.store import StoreBusy, StoreUnavailable

_log = logger("daemon")

LONGEST_PAUSE: float = 60.0
"""Seconds between tries when the database is away."""
LASTS: int = 4
"""Tries in a row in which the database was away, after which it is a job's trouble."""
AT_ONCE_AGAIN: int = 3
"""Tries without a pause when another writer was in the way."""


class Patience:
    """How often in a row each job found the database away; safe to ask from several threads."""

    def __init__(self) -> None:
        self._lock, self._times = threading.Lock(), Counter[str]()
        self._told: dict[str, str] = {}

    def pause(self, job: str, error: StoreUnavailable, longest: float = math.inf) -> float:
        """Say that it is away; the seconds to wait before the next try, more each time, at most `longest`."""
        with self._lock:
            self._times[job] += 1
            self._told[job] = str(error)
            seconds = min(LONGEST_PAUSE, longest, 0.5 * (1 << min(self._times[job], 8)))
        _log.error("the database is away; nothing is lost, trying again", job=job, error=str(error), seconds=seconds)
        return seconds

    def lasting(self) -> dict[str, str]:
        """The jobs that have found it away too often for a server that is started anew, each with what was said."""
        with self._lock:
            return {job: self._told[job] for job, times in self._times.items() if times >= LASTS}

    def over(self, job: str) -> None:
        """A job has just been done: where it was the last that had found the database away, say that it is back. One that only
        some can write to, because a disk is full say, isn't."""
        with self._lock:
            back = bool(self._times.pop(job, 0)) and not self._times
        if back:
            _log.info("the database is back; work goes on")


def at_once_again(job: Callable[[], object]) -> None:
    """Run a job, and again where another writer was in the way: nothing of it was written."""
    for _ in range(AT_ONCE_AGAIN):
        try:
            job()
            return
        except StoreBusy as error:
            _log.info("another writer was in the way; once more", error=str(error))
    job()
