"""The hand-over: once, late, looked at twice, and in doubt rather than sent twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, nan
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest

from cadence.doors.campaigns.spec import Template
from cadence.facts import HOUR, MINUTE, SECOND, EventKind
from cadence.providers.letter import Letter
from cadence.providers.provider import Ability, Awake, CannotSend, Capabilities, Outcome, Receipt, Shut, always, asleep
from cadence.queue import handover, leases, receipts, rescue, steps
from cadence.queue.handover import hand_over, prepare
from cadence.queue.outlets import Outlet
from cadence.queue.rates import Rate
from cadence.send.letters import letters_of
from cadence.store import StoreUnavailable, outbox, tables
from tests.queue.world import World, at, policy_of

DAY = "2026-03-03"
NOON = f"{DAY}T12:00"


class Desk:
    """A provider that says what the test wants it to say, and remembers what it was handed."""

    name, channel = "desk", "email"
    capabilities = Capabilities(
        max_batch=10, cannot=dict.fromkeys((Ability.SETTLE, Ability.PROBE), "it is only a desk")
    )

    def __init__(self, answer: Callable[[Letter], Receipt]) -> None:
        self.answer, self.taken = answer, list[int]()

    def send(self, letters: Sequence[Letter], awake: Awake = always, /) -> list[Receipt]:
        going = [letter for letter in letters if awake()]
        self.taken += [letter.message_id for letter in going]
        return [*(self.answer(letter) for letter in going), *asleep(letters[len(going) :])]

    def settle(self, message_ids: Sequence[int]) -> dict[int, bool]:
        raise AssertionError("it can't")

    def probe(self) -> Shut | None:
        raise AssertionError("it can't")

    def close(self) -> None:
        pass


@dataclass
class Clock:
    """A clock that the test sets."""

    shown: int


def says(outcome: Outcome, **more: object) -> Desk:
    """A provider that says the same of every letter."""
    return Desk(lambda letter: Receipt(letter.message_id, outcome, **more))  # type: ignore[arg-type]


def decided(world: World, category: str = "news", when: str = NOON) -> int:
    """A message that is decided to go."""
    if "ann" not in world.contacts:
        world.contact("ann")
    id_ = world.message(when, "ann", category)
    world.tick(when)
    assert world.state(id_) == "decided"
    return id_


def test_what_is_decided_lies_in_the_maildir_and_is_sent(world: World) -> None:
    id_ = decided(world)

    world.send(NOON)

    assert (world.state(id_), world.delivered()) == ("sent", 1)
    assert world.row(id_)["provider"] == "maildir"


def test_nothing_is_handed_over_twice(world: World) -> None:
    decided(world)
    world.send(NOON)

    world.send(NOON)

    assert world.delivered() == 1


def test_a_decision_lapses_after_five_minutes_and_is_made_anew(world: World) -> None:
    id_ = decided(world)
    assert not world.send(f"{DAY}T12:05:01")["sent"]
    assert (world.state(id_), world.touches()) == ("waiting", [])

    world.tick(f"{DAY}T12:05:01")
    world.send(f"{DAY}T12:05:01")

    assert world.state(id_) == "sent"
    assert [t["at"] for t in world.touches()] == [at(f"{DAY}T12:05:01")]


def test_a_decision_of_five_minutes_ago_still_goes(world: World) -> None:
    id_ = decided(world)

    world.send(f"{DAY}T12:05")

    assert world.state(id_) == "sent"


def test_a_stop_recorded_while_a_hand_over_waited_for_its_locks_is_heeded(world: World) -> None:
    id_ = decided(world)
    work = world.work(NOON, clock=lambda: at(NOON) + 2_000_000)
    world.say("ann", EventKind.OPT_OUT, f"{DAY}T12:00:01")

    hand_over(work, world.letters)

    assert (world.state(id_), world.delivered()) == ("waiting", 0)


def test_a_stop_after_the_decision_is_seen_at_hand_over(world: World) -> None:
    id_ = decided(world)
    world.say("ann", EventKind.OPT_OUT, f"{DAY}T12:01")

    world.send(f"{DAY}T12:01")
    world.tick(f"{DAY}T12:01")

    assert (world.state(id_), world.delivered(), world.touches()) == ("suppressed", 0, [])


def test_a_campaign_paused_after_the_decision_holds_the_message_back(world: World) -> None:
    world.contact("ann")
    world.campaign("spring")
    id_ = world.message(NOON, "ann", campaign="spring")
    world.tick(NOON)
    world.campaign("spring", "paused")

    world.send(NOON)

    assert (world.state(id_), world.delivered(), world.touches()) == ("waiting", 0, [])


def test_a_refused_message_frees_its_slot(world: World) -> None:
    world.provider = says(Outcome.REFUSED, detail="no such user", code="550")
    id_ = decided(world)

    world.send(NOON)

    assert (world.state(id_), world.row(id_)["because"], world.touches()) == ("refused", "550 no such user", [])


def test_a_refusal_by_our_own_rules_reads_as_a_sentence(world: World) -> None:
    world.provider = says(Outcome.REFUSED, detail="it has none", code="no way out")
    id_ = decided(world)

    world.send(NOON)

    assert world.row(id_)["because"] == "no way out: it has none"


def test_a_provider_in_trouble_is_told_of_in_the_log_and_a_refused_letter_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, object]] = []
    monkeypatch.setattr(receipts, "_log", SimpleNamespace(warning=lambda event, **more: told.append(more)))
    world.provider = says(Outcome.REFUSED, detail="no such user", code="550")
    decided(world)
    world.send(NOON)
    world.provider = says(Outcome.RETRY, detail="nobody is there", whole_provider=True)
    world.contact("bob")
    world.message(NOON, "bob")
    world.tick(NOON)

    world.send(NOON)

    assert [(line["messages"], line["why"]) for line in told] == [(1, "nobody is there")]


def test_marketing_in_doubt_counts_and_is_never_handed_over_again(world: World) -> None:
    desk = world.provider = says(Outcome.IN_DOUBT, detail="dropped after DATA")
    id_ = decided(world)

    world.send(NOON)
    world.rescue(f"{DAY}T13:00")
    world.tick(f"{DAY}T13:00")
    world.send(f"{DAY}T13:00")

    assert (world.state(id_), len(world.touches()), desk.taken) == ("in_doubt", 1, [id_])


def test_a_transactional_message_in_doubt_is_handed_over_again_as_one_touch(world: World) -> None:
    desk = world.provider = says(Outcome.IN_DOUBT)
    id_ = decided(world, "receipt")
    world.send(NOON)
    desk.answer = lambda letter: Receipt(letter.message_id, Outcome.ACCEPTED)

    world.send(f"{DAY}T12:30")

    assert (world.state(id_), len(world.touches(standing=False)), desk.taken) == ("sent", 1, [id_, id_])


def test_what_became_marketing_while_its_fate_was_unknown_is_not_handed_over_again(world: World) -> None:
    desk = world.provider = says(Outcome.IN_DOUBT)
    id_ = decided(world, "receipt")
    world.send(NOON)
    world.policy = policy_of(categories={"news": {"consent": "opt_in"}, "receipt": {"consent": "opt_in"}})

    world.tick(f"{DAY}T12:02")
    world.send(f"{DAY}T12:02")

    assert (desk.taken, world.state(id_), len(world.touches())) == ([id_], "in_doubt", 1)


def test_try_again_within_the_five_minutes_keeps_the_decision(world: World) -> None:
    desk = world.provider = says(Outcome.RETRY, retry_after=60.0)
    id_ = decided(world)
    world.send(NOON)
    assert (world.state(id_), world.row(id_)["hand_over_at"]) == ("decided", at(NOON) + MINUTE)
    desk.answer = lambda letter: Receipt(letter.message_id, Outcome.ACCEPTED)

    world.send(f"{DAY}T12:01")

    assert (world.state(id_), [t["at"] for t in world.touches()]) == ("sent", [at(NOON)])


def test_try_again_later_than_that_is_decided_anew_then(world: World) -> None:
    world.provider = says(Outcome.RETRY, retry_after=3600.0)
    id_ = decided(world)

    world.send(NOON)

    assert (world.state(id_), world.touches()) == ("waiting", [])
    assert world.row(id_)["due_at"] == at(f"{DAY}T13:00")


def test_a_provider_in_trouble_is_left_alone_and_decides_nothing_meanwhile(world: World) -> None:
    desk = world.provider = says(Outcome.RETRY, detail="connection refused", whole_provider=True)
    world.contact("bob")
    world.contact("cid")
    ids = [decided(world)] + [world.message(NOON, n, "care") for n in ("ann", "bob", "bob", "cid", "cid")]
    world.tick(NOON)
    world.send(NOON)
    late = world.message(f"{DAY}T12:00:10", "bob", "receipt")

    world.tick(f"{DAY}T12:00:10")

    assert world.state(late) == "waiting"
    assert len(desk.taken) <= len(ids)


def test_what_a_closed_channel_has_decided_is_in_no_other_channels_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "AT_ONCE", 3)
    closed, desk = says(Outcome.RETRY, whole_provider=True, retry_after=120.0), says(Outcome.ACCEPTED)
    for i in range(8):
        world.contact(f"c{i}")
        world.message(NOON, f"c{i}")
    world.provider = desk
    world.tick(NOON)
    work = world.work(NOON)
    with world.store.write() as conn:
        conn.execute(tables.message.update().values(channel="sms"))
        conn.execute(tables.address.update().values(channel="sms"))
    both = replace(work, outlets={"sms": Outlet(closed), "email": Outlet(desk)})  # type: ignore[arg-type]
    closed.name = "closed"
    hand_over(both, world.letters)
    id_ = decided(world)

    hand_over(both, world.letters)
    hand_over(both, world.letters)

    assert (world.state(id_), desk.taken) == ("sent", [id_])


def test_the_provider_is_tried_again_after_a_pause(world: World) -> None:
    desk = world.provider = says(Outcome.RETRY, whole_provider=True, retry_after=30.0)
    id_ = decided(world)
    world.send(NOON)
    desk.answer = lambda letter: Receipt(letter.message_id, Outcome.ACCEPTED)

    world.send(f"{DAY}T12:01")

    assert world.state(id_) == "sent"


def test_a_database_that_goes_away_right_before_the_provider_is_called_leaves_nothing_in_doubt(world: World) -> None:
    away, desk = Event(), says(Outcome.ACCEPTED)
    world.provider = desk
    id_ = decided(world)

    def clock() -> int:
        if away.is_set() and not desk.taken:
            raise StoreUnavailable("the database is away")
        return at(NOON)

    steps.arm("marked", away.set)
    try:
        hand_over(world.work(NOON, clock=clock), world.letters)
    finally:
        steps.arm("")

    assert world.state(id_) == "sent"


def test_what_a_slow_provider_took_was_taken_when_it_said_so(world: World) -> None:
    shown = [at(NOON)]
    desk = world.provider = says(Outcome.ACCEPTED)
    desk.answer = lambda letter: shown.append(at(f"{DAY}T12:09")) or Receipt(letter.message_id, Outcome.RETRY)
    id_ = decided(world)

    hand_over(world.work(NOON, clock=lambda: shown[-1]), world.letters)

    assert world.row(id_)["due_at"] == at(f"{DAY}T12:10")


def test_a_provider_whose_code_throws_leaves_its_letters_in_doubt(world: World) -> None:
    def boom(letter: Letter) -> Receipt:
        raise RuntimeError("boom")

    world.provider = Desk(boom)
    id_ = decided(world)

    world.send(NOON)

    assert world.state(id_) == "in_doubt"


@pytest.mark.parametrize(
    "said",
    [None, [], [None], [5], [Receipt(7, Outcome.ACCEPTED)], [Receipt(7, Outcome.REFUSED)] * 3],
    ids=["nothing", "none", "no receipt", "a number", "one of another's", "three of another's"],
)
def test_a_provider_that_babbles_leaves_its_letters_in_doubt_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch, said: object
) -> None:
    desk = world.provider = says(Outcome.ACCEPTED)
    id_ = decided(world)
    monkeypatch.setattr(desk, "send", lambda letters: said)

    world.send(NOON)

    assert world.state(id_) == "in_doubt"
    assert world.row(id_)["because"]


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.RETRY])
@pytest.mark.parametrize(
    "more",
    [
        {"detail": "\ud800 \x00 what\r\n?", "code": "\x00\udfff", "provider_id": "\ud800\x00"},
        {"detail": "x" * 100_000, "provider_id": "y" * 100_000},
        *({"retry_after": wait, "whole_provider": True} for wait in (nan, inf, -inf)),
        {"retry_after": 1e300},
    ],
    ids=str,
)
def test_whatever_a_receipt_holds_it_is_written_down(world: World, outcome: Outcome, more: dict[str, object]) -> None:
    world.provider = says(outcome, **more)
    id_ = decided(world)

    world.send(NOON)

    state = world.state(id_)
    assert state in (["sent"] if outcome is Outcome.ACCEPTED else ["decided", "waiting"])
    if state != "sent":
        back_at = world.row(id_)["hand_over_at"] or world.row(id_)["due_at"]
        assert at(NOON) < back_at <= at("2026-03-04T12:00")


def test_a_letter_for_which_the_provider_refuses_the_whole_call_holds_up_nobody(world: World) -> None:
    desk = world.provider = says(Outcome.ACCEPTED)
    ids = [world.message(NOON, name) for name in ("ann", "bob", "cid") if world.contact(name)]
    world.tick(NOON)
    take = desk.send

    def send(letters: Sequence[Letter], awake: Awake) -> list[Receipt]:
        if ids[1] in [letter.message_id for letter in letters]:
            raise CannotSend("it has no MIME")
        return take(letters)

    desk.send = send  # type: ignore[method-assign]
    world.send(NOON)
    world.send(f"{DAY}T12:02")

    assert [world.state(id_) for id_ in ids] == ["sent", "decided", "sent"]
    assert [world.row(id_)["attempts"] for id_ in ids] == [0, 2, 0]


def test_a_provider_that_refuses_every_call_spends_one_try_a_round_and_is_left_alone(world: World) -> None:
    desk = world.provider = says(Outcome.ACCEPTED)
    names = [f"c{i}" for i in range(8)]
    ids = [world.message(NOON, name) for name in names if world.contact(name)]
    world.tick(NOON)

    def send(letters: Sequence[Letter], awake: Awake) -> list[Receipt]:
        raise CannotSend("it was closed")

    desk.send = send  # type: ignore[method-assign]
    world.send(NOON)

    assert sum(world.row(id_)["attempts"] for id_ in ids) == 1
    with world.store.read() as conn:
        assert (outbox.provider_row(conn, "desk") or {})["because"] == "it was closed"
        assert (outbox.provider_row(conn, "desk") or {})["breaker"] == "open"


def test_of_two_receipts_for_one_letter_the_first_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = world.provider = says(Outcome.ACCEPTED)
    id_ = decided(world)
    monkeypatch.setattr(
        desk, "send", lambda letters, awake: [Receipt(id_, o) for o in (Outcome.ACCEPTED, Outcome.REFUSED)]
    )

    world.send(NOON)

    assert world.state(id_) == "sent"


def test_a_letter_that_cannot_be_written_is_refused_before_anything_goes_out(world: World) -> None:
    world.contact("ann")
    id_ = world.message(NOON, "ann", campaign="no template for this")
    with world.store.write() as conn:
        conn.execute(tables.message.update().values(variables=None))
    world.tick(NOON)

    world.send(NOON)

    assert (world.state(id_), world.touches(), world.delivered()) == ("refused", [], 0)


@dataclass(frozen=True)
class Planned:
    """As much of a campaign as its letters need, with what it says in a file."""

    folder: Path
    name: str = "spring"
    names: Sequence[str] = ("spring",)
    category: str = "news"
    variables: Mapping[str, object] = field(default_factory=dict)
    template: Template = field(default_factory=lambda: Template(subject="Spring", text="spring.txt"))


def planned(world: World, *names: str) -> list[int]:
    """Messages of the campaign spring to these contacts, whose file isn't there yet, decided and given back."""
    world.campaign("spring")
    ids = [world.message(NOON, name, campaign="spring") for name in names if world.contact(name)]
    with world.store.write() as conn:
        conn.execute(tables.message.update().values(variables=None))
    world.tick(NOON)
    world.send(NOON)
    return ids


