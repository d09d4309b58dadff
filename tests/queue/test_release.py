"""What admins do by hand: on the record, with a reason, and decided anew."""

from __future__ import annotations

import pytest

from cadence.audit.verify import verify
from cadence.facts import EventKind
from cadence.queue.release import ByHandError, end_hold, hold, release, stop
from cadence.store import changes, policies, tables
from tests.queue.world import World, at, policy_of

DAY = "2026-03-03"


def place(world: World, name: str) -> tuple[int, int]:
    """A contact as (shard, id)."""
    shard, id_, _ = world.contacts[name]
    return shard, id_


def capped(world: World) -> int:
    """A message that the cap holds back."""
    world.contact("ann")
    for _ in range(2):
        world.message(f"{DAY}T10:00", "ann")
    world.tick(f"{DAY}T10:00")
    id_ = world.message(f"{DAY}T11:00", "ann")
    world.tick(f"{DAY}T11:00")
    assert world.row(id_)["rule"] == "2 per 7d"
    return id_


def test_a_released_message_passes_the_cap(world: World) -> None:
    id_ = capped(world)

    release(world.store, world.policy, id_, "she asked for it", "eva", at(f"{DAY}T11:05"))
    world.tick(f"{DAY}T11:05")

    assert world.state(id_) == "decided"


def test_a_released_message_does_not_pass_the_night(world: World) -> None:
    id_ = capped(world)

    release(world.store, world.policy, id_, "she asked for it", "eva", at(f"{DAY}T22:00"))
    world.tick(f"{DAY}T22:00")

    assert (world.state(id_), world.row(id_)["rule"]) == ("waiting", "night")


def suppressed(world: World) -> int:
    """A message that the cap ended."""
    world.policy = policy_of(guard_rails={"caps": [{"max": 1, "per": "30d"}]})
    world.contact("ann")
    world.message(f"{DAY}T10:00", "ann")
    world.tick(f"{DAY}T10:00")
    id_ = world.message(f"{DAY}T11:00", "ann", expires_at=at("2026-03-05T11:00"))
    world.tick(f"{DAY}T11:00")
    assert world.state(id_) == "suppressed"
    return id_


def test_a_suppressed_message_is_queued_again_under_a_new_id(world: World) -> None:
    id_ = suppressed(world)

    released = release(world.store, world.policy, id_, "she asked for it", "eva", at(f"{DAY}T12:00"))
    world.tick(f"{DAY}T12:00")

    assert (world.state(id_), world.state(released.message)) == ("suppressed", "decided")
    assert world.row(released.message)["revives"] == id_
    assert world.row(released.message)["variables"] == world.row(id_)["variables"]


def test_a_suppressed_message_that_is_released_twice_goes_once(world: World) -> None:
    id_ = suppressed(world)
    again = release(world.store, world.policy, id_, "she asked for it", "eva", at(f"{DAY}T11:05")).message

    with pytest.raises(ByHandError, match=f"was released before: it is queued again as {again}, which is waiting"):
        release(world.store, world.policy, id_, "she asked for it", "bob", at(f"{DAY}T11:05"))
    world.tick(f"{DAY}T11:06")
    world.send(f"{DAY}T11:06")

    with pytest.raises(ByHandError, match=f"as {again}, which is sent"):
        release(world.store, world.policy, id_, "she asked for it", "bob", at(f"{DAY}T11:07"))


def test_where_the_one_that_was_queued_again_came_to_nothing_it_is_released_once_more(world: World) -> None:
    id_ = suppressed(world)
    first = release(world.store, world.policy, id_, "she asked for it", "eva", at(f"{DAY}T11:05")).message
    with world.store.write() as conn:
        conn.execute(tables.message.update().where(tables.message.c.id == first).values(state="refused"))

    second = release(world.store, world.policy, id_, "once more", "eva", at(f"{DAY}T11:06")).message
    with world.store.write() as conn:
        conn.execute(tables.message.update().where(tables.message.c.id == second).values(state="suppressed"))

    with pytest.raises(ByHandError, match=f"and that was suppressed too; release {second}"):
        release(world.store, world.policy, id_, "once more", "eva", at(f"{DAY}T11:07"))


