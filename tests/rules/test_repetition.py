"""repetition: the same content not again within a window, whatever it is called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import DAY, NEVER
from cadence.rules import repetition
from cadence.rules.registry import RULES
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")
HATS = {"content": "hats"}
SIXTY = rule("repetition", {"window": "60d"})


def sent(*days_ago: float, content: str = "hats", **more: Any) -> list[dict[str, Any]]:
    return [{"at": NOW - int(d * DAY), "touch": "newsletter", "content": content, **more} for d in days_ago]


def test_the_same_content_waits_until_the_latest_has_left_the_window() -> None:
    assert asked(SIXTY, view(sent(50, 20), HATS)) == NOW + 40 * DAY


def test_exactly_a_window_old_it_has_left() -> None:
    assert asked(SIXTY, view(sent(60), HATS)) == NOW
    assert asked(SIXTY, view([{**sent(60)[0], "at": NOW - 60 * DAY + 1}], HATS)) == NOW + 1


def test_another_content_doesn_t_matter() -> None:
    assert asked(SIXTY, view(sent(1, content="shoes"), HATS)) == NOW


def test_without_a_content_nothing_is_the_same() -> None:
    assert asked(SIXTY, view(sent(1, content=""))) == NOW


def test_campaign_category_and_channel_make_no_difference() -> None:
    history = [{**sent(1, campaign="spring", channel="post")[0], "touch": "service"}]
    assert asked(SIXTY, view(history, {**HATS, "campaign": "summer"})) == NOW + 59 * DAY


@pytest.mark.parametrize(
    ("window", "expected"),
    [("7 local days", at("2026-03-16T00:00")), ("calendar month", at("2026-04-01T00:00")), ("ever", NEVER)],
)
def test_the_window_may_be_of_any_kind(window: str, expected: int) -> None:
    assert asked(rule("repetition", {"window": window}), view(sent(1), HATS)) == expected


def test_each_message_of_a_batch_has_its_own_content() -> None:
    messages = [{"category": "newsletter", "content": c} for c in ("hats", "shoes", "", "hats")]
    seen = view([*sent(1), *sent(30, content="shoes")], messages=messages)
    answers = RULES["repetition"].welcome_at(SIXTY, seen, np.arange(4), np.full(4, NOW, np.int64))
    assert ((answers - NOW) // DAY).tolist() == [59, 30, 0, 59]


def test_whoever_else_is_asked_for_each_has_their_own_touches() -> None:
    messages = [
        {"category": "newsletter", "content": c, "contact": i} for c, i in (("hats", 0), ("shoes", 0), ("hats", 1))
    ]
    seen = view(sent(1), circle=[({}, sent(20))], messages=messages)
    assert [(asked(SIXTY, seen, row=r) - NOW) // DAY for r in range(3)] == [59, 0, 40]


def test_the_evidence_names_the_same_in_the_window_and_the_latest_of_it() -> None:
    push = evidence(SIXTY, view([*sent(70, 20, 5), *sent(1, content="shoes")], HATS))
    assert (push.touches, push.detail["touch_at"]) == ((2, 3), NOW - 5 * DAY)


def test_the_evidence_says_whether_it_is_ever_welcome_again() -> None:
    told = [evidence(rule("repetition", {"window": w}), view(sent(5), HATS)).detail for w in ("60d", "ever")]
    assert [(d["why"], d["window"]) for d in told] == [("again", "60d"), ("ever", "ever")]


def test_the_evidence_leaves_out_what_leaves_the_window_at_that_instant() -> None:
    assert evidence(SIXTY, view(sent(55, 20), HATS), NOW + 5 * DAY).touches == (2,)


@pytest.mark.parametrize("keys", [{}, {"window": "0d"}, {"window": "2mo"}, {"window": 60}])
def test_what_makes_no_sense_is_an_error(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="window"):
        repetition.Keys.model_validate(keys)


@given(
    st.lists(st.tuples(st.integers(-9, 90), st.sampled_from(["hats", "shoes", ""])), max_size=9),
    st.sampled_from(["hats", "gloves", ""]),
)
def test_the_answer_is_as_the_words_say(ago: list[tuple[int, str]], content: str) -> None:
    history = [f for d, what in ago for f in sent(d, content=what)]
    same = [d for d, what in ago if what == content and content]
    expected = NOW + max([60 - min(same), 0] if same else [0]) * DAY
    assert asked(SIXTY, view(history, {"content": content})) == expected
