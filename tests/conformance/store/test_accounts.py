"""Accounts become circles when a policy wants it: all of them, once, on the record, and losing nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cadence.facts import EventKind
from cadence.store import accounts
from cadence.store.rows import ContactRow

Someone = Callable[..., ContactRow]


@pytest.fixture
def firms(told: Any, someone: Someone) -> Any:
    """Two firms of three, whose circles are apart: two of the second share a household, one of it is of no firm."""
    told.contacts(*(someone(f"a{i}", account="acme") for i in range(3)))
    told.contacts(*(someone(f"b{i}", account="bolt", household="h" if i < 2 else None) for i in range(3)))
    told.contacts(someone("home", household="h"), someone("alone", account="one-man firm"), someone("nobody"))
    return told


def join(told: Any) -> int:
    return accounts.join_accounts(told.store, lambda: 1, "policy abc")


def circles(told: Any) -> list[list[str]]:
    """Who is in one circle with whom."""
    found: dict[int, list[str]] = {}
    for who, circle in told.rows("SELECT outside_id, circle FROM contact ORDER BY outside_id"):
        found.setdefault(circle, []).append(who)
    return sorted(found.values())


TOGETHER = [["a0", "a1", "a2"], ["alone"], ["b0", "b1", "b2", "home"], ["nobody"]]


def test_each_account_becomes_one_circle(firms: Any) -> None:
    assert join(firms) == 3
    assert circles(firms) == TOGETHER


@pytest.mark.parametrize(("page", "at_once"), [(1, 1_000), (500, 2)])
def test_it_comes_to_the_same_in_small_steps(firms: Any, monkeypatch: Any, page: int, at_once: int) -> None:
    monkeypatch.setattr(accounts, "PAGE", page)
    monkeypatch.setattr(accounts, "AT_ONCE", at_once)
    assert join(firms) == 3
    assert circles(firms) == TOGETHER
    assert sorted(firms.rows("SELECT size FROM circle WHERE merged_into IS NULL")) == [(1,), (1,), (3,), (4,)]


def test_it_goes_on_where_a_crash_left_it(firms: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(accounts, "AT_ONCE", 2)
    crash = iter([False, True])
    real = accounts.ask_circles
    monkeypatch.setattr(accounts, "ask_circles", lambda *args: 1 / 0 if next(crash) else real(*args))
    with pytest.raises(ZeroDivisionError):
        join(firms)
    monkeypatch.setattr(accounts, "ask_circles", real)
    assert join(firms) == 2
    assert circles(firms) == TOGETHER


def test_every_merge_is_on_the_record_with_who_wanted_it(firms: Any) -> None:
    join(firms)
    told = firms.rows("SELECT detail, by FROM change WHERE what = 'merge'")
    assert {by for _, by in told} == {"policy abc"}
    gone = {row[0] for row in firms.rows("SELECT id FROM circle WHERE merged_into IS NOT NULL")}
    assert {json.loads(detail)["circle"] for detail, _ in told} == gone


def test_each_merge_is_on_the_record_at_its_own_instant_however_long_all_take(firms: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(accounts, "AT_ONCE", 2)
    instants = iter((1_000, 2_000, 3_000))
    accounts.join_accounts(firms.store, lambda: next(instants), "policy abc")
    assert firms.rows("SELECT DISTINCT at FROM change WHERE what = 'merge' ORDER BY at") == [
        (1_000,),
        (2_000,),
        (3_000,),
    ]


def test_done_once_it_is_not_done_again(firms: Any) -> None:
    join(firms)
    before = firms.rows("SELECT count(*) FROM change")
    assert join(firms) == 0
    assert firms.rows("SELECT count(*) FROM change") == before


def test_contacts_who_come_later_join_their_account(firms: Any, someone: Someone) -> None:
    join(firms)
    assert firms.contacts(someone("a9", account="acme"), someone("alone", account="bolt")).merged == 1
    assert circles(firms) == [["a0", "a1", "a2", "a9"], ["alone", "b0", "b1", "b2", "home"], ["nobody"]]


def test_without_it_they_stay_apart(firms: Any, someone: Someone) -> None:
    assert firms.contacts(someone("a9", account="acme")).merged == 0
    assert firms.circle("a9") != firms.circle("a0")


def test_the_whole_account_is_looked_at_together(firms: Any) -> None:
    firms.happened("a1", EventKind.TICKET_OPENED, 5)
    join(firms)
    history = firms.history("a0")
    assert len(history.people) == 3
    assert len(set(history.people.account.tolist())) == 1
    assert history.holds.contact.tolist() == [history.people.id.tolist().index(firms.place("a1")[1])]


def test_what_would_come_of_it_is_told_and_nothing_is_changed(firms: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(accounts, "LARGE_CIRCLE", 2)
    before = circles(firms)
    with firms.store.read() as conn:
        over, not_over = accounts.outlook(conn, True), accounts.outlook(conn, False)
    assert (over.merging, over.large) == (3, ((4, "b0"), (3, "a0")))
    assert (not_over.merging, not_over.large) == (0, ((3, "b0"),))
    assert circles(firms) == before
    join(firms)
    with firms.store.read() as conn:
        assert accounts.outlook(conn, True) == accounts.Outlook(0, ((4, "b0"), (3, "a0")))
