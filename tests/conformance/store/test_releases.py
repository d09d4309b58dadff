"""Two releases side by side on one database: the tables say which older ones they serve, and each keeps to that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cadence.store import Store, StoreError, leases, status
from cadence.store.engine import now_of
from cadence.store.leases import Process
from cadence.store.migrate import newest
from tests.conformance.store.releases import NewerRelease
from tests.queue.world import World


@pytest.fixture
def newer(store: Store, tmp_path: Path) -> Iterator[NewerRelease]:
    """The release after this one, which has added nothing yet."""
    made = NewerRelease(tmp_path)
    yield made
    if store.dialect != "sqlite":
        made.is_taken_back(store)


def test_this_release_works_on_tables_of_the_next_that_serve_it(
    store: Store, newer: NewerRelease, tmp_path: Path
) -> None:
    newer.adds("9998")
    newer.migrates(store)

    store.migrate()
    store.check()
    world = World(store, tmp_path / "mail")
    world.contact("ann")
    message = world.message("2026-03-03T09:00", "ann")
    world.tick("2026-03-03T09:00")
    world.send("2026-03-03T09:00")

    assert (store.version(), world.state(message)) == ("9998", "sent")


def test_this_release_says_that_the_tables_are_of_a_newer_one_and_until_when_it_is_served(
    store: Store, newer: NewerRelease
) -> None:
    newer.adds("9998")
    newer.migrates(store)

    told = store.versions()

    assert (told.found, told.known, told.serves, told.newer, told.served) == ("9998", newest(), newest(), True, True)


def test_tables_that_do_not_serve_this_release_are_refused_with_who_can_work_with_them(
    store: Store, newer: NewerRelease
) -> None:
    newer.adds("9998", serves="9998")
    newer.migrates(store)

    for does in (store.migrate, store.check):
        with pytest.raises(StoreError, match=rf"9998.*\(it knows up to {newest()}\).*know revision 9998"):
            does()


@pytest.mark.parametrize(
    ("first", "second", "served"),
    [
        (None, None, "9998"),  # the default: the migration before alone
        ("9998", None, "9998"),
        ("9998", "0003", "9998"),  # what the first took away, the second doesn't bring back
        (None, "0005", None),  # None: as this release's newest
        ("0005", "9999", "9999"),
    ],
)
def test_of_several_migrations_at_once_the_strictest_says_who_is_served(
    store: Store, newer: NewerRelease, first: str | None, second: str | None, served: str | None
) -> None:
    newer.adds("9998", serves=first)
    newer.adds("9999", serves=second)
    newer.migrates(store)

    told = store.versions()

    assert (told.serves, told.served) == (served or newest(), served is None)


def test_who_is_served_is_the_same_by_one_step_after_the_other(store: Store, newer: NewerRelease) -> None:
    newer.adds("9998", serves="9998")
    newer.migrates(store)
    newer.adds("9999", serves="0005")
    newer.migrates(store)

    assert store.versions().serves == "9998"


def test_tables_that_say_nothing_of_whom_they_serve_are_refused(store: Store) -> None:
    with store.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'tomorrow'")

    with pytest.raises(StoreError, match=r"tomorrow.*don't say which"):
        store.check()


def test_what_was_said_of_other_tables_counts_for_nothing(store: Store, newer: NewerRelease) -> None:
    newer.adds("9998")
    newer.migrates(store)
    with store.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'tomorrow'")

    assert not store.versions().served


def test_other_notes_stay_when_whom_the_tables_serve_is_written(store: Store, newer: NewerRelease) -> None:
    with store.write() as conn:
        status.save_note(conn, "secret", {"fingerprint": "x"})
    newer.adds("9998")
    newer.migrates(store)

    with store.read() as conn:
        assert status.note(conn, "secret") == {"fingerprint": "x"}


def test_who_only_looks_does_not_change_older_tables_and_says_what_does(store: Store, newer: NewerRelease) -> None:
    before = newest()
    newer.adds("9998")

    with newer.in_use(), pytest.raises(StoreError, match=rf"{before}.*needs 9998.*cadence db migrate"):
        store.check()

    assert store.version() == before


def test_tables_are_not_taken_from_under_daemons_that_they_would_no_longer_serve(
    store: Store, newer: NewerRelease
) -> None:
    newer.adds("9998", serves="9998")
    with store.write() as conn:
        leases.beat(conn, "one-of-before", Process("elsewhere", 1, None), now_of(conn), 0, "p")

    with pytest.raises(StoreError, match="one-of-before is at work"):
        newer.migrates(store)
    assert store.version() == newest()

    with store.write() as conn:
        leases.leave(conn, "one-of-before", now_of(conn))
    newer.migrates(store)
    assert store.version() == "9998"


def test_daemons_that_the_tables_will_serve_work_on_while_they_change(store: Store, newer: NewerRelease) -> None:
    newer.adds("9998")
    with store.write() as conn:
        leases.beat(conn, "one-of-before", Process("elsewhere", 1, None), now_of(conn), 0, "p")

    newer.migrates(store)

    assert store.version() == "9998"


def test_a_daemon_writes_down_of_which_release_it_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "release", lambda: "7.8.9")
    with store.write() as conn:
        leases.beat(conn, "d", Process("elsewhere", 1, None), now_of(conn), 0, "p")

    with store.read() as conn:
        assert [d["release"] for d in status.daemons(conn)] == ["7.8.9"]
