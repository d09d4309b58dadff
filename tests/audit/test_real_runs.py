"""What the daemon itself leaves behind keeps every promise, with all kinds of rules at once; and a daemon without a rule
doesn't pass as one with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cadence.audit.verify import verify
from cadence.clock import VirtualClock
from cadence.daemon import Daemon, Jobs, Options
from cadence.facts import HOUR, EventKind
from cadence.policy.load import from_mapping
from cadence.queue.accept import NewMessage
from cadence.queue.outlets import Outlet
from cadence.queue.reload import PolicyFiles
from cadence.store import Store, tables
from tests.queue.world import World, at

POLICY = """
version: 1
defaults: {timezone: Europe/Stockholm, country: SE, expires: 20d, spread: 30m}
categories:
  news: {consent: opt_in}
  offer: {consent: opt_in, priority: 80}
  receipt: {transactional: true}
guard_rails:
  caps:
    - {max: 3, per: 7d, reserve: {offer: 1}}
    - {max: 8, per: calendar month}
  gap: {wait: 24h, categories: [news]}
  quiet_hours:
    - {name: night, from: "20:00", to: "08:00"}
    - {name: Sundays, days: [sun]}
  silence: {base: 1d, factor: 1.5, max: 6d}
  fatigue: {half_life: 7d, limit: 4.5, weights: {offer: 1.5}}
segments: [{name: everyone}]
"""
START, END = "2026-03-03T06:00", "2026-04-20T12:00"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "policy.yaml").write_text(POLICY, "utf-8")
    store = Store.open(f"sqlite:///{tmp_path / 'cadence.db'}")
    store.migrate()
    yield World(store, tmp_path / "mail", PolicyFiles(tmp_path / "policy.yaml").read())
    store.close()


def live(world: World) -> None:
    """Ten contacts, some with one mailbox, with a dozen messages each; one of them says stop on the way."""
    words = {"letter": {"subject": "Hello", "text": "Hello"}}
    messages = []
    for i in range(10):
        other = {"circle": "c3", "email": "c3@example.com"} if i == 4 else {}
        world.contact(f"c{i}", **other)
        for k in range(12):
            category = ("news", "offer", "news", "receipt")[k % 4]
            due = at(START) + (i * 7 + k * 31) % 400 * HOUR
            messages.append(NewMessage(category, "test", outside_id=f"c{i}", variables=words, due_at=due))
    assert not world.accept(START, *messages).errors
    run(world, START, "2026-03-10T12:00")
    world.say("c3", EventKind.OPT_OUT, "2026-03-10T12:00")
    run(world, "2026-03-10T12:00", END)


def run(world: World, start: str, until: str) -> None:
    files = PolicyFiles(world.mail.parent / "policy.yaml")
    ways = {"email": Outlet(world.provider)}
    clock = VirtualClock(at(start))
    Daemon(world.store, clock, files, ways, Jobs(world.letters), Options(until=at(until))).run(signals=False)


def test_what_a_daemon_leaves_behind_keeps_every_promise(world: World) -> None:
    live(world)

    report = verify(world.store, now=at(END), drained=True, maildir=world.mail)

    assert report.ok, report.text()
    assert report.judged["touches"] >= 60
    assert not report.unsure
    assert not report.unjudged


def test_the_same_record_judged_by_a_stricter_policy_does_not_pass(world: World) -> None:
    live(world)
    strict = from_mapping(POLICY.replace("wait: 24h", "wait: 80h")).required()
    with world.store.write() as conn:
        conn.execute(tables.policy_version.update().values(content=strict.content))

    report = verify(world.store, now=at(END), drained=True, maildir=world.mail)

    assert {(b.promise, b.rule) for b in report.breaches} == {(1, "1 per 80h")}
