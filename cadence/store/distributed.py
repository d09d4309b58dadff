"""PostgreSQL spread over machines by Citus: how it is set up, and what is said to it otherwise than to one server.

The same tables and the same statements; each is told besides which shards it is about, so that it goes to those
machines only. Every table of the hot path has the shard first in its keys, and `directory` is spread by its own: both
are read from `tables.py`. What is small and shared stays on the coordinator, through which everybody comes."""

# Statements are put together from names in tables.py and our own numbers; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry

from cadence.store.ids import SHARDS
from cadence.store.tables import directory, metadata, shard

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import ExecutionContext

PIECES: int = 32
"""Into how many pieces each table is cut: the most machines that can ever share it. Several shards fall into one."""

_SETTINGS = (
    # A plan that doesn't know the values can't know the machines.
    "plan_cache_mode = force_custom_plan",
    # Writers are kept apart, and in one order, by the rows of `shard`: to lock whole pieces besides would make daemons
    # wait for each other that share none.
    "citus.enable_deadlock_prevention = off",
    # One connection to each machine, so that all a transaction reads there is of one state.
    "citus.max_adaptive_executor_pool_size = 1",
    "citus.multi_shard_modify_mode = 'sequential'",
)
_ARE_SPREAD = (
    "SELECT c.relname FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid "
    "WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('installation'))"
)
_SETTLE = "recover_prepared_transactions()"
_FEW = 100  # more values than this fall into every piece anyway

_BY_SHARD = re.compile(r"\b(\w+)\.shard = w\.shard\b")
_BY_VALUE = re.compile(r"\b(\w+)\.value = w\.value\b")


def keys_of_tables() -> dict[str, str]:
    """The tables that are spread, and the column that each is spread by; `shard` comes first, the others lie beside
    it."""
    by_shard = [t.name for t in metadata.sorted_tables if "shard" in t.primary_key.columns and t is not shard]
    return {shard.name: "shard", **dict.fromkeys(sorted(by_shard), "shard"), directory.name: "value"}


def prepare(connection: Any, entry: ConnectionPoolEntry) -> None:
    """A new connection of the driver's: finds out whether the tables are spread, and if so sets it up for that."""
    with connection.cursor() as cursor:
        found = cursor.execute("SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL").fetchone()[0]
        if found:
            found = cursor.execute(f"{_ARE_SPREAD} AND c.relname = 'shard'").fetchone() is not None
        if found:
            for setting in _SETTINGS:
                cursor.execute(f"SET SESSION {setting}")
            pieces = cursor.execute(
                "SELECT get_shard_id_for_distribution_column('shard', s) FROM generate_series(0, %s) s", [SHARDS - 1]
            ).fetchall()
            entry.info["pieces"] = [int(row[0]) for row in pieces]
    connection.commit()
    entry.info["distributed"] = bool(found)


def is_distributed(conn: Connection) -> bool:
    """Whether the tables are spread over machines."""
    return bool(conn.info.get("distributed"))


def narrow(engine: Engine) -> None:
    """Lets every statement of a distributed database that goes by wanted shards or values name them besides, as
    constants: a join with a list says nothing of which machines it concerns."""

    @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
    def _narrowed(
        conn: Connection, cursor: Any, statement: str, parameters: Any, context: ExecutionContext | None, many: bool
    ) -> tuple[str, Any]:
        if many or not isinstance(parameters, dict) or not is_distributed(conn):
            return statement, parameters
        return named(statement, parameters)

    @sa.event.listens_for(engine, "handle_error")
    def _clashed(context: sa.engine.ExceptionContext) -> None:
        """A row that clashes on a worker is told of as an error of unknown kind."""
        told = context.original_exception
        if "duplicate key value" in str(told) and not isinstance(context.sqlalchemy_exception, sa.exc.IntegrityError):
            raise sa.exc.IntegrityError(context.statement, context.parameters, told, hide_parameters=True) from told