def test_letters_whose_template_is_missing_wait_for_it(world: World) -> None:
    (id_,) = planned(world, "ann")

    row = world.row(id_)
    assert (row["state"], row["due_at"], row["attempts"], world.touches()) == ("waiting", at(NOON) + HOUR, 0, [])
    assert row["ask_because"].startswith("it can't be written now: there is no template: campaign 'spring'")
    (world.mail.parent / "spring.txt").write_text("Spring is here.")
    world.letters = letters_of([Planned(world.mail.parent)], world.letters.sender, world.letters.way_out, "en", "UTC")
    world.tick(f"{DAY}T13:00")
    world.send(f"{DAY}T13:00")
    assert world.state(id_) == "sent"


@pytest.mark.parametrize("there", [None, "{% include 'more.txt' %}", "{% if %}"])
def test_while_a_template_is_missing_nothing_is_written_but_when_it_is_asked_for_next(
    world: World, there: str | None
) -> None:
    (id_,) = planned(world, "ann")
    if there is not None:
        (world.mail.parent / "spring.txt").write_text(there)
    world.letters = letters_of([Planned(world.mail.parent)], world.letters.sender, world.letters.way_out, "en", "UTC")

    for hour in range(13, 20):
        world.tick(f"{DAY}T{hour}:00")
        world.send(f"{DAY}T{hour}:00")

    assert (len(world.decisions(id_)), len(world.touches(standing=False))) == (1, 1)
    assert (world.state(id_), world.row(id_)["due_at"]) == ("waiting", at(f"{DAY}T20:00"))
    assert "spring.txt" in world.row(id_)["ask_because"]


