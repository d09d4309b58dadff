"""The promises, over whole runs: any policy, any people, anything that happens, and the real daemon on a real database.

Judged by three who share nothing with one another: the slow reference, `policy.decide` told the same without a store, and
the verifier, which reads the record alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

import cadence
from cadence.audit.verify import verify
from cadence.facts import HELD, Verdict, instant, micros
from cadence.policy.load import from_mapping
from cadence.queue.active import Active
from cadence.queue.deciding import answer
from cadence.queue.load import load
from cadence.store import round as rows_of
from cadence.store import tables
from tests.decide import worlds
from tests.decide.reference import World, refusing
from tests.whole.tale import Lived, Step, Tale, live, living, seen_by, set_policy, touched

DAY = timedelta(days=1)
relaxed = settings(
    deadline=None,
    max_examples=max(10, settings.default.max_examples // 2),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@st.composite
def policies(draw: st.DrawFn, calm: bool) -> dict[str, Any]:
    """A random policy; unless calm with a spread and a lookahead, which make the moment of asking matter."""
    policy = draw(worlds.policies())
    policy["defaults"] = {**policy["defaults"], "expires": draw(st.sampled_from(["2d", "5d", "40d"]))}
    if not calm:
        if spread := draw(st.sampled_from(["", "30m", "6h"])):
            policy["defaults"]["spread"] = spread
        if lookahead := draw(st.sampled_from(["", "24h", "3d"])):
            policy["arbitration"] = {"lookahead": lookahead}
    return policy


@st.composite
def tales(draw: st.DrawFn, calm: bool = False) -> Tale:
    """Up to three people, some with one mailbox, over some days."""
    start = draw(st.sampled_from(worlds.NOWS))
    names = ["ann", "bob", "cid"][: draw(st.integers(1, 3))]
    contacts: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(names):
        shared = i > 0 and draw(st.booleans())
        contacts[name] = {
            "timezones": draw(st.lists(st.sampled_from(worlds.ZONES), min_size=1, max_size=2, unique=True)),
            "consents": {"email": ["news", "offers"], "sms": ["news"]},
            "addresses": {"email": "a@example.com" if shared else f"{'abc'[i]}@example.com", "sms": f"+4670000000{i}"},
        }
    days = draw(st.integers(2, 8))
    past = [
        Step(start, draw(st.sampled_from(names)), fact=draw(worlds.facts(start)))
        for _ in range(draw(st.integers(0, 8)))
    ]
    steps = [draw(step(names, start, days, calm)) for _ in range(draw(st.integers(3, 14)))]
    return Tale(contacts, draw(policies(calm)), start, days, past, steps, draw(st.sampled_from([1, 3, 5_000])))


@st.composite
def step(draw: st.DrawFn, names: list[str], start: Any, days: int, calm: bool) -> Step:
    """Mostly messages, some facts (told late, some of them), now and then another policy."""
    at = start + draw(st.integers(0, days * 4 - 1)) * worlds.STEP
    who, kind = draw(st.sampled_from(names)), draw(st.integers(0, 9))
    if kind == 0:
        return Step(at, who, policy=draw(policies(calm)))
    if kind <= 3:
        fact = draw(worlds.facts(at))
        return Step(at, who, fact=fact if draw(st.booleans()) else {**fact, "at": max(fact["at"], at - DAY)})
    message: dict[str, Any] = {
        "category": draw(st.sampled_from(["news", "news", "news", "offers", *worlds.CATEGORIES])),
        "channel": draw(st.sampled_from(["email", "email", "email", "sms"])),
        "content": f"c{draw(st.integers(0, 10_000))}",
        "lasts": draw(st.sampled_from([None, None, timedelta(hours=5), 3 * DAY])),
    }
    if draw(st.booleans()):
        message["thread"] = draw(st.sampled_from(["a", "b"]))
    return Step(at, who, message=message)


def no_breach(lived: Lived, now: int) -> None:
    """The verifier finds nothing, left lying included."""
    report = verify(lived.store, now=now, drained=True)
    assert report.ok, report.text()


def no_refused_touch(lived: Lived) -> None:
    """The reference accepts every touch of ours, by what was recorded before it and the policy of its decision."""
    decisions = {d["id"]: d for d in lived.rows(tables.decision)}
    name = {id_: n for n, id_ in lived.ids.items()}
    for touch in lived.rows(tables.touch, tables.touch.c.source == "cadence"):
        at, who = instant(touch["at"]), name[touch["contact"]]
        seen = seen_by(lived, who, at, touch["number"], touch["circle"])
        policy = lived.policies[decisions[int(touch["source_id"])]["policy"]]
        others = [(m["contact"], m["history"]) for m in seen["circle"]]
        world = World(policy, seen["contact"], seen["history"], lived.messages[touch["message"]], at, others)
        assert refusing(world, at) == [], f"{who} was written to at {at}: {touch}"


@relaxed
@given(tales())
def test_after_any_run_no_touch_breaks_a_rule_and_nothing_is_left_lying(tale: Tale) -> None:
    with living(tale) as lived:
        event(f"touches: {min(9, len(touched(lived)))}")
        no_refused_touch(lived)
        no_breach(lived, micros(tale.end))


@pytest.mark.slow
@relaxed
@given(tales(), st.randoms(use_true_random=False), st.sampled_from([1, 3, 5_000]))
def test_in_another_order_and_other_batches_no_touch_breaks_a_rule(tale: Tale, random: Any, batch: int) -> None:
    steps = list(tale.steps)
    random.shuffle(steps)
    other = Tale(tale.contacts, tale.policy, tale.start, tale.days, tale.past, steps, batch)
    with living(other) as lived:
        no_refused_touch(lived)
        no_breach(lived, micros(tale.end))


@relaxed
@given(tales(calm=True))
def test_every_decision_is_what_the_policy_says_when_told_the_same_without_a_store(tale: Tale) -> None:
    with living(tale) as lived:
        name = {id_: n for n, id_ in lived.ids.items()}
        for decision in lived.rows(tables.decision):
            at, message = instant(decision["at"]), lived.messages[decision["message"]]
            seen = seen_by(lived, name[decision["contact"]], at, decision["seen_number"] + 1, decision["circle"])
            told = cadence.policy_of(lived.policies[decision["policy"]]).decide(**seen, message=message, now=at)
            until = (
                None
                if decision["until"] is None or decision["verdict"] != Verdict.DEFER
                else instant(decision["until"])
            )
            stored = (Verdict(decision["verdict"]).word, until, decision["rule"])
            assert stored == (told.verdict, told.until, told.rule), f"at {at}, of {message}: {told}"


@relaxed
@given(tales(), st.data())
def test_after_a_new_policy_and_a_drained_queue_all_that_waits_stands_as_decided_afresh(
    tale: Tale, data: st.DataObject
) -> None:
    new = data.draw(policies(calm=False))
    with living(tale) as lived:
        set_policy(lived, new)
        live(lived, tale.end, None, once=True)
        policy, now = Active.of(from_mapping(new).required()), micros(tale.end)
        waiting = lived.rows(tables.message, tables.message.c.state == "waiting")
        for circle in sorted({(m["shard"], m["circle"]) for m in waiting}):
            with lived.store.read() as conn:
                loaded = load(conn, policy, policy.needs, rows_of.waiting_in(conn, [circle]), [circle], now)
            m = loaded.messages
            rows = [r for r in range(len(m)) if not may_lie_until(m["due_at"][r], m["until"][r], now)]
            fresh = answer(policy, loaded, *due(len(m)), now)
            for row, outcome in fresh.outcomes:
                if row in rows:
                    until = None if outcome.welcome_at >= HELD else outcome.welcome_at
                    assert (Verdict.DEFER, m["until"][row], m["rule"][row]) == (outcome.verdict, until, outcome.rule)


def may_lie_until(due_at: int | None, until: int | None, now: int) -> bool:
    """It is welcome, and waits within the policy's spread."""
    return until is not None and until <= now < (due_at or 0)


def due(n: int) -> tuple[Any, Any]:
    """All of n rows, all of them due."""
    return np.arange(n, dtype=np.int64), np.ones(n, bool)


@pytest.mark.slow
@relaxed
@given(tales(calm=True))
def test_lived_through_twice_the_same_is_sent_at_the_same_instants(tale: Tale) -> None:
    with living(tale) as first, living(tale) as second:
        assert touched(first) == touched(second)
