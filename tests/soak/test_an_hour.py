"""An hour of the daemon on the real clock, with messages coming in all the while."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.audit.verify import verify
from cadence.clock import system_micros
from cadence.store import status
from tests.whole.living import Process


@pytest.mark.soak
def test_an_hour_of_the_daemon_on_the_real_clock(tmp_path: Path) -> None:
    process = Process.prepared(tmp_path, 200)
    last = [0.0]

    def meanwhile(passed: float) -> None:
        if passed - last[0] > 60 and passed < 3_500:
            last[0] = passed
            process.accept(range(int(passed) % 190, int(passed) % 190 + 10))

    code, log = process.run(3_600, meanwhile)

    assert code == 0
    with process.installation.store.read() as conn:
        assert status.counts_by_state(conn) == {"sent": process.accepted}
    assert process.accepted > 500
    assert [line["event"] for line in log if line["level"] == "error"] == []
    assert verify(process.installation.store, now=system_micros(), drained=True).ok
