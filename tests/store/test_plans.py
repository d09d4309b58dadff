"""The hot statements find rows by index: their cost grows with what is asked for, not with how much there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cadence.decide.needs import Needs
from cadence.facts import DAY, EventKind
from cadence.policy.policy import Defaults
from cadence.queue.accept import NewMessage
from cadence.store import Store
from cadence.store.audience import happened
from cadence.store.bulk import fetch
from cadence.store.campaigns import runs_under_way
from cadence.store.consents import record_consents
from cadence.store.contacts import upsert_contacts
from cadence.store.events import apply_due, record_events
from cadence.store.people import history_of
from cadence.store.prune import prune
from cadence.store.round import next_after
from cadence.store.rows import ConsentRow, ContactRow, EventRow, TouchRow
from cadence.store.tables import metadata
from cadence.store.touches import record_touches
from tests.queue.world import World, at

NOW = 20_000 * DAY
SMALL = (
    *(f"SCAN {name}:" for name in ("campaign", "d", "daemon", "provider", "shard")),
    "SEARCH circle USING INDEX ix_circle_large (shard=?):",
    "SEARCH message USING INDEX ix_message_due (shard=?):",
)
"""What holds few rows, however old an installation grows: the large circles; d, the first of what is due; what waits, all of
which is asked again after a change of the policy."""


@pytest.fixture
def scanned(tmp_path: Path) -> Any:
    """A store, and the statements run on it that read a table, or a shard of it, from end to end."""
    store = Store.open(f"sqlite:///{tmp_path}/cadence.db")
    store.migrate()
    found: list[str] = []
    scans = [["SCAN", name] for t in metadata.tables for name in (t, t[0])]

    def explain(conn: Any, cursor: Any, sql: str, params: Any, context: Any, many: bool) -> None:
        if sql.split(None, 1)[0] not in ("SELECT", "UPDATE", "DELETE", "INSERT"):
            return
        first = params[0] if many else params
        plan = cursor.connection.cursor().execute(f"EXPLAIN QUERY PLAN {sql}", first).fetchall()
        for line in (row[3] for row in plan):
            whole = line.split()[:2] in scans or line.endswith("(shard=?)")
            if whole and (" LIMIT " not in sql or " ORDER BY " in sql):
                found.append(f"{line}: {sql}")

    for engine in (store.writer, store.reader):
        sa.event.listen(engine, "before_cursor_execute", explain)
    return store, found


def test_no_hot_statement_reads_a_table_from_end_to_end(scanned: Any) -> None:
    store, found = scanned
    people = [ContactRow(f"p{i}", {"email": f"p{i}@example.com"}, consents=(("email", "news"),)) for i in range(4)]
    with store.write() as conn:
        upsert_contacts(conn, people, NOW, "crm")
        for home in ("h", "i"):
            upsert_contacts(conn, [ContactRow(f"p{i}", {}, household=home) for i in range(4)], NOW, "crm")
        record_touches(conn, [TouchRow("p1", NOW, "x", source_id="1")], NOW, "crm")
        for kind in (EventKind.PURCHASE, EventKind.TICKET_OPENED, EventKind.BOUNCE_HARD, EventKind.LESS_OFTEN):
            record_events(conn, [EventRow("p1", NOW, kind, kind.word, subject="1 per 7d")], NOW, "crm")
        record_events(conn, [EventRow("p1", NOW + 1, EventKind.CLICK, "later")], NOW, "crm")
        record_consents(conn, [ConsentRow("p2", NOW, EventKind.OPT_IN, "news", None, "1")], NOW, "crm")
        apply_due(conn, None, NOW + 1)
    with store.read() as conn:
        circles = [tuple(r) for r in conn.exec_driver_sql("SELECT shard, id FROM circle WHERE merged_into IS NULL")]
        found[:] = [f for f in found if "FROM circle WHERE merged_into" not in f]
        history_of(conn, circles, NOW, Needs(None, {EventKind.CLICK: DAY}, frozenset()), Defaults())
    assert [f for f in found if "FROM circle WHERE merged_into" not in f] == []


def test_no_step_of_a_tick_or_a_hand_over_reads_a_table_from_end_to_end(scanned: Any, tmp_path: Path) -> None:
    store, found = scanned
    world = World(store, tmp_path / "mail")
    world.contact("anna")

    world.accept("2026-03-10T09:00", NewMessage("news", "test", outside_id="anna", due_at=at("2026-03-10T09:00")))
    world.tick("2026-03-10T09:00")
    with store.read() as conn:
        assert next_after(conn, range(64), at("2026-03-10T08:00")) == at("2026-03-10T09:00")
    world.send("2026-03-10T09:00")
    world.rescue("2026-03-10T09:00")

    assert [f for f in found if not f.startswith(SMALL)] == []


@pytest.mark.parametrize("kind, index, steps", [(EventKind.PURCHASE, "event", 2), (EventKind.OPT_IN, "consent", 4)])
def test_events_that_are_new_to_a_campaign_are_found_by_an_index_in_the_order_asked_for(
    scanned: Any, kind: EventKind, index: str, steps: int
) -> None:
    store, found = scanned
    plans: list[str] = []

    def explain(conn: Any, cursor: Any, sql: str, params: Any, context: Any, many: bool) -> None:
        plans.extend(row[3] for row in cursor.connection.cursor().execute(f"EXPLAIN QUERY PLAN {sql}", params))

    sa.event.listen(store.reader, "before_cursor_execute", explain)
    with store.read() as conn:
        happened(conn, kind, 0, (NOW, -1), 100)

    assert (found, len(plans)) == ([], steps)  # a search each in events and contacts; nothing is sorted
    assert f"ix_{index}_recorded (kind=? AND (recorded_at,id)>(?,?))" in plans[0]


def test_what_is_under_way_of_campaigns_is_found_among_all_runs_that_ever_were(scanned: Any) -> None:
    store, found = scanned
    with store.read() as conn:
        assert runs_under_way(conn) == []
    assert all("USING INDEX ix_campaign_run_under_way" in f for f in found), found


def test_letting_a_message_go_reads_no_more_of_the_directory_than_its_contact_has(scanned: Any, tmp_path: Path) -> None:
    store, found = scanned
    world = World(store, tmp_path / "mail")
    world.contact("anna")
    told = NewMessage("news", "test", outside_id="anna", due_at=at("2026-03-10T09:00"), caller_key="once")
    world.accept("2026-03-10T09:00", told)
    world.tick("2026-03-10T09:00")
    world.send("2026-03-10T09:00")
    found.clear()

    assert prune(store, at("2028-03-10T09:00"), {"message": 35 * DAY})["message"] == 1
    with store.read() as conn:
        assert fetch(conn, "SELECT kind FROM directory WHERE message IS NOT NULL") == []

    assert [f for f in found if "DELETE FROM" in f] == []
