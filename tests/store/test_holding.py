"""Which holds are open, folded from events."""

from __future__ import annotations

from typing import Any

from cadence.facts import EventKind
from cadence.store.holding import Hold, HoldEvent, fold_holds

K = EventKind


def event(kind: EventKind, at: int, subject: str, until: int | None = None, **detail: Any) -> HoldEvent:
    return HoldEvent(kind, at, subject, until, detail)


def open_at(at: int, *events: HoldEvent) -> list[str]:
    return [h.about for h in fold_holds(events) if h.open_at(at)]


def test_an_incident_holds_until_it_is_resolved() -> None:
    told = [event(K.INCIDENT, 1, "late"), event(K.INCIDENT_RESOLVED, 5, "late")]
    assert (open_at(3, told[0]), open_at(6, *told)) == (["late"], [])


def test_resolving_one_incident_leaves_the_other() -> None:
    told = (event(K.INCIDENT, 1, "a"), event(K.INCIDENT, 1, "b"), event(K.INCIDENT_RESOLVED, 2, "a"))
    assert open_at(3, *told) == ["b"]


def test_a_hold_without_a_kind_is_manual() -> None:
    assert fold_holds([event(K.HOLD, 1, "")]) == [Hold("manual", "manual", 1, by_hand=True)]


def test_a_hold_with_an_id_is_released_by_it_alone() -> None:
    held = (event(K.HOLD, 1, "illness", about="x"), event(K.HOLD, 1, "illness", about="y"))
    assert open_at(3, *held, event(K.RELEASE, 2, "illness", about="x")) == ["y"]


def test_a_release_of_a_kind_ends_all_of_it_that_was_held_by_hand() -> None:
    held = (event(K.HOLD, 1, "illness", about="x"), event(K.HOLD, 1, "illness"), event(K.HOLD, 1, "move"))
    assert open_at(3, *held, event(K.RELEASE, 2, "illness")) == ["move"]


def test_what_ends_before_it_began_is_open_when_it_begins_again() -> None:
    assert open_at(3, event(K.TICKET_SOLVED, 1, "t"), event(K.TICKET_OPENED, 2, "t")) == ["t"]


def test_what_begins_and_ends_at_one_instant_has_ended_whichever_is_told_first() -> None:
    for begins, ends in (
        (K.TICKET_OPENED, K.TICKET_SOLVED),
        (K.INCIDENT, K.INCIDENT_RESOLVED),
        (K.PROMISE_MADE, K.PROMISE_KEPT),
        (K.HOLD, K.RELEASE),
    ):
        both = event(begins, 1, "t"), event(ends, 1, "t")
        assert (open_at(3, *both), open_at(3, *reversed(both))) == ([], [])


def test_a_promise_holds_strictly_after_its_due() -> None:
    made = event(K.PROMISE_MADE, 1, "call", until=5)
    assert [open_at(t, made) for t in (4, 5, 6)] == [[], [], ["call"]]