def test_what_waits_for_its_template_is_in_no_others_way(world: World) -> None:
    planned(world, "ann")
    world.policy = policy_of(arbitration={"lookahead": "24h"}, guard_rails={"caps": [{"max": 1, "per": "7d"}]})
    with world.store.write() as conn:
        conn.execute(tables.message.update().values(priority=99))
    other = world.message(f"{DAY}T12:30", "ann")

    world.tick(f"{DAY}T12:30")

    assert world.state(other) == "decided"


def test_what_waits_for_its_template_still_expires(world: World) -> None:
    (id_,) = planned(world, "ann")
    with world.store.write() as conn:
        conn.execute(tables.message.update().values(expires_at=at(f"{DAY}T13:30")))

    world.tick(f"{DAY}T13:00")
    assert world.row(id_)["due_at"] == at(f"{DAY}T13:30")
    world.tick(f"{DAY}T13:30")
    assert world.state(id_) == "expired"


def test_no_more_is_decided_than_the_provider_can_take_now(world: World) -> None:
    world.rate = Rate(per_second=1, burst=2)
    names = [f"c{i}" for i in range(5)]
    for name in names:
        world.contact(name)
        world.message(NOON, name)

    world.tick(NOON)
    world.send(NOON)

    assert world.delivered() == 2
    assert len(world.touches()) == 2


