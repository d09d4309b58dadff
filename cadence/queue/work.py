"""What a tick and a hand-over are given: the database, the policy, the ways out, this daemon's shards, and the
instant it is.

Plain data, made anew for each tick; `now` stands still from when it holds its locks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from cadence.facts import MINUTE
from cadence.queue.active import Active
from cadence.queue.outlets import Outlet
from cadence.store import Store

BATCH: int = 5_000
"""The most messages that one tick claims."""
HAND_OVER_WITHIN: int = 5 * MINUTE
"""A decision whose hand-over hasn't begun by then lapses."""


@dataclass(frozen=True, slots=True)
class Work:
    """One daemon's share of the queue, at one instant."""

    store: Store
    me: str
    """The daemon's id."""
    active: Active
    outlets: Mapping[str, Outlet]
    """By channel."""
    shards: tuple[int, ...]
    """Those it holds the leases of."""
    now: int
    shadow: bool = False
    """Decide and record, hand nothing over."""
    batch: int = BATCH
    hand_over_within: int = HAND_OVER_WITHIN
    alone_here: bool = True
    """No other daemon is at work on this machine."""
    awake: Callable[[], bool] = lambda: True
    """Whether its leases have been held without a break since: asked right before each letter is begun."""
    lacks: Callable[[str], str | None] = lambda campaign: None
    """Why a campaign's letters can't be written now; None: they can, or nobody knows."""
    clock: Callable[[], int] | None = None
    """What it is by now; None where time stands still."""

    def by_now(self) -> Work:
        """The same as of now. Asked for once the locks are held: what others recorded until then, while it waited for
        them, must not lie later than the instant that it decides at."""
        return self if self.clock is None else replace(self, now=max(self.now, self.clock()))
