"""Opening a database that can't be opened says so in a sentence."""

from __future__ import annotations

import traceback
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from cadence.store import Store, StoreBusy, StoreError, StoreUnavailable, engine
from cadence.store.errors import named_errors, shown


def test_another_kind_of_database_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(StoreError, match=r"mysql.*sqlite:///PATH and postgresql"):
        Store.open("mysql://x/y")


def test_what_is_no_url_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(StoreError, match="no database URL"):
        Store.open("cadence.db")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("hunter2sekrit", "no database URL"),
        ("postgresql:/kim:hunter2sekrit@h/c", "no database URL"),
        ("postgresql://h:hunter2sekrit/c", "a port is a number"),
        ("postgresql://kim:a@b:hunter2sekrit@h:1/c", "a port is a number"),
        ("postgresql://kim:pass@hunter2sekrit@127.0.0.1/c", "an @ in a password is written %40"),
        ("postgresql://kim:pa@ss/hunter2sekrit@h/c", "an @ in a password is written %40"),
        ("postgresql://kim@h/c?password=a&hunter2sekrit=b", "an & in a password is written %26"),
        ("postgresql://kim:hunter2sekrit@/c?host=h&port=hunter2", "a port is a number"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_without_being_shown(url: str, says: str) -> None:
    with pytest.raises(StoreError) as caught:
        Store.open(url)
    assert says in str(caught.value)
    assert "hunter2" not in _traceback(caught.value)


def test_a_misspelt_option_of_a_url_is_named_with_the_nearest_right_one() -> None:
    with pytest.raises(StoreError, match=r"'sslmod' is no option .*; did you mean sslmode\?"):
        Store.open("postgresql://kim@127.0.0.1/cadence?sslmod=require")


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


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://kim:hunter2@127.0.0.1:1/cadence",
        "postgresql://kim@/cadence?host=127.0.0.1&port=1&password=hunter2",
        "postgresql://kim@127.0.0.1:1/cadence?sslpassword=hunter2",
        "postgresql://kim@127.0.0.1:1/cadence?options=-c%20our.key%3Dhunter2",
    ],
)
def test_a_server_that_is_away_is_named_without_its_password(url: str) -> None:
    store = Store.open(url)
    with pytest.raises(StoreUnavailable, match=r"postgresql.*kim.*cadence.* is away") as caught, store.write():
        pass
    assert "hunter2" not in str(caught.value)


def test_an_option_with_a_value_that_it_cannot_have_is_no_database_that_is_away() -> None:
    store = Store.open("postgresql://kim:hunter2@127.0.0.1:1/cadence?sslmode=requier")
    with pytest.raises(StoreUnavailable, match=r"CADENCE_DATABASE_URL .*sslmode") as caught, store.read():
        pass
    assert "away" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_what_harms_nobody_in_a_url_is_shown() -> None:
    url = sa.make_url("postgresql://kim@/cadence?host=/run/pg&sslmode=require&password=hunter2")
    assert shown(url) == "the database postgresql://kim@/cadence?host=%2Frun%2Fpg&password=***&sslmode=require"


def test_a_database_of_a_newer_release_is_told_without_the_password(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/cadence.db?timeout=7")
    store.migrate()
    with store.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'tomorrow'")
    with pytest.raises(StoreError, match=r"timeout=\*\*\* is at revision tomorrow"):
        store.migrate()


class _Answer(psycopg.OperationalError):
    """What the driver raises when a connection fails: a text, and no state."""


KNOWN_ANSWERS = {
    'FATAL:  database "nodb" does not exist': r"there is no database nodb .*CREATE DATABASE nodb OWNER kim.*CADENCE_DATA",
    'FATAL:  password authentication failed for user "kim"': "refuses the role kim or its password",
    'FATAL:  role "kim" does not exist': "refuses the role kim or its password",
    'FATAL:  role "kim" is not permitted to log in': "refuses the role kim or its password",
    'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "kim", database "nodb", no encryption': r"pg_hba\.conf",
    "fe_sendauth: no password supplied": "wants a password for the role kim",
    'FATAL:  permission denied for database "nodb"': "GRANT CONNECT ON DATABASE nodb TO kim",
    "FATAL:  the database system is starting up": "is away: .*starting up",
    "FATAL:  sorry, too many clients already": "is away: .*too many clients",
    "Connection refused": "is away: .*refused",
    "FATAL:  Datenbank »nodb« existiert nicht": "lets nobody in as kim.*existiert nicht.*CADENCE_DATABASE_URL",
    'ВАЖНО:  роль "kim" не существует': "lets nobody in as kim.*не существует.*CADENCE_DATABASE_URL",
}


@pytest.mark.parametrize("answer", KNOWN_ANSWERS)
def test_why_a_server_lets_nobody_in_is_told_with_what_to_do(answer: str) -> None:
    url = sa.make_url("postgresql://kim@10.0.0.2/nodb")
    error = _Answer(f'connection failed: connection to server at "10.0.0.2", port 5432 failed: {answer}')
    with pytest.raises(StoreUnavailable, match=KNOWN_ANSWERS[answer]), named_errors(url):
        raise sa.exc.OperationalError("", {}, error)


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


def _traceback(error: BaseException) -> str:
    """All that a log would have of it."""
    return "".join(traceback.format_exception(error))


def _fill(conn: sa.Connection) -> None:
    """Writes more than there is room for."""
    pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
    conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    conn.exec_driver_sql("CREATE TABLE big (x)")
    for _ in range(100):
        conn.execute(sa.text("INSERT INTO big VALUES (:x)"), {"x": "x" * 10_000})
