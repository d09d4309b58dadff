"""Households and whole accounts on the real path: caps across them, stops that reach through them, and the instant at which a
policy first looks at accounts."""

from __future__ import annotations

import threading

import pytest

from cadence.facts import EventKind
from cadence.queue.reload import take_in
from cadence.store import accounts, tables
from tests.queue.imports import bring, gone_out, live_under, person, said
from tests.queue.world import World, at, policy_of

SUNDAY, MONDAY, TUESDAY = (f"2026-03-0{d}T12:00" for d in (1, 2, 3))
SCOPES = ("household", "account")


def family(world: World, scope: str, many: int = 2) -> list[str]:
    """So many contacts who share nothing but a household or an account."""
    names = [f"p{i}" for i in range(many)]
    bring(world, SUNDAY, *(person(n, f"{n}@example.com", **{scope: "h"}) for n in names))
    return names


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("rule", [{"caps": {"max": 1, "per": "7d"}}, {"gap": {"wait": "7d"}}])
def test_who_belongs_together_is_counted_together(world: World, scope: str, rule: dict[str, dict[str, object]]) -> None:
    rails = {kind: {**says, "name": "together", "across": scope} for kind, says in rule.items()}
    live_under(world, SUNDAY, **rails)
    first, second = family(world, scope)
    world.message(MONDAY, first, "care")
    assert gone_out(world, MONDAY) == 1

    held = world.message(TUESDAY, second, "care")
    assert gone_out(world, TUESDAY) == 1
    row = world.row(held)
    assert (row["state"], row["rule"], row["until"]) == ("waiting", "together", at("2026-03-09T12:00"))
    assert gone_out(world, "2026-03-09T12:00") == 2


@pytest.mark.parametrize("scope", SCOPES)
def test_of_two_at_one_instant_one_goes(world: World, scope: str) -> None:
    live_under(world, SUNDAY, caps={"max": 1, "per": "7d", "across": scope})
    for name in family(world, scope, 4):
        world.message(MONDAY, name, "care")
    assert gone_out(world, MONDAY) == 1


@pytest.mark.parametrize("scope", SCOPES)
def test_a_stop_reaches_whom_the_scope_names(world: World, scope: str) -> None:
    live_under(world, SUNDAY, evasion={"scope": [scope]})
    first, second = family(world, scope)
    decided = world.message(MONDAY, second, "care")
    world.tick(MONDAY)
    assert world.state(decided) == "decided"
    said(world, "2026-03-02T12:01", first, EventKind.OPT_OUT)
    later = world.message("2026-03-02T12:01", second, "care")

    assert gone_out(world, "2026-03-02T12:02") == 0
    assert [(world.state(m), world.row(m)["rule"]) for m in (decided, later)] == [("suppressed", "evasion")] * 2

    said(world, TUESDAY, first, EventKind.OPT_IN)
    world.message(TUESDAY, second, "care")
    assert gone_out(world, TUESDAY) == 1


@pytest.mark.parametrize("scope", SCOPES)
def test_it_does_not_reach_whom_it_does_not_name(world: World, scope: str) -> None:
    live_under(world, SUNDAY, evasion={"scope": [{"household": "account", "account": "household"}[scope]]})
    first, second = family(world, scope)
    said(world, MONDAY, first, EventKind.OPT_OUT)
    world.message(MONDAY, second, "care")
    assert gone_out(world, MONDAY) == 1


def test_who_joins_the_household_later_is_reached_by_its_stop(world: World) -> None:
    live_under(world, SUNDAY, evasion={"scope": ["household"]})
    family(world, "household")
    said(world, MONDAY, "p0", EventKind.OPT_OUT)
    bring(world, MONDAY, person("new", "new@example.com"))
    waiting = world.message(MONDAY, "new", "care", due_at=at(TUESDAY))
    bring(world, "2026-03-02T13:00", person("new", "new@example.com", household="h"))

    assert gone_out(world, TUESDAY) == 0
    assert world.row(waiting)["rule"] == "evasion"


def test_a_policy_that_first_looks_at_accounts_counts_what_was_before(world: World) -> None:
    live_under(world, SUNDAY)
    first, second = family(world, "account")
    world.message(MONDAY, first, "care")
    assert gone_out(world, MONDAY) == 1
    waiting = world.message(MONDAY, second, "care", due_at=at(TUESDAY))

    live_under(world, "2026-03-02T13:00", caps={"max": 1, "per": "7d", "across": "account"})
    assert gone_out(world, TUESDAY) == 1
    assert world.row(waiting)["until"] == at("2026-03-09T12:00")


def test_contacts_who_come_later_are_counted_with_their_account(world: World) -> None:
    live_under(world, SUNDAY, caps={"max": 1, "per": "7d", "across": "account"})
    bring(world, SUNDAY, person("first", "first@example.com", account="h"))
    world.message(MONDAY, "first", "care")
    assert gone_out(world, MONDAY) == 1

    bring(world, TUESDAY, person("second", "second@example.com", account="h"))
    world.message(TUESDAY, "second", "care")
    assert gone_out(world, TUESDAY) == 1


def test_nothing_is_decided_twice_while_accounts_are_joined(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One daemon goes on deciding by the old policy while another makes circles of six accounts, step by step."""
    monkeypatch.setattr(accounts, "AT_ONCE", 5)
    live_under(world, SUNDAY)
    names = [f"p{i}" for i in range(24)]
    bring(world, SUNDAY, *(person(n, f"{n}@example.com", account=f"firm {i % 6}") for i, n in enumerate(names)))
    letters = [world.message(MONDAY, n, "care") for n in names]
    new = policy_of(guard_rails={"caps": {"max": 1, "per": "7d", "across": "account"}})
    joining = threading.Thread(target=take_in, args=(world.store, new, lambda: at(MONDAY), "daemon-2", "test"))
    joining.start()
    while joining.is_alive():
        world.tick(MONDAY, batch=4)
        world.send(MONDAY)
    joining.join()
    world.policy = new
    gone_out(world, MONDAY)

    touched = [t["message"] for t in world.touches()]
    assert len(touched) == len(set(touched)) == world.delivered()
    assert {world.state(m) for m in letters} <= {"sent", "waiting"}
    with world.store.read() as conn:
        assert accounts.outlook(conn, True).merging == 0
    by = f"policy {new.hash[:12]}"
    assert len({c["detail"] for c in world.rows(tables.change, tables.change.c.by == by)}) == 18
