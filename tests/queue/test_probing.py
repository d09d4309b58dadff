"""A provider that was in trouble and can be asked whether it works: no letter is risked with it as long as it says that it
doesn't."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from cadence.facts import HOUR, MINUTE
from cadence.providers.letter import Letter
from cadence.providers.provider import Ability, Awake, Capabilities, Outcome, Receipt, Shut, always
from cadence.queue import breaker
from cadence.queue.breaker import Breaker, Health
from cadence.queue.receipts import probed
from cadence.store import outbox, tables
from tests.queue.world import World, at

DAY = "2026-03-03"
NOON = f"{DAY}T12:00"
DOWN = Shut("no connection")


@dataclass
class Relay:
    """A provider that can be asked: what it says to letters, and what when it is asked."""

    name, channel = "relay", "email"
    capabilities = Capabilities(max_batch=50, cannot={Ability.SETTLE: "it keeps nothing"})
    answer: Outcome = Outcome.IN_DOUBT
    shut: Shut | Exception | None = None
    asked: int = 0
    taken: list[int] = field(default_factory=list)

    def send(self, letters: Sequence[Letter], awake: Awake = always, /) -> list[Receipt]:
        self.taken += [letter.message_id for letter in letters]
        ill = self.answer is not Outcome.ACCEPTED
        return [Receipt(letter.message_id, self.answer, detail="it hangs", whole_provider=ill) for letter in letters]

    def probe(self) -> Shut | None:
        self.asked += 1
        if isinstance(self.shut, Exception):
            raise self.shut
        return self.shut

    def settle(self, message_ids: Sequence[int]) -> dict[int, bool]:
        raise AssertionError("it can't")

    def close(self) -> None:
        pass


@pytest.fixture
def relay(world: World) -> Relay:
    """One that has left five letters in doubt at noon, and three more wait for it."""
    world.provider = relay = Relay()
    for n in range(8):
        world.contact(f"c{n}")
    for n in range(5):
        world.message(NOON, f"c{n}", "care")
    world.tick(NOON)
    world.send(NOON)
    for n in range(5, 8):
        world.message(NOON, f"c{n}", "care")
    assert (health(world)["breaker"], len(relay.taken)) == ("open", 5)
    return relay


def health(world: World) -> dict[str, object]:
    with world.store.read() as conn:
        return outbox.provider_row(conn, "relay") or {}


def minute(world: World, n: int) -> None:
    """All that a daemon does in the n-th minute after noon."""
    when = f"{DAY}T{12 + n // 60}:{n % 60:02}"
    world.tick(when)
    world.send(when)
    world.tick(when)
    world.send(when)


@pytest.mark.parametrize("shut", [DOWN, RuntimeError("a bug")])
def test_while_it_says_that_it_does_not_work_no_letter_is_risked_and_none_is_decided(
    world: World, relay: Relay, shut: Shut | Exception
) -> None:
    relay.shut = shut

    for n in range(1, 180):
        minute(world, n)

    assert (len(relay.taken), relay.asked) == (5, 4 + 10)  # after 1, 2, 4 and 8 minutes, and then every fifteen
    assert {m["state"] for m in world.rows(tables.message)} == {"in_doubt", "waiting"}
    assert len(world.touches(standing=False)) == 5


def test_once_it_says_that_it_works_one_letter_tries_and_then_all_go(world: World, relay: Relay) -> None:
    relay.shut, relay.answer = DOWN, Outcome.ACCEPTED
    minute(world, 1)
    relay.shut = None

    minute(world, 2)
    assert len(relay.taken) == 5
    minute(world, 3)
    assert len(relay.taken) == 6
    assert health(world)["breaker"] == "closed"
    minute(world, 4)
    assert len(relay.taken) == 8


def test_one_that_hangs_at_letters_alone_is_risked_one_ever_more_rarely(world: World, relay: Relay) -> None:
    for n in range(5 * 60):
        minute(world, n)
        if n in (60, 120, 180):
            for extra in range(3):
                world.contact(f"d{n}-{extra}")
                world.message(f"{DAY}T{12 + n // 60}:00", f"d{n}-{extra}", "care")

    assert len(relay.taken) - 5 == 9  # after 1, 2, 4, 8, 16, 32 minutes, and then every hour


def test_who_said_long_ago_that_it_works_is_asked_again_before_a_letter_is_risked(world: World, relay: Relay) -> None:
    world.send(f"{DAY}T12:01")
    assert (relay.asked, health(world)["breaker"]) == (1, "half_open")
    relay.shut = DOWN

    minute(world, 30)

    assert (relay.asked, len(relay.taken), health(world)["breaker"]) == (2, 5, "open")


def test_a_wait_that_it_asks_for_is_kept(world: World, relay: Relay) -> None:
    relay.shut = replace(DOWN, retry_after=3600.0)

    world.send(f"{DAY}T12:01")

    assert health(world)["reopen_at"] == at(f"{DAY}T13:01")


def test_of_two_daemons_that_ask_the_second_changes_nothing() -> None:
    ill = breaker.failed(Health(), 0, "down", n=5)
    once = probed(ill, DOWN, MINUTE)

    assert (probed(once, DOWN, MINUTE + 1), probed(once, None, MINUTE + 1)) == (once, once)
    well = probed(ill, None, MINUTE)
    assert (well.breaker, probed(well, DOWN, MINUTE + 1)) == (Breaker.HALF_OPEN, well)


def test_only_doubt_makes_the_pauses_longer_than_a_quarter_of_an_hour() -> None:
    for doubt, longest in ((False, 15 * MINUTE), (True, HOUR)):
        health, now = breaker.failed(Health(), 0, "hangs", n=5), 0
        for _ in range(12):
            now = health.reopen_at or 0
            health = breaker.failed(health, now, "hangs", in_doubt=doubt)
        assert (health.reopen_at or 0) - now == longest