@pytest.fixture
def standing(world: World) -> Clock:
    """The clock was set back an hour at noon: decisions stand there meanwhile, the provider's clock goes on."""
    clock = Clock(at(NOON))
    world.clock = lambda conn: clock.shown
    return clock


def test_a_paced_provider_goes_on_while_decisions_stand_since_the_clock_was_set_back(
    world: World, standing: Clock
) -> None:
    world.rate = Rate(per_second=1, burst=2)
    for i in range(6):
        world.contact(f"c{i}")
        world.message(NOON, f"c{i}")
    gone = []
    for shown in (0, -3600, -3599, -3598, -3590):
        standing.shown = at(NOON) + shown * SECOND
        world.tick(NOON)
        world.send(NOON)
        gone.append(world.delivered())

    assert gone == [2, 3, 4, 5, 6]


def test_a_provider_left_alone_is_tried_again_while_decisions_stand_since_the_clock_was_set_back(
    world: World, standing: Clock
) -> None:
    desk = world.provider = says(Outcome.RETRY, whole_provider=True, retry_after=30.0)
    standing.shown -= HOUR
    decided(world)
    world.send(NOON)
    world.contact("bob")
    id_ = world.message(NOON, "bob")
    desk.answer = lambda letter: Receipt(letter.message_id, Outcome.ACCEPTED)
    states = []
    for _ in range(2):
        world.tick(NOON)
        world.send(NOON)
        states.append(world.state(id_))
        standing.shown += MINUTE

    assert states == ["waiting", "sent"]


