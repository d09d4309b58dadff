"""Looking at what is on record: finding people, their past, policies, changes; and letting go of what is old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from cadence.decide.needs import Needs
from cadence.facts import DAY, HOUR, EventKind, History, micros
from cadence.policy.load import from_mapping
from cadence.policy.policy import Defaults
from cadence.store import changes, ids, policies
from cadence.store.bulk import insert_rows
from cadence.store.find import find_contacts, find_message, members_of
from cadence.store.past import history_at
from cadence.store.prune import prune
from cadence.store.rows import ConsentRow, ContactRow, EventRow, TouchRow
from cadence.store.tables import decision, directory, message
from cadence.store.timeline import contact_of, timeline

NOW = 20_000 * DAY
K = EventKind
Someone = Callable[..., ContactRow]


# Finding ------------------------------------------------------------------------------------------------------------


def found(told: Any, what: str) -> list[str | None]:
    with told.store.read() as conn:
        return [f.outside_id for f in find_contacts(conn, what)]


def test_somebody_is_found_by_outside_id(told: Any, someone: Someone) -> None:
    told.contacts(someone("a"), someone("b"))
    assert found(told, "a") == ["a"]


def test_somebody_is_found_by_our_id(told: Any, someone: Someone) -> None:
    told.contacts(someone("a"), someone("b"))
    assert found(told, str(told.place("b")[1])) == ["b"]


def test_somebody_is_found_by_our_id_also_when_ids_have_grown_to_19_digits(
    told: Any, someone: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_000 * micros(datetime(2028, 1, 1, tzinfo=UTC)))
    monkeypatch.setattr(ids, "_maker", ids._Maker())
    told.contacts(someone("b"))
    assert found(told, str(told.place("b")[1])) == ["b"]
    assert found(told, "9" * 19) == []


def test_all_who_have_an_address_are_found_by_any_spelling_of_it(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", "kim@example.com"), someone("b", "Kim@Example.com"), someone("c"))
    assert found(told, "KIM+x@example.com") == ["a", "b"]


def test_nobody_is_found_by_what_is_nothing(told: Any, someone: Someone) -> None:
    told.contacts(someone("a"))
    assert found(told, "zebra") == []


def test_the_members_of_a_circle_are_listed(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", household="h"), someone("b", household="h"), someone("c"))
    with told.store.read() as conn:
        assert [m.outside_id for m in members_of(conn, told.circle("a"))] == ["a", "b"]


def test_a_message_is_found_by_its_id_alone(told: Any, someone: Someone) -> None:
    told.contacts(someone("a"))
    _message(told, "a", 77, "waiting", NOW)
    with told.store.read() as conn:
        assert find_message(conn, 77) == (*told.place("a"), "waiting")


# The past -----------------------------------------------------------------------------------------------------------

_EVERY = dict.fromkeys((K.CLICK, K.PURCHASE, K.REPLY, K.SCREENED), 1000 * DAY)
_NEEDS = Needs(None, _EVERY, frozenset())


def _shown(history: History) -> dict[str, list[Any]]:
    """A history as plain lists, so that two can be compared."""
    out: dict[str, list[Any]] = {}
    for name in ("addresses", "consents", "holds", "touches", "events", "lookups"):
        part = getattr(history, name)
        for column in part.__slots__:
            values = getattr(part, column)
            out[f"{name}.{column}"] = (values.values if column == "tags" else values).tolist()
    people = history.people
    for column in ("id", "orders", "spend", "first_purchase", "snooze_until"):
        out[column] = getattr(people, column).tolist()
    out["wish"] = [people.wishes[w] if w >= 0 else None for w in people.wish.tolist()]
    out["latest"] = sorted((k, v.tolist()) for k, v in people.latest.items())
    return out


def _then(told: Any, at: int, recorded_by: int | None = None) -> dict[str, list[Any]]:
    with told.store.read() as conn:
        return _shown(history_at(conn, [told.circle("a")], at, _NEEDS, Defaults(), recorded_by).history)


def _now(told: Any, at: int) -> dict[str, list[Any]]:
    return _shown(told.history("a", now=at, touches=None, events=_EVERY))


def _lives(told: Any, day: int) -> None:
    """One day of somebody's life, told on that day."""
    now = NOW + day * DAY
    told.touches(TouchRow("a", now - HOUR, "news", source_id=f"t{day}"), now=now)
    told.happened("a", K.PURCHASE, now - 2 * HOUR, amount=float(day), now=now)
    told.happened("a", K.REPLY, now - HOUR, now=now)
    told.happened("a", (K.TICKET_OPENED, K.TICKET_SOLVED)[day % 2], now, subject=f"T{day // 2}", now=now)
    told.happened("a", K.SCREENED, now - HOUR, subject="nix", detail={"listed": day % 2 == 1}, now=now)
    told.happened("a", K.SNOOZE, now, until=now + HOUR, now=now)
    told.happened("a", K.LESS_OFTEN, now, subject=f"{day + 1} per 30d", now=now)
    told.consents(ConsentRow("a", now, (K.OPT_IN, K.OPT_OUT)[day % 2], "news", None, f"c{day}"), now=now)


