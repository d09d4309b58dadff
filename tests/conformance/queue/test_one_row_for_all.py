"""A provider's speed and health are one row that all daemons share: nothing is lost where two write it together, on every
database, also the first time that anybody does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from cadence.facts import MINUTE
from cadence.providers.provider import Outcome
from cadence.queue import breaker, outlets
from cadence.queue.handover import hand_over
from cadence.queue.rates import Rate
from cadence.store import outbox, tables
from tests.queue.test_handover import says
from tests.queue.world import World

NOON = "2026-03-03T12:00"


@pytest.fixture
def both_write_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is about to write the row waits until another is, too; not for long, since one may have to wait for the other."""
    both, save = threading.Barrier(2), outbox.save_provider

    def together(*args: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            both.wait(1)
        save(*args)

    monkeypatch.setattr(outbox, "save_provider", together)


def two(world: World) -> list[World]:
    """The same world as two daemons see it, with a letter decided in the shards of each."""
    other = World(world.store, world.mail, world.policy, "daemon-2", world.rate, world.contacts, world.provider)
    for i in range(40):
        world.contact(f"c{i}")
        world.message(NOON, f"c{i}")
    world.tick(NOON)
    for each in (world, other, world, other):  # one gives up what the other then takes
        each.work(NOON)
    return [world, other]


def at_once(*works: Callable[[], int]) -> list[int]:
    """What they return; raises what any of them raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [done.result() for done in [pool.submit(work) for work in works]]


@pytest.mark.usefixtures("both_write_together")
def test_the_first_trouble_that_two_daemons_have_with_a_provider_loses_no_receipt(world: World) -> None:
    world.provider = says(Outcome.RETRY, detail="connection refused", whole_provider=True)
    works = [each.work(NOON) for each in two(world)]
    assert [len(work.shards) for work in works] == [32, 32]

    at_once(*(lambda work=work: hand_over(work, world.letters).total() for work in works))  # type: ignore[misc]

    assert {m["state"] for m in world.rows(tables.message)} == {"decided"}


@pytest.mark.usefixtures("both_write_together")
def test_the_first_places_that_two_daemons_take_are_no_more_than_there_are(world: World) -> None:
    world.rate = Rate(per_second=1, burst=10)
    work = world.work(NOON)

    def reserve() -> int:
        with world.store.write() as conn:
            return outlets.reserve(conn, work.outlets["email"], work.now, 8)

    assert sorted(at_once(reserve, reserve)) == [2, 8]


@pytest.mark.usefixtures("both_write_together")
def test_of_two_daemons_one_tries_a_provider_that_was_left_alone(world: World) -> None:
    world.provider = says(Outcome.IN_DOUBT, detail="it hangs")
    here, there = two(world)
    works = [each.work(NOON) for each in (here, there)]
    ill = partial(breaker.failed, now=works[0].now - MINUTE, because="it hangs", n=5)
    with world.store.write() as conn:
        outlets.learn(conn, works[0].outlets["email"], works[0].now, ill)

    at_once(*(lambda work=work: hand_over(work, world.letters).total() for work in works))  # type: ignore[misc]

    assert len(world.provider.taken) == 1
    with world.store.read() as conn:
        row = outbox.provider_row(conn, "desk") or {}
    assert (row["breaker"], row["failures"], (row["reopen_at"] - works[0].now) // MINUTE) == ("open", 6, 2)
