"""Several daemons in processes of their own: who dies or leaves is taken over from, who was only asleep touches nothing,
and shards move evenly, without a pause for anybody."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from cadence.audit.verify import verify
from cadence.facts import SECOND, EventKind, instant
from cadence.queue import leases as holding
from cadence.queue.reload import PolicyFiles
from cadence.store import Store, engine, leases, status, tables
from cadence.store.engine import now_of
from cadence.store.ids import SHARDS
from tests.crash.victim import Ledger, Scene, asleep, awake, fork, wait
from tests.daemon.test_mishaps import AROUND_THE_CLOCK
from tests.queue.world import World

LEASE = 6 * SECOND
SLACK = 1.5
"""Seconds that a busy machine may be late."""


@dataclass
class Company:
    """A database, and the daemons that are at work on it."""

    world: World
    scene: Scene
    pids: list[int] = field(default_factory=list)

    def comes(self, sleep_at: str = "") -> int:
        """One more daemon; the id of its process."""
        self.pids.append(fork(self.scene, sleep_at=sleep_at))
        return self.pids[-1]

    def gone(self, pid: int, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; how it ended."""
        os.kill(pid, how)
        self.pids.remove(pid)
        return wait(pid)

    def shares(self) -> list[int]:
        """How many shards each daemon holds, the most first."""
        with self.world.store.read() as conn:
            asked = sa.select(tables.shard.c.holder, sa.func.count()).group_by(tables.shard.c.holder)
            return sorted((n for holder, n in conn.execute(asked) if holder is not None), reverse=True)

    def message(self, name: str) -> int:
        """A letter to somebody, due now."""
        return self.world.message(self.now(), name)

    def now(self) -> str:
        """The instant by the database's clock."""
        with self.world.store.read() as conn:
            return instant(now_of(conn)).isoformat()

    def judge(self) -> None:
        """Whatever happened, every promise was kept."""
        with self.world.store.read() as conn:
            now = max(now_of(conn), status.latest_now(conn) or 0)
        report = verify(self.world.store, now=now, drained=True)
        assert report.ok, report.text()


