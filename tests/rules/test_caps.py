"""caps: fewer than so many counted touches in a window, with slots kept free."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.calendar import Window
from cadence.facts import DAY, HOUR, NEVER, SECOND, key
from cadence.rules import caps
from cadence.rules.rule import Across, Counts, Each, Filters
from cadence.rules.view import View
from tests.rules.columns import CATEGORIES, asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")


def touches(*hours_ago: float, category: str = "newsletter", **more: Any) -> list[dict[str, Any]]:
    return [{"at": NOW - int(h * HOUR), "touch": category, **more} for h in hours_ago]


def test_below_max_it_is_welcome_now() -> None:
    assert asked(rule("caps", {"max": 2, "per": "7d"}), view(touches(1))) == NOW


def test_the_next_is_welcome_exactly_one_window_after_the_nth_most_recent() -> None:
    assert asked(rule("caps", {"max": 2, "per": "7d"}), view(touches(1, 30, 50))) == NOW - 30 * HOUR + 7 * DAY


def test_a_touch_exactly_a_window_old_counts_no_more() -> None:
    assert asked(rule("caps", {"max": 1, "per": "24h"}), view(touches(24))) == NOW


def test_local_days_free_when_the_nth_date_after_begins() -> None:
    seen = view([{"at": "2026-03-27T23:30+01:00", "touch": "newsletter"}], contact={"timezone": "Europe/Stockholm"})
    answer = asked(rule("caps", {"max": 1, "per": "3 local days"}), seen, "2026-03-28T12:00+01:00")
    assert answer == at("2026-03-30T00:00+02:00")


def test_a_calendar_month_frees_when_the_next_begins_in_the_first_of_the_zones() -> None:
    seen = view(touches(1), contact={"timezones": ["Asia/Kathmandu", "UTC"]})
    assert asked(rule("caps", {"max": 1, "per": "calendar month"}), seen) == at("2026-04-01T00:00+05:45")


def test_ever_never_frees() -> None:
    assert asked(rule("caps", {"max": 1, "per": "ever"}), view(touches(90_000))) == NEVER


def test_a_touch_later_than_t_counts_as_if_it_lay_at_t() -> None:
    assert asked(rule("caps", {"max": 1, "per": "24h"}), view(touches(-2))) == NOW + 26 * HOUR


def test_uncounted_categories_are_not_counted() -> None:
    assert asked(rule("caps", {"max": 1, "per": "24h"}), view(touches(1, category="service"))) == NOW


def test_a_category_the_policy_does_not_know_counts() -> None:
    assert asked(rule("caps", {"max": 1, "per": "24h"}), view(touches(1, category="forgotten"))) > NOW


def test_counts_all_counts_what_is_uncounted_too() -> None:
    assert asked(rule("caps", {"max": 1, "per": "24h"}, counts=Counts()), view(touches(1, category="service"))) > NOW


def test_what_is_excepted_is_not_counted() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, excluded=(Filters(categories=frozenset({key("promotion")})),))
    assert asked(some, view(touches(1, category="promotion"))) == NOW


def test_each_thread_is_counted_apart() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, each=Each.THREAD)
    seen = view(touches(1, thread="a"), messages=[{"category": "newsletter", "thread": t} for t in ("a", "b")])
    assert [asked(some, seen, row=r) > NOW for r in (0, 1)] == [True, False]


def test_a_thread_with_fewer_touches_than_allowed_borrows_none_of_others() -> None:
    some = rule("caps", {"max": 3, "per": "24h"}, each=Each.THREAD)
    history = touches(1, 2, 3, 4, thread="u") + touches(5, thread="t") + touches(6, 7, thread="v") + touches(8)
    threads = ("t", "u", "v", "w")
    seen = view(history, messages=[{"category": "newsletter", "thread": t} for t in threads])
    assert [(asked(some, seen, row=r) - NOW) // HOUR for r in range(4)] == [0, 21, 0, 0]
    assert [r.tolist() for r in map(seen.counted(some).of, range(4))] == [[3], [4, 5, 6, 7], [1, 2], []]


def test_some_alone_and_some_in_circles_each_have_the_touches_that_are_theirs() -> None:
    box = {"addresses": {"email": "a@example.com"}}
    sent = {
        0: touches(9, 3),
        1: touches(2, address="a@example.com"),
        2: touches(5, 4, 1),
        3: touches(8),
        4: touches(7, 6),
    }
    circle = [(box if i == 1 else {}, sent[i]) for i in range(1, 5)]
    messages = [{"category": "newsletter", "contact": i} for i in (2, 0, 4, 1, 3)]
    seen = view(sent[0], contact=box, circle=circle, messages=messages)
    people = replace(seen.people, circle=np.array([0, 0, 1, 2, 3], np.int32))
    mixed = View(NOW, replace(seen.history, people=people), seen.candidates, seen.categories)
    for most, answers in ((2, [20, 21, 17, 0, 0]), (1, [23, 22, 18, 22, 16])):
        some = rule("caps", {"max": most, "per": "24h"})
        assert [(asked(some, mixed, row=r) - NOW) // HOUR for r in range(5)] == answers
    told = [evidence(some, mixed, row=r).touches for r in range(5)]
    assert told == [(4, 5, 6), (1, 2, 3), (8, 9), (3,), (7,)]


def test_two_records_with_one_mailbox_are_not_written_to_twice() -> None:
    contact = {"addresses": {"email": "a@example.com"}}
    other = ({"addresses": {"email": "A@example.com"}}, touches(1, address="a@example.com"))
    assert asked(rule("caps", {"max": 1, "per": "24h"}), view(contact=contact, circle=[other])) == NOW + 23 * HOUR


def test_two_records_without_a_mailbox_share_none() -> None:
    assert asked(rule("caps", {"max": 1, "per": "24h"}), view(circle=[({}, touches(1))])) == NOW


def test_who_shares_a_circle_is_counted_for_oneself_beside_who_has_none() -> None:
    messages = [{"contact": c} for c in (0, 2)]
    seen = view(circle=[({}, []), ({}, touches(1))], messages=messages)
    people = replace(seen.people, circle=np.array([0, 0, 1], np.int32))
    apart = View(NOW, replace(seen.history, people=people), seen.candidates, seen.categories)
    some = rule("caps", {"max": 1, "per": "24h"})
    assert [asked(some, apart, row=r) for r in (0, 1)] == [NOW, NOW + 23 * HOUR]


def test_across_the_household_all_its_touches_are_counted() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, across=Across.HOUSEHOLD)
    assert asked(some, view(contact={"household": "h"}, circle=[({"household": "h"}, touches(1))])) == NOW + 23 * HOUR


def test_across_an_address_all_that_somebody_who_has_it_received_is_counted() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, across=Across.ADDRESS)
    mine = {"addresses": {"email": "a@example.com"}}
    theirs = {"addresses": {"email": "A@example.com", "sms": "1"}}
    sent = touches(1, channel="sms", address="1")
    assert asked(some, view(contact=mine, circle=[(theirs, sent)])) == NOW + 23 * HOUR
    assert asked(some, view(contact=mine, circle=[({"addresses": {"sms": "1"}}, sent)])) == NOW
    assert asked(some, view(contact={}, circle=[({"addresses": {"sms": "1"}}, sent)])) == NOW


def test_of_a_thread_counted_apart_what_others_received_is_not_counted() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, each=Each.THREAD)
    mine, theirs = ({"addresses": {"email": f"{name}@example.com"}} for name in "ab")
    sent = touches(1, thread="t", address="b@example.com")
    assert asked(some, view(message={"thread": "t"}, contact=mine, circle=[(theirs, sent)])) == NOW


def test_what_a_message_has_not_is_the_same_as_nothing() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, each=Each.THREAD)
    assert asked(some, view(touches(1))) == NOW
    assert asked(some, view(touches(1, thread="t"), {"thread": "t"})) == NOW + 23 * HOUR


def test_each_tag_is_counted_apart() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, each=Each.TAG, tag=1)
    seen = view(touches(1, tags=["a", "b"]) + touches(2, tags=["c"]), message={"tags": ["x", "b"]})
    assert asked(some, seen) == NOW + 23 * HOUR
    assert asked(some, view(touches(1, tags=["a"]), message={"tags": ["a"]})) == NOW  # it has no second tag


def test_a_tag_of_the_filter_on_any_place_is_enough_and_on_none_is_not() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, filters=Filters(tags=frozenset({key("a"), key("b")})))
    for tags, counted in ((["x", "b"], True), (["a", "b"], True), (["x"], False), ([], False)):
        assert asked(some, view(touches(1, tags=tags), message={"tags": ["a"]})) == NOW + 23 * HOUR * counted, tags


def test_of_a_place_where_a_message_has_no_tag_it_has_none() -> None:
    seen = view(messages=[{"tags": ["a", "b"]}, {"tags": ["a"]}])
    assert [seen.tag(place).tolist() for place in (0, 1)] == [[key("a"), key("a")], [key("b"), 0]]


def test_a_rename_frees_no_slot() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, filters=Filters(categories=frozenset({key("promotion")})))
    seen = view(touches(1, category="offers"), {"category": "promotion"}, renamed={"offers": "promotion"})
    assert asked(some, seen) == NOW + 23 * HOUR


def test_a_renamed_campaign_is_the_same_campaign() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, filters=Filters(campaigns=frozenset({key("spring")})))
    for campaigns, answer in ({"vår": "spring"}, NOW + 23 * HOUR), ({}, NOW), ({"spring": "vår"}, NOW + 23 * HOUR):
        seen = view(touches(1, campaign="vår"), {"campaign": "spring"}, campaigns=campaigns)
        assert asked(some, seen) == answer
    apart = rule("caps", {"max": 1, "per": "24h"}, each=Each.CAMPAIGN)
    seen = view(touches(1, campaign="vår"), {"campaign": "spring"}, campaigns={"vår": "spring"})
    assert asked(apart, seen) == NOW + 23 * HOUR


def test_a_campaign_that_is_called_like_an_old_category_is_no_other_campaign() -> None:
    of_promotion = rule("caps", {"max": 1, "per": "24h"}, filters=Filters(campaigns=frozenset({key("promotion")})))
    apart = rule("caps", {"max": 1, "per": "24h"}, each=Each.CAMPAIGN)
    seen = view(touches(1, campaign="offers"), {"campaign": "promotion"}, renamed={"offers": "promotion"})
    assert [asked(some, seen) for some in (of_promotion, apart)] == [NOW, NOW]


def test_a_category_that_is_called_like_an_old_campaign_is_no_other_category() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, filters=Filters(categories=frozenset({key("promotion")})))
    seen = view(touches(1, category="offers"), {"category": "promotion"}, campaigns={"offers": "promotion"})
    assert asked(some, seen) == NOW


def test_a_thread_that_is_called_like_a_renamed_category_keeps_its_name() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, each=Each.THREAD)
    seen = view(touches(1, thread="offers"), {"thread": "promotion"}, renamed={"offers": "promotion"})
    assert asked(some, seen) == NOW


def test_each_message_of_a_batch_has_its_own_tags() -> None:
    some = rule("caps", {"max": 1, "per": "24h"}, each=Each.TAG, tag=1)
    messages = [{"tags": t} for t in (["x", "b"], ["b"], [], ["b", "x"], ["x", "b", "c"])]
    seen = view([*touches(1, tags=["a", "b"]), *touches(3, tags=["x"]), *touches(2)], messages=messages)
    assert [(asked(some, seen, row=r) - NOW) // HOUR for r in range(5)] == [23, 0, 0, 21, 23]


def test_a_kept_slot_is_left_for_its_category() -> None:
    some = rule("caps", {"max": 2, "per": "7d", "reserve": {"follow_up": 1}})
    messages = [{"category": c} for c in ("newsletter", "follow_up")]
    seen = view(touches(10), messages=messages)
    assert [asked(some, seen, row=r) for r in (0, 1)] == [NOW - 10 * HOUR + 7 * DAY, NOW]


def test_a_touch_of_the_reserved_category_uses_its_own_slot() -> None:
    some = rule("caps", {"max": 2, "per": "7d", "reserve": {"follow_up": 1}})
    assert asked(some, view(touches(10, category="follow_up"))) == NOW


def test_of_a_reserved_category_only_so_many_touches_as_are_reserved_use_no_slot() -> None:
    for slots, many, waits in ((1, 1, False), (1, 2, True), (2, 2, False), (2, 3, True)):
        some = rule("caps", {"max": slots + 2, "per": "7d", "reserve": {"follow_up": slots}})
        history = touches(10) + touches(*range(20, 20 + many), category="follow_up")
        assert (asked(some, view(history)) > NOW) is waits, (slots, many)


@pytest.mark.parametrize("mine", ["follow_up", "promotion"])
def test_of_several_reserved_categories_each_uses_its_own_slot(mine: str) -> None:
    some = rule("caps", {"max": 3, "per": "7d", "reserve": {"follow_up": 1, "promotion": 1}})
    assert asked(some, view(touches(10, category=mine))) == NOW
    assert asked(some, view(touches(10, 20, category=mine))) > NOW


kinds = st.sampled_from(["newsletter", "follow_up", "promotion"])


@given(
    st.lists(st.tuples(st.integers(0, 30), kinds), max_size=12),
    st.integers(2, 6),
    st.fixed_dictionaries({}, optional={"follow_up": st.integers(1, 3), "promotion": st.integers(1, 2)}),
)
def test_with_kept_slots_the_answer_is_that_of_the_sentence_in_the_language(
    history: list[tuple[int, str]], most: int, reserve: dict[str, int]
) -> None:
    """max over each category of its touches and what is kept for it, summed, is below max."""
    if sum(reserve.values()) >= most:
        return
    some = rule("caps", {"max": most, "per": "30h", "reserve": reserve})
    facts = [{"at": NOW - h * HOUR, "touch": c} for h, c in history]
    mine = ["newsletter", "follow_up", "promotion", "newsletter"]
    seen = view(facts, messages=[{"category": c} for c in mine])
    for row, own in enumerate(mine):
        hour = 0
        while True:
            there = [c for h, c in history if h + hour < 30]
            needed = sum(max(there.count(c), 0 if c == own else reserve.get(c, 0)) for c in {*there, *reserve})
            if needed < most:
                break
            hour += 1
        assert asked(some, seen, row=row) == NOW + hour * HOUR


def test_the_evidence_names_the_touches_in_the_window_and_the_one_that_frees() -> None:
    push = evidence(rule("caps", {"max": 2, "per": "7d"}), view(touches(1, 30, 50, 400)))
    assert (push.touches, push.detail["count"], push.detail["frees_from_at"]) == ((2, 3, 4), 3, NOW - 30 * HOUR)


def test_the_evidence_says_whether_the_window_is_full_or_the_rest_is_kept_or_it_is_for_ever() -> None:
    common = {"max": 2, "frees_from_at": NOW - 9 * HOUR}
    kept = {"reserve": {"promotion": 1}}
    for keys, ago, more in (
        ({"per": "7d"}, (9, 3), {"why": "full", "count": 2, "window": "7d", "reserved": 0}),
        ({"per": "7d", **kept}, (9,), {"why": "reserved", "count": 1, "window": "7d", "reserved": 1}),
        ({"per": "ever"}, (9, 3), {"why": "ever", "count": 2, "window": "ever", "reserved": 0}),
        ({"per": "ever", **kept}, (9,), {"why": "ever_reserved", "count": 1, "window": "ever", "reserved": 1}),
    ):
        push = evidence(rule("caps", {"max": 2, **keys}), view(touches(*ago)))
        assert push.detail == common | more


def test_the_evidence_counts_as_kept_free_only_what_others_have_not_taken() -> None:
    some = rule("caps", {"max": 6, "per": "7d", "reserve": {"promotion": 2, "follow_up": 1, "newsletter": 1}})
    history = [*touches(5, 4, 3), *touches(9, category="promotion")]
    assert evidence(some, view(history, {"category": "newsletter"}), at("2026-03-10T12:00")).detail["reserved"] == 2


def test_the_evidence_leaves_out_what_leaves_the_window_at_that_instant() -> None:
    assert evidence(rule("caps", {"max": 1, "per": "24h"}), view(touches(24, 1))).touches == (2,)


def test_what_leaves_the_window_beyond_the_last_instant_leaves_it_never() -> None:
    found = caps.freed(np.array([NEVER - DAY]), Window.parse("7d"), view(), np.zeros(1, np.int64))
    assert found.tolist() == [NEVER]


def test_reserves_must_leave_a_slot_and_name_known_categories() -> None:
    keys = caps.Keys.model_validate({"max": 2, "per": "7d", "reserve": {"follow_up": 1, "folow_up": 1}})
    assert [path for path, _ in keys.problems(CATEGORIES)] == [("reserve", "folow_up"), ("reserve",)]


def test_an_unknown_reserve_is_told_the_nearest_category_if_there_is_one() -> None:
    keys = caps.Keys.model_validate({"max": 2, "per": "7d", "reserve": {"folow_up": 1}})
    unknown = "reserve names the category 'folow_up', which the policy doesn't have; "
    for categories, allowed in (
        (CATEGORIES, "did you mean follow_up? allowed are follow_up, newsletter, promotion, service"),
        ({"service": CATEGORIES["service"]}, "allowed are service"),
        ({}, "allowed are none"),
    ):
        assert keys.problems(categories) == [(("reserve", "folow_up"), unknown + allowed)]


@pytest.mark.parametrize("keys", [{"max": 0, "per": "7d"}, {"max": True, "per": "7d"}, {"max": 1, "per": "1mo"}])
def test_an_empty_limit_or_a_window_without_a_length_is_an_error(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"max|per"):
        caps.Keys.model_validate(keys)


# A slow reading of language.md: count what lies in (t - W, t], a later touch as if it lay at t.

histories = st.lists(
    st.tuples(st.integers(-30, 200), st.sampled_from(["newsletter", "promotion", "follow_up"])), max_size=12
)


def accepts(history: list[tuple[int, str]], mine: str, most: int, window: int, reserve: dict[str, int], t: int) -> bool:
    inside = [c for h, c in history if t - window < min(NOW - h * HOUR, t)]
    taken = sum(max(inside.count(c), 0 if c == mine else reserve.get(c, 0)) for c in {*inside, *reserve})
    return taken < most


@given(
    histories, st.integers(1, 5), st.sampled_from([24, 72, 168]), st.integers(0, 3), st.sampled_from(list(CATEGORIES))
)
def test_the_answer_is_accepted_and_nothing_earlier_is(
    history: list[tuple[int, str]], most: int, hours: int, kept: int, mine: str
) -> None:
    reserve = {"follow_up": kept} if 0 < kept < most else {}
    some = rule("caps", {"max": most, "per": f"{hours}h", "reserve": reserve})
    seen = view([{"at": NOW - h * HOUR, "touch": c} for h, c in history], {"category": mine})
    answer, window = asked(some, seen), hours * HOUR
    tried = [NOW, *(NOW - h * HOUR + window for h, _ in history)]
    assert answer == min(t for t in tried if t >= NOW and accepts(history, mine, most, window, reserve, t))
    assert answer == NOW or not accepts(history, mine, most, window, reserve, answer - 1)


@given(histories, st.integers(-30, 200), st.integers(1, 4))
def test_adding_a_touch_never_makes_the_answer_earlier(history: list[tuple[int, str]], more: int, most: int) -> None:
    some = rule("caps", {"max": most, "per": "72h", "reserve": {"promotion": 1} if most > 1 else {}})
    facts = [{"at": NOW - h * HOUR, "touch": c} for h, c in history]
    added = [*facts, {"at": NOW - more * HOUR, "touch": "newsletter"}]
    assert asked(some, view(added)) >= asked(some, view(facts))


def test_real_histories_are_released_at_the_instants_that_brute_force_found(shared: Path) -> None:
    cases = json.loads((shared / "data/cases/rolling_caps_real_histories.json").read_text())["cases"]
    for case in cases[:12]:
        rules = [rule("caps", {"max": c["max"], "per": f"{c['per_seconds']}s"}) for c in case["caps"]]
        released: list[int] = []
        for attempt in case["attempts"]:
            at_ = attempt * SECOND
            while True:
                seen = view([{"at": r, "touch": "newsletter"} for r in released], now=at_)
                later = max(asked(r, seen) for r in rules)
                if later == at_:
                    break
                at_ = later
            released.append(at_)
        assert [r // SECOND for r in released] == case["defer_mode_release"], case["id"]