def named(statement: str, parameters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The statement with the shards, or the few values, that it wants named as constants."""
    if "w_shard" in parameters and _BY_SHARD.search(statement):
        shards = sorted({int(s) for s in parameters["w_shard"]})
        statement = _BY_SHARD.sub(lambda found: f"{found[0]} AND {among(shards, found[1] + '.')}", statement)
    elif (
        "w_value" in parameters and len(values := parameters["w_value"].values) <= _FEW and _BY_VALUE.search(statement)
    ):
        statement = _BY_VALUE.sub(r"\g<0> AND \1.value = ANY(%(w_values)s::text[])", statement)
        parameters = {**parameters, "w_values": sorted(set(values))}
    return statement, parameters


def among(shards: Sequence[int], alias: str = "") -> str:
    """The condition that a row is of these shards. Of one it is told as equal, which the planner hands on to every
    table joined by its shard."""
    return f"{alias}shard = {int(shards[0])}" if len(shards) == 1 else f"{alias}shard IN ({listed(shards)})"


def listed(shards: Iterable[int]) -> str:
    """Shards as a list in SQL, never an empty one."""
    return ", ".join(str(int(s)) for s in shards) or "NULL"


def lock_each(conn: Connection, shards: Iterable[int]) -> None:
    """Locks these shards, piece after piece, because one statement can't over several machines: always in the same
    order. The lock lies in the row of `shard`, on the machine of the shard's other rows: a transaction that is
    committed here and not yet there still holds it, even when the coordinator dies in between."""
    for together in pieces_of(conn, shards):
        conn.exec_driver_sql(f"SELECT shard FROM shard WHERE shard IN ({listed(together)}) ORDER BY shard FOR UPDATE")


def pieces_of(conn: Connection, shards: Iterable[int]) -> list[list[int]]:
    """These shards, those in one piece together, in the one order in which pieces are locked."""
    pieces: dict[int, list[int]] = {}
    for one in sorted(shards):
        pieces.setdefault(conn.info["pieces"][one], []).append(one)
    return [together for _, together in sorted(pieces.items())]


def settle(conn: Connection) -> None:
    """Ends what the coordinator has committed and a machine hasn't heard of yet, because one of them died in between:
    what is read next is then there. In a transaction of its own, for it keeps Citus's own settling out until it ends, and
    with it the search for deadlocks."""
    with conn.engine.begin() as other:
        other.exec_driver_sql(f"SELECT {_SETTLE}")


def spread(conn: Connection, pieces: int = PIECES) -> list[str]:
    """Spreads the tables that aren't yet, with their rows, and returns their names."""
    there = {row[0] for row in conn.exec_driver_sql(_ARE_SPREAD)}
    missing = {name: column for name, column in keys_of_tables().items() if name not in there}
    for setting in ("client_min_messages = warning", "citus.multi_shard_modify_mode = 'sequential'"):
        conn.exec_driver_sql(f"SET LOCAL {setting}")
    for name, column in missing.items():
        first = name in (shard.name, directory.name)
        how = f"colocate_with => 'none', shard_count => {int(pieces)}" if first else f"colocate_with => '{shard.name}'"
        conn.exec_driver_sql(f"SELECT create_distributed_table('{name}', '{column}', {how})")
    return list(missing)


def unwritable(conn: Connection, asked: str) -> list[str]:
    """The machines that are away, or answer a question with true."""
    found = conn.exec_driver_sql(
        "SELECT nodename, nodeport, success, result FROM run_command_on_workers(%(asked)s)", {"asked": asked}
    )
    return [f"worker {r[0]}:{r[1]}" for r in found if not r[2] or r[3] == "t"]


def missing_for_it(conn: Connection) -> str | None:
    """What this server lacks to spread tables: a sentence that says what to do; None where nothing is missing."""
    if conn.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'citus'").first() is None:
        return (
            "this database hasn't the extension citus; install Citus on every machine, put it into "
            "shared_preload_libraries, and run CREATE EXTENSION citus in this database on each"
        )
    if not conn.exec_driver_sql("SELECT citus_is_coordinator()").scalar_one():
        return "this server is a worker; give the URL of the coordinator"
    if not conn.exec_driver_sql(f"SELECT has_function_privilege('{_SETTLE}', 'EXECUTE')").scalar_one():
        return f"this role may not settle what a crash left; as a superuser, GRANT EXECUTE ON FUNCTION {_SETTLE} TO it"
    machines = "SELECT count(*) FROM pg_dist_node WHERE isactive AND shouldhaveshards AND noderole = 'primary'"
    if not conn.exec_driver_sql(machines).scalar_one():
        return "the coordinator knows no workers; name each to it: SELECT citus_add_node('HOST', 5432)"
    return None
