"""The verifier reads the same record from each database, in pages, with what merges moved between shards."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from cadence.audit.verify import record
from cadence.facts import EventKind
from cadence.store import Store, tables
from tests.audit.ledger import NOON, Ledger, at

CAP = {"guard_rails": {"caps": {"max": 1, "per": "7d"}}}


def test_a_clean_record_passes_and_a_breach_is_found(store: Store) -> None:
    ledger = Ledger(store, **CAP)
    ann, bo = ledger.contact(), ledger.contact(email="bo@example.com")
    ledger.sent(ann, NOON)
    ledger.said(bo, EventKind.OPT_IN, NOON)
    ledger.event(bo, EventKind.CLICK, NOON)
    ledger.sent(bo, NOON, "news", mailbox="email:bo@example.com", tags='["a"]')
    clean = ledger.verify()
    ledger.sent(ann, "2026-03-04T12:00")

    assert clean.ok, clean.text()
    assert ledger.broken() == [(1, "1 per 7d")]


def test_every_circle_is_judged_however_small_the_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "AT_ONCE", 2)
    ledger = Ledger(store, **CAP)
    for i in range(5):
        one = ledger.contact(email=f"{i}@example.com")
        for when in (NOON, "2026-03-04T12:00"):
            ledger.sent(one, when, mailbox=f"email:{i}@example.com")
    told: list[tuple[int, int]] = []

    report = ledger.verify(progress=lambda done, total: told.append((done, total)))

    assert (len(report.breaches), report.judged["circles"], told[-1]) == (5, 5, (5, 5))


def test_what_stayed_in_another_shard_after_a_merge_is_judged_too(store: Store) -> None:
    ledger = Ledger(store, **CAP)
    ann, bo = ledger.contact(), ledger.contact()
    ledger.sent(ann, NOON)
    ledger.sent(bo, "2026-03-01T12:00")
    message, _, touch = ledger.sent(bo, "2026-03-03T11:00")
    with store.write() as conn:
        for table in (tables.touch, tables.contact, tables.address):
            conn.execute(table.update().where(table.c.circle == bo).values(circle=ann))
        conn.execute(tables.touch.update().where(tables.touch.c.contact == bo).values(number=tables.touch.c.number + 1))
        for table, column in ((tables.message, "contact"), (tables.decision, "contact"), (tables.circle, "id")):
            rows = [dict(r) for r in conn.execute(sa.select(table).where(table.c[column] == bo)).mappings()]
            conn.execute(table.delete().where(table.c[column] == bo))
            conn.execute(table.insert(), [{**row, "shard": 9} for row in rows])
    ledger.change(tables.circle, bo, merged_into=ann, merged_at=at("2026-03-05T12:00"), merged_offset=1, size=0)

    report = ledger.verify()

    assert [(b.rule, b.message, b.touch) for b in report.breaches] == [("1 per 7d", message, touch)]
    assert report.judged["messages"] == 3
