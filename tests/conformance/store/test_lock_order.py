"""Shards are locked in one order, whatever else a transaction holds by then: else two of them would wait for each other, and on
several machines nobody might notice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cadence.facts import EventKind
from cadence.queue.accept import NewMessage
from cadence.store import Store, known
from cadence.store.contacts import upsert_contacts
from cadence.store.events import record_events
from cadence.store.ids import SHARDS
from cadence.store.rows import ContactRow, EventRow
from tests.queue.world import World, at

NOON = "2026-01-12T12:00"
NAMES = [f"c{i}" for i in range(12)]


class Watch:
    """Sees which shards each transaction waits for, in turn, and which it has let go again."""

    def __init__(self, store: Store) -> None:
        self.held: defaultdict[int, list[list[int]]] = defaultdict(lambda: [[]])
        """By connection, and within by savepoint."""
        self.out_of_order: list[str] = []
        self.locking = 0
        with store.read() as conn:
            pieces = conn.info.get("pieces") or range(10**6)
            self.place = {shard: (pieces[shard], shard) for shard in range(SHARDS)}
        for name in ("begin", "commit", "rollback", "savepoint", "rollback_savepoint", "release_savepoint"):
            sa.event.listen(store.writer, name, getattr(self, name))
        sa.event.listen(store.writer, "before_cursor_execute", self.statement)

    def begin(self, conn: Any) -> None:
        self.held.pop(id(conn), None)

    commit = rollback = begin

    def savepoint(self, conn: Any, name: str) -> None:
        self.held[id(conn)].append([])

    def rollback_savepoint(self, conn: Any, name: str, context: Any) -> None:
        self.held[id(conn)].pop()

    def release_savepoint(self, conn: Any, name: str, context: Any) -> None:
        last = self.held[id(conn)].pop()
        self.held[id(conn)][-1] += last

    def statement(self, conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if not re.search(r"FROM shard\b.*FOR UPDATE(?! SKIP)", statement, re.DOTALL):
            return
        told = parameters["shards"] if parameters else map(int, re.findall(r"\d+", statement))
        parts = self.held[id(conn)]
        held = {shard for part in parts for shard in part}
        new = [shard for shard in told if shard not in held]
        self.locking += len(new)
        last = max((self.place[s] for s in held), default=(-1, -1))
        if any(self.place[s] < last for s in new):
            self.out_of_order.append(f"{new} after {sorted(held)}")
        parts[-1] += new


@pytest.fixture
def world(store: Store, tmp_path: Path) -> World:
    world = World(store, tmp_path / "mail")
    for name in NAMES:
        world.contact(name)
    return world


@pytest.fixture
def watch(world: World) -> Iterator[Watch]:
    found = Watch(world.store)
    yield found
    if world.store.dialect != "sqlite":
        assert found.locking, "nothing was locked: the watch is blind"
    assert found.out_of_order == []


def merged(world: World) -> None:
    """All of them in one circle: most have moved to another shard."""
    with world.store.write() as conn:
        upsert_contacts(conn, [ContactRow(name, household="home") for name in NAMES], at(NOON), "crm")


def test_messages_for_contacts_by_place_and_by_name_come_in_together(world: World, watch: Watch) -> None:
    placed = [NewMessage("care", "test", contact=world.contacts[name][:2]) for name in NAMES[::2]]
    named = [NewMessage("care", "test", outside_id=name) for name in NAMES[1::2]]

    assert not world.accept(NOON, *placed, *named).errors


def test_messages_whose_circles_move_while_they_are_handed_over(
    world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [world.message(NOON, name, "care") for name in NAMES]
    world.tick(NOON)
    send = world.provider.send

    def moving(*letters: Any) -> Any:
        merged(world)
        return send(*letters)

    monkeypatch.setattr(world, "provider", Moved(world.provider, moving))
    world.send(NOON)

    assert [world.state(message) for message in messages] == ["sent"] * len(messages)
    assert world.delivered() == len(messages)


class Moved:
    """A provider that sends in another way."""

    def __init__(self, provider: Any, send: Any) -> None:
        self._provider, self.send = provider, send

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)


def test_contacts_that_move_between_being_found_and_being_locked(
    world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.store.read() as conn:
        before = known.by_outside_id(conn, NAMES)
    merged(world)
    answers = iter([before])
    find = known.by_outside_id
    monkeypatch.setattr(known, "by_outside_id", lambda conn, ids: next(answers, None) or find(conn, ids))
    events = [EventRow(name, at(NOON), EventKind.CLICK, f"click of {name}") for name in NAMES]
    with world.store.write() as conn:
        recorded = record_events(conn, events, at(NOON), "crm")

    assert (recorded.new, recorded.unknown) == (len(NAMES), ())
    assert len({(shard, contact) for shard, contact in recorded.contacts}) == len(NAMES)


def test_places_that_contacts_have_left_are_followed_and_unknown_ones_left_out(world: World, watch: Watch) -> None:
    merged(world)
    places = [world.contacts[name][:2] for name in NAMES]
    with world.store.write() as conn:
        found = known.locked(conn, places=[*places, (3, 17)])

    assert found.there.tolist() == [True] * len(NAMES) + [False]
    assert len(set(found.shard[:-1].tolist())) == 1
    assert len(set(found.circle[:-1].tolist())) == 1
