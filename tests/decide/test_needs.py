"""What a policy needs to know: how far back touches and events matter, so that no more is loaded and no less is kept."""

from __future__ import annotations

import pytest

from cadence.decide.needs import needs
from cadence.facts import DAY, EventKind
from cadence.policy.load import from_mapping


@pytest.mark.parametrize(
    ("rails", "reach"),
    [
        ("caps: {max: 1, per: 7d}", 7 * DAY),
        ("screened: {register: nix, within: 2000d}", 2000 * DAY),
        ("caps: {max: 1, per: 90d, where: {spend_1500d: {at_least: 1}}}", 1500 * DAY),
        ("escalation: {window: 20d}", 40 * DAY),
        ("caps: {max: 1, per: ever}", None),
    ],
)
def test_what_is_kept_reaches_as_far_back_as_anything_is_looked_at(rails: str, reach: int | None) -> None:
    policy = from_mapping("categories: {news: {consent: none}}\nguard_rails: {" + rails + "}").required()
    assert needs(policy).reach == reach


def test_only_what_a_rule_asks_for_is_wanted() -> None:
    wanted = needs(from_mapping("guard_rails: {screened: {register: nix, within: 31d}}").required())
    assert (wanted.touches, wanted.events) == (0, {EventKind.SCREENED: 31 * DAY})


def test_of_an_event_that_several_rules_ask_for_as_much_is_wanted_as_the_one_that_looks_furthest_back() -> None:
    rails = "screened: [{register: nix, within: 60d}, {register: tps, within: 31d}]"
    assert needs(from_mapping("guard_rails: {" + rails + "}").required()).events == {EventKind.SCREENED: 60 * DAY}


def test_the_attributes_of_all_conditions_are_wanted() -> None:
    rails = "caps: {max: 1, per: 7d, where: {shoe_size: 41}}, gap: {wait: 1d, where: {team: red}}"
    policy = from_mapping("categories: {news: {consent: none}}\nguard_rails: {" + rails + "}").required()
    assert needs(policy).attributes == {"shoe_size", "team"}
