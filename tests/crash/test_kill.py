"""Daemons killed at random moments and at every named point: nobody over the cap, nothing twice, nothing lost."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from cadence.audit.verify import verify
from cadence.facts import DAY
from cadence.queue.accept import NewMessage
from cadence.queue.reload import PolicyFiles
from cadence.queue.states import FINAL
from cadence.queue.steps import STEPS
from cadence.store import Store, tables
from tests.crash.victim import Ledger, Scene, fork, kill, wait
from tests.queue.world import World, at

POLICY = """
version: 1
defaults: {timezone: Europe/Stockholm, expires: 30d}
categories: {news: {consent: opt_in}, receipt: {transactional: true}}
guard_rails:
  caps: {max: 2, per: 7d}
  quiet_hours: {name: night, from: "20:00", to: "08:00"}
segments: [{name: everyone}]
"""
START, END = "2026-03-03T06:00", "2026-03-31T12:00"
CONTACTS, EACH = 40, 7
KILLS = 50
"""At random, in each of two set-ups a database; at least half of them, and 24 more at the named points, are made."""


def scene(url: str, folder: Path, can_look: bool) -> tuple[Scene, World]:
    """Forty contacts with seven messages each (one a receipt), of which two a week may go."""
    (folder / "policy.yaml").write_text(POLICY, "utf-8")
    store = Store.open(url)
    store.migrate()
    world = World(store, folder / "mail", PolicyFiles(folder / "policy.yaml").read())
    words = {"letter": {"subject": "Hello", "text": "Hello"}}
    messages = []
    for i in range(CONTACTS):
        world.contact(f"c{i}", circle=f"c{i - 1}" if i % 5 == 4 else None)
        for k in range(EACH):
            due = at(START) + (i * EACH + k) % 13 * 3_600_000_000
            messages.append(
                NewMessage("receipt" if k == 0 else "news", "test", outside_id=f"c{i}", variables=words, due_at=due)
            )
    assert not world.accept(START, *messages).errors
    store.writer.dispose()
    store.reader.dispose()
    ledger = Ledger(folder / "ledger", can_look)
    return Scene(url, folder / "policy.yaml", ledger, at(START), at(END)), world


def judge(scene: Scene, world: World, exactly_once: bool) -> None:
    """What must hold whatever was killed when, by plain counting in the record, and by the verifier."""
    messages = world.rows(tables.message)
    taken = Counter(scene.ledger.taken())
    touches = world.touches()
    standing = Counter(t["message"] for t in touches)
    assert len(messages) == CONTACTS * EACH, "a message is gone, or there is one too many"
    for m in messages:
        marketing = m["category"] == "news"
        assert not marketing or taken[m["id"]] <= 1, "marketing was handed over twice"
        assert m["state"] in FINAL or m["state"] == "in_doubt", f"left lying: {m}"
        assert standing[m["id"]] == (m["state"] in ("sent", "in_doubt")), f"touch and state differ: {m}"
        assert m["state"] != "sent" or taken[m["id"]] >= 1, "called sent, and nobody took it"
        assert not exactly_once or m["state"] == "sent", f"not sent: {m}"
        assert marketing or taken[m["id"]] >= 1, "a receipt was not handed over"
    for i in range(CONTACTS):
        times = sorted(
            t["at"] for t in touches if t["contact"] == world.contacts[f"c{i}"][1] and t["category"] == "news"
        )
        for first, third in zip(times, times[2:], strict=False):
            assert third - first >= 7 * DAY, "more than two in seven days"
    numbers = [(t["circle"], t["number"]) for t in world.rows(tables.touch)]
    assert len(set(numbers)) == len(numbers), "two facts of a circle have one number"
    report = verify(world.store, now=at(END), drained=True)
    assert report.ok, report.text()


@pytest.mark.parametrize("can_look", [True, False], ids=["provider can look", "provider can't look"])
def test_daemons_killed_at_random_moments(database_url: str, tmp_path: Path, can_look: bool) -> None:
    victims, world = scene(database_url, tmp_path, can_look)
    dice = random.Random(3)
    kills = 0
    while kills < KILLS:
        pid = fork(victims)
        time.sleep(dice.uniform(0.0, 0.07))
        kill(pid)
        if wait(pid) == 0:
            break
        kills += 1

    assert wait(fork(victims)) == 0, (tmp_path / "victim.log").read_text()
    assert kills >= KILLS // 2, f"all was done after {kills} kills: give the victims more to do"

    judge(victims, world, exactly_once=can_look)


@pytest.mark.parametrize("step", STEPS)
def test_daemons_killed_at_each_step(database_url: str, tmp_path: Path, step: str) -> None:
    victims, world = scene(database_url, tmp_path, can_look=False)
    for nth in (1, 2, 3):
        assert wait(fork(victims, f"{step}:{nth}")) == -9

    assert wait(fork(victims)) == 0, (tmp_path / "victim.log").read_text()

    judge(victims, world, exactly_once=False)


def test_two_daemons_at_once_keep_the_caps(database_url: str, tmp_path: Path) -> None:
    victims, world = scene(database_url, tmp_path, can_look=False)
    dice = random.Random(5)
    for _ in range(8):
        pair = [fork(victims), fork(victims)]
        time.sleep(dice.uniform(0.05, 0.3))
        for pid in pair:
            kill(pid)
            wait(pid)

    assert wait(fork(victims)) == 0, (tmp_path / "victim.log").read_text()

    judge(victims, world, exactly_once=False)


def test_a_touch_is_never_without_its_decision(database_url: str, tmp_path: Path) -> None:
    victims, world = scene(database_url, tmp_path, can_look=False)
    assert wait(fork(victims, "written:2")) == -9

    with world.store.read() as conn:
        decided = set(conn.scalars(sa.select(tables.decision.c.id)))
        touched = {int(s) for s in conn.scalars(sa.select(tables.touch.c.source_id))}
    assert touched <= decided
