"""Bringing a database's tables to this release's: Alembic, run from the program itself, with its scripts inside the
package.

It knows no table; what changes stands in `migrations/versions`, what the tables are in `tables.py`, and a test
compares both."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from cadence.store import distributed
from cadence.store.engine import fill_fixed_rows, now_of
from cadence.store.errors import StoreError, shown
from cadence.store.tables import daemon

if TYPE_CHECKING:
    from cadence.store.engine import Store

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x4D494752  # any number, the same everywhere: "MIGR"
_LATELY = 120 * 1_000_000  # a daemon that showed signs of life within these microseconds is taken to be at work


def config() -> Config:
    """Alembic's configuration: only where the scripts are."""
    made = Config()
    made.set_main_option("script_location", os.fspath(_MIGRATIONS).replace("%", "%%"))
    return made


def newest() -> str:
    """The revision that this release's tables have."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None, "the package has no migrations"
    return head


def current(store: Store) -> str | None:
    """The revision a database's tables have, None in an empty one."""
    with store.reader.connect() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def upgrade(store: Store) -> None:
    """Runs what is missing, in one transaction, one process at a time. Raises StoreError when the database is of a
    newer release."""
    found = current(store)
    if found is not None and found != newest() and found not in _known():
        raise StoreError(
            f"{shown(store.url)} is at revision {found}, which this release doesn't know "
            f"(it knows up to {newest()}); start the newer release, or take a backup from before"
        )
    with store.writer.connect() as conn:
        sqlite = conn.dialect.name == "sqlite"
        if sqlite:
            # A batch rebuild drops the old table: with foreign keys on, its children's rows would go with it. The
            # pragma is ignored inside a transaction, so it is set on the driver's connection before one begins.
            _pragma(conn, "OFF")
        try:
            with conn.begin():
                if not sqlite:
                    conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                made = config()
                made.attributes["connection"] = conn
                command.upgrade(made, "head")
                if sqlite and conn.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise StoreError(
                        "the migration would leave rows without the rows they point to; nothing was changed"
                    )
                if distributed.is_distributed(conn):
                    distributed.spread(conn)
                fill_fixed_rows(conn, time.time_ns() // 1000)
        finally:
            if sqlite:
                _pragma(conn, "ON")


def distribute(store: Store, pieces: int) -> list[str]:
    """Spreads this release's tables over machines; of tables that are spread nothing is changed. Raises StoreError
    where the server can't, or a daemon is at work."""
    name = shown(store.url)
    if store.dialect == "sqlite":
        raise StoreError(f"{name} is one file; only PostgreSQL with Citus can be distributed")
    with store.writer.connect() as conn, conn.begin():
        lacking = distributed.missing_for_it(conn)
        if lacking is not None:
            raise StoreError(f"{name} can't be distributed: {lacking}")
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        lately = sa.select(daemon.c.id).where(daemon.c.heartbeat_at > now_of(conn) - _LATELY)
        if not distributed.is_distributed(conn) and conn.execute(lately).first() is not None:
            raise StoreError(f"a daemon is at work on {name}; stop all of them first (cadence status names them)")
        done = distributed.spread(conn, pieces)
    store.writer.dispose()  # what is connected knows of one server only
    return done


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}


def _pragma(conn: sa.Connection, state: str) -> None:
    driver = conn.connection.driver_connection
    assert driver is not None
    driver.execute(f"PRAGMA foreign_keys = {state}")
