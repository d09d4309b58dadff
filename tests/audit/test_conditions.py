"""What the verifier makes of a `where` is what the engine makes of it: attributes as imports bring them, and dates that were
given under computed names."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cadence.audit.verify.conditions import holds
from cadence.audit.verify.rows import Circle, Person
from cadence.audit.verify.sight import Known, Sight, Thing
from cadence.audit.verify.terms import Terms
from cadence.facts import EventKind, micros
from cadence.policy import conditions as engine
from cadence.policy.load import from_mapping
from cadence.store import Store
from tests.audit.ledger import NOON, POLICY, Ledger, at
from tests.policy.contacts import facts_of

NOW = datetime(2026, 3, 29, 8, tzinfo=UTC)
ASKED: tuple[dict[str, Any], ...] = (
    {"at_least": 5}, {"is": 7}, {"is": "7"}, {"has": 7}, {"has": "2026-03-29"}, {"is": "2026-03-29"}, {"has": "a"},
    {"in": ["2026-03-29", "x"]}, {"is": "2026-03-29T10:00"}, {"is": True}, {"has": False}, {"matches": "^7"},
    {"below": "2026-04-01"}, {"above": "2026-03-29T01:30"}, {"in_the_last": "30d"}, {"in_the_next": "1y"},
    {"longer_ago_than": "30d"}, {"longer_ago_than": "1mo"}, {"missing": True},
)  # fmt: skip
GIVEN: tuple[Any, ...] = (
    7, 7.0, "7", " 7", "7 ", "\u0667", "7e0", "true", True, 0, 1, "2026-03-29", "2026-03-29T10:00", "2026-03-29T23:30Z",
    "2026-03-29T10:00+02:00", "2026-03-29 02:30", "\u0662\u0660\u0662\u0666-03-29", "2026-02-30", "0001-01-01",
    "9999-12-31T23:59", "0001-01-01T00:00+01:00", ["a", "7"], [7, "2026-03-29"], [], "", 10**300, 2**62, -5, "1e999",
)  # fmt: skip
"""What is a number or a date, what only looks like one, and what is beyond all calendars."""


def judged(where: dict[str, Any], value: Any) -> bool:
    person = Person(1, ("Europe/Stockholm",), None, None, None, None, None, {"x": value}, (), (), 0)
    terms = Terms(from_mapping(dict(POLICY)).required().content)
    thing = Thing("email", "promotion", None, (), None, None, None, None, None, None)
    return holds(where, Sight(Circle(1, 1), person, terms, micros(NOW), Known(), thing))


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_the_verifier_reads_an_attribute_as_the_engine_does(asked: dict[str, Any]) -> None:
    where = {"x": asked}
    people = [({"timezone": "Europe/Stockholm", "attributes": {"x": value}}, []) for value in GIVEN]
    found = engine.holds(engine.parse(where), facts_of(people, NOW)).tolist()

    assert [(v, judged(where, v)) for v in GIVEN] == list(zip(GIVEN, found, strict=True))


NEW = {"first_purchase": {"in_the_last": "30d"}}
MARCH = json.dumps({"first_purchase": "2026-03-01"})


def test_a_rule_governs_by_a_date_that_was_given_under_a_computed_name(store: Store) -> None:
    ledger = Ledger(store, guard_rails={"caps": {"name": "new", "max": 1, "per": "30d", "where": NEW}})
    ann = ledger.contact(attributes=MARCH)
    ledger.told(ann, "2026-03-02T12:00")
    ledger.sent(ann, NOON)

    assert ledger.broken() == [(1, "new")]


def test_a_given_date_beats_what_was_bought_before(store: Store) -> None:
    ledger = Ledger(store, guard_rails={"caps": {"name": "new", "max": 1, "per": "30d", "where": NEW}})
    ann = ledger.contact(attributes=json.dumps({"first_purchase": "2025-03-01"}))
    ledger.event(ann, EventKind.PURCHASE, "2026-03-01T12:00")
    ledger.told(ann, "2026-03-02T12:00")
    ledger.sent(ann, NOON)

    assert ledger.broken() == []


def test_what_waits_in_the_segment_of_a_given_date_is_not_held_back(store: Store) -> None:
    new = {"name": "new", "where": NEW, "cadence": {"caps": {"max": 1, "per": "30d"}}}
    ledger = Ledger(store, segments=[new, {"name": "everyone"}])
    ann = ledger.contact(attributes=MARCH)
    ledger.told(ann, NOON)
    ledger.waiting(ann, until=at("2026-04-02T12:00"), due_at=at("2026-04-02T12:00"), rule="1 per 30d")

    assert ledger.broken("2026-03-05T12:00") == []
