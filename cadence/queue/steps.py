"""Named points in the tick and the hand-over at which a process may be killed, to try what a crash leaves behind.

Nothing happens at them unless `CADENCE_CRASH_AT=step[:n]` is set: then the process kills itself with SIGKILL when it
comes by for the n-th time (the first, without n). It is no error handling: real crashes come anywhere.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

STEPS: tuple[str, ...] = (
    "claimed",
    "decided",
    "written",
    "committed",
    "looked",
    "marked",
    "handed over",
    "recorded",
)
"""The points, in the order of a message's way."""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


_step, _left, _then = "", 0, _die


def arm(told: str, then: Callable[[], None] = _die) -> None:
    """Die at a step: its name, or `name:n` for the n-th time; nothing for an empty text. then: what befalls the process
    there instead of death. Raises ValueError for a name that is none."""
    global _step, _left, _then
    step, _, nth = told.partition(":")
    if step and step not in STEPS:
        raise ValueError(f"{step!r} is no step to crash at; there are {', '.join(STEPS)}")
    _step, _left, _then = step, int(nth or 1), then


def reached(step: str) -> None:
    """The process has come to this point."""
    global _left
    if step != _step:
        return
    _left -= 1
    if _left == 0:
        _then()


arm(os.environ.get("CADENCE_CRASH_AT", ""))
