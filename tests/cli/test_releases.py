"""Commands on tables of another release: those that a person needs go on where the tables serve them, the rest says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.store import leases
from cadence.store.engine import now_of
from cadence.store.migrate import newest
from tests.cli.office import Office
from tests.cli.test_db import LOOKING
from tests.conformance.store.releases import NewerRelease

WORKING = [words for words in LOOKING if words[0] != "campaign"]


@pytest.fixture
def newer(busy: Office) -> NewerRelease:
    """The release after this one, which has added nothing yet; no daemon is at work."""
    with busy.world.store.write() as conn:
        leases.leave(conn, busy.world.me, now_of(conn))
    return NewerRelease(busy.folder)


@pytest.fixture
def people(busy: Office) -> Path:
    """A file to import."""
    file = busy.folder / "people.csv"
    file.write_text("id,email\neve,eve@example.com\n", "utf-8")
    return file


@pytest.mark.parametrize("words", WORKING, ids=" ".join)
def test_commands_go_on_where_the_next_release_s_tables_serve_them(
    busy: Office, newer: NewerRelease, words: tuple[str, ...]
) -> None:
    usual = busy.run(*words).code
    newer.adds("9998")
    newer.migrates(busy.world.store)

    told = busy.run(*words)

    assert told.code == usual == 0
    assert busy.world.store.version() == "9998"


def test_an_import_and_a_daemon_go_on_there_too(busy: Office, newer: NewerRelease, people: Path) -> None:
    newer.adds("9998")
    newer.migrates(busy.world.store)

    assert busy.run("import", "contacts", str(people)).code == 0
    assert busy.run("run", "--from", "2026-03-10T08:00+00:00", "--until", "2026-03-10T12:00+00:00").code == 0
    assert busy.json("db", "migrate")["version"] == "9998"


def test_a_command_says_beside_its_answer_that_the_tables_are_of_a_newer_release(
    busy: Office, newer: NewerRelease
) -> None:
    newer.adds("9998")
    newer.migrates(busy.world.store)

    told = busy.run("status", "--json")

    assert "revision 9998, of a newer release" in told.err
    assert told.out.startswith("{")


@pytest.mark.parametrize("words", [w for w in LOOKING if w != ("db", "version")], ids=" ".join)
def test_commands_that_the_tables_do_not_serve_are_refused_with_what_would_do(
    busy: Office, newer: NewerRelease, words: tuple[str, ...]
) -> None:
    newer.adds("9998", serves="9998")
    newer.migrates(busy.world.store)

    told = busy.run(*words)

    assert (told.code, "know revision 9998" in told.err) == (2, True)


@pytest.mark.parametrize("words", [*[w for w in LOOKING if w != ("db", "version")], ("campaign", "list")], ids=" ".join)
def test_who_only_looks_at_older_tables_is_told_how_to_bring_them_up_to_date_and_changes_nothing(
    busy: Office, newer: NewerRelease, words: tuple[str, ...]
) -> None:
    newer.adds("9998")

    with newer.in_use():
        told = busy.run(*words)

    assert (told.code, "`cadence db migrate`" in told.err) == (2, True)
    assert busy.world.store.version() == newest()


def test_the_version_that_was_found_and_the_one_that_is_known_are_told_of_older_tables(
    busy: Office, newer: NewerRelease
) -> None:
    newer.adds("9998")

    with newer.in_use():
        told, words = busy.json("db", "version"), busy.run("db", "version").words

    assert (told["version"], told["known"]) == (newest(), "9998")
    assert f"Version {newest()}, sqlite; this release needs 9998: `cadence db migrate`" in words
    assert busy.world.store.version() == newest()


def test_the_version_is_told_of_tables_that_do_not_serve_this_release(busy: Office, newer: NewerRelease) -> None:
    newer.adds("9998", serves="9998")
    newer.migrates(busy.world.store)

    told, words = busy.json("db", "version"), busy.run("db", "version").words

    assert (told["version"], told["known"], told["serves"]) == ("9998", newest(), "9998")
    assert f"this release knows up to {newest()}, and can't work with it" in words


@pytest.mark.parametrize("words", [("db", "migrate"), ("db", "init"), ("import",), ("run",)], ids=" ".join)
def test_what_makes_a_database_brings_an_older_one_up_to_date(
    busy: Office, newer: NewerRelease, people: Path, words: tuple[str, ...]
) -> None:
    more = {"import": ("contacts", str(people)), "run": ("--once",)}
    newer.adds("9998")

    with newer.in_use():
        told = busy.run(*words, *more.get(words[0], ()))

    assert (told.code, busy.world.store.version()) == (0, "9998")


def test_status_tells_each_daemon_s_release(busy: Office) -> None:
    told = busy.json("status")

    (daemon,) = told["daemons"]
    assert daemon["release"]
    assert f"{daemon['release']}" in busy.run("status").words
