"""What every rule keeps: its answer is accepted, nothing earlier is, its sentence fills, its example comes true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import DAY, HELD, HOUR, Wish, key
from cadence.rules import words
from cadence.rules.registry import RULES
from cadence.rules.rule import Counts, Filters
from cadence.rules.sentence import sentence
from cadence.workbench.runner import Report, run, run_text
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-27T12:00")
RULES_TRIED: dict[str, dict[str, Any]] = {
    "caps": {"max": 2, "per": "3d", "reserve": {"promotion": 1}},
    "gap": {"wait": "1mo"},
    "cool_down": {"after": ["purchase", "reply"], "wait": "3 local days"},
    "quiet_hours": {"from": "20:00", "to": "08:00"},
    "silence": {"base": "12h", "factor": 2, "max": "10d", "stop_after": 6},
    "fatigue": {"half_life": "3d", "limit": 2.5, "weights": {"promotion": 1.5}, "relief": {"click": 1}},
    "escalation": {"window": "5d", "allow": 1, "floor": 2},
    "surveillance": {"wait": "2d", "max": 1, "per": "3 local days", "never_topics": ["health"]},
    "screened": {"register": "nix", "within": "20d"},
    "follow_ups": {"max": 2},
    "channel_hop": {"wait": "36h", "max_channels": 2, "per": "3 local days"},
    "repetition": {"window": "3d"},
    "consent": {},
    "own_wishes": {},
    "holds": {},
    "evasion": {},
}
WISHES = st.sampled_from([Wish(), Wish(less_often=(1, "7d")), Wish(hours=((540, 720),)), Wish(days=frozenset({0, 5}))])

facts = st.one_of(
    st.fixed_dictionaries(
        {"touch": st.sampled_from(["newsletter", "promotion", "service"])}, optional={"triggered": st.just(True)}
    ),
    st.fixed_dictionaries(
        {
            "screened": st.fixed_dictionaries(
                {"register": st.just("nix"), "listed": st.sampled_from([False, False, True])}
            )
        }
    ),
    st.fixed_dictionaries({"event": st.sampled_from(["purchase", "reply", "click"])}),
    st.fixed_dictionaries({"opt_in": st.sampled_from(["all", "newsletter"])}),
    st.fixed_dictionaries({"opt_out": st.sampled_from(["all", "sms", "promotion"])}),
    st.fixed_dictionaries({"hold": st.just("audit"), "until": st.integers(1, 90).map(lambda h: NOW + h * HOUR)}),
)
histories = st.lists(
    st.tuples(st.integers(0, 120), facts).map(lambda f: {"at": NOW - f[0] * 6 * HOUR, **f[1]}), max_size=12
)
contacts = st.fixed_dictionaries(
    {
        "timezones": st.lists(
            st.sampled_from(["Europe/Stockholm", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
            min_size=1,
            max_size=2,
        ),
        "wish": WISHES,
        "addresses": st.just({"email": "a@example.com"}),
    }
)


def test_all_rules_are_tried_here() -> None:
    assert set(RULES_TRIED) == set(RULES)


@pytest.mark.parametrize("kind", RULES)
@given(histories, contacts, histories, st.integers(0, 200))
def test_the_answer_is_accepted_and_nothing_before_it_is(
    kind: str, history: list[dict[str, Any]], contact: dict[str, Any], others: list[dict[str, Any]], hour: int
) -> None:
    some = rule(kind, RULES_TRIED[kind])
    other = ({"addresses": {"email": "A@example.com"}}, others)
    seen = view(history, {"trigger": NOW - HOUR}, now=NOW, contact=contact, circle=[other])
    answer = asked(some, seen)
    assert answer >= NOW
    if answer < HELD:
        assert asked(some, seen, answer) == answer
    between = NOW + hour * HOUR
    if between < answer and kind != "consent":
        assert asked(some, seen, between) == answer


@pytest.mark.parametrize("kind", RULES)
@given(st.lists(st.tuples(histories, contacts), min_size=2, max_size=4), st.sampled_from(words.LOCALES))
def test_a_batch_is_answered_as_each_of_its_messages_alone(
    kind: str, people: list[tuple[list[dict[str, Any]], dict[str, Any]]], locale: str
) -> None:
    some = rule(kind, RULES_TRIED[kind])
    (history, contact), *others = people
    messages = [{"category": "newsletter", "contact": i, "trigger": NOW - HOUR} for i in range(len(people))]
    seen = view(history, now=NOW, contact=contact, circle=[(c, h) for h, c in others], messages=messages)
    rows = np.arange(len(people))
    together = RULES[kind].welcome_at(some, seen, rows, np.full(len(rows), NOW, np.int64)).tolist()
    assert together == [asked(some, seen, row=int(r)) for r in rows]
    for row, answer in enumerate(together):
        if answer > NOW:
            said = sentence(evidence(some, seen, row=row), kind, locale, "Europe/Stockholm")
            assert not {"{", "None"} & set(said.split())
            assert said.endswith(".")


@pytest.mark.parametrize("kind", RULES)
def test_two_rules_with_the_same_keys_and_other_touches_do_not_mix(kind: str) -> None:
    both = [
        rule(kind, RULES_TRIED[kind], counts=Counts(Filters(categories=frozenset({key(c)}))))
        for c in ("newsletter", "service")
    ]
    common = {"thread": "t", "content": "hats", "triggered": True}
    channels = ("sms", "phone", "sms", "phone", "sms")
    days = (4, 3, 3, 2, 2)
    history = [
        {"at": NOW - d * DAY, "touch": "service", "channel": c, **common} for d, c in zip(days, channels, strict=True)
    ]
    history.append({"at": NOW - 9 * DAY, "opt_in": "profiling"})
    message = {"category": "follow_up", "thread": "t", "content": "hats", "trigger": NOW - 3 * DAY}
    together = view(history, message, now=NOW, contact={"wish": Wish(less_often=(1, "7d"))})
    for one in both:
        apart = view(history, message, now=NOW, contact={"wish": Wish(less_often=(1, "7d"))})
        assert asked(one, together) == asked(one, apart)


@pytest.mark.parametrize("kind", RULES)
def test_of_no_messages_nothing_is_said(kind: str) -> None:
    some, none = rule(kind, RULES_TRIED[kind]), np.zeros(0, np.int64)
    history = [{"at": NOW - DAY, "touch": "newsletter"}, {"at": NOW - DAY, "opt_out": "sms"}]
    seen = view(history, {"trigger": NOW - HOUR}, now=NOW, circle=[({}, history)])
    assert RULES[kind].welcome_at(some, seen, none, none).tolist() == []
    assert RULES[kind].pushes(some, seen, none, none, none) == []


def shortcomings(report: Report) -> list[str]:
    told = [
        f"{r.name}: {r.outcome} {[*map(str, (*r.differences, *r.findings))]}"
        for r in report.results
        if r.outcome != "passed"
    ]
    return [*told, *map(str, report.findings)]


@pytest.mark.parametrize("kind", RULES)
def test_the_example_comes_out_as_told(kind: str) -> None:
    assert shortcomings(run_text(RULES[kind].EXAMPLE, name=kind)) == []


@pytest.mark.parametrize("kind", RULES)
def test_the_cases_of_its_policy_test_come_out_as_told(kind: str) -> None:
    report = run([Path(__file__).with_name(f"{kind}.yaml")])
    assert report.results
    assert shortcomings(report) == []


@pytest.mark.parametrize("kind", RULES)
def test_reaches_are_told(kind: str) -> None:
    some = rule(kind, RULES_TRIED[kind])
    reach = some.keys.touch_reach()
    assert reach is None or 0 <= reach <= 400 * DAY
    assert all(back > 0 for back in some.keys.event_reach().values())


@pytest.mark.parametrize("kind", RULES)
def test_the_page_of_a_rule_has_what_it_holds_what_it_lets_go_and_what_others_do(kind: str) -> None:
    verdicts = {r.decisions[0][1].verdict == "send" for r in run_text(RULES[kind].EXAMPLE, name=kind).results}
    assert verdicts == {True, False}, f"the example of {kind} needs a case that is held and one that goes"
    assert RULES[kind].ELSEWHERE.endswith(".")
