"""follow_ups: so many in one thread without an answer, and no more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import DAY, HOUR, NEVER, key
from cadence.rules import follow_ups
from cadence.rules.registry import RULES
from cadence.rules.rule import Category, Filters
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")
MESSAGE = {"category": "follow_up", "thread": "t"}
OF_FOLLOW_UPS = Filters(categories=frozenset({key("follow_up")}))
TWO = rule("follow_ups", {"max": 2}, filters=OF_FOLLOW_UPS)


def followed(*days_ago: float, thread: str = "t", **more: Any) -> list[dict[str, Any]]:
    return [{"at": NOW - int(d * DAY), "touch": "follow_up", "thread": thread, **more} for d in days_ago]


@pytest.mark.parametrize(("count", "answer"), [(0, NOW), (1, NOW), (2, NEVER), (3, NEVER)])
def test_so_many_and_no_more(count: int, answer: int) -> None:
    assert asked(TWO, view(followed(*range(1, count + 1)), MESSAGE)) == answer


def test_threads_are_counted_apart() -> None:
    assert asked(TWO, view([*followed(1), *followed(2, 3, thread="u")], MESSAGE)) == NOW


def test_a_message_without_a_thread_isn_t_its_business() -> None:
    assert asked(TWO, view([*followed(1, 2), *followed(1, 2, thread="")], {"category": "follow_up"})) == NOW


def test_other_categories_aren_t_counted() -> None:
    assert asked(TWO, view([{**f, "touch": "newsletter"} for f in followed(1, 2, 3)], MESSAGE)) == NOW


def test_an_answer_begins_anew() -> None:
    history = [*followed(1, 3, 4), {"at": NOW - 2 * DAY, "event": "click"}]
    assert asked(TWO, view(history, MESSAGE)) == NOW
    assert asked(rule("follow_ups", {"max": 1}, filters=OF_FOLLOW_UPS), view(history, MESSAGE)) == NEVER


def test_an_answer_at_a_follow_up_s_own_instant_answers_it() -> None:
    assert asked(TWO, view([*followed(1, 2), {"at": NOW - DAY, "event": "reply"}], MESSAGE)) == NOW


def test_follow_ups_of_uncounted_categories_are_seen() -> None:
    categories = {"follow_up": Category("follow_up", counted=False)}
    assert asked(TWO, view(followed(1, 2), MESSAGE, categories=categories)) == NEVER


def test_an_old_name_is_the_same_category() -> None:
    categories = {"chaser": Category("chaser", was=("follow_up",))}
    seen = view(
        followed(1, 2), {**MESSAGE, "category": "chaser"}, categories=categories, renamed={"follow_up": "chaser"}
    )
    assert asked(TWO, seen) == NEVER


def test_each_message_of_a_batch_has_its_own_thread() -> None:
    messages = [{**MESSAGE, "thread": t} for t in ("t", "u", "", "t")]
    seen = view([*followed(1, 2), *followed(5, thread="u")], messages=messages)
    answers = RULES["follow_ups"].welcome_at(TWO, seen, np.arange(4), np.full(4, NOW, np.int64))
    assert answers.tolist() == [NEVER, NOW, NOW, NEVER]


def test_every_thread_is_found_whatever_its_name() -> None:
    threads = [f"thread {i}" for i in range(300)]
    assert {key(t) & 63 for t in threads} == set(range(64))
    messages = [{**MESSAGE, "thread": t} for t in [*threads, "another"]]
    seen = view([f for t in threads for f in followed(1, 2, thread=t)], messages=messages)
    rows = np.arange(len(messages))
    answers = RULES["follow_ups"].welcome_at(TWO, seen, rows, np.full(len(rows), NOW, np.int64))
    assert answers.tolist() == [NEVER] * 300 + [NOW]


def test_the_evidence_names_the_follow_ups_without_an_answer() -> None:
    push = evidence(TWO, view([*followed(1, 2, 5), {"at": NOW - 60 * HOUR, "event": "reply"}], MESSAGE))
    assert (push.touches, push.detail["count"], push.detail["max"]) == ((2, 3), 2, 2)


@pytest.mark.parametrize("keys", [{}, {"max": 0}, {"max": True}, {"max": 1, "answered_by": []}, {"max": 1, "answered_by": ["open"]}])  # fmt: skip
def test_what_makes_no_sense_is_an_error(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"max|answered_by"):
        follow_ups.Keys.model_validate(keys)


@given(
    st.lists(st.tuples(st.integers(-5, 60), st.sampled_from(["t", "u", ""])), max_size=9),
    st.lists(st.integers(0, 60), max_size=2),
    st.integers(1, 4),
)
def test_the_answer_is_as_the_words_say(ago: list[tuple[int, str]], answered: list[int], most: int) -> None:
    history = [f for d, thread in ago for f in followed(d, thread=thread)]
    history += [{"at": NOW - d * DAY, "event": "reply"} for d in answered]
    mine = [max(d, 0) for d, thread in ago if thread == "t"]
    unanswered = [d for d in mine if not answered or d < min(answered)]
    some = rule("follow_ups", {"max": most}, filters=OF_FOLLOW_UPS)
    assert asked(some, view(history, MESSAGE)) == (NOW if len(unanswered) < most else NEVER)
