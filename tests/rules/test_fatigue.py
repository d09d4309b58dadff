"""fatigue: pressure that touches add to, answers relieve and time halves."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import DAY, HOUR, NEVER, SECOND, EventKind, key
from cadence.rules import fatigue
from cadence.rules.rule import Category, Filters
from tests.rules.columns import CATEGORIES, asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")
KEYS: dict[str, Any] = {
    "half_life": "7d",
    "limit": 2.5,
    "weights": {"promotion": 1.5, "phone": 2},
    "relief": {"click": 1, "reply": 3},
}


def touches(*days_ago: float, category: str = "newsletter", **more: Any) -> list[dict[str, Any]]:
    return [{"at": NOW - int(d * DAY), "touch": category, **more} for d in days_ago]


def test_one_half_life_halves_it() -> None:
    answer = asked(rule("fatigue", KEYS), view(touches(0, 0, category="promotion")))
    assert answer == pytest.approx(NOW + 7 * DAY, abs=SECOND / 100)


def test_at_the_limit_it_is_welcome() -> None:
    assert asked(rule("fatigue", KEYS), view(touches(7, 7, category="promotion"))) == NOW


def test_the_larger_of_the_categorys_and_the_channels_weight_counts() -> None:
    some = rule("fatigue", {**KEYS, "limit": 3.4})
    assert asked(some, view(touches(0, category="promotion"), {"channel": "phone"})) > NOW
    assert asked(some, view(touches(0, category="promotion"), {"category": "promotion"})) == NOW


def test_what_has_no_weight_weighs_one() -> None:
    assert asked(rule("fatigue", {**KEYS, "limit": 2}), view(touches(0))) == NOW


def test_a_weight_may_be_less_than_one_or_nothing() -> None:
    some = rule("fatigue", {**KEYS, "limit": 2, "weights": {"newsletter": 0.5, "sms": 0.25, "promotion": 0}})
    for many, category, channel, fits in (
        (3, "newsletter", "email", True),
        (4, "newsletter", "sms", False),
        (9, "promotion", "email", True),
        (6, "promotion", "sms", True),
        (7, "promotion", "sms", False),
        (6, "follow_up", "sms", True),
        (7, "follow_up", "sms", False),
    ):
        history = touches(*[0] * many, category=category, channel=channel)
        assert (asked(some, view(history)) == NOW) is fits, (many, category, channel)


def test_of_several_contacts_each_has_its_own_answers_and_late_touches() -> None:
    history = {0: [*touches(-1, -1), {"at": NOW - HOUR, "event": "reply"}], 1: touches(-1, -1, 0),
               2: [*touches(-1, 2, 1), {"at": NOW - DAY, "event": "reply"}, {"at": NOW - HOUR, "event": "click"}]}  # fmt: skip
    messages = [{"category": "newsletter", "contact": i} for i in (2, 0, 1)]
    together = view(history[0], circle=[({}, history[1]), ({}, history[2])], messages=messages)
    some = rule("fatigue", KEYS)
    for row, contact in enumerate((2, 0, 1)):
        alone = view(history[contact])
        assert asked(some, together, row=row) == asked(some, alone)
        if asked(some, alone) > NOW:
            found, own = evidence(some, together, row=row), evidence(some, alone)
            assert found.detail == own.detail


def test_an_answer_takes_its_relief_off_at_once_and_never_below_nothing() -> None:
    history = [*touches(3), {"at": NOW - 2 * DAY, "event": "reply"}, *touches(0, 0)]
    assert asked(rule("fatigue", {**KEYS, "limit": 3}), view(history)) == NOW
    assert asked(rule("fatigue", {**KEYS, "limit": 2.9}), view(history)) > NOW


def test_what_an_answer_took_off_halves_with_the_rest() -> None:
    history = [*touches(8, 8, 8), {"at": NOW - 7 * DAY, "event": "click"}]
    push = evidence(rule("fatigue", {**KEYS, "limit": 1.8}), view(history))
    assert push.detail["pressure"] == round((3 * 0.5 ** (1 / 7) - 1) / 2, 2)


def test_relief_before_the_touch_is_no_relief_for_it() -> None:
    history = [{"at": NOW - DAY, "event": "reply"}, *touches(0.5, 0.5)]
    assert asked(rule("fatigue", KEYS), view(history)) > NOW


def test_a_touch_at_the_instant_of_an_answer_comes_before_it() -> None:
    assert asked(rule("fatigue", KEYS), view([*touches(1, 1), {"at": NOW - DAY, "event": "reply"}])) == NOW


def test_so_it_is_beside_a_touch_that_comes_later() -> None:
    late, reply = touches(-1, category="promotion"), {"at": NOW - DAY, "event": "reply"}
    push = evidence(rule("fatigue", {**KEYS, "limit": 2}), view([*touches(1, 1), reply, *late]))
    assert push.detail["pressure"] == 1.5


def test_an_engagement_without_a_relief_takes_nothing_off() -> None:
    others = [{"at": NOW - HOUR, "event": "visit"}, {"at": NOW - HOUR, "event": "click"}]
    for history in (touches(0, 0, 0.5), touches(-1, -1, 0.5)):
        some, without = rule("fatigue", KEYS), [*history, others[1]]
        assert asked(some, view([*history, *others])) == asked(some, view(without)) > NOW


def test_a_touch_of_an_uncounted_category_changes_no_other_weight() -> None:
    some = rule("fatigue", {**KEYS, "weights": {"promotion": 1.5, "service": 0.1}})
    history = touches(1, category="promotion") + touches(0.5)
    assert asked(some, view([*touches(2, category="service"), *history])) == asked(some, view(history)) > NOW


def test_the_evidence_holds_a_touch_that_lies_later_as_whole() -> None:
    some, seen = rule("fatigue", {**KEYS, "limit": 2}), view(touches(-7, -7))
    told = [evidence(some, seen, NOW + days * DAY).detail["pressure"] for days in (0, 3, 7, 10)]
    assert told == [2, 2, 2, round(2 * 0.5 ** (3 / 7), 2)]
    assert evidence(some, view(touches(0, 0)), NOW + 3 * DAY).detail["pressure"] == told[3]


def test_the_evidence_leaves_out_what_never_weighed_a_hundredth_even_if_it_lies_later() -> None:
    some = rule("fatigue", {**KEYS, "weights": {"promotion": 0.005, "follow_up": 0.01}})
    history = [*touches(0, 0), *touches(-30, category="promotion"), *touches(-40, category="follow_up")]
    assert evidence(some, view(history)).touches == (1, 2, 4)


def test_the_least_instant_is_found_from_any_guess() -> None:
    edge, guess = np.array([1, 1, 5, 100, 1000, 77, 78]), np.array([-3, 900, 5, 3, 10_000, 78, 77])
    found = fatigue._least(lambda rows, at: at >= edge[rows], np.arange(7), np.zeros(7, np.int64), guess)
    assert found.tolist() == edge.tolist()


def test_what_weighs_just_what_is_allowed_waits_for_ever() -> None:
    some = rule("fatigue", {"half_life": "7d", "limit": 1, "weights": {"newsletter": 1 + fatigue.TOLERANCE}})
    assert (asked(some, view()), asked(some, view(touches(1)))) == (NOW, NEVER)


def test_a_touch_later_than_t_weighs_whole_until_then() -> None:
    some, seen = rule("fatigue", {**KEYS, "limit": 2}), view(touches(-1, -1))
    assert asked(some, seen) == pytest.approx(NOW + 8 * DAY, abs=SECOND)
    assert asked(some, view(touches(-1))) == NOW


def test_what_fades_before_a_late_touch_comes_is_not_waited_for_until_then() -> None:
    assert asked(rule("fatigue", KEYS), view(touches(0, -40))) == pytest.approx(NOW + 7 * DAY, abs=SECOND)


def test_a_message_that_outweighs_the_limit_is_never_welcome() -> None:
    assert asked(rule("fatigue", {**KEYS, "limit": 1.2}), view(message={"category": "promotion"})) == NEVER


def test_the_evidence_names_the_touches_still_felt() -> None:
    push = evidence(rule("fatigue", KEYS), view(touches(0, 1, 300)))
    assert push.touches == (2, 3)
    assert push.detail["pressure"] == pytest.approx(1.91, abs=0.01)


def test_the_evidence_of_what_outweighs_the_limit_says_so() -> None:
    push = evidence(rule("fatigue", {**KEYS, "limit": 1.2}), view(message={"category": "promotion"}))
    assert push.detail == {"why": "never", "pressure": 0, "weight": 1.5, "limit": 1.2, "half_life": "7d"}
    assert evidence(rule("fatigue", KEYS), view(touches(0, 0))).detail["why"] == "pressure"


def test_a_limit_must_exceed_the_weight_of_all_it_governs() -> None:
    keys = fatigue.Keys.model_validate({**KEYS, "limit": 1.5, "weights": {"promotion": 1.5}})
    assert [path for path, _ in keys.problems(CATEGORIES)] == [("limit",)]
    only = rule("fatigue", dict(keys), filters=Filters(categories=frozenset({key("newsletter")})))
    assert keys.problems(CATEGORIES, only) == []


@pytest.mark.parametrize(
    ("excepted", "fine"),
    [
        ({"categories": frozenset({key("promotion")})}, True),
        ({"categories": frozenset({key("promotion")}), "channels": frozenset({key("email")})}, False),
        ({"categories": frozenset({key("promotion")}), "campaigns": frozenset({key("spring")})}, False),
        ({"categories": frozenset({key("promotion")}), "tags": frozenset({key("big")})}, False),
        ({"channels": frozenset({key("phone")})}, False),
    ],
)
def test_what_is_excepted_altogether_may_weigh_more_than_the_limit(excepted: dict[str, Any], fine: bool) -> None:
    keys = fatigue.Keys.model_validate({**KEYS, "limit": 1.5, "weights": {"promotion": 1.5}})
    some = rule("fatigue", dict(keys), excluded=(Filters(**excepted),))
    assert (keys.problems(CATEGORIES, some) == []) is fine


def test_what_it_does_not_govern_may_weigh_more_than_the_limit() -> None:
    keys = fatigue.Keys.model_validate({**KEYS, "limit": 1.5, "weights": {"phone": 2, "service": 9}})
    by_mail = Filters(channels=frozenset({key("email"), key("sms")}))
    assert keys.problems(CATEGORIES, rule("fatigue", dict(keys), filters=by_mail)) == []
    not_by_phone = (Filters(channels=frozenset({key("phone")})),)
    assert keys.problems(CATEGORIES, rule("fatigue", dict(keys), excluded=not_by_phone)) == []
    of_letters = Filters(categories=frozenset({key("newsletter")}))
    assert keys.problems(CATEGORIES, rule("fatigue", dict(keys), filters=of_letters)) != []


@pytest.mark.parametrize(("word", "fine"), [("all", True), ("fatigue", True), ("calm", True), ("caps", False)])
def test_what_is_exempt_from_it_may_weigh_more_than_the_limit(word: str, fine: bool) -> None:
    keys = fatigue.Keys.model_validate({**KEYS, "limit": 1.5, "weights": {"promotion": 2}})
    categories = {"promotion": Category("promotion", exempt=frozenset({word}))}
    assert (keys.problems(categories, replace(rule("fatigue", dict(keys)), name="calm")) == []) is fine


def test_what_it_governs_on_a_channel_may_not_weigh_more_than_the_limit() -> None:
    keys = fatigue.Keys.model_validate({**KEYS, "limit": 1.5, "weights": {"phone": 2}})
    by_phone = rule("fatigue", dict(keys), filters=Filters(channels=frozenset({key("phone")})))
    assert [path for path, _ in keys.problems(CATEGORIES, by_phone)] == [("limit",)]


def test_the_problem_names_what_could_never_be_sent() -> None:
    keys = fatigue.Keys.model_validate({**KEYS, "limit": 1.5, "weights": {"promotion": 1.5, "sms": 2.25, "x": 1}})
    assert keys.problems(CATEGORIES) == [
        (
            ("weights", "x"),
            "'x' is neither a category of this policy nor a channel; allowed are follow_up, newsletter, promotion, "
            "service, email, sms, push, phone, post, in_person",
        ),
        (
            ("limit",),
            "the limit 1.5 doesn't exceed the weight 2.25 of promotion on sms, which could never be sent; "
            "give a limit above 2.25, or a lower weight",
        ),
    ]


def test_it_looks_as_far_back_as_anything_is_felt() -> None:
    keys = fatigue.Keys.model_validate(KEYS)
    reach = keys.touch_reach()
    assert reach is not None
    assert 0.5 ** (reach / (7 * DAY)) < 1e-14
    assert keys.event_reach() == {EventKind.CLICK: reach, EventKind.REPLY: reach}


def test_a_relief_of_nothing_is_none() -> None:
    keys = {**KEYS, "relief": {"click": 1, "visit": 0}}
    assert list(fatigue.Keys.model_validate(keys).event_reach()) == [EventKind.CLICK]
    some, visits = rule("fatigue", keys), [{"at": NOW - HOUR, "event": "visit"}]
    for history in (touches(0, 1), touches(-1, 0)):
        assert asked(some, view([*history, *visits])) == asked(some, view(history)) > NOW


def test_of_several_contacts_without_answers_each_has_its_own_touches() -> None:
    ages = [(0, 0), (1, 1, 1), (20,), (2,), (0, 3, 3)]
    (first, *others) = [touches(*days) for days in ages]
    messages = [{"category": "newsletter", "contact": i} for i in range(5)]
    together = view(first, circle=[({}, history) for history in others], messages=messages)
    some, rows = rule("fatigue", {**KEYS, "limit": 1.5}), np.arange(5)
    found = fatigue.welcome_at(some, together, rows, np.full(5, NOW, np.int64))
    assert found.tolist() == [asked(some, view(touches(*days))) for days in ages]
    assert (found > NOW).tolist() == [True, True, False, True, True]


def test_what_a_late_touch_brings_just_to_the_limit_is_at_it() -> None:
    weights = {"newsletter": 0.3, "promotion": 0.2, "follow_up": 0.1}
    some = rule("fatigue", {"half_life": "7d", "limit": 0.6 - fatigue.TOLERANCE, "weights": weights})
    history = [*touches(0), *touches(-1, category="promotion")]
    assert asked(some, view(history, {"category": "follow_up"})) == NOW


@pytest.mark.parametrize(
    ("word", "hint"), [("repyl", "'repyl' can't stand here; did you mean reply? allowed"), ("xyzzy", "here; allowed")]
)
def test_a_misspelt_relief_is_told_the_nearest_if_there_is_one(word: str, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        fatigue.Keys.model_validate({**KEYS, "relief": {word: 1}})


def test_a_weight_of_nothing_known_is_a_problem() -> None:
    keys = fatigue.Keys.model_validate({**KEYS, "weights": {"promotions": 1}})
    assert [path for path, _ in keys.problems(CATEGORIES)] == [("weights", "promotions")]


def test_a_message_under_an_old_name_weighs_what_its_category_weighs() -> None:
    """One that waited while its category was renamed."""
    categories = {"promotion": Category("promotion", was=("offers",))}
    some = rule("fatigue", {**KEYS, "limit": 2.9})
    for name in ("promotion", "offers"):
        seen = view(touches(0), {"category": name}, categories=categories, renamed={"offers": "promotion"})
        assert asked(some, seen) == NOW
        seen = view(touches(0, 0), {"category": name}, categories=categories, renamed={"offers": "promotion"})
        assert asked(some, seen) > NOW
        assert evidence(some, seen).detail["weight"] == 1.5


def test_old_names_of_a_category_weigh_the_same() -> None:
    categories = {"promotion": Category("promotion", was=("offers",))}
    history = touches(0, category="offers")
    seen = view(history, {"category": "promotion"}, categories=categories, renamed={"offers": "promotion"})
    assert asked(rule("fatigue", {**KEYS, "limit": 2.9}), seen) > NOW


@pytest.mark.parametrize("keys", [{"limit": 0}, {"half_life": "1mo"}, {"relief": {"clic": 1}}, {"weights": {"a": -1}}])
def test_what_makes_no_sense_is_an_error(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"limit|half_life|relief|weights"):
        fatigue.Keys.model_validate({**KEYS, **keys})


# A slow reading of language.md: step by step through what happened.

steps = st.lists(
    st.tuples(st.integers(-4, 60), st.sampled_from(["newsletter", "promotion", "click", "reply"])), max_size=14
)


def pressure(history: list[tuple[int, str]], t: int) -> float:
    changes = []
    for hours, what in history:
        if what in KEYS["relief"]:
            if hours >= 0:
                changes.append((NOW - hours * 6 * HOUR, 1, -float(KEYS["relief"][what])))
        else:
            changes.append((min(NOW - hours * 6 * HOUR, t), 0, float(KEYS["weights"].get(what, 1))))
    level, since = 0.0, 0
    for when, _, change in sorted(changes):
        level = max(0.0, level * 0.5 ** ((when - since) / (7 * DAY)) + change)
        since = when
    return float(level * 0.5 ** ((t - since) / (7 * DAY)))


@given(steps, st.sampled_from([1.6, 2.5, 4.0]), st.sampled_from(["newsletter", "promotion"]))
def test_the_answer_is_accepted_and_nothing_earlier_is(history: list[tuple[int, str]], limit: float, mine: str) -> None:
    facts = [
        {"at": NOW - h * 6 * HOUR, ("event" if w in KEYS["relief"] else "touch"): w}
        for h, w in history
        if h >= 0 or w not in KEYS["relief"]
    ]
    answer = asked(rule("fatigue", {**KEYS, "limit": limit}), view(facts, {"category": mine}))
    weight = KEYS["weights"].get(mine, 1)
    assert pressure(history, answer) + weight <= limit + 2e-9
    tried = [NOW, *(at_ for h, _ in history if (at_ := NOW - h * 6 * HOUR) >= NOW), answer - SECOND]
    assert all(pressure(history, t) + weight > limit for t in tried if NOW <= t < answer)


@given(steps, st.sampled_from([1.6, 2.5]))
def test_asked_again_at_its_answer_it_accepts(history: list[tuple[int, str]], limit: float) -> None:
    facts = [{"at": NOW - abs(h) * 6 * HOUR, ("event" if w in KEYS["relief"] else "touch"): w} for h, w in history]
    some, seen = rule("fatigue", {**KEYS, "limit": limit}), view(facts)
    answer = asked(some, seen)
    assert asked(some, seen, answer) == answer
    assert answer == NOW or asked(some, seen, answer - 1) == answer
