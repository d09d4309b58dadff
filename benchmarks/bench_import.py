"""How fast contacts are imported from a CSV file, with an address and two consents each, into a database that holds some
already: rows read, checked, known ones found, circles and consents written, in transactions of 5,000.

python benchmarks/bench_import.py [CONTACTS] [sqlite] [postgresql]
"""

from __future__ import annotations

import csv
import statistics
import sys
import tempfile
import time
from pathlib import Path

from filled import databases, make
from world import NOW, ZONES

from cadence.daemon import settle_in
from cadence.doors.files import import_file
from cadence.store import Store

RUNS = 3


def write(path: Path, first: int, n: int) -> None:
    """A file of n contacts."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("id", "addresses.email", "timezone", "country", "attributes.plan", "consents.email"))
        for i in range(first, first + n):
            plan = ("free", "pro", "team")[i % 3]
            out.writerow(
                (f"c-{i}", f"some.one{i}@example{i % 50}.com", ZONES[i % 25], "SE", plan, "newsletter|promotion")
            )


def measured(store: Store, path: Path) -> float:
    """Contacts a second, checked to be all in."""
    began = time.perf_counter()
    report = import_file(store, "contacts", path, now=NOW, categories=frozenset({"newsletter", "promotion"}))
    took = time.perf_counter() - began
    assert report.rows == report.accepted + report.unchanged, report.bad_rows[:1]
    return report.rows / took


def main() -> None:
    """New contacts, and the same file once more, on each database."""
    n = next((int(a) for a in sys.argv[1:] if a.isdigit()), 200_000) // RUNS
    kinds = [a for a in sys.argv[1:] if not a.isdigit()] or ["sqlite", "postgresql"]
    with databases(" ".join(kinds)) as places, tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"contacts{k}.csv" for k in range(RUNS)]
        for k, path in enumerate(files):
            write(path, k * n, n)
        for kind, place in places.items():
            store = make(kind, place, "imported")
            settle_in()
            new, again = [[measured(store, path) for path in files] for _ in ("new", "again")]
            for name, found in (("new", new), ("once more", again)):
                low, high = min(found), max(found)
                print(
                    f"{kind}, {n:,} rows, {name}: {statistics.median(found):>9,.0f} contacts/s [{low:,.0f} to {high:,.0f}]"
                )
            store.close()


if __name__ == "__main__":
    main()
