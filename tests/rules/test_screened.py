"""screened: only who was lately looked up in a register, and wasn't on it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import DAY, HELD, NEVER, EventKind
from cadence.rules import screened
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-20T12:00")
NIX = rule("screened", {"register": "nix", "within": "10d"})


def looked_up(days_ago: float, listed: bool = False, register: str = "nix") -> dict[str, Any]:
    return {"at": NOW - int(d) if (d := days_ago * DAY) else NOW, "screened": {"register": register, "listed": listed}}


@pytest.mark.parametrize(
    ("told", "answer"),
    [
        ([], HELD),
        ([looked_up(1)], NOW),
        ([looked_up(0)], NOW),
        ([looked_up(10)], HELD),
        ([looked_up(10), looked_up(9)], NOW),
        ([looked_up(1, True)], NEVER),
        ([looked_up(10, True)], HELD),
        ([looked_up(2, True), looked_up(1)], NOW),
        ([looked_up(1, True), looked_up(2)], NEVER),
        ([looked_up(1), looked_up(1, True)], NEVER),
        ([looked_up(1, register="tps")], HELD),
        ([looked_up(2), looked_up(1, True, "tps")], NOW),
    ],
)
def test_the_latest_look_up_that_is_good_decides(told: list[dict[str, Any]], answer: int) -> None:
    assert asked(NIX, view(told, now=NOW)) == answer


def test_one_that_will_have_lapsed_is_never() -> None:
    seen = view([looked_up(4)], now=NOW)
    later = [NOW + 6 * DAY - 1, NOW + 6 * DAY, NOW + 60 * DAY]
    assert [asked(NIX, seen, t) for t in later] == [NOW + 6 * DAY - 1, NEVER, NEVER]


def test_not_looked_up_stays_not_yet_known_at_any_later_instant() -> None:
    assert asked(NIX, view([looked_up(10)], now=NOW), NOW + 90 * DAY) == HELD


def test_each_contact_has_its_own() -> None:
    other = ({}, [looked_up(1, True)])
    messages = [{"category": "newsletter", "contact": i} for i in (1, 0)]
    seen = view([looked_up(1)], now=NOW, circle=[other], messages=messages)
    assert [asked(NIX, seen, row=i) for i in (0, 1)] == [NEVER, NOW]


def test_the_evidence_says_what_was_looked_up_and_when() -> None:
    told = [
        evidence(NIX, view([], now=NOW)),
        evidence(NIX, view([looked_up(1, True)], now=NOW)),
        evidence(NIX, view([looked_up(4)], now=NOW), NOW + 9 * DAY),
    ]
    assert [p.detail["why"] for p in told] == ["missing", "listed", "lapses"]
    assert [p.detail.get("looked_up_at") for p in told] == [None, NOW - DAY, NOW - 4 * DAY]
    assert told[2].detail["lapses_at"] == NOW + 6 * DAY


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"register": "nix"},
        {"within": "31d"},
        {"register": "", "within": "31d"},
        {"register": "nix", "within": "1mo"},
    ],
)
def test_what_makes_no_sense_is_an_error(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"register|within"):
        screened.Keys.model_validate(keys)


def test_it_looks_as_far_back_as_a_look_up_is_good() -> None:
    assert NIX.keys.event_reach() == {EventKind.SCREENED: 10 * DAY}
    assert NIX.keys.touch_reach() == 0


@given(st.lists(st.tuples(st.integers(0, 14), st.booleans()), max_size=6), st.integers(0, 12))
def test_the_answer_is_as_the_words_say(told: list[tuple[int, bool]], later: int) -> None:
    seen = view([looked_up(d, listed) for d, listed in told], now=NOW)
    good = [(d, listed) for d, listed in told if d < 10]
    t = NOW + later * DAY
    latest = min((d for d, _ in good), default=None)
    if latest is None:
        expected = HELD
    elif (latest, True) in good or later >= 10 - latest:
        expected = NEVER
    else:
        expected = t
    assert asked(NIX, seen, t) == expected
