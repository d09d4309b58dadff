"""How fast contacts are imported from a CSV file, with an address and two consents each, into a database that holds some
already: rows read, checked, known ones found, circles and consents written, in transactions of 5,000. Beside it, on the same
files, the usual way, row by row, and the same statements through the bare driver.

python benchmarks/bench_import.py [CONTACTS] [sqlite] [postgresql]
"""

from __future__ import annotations

import csv
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bare_driver import noted, replayed
from filled import databases, make
from usual_import import usual_import
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


def compare(name: str, ours: Store, usual: Store, bare: Store, files: list[Path]) -> None:
    """New contacts, each way in a database of its own that holds those of the files before, and the same files once more."""
    new, usually, alone = [], [], []
    for path in files:
        with noted(ours) as said:
            new.append(measured(ours, path))
        began = time.perf_counter()
        n = usual_import(usual, path)
        usually.append(n / (time.perf_counter() - began))
        alone.append(n / sum(replayed(bare, said)))
    again = [measured(ours, path) for path in files]
    for what, found in (("new", new), ("once more", again), ("new, the usual way", usually)):
        print(f"{name}, {what}: {statistics.median(found):>9,.0f} contacts/s [{min(found):,.0f} to {max(found):,.0f}]")
    times = statistics.median(a / b for a, b in zip(new, usually, strict=True))
    longer = statistics.median(a / b for a, b in zip(alone, new, strict=True))
    print(f"{name}: {times:.1f} times the usual way; takes {longer:.2f} times as long as its statements alone")


def main() -> None:
    """On each database."""
    n = next((int(a) for a in sys.argv[1:] if a.isdigit()), 200_000) // RUNS
    kinds = [a for a in sys.argv[1:] if not a.isdigit()] or ["sqlite", "postgresql"]
    with databases(" ".join(kinds)) as places, tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"contacts{k}.csv" for k in range(RUNS)]
        for k, path in enumerate(files):
            write(path, k * n, n)
        for kind, place in places.items():
            ours, usual, bare = stores = [make(kind, place, name) for name in ("ours", "usual", "bare")]
            settle_in()
            compare(f"{kind}, {n:,} rows", ours, usual, bare, files)
            for store in stores:
                store.close()


if __name__ == "__main__":
    main()
