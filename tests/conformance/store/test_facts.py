"""Touches, events and consents: told once or often, in any order, late or early, they come to the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from cadence.addresses import mailbox_of
from cadence.facts import DAY, HELD, HOUR, NONE, EventKind, key
from cadence.store.rows import ConsentRow, ContactRow, EventRow, TouchRow

NOW = 20_000 * DAY
Someone = Callable[..., ContactRow]
K = EventKind


@pytest.fixture
def anna(told: Any, someone: Someone) -> Any:
    """A store that knows anna."""
    told.contacts(someone("anna"))
    return told


def everything(told: Any) -> dict[str, list[tuple[Any, ...]]]:
    tables = ("contact", "circle", "address", "consent", "event", "touch", "hold")
    return {t: sorted(told.rows(f"SELECT * FROM {t}"), key=repr) for t in tables}


# Touches ------------------------------------------------------------------------------------------------------------


def test_a_touch_told_twice_is_one(anna: Any) -> None:
    row = TouchRow("anna", NOW, "promotion", source_id="1")
    report = anna.touches(row, row)
    assert (report.new, report.repeated, anna.touches(row).repeated) == (1, 1, 1)


def test_the_same_id_in_another_source_is_another_touch(anna: Any) -> None:
    row = TouchRow("anna", NOW, "promotion", source_id="1")
    anna.touches(row)
    assert anna.touches(row, source="billing").new == 1


def test_a_message_of_ours_told_by_two_systems_is_one_touch(anna: Any) -> None:
    anna.touches(TouchRow("anna", NOW, "promotion", source_id="1", message=7))
    assert anna.touches(TouchRow("anna", NOW, "promotion", source_id="x", message=7), source="billing").repeated == 1


def test_a_message_in_two_channels_is_a_touch_in_each(anna: Any) -> None:
    rows = [TouchRow("anna", NOW, "promotion", channel=c, source_id=c, message=7) for c in ("email", "sms")]
    assert anna.touches(*rows).new == 2


def test_an_unknown_contact_is_reported_and_the_others_are_written(anna: Any) -> None:
    report = anna.touches(TouchRow("nobody", NOW, "x", source_id="1"), TouchRow("anna", NOW, "x", source_id="2"))
    assert (report.unknown, report.new) == ((0,), 1)


def test_a_touch_more_than_a_day_ahead_is_refused(anna: Any) -> None:
    assert anna.touches(TouchRow("anna", NOW + DAY + 1, "x", source_id="1")).too_late == (0,)


def test_a_touch_of_the_near_future_counts_at_once(anna: Any) -> None:
    anna.touches(TouchRow("anna", NOW + HOUR, "x", source_id="1"))
    assert anna.history("anna").touches.at.tolist() == [NOW + HOUR]


def test_a_call_that_was_answered_is_an_answer(anna: Any) -> None:
    anna.touches(TouchRow("anna", NOW - HOUR, "follow_up", "phone", outcome="answered", source_id="1"))
    assert anna.history("anna").people.latest[K.CALL_ANSWERED].tolist() == [NOW - HOUR]


def test_a_call_that_was_not_connected_is_no_touch(anna: Any) -> None:
    anna.touches(TouchRow("anna", NOW, "follow_up", "phone", outcome="not_connected", source_id="1"))
    assert len(anna.history("anna").touches) == 0


def test_a_call_told_as_not_connected_and_then_as_answered_under_one_id_is_a_touch(anna: Any) -> None:
    def call(outcome: str) -> TouchRow:
        return TouchRow("anna", NOW, "follow_up", "phone", outcome=outcome, source_id="1")

    told = [anna.touches(call(outcome)).new for outcome in ("not_connected", "answered", "not_connected", "answered")]
    assert told == [1, 1, 0, 0]
    assert len(anna.history("anna").touches) == 1


def test_a_touch_knows_the_mailbox_it_went_to(anna: Any) -> None:
    anna.touches(TouchRow("anna", NOW, "x", source_id="1"))
    history = anna.history("anna")
    assert history.touches.mailbox.tolist() == history.addresses.mailbox.tolist()


def test_a_touch_told_without_an_address_went_to_the_one_that_is_written_to(anna: Any) -> None:
    anna.contacts(ContactRow("anna", {"email": "new@example.com"}), now=NOW + DAY)
    anna.happened("anna", K.BOUNCE_HARD, NOW + DAY, subject="new@example.com", now=NOW + DAY)
    anna.touches(TouchRow("anna", NOW + DAY, "x", source_id="1"), now=NOW + DAY)
    assert anna.rows("SELECT mailbox FROM touch") == [(mailbox_of("email", "anna@example.com"),)]


def test_touches_come_in_the_order_of_contact_instant_and_number(anna: Any, someone: Someone) -> None:
    anna.contacts(someone("bo", "anna@example.com"))
    told = [("bo", 3), ("anna", 2), ("bo", 1), ("anna", 2)]
    anna.touches(*(TouchRow(w, NOW - DAY + t, "x", content=str(i), source_id=str(i)) for i, (w, t) in enumerate(told)))
    touches = anna.history("anna").touches
    assert touches.contact.tolist() == [0, 0, 1, 1]
    assert touches.content.tolist() == [key("1"), key("3"), key("2"), key("0")]


def test_only_touches_within_reach_are_loaded(anna: Any) -> None:
    anna.touches(*(TouchRow("anna", NOW - d * DAY, "x", source_id=str(d)) for d in (1, 6, 7, 8)))
    assert len(anna.history("anna", touches=7 * DAY).touches) == 2


def test_touches_within_the_cap_that_somebody_chose_are_loaded_too(anna: Any) -> None:
    anna.touches(*(TouchRow("anna", NOW - d * DAY, "x", source_id=str(d)) for d in (1, 8, 29, 31)))
    anna.happened("anna", K.LESS_OFTEN, NOW, subject="1 per 30d")
    assert len(anna.history("anna", touches=7 * DAY).touches) == 3


def test_tags_and_triggers_are_kept(anna: Any) -> None:
    anna.touches(TouchRow("anna", NOW, "x", tags=("a", "b"), triggered=True, source_id="1"))
    touches = anna.history("anna").touches
    assert (touches.tags.row(0).tolist(), touches.triggered.tolist()) == ([key("a"), key("b")], [True])


# Look-ups -----------------------------------------------------------------------------------------------------------


def looked_up(anna: Any, at: int, listed: bool, register: str = "nix", **more: Any) -> None:
    name = f"{at}{listed}{register}"
    anna.events(EventRow("anna", at, K.SCREENED, name, subject=register, detail={"listed": listed}), **more)


def test_look_ups_come_in_the_order_of_instants_and_those_that_found_somebody_last(anna: Any) -> None:
    looked_up(anna, NOW - DAY, True)
    looked_up(anna, NOW - DAY, False)
    looked_up(anna, NOW - 2 * DAY, False, "tps")
    lookups = anna.history("anna", events={K.SCREENED: 9 * DAY}).lookups
    assert lookups.at.tolist() == [NOW - 2 * DAY, NOW - DAY, NOW - DAY]
    assert lookups.listed.tolist() == [False, False, True]
    assert lookups.register.tolist() == [key("tps"), key("nix"), key("nix")]


def test_only_look_ups_within_reach_and_known_by_now_are_loaded_and_none_unless_wanted(anna: Any) -> None:
    for at in (NOW - 9 * DAY, NOW - 9 * DAY + 1, NOW, NOW + HOUR):
        looked_up(anna, at, False)
    assert anna.history("anna", events={K.SCREENED: 9 * DAY}).lookups.at.tolist() == [NOW - 9 * DAY + 1, NOW]
    assert len(anna.history("anna", events={K.CLICK: 9 * DAY}).lookups) == 0


def test_look_ups_are_no_rows_of_events(anna: Any) -> None:
    looked_up(anna, NOW, False)
    anna.happened("anna", K.CLICK, NOW)
    events = anna.history("anna", events={K.SCREENED: 9 * DAY, K.CLICK: 9 * DAY}).events
    assert events.kind.tolist() == [K.CLICK]


# Totals -------------------------------------------------------------------------------------------------------------


def test_purchases_make_running_totals(anna: Any) -> None:
    for at, amount in ((NOW - 3 * DAY, 10.0), (NOW - 5 * DAY, 2.5), (NOW - DAY, 1.0)):
        anna.happened("anna", K.PURCHASE, at, amount=amount)
    people = anna.history("anna").people
    assert (people.orders.tolist(), people.spend.tolist()) == ([3], [13.5])
    assert (people.first_purchase.tolist(), people.latest[K.PURCHASE].tolist()) == ([NOW - 5 * DAY], [NOW - DAY])


def test_an_event_told_twice_counts_once(anna: Any) -> None:
    for _ in range(2):
        anna.happened("anna", K.PURCHASE, NOW, amount=10.0)
    assert anna.of("anna", "orders, spend") == (1, 10.0)


def test_an_event_of_the_near_future_is_not_yet_known(anna: Any) -> None:
    anna.happened("anna", K.PURCHASE, NOW + HOUR, amount=10.0)
    history = anna.history("anna", events={K.PURCHASE: DAY})
    assert (history.people.orders.tolist(), len(history.events)) == ([0], 0)


def test_an_event_of_the_near_future_counts_once_its_time_has_come(anna: Any) -> None:
    anna.happened("anna", K.PURCHASE, NOW + HOUR, amount=10.0)
    assert anna.due(NOW + HOUR - 1) == ()
    assert anna.due(NOW + HOUR) == (anna.place("anna"),)
    assert anna.due(NOW + 2 * HOUR) == ()
    assert anna.history("anna", now=NOW + HOUR).people.orders.tolist() == [1]


def test_only_events_asked_for_are_loaded_each_as_far_back_as_asked(anna: Any) -> None:
    for d in (1, 5, 20):
        anna.happened("anna", K.CLICK, NOW - d * DAY)
        anna.happened("anna", K.REPLY, NOW - d * DAY)
        anna.happened("anna", K.VISIT, NOW - d * DAY)
    events = anna.history("anna", events={K.CLICK: 2 * DAY, K.REPLY: 10 * DAY}).events
    assert np.bincount(events.kind, minlength=3).tolist()[1:3] == [2, 1]


# Holds --------------------------------------------------------------------------------------------------------------


def holds(told: Any, now: int = NOW) -> list[tuple[int, int, int]]:
    found = told.history("anna", now=now).holds
    return list(zip(found.kind.tolist(), found.about.tolist(), found.until.tolist(), strict=True))


def test_an_open_ticket_holds_until_it_is_solved(anna: Any) -> None:
    anna.happened("anna", K.TICKET_OPENED, NOW - DAY, subject="T1")
    assert holds(anna) == [(key("ticket"), key("T1"), HELD)]
    anna.happened("anna", K.TICKET_SOLVED, NOW - HOUR, subject="T1")
    assert holds(anna) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_in_whatever_order_a_tickets_events_are_told_it_comes_to_the_same(anna: Any, order: tuple[int, ...]) -> None:
    events = [(K.TICKET_OPENED, 3), (K.TICKET_SOLVED, 2), (K.TICKET_OPENED, 1)]
    for i in order:
        anna.happened("anna", events[i][0], NOW - events[i][1] * DAY, subject="T1")
    assert holds(anna) == [(key("ticket"), key("T1"), HELD)]


def test_a_ticket_opened_and_solved_on_one_day_holds_nothing_whatever_the_order_of_rows(anna: Any) -> None:
    anna.happened("anna", K.TICKET_SOLVED, NOW - DAY, subject="T1")
    anna.happened("anna", K.TICKET_OPENED, NOW - DAY, subject="T1")
    assert holds(anna) == []


def test_a_promise_holds_once_its_due_has_passed(anna: Any) -> None:
    anna.happened("anna", K.PROMISE_MADE, NOW - DAY, subject="P", until=NOW)
    assert (holds(anna), holds(anna, NOW + 1)) == ([], [(key("promise"), key("P"), HELD)])


def test_a_promise_that_is_kept_does_not_hold(anna: Any) -> None:
    anna.happened("anna", K.PROMISE_MADE, NOW - 2 * DAY, subject="P", until=NOW - DAY)
    anna.happened("anna", K.PROMISE_KEPT, NOW - HOUR, subject="P")
    assert holds(anna) == []


def test_a_promise_made_again_is_due_when_it_was_last_said(anna: Any) -> None:
    anna.happened("anna", K.PROMISE_MADE, NOW - 2 * DAY, subject="P", until=NOW - DAY)
    anna.happened("anna", K.PROMISE_MADE, NOW - DAY, subject="P", until=NOW + DAY)
    assert holds(anna) == []


def test_a_hold_ends_by_itself_where_it_says_so(anna: Any) -> None:
    anna.happened("anna", K.HOLD, NOW, subject="bereavement", until=NOW + DAY)
    assert holds(anna) == [(key("bereavement"), key("bereavement"), NOW + DAY)]
    assert holds(anna, NOW + DAY) == []


def test_a_release_ends_what_was_held_by_hand_and_no_ticket(anna: Any) -> None:
    anna.happened("anna", K.HOLD, NOW - DAY, subject="ticket")
    anna.happened("anna", K.TICKET_OPENED, NOW - DAY, subject="T1")
    anna.happened("anna", K.RELEASE, NOW, subject="ticket")
    assert holds(anna) == [(key("ticket"), key("T1"), HELD)]


# Wishes and bounces -------------------------------------------------------------------------------------------------


def test_the_latest_wish_counts_whenever_it_is_told(anna: Any) -> None:
    anna.happened("anna", K.LESS_OFTEN, NOW - HOUR, subject="1 per 30d")
    anna.happened("anna", K.LESS_OFTEN, NOW - DAY, subject="2 per 7d")
    people = anna.history("anna").people
    assert people.wishes[people.wish[0]].less_often == (1, "30d")


def test_a_wish_can_be_taken_back(anna: Any) -> None:
    anna.happened("anna", K.LESS_OFTEN, NOW - DAY, subject="1 per 30d")
    anna.happened("anna", K.LESS_OFTEN, NOW, subject="none")
    assert anna.history("anna").people.wish.tolist() == [-1]


def test_the_latest_snooze_replaces_those_before(anna: Any) -> None:
    anna.happened("anna", K.SNOOZE, NOW - DAY, until=NOW + 30 * DAY)
    anna.happened("anna", K.SNOOZE, NOW, until=NOW + DAY)
    assert anna.history("anna").people.snooze_until.tolist() == [NOW + DAY]


def test_a_hard_bounce_marks_that_address_only(told: Any) -> None:
    told.contacts(ContactRow("anna", {"email": "a@example.com", "phone": "+46701"}))
    told.happened("anna", K.BOUNCE_HARD, NOW, channel="email")
    found = told.history("anna").addresses
    assert dict(zip(found.channel.tolist(), found.bounced_at.tolist(), strict=True)) == {
        key("email"): NOW,
        key("phone"): NONE,
    }


def test_a_bounce_older_than_the_import_marks_the_address_all_the_same(anna: Any) -> None:
    anna.happened("anna", K.BOUNCE_HARD, NOW - 30 * DAY, channel="email")
    assert anna.history("anna").addresses.bounced_at.tolist() == [NOW - 30 * DAY]


def test_a_new_address_is_not_marked_by_the_old_ones_bounce(anna: Any) -> None:
    anna.contacts(ContactRow("anna", {"email": "new@example.com"}), now=NOW + DAY)
    anna.happened("anna", K.BOUNCE_HARD, NOW + HOUR, channel="email", now=NOW + DAY)
    found = anna.history("anna", now=NOW + DAY).addresses
    assert sorted(found.bounced_at.tolist()) == [NONE, NOW + HOUR]


# Consents -----------------------------------------------------------------------------------------------------------


RECORD = [
    ConsentRow("anna", NOW - 3 * HOUR, K.OPT_IN, "news", "email", "rec-77"),
    ConsentRow("anna", NOW - 2 * HOUR, K.OPT_OUT, "news", "email", "rec-77"),
    ConsentRow("anna", NOW - 1 * HOUR, K.OPT_IN, "news", "email", "rec-77"),
    ConsentRow("anna", NOW, K.OPT_OUT, "news", "email", "rec-77"),
]
"""Of a register that has one record for each person and purpose, whose state changes."""


def test_each_state_of_a_register_s_record_is_kept_told_one_by_one_or_together(anna: Any, someone: Someone) -> None:
    for row in RECORD:
        assert anna.consents(row, row).new == 1
    anna.contacts(someone("again"))
    assert anna.consents(*(replace(row, outside_id="again") for row in reversed(RECORD))).new == 4
    for who in ("anna", "again"):
        assert anna.history(who).consents.given.tolist() == [True, False, True, False]


def test_states_of_a_register_s_record_told_again_in_any_order_change_nothing(anna: Any) -> None:
    anna.consents(RECORD[1])
    anna.consents(*RECORD)
    before = everything(anna)
    assert anna.consents(*reversed(RECORD), now=NOW + DAY).repeated == 4
    assert [anna.consents(row, now=NOW + DAY).repeated for row in RECORD] == [1] * 4
    assert everything(anna) == before


def test_a_stop_said_now_and_told_again_later_is_one_also_beside_another_of_its_id(anna: Any) -> None:
    anna.consents(RECORD[0])
    for day in range(2):
        anna.consents(ConsentRow("anna", None, K.OPT_OUT, None, None, "rec-77"), now=NOW + day * DAY)
    assert anna.history("anna", now=NOW + DAY).consents.at.tolist() == [NOW - 3 * HOUR, NOW]


def test_at_one_instant_the_stop_comes_last(anna: Any) -> None:
    anna.consents(
        ConsentRow("anna", NOW, K.OPT_OUT, "news", None, "1"), ConsentRow("anna", NOW, K.OPT_IN, "news", None, "2")
    )
    assert anna.history("anna").consents.given.tolist() == [True, False]


def test_a_complaint_names_everything(anna: Any) -> None:
    anna.consents(ConsentRow("anna", NOW, K.COMPLAINT, "news", "email", "1"))
    consents = anna.history("anna").consents
    assert (consents.category.tolist(), consents.channel.tolist()) == ([0], [0])


def test_an_open_and_a_click_that_have_the_id_of_their_mail_are_two(anna: Any) -> None:
    rows = [EventRow("anna", NOW - HOUR, K.OPEN, "mail-1"), EventRow("anna", NOW, K.CLICK, "mail-1")]
    assert anna.events(*rows).new == 2
    assert anna.events(*reversed(rows)).repeated == 2
    assert anna.events(EventRow("anna", NOW, K.REPLY, "mail-1")).new == 1


def test_an_undated_stop_is_said_now(anna: Any) -> None:
    anna.consents(ConsentRow("anna", None, K.OPT_OUT, "news", None))
    assert anna.history("anna").consents.at.tolist() == [NOW]


def test_an_undated_stop_told_again_changes_nothing(anna: Any) -> None:
    anna.consents(ConsentRow("anna", None, K.OPT_OUT, "news", None))
    before = everything(anna)
    anna.consents(ConsentRow("anna", None, K.OPT_OUT, "news", None), now=NOW + DAY)
    assert everything(anna) == before


@pytest.mark.parametrize("kind", [K.OPT_IN, K.OPT_OUT])
def test_what_is_said_by_a_clock_that_is_ahead_is_said_now(anna: Any, kind: K) -> None:
    row = ConsentRow("anna", NOW + HOUR, kind, "news", None, "1")
    anna.consents(row)
    assert anna.history("anna").consents.at.tolist() == [NOW]
    assert anna.consents(row, now=NOW + DAY).repeated == 1


@pytest.mark.parametrize("kind", [K.OPT_IN, K.OPT_OUT])
def test_what_was_written_down_as_said_ahead_is_said_when_it_was_recorded(anna: Any, kind: K) -> None:
    row = ConsentRow("anna", NOW + HOUR, kind, "news", None, "1")
    anna.consents(row)
    with anna.store.write() as conn:
        conn.exec_driver_sql("UPDATE consent SET at = recorded_at + 3600000000")
    assert anna.history("anna").consents.at.tolist() == [NOW]
    assert anna.consents(row, now=NOW + DAY).repeated == 1


def test_an_opt_in_is_an_event_to_cool_down_from(anna: Any) -> None:
    anna.consents(ConsentRow("anna", NOW - DAY, K.OPT_IN, "news", None, "1"))
    assert anna.history("anna").people.latest[K.OPT_IN].tolist() == [NOW - DAY]


def test_every_fact_takes_the_circles_next_number(anna: Any) -> None:
    anna.touches(*(TouchRow("anna", NOW, "x", source_id=str(i)) for i in range(3)))
    anna.happened("anna", K.CLICK, NOW)
    anna.consents(ConsentRow("anna", NOW, K.OPT_IN, "news", None, "1"))
    numbers = anna.rows(
        "SELECT number FROM touch UNION ALL SELECT number FROM event UNION ALL SELECT number FROM consent"
    )
    assert sorted(n for (n,) in numbers) == [1, 2, 3, 4, 5]


def test_an_event_can_be_told_of_a_contact_by_place_after_it_has_moved(anna: Any, someone: Someone) -> None:
    from cadence.store.events import record_events

    names = [f"p{i}" for i in range(6)]
    anna.contacts(*(someone(n) for n in names))
    before = [anna.place(n) for n in names]
    anna.contacts(*(someone(n, household="h") for n in names))
    with anna.store.write() as conn:
        rows = [EventRow("", NOW, K.CLICK, f"c{i}") for i in range(6)]
        report = record_events(conn, rows, NOW, "hook", before)
    assert (report.new, report.unknown) == (6, ())
