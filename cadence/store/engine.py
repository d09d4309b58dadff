"""Opening the database: one `Store` for SQLite, PostgreSQL and PostgreSQL spread over machines, and who may write when.

It asks no questions of its own but for locks. Writers on SQLite begin with BEGIN IMMEDIATE, because a transaction
that reads before it writes otherwise loses updates without an error; readers have their own engine, so that they
never wait for writers. On PostgreSQL whoever writes facts or decisions of a circle first locks its shard's row."""

from __future__ import annotations

import difflib
import os
import shutil
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection, ExecutionContext
from sqlalchemy.pool import ConnectionPoolEntry

from cadence.store import distributed
from cadence.store.bulk import insert_rows
from cadence.store.errors import StoreError, StoreNotMade, StoreUnavailable, named_errors, shown
from cadence.store.ids import SHARDS
from cadence.store.tables import installation, shard

if TYPE_CHECKING:
    from cadence.store.migrate import Versions

BUSY_SECONDS: int = 30
"""How long a writer on SQLite waits for another."""
ASLEEP_SECONDS: int = 30
"""A process that writes to PostgreSQL and says nothing for so long is taken to be gone or asleep: its transaction is undone,
else whatever it locked would stay so for hours. Who only reads may take its time."""
SEEN_WITHIN: int = 300 * 1_000_000
"""So many microseconds after the instant that stands in a row as when it was recorded, others see it at the latest: it is told
when its transaction begins, which then waits for its locks, and writes."""
WAL_PAGES: int = 16_000
"""After so many pages (64 MB) of its log SQLite takes them into its file: several ticks' together, for many write the same
pages."""
ROOM: int = 64 << 20
"""Bytes that SQLite's disk should have left: its log may grow by so much before it is taken in."""
SQLITE_LEAST: tuple[int, int, int] = (3, 35, 0)
POSTGRESQL_LEAST: int = 14
_NO_PORT = (
    "CADENCE_DATABASE_URL: a port is a number, as in HOST:5432/NAME, one for each host; an @ in a password is written %40, "
    "a : %3A"
)
_IDENTITY_LOCK = 0x43414445  # any number, the same everywhere: "CADE"


@dataclass(frozen=True, slots=True)
class Store:
    """An open database. `write()` and `read()` give connections in a transaction; `migrate()` brings its tables up to
    date."""

    url: URL
    writer: Engine
    reader: Engine

    @classmethod
    def open(cls, url: str, *, made: bool = False) -> Store:
        """Opens sqlite:///PATH or postgresql://...; a missing folder of the SQLite file is made. Nothing is created in
        it: see `migrate`. made: it must have its tables already (else StoreNotMade), and nothing is made, not even a
        folder. Raises StoreError for another kind of database, StoreUnavailable when it can't be reached."""
        parsed = _parsed(url)
        kind = parsed.get_backend_name()
        if made and kind == "sqlite" and not Path(parsed.database or "").exists():
            raise _none_here(parsed, f"there is no file {Path(parsed.database or '').absolute()}")
        with named_errors(parsed):
            opened = (
                _open_sqlite(parsed)
                if kind == "sqlite"
                else _open_postgresql(parsed.set(drivername="postgresql+psycopg"))
            )
        if made and opened.version() is None:
            raise _none_here(parsed, "it has no tables")
        return opened

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.writer.dialect.name

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a write transaction: committed at the end, rolled back on any exception. Raises
        StoreUnavailable or StoreBusy for errors of a database that is away or contended."""
        with named_errors(self.url), self.writer.begin() as conn:
            yield conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database and writes nothing."""
        with named_errors(self.url), self.reader.connect() as conn:
            yield conn

    def migrate(self) -> None:
        """Creates the tables, or brings those of an older release up to date, and sees to it that the rows of
        `installation` and `shard` are there. Those of a newer release that serve this one stay as they are. Safe to call
        at every start, by several processes at once. Raises StoreError where this release can't work with them."""
        from cadence.store.migrate import upgrade

        with named_errors(self.url):
            upgrade(self)

    def check(self) -> Versions:
        """Changes nothing; the revision of the tables beside this release's. Raises StoreError where this release can't work
        with the tables as they are: they are of an older release, or of a newer one that doesn't serve this."""
        from cadence.store.migrate import check

        with named_errors(self.url):
            return check(self)

    def versions(self) -> Versions:
        """The revision of the tables beside this release's, and whether both go together."""
        from cadence.store.migrate import versions

        with self.read() as conn:
            return versions(conn)

    def distribute(self, pieces: int = distributed.PIECES) -> list[str]:
        """Spreads the tables, with their rows, over the machines that the server knows; returns the names of those that
        weren't yet. Nobody else may be at work meanwhile. Raises StoreError when the server can't, and says what to
        do."""
        from cadence.store.migrate import distribute

        with named_errors(self.url):
            return distribute(self, pieces)

    def is_distributed(self) -> bool:
        """Whether the tables are spread over machines."""
        with self.read() as conn:
            return distributed.is_distributed(conn)

    def cannot_write(self, conn: Connection) -> list[str]:
        """Why nothing can be written to the database just now, in sentences; empty: it can."""
        if self.dialect == "sqlite":
            path = Path(self.url.database or "")
            if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
                return [f"{shown(self.url)} can't be written to; look at the file's and its folder's permissions"]
            if (free := shutil.disk_usage(path.parent).free) < ROOM:
                return [
                    f"the disk of {shown(self.url)} has {free >> 20} MB left; make room, or soon nothing is decided"
                ]
            return []
        asked = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool"
        where = [shown(self.url)] if conn.exec_driver_sql(asked).scalar_one() else []
        if distributed.is_distributed(conn):
            where += distributed.unwritable(conn, asked)
        return [f"{one} can only be read: nothing is decided until it takes writes again" for one in where]

    def version(self) -> str | None:
        """The revision of the tables, None in an empty database."""
        from cadence.store.migrate import current

        with named_errors(self.url):
            return current(self)

    def close(self) -> None:
        """Closes all pooled connections."""
        self.writer.dispose()
        self.reader.dispose()


