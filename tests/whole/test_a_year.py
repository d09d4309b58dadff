"""A virtual year: memory stays flat, tables stay bounded, and the record holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from cadence import log
from cadence.audit.verify import verify
from cadence.cli.installation import Installation, options_of
from cadence.clock import VirtualClock
from cadence.daemon import Report
from cadence.facts import DAY
from cadence.store import tables
from tests.whole.living import shop

MONTH = 30 * DAY


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


def rows(installation: Installation, table: sa.Table) -> int:
    with installation.store.read() as conn:
        return int(conn.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def live_a_year(project: Path, folder: Path, customers: int) -> None:
    log.configure(level="error")
    installation, start = shop(project, folder, customers)
    memory: dict[int, int] = {}
    kept: dict[int, int] = {}

    def watch(report: Report) -> None:
        month = (report.now - start) // MONTH
        if month not in memory:
            memory[month] = resident()
            kept[month] = rows(installation, tables.decision) + rows(installation, tables.message)

    until = start + 365 * DAY
    installation.daemon(VirtualClock(start), options_of(installation.settings, until=until), watch).run(signals=False)

    assert memory[12] < 1.25 * memory[3], {m: n // 1_000_000 for m, n in memory.items()}
    assert kept[12] < 1.5 * kept[3], kept
    assert max(memory.values()) < 500_000_000
    report = verify(installation.store, now=until, drained=True, kept=35 * DAY)
    assert report.ok, report.text()


@pytest.mark.soak
def test_a_virtual_year_of_some_customers_shows_flat_memory_and_bounded_tables(project: Path, tmp_path: Path) -> None:
    live_a_year(project, tmp_path, 250)


@pytest.mark.soak
def test_a_virtual_year_of_two_thousand_customers_shows_the_same(project: Path, tmp_path: Path) -> None:
    live_a_year(project, tmp_path, 2_000)
