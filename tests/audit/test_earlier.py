"""Judged as of an earlier instant, the record is what had been written down by then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cadence.facts import HOUR, EventKind
from cadence.store import Store, tables
from tests.audit.ledger import NOON, Ledger, at

LATER, NOW = "2026-03-04T12:00", "2026-06-01T12:00+02:00"


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store, guard_rails={"caps": {"max": 1, "per": "7d"}})


def earlier(ledger: Ledger, when: str = "2026-03-03T18:00", **more: object) -> list[tuple[int, str]]:
    return ledger.broken(NOW, at=at(when), **more)


def test_a_touch_that_came_later_is_not_judged(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.sent(ann, NOON)
    ledger.sent(ann, LATER)

    assert ledger.broken(NOW) == [(1, "1 per 7d")]
    assert earlier(ledger) == []
    assert earlier(ledger, LATER) == [(1, "1 per 7d")]


def test_what_a_message_has_become_since_is_told_and_not_judged(ledger: Ledger) -> None:
    message, _, _ = ledger.sent(ledger.contact(), LATER)
    ledger.change(tables.message, message, created_at=at(NOON), recorded_at=at(NOON))

    report = ledger.verify(NOW, at=at("2026-03-03T18:00"))

    assert report.ok, report.text()
    assert report.unjudged == {"messages that went on since then": 1}


def test_a_message_that_waited_then_is_judged_by_what_was_known_then(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.waiting(ann, due_at=at(LATER), until=at(LATER))
    assert earlier(ledger) == [(2, "held back")]

    ledger.told(ann, NOON)
    assert earlier(ledger) == []

    ledger.event(ann, EventKind.HOLD, LATER, subject="manual")
    assert earlier(ledger, "2026-03-03T11:00") == [(2, "held back")]


def test_a_touch_withdrawn_later_stood_then(ledger: Ledger) -> None:
    ann = ledger.contact()
    touch = ledger.told(ann, NOON)
    ledger.change(tables.touch, touch, withdrawn_at=at(LATER), withdrawn_number=ledger.number(ann))
    ledger.waiting(ann, due_at=at("2026-03-10T12:00"), until=at("2026-03-10T12:00"))

    assert earlier(ledger) == []
    assert earlier(ledger, "2026-03-04T13:00") == [(2, "held back")]


def test_what_was_removed_since_is_no_breach(ledger: Ledger) -> None:
    ledger.sent(ledger.contact(), NOON)
    with ledger.store.write() as conn:
        conn.execute(tables.decision.delete())
        conn.execute(tables.message.delete())

    assert earlier(ledger, kept=at(NOW) - at(LATER)) == []


def test_a_mail_that_came_later_is_none_yet(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    mail = tmp_path / "new" / "77.cadence"
    mail.touch()
    os.utime(mail, (at(LATER) / 1_000_000, at(LATER) / 1_000_000))

    assert earlier(ledger, maildir=tmp_path) == []
    assert earlier(ledger, "2026-03-04T13:00", maildir=tmp_path) == [(2, "lost")]


def test_a_campaign_that_was_resumed_since_may_have_rested_then(ledger: Ledger) -> None:
    ledger.insert(tables.campaign, name="spring", hash="h", content="{}", state="running", state_at=at(LATER))
    ledger.waiting(ledger.contact(), campaign="spring", due_at=at(LATER) + HOUR, until=at(LATER) + HOUR)

    assert earlier(ledger) == []
