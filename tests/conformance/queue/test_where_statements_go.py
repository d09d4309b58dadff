"""On a distributed database every statement of a tick, a hand-over and an asking again goes to the pieces that it is
about, and to no others: seen in what the coordinator really sends out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cadence.queue import again
from cadence.queue.handover import hand_over
from cadence.queue.tick import tick
from cadence.queue.work import Work
from cadence.store import Store
from cadence.store.ask import ask_again, ask_circles
from cadence.store.engine import lock_shards
from cadence.store.ids import SHARDS
from tests.conformance.conftest import PIECES, Cluster
from tests.queue.world import World

Piece = tuple[str, int]
"""A table, and where its piece's range of hashes begins: the same for all tables that lie together."""


class Ear:
    """Hears what the coordinator sends out, for each statement of ours."""

    def __init__(self, store: Store) -> None:
        self.sent: defaultdict[str, list[str]] = defaultdict(list)
        self._ours = ""
        with store.read() as conn:
            rows = conn.exec_driver_sql("SELECT shardid, logicalrelid::text, shardminvalue::int8 FROM pg_dist_shard")
            self._pieces: dict[int, Piece] = {int(r[0]): (r[1], int(r[2])) for r in rows}
            self.of_shard = [self._pieces[piece][1] for piece in conn.info["pieces"]]

    @contextmanager
    def listening(self, store: Store) -> Iterator[None]:
        """What is sent out meanwhile is kept; by new connections, which begin and end with it."""
        store.writer.dispose()
        sa.event.listen(store.writer, "connect", self._bend_to)
        sa.event.listen(store.writer, "before_cursor_execute", self._remember)
        yield
        sa.event.remove(store.writer, "connect", self._bend_to)
        sa.event.remove(store.writer, "before_cursor_execute", self._remember)
        store.writer.dispose()

    def _bend_to(self, connection: Any, _: Any) -> None:
        connection.execute("SET SESSION client_min_messages = notice")
        connection.execute("SET SESSION citus.log_remote_commands = on")
        connection.commit()
        connection.add_notice_handler(self._note)

    def _remember(self, conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        self._ours = statement

    def _note(self, notice: Any) -> None:
        self.sent[self._ours].append(notice.message_primary or "")

    def asked(self) -> dict[str, set[Piece]]:
        """For each statement of ours the pieces that it went to."""
        found = {}
        for ours, texts in self.sent.items():
            ids = {int(i) for text in texts for i in re.findall(r"_(\d{6,})\b", text)}
            found[ours] = {self._pieces[i] for i in ids if i in self._pieces}
        return found


@pytest.fixture
def store(cluster: Cluster) -> Store:
    """The database of which this can be asked."""
    cluster.empty()
    return cluster.store


@pytest.fixture
def world(store: Store, tmp_path: Path) -> World:
    return World(store, tmp_path / "mail")


def _everything(world: World, work: Work) -> None:
    """A tick, a hand-over and an asking again, with what a daemon asks around them, for the one contact that there is."""
    shard, who, circle = world.contacts["ada"]
    again.because_of_policy(work, 1_000)
    again.because_of_time(work)
    assert tick(work)["send"] == 2
    assert hand_over(work, world.letters)["sent"] == 2
    with world.store.write() as conn:
        lock_shards(conn, [shard])
        assert ask_again(conn, [(shard, who)], work.now, "test") == 1
        assert ask_circles(conn, [(shard, circle)], work.now, "test") == 1


def test_a_tick_a_hand_over_and_an_asking_again_go_where_they_must_and_nowhere_else(world: World) -> None:
    ear = Ear(world.store)
    shard, _, _ = world.contact("ada")
    here = ear.of_shard[shard]
    idle = next(s for s in range(SHARDS) if ear.of_shard[s] != here)
    mine = {here, ear.of_shard[idle]}  # of the daemon's shards; only one of them has anything to do
    assert len(set(ear.of_shard)) == PIECES > len(mine)
    for category in ("news", "offer", "news"):
        world.message("2026-01-12T10:00", "ada", category)
    work = world.work("2026-01-12T12:00", shards=[shard, idle])

    with ear.listening(world.store):
        _everything(world, work)

    asked = ear.asked()
    tables = {table for pieces in asked.values() for table, _ in pieces}
    assert {"shard", "contact", "message", "touch", "decision", "circle", "address", "directory"} <= tables
    elsewhere = {ours: to for ours, to in asked.items() if {p for t, p in to if t != "directory"} - mine}
    assert elsewhere == {}, "these went to pieces of shards that the daemon doesn't hold"
    of_directory = {ours: to for ours, to in asked.items() if len([t for t, _ in to if t == "directory"]) > 2}
    assert of_directory == {}, "these asked more of the directory than for the two messages"
    to_both = [ours for ours, to in asked.items() if len({p for t, p in to if t != "directory"}) == 2]
    assert all("w.shard" not in ours and "k_shard" not in ours for ours in to_both), "about one circle, but sent to two"