def test_a_provider_left_alone_by_a_clock_that_was_ahead_is_tried_when_the_clock_is_right(world: World) -> None:
    desk = world.provider = says(Outcome.RETRY, whole_provider=True)
    for i in range(6):
        world.contact(f"c{i}")
        world.message(NOON, f"c{i}")
    ahead = "2026-03-04T11:00"
    world.tick(ahead)
    world.send(ahead)
    desk.answer = lambda letter: Receipt(letter.message_id, Outcome.ACCEPTED)
    id_ = decided(world)

    world.send(NOON)

    assert world.state(id_) == "sent"


@pytest.fixture
def crashed(world: World) -> World:
    """A daemon that died after it recorded `sending` and before it called the provider."""
    for folder in ("new", "cur"):
        (world.mail / folder).mkdir(parents=True)
    decided(world)
    batches, _ = prepare(world.work(NOON), world.letters)
    assert batches
    leases.leave(world.store, world.me)
    world.me = "daemon-2"
    return world


def test_what_never_left_is_found_by_looking_and_decided_anew(crashed: World) -> None:
    crashed.rescue(f"{DAY}T12:01")
    crashed.tick(f"{DAY}T12:01")
    crashed.send(f"{DAY}T12:01")

    assert (crashed.delivered(), len(crashed.touches())) == (1, 1)


