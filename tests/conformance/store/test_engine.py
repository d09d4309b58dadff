"""Opening, migrating, locking and bulk statements give the same on every database."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from cadence.facts import NONE, SECOND
from cadence.queue.leases import this_process
from cadence.store import Store, StoreError, StoreUnavailable, engine, leases, status
from cadence.store.bulk import fetch, insert_rows, ints, laid_out, update_rows, wanted
from cadence.store.engine import lock_identity, lock_shards, now_of
from cadence.store.ids import SHARDS
from cadence.store.tables import circle, contact, metadata


def test_the_migrations_make_exactly_the_tables_that_are_described(store: Store) -> None:
    with store.writer.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_migrating_twice_changes_nothing(store: Store) -> None:
    before = store.version()
    store.migrate()
    assert store.version() == before


def test_each_shard_has_its_row_from_the_start(store: Store) -> None:
    with store.read() as conn:
        assert fetch(conn, "SELECT count(*), min(shard), max(shard) FROM shard") == [(SHARDS, 0, SHARDS - 1)]


def test_a_database_of_a_newer_release_is_refused_by_name(store: Store) -> None:
    with store.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'tomorrow'")
    with pytest.raises(StoreError, match="tomorrow"):
        store.migrate()


def test_none_is_written_as_null_and_read_back_as_none(store: Store) -> None:
    _circles(store, 3)
    with store.write() as conn:
        update_rows(
            conn, circle, {"shard": np.zeros(3, np.int64), "id": np.arange(3)}, {"merged_at": np.array([5, NONE, 7])}
        )
    with store.read() as conn:
        rows = fetch(conn, "SELECT merged_at FROM circle ORDER BY id")
    assert ints([r[0] for r in rows]).tolist() == [5, NONE, 7]


@pytest.mark.parametrize(
    ("fold", "left"),
    [("set", [1, 9, 4]), ("add", [1, 14, 4]), ("max", [1, 9, 4]), ("min", [1, 5, 4]), ("keep", [1, 5, 4])],
)
def test_a_new_value_joins_the_stored_one_as_asked(store: Store, fold: str, left: list[int]) -> None:
    _circles(store, 3)
    keys = {"shard": [0, 0, 0], "id": [0, 1, 2]}
    with store.write() as conn:
        update_rows(conn, circle, keys, {"next_number": [1, 5, 4]})
        update_rows(conn, circle, {"shard": [0], "id": [1]}, {"next_number": [9]}, {"next_number": fold})  # type: ignore[dict-item]
        assert [r[0] for r in fetch(conn, "SELECT next_number FROM circle ORDER BY id")] == left


@pytest.mark.parametrize("fold", ["max", "min", "keep"])
def test_a_value_joins_an_empty_place_by_taking_it(store: Store, fold: str) -> None:
    _circles(store, 1)
    with store.write() as conn:
        update_rows(conn, circle, {"shard": [0], "id": [0]}, {"merged_at": [9]}, {"merged_at": fold})  # type: ignore[dict-item]
        assert fetch(conn, "SELECT merged_at FROM circle") == [(9,)]


def test_rows_that_clash_are_left_out_when_asked(store: Store) -> None:
    _circles(store, 3)
    with store.write() as conn:
        assert insert_rows(conn, circle, {"shard": [0, 0], "id": [2, 3]}, "nothing") == 1


def test_rows_that_clash_are_an_error_else(store: Store) -> None:
    _circles(store, 3)
    with pytest.raises(sa.exc.IntegrityError), store.write() as conn:
        insert_rows(conn, circle, {"shard": [0], "id": [2]})


def test_what_is_wanted_keeps_its_order(store: Store) -> None:
    _circles(store, 5)
    with store.read() as conn:
        sql, params = wanted(conn, "w", {"shard": np.zeros(3, np.int64), "id": [4, 0, 2]})
        rows = fetch(
            conn, f"SELECT w.row, c.id FROM {sql} CROSS JOIN circle c WHERE c.shard = w.shard AND c.id = w.id", **params
        )
    assert sorted(rows) == [(0, 4), (1, 0), (2, 2)]


def test_what_is_laid_out_stands_there_for_several_statements_until_something_else_is(store: Store) -> None:
    first, second = np.array([4, 0, 2]), np.array([7])
    with store.read() as conn:
        for ids in (first, second, first[:0]):
            sql, params = laid_out(conn, "w", {"shard": np.zeros(len(ids), np.int64), "id": ids})
            for _ in range(2):
                rows = fetch(conn, f"SELECT w.row, w.shard, w.id FROM {sql} ORDER BY w.row", **params)
                assert [tuple(r) for r in rows] == [(i, 0, one) for i, one in enumerate(ids.tolist())]


def test_texts_floats_and_flags_come_back_as_they_went(store: Store) -> None:
    row = {
        "shard": [1],
        "id": [1],
        "circle": [1],
        "country": ["Å"],
        "spend": np.array([1.5]),
        "created_at": [1],
        "recorded_at": [1],
    }
    with store.write() as conn:
        insert_rows(conn, contact, row)
        assert fetch(conn, "SELECT country, spend, orders, last_click FROM contact") == [("Å", 1.5, 0, None)]


def test_a_numpy_scalar_among_values_is_stored_as_the_number_it_is(store: Store) -> None:
    with store.write() as conn:
        insert_rows(conn, circle, {"shard": [np.int64(3)], "id": [np.int64(7)]})
        assert fetch(conn, "SELECT shard, id FROM circle WHERE id = 7") == [(3, 7)]


def test_no_update_is_lost_between_writers(store: Store) -> None:
    _circles(store, 1)

    def add() -> None:
        for _ in range(25):
            with store.write() as conn:
                lock_shards(conn, [0])
                (seen,) = fetch(conn, "SELECT next_number FROM circle")[0]
                update_rows(conn, circle, {"shard": [0], "id": [0]}, {"next_number": [seen + 1]})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    with store.read() as conn:
        assert fetch(conn, "SELECT next_number FROM circle") == [(101,)]


SILENT = {
    "locks shards": lambda conn: lock_shards(conn, [3]),
    "takes leases": lambda conn: leases.take(conn, "a", {"a"}, now_of(conn), 30 * SECOND),
    "gives a sign of life": lambda conn: leases.beat(conn, "a", this_process(), now_of(conn), 0, "p"),
    "says how far it is": lambda conn: status.saw_now(conn, now_of(conn)),
    "looks who is who": lock_identity,
}


@pytest.mark.parametrize("does", SILENT)
def test_who_falls_silent_while_it_writes_keeps_nobody_waiting(store: Store, does: str, monkeypatch: Any) -> None:
    if store.dialect == "sqlite":
        pytest.skip("declared: SQLite has one lock for all, which its process holds until it is killed")
    monkeypatch.setattr(engine, "ASLEEP_SECONDS", 1)
    silent = Store.open(store.url.render_as_string(hide_password=False))
    with silent.write() as conn:
        leases.beat(conn, "a", this_process(), now_of(conn), 0, "p")

    def freeze() -> None:
        with silent.write() as conn:
            SILENT[does](conn)
            began = time.monotonic()
            with store.write() as other:
                other.exec_driver_sql("SET LOCAL statement_timeout = '15s'")
                lock_shards(other, [3])
                SILENT[does](other)
                waits.append(time.monotonic() - began)
                held.extend(leases.held_by(other, "a"))
            time.sleep(max(0.0, 2 - waits[0]))
            fetch(conn, "SELECT 1")

    waits: list[float] = []
    held: list[int] = []
    with pytest.raises(StoreUnavailable):
        freeze()
    silent.close()

    assert waits[0] < 10
    assert held == (list(range(SHARDS)) if does == "takes leases" else [])


def test_who_only_reads_may_take_its_time(store: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr(engine, "ASLEEP_SECONDS", 1)
    slow = Store.open(store.url.render_as_string(hide_password=False))
    with slow.read() as conn:
        fetch(conn, "SELECT 1")
        time.sleep(1.5)
        assert fetch(conn, "SELECT 2") == [(2,)]
    slow.close()


def test_connections_are_told_apart_on_the_server(store: Store) -> None:
    url = _on_a_server(store)
    asked = "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    said = []
    for one in (url, url.update_query_dict({"application_name": "night"})):
        opened = Store.open(one.render_as_string(hide_password=False))
        with opened.read() as conn:
            said.append(fetch(conn, asked)[0][0])
        opened.close()
    assert said == ["cadence", "night"]


def test_a_database_that_is_not_there_is_named_with_how_to_make_it(store: Store) -> None:
    url = _on_a_server(store).set(database="nodb")
    with pytest.raises(StoreUnavailable, match=r"there is no database nodb .*CREATE DATABASE nodb OWNER"):
        Store.open(url.render_as_string(hide_password=False), made=True)


def test_a_role_that_is_not_there_is_named_as_refused(store: Store) -> None:
    url = _on_a_server(store).set(username="nemo", password="hunter2")
    with pytest.raises(StoreUnavailable, match="refuses the role nemo or its password") as caught:
        Store.open(url.render_as_string(hide_password=False), made=True)
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def watcher(store: Store) -> Iterator[Store]:
    """The same database, opened as a role that was given nothing."""
    url = _on_a_server(store).set(username="watcher")
    with store.write() as conn:
        conn.exec_driver_sql("CREATE ROLE watcher LOGIN")
    opened = Store.open(url.render_as_string(hide_password=False))
    yield opened
    opened.close()
    with store.write() as conn:
        conn.exec_driver_sql("DROP OWNED BY watcher")
        conn.exec_driver_sql("DROP ROLE watcher")


def test_who_lacks_a_right_is_told_which_and_how_to_give_it(store: Store, watcher: Store) -> None:
    with store.write() as conn:
        conn.exec_driver_sql("GRANT SELECT ON shard TO watcher")  # asked of by each connection to a distributed one
    values = {"secret": "".join(["hun", "ter2"])}  # lest the test's own lines show it
    for does, says in {
        "SELECT 1 FROM contact WHERE country = %(secret)s": r"may not SELECT .*contact.*GRANT SELECT ON ALL .* TO watcher",
        "UPDATE contact SET country = %(secret)s": r"may not UPDATE .*contact.*GRANT UPDATE ON ALL .* TO watcher",
        "SELECT shard FROM shard WHERE shard = 3 AND holder = %(secret)s FOR UPDATE": r"may not UPDATE .*shard.*GRANT UPDATE ON ALL",
        "ALTER TABLE contact ADD COLUMN x text": r"may not make or change tables .*contact.*OWNER TO watcher",
        "CREATE TABLE more (x text)": r"may not make or change tables .*public.*OWNER TO watcher",
    }.items():
        with pytest.raises(StoreUnavailable, match=says) as caught, watcher.write() as conn:
            conn.exec_driver_sql(does, values)
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_who_may_only_select_opens_the_database_and_looks(store: Store, watcher: Store) -> None:
    with store.write() as conn:
        conn.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO watcher")
    watcher.check()
    with watcher.read() as conn:
        assert fetch(conn, "SELECT count(*) FROM shard") == [(SHARDS,)]


def _on_a_server(store: Store) -> sa.URL:
    """Its URL; of SQLite there is nothing to try."""
    if store.dialect == "sqlite":
        pytest.skip("declared: SQLite knows no roles and no connections")
    return store.url.set(query={k: v for k, v in store.url.query.items() if k != "application_name"})


def _circles(store: Store, n: int) -> None:
    with store.write() as conn:
        insert_rows(
            conn, circle, {"shard": np.zeros(n, np.int64), "id": np.arange(n), "next_number": np.ones(n, np.int64)}
        )


def test_a_disk_with_little_room_is_told_of_before_it_is_full(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    if store.dialect != "sqlite":
        pytest.skip("declared: a server's disk can't be seen from here")
    for free, told in (
        (64 << 20, []),
        (63 << 20, ["the disk of", "has 63 MB left"]),
        (0, ["has 0 MB left; make room"]),
    ):
        monkeypatch.setattr(engine.shutil, "disk_usage", lambda path, free=free: SimpleNamespace(free=free))
        with store.read() as conn:
            said = " ".join(store.cannot_write(conn))
        assert all(part in said for part in told)
        assert bool(said) == bool(told)
