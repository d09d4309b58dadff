"""Segments: the first match wins, and the next change covers all that time alone can turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cadence.facts import DAY, NEVER, micros
from cadence.policy.conditions import holds, parse
from cadence.policy.segments import next_change, segment_needs, segment_of
from tests.policy.contacts import facts_of, policy_of

NOW = datetime(2026, 3, 31, 10, tzinfo=UTC)


def bought(days_ago: float, amount: float = 10.0) -> dict[str, Any]:
    return {"at": NOW - timedelta(days=days_ago), "engagement": "purchase", "amount": amount}


SEGMENTS = [
    {"name": "new", "where": {"first_purchase": {"in_the_last": "30d"}}},
    {"name": "key", "where": {"spend_365d": {"at_least": 100}}},
    {"name": "everyone else"},
]


def test_the_first_match_wins_and_the_last_takes_the_rest() -> None:
    policy = policy_of(segments=SEGMENTS)
    people = [({}, [bought(10, 500)]), ({}, [bought(100, 500)]), ({}, [bought(400, 500)]), ({}, [])]
    assert segment_of(policy, facts_of(people, NOW, policy)).tolist() == [0, 1, 2, 2]


def test_sums_of_money_are_not_off_by_a_breath() -> None:
    policy = policy_of(segments=[{"name": "key", "where": {"spend_365d": {"at_least": 0.3}}}, {"name": "rest"}])
    facts = facts_of([({}, [bought(3, 0.1), bought(2, 0.2)]), ({}, [bought(3, 0.1), bought(2, 0.1)])], NOW, policy)
    assert segment_of(policy, facts).tolist() == [0, 1]


def test_the_next_change_is_the_earliest_of_all_segments_conditions() -> None:
    policy = policy_of(segments=SEGMENTS)
    facts = facts_of([({}, [bought(10)]), ({}, [bought(100)]), ({}, [])], NOW, policy)
    assert next_change(policy, facts).tolist() == [facts.now + 20 * DAY, facts.now + 265 * DAY, NEVER]


def test_a_rules_where_and_its_dates_in_force_are_changes_too() -> None:
    rails = {
        "caps": [
            {"name": "a", "max": 1, "per": "7d", "where": {"last_engaged": {"in_the_last": "50d"}}},
            {"name": "b", "max": 2, "per": "8d", "in_force": {"from": "2026-04-20", "until": "2026-04-30"}},
        ]
    }
    policy = policy_of(guard_rails=rails)
    facts = facts_of([({}, [bought(40)]), ({}, [])], NOW, policy)
    begins = micros(datetime(2026, 4, 19, 22, tzinfo=UTC))
    assert next_change(policy, facts).tolist() == [facts.now + 10 * DAY, begins]


def test_a_rules_where_can_ask_for_the_segment() -> None:
    policy = policy_of(segments=SEGMENTS)
    facts = facts_of([({}, [bought(10)]), ({}, [])], NOW, policy)
    segment_of(policy, facts)
    assert holds(parse({"segment": ["new", "key"]}), facts).tolist() == [True, False]


def test_what_segments_need_is_what_their_conditions_name() -> None:
    needs = segment_needs(policy_of(segments=SEGMENTS))
    assert needs.touches == 0
    assert needs.attributes == {"first_purchase", "spend_365d"}
