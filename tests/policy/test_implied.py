"""One condition within another: what is said to be within is, for every contact; and segments nobody reaches are told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadence.policy.conditions import parse
from cadence.policy.implied import implies
from cadence.policy.load import from_mapping
from tests.policy.test_conditions import CONDITIONS, DURATIONS, NOWS, answer, contacts, some

NEAR = st.one_of(
    st.builds(lambda w, v: {"points": {w: v}}, some(["at_least", "above", "at_most", "below"]), some([0, 5, 5.5])),
    st.builds(lambda v: {"points": v}, some([5, "many", [5, "many"], [5]])),
    st.builds(
        lambda w, d: {"last_purchase": {w: d}}, some(["in_the_last", "in_the_next", "longer_ago_than"]), some(DURATIONS)
    ),
    CONDITIONS,
)
PAIRS = st.one_of(
    st.tuples(NEAR, NEAR),
    st.builds(lambda a, b: ({"all": [a, b]}, {"any": [b, a]}), NEAR, NEAR),
    st.builds(lambda a, b: ({"not": {"any": [a, b]}}, {"not": a}), NEAR, NEAR),
)


@settings(max_examples=300)
@given(st.data())
def test_what_is_within_another_condition_holds_for_no_one_else(data: st.DataObject) -> None:
    one, other = data.draw(PAIRS)
    if not implies(parse(one), parse(other)):
        return
    now = data.draw(some(NOWS))
    people = data.draw(st.lists(contacts(now), min_size=3, max_size=5))
    for within, beyond in zip(answer(one, *people, now=now), answer(other, *people, now=now), strict=True):
        assert beyond or not within


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"orders": {"at_least": 20}}, {"orders": {"at_least": 10}}),
        ({"orders": {"above": 10}}, {"orders": {"at_least": 10}}),
        ({"orders": {"below": 3}}, {"orders": {"at_most": 3}}),
        ({"country": "SE"}, {"country": ["SE", "NO"]}),
        ({"country": "SE", "orders": 1}, {"country": "SE"}),
        ({"last_purchase": {"in_the_last": "7d"}}, {"last_purchase": {"in_the_last": "30d"}}),
        ({"last_engaged": {"longer_ago_than": "6mo"}}, {"last_engaged": {"longer_ago_than": "3mo"}}),
        ({"not": {"any": [{"a": 1}, {"b": 2}]}}, {"not": {"a": 1}}),
        ({"any": [{"a": 1}, {"a": 2}]}, {"a": [1, 2, 3]}),
    ],
)
def test_what_can_be_seen_from_the_words_is_seen(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert implies(parse(one), parse(other))
    assert not implies(parse(other), parse(one))


def test_a_segment_within_an_earlier_one_is_never_reached() -> None:
    few, many = "{spend: {at_least: 100}}", "{spend: {at_least: 1000}, country: SE}"
    text = f"segments: [{{name: few, where: {few}}}, {{name: many, where: {many}}}, {{name: rest}}]"
    (found,) = from_mapping(text, file="p").findings
    assert str(found) == (
        "p:1:71: error: the segment 'many' is never reached: the segment 'few' before it takes everyone for whom its "
        "where holds; put it before that"
    )
    turned = f"segments: [{{name: many, where: {many}}}, {{name: few, where: {few}}}, {{name: rest}}]"
    assert from_mapping(turned).findings == ()
