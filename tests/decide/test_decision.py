"""A decision as it is read: its words, its fields by name, its JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import cadence
from cadence.decide.decision import Decision
from cadence.decide.round import decide
from cadence.decide.telling import tell
from cadence.decide.told import ToldContact, ToldEvent, ToldMessage
from cadence.facts import HOUR, NEVER, Verdict, micros
from cadence.policy.moments import moment_of
from cadence.policy.segments import next_change

NOW = "2026-03-10T12:00+01:00"
POLICY = cadence.policy_of(
    {
        "categories": {"letter": {"consent": "none"}, "wanted": {"consent": "opt_in"}},
        "guard_rails": {"gap": {"wait": "1d"}, "caps": {"max": 1, "per": "7d", "only_watch": True}},
        "segments": [{"name": "everyone"}],
    }
)
TOUCH = {"at": "2026-03-10T11:30:00.25+01:00", "touch": "letter"}


def decided(category: str = "letter", *history: dict[str, Any], **message: Any) -> Decision:
    contact = {"timezone": "Europe/Stockholm", "locale": "nb"}
    return POLICY.decide(contact=contact, history=history, message={"category": category, **message}, now=NOW)


def test_what_had_expired_before_it_was_asked_says_so() -> None:
    decision = decided(expires="2026-03-10T12:00+01:00")
    assert (decision.verdict, decision.until, decision.rule) == ("suppress", None, "expires")
    assert decision.reason == "Fristen gikk ut før meldingen kunne bli velkommen."


def test_a_round_tells_what_it_saw_so_that_it_is_known_when_time_alone_changes_it() -> None:
    buyers = {"name": "buyers", "where": {"spend_30d": {"at_least": 1}}}
    policy = cadence.policy_of({"segments": [buyers, {"name": "everyone"}]}).policy
    bought = {"at": "2026-03-01T12:00Z", "engagement": "purchase", "amount": 5, "currency": "SEK"}
    told = tell(policy, ToldContact(), [ToldEvent.model_validate(bought)], [], moment_of(NOW))
    found = decide(policy, told.history, told.candidates, told.now)
    assert found.segment.tolist() == [0]
    assert next_change(policy, found.facts).tolist() == [micros(datetime(2026, 3, 31, 12, tzinfo=UTC))]


def test_what_nothing_speaks_against_says_so() -> None:
    assert decided().to_json() == {
        "verdict": "send",
        "until": None,
        "rule": None,
        "reason": "Ingenting taler mot det nå.",
        "evidence": [],
        "policy": POLICY.hash,
    }


def test_what_waits_says_by_which_rule_and_touches_until_when() -> None:
    decision = decided("letter", TOUCH)
    touch = {"id": "1", "at": "2026-03-10T10:30:00.250000Z", "category": "letter", "channel": "email"}
    told = decision.to_json()
    assert (told["verdict"], told["until"], told["rule"]) == ("defer", "2026-03-11T10:30:00.250000Z", "1 per 1d")
    (gap,) = told["evidence"]
    assert (gap["rule"], gap["kind"], gap["welcome_at"]) == ("1 per 1d", "gap", told["until"])
    assert (gap["touches"], gap["because"]) == ([touch], decision.reason)
    (cap,) = told["watched"]
    assert (cap["rule"], cap["welcome_at"]) == ("1 per 7d", "2026-03-17T10:30:00.250000Z")
    assert (decision.segment, decision.policy) == ("everyone", POLICY.hash)
    assert decision.reason.startswith("Den siste meldingen kom tir. 10. mars 2026 kl. 11:30.")


def test_of_rules_with_one_name_the_one_that_bound_gives_the_reason() -> None:
    night, sundays = {"from": "20:00", "to": "08:00"}, {"days": ["sun"]}
    for both in ([night, sundays], [sundays, night]):
        policy = cadence.policy_of(
            {"categories": {"letter": {"consent": "none"}}, "guard_rails": {"quiet_hours": both}}
        )
        decision = policy.decide(contact={}, message={"category": "letter"}, now="2026-03-01T12:00Z")
        assert (decision.until, decision.rule) == (datetime(2026, 3, 2, 8, tzinfo=UTC), "quiet_hours")
        assert decision.reason == (
            "It is quiet time in UTC, from 20:00 to 08:00 (quiet_hours). Messages are welcome again from "
            "Mon 2 March 2026 08:00."
        )


@pytest.mark.parametrize(("hours", "verdict"), [(22.5, "suppress"), (22.5001, "defer")])
def test_what_would_be_welcome_as_it_expires_is_not_welcome_before_that(hours: float, verdict: str) -> None:
    touch, expires = {**TOUCH, "at": "2026-03-10T10:30+01:00"}, datetime.fromisoformat(NOW) + timedelta(hours=hours)
    decision = decided("letter", touch, expires=expires)
    assert (decision.verdict, decision.rule, decision.until is None) == (verdict, "1 per 1d", verdict == "suppress")


def test_what_has_expired_by_the_time_it_would_be_welcome_says_so() -> None:
    decision = decided("letter", TOUCH, expires="2026-03-11T09:00+01:00")
    assert (decision.verdict, decision.rule) == ("suppress", "1 per 1d")
    assert decision.reason == f"{decision.evidence[0].because} Da er fristen gått ut."
    assert decided("letter", TOUCH).reason == decided("letter", TOUCH).evidence[0].because


def test_without_segments_all_are_in_the_one_there_is() -> None:
    policy = cadence.policy_of({"categories": {"letter": {"consent": "none"}}})
    assert policy.decide(contact={}, message={"category": "letter"}, now=NOW).segment == "everyone"


def test_what_is_never_welcome_has_no_instant() -> None:
    decision = decided("wanted")
    assert (decision.verdict, decision.until, decision.rule) == ("suppress", None, "consent")
    assert [e.to_json()["welcome_at"] for e in decision.evidence] == [None]


def test_what_is_held_until_something_ends_has_none_either() -> None:
    decision = decided("letter", {"at": NOW, "hold": "manual"})
    assert (decision.verdict, decision.until, decision.rule) == ("defer", None, "holds")
    assert decision.evidence[0].welcome_at is None


def test_many_are_decided_as_columns_with_the_same_answers() -> None:
    moment = moment_of(NOW)
    assert moment is not None
    contact, history = ToldContact.model_validate({}), [ToldEvent.model_validate(TOUCH)]
    messages = [ToldMessage.model_validate({"category": c}) for c in ("letter", "wanted")]
    told = tell(POLICY.policy, contact, history, messages, moment)
    for now in (datetime.fromisoformat(NOW), told.now):
        answers = POLICY.decide_batch(told.history, told.candidates, now)
        assert answers.rows.tolist() == [0, 1]
        assert answers.verdict.tolist() == [Verdict.DEFER, Verdict.SUPPRESS]
        assert answers.welcome_at.tolist() == [told.now + 23 * HOUR + HOUR // 2 + 250_000, NEVER]
        assert [answers.rule.text(i) for i in (0, 1)] == ["1 per 1d", "consent"]


def test_what_a_policy_given_as_a_mapping_includes_lies_beside_or_where_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "more.yaml").write_text("version: 1\ncategories: {letter: {consent: none}}\n", "utf-8")
    mapping = {"include": ["more.yaml"]}
    there = cadence.policy_of(mapping, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert there.hash == cadence.policy_of(mapping).hash
    assert there.decide(contact={}, message={"category": "letter"}, now=NOW).verdict == "send"


def test_evidence_is_read_by_the_names_of_its_fields() -> None:
    (evidence,) = decided("letter", TOUCH).evidence
    assert evidence["welcome_at"] == datetime(2026, 3, 11, 10, 30, 0, 250_000, tzinfo=UTC)
    with pytest.raises(KeyError, match="welcome"):
        evidence["welcome"]
