"""Opening a database that can't be opened says so in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from cadence.store import Store, StoreBusy, StoreError, StoreUnavailable, engine


def test_another_kind_of_database_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(StoreError, match=r"mysql.*sqlite:///PATH and postgresql"):
        Store.open("mysql://x/y")


def test_what_is_no_url_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(StoreError, match="no database URL"):
        Store.open("cadence.db")


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(StoreError, match="needs a file"):
        Store.open("sqlite://")


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    opened = Store.open(f"sqlite:///{tmp_path}/a/b/cadence.db")
    opened.migrate()
    assert (tmp_path / "a/b/cadence.db").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="can't be made"):
        Store.open(f"sqlite:///{tmp_path}/file/cadence.db")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "cadence.db").write_text("this is a letter, not a database; " * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Store.open(f"sqlite:///{tmp_path}/cadence.db").migrate()


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    store = Store.open("postgresql://kim:secret@127.0.0.1:1/cadence")
    with pytest.raises(StoreUnavailable, match="is away") as caught, store.write():
        pass
    assert "secret" not in str(caught.value)


def test_a_full_disk_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/cadence.db")
    store.migrate()
    with pytest.raises(StoreUnavailable, match="full"), store.write() as conn:
        _fill(conn)
    with store.read() as conn:
        assert not sa.inspect(conn).has_table("big")


def test_a_writer_that_waits_too_long_may_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0)
    url = f"sqlite:///{tmp_path}/cadence.db"
    one, other = Store.open(url), Store.open(url)
    one.migrate()
    with one.write(), pytest.raises(StoreBusy), other.write():
        pass


def test_a_reader_sees_one_state_while_a_writer_commits(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/cadence.db")
    store.migrate()
    with store.read() as reader:
        before = reader.exec_driver_sql("SELECT max(seq) FROM shard").scalar_one()
        with store.write() as writer:
            writer.exec_driver_sql("UPDATE shard SET seq = 7")
        assert reader.exec_driver_sql("SELECT max(seq) FROM shard").scalar_one() == before


def _fill(conn: sa.Connection) -> None:
    """Writes more than there is room for."""
    pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
    conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    conn.exec_driver_sql("CREATE TABLE big (x)")
    for _ in range(100):
        conn.execute(sa.text("INSERT INTO big VALUES (:x)"), {"x": "x" * 10_000})
