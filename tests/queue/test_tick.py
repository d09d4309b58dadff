"""The tick: what is due is decided late, once, and written down; what is no longer true ends."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import HELD, NEVER, NONE, SECOND, EventKind, Verdict
from cadence.providers.provider import Ability, Capabilities
from cadence.queue import breaker, deciding, outlets
from cadence.queue.accept import NewMessage
from cadence.queue.outlets import Outlet
from cadence.queue.tick import Circle, claim, side_by_side, tick
from cadence.queue.work import Work
from cadence.queue.written import due_after
from cadence.store import round as store_round
from cadence.store import tables
from cadence.store.ask import ask_campaign
from tests.queue.world import World, at, policy_of

DAY = "2026-03-03"  # a Tuesday


def test_a_welcome_message_is_decided_and_makes_a_touch_at_that_instant(world: World) -> None:
    world.contact("ann")
    id_ = world.message(f"{DAY}T10:00", "ann")

    world.tick(f"{DAY}T10:00")

    assert world.state(id_) == "decided"
    (touch,) = world.touches()
    assert (touch["at"], touch["message"], touch["mailbox"]) == (at(f"{DAY}T10:00"), id_, "email:ann@example.com")


def test_a_message_in_the_night_waits_until_morning(world: World) -> None:
    world.contact("ann")
    id_ = world.message(f"{DAY}T22:00", "ann")

    world.tick(f"{DAY}T22:00")

    row = world.row(id_)
    assert (row["state"], row["rule"], row["until"]) == ("waiting", "night", at("2026-03-04T08:00"))
    assert row["due_at"] == row["until"]


def test_a_message_over_the_cap_waits_until_the_window_frees(world: World) -> None:
    world.contact("ann")
    for hour in ("10:00", "11:00"):
        world.message(f"{DAY}T{hour}", "ann")
        world.tick(f"{DAY}T{hour}")
    third = world.message(f"{DAY}T12:00", "ann")

    world.tick(f"{DAY}T12:00")

    assert (world.row(third)["rule"], world.row(third)["until"]) == ("2 per 7d", at("2026-03-10T10:00"))


def test_of_three_due_together_two_go_and_one_waits(world: World) -> None:
    world.contact("ann")
    ids = [world.message(f"{DAY}T10:00", "ann") for _ in range(3)]

    world.tick(f"{DAY}T10:00")

    assert sorted(world.state(i) for i in ids) == ["decided", "decided", "waiting"]


def test_each_decision_knows_the_last_fact_it_saw(world: World) -> None:
    world.contact("ann")
    ids = [world.message(f"{DAY}T10:00", "ann") for _ in range(3)]

    world.tick(f"{DAY}T10:00")

    seen = sorted(world.decisions(i)[0]["seen_number"] for i in ids)
    assert [s - seen[0] for s in seen] == [0, 1, 2]


def test_evidence_names_the_touches_of_the_same_round_by_their_ids(world: World) -> None:
    world.contact("ann")
    ids = [world.message(f"{DAY}T10:00", "ann") for _ in range(3)]

    world.tick(f"{DAY}T10:00")

    waiting = next(i for i in ids if world.state(i) == "waiting")
    touched = {t["id"] for t in world.touches()}
    (push,) = json.loads(world.decisions(waiting)[0]["evidence"])
    assert set(push["touches"]) <= touched
    assert push["touches"]


def test_asking_again_with_the_same_answer_writes_no_new_decision(world: World) -> None:
    world.contact("ann")
    id_ = world.message(f"{DAY}T22:00", "ann")
    world.tick(f"{DAY}T22:00")
    world.say("ann", EventKind.OPT_IN, f"{DAY}T22:30")

    world.tick(f"{DAY}T22:30")

    assert len(world.decisions(id_)) == 1
    assert world.row(id_)["asked_at"] == at(f"{DAY}T22:30")


def test_a_stop_suppresses_what_waits(world: World) -> None:
    world.contact("ann")
    id_ = world.message(f"{DAY}T22:00", "ann")
    world.tick(f"{DAY}T22:00")
    world.say("ann", EventKind.OPT_OUT, f"{DAY}T22:30")

    world.tick(f"{DAY}T22:30")

    assert (world.state(id_), world.row(id_)["rule"]) == ("suppressed", "consent")
    assert [d["verdict"] for d in world.decisions(id_)] == [Verdict.DEFER, Verdict.SUPPRESS]


def test_a_mail_for_eight_that_expires_at_ten_expires_when_the_daemon_wakes_at_noon(world: World) -> None:
    world.contact("ann")
    id_ = world.message(f"{DAY}T07:00", "ann", expires_at=at(f"{DAY}T10:00"))
    world.tick(f"{DAY}T07:00")

    world.tick(f"{DAY}T12:00")

    assert (world.state(id_), world.touches()) == ("expired", [])


def test_only_the_newest_of_a_collapse_key_stays(world: World) -> None:
    world.contact("ann")
    old = world.message(f"{DAY}T21:00", "ann", collapse="weekly")
    new = world.message(f"{DAY}T22:00", "ann", collapse="weekly")

    world.tick(f"{DAY}T22:00")

    assert (world.state(old), world.state(new)) == ("superseded", "waiting")


def test_the_oldest_of_a_collapse_key_stays_where_the_campaign_says_so(world: World) -> None:
    world.contact("ann")
    old = world.message(f"{DAY}T21:00", "ann", collapse="oldest:weekly")
    new = world.message(f"{DAY}T22:00", "ann", collapse="oldest:weekly")

    world.tick(f"{DAY}T22:00")

    assert (world.state(old), world.state(new)) == ("waiting", "superseded")


@pytest.mark.parametrize("cap", [{"each": "campaign"}, {"campaigns": ["weekly"]}, {"campaigns": ["friday"]}])
def test_a_campaign_that_is_renamed_again_and_again_frees_no_slot(world: World, cap: dict[str, Any]) -> None:
    world.policy = policy_of(guard_rails={"caps": [{"name": "once", "max": 1, "per": "7d", **cap}]})
    world.contact("ann")
    world.campaign("weekly")
    world.message(f"{DAY}T10:00", "ann", campaign="weekly")
    world.tick(f"{DAY}T10:00")

    world.campaign("tuesday", was=["weekly"])
    world.campaign("friday", was=["tuesday"])
    renamed = world.message(f"{DAY}T10:05", "ann", campaign="friday")
    world.tick(f"{DAY}T10:05")

    assert (world.state(renamed), world.row(renamed)["rule"]) == ("waiting", "once")


def test_a_campaign_that_has_its_old_name_back_frees_no_slot(world: World) -> None:
    world.policy = policy_of(guard_rails={"caps": [{"name": "once", "max": 1, "per": "7d", "each": "campaign"}]})
    world.contact("ann")
    world.message(f"{DAY}T10:00", "ann", campaign="tuesday")
    world.tick(f"{DAY}T10:00")

    world.campaign("tuesday", was=["weekly"])
    world.campaign("weekly", was=["tuesday"])
    back = world.message(f"{DAY}T10:05", "ann", campaign="weekly")
    world.tick(f"{DAY}T10:05")

    assert world.state(back) == "waiting"


def test_what_a_renamed_campaign_sent_is_counted_for_messages_of_none(world: World) -> None:
    rail = {"name": "after it", "wait": "7d", "counts": {"campaigns": ["tuesday"]}}
    world.policy = policy_of(guard_rails={"gap": rail})
    world.contact("ann")
    world.message(f"{DAY}T10:00", "ann", campaign="weekly")
    world.tick(f"{DAY}T10:00")

    world.campaign("tuesday", was=["weekly"])
    other = world.message(f"{DAY}T10:05", "ann")
    world.tick(f"{DAY}T10:05")

    assert (world.state(other), world.row(other)["rule"]) == ("waiting", "after it")


@pytest.mark.parametrize(
    ("before", "states"), [("", ("superseded", "waiting")), ("oldest:", ("waiting", "superseded"))]
)
def test_a_renamed_campaign_collapses_with_what_waits_under_its_old_name(
    world: World, before: str, states: tuple[str, str]
) -> None:
    world.contact("ann")
    old = world.message(f"{DAY}T21:00", "ann", campaign="weekly", collapse=f"{before}campaign:weekly")
    world.campaign("tuesday", was=["weekly"])
    new = world.message(f"{DAY}T22:00", "ann", campaign="tuesday", collapse=f"{before}campaign:tuesday")

    world.tick(f"{DAY}T22:00")

    assert (world.state(old), world.state(new)) == states


def test_a_stop_recorded_while_a_tick_waited_for_its_locks_is_heeded(world: World) -> None:
    world.contact("ann")
    id_ = world.message(f"{DAY}T12:00", "ann")
    work = world.work(f"{DAY}T12:00", clock=lambda: at(f"{DAY}T12:00:02"))
    world.say("ann", EventKind.OPT_OUT, f"{DAY}T12:00:01")

    tick(work)

    assert (world.state(id_), world.row(id_)["rule"]) == ("suppressed", "consent")
    assert [d["at"] for d in world.decisions(id_)] == [at(f"{DAY}T12:00:02")]


def test_a_purchase_after_it_was_made_stops_a_message(world: World) -> None:
    world.contact("ann")
    stopped = world.message(f"{DAY}T22:00", "ann", stop_on=("purchase",))
    with world.store.write() as conn:
        conn.execute(tables.contact.update().values(last_purchase=at(f"{DAY}T23:00")))

    world.tick("2026-03-04T08:00")

    assert (world.state(stopped), world.row(stopped)["because"]) == ("stopped", "stop_on purchase")


def test_what_waits_of_a_paused_campaign_waits_on_and_of_an_ended_one_is_withdrawn(world: World) -> None:
    world.contact("ann")
    world.campaign("spring", "paused")
    id_ = world.message(f"{DAY}T10:00", "ann", campaign="spring")
    world.tick(f"{DAY}T10:00")
    assert (world.state(id_), world.row(id_)["due_at"]) == ("waiting", world.row(id_)["expires_at"])

    world.campaign("spring", "ended")
    world.tick("2026-03-20T10:00")

    assert world.state(id_) == "expired"


def test_still_if_is_asked_when_a_message_is_about_to_go(world: World) -> None:
    world.contact("ann", orders=12)
    world.campaign("spring", still_if={"where": {"orders": {"at_most": 9}}})
    id_ = world.message(f"{DAY}T10:00", "ann", campaign="spring")

    world.tick(f"{DAY}T10:00")

    assert (world.state(id_), world.touches()) == ("stopped", [])


def test_a_message_that_no_longer_applies_holds_no_other_up(world: World) -> None:
    world.contact("ann", orders=12)
    world.policy = policy_of(guard_rails={"caps": [{"max": 1, "per": "7d"}]})
    world.campaign("spring", still_if={"where": {"orders": {"at_most": 9}}})
    world.message(f"{DAY}T10:00", "ann", "offer", campaign="spring")
    other = world.message(f"{DAY}T10:00", "ann", "news")

    world.tick(f"{DAY}T10:00")

    assert world.state(other) == "decided"


def test_a_new_policy_asks_all_that_waits(world: World) -> None:
    world.contact("ann")
    id_ = world.message(f"{DAY}T22:00", "ann")
    world.tick(f"{DAY}T22:00")
    world.policy = policy_of(guard_rails={"caps": [{"max": 2, "per": "7d"}]})

    world.tick(f"{DAY}T22:01")

    assert world.state(id_) == "decided"


def test_time_alone_that_changes_a_segment_asks_again(world: World) -> None:
    world.policy = policy_of(
        segments=[
            {"name": "new", "where": {"first_purchase": {"in_the_last": "2d"}},
             "cadence": {"caps": [{"max": 1, "per": "30d"}]}},
            {"name": "old", "cadence": {}},
        ]
    )  # fmt: skip
    world.contact("ann", first_purchase=at(f"{DAY}T09:00"))
    world.message(f"{DAY}T10:00", "ann")
    second = world.message(f"{DAY}T10:00", "ann", expires_at=at("2026-05-03T10:00"))
    world.tick(f"{DAY}T10:00")
    assert world.state(second) == "waiting"

    world.tick("2026-03-05T09:00")

    assert world.state(second) == "decided"


def test_what_else_goes_to_a_contact_makes_no_difference_to_when_time_alone_asks_again(world: World) -> None:
    world.policy = policy_of(
        segments=[
            {"name": "fresh", "where": {"last_purchase": {"in_the_last": "7d"}},
             "cadence": {"caps": [{"max": 1, "per": "30d"}]}},
            {"name": "everyone", "cadence": {}},
        ],
        guard_rails={},
    )  # fmt: skip
    world.contact("ann", last_purchase=at("2026-03-01T12:00"))
    world.message("2026-03-02T12:00", "ann")
    world.tick("2026-03-02T12:00")
    held = world.message("2026-03-02T12:01", "ann", expires_at=at("2026-05-05T12:00"))
    world.tick("2026-03-02T12:01")
    assert (world.state(held), world.row(held)["rule"]) == ("waiting", "1 per 30d")

    world.message("2026-03-03T12:00", "ann", "receipt")
    world.tick("2026-03-03T12:00")
    world.tick("2026-03-08T12:00")

    assert world.state(held) == "decided"


@pytest.fixture
def two(world: World) -> tuple[int, int]:
    """A message that is welcome in the afternoon, and a less important one that waits for it: one a day may go."""
    afternoon = {"name": "afternoon", "from": "00:00", "to": "14:00", "categories": ["offer"]}
    world.policy = policy_of(
        categories={"care": {"consent": "none"}, "offer": {"consent": "none", "priority": 80}},
        guard_rails={"caps": [{"max": 1, "per": "24h"}], "quiet_hours": [afternoon]},
        arbitration={"lookahead": "24h"},
    )
    world.contact("ann")
    world.campaign("spring")
    offer = world.message(f"{DAY}T10:00", "ann", "offer", campaign="spring", expires_at=at("2026-03-04T10:00"))
    care = world.message(f"{DAY}T10:00", "ann", "care")
    world.tick(f"{DAY}T10:00")
    assert (world.row(care)["rule"], world.row(care)["until"]) == ("lookahead", at(f"{DAY}T14:00"))
    return offer, care


@pytest.mark.parametrize("state, becomes", [("ended", "withdrawn"), ("paused", "waiting")])
def test_what_waits_for_a_more_important_message_is_asked_when_that_ones_campaign_ends_or_rests(
    world: World, two: tuple[int, int], state: str, becomes: str
) -> None:
    world.campaign("spring", state)
    with world.store.write() as conn:
        ask_campaign(conn, "spring", at(f"{DAY}T11:00"), f"campaign {state}")

    world.tick(f"{DAY}T11:00")

    assert [world.state(id_) for id_ in two] == [becomes, "decided"]


def test_what_waits_for_a_more_important_message_is_asked_when_that_one_will_never_go(
    world: World, two: tuple[int, int]
) -> None:
    offer, care = two
    with world.store.write() as conn:
        mine = tables.message.c.id == offer
        conn.execute(
            tables.message.update().where(mine).values(due_at=at(f"{DAY}T11:00"), expires_at=at(f"{DAY}T13:00"))
        )

    world.tick(f"{DAY}T11:00")

    assert (world.state(offer), world.state(care)) == ("suppressed", "decided")


def test_what_expires_before_it_is_welcome_is_suppressed_by_the_rule(world: World) -> None:
    world.contact("ann")
    id_ = world.message(f"{DAY}T22:00", "ann", expires_at=at("2026-03-04T07:00"))

    world.tick(f"{DAY}T22:00")

    assert (world.state(id_), world.row(id_)["because"]) == ("suppressed", "night")


def test_a_transactional_message_goes_at_night_and_over_the_cap(world: World) -> None:
    world.contact("ann", consents=False)
    id_ = world.message(f"{DAY}T22:00", "ann", "receipt")

    world.tick(f"{DAY}T22:00")

    assert world.state(id_) == "decided"


def test_shadow_records_the_decision_and_leaves_no_touch(world: World) -> None:
    world.contact("ann")
    id_ = world.message(f"{DAY}T10:00", "ann")

    world.tick(f"{DAY}T10:00", shadow=True)
    world.send(f"{DAY}T10:00", shadow=True)

    assert (world.state(id_), world.touches(), world.delivered()) == ("withdrawn", [], 0)
    assert world.decisions(id_)[0]["verdict"] == Verdict.SEND


def test_a_daemon_decides_nothing_in_shards_that_another_took(world: World) -> None:
    world.contact("ann")
    id_ = world.message(f"{DAY}T10:00", "ann")
    work = world.work(f"{DAY}T10:00")
    with world.store.write() as conn:
        conn.execute(tables.shard.update().values(holder="another"))
    assert not tick(work)
    assert world.state(id_) == "waiting"


def test_a_batch_that_throws_holds_only_the_circle_that_makes_it_throw(world: World, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    world.contact("ann")
    world.contact("bob")
    broken, fine = world.message(f"{DAY}T10:00", "ann"), world.message(f"{DAY}T10:00", "bob")
    ann = world.contacts["ann"][1]
    decide = deciding.decide

    def throws_for_ann(policy, history, candidates, now):  # type: ignore[no-untyped-def]
        if ann in history.people.id:
            raise ZeroDivisionError("ann")
        return decide(policy, history, candidates, now)

    monkeypatch.setattr(deciding, "decide", throws_for_ann)
    world.tick(f"{DAY}T10:00")

    assert world.state(fine) == "decided"
    assert (world.state(broken), world.row(broken)["rule"]) == ("waiting", "error")
    assert world.row(broken)["due_at"] == at(f"{DAY}T11:00")


def test_told_twice_under_one_key_a_message_is_accepted_once(world: World) -> None:
    world.contact("ann")
    one = NewMessage("news", "api", outside_id="ann", caller_key="order-1")

    first, second = world.accept(f"{DAY}T10:00", one), world.accept(f"{DAY}T10:00", one, one)

    assert second.ids == (first.ids[0], first.ids[0])
    assert second.repeated == {0, 1}


def test_what_cannot_be_accepted_says_why_and_the_others_go_on(world: World) -> None:
    world.contact("ann")
    world.contact("eve", email="")
    accepted = world.accept(
        f"{DAY}T10:00",
        NewMessage("nesw", "api", outside_id="ann"),
        NewMessage("news", "api", outside_id="nobody"),
        NewMessage("news", "api", outside_id="eve"),
        NewMessage("news", "api", outside_id="ann", channel="fax"),
        NewMessage("news", "api", outside_id="ann", expires_at=at(f"{DAY}T09:00")),
        NewMessage("news", "api", outside_id="an\x00n"),
        NewMessage("news", "api", outside_id="ann", caller_key="\ud800"),
        NewMessage("news", "api", outside_id="ann", tags=("a", "b\x00")),
        NewMessage("news", "api", outside_id="ann", variables={"code": "\ud800\x00"}),
    )

    assert [i is None for i in accepted.ids] == [True] * 8 + [False]
    assert "outside_id has the character U+0000" in accepted.errors[5]
    assert "caller_key has the character U+D800" in accepted.errors[6]
    assert "tags has the character U+0000" in accepted.errors[7]
    assert "did you mean news?" in accepted.errors[0]
    assert "import the contact first" in accepted.errors[1]
    assert "no address for email" in accepted.errors[2]


@given(
    st.lists(st.tuples(st.integers(1, 2**60), st.integers(1, 60), st.integers(2, 100)), min_size=1, max_size=50),
    st.integers(0, 24),
)
def test_what_falls_due_together_is_spread_and_never_past_expiry(told: list[tuple[int, int, int]], hours: int) -> None:
    ids, welcome, lasts = (np.array(c, np.int64) for c in zip(*told, strict=True))
    expires = (welcome + lasts) * 3600 * SECOND
    welcome = welcome * 3600 * SECOND
    spread = hours * 3600 * SECOND

    due = due_after(welcome, expires, ids, spread, 0, [False] * len(ids))

    assert (due >= welcome).all()
    assert (due <= welcome + spread).all()
    assert (due < expires).all()
    assert (due == due_after(welcome, expires, ids, spread, 0, [False] * len(ids))).all()


def test_what_is_held_is_asked_at_its_expiry_and_without_one_only_when_told() -> None:
    held = np.array([HELD, HELD], np.int64)

    due = due_after(held, np.array([5 * SECOND, NEVER]), np.array([1, 2]), 0, 0, [False, False])

    assert due.tolist() == [5 * SECOND, NONE]


def test_touches_made_while_no_rule_counted_any_are_counted_by_the_next_policy_with_those_before(world: World) -> None:
    world.contact("ann")
    world.message(f"{DAY}T10:00", "ann")
    world.tick(f"{DAY}T10:00")
    capped, world.policy = (
        world.policy,
        policy_of(guard_rails={"quiet_hours": [{"name": "night", "from": "20:00", "to": "08:00"}]}),
    )
    world.message(f"{DAY}T11:00", "ann")
    world.tick(f"{DAY}T11:00")
    world.policy = capped
    third = world.message(f"{DAY}T12:00", "ann")
    world.tick(f"{DAY}T12:00")

    assert len(world.touches()) == 2
    assert (world.state(third), world.row(third)["rule"]) == ("waiting", "2 per 7d")


def test_what_waits_for_a_closed_channel_is_in_no_other_channels_way(world: World) -> None:
    ann, bob = neighbours(world)
    noon = f"{DAY}T12:00"
    text_message = world.message(noon, bob, "receipt", due_at=at(noon))
    with world.store.write() as conn:
        conn.execute(tables.message.update().values(channel="sms"))
        conn.execute(
            tables.address.update().where(tables.address.c.address == f"{bob}@example.com").values(channel="sms")
        )
    pile = [world.message(noon, ann, "receipt", due_at=at(f"{DAY}T11:00")) for _ in range(70)]
    work = world.work(noon, batch=10)
    texts: Any = SimpleNamespace(name="texts", capabilities=Capabilities(1, {Ability.PROBE: "it is nobody"}))
    work = replace(work, outlets={**work.outlets, "sms": Outlet(texts)})
    with world.store.write() as conn:
        outlets.learn(conn, work.outlets["email"], work.now, lambda health: breaker.failed(health, work.now, "down", 9))

    tick(work)

    assert {world.state(id_) for id_ in pile} == {"waiting"}
    assert world.state(text_message) == "decided"


@pytest.fixture
def texts(world: World) -> Work:
    """Noon, with a second channel whose provider is tried with one message, and a batch of ten."""
    provider: Any = SimpleNamespace(name="texts", capabilities=Capabilities(1, {Ability.PROBE: "it is nobody"}))
    work = world.work(f"{DAY}T12:00", batch=10)
    work = replace(work, outlets={**work.outlets, "sms": Outlet(provider)})
    with world.store.write() as conn:
        outlets.learn(conn, work.outlets["sms"], 0, lambda health: breaker.failed(health, 0, "down", 9))
    return work


def due(world: World, n: int, hour: str) -> None:
    """So many contacts, each with a receipt that is due since this hour."""
    for _ in range(n):
        name = f"c{len(world.contacts)}"
        world.contact(name)
        world.message(f"{DAY}T09:00", name, "receipt", due_at=at(f"{DAY}T{hour}"))


def test_a_channel_to_be_tried_with_nothing_to_send_leaves_the_others_their_whole_batch(
    world: World, texts: Work
) -> None:
    due(world, 200, "11:00")

    assert tick(texts)["claimed"] >= 8  # of how many shards a batch is taken is an estimate


def test_what_waits_for_a_channel_that_takes_one_leaves_the_others_the_rest_of_the_batch(
    world: World, texts: Work
) -> None:
    due(world, 30, "10:00")
    with world.store.write() as conn:
        conn.execute(tables.message.update().values(channel="sms"))
        conn.execute(tables.address.update().values(channel="sms"))
    due(world, 200, "11:00")

    tick(texts)

    gone = Counter(m["channel"] for m in world.rows(tables.message) if m["state"] != "waiting")
    assert (gone["sms"], gone["email"] >= 7) == (1, True), gone


def test_of_more_than_a_batch_the_shards_that_are_furthest_behind_come_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_round, "FEW", 2)
    first, second, *_ = apart = strangers(world, 4)
    for k in range(5):
        for i, name in enumerate(apart):
            world.message("2026-03-03T08:00", name, due_at=at(f"{DAY}T09:{4 * k + i:02}"))

    assert claimed(world, batch=6) == {first, second}
    assert claimed(world, batch=19) == set(apart)
    assert claimed(world, batch=20) == set(apart)


def test_a_shard_with_little_that_is_long_due_makes_no_batch_small(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_round, "FEW", 2)
    *little, much, last = strangers(world, 4)
    for name, minutes in ((little[0], [0]), (little[1], [1]), (much, range(2, 12)), (last, [30])):
        for minute in minutes:
            world.message("2026-03-03T08:00", name, due_at=at(f"{DAY}T09:{minute:02}"))

    assert claimed(world, batch=6) == {*little, much}


def test_who_holds_no_shard_claims_nothing(world: World) -> None:
    strangers(world, 1)
    world.message(f"{DAY}T09:00", "c0", due_at=at(f"{DAY}T09:00"))
    assert claim(world.work(f"{DAY}T12:00", shards=())) == []


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([5], [5]),
        ([3, 3], [3, 3]),
        ([4, 3], [4, 3]),
        ([3, 4], [3, 4]),
        ([1, 9], [1, 9]),
        ([9, 1], [9, 1]),
        ([2, 5, 2], [2, 7]),
        ([2, 2, 3], [4, 3]),
        ([1, 1, 1, 1, 5], [4, 5]),
    ],
)
def test_what_goes_side_by_side_is_cut_between_two_shards_as_near_the_middle_as_may_be(
    sizes: list[int], parts: list[int]
) -> None:
    circles: list[Circle] = [(shard, i) for shard, n in enumerate(sizes) for i in range(n)]

    found = side_by_side(circles)

    assert [len(part) for part in found] == parts
    assert [circle for part in found for circle in part] == circles


def claimed(world: World, batch: int) -> set[str]:
    """Whose circles a tick would take at noon."""
    names = {(shard, circle): name for name, (shard, _, circle) in world.contacts.items()}
    return {names[circle] for circle in claim(world.work(f"{DAY}T12:00", batch=batch))}


def strangers(world: World, n: int) -> list[str]:
    """So many contacts, each in a shard of its own."""
    names: dict[int, str] = {}
    while len(names) < n:
        name = f"c{len(world.contacts)}"
        names.setdefault(world.contact(name)[0], name)
    return list(names.values())


def neighbours(world: World) -> list[str]:
    """Two contacts in one shard, each in a circle of its own."""
    names: dict[int, list[str]] = {}
    for i in range(65):
        shard, _, _ = world.contact(f"c{i}")
        names.setdefault(shard, []).append(f"c{i}")
        if len(names[shard]) == 2:
            return names[shard]
    raise AssertionError("two of 65 share one of 64 shards")
