"""A message is sent before it expires, by the instant of its decision: what is handed over soon after it, or once more since
its fate isn't known, is no breach."""

from __future__ import annotations

from typing import Any

import pytest

from cadence.store import Store, tables
from tests.audit.ledger import NOON, Ledger, at


@pytest.mark.parametrize("category", ["promotion", "receipt"])
@pytest.mark.parametrize("expires", ["2026-03-01T12:00", NOON])
def test_what_was_decided_when_it_had_expired_is_found(store: Store, category: str, expires: str) -> None:
    ledger = Ledger(store)
    message, _, touch = ledger.sent(ledger.contact(), NOON, category, expires_at=at(expires))

    (breach,) = ledger.verify().breaches

    assert (breach.promise, breach.rule, breach.message, breach.touch) == (1, "expires", message, touch)
    assert breach.evidence["expires_at"] == at(expires)


def test_a_release_doesn_t_pass_the_expiry(store: Store) -> None:
    ledger = Ledger(store)
    ledger.sent(ledger.contact(), NOON, expires_at=at(NOON), released_at=at("2026-03-01T12:00"))

    assert ledger.broken() == [(1, "expires")]


@pytest.mark.parametrize(
    ("category", "message"),
    [
        ("promotion", {"expires_at": None}),
        ("promotion", {"expires_at": at(NOON) + 1}),
        ("promotion", {"expires_at": at("2026-03-03T12:01"), "hand_over_at": at("2026-03-03T12:04")}),
        (
            "receipt",
            {
                "expires_at": at("2026-03-03T13:00"),
                "doubt_at": at("2026-03-03T12:10"),
                "hand_over_at": at("2026-03-03T14:00"),
            },
        ),
    ],
    ids=["no expiry", "a microsecond before", "handed over within five minutes", "handed over again"],
)
def test_what_was_decided_before_its_expiry_breaks_nothing(
    store: Store, category: str, message: dict[str, Any]
) -> None:
    ledger = Ledger(store)
    ledger.sent(ledger.contact(), NOON, category, **message)

    assert ledger.broken() == []


def test_what_somebody_else_sent_has_no_expiry(store: Store) -> None:
    ledger = Ledger(store)
    ledger.told(ledger.contact(), NOON)

    assert ledger.broken() == []


def test_a_touch_that_was_withdrawn_as_its_message_lapsed_and_expired_breaks_nothing(store: Store) -> None:
    ledger = Ledger(store)
    ann = ledger.contact()
    message, _, touch = ledger.sent(ann, NOON, expires_at=at("2026-03-03T12:03"))
    ledger.change(tables.touch, touch, withdrawn_at=at("2026-03-03T12:06"), withdrawn_number=ledger.number(ann))
    ended = {"state": "expired", "because": "its expiry passed", "touch": None, "hand_over_at": None}
    ledger.change(tables.message, message, **ended)

    assert ledger.broken() == []


def test_what_waits_though_it_has_expired_is_left_lying_and_not_held_back(store: Store) -> None:
    ledger = Ledger(store)
    ledger.waiting(ledger.contact(), expires_at=at(NOON), until=None, due_at=at(NOON))

    assert {rule for _, rule in ledger.broken(drained=True)} == {"left lying"}