def test_where_nobody_can_look_it_stays_in_doubt(crashed: World) -> None:
    desk = crashed.provider = says(Outcome.ACCEPTED)

    crashed.rescue(f"{DAY}T12:01")
    crashed.tick(f"{DAY}T12:01")
    crashed.send(f"{DAY}T12:01")

    (message,) = crashed.rows(tables.message)
    assert (message["state"], desk.taken, len(crashed.touches())) == ("in_doubt", [], 1)


def test_what_a_living_daemon_is_handing_over_is_left_alone(crashed: World) -> None:
    crashed.rescue(f"{DAY}T12:01", frozenset({"daemon-1"}))

    (message,) = crashed.rows(tables.message)
    assert message["state"] == "sending"


def test_what_a_living_daemon_lost_track_of_is_its_own_to_settle_wherever_its_shard_went(crashed: World) -> None:
    work = crashed.work(f"{DAY}T12:01")

    assert rescue.recover(work) == {}
    assert rescue.recover(replace(work, me="daemon-1", shards=()))["in_doubt"] == 1

    (row,) = crashed.rows(tables.message)
    assert (row["state"], row["doubt_at"]) == ("in_doubt", at(f"{DAY}T12:01"))


def test_where_a_daemon_was_asleep_right_before_the_hand_over_nobody_was_asked_and_no_try_was_spent(
    world: World,
) -> None:
    desk = world.provider = says(Outcome.ACCEPTED)
    id_ = decided(world)
    asked = iter([True, False])

    hand_over(replace(world.work(NOON), awake=lambda: next(asked, False)), world.letters)

    row = world.row(id_)
    assert (row["state"], row["attempts"], row["sender"], desk.taken) == ("decided", 0, None, [])
    world.send(f"{DAY}T12:01")
    assert world.state(id_) == "sent"


