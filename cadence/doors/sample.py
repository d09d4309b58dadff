"""The shipped sample of real purchases, moved to the present: all dates by the same number of whole weeks.

The files themselves (config/sample/) are never changed; moved copies are written elsewhere and imported from there as
any other file is. This module knows the sample's columns and nothing of the store.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

FILES = ("contacts.csv", "consents.csv", "purchases.csv")
"""In the order in which they are imported."""
_DATED = ("consents.csv", "purchases.csv")


@dataclass(frozen=True, slots=True)
class Shifted:
    """The moved copies and by how much they were moved."""

    folder: Path
    weeks: int
    """How many whole weeks were added to each date."""
    last_purchase: date
    """Of the moved copies."""
    contacts: int
    purchases: int


def run_begins(today: date, folder: Path) -> date:
    """The latest date up to today on which a run can begin with the sample's last purchase on the day before it.

    Whole weeks keep weekdays, so this is always the weekday after that of the last purchase."""
    after = last_purchase(folder) + timedelta(days=1)
    return today - timedelta(days=(today - after).days % 7)


def last_purchase(folder: Path) -> date:
    """The date of the last purchase in a folder that holds the sample."""
    with (folder / "purchases.csv").open(encoding="utf-8", newline="") as file:
        return max(date.fromisoformat(row["at"]) for row in csv.DictReader(file))


def shifted(folder: Path, into: Path, begins: date) -> Shifted:
    """Writes copies of the sample into a folder (made if need be), moved so that the last purchase lies as late as
    whole weeks allow before the date on which the run begins: on the day before it, where that comes from `run_begins`.

    Raises OSError where the sample isn't there or the folder can't be written, ValueError for a date that is none."""
    last = last_purchase(folder)
    weeks = (begins - timedelta(days=1) - last).days // 7
    into.mkdir(parents=True, exist_ok=True)
    counts = {name: _move(folder / name, into / name, weeks if name in _DATED else 0) for name in FILES}
    return Shifted(into, weeks, last + timedelta(weeks=weeks), counts["contacts.csv"], counts["purchases.csv"])


def _move(source: Path, target: Path, weeks: int) -> int:
    """Copies one file with its `at` moved, and says how many lines it has."""
    by = timedelta(weeks=weeks)
    with source.open(encoding="utf-8", newline="") as file, target.open("w", encoding="utf-8", newline="") as out:
        reader = csv.DictReader(file)
        writer = csv.DictWriter(out, list(reader.fieldnames or ()), lineterminator="\n")
        writer.writeheader()
        count = 0
        for row in reader:
            if weeks:
                row["at"] = (date.fromisoformat(row["at"]) + by).isoformat()
            writer.writerow(row)
            count += 1
    return count
