"""What a letter's receipt does where its provider was never asked to take it: no try is spent, and nobody's health is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from cadence.facts import MINUTE, SECOND
from cadence.providers.letter import Letter
from cadence.providers.provider import Ability, Awake, Capabilities, Outcome, Receipt, Shut, always, out_of_time
from cadence.queue import breaker
from cadence.queue.breaker import Breaker, Health
from cadence.queue.receipts import MOST_ATTEMPTS, fared
from tests.queue.world import World, at

NOON = "2026-03-03T12:00"


@dataclass
class Slow:
    """A provider that begins one letter of each batch."""

    name, channel = "slow", "email"
    capabilities = Capabilities(max_batch=200, cannot={Ability.PROBE: "it is too slow"})
    taken: list[int] = field(default_factory=list)

    def send(self, letters: Sequence[Letter], awake: Awake = always, /) -> list[Receipt]:
        first, *others = letters
        self.taken.append(first.message_id)
        return [Receipt(first.message_id, Outcome.ACCEPTED), *out_of_time(others, 120)]

    def probe(self) -> Shut | None:
        raise AssertionError("it can't")

    def settle(self, message_ids: Sequence[int]) -> dict[int, bool]:
        return {}

    def close(self) -> None:
        pass


def test_a_letter_whose_turn_did_not_come_spends_no_try_and_says_why_it_waits(world: World) -> None:
    world.provider = Slow()
    ids = [world.message(NOON, name) for name in ("ann", "bob") if world.contact(name)]
    world.tick(NOON)

    world.send(NOON)

    (left,) = (row for row in map(world.row, ids) if row["state"] != "sent")
    assert (left["state"], left["attempts"], left["hand_over_at"]) == ("decided", 0, at(NOON) + SECOND)
    assert left["because"] == "not begun within the 120 seconds that a batch may take"


def test_on_a_provider_that_is_slow_for_hours_nobody_is_given_up(world: World) -> None:
    slow = world.provider = Slow()
    ids = []
    for n in range(2 * MOST_ATTEMPTS):
        world.contact(f"c{n}")
        ids.append(world.message(NOON, f"c{n}"))
    world.tick(NOON)

    for second in range(len(ids)):
        world.send(f"2026-03-03T12:00:{second:02}")

    assert {world.state(id_) for id_ in ids} == {"sent"}
    assert sorted(slow.taken) == sorted(ids)


@pytest.mark.parametrize("outcome", [Outcome.RETRY, Outcome.REFUSED])
def test_what_a_half_open_provider_was_not_asked_says_nothing_of_its_health(outcome: Outcome) -> None:
    ill = Health(Breaker.OPEN, 9, 0, MINUTE, "down")

    assert fared(ill, [Receipt(1, outcome, asked=False)], 2 * MINUTE) == ill


def test_a_provider_that_gets_nothing_through_is_noticed_all_the_same() -> None:
    some = [
        Receipt(n, Outcome.RETRY, detail="no answer in time", whole_provider=True) for n in range(breaker.OPENS_AFTER)
    ]

    assert fared(Health(), [*some, Receipt(99, Outcome.RETRY, asked=False)], 0).breaker is Breaker.OPEN
