"""holds: nothing is promoted into an open matter."""

from __future__ import annotations

from cadence.facts import DAY, HELD, HOUR
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")
HOLDS = rule("holds")


def test_without_a_hold_it_is_welcome() -> None:
    assert asked(HOLDS, view()) == NOW


def test_an_open_hold_is_not_yet_known() -> None:
    assert asked(HOLDS, view([{"hold": "ticket"}])) == HELD


def test_one_with_an_end_ends_then() -> None:
    seen = view([{"hold": "bereavement", "until": NOW + DAY}])
    assert [asked(HOLDS, seen), asked(HOLDS, seen, NOW + DAY)] == [NOW + DAY, NOW + DAY]


def test_the_hold_that_ends_last_decides() -> None:
    assert asked(HOLDS, view([{"hold": "a", "until": NOW + DAY}, {"hold": "b", "until": NOW + HOUR}])) == NOW + DAY


def test_a_message_is_not_held_by_what_it_is_about() -> None:
    history = [{"hold": "incident", "id": "train-7"}]
    assert asked(HOLDS, view(history, {"about": "train-7"})) == NOW
    assert asked(HOLDS, view([*history, {"hold": "ticket"}], {"about": "train-7"})) == HELD


def test_another_contacts_hold_holds_nothing_here() -> None:
    seen = view(
        circle=[({}, [{"hold": "ticket"}])], messages=[{"category": "newsletter", "contact": i} for i in (0, 1)]
    )
    assert [asked(HOLDS, seen, row=i) for i in (0, 1)] == [NOW, HELD]


def test_the_evidence_names_the_hold() -> None:
    assert evidence(HOLDS, view([{"hold": "ticket"}, {"hold": "x", "until": NOW + DAY}])).detail["hold"] == "ticket"
