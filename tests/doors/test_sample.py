"""The shipped sample: it is the one we say it is, and moving it keeps weekdays."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

from cadence.doors.sample import last_purchase, run_begins, shifted

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "config" / "sample"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_sample_holds_2357_customers_and_6919_purchases() -> None:
    purchases = rows(SAMPLE / "purchases.csv")
    assert (len(rows(SAMPLE / "contacts.csv")), len(purchases)) == (2_357, 6_919)
    assert {r["contact"] for r in purchases} == {r["id"] for r in rows(SAMPLE / "contacts.csv")}


def test_its_purchases_are_those_of_the_full_data_set(shared: Path) -> None:
    ours = Counter((r["contact"], r["at"].replace("-", ""), float(r["amount"])) for r in rows(SAMPLE / "purchases.csv"))
    customers = {customer for customer, _, _ in ours}
    master = gzip.decompress((shared / "data" / "cdnow_master.txt.gz").read_bytes()).decode("ascii")
    lines = [line.split() for line in master.splitlines()[1:] if line.strip()]
    assert Counter((c, at, float(dollars)) for c, at, _, dollars in lines if c in customers) == ours


def test_every_address_is_under_example_com() -> None:
    assert {r["email"].rpartition("@")[2] for r in rows(SAMPLE / "contacts.csv")} == {"example.com"}


def test_the_last_purchase_lies_on_the_day_before_the_run(tmp_path: Path) -> None:
    begins = run_begins(date(2026, 11, 24), SAMPLE)
    moved = shifted(SAMPLE, tmp_path, begins)
    assert moved.last_purchase == begins - timedelta(days=1) == last_purchase(tmp_path)
    assert timedelta(0) <= date(2026, 11, 24) - begins < timedelta(days=7)


def test_a_run_that_begins_on_any_day_has_the_last_purchase_within_the_week_before(tmp_path: Path) -> None:
    for day in range(7):
        begins = date(2026, 3, 2) + timedelta(days=day)
        moved = shifted(SAMPLE, tmp_path, begins)
        assert timedelta(days=1) <= begins - moved.last_purchase <= timedelta(days=7)


def test_moving_keeps_each_weekday_and_every_other_column(tmp_path: Path) -> None:
    moved = shifted(SAMPLE, tmp_path, date(2026, 11, 25))
    for before, after in zip(rows(SAMPLE / "purchases.csv"), rows(tmp_path / "purchases.csv"), strict=True):
        was, now = date.fromisoformat(before.pop("at")), date.fromisoformat(after.pop("at"))
        assert now - was == timedelta(weeks=moved.weeks)
        assert before == after
    assert rows(SAMPLE / "contacts.csv") == rows(tmp_path / "contacts.csv")
