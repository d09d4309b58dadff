"""What a tick costs as the company grows: with a hundred times as many contacts, and with a hundred times as many messages
waiting while as many are due. Prints the ratios of the medians, and the memory of the process that ticks.

python benchmarks/bench_growth.py [CONTACTS] [sqlite] [postgresql]
"""

from __future__ import annotations

import sys

from filled import databases, fill, make
from ticking import Ticked, in_processes

TICKS = 5


def ticked(kind: str, place: str, name: str, contacts: int, waiting: int, due: int, batch: int) -> Ticked:
    """Ticks on a database of its own, gone afterwards on PostgreSQL's side only when the server is."""
    store = make(kind, place, name)
    fill(store, contacts, waiting, due)
    url = store.url.render_as_string(hide_password=False)
    store.close()
    (found,) = in_processes(url, 1, batch, TICKS)
    said = f"{contacts:,} contacts, {waiting:,} waiting"
    print(f"{kind}, {said}: {1000 * found.median:,.0f} ms for {batch:,} messages, {found.megabytes} MB", flush=True)
    return found


def main() -> None:
    """Fill, tick and compare."""
    n = next((int(a) for a in sys.argv[1:] if a.isdigit()), 1_000_000)
    kinds = [a for a in sys.argv[1:] if not a.isdigit()] or ["sqlite", "postgresql"]
    few, due = max(n // 100, 2_000), max(n // 20, 2_000)
    batch = few // (TICKS + 3)
    for kind in kinds:
        with databases(kind) as places:
            small = ticked(kind, places[kind], "few", few, few, few, batch)
            large = ticked(kind, places[kind], "many", n, few, few, batch)
            short = ticked(kind, places[kind], "short", n, due, due, batch)
            long = ticked(kind, places[kind], "long", n, 5 * n, due, batch)
        print(f"{kind}: {large.median / small.median:.1f} times the tick with {n // few} times the contacts")
        print(
            f"{kind}: {long.median / short.median:.1f} times the tick with {5 * n:,} messages waiting instead of {due:,}"
        )


if __name__ == "__main__":
    main()
