"""Promise 1: a record without a breach passes, and a breach of each kind of rule is found under the rule's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cadence.audit.verify.clauses import CLAUSES
from cadence.audit.verify.wishes import ALWAYS_ON
from cadence.facts import EventKind, Verdict
from cadence.rules.registry import RULES
from cadence.store import Store, tables
from tests.audit.ledger import NOON, POLICY, Ledger, at

EVENING = "2026-03-03T21:00"


def rails(**rules: Any) -> dict[str, Any]:
    return {"guard_rails": rules}


def test_every_kind_of_rule_has_a_clause() -> None:
    assert {*CLAUSES, *ALWAYS_ON} >= set(RULES)


def test_an_empty_record_keeps_every_promise(store: Store) -> None:
    assert store is not None
    assert Ledger(store).verify().ok


def test_a_clean_record_passes(store: Store) -> None:
    ledger = Ledger(store, **rails(caps={"max": 1, "per": "7d"}, quiet_hours={"from": "20:00", "to": "08:00"}))
    ann = ledger.contact()
    ledger.sent(ann, "2026-03-03T12:00")
    ledger.sent(ann, "2026-03-10T12:00")  # to the microsecond when the first leaves the window

    report = ledger.verify()

    assert report.ok, report.text()
    assert report.judged["touches"] == 2


def cap(ledger: Ledger, ann: int) -> None:
    ledger.sent(ann, "2026-03-03T12:00")
    ledger.sent(ann, "2026-03-10T11:59")


def second_at(later: str) -> Callable[[Ledger, int], None]:
    def act(ledger: Ledger, ann: int) -> None:
        ledger.sent(ann, NOON, content="hats", thread="t")
        ledger.sent(ann, later, content="hats", thread="t")

    return act


def at_night(ledger: Ledger, ann: int) -> None:
    ledger.sent(ann, EVENING)


def after_a_purchase(ledger: Ledger, ann: int) -> None:
    ledger.event(ann, EventKind.PURCHASE, "2026-03-02T23:00")
    ledger.sent(ann, "2026-03-08T23:59")


def three_unanswered(ledger: Ledger, ann: int) -> None:
    for day in ("2026-03-01", "2026-03-10", "2026-03-20"):
        ledger.sent(ann, f"{day}T12:00")


def reserved(ledger: Ledger, ann: int) -> None:
    ledger.sent(ann, NOON)
    ledger.sent(ann, "2026-03-04T12:00")


def channels(ledger: Ledger, ann: int) -> None:
    ledger.told(ann, NOON, channel="sms")
    ledger.sent(ann, "2026-03-03T13:00")


def triggered(ledger: Ledger, ann: int) -> None:
    ledger.said(ann, EventKind.OPT_IN, "2026-01-01T12:00", category="profiling")
    ledger.sent(ann, NOON, trigger_at=at("2026-03-03T11:00"))


def of_a_topic(ledger: Ledger, ann: int) -> None:
    ledger.said(ann, EventKind.OPT_IN, "2026-01-01T12:00", category="profiling")
    ledger.sent(ann, NOON, trigger_at=at("2026-03-01T11:00"), topic="health")


def without_profiling(ledger: Ledger, ann: int) -> None:
    ledger.sent(ann, NOON, trigger_at=at("2026-03-01T11:00"))


def not_looked_up(ledger: Ledger, ann: int) -> None:
    ledger.event(ann, EventKind.SCREENED, "2026-01-01T12:00", subject="nix", detail='{"listed": false}')
    ledger.sent(ann, NOON)


def triggered_twice(ledger: Ledger, ann: int) -> None:
    ledger.said(ann, EventKind.OPT_IN, "2026-01-01T12:00", category="profiling", channel="sms")
    ledger.told(ann, "2026-02-26T12:01")
    ledger.sent(ann, "2026-02-25T12:00", trigger_at=at("2026-02-01T11:00"))
    ledger.sent(ann, "2026-03-04T11:59", trigger_at=at("2026-02-01T11:00"))


def triggered_after_a_stop(ledger: Ledger, ann: int) -> None:
    ledger.said(ann, EventKind.OPT_IN, "2026-01-01T12:00", category="profiling", channel="sms")
    ledger.said(ann, EventKind.OPT_OUT, "2026-01-02T12:00", channel="sms")
    ledger.sent(ann, NOON, trigger_at=at("2026-02-01T11:00"))


def answered_ever_less(ledger: Ledger, ann: int) -> None:
    for when in ("2026-02-10T12:00", "2026-02-11T12:00", "2026-02-25T12:00"):
        ledger.event(ann, EventKind.CLICK, when)
    ledger.told(ann, "2026-02-12T12:00")
    ledger.told(ann, "2026-02-24T12:00")
    ledger.told(ann, "2026-02-26T12:00")
    ledger.sent(ann, NOON)


def found_on_it(ledger: Ledger, ann: int) -> None:
    for listed in ("true", "false"):
        ledger.event(ann, EventKind.SCREENED, "2026-03-01T12:00", subject="nix", detail=f'{{"listed": {listed}}}')
    ledger.sent(ann, NOON)


def looked_up_elsewhere(ledger: Ledger, ann: int) -> None:
    ledger.event(ann, EventKind.SCREENED, "2026-03-01T12:00", subject="tps", detail='{"listed": false}')
    ledger.sent(ann, NOON)


def a_third_channel(ledger: Ledger, ann: int) -> None:
    ledger.told(ann, "2026-03-01T12:00", channel="sms")
    ledger.event(ann, EventKind.CLICK, "2026-03-01T13:00")
    ledger.told(ann, "2026-03-02T12:00", channel="phone")
    ledger.event(ann, EventKind.CLICK, "2026-03-02T13:00")
    ledger.sent(ann, NOON)


def a_call_that_rang_out(ledger: Ledger, ann: int) -> None:
    ledger.told(ann, "2026-03-02T12:00", channel="phone", outcome="no_answer")
    ledger.event(ann, EventKind.CLICK, "2026-03-02T13:00")
    ledger.sent(ann, NOON)


def an_uncounted_reminder(ledger: Ledger, ann: int) -> None:
    ledger.told(ann, "2026-03-01T12:00", category="receipt", thread="t")
    ledger.event(ann, EventKind.CLICK, "2026-03-02T12:00")
    ledger.sent(ann, NOON, category="follow_up", thread="t")


def of_other_names(ledger: Ledger, ann: int) -> None:
    ledger.told(ann, "2026-03-01T12:00", category="receipt", channel="post", campaign="spring", content="hats")
    ledger.sent(ann, NOON, campaign="easter", content="hats")


def follow_ups(ledger: Ledger, ann: int) -> None:
    for day in (3, 4):
        ledger.sent(ann, f"2026-03-0{day}T12:00", category="follow_up", thread="t")


CASES: dict[str, tuple[dict[str, Any], Callable[[Ledger, int], None], str]] = {
    "caps": ({"caps": {"max": 1, "per": "7d"}}, cap, "1 per 7d"),
    "caps by local days": ({"caps": {"max": 1, "per": "7 local days"}}, second_at("2026-03-09T23:59"), "1 per 7 local days"),
    "caps by the calendar": ({"caps": {"max": 1, "per": "calendar week"}}, second_at("2026-03-08T23:59"), "1 per calendar week"),
    "caps for ever": ({"caps": {"max": 1, "per": "ever"}}, second_at("2026-05-08T23:59"), "1 per ever"),
    "caps with a reserve": ({"caps": {"name": "kept", "max": 2, "per": "7d", "reserve": {"follow_up": 1}}}, reserved, "kept"),
    "gap": ({"gap": {"wait": "24h"}}, second_at("2026-03-04T11:59"), "1 per 24h"),
    "quiet_hours": ({"quiet_hours": {"name": "night", "from": "20:00", "to": "08:00"}}, at_night, "night"),
    "quiet days": ({"quiet_hours": {"days": ["tue"]}}, at_night, "quiet_hours"),
    "cool_down": ({"cool_down": {"after": "purchase", "wait": "7 local days"}}, after_a_purchase, "cool_down"),
    "silence": ({"silence": {"base": "2d", "factor": 2}}, second_at("2026-03-05T11:59"), "silence"),
    "silence at its end": ({"silence": {"stop_after": 2}}, three_unanswered, "silence"),
    "fatigue": ({"fatigue": {"half_life": "7d", "limit": 1.5}}, second_at("2026-03-10T11:59"), "fatigue"),
    "follow_ups": ({"follow_ups": {"max": 1}}, follow_ups, "follow_ups"),
    "follow_ups of a name": ({"follow_ups": {"max": 1, "categories": ["follow_up", "receipt"], "answered_by": ["reply"]}}, an_uncounted_reminder, "follow_ups"),
    "channel_hop": ({"channel_hop": {"wait": "48h"}}, channels, "channel_hop"),
    "channel_hop by number": ({"channel_hop": {"max_channels": 2, "per": "7d"}}, a_third_channel, "channel_hop"),
    "channel_hop unanswered": ({"channel_hop": {"wait": "1mo", "answered_by": ["reply"]}}, a_call_that_rang_out, "channel_hop"),
    "surveillance": ({"surveillance": {"wait": "6h"}}, triggered, "surveillance"),
    "surveillance of topics": ({"surveillance": {"never_topics": ["health"]}}, of_a_topic, "surveillance"),
    "surveillance unasked": ({"surveillance": {"wait": "1h"}}, without_profiling, "surveillance"),
    "surveillance by number": ({"surveillance": {"max": 1, "per": "7d"}}, triggered_twice, "surveillance"),
    "surveillance after a stop": ({"surveillance": {}}, triggered_after_a_stop, "surveillance"),
    "escalation with some answers": ({"escalation": {"window": "14d"}}, answered_ever_less, "escalation"),
    "escalation": ({"escalation": {"window": "14d", "allow": 0, "floor": 1}}, second_at("2026-03-04T12:00"), "escalation"),
    "repetition": ({"repetition": {"window": "60d"}}, second_at("2026-04-04T12:00"), "repetition"),
    "repetition by another name": ({"repetition": {"window": "calendar month"}}, of_other_names, "repetition"),
    "screened and found": ({"screened": {"register": "nix", "within": "30d"}}, found_on_it, "screened"),
    "screened elsewhere": ({"screened": {"register": "nix", "within": "30d"}}, looked_up_elsewhere, "screened"),
    "screened": ({"screened": {"register": "nix", "within": "30d"}}, not_looked_up, "screened"),
}  # fmt: skip


def raw(rules: dict[str, Any]) -> dict[str, Any]:
    """A stored policy with these rails, kinds that this release refuses among them."""
    kept = {k: POLICY[k] for k in ("defaults", "categories")}
    return {"version": 1, **kept, "guard_rails": [[k, v] for k, v in rules.items()], "segments": [{"name": "everyone", "cadence": []}]}  # fmt: skip


def test_a_breach_of_each_rule_that_is_written_is_planted() -> None:
    """Those that are always on are planted below, and evasion in test_stop_means_stop.py."""
    assert {kind for rules, _, _ in CASES.values() for kind in rules} == {
        k for k, m in RULES.items() if not m.ALWAYS_ON
    }


@pytest.mark.parametrize("case", CASES)
def test_a_planted_breach_of_each_rule_is_found_under_its_name(store: Store, case: str) -> None:
    rules, act, name = CASES[case]
    ledger = Ledger(store)
    ledger.raw_policy(raw(rules))
    act(ledger, ledger.contact())

    assert ledger.broken() == [(1, name)]


@pytest.mark.parametrize("case", CASES)
def test_the_same_touches_break_nothing_without_the_rule(store: Store, case: str) -> None:
    _, act, _ = CASES[case]
    ledger = Ledger(store)
    act(ledger, ledger.contact())

    assert ledger.broken() == []


@pytest.mark.parametrize("case", CASES)
def test_a_rule_that_only_watches_is_not_broken(store: Store, case: str) -> None:
    rules, act, _ = CASES[case]
    ledger = Ledger(store)
    ledger.raw_policy(raw({kind: {**says, "only_watch": True} for kind, says in rules.items()}))
    act(ledger, ledger.contact())

    assert ledger.broken() == []


def quiet_follow_ups(ledger: Ledger, ann: int) -> None:
    """In other threads, answered, of another category, or without a thread."""
    for day, thread in ((1, "t"), (2, "u"), (3, None)):
        ledger.sent(ann, f"2026-03-0{day}T12:00", category="follow_up", thread=thread)
    ledger.sent(ann, "2026-03-04T12:00", category="promotion", thread="t")
    ledger.sent(ann, "2026-03-05T12:00", category="follow_up")
    ledger.event(ann, EventKind.REPLY, "2026-03-05T13:00")
    ledger.sent(ann, "2026-03-06T12:00", category="follow_up", thread="t")


def quiet_channels(ledger: Ledger, ann: int) -> None:
    """The same again, one of two at one instant, answered, or old enough to the microsecond."""
    ledger.sent(ann, "2026-03-01T12:00")
    ledger.sent(ann, "2026-03-01T13:00")
    for channel in ("email", "sms"):
        ledger.told(ann, "2026-03-02T12:00", channel=channel)
    ledger.sent(ann, "2026-03-02T13:00")
    ledger.told(ann, "2026-03-03T12:00", channel="sms")
    ledger.event(ann, EventKind.VISIT, "2026-03-03T12:00")
    ledger.sent(ann, "2026-03-03T13:00")
    ledger.told(ann, "2026-03-06T12:00", channel="sms")
    ledger.told(ann, "2026-03-06T13:00", channel="phone", category="receipt")
    ledger.sent(ann, "2026-03-08T12:00")


def quiet_contents(ledger: Ledger, ann: int) -> None:
    """Another content, none, or the same once it has left the window, to the microsecond."""
    for when, content in (("01T12:00", "hats"), ("02T12:00", "shoes"), ("03T12:00", None), ("04T12:00", None), ("08T12:00", "hats")):  # fmt: skip
        ledger.sent(ann, f"2026-03-{when}", content=content)


@pytest.mark.parametrize(
    ("rules", "act"),
    [
        ({"follow_ups": {"max": 1}}, quiet_follow_ups),
        ({"channel_hop": {"wait": "48h", "max_channels": 2, "per": "7d"}}, quiet_channels),
        ({"repetition": {"window": "7d"}}, quiet_contents),
    ],
)
def test_what_a_guard_lets_pass_is_no_breach(
    store: Store, rules: dict[str, Any], act: Callable[[Ledger, int], None]
) -> None:
    ledger = Ledger(store, **rails(**rules))
    act(ledger, ledger.contact())

    assert ledger.broken() == []


def test_a_release_passes_repetition_and_no_follow_ups(store: Store) -> None:
    ledger = Ledger(store, **rails(repetition={"window": "60d"}, follow_ups={"max": 1}))
    ann = ledger.contact()
    ledger.sent(ann, NOON, category="follow_up", thread="t", content="hats")
    ledger.sent(ann, "2026-03-04T12:00", category="follow_up", thread="u", content="hats", released_at=at(NOON))
    ledger.sent(ann, "2026-03-05T12:00", category="follow_up", thread="u", content="hats", released_at=at(NOON))

    assert ledger.broken() == [(1, "follow_ups")]


@pytest.mark.parametrize("answered", [True, False])
def test_contact_that_grows_breaks_nothing_while_answers_do_too(store: Store, answered: bool) -> None:
    ledger = Ledger(store, **rails(escalation={"window": "14d"}))
    ann = ledger.contact()
    if answered:
        ledger.event(ann, EventKind.CLICK, "2026-02-10T12:00")
        ledger.event(ann, EventKind.REPLY, "2026-02-25T12:00")
    ledger.told(ann, "2026-02-24T12:00")
    ledger.told(ann, "2026-02-26T12:00")
    ledger.sent(ann, NOON)

    assert ledger.broken() == ([] if answered else [(1, "escalation")])


def test_a_look_up_told_of_only_later_doesn_t_excuse_a_touch(store: Store) -> None:
    ledger = Ledger(store, **rails(screened={"register": "nix", "within": "30d"}))
    ann, bo = ledger.contact(), ledger.contact(email="bo@example.com")
    for who, recorded in ((ann, "2026-03-01T13:00"), (bo, "2026-03-05T12:00")):
        if who == bo:
            ledger.sent(who, NOON, mailbox="email:bo@example.com")
        found = {"subject": "nix", "detail": '{"listed": false}', "recorded": recorded}
        ledger.event(who, EventKind.SCREENED, "2026-03-01T12:00", **found)
    ledger.sent(ann, NOON)

    assert [(b.rule, b.contact) for b in ledger.verify().breaches] == [("screened", bo)]


def test_consent_that_was_never_given_is_found(store: Store) -> None:
    ledger = Ledger(store)
    ledger.sent(ledger.contact(), NOON, "news")

    assert ledger.broken() == [(1, "consent")]


def test_consent_told_of_only_later_doesn_t_excuse_a_touch(store: Store) -> None:
    ledger = Ledger(store)
    ann = ledger.contact()
    ledger.sent(ann, NOON, "news")
    ledger.said(ann, EventKind.OPT_IN, "2026-03-01T12:00", recorded="2026-03-05T12:00")

    assert ledger.broken() == [(1, "consent")]


def test_a_fact_that_was_told_of_only_later_breaks_nothing(store: Store) -> None:
    ledger = Ledger(store, **rails(caps={"max": 1, "per": "7d"}))
    ann = ledger.contact()
    ledger.sent(ann, NOON)
    ledger.told(ann, "2026-03-03T11:00")

    assert ledger.broken() == []


def test_a_pause_an_open_hold_and_a_chosen_cap_are_kept(store: Store) -> None:
    ledger = Ledger(store)
    bo, cleo, dee = (ledger.contact(email=f"{n}@example.com") for n in "bcd")
    ledger.event(bo, EventKind.SNOOZE, "2026-03-01T12:00", until=at("2026-03-04T12:00"))
    ledger.event(cleo, EventKind.TICKET_OPENED, "2026-03-01T12:00", subject="T-1")
    ledger.event(dee, EventKind.LESS_OFTEN, "2026-03-01T12:00", subject="1 per 30d")
    ledger.told(dee, "2026-02-20T12:00")
    for one, letter in ((bo, "b"), (cleo, "c"), (dee, "d")):
        ledger.sent(one, NOON, mailbox=f"email:{letter}@example.com")

    assert ledger.broken() == [(1, "own_wishes"), (1, "holds"), (1, "own_wishes")]


def test_a_message_about_a_hold_is_not_held_by_it(store: Store) -> None:
    ledger = Ledger(store)
    ann = ledger.contact()
    ledger.event(ann, EventKind.TICKET_OPENED, "2026-03-01T12:00", subject="T-1")
    ledger.sent(ann, NOON, about="T-1")

    assert ledger.broken() == []


def test_a_segment_s_rule_holds_for_the_segment_that_was_decided_by(store: Store) -> None:
    tight = {"name": "tight", "where": {"orders": {"at_least": 1}}, "cadence": {"gap": {"wait": "48h"}}}
    ledger = Ledger(store, segments=[tight, {"name": "everyone"}])
    ann, bo = ledger.contact(), ledger.contact(email="bo@example.com")
    for who, segment in ((ann, "tight"), (bo, "everyone")):
        for when in (NOON, "2026-03-04T12:00"):
            ledger.sent(who, when, segment=segment, mailbox=f"email:{who}")

    assert [(b.rule, b.contact) for b in ledger.verify().breaches] == [("1 per 48h", ann)]


def test_the_policy_of_the_decision_judges_and_not_today_s(store: Store) -> None:
    ledger = Ledger(store)
    ann = ledger.contact()
    ledger.sent(ann, NOON)
    ledger.sent(ann, "2026-03-03T13:00")
    ledger.use(**rails(caps={"max": 1, "per": "7d"}))

    assert ledger.broken() == []


def test_a_touch_to_the_same_mailbox_under_another_contact_counts(store: Store) -> None:
    ledger = Ledger(store, **rails(caps={"max": 1, "per": "7d"}))
    ann = ledger.contact()
    again = ledger.contact(circle=ann)
    ledger.sent(ann, NOON)
    ledger.sent(again, "2026-03-04T12:00", circle=ann)

    assert ledger.broken() == [(1, "1 per 7d")]


def test_a_withdrawn_touch_frees_its_slot_from_then_on(store: Store) -> None:
    ledger = Ledger(store, **rails(caps={"max": 1, "per": "7d"}))
    ann = ledger.contact()
    message, _, touch = ledger.sent(ann, NOON)
    ledger.change(tables.touch, touch, withdrawn_at=at(NOON), withdrawn_number=ledger.number(ann))
    ledger.change(tables.message, message, state="refused", because="bounced at the door", touch=None)
    ledger.sent(ann, "2026-03-04T12:00")

    assert ledger.broken() == []


def test_a_release_passes_caps_and_no_quiet_hours(store: Store) -> None:
    ledger = Ledger(
        store, **rails(caps={"max": 1, "per": "7d"}, quiet_hours={"name": "night", "from": "20:00", "to": "08:00"})
    )
    ann = ledger.contact()
    ledger.sent(ann, NOON)
    ledger.sent(ann, EVENING, released_at=at(NOON))

    assert ledger.broken() == [(1, "night")]


def test_what_a_transactional_category_is_exempt_from_is_not_broken(store: Store) -> None:
    ledger = Ledger(store, **rails(caps={"max": 1, "per": "7d"}))
    ann = ledger.contact()
    for hour in (10, 11, 12):
        ledger.sent(ann, f"2026-03-03T{hour}:00", "receipt")
    ledger.sent(ann, "2026-03-03T13:00")

    assert ledger.broken() == []


def test_two_daemons_that_decide_at_once_are_found(store: Store) -> None:
    ledger = Ledger(store, **rails(caps={"max": 1, "per": "7d"}))
    ann = ledger.contact()
    ledger.sent(ann, NOON)
    _, second, _ = ledger.sent(ann, NOON)
    ledger.change(tables.decision, second, seen_number=0)

    assert sorted(ledger.broken()) == [(1, "1 per 7d"), (1, "order")]


def test_a_touch_without_a_decision_is_found(store: Store) -> None:
    ledger = Ledger(store)
    _, decision, _ = ledger.sent(ledger.contact(), NOON)
    ledger.change(tables.decision, decision, verdict=int(Verdict.DEFER))

    assert ledger.broken() == [(1, "no decision"), (2, "no decision")]


def test_a_touch_whose_decision_is_no_longer_kept_is_not_judged(store: Store) -> None:
    ledger = Ledger(store)
    message, decision, _ = ledger.sent(ledger.contact(), NOON)
    with store.write() as conn:
        conn.execute(tables.decision.delete().where(tables.decision.c.id == decision))
        conn.execute(tables.message.delete().where(tables.message.c.id == message))

    young, old = ledger.verify("2026-06-01T12:00"), ledger.verify("2027-06-01T12:00")

    assert [(b.promise, b.rule) for b in young.breaches] == [(1, "no decision")]
    assert old.ok
    assert old.unjudged == {"touches older than decisions are kept": 1}


def test_a_touch_that_doesn_t_lie_at_its_decision_is_found(store: Store) -> None:
    ledger = Ledger(store)
    _, decision, _ = ledger.sent(ledger.contact(), NOON)
    ledger.change(tables.decision, decision, at=at("2026-03-03T12:01"))

    assert (1, "no decision") in ledger.broken()


def test_a_touch_in_another_category_than_its_message_is_found(store: Store) -> None:
    ledger = Ledger(store)
    _, _, touch = ledger.sent(ledger.contact(), NOON)
    ledger.change(tables.touch, touch, category="receipt")

    assert (1, "record") in ledger.broken()


def test_a_policy_that_is_not_on_record_is_found(store: Store) -> None:
    ledger = Ledger(store)
    ledger.policy = "lost"
    ledger.sent(ledger.contact(), NOON)

    assert (1, "policy") in ledger.broken()


@pytest.mark.parametrize(("region", "kept"), [("BY", False), ("BE", True)])
def test_the_holidays_are_those_of_the_contact_s_region(store: Store, region: str, kept: bool) -> None:
    ledger = Ledger(store, **rails(quiet_hours={"name": "holidays", "holidays": True}))
    ledger.sent(ledger.contact(country="DE", region=region, zones='["Europe/Berlin"]'), "2026-01-06T12:00")

    assert ledger.verify().ok is kept


@pytest.mark.parametrize("cap", [{"each": "campaign"}, {"campaigns": ["weekly"]}, {"campaigns": ["friday"]}])
@pytest.mark.parametrize("renamed", [True, False])
def test_a_campaign_that_is_renamed_again_and_again_frees_no_slot(
    store: Store, cap: dict[str, Any], renamed: bool
) -> None:
    ledger = Ledger(store, **rails(caps={"name": "once", "max": 1, "per": "30d", **cap}))
    for name, was in (("weekly", []), ("tuesday", ["weekly"]), ("friday", ["tuesday"])):
        content = json.dumps({"was": was} if renamed else {})
        ledger.insert(tables.campaign, name=name, hash=name, content=content, state="running")
    ann = ledger.contact()
    ledger.sent(ann, NOON, campaign="weekly")
    ledger.sent(ann, "2026-03-04T12:00", campaign="friday")

    assert [b.rule for b in ledger.verify().breaches] == ["once"] * renamed


def test_a_zone_that_was_written_since_leaves_the_verifier_unsure(store: Store) -> None:
    ledger = Ledger(store, **rails(quiet_hours={"name": "night", "from": "20:00", "to": "08:00"}))
    ann = ledger.contact(zones=json.dumps(["Asia/Tokyo"]), recorded_at=at("2026-03-05T12:00"))
    ledger.sent(ann, NOON)

    report = ledger.verify()

    assert report.ok
    assert [b.rule for b in report.unsure] == ["night"]


def test_facts_that_came_by_a_merge_since_are_not_held_against_a_decision(store: Store) -> None:
    ledger = Ledger(store, **rails(caps={"max": 1, "per": "7d"}))
    ann = ledger.contact()
    bo = ledger.contact()
    ledger.sent(ann, NOON)
    _, _, touch = ledger.sent(bo, "2026-03-04T12:00")
    for table in (tables.touch, tables.message, tables.contact):
        with store.write() as conn:
            conn.execute(table.update().where(table.c.circle == bo).values(circle=ann))
    ledger.change(tables.touch, touch, number=2)
    ledger.change(tables.circle, bo, merged_into=ann, merged_at=at("2026-03-05T12:00"), merged_offset=1, size=0)

    assert ledger.broken() == []


def test_a_breach_tells_what_it_was_judged_by(store: Store) -> None:
    ledger = Ledger(store, **rails(caps={"max": 1, "per": "7d"}))
    ann = ledger.contact()
    _, _, first = ledger.sent(ann, NOON)
    message, _, second = ledger.sent(ann, "2026-03-04T12:00")

    report = ledger.verify()

    (breach,) = report.breaches
    assert (breach.contact, breach.message, breach.touch, breach.evidence["touches"]) == (ann, message, second, [first])
    assert f"contact {ann}, message {message}, touch {second} at 2026-03-04T11:00:00Z" in report.text()
    assert json.loads(json.dumps(report.as_json()))["promises"]["1"]["breaches"] == 1
