"""Contacts: who is who, who shares a circle with whom, and what an import may not do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cadence.facts import DAY, HOUR, EventKind
from cadence.store.bulk import insert_rows
from cadence.store.cards import attribute_names, every_attribute_name
from cadence.store.circles import Together
from cadence.store.rows import ConsentRow, ContactRow, EventRow, TouchRow
from cadence.store.tables import contact, message
from cadence.store.ways import ways_of

NOW = 20_000 * DAY
Someone = Callable[..., ContactRow]


def everything(told: Any) -> dict[str, list[tuple[Any, ...]]]:
    tables = ("contact", "circle", "address", "consent", "directory", "event", "touch", "hold")
    return {t: sorted(told.rows(f"SELECT * FROM {t}"), key=repr) for t in tables}


def test_a_new_contact_is_found_by_its_outside_id(told: Any, someone: Someone) -> None:
    told.contacts(someone("anna"))
    assert told.of("anna", "id")[0] == told.place("anna")[1]


def test_what_a_row_says_is_kept(told: Any) -> None:
    told.contacts(
        ContactRow("a", {"email": "a@example.com"}, ("Asia/Kathmandu",), "NP", locale="ne", attributes={"tier": 3})
    )
    assert told.of("a", "zones, country, locale, attributes") == ('["Asia/Kathmandu"]', "NP", "ne", '{"tier":3}')


def test_attributes_are_kept_whatever_is_in_them(told: Any) -> None:
    attributes = {"å": [1.5, None, {"z": 2**70, "a": True}], "b": "\u2028"}
    told.contacts(ContactRow("a", attributes=attributes))
    assert json.loads(told.of("a", "attributes")[0]) == attributes
    assert told.contacts(ContactRow("a", attributes=dict(reversed(attributes.items())))).repeated == 1


def test_the_attributes_that_few_contacts_have_are_known(told: Any) -> None:
    told.contacts(*(ContactRow(str(n), attributes={"plan": n}) for n in range(5)), ContactRow("bare"))
    told.contacts(ContactRow("last", attributes={"år": [1, None], "x.y": {"z": 1}}))
    with told.store.read() as conn:
        assert attribute_names(conn, 2) <= every_attribute_name(conn) == {"plan", "år", "x.y"}


def test_the_same_import_twice_changes_nothing(told: Any, someone: Someone) -> None:
    rows = [someone("a", household="h", consents=(("email", "news"),)), someone("b", household="h"), someone("c")]
    told.contacts(*rows)
    before = everything(told)
    report = told.contacts(*rows, now=NOW + DAY)
    assert (everything(told), report.new, report.changed, report.repeated) == (before, 0, 0, 3)


def test_what_a_row_does_not_say_stays(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", country="SE", attributes={"x": 1}))
    told.contacts(ContactRow("a", attributes={"y": 2}))
    assert told.of("a", "country, attributes") == ("SE", '{"x":1,"y":2}')


def test_rows_of_one_contact_in_one_batch_are_laid_over_each_other(told: Any, someone: Someone) -> None:
    report = told.contacts(someone("a", country="SE"), someone("a", country="NO", region="x"))
    assert (told.of("a", "country, region"), report.new) == (("NO", "x"), 1)


def test_two_with_one_mailbox_are_two_contacts_in_one_circle(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", "Kim.Doe+x@gmail.com"), someone("b", "kimdoe@gmail.com"))
    assert told.circle("a") == told.circle("b")
    assert told.place("a") != told.place("b")


def test_a_household_is_one_circle(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", household="h"))
    told.contacts(someone("b", household="h"))
    assert told.circle("a") == told.circle("b")


def test_an_account_is_one_circle_only_when_asked(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", account="x"), someone("b", account="x"))
    assert told.circle("a") != told.circle("b")


def test_an_account_is_one_circle_when_asked(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", account="x"), someone("b", account="x"), join_accounts=True)
    assert told.circle("a") == told.circle("b")


def test_a_chain_of_shared_addresses_is_one_circle(told: Any) -> None:
    told.contacts(
        ContactRow("a", {"email": "1@example.com"}),
        ContactRow("b", {"email": "1@example.com", "phone": "+46701"}),
        ContactRow("c", {"phone": "+46701"}),
    )
    assert len({told.circle(w) for w in "abc"}) == 1


def test_a_circle_knows_its_size(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", household="h"), someone("b", household="h"))
    told.contacts(someone("c", household="h"))
    assert told.rows("SELECT size FROM circle WHERE id = :c", c=told.circle("a")[1]) == [(3,)]


def test_many_who_come_to_share_an_address_with_many_are_joined_once_each(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.contacts(*(ContactRow(f"a{i}", {"phone": "+46700"}) for i in range(30)))
    joins: list[tuple[int, int]] = []
    join = Together.join
    monkeypatch.setattr(Together, "join", lambda self, *both: (joins.append(both), join(self, *both))[1])
    report = told.contacts(*(ContactRow(f"b{i}", {"phone": "+46700"}) for i in range(30)))
    assert (report.largest_circle, len(joins) <= 60) == (60, True)


def test_the_largest_circle_written_to_is_reported(told: Any, someone: Someone) -> None:
    told.contacts(*(someone(f"p{i}", household="h") for i in range(5)))
    assert told.contacts(someone("q", household="h")).largest_circle == 6


def test_a_contact_without_an_outside_id_is_known_by_its_address(told: Any) -> None:
    row = ContactRow("", {"email": "a@example.com"}, country="SE")
    told.contacts(row)
    assert told.contacts(row).repeated == 1


def test_an_address_that_several_have_names_nobody(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", "x@example.com"), someone("b", "x@example.com"))
    assert told.contacts(ContactRow("", {"email": "x@example.com"}, country="SE")).ambiguous == (0,)


def test_rows_of_one_contact_by_its_id_and_by_its_address_are_laid_over_each_other(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", country="SE"))
    told.contacts(ContactRow("a", attributes={"x": 1}), ContactRow("", {"email": "a@example.com"}, attributes={"y": 2}))
    assert told.of("a", "country, attributes") == ("SE", '{"x":1,"y":2}')


def test_an_address_names_who_came_with_it_in_the_same_batch(told: Any, someone: Someone) -> None:
    report = told.contacts(someone("a", attributes={"x": 1}), ContactRow("", {"email": "a@example.com"}, country="SE"))
    assert (told.of("a", "country, attributes"), report.new) == (("SE", '{"x":1}'), 1)


def test_an_address_that_several_of_a_batch_have_names_nobody(told: Any, someone: Someone) -> None:
    loose = ContactRow("", {"email": "x@example.com"}, country="SE")
    assert told.contacts(someone("a", "x@example.com"), someone("b", "x@example.com"), loose).ambiguous == (2,)


def test_an_older_address_given_again_is_the_current_one_again(told: Any) -> None:
    for i, text in enumerate(("1@example.com", "2@example.com", "1@example.com")):
        told.contacts(ContactRow("a", {"email": text}), now=NOW + i)
    assert told.rows("SELECT address FROM address ORDER BY at DESC LIMIT 1") == [("1@example.com",)]


def written_to(told: Any, who: str) -> str:
    with told.store.read() as conn:
        (way,) = ways_of(conn, [told.place(who)]).values()
    return way.address


@pytest.mark.parametrize("later", [0, -DAY], ids=["at the same instant", "after the clock was set back"])
def test_the_address_told_last_is_written_to(told: Any, someone: Someone, later: int) -> None:
    told.contacts(someone("a", "1@example.com"))
    told.contacts(someone("a", "0@example.com"), now=NOW + later)
    assert written_to(told, "a") == "0@example.com"


def test_all_addresses_of_a_contact_in_one_batch_are_theirs_and_the_last_is_written_to(
    told: Any, someone: Someone
) -> None:
    told.contacts(someone("a", "2@example.com"), someone("a", "3@example.com"), someone("a", "1@example.com"))
    assert told.rows("SELECT address FROM address ORDER BY at") == [(f"{i}@example.com",) for i in (2, 3, 1)]
    assert written_to(told, "a") == "1@example.com"


def test_who_has_an_earlier_address_of_a_batch_is_in_the_circle(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", "home@example.com"), someone("a", "work@example.com"))
    told.contacts(someone("b", "home@example.com"))
    assert told.circle("a") == told.circle("b")


def test_a_batch_with_several_addresses_of_a_contact_told_again_changes_nothing(told: Any, someone: Someone) -> None:
    rows = [someone("a", "2@example.com"), someone("a", "1@example.com"), someone("a", "2@example.com")]
    told.contacts(*rows)
    before = everything(told)
    assert told.contacts(*rows, now=NOW + DAY).changed == 0
    assert everything(told) == before


def test_an_address_more_in_a_batch_leaves_the_one_that_is_written_to(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", "1@example.com"))
    told.contacts(someone("a", "2@example.com"), someone("a", "1@example.com"))
    assert written_to(told, "a") == "1@example.com"


# Merging ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def apart(told: Any, someone: Someone) -> Any:
    """Eight people with a history each, in circles of their own, most of them in different shards."""
    names = [f"p{i}" for i in range(8)]
    told.contacts(*(someone(n) for n in names))
    for i, n in enumerate(names):
        told.touches(TouchRow(n, NOW - HOUR * (i + 1), "promotion", source_id=f"t{n}"))
        told.events(
            EventRow(n, NOW - HOUR, EventKind.REPLY, f"e{n}"),
            EventRow(n, NOW, EventKind.HOLD, f"h{n}", subject="manual"),
        )
        told.consents(ConsentRow(n, NOW - DAY, EventKind.OPT_OUT, "promotion", None, f"c{n}"))
    return told


def merge_all(told: Any, someone: Someone) -> Any:
    return told.contacts(*(someone(f"p{i}", household="h") for i in range(8)), now=NOW + 1)


def test_circles_that_come_to_share_something_become_one(apart: Any, someone: Someone) -> None:
    assert merge_all(apart, someone).merged == 7
    assert len({apart.circle(f"p{i}") for i in range(8)}) == 1


def test_a_merge_loses_no_fact(apart: Any, someone: Someone) -> None:
    count = "SELECT " + ", ".join(
        f"(SELECT count(*) FROM {t})" for t in ("touch", "event", "consent", "hold", "address")
    )
    before = apart.rows(count)
    merge_all(apart, someone)
    assert apart.rows(count) == before


def test_everything_of_a_merged_circle_lies_in_its_shard(apart: Any, someone: Someone) -> None:
    merge_all(apart, someone)
    for table in ("contact", "address", "touch", "event", "consent", "hold"):
        assert set(apart.rows(f"SELECT shard, circle FROM {table}")) == {apart.circle("p0")}, table


def test_the_directory_follows_a_merge(apart: Any, someone: Someone) -> None:
    merge_all(apart, someone)
    assert {apart.place(f"p{i}")[0] for i in range(8)} == {apart.circle("p0")[0]}


def test_numbers_stay_unique_and_below_the_next_after_a_merge(apart: Any, someone: Someone) -> None:
    merge_all(apart, someone)
    numbers = apart.rows(
        "SELECT number FROM touch UNION ALL SELECT number FROM event UNION ALL SELECT number FROM consent"
    )
    next_number = apart.rows("SELECT next_number FROM circle WHERE id = :c", c=apart.circle("p0")[1])[0][0]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers)[0] == next_number - 1


def test_a_merge_is_on_the_record_in_both_shards(apart: Any, someone: Someone) -> None:
    merge_all(apart, someone)
    shards = {s for (s,) in apart.rows("SELECT shard FROM circle")}
    assert {s for (s,) in apart.rows("SELECT shard FROM change WHERE what = 'merge'")} == shards


def test_live_messages_move_with_their_circle_and_ended_ones_stay(apart: Any, someone: Someone) -> None:
    places = [apart.place(f"p{i}") for i in range(8)]
    for i, (shard, who) in enumerate(places):
        for n, state in enumerate(("waiting", "sending", "sent")):
            row = {"shard": [shard], "id": [100 * i + n], "circle": [who], "contact": [who], "state": [state]}
            row |= {"created_at": [NOW], "recorded_at": [NOW], "channel": ["email"], "category": ["news"]}
            with apart.store.write() as conn:
                insert_rows(conn, message, row)
    merge_all(apart, someone)
    home = apart.circle("p0")
    assert set(apart.rows("SELECT shard, circle FROM message WHERE state <> 'sent'")) == {home}
    assert sorted(apart.rows("SELECT shard, contact FROM message WHERE state = 'sent'")) == sorted(places)
    due = apart.rows("SELECT count(*) FROM message WHERE state = 'waiting' AND due_at IS NULL")
    assert due == [(8,)], "what was never asked isn't made due by a merge"


def test_a_stop_of_one_member_is_seen_by_the_whole_circle(apart: Any, someone: Someone) -> None:
    merge_all(apart, someone)
    assert len(apart.history("p0").consents.at) == 8


def test_facts_told_after_a_merge_go_on_with_the_circles_numbers(apart: Any, someone: Someone) -> None:
    merge_all(apart, someone)
    apart.touches(TouchRow("p3", NOW, "promotion", source_id="after"))
    (number,) = apart.rows("SELECT number FROM touch WHERE source_id = 'after'")[0]
    assert number == 8 * 4 + 1


# Stops --------------------------------------------------------------------------------------------------------------


def test_an_import_does_not_lift_a_stop(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", consents=(("email", "news"),)))
    told.consents(ConsentRow("a", NOW, EventKind.OPT_OUT, None, None, "stop"))
    report = told.contacts(someone("a", consents=(("email", "news"), ("email", "offers"))), now=NOW + DAY)
    consents = told.history("a", now=NOW + DAY).consents
    assert (report.kept_stopped, bool(consents.given[-1]), len(consents.at)) == ((0,), False, 2)


def test_a_stop_of_one_category_leaves_the_others_to_be_opted_in_to(told: Any, someone: Someone) -> None:
    told.contacts(someone("a"))
    told.consents(ConsentRow("a", NOW, EventKind.OPT_OUT, "news", None, "stop"))
    report = told.contacts(someone("a", consents=(("email", "offers"),)))
    assert (report.kept_stopped, report.changed) == ((), 1)


def test_a_consent_older_than_the_stop_is_kept_as_a_fact_and_reported(told: Any, someone: Someone) -> None:
    told.contacts(someone("a"))
    told.consents(ConsentRow("a", NOW, EventKind.COMPLAINT, None, None, "spam"))
    report = told.consents(ConsentRow("a", NOW - DAY, EventKind.OPT_IN, "news", "email", "old"))
    assert (report.new, report.kept_stopped) == (1, (0,))


def test_a_new_contact_that_shares_a_stopped_mailbox_is_in_the_circle_of_the_stop(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", "x@example.com"))
    told.consents(ConsentRow("a", NOW, EventKind.DO_NOT_CONTACT, None, None, "stop"))
    told.contacts(someone("b", "X@example.com"))
    assert told.history("b").consents.given.tolist() == [False]


def test_people_of_a_circle_stand_in_the_order_of_their_ids_wherever_their_rows_lie(told: Any) -> None:
    told.contacts(ContactRow("ann", country="SE", household="h"), ContactRow("bob", country="NO", household="h"))
    shard, id_ = told.place("ann")
    mine = (contact.c.shard == shard) & (contact.c.id == id_)
    with told.store.write() as conn:
        row = dict(conn.execute(contact.select().where(mine)).mappings().one())
        conn.execute(contact.delete().where(mine))
        conn.execute(contact.insert().values(**row))

    people = told.history("ann").people

    assert people.id.tolist() == [id_, told.place("bob")[1]]
    assert [people.country.names[c] for c in people.country.codes] == ["SE", "NO"]
