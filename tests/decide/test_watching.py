"""What a rule that only watches would have said, and what the round says in columns of what it says one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import cadence
from cadence.decide.api import DecidingPolicy
from cadence.decide.round import decide, decide_columns
from cadence.decide.telling import tell
from cadence.facts import HOUR, Verdict
from cadence.workbench.case import Case, read_cases
from tests.decide.test_throwing import NOW as THEN
from tests.decide.test_throwing import batch

HERE = Path(__file__).parent
CAP = {"caps": {"max": 1, "per": "7d", "only_watch": True, "categories": ["news"]}}
NIGHT = {"quiet_hours": {"name": "night", "from": "20:00", "to": "08:00", "only_watch": True}}


def watching(rails: dict[str, Any]) -> DecidingPolicy:
    categories = {"news": {"consent": "none"}, "care": {"consent": "none"}}
    return cadence.policy_of({"categories": categories, "guard_rails": {"gap": {"wait": "1d"}, **rails}})


QUESTION = {
    "contact": {"timezone": "Europe/Stockholm", "locale": "sv"},
    "history": [{"at": "2026-03-02T21:00+01:00", "touch": "news"}],
    "message": {"category": "news"},
}


def test_what_only_watches_holds_nothing_and_says_what_it_would_have_done() -> None:
    decision = watching(CAP).decide(**QUESTION, now="2026-03-04T12:00+01:00")
    assert (decision.verdict, decision.rule, decision.evidence) == ("send", None, ())
    (cap,) = decision.watched
    assert (cap.rule, [t["id"] for t in cap.touches]) == ("1 per 7d", [1])
    assert cap.welcome_at == datetime(2026, 3, 9, 20, tzinfo=UTC)
    assert cap.because.startswith(
        "Meddelanden på 7 dagar: 1, och policyn tillåter 1. Nästa är välkommet från mån 9 mars"
    )


def test_it_is_asked_from_the_instant_that_the_others_accept() -> None:
    decision = watching(NIGHT).decide(**QUESTION, now="2026-03-03T12:00+01:00")
    assert (decision.verdict, decision.rule) == ("defer", "1 per 1d")  # until nine in the evening
    assert [(e.rule, e.welcome_at) for e in decision.watched] == [("night", datetime(2026, 3, 4, 7, tzinfo=UTC))]


def test_it_watches_only_whom_it_governs() -> None:
    question = {**QUESTION, "message": {"category": "care"}}
    assert watching(CAP).decide(**question, now="2026-03-04T12:00+01:00").watched == ()


def test_it_is_asked_from_now_of_what_is_held_until_something_ends() -> None:
    history = [*QUESTION["history"], {"at": "2026-03-02T20:00+01:00", "hold": "manual"}]
    decision = watching(NIGHT).decide(**{**QUESTION, "history": history}, now="2026-03-03T03:00+01:00")
    assert (decision.verdict, decision.rule, decision.until) == ("defer", "holds", None)
    assert [(e.rule, e.welcome_at) for e in decision.watched] == [("night", datetime(2026, 3, 3, 7, tzinfo=UTC))]


def test_of_two_that_watch_each_message_has_its_own() -> None:
    policy = cadence.policy_of({
        "categories": {"news": {"consent": "none"}, "care": {"consent": "none"}, "note": {"consent": "none"}},
        "guard_rails": {"caps": [{**CAP["caps"], "categories": [c], "max": n} for c, n in (("news", 1), ("care", 1))]},
    })  # fmt: skip
    messages = [{"category": c, "id": c} for c in ("note", "care", "news")]
    history = [{"at": "2026-03-02T21:00+01:00", "touch": c} for c in ("news", "care")]
    found = policy.decide_several(contact={}, messages=messages, history=history, now="2026-03-04T12:00+01:00")
    told = {name: [(e.rule, [t["category"] for t in e.touches]) for e in d.watched] for name, d in found.items()}
    assert told == {"note": [], "care": [("1 per 7d", ["care"])], "news": [("1 per 7d", ["news"])]}


def test_of_many_circles_at_once_each_message_is_watched_for_itself() -> None:
    letter, note = {"category": "letter"}, {"category": "wanted"}
    history, candidates = batch([letter, note, letter, letter, note, letter], [0, 0, 1, 2, 1, 0])
    rails = {"gap": [{"wait": "1d", "only_watch": True}, {"name": "long", "wait": "6d", "only_watch": True}],
             "caps": {"max": 2, "per": "7d", "categories": ["letter"]}}  # fmt: skip
    categories = {"letter": {"consent": "none"}, "wanted": {"consent": "opt_in"}}
    policy = cadence.policy_of({"categories": categories, "guard_rails": rails}).policy
    outcomes = decide(policy, history, candidates, THEN).outcomes
    told = {o.message: [(p.rule, (p.welcome_at - THEN) // HOUR, len(p.touches)) for p in o.watched] for o in outcomes}
    assert told == {
        1: [],
        2: [("1 per 1d", 23, 1), ("long", 143, 1)],
        3: [("long", 143, 1)],  # asked from the instant at which the cap lets it go, two days on
        4: [("1 per 1d", 23, 1), ("long", 143, 1)],  # no consent: asked from now
        5: [],
    }


FILES = [*sorted((HERE.parent / "rules").glob("*.yaml")), HERE.parent / "language" / "arbitration.yaml"]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_in_columns_a_round_says_what_it_says_one_by_one(file: Path) -> None:
    read = read_cases(file)
    assert read.policy is not None
    for case in read.cases:
        assert isinstance(case, Case)
        told = tell(read.policy, case.told.contact, case.told.history, case.messages, case.told.now, case.told.circle)
        expires = told.candidates.expires_at.copy()
        expires[-1:] = told.now - 1  # one that had expired before it was asked
        for candidates in (told.candidates, replace(told.candidates, expires_at=expires)):
            outcomes = decide(read.policy, told.history, candidates, told.now).outcomes
            columns = decide_columns(read.policy, told.history, candidates, told.now)
            assert candidates.id[columns.rows].tolist() == [o.message for o in outcomes], case.name
            assert [Verdict(v) for v in columns.verdict.tolist()] == [o.verdict for o in outcomes], case.name
            assert columns.welcome_at.tolist() == [o.welcome_at for o in outcomes], case.name
            assert [columns.rule.text(i) for i in range(len(outcomes))] == [o.rule for o in outcomes], case.name
