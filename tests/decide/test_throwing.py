"""A rule that throws holds what made it throw, says so, and changes nothing for the others of the batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import cadence
from cadence.decide import welcome
from cadence.decide.decision import decision_of
from cadence.decide.round import decide, decide_columns
from cadence.facts import DAY, HELD, HOUR, NEVER, Bools, Candidates, History, Ints, Outcome, Verdict, key
from cadence.policy import governed
from cadence.rules import gap
from cadence.rules.rule import Rule
from cadence.rules.view import View
from tests.rules.columns import at, view

NOW = at("2026-03-10T12:00")
CATEGORIES = {"letter": {"consent": "none"}, "wanted": {"consent": "opt_in"}}
RAILS = {"caps": {"max": 2, "per": "7d"}, "gap": {"wait": "1d"}}
ERROR = "ZeroDivisionError: no such number"
TOUCHES = [{"at": NOW - HOUR, "touch": "letter", "id": 7}, {"at": NOW - 5 * DAY, "touch": "letter", "id": 8}]


def batch(messages: list[dict[str, Any]], touches: list[int]) -> tuple[History, Candidates]:
    """So many contacts, strangers to each other, each with so many touches and one message; the first isn't due."""
    n = len(messages)
    circle: list[Any] = [({}, [{**t, "id": 10 * i + t["id"]} for t in TOUCHES[: touches[i]]]) for i in range(1, n)]
    seen = view((), now=NOW, circle=circle, messages=[{"contact": i, **m} for i, m in enumerate(messages)])
    people = replace(seen.history.people, circle=np.arange(n, dtype=np.int32))
    due = np.arange(n) > 0
    return replace(seen.history, people=people), replace(seen.candidates, due=due)


def throws_for(monkeypatch: pytest.MonkeyPatch, *threads: str, after: int = 0) -> None:
    """Let the gap throw for messages of these threads, asked from so long after now on."""
    answer, wrong = gap.welcome_at, [key(t) for t in threads]

    def breaking(rule: Rule, seen: View, rows: Ints, t: Ints) -> Ints:
        if (np.isin(seen.candidates.thread[rows], wrong) & (t >= NOW + after)).any():
            raise ZeroDivisionError("no such number")
        return answer(rule, seen, rows, t)

    monkeypatch.setattr(gap, "welcome_at", breaking)


def decided(
    history: History, candidates: Candidates, rails: Mapping[str, Any] = MappingProxyType(RAILS)
) -> list[Outcome]:
    """The outcomes; in columns they are the same."""
    policy = cadence.policy_of({"categories": CATEGORIES, "guard_rails": dict(rails)}).policy
    outcomes = decide(policy, history, candidates, NOW).outcomes
    columns = decide_columns(policy, history, candidates, NOW)
    assert candidates.id[columns.rows].tolist() == [o.message for o in outcomes]
    assert [Verdict(v) for v in columns.verdict.tolist()] == [o.verdict for o in outcomes]
    assert columns.welcome_at.tolist() == [o.welcome_at for o in outcomes]
    assert [columns.rule.text(i) for i in range(len(outcomes))] == [o.rule for o in outcomes]
    return outcomes


def told(outcome: Outcome) -> list[tuple[str, int, tuple[int, ...], str | None]]:
    return [(p.rule, p.welcome_at, p.touches, p.detail.get("error")) for p in outcome.pushes]


LETTERS = [{"category": "letter", "thread": t} for t in ("unasked", "fine", "odd", "well", "strange")]


