"""Circles that become one while a daemon is at work: nothing is decided twice, lost, or sent past a cap."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from cadence.audit.verify import verify
from cadence.facts import Verdict
from cadence.store import Store, StoreBusy, policies, tables
from cadence.store.contacts import upsert_contacts
from cadence.store.rows import ContactRow
from tests.queue.world import World, at

PEOPLE, EACH = 8, 3
NOON = "2026-01-12T12:00"


def _merge_all(world: World, failed: list[BaseException]) -> None:
    """One household after another takes in the next person, until all are one circle."""
    try:
        for i in range(1, PEOPLE):
            told = [ContactRow(f"c{i - 1}", household=f"h{i}"), ContactRow(f"c{i}", household=f"h{i}")]
            for _ in range(50):
                try:
                    with world.store.write() as conn:
                        upsert_contacts(conn, told, at(NOON), "crm")
                    break
                except StoreBusy:
                    continue
    except BaseException as error:  # noqa: BLE001 told by the test's own thread
        failed.append(error)


def _decide_and_send(world: World) -> None:
    with suppress(StoreBusy):  # as the daemon does: what a merge was in the way of comes again
        world.tick(NOON)
        world.send(NOON)


def test_circles_that_merge_while_they_are_decided_are_decided_once(store: Store, tmp_path: Path) -> None:
    world = World(store, tmp_path / "mail")
    for i in range(PEOPLE):
        world.contact(f"c{i}")
    with store.write() as conn:
        policies.use(conn, world.policy, at("2026-01-12T09:00"), "test")
    coming = [f"c{i}" for _ in range(EACH) for i in range(PEOPLE)]
    messages: list[int] = []
    failed: list[BaseException] = []
    merging = threading.Thread(target=_merge_all, args=(world, failed))
    merging.start()
    while coming or merging.is_alive():
        messages += [world.message("2026-01-12T10:00", coming.pop()) for _ in coming[:2]]
        _decide_and_send(world)
    _decide_and_send(world)
    assert failed == []

    states = Counter(world.state(m) for m in messages)
    assert states == {"sent": 2 * PEOPLE, "waiting": PEOPLE}, "the cap is two a week for each"
    assert world.delivered() == 2 * PEOPLE
    sends = Counter(d["message"] for d in world.rows(tables.decision) if d["verdict"] == Verdict.SEND)
    assert len(sends) == 2 * PEOPLE
    assert set(sends.values()) == {1}
    assert len({(c["shard"], c["circle"]) for c in world.rows(tables.contact)}) == 1
    report = verify(store, now=at(NOON), drained=True)
    assert report.ok, report.text()
