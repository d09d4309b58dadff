"""Some days of the shop on each database: customers come in by file, campaigns go out, and the record stands up to the
verifier."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.audit.verify import verify
from cadence.cli.installation import options_of
from cadence.clock import VirtualClock
from cadence.facts import DAY
from cadence.store import summary
from tests.whole.living import shop


@pytest.mark.slow
def test_five_days_of_sixty_customers(project: Path, tmp_path: Path, database_url: str) -> None:
    installation, start = shop(project, tmp_path, 60, database_url)
    until = start + 5 * DAY
    installation.daemon(VirtualClock(start), options_of(installation.settings, until=until)).run(signals=False)

    with installation.store.read() as conn:
        seen = summary.of(conn)
        most = summary.most_touched(conn, 7 * DAY)
    assert seen.sent > 20
    assert 0 < most <= 3
    report = verify(installation.store, now=until)
    assert report.ok, report.text()
    installation.store.close()
