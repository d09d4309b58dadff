"""The welcome instant is accepted by every rule, and nothing earlier is: the engine against a slow, obvious reading."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import cadence
from cadence.decide.decision import Decision
from cadence.rules.registry import RULES
from tests.decide.reference import MICRO, World, day_start, exact, later, listed, refusing
from tests.decide.worlds import SUBJECTS, facts, worlds

relaxed = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
)


def decide(world: World, **change: Any) -> Decision:
    policy = cadence.policy_of(change.get("policy", world.policy))
    return policy.decide(
        contact=world.contact,
        history=change.get("history", world.history),
        message=world.message,
        now=world.now,
        circle=[{"contact": c, "history": h} for c, h in world.others],
    )


def edges(world: World, until: datetime) -> list[datetime]:
    """The instants between now and then at which an answer of any rule could turn: the only ones worth trying."""
    found = {world.now + timedelta(hours=h) for h in range(24 * 8)}
    spans = ["6h", "12h", "24h", "36h", "2d", "3d", "6d", "7d", "9d", "14d", "30d"]
    trigger = [world.message["trigger"]] if "trigger" in world.message else []
    for event in [*world.history, *(e for _, h in world.others for e in h), *trigger]:
        found |= {event["at"] + exact(s) for s in spans}
        found |= {later(event["at"], m, world.zones[0]) for m in ("1mo", "2mo", "1y")}
        for rule in listed(world.policy["guard_rails"].get("silence", [])):
            found |= {event["at"] + exact(rule["base"]) * rule["factor"] ** k for k in range(9)}
        if isinstance(event.get("until"), datetime):
            found.add(event["until"])
    day = world.now.date() - timedelta(days=1)
    while day <= until.date() + timedelta(days=1) and (day - world.now.date()).days < 70:
        for zone in {*world.zones, ZoneInfo("UTC")}:
            start = day_start(day, zone)
            found |= {
                start + timedelta(minutes=m)
                for m in (0, 30, 150, 360, 420, 480, 540, 720, 1020, 1140, 1200, 1335, 1350)
            }
            found |= {start + timedelta(minutes=m) for m in (90, 210, 390, 600)}
        day += timedelta(days=1)
    found |= {f - MICRO for f in found}
    return sorted(t for t in found if world.now <= t < until)


@pytest.mark.parametrize("subject", SUBJECTS)
@settings(relaxed, max_examples=settings.default.max_examples // 10)
@given(st.data())
def test_the_welcome_instant_is_accepted_by_every_rule_and_nothing_earlier_is(
    subject: str, data: st.DataObject
) -> None:
    world = data.draw(worlds(subject))
    decision = decide(world)
    at = world.now if decision.verdict == "send" else decision.until
    if at is not None:
        assert refusing(world, at) == [], f"{decision} is refused at {at}"
    horizon = at or world.now + timedelta(days=40)
    for t in edges(world, horizon):
        assert refusing(world, t), f"{decision}, but all rules accept {t}"


def test_each_rule_refuses_in_three_of_a_hundred_worlds_at_least() -> None:
    """Else what is held against the slow reading above says little of it."""
    tried, refused = 0, Counter[str]()

    @settings(relaxed, max_examples=12, derandomize=True, database=None, phases=[Phase.generate])
    @given(st.data())
    def count(subject: str, data: st.DataObject) -> None:
        nonlocal tried
        world = data.draw(worlds(subject))
        tried += 1
        refused.update(set(refusing(world, world.now)))

    for subject in SUBJECTS:
        count(subject)
    assert {kind: f"{refused[kind]} of {tried}" for kind in RULES if refused[kind] < 0.03 * tried} == {}


@relaxed
@given(worlds(), st.data())
def test_one_more_touch_never_makes_an_answer_of_caps_and_gap_earlier(world: World, data: st.DataObject) -> None:
    rails = {k: v for k, v in world.policy["guard_rails"].items() if k in ("caps", "gap")}
    policy = {**world.policy, "guard_rails": rails}
    touch = data.draw(facts(world.now).filter(lambda f: "touch" in f and f.get("outcome") != "answered"))
    before, after = decide(world, policy=policy), decide(world, policy=policy, history=[*world.history, touch])
    assert instant_of(after, world) >= instant_of(before, world)


@relaxed
@given(worlds())
def test_asked_twice_it_says_the_same(world: World) -> None:
    assert decide(world).to_json() == decide(world).to_json()


@relaxed
@given(worlds(), st.randoms())
def test_the_order_in_which_a_history_is_told_does_not_matter(world: World, random: Any) -> None:
    events = {str(sorted(e.items(), key=str)): e for e in world.history}.values()
    plain = [
        e for e in events if not {"opt_in", "opt_out", "hold", "release", "ticket", "snooze", "less_often"} & set(e)
    ]
    shuffled = list(plain)
    random.shuffle(shuffled)
    assert told(decide(world, history=plain)) == told(decide(world, history=shuffled))


def told(decision: Decision) -> dict[str, Any]:
    """A decision without the order in which touches of one instant are listed, and without their made-up ids."""
    out = decision.to_json()
    for line in out["evidence"]:
        line["touches"] = sorted(str({k: v for k, v in t.items() if k != "id"}) for t in line["touches"])
    return out


def instant_of(decision: Decision, world: World) -> datetime:
    """Never and not yet known lie after everything."""
    if decision.verdict == "send":
        return world.now
    return decision.until or datetime.max.replace(tzinfo=world.now.tzinfo)
