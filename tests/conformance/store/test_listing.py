"""What admins list: what was decided against sending, counted and one by one, also across merges and changed clocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from cadence.facts import Verdict, micros
from cadence.store import Store, listing, tables
from cadence.store.ids import new_id, shard_of
from tests.queue.world import World, at

Someone = Callable[..., Any]


@pytest.fixture
def world(store: Store, tmp_path: Path) -> World:
    """Ann got two messages on a Tuesday, and a third is held by the cap."""
    world = World(store, tmp_path / "mail")
    world.contact("ann")
    for hour in (9, 10, 11):
        world.message(f"2026-03-03T{hour:02}:00", "ann", campaign="spring")
        world.tick(f"2026-03-03T{hour:02}:00")
    return world


def stopped(world: World, **wanted: Any) -> list[listing.Stopped]:
    with world.store.read() as conn:
        return listing.stopped(conn, listing.Filter(**wanted), 100)


def counted(world: World, by: listing.By, zone: str = "UTC") -> list[listing.Count]:
    with world.store.read() as conn:
        return listing.counted(conn, listing.Filter(), by, zone)


def test_a_decision_is_listed_with_whom_and_what_it_was_about(world: World) -> None:
    (told,) = stopped(world)

    assert (told.outside_id, told.campaign, told.category, told.verdict) == ("ann", "spring", "news", Verdict.DEFER)
    assert (told.rule, told.segment, told.until) == ("2 per 7d", "everyone", at("2026-03-10T09:00"))


def test_the_latest_comes_first_and_no_more_than_asked_for(world: World) -> None:
    world.message("2026-03-03T12:00", "ann")
    world.tick("2026-03-03T12:00")

    with world.store.read() as conn:
        (told,) = listing.stopped(conn, listing.Filter(), 1)
    assert told.at == at("2026-03-03T12:00")


@pytest.mark.parametrize("by, word", [("rule", "2 per 7d"), ("segment", "everyone"), ("campaign", "spring")])
def test_counts_name_what_was_counted(world: World, by: listing.By, word: str) -> None:
    assert counted(world, by) == [listing.Count(word, 0, 1, 1)]


def test_nothing_counted_is_an_empty_list(store: Store) -> None:
    with store.read() as conn:
        assert [listing.counted(conn, listing.Filter(), by) for by in ("rule", "day")] == [[], []]


def decided(world: World, *instants: str) -> None:
    """Decisions to defer at these instants, besides what there is."""
    shard, contact, circle = world.contacts["ann"]
    with world.store.write() as conn:
        for one in instants:
            conn.execute(
                tables.decision.insert().values(
                    shard=shard, id=new_id(), circle=circle, contact=contact, message=new_id(),
                    at=micros(datetime.fromisoformat(one)), verdict=int(Verdict.DEFER), policy="-", seen_number=0,
                )
            )  # fmt: skip


def test_days_are_those_of_a_zone_on_both_sides_of_a_change_of_its_clock(world: World) -> None:
    """Stockholm's midnight is at 23:00 UTC before 29 March 2026, and at 22:00 after it."""
    decided(world, "2026-03-27T22:59:59+00:00", "2026-03-27T23:00:00+00:00")
    decided(world, "2026-03-30T21:59:59+00:00", "2026-03-30T22:00:00+00:00", "2026-03-30T22:30:00+00:00")

    told = {c.of: c.times for c in counted(world, "day", "Europe/Stockholm")}

    assert told == {
        date(2026, 3, 3): 1,
        date(2026, 3, 27): 1,
        date(2026, 3, 28): 1,
        date(2026, 3, 30): 1,
        date(2026, 3, 31): 2,
    }


def test_days_west_of_greenwich_begin_later(world: World) -> None:
    decided(world, "2026-03-28T03:59:59+00:00", "2026-03-28T04:00:00+00:00")

    told = {c.of: c.times for c in counted(world, "day", "America/New_York")}

    assert told == {date(2026, 3, 3): 1, date(2026, 3, 27): 1, date(2026, 3, 28): 1}


# Merges -------------------------------------------------------------------------------------------------------------


def merged(told: Any, someone: Someone, world: World) -> None:
    """Two people with a message each, whose circles are in two shards and then become one."""
    first, second = _apart(told, someone)
    for name in (first, second):
        shard, id_ = told.place(name)
        world.contacts[name] = (shard, id_, told.circle(name)[1])
        world.message("2026-03-03T10:00", name, campaign="hats")
    world.tick("2026-03-03T10:00")
    told.contacts(someone(first, household="h"), someone(second, household="h"), now=at("2026-03-03T11:00"))
    assert told.circle(first) == told.circle(second)


def _apart(told: Any, someone: Someone) -> tuple[str, str]:
    """Two new people in different shards."""
    for i in range(50):
        name = f"p{i}"
        told.contacts(someone(name), now=at("2026-01-01T00:00"))
        if shard_of(told.circle(name)[1]) != shard_of(told.circle("p0")[1]):
            return "p0", name
    raise AssertionError("fifty people fell into one shard")


def test_who_and_what_a_decision_was_about_is_still_told_after_a_merge(
    told: Any, someone: Someone, store: Store, tmp_path: Path
) -> None:
    world = World(store, tmp_path / "mail")
    merged(told, someone, world)

    found = {(s.outside_id, s.campaign, s.rule) for s in stopped(world)}

    assert found == {(name, "hats", "consent") for name in world.contacts}


def test_a_message_that_waited_while_its_circle_moved_is_found_by_its_campaign(
    told: Any, someone: Someone, store: Store, tmp_path: Path
) -> None:
    world = World(store, tmp_path / "mail", policy=_at_night())
    merged(told, someone, world)

    assert [c.of for c in counted(world, "campaign")] == ["hats"]
    assert len(stopped(world, campaign="hats")) == 2


def test_ended_messages_of_somebody_who_moved_are_listed_with_their_name(
    told: Any, someone: Someone, store: Store, tmp_path: Path
) -> None:
    world = World(store, tmp_path / "mail")
    merged(told, someone, world)

    with store.read() as conn:
        found = listing.messages(conn, listing.Filter(states=["suppressed"]), 10)
        places = [told.place(name) for name in world.contacts]
        of_them = listing.how_many(conn, listing.Filter(states=["suppressed"], contacts=places))

    assert ({m.outside_id for m in found}, of_them) == (set(world.contacts), 2)


def _at_night() -> Any:
    """A policy under which everything waits: it is never quiet for less than the whole day, and needs no consent."""
    from tests.queue.world import policy_of

    categories = {"news": {"consent": "none"}}
    return policy_of(categories=categories, guard_rails={"quiet_hours": [{"from": "09:00", "to": "12:00"}]})
