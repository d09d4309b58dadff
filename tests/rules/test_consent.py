"""consent: what must stand before marketing goes, and the address that bounced."""

from __future__ import annotations

from typing import Any

import pytest

from cadence.calendar import Duration
from cadence.facts import DAY, NEVER, NONE, key
from cadence.rules.rule import Category, ConsentGround, ConsentNeed
from tests.rules.columns import asked, at, evidence, rule, view

NOW = at("2026-03-10T12:00")
YEAR = Duration.parse("1y")


def needing(need: ConsentNeed, **by_channel: ConsentNeed) -> dict[str, Category]:
    consent = {0: need} | {key(c): n for c, n in by_channel.items()}
    return {"newsletter": Category("newsletter", consent=consent)}


OPT_IN, NONE_NEEDED = needing(ConsentNeed()), needing(ConsentNeed("none"))
RELATIONSHIP = needing(ConsentNeed("relationship"))
GROUNDED = needing(
    ConsentNeed(
        "relationship", grounds=(ConsentGround("purchase", YEAR), ConsentGround("inquiry", Duration.parse("6mo")))
    )
)


def answer(categories: dict[str, Category], *history: dict[str, Any], **more: Any) -> int:
    return asked(rule("consent"), view([{"at": NOW - DAY, **f} for f in history], categories=categories, **more))


def test_opt_in_must_have_been_given() -> None:
    assert answer(OPT_IN) == NEVER
    assert answer(OPT_IN, {"opt_in": "newsletter"}) == NOW


@pytest.mark.parametrize(
    "given", [{"opt_in": "all"}, {"opt_in": "email"}, {"opt_in": "newsletter", "channel": "email"}]
)
def test_a_consent_that_names_this_channel_and_category_is_enough(given: dict[str, Any]) -> None:
    assert answer(OPT_IN, given) == NOW


@pytest.mark.parametrize(
    "given", [{"opt_in": "promotion"}, {"opt_in": "sms"}, {"opt_in": "newsletter", "channel": "sms"}]
)
def test_a_consent_gives_exactly_what_it_names(given: dict[str, Any]) -> None:
    assert answer(OPT_IN, given) == NEVER


@pytest.mark.parametrize("categories", [OPT_IN, NONE_NEEDED, RELATIONSHIP, GROUNDED])
def test_all_kinds_end_with_a_stop(categories: dict[str, Category]) -> None:
    carried = {"at": NOW - 2 * DAY, "opt_in": "all"}, {"at": NOW - 2 * DAY, "event": "purchase"}
    assert answer(categories, *carried) == NOW
    assert answer(categories, *carried, {"opt_out": "all"}) == NEVER


def test_a_stop_for_something_else_stops_nothing_here() -> None:
    assert answer(NONE_NEEDED, {"opt_out": "promotion"}, {"opt_out": "newsletter", "channel": "sms"}) == NOW


def test_the_latest_statement_decides() -> None:
    stopped, again = {"at": NOW - 9 * DAY, "opt_out": "all"}, {"at": NOW - 8 * DAY, "opt_in": "newsletter"}
    assert answer(OPT_IN, stopped, again) == NOW


def test_at_one_instant_the_stop_decides() -> None:
    assert answer(OPT_IN, {"opt_out": "email"}, {"opt_in": "newsletter"}) == NEVER


def test_an_undated_consent_comes_before_everything_and_does_not_lapse() -> None:
    lapsing = needing(ConsentNeed(lasts=YEAR))
    assert answer(lapsing, {"consented": "newsletter"}) == NOW
    assert answer(lapsing, {"consented": "newsletter"}, {"at": "2001-01-01", "opt_out": "all"}) == NEVER


def test_a_consent_stands_up_to_the_instant_at_which_it_lapses() -> None:
    seen = view([{"at": "2025-03-10T12:00", "opt_in": "all"}], categories=needing(ConsentNeed(lasts=YEAR)))
    assert asked(rule("consent"), seen, NOW - 1) == NOW - 1
    assert asked(rule("consent"), seen, NOW) == NEVER


def test_a_relationship_without_grounds_needs_nothing() -> None:
    assert answer(RELATIONSHIP) == NOW


@pytest.mark.parametrize(
    ("event", "when", "stands"),
    [
        ("purchase", "2025-03-10T12:01", True),
        ("purchase", "2025-03-10T12:00", False),
        ("inquiry", "2025-09-10T12:01", True),
        ("inquiry", "2025-09-01T12:00", False),
        ("reply", "2026-03-09T12:00", False),
    ],
)
def test_grounds_carry_it_while_one_of_them_lasts(event: str, when: str, stands: bool) -> None:
    assert (answer(GROUNDED, {"at": when, "event": event}) == NOW) == stands


def test_a_channel_may_need_something_else() -> None:
    categories = needing(ConsentNeed(), phone=ConsentNeed("none"))
    assert answer(categories, message={"channel": "phone"}) == NOW
    assert answer(categories) == NEVER


def test_a_consent_under_an_old_name_still_stands() -> None:
    categories = {"newsletter": Category("newsletter", was=("letters",))}
    assert answer(categories, {"opt_in": "letters"}, renamed={"letters": "newsletter"}) == NOW


def test_a_category_the_policy_does_not_know_needs_an_opt_in() -> None:
    assert answer(OPT_IN, message={"category": "mystery"}) == NEVER


def test_transactional_messages_need_no_consent_and_no_stop_applies() -> None:
    assert asked(rule("consent"), view([{"at": NOW - DAY, "opt_out": "all"}], {"category": "service"})) == NOW


