"""Rules that leave little time together, or none: found as the single passes find it, but in few questions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import cadence
from cadence.calendar import trails
from cadence.decide import round as round_
from cadence.decide import welcome
from cadence.decide.decision import Decision
from cadence.facts import DAY, FIVE_YEARS, HELD, HOUR, NEVER, Ints
from cadence.policy.governed import Governed
from cadence.rules import quiet_hours
from cadence.rules.registry import RULES
from cadence.rules.rule import Rule
from cadence.rules.view import View
from tests.rules.columns import rule, view

STOCKHOLM = {"timezone": "Europe/Stockholm", "country": "SE"}
BY_DAY = {"name": "day", "from": "08:00", "to": "20:00"}
MARCH = datetime(2026, 3, 4, 9, tzinfo=UTC)
some = st.sampled_from
times = some(["00:00", "02:30", "06:00", "09:00", "12:00", "20:00"])
days = st.lists(some(["mon", "wed", "sat", "sun"]), min_size=1, max_size=3, unique=True)
quiet = st.one_of(
    st.fixed_dictionaries({"from": times, "to": times}, optional={"days": days}).filter(lambda q: q["from"] != q["to"]),
    st.fixed_dictionaries({"days": days}),
    st.just({"holidays": True}),
)
contacts = st.fixed_dictionaries(
    {
        "timezones": st.lists(
            some(["Europe/Stockholm", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York"]),
            min_size=1,
            max_size=3,
            unique=True,
        ),
        "country": some(["SE", "DE-BY", "IL"]),
        "hours": st.lists(some(["00:30-03:00", "09:00-12:00", "12:00-18:00", "20:00-24:00"]), max_size=2),
    },
    optional={"days": days},
)


def decide(contact: dict[str, Any], rails: dict[str, Any], history: list[dict[str, Any]]) -> Decision:
    policy = cadence.policy_of({"categories": {"letter": {"consent": "none"}}, "guard_rails": rails})
    return policy.decide(
        contact=contact, history=history, message={"category": "letter", "expires": "9999d"}, now=MARCH
    )


@settings(max_examples=2 * settings.default.max_examples // 5, suppress_health_check=[HealthCheck.too_slow])
@given(contacts, st.lists(quiet, min_size=1, max_size=4), st.lists(st.integers(0, 90), max_size=4))
@example({**STOCKHOLM, "hours": ["09:00-12:00"]}, [BY_DAY], [0, 1])
@example({"timezones": ["Europe/Stockholm", "America/New_York"], "hours": ["12:00-18:00"]}, [BY_DAY], [])
def test_many_passes_at_once_are_the_single_passes(
    contact: dict[str, Any], intervals: list[dict[str, Any]], ages: list[int]
) -> None:
    rails = {
        "quiet_hours": [{**q, "name": f"quiet {i}"} for i, q in enumerate(intervals)],
        "caps": [{"max": 1, "per": "3d"}, {"max": 3, "per": "calendar month"}],
    }
    history = [{"at": MARCH - timedelta(hours=a), "touch": "letter"} for a in ages]
    with pytest.MonkeyPatch.context() as patch:
        for module in (welcome, quiet_hours):  # five years of single passes take too long
            patch.setattr(module, "FIVE_YEARS", 70 * DAY)
        told = []
        for patience in (1, 10**9):
            for module in (welcome, trails):
                patch.setattr(module, "PATIENCE", patience)
            told.append(decide(contact, rails, history).to_json())
    assert told[0] == told[1]


def test_hours_that_meet_no_open_time_take_few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    answer = quiet_hours.welcome_at

    def counting(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
        asked.append(len(t))
        return answer(rule, view, rows, t)

    monkeypatch.setattr(quiet_hours, "welcome_at", counting)
    decision = decide({**STOCKHOLM, "hours": ["09:00-12:00"]}, {"quiet_hours": BY_DAY}, [])
    assert (decision.verdict, decision.rule) == ("suppress", "own_wishes")
    assert len(asked) < 100


def test_each_of_several_is_followed_once_and_from_its_own_end(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[list[int]] = []
    far = welcome._Search.far

    def noting(search: welcome._Search, active: Ints) -> Ints:
        followed.append(active.tolist())
        return far(search, active)

    monkeypatch.setattr(welcome._Search, "far", noting)
    seen = view(circle=[({}, [])], messages=[{"category": "newsletter", "contact": c} for c in (0, 1)])
    hours = ({"from": "08:00", "to": "20:00"}, {"from": "19:00", "to": "09:00"})
    rules = [Governed(rule("quiet_hours", h), RULES["quiet_hours"], np.ones(2, bool)) for h in hours]
    assert welcome.welcome(seen, rules, np.arange(2), seen.now).at.tolist() == [NEVER, NEVER]
    assert followed
    assert all(active == [0, 1] for active in followed)


def test_where_no_rule_is_asked_everything_is_welcome_at_once() -> None:
    seen = view()
    found = welcome.welcome(seen, [], np.arange(1), seen.now)
    assert (found.at.tolist(), found.binding.tolist()) == ([seen.now], [-1])


def test_the_reason_names_all_that_leave_no_time_together_and_nobody_else() -> None:
    rails = {"caps": {"max": 1, "per": "3d"}, "quiet_hours": BY_DAY}
    touch = {"at": MARCH - timedelta(hours=1), "touch": "letter"}
    decision = decide({**STOCKHOLM, "hours": ["09:00-12:00"]}, rails, [touch])
    assert decision.reason == "No time within five years suits all of these at once: own_wishes, day."
    assert {e.rule for e in decision.evidence} == {"own_wishes", "day", "1 per 3d"}


def test_who_pushed_for_the_last_time_a_year_before_the_end_or_earlier_stands_in_nobodys_way() -> None:
    names, end = ("a", "b", "c"), 2000 * DAY
    rules: Any = [SimpleNamespace(rule=SimpleNamespace(name=name)) for name in names]
    answers = np.array([[end], [end - 366 * DAY], [end - 366 * DAY + 1]])
    one = np.zeros(1, np.int64)
    found = welcome.Welcome(one, one + NEVER, one.astype(np.int32), answers, answers, {})
    assert round_._together(rules, found) == {0: ("a", "c")}


def test_of_a_message_that_only_its_hours_govern_the_first_of_them_binds() -> None:
    policy = cadence.policy_of(
        {
            "categories": {"receipt": {"transactional": True, "exempt": []}},
            "guard_rails": {"quiet_hours": [BY_DAY, {"name": "night", "from": "19:00", "to": "09:00"}]},
        }
    )
    decision = policy.decide(contact=STOCKHOLM, message={"category": "receipt", "expires": "9999d"}, now=MARCH)
    assert (decision.verdict, decision.rule) == ("suppress", "day")
    assert decision.reason == "No time within five years suits all of these at once: day, night."
    assert [(e.rule, e.because == decision.reason) for e in decision.evidence] == [("day", True), ("night", False)]


def test_what_is_always_quiet_by_itself_says_so_itself() -> None:
    contact = {"timezones": ["Europe/Stockholm", "Asia/Tokyo", "America/New_York"]}
    decision = decide(contact, {"quiet_hours": BY_DAY}, [])
    assert (decision.verdict, decision.rule) == ("suppress", "day")
    assert "quiet at all times" in decision.reason


def test_a_search_that_comes_to_no_end_is_never(monkeypatch: pytest.MonkeyPatch) -> None:
    touch = {"at": MARCH - timedelta(hours=1), "touch": "letter"}
    for turns, verdict in ((1, "suppress"), (2, "defer")):
        monkeypatch.setattr(welcome, "MOST_TURNS", turns)
        decision = decide(STOCKHOLM, {"gap": {"wait": "4h"}}, [touch])
        assert (decision.verdict, decision.rule) == (verdict, "1 per 4h")


@pytest.mark.parametrize(("beyond", "verdict"), [(-1, "defer"), (0, "defer"), (1, "suppress")])
def test_what_is_welcome_in_exactly_five_years_is_and_later_never(beyond: int, verdict: str) -> None:
    until = MARCH + timedelta(microseconds=FIVE_YEARS + beyond)
    decision = decide(STOCKHOLM, {}, [{"at": MARCH, "snooze": until.isoformat()}])
    assert (decision.verdict, decision.rule) == (verdict, "own_wishes")
    assert decision.until == (until if verdict == "defer" else None)


def test_what_would_be_welcome_in_exactly_five_years_if_it_were_not_quiet_then_is_never() -> None:
    until = MARCH + timedelta(microseconds=FIVE_YEARS)
    decision = decide(STOCKHOLM, {"quiet_hours": BY_DAY}, [{"at": MARCH, "snooze": until.isoformat()}])
    assert (decision.verdict, decision.until) == ("suppress", None)


def test_a_pause_of_ten_years_is_never_and_keeps_its_own_sentence() -> None:
    snooze = {"at": MARCH, "snooze": "2036-03-04T10:00+01:00"}
    decision = decide(STOCKHOLM, {"quiet_hours": BY_DAY}, [snooze])
    assert (decision.verdict, decision.rule) == ("suppress", "own_wishes")
    assert "2036" in decision.reason


@given(st.lists(st.integers(0, 40 * 24), min_size=1, max_size=6), st.integers(1, 40))
def test_trails_are_beginnings_of_the_way_that_single_moves_take(starts: list[int], open_day: int) -> None:
    start = np.array(starts, np.int64) * HOUR

    def step(row: Ints, t: Ints) -> Ints:
        """Nights of another length for each row, until a day on which it rests."""
        wait = (7 + row % 5) * HOUR
        return np.where(t >= open_day * DAY, t, t // wait * wait + wait)

    row, at = trails.trails(step, start, start + 60 * DAY)
    for i, begin in enumerate(start.tolist()):
        way, one = [begin], np.array([i], np.int64)
        while (to := int(step(one, np.array(way[-1:], np.int64))[0])) > way[-1]:
            way.append(to)
        assert at[row == i].tolist() == way[: int((row == i).sum())]
        assert at[row == i][-1] == way[-1]


def test_what_rests_nowhere_is_followed_as_far_as_is_asked() -> None:
    start = np.array([0, HELD], np.int64)
    assert trails.settled(lambda row, t: t + DAY, start, 1000 * DAY).tolist() == [1001 * DAY, HELD]
    assert trails.settled(lambda row, t: t + DAY, start, 10 * DAY).tolist() == [11 * DAY, HELD]


def test_the_trails_of_many_rows_are_those_of_each() -> None:
    start = np.arange(2000, dtype=np.int64) * HOUR

    def step(row: Ints, t: Ints) -> Ints:
        """Row n is led from day to day, for n % 40 days, each time to its own hour."""
        to = (t // DAY + 1) * DAY + row % 24 * HOUR
        return np.where(t - start[row] < row % 40 * DAY, to, t)

    row, at = trails.trails(step, start, start + 60 * DAY)
    assert (row.dtype, at.dtype) == (np.int64, np.int64)
    ends = np.flatnonzero(np.diff(row, append=-1))
    assert row[ends].tolist() == list(range(2000))
    assert at[ends].tolist() == trails.settled(step, start, 60 * DAY).tolist()
    assert (step(row[ends], at[ends]) == at[ends]).all()
