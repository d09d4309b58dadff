"""Stop means stop, on the real path: imported, accepted, decided, handed over. Whatever comes after a stop, nothing of ours
goes out to whoever said it, until they themselves consent anew."""

from __future__ import annotations

import pytest

from cadence.facts import EventKind
from cadence.store.consents import record_consents
from cadence.store.rows import ConsentRow, ContactRow
from tests.queue.imports import ANNA, bring, gone_out, live_under, person, said
from tests.queue.world import World, at

MONDAY, TUESDAY, WEDNESDAY = (f"2026-03-0{d}T12:00" for d in (2, 3, 4))


@pytest.fixture
def stopped(world: World) -> World:
    """Anna, who agreed once and has said stop."""
    live_under(world, "2026-03-01T12:00")
    world.campaign("one")
    world.campaign("another")
    bring(world, "2026-03-01T12:00", person("anna"))
    said(world, MONDAY, "anna", EventKind.OPT_OUT)
    return world


WAYS = {
    "the same row again": [person("anna")],
    "a row that opts in again": [ContactRow("anna", {"email": ANNA}, consents=(("email", "news"), ("all", "all")))],
    "a new address": [person("anna", "new@example.com")],
    "the same address under a new contact": [person("again")],
    "in capitals": [person("again", "Anna.Berg@GMAIL.com")],
    "with a plus": [person("again", "anna.berg+offers@gmail.com")],
    "without the dots, which this host ignores": [person("again", "annaberg@gmail.com")],
    "at the host's other name": [person("again", "a.n.n.a.berg+x@googlemail.com")],
    "the old address under a new contact, after their own has changed": [
        person("anna", "new@example.com"),
        person("again", "anna.berg+2@googlemail.com"),
    ],
    "a new contact with a new address and the old one's phone": [
        ContactRow("anna", {"sms": "+46701740605"}),
        ContactRow("again", {"email": "work@example.com", "sms": "+46701740605"}, consents=(("all", "all"),)),
    ],
}


@pytest.mark.parametrize("way", WAYS)
def test_no_import_brings_them_back(stopped: World, way: str) -> None:
    bring(stopped, TUESDAY, *WAYS[way])
    who = WAYS[way][-1].outside_id or ""
    letters = [stopped.message(TUESDAY, who, c, campaign=name) for c in ("news", "care") for name in ("one", "another")]

    assert gone_out(stopped, TUESDAY) == 0
    assert {(stopped.state(m), stopped.row(m)["rule"]) for m in letters} == {
        ("suppressed", "consent" if who == "anna" else "evasion")
    }


def test_a_receipt_goes_all_the_same(stopped: World) -> None:
    bring(stopped, TUESDAY, person("again"))
    stopped.message(TUESDAY, "again", "receipt")
    assert gone_out(stopped, TUESDAY) == 1


def test_a_merge_does_not_bring_them_back(stopped: World) -> None:
    bring(stopped, MONDAY, person("other", "other@example.com"))
    waiting = stopped.message(MONDAY, "other", "care", due_at=at(WEDNESDAY))
    bring(stopped, TUESDAY, person("other", "annaberg@gmail.com"))

    assert gone_out(stopped, WEDNESDAY) == 0
    assert (stopped.state(waiting), stopped.row(waiting)["rule"]) == ("suppressed", "evasion")


@pytest.mark.parametrize("kind", [EventKind.OPT_OUT, EventKind.COMPLAINT, EventKind.DO_NOT_CONTACT])
def test_what_waits_and_what_is_decided_is_stopped_too(world: World, kind: EventKind) -> None:
    live_under(world, "2026-03-01T12:00", gap={"wait": "1h"})
    bring(world, "2026-03-01T12:00", person("anna"), person("again", "AnnaBerg@gmail.com"))
    decided = world.message(MONDAY, "again", "care")
    world.tick(MONDAY)
    waiting = world.message(MONDAY, "again", "care")
    world.tick(MONDAY)
    assert (world.state(decided), world.state(waiting)) == ("decided", "waiting")
    said(world, "2026-03-02T12:01", "anna", kind)

    assert gone_out(world, "2026-03-02T12:02") == 0
    assert (world.state(decided), world.state(waiting)) == ("suppressed", "suppressed")


def test_only_their_own_new_consent_does(stopped: World) -> None:
    bring(stopped, TUESDAY, person("again"))
    said(stopped, TUESDAY, "again", EventKind.OPT_IN)
    stopped.message(TUESDAY, "again", "care")
    assert gone_out(stopped, TUESDAY) == 0

    said(stopped, "2026-03-03T13:00", "anna", EventKind.OPT_IN, category="care")
    stopped.message("2026-03-03T13:00", "again", "care")
    stopped.message("2026-03-03T13:00", "anna", "care")
    stopped.message("2026-03-03T13:00", "again", "news")
    assert gone_out(stopped, "2026-03-03T13:00") == 2


def test_a_mailbox_that_many_share_stops_that_mailbox_only(stopped: World) -> None:
    bring(stopped, TUESDAY, *(person(f"colleague {i}") for i in range(3)))
    own = stopped.message(TUESDAY, "colleague 0", "care")
    assert gone_out(stopped, TUESDAY) == 0
    bring(stopped, WEDNESDAY, person("colleague 0", "own@example.com"))
    other = stopped.message(WEDNESDAY, "colleague 0", "care")

    assert gone_out(stopped, WEDNESDAY) == 1
    assert (stopped.state(own), stopped.state(other)) == ("suppressed", "sent")


def told_by_another_clock(world: World, when: str, stamped: str, kind: EventKind) -> None:
    with world.store.write() as conn:
        record_consents(conn, [ConsentRow("anna", at(stamped), kind)], at(when), "shop")


@pytest.mark.parametrize("stamped", ["2026-03-02T13:00", "2026-03-03T11:00"])
def test_an_opt_in_by_a_clock_that_is_ahead_never_lifts_the_stop_that_comes_after_it(
    world: World, stamped: str
) -> None:
    live_under(world, "2026-03-01T12:00")
    world.campaign("one")
    bring(world, "2026-03-01T12:00", ContactRow("anna", {"email": ANNA}))
    told_by_another_clock(world, MONDAY, stamped, EventKind.OPT_IN)
    said(world, "2026-03-02T12:30", "anna", EventKind.OPT_OUT)
    world.message(TUESDAY, "anna", "news", campaign="one")

    assert gone_out(world, TUESDAY) == 0


def test_a_stop_by_a_clock_that_is_ahead_stops_at_once(world: World) -> None:
    live_under(world, "2026-03-01T12:00")
    world.campaign("one")
    bring(world, "2026-03-01T12:00", person("anna"))
    told_by_another_clock(world, MONDAY, "2026-03-02T14:00", EventKind.OPT_OUT)
    world.message("2026-03-02T13:00", "anna", "care", campaign="one")

    assert gone_out(world, "2026-03-02T13:00") == 0