def test_only_what_makes_it_throw_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    throws_for(monkeypatch, "odd", "strange")
    fine, odd, well, strange = decided(*batch(LETTERS, [0, 1, 2, 0, 0]))
    assert (fine.verdict, fine.welcome_at, fine.rule) == (Verdict.DEFER, NOW + 23 * HOUR, "1 per 1d")
    assert told(fine) == [("1 per 1d", NOW + 23 * HOUR, (17,), None)]
    assert (odd.verdict, odd.welcome_at, odd.rule) == (Verdict.DEFER, HELD, "error")
    assert told(odd) == [("2 per 7d", NOW + 2 * DAY, (28, 27), None), ("1 per 1d", HELD, (), ERROR)]
    assert [p.kind for p in odd.pushes] == ["caps", "gap"]
    assert (well.verdict, well.welcome_at, well.rule, well.pushes) == (Verdict.SEND, NOW, None, ())
    assert (strange.verdict, strange.rule) == (Verdict.DEFER, "error")
    assert told(strange) == [("1 per 1d", HELD, (), ERROR)]


def test_what_is_held_so_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    throws_for(monkeypatch, "odd")
    _, odd, *_ = decided(*batch(LETTERS, [0, 1, 2, 0, 0]))
    asked = {"policy": "", "segment": None, "locale": "en", "zone": "UTC"}
    reason = decision_of(replace(odd, pushes=odd.pushes[1:]), touches={}, **asked).reason
    assert reason == (f"This couldn't be worked out ({ERROR}), so the message is held; it is tried again every hour.")


def test_what_another_rule_forbids_is_forbidden_by_that(monkeypatch: pytest.MonkeyPatch) -> None:
    throws_for(monkeypatch, "odd")
    outcome, letter = decided(*batch([*LETTERS[:1], {"category": "wanted", "thread": "odd"}, LETTERS[3]], [0, 0, 1]))
    assert (outcome.verdict, outcome.welcome_at, outcome.rule) == (Verdict.SUPPRESS, NEVER, "consent")
    assert [(p.rule, p.detail.get("error")) for p in outcome.pushes] == [("consent", None), ("1 per 1d", ERROR)]
    assert letter.rule == "1 per 1d"


def test_two_rules_that_throw_are_both_named_and_the_first_binds(monkeypatch: pytest.MonkeyPatch) -> None:
    throws_for(monkeypatch, "odd")
    gaps = [{"name": "short", "wait": "1d"}, {"name": "long", "wait": "2d"}]
    _, odd = decided(*batch(LETTERS[:3], [0, 1, 1]), {"gap": gaps})
    assert (odd.rule, told(odd)) == ("error", [("short", HELD, (), ERROR), ("long", HELD, (), ERROR)])


def test_whom_a_rule_governs_can_not_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(*_: object) -> Bools:
        raise KeyError("shoe size")

    monkeypatch.setattr(governed, "holds", breaking)
    cap = {"max": 1, "per": "7d", "categories": ["letter"], "where": {"shoe_size": 41}}
    messages = [LETTERS[0], LETTERS[1], {"category": "wanted"}]
    letter, other = decided(*batch(messages, [0, 0, 0]), {"caps": cap})
    assert (letter.verdict, letter.welcome_at, letter.rule) == (Verdict.DEFER, HELD, "error")
    assert told(letter) == [("1 per 7d", HELD, (), "KeyError: 'shoe size'")]
    assert (other.verdict, other.rule) == (Verdict.SUPPRESS, "consent")
    assert [p.rule for p in other.pushes] == ["consent"]


@pytest.mark.parametrize("patience", [0, 10**9], ids=["many passes at once", "one by one"])
def test_it_holds_only_if_the_search_comes_to_where_it_throws(monkeypatch: pytest.MonkeyPatch, patience: int) -> None:
    monkeypatch.setattr(welcome, "PATIENCE", patience)
    throws_for(monkeypatch, "odd", after=2 * DAY)
    soon, late = (decided(*batch([LETTERS[0], LETTERS[2]], [0, touches])) for touches in (1, 2))
    assert [(o.welcome_at, o.rule) for o in soon] == [(NOW + 23 * HOUR, "1 per 1d")]
    assert [(o.welcome_at, o.rule) for o in late] == [(HELD, "error")]
    assert told(late[0]) == [("2 per 7d", NOW + 2 * DAY, (18, 17), None), ("1 per 1d", HELD, (), ERROR)]
