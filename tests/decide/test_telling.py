"""What is told of a contact, as columns: every event of language.md section 8, folded as of now."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from pydantic import ValidationError

import cadence
from cadence.decide.telling import Telling, tell
from cadence.decide.told import ToldContact, ToldEvent, ToldMember, ToldMessage
from cadence.facts import HELD, NEVER, NONE, Coded, EventKind, Ragged, Wish, key, micros
from cadence.policy.moments import moment_of

POLICY: dict[str, Any] = {
    "version": 1,
    "defaults": {"timezone": "Europe/Stockholm", "country": "SE", "expires": "10d"},
    "categories": {"news": {"consent": "opt_in", "priority": 70}, "receipt": {"transactional": True}},
    "segments": [{"name": "everyone"}],
}
NOW = "2026-03-06T12:00+01:00"


def at(text: str) -> int:
    """An instant; without an offset in Stockholm."""
    import numpy as np

    from cadence.calendar import zone_index

    moment = moment_of(text)
    assert moment is not None
    return int(moment.at(np.array([zone_index("Europe/Stockholm")], np.int32))[0])


def told(
    *history: dict[str, Any],
    contact: dict[str, Any] | None = None,
    messages: tuple[dict[str, Any], ...] = ({"category": "news"},),
    circle: tuple[dict[str, Any], ...] = (),
    now: str = NOW,
    **policy: Any,
) -> Telling:
    moment = moment_of(now)
    assert moment is not None
    return tell(
        cadence.policy_of({**POLICY, **policy}).policy,
        ToldContact.model_validate(contact or {}),
        [ToldEvent.model_validate(e) for e in history],
        [ToldMessage.model_validate(m) for m in messages],
        moment,
        [ToldMember.model_validate(m) for m in circle],
    )


def holds(*history: dict[str, Any], **more: Any) -> list[tuple[int, int, int]]:
    found = told(*history, **more).history.holds
    return list(zip(found.kind.tolist(), found.about.tolist(), found.until.tolist(), strict=True))


def test_a_touch_goes_by_email_unless_told() -> None:
    touches = told(
        {"at": "2026-03-01", "touch": "news"}, {"at": "2026-03-02", "touch": "news", "channel": "sms"}
    ).history.touches
    assert touches.channel.tolist() == [key("email"), key("sms")]


def test_a_date_is_its_beginning_and_a_time_without_an_offset_is_the_contacts() -> None:
    touches = told(
        {"at": "2026-03-01", "touch": "news"},
        {"at": "2026-03-01T09:00", "touch": "news"},
        contact={"timezone": "Asia/Kathmandu"},
    ).history.touches
    assert touches.at.tolist() == [at("2026-03-01T00:00+05:45"), at("2026-03-01T09:00+05:45")]


def test_an_answered_call_is_a_touch_and_an_answer_at_its_instant() -> None:
    history = told({"at": "2026-03-01", "touch": "news", "channel": "phone", "outcome": "answered"}).history
    assert len(history.touches) == 1
    assert history.people.latest[EventKind.CALL_ANSWERED].tolist() == [at("2026-03-01")]


def test_a_call_that_was_not_connected_is_no_touch() -> None:
    calls = [
        {"at": "2026-03-01", "touch": "news", "channel": "phone", "outcome": o} for o in ("not_connected", "voicemail")
    ]
    assert len(told(*calls).history.touches) == 1


def test_the_same_touch_told_twice_is_one_and_one_message_in_two_channels_is_two() -> None:
    same = {"at": "2026-03-01", "touch": "news", "id": "m1"}
    assert len(told(same, {**same, "at": "2026-03-02"}, {**same, "channel": "sms"}).history.touches) == 2


def test_facts_later_than_now_are_not_known_but_touches_are() -> None:
    later = "2026-03-06T12:00:01+01:00"
    history = told(
        {"at": later, "touch": "news", "channel": "phone", "outcome": "answered"},
        {"at": later, "engagement": "click"},
        {"at": later, "opt_out": "all"},
        {"at": later, "hold": "audit"},
        {"at": later, "bounce": "hard"},
        {"at": later, "snooze": "7d"},
    ).history
    assert len(history.touches) == 1
    assert len(history.events) == len(history.consents.at) == len(history.holds.kind) == 0
    assert (history.addresses.bounced_at == NONE).all()
    assert history.people.snooze_until.tolist() == [NONE]


def test_what_happens_at_now_itself_is_known() -> None:
    assert len(told({"at": NOW, "opt_out": "all"}).history.consents.at) == 1
    assert len(told({"at": NOW, "touch": "news", "outcome": "answered"}).history.events) == 1


def test_undated_consents_come_before_everything_and_give_just_what_they_name() -> None:
    said = told(
        {"at": "1971-01-01", "opt_out": "news"}, contact={"consents": {"email": ["news"], "sms": "all"}}
    ).history.consents
    rows = zip(said.at.tolist(), said.given.tolist(), said.category.tolist(), said.channel.tolist(), strict=True)
    assert list(rows) == [
        (NONE, True, key("news"), key("email")),
        (NONE, True, 0, key("sms")),
        (at("1971-01-01"), False, key("news"), 0),
    ]


def test_at_one_instant_the_stop_comes_last() -> None:
    said = told({"at": "2026-03-01", "opt_out": "news"}, {"at": "2026-03-01", "opt_in": "news"}).history.consents
    assert said.given.tolist() == [True, False]


def test_a_stop_names_a_category_a_channel_or_all_and_a_channel_narrows_it() -> None:
    said = told(
        {"at": "2026-03-01", "opt_out": "news", "channel": "sms"},
        {"at": "2026-03-02", "opt_out": "sms"},
        {"at": "2026-03-03", "opt_out": "all"},
        {"at": "2026-03-04", "complaint": True},
        {"at": "2026-03-05", "do_not_contact": True},
    ).history.consents
    named = list(zip(said.category.tolist(), said.channel.tolist(), strict=True))
    assert named == [(key("news"), key("sms")), (0, key("sms")), (0, 0), (0, 0), (0, 0)]
    assert not said.given.any()


def test_a_hold_is_open_until_it_is_released_or_ends() -> None:
    hold = {"at": "2026-03-01", "hold": "bereavement"}
    assert holds(hold) == [(key("bereavement"), key("bereavement"), HELD)]
    assert holds({**hold, "until": "2026-03-08"}) == [(key("bereavement"), key("bereavement"), at("2026-03-09"))]
    assert holds({**hold, "until": "2026-03-05"}) == []
    assert holds(hold, {"at": "2026-03-02", "release": "bereavement"}) == []
    assert len(holds(hold, {"at": "2026-03-02", "release": "audit"})) == 1


def test_a_ticket_is_open_until_it_is_solved_not_until_it_is_answered() -> None:
    opened, answered, solved = (
        {"at": f"2026-03-0{i}", "ticket": w, "id": 7} for i, w in enumerate(("opened", "answered", "solved"), 1)
    )
    assert holds(opened, answered) == [(key("ticket"), key("7"), HELD)]
    assert holds(opened, answered, solved) == []
    assert len(holds(solved, {**opened, "at": "2026-03-04"})) == 1


def test_a_ticket_solved_at_the_instant_at_which_it_was_opened_holds_nothing_whichever_is_told_first() -> None:
    opened, solved = ({"at": "2026-03-02", "ticket": word, "id": "7"} for word in ("opened", "solved"))
    assert (holds(opened, solved), holds(solved, opened)) == ([], [])


def test_an_incident_holds_until_that_very_incident_is_resolved() -> None:
    began = {"at": "2026-03-01", "incident": "flood"}
    assert holds(began, {"at": "2026-03-02", "incident_resolved": "fire"}) == [(key("incident"), key("flood"), HELD)]
    assert holds(began, {"at": "2026-03-02", "incident_resolved": "flood"}) == []


def test_a_promise_holds_once_its_due_day_has_passed_and_it_was_not_made_again() -> None:
    made = {"at": "2026-03-01", "promise": "made", "id": "p", "due": "2026-03-05"}
    assert holds(made) == [(key("promise"), key("p"), HELD)]
    assert holds({**made, "due": "2026-03-06"}) == []
    assert holds({**made, "due": NOW}) == []
    assert holds(made, {**made, "at": "2026-03-02", "due": "2026-03-20"}) == []
    assert holds(made, {"at": "2026-03-04", "promise": "broken", "id": "p"}) == []
    for word in ("kept", "broken"):
        assert holds(made, {"at": "2026-03-04", "promise": word, "id": "p", "due": made["due"]}) == []


@pytest.mark.parametrize(
    ("asked", "until"),
    [
        ("2d", "2026-03-07T10:00"),
        ("1mo", "2026-04-05T10:00"),
        ("2026-03-08", "2026-03-09T00:00"),
        ("2026-03-08T09:00", "2026-03-08T09:00"),
    ],
)
def test_a_snooze_is_a_duration_an_instant_or_a_dates_end(asked: str, until: str) -> None:
    history = told({"at": "2026-03-05T10:00", "snooze": asked}).history
    assert history.people.snooze_until.tolist() == [at(until)]


def test_the_latest_snooze_and_the_latest_wish_replace_those_before() -> None:
    history = told(
        {"at": "2026-03-04", "snooze": "1d"},
        {"at": "2026-03-01", "snooze": "365d"},
        {"at": "2026-03-01", "less_often": "1 per 30d"},
        {"at": "2026-03-02", "less_often": "2 per calendar month"},
    ).history
    assert history.people.snooze_until.tolist() == [at("2026-03-05")]
    assert history.people.wishes == (Wish((2, "calendar month")),)


def test_none_ends_the_wish_for_less() -> None:
    history = told({"at": "2026-03-01", "less_often": "1 per 30d"}, {"at": "2026-03-02", "less_often": "none"}).history
    assert history.people.wish.tolist() == [-1]


def test_purchases_are_summed_up() -> None:
    people = told(
        {"at": "2026-03-02", "engagement": "purchase", "amount": 20, "currency": "SEK"},
        {"at": "2026-03-01", "engagement": "purchase"},
    ).history.people
    assert (people.orders.tolist(), people.spend.tolist(), people.first_purchase.tolist()) == (
        [2],
        [20.0],
        [at("2026-03-01")],
    )


def test_what_a_contact_does_not_say_comes_from_the_policy() -> None:
    people = told().history.people
    assert (people.country.text(0), people.locale.text(0)) == ("SE", "en")


def test_with_strict_a_contact_without_a_zone_has_all_of_its_country() -> None:
    strict = {"defaults": {**POLICY["defaults"], "unknown_zone": "strict"}}
    assert len(told(contact={"country": "AU"}, **strict).history.people.zones.values) > 5
    assert len(told(contact={"country": "AU"}).history.people.zones.values) == 1
    nowhere = {"defaults": {"timezone": "Europe/Stockholm", "unknown_zone": "strict"}}
    assert len(told(**nowhere).history.people.zones.values) == 1


def test_a_message_expires_by_the_policy_and_a_transactional_one_never() -> None:
    messages = ({"category": "news"}, {"category": "receipt"}, {"category": "news", "expires": "1mo"})
    found = told(messages=messages).candidates.expires_at.tolist()
    assert found == [at("2026-03-16T12:00+01:00"), NEVER, at("2026-04-06T12:00+02:00")]


def test_a_message_has_its_own_priority_or_its_categorys() -> None:
    messages = ({"category": "news"}, {"category": "news", "priority": 5}, {"category": "unheard of"})
    assert told(messages=messages).candidates.priority.tolist() == [70, 5, 50]


def test_messages_are_numbered_by_their_ids_numbers_by_size() -> None:
    messages = tuple({"category": "news", "id": i} for i in ("10", "b", "9", "a"))
    assert told(messages=messages).messages == {1: "9", 2: "10", 3: "a", 4: "b"}


def test_a_message_without_an_id_comes_after_numbers_and_before_texts() -> None:
    messages = tuple({"category": "news", **named} for named in ({"id": "A"}, {}, {"id": "9"}))
    assert told(messages=messages).messages == {1: "9", 2: "message 2", 3: "A"}


def dtypes(table: Any) -> dict[str, Any]:
    """The type of each column."""
    columns = {
        f.name: getattr(table, f.name) for f in fields(table) if f.name not in ("attributes", "latest", "wishes")
    }
    plain = {
        name: c.values if isinstance(c, Ragged) else c.codes if isinstance(c, Coded) else c
        for name, c in columns.items()
    }
    return {name: column.dtype for name, column in plain.items()}


def test_columns_are_of_the_same_types_where_nothing_happened() -> None:
    nothing = told(messages=())
    much = told(
        {"at": "2026-03-01", "touch": "news", "tags": ["a"]},
        {"at": "2026-03-01", "engagement": "purchase", "amount": 20, "currency": "SEK"},
        {"at": "2026-03-01", "opt_out": "news"},
        {"at": "2026-03-01", "hold": "bereavement"},
        {"at": "2026-03-01", "screened": {"register": "nix", "listed": False}},
        messages=({"category": "news", "tags": ["a"]},),
    )
    assert dtypes(nothing.candidates) == dtypes(much.candidates)
    for table in (f.name for f in fields(nothing.history) if f.name != "campaigns"):
        assert dtypes(getattr(nothing.history, table)) == dtypes(getattr(much.history, table)), table


def test_members_share_a_household_that_nobody_named_and_equal_addresses_are_one_mailbox() -> None:
    history = told(
        contact={"addresses": {"email": "anna@example.com"}},
        circle=(
            {"contact": {"addresses": {"email": "Anna+x@example.com"}}, "shares": ["household"]},
            {"contact": {}, "history": [{"at": "2026-03-01", "touch": "news"}]},
        ),
    ).history
    first, second, third = history.people.household.tolist()
    assert first == second != third == 0
    mail = history.addresses.mailbox[history.addresses.channel == key("email")]
    assert mail[0] == mail[1] != mail[2]
    assert history.touches.mailbox.tolist() == [mail[2]]


def test_members_share_the_account_that_is_named_or_one_that_nobody_named() -> None:
    circle = ({"contact": {"account": "firm"}, "shares": ["account"]}, {"contact": {"account": "firm"}})
    first, second, third = told(circle=circle).history.people.account.tolist()
    assert (third, first) == (key("firm"), second)
    assert first not in (0, third)
    assert told(contact={"account": "shop"}, circle=circle).history.people.account.tolist()[:2] == [key("shop")] * 2


def test_a_bounce_stops_the_address_of_its_channel() -> None:
    addresses = told({"at": "2026-03-01", "bounce": "hard", "channel": "sms"}).history.addresses
    bounced = addresses.channel[addresses.bounced_at != NONE]
    assert bounced.tolist() == [key("sms")]


@pytest.mark.parametrize(
    "event",
    [
        {"at": "2026-03-01"},
        {"at": "2026-03-01", "touch": "news", "engagement": "click"},
        {"at": "soon", "touch": "news"},
        {"touch": "news"},
        {"at": "2026-03-01", "engagement": "open"},
        {"at": "2026-03-01", "engagement": "click", "amount": 3},
        {"at": "2026-03-01", "complaint": False},
        {"at": "2026-03-01", "ticket": "opened"},
        {"at": "2026-03-01", "promise": "made", "id": "p"},
        {"at": "2026-03-01", "snooze": "a while"},
        {"at": "2026-03-01", "less_often": "seldom"},
        {"at": "2026-03-01", "less_often": "0 per 7d"},
        {"at": "2026-03-01", "hold": "x", "outcome": "answered"},
        {"at": "2026-03-01", "touch": "news", "channel": "fax"},
        {"at": "2026-03-01", "opt_out": "email", "channel": "sms"},
        {"at": "2026-03-01", "tuoch": "news"},
    ],
)
def test_what_can_not_have_happened_is_an_error(event: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ToldEvent.model_validate(event)


def test_of_a_wish_for_less_all_behind_the_first_per_is_the_window() -> None:
    with pytest.raises(ValidationError, match="'7d per day' is not a window"):
        ToldEvent.model_validate({"at": "2026-03-01", "less_often": "1 per 7d per day"})


@pytest.mark.parametrize(
    "contact",
    [
        {"timezone": "Europe/Stokholm"},
        {"timezone": "Europe/Stockholm", "timezones": ["Europe/Oslo"]},
        {"country": "Sweden"},
        {"addresses": {"email": "nobody"}},
        {"addresses": {"fax": "1"}},
        {"hours": ["22:00-06:00"]},
        {"days": ["monday"]},
        {"consent": {"email": ["news"]}},
    ],
)
def test_what_no_contact_is_like_is_an_error(contact: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ToldContact.model_validate(contact)


def test_now_is_kept_to_the_microsecond() -> None:
    from datetime import UTC, datetime

    assert told(now="2026-03-06T12:00:00.000001Z").now == micros(datetime(2026, 3, 6, 12, 0, 0, 1, UTC))