def now_of(conn: Connection) -> int:
    """The database's own clock, microseconds since 1970 UTC. On SQLite, which has none of its own, the machine's."""
    if conn.dialect.name == "sqlite":
        return time.time_ns() // 1000
    found = conn.exec_driver_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8").scalar_one()
    return int(found)


def lock_shards(conn: Connection, shards: Iterable[int]) -> None:
    """Locks these shards against every other writer until the transaction ends, always in ascending order. On SQLite
    the transaction already holds the one lock there is."""
    if conn.dialect.name == "sqlite":
        return
    wanted = sorted({int(s) for s in shards if 0 <= s < SHARDS})
    if wanted and distributed.is_distributed(conn):
        distributed.lock_each(conn, wanted)
    elif wanted:
        conn.exec_driver_sql(
            "SELECT shard FROM shard WHERE shard = ANY(%(shards)s) ORDER BY shard FOR UPDATE", {"shards": wanted}
        )


def lock_idle(conn: Connection, shards: Iterable[int]) -> dict[int, str | None]:
    """Locks those of these shards that nobody has locked, waiting for none; returns them with their holder as it is
    now."""
    wanted = sorted({int(s) for s in shards})
    asked = sa.select(shard.c.shard, shard.c.holder).order_by(shard.c.shard).with_for_update(skip_locked=True)
    together = distributed.pieces_of(conn, wanted) if distributed.is_distributed(conn) else [wanted] if wanted else []
    return {r[0]: r[1] for part in together for r in conn.execute(asked.where(shard.c.shard.in_(part)))}


def lock_identity(conn: Connection) -> None:
    """Locks who is who: writers of contacts, addresses and circles go one after another, because two that don't see
    each other's rows would give one mailbox two circles. Taken before any shard."""
    if conn.dialect.name != "sqlite":
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_IDENTITY_LOCK})")
        if distributed.is_distributed(conn):
            distributed.settle(conn)


def await_moves(conn: Connection) -> None:
    """On a distributed database a merge may be committed on one machine a moment before another: waits until none is
    under way. On one server rows are never between two places."""
    if distributed.is_distributed(conn):
        lock_shards(conn, range(SHARDS))


def fill_fixed_rows(conn: Connection, at: int) -> None:
    """The rows that are there from the start: `installation` and one per shard."""
    if not check_shards(conn):
        conn.execute(installation.insert(), {"id": 1, "created_at": at, "shards": SHARDS})
    there = {row[0] for row in conn.execute(sa.select(shard.c.shard))}
    insert_rows(conn, shard, {"shard": [s for s in range(SHARDS) if s not in there]})


def check_shards(conn: Connection) -> bool:
    """Whether it is settled over how many shards circles are spread. Raises StoreError where this release knows another
    number."""
    shards = conn.scalar(sa.select(installation.c.shards).where(installation.c.id == 1))
    if shards is not None and shards != SHARDS:
        raise StoreError(
            f"this database's circles are spread over {shards} shards, and this release knows {SHARDS}: it would look for "
            "everybody in the wrong place. Start the release that it was made with"
        )
    return shards is not None


