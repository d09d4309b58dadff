"""Promise 3: whatever reached somebody after a stop that reaches it is found, at the decision and at the hand-over."""

from __future__ import annotations

from typing import Any

import pytest

from cadence.facts import EventKind
from cadence.store import Store, tables
from tests.audit.ledger import NOON, Ledger, at

BEFORE, AFTER = "2026-03-02T12:00", "2026-03-03T12:02"


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)


@pytest.mark.parametrize("kind", [EventKind.OPT_OUT, EventKind.COMPLAINT, EventKind.DO_NOT_CONTACT])
def test_what_was_decided_after_a_stop_is_found(ledger: Ledger, kind: EventKind) -> None:
    ann = ledger.contact()
    ledger.said(ann, kind, BEFORE)
    ledger.sent(ann, NOON)

    assert (3, "stop") in ledger.broken()


def test_what_was_handed_over_after_a_stop_is_found(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.sent(ann, NOON, hand_over_at=at("2026-03-03T12:03"))
    ledger.said(ann, EventKind.OPT_OUT, AFTER)

    assert ledger.broken() == [(3, "stop")]


def test_a_stop_that_may_have_waited_for_its_turn_at_the_hand_over_is_told_apart(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.sent(ann, NOON, hand_over_at=at("2026-03-03T12:03"))
    ledger.said(ann, EventKind.OPT_OUT, "2026-03-03T12:02:50")

    report = ledger.verify()

    assert report.ok
    assert [b.rule for b in report.unsure] == ["stop"]
    assert "was being written just then" in " ".join(report.text().split())


def test_an_old_stop_that_was_lifted_does_not_make_sure_of_a_new_one(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.said(ann, EventKind.OPT_IN, "2026-03-03T11:59:50")
    ledger.sent(ann, NOON, hand_over_at=at("2026-03-03T12:00:10"))
    ledger.said(ann, EventKind.OPT_OUT, "2026-03-03T12:00:09")

    report = ledger.verify()

    assert report.ok
    assert [b.rule for b in report.unsure] == ["stop"]


def test_a_stop_after_the_hand_over_breaks_nothing(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.sent(ann, NOON, hand_over_at=at("2026-03-03T12:01"))
    ledger.said(ann, EventKind.OPT_OUT, AFTER)

    assert ledger.broken() == []


@pytest.mark.parametrize("named", [{"category": "news"}, {"channel": "sms"}])
def test_a_stop_of_something_else_breaks_nothing(ledger: Ledger, named: dict[str, str]) -> None:
    ann = ledger.contact()
    ledger.said(ann, EventKind.OPT_OUT, BEFORE, **named)
    ledger.sent(ann, NOON)

    assert ledger.broken() == []


def test_their_own_later_consent_lifts_a_stop(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.said(ann, EventKind.OPT_OUT, "2026-03-01T12:00")
    ledger.said(ann, EventKind.OPT_IN, BEFORE)
    ledger.sent(ann, NOON)

    assert ledger.broken() == []


def test_a_consent_by_a_clock_that_was_ahead_lifts_no_stop_that_came_after_it(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.said(ann, EventKind.OPT_IN, "2026-03-03T11:30", recorded="2026-03-03T10:30")
    ledger.said(ann, EventKind.OPT_OUT, "2026-03-03T11:00")
    ledger.sent(ann, NOON)

    assert (3, "stop") in ledger.broken()


def test_a_stop_by_a_clock_that_was_ahead_counts_from_when_it_was_recorded(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.said(ann, EventKind.OPT_OUT, "2026-03-03T13:00", recorded="2026-03-03T11:00")
    ledger.sent(ann, NOON)

    assert (3, "stop") in ledger.broken()


def test_at_one_instant_the_stop_decides(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.said(ann, EventKind.OPT_IN, BEFORE)
    ledger.sent(ann, NOON)

    assert (3, "stop") in ledger.broken()


def test_a_consent_recorded_at_the_very_instant_of_the_hand_over_lifts_a_stop(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.said(ann, EventKind.OPT_IN, NOON)
    ledger.sent(ann, NOON)

    assert ledger.broken() == []


def test_a_receipt_goes_after_a_stop(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.said(ann, EventKind.DO_NOT_CONTACT, BEFORE)
    ledger.sent(ann, NOON, "receipt")

    assert ledger.broken() == []


def test_a_stop_reaches_whoever_shares_the_mailbox(ledger: Ledger) -> None:
    ann = ledger.contact()
    again = ledger.contact(circle=ann)
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.sent(again, NOON, circle=ann)

    assert sorted(ledger.broken()) == [(1, "evasion"), (3, "stop")]


def test_a_stop_at_an_office_s_mailbox_reaches_that_mailbox_only(ledger: Ledger) -> None:
    ann = ledger.contact()
    others = [ledger.contact(circle=ann) for _ in range(3)]
    ledger.address(others[0], ann, "own@example.com")
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.sent(others[0], NOON, circle=ann, mailbox="email:own@example.com")

    assert ledger.broken() == []


def test_a_mailbox_that_came_to_be_shared_only_later_breaks_nothing(ledger: Ledger) -> None:
    ann = ledger.contact()
    bo = ledger.contact(circle=ann, email="bo@example.com")
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.sent(bo, NOON, circle=ann, mailbox="email:bo@example.com")
    ledger.address(bo, ann, "ann@example.com", recorded_at=at("2026-03-05T12:00"))

    assert ledger.broken() == []


@pytest.mark.parametrize("category", ["promotion", "receipt"])
def test_an_address_that_bounced_hard_gets_nothing_more(ledger: Ledger, category: str) -> None:
    ann = ledger.contact()
    ledger.event(ann, EventKind.BOUNCE_HARD, BEFORE, channel="email", subject="ann@example.com")
    ledger.sent(ann, NOON, category)

    assert sorted(ledger.broken()) == [(1, "consent"), (3, "stop")]


def test_a_new_address_mends_a_bounce(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.event(ann, EventKind.BOUNCE_HARD, BEFORE, channel="email", subject="ann@example.com")
    ledger.address(ann, ann, "new@example.com", recorded_at=at("2026-03-02T13:00"))
    ledger.sent(ann, NOON, mailbox="email:new@example.com")

    assert ledger.broken() == []


def test_a_touch_that_was_withdrawn_before_anything_went_out_is_no_breach(ledger: Ledger) -> None:
    ann = ledger.contact()
    message, _, touch = ledger.sent(ann, NOON, hand_over_at=at("2026-03-03T12:03"))
    ledger.said(ann, EventKind.OPT_OUT, AFTER)
    ledger.change(tables.touch, touch, withdrawn_at=at(AFTER), withdrawn_number=ledger.number(ann))
    ledger.change(tables.message, message, state="suppressed", because="consent")

    assert ledger.broken() == []


SCOPES = ("household", "account")


def member(ledger: Ledger, home: int, scope: str, **more: Any) -> int:
    """Another of the first contact's household or account, with an address of their own."""
    return ledger.contact(circle=home, email="bo@example.com", **{scope: "h"}, **more)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_stop_reaches_the_household_or_account_that_the_policy_names(store: Store, scope: str) -> None:
    ledger = Ledger(store, guard_rails={"evasion": {"scope": [scope]}})
    ann = ledger.contact(**{scope: "h"})
    bo = member(ledger, ann, scope)
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.sent(bo, NOON, circle=ann, mailbox="email:bo@example.com")

    assert sorted(ledger.broken()) == [(1, "evasion"), (3, "stop")]


@pytest.mark.parametrize("scope", SCOPES)
def test_a_members_stop_before_the_hand_over_is_found(store: Store, scope: str) -> None:
    ledger = Ledger(store, guard_rails={"evasion": {"scope": [scope]}})
    ann = ledger.contact(**{scope: "h"})
    bo = member(ledger, ann, scope)
    ledger.sent(bo, NOON, circle=ann, mailbox="email:bo@example.com", hand_over_at=at("2026-03-03T12:03"))
    ledger.said(ann, EventKind.OPT_OUT, AFTER)

    assert ledger.broken() == [(3, "stop")]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    "rails",
    [
        {},
        {"evasion": {"shared_by": 2}},
        {"evasion": {"scope": SCOPES, "channels": ["sms"]}},
        {"evasion": {"scope": SCOPES, "where": {"country": "NO"}}},
        {"evasion": {"scope": SCOPES, "only_watch": True}},
        {"evasion": {"scope": SCOPES, "in_force": {"until": "2026-03-01"}}},
    ],
)
def test_a_members_stop_reaches_no_further_than_the_policy_says(
    store: Store, scope: str, rails: dict[str, Any]
) -> None:
    ledger = Ledger(store, guard_rails=rails)
    ann = ledger.contact(**{scope: "h"})
    bo = member(ledger, ann, scope)
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.sent(bo, NOON, circle=ann, mailbox="email:bo@example.com")

    assert ledger.broken() == []


def test_who_is_of_another_household_is_not_reached(store: Store) -> None:
    ledger = Ledger(store, guard_rails={"evasion": {"scope": ["household"]}})
    ann = ledger.contact(household="h")
    bo = ledger.contact(circle=ann, email="bo@example.com", household="elsewhere")
    cy = ledger.contact(circle=ann, email="cy@example.com")
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.sent(bo, NOON, circle=ann, mailbox="email:bo@example.com")
    ledger.sent(cy, NOON, circle=ann, mailbox="email:cy@example.com")

    assert ledger.broken() == []


@pytest.mark.parametrize("when", ["2026-03-05T12:00", "2026-03-03T11:59:50"])
@pytest.mark.parametrize("moved", ["the one who stopped", "the one written to"])
def test_who_came_into_the_household_later_or_perhaps_just_then_is_not_held_against_it_for_sure(
    store: Store, moved: str, when: str
) -> None:
    ledger = Ledger(store, guard_rails={"evasion": {"scope": ["household"]}})
    later = {"recorded_at": at(when)}
    ann = ledger.contact(household="h", **(later if moved == "the one who stopped" else {}))
    bo = member(ledger, ann, "household", **(later if moved == "the one written to" else {}))
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.sent(bo, NOON, circle=ann, mailbox="email:bo@example.com")

    report = ledger.verify()
    assert (report.ok, sorted({b.rule for b in report.unsure})) == (True, ["evasion", "stop"])


@pytest.mark.parametrize(("recorded", "sure"), [("2026-03-03T11:59:50", False), ("2026-03-03T11:59", True)])
def test_an_address_that_was_perhaps_still_being_written_is_not_held_against_a_decision_for_sure(
    ledger: Ledger, recorded: str, sure: bool
) -> None:
    ann = ledger.contact()
    bo = ledger.contact(circle=ann, email="bo@example.com")
    ledger.address(bo, ann, "ann@example.com", at(recorded))
    ledger.said(bo, EventKind.OPT_OUT, BEFORE, circle=ann)
    ledger.sent(ann, NOON)

    report = ledger.verify()

    told = report.breaches if sure else report.unsure
    assert (report.ok, sorted({b.rule for b in told})) == (not sure, ["evasion", "stop"])


def test_a_segments_evasion_is_looked_at_in_that_segment(store: Store) -> None:
    wide = {"evasion": {"scope": ["household"]}}
    segments = [{"name": "some", "where": {"country": "SE"}, "cadence": wide}, {"name": "everyone"}]
    ledger = Ledger(store, segments=segments)
    ann = ledger.contact(household="h")
    bo = member(ledger, ann, "household")
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.sent(bo, NOON, circle=ann, mailbox="email:bo@example.com", segment="everyone")
    assert ledger.broken() == []

    ledger.sent(bo, "2026-03-04T12:00", circle=ann, mailbox="email:bo@example.com", segment="some")
    assert sorted(ledger.broken()) == [(1, "evasion"), (3, "stop")]


def test_a_policy_says_how_many_may_share_a_mailbox(store: Store) -> None:
    ledger = Ledger(store, guard_rails={"evasion": [{"shared_by": 4}, {"scope": ["household"]}, {"shared_by": 2}]})
    ann = ledger.contact()
    others = [ledger.contact(circle=ann) for _ in range(3)]
    ledger.address(others[0], ann, "own@example.com")
    ledger.said(ann, EventKind.OPT_OUT, BEFORE)
    ledger.sent(others[0], NOON, circle=ann, mailbox="email:own@example.com")

    assert sorted(ledger.broken()) == [(1, "evasion"), (3, "stop")]
