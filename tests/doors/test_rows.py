"""Rows of contacts, touches, events and consents: what each cell may say, and how a wrong one is named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.calendar import zone_index
from cadence.doors.rows import consents, contacts, events, touches
from cadence.doors.rows.cells import Context, Row
from cadence.facts import DAY, EventKind, micros
from cadence.policy.moments import moment_of

NOW = moment_of("2026-03-06T12:00+01:00").micros  # type: ignore[union-attr]
CONTEXT = Context(NOW, "Europe/Stockholm", frozenset({"newsletter", "promotion"}))


def at(text: str) -> int:
    from datetime import datetime

    return micros(datetime.fromisoformat(text))


def nested(deep: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(deep - 1):
        inner = [inner]
    return inner


def problems(module: Any, cells: Mapping[str, Any]) -> dict[str, str]:
    row = Row(cells, CONTEXT)
    made = contacts.read(row) if module is contacts else module.read(row, {})
    assert made is None
    return {p.column: p.message for p in row.problems}


def read(module: Any, cells: Mapping[str, Any], seen: dict[int, int] | None = None) -> Any:
    row = Row(cells, CONTEXT)
    made = contacts.read(row) if module is contacts else module.read(row, {} if seen is None else seen)
    assert row.problems == []
    return made


def test_a_contact_is_read_as_the_language_calls_its_keys() -> None:
    made = read(
        contacts,
        {
            "id": "7",
            "first_name": " Åsa ",
            "email": "Asa@Example.COM",
            "timezones": "Europe/Stockholm|Asia/Kathmandu",
            "country": "de-by",
            "locale": "pt_BR",
            "hours": "09:00-12:00|17:00-19:00",
            "days": "mon|tue",
            "consents.email": "newsletter|promotion",
            "consents.sms": "profiling",
            "attributes.orders": "5",
            "attributes.zip": "0123",
            "attributes.vip": "true",
            "household": "",
        },
    )
    assert made.addresses == {"email": "Asa@example.com"}
    assert (made.zones, made.country, made.locale) == (("Europe/Stockholm", "Asia/Kathmandu"), "DE-BY", "pt-BR")
    assert made.attributes == {"first_name": "Åsa", "orders": 5, "zip": "0123", "vip": True}
    assert made.consents == (("email", "newsletter"), ("email", "promotion"), ("sms", "profiling"))
    assert (made.hours, made.days) == (("09:00-12:00", "17:00-19:00"), ("mon", "tue"))
    assert made.household is None


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        ({"id": ""}, "id", "is empty"),
        ({"id": "1", "email": "nobody"}, "email", "no e-mail address"),
        ({"id": "1", "timezone": "Europe/Stokholm"}, "timezone", "Europe/Stockholm"),
        ({"id": "1", "country": "Sweden"}, "country", "ISO 3166"),
        ({"id": "1", "country": "QQ"}, "country", "ISO 3166"),
        ({"id": "1", "locale": "Swedish, please"}, "locale", "no locale"),
        ({"id": "1", "hours": "25:00-26:00"}, "hours", "25:00"),
        ({"id": "1", "days": "måndag"}, "days", "weekday"),
        ({"id": "1", "consents.email": "newsleter"}, "consents.email", "did you mean newsletter?"),
        (
            {"id": "1", "consents.email": "promotion, newsletter"},
            "consents.email",
            "write several as promotion|newsletter",
        ),
        ({"id": "1", "consents.email": "promotion;x"}, "consents.email", "no category of the policy"),
        ({"id": "1", "consents.emal": "newsletter"}, "consents.emal", "did you mean email?"),
        ({"id": "1", "email": "a@b.se", "addresses.email": "c@b.se"}, "addresses.email", "another address"),
        ({"id": "1", "first_name": "a\x00b"}, "first_name", "control characters"),
        ({"id": "1", "attributes.points": 10**400}, "attributes.points", "write it as a text"),
        ({"id": "1", "attributes.points": [10**400]}, "attributes.points", "numbers of up to 19 digits"),
        ({"id": "1", "attributes.photo": b"GIF"}, "attributes.photo", "can't be kept as JSON"),
        ({"id": "1", "attributes.stays": timedelta(3)}, "attributes.stays", "can't be kept as JSON"),
        ({"id": "1", "attributes.likes": nested(300)}, "attributes.likes", "not hundreds of them inside one another"),
        ({"id": "x" * 301}, "id", "is 301 characters long; 300 are the most"),
        ({"id": "1", "household": "x" * 301}, "household", "300 are the most"),
        ({"id": "1", "account": "x" * 301}, "account", "300 are the most"),
    ],
)
def test_a_wrong_cell_of_a_contact_is_named(cells: dict[str, Any], column: str, says: str) -> None:
    assert says in problems(contacts, cells)[column]


@pytest.mark.parametrize("written", ["1001", 1001, 1001.0])
def test_a_whole_number_is_one_id_however_a_file_holds_it(written: Any) -> None:
    assert read(contacts, {"id": written}).outside_id == "1001"
    assert read(touches, {"contact": "1", "at": "2026-03-01", "touch": "news", "tags": [written]}).tags == ("1001",)


@pytest.mark.parametrize("number", [1e16, -1e300, float("inf"), float("nan")])
def test_a_number_without_its_last_digits_is_no_id(number: float) -> None:
    assert "no exact number" in problems(contacts, {"id": number})["id"]


def test_an_attribute_is_what_it_will_be_read_as() -> None:
    cells = {"id": "1", "attributes.visits": {date(2026, 3, 1): "shop"}, "attributes.since": time(10)}
    made = read(contacts, cells | {"attributes.sizes": [1, 2.5, None], "attributes.nested": nested(200)})
    assert made.attributes == {
        "visits": {"2026-03-01": "shop"},
        "since": "10:00:00",
        "sizes": [1, 2.5, None],
        "nested": nested(200),
    }


def test_all_wrong_cells_of_a_row_are_named_at_once() -> None:
    assert set(problems(contacts, {"id": "", "email": "x", "country": "y"})) == {"id", "email", "country"}


def test_an_instant_needs_its_offset_and_a_date_is_its_beginning_in_the_policys_zone() -> None:
    assert read(events, {"contact": "1", "at": "2026-03-01", "open": "true"}).at == at("2026-03-01T00:00+01:00")
    assert read(events, {"contact": "1", "at": "2026-03-01T09:00Z", "open": "true"}).at == at("2026-03-01T09:00+00:00")
    assert "no offset" in problems(events, {"contact": "1", "at": "2026-03-01T09:00", "open": "true"})["at"]


@pytest.mark.parametrize("when", ["2026-02-30", "1/3/2026", "yesterday", "2026-03-01T25:00Z", "0001-01-01"])
def test_what_is_no_instant_is_named(when: str) -> None:
    assert "at" in problems(events, {"contact": "1", "at": when, "open": "true"})


def test_a_fact_more_than_a_day_ahead_is_refused_and_one_within_it_is_taken() -> None:
    assert "day ahead" in problems(events, {"contact": "1", "at": "2026-03-07T12:01+01:00", "open": "1"})["at"]
    assert read(events, {"contact": "1", "at": "2026-03-07T12:00+01:00", "open": "1"}).at == NOW + DAY


@pytest.mark.parametrize(
    ("cells", "kind", "more"),
    [
        (
            {"engagement": "purchase", "amount": "12.50", "currency": "EUR"},
            EventKind.PURCHASE,
            {"amount": 12.5, "currency": "EUR"},
        ),
        ({"engagement": "reply", "channel": "sms"}, EventKind.REPLY, {"channel": "sms"}),
        ({"refusal": "true"}, EventKind.REFUSAL, {}),
        ({"bounce": "hard"}, EventKind.BOUNCE_HARD, {"channel": "email"}),
        (
            {"hold": "bereavement", "until": "2026-04-01"},
            EventKind.HOLD,
            {"subject": "bereavement", "until": at("2026-04-02T00:00+02:00")},
        ),
        ({"release": "bereavement"}, EventKind.RELEASE, {"subject": "bereavement"}),
        ({"ticket": "opened", "id": "T1"}, EventKind.TICKET_OPENED, {"subject": "T1"}),
        (
            {"promise": "made", "id": "P1", "due": "2026-03-09T12:00Z"},
            EventKind.PROMISE_MADE,
            {"subject": "P1", "until": at("2026-03-09T12:00+00:00")},
        ),
        ({"snooze": "2w"}, EventKind.SNOOZE, {"until": at("2026-03-15T00:00+01:00")}),
        ({"less_often": "1 per 30d"}, EventKind.LESS_OFTEN, {"subject": "1 per 30d"}),
        ({"less_often": "none"}, EventKind.LESS_OFTEN, {"subject": "none"}),
        (
            {"register": "robinson", "listed": "no"},
            EventKind.SCREENED,
            {"subject": "robinson", "detail": {"listed": False}},
        ),
        ({"screened.register": "robinson", "screened.listed": True}, EventKind.SCREENED, {"detail": {"listed": True}}),
    ],
)
def test_an_event_is_told_in_the_words_of_histories(
    cells: dict[str, Any], kind: EventKind, more: dict[str, Any]
) -> None:
    made = read(events, {"contact": "1", "at": "2026-03-01", **cells})
    assert made.kind is kind
    assert {name: getattr(made, name) for name in more} == more


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        ({}, "engagement", "one of engagement, bounce"),
        ({"engagement": "buy"}, "engagement", "must be one of reply, click"),
        ({"engagement": "purchase", "open": "true"}, "open", "filled beside engagement"),
        ({"engagement": "reply", "amount": "3"}, "amount", "with a purchase only"),
        ({"engagement": "purchase", "amount": "1,50"}, "amount", "number written like"),
        ({"engagement": "purchase", "amount": 10**400}, "amount", "up to 1,000,000,000,000,000"),
        ({"engagement": "purchase", "amount": "-1e200"}, "amount", "up to 1,000,000,000,000,000"),
        ({"engagement": "reply", "id": "x" * 301}, "id", "300 are the most"),
        ({"ticket": "opened", "id": "x" * 301}, "id", "300 are the most"),
        ({"hold": "x" * 301}, "hold", "300 are the most"),
        ({"engagement": "purchase", "currency": "euro"}, "currency", "three letters"),
        ({"ticket": "opened"}, "id", "known by its id"),
        ({"promise": "made", "id": "P"}, "due", "made for a time"),
        ({"less_often": "seldom"}, "less_often", "like 1 per 30d"),
        ({"register": "robinson"}, "listed", "on the register"),
        ({"open": "maybe"}, "open", "true or false"),
    ],
)
def test_a_wrong_event_is_named(cells: dict[str, Any], column: str, says: str) -> None:
    assert says in problems(events, {"contact": "1", "at": "2026-03-01", **cells})[column]


def test_a_touch_is_mail_unless_it_says_otherwise() -> None:
    made = read(touches, {"contact": "1", "at": "2026-03-01", "touch": "promotion", "tags": "a|b", "triggered": "yes"})
    assert (made.channel, made.category, made.tags, made.triggered) == ("email", "promotion", ("a", "b"), True)


def test_a_touch_is_known_by_a_short_id() -> None:
    cells = {"contact": "1", "at": "2026-03-01", "touch": "promotion"}
    assert "300 are the most" in problems(touches, {**cells, "id": "x" * 301})["id"]
    assert read(touches, {**cells, "id": "x" * 300}).source_id == "x" * 300


def test_how_a_call_went_goes_with_the_phone_only() -> None:
    cells = {"contact": "1", "at": "2026-03-01", "touch": "promotion", "outcome": "answered"}
    assert "phone only" in problems(touches, {**cells, "channel": "email"})["outcome"]
    for made in (read(touches, {**cells, "channel": "phone"}), read(touches, cells)):
        assert (made.outcome, made.channel) == ("answered", "phone")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"opt_in": "newsletter", "channel": "email"}, (EventKind.OPT_IN, "newsletter", "email")),
        ({"opt_out": "sms", "at": "2026-03-01"}, (EventKind.OPT_OUT, None, "sms")),
        ({"opt_out": "all", "at": "2026-03-01"}, (EventKind.OPT_OUT, None, None)),
        ({"opt_in": "profiling"}, (EventKind.OPT_IN, "profiling", None)),
        ({"complaint": "true", "at": "2026-03-01", "channel": "email"}, (EventKind.COMPLAINT, None, None)),
        ({"do_not_contact": "true", "at": "2026-03-01"}, (EventKind.DO_NOT_CONTACT, None, None)),
    ],
)
def test_a_consent_names_a_category_a_channel_or_all(cells: dict[str, str], said: tuple[Any, ...]) -> None:
    made = read(consents, {"contact": "1", **cells})
    assert (made.kind, made.category, made.channel) == said


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        ({"opt_out": "all"}, "at", "a stop needs the instant"),
        ({"opt_out": "promotions", "at": "2026-03-01"}, "opt_out", "did you mean promotion?"),
        ({"opt_in": "all", "opt_out": "all", "at": "2026-03-01"}, "opt_out", "says one thing"),
        ({"opt_out": "sms", "channel": "email", "at": "2026-03-01"}, "channel", "another channel"),
        ({"opt_in": "all", "id": "x" * 301}, "id", "300 are the most"),
        ({}, "opt_in", "must be filled"),
    ],
)
def test_a_wrong_consent_is_named(cells: dict[str, str], column: str, says: str) -> None:
    assert says in problems(consents, {"contact": "1", **cells})[column]


def test_a_stop_of_a_date_is_the_last_that_was_said_on_it() -> None:
    stop = read(consents, {"contact": "1", "at": "2026-02-20", "opt_out": "all"})
    consent = read(consents, {"contact": "1", "at": "2026-02-20", "opt_in": "all"})
    assert (consent.at, stop.at) == (at("2026-02-19T23:00Z"), at("2026-02-20T23:00Z") - 1)
    told = read(consents, {"contact": "1", "at": "2026-02-20T10:00+01:00", "opt_out": "all"})
    assert told.at == at("2026-02-20T09:00Z")


def test_a_stop_of_tomorrows_date_is_taken_and_known_again_later() -> None:
    cells = {"contact": "1", "at": "2026-03-07", "opt_out": "all"}
    first, again = (consents.read(Row(cells, Context(now, "Europe/Stockholm")), {}) for now in (NOW, NOW + DAY // 2))
    assert first is not None
    assert again is not None
    assert first.at == NOW + DAY
    assert again.at == at("2026-03-07T23:00Z") - 1
    assert first.source_id == again.source_id


def test_equal_rows_of_one_file_are_told_apart_and_are_the_same_in_the_next() -> None:
    bought = {"contact": "1", "at": "2026-03-01", "engagement": "purchase", "amount": "5"}
    seen: dict[int, int] = {}
    first, second = read(events, bought, seen).source_id, read(events, bought, seen).source_id
    assert first != second
    assert read(events, bought, {}).source_id == first


JUNK = st.one_of(
    st.none(), st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.lists(st.integers(), max_size=3)
)


@given(
    st.sampled_from((contacts, touches, events, consents)),
    st.data(),
)
def test_whatever_a_row_holds_it_is_read_or_named_and_nothing_is_raised(module: Any, data: st.DataObject) -> None:
    columns = data.draw(st.lists(st.sampled_from(module.COLUMNS), max_size=6, unique=True))
    cells = {column: data.draw(JUNK) for column in columns}
    row = Row(cells, CONTEXT)
    made = contacts.read(row) if module is contacts else module.read(row, {})
    assert (made is None) == bool(row.problems)


def test_the_zone_of_the_context_is_one() -> None:
    assert CONTEXT.zone_code == zone_index("Europe/Stockholm")
