"""Named points in the tick and the hand-over at which a process may be killed, to try what a crash leaves behind.

Nothing happens at them unless `CADENCE_CRASH_AT=step[:n]` is set: then the process kills itself with SIGKILL when it
comes by for the n-th time (the first, without n). It is no error handling: real crashes come anywhere.
"""

from __future__ import annotations

import os
import signal

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

_step, _, _nth = os.environ.get("CADENCE_CRASH_AT", "").partition(":")
_left = int(_nth or 1)


def reached(step: str) -> None:
    """The process has come to this point."""
    global _left
    if step != _step:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
