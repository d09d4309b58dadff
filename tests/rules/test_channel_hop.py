"""channel_hop: no jump to the next channel because the last one stayed silent, and not to too many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import CHANNELS, DAY, HOUR, NEVER
from cadence.rules import channel_hop
from cadence.rules.registry import RULES
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")
WAIT = rule("channel_hop", {"wait": "48h"})
TWO = rule("channel_hop", {"max_channels": 2, "per": "7d"})
BOTH = rule("channel_hop", {"wait": "48h", "max_channels": 2, "per": "7d"})
SMS = {"channel": "sms"}


def touch(channel: str, days_ago: float, **more: Any) -> dict[str, Any]:
    return {"at": NOW - int(days_ago * DAY), "touch": "newsletter", "channel": channel, **more}


def test_another_channel_waits() -> None:
    assert asked(WAIT, view([touch("email", 1)], SMS)) == NOW + DAY


def test_the_same_channel_doesn_t() -> None:
    assert asked(WAIT, view([touch("email", 0.5), touch("sms", 0.1)], SMS)) == NOW


def test_a_touch_before_the_latest_doesn_t_matter() -> None:
    assert asked(WAIT, view([touch("sms", 1), touch("email", 0.5)], SMS)) == NOW + 36 * HOUR


def test_an_answer_frees_every_channel() -> None:
    assert asked(WAIT, view([touch("email", 1), {"at": NOW - DAY, "event": "click"}], SMS)) == NOW
    assert asked(WAIT, view([touch("email", 1), {"at": NOW - DAY - 1, "event": "click"}], SMS)) == NOW + DAY


def test_answered_by_says_what_an_answer_is() -> None:
    history = [touch("email", 1), {"at": NOW - HOUR, "event": "visit"}]
    assert asked(rule("channel_hop", {"wait": "48h", "answered_by": "reply"}), view(history, SMS)) == NOW + DAY


def test_uncounted_touches_are_no_attempt() -> None:
    assert asked(BOTH, view([touch("email", 1) | {"touch": "service"}], SMS)) == NOW


def test_of_touches_at_one_instant_one_on_this_channel_is_enough() -> None:
    for pair in (["sms", "email"], ["email", "sms"]):
        assert asked(WAIT, view([touch(c, 1) for c in pair], SMS)) == NOW


def test_a_third_channel_waits_for_room() -> None:
    history = [touch("email", 6), touch("post", 3), touch("email", 2.5)]
    assert asked(TWO, view(history, SMS)) == NOW + 4 * DAY


def test_a_channel_that_is_in_the_window_takes_no_room() -> None:
    assert asked(TWO, view([touch("email", 6), touch("sms", 3)], SMS)) == NOW


def test_the_longer_of_both_holds() -> None:
    assert asked(BOTH, view([touch("email", 4), touch("post", 1)], SMS)) == NOW + 3 * DAY
    assert asked(BOTH, view([touch("email", 6.9), touch("post", 1)], SMS)) == NOW + DAY


def test_a_touch_ahead_is_as_it_will_be_once_there_is_room() -> None:
    history = [touch("email", 6), touch("post", 5), touch("sms", -1), touch("email", -4)]
    some = rule("channel_hop", {"wait": "48h", "max_channels": 2, "per": "7d"})
    assert asked(rule("channel_hop", {"wait": "48h"}), view(history, SMS)) == NOW
    assert asked(some, view(history, SMS)) == NOW + 6 * DAY


def test_each_message_of_a_batch_has_its_own_channel() -> None:
    messages = [{"category": "newsletter", "channel": c} for c in CHANNELS]
    seen = view([touch("email", 6), touch("push", 1)], messages=messages)
    answers = RULES["channel_hop"].welcome_at(BOTH, seen, np.arange(6), np.full(6, NOW, np.int64))
    assert dict(zip(CHANNELS, ((answers - NOW) // DAY).tolist(), strict=True)) == {
        "email": 1, "sms": 1, "push": 0, "phone": 1, "post": 1, "in_person": 1,
    }  # fmt: skip


def test_how_far_back_it_looks() -> None:
    def reach(**keys: Any) -> int | None:
        return rule("channel_hop", keys).keys.touch_reach()

    assert reach(wait="48h") == 2 * DAY
    assert reach(wait="48h", max_channels=2, per="7d") == 7 * DAY
    assert reach(wait="30d", max_channels=2, per="7d") == 30 * DAY
    assert reach(wait="30d", max_channels=2, per="ever") is None


def test_the_evidence_names_the_touch_without_an_answer() -> None:
    push = evidence(BOTH, view([touch("post", 5), touch("email", 1)], {"channel": "post"}))
    assert (push.touches, push.detail) == ((2,), {"why": "hopped", "channel": "email", "touch_at": NOW - DAY})


def test_the_evidence_leaves_out_what_leaves_the_window_at_that_instant() -> None:
    push = evidence(TWO, view([touch("phone", 7), touch("post", 5), touch("email", 4)], SMS))
    assert (push.touches, push.detail["count"]) == ((2, 3), 3)


def test_the_evidence_names_the_channels_in_the_window() -> None:
    history = [touch("phone", 9), touch("post", 5), touch("email", 4), touch("post", 3)]
    push = evidence(BOTH, view(history, SMS))
    assert push.touches == (2, 3, 4)
    assert push.detail == {"why": "many", "count": 3, "max": 2, "window": "7d"}


def test_for_ever_is_said_so() -> None:
    some = rule("channel_hop", {"max_channels": 1, "per": "ever"})
    push = evidence(some, view([touch("post", 5)], SMS))
    assert (push.welcome_at, push.detail["why"]) == (NEVER, "ever")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "says nothing"),
        ({"max_channels": 2}, "max_channels needs per"),
        ({"wait": "2d", "per": "7d"}, "per needs max_channels"),
        ({"wait": "0h"}, "wait"),
        ({"max_channels": 0, "per": "7d"}, "max_channels"),
        ({"max_channels": 2, "per": "1mo"}, "per"),
        ({"wait": "48h", "answered_by": ["open"]}, "answered_by"),
    ],
)
def test_what_makes_no_sense_is_an_error(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        channel_hop.Keys.model_validate(keys)


@given(
    st.lists(st.tuples(st.sampled_from(["email", "sms", "post", "phone"]), st.integers(-8, 40)), max_size=8),
    st.lists(st.integers(0, 40), max_size=2),
    st.integers(1, 3),
    st.integers(0, 60),
)
def test_the_answer_is_the_first_instant_that_the_words_accept(
    told: list[tuple[str, int]], answered: list[int], most: int, quarter: int
) -> None:
    """Instants of a quarter of a day, tried one after another."""
    step = 6 * HOUR
    history = [touch(c, q / 4) for c, q in told] + [{"at": NOW - q * step, "event": "reply"} for q in answered]
    some = rule("channel_hop", {"wait": "36h", "max_channels": most, "per": "5d"})

    def accepted(t: int) -> bool:
        lying = [(c, min(NOW - q * step, t)) for c, q in told]
        latest = max((at for _, at in lying), default=None)
        answer = max((NOW - q * step for q in answered), default=None)
        fine = (
            latest is None
            or ("sms", latest) in lying
            or (answer is not None and answer >= latest)
            or latest + 36 * HOUR <= t
        )
        return fine and len({"sms", *(c for c, at in lying if at > t - 5 * DAY)}) <= most

    start = NOW + quarter * step
    assert asked(some, view(history, SMS), start) == next(
        t for t in range(start, start + 99 * step, step) if accepted(t)
    )
