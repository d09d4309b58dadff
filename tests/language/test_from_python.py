"""The same questions from Python: what a policy test takes, datetimes too, and a decision with the fields promised."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import cadence
from cadence.decide.api import DecidingPolicy, Misunderstood

EXAMPLE = Path(__file__).parent / "example" / "built.yaml"
KATHMANDU = timezone(timedelta(hours=5, minutes=45))


@pytest.fixture(scope="module")
def policy() -> DecidingPolicy:
    return cadence.load_policy(EXAMPLE)


def asked(policy: DecidingPolicy, **other: Any) -> Any:
    question: dict[str, Any] = {
        "contact": {"timezone": "Asia/Kathmandu", "attributes": {"orders": 5}, "consents": {"email": ["promotion"]}},
        "history": [
            {"at": datetime(2026, 3, 2, 12, tzinfo=KATHMANDU), "touch": "promotion", "content": "spring"},
            {"at": datetime(2026, 3, 4, 12, tzinfo=KATHMANDU), "touch": "promotion", "content": "hats"},
            {"at": datetime(2026, 3, 4, 7, 15, tzinfo=UTC), "engagement": "click"},
        ],
        "message": {"category": "promotion", "expires": "30d"},
        "now": datetime(2026, 3, 6, 12, tzinfo=KATHMANDU),
    }
    return policy.decide(**{**question, **other})


def test_the_third_promotion_of_a_week_waits(policy: DecidingPolicy) -> None:
    decision = asked(policy)
    assert (decision.verdict, decision.rule) == ("defer", "2 per 7d")
    assert decision.until == datetime(2026, 3, 9, 12, tzinfo=KATHMANDU)


def test_texts_and_datetimes_mean_the_same(policy: DecidingPolicy) -> None:
    history = [
        {"at": "2026-03-02T12:00+05:45", "touch": "promotion", "content": "spring"},
        {"at": "2026-03-04T12:00+05:45", "touch": "promotion", "content": "hats"},
        {"at": "2026-03-04T13:00+05:45", "engagement": "click"},
    ]
    assert asked(policy, history=history, now="2026-03-06T12:00+05:45") == asked(policy)


def test_a_path_may_be_a_text(policy: DecidingPolicy) -> None:
    assert cadence.load_policy(str(EXAMPLE)).hash == policy.hash


def test_its_evidence_has_the_touches_that_fill_the_window(policy: DecidingPolicy) -> None:
    evidence = asked(policy).evidence[0]
    assert (evidence.rule, evidence.kind) == ("2 per 7d", "caps")
    assert [touch["at"] for touch in evidence.touches] == [
        datetime(2026, 3, 2, 12, tzinfo=KATHMANDU),
        datetime(2026, 3, 4, 12, tzinfo=KATHMANDU),
    ]


def test_its_json_has_the_promised_shape(policy: DecidingPolicy) -> None:
    told = json.loads(json.dumps(asked(policy).to_json()))
    assert {"verdict", "until", "rule", "reason", "evidence", "policy"} <= set(told)
    assert told["verdict"] == "defer"
    assert datetime.fromisoformat(told["until"]) == datetime(2026, 3, 9, 12, tzinfo=KATHMANDU)
    assert told["policy"] == policy.hash
    assert all(set(e) >= {"rule", "kind", "welcome_at", "because", "touches"} for e in told["evidence"])


def test_a_decision_to_send_has_neither_until_nor_rule(policy: DecidingPolicy) -> None:
    decision = asked(policy, history=[])
    assert (decision.verdict, decision.until, decision.rule, list(decision.evidence)) == ("send", None, None, [])


def test_asking_twice_gives_the_same(policy: DecidingPolicy) -> None:
    assert asked(policy) == asked(policy)


def test_the_circle_is_taken_as_in_a_policy_test(policy: DecidingPolicy) -> None:
    shared = {"addresses": {"email": "anna@example.com"}}
    decision = asked(
        policy,
        contact={"id": "a", "consents": {"email": ["promotion"]}, **shared},
        circle=[{"contact": {"id": "b", **shared}, "history": [{"at": "2026-03-05T12:00Z", "opt_out": "all"}]}],
    )
    assert (decision.verdict, decision.rule) == ("suppress", "evasion")


def test_evidence_is_read_by_attribute_and_by_name(policy: DecidingPolicy) -> None:
    decision = asked(policy)
    line = decision.evidence[0]
    assert line["rule"] == line.rule == decision.to_json()["evidence"][0]["rule"]
    with pytest.raises(KeyError):
        line["to_json"]


def test_a_decision_as_json_has_just_the_stable_fields(policy: DecidingPolicy) -> None:
    told = asked(policy).to_json()
    assert list(told) == ["verdict", "until", "rule", "reason", "evidence", "policy"]
    assert list(told["evidence"][0]) == ["rule", "kind", "welcome_at", "because", "touches"]


def test_dates_are_taken_as_texts_are(policy: DecidingPolicy) -> None:
    decision = asked(policy, history=[{"at": "2026-03-05T12:00Z", "snooze": date(2026, 3, 10)}])
    assert decision.until == datetime(2026, 3, 11, 8, tzinfo=KATHMANDU)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"contact": {"timezon": "UTC"}}, ["timezon", "allowed", "did you mean timezone"]),
        ({"history": [{"at": "2026-03-05T12:00Z", "engagement": "klick"}]}, ["history[0]", "did you mean click"]),
        ({"history": [{"touch": "promotion"}]}, ["history[0]", "'at'"]),
        ({"message": {"category": "promotoin"}}, ["promotoin", "promotion"]),
        ({"message": {"category": "promotion", "channel": "sm"}}, ["channel", "did you mean sms"]),
        ({"circle": [{"contact": {}, "shares": ["address"]}]}, ["circle[0].shares", "household"]),
        ({"now": "yesterday"}, ["now", "yesterday"]),
        ({"contact": {"hours": ["20:00-08:00"]}}, ["contact.hours", "20:00-08:00"]),
        ({"message": {"category": "promotion", "expires": timedelta(days=3)}}, ["message 1", "timedelta"]),
    ],
)
def test_what_can_not_be_read_is_named(policy: DecidingPolicy, what: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(Misunderstood) as broken:
        asked(policy, **what)
    assert [word for word in words if word not in str(broken.value)] == []
