"""`cadence db`: make the database, bring it up to date, say its version, remove what is old."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.store import Store, tables
from tests.cli.office import Office


@pytest.mark.parametrize("word", ["init", "migrate"])
def test_a_database_is_made_where_there_is_none(
    office: Office, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'new.db'}"
    monkeypatch.setenv("CADENCE_DATABASE_URL", url)

    told = office.json("db", word)

    assert told == {"version": Store.open(url).version(), "database": "sqlite", "distributed": False}


LOOKING = [
    ("status",),
    ("queue",),
    ("suppressed",),
    ("contact", "ann"),
    ("explain", "ann"),
    ("stop", "ann", "--reason", "asked"),
    ("audit", "verify"),
    ("campaign", "pause", "spring", "--reason", "asked"),
    ("db", "version"),
]


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_who_looks_where_there_is_no_database_is_told_so_and_none_is_made(
    office: Office, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "elsewhere"
    monkeypatch.setenv("CADENCE_DATABASE_URL", f"sqlite:///{folder / 'new.db'}")

    told = office.run(*words)

    assert told.code == 2
    assert f"there is no file {folder / 'new.db'}" in told.err
    assert not folder.exists()


def test_an_empty_database_is_told_apart_from_one_where_nothing_waits(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.db").touch()
    monkeypatch.setenv("CADENCE_DATABASE_URL", f"sqlite:///{tmp_path / 'empty.db'}")

    told = office.run("queue")

    assert (told.code, "it has no tables" in told.err) == (2, True)


@pytest.mark.parametrize("word", ["init", "migrate"])
def test_doing_it_again_changes_nothing(busy: Office, word: str) -> None:
    before = busy.world.rows(tables.message)

    assert busy.run("db", word).code == 0
    assert busy.world.rows(tables.message) == before


def test_the_version_is_told(office: Office) -> None:
    assert office.json("db", "version")["version"] == office.world.store.version()


def test_what_is_kept_long_enough_is_removed_and_what_stands_stays(busy: Office) -> None:
    with busy.world.store.write() as conn:
        conn.execute(tables.message.update().where(tables.message.c.state == "sent").values(outcome_at=1))

    told = busy.json("db", "prune")

    assert told["message"] == 2
    assert {m["state"] for m in busy.world.rows(tables.message)} == {"waiting", "suppressed"}
    assert len(busy.world.rows(tables.consent)) == 1


def test_a_file_is_never_distributed_and_that_is_said(office: Office) -> None:
    answer = office.run("db", "init", "--distributed")

    assert answer.code == 2
    assert "only PostgreSQL with Citus can be distributed" in " ".join(answer.err.split())
