"""Bringing a database's tables to this release's: Alembic, run from the program itself, with its scripts inside the
package.

It knows no table; what changes stands in `migrations/versions`, what the tables are in `tables.py`, and a test
compares both. Each script says which older releases can work with the tables as they are after it (`SERVES`: the newest
revision of the oldest of them); the outcome is noted in the database, where a release that doesn't know the tables
finds it. So `alembic_version` and the notes of `installation` stay as they are, whatever else changes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from cadence.store import distributed, status
from cadence.store.engine import check_shards, fill_fixed_rows, now_of
from cadence.store.errors import StoreError, shown
from cadence.store.release import release
from cadence.store.tables import daemon, installation

if TYPE_CHECKING:
    from cadence.store.engine import Store

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x4D494752  # any number, the same everywhere: "MIGR"
_NOTE = "serves"
_LATELY = 120 * 1_000_000  # a daemon that showed signs of life within these microseconds is taken to be at work


@dataclass(frozen=True, slots=True)
class Versions:
    """The revision that a database's tables have, beside the one that this release's have, and whether both go together."""

    found: str | None
    """None in an empty database."""
    known: str
    """This release's own."""
    serves: str | None
    """The oldest revision whose releases can work with what was found; None where that isn't known."""
    brought_by: str | None
    """The release that brought the tables there; None where that isn't known."""
    older: bool
    """The tables are of an older release: what this one needs may be missing."""
    newer: bool
    """The tables are of a release that this one doesn't know."""
    served: bool
    """This release can work with the tables as they are."""


def newest() -> str:
    """The revision that this release's tables have."""
    return scripts()[-1].revision


def scripts() -> tuple[Script, ...]:
    """All migrations that this release knows, oldest first."""
    return _read(_MIGRATIONS)


@cache
def _read(folder: Path) -> tuple[Script, ...]:
    found = tuple(ScriptDirectory.from_config(_config(folder)).walk_revisions())[::-1]
    assert found, "the package has no migrations"
    return found


def serves(script: Script) -> str:
    """The oldest revision whose releases can work with the tables as they are after this migration: the one before it,
    where it doesn't say."""
    told = getattr(script.module, "SERVES", None)
    return str(told or script.down_revision or script.revision)


def served() -> str:
    """The oldest revision whose releases can work with this release's tables: the strictest that a migration says, for
    what one took away no later one brings back."""
    every = scripts()
    order = [s.revision for s in every]
    return max((serves(s) for s in every), key=order.index)


def current(store: Store) -> str | None:
    """The revision a database's tables have, None in an empty one."""
    with store.reader.connect() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def versions(conn: sa.Connection) -> Versions:
    """Which revision is there, and whether this release can work with it."""
    found = MigrationContext.configure(conn).get_current_revision()
    known = {s.revision for s in scripts()}
    ours = found is not None and sa.inspect(conn).has_table(installation.name)  # others keep revisions, too
    told = (status.note(conn, _NOTE) if ours else None) or {}
    if told.get("revision") != found:  # it is about other tables
        told = {"serves": served()} if found == newest() else {}
    newer = found is not None and found not in known
    return Versions(
        found=found,
        known=newest(),
        serves=told.get("serves"),
        brought_by=told.get("release"),
        older=found in known and found != newest(),
        newer=newer,
        served=found == newest() or (newer and told.get("serves") in known),
    )


def check(store: Store) -> Versions:
    """Changes nothing; what is there. Raises StoreError where this release can't work with the tables as they are, and says
    what to do."""
    with store.reader.connect() as conn:
        there = versions(conn)
        if there.older:
            raise StoreError(
                f"{shown(store.url)} is at revision {there.found}, of an older release, and this one "
                f"needs {there.known}: `cadence db migrate` brings it there{_meanwhile(there)}"
            )
        _refuse_strangers(store, there)
        if there.found is not None:
            check_shards(conn)
    return there


def upgrade(store: Store) -> None:
    """Runs what is missing, in one transaction, one process at a time; tables of a newer release that serve this one are
    left as they are. Raises StoreError when they don't, or when daemons are at work that would be served no more."""
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
                there = versions(conn)
                _refuse_strangers(store, there)
                if there.newer:
                    check_shards(conn)
                else:
                    _bring_up_to_date(conn, there)
        finally:
            if sqlite:
                _pragma(conn, "ON")


def _bring_up_to_date(conn: sa.Connection, there: Versions) -> None:
    if _forsakes(there) and (names := _at_work(conn)):
        raise StoreError(
            f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} at work, of an older release, which can't work with the "
            f"tables as this one needs them (revision {there.known}); end all daemons of older releases first (one "
            f"that died counts for {_LATELY // 60_000_000} minutes more). Nothing was changed"
        )
    made = _config(_MIGRATIONS)
    made.attributes["connection"] = conn
    command.upgrade(made, "head")
    if conn.dialect.name == "sqlite" and conn.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise StoreError("the migration would leave rows without the rows they point to; nothing was changed")
    if distributed.is_distributed(conn):
        distributed.spread(conn)
    fill_fixed_rows(conn, time.time_ns() // 1000)
    told = {"revision": newest(), "serves": served()}
    if told.items() - (status.note(conn, _NOTE) or {}).items():
        status.save_note(conn, _NOTE, {**told, "release": release()})


def _refuse_strangers(store: Store, there: Versions) -> None:
    if not there.newer or there.served:
        return
    by = f" (release {there.brought_by} brought them there)" if there.brought_by else ""
    who = (
        f"releases that know revision {there.serves} or a later one can work with its tables{by}: start one of them"
        if there.serves
        else "its tables don't say which older releases can work with them: start the newer release"
    )
    raise StoreError(
        f"{shown(store.url)} is at revision {there.found}, which this release doesn't know (it knows up to {there.known}); "
        f"{who}, or take a backup from before"
    )


def _forsakes(there: Versions) -> bool:
    """Whether releases that know no more than what is there now could not work with this release's tables."""
    order = [s.revision for s in scripts()]
    return there.older and there.found is not None and order.index(there.found) < order.index(served())


def _meanwhile(there: Versions) -> str:
    """What that means for the daemons of the release whose tables are there, in words."""
    if _forsakes(there):
        return "; end the daemons of older releases first, which can't work with the tables as they are then"
    return ", and the daemons of the release before work on meanwhile"


def _at_work(conn: sa.Connection) -> list[str]:
    """The daemons that showed signs of life lately."""
    lately = sa.select(daemon.c.id).where(daemon.c.heartbeat_at > now_of(conn) - _LATELY)
    return list(conn.scalars(lately.order_by(daemon.c.id)))


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
        if versions(conn).newer:
            raise StoreError(
                f"{name} has tables of a newer release, some of which this one may not know: spread it with that"
            )
        if not distributed.is_distributed(conn) and _at_work(conn):
            raise StoreError(f"a daemon is at work on {name}; stop all of them first (cadence status names them)")
        done = distributed.spread(conn, pieces)
    store.writer.dispose()  # what is connected knows of one server only
    return done


def _config(folder: Path) -> Config:
    """Alembic's configuration: only where the scripts are."""
    made = Config()
    made.set_main_option("script_location", os.fspath(folder).replace("%", "%%"))
    return made


def _pragma(conn: sa.Connection, state: str) -> None:
    driver = conn.connection.driver_connection
    assert driver is not None
    driver.execute(f"PRAGMA foreign_keys = {state}")
