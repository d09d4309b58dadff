"""What a second daemon brings, on the same two cores as the server: ticks of one and of two daemons in alternated pairs, each
with its share of the shards; of daemons that decide in one transaction at a time, as small ticks do, and of daemons as they are,
whose large ticks have two side by side.

python benchmarks/bench_daemons.py [CONTACTS]
"""

from __future__ import annotations

import statistics
import sys

from filled import databases, fill, make
from ticking import in_processes

PAIRS, TICKS = 3, 3
WAYS = {"one transaction at a time": False, "two side by side": True}


def main() -> None:
    """Fill a PostgreSQL, and tick."""
    n = next((int(a) for a in sys.argv[1:] if a.isdigit()), 1_000_000)
    # What three daemons, both ways, pair after pair, take and leave some of.
    batch = min(5_000, 9 * n // (10 * 3 * PAIRS * len(WAYS) * (TICKS + 1)))
    speeds: dict[tuple[str, int], list[float]] = {(way, daemons): [] for way in WAYS for daemons in (1, 2)}
    with databases("postgresql") as places:
        store = make("postgresql", places["postgresql"], "shared")
        fill(store, n)
        url = store.url.render_as_string(hide_password=False)
        store.close()
        for _ in range(PAIRS):
            for (way, daemons), found in speeds.items():
                done, seconds = in_processes(url, daemons, batch, TICKS, side_by_side=WAYS[way])
                found.append(sum(one.decided for one in done) / seconds)
    said = f"postgresql, {n:,} contacts"
    for (way, daemons), found in speeds.items():
        speed = f"{statistics.median(found):>9,.0f} decisions/s [{min(found):,.0f} to {max(found):,.0f}]"
        print(f"{said}, {daemons} at work, {way}: {speed}")
    for way in WAYS:
        ratio = statistics.median(two / one for one, two in zip(speeds[way, 1], speeds[way, 2], strict=True))
        print(f"{said}, {way}: two daemons {ratio:.2f} times as fast as one")


if __name__ == "__main__":
    main()