def test_a_release_never_passes_a_stop(world: World) -> None:
    id_ = capped(world)
    world.say("ann", EventKind.OPT_OUT, f"{DAY}T11:01")

    release(world.store, world.policy, id_, "a mistake", "eva", at(f"{DAY}T11:05"))
    world.tick(f"{DAY}T11:05")

    assert world.state(id_) == "suppressed"


def test_who_released_what_and_why_is_on_the_record(world: World) -> None:
    id_ = capped(world)

    release(world.store, world.policy, id_, "she asked for it", "eva", at(f"{DAY}T11:05"))

    with world.store.read() as conn:
        (change,) = changes.changes(conn)
    assert (change.what, change.by, change.reason, change.message) == ("release", "eva", "she asked for it", id_)


def test_released_once_more_it_is_released_since_the_first_time(world: World) -> None:
    with world.store.write() as conn:
        policies.use(conn, world.policy, at(f"{DAY}T09:00"), "test")
    id_ = capped(world)
    release(world.store, world.policy, id_, "she asked for it", "eva", at(f"{DAY}T11:05"))
    world.tick(f"{DAY}T11:05")
    world.send(f"{DAY}T15:00")  # too late: all of them are taken back
    assert world.state(id_) == "waiting"

    release(world.store, world.policy, id_, "she asked again", "ola", at(f"{DAY}T15:01"))

    row = world.row(id_)
    assert (row["released_at"], row["released_by"]) == (at(f"{DAY}T11:05"), "eva")
    assert row["due_at"] == at(f"{DAY}T15:01")
    with world.store.read() as conn:
        assert {c.by for c in changes.changes(conn) if c.what == "release"} == {"eva", "ola"}
    report = verify(world.store, now=at(f"{DAY}T15:02"))
    assert report.ok, report.text()


@pytest.mark.parametrize("reason", ["", "  "])
def test_without_a_reason_nothing_is_done_by_hand(world: World, reason: str) -> None:
    id_ = capped(world)

    with pytest.raises(ByHandError, match="a reason is needed"):
        release(world.store, world.policy, id_, reason, "eva", at(f"{DAY}T11:05"))


def test_what_was_sent_cannot_be_released(world: World) -> None:
    world.contact("ann")
    id_ = world.message(f"{DAY}T10:00", "ann")
    world.tick(f"{DAY}T10:00")
    world.send(f"{DAY}T10:00")

    with pytest.raises(ByHandError, match="is sent; only what is waiting or suppressed"):
        release(world.store, world.policy, id_, "again", "eva", at(f"{DAY}T11:05"))


def test_a_message_that_is_not_there_is_named(world: World) -> None:
    with pytest.raises(ByHandError, match="no message 17"):
        release(world.store, world.policy, 17, "why not", "eva", at(f"{DAY}T11:05"))


def test_a_stop_by_hand_ends_what_waits_and_what_is_decided(world: World) -> None:
    id_ = capped(world)
    decided = [m["id"] for m in world.rows(tables.message) if m["state"] == "decided"]

    stop(world.store, place(world, "ann"), "he called", "eva", at(f"{DAY}T11:05"))
    world.send(f"{DAY}T11:05", hand_over_within=10**12)
    world.tick(f"{DAY}T11:05")

    assert {world.state(i) for i in (id_, *decided)} == {"suppressed"}
    assert world.delivered() == 0


def test_a_hold_by_hand_holds_until_it_is_ended(world: World) -> None:
    world.contact("ann")
    hold(world.store, place(world, "ann"), "funeral", "eva", at(f"{DAY}T09:00"))
    id_ = world.message(f"{DAY}T10:00", "ann")
    world.tick(f"{DAY}T10:00")
    assert (world.state(id_), world.row(id_)["until"]) == ("waiting", None)

    end_hold(world.store, place(world, "ann"), "over", "eva", at("2026-03-05T10:00"))
    world.tick("2026-03-05T10:00")

    assert world.state(id_) == "decided"


def test_a_hold_that_ends_by_itself_lets_go_then(world: World) -> None:
    world.contact("ann")
    hold(world.store, place(world, "ann"), "holiday", "eva", at(f"{DAY}T09:00"), until=at("2026-03-06T12:00"))
    id_ = world.message(f"{DAY}T10:00", "ann")
    world.tick(f"{DAY}T10:00")

    world.tick("2026-03-06T12:00")

    assert world.state(id_) == "decided"
