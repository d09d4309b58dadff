"""`cadence db`: make the database, bring it up to date, say its version, remove what is old."""

from __future__ import annotations

from pathlib import Path

import pytest
import time_machine

from cadence.facts import DAY, instant
from cadence.store import Store, status, tables
from tests.cli.office import Office
from tests.queue.world import at


@pytest.mark.parametrize("word", ["init", "migrate"])
def test_a_database_is_made_where_there_is_none(
    office: Office, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'new.db'}"
    monkeypatch.setenv("CADENCE_DATABASE_URL", url)

    told = office.json("db", word)

    there = Store.open(url).version()
    assert (told["version"], told["known"], told["database"], told["distributed"]) == (there, there, "sqlite", False)


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


def saw(office: Office, now: int, jump: dict[str, int] | None = None) -> None:
    """A daemon was at work at this instant."""
    with office.world.store.write() as conn:
        status.saw_now(conn, now)
        status.save_note(conn, "jump", jump)


def test_a_clock_far_ahead_of_the_record_removes_nothing_until_somebody_agrees_to_it(busy: Office) -> None:
    now = at("2026-03-03T12:00")
    saw(busy, now)
    before = {t.name: busy.world.rows(t) for t in (tables.decision, tables.message, tables.touch)}
    with time_machine.travel(instant(now + 500 * DAY), tick=False):
        told = busy.run("db", "prune")
        assert (told.code, told.out) == (2, "")
        assert "nothing was removed, because what is removed is gone for good: the clock says 2027-07-16" in told.err
        assert "500 days after the latest instant that was on record (2026-03-03T11:00:00+00:00)" in told.err
        assert "`cadence run --agree-clock`" in told.err
        assert {t.name: busy.world.rows(t) for t in (tables.decision, tables.message, tables.touch)} == before

        assert busy.run("run", "--once", "--agree-clock").code == 0
        assert busy.json("db", "prune")["decision"] == len(before["decision"])


def test_while_a_jump_of_the_clock_is_unsettled_nothing_is_removed(busy: Office) -> None:
    now = at("2026-03-03T12:00")
    saw(busy, now, {"expected": now - 900 * DAY, "found": now})

    told = busy.run("db", "prune")

    assert told.code == 2
    assert "nothing was removed, because what is removed is gone for good: the clock jumped ahead" in told.err


def test_a_file_is_never_distributed_and_that_is_said(office: Office) -> None:
    answer = office.run("db", "init", "--distributed")

    assert answer.code == 2
    assert "only PostgreSQL with Citus can be distributed" in " ".join(answer.err.split())
