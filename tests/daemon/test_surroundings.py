"""What may be wrong around a daemon: an old database, another's tables, other settings beside it, a clock that is off, a
database that can only be read or restarts. Each is named, in words that say what to do, and nothing goes out on a guess."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from cadence.cli import installation as installing
from cadence.cli.db import trusted_now
from cadence.cli.installation import CampaignDesk, Installation, options_of
from cadence.cli.standing import standing_of
from cadence.clock import RealClock, VirtualClock
from cadence.daemon import Daemon, agree_clock, unsettled_jump
from cadence.facts import DAY, HOUR, SECOND, instant
from cadence.queue import leases as holding
from cadence.queue.reload import PolicyFiles
from cadence.settings import Settings
from cadence.store import Store, StoreError, StoreUnavailable, engine, status, tables
from cadence.store.engine import now_of
from cadence.store.ids import SHARDS, new_id
from tests.conformance.conftest import Cluster
from tests.daemon.test_mishaps import AROUND_THE_CLOCK
from tests.queue.world import World


@pytest.fixture
def installation(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """An installation on a database of each kind, with a message that would be welcome now."""
    made = opened(database_url, tmp_path)
    yield made
    made.store.close()


def opened(url: str, folder: Path, **changed: Any) -> Installation:
    """An installation in a folder."""
    (folder / "policy.yaml").write_text(AROUND_THE_CLOCK, "utf-8")
    settings = Settings(
        database_url=url, policy=folder / "policy.yaml", campaigns=folder / "none", var=folder / "var", **changed
    )
    return Installation.open(settings, new=True)


def daemon(installation: Installation, **options: Any) -> Daemon:
    """One of its daemons, to do what is due and end."""
    clock = installation.real_clock(lambda sentence: None)
    return installation.daemon(clock, options_of(installation.settings, once=True, **options))


def message(installation: Installation) -> tuple[World, int]:
    """A letter that is welcome now."""
    world = World(installation.store, installation.settings.var / "maildir")
    world.contact("ann")
    with installation.store.read() as conn:
        now = instant(now_of(conn)).isoformat()
    return world, world.message(now, "ann")


def attention(installation: Installation) -> str:
    """What `cadence status` says needs attention."""
    return " ".join(standing_of(installation).attention)


def another(installation: Installation, **row: Any) -> None:
    """A daemon on another machine that gave a sign of life just now."""
    with installation.store.write() as conn:
        now = now_of(conn)
        there = {"id": "another", "host": "elsewhere", "pid": 1, "started_at": now - HOUR, "heartbeat_at": now}
        conn.execute(tables.daemon.insert().values(**{**there, "clock_now": now, "policy": "p", **row}))


def test_a_server_that_is_too_old_is_refused_by_name(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    if installation.store.dialect == "sqlite":
        monkeypatch.setattr(engine, "SQLITE_LEAST", (99, 0, 0))
    monkeypatch.setattr(engine, "POSTGRESQL_LEAST", 99)
    with pytest.raises(StoreError, match=r"(is too old; 99\.0\.0|is PostgreSQL \d+; 99) or newer is needed"):
        Store.open(installation.settings.database_url).migrate()


def test_tables_with_another_number_of_shards_are_refused_by_name(installation: Installation) -> None:
    with installation.store.write() as conn:
        conn.execute(tables.installation.update().values(shards=32))
    with pytest.raises(StoreError, match="over 32 shards, and this release knows 64"):
        installation.store.migrate()


def test_one_server_can_not_be_distributed_and_says_what_it_lacks(installation: Installation) -> None:
    if installation.store.is_distributed():
        pytest.skip("declared: it is distributed already")
    lacks = "one file" if installation.store.dialect == "sqlite" else "hasn't the extension citus; install Citus"
    with pytest.raises(StoreError, match=lacks):
        installation.store.distribute()


def test_a_daemon_of_an_older_release_shares_with_this_one(installation: Installation) -> None:
    """It takes a share rounded up, and knows a lease by its end."""
    store, lease = installation.store, 30 * SECOND
    another(installation, id="older")
    with store.write() as conn:
        old = tables.shard.c.shard < 40
        conn.execute(tables.shard.update().where(old).values(holder="older", lease_until=now_of(conn) + lease))

    held, living = holding.hold(store, "newer", holding.this_process(), 0, "p")

    assert (held.shards, set(living)) == (tuple(range(40, SHARDS)), {"older"})
    with store.read() as conn:
        ends = set(conn.scalars(sa.select(tables.shard.c.lease_until).where(tables.shard.c.holder == "newer")))
        assert min(ends) > now_of(conn)


def test_a_daemon_with_another_secret_is_refused_until_an_admin_agrees(
    installation: Installation, tmp_path: Path
) -> None:
    daemon(installation).run(signals=False)
    other = opened(installation.settings.database_url, tmp_path, secret="another secret of some length")
    with pytest.raises(StoreError, match="the secret in these settings isn't the one"):
        daemon(other)

    another(installation)
    with pytest.raises(StoreError, match="daemons are at work, and sign with the secret there was: stop another first"):
        other.agree_secret("eva")
    with installation.store.write() as conn:
        conn.execute(tables.daemon.delete())
    other.agree_secret("eva")

    daemon(other).run(signals=False)
    with pytest.raises(StoreError, match="the secret in these settings"):
        daemon(installation)
    other.store.close()


def test_a_machine_without_the_secret_is_refused_and_makes_none_of_its_own(
    installation: Installation, tmp_path: Path
) -> None:
    daemon(installation).run(signals=False)
    (tmp_path / "elsewhere").mkdir()
    other = opened(installation.settings.database_url, tmp_path / "elsewhere")

    with pytest.raises(StoreError, match=r"these settings have none: .* copy var/secret\); where it is lost, stop all"):
        daemon(other)

    assert not (other.settings.var / "secret").exists()
    other.agree_secret("eva")
    daemon(other).run(signals=False)
    other.store.close()


def test_who_only_looks_makes_no_secret(installation: Installation) -> None:
    attention(installation)

    assert not (installation.settings.var / "secret").exists()


def test_the_database_knows_no_secret(installation: Installation) -> None:
    daemon(installation).run(signals=False)

    with installation.store.read() as conn:
        known = status.note(conn, "secret")["fingerprint"]
    assert known not in (installation.settings.var / "secret").read_text()
    assert len(known) == 32


def test_daemons_with_different_policies_are_named_at_start_and_in_status(
    installation: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    another(installation, policy="0123456789abcdef")
    one = daemon(installation)
    one.run(signals=False)

    told = holding.unlike(installation.store, {"another"}, one._policy.active.policy.hash)
    assert told == [
        f"another goes by policy 0123456789ab, and this daemon by {one._policy.active.policy.hash[:12]}; does each see the same files?"
    ]
    another(installation, id="third", policy="fedcba9876543210")
    assert "different policies (another by 0123456789ab, third by fedcba987654)" in attention(installation)


def test_daemons_with_different_campaigns_are_named_in_status(installation: Installation) -> None:
    another(installation, last_tick='{"campaigns": "0123456789abcdef"}')
    one = daemon(installation)
    told: list[str] = []
    one._watch = lambda report: told.append(attention(installation))
    message(installation)
    one.run(signals=False)

    assert any("different campaigns (another by 0123456789ab, " in seen for seen in told)


LETTER = """
name: weekly
category: news
audience: {where: {}}
schedule: {cron: "0 10 * * TUE"}
expires: 3d
template: {subject: Hello, text: Hello.}
"""


def test_a_campaign_that_came_while_the_database_was_away_is_taken_in_when_it_is_back(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, now = PolicyFiles(installation.settings.policy).read(), installation.clock_now()
    desk = CampaignDesk(installation, policy)
    desk.plan(policy, now)
    empty = desk.told()
    installation.settings.campaigns.mkdir()
    (installation.settings.campaigns / "weekly.yaml").write_text(LETTER, "utf-8")

    @contextmanager
    def away(_: Store) -> Iterator[None]:
        raise StoreUnavailable("the server went away")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(Store, "read", away)
        with pytest.raises(StoreUnavailable):
            desk.plan(policy, now)
    assert desk.told() == empty

    desk.plan(policy, now)

    assert desk.told() != empty


def test_broken_campaigns_are_told_of_by_the_daemons_row_until_they_are_mended(installation: Installation) -> None:
    policy, now = PolicyFiles(installation.settings.policy).read(), installation.clock_now()
    desk = CampaignDesk(installation, policy)
    installation.settings.campaigns.mkdir()
    file = installation.settings.campaigns / "weekly.yaml"

    def broken(text: str) -> str | None:
        file.write_text(text, "utf-8")
        desk.plan(policy, now)
        return desk.told().get("campaigns_broken")

    assert "weekly.yaml:7" in (broken(LETTER.replace("subject", "subjct")) or "")
    assert broken(LETTER) is None


def test_a_daemon_whose_clock_is_an_hour_off_is_named_in_status(installation: Installation) -> None:
    another(installation)
    with installation.store.read() as conn:
        now = now_of(conn)
    another(installation, id="fast", clock_now=now + HOUR)

    assert "clocks that differ by 1.0 h; the one ahead is that of fast" in attention(installation)


def test_signs_of_life_from_ahead_are_named_in_status(installation: Installation) -> None:
    with installation.store.read() as conn:
        now = now_of(conn)
    another(installation, heartbeat_at=now + HOUR, clock_now=now + HOUR)

    assert "the last sign of life of another lies 1.0 h ahead of now" in attention(installation)


def test_a_machine_whose_clock_is_an_hour_off_says_so_at_start_and_decides_by_the_databases(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    if installation.store.dialect == "sqlite":
        pytest.skip("declared: SQLite has no clock but the machine's")
    real, told = installing.system_micros, []
    monkeypatch.setattr(installing, "system_micros", lambda: real() + HOUR)

    clock = installation.real_clock(told.append)

    assert "this machine's clock is 1.0 h ahead of the database's; decisions go by the database's" in told[0]
    assert abs(clock.now() - real()) < 60 * SECOND


def old_decision(installation: Installation, now: int) -> Callable[[], int]:
    """A decision of 300 days ago; how many are left of it."""
    decided = sa.select(sa.func.count()).select_from(tables.decision)
    world = World(installation.store, installation.settings.var / "maildir")
    shard, contact, circle = world.contact("old")
    row = {"shard": shard, "id": new_id(), "circle": circle, "contact": contact, "message": new_id()}
    with installation.store.write() as conn:
        conn.execute(tables.decision.insert().values(**row, at=now - 300 * DAY, verdict=0, policy="p", seen_number=0))

    def left() -> int:
        with installation.store.read() as conn:
            return int(conn.scalar(decided) or 0)

    return left


def housekeeping(installation: Installation, now: int) -> None:
    """A daemon that starts, and looks for what is old, by a clock that says this."""
    with installation.store.read() as conn:
        latest = status.latest_now(conn)
    clock = RealClock(lambda: now, latest, unsettled_jump(installation.store), lambda: 0)
    one = installation.daemon(clock, options_of(installation.settings, once=True))
    one.run(signals=False)
    one._lease.renew(now, "p", None)
    one._housekeeping()
    holding.leave(installation.store, one.me)


def test_what_is_old_goes_by_the_databases_clock_not_by_the_machines(installation: Installation) -> None:
    if installation.store.dialect == "sqlite":
        pytest.skip("declared: SQLite has no clock but the machine's")
    now = installation.clock_now()
    left = old_decision(installation, now)
    with installation.store.write() as conn:
        status.saw_now(conn, now)
    with time_machine.travel(instant(now + 500 * DAY), tick=False):
        assert trusted_now(installation) - now < HOUR
    assert left() == 1


def test_a_daemon_that_starts_with_its_clock_far_ahead_removes_nothing_until_an_admin_agrees(
    installation: Installation,
) -> None:
    now = installation.clock_now()
    left = old_decision(installation, now)
    with installation.store.write() as conn:
        status.saw_now(conn, now)

    housekeeping(installation, now + 200 * DAY)
    assert left() == 1
    housekeeping(installation, now + 200 * DAY + SECOND)
    assert left() == 1
    assert "200 days after the latest instant that was on record" in attention(installation)
    with pytest.raises(ValueError, match="nothing was removed"):
        trusted_now(installation)

    agree_clock(installation.store, now + 200 * DAY, "eva")
    housekeeping(installation, now + 200 * DAY + 2 * SECOND)
    assert left() == 0


def test_while_a_jump_of_the_clock_is_unsettled_a_daemon_removes_nothing(installation: Installation) -> None:
    now = installation.clock_now()
    left = old_decision(installation, now)
    with installation.store.write() as conn:
        status.saw_now(conn, now)
        status.save_note(conn, "jump", {"expected": now, "found": now + 200 * DAY})

    housekeeping(installation, now + 200 * DAY)

    assert left() == 1


def test_a_database_that_can_only_be_read_is_named_and_nothing_goes_out(installation: Installation) -> None:
    world, id_ = message(installation)
    url = installation.settings.database_url
    if installation.store.dialect == "sqlite":
        pytest.skip("declared: a file's permissions don't hold back root, who may run these tests")
    read_only(url, True)
    installation.store.close()
    try:
        shown = opened(url, installation.settings.var.parent)
        with pytest.raises(StoreUnavailable, match="can only be read"):
            daemon(shown).run(signals=False)
        assert "can only be read: nothing is decided until it takes writes again" in attention(shown)
        shown.store.close()
    finally:
        read_only(url, False)
        installation.store.close()

    assert (world.delivered(), world.state(id_)) == (0, "waiting")
    daemon(installation).run(signals=False)
    assert (world.delivered(), world.state(id_)) == (1, "sent")


def read_only(url: str, only: bool) -> None:
    """Let a server take no writes, or take them again; all that is connected finds itself so."""
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as conn:
        conn.exec_driver_sql(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if only else 'off'}")
        conn.exec_driver_sql("SELECT pg_reload_conf()")
    for _ in range(100):
        with engine.connect() as conn:
            if conn.exec_driver_sql("SHOW default_transaction_read_only").scalar_one() == ("on" if only else "off"):
                return
        time.sleep(0.05)
    raise AssertionError("the server didn't take it")


@pytest.mark.slow
def test_a_worker_that_can_only_be_read_is_named_and_nothing_goes_out(cluster: Cluster, tmp_path: Path) -> None:
    cluster.empty()
    installation = opened(cluster.url, tmp_path)
    world, first = message(installation)
    names = [f"c{i}" for i in range(12)]
    for name in names:
        world.contact(name)
    ids = [first, *(world.message("2026-03-03T12:00", name) for name in names)]
    worker = sa.make_url(cluster.url).set(port=sa.make_url(cluster.url).port + 1).render_as_string()  # type: ignore[operator]
    read_only(worker, True)
    try:
        with pytest.raises(StoreUnavailable, match="can only be read"):
            daemon(installation).run(signals=False)
        assert "worker 127.0.0.1:" in attention(installation)
        assert world.delivered() == 0
    finally:
        read_only(worker, False)

    with installation.store.write() as conn:  # the first one couldn't give its shards back, and this process lives
        conn.execute(tables.daemon.delete())
    for _ in range(3):  # a worker's older connections may take a moment to hear of it
        daemon(installation).run(signals=False)
    assert {world.state(id_) for id_ in ids} <= {"sent", "expired"}
    assert world.delivered() >= 1
    installation.store.close()


@pytest.fixture
def full(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """An installation where decisions stand an hour ahead of the clock, and whose provider takes nothing for ten seconds from
    there on."""
    made = opened(database_url, tmp_path, send_per_second=1.0)
    ahead = made.clock_now() + HOUR
    with made.store.write() as conn:
        status.saw_now(conn, ahead)
        row = {"name": "maildir", "breaker": "closed", "next_at": ahead + 10 * SECOND}
        conn.execute(tables.provider.insert().values(**row))
    yield made
    made.store.close()


def test_a_daemon_paces_by_the_databases_clock_not_by_where_decisions_stand(full: Installation) -> None:
    world, id_ = message(full)

    daemon(full).run(signals=False)

    assert world.state(id_) == "sent"


def test_on_a_virtual_clock_a_daemon_paces_by_that(full: Installation) -> None:
    world, id_ = message(full)
    clock = VirtualClock(full.real_clock(lambda sentence: None).now())

    full.daemon(clock, options_of(full.settings, once=True)).run(signals=False)

    assert world.state(id_) == "waiting"