@pytest.mark.parametrize("category", ["newsletter", "service"])
def test_an_address_that_bounced_hard_stops_everything_to_it(category: str) -> None:
    history = [{"at": NOW - 2 * DAY, "bounce": "email"}, {"at": NOW - DAY, "opt_in": "all"}]
    contact = {"addresses": {"email": "a@example.com", "sms": "+4670"}}
    seen = view(history, contact=contact, messages=[{"category": category, "channel": c} for c in ("email", "sms")])
    assert [asked(rule("consent"), seen, row=r) for r in (0, 1)] == [NEVER, NOW]


def test_of_several_dead_addresses_each_stops_its_own_channel() -> None:
    contact = {"addresses": {"email": "a@example.com", "sms": "+4670", "phone": "+4670"}}
    history = [{"at": NOW - 2 * DAY, "bounce": "email"}, {"at": NOW - DAY, "bounce": "sms"}]
    seen = view(
        history, contact=contact, messages=[{"category": "service", "channel": c} for c in ("email", "sms", "phone")]
    )
    assert [asked(rule("consent"), seen, row=r) for r in (0, 1, 2)] == [NEVER, NEVER, NOW]
    dead = [evidence(rule("consent"), seen, row=r).detail["bounced_at"] for r in (0, 1)]
    assert dead == [NOW - 2 * DAY, NOW - DAY]


def test_the_evidence_of_a_dead_address_has_its_own_bounce_not_a_later_one_of_another() -> None:
    box, other = ({"addresses": {"email": f"{name}@example.com", "sms": "+4670"}} for name in "ab")
    later = [{"at": NOW - DAY, "bounce": "email"}, {"at": NOW - DAY, "bounce": "sms"}]
    seen = view([{"at": NOW - 2 * DAY, "bounce": "email"}], contact=box, circle=[(other, later)])
    assert evidence(rule("consent"), seen).detail["bounced_at"] == NOW - 2 * DAY


def test_no_address_is_not_one_that_bounced() -> None:
    nowhere = {"addresses": {"email": ""}}
    assert (
        asked(rule("consent"), view([{"at": NOW - DAY, "bounce": "email"}], {"category": "service"}, contact=nowhere))
        == NOW
    )


def test_it_stops_the_same_address_under_another_contact() -> None:
    contact = {"addresses": {"email": "a@example.com"}}
    other = (contact, [{"at": NOW - DAY, "bounce": "email"}])
    assert asked(rule("consent"), view(message={"category": "service"}, contact=contact, circle=[other])) == NEVER


@pytest.mark.parametrize(
    ("history", "why"),
    [
        ([], "missing"),
        ([{"opt_out": "all"}], "stopped"),
        ([{"at": "2020-01-01", "opt_in": "all"}], "lapsed"),
        ([{"opt_in": "all"}, {"bounce": "email"}], "bounced"),
    ],
)
def test_the_evidence_says_why(history: list[dict[str, Any]], why: str) -> None:
    facts = [{"at": NOW - DAY, **f} for f in history]
    contact = {"addresses": {"email": "a@example.com"}}
    push = evidence(rule("consent"), view(facts, contact=contact, categories=needing(ConsentNeed(lasts=YEAR))))
    assert (push.detail["why"], push.detail["category"], push.detail["channel"]) == (why, "newsletter", "email")


def test_a_stop_without_a_date_is_told_without_one() -> None:
    push = evidence(rule("consent"), view([{"at": NONE, "opt_out": "all"}]))
    assert push.detail == {"category": "newsletter", "channel": "email", "why": "stopped_undated"}


def test_a_ground_may_carry_for_ever() -> None:
    categories = needing(ConsentNeed("relationship", grounds=(ConsentGround("purchase", None),)))
    assert answer(categories, {"at": "1990-01-01", "event": "purchase"}) == NOW
    assert answer(categories) == NEVER


def test_a_category_that_the_policy_does_not_know_is_marketing() -> None:
    messages = [{"category": c} for c in ("unheard", "service", "newsletter")]
    assert view(messages=messages).marketing().tolist() == [True, False, True]


def test_the_evidence_about_an_unknown_category_and_channel_has_no_names_for_them() -> None:
    push = evidence(rule("consent"), view(message={"category": "unheard", "channel": "pigeon"}))
    assert push.detail == {"category": "", "channel": "", "why": "missing"}


def test_the_evidence_says_what_this_channel_lacks() -> None:
    ground = ConsentGround("inquiry", Duration.parse("6mo"))
    categories = needing(ConsentNeed(), phone=ConsentNeed("relationship", grounds=(ground,)))
    seen = view(categories=categories, messages=[{"category": "newsletter", "channel": c} for c in ("phone", "email")])
    assert [evidence(rule("consent"), seen, row=r).detail["why"] for r in (0, 1)] == ["no_ground", "missing"]


def test_the_evidence_says_since_when_and_until_when() -> None:
    categories, given = needing(ConsentNeed(lasts=YEAR)), {"at": "2024-05-01", "opt_in": "all"}
    push = evidence(rule("consent"), view([given], categories=categories, contact={"timezone": "Asia/Tokyo"}))
    assert push.detail["given_at"] == at("2024-05-01")
    assert push.detail["lapsed_at"] == at("2025-05-01")
    push = evidence(rule("consent"), view([{"at": NOW - DAY, "opt_out": "all"}], categories=categories))
    assert push.detail["stopped_at"] == NOW - DAY
    push = evidence(rule("consent"), view(categories=GROUNDED))
    assert (push.detail["why"], push.detail["events"]) == ("no_ground", "purchase, inquiry")
