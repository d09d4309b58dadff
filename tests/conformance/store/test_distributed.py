"""What is particular to a database spread over machines: how it becomes one, what it refuses, and that what one machine
hasn't heard of yet is neither overlooked nor decided past."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from cadence.facts import DAY
from cadence.store import Store, StoreBusy, StoreError, tables
from cadence.store.bulk import fetch
from cadence.store.contacts import upsert_contacts
from cadence.store.distributed import keys_of_tables
from cadence.store.engine import lock_identity, lock_shards
from cadence.store.rows import ContactRow
from cadence.store.tables import metadata
from tests.conformance.conftest import Cluster

NOW = 20_000 * DAY


@pytest.fixture
def store(cluster: Cluster) -> Store:
    """The distributed database, emptied."""
    cluster.empty()
    return cluster.store


@pytest.fixture(scope="module")
def in_use(cluster: Cluster) -> Iterator[str]:
    """The URL of a second database on the same machines: with tables and rows, and on the coordinator alone as yet."""
    first = sa.make_url(cluster.url)
    url = first.set(database="grown")
    with cluster.store.read() as conn:
        machines = fetch(conn, "SELECT nodeport FROM pg_dist_node WHERE shouldhaveshards ORDER BY nodeport")
    ports = [first.port, *(int(port) for (port,) in machines)]
    for port in ports:
        _run(first.set(port=port), "CREATE DATABASE grown")
    store = Store.open(url.render_as_string())
    store.migrate()
    with store.write() as conn:
        upsert_contacts(conn, [ContactRow("ada", {"email": "ada@example.com"})], NOW, "crm")
    store.close()
    yield url.render_as_string()
    for port in ports:
        _run(first.set(port=port), "DROP DATABASE grown WITH (FORCE)")


def _run(url: sa.URL, *statements: str) -> None:
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        for statement in statements:
            conn.exec_driver_sql(statement)
    engine.dispose()


def test_a_database_in_use_is_spread_with_its_rows_once_all_it_needs_is_there(cluster: Cluster, in_use: str) -> None:
    url, store = sa.make_url(in_use), Store.open(in_use)
    with pytest.raises(StoreError, match="hasn't the extension citus"):
        store.distribute()
    workers = [url.set(port=url.port + n) for n in (1, 2)]  # type: ignore[operator]
    for one in (url, *workers):
        _run(one, "CREATE EXTENSION citus")
    _run(url, f"SELECT citus_set_coordinator_host('127.0.0.1', {url.port})")
    with pytest.raises(StoreError, match="knows no workers"):
        store.distribute()
    _run(url, *(f"SELECT citus_add_node('127.0.0.1', {one.port})" for one in workers))
    with store.write() as conn:
        alive = {"id": "d", "heartbeat_at": sa.text("(extract(epoch FROM clock_timestamp()) * 1000000)::int8")}
        conn.execute(tables.daemon.insert().values(**alive))
    with pytest.raises(StoreError, match="a daemon is at work"):
        store.distribute()
    with store.write() as conn:
        conn.execute(tables.daemon.delete())

    assert set(store.distribute(2)) == set(keys_of_tables())
    assert store.distribute(2) == []

    assert store.is_distributed()
    with store.write() as conn:
        told = upsert_contacts(conn, [ContactRow("ada", country="NO"), ContactRow("bo")], NOW, "crm")
    assert (told.new, told.changed) == (1, 1)
    store.migrate()
    store.close()


def test_every_table_with_the_shard_in_its_key_is_spread_and_lies_beside_the_others(store: Store) -> None:
    by_shard = {t.name for t in metadata.sorted_tables if "shard" in t.primary_key.columns}
    with store.read() as conn:
        found = fetch(conn, "SELECT table_name::text, distribution_column, colocation_id FROM citus_tables")
    assert {name for name, column, _ in found if column == "shard"} == by_shard
    assert len({place for _, column, place in found if column == "shard"}) == 1
    assert [(name, column) for name, column, _ in found if column != "shard"] == [("directory", "value")]


class Unheard:
    """A write that the coordinator has committed, and one worker has only prepared: as after a crash of either in
    between."""

    def __init__(self, cluster: Cluster, table: str, value: object, statement: str, params: dict[str, object]) -> None:
        with cluster.store.write() as conn:
            self.gid = "citus_0_999999_1_1"
            where = "get_shard_id_for_distribution_column(CAST(:t AS regclass), CAST(:v AS text))"
            (piece, port, group), *_ = fetch(
                conn,
                "SELECT p.shardid, n.nodeport, n.groupid FROM pg_dist_placement p JOIN pg_dist_node n USING (groupid) "
                f"WHERE p.shardid = {where}",
                t=table,
                v=str(value),
            )
        self.engine = sa.create_engine(
            sa.make_url(cluster.url).set(drivername="postgresql+psycopg", port=port), isolation_level="AUTOCOMMIT"
        )
        with self.engine.connect() as there:
            there.exec_driver_sql("BEGIN")
            there.execute(sa.text(statement.format(f"{table}_{piece}")), params)
            there.exec_driver_sql(f"PREPARE TRANSACTION '{self.gid}'")
        with cluster.store.write() as conn:
            conn.execute(
                sa.text("INSERT INTO pg_dist_transaction VALUES (:group, :gid)"), {"group": group, "gid": self.gid}
            )


def test_who_asks_who_is_who_finds_what_a_worker_had_only_prepared(cluster: Cluster, store: Store) -> None:
    with store.write() as conn:
        upsert_contacts(conn, [ContactRow("ada", {"email": "ada@example.com"})], NOW, "crm")
        (ada,) = fetch(conn, "SELECT shard, id, circle FROM contact")
    shared = "email:shared@example.com"
    Unheard(
        cluster,
        "directory",
        shared,
        "INSERT INTO {} (value, kind, slot, contact, shard) VALUES (:value, 'mailbox', :slot, :slot, :shard)",
        {"value": shared, "slot": ada[1], "shard": ada[0]},
    )

    with store.write() as conn:
        upsert_contacts(conn, [ContactRow("bo", {"email": "shared@example.com"})], NOW, "crm")
        circles = fetch(conn, "SELECT DISTINCT circle FROM contact")

    assert len(circles) == 1, "one mailbox in two circles"


def test_a_shard_stays_locked_until_its_worker_has_heard_of_the_commit(cluster: Cluster, store: Store) -> None:
    Unheard(cluster, "shard", 5, "UPDATE {} SET seq = 7 WHERE shard = :shard", {"shard": 5})
    with pytest.raises(StoreBusy):
        _lock_at_once(store, [4, 5, 6])

    cluster.empty()


def _lock_at_once(store: Store, shards: list[int]) -> None:
    with store.write() as conn:
        conn.exec_driver_sql("SET LOCAL citus.propagate_set_commands = 'local'")
        conn.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
        lock_shards(conn, shards)


def test_migrations_reach_every_machine_and_spread_what_is_new(cluster: Cluster, store: Store) -> None:
    with store.writer.begin() as conn:
        op = Operations(MigrationContext.configure(conn))
        with op.batch_alter_table("message") as batch:
            batch.add_column(sa.Column("mood", sa.Text(), server_default="calm"))
            batch.create_index("ix_message_mood", ["shard", "mood"])
        conn.exec_driver_sql("SELECT undistribute_table('hold')")
    with store.writer.begin() as conn:
        told = conn.exec_driver_sql(
            "SELECT success, result FROM run_command_on_shards('message', $$SELECT count(mood) FROM %%s$$)"
        )
        assert all(success for success, _ in told)
        with Operations(MigrationContext.configure(conn)).batch_alter_table("message") as batch:
            batch.drop_index("ix_message_mood")
            batch.drop_column("mood")
        assert "hold" not in _spread_tables(conn)

    store.migrate()

    with store.read() as conn:
        assert _spread_tables(conn) == set(keys_of_tables())


def _spread_tables(conn: sa.Connection) -> set[str]:
    return {row[0] for row in conn.exec_driver_sql("SELECT table_name::text FROM citus_tables")}


def test_who_writes_contacts_keeps_nobody_from_settling_what_a_crash_left(store: Store) -> None:
    with store.write() as writing:
        lock_identity(writing)
        with store.write() as other:
            other.exec_driver_sql("SET LOCAL statement_timeout = '5s'")
            assert other.exec_driver_sql("SELECT recover_prepared_transactions()").scalar_one() == 0