def _parsed(url: str) -> URL:
    """A URL in its parts. StoreError where it can't be meant as it is written; what may hold a password isn't repeated."""
    allowed = "allowed are sqlite:///PATH and postgresql://USER@HOST/NAME"
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise StoreError(f"what CADENCE_DATABASE_URL holds is no database URL; {allowed}") from None
    except ValueError:
        raise StoreError(_NO_PORT) from None
    kind = parsed.get_backend_name()
    if kind not in ("sqlite", "postgresql", "postgres"):
        raise StoreError(f"{kind!r} databases can't be used; {allowed}")
    if kind != "sqlite" and "@" in f"{parsed.host}{parsed.database}":
        raise StoreError(
            "CADENCE_DATABASE_URL: more than one @ stands before the host or after it; an @ in a password is written %40, "
            "a / %2F"
        )
    return parsed


def _open_sqlite(url: URL) -> Store:
    if not url.database or url.database == ":memory:":
        raise StoreError(
            "sqlite needs a file, for example sqlite:///var/cadence.db: a database in memory is gone with its daemon"
        )
    if sqlite3.sqlite_version_info < SQLITE_LEAST:
        least = ".".join(map(str, SQLITE_LEAST))
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; {least} or newer is needed")
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"the folder of {url.database} can't be made: {error.strerror or error}") from error
    url = url.set(drivername="sqlite+pysqlite")
    return Store(url, _sqlite_engine(url, "BEGIN IMMEDIATE"), _sqlite_engine(url, "BEGIN"))


# The driver would store a numpy scalar among a list's values as a blob of its bytes, without a word.
sqlite3.register_adapter(np.int64, int)
sqlite3.register_adapter(np.int32, int)
sqlite3.register_adapter(np.float64, float)
sqlite3.register_adapter(np.bool_, bool)


def _sqlite_engine(url: URL, begin: str) -> Engine:
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            "cache_size = -65536",
            f"wal_autocheckpoint = {WAL_PAGES}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        conn.exec_driver_sql(begin)

    return engine


def _open_postgresql(url: URL) -> Store:
    from psycopg.pq import Conninfo, Format

    from cadence.store.arrays import register

    _check_options(url, {option.keyword.decode() for option in Conninfo.get_defaults()})
    # A custom plan of the first executions may merge-join a whole table: generic plans keep a tick's cost by what is
    # due.
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=16,
        connect_args={
            "options": "-c plan_cache_mode=force_generic_plan -c timezone=UTC "
            f"-c idle_in_transaction_session_timeout={ASLEEP_SECONDS}s",
            "connect_timeout": 10,
            "fallback_application_name": "cadence",  # where neither the URL nor PGAPPNAME names another
            # A server that vanishes without a word is noticed within a minute, not within hours.
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        },
    )

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, entry: ConnectionPoolEntry) -> None:
        if (found := connection.info.server_version // 10_000) < POSTGRESQL_LEAST:
            raise StoreError(f"{shown(url)} is PostgreSQL {found}; {POSTGRESQL_LEAST} or newer is needed")
        register(connection.adapters)
        distributed.prepare(connection, entry)

    @sa.event.listens_for(engine, "checkout")
    def _checkout(connection: Any, _: ConnectionPoolEntry, __: object) -> None:
        # What last served a reader would ask for READ WRITE, past what an admin has set for the database.
        connection.read_only = None

    @sa.event.listens_for(engine, "before_cursor_execute")
    def _binary(_c: Connection, cursor: Any, _s: str, _p: Any, context: ExecutionContext | None, _m: bool) -> None:
        """Numbers and packed values come as they are, not written out as text and read again."""
        if context is not None and context.execution_options.get("binary"):
            cursor.format = Format.BINARY

    distributed.narrow(engine)

    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @sa.event.listens_for(reader, "begin")
    def _begin(conn: Connection) -> None:
        conn.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")

    return Store(url, engine, reader)


def _check_options(url: URL, known: Collection[str]) -> None:
    """StoreError where a URL has options that no connection to PostgreSQL has, or hosts and ports that don't go together:
    what is near to no option is not shown."""
    for name in url.query:
        near = difflib.get_close_matches(name, known, 1, 0.75)
        if name not in known and near:
            raise StoreError(
                f"CADENCE_DATABASE_URL: {name!r} is no option of a connection to PostgreSQL; did you mean {near[0]}?"
            )
        if name not in known:
            raise StoreError(
                "CADENCE_DATABASE_URL: after its ? stands what is no option of a connection to PostgreSQL; an & in a password "
                "is written %26"
            )
    try:
        url.get_dialect()().create_connect_args(url)
    except sa.exc.ArgumentError:  # its sentence has the ports in it
        raise StoreError(_NO_PORT) from None


def _none_here(url: URL, because: str) -> StoreNotMade:
    return StoreNotMade(
        f"{shown(url)} isn't made yet: {because}. `cadence db init` makes it, so do `cadence import` and `cadence run`; "
        "CADENCE_DATABASE_URL names another"
    )