def test_a_stop_said_while_a_daemon_was_asleep_in_the_middle_of_a_batch_is_heeded(world: World) -> None:
    desk = world.provider = says(Outcome.ACCEPTED)
    ids = [world.message(NOON, name) for name in ("ann", "bob", "cy") if world.contact(name)]
    world.tick(NOON)
    asked = iter([True] * 3)

    hand_over(replace(world.work(NOON), awake=lambda: next(asked, False)), world.letters)
    assert desk.taken == ids[:1]
    world.say("bob", EventKind.OPT_OUT, NOON)
    world.tick(f"{DAY}T12:01")
    world.send(f"{DAY}T12:01")
    world.tick(f"{DAY}T12:02")

    assert [world.state(id_) for id_ in ids] == ["sent", "suppressed", "sent"]
    assert [world.row(id_)["attempts"] for id_ in ids] == [0, 0, 0]
    assert desk.taken == [ids[0], ids[2]]


def test_who_is_asleep_marks_nothing(world: World) -> None:
    id_ = decided(world)

    for second in range(40):
        hand_over(replace(world.work(NOON), now=at(NOON) + second * SECOND, awake=lambda: False), world.letters)

    assert (world.state(id_), world.row(id_)["attempts"]) == ("decided", 0)


def stored(world: World) -> dict[str, object]:
    """The provider's speed and health."""
    with world.store.read() as conn:
        return outbox.provider_row(conn, world.provider.name) or {}


def test_what_a_half_open_provider_was_never_asked_for_says_nothing_of_its_health(world: World) -> None:
    world.provider = says(Outcome.RETRY, detail="closed", whole_provider=True)
    id_ = decided(world)
    for minute in range(6):
        world.tick(f"{DAY}T12:0{minute}")
        world.send(f"{DAY}T12:0{minute}")
    before = stored(world)
    assert before["breaker"] == "open"
    world.tick(f"{DAY}T14:00")
    assert world.state(id_) == "decided"
    asked = iter([True, False])

    hand_over(replace(world.work(f"{DAY}T14:00"), awake=lambda: next(asked, False)), world.letters)

    after = stored(world)
    assert (after["failures"], world.state(id_)) == (before["failures"], "decided")


def test_a_channel_without_a_provider_is_refused(world: World) -> None:
    id_ = decided(world)
    work = world.work(NOON)
    hand_over(replace(work, outlets={"sms": Outlet(world.provider)}), world.letters)

    assert world.state(id_) == "refused"
    assert "no provider hands over email" in world.row(id_)["because"]


def test_a_last_look_that_throws_holds_the_message_and_does_not_spin(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = decided(world)

    def throws(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(handover, "decide", throws)
    world.send(NOON)
    world.tick(NOON)

    assert (world.state(id_), world.touches(), world.delivered()) == ("waiting", [], 0)
    assert world.row(id_)["due_at"] == at(f"{DAY}T13:00")
    assert "ZeroDivisionError" in world.row(id_)["ask_because"]
