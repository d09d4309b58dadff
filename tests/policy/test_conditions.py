"""Conditions: every word against a slow reading of the language, when time changes an answer, and what is wrong told
at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadence.facts import DAY, NEVER, EventKind, instant, micros
from cadence.policy.conditions import ConditionError, ContactFacts, holds, needs, next_change, parse
from tests.policy.contacts import Contact, expected, facts_of, policy_of

NOWS = [
    datetime(2026, 3, 31, 10, tzinfo=UTC),
    datetime(2026, 8, 31, 22, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 15, tzinfo=UTC),
]
ZONES = ["Europe/Stockholm", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"]
DURATIONS = ["36h", "7d", "30d", "1mo", "6mo", "1y"]
some = st.sampled_from


def answer(where: dict[str, Any], *contacts: Contact, now: datetime = NOWS[0]) -> list[bool]:
    return holds(parse(where), facts_of(contacts, now)).tolist()


def one(
    where: dict[str, Any], history: list[dict[str, Any]] | None = None, now: datetime = NOWS[0], **about: Any
) -> bool:
    return answer(where, (about, history or []), now=now)[0]


@st.composite
def instants(draw: st.DrawFn, now: datetime) -> datetime:
    """Instants around now, often exactly at an edge of what conditions ask."""
    days = draw(some([0, 1, 1.5, 7, 28, 29, 30, 31, 59, 181, 184, 365, 366, -1, -7, -30]))
    return now - timedelta(days=days) + draw(some([0, 0, 1, -1])) * timedelta(microseconds=1)


@st.composite
def contacts(draw: st.DrawFn, now: datetime) -> Contact:
    attributes: dict[str, Any] = {}
    if draw(st.booleans()):
        attributes["points"] = draw(some([5, 5.5, "5", "07", "many", 0]))
    if draw(st.booleans()):
        attributes["tags"] = draw(some([["a", "b"], ["b"], [], "a"]))
    if draw(st.booleans()):
        local = (now + timedelta(days=draw(st.integers(-40, 40)))).date().isoformat()
        attributes["renewal"] = draw(some([local, local + "T12:00", draw(instants(now)).isoformat(), "soon"]))
    if draw(st.integers(0, 4)) == 0:
        attributes["orders"] = 3
    if draw(st.integers(0, 4)) == 0:
        attributes["last_purchase"] = draw(instants(now)).isoformat()
    about: dict[str, Any] = {"timezone": draw(some(ZONES)), "attributes": attributes}
    events = st.one_of(
        st.builds(lambda at, c: {"at": at, "touch": c}, instants(now), some(["news", "offers", "service", "unknown"])),
        st.builds(lambda at, e: {"at": at, "engagement": e}, instants(now), some(["click", "reply", "purchase"])),
        st.builds(
            lambda at, a: {"at": at, "engagement": "purchase", "amount": a}, instants(now), some([0.1, 20, 99.99])
        ),
        st.builds(lambda at, w: {"at": at, w: True}, instants(now), some(["inquiry", "open", "refusal"])),
    )
    return about, draw(st.lists(events, max_size=6))


DATES = some(["2026-03-01", "2026-03-29T02:30", "2025-08-31T22:30+00:00"])
NUMBERS = some([0, 1, 2, 5, 20.1])
INSTANT_NAMES = some(["first_purchase", "last_purchase", "last_engaged", "last_touch", "renewal"])
NUMBER_NAMES = some(
    ["orders", "spend", "points", "orders_30d", "spend_7d", "touches_30d", "engagements_365d", "touches_7d"]
)
BOUNDS = some(["at_least", "at_most", "above", "below"])
LEAVES = st.one_of(
    st.builds(
        lambda n, w, d: {n: {w: d}},
        INSTANT_NAMES,
        some(["in_the_last", "in_the_next", "longer_ago_than"]),
        some(DURATIONS),
    ),
    st.builds(lambda n, w, d: {n: {w: d}}, INSTANT_NAMES, BOUNDS, DATES),
    st.builds(lambda n, d: {n: d}, INSTANT_NAMES, DATES),
    st.builds(lambda n, w, v: {n: {w: v}}, NUMBER_NAMES, BOUNDS, NUMBERS),
    st.builds(lambda n, v: {n: v}, NUMBER_NAMES, NUMBERS),
    st.builds(lambda n, v: {n: {"missing": v}}, st.one_of(INSTANT_NAMES, NUMBER_NAMES), st.booleans()),
    st.builds(lambda v: {"points": v}, some(["5", "many", [5, "many"], [0]])),
    st.builds(lambda w, v: {"tags": {w: v}}, some(["has", "is"]), some(["a", "b"])),
    st.builds(lambda p: {"tags": {"matches": p}}, some(["^a", "b$", "."])),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda a, b: {**a, **b}, inner, inner),
    ),
    max_leaves=4,
)


@settings(max_examples=200)
@given(st.data())
def test_every_condition_holds_for_just_whom_a_slow_reading_says(data: st.DataObject) -> None:
    now = data.draw(some(NOWS))
    people = data.draw(st.lists(contacts(now), min_size=1, max_size=5))
    where = data.draw(CONDITIONS)
    assert answer(where, *people, now=now) == [expected(where, p, now) for p in people]


@settings(max_examples=200)
@given(st.data())
def test_between_now_and_the_next_change_time_alone_changes_no_answer(data: st.DataObject) -> None:
    now = data.draw(some(NOWS))
    people = data.draw(st.lists(contacts(now), min_size=1, max_size=3))
    condition = parse(data.draw(CONDITIONS))
    facts = facts_of(people, now)
    before, change = holds(condition, facts), next_change(condition, facts)
    assert (change > facts.now).all()
    tries = {
        now + timedelta(days=d) + timedelta(microseconds=us)
        for d in (0, 1, 2, 7, 30, 31, 184, 365, 366, 400)
        for us in (-1, 1)
    }
    tries |= {instant(int(c)) - timedelta(microseconds=1) for c in change if c != NEVER}
    for at in (t for t in tries if t > now):
        then = holds(condition, ContactFacts(micros(at), facts.history, facts.policy))
        assert (then == before)[change > micros(at)].all(), at


def test_a_change_by_exact_days_is_told_to_the_microsecond() -> None:
    now = NOWS[0]
    facts = facts_of([({}, [{"at": now - timedelta(days=10), "engagement": "purchase"}])], now)
    assert next_change(parse({"last_purchase": {"in_the_last": "30d"}}), facts).tolist() == [facts.now + 20 * DAY]
    assert next_change(parse({"orders_30d": 1}), facts).tolist() == [facts.now + 20 * DAY]
    assert next_change(parse({"orders": 1}), facts).tolist() == [NEVER]


def test_half_a_year_after_the_31st_of_august_is_over_when_february_is() -> None:
    bought = [{"at": datetime(2025, 8, 31, 12, tzinfo=UTC), "engagement": "purchase"}]
    now = datetime(2026, 2, 28, 15, tzinfo=UTC)
    facts = facts_of([({"timezone": "UTC"}, bought)], now)
    condition = parse({"last_purchase": {"in_the_last": "6mo"}})
    assert holds(condition, facts).tolist() == [True]
    assert next_change(condition, facts).tolist() == [micros(datetime(2026, 3, 1, tzinfo=UTC))]


def test_a_touch_later_than_now_counts_as_if_it_lay_at_now() -> None:
    ahead = [{"at": NOWS[0] + timedelta(hours=3), "touch": "news"}]
    assert one({"last_touch": {"in_the_last": "1h"}, "touches_7d": 1}, ahead)
    assert not one({"last_touch": {"in_the_next": "1d"}}, ahead)


def test_a_date_is_every_instant_of_the_contacts_own_day_when_asked_by_name_and_its_beginning_when_asked_by_order() -> (
    None
):
    bought = [{"at": datetime(2026, 3, 1, 20, tzinfo=UTC), "engagement": "purchase"}]
    people: list[Contact] = [({"timezone": zone}, bought) for zone in ("Europe/Stockholm", "Asia/Kathmandu")]
    assert answer({"last_purchase": "2026-03-01"}, *people) == [True, False]
    assert answer({"last_purchase": ["2026-03-02", "2026-01-01"]}, *people) == [False, True]
    assert answer({"last_purchase": {"at_least": "2026-03-02"}}, *people) == [False, True]


def test_in_the_last_leaves_out_its_far_edge_and_takes_in_now() -> None:
    now = NOWS[0]
    edge, inside = now - timedelta(days=30), now - timedelta(days=30) + timedelta(microseconds=1)
    where = {"last_engaged": {"in_the_last": "30d"}}
    histories = [[{"at": at, "engagement": "click"}] for at in (edge, inside, now)]
    assert answer(where, *[({}, h) for h in histories]) == [False, True, True]
    assert answer({"last_engaged": {"longer_ago_than": "30d"}}, ({}, histories[0]), ({}, histories[1])) == [True, False]


def test_what_never_happened_lies_before_everything() -> None:
    assert one({"last_engaged": {"longer_ago_than": "1000y"}})
    assert one({"first_purchase": {"below": "1990-01-01"}})
    assert not one({"last_engaged": {"in_the_last": "1000y"}})
    assert not one({"first_purchase": {"at_least": "1990-01-01"}})


def test_any_other_comparison_with_a_missing_value_is_false() -> None:
    assert not one({"points": {"at_most": 5}})
    assert not one({"points": 5})
    assert not one({"points": {"matches": "."}})
    assert one({"not": {"points": 5}})
    assert one({"points": {"missing": True}})


def test_nothing_counted_is_nought_not_missing() -> None:
    assert one({"orders": 0, "spend": 0, "touches_30d": 0, "engagements_30d": 0, "orders_7d": {"missing": False}})


def test_a_given_attribute_beats_a_computed_one_only_where_it_is_given() -> None:
    bought = [{"at": NOWS[0] - timedelta(days=1), "engagement": "purchase", "amount": 10}]
    given_and_not = [({"attributes": {"orders": 5}}, bought), ({}, bought)]
    assert answer({"orders": 5}, *given_and_not) == [True, False]
    assert answer({"orders": 1}, *given_and_not) == [False, True]


def test_only_counted_touches_count_and_those_of_unknown_categories_do() -> None:
    touches = [{"at": NOWS[0] - timedelta(days=1), "touch": c} for c in ("news", "service", "unknown")]
    assert one({"touches_30d": 2}, touches)


def test_a_country_holds_in_its_parts_and_not_the_other_way_round() -> None:
    people: list[Contact] = [({"country": c}, []) for c in ("DE", "DE-BY", "DK")]
    people.append(({"country": "DE", "region": "BY"}, []))
    assert answer({"country": "DE"}, *people) == [True, True, False, True]
    assert answer({"country": ["DE-BY", "DK"]}, *people) == [False, True, True, True]


def test_truths_and_numbers_are_known_when_written_as_texts() -> None:
    people: list[Contact] = [({"attributes": {"vip": v}}, []) for v in (True, "true", "yes", 0)]
    assert answer({"vip": True}, *people) == [True, True, False, False]
    assert answer({"vip": False}, *people) == [False, False, False, True]


def test_consent_holds_where_it_stands_on_some_channel() -> None:
    now = NOWS[0]
    given_sms = ({"consents": {"sms": ["news"]}}, [])
    stopped = ({"consents": {"email": ["news"]}}, [{"at": now, "opt_out": "news"}])
    assert answer({"consent": "news"}, given_sms, stopped, ({}, [])) == [True, False, False]
    assert answer({"consent": "offers"}, stopped, ({}, [{"at": now, "opt_out": "all"}])) == [True, False]


def test_a_consent_that_lapses_is_told_as_a_coming_change() -> None:
    policy = policy_of(categories={"news": {"consent": {"kind": "opt_in", "lasts": "30d"}}})
    now = NOWS[0]
    facts = facts_of([({}, [{"at": now - timedelta(days=10), "opt_in": "news"}])], now, policy)
    assert holds(parse({"consent": "news"}), facts).tolist() == [True]
    assert next_change(parse({"consent": "news"}), facts).tolist() == [facts.now + 20 * DAY]


def test_a_text_that_is_too_long_matches_nothing() -> None:
    assert one({"note": {"matches": "a"}}, attributes={"note": "a" * 256})
    assert not one({"note": {"matches": "a"}}, attributes={"note": "a" * 257})


def test_needs_name_what_has_to_be_loaded() -> None:
    asked = needs(
        parse({"any": [{"spend_365d": {"at_least": 1}}, {"touches_30d": 0}, {"plan": "gold"}], "segment": "x"})
    )
    assert asked.attributes == {"spend_365d", "touches_30d", "plan"}
    assert asked.events == {EventKind.PURCHASE: 365 * DAY}
    assert asked.touches == 30 * DAY
    assert asked.segment


def test_last_touch_needs_touches_as_far_back_as_is_asked() -> None:
    assert needs(parse({"last_touch": {"longer_ago_than": "90d"}})).touches == 90 * DAY
    assert needs(parse({"last_touch": {"missing": True}})).touches is None


def wrong(where: Any, **known: Any) -> list[tuple[tuple[str | int, ...], str, str | None]]:
    with pytest.raises(ConditionError) as caught:
        parse(where, **known)
    return [(e.path, e.message, e.suggestion) for e in caught.value.errors]


def test_all_that_is_wrong_is_told_at_once_each_at_its_place() -> None:
    where = {
        "orders": {"atleast": 3},
        "any": [{"last_engaged": {"in_the_last": "soon"}}, {"not": {"spend": {"above": "much"}}}],
        "trust": {"below": 40},
    }
    places = [path for path, _, _ in wrong(where)]
    assert places == [
        ("orders", "atleast"),
        ("any", 0, "last_engaged", "in_the_last"),
        ("any", 1, "not", "spend", "above"),
        ("trust",),
    ]


@pytest.mark.parametrize(
    ("where", "word"),
    [
        ({"orders": {"atleast": 3}}, "at_least"),
        ({"orders": {">=": 3}}, "at_least"),
        ({"last_engaged": {"older_than": "3d"}}, "longer_ago_than"),
        ({"or": [{"a": 1}]}, "any"),
    ],
)
def test_a_wrong_word_comes_with_the_right_one(where: dict[str, Any], word: str) -> None:
    assert wrong(where)[0][2] == word


@pytest.mark.parametrize(
    "where",
    [
        [],
        {"any": []},
        {"any": {"a": 1}},
        {"not": [{"a": 1}]},
        {"not": {}},
        {"a": {}},
        {"a": None},
        {"a": []},
        {"a": {"in": "x"}},
        {"a": {"has": ["x", "y"]}},
        {"a": {"at_least": "x"}},
        {"a": {"at_least": True}},
        {"a": {"at_least": float("nan")}},
        {"a": {"in_the_last": 30}},
        {"a": {"in_the_last": "0d"}},
        {"a": {"missing": "yes"}},
        {"a": {"matches": "("}},
        {"a": {"matches": "(a+)+$"}},
        {"a": {"matches": "[[a]"}},
        {"orders": "many"},
        {"orders": {"in_the_last": "30d"}},
        {"orders": {"at_least": "2026-01-01"}},
        {"last_touch": {"at_least": 3}},
        {"last_touch": "yesterday"},
        {"orders_0d": 1},
        {"spend_12mo": {"at_least": 1}},
        {"segment": {"above": 3}},
        {5: 1},
    ],
)
def test_what_can_not_be_meant_is_an_error(where: Any) -> None:
    assert wrong(where)


def test_unknown_segments_and_categories_are_errors_with_the_nearest() -> None:
    assert wrong({"segment": "new custmers"}, segments=["new customers"])[0][2] == "new customers"
    assert wrong({"consent": "newsleter"}, categories=["newsletter"])[0][2] == "newsletter"


def test_a_segment_can_not_ask_for_a_segment() -> None:
    assert "can't ask for a segment" in wrong({"segment": "x"}, in_segment=True)[0][1]


JUNK = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), some(["30d", "all", "2026-03-01"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.text(max_size=4), some(["any", "not", "all", "is", "has", "orders", "missing", "matches", "segment"])
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@given(JUNK)
def test_whatever_is_written_is_a_condition_or_an_error_that_says_so(where: Any) -> None:
    try:
        condition = parse(where)
    except ConditionError:
        return
    facts = facts_of([({"attributes": {"a": "b"}}, [])], NOWS[0])
    facts.segment = np.zeros(1, np.int32)
    assert len(holds(condition, facts)) == len(next_change(condition, facts)) == 1


def test_a_million_contacts_are_asked_in_a_moment() -> None:
    small = facts_of([({"attributes": {"points": p}}, []) for p in range(10)], NOWS[0])
    n = 1_000_000
    people = small.people
    times = n // 10
    wide = type(people)(
        **{
            name: column.take(np.tile(np.arange(10), times)) if name == "zones" else column
            for name in people.__slots__
            for column in [getattr(people, name)]
        }
        | {"id": np.arange(n), "orders": np.arange(n) % 7, "first_purchase": np.full(n, micros(NOWS[0]) - 40 * DAY)}
    )
    facts = ContactFacts(
        small.now,
        type(small.history)(wide, *(getattr(small.history, s) for s in small.history.__slots__[1:])),
        small.policy,
    )
    began = time.perf_counter()
    held = [
        holds(parse(w), facts).sum() for w in ({"first_purchase": {"in_the_last": "30d"}}, {"orders": {"at_least": 6}})
    ]
    assert held == [0, n // 7]
    assert time.perf_counter() - began < 1.0
