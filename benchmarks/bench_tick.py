"""How fast a whole tick is: claim, load, decide, write down with evidence, commit.

python benchmarks/bench_tick.py [CONTACTS] [sqlite] [postgresql]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter

from filled import databases, fill, make
from world import NOW, POLICY

import cadence
from cadence.queue.active import Active
from cadence.queue.tick import tick
from cadence.queue.work import Work
from cadence.store import Store, leases
from cadence.store.ids import SHARDS


def work_of(store: Store, batch: int = 5_000) -> Work:
    """A daemon that holds every shard, as a tick is given it."""
    shards = tuple(range(SHARDS))
    with store.write() as conn:
        leases.take(conn, "bench", ["bench"], time.time_ns() // 1000, 10**12)
    return Work(store, "bench", Active.of(cadence.policy_of(POLICY).policy), {}, shards, NOW, batch=batch)


def main() -> None:
    """Fill each database, tick, and print the medians."""
    n = next((int(a) for a in sys.argv[1:] if a.isdigit()), 1_000_000)
    kinds = [a for a in sys.argv[1:] if not a.isdigit()] or ["sqlite", "postgresql"]
    with databases(" ".join(kinds)) as places:
        for kind, place in places.items():
            store = make(kind, place, f"tick_{n}")
            fill(store, n)
            work = work_of(store)
            tick(work)
            took, done = [], Counter()
            for _ in range(8):
                began = time.perf_counter()
                counts = tick(work)
                took.append((time.perf_counter() - began) / counts["claimed"])
                done += counts
            print(kind, n, f"{1 / statistics.median(took):,.0f} decisions/s", dict(done))
            store.close()


if __name__ == "__main__":
    main()
