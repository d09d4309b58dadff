"""Ids and shards: numbers for new rows that no one need agree on, and the shard that a circle's rows live in.

Not a clock and not an order of facts: facts are ordered by their circle's numbers. Ids only have to be new."""

from __future__ import annotations

import os
import secrets
import threading
import time

import numpy as np

from cadence.facts import Ints

SHARDS: int = 64
"""Into how many shards circles fall. Kept in the table `installation`; changing it means moving every row."""

_EPOCH_MS = 1_577_836_800_000
_TAG_BITS = 14
_COUNTER_BITS = 8
_PER_MS = 1 << _COUNTER_BITS
_ALL = (1 << 64) - 1


class _Maker:
    """Makes ids: milliseconds since 2020, a random tag of this process, a counter. Runs ahead of the clock when asked
    for more than 256 in a millisecond, so ids of one process only grow, whatever its clock does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tag = secrets.randbits(_TAG_BITS)
        self._next = 0

    def take(self, n: int) -> Ints:
        with self._lock:
            clock = (time.time_ns() // 1_000_000 - _EPOCH_MS) << _COUNTER_BITS
            first = max(self._next, clock)
            self._next = first + n
        serial = np.arange(first, first + n, dtype=np.int64)
        return (
            ((serial >> _COUNTER_BITS) << (_TAG_BITS + _COUNTER_BITS))
            | (self._tag << _COUNTER_BITS)
            | (serial & (_PER_MS - 1))
        )


_maker = _Maker()


def _after_fork() -> None:
    global _maker
    _maker = _Maker()


os.register_at_fork(after_in_child=_after_fork)


def new_ids(n: int) -> Ints:
    """n new ids, int64[n], ascending within this process, positive. Two processes get different ones (up to a chance of
    one in 16,384 that they drew the same tag *and* asked in the same millisecond; a row that then clashes is refused
    by its key)."""
    return _maker.take(n)


def new_id() -> int:
    """One new id."""
    return int(_maker.take(1)[0])


def shards_of(circles: Ints, shards: int = SHARDS) -> Ints:
    """The shard of each circle id, int64[n]: a mix of all its bits (splitmix64's finaliser), the same in every process
    and release."""
    x = np.asarray(circles, np.int64).astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return (x % np.uint64(shards)).astype(np.int64)


def shard_of(circle: int, shards: int = SHARDS) -> int:
    """The shard of one circle id."""
    x = circle & _ALL
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _ALL
    return (x ^ (x >> 31)) % shards


def spread_of(ids: Ints, width: int) -> Ints:
    """A stable offset in [0, width) for each id, int64[n], in the unit of width: what falls due together is spread by
    it."""
    if width <= 0:
        return np.zeros(len(ids), np.int64)
    return shards_of(np.asarray(ids, np.int64) ^ np.int64(0x5BD1E995), width)


def id_at(instant: int) -> int:
    """The least id that is made at an instant, as clocks of machines agree."""
    return (instant // 1000 - _EPOCH_MS) << (_TAG_BITS + _COUNTER_BITS)


def instant_of(id_: int) -> int:
    """The instant at which an id was made, to the millisecond, by the clock of the machine that made it."""
    return ((id_ >> (_TAG_BITS + _COUNTER_BITS)) + _EPOCH_MS) * 1000