def test_the_past_is_what_was_the_present_then(told: Any, someone: Someone) -> None:
    told.contacts(someone("a"))
    seen = []
    for day in range(4):
        _lives(told, day)
        seen.append(_now(told, NOW + day * DAY))
    assert [_then(told, NOW + day * DAY) for day in range(4)] == seen


def test_what_was_learnt_later_was_not_known_then(told: Any, someone: Someone) -> None:
    told.contacts(someone("a"))
    told.happened("a", K.REPLY, NOW, now=NOW + DAY)
    assert (_then(told, NOW + HOUR)["latest"], len(_then(told, NOW + HOUR, NOW + DAY)["latest"])) == ([], 1)


def test_a_touch_withdrawn_later_stood_then(told: Any, someone: Someone) -> None:
    told.contacts(someone("a"))
    told.touches(TouchRow("a", NOW, "news", source_id="1"))
    with told.store.write() as conn:
        conn.exec_driver_sql(f"UPDATE touch SET withdrawn_at = {NOW + DAY}")
    assert (len(_then(told, NOW)["touches.id"]), len(_now(told, NOW)["touches.id"])) == (1, 0)


def test_the_time_line_tells_everything_in_order(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", consents=(("email", "news"),)))
    _lives(told, 1)
    with told.store.read() as conn:
        entries, left_out = timeline(conn, told.place("a")[1], 100)
        latest = timeline(conn, told.place("a")[1], 2, ("event",), until=(entries[-1].at or 0) + 1)
    assert (left_out, latest) == (0, ([e for e in entries if e.what == "event"][-2:], 4))
    assert [e.what for e in entries] == ["consent", "event", "touch", *["event"] * 5, "consent"]
    assert [e.at or 0 for e in entries] == sorted(e.at or 0 for e in entries)


def test_a_contacts_row_is_shown_with_its_addresses_and_open_holds(told: Any, someone: Someone) -> None:
    told.contacts(someone("a", zones=("Asia/Tokyo",)))
    told.events(EventRow("a", NOW, K.HOLD, "h", subject="manual", detail={"reason": "asked", "by": "kim"}))
    with told.store.read() as conn:
        shown = contact_of(conn, told.place("a"))
    assert (shown["zones"], shown["addresses"][0]["address"], shown["holds"][0]["by"]) == (
        ["Asia/Tokyo"],
        "a@example.com",
        "kim",
    )


# Policies and changes -----------------------------------------------------------------------------------------------


def _policy(most: int) -> Any:
    return from_mapping(
        {
            "version": 1,
            "categories": {"news": {"consent": "none"}},
            "guard_rails": {"caps": {"max": most, "per": "7d"}},
            "segments": [{"name": "all"}],
        }
    ).policy


def test_the_active_policy_is_the_one_last_put_to_use(told: Any) -> None:
    first, second = _policy(1), _policy(2)
    with told.store.write() as conn:
        for at, policy in ((NOW, first), (NOW + 1, second), (NOW + 2, first)):
            policies.use(conn, policy, at, "kim")
        assert [u.hash for u in policies.uses(conn)] == [first.hash, second.hash, first.hash]
        assert policies.active(conn, NOW + 1) == second.hash
        assert policies.content_of(conn, second.hash) == second.content


def test_putting_the_active_policy_to_use_again_notes_nothing(told: Any) -> None:
    with told.store.write() as conn:
        assert [policies.use(conn, _policy(1), NOW + i, "kim") for i in range(2)] == [True, False]
        assert len(policies.uses(conn)) == 1


def test_a_change_by_hand_is_kept_with_its_reason(told: Any, someone: Someone) -> None:
    told.contacts(someone("a"))
    with told.store.write() as conn:
        changes.note(conn, "stop", "kim", NOW, "they called", told.place("a"), categories=["news"])
        (change,) = changes.changes(conn, what="stop")
    assert (change.by, change.reason, change.contact, change.detail) == (
        "kim",
        "they called",
        told.place("a")[1],
        {"categories": ["news"]},
    )


# Letting go ---------------------------------------------------------------------------------------------------------


def _message(told: Any, who: str, id_: int, state: str, at: int) -> None:
    shard, contact = told.place(who)
    row = {"shard": [shard], "id": [id_], "circle": [told.circle(who)[1]], "contact": [contact], "state": [state]}
    row |= {"created_at": [at], "recorded_at": [at], "outcome_at": [at], "channel": ["email"], "category": ["news"]}
    with told.store.write() as conn:
        insert_rows(conn, message, row)


@pytest.fixture
def old(told: Any, someone: Someone) -> Any:
    """Somebody with a fact of each kind from four years ago, and a message that is still waiting from then."""
    told.contacts(someone("a"))
    then = NOW - 4 * 365 * DAY
    told.touches(TouchRow("a", then, "news", source_id="t"))
    for kind, more in ((K.PURCHASE, {"amount": 5.0}), (K.CLICK, {}), (K.TICKET_OPENED, {"subject": "T"})):
        told.happened("a", kind, then, **more)
    told.consents(ConsentRow("a", then, K.OPT_OUT, None, None, "c"))
    _message(told, "a", 1, "sent", then)
    _message(told, "a", 2, "waiting", then)
    return told


def test_what_is_old_goes(old: Any) -> None:
    assert prune(old.store, NOW) == {"decision": 0, "message": 1, "touch": 1, "event": 1, "campaign_run": 0}


def test_what_is_old_goes_from_the_shards_that_are_asked_for(old: Any) -> None:
    mine = old.circle("a")[0]
    assert sum(prune(old.store, NOW, shards=[s for s in range(64) if s != mine]).values()) == 0
    assert prune(old.store, NOW, shards=[mine])["message"] == 1


def test_what_the_directory_knew_of_a_message_goes_with_it(old: Any) -> None:
    contact, (shard, _) = old.place("a")[1], old.circle("a")
    row = {"kind": ["caller_key"] * 2, "slot": [0, 0], "contact": [contact] * 2, "shard": [shard] * 2}
    with old.store.write() as conn:
        insert_rows(conn, directory, {**row, "value": ["of the sent", "of the waiting"], "message": [1, 2]})

    prune(old.store, NOW)

    assert old.rows("SELECT value FROM directory WHERE message IS NOT NULL") == [("of the waiting",)]


def test_what_says_how_something_stands_never_goes(old: Any) -> None:
    prune(old.store, NOW)
    assert old.rows(
        "SELECT (SELECT count(*) FROM consent), (SELECT count(*) FROM event), (SELECT count(*) FROM hold)"
    ) == [(1, 2, 1)]


def test_a_contact_is_the_same_however_often_what_is_old_goes_and_is_told_again(old: Any) -> None:
    columns = "orders, spend, first_purchase, last_purchase, last_click"
    before = old.of("a", columns)
    for night in range(3):
        prune(old.store, NOW + night * DAY)
        for kind, more in ((K.PURCHASE, {"amount": 5.0}), (K.CLICK, {})):
            old.happened("a", kind, NOW - 4 * 365 * DAY, **more)
    assert old.of("a", columns) == before


def _decided(told: Any, who: str, message_: int, at: int) -> None:
    (shard, circle), (_, contact) = told.circle(who), told.place(who)
    row = {"shard": [shard], "id": [message_ + 100], "circle": [circle], "contact": [contact], "message": [message_]}
    row |= {"at": [at], "verdict": [1], "policy": ["x"], "seen_number": [0]}
    with told.store.write() as conn:
        insert_rows(conn, decision, row)


def test_old_decisions_go_but_those_of_messages_that_still_wait(old: Any) -> None:
    for message_ in (1, 2):
        _decided(old, "a", message_, NOW - 500 * DAY)
    assert prune(old.store, NOW)["decision"] == 1
    assert old.rows("SELECT message FROM decision") == [(2,)]


def test_decisions_of_messages_that_still_wait_stay_where_a_merge_took_the_messages_away(
    told: Any, someone: Someone
) -> None:
    names = [f"p{i}" for i in range(8)]
    told.contacts(*(someone(n) for n in names))
    for i, name in enumerate(names):
        _message(told, name, i, "waiting", NOW - 500 * DAY)
        _decided(told, name, i, NOW - 500 * DAY)
    told.contacts(*(someone(n, household="h") for n in names))

    assert prune(told.store, NOW)["decision"] == 0


def test_what_the_policy_still_looks_back_to_stays(old: Any) -> None:
    gone = prune(old.store, NOW, reach=10 * 365 * DAY)
    assert (gone["touch"], gone["event"]) == (0, 0)


def test_touches_stay_for_ever_where_the_policy_looks_back_for_ever(old: Any) -> None:
    assert prune(old.store, NOW, reach=None)["touch"] == 0


def test_letting_go_twice_removes_nothing_more(old: Any) -> None:
    prune(old.store, NOW)
    assert np.sum(list(prune(old.store, NOW).values())) == 0
