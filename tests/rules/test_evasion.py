"""evasion: who said stop isn't reached through another contact with the same address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cadence.facts import DAY, NEVER, NONE
from cadence.rules import evasion
from cadence.rules.rule import Filters, Rule
from cadence.rules.view import View
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


def test_who_is_alone_is_stopped_by_nobody_else() -> None:
    assert asked(EVASION, view([stop()], contact=ANNA)) == NOW
    assert asked(EVASION, view([stop()])) == NOW


def test_an_address_that_nobody_is_known_by_was_stopped_by_nobody() -> None:
    for i in range(20):
        seen = view(
            message={"address": f"{i}@example.com"}, contact=ANNA, circle=[({"addresses": {"email": "b"}}, [stop()])]
        )
        assert asked(EVASION, seen) == NOW


def test_who_has_no_address_shares_none() -> None:
    nowhere = {"addresses": {"email": ""}}
    assert asked(EVASION, view(contact=nowhere, circle=[(nowhere, [stop()])])) == NOW


def test_the_evidence_of_a_stop_without_a_date_names_none() -> None:
    for scope, word in ({}, "undated"), (WIDER["household"], "household_undated"):
        push = evidence(
            rule("evasion", {"scope": ["household"]}),
            view(contact=scope or ANNA, circle=[(scope or AGAIN, [{"at": NONE, "opt_out": "all"}])]),
        )
        assert push.detail == {"why": word, "stopped_by": 2}


def test_of_several_who_stopped_the_latest_is_named() -> None:
    earlier = {**stop(), "at": NOW - 3 * DAY}
    push = evidence(EVASION, view(contact=ANNA, circle=[(AGAIN, [earlier]), (AGAIN, [stop()]), ({}, [stop()])]))
    assert (push.detail["why"], push.detail["stopped_by"], push.detail["stopped_at"]) == ("stopped", 3, NOW - DAY)


@pytest.mark.parametrize(("first", "second"), [("household", "account"), ("account", "household")])
@pytest.mark.parametrize("days", [(3, 1), (1, 3), (2, 2)])
def test_through_what_the_latest_stop_reaches_is_said(first: str, second: str, days: tuple[int, int]) -> None:
    both = WIDER["household"] | WIDER["account"]
    said = [(WIDER[scope], [{**stop(), "at": NOW - d * DAY}]) for scope, d in zip((first, second), days, strict=True)]
    keys = evasion.Keys.model_validate({"scope": [first, second]}).asked(in_segment=False)
    push = evidence(replace(rule("evasion"), keys=keys), view(contact=both, circle=said))
    through, by = (first, 2) if days[0] <= days[1] else (second, 3)
    assert push.detail == {"why": through, "stopped_at": NOW - min(days) * DAY, "stopped_by": by}
    assert (push.rule, push.kind, push.welcome_at, push.touches) == ("evasion", "evasion", NEVER, ())


def test_who_is_in_which_group_is_found_whatever_the_numbers() -> None:
    shared = evasion._Shared.of(np.array([0, 0, 1, 1, 1]), np.array([0, 3, 1, 2, 3]))
    asked_about = np.array([0, 3, 3, 1, 9, 4, 0, 2])
    groups = np.array([0, 0, 1, 0, 0, 1, 1, 1])
    assert shared.has(asked_about, groups).tolist() == [True, True, True, False, False, False, False, True]
    assert shared.count(np.array([False, True, False, True])).tolist() == [1, 2]
    places, found = shared.groups_of(np.array([3, 9, 1]))
    assert list(zip(places.tolist(), found.tolist(), strict=True)) == [(0, 0), (0, 1), (2, 1)]


def test_what_a_rail_is_asked_over() -> None:
    def scope(keys: dict[str, Any], in_segment: bool) -> tuple[str, ...] | None:
        asked = evasion.Keys.model_validate(keys).asked(in_segment)
        return None if asked is None else asked.scope

    assert scope({"scope": ["brands"]}, False) is None
    assert scope({"scope": ["household", "brands", "household"]}, False) == ("household",)
    assert scope({"scope": ["household"]}, True) == ("household",)
    assert scope({"scope": ["account"], "shared_by": 2}, False) == ("account",)
    assert scope({"scope": ["account"], "shared_by": 2}, True) == ("addresses", "account")
    assert scope({"shared_by": 2}, True) == ("addresses",)
    assert scope({"shared_by": 2}, False) is None


def test_of_rails_that_say_how_many_may_share_the_strictest_goes() -> None:
    for said, goes in (([], 3), ([None], 3), ([2, None], 2), ([2, 5, None], 5)):
        rails = [evasion.Keys.model_validate({} if n is None else {"shared_by": n}) for n in said]
        assert evasion.Keys.always_on(rails).shared_by == goes


def test_how_many_may_share_is_said_for_everyone() -> None:
    keys = evasion.Keys.model_validate({"scope": ["household"], "shared_by": 2})
    silent = evasion.Keys.model_validate({"scope": ["household"]})
    plain = replace(rule("evasion"), keys=keys)
    narrow = [
        replace(plain, filters=Filters(channels=frozenset({1}))),
        replace(plain, excluded=(Filters(channels=frozenset({1})),)),
        replace(plain, in_force=(0, 1)),
        replace(plain, only_watch=True),
    ]
    assert keys.problems({}) == keys.problems({}, plain) == []
    for some in narrow:
        assert [path for path, _ in keys.problems({}, some)] == [("shared_by",)]
        assert keys.problems({}, replace(some, segment="some")) == []
        assert silent.problems({}, some) == []


def test_brands_are_said_to_add_nothing() -> None:
    assert evasion.Keys.model_validate({"scope": ["household"]}).remarks() == []
    ((path, said),) = evasion.Keys.model_validate({"scope": ["brands"]}).remarks()
    assert path == ("scope",)
    assert said == (
        "the scope brands adds nothing: no stop is kept by brand, so each reaches the messages of all brands already, "
        "as far as it names them"
    )


WIDER = {"household": {"household": "h"}, "account": {"account": "a"}}


def over(scope: str) -> Rule:
    """A rail as it is asked: for its further scopes only."""
    keys = evasion.Keys.model_validate({"scope": [scope]}).asked(in_segment=False)
    return replace(rule("evasion"), keys=keys)


@pytest.mark.parametrize("scope", WIDER)
@pytest.mark.parametrize("channel", ["email", "sms", "phone"])
def test_the_stop_of_a_member_reaches_every_channel(scope: str, channel: str) -> None:
    seen = view(message={"channel": channel}, contact=WIDER[scope], circle=[(WIDER[scope], [stop()])])
    assert asked(over(scope), seen) == NEVER


@pytest.mark.parametrize("scope", WIDER)
def test_it_reaches_members_only(scope: str) -> None:
    other = dict.fromkeys(WIDER[scope], "another")
    seen = view(contact=WIDER[scope], circle=[(other, [stop()]), ({}, [stop()])])
    assert asked(over(scope), seen) == NOW


def test_ones_own_stop_is_no_other_s_where_two_of_ones_addresses_are_one() -> None:
    both = [{"addresses": {"sms": f"+467{i}", "phone": f"+467{i}"}} for i in range(4)]
    messages = [{"category": "newsletter", "channel": "sms", "contact": i} for i in range(4)]
    seen = view([stop()], contact=both[0], circle=[(c, [stop()]) for c in both[1:]], messages=messages)
    assert [asked(EVASION, seen, row=i) for i in range(4)] == [NOW] * 4


@pytest.mark.parametrize("scope", WIDER)
def test_a_household_or_account_ends_with_its_circle(scope: str) -> None:
    circle: list[Any] = [(WIDER[scope], [stop()] if i in (1, 4) else []) for i in range(1, 6)]
    messages = [{"category": "newsletter", "contact": i} for i in range(6)]
    seen = view(contact=WIDER[scope], circle=circle, messages=messages)
    people = replace(seen.people, circle=np.array([0, 0, 1, 1, 2, 2], np.int32))
    apart = View(NOW, replace(seen.history, people=people), seen.candidates, seen.categories)
    assert [asked(over(scope), apart, row=i) for i in range(6)] == [NEVER, NOW, NOW, NOW, NOW, NEVER]


@pytest.mark.parametrize("scope", WIDER)
def test_of_many_groups_a_stop_reaches_its_own(scope: str) -> None:
    groups = ["b", "a", "b", "", "c", "a", "b", "d", "d"]
    said = {2: [stop()], 4: [stop()], 7: [stop()]}
    members: list[Any] = [({scope: g} if g else {}, said.get(i, [])) for i, g in enumerate(groups)]
    messages = [{"contact": i} for i in range(len(groups))]
    seen = view(contact=members[0][0], circle=members[1:], messages=[{"category": "newsletter", **m} for m in messages])
    stopped = [i for i in range(len(groups)) if asked(over(scope), seen, row=i) == NEVER]
    assert stopped == [0, 6, 8]  # the others of b and d; whoever said it is the rule consent's
    assert [evidence(over(scope), seen, row=i).detail["stopped_by"] for i in stopped] == [3, 3, 8]


def test_of_many_mailboxes_a_stop_reaches_those_who_share_it() -> None:
    boxes = [("b", "x"), ("a", "y"), ("b", "z"), ("c", "u"), ("a", "u"), ("e", "v"), ("", "w")]
    said = {2: [stop()], 3: [stop()], 6: [stop()]}
    people: list[Any] = [({"addresses": {"email": e, "sms": s}}, said.get(i, [])) for i, (e, s) in enumerate(boxes)]
    messages = [{"category": "newsletter", "contact": i, "channel": c} for i in range(7) for c in ("email", "sms")]
    seen = view(contact=people[0][0], circle=people[1:], messages=messages)
    stopped = [divmod(r, 2) for r in range(14) if asked(EVASION, seen, row=r) == NEVER]
    assert stopped == [(0, 0), (0, 1), (4, 0), (4, 1)]


@pytest.mark.parametrize("scope", WIDER)
def test_who_belongs_to_nothing_shares_nothing(scope: str) -> None:
    assert asked(over(scope), view(circle=[({}, [stop()])])) == NOW


def test_a_rail_of_wider_scopes_is_not_asked_over_addresses() -> None:
    assert asked(over("household"), view(contact=ANNA, circle=[(AGAIN, [stop()])])) == NOW


def test_a_household_may_be_large() -> None:
    others: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [(WIDER["household"], []) for _ in range(6)]
    seen = view(contact=WIDER["household"], circle=[*others, (WIDER["household"], [stop()])])
    assert asked(over("household"), seen) == NEVER


@pytest.mark.parametrize("scope", WIDER)
def test_ones_own_stop_is_not_another_members(scope: str) -> None:
    assert asked(over(scope), view([stop()], contact=WIDER[scope], circle=[(WIDER[scope], [])])) == NOW


@pytest.mark.parametrize("scope", WIDER)
def test_a_member_who_stopped_oneself_is_reached_by_the_others_stop_too(scope: str) -> None:
    seen = view([stop()], contact=WIDER[scope], circle=[(WIDER[scope], [stop()])])
    assert asked(over(scope), seen) == NEVER


@pytest.mark.parametrize("scope", WIDER)
def test_nobody_else_of_them_takes_it_back(scope: str) -> None:
    consent = [{"at": NOW, "opt_in": "all"}]
    seen = view(consent, contact=WIDER[scope], circle=[(WIDER[scope], [stop()]), (WIDER[scope], consent)])
    assert asked(over(scope), seen) == NEVER


@pytest.mark.parametrize("scope", WIDER)
def test_the_evidence_says_through_what(scope: str) -> None:
    members = [(WIDER[scope], [stop()]), (WIDER[scope], [{"at": NOW - 2 * DAY, "opt_out": "all"}])]
    push = evidence(over(scope), view(contact=WIDER[scope], circle=members))
    assert (push.detail["why"], push.detail["stopped_by"], push.detail["stopped_at"]) == (scope, 2, NOW - DAY)


def test_through_a_household_a_stop_reaches_who_has_no_address_too() -> None:
    both = rule("evasion", {"scope": ["household"]})
    push = evidence(both, view(contact=WIDER["household"], circle=[(WIDER["household"], [stop()])]))
    assert (push.detail["why"], push.detail["stopped_by"]) == ("household", 2)


def test_of_two_members_only_the_one_who_stopped_is_named() -> None:
    seen = view([{"at": NOW, "opt_out": "all"}], contact=ANNA, circle=[(AGAIN, []), (AGAIN, [stop()])])
    assert evidence(EVASION, seen).detail["stopped_by"] == 3
