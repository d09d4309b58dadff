"""holds: nothing is promoted into an open matter."""

from __future__ import annotations

from typing import Any

import numpy as np

from cadence.facts import DAY, HELD, HOUR, key
from cadence.rules.registry import RULES
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


def test_the_evidence_names_the_hold_that_ends_last_and_that_the_message_is_not_about() -> None:
    history = [
        {"hold": "ticket", "id": "T-1", "until": NOW + DAY},
        {"hold": "incident", "id": "I-1", "until": NOW + 3 * DAY},
        {"hold": "moving house", "id": "M-1", "until": NOW + 2 * DAY},
    ]
    messages = [{"category": "newsletter", "about": a} for a in ("", "I-1", "M-1", "unheard")]
    seen = view(history, messages=messages, circle=[({}, [{"hold": "bereavement"}])])
    pushes = [evidence(HOLDS, seen, row=i) for i in range(4)]
    assert [(p.welcome_at - NOW) // DAY for p in pushes] == [3, 2, 3, 3]
    assert [p.detail["hold"] for p in pushes] == [
        "incident",
        "",
        "incident",
        "incident",
    ]  # one of their own has no word
    assert [p.detail["kind_key"] for p in pushes] == [
        key(k) for k in ("incident", "moving house", "incident", "incident")
    ]
    assert [p.detail["about_key"] for p in pushes] == [key(i) for i in ("I-1", "M-1", "I-1", "I-1")]
    assert [(p.rule, p.kind, p.touches, p.detail["why"]) for p in pushes] == [("holds", "holds", (), "until")] * 4


def test_a_hold_about_nothing_holds_a_message_about_nothing() -> None:
    push = evidence(HOLDS, view([{"hold": "audit", "id": ""}]))
    assert (push.welcome_at, push.detail["about_key"]) == (HELD, 0)


def test_one_without_an_end_is_open_whatever_else_ends() -> None:
    push = evidence(HOLDS, view([{"hold": "ticket"}, {"hold": "incident", "until": NOW + DAY}]))
    assert (push.welcome_at, push.detail["why"], push.detail["hold"]) == (HELD, "open", "ticket")


def test_of_many_contacts_each_is_held_by_its_own() -> None:
    holds = [[{"hold": "a", "until": NOW + d * DAY} for d in days] for days in ((), (2, 5), (), (1,), (4, 3, 2))]
    circle: list[Any] = [({}, h) for h in holds[1:]]
    seen = view(
        holds[0], circle=circle, messages=[{"category": "newsletter", "contact": i} for i in (4, 0, 1, 3, 2, 1)]
    )
    rows = np.arange(6)
    answers = RULES["holds"].welcome_at(HOLDS, seen, rows, np.full(6, NOW, np.int64))
    assert ((answers - NOW) // DAY).tolist() == [4, 0, 5, 1, 0, 5]
