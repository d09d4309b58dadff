"""What a second daemon brings, on the same two cores as the server: ticks of one and of two daemons in alternated pairs, each
with its share of the shards, as they are: one that is alone on its machine has two transactions side by side in a large tick, one
of several there has one at a time. Beside them one daemon that has one transaction at a time.

python benchmarks/bench_daemons.py [CONTACTS]
"""

from __future__ import annotations

import statistics
import sys

from filled import databases, fill, make
from ticking import in_processes

PAIRS = 5
WAYS = {"one daemon": (1, True), "one with one transaction at a time": (1, False), "two daemons": (2, True)}


def main() -> None:
    """Fill a PostgreSQL, and tick."""
    n = next((int(a) for a in sys.argv[1:] if a.isdigit()), 1_000_000)
    ticked = 9 * n // (10 * PAIRS * sum(daemons for daemons, _ in WAYS.values()))  # of each daemon; some are left
    batch = min(5_000, ticked // 3)
    ticks = ticked // batch - 1
    speeds: dict[str, list[float]] = {way: [] for way in WAYS}
    with databases("postgresql") as places:
        store = make("postgresql", places["postgresql"], "shared")
        fill(store, n)
        url = store.url.render_as_string(hide_password=False)
        store.close()
        for _ in range(PAIRS):
            for way, (daemons, side_by_side) in WAYS.items():
                done = in_processes(url, daemons, batch, ticks, side_by_side)
                speeds[way].append(sum(one.speed for one in done))
    for way, found in speeds.items():
        speed = f"{statistics.median(found):>9,.0f} decisions/s [{min(found):,.0f} to {max(found):,.0f}]"
        print(f"postgresql, {n:,} contacts, {way}: {speed}")
    for way in list(WAYS)[:2]:
        ratios = [two / one for one, two in zip(speeds[way], speeds["two daemons"], strict=True)]
        low, high = min(ratios), max(ratios)
        print(
            f"postgresql, {n:,} contacts: two daemons {statistics.median(ratios):.2f} times as fast as {way} "
            f"[{low:.2f} to {high:.2f}]"
        )


if __name__ == "__main__":
    main()
