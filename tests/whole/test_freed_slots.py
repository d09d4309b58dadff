"""A slot that comes free again goes to whoever waits for it, at once and not when it would have come free anyway."""

from __future__ import annotations

import pytest

from cadence.providers.provider import Outcome
from cadence.queue.accept import NewMessage
from tests.queue.test_handover import says
from tests.queue.world import World, policy_of

ONE_A_WEEK = {"caps": [{"max": 1, "per": "7d"}]}
NOON, SOON, LATER = "2026-03-03T12:00", "2026-03-03T12:01", "2026-03-03T12:30"


@pytest.fixture
def waiting(world: World) -> int:
    """One message that waits for the slot that another has been decided to take."""
    world.policy = policy_of(guard_rails=ONE_A_WEEK)
    world.contact("ann")
    world.message(NOON, "ann", "offer")
    second = world.message(NOON, "ann")
    world.tick(NOON)
    assert world.row(second)["rule"] == "1 per 7d"
    return second


def test_the_slot_of_a_refused_message_goes_to_the_next(world: World, waiting: int) -> None:
    world.provider = says(Outcome.REFUSED)
    world.send(NOON)

    world.tick(SOON)

    assert world.state(waiting) == "decided"


def test_the_slot_of_a_message_that_cannot_be_written_goes_to_the_next(world: World) -> None:
    world.policy = policy_of(guard_rails=ONE_A_WEEK)
    world.contact("ann")
    world.accept(NOON, NewMessage("offer", "test", outside_id="ann"))
    second = world.message(NOON, "ann")
    world.tick(NOON)
    world.send(NOON)

    world.tick(SOON)

    assert world.state(second) == "decided"


def test_the_slot_of_a_lapsed_decision_goes_to_the_most_important_that_waits(world: World, waiting: int) -> None:
    urgent = world.message(SOON, "ann", "offer", priority=99.0)
    world.tick(SOON)
    assert world.state(urgent) == "waiting"
    world.send(LATER)

    world.tick(LATER)

    assert (world.state(urgent), world.state(waiting)) == ("decided", "waiting")
