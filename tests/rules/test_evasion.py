"""evasion: who said stop isn't reached through another contact with the same address."""

from __future__ import annotations

from typing import Any

import pytest

from cadence.facts import DAY, NEVER
from cadence.rules import evasion
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")
ANNA = {"addresses": {"email": "anna@example.com", "sms": "+4670"}}
AGAIN = {"addresses": {"email": "Anna@example.com"}}
EVASION = rule("evasion")


def stop(**what: str) -> dict[str, Any]:
    return {"at": NOW - DAY, **(what or {"opt_out": "all"})}


def test_without_a_stop_it_is_welcome() -> None:
    assert asked(EVASION, view(contact=ANNA, circle=[(AGAIN, [])])) == NOW


@pytest.mark.parametrize("channel", ["email", "sms", "phone"])
def test_the_stop_of_who_shares_an_address_reaches_every_channel(channel: str) -> None:
    assert asked(EVASION, view(message={"channel": channel}, contact=ANNA, circle=[(AGAIN, [stop()])])) == NEVER


@pytest.mark.parametrize(
    "said", [{"opt_out": "promotion"}, {"opt_out": "sms"}, {"opt_out": "newsletter", "channel": "sms"}]
)
def test_it_reaches_as_far_as_it_names_the_message(said: dict[str, str]) -> None:
    assert asked(EVASION, view(contact=ANNA, circle=[(AGAIN, [stop(**said)])])) == NOW


def test_nobody_else_takes_it_back() -> None:
    seen = view([{"at": NOW, "opt_in": "all"}], contact=ANNA, circle=[(AGAIN, [stop()])])
    assert asked(EVASION, seen) == NEVER


def test_who_said_it_takes_it_back() -> None:
    seen = view(contact=ANNA, circle=[(AGAIN, [stop(), {"at": NOW, "opt_in": "newsletter"}])])
    assert asked(EVASION, seen) == NOW


def test_ones_own_stop_is_the_rule_consents() -> None:
    assert asked(EVASION, view([stop()], contact=ANNA, circle=[(AGAIN, [])])) == NOW


def test_a_contact_of_the_circle_who_shares_no_address_stops_nothing() -> None:
    assert asked(EVASION, view(contact=ANNA, circle=[({"addresses": {"email": "bo@example.com"}}, [stop()])])) == NOW


@pytest.mark.parametrize(("sharing", "answers"), [(3, [NEVER, NEVER]), (4, [NEVER, NOW])])
def test_where_many_share_an_address_a_stop_reaches_that_address_only(sharing: int, answers: list[int]) -> None:
    others: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [(AGAIN, []) for _ in range(sharing - 2)]
    messages = [{"category": "newsletter", "channel": c} for c in ("email", "sms")]
    seen = view(contact=ANNA, circle=[(AGAIN, [stop()]), *others], messages=messages)
    assert [asked(EVASION, seen, row=r) for r in (0, 1)] == answers


def test_shared_by_says_how_many_are_many() -> None:
    seen = view(message={"channel": "sms"}, contact=ANNA, circle=[(AGAIN, [stop()])])
    assert asked(rule("evasion", {"shared_by": 1}), seen) == NOW


def test_a_message_to_an_address_that_only_the_other_is_known_by_is_stopped() -> None:
    seen = view(message={"address": "bo@example.com"}, circle=[({"addresses": {"email": "bo@example.com"}}, [stop()])])
    assert asked(EVASION, seen) == NEVER


def test_the_evidence_names_who_stopped_and_when() -> None:
    push = evidence(EVASION, view(contact=ANNA, circle=[({}, []), (AGAIN, [stop()])]))
    assert (push.detail["stopped_by"], push.detail["stopped_at"]) == (3, NOW - DAY)


def test_wider_scopes_are_a_problem_that_says_so() -> None:
    found = evasion.problems(evasion.Keys.model_validate({"scope": ["addresses", "household"]}), {})
    assert [path for path, _ in found] == [("scope",)]
    assert "isn't built yet" in found[0][1]