@pytest.fixture
def company(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    """An empty database of each kind, a policy that never sleeps, and no daemon as yet; none stays afterwards."""
    monkeypatch.setattr(engine, "ASLEEP_SECONDS", 2)
    (tmp_path / "policy.yaml").write_text(AROUND_THE_CLOCK.replace("max: 2", "max: 99"), "utf-8")
    store = Store.open(database_url)
    store.migrate()
    world = World(store, tmp_path / "mail", PolicyFiles(tmp_path / "policy.yaml").read())
    ledger = Ledger(tmp_path / "ledger", can_look=False)
    made = Company(world, Scene(database_url, tmp_path / "policy.yaml", ledger, None, None, LEASE, apart=True))
    yield made
    for pid in list(made.pids):
        made.gone(pid, signal.SIGKILL)
    store.close()


def until(true: Callable[[], bool], seconds: float = 30.0) -> float:
    """Wait for something to come about; how many seconds it took. Fails when it doesn't come."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, "it did not come about in time"
        time.sleep(0.02)
    return time.monotonic() - began


def test_one_that_dies_is_taken_over_from_within_its_lease(company: Company) -> None:
    company.world.contact("ann")
    first, _ = company.comes(), company.comes()
    until(lambda: company.shares() == [SHARDS // 2] * 2)

    company.gone(first, signal.SIGKILL)
    took = until(lambda: company.shares() == [SHARDS])

    assert took <= LEASE / SECOND + SLACK
    sent = company.message("ann")
    until(lambda: company.world.state(sent) == "sent")


def test_shards_are_shared_out_evenly_and_nobody_waits_while_daemons_come_and_go(company: Company) -> None:
    company.scene = replace(company.scene, lease=2 * LEASE)  # far longer than a busy machine takes for anything here
    names = [f"c{i}" for i in range(80)]
    for name in names:
        company.world.contact(name)
    sent: list[int] = []
    flowing = threading.Event()
    stream = threading.Thread(
        target=lambda: [sent.append(company.message(name)) for name in names * 9 if not flowing.wait(0.1)]
    )
    pids = [company.comes()]
    until(lambda: company.shares() == [64])
    stream.start()
    try:
        for shares in ([32, 32], [22, 21, 21]):
            pids.append(company.comes())
            until(lambda shares=shares: company.shares() == shares)
        assert company.gone(pids.pop(0)) == 0
        until(lambda: company.shares() == [32, 32])
        assert company.gone(pids.pop(0)) == 0
        until(lambda: company.shares() == [64] and len(sent) > 20)
    finally:
        flowing.set()
        stream.join()
    until(lambda: {company.world.state(id_) for id_ in sent} == {"sent"})

    rows = [company.world.row(id_) for id_ in sent]
    assert max(r["outcome_at"] - r["created_at"] for r in rows) < 2 * LEASE, "some waited for shards on their way"
    company.judge()


SLOW = pytest.mark.slow
STEPS = ["claimed", "written", pytest.param("committed", marks=SLOW), pytest.param("handed over", marks=SLOW), "marked"]


@pytest.mark.parametrize("step", STEPS)
def test_one_that_was_only_asleep_finds_its_lease_gone_and_touches_nothing(company: Company, step: str) -> None:
    if step == "written" and company.world.store.dialect == "sqlite":
        pytest.skip("declared: who sleeps in a transaction on SQLite holds the only lock there is, until it is killed")
    company.world.contact("ann")
    sleeper = company.comes(step)
    message = company.message("ann")
    asleep(company.scene, sleeper)
    company.comes()

    until(lambda: company.world.state(message) in ("sent", "in_doubt"))
    until(lambda: company.shares() == [SHARDS])
    taken_meanwhile = company.scene.ledger.taken()
    awake(company.scene, sleeper)
    until(lambda: company.shares() == [SHARDS // 2] * 2)
    until(lambda: company.world.state(message) == "sent")

    assert company.scene.ledger.taken() == [message]
    assert taken_meanwhile == ([] if step == "marked" else [message])
    assert len(company.world.touches()) == 1
    assert company.gone(sleeper) == 0
    company.judge()


def test_a_stop_said_while_one_was_asleep_is_heeded_when_it_wakes_right_before_the_hand_over(company: Company) -> None:
    company.world.contact("ann")
    sleeper = company.comes("marked")
    message = company.message("ann")
    asleep(company.scene, sleeper)
    company.comes()
    until(lambda: company.world.state(message) == "in_doubt")
    company.world.say("ann", EventKind.OPT_OUT, company.now())

    awake(company.scene, sleeper)
    until(lambda: company.world.state(message) == "suppressed")

    assert (company.scene.ledger.taken(), company.world.touches()) == ([], [])
    company.judge()


def test_nobody_waits_for_one_who_writes_when_leases_are_renewed(company: Company) -> None:
    store = company.world.store
    if store.dialect == "sqlite":
        pytest.skip("declared: SQLite has one lock for all")
    held, _ = holding.hold(store, "a", holding.this_process(), 0, "p")
    done = threading.Event()

    def come_and_go() -> None:
        for _ in range(2):
            for other in ("b", "c"):
                holding.hold(store, other, holding.this_process(), 0, "p")
        done.set()

    with store.write() as conn:
        assert leases.lock_mine(conn, "a", held.shards) == set(range(SHARDS))
        others = threading.Thread(target=come_and_go)
        others.start()
        waited = not done.wait(10)
    others.join()

    assert not waited


def test_shares_are_all_shards_and_differ_by_one_at_the_most() -> None:
    for n in range(1, 70):
        names = [f"daemon-{i}" for i in range(n)]
        shares = [leases.share_of(me, names, SHARDS) for me in names]
        assert sum(shares) == SHARDS
        assert max(shares) - min(shares) <= 1


def test_the_log_tells_what_each_takes_gives_back_and_loses(company: Company) -> None:
    """By hand, one after another: what a machine's log says when its share changes."""
    store = company.world.store
    first, second = holding.Lease(store, 10 * LEASE), holding.Lease(store, 10 * LEASE)
    first._here = second._here = leases.Process("elsewhere", 1, None)

    def beat(one: holding.Lease) -> list[tuple[str, int]]:
        with capture_logs() as lines:
            one.renew(0, "p", None)
        return [(line["event"], line["shards"]) for line in lines]

    assert beat(first) == [("shards taken", 64)]
    assert beat(second) == []
    assert beat(first) == [("shards given back to be shared out", 32)]
    assert beat(second) == [("shards taken", 32)]
    assert (beat(first), beat(second)) == ([], [])

    silent(store, first.me, 10 * LEASE)
    assert beat(second) == [("shards taken over from a daemon that is gone", 32)]
    lost = [("others took shards over while this daemon gave no sign of life", 32)]
    assert beat(first) == lost
    assert beat(second) == [("shards given back to be shared out", 32)]


@pytest.mark.parametrize(("machine", "alone"), [("here", False), ("there", True)])
def test_a_daemon_knows_whether_another_is_at_work_on_its_machine(company: Company, machine: str, alone: bool) -> None:
    one, other = (holding.Lease(company.world.store, 10 * LEASE) for _ in range(2))
    one._here, other._here = leases.Process("here", 1, None), leases.Process(machine, 2, None)
    one.renew(0, "p", None)
    assert one.alone_here
    other.renew(0, "p", None)
    one.renew(0, "p", None)
    assert (one.alone_here, other.alone_here) == (alone, alone)
    silent(company.world.store, other.me, 10 * LEASE)
    one.renew(0, "p", None)
    assert one.alone_here


def silent(store: Store, name: str, for_so_long: int) -> None:
    """A daemon's last sign of life was so long ago."""
    with store.write() as conn:
        at = now_of(conn) - for_so_long
        conn.execute(tables.daemon.update().where(tables.daemon.c.id == name).values(heartbeat_at=at))
