"""The daemon as timetables on the virtual clock: at this instant that comes in, at that one it has gone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cadence.clock import RealClock, VirtualClock
from cadence.daemon import Daemon, Jobs, Options, Report
from cadence.facts import DAY, HOUR, SECOND, EventKind, instant
from cadence.providers.provider import Ability, Capabilities, Outcome, Receipt
from cadence.queue import leases, patience, reload, steps
from cadence.queue.outlets import Outlet
from cadence.queue.reload import PolicyFiles
from cadence.store import Store, StoreUnavailable, policies, status, tables
from cadence.store.contacts import upsert_contacts
from cadence.store.prune import whose_turn
from tests.queue.imports import person
from tests.queue.test_handover import Desk
from tests.queue.world import World, at

POLICY = """
version: 1
defaults: {timezone: Europe/Stockholm}
categories: {news: {consent: opt_in}, receipt: {transactional: true}}
guard_rails:
  caps: {max: 2, per: 7d}
  quiet_hours: {name: night, from: "20:00", to: "08:00"}
segments: [{name: everyone}]
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty database, a maildir, and a policy in a file."""
    (tmp_path / "policy.yaml").write_text(POLICY, "utf-8")
    store = Store.open(f"sqlite:///{tmp_path / 'cadence.db'}")
    store.migrate()
    yield World(store, tmp_path / "mail", PolicyFiles(tmp_path / "policy.yaml").read())
    store.close()


def daemon(world: World, start: str, until: str | None = None, jobs: Jobs | None = None, **options: object) -> Daemon:
    """A daemon on a virtual clock over that world."""
    files = PolicyFiles(world.mail.parent / "policy.yaml")
    end = None if until is None else at(until)
    ways = {"email": Outlet(world.provider)}
    return Daemon(
        world.store,
        VirtualClock(at(start)),
        files,
        ways,
        jobs or Jobs(world.letters),
        Options(until=end, **options),  # type: ignore[arg-type]
    )


def sent_at(world: World) -> list[str]:
    """When each standing touch was, in UTC."""
    return sorted(instant(t["at"]).isoformat() for t in world.touches())


def test_what_comes_in_at_night_has_gone_at_eight_in_the_morning(world: World) -> None:
    world.contact("ann")
    world.message("2026-03-03T22:00", "ann")

    daemon(world, "2026-03-03T22:00", "2026-03-04T12:00").run(signals=False)

    assert sent_at(world) == ["2026-03-04T07:00:00+00:00"]
    assert world.delivered() == 1


def test_five_messages_go_two_a_week(world: World) -> None:
    world.contact("ann")
    for _ in range(5):
        world.message("2026-03-03T10:00", "ann", expires_at=at("2026-05-03T10:00"))

    daemon(world, "2026-03-03T10:00", "2026-04-03T12:00").run(signals=False)

    assert sent_at(world) == [
        "2026-03-03T09:00:00+00:00", "2026-03-03T09:00:00+00:00",
        "2026-03-10T09:00:00+00:00", "2026-03-10T09:00:00+00:00",
        "2026-03-17T09:00:00+00:00",
    ]  # fmt: skip


def test_without_an_end_it_ends_when_nothing_is_left_to_do(world: World) -> None:
    world.contact("ann")
    id_ = world.message("2026-03-03T22:00", "ann")
    one = daemon(world, "2026-03-03T22:00")

    one.run(signals=False)

    assert (world.state(id_), one.clock.now()) == ("sent", at("2026-03-04T08:00"))


def test_what_falls_due_at_the_very_instant_at_which_it_ends_is_done(world: World) -> None:
    world.contact("ann")
    welcome = world.message("2026-03-03T22:00", "ann")
    expires = world.message("2026-03-03T22:00", "ann", due_at=at("2026-03-04T08:00"), expires_at=at("2026-03-04T08:00"))

    daemon(world, "2026-03-03T22:00", "2026-03-04T08:00").run(signals=False)

    assert (world.state(welcome), world.state(expires)) == ("sent", "expired")


def test_what_a_fault_left_half_handed_over_is_settled_at_the_next_instant(world: World) -> None:
    world.contact("ann")
    world.contact("bea")
    first = world.message("2026-03-03T10:00", "ann")
    second = world.message("2026-03-03T10:00", "bea", due_at=at("2026-03-03T12:00"))

    def fault() -> None:
        raise RuntimeError("a bug nobody knew of")

    steps.arm("handed over", fault)
    try:
        daemon(world, "2026-03-03T10:00", "2026-03-03T13:00").run(signals=False)
    finally:
        steps.arm("")

    assert (world.state(first), world.state(second)) == ("sent", "sent")


def test_what_was_decided_while_signs_of_life_took_too_long_is_handed_over_at_that_instant(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.contact("ann")
    id_ = world.message("2026-03-03T10:00", "ann")
    passed, slow, hold = [0], [0], leases.hold

    def held(*args: Any) -> Any:
        passed.append(passed[-1] + 25 * SECOND * (slow[-1] > 0))
        slow.append(slow[-1] - 1)
        return hold(*args)

    def watch(report: Report) -> None:
        if report.job == "tick":
            slow.append(2)
            passed.append(passed[-1] + 25 * SECOND)

    monkeypatch.setattr(leases, "passed_micros", lambda: passed[-1])
    monkeypatch.setattr(leases, "hold", held)
    one = daemon(world, "2026-03-03T10:00", "2026-03-06T10:00")
    one._watch = watch
    one.run(signals=False)

    assert world.state(id_) == "sent"


def test_what_is_old_is_looked_for_in_each_shard_once_a_day() -> None:
    turns = [whose_turn(range(64), at("2026-03-03T10:00") + hour * HOUR) for hour in range(24)]

    assert sorted(shard for turn in turns for shard in turn) == list(range(64))
    assert {len(turn) for turn in turns} == {2, 3}


def test_on_a_virtual_clock_it_is_looked_for_everywhere_at_once_and_seldom(world: World) -> None:
    looked: list[tuple[int, list[int]]] = []
    jobs = Jobs(world.letters, housekeeping=lambda now, shards: looked.append((now, list(shards))))

    daemon(world, "2026-03-03T10:00", "2026-03-12T10:00", jobs).run(signals=False)

    assert looked == [(at(f"2026-03-{day}T10:00"), list(range(64))) for day in ("03", "10")]


def test_once_runs_what_is_due_and_stops(world: World) -> None:
    world.contact("ann")
    now, later = (
        world.message("2026-03-03T10:00", "ann"),
        world.message("2026-03-03T10:00", "ann", due_at=at("2026-03-04T10:00")),
    )

    daemon(world, "2026-03-03T10:00", once=True).run(signals=False)

    assert (world.state(now), world.state(later)) == ("sent", "waiting")


@pytest.mark.parametrize("how", ["once", "until stopped"])
def test_who_asked_to_be_let_go_while_nobody_was_at_work_is_heard_before_anything_goes_out(
    world: World, how: str
) -> None:
    world.contact("ann")
    id_ = world.message("2026-03-03T10:00", "ann")
    mails = [1_000, 1]

    def read(now: int) -> int:
        if len(mails) == 1:
            world.say("ann", EventKind.OPT_OUT, "2026-03-03T10:00")
        return mails.pop(0) if mails else 0

    one = daemon(world, "2026-03-03T10:00", jobs=Jobs(world.letters, mailbox=read), once=how == "once")
    if how != "once":
        one.clock = RealClock(one.clock.now, passed=lambda: 0)
        one._watch = lambda report: one.stop() if report.job in ("tick", "send") else None
    one.run(signals=False)

    assert world.state(id_) == "suppressed"


def test_a_stop_is_heard_while_the_clock_is_not_to_be_trusted(world: World) -> None:
    shown = at("2026-03-03T10:00")
    read: list[int] = []
    clock = RealClock(lambda: shown, passed=lambda: 0)
    jobs = Jobs(world.letters, mailbox=lambda now: read.append(now) or 0)
    one = Daemon(world.store, clock, PolicyFiles(world.mail.parent / "policy.yaml"), {}, jobs)
    shown += 400 * DAY

    one._mailbox()

    assert (clock.jump is None, read) == (False, [at("2026-03-03T10:00")])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_comes_while_the_daemon_looks_whether_one_came_is_heeded(world: World, number: int) -> None:
    one = daemon(world, "2026-03-03T10:00")
    asked = one._stopping if number == signal.SIGTERM else one._reload_asked

    def stuck(*_: object) -> None:
        raise AssertionError("the handler waits for what the daemon itself holds")

    before = signal.signal(signal.SIGALRM, stuck)
    signal.setitimer(signal.ITIMER_REAL, 5)
    try:
        with one._heeding_signals():
            with asked._cond:  # as in the middle of wait() or clear()
                os.kill(os.getpid(), number)
            assert asked.wait(4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_it_goes_on_where_the_record_ends(world: World) -> None:
    daemon(world, "2026-03-03T10:00", "2026-03-10T10:00").run(signals=False)
    later = daemon(world, "2026-03-01T10:00", once=True)

    later.run(signals=False)

    assert later.clock.now() >= at("2026-03-03T10:00")


def test_a_planner_is_asked_when_it_said_it_would_be_due(world: World) -> None:
    world.contact("ann")
    asked: list[int] = []

    def plan(policy: object, now: int) -> int | None:
        asked.append(now)
        return at("2026-03-05T10:00") if now < at("2026-03-05T10:00") else None

    jobs = Jobs(world.letters, plan=plan)
    daemon(world, "2026-03-03T10:00", "2026-03-06T10:00", jobs).run(signals=False)

    assert asked[0] == at("2026-03-03T10:00")
    assert at("2026-03-05T10:00") in asked


def test_a_change_to_what_a_policy_includes_from_elsewhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    rails, policy = tmp_path / "rails.yaml", tmp_path / "here" / "policy.yaml"
    rails.write_text("guard_rails: {caps: {max: 3, per: 7d}}", "utf-8")
    policy.write_text("include: [../rails.yaml]", "utf-8")
    files = PolicyFiles(policy)
    files.read()
    assert not files.changed()

    rails.write_text("guard_rails: {caps: {max: 10, per: 7d}}", "utf-8")
    found = files.read_if_changed(lambda findings: None)

    assert found is not None
    assert [r.name for r in found.rules if not r.always_on] == ["10 per 7d"]
    assert not files.changed()


def test_a_good_new_policy_is_stored_and_asks_all_that_waits(world: World) -> None:
    world.contact("ann")
    world.message("2026-03-03T22:00", "ann")
    file = world.mail.parent / "policy.yaml"
    changed = False

    def plan(policy: object, now: int) -> int | None:
        nonlocal changed
        if now >= at("2026-03-03T23:00") and not changed:
            changed = True
            file.write_text(POLICY.replace('"20:00"', '"23:30"'), "utf-8")
        return max(now + 60_000_000, at("2026-03-03T23:00")) if now < at("2026-03-03T23:02") else None

    daemon(world, "2026-03-03T22:00", "2026-03-04T12:00", Jobs(world.letters, plan=plan)).run(signals=False)

    assert sent_at(world) == ["2026-03-03T22:01:00+00:00"]
    with world.store.read() as conn:
        assert len(policies.uses(conn)) == 2


def test_a_policy_that_could_not_be_stored_is_taken_in_at_the_next_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.contact("ann")
    id_ = world.message("2026-03-03T22:00", "ann")
    one = daemon(world, "2026-03-03T22:00", "2026-03-04T12:00")
    real, calls = reload.take_in, iter(range(100))

    def away_at_the_second(*args: Any) -> Any:
        if next(calls) == 1:
            raise StoreUnavailable("the database is away")
        one.files.path.write_text(POLICY.replace('to: "08:00"', 'to: "09:00"'), "utf-8")
        return real(*args)

    monkeypatch.setattr("cadence.queue.reload.take_in", away_at_the_second)
    monkeypatch.setattr(one, "_wait_for_store", lambda name, error: True)
    one.run(signals=False)

    assert (world.state(id_), sent_at(world)) == ("sent", ["2026-03-04T08:00:00+00:00"])


def test_of_two_that_read_the_policy_at_once_the_later_reading_stays(world: World) -> None:
    at_hand, other_done = threading.Event(), threading.Event()

    class Files(PolicyFiles):
        def read_if_changed(self, *args: Any) -> Any:
            found = super().read_if_changed(*args)
            if not at_hand.is_set():
                at_hand.set()
                other_done.wait(0.5)
            return found

    one = daemon(world, "2026-03-03T10:00")
    one.files = Files(world.mail.parent / "policy.yaml")
    used = reload.PolicyInUse(world.store, one.files, one.me)
    used.use(one.files.read(), lambda: at("2026-03-03T10:00"))
    one.files.path.write_text(POLICY.replace('"20:00"', '"21:00"'), "utf-8")
    first = threading.Thread(target=used.renew, args=(one.clock.now,))
    first.start()
    at_hand.wait()
    one.files.path.write_text(POLICY.replace('"20:00"', '"22:00"'), "utf-8")
    used.renew(one.clock.now)
    other_done.set()
    first.join()

    assert used.active.policy.hash == one.files.read().hash


def test_a_policy_over_accounts_makes_circles_of_them_before_it_decides(world: World) -> None:
    with world.store.write() as conn:
        upsert_contacts(conn, [person(n, f"{n}@example.com", account="acme") for n in ("ann", "bob")], 1, "crm")
    sent, held = (world.message("2026-03-03T12:00", n, due_at=at("2026-03-03T12:00")) for n in ("ann", "bob"))
    one = daemon(world, "2026-03-03T12:00", "2026-03-04T12:00")
    one.files.path.write_text(POLICY.replace("{max: 2, per: 7d}", "{max: 1, per: 7d, across: account}"), "utf-8")
    one.run(signals=False)

    assert sorted(world.state(m) for m in (sent, held)) == ["sent", "waiting"]


def test_a_broken_policy_never_replaces_a_good_one(world: World) -> None:
    world.contact("ann")
    id_ = world.message("2026-03-03T22:00", "ann")
    one = daemon(world, "2026-03-03T22:00", "2026-03-04T12:00")
    read = one.files.read

    def read_then_break() -> object:
        policy = read()
        one.files.path.write_text("version: 1\nsegmnts: [", "utf-8")
        return policy

    one.files.read = read_then_break  # type: ignore[method-assign, assignment]
    one.run(signals=False)

    assert (world.state(id_), one.problems["policy refused"]) == ("sent", 1)


def test_a_policy_that_was_mended_is_said_to_be_fine_again_and_until_then_the_daemons_row_tells(world: World) -> None:
    one = daemon(world, "2026-03-03T12:00")
    one._start()
    good = one.files.path.read_text("utf-8")

    def then(text: str) -> tuple[list[str], Any]:
        one.files.path.write_text(text, "utf-8")
        with capture_logs() as lines:
            one._reload()
            one._beat()
        with world.store.read() as conn:
            (row,) = status.daemons(conn)
        return [line["event"] for line in lines], row["last_tick"]

    said, told = then(good + "segmnts: []\n")
    assert said == ["the changed policy is broken; the old one stays active"]
    assert "segmnts" in told["policy_refused"]
    assert then(good) == (["the policy's files are fine again"], None)
    assert then(good) == ([], None)


def test_a_job_that_fails_is_told_of_by_the_daemons_row_until_it_is_fine_again(world: World) -> None:
    trouble = [PermissionError(13, "Permission denied", "ann@example.com")]

    def read(now: int) -> int:
        if trouble:
            raise trouble.pop()
        return 0

    one = daemon(world, "2026-03-03T12:00", jobs=Jobs(world.letters, mailbox=read))
    one._start()

    def told() -> Any:
        one._guarded("mailbox", one._mailbox)
        one._beat()
        with world.store.read() as conn:
            (row,) = status.daemons(conn)
        return row["last_tick"]

    assert told() == {"failing": {"mailbox": "PermissionError: [Errno 13] Permission denied: 'a…@example.com'"}}
    assert told() is None


def test_a_database_that_was_away_is_said_to_be_back_once_all_that_missed_it_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.0)
    one = daemon(world, "2026-03-03T12:00")
    one._start()
    with capture_logs() as lines:
        for job in ("tick", "heartbeat", "tick"):
            one._guarded(job, away)
        one._guarded("heartbeat", one._beat)
        one._guarded("tick", one._saw_now)
        one._guarded("tick", one._saw_now)

    assert [line["event"] for line in lines] == [
        *["the database is away; nothing is lost, trying again"] * 3,
        "the database is back; work goes on",
    ]


def test_a_job_that_cannot_write_for_long_while_others_can_is_told_in_the_daemons_row(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.0)
    one = daemon(world, "2026-03-03T12:00")
    one._start()

    def told(job: Callable[[], object]) -> object:
        one._guarded("tick", job)
        one._guarded("heartbeat", one._beat)
        with world.store.read() as conn:
            return (status.daemons(conn)[0]["last_tick"] or {}).get("failing")

    with capture_logs() as lines:
        assert [told(away) for _ in range(4)] == [*[None] * 3, {"tick": "the disk is full"}]
        assert told(one._saw_now) is None
    assert [line["event"] for line in lines].count("the database is back; work goes on") == 1


def away() -> None:
    raise StoreUnavailable("the disk is full")


def test_a_stop_that_comes_while_it_waits_is_heeded(world: World) -> None:
    world.contact("ann")
    id_ = world.message("2026-03-03T22:00", "ann")
    daemon(world, "2026-03-03T22:00", "2026-03-03T22:30").run(signals=False)
    world.say("ann", EventKind.OPT_OUT, "2026-03-03T22:30")

    daemon(world, "2026-03-03T22:30", "2026-03-04T12:00").run(signals=False)

    assert (world.state(id_), world.delivered()) == ("suppressed", 0)


def test_a_stop_cuts_short_the_time_that_a_slow_virtual_clock_lets_pass(world: World) -> None:
    one = daemon(world, "2026-03-03T10:00", "2026-03-05T10:00")
    one.clock = VirtualClock(
        at("2026-03-03T10:00"), 60, lambda seconds: pytest.fail(f"waits {seconds} s, come what may")
    )
    stops = threading.Timer(0.5, one.stop)
    stops.start()

    one.run(signals=False)

    assert (stops.finished.is_set(), one.clock.now() < at("2026-03-05T10:00")) == (True, True)


def test_it_gives_its_shards_back_when_it_ends(world: World) -> None:
    daemon(world, "2026-03-03T22:00", once=True).run(signals=False)

    with world.store.read() as conn:
        assert status.daemons(conn) == []


@pytest.mark.parametrize("can_be_asked", [False, True])
def test_what_came_in_while_the_provider_was_left_alone_goes_when_the_one_that_tries_it_has_gone(
    world: World, monkeypatch: pytest.MonkeyPatch, can_be_asked: bool
) -> None:
    for name in ("ann", "bob", "cid"):
        world.contact(name)
    world.message("2026-03-03T10:00", "ann", expires_at=at("2026-03-03T10:05"))
    ids: list[int] = []
    away = Receipt(0, Outcome.RETRY, detail="closed until ten past", retry_after=600.0, whole_provider=True)
    desk = world.provider = Desk(lambda letter: replace(away, message_id=letter.message_id))
    if can_be_asked:
        monkeypatch.setattr(desk, "capabilities", Capabilities(10, {Ability.SETTLE: "it is only a desk"}))
        monkeypatch.setattr(desk, "probe", lambda: None)

    def plan(policy: object, now: int) -> int | None:
        if now >= at("2026-03-03T10:06") and not ids:
            ids.extend(world.message("2026-03-03T10:06", name) for name in ("bob", "cid"))
            desk.answer = lambda letter: Receipt(letter.message_id, Outcome.ACCEPTED)
        return None if ids else at("2026-03-03T10:06")

    daemon(world, "2026-03-03T10:00", "2026-03-03T22:00", Jobs(world.letters, plan=plan)).run(signals=False)

    assert [world.row(id_)["outcome_at"] for id_ in ids] == [at("2026-03-03T10:10")] * 2


def test_what_will_not_go_anyway_keeps_nobody_from_trying_a_provider_that_was_left_alone(world: World) -> None:
    names = ["ann", "bob", "cid"]
    for name in names:
        world.contact(name, consents=name == "cid")
    ids = [world.message("2026-03-03T10:00", name) for name in names]
    row = {"name": "maildir", "breaker": "open", "failures": 5, "opened_at": 0, "reopen_at": 1, "because": "full"}
    with world.store.write() as conn:
        conn.execute(tables.provider.insert().values(**row))
    one = daemon(world, "2026-03-03T10:00")
    one._start()

    one._tick_all()

    assert [world.state(id_) for id_ in ids] == ["suppressed", "suppressed", "decided"]


def test_shadow_hands_nothing_over(world: World) -> None:
    world.contact("ann")
    world.message("2026-03-03T10:00", "ann")

    daemon(world, "2026-03-03T10:00", "2026-03-04T10:00", shadow=True).run(signals=False)

    assert (world.delivered(), world.touches()) == (0, [])
