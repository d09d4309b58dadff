"""Mishaps: a database that goes away or is full, a clock that steps, two daemons. Nothing is lost, nobody written to twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from cadence.audit.verify import verify
from cadence.clock import RealClock, VirtualClock
from cadence.daemon import Daemon, Jobs, Options, Pace, agree_clock, unsettled_jump
from cadence.facts import DAY, SECOND, instant
from cadence.queue import handover, steps
from cadence.queue import tick as ticking
from cadence.queue.outlets import Outlet
from cadence.queue.reload import PolicyFiles
from cadence.store import Store, StoreUnavailable, status, tables
from tests.daemon.test_daemon import POLICY
from tests.queue.world import World, at

NOON = "2026-03-03T12:00"
FAST = Pace(tick=0.1, send=0.1, plan=0.1, reload=0.1)
AROUND_THE_CLOCK = POLICY.replace('quiet_hours: {name: night, from: "20:00", to: "08:00"}', "")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """An empty database of each kind, a maildir, and a policy that never sleeps in a file."""
    (tmp_path / "policy.yaml").write_text(AROUND_THE_CLOCK, "utf-8")
    store = Store.open(database_url)
    store.migrate()
    yield World(store, tmp_path / "mail", PolicyFiles(tmp_path / "policy.yaml").read())
    store.close()


def test_a_database_that_goes_away_in_the_middle_of_a_tick_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if world.store.dialect == "sqlite":
        pytest.skip("declared: SQLite is in the process and goes away only with it")
    world.contact("ann")
    id_ = world.message(NOON, "ann")
    work = world.work(NOON)

    def cut(step: str) -> None:
        if step == "written":
            with world.store.reader.connect() as conn:
                conn.exec_driver_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE xact_start < now()")

    monkeypatch.setattr(ticking, "reached", cut)
    with pytest.raises(StoreUnavailable):
        ticking.tick(work)
    monkeypatch.undo()
    assert (world.state(id_), world.touches()) == ("waiting", [])

    world.tick(NOON)

    assert (world.state(id_), len(world.touches())) == ("decided", 1)


def test_what_one_of_two_transactions_side_by_side_could_not_write_is_decided_by_the_next_tick(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if world.store.dialect == "sqlite":
        pytest.skip("declared: SQLite has one writer")
    ids = []
    for i in range(20):
        world.contact(f"c{i}")
        ids.append(world.message(NOON, f"c{i}"))
    work, real = world.work(NOON), ticking.decide_and_write
    middle = sorted(world.contacts[f"c{i}"][0] for i in range(20))[10]

    def cut(conn: Any, work: Any, loaded: Any) -> Any:
        done = real(conn, work, loaded)
        if loaded.messages.ints("shard", 0)[0] >= middle:
            raise StoreUnavailable("the server went away")
        return done

    monkeypatch.setattr(ticking, "MANY", 2)
    monkeypatch.setattr(ticking, "decide_and_write", cut)
    with pytest.raises(StoreUnavailable):
        ticking.tick(work)
    monkeypatch.undo()
    decided = {world.row(i)["shard"] < middle for i in ids if world.state(i) == "decided"}
    waiting = {world.row(i)["shard"] < middle for i in ids if world.state(i) == "waiting"}
    assert (decided, waiting) == ({True}, {False})

    world.tick(NOON)

    assert {world.state(i) for i in ids} == {"decided"}
    assert len(world.touches()) == 20


def test_a_daemon_that_is_alone_on_its_machine_has_two_transactions_side_by_side_and_one_of_several_has_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if world.store.dialect == "sqlite":
        pytest.skip("declared: SQLite has one writer")
    for i in range(20):
        world.contact(f"c{i}")
        world.message(NOON, f"c{i}")
    work, real, sizes = world.work(NOON), ticking.transact, []

    def noted(work: Any, circles: Any) -> Any:
        sizes.append(len(circles))
        return real(work, circles)

    monkeypatch.setattr(ticking, "MANY", 2)
    monkeypatch.setattr(ticking, "transact", noted)
    few = ticking.tick(replace(work, alone_here=False, batch=10))["claimed"]
    ticking.tick(work)

    assert sizes[0] == few
    assert (len(sizes), sum(sizes)) == (3, 20)


def test_a_database_that_goes_away_at_every_step_in_turn_loses_nothing_and_sends_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = []
    for name in ("ann", "bob"):
        world.contact(name)
        ids += [world.message(NOON, name, category) for category in ("news", "receipt")]
    # SQLite fails where something is written; another database's connection may be cut anywhere.
    left = {"decided", "written", "looked"} if world.store.dialect == "sqlite" else set(steps.STEPS)

    def away(step: str) -> None:
        if step not in left:
            return
        left.remove(step)
        if world.store.dialect == "sqlite":
            raise StoreUnavailable("the disk is full")
        with world.store.reader.connect() as conn:
            conn.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    monkeypatch.setattr(ticking, "reached", away)
    monkeypatch.setattr(handover, "reached", away)
    files = PolicyFiles(world.mail.parent / "policy.yaml")
    ways = {"email": Outlet(world.provider)}
    one = Daemon(world.store, VirtualClock(at(NOON)), files, ways, Jobs(world.letters), Options(until=at(NOON) + DAY))
    monkeypatch.setattr(one._stopping, "wait", lambda pause: False)
    one.run(signals=False)

    assert left == set()
    assert one.problems["database away"] >= 1
    assert {(world.state(i), world.row(i)["outcome_at"]) for i in ids} == {("sent", at(NOON))}
    assert (world.delivered(), len(world.touches())) == (4, 4)
    assert verify(world.store, now=at(NOON) + DAY, drained=True, maildir=world.mail).ok


def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(world: World) -> None:
    if world.store.dialect != "sqlite":
        pytest.skip("declared: PostgreSQL's disk can't be filled from here")
    ids = []
    for i in range(60):
        world.contact(f"c{i}")
        ids.append(world.message(NOON, f"c{i}"))
    work = world.work(NOON)
    with world.store.writer.connect() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailable, match="disk is full"):
        ticking.tick(work)
    assert {world.state(i) for i in ids} == {"waiting"}
    world.store.writer.dispose()

    world.tick(NOON)

    assert {world.state(i) for i in ids} == {"decided"}


def daemon(world: World, clock: RealClock, **options: object) -> Daemon:
    """A daemon on a real clock over that world."""
    files = PolicyFiles(world.mail.parent / "policy.yaml")
    ways = {"email": Outlet(world.provider)}
    return Daemon(world.store, clock, files, ways, Jobs(world.letters), Options(pace=FAST, **options))  # type: ignore[arg-type]


class Hands:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.shown, self.passed = at(NOON), 0

    def clock(self, world: World) -> RealClock:
        with world.store.read() as conn:
            latest = status.latest_now(conn)
        return RealClock(lambda: self.shown, latest, unsettled_jump(world.store), lambda: self.passed)


def test_a_clock_ahead_by_a_year_decides_nothing_until_an_admin_agrees(world: World) -> None:
    world.contact("ann")
    id_ = world.message(NOON, "ann")
    hands = Hands()
    one = daemon(world, hands.clock(world), once=True)
    hands.shown += 365 * DAY
    hands.passed += SECOND
    one.run(signals=False)
    assert world.state(id_) == "waiting"
    jump = unsettled_jump(world.store)
    assert jump is not None
    assert "jumped ahead" in jump.sentence

    restarted = daemon(world, hands.clock(world), once=True)
    restarted.run(signals=False)
    assert world.state(id_) == "waiting"

    agree_clock(world.store, hands.shown, "eva")
    daemon(world, hands.clock(world), once=True).run(signals=False)

    assert world.state(id_) == "expired"


def test_a_clock_set_back_an_hour_sends_nothing_twice_and_keeps_the_cap(world: World) -> None:
    world.contact("ann")
    hands = Hands()
    for _ in range(2):
        world.message(NOON, "ann")
    daemon(world, hands.clock(world), once=True).run(signals=False)
    hands.shown -= 3600 * SECOND
    third = world.message(NOON, "ann")

    daemon(world, hands.clock(world), once=True).run(signals=False)

    assert (world.state(third), world.delivered(), len(world.touches())) == ("waiting", 2, 2)


def test_a_machine_whose_clock_is_set_back_an_hour_goes_on(world: World) -> None:
    """The database's clock is right all the while: a server's on another machine."""
    world.contact("ann")
    right, since = time.time(), time.monotonic()
    clock = RealClock(lambda: round((right + time.monotonic() - since) * SECOND))
    one = daemon(world, clock)
    thread = threading.Thread(target=one.run, kwargs={"signals": False})
    thread.start()
    try:
        first = world.message(_text(clock.now()), "ann", "receipt")
        _until(lambda: world.state(first) == "sent")
        with time_machine.travel(right - 3600, tick=True):
            second = world.message(_text(clock.now()), "ann", "receipt")
            _until(lambda: world.state(second) == "sent")
    finally:
        one.stop()
        thread.join(30)


def test_two_daemons_share_the_work_and_keep_the_cap(world: World) -> None:
    names = [f"c{i}" for i in range(60)]
    for name in names:
        world.contact(name)
    both = [daemon(world, RealClock(), lease=3 * SECOND) for _ in range(2)]
    threads = [threading.Thread(target=d.run, kwargs={"signals": False}) for d in both]
    for thread in threads:
        thread.start()
    _until(lambda: _holders(world.store) == 2)
    now = _text(time.time_ns() // 1000)
    for name in names:
        for _ in range(3):
            world.message(now, name)
    _until(lambda: world.delivered() >= 120)
    for d in both:
        d.stop()
    for thread in threads:
        thread.join(20)

    assert (len(world.touches()), world.delivered()) == (120, 120)
    assert len({d["daemon"] for d in world.rows(tables.decision)}) == 2


def _holders(store: Store) -> int:
    with store.read() as conn:
        return len([d for d in status.daemons(conn) if d["shards"] > 0])


def _text(micros: int) -> str:
    return instant(micros).isoformat()


def _until(true: object, seconds: float = 60.0) -> None:
    """Wait for something that other threads or processes bring about; fails when it doesn't come."""
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def _run(folder: Path, project: Path, url: str) -> subprocess.Popen[bytes]:
    """`cadence run` in a process of its own."""
    env = {
        **os.environ, "CADENCE_DATABASE_URL": url, "CADENCE_POLICY": str(folder / "policy.yaml"),
        "CADENCE_CAMPAIGNS": str(folder / "none"), "CADENCE_VAR": str(folder), "CADENCE_TICK_SECONDS": "0.5",
        "PYTHONPATH": str(project),
    }  # fmt: skip
    return subprocess.Popen([sys.executable, "-m", "cadence", "run"], env=env, cwd=folder, stderr=subprocess.PIPE)


def test_the_real_drum_sends_reloads_and_stops_in_order(
    world: World,
    database_url: str,
    tmp_path: Path,
    project: Path,
) -> None:
    world.contact("ann")
    process = _run(tmp_path, project, database_url)
    try:
        _until(lambda: _daemons(world.store) == 1)
        first = world.message(_text(time.time_ns() // 1000), "ann")
        _until(lambda: world.state(first) == "sent")
        (tmp_path / "policy.yaml").write_text(AROUND_THE_CLOCK.replace("max: 2", "max: 1"), "utf-8")
        process.send_signal(signal.SIGHUP)
        _until(lambda: _uses(world.store) == 2)
        second = world.message(_text(time.time_ns() // 1000), "ann")
        _until(lambda: world.row(second)["rule"] == "1 per 7d")
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 0, errors.decode()
    assert _daemons(world.store) == 0


def _daemons(store: Store) -> int:
    with store.read() as conn:
        return len(status.daemons(conn))


def _uses(store: Store) -> int:
    with store.read() as conn:
        return int(conn.execute(sa.text("SELECT count(*) FROM policy_use")).scalar_one())
