"""Ticks in processes of their own, as daemons run them: how long each took, and how much memory the process came to."""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.pool import AsyncResult
from pathlib import Path

from world import NOW, POLICY

import cadence
from cadence.daemon import settle_in
from cadence.queue import tick as ticking
from cadence.queue.active import Active
from cadence.queue.tick import tick
from cadence.queue.work import Work
from cadence.store import Store, leases


@dataclass(frozen=True, slots=True)
class Ticked:
    """What came of some ticks in one process."""

    seconds: tuple[float, ...]
    """Of each."""
    decided: int
    megabytes: int
    """The most memory that the process had."""

    @property
    def median(self) -> float:
        """Seconds of a tick."""
        return statistics.median(self.seconds)

    @property
    def speed(self) -> float:
        """Decisions a second while it was at work."""
        return self.decided / sum(self.seconds)


def work_of(store: Store, batch: int, me: str = "bench", live: Sequence[str] = ("bench",)) -> Work:
    """A daemon that holds its share of the shards, as a tick is given it. No provider limits it: hand-over isn't measured
    here."""
    with store.write() as conn:
        mine = leases.take(conn, me, live, time.time_ns() // 1000, 10**12).shards
    active = Active.of(cadence.policy_of(POLICY).policy)
    return Work(store, me, active, {}, mine, NOW, batch=batch, alone_here=len(live) == 1)


def in_processes(url: str, daemons: int, batch: int, ticks: int, side_by_side: bool = True) -> list[Ticked]:
    """So many daemons at once, each with its share of the shards, each so many ticks after one that isn't counted.
    side_by_side: the large ticks of one that is alone have two transactions, as they have."""
    names = [f"bench-{i}" for i in range(daemons)]
    store = Store.open(url)
    with store.write() as conn:
        conn.exec_driver_sql("UPDATE shard SET holder = NULL, lease_until = NULL")
    for name in names:
        work_of(store, batch, name, names)
    store.close()
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(daemons) as pool:
        ready = manager.Barrier(daemons)
        waited: list[AsyncResult[Ticked]] = [
            pool.apply_async(_ticks, (url, name, names, batch, ticks, ready, side_by_side)) for name in names
        ]
        return [result.get() for result in waited]


def _ticks(
    url: str, me: str, names: Sequence[str], batch: int, ticks: int, ready: threading.Barrier, side_by_side: bool
) -> Ticked:
    store = Store.open(url)
    if not side_by_side:
        ticking.MANY = sys.maxsize
    settle_in()
    work = work_of(store, batch, me, names)
    tick(work)
    ready.wait()
    seconds, decided = [], 0
    for _ in range(ticks):
        began = time.perf_counter()
        decided += tick(work)["claimed"]
        seconds.append(time.perf_counter() - began)
    store.close()
    return Ticked(tuple(seconds), decided, peak())


def peak() -> int:
    """Megabytes: the most that this process had, not the one that it was started from."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024
