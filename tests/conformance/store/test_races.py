"""Several writers at once: nobody's facts are lost, nobody gets two circles, no number is given twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from cadence.facts import DAY, EventKind
from cadence.store import StoreBusy
from cadence.store.campaigns import next_due, save_next
from cadence.store.contacts import upsert_contacts
from cadence.store.events import record_events
from cadence.store.rows import ContactRow, EventRow, TouchRow
from cadence.store.touches import record_touches

NOW = 20_000 * DAY
PEOPLE = 24
WRITERS = 4


def together(*works: Callable[[], None]) -> None:
    """Runs these at the same time; raises what any of them raised."""
    failed: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 told by the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=run, args=(w,)) for w in works]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def written(store: Any, write: Callable[[Any], Any]) -> Any:
    """As callers do: a transaction that another writer was in the way of is tried again."""
    for _ in range(50):
        try:
            with store.write() as conn:
                return write(conn)
        except StoreBusy:
            continue
    raise AssertionError("never came through")


@pytest.fixture
def raced(told: Any) -> Any:
    """Four writers import the same people with ever more in common, while others tell of touches and events."""
    told.contacts(*(ContactRow(f"p{i}", {"email": f"p{i}@example.com"}) for i in range(PEOPLE)))

    def importer(shift: int) -> Callable[[], None]:
        def run() -> None:
            for width in (1, 2, 4):
                rows = [ContactRow(f"p{i}", household=f"{width}:{(i + shift) // width}") for i in range(PEOPLE)]
                rows.append(ContactRow(f"new{shift}-{width}", {"email": f"p{shift}@example.com"}))
                written(told.store, lambda conn, rows=rows: upsert_contacts(conn, rows, NOW, f"crm{shift}"))

        return run

    def teller(number: int) -> Callable[[], None]:
        def run() -> None:
            for i in range(PEOPLE):
                touch = TouchRow(f"p{i}", NOW, "news", source_id=f"{number}-{i}")
                event = EventRow(f"p{i}", NOW, EventKind.PURCHASE, f"{number}-{i}", amount=1.0)
                written(told.store, lambda conn, touch=touch: record_touches(conn, [touch], NOW, "crm"))
                written(told.store, lambda conn, event=event: record_events(conn, [event], NOW, "crm"))

        return run

    together(*(importer(s) for s in range(WRITERS)), *(teller(n) for n in range(WRITERS)))
    return told


def test_races_leave_a_sound_record(raced: Any) -> None:
    rows = raced.rows
    assert rows("SELECT count(*), sum(orders) FROM contact") == [(PEOPLE + 3 * WRITERS, PEOPLE * WRITERS)]
    assert rows("SELECT count(*) FROM touch") == [(PEOPLE * WRITERS,)]
    for table in ("touch", "event", "address"):
        strays = (
            f"SELECT count(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM contact c "
            "WHERE c.shard = t.shard AND c.id = t.contact AND c.circle = t.circle)"
        )
        assert rows(strays) == [(0,)], f"{table} rows lie apart from their contact"
    sizes = "SELECT count(*) FROM circle k WHERE k.size <> (SELECT count(*) FROM contact c WHERE c.shard = k.shard AND c.circle = k.id)"
    assert rows(sizes) == [(0,)]
    facts = "SELECT circle, number FROM touch UNION ALL SELECT circle, number FROM event"
    assert rows(
        f"SELECT count(*) FROM (SELECT circle, number FROM ({facts}) f GROUP BY circle, number HAVING count(*) > 1) d"
    ) == [(0,)]
    circles = "SELECT mailbox FROM address GROUP BY mailbox HAVING count(DISTINCT circle) > 1"
    assert rows(f"SELECT count(*) FROM ({circles}) apart") == [(0,)], "one mailbox in two circles"
    lives, told = dict(rows("SELECT id, shard FROM contact")), rows("SELECT contact, shard FROM directory")
    assert [entry for entry in told if lives[entry[0]] != entry[1]] == [], "the directory knows the wrong shard"


def test_two_daemons_that_meet_a_new_campaign_at_once_both_say_when_it_is_due(store: Any) -> None:
    begun = threading.Event()

    def the_other() -> None:
        begun.set()
        written(store, lambda conn: save_next(conn, "weekly", {"UTC": 2, "Asia/Tokyo": 2}))

    other = threading.Thread(target=the_other)
    with store.write() as conn:
        save_next(conn, "weekly", {"Asia/Tokyo": 1, "UTC": 1})
        other.start()
        begun.wait()
        while store.dialect != "sqlite" and other.is_alive() and not waiting(store):
            pass
    other.join()

    with store.read() as conn:
        assert next_due(conn, "weekly") == {"UTC": 2, "Asia/Tokyo": 2}


def waiting(store: Any) -> bool:
    """Whether somebody waits for what another has locked."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with store.read() as conn:
        return bool(conn.exec_driver_sql(asked).scalar_one())
