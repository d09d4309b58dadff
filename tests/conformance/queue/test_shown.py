"""What is looked up to show and compare, on every database."""

from __future__ import annotations

import pytest

from cadence.facts import Verdict
from cadence.store import policies
from cadence.store.contacts import upsert_contacts
from cadence.store.find import contact_by_id
from cadence.store.rows import ContactRow
from cadence.store.shown import decisions_about, fate_of, touches_shown, waiting_circles, waiting_count
from cadence.workbench.against import Change, compare_queue
from cadence.workbench.explain import explain
from cadence.workbench.scene import Asked, set_scene
from tests.queue.world import World, at, policy_of


@pytest.fixture
def capped(world: World) -> int:
    """A third message that waits for the first of two to leave the window."""
    world.contact("ann")
    with world.store.write() as conn:
        policies.use(conn, world.policy, at("2026-03-01T00:00"), "test")
    for day in ("2026-03-02", "2026-03-04"):
        world.message(f"{day}T10:00", "ann")
        world.tick(f"{day}T10:00")
    id_ = world.message("2026-03-05T10:00", "ann")
    world.tick("2026-03-05T10:00")
    return id_


def test_circles_with_something_waiting_come_page_by_page(world: World) -> None:
    for name in ("ann", "bo", "cy"):
        world.contact(name)
        world.message("2026-03-02T10:00", name)
        world.message("2026-03-02T10:00", name)
    with world.store.read() as conn:
        pages, after = [], (-1, -1)
        while circles := waiting_circles(conn, after, 2):
            pages.append(circles)
            after = circles[-1]
        count = waiting_count(conn)

    assert [len(p) for p in pages] == [2, 1]
    assert sorted(c for p in pages for c in p) == sorted((s, c) for s, _, c in world.contacts.values())
    assert count == 6


def test_the_decisions_about_a_message_are_told_with_their_evidence(world: World, capped: int) -> None:
    with world.store.read() as conn:
        (decision,) = decisions_about(conn, capped)

    assert (decision.verdict, decision.rule, decision.held) == (Verdict.DEFER, "2 per 7d", False)
    assert [len(p.touches) for p in decision.pushes] == [2]


def test_touches_are_told_by_their_ids(world: World, capped: int) -> None:
    shard, _, _ = world.contacts["ann"]
    ids = [t["id"] for t in world.touches()]
    with world.store.read() as conn:
        shown = touches_shown(conn, shard, [*ids, 7])

    assert {t["category"] for t in shown.values()} == {"news"}
    assert sorted(shown) == sorted(ids)


def test_where_a_message_stands_is_told(world: World, capped: int) -> None:
    shard, _, _ = world.contacts["ann"]
    with world.store.read() as conn:
        assert fate_of(conn, shard, capped).state == "waiting"


def test_a_waiting_message_is_explained(world: World, capped: int) -> None:
    with world.store.read() as conn:
        found = contact_by_id(conn, world.contacts["ann"][1])
        assert found is not None
        told = explain(conn, set_scene(conn, Asked(found), world.policy, at("2026-03-06T12:00")))

    assert (told.decision.rule, told.welcome_at) == ("2 per 7d", at("2026-03-09T10:00"))


def test_a_past_decision_comes_out_as_it_was(world: World, capped: int) -> None:
    sent = world.touches()[1]["message"]
    with world.store.read() as conn:
        found = contact_by_id(conn, world.contacts["ann"][1])
        assert found is not None
        told = explain(conn, set_scene(conn, Asked(found, sent), world.policy, at("2026-03-06T12:00")))

    assert (told.agrees, told.decision.verdict, told.segment) == (True, "send", "everyone")


def test_another_policy_is_compared_over_all_that_waits(world: World, capped: int) -> None:
    found = compare_queue(world.store, world.policy, policy_of(guard_rails={}), at("2026-03-06T12:00"))

    assert dict(found.by_rule) == {(Change.NOW_WELCOME, "2 per 7d"): 1}


def test_a_message_that_ended_before_its_circle_moved_can_still_be_explained(world: World, capped: int) -> None:
    names = [f"neighbour {i}" for i in range(8)]
    for name in names:
        world.contact(name)
    sent = world.message("2026-03-05T10:00", names[-1])
    world.tick("2026-03-05T10:00")
    with world.store.write() as conn:
        home = [ContactRow(name, household="home") for name in names]
        assert upsert_contacts(conn, home, at("2026-03-05T12:00"), "crm").merged == 7

    with world.store.read() as conn:
        found = contact_by_id(conn, world.contacts[names[-1]][1])
        assert found is not None
        told = explain(conn, set_scene(conn, Asked(found, sent), world.policy, at("2026-03-06T12:00")))

    assert (found.shard, found.circle) != (world.contacts[names[-1]][0], world.contacts[names[-1]][2])
    assert (told.agrees, told.decision.verdict) == (True, "send")
