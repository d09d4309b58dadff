"""The real scheduler, the real clock, a process of its own: what comes in goes out, and SIGTERM loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.audit.verify import verify
from cadence.clock import system_micros
from cadence.facts import SECOND
from cadence.store import status
from tests.whole.living import Process


@pytest.mark.slow
def test_twenty_seconds_of_the_daemon_on_the_real_clock(tmp_path: Path) -> None:
    process = Process.prepared(tmp_path, 40)
    process.accept(range(20))
    process.accept(range(20, 30), after=6 * SECOND)
    came: list[float] = []

    def meanwhile(passed: float) -> None:
        if passed > 10 and not came:
            came.append(passed)
            process.accept(range(30, 40))

    code, log = process.run(20, meanwhile)

    assert code == 0
    with process.installation.store.read() as conn:
        states = status.counts_by_state(conn)
        beats = [d["heartbeat_at"] for d in status.daemons(conn)]
    assert states == {"sent": process.accepted} == {"sent": 40}
    assert len(list((tmp_path / "maildir/new").iterdir())) == 40
    assert [line["event"] for line in log if line["level"] not in ("info", "debug")] == []
    ticks = [line for line in log if line["event"] == "tick"]
    assert len(ticks) >= 3
    assert all({"claimed", "seconds", "now"} <= set(line) for line in ticks)
    assert not beats or max(beats) > system_micros() - 60 * SECOND
    assert verify(process.installation.store, now=system_micros(), drained=True).ok
