"""The caps of `world.POLICY` alone, by the library `limits`: its moving window in memory, asked for one contact after another.

Its clock stands at NOW, its history is put where it keeps it, and its sweeper sleeps: only what it takes to answer counts."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage, memory
from limits.strategies import MovingWindowRateLimiter
from world import NOW, TOUCHES

from cadence.facts import DAY, SECOND, History

A_DAY = RateLimitItemPerSecond(1, DAY // SECOND, "day")
A_WEEK = RateLimitItemPerSecond(4, 7 * DAY // SECOND, "week")
BUYERS = RateLimitItemPerSecond(3, 7 * DAY // SECOND, "buyers")


def decided(history: History) -> tuple[float, list[bool]]:
    """Seconds that it takes to tell for each contact whether all caps let a message pass, and to count it if so; and what
    it told."""
    memory.time = SimpleNamespace(time=lambda: NOW / SECOND)
    storage = MemoryStorage()
    storage.timer.cancel()
    storage.timer = threading.current_thread()
    contacts = range(len(history.people))
    items = [[A_DAY, A_WEEK, BUYERS] if orders >= 3 else [A_DAY, A_WEEK] for orders in history.people.orders.tolist()]
    ats = history.touches.at.reshape(-1, TOUCHES)[:, ::-1].tolist()
    for contact, mine, at in zip(contacts, items, ats, strict=True):
        for item in mine:
            storage.events[item.key_for(str(contact))] = [_entry(item, then) for then in at]
    limiter = MovingWindowRateLimiter(storage)
    began = time.perf_counter()
    told = [_asked(limiter, mine, str(contact)) for contact, mine in zip(contacts, items, strict=True)]
    return time.perf_counter() - began, told


def _entry(item: RateLimitItem, at: int) -> memory.Entry:
    entry = memory.Entry(item.get_expiry())
    entry.atime = at / SECOND
    entry.expiry = entry.atime + item.get_expiry()
    return entry


def _asked(limiter: MovingWindowRateLimiter, items: list[RateLimitItem], contact: str) -> bool:
    fine = all(limiter.test(item, contact) for item in items)
    return fine and all(limiter.hit(item, contact) for item in items)
