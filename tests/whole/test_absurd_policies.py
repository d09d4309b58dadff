"""Policies that are valid and absurd: nothing spins, nothing is lost, and each message says why it never went."""

from __future__ import annotations

import json

import pytest

from cadence.audit.verify import verify
from cadence.clock import VirtualClock
from cadence.daemon import Daemon, Jobs, Options
from cadence.facts import DAY
from cadence.queue.outlets import Outlet
from cadence.queue.reload import PolicyFiles
from tests.queue.world import World, at

NOON = "2026-03-03T12:00"
HALVES = [{"name": "mornings", "from": "00:00", "to": "12:00"}, {"name": "afternoons", "from": "12:00", "to": "00:00"}]


@pytest.mark.parametrize(
    ("rails", "goes", "rule"),
    [
        ({"quiet_hours": HALVES}, 0, "mornings"),
        ({"caps": {"max": 1, "per": "300000d"}}, 1, "1 per 300000d"),
        ({"gap": {"wait": "3000d"}}, 1, "1 per 3000d"),
        ({"caps": {"max": 1_000_000, "per": "1s"}}, 3, None),
    ],
    ids=["quiet in two halves", "one in a lifetime", "once in six years", "no limit at all"],
)
def test_under_an_absurd_policy_each_message_ends_or_says_what_it_waits_for(
    world: World, rails: dict[str, object], goes: int, rule: str | None
) -> None:
    path = world.mail.parent / "policy.yaml"
    categories = {"news": {"consent": "opt_in"}, "receipt": {"transactional": True}}
    path.write_text(json.dumps({"version": 1, "categories": categories, "guard_rails": rails}), "utf-8")
    world.policy = PolicyFiles(path).read()
    world.contact("ann")
    news = [world.message(NOON, "ann", expires_at=at(NOON) + 30 * DAY) for _ in range(3)]

    ways = {"email": Outlet(world.provider)}
    end = at(NOON) + 40 * DAY
    one = Daemon(world.store, VirtualClock(at(NOON)), PolicyFiles(path), ways, Jobs(world.letters), Options(until=end))
    one.run(signals=False)

    assert not one.problems
    assert [world.state(i) for i in news].count("sent") == goes == world.delivered()
    held = [world.row(i) for i in news if world.state(i) != "sent"]
    assert {(row["state"], row["rule"]) for row in held} == ({("suppressed", rule)} if held else set())
    assert all(len(world.decisions(i)) <= 2 for i in news)
    assert verify(world.store, now=end, drained=True).ok
