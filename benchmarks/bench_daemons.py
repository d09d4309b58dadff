"""What a second daemon brings, on the same two cores as the server: ticks of one and of two daemons in alternated pairs, each
with its share of the shards.

python benchmarks/bench_daemons.py [CONTACTS]
"""

from __future__ import annotations

import statistics
import sys

from filled import databases, fill, make
from ticking import in_processes

PAIRS, TICKS = 3, 4


def main() -> None:
    """Fill a PostgreSQL, and tick."""
    n = next((int(a) for a in sys.argv[1:] if a.isdigit()), 1_000_000)
    batch = min(
        5_000, n // (4 * PAIRS * (TICKS + 1))
    )  # what three daemons' worth of ticks, pair after pair, leaves some of
    with databases("postgresql") as places:
        store = make("postgresql", places["postgresql"], "shared")
        fill(store, n)
        url = store.url.render_as_string(hide_password=False)
        store.close()
        speeds: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(PAIRS):
            for daemons, found in speeds.items():
                done, seconds = in_processes(url, daemons, batch, TICKS)
                found.append(sum(one.decided for one in done) / seconds)
    for daemons, found in speeds.items():
        low, high = min(found), max(found)
        speed = f"{statistics.median(found):>9,.0f} decisions/s [{low:,.0f} to {high:,.0f}]"
        print(f"postgresql, {n:,} contacts, {daemons} at work: {speed}")
    ratios = [two / one for one, two in zip(speeds[1], speeds[2], strict=True)]
    print(f"postgresql, {n:,} contacts: two daemons {statistics.median(ratios):.2f} times as fast as one")


if __name__ == "__main__":
    main()
