"""How fast a whole tick is, on disk: claim, load, decide, write down with evidence, commit. Prints the mix, and ratios from
one run: with copies of the recent touches and without (as after an upgrade), beside the usual way, a query for each message and
rule, in alternated pairs, and beside the same statements through the bare driver.

python benchmarks/bench_tick.py [CONTACTS] [sqlite] [postgresql]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable

from bare_driver import times_the_bare_driver
from filled import databases, fill, make
from ticking import work_of
from usual_way import usual_tick

from cadence.daemon import settle_in
from cadence.queue.tick import claim, tick, transact
from cadence.store import Store
from cadence.store.ids import SHARDS

PAIRS = 5


def speed(what: Callable[[], int]) -> float:
    """Decisions a second."""
    began = time.perf_counter()
    done = what()
    return done / (time.perf_counter() - began)


def compare(store: Store, n: int) -> None:
    """Ticks and the usual way in turn; medians, mix and ratios."""
    batch = min(5_000, n // 24)
    work, mix, side_by_side = work_of(store, batch), Counter[str](), store.dialect == "postgresql"

    def noted(counts: Counter[str]) -> int:
        mix.update({v: counts[v] for v in ("send", "defer", "suppress")})
        return counts["claimed"]

    tick(work)
    found: dict[str, list[float]] = {"with copies": [], "the usual way": [], "without copies": []}
    if side_by_side:
        found["in one transaction"] = []
    for _ in range(PAIRS):
        found["with copies"].append(speed(lambda: noted(tick(work))))
        if side_by_side:
            found["in one transaction"].append(speed(lambda: noted(transact(work, claim(work)))))
        found["the usual way"].append(speed(lambda: usual_tick(store, range(SHARDS), max(1, batch // (5 * SHARDS)))))
    bare = statistics.median(times_the_bare_driver(store, work) for _ in range(PAIRS))
    with store.write() as conn:
        conn.exec_driver_sql("UPDATE circle SET recent = NULL")
    for _ in range(3):
        found["without copies"].append(speed(lambda: noted(tick(work))))
    total = sum(mix.values())
    print(f"{store.dialect}, {n:,} contacts: % { {v: round(100 * k / total) for v, k in mix.items()} }")
    medians = {name: statistics.median(each) for name, each in found.items()}
    for name, median in medians.items():
        low, high = min(found[name]), max(found[name])
        print(f"{store.dialect}, {n:,} contacts, {name}: {median:>9,.0f} decisions/s [{low:,.0f} to {high:,.0f}]")
    times = {name: medians["with copies"] / median for name, median in medians.items()}
    print(
        f"{store.dialect}, {n:,} contacts: {times['the usual way']:.1f} times the usual way; copies make it "
        f"{times['without copies']:.1f} times"
    )
    alone = f"a tick in one transaction takes {bare:.2f} times as long as its statements alone"
    if side_by_side:
        alone += f"; two side by side are {times['in one transaction']:.1f} times as fast"
    print(f"{store.dialect}, {n:,} contacts: {alone}")


def main() -> None:
    """Fill each database and compare."""
    n = next((int(a) for a in sys.argv[1:] if a.isdigit()), 1_000_000)
    kinds = [a for a in sys.argv[1:] if not a.isdigit()] or ["sqlite", "postgresql"]
    with databases(" ".join(kinds)) as places:
        for kind, place in places.items():
            store = make(kind, place, f"tick_{n}")
            fill(store, n)
            settle_in()
            compare(store, n)
            store.close()


if __name__ == "__main__":
    main()
