"""Policies read from YAML: what they come to, and every error with its exact place and words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.calendar import Duration
from cadence.facts import HOUR, NEVER, NONE, key
from cadence.policy import unbuilt
from cadence.policy.build import as_mapping
from cadence.policy.load import Loaded, PolicyError, from_content, from_mapping, load, load_policy
from cadence.policy.policy import Policy
from cadence.policy.sections import Document
from cadence.rules.registry import RULES
from cadence.rules.rule import Across, Each, Filters, Rule


def loaded(text: str) -> Loaded:
    return from_mapping(text, file="p.yaml")


def policy(text: str) -> Policy:
    return loaded(text).required()


def errors(text: str) -> list[str]:
    found = loaded(text)
    assert found.policy is None
    return [str(f) for f in found.errors]


def rule(found: Policy, name: str, segment: str | None = None) -> Rule:
    return next(r for r in found.rules if r.name == name and r.segment == segment)


UNBUILT_EXAMPLE = """
trust:
  start: 50
"""

EXAMPLE = """
version: 1
defaults: {timezone: Europe/Stockholm, country: SE, locale: sv, expires: 14d, spread: 30m}
categories:
  newsletter: {consent: opt_in}
  promotion:  {consent: opt_in, priority: 30, was: [offers]}
  winback:
    consent: {kind: relationship, grounds: [{since: purchase, lasts: 2y}, {since: inquiry, lasts: 6mo}]}
    priority: 10
  follow_up:  {consent: {email: relationship, phone: opt_in, post: none}, priority: 60}
  service:    {transactional: true}
  promised:   {transactional: true, exempt: [caps, fatigue], counted: true, priority: 90}
guard_rails:
  caps:
    - {name: one a day, max: 1, per: 24h}
    - {name: four a week, max: 4, per: 7d, reserve: {follow_up: 1}}
    - {name: ten a month, max: 10, per: calendar month}
    - {name: three a week for a company, max: 3, per: 7d, across: account, categories: [promotion]}
  gap:
    name: not right after a service message
    wait: 24h
    categories: [promotion]
    counts: {categories: [service]}
  quiet_hours:
    - {name: night, from: "20:00", to: "08:00"}
    - {name: Sundays, days: [sun]}
    - {name: holidays, holidays: true}
    - {name: French lunch, from: "13:00", to: "14:00", channels: [phone], where: {country: FR}}
  silence:     {base: 2d, factor: 2, max: 45d, stop_after: 8}
  evasion:     {scope: [household]}
  follow_ups:  {max: 2}
  channel_hop: {wait: 48h, max_channels: 2, per: 7d}
  surveillance: {wait: 6h, max: 1, per: 7d, never_topics: [health, pregnancy, debt]}
  escalation:  {window: 14d, allow: 0, floor: 2}
  repetition:  {window: 60d}
  screened: {register: nix, within: 31d}
  fatigue:
    half_life: 7d
    limit: 4.0
    weights: {newsletter: 1, promotion: 1.5, phone: 2}
    relief: {click: 1, reply: 3}
segments:
  - name: new customers
    where: {first_purchase: {in_the_last: 30d}}
    cadence: {caps: {max: 2, per: 7d}, keep_in_touch: {at_least_every: 10d}}
  - name: key accounts
    where: {spend_365d: {at_least: 10000}, not: {tags: {has: supplier}}}
    cadence: {caps: {max: 3, per: 7d}, keep_in_touch: {at_least_every: 21d, campaign: account-check-in}}
  - name: quiet regulars
    where: {any: [{last_engaged: {longer_ago_than: 180d}}, {orders: {at_most: 1}}]}
    cadence: {caps: {max: 1, per: 30d}, fatigue: {limit: 2.5}}
  - name: everyone else
    cadence: {caps: {max: 2, per: 7d}}
arbitration: {order: [priority, value, expiry, age], lookahead: 24h}
"""


def test_the_big_example_without_what_is_not_built_loads() -> None:
    said = [str(f) for f in loaded(EXAMPLE).findings]
    assert loaded(EXAMPLE).policy is not None
    assert all("keeping in touch isn't built yet" in f and "warning" in f for f in said), said
    assert len(said) == 2


def test_each_part_that_is_not_built_is_named() -> None:
    found = "\n".join(errors(UNBUILT_EXAMPLE))
    assert [word for word in unbuilt.SECTIONS if f"'{word}'" not in found] == []


def test_nothing_that_is_built_is_called_unbuilt() -> None:
    assert not set(unbuilt.SECTIONS) & {*RULES, *Document.model_fields}


def test_rules_stand_in_binding_order() -> None:
    found = [(r.segment, r.kind) for r in policy(EXAMPLE).rules]
    always_on = [(None, kind) for kind, module in RULES.items() if module.ALWAYS_ON]
    assert found[: len(always_on)] == always_on
    assert [kind for segment, kind in found[len(always_on) :] if segment is None] == [
        *["caps"] * 4,
        "gap",
        *["quiet_hours"] * 4,
        "silence",
        "evasion",
        "follow_ups",
        "channel_hop",
        "surveillance",
        "escalation",
        "repetition",
        "screened",
        "fatigue",
    ]
    assert [s for s, _ in found if s] == [
        "new customers",
        "key accounts",
        "quiet regulars",
        "quiet regulars",
        "everyone else",
    ]


def test_unnamed_rules_are_called_by_what_they_say() -> None:
    names = {
        r.name for r in policy("guard_rails: {caps: {max: 4, per: 7d}, gap: {wait: 24h}, silence: {base: 2d}}").rules
    }
    assert {"4 per 7d", "1 per 24h", "silence"} <= names


def test_a_category_has_the_defaults_of_marketing() -> None:
    found = policy("categories: {newsletter: {}}").categories["newsletter"]
    assert (found.transactional, found.counted, found.exempt, found.priority) == (False, True, frozenset(), 50)
    assert found.need(key("email")).kind == "opt_in"


def test_a_transactional_category_is_exempt_from_all_and_not_counted() -> None:
    found = policy("categories: {service: {transactional: true}}").categories["service"]
    assert (found.counted, found.exempt) == (False, frozenset({"all"}))


def test_what_a_transactional_category_exempts_itself_replaces_all() -> None:
    assert policy(EXAMPLE).categories["promised"].exempt == frozenset({"caps", "fatigue"})


def test_a_channel_left_out_of_a_consent_needs_an_opt_in() -> None:
    found = policy(EXAMPLE).categories["follow_up"]
    assert [found.need(key(c)).kind for c in ("email", "phone", "post", "sms")] == [
        "relationship",
        "opt_in",
        "none",
        "opt_in",
    ]


def test_grounds_are_read_with_how_long_they_last() -> None:
    grounds = policy(EXAMPLE).categories["winback"].need(key("email")).grounds
    assert [(g.since, g.lasts) for g in grounds] == [
        ("purchase", Duration.parse("2y")),
        ("inquiry", Duration.parse("6mo")),
    ]


def test_old_names_lead_to_the_new_one() -> None:
    assert policy(EXAMPLE).renamed == {key("offers"): key("promotion")}


def test_what_every_rule_may_carry_is_carried() -> None:
    text = """
    defaults: {timezone: Europe/Stockholm}
    categories: {promotion: {}, survey: {}}
    guard_rails:
      caps:
        name: x
        max: 2
        per: 7d
        channels: [email]
        categories: [promotion]
        campaigns: [spring]
        tags: [hats]
        except: {tags: [asked for]}
        counts: {categories: [promotion, survey]}
        where: {country: SE}
        each: campaign
        across: household
        in_force: {from: 2026-08-11, until: 2026-08-12}
        only_watch: true
    """
    found = rule(policy(text), "x")
    assert found.filters == Filters(*(frozenset({key(n)}) for n in ("email", "promotion", "spring", "hats")))
    assert found.excluded == (Filters(tags=frozenset({key("asked for")})),)
    assert found.counts is not None
    assert found.counts.filters == Filters(categories=frozenset({key("promotion"), key("survey")}))
    assert (found.each, found.across, found.only_watch) == (Each.CAMPAIGN, Across.HOUSEHOLD, True)
    assert found.in_force is not None
    assert found.in_force[1] - found.in_force[0] == 48 * HOUR


def test_counting_all_counts_without_filters() -> None:
    found = rule(policy("guard_rails: {caps: {max: 2, per: 7d, counts: {all: true}}}"), "2 per 7d")
    assert found.counts is not None
    assert found.counts.filters.everything


def test_a_rule_in_force_without_an_end_never_ends() -> None:
    found = rule(policy("guard_rails: {caps: {max: 2, per: 7d, in_force: {until: 2026-08-11}}}"), "2 per 7d")
    assert found.in_force is not None
    assert found.in_force[0] == NONE
    found = rule(policy("guard_rails: {caps: {max: 2, per: 7d, in_force: {from: 2026-08-11}}}"), "2 per 7d")
    assert found.in_force is not None
    assert found.in_force[1] == NEVER


def test_a_segments_rule_takes_what_it_leaves_out_from_the_one_rail_of_its_kind() -> None:
    found = rule(policy(EXAMPLE), "fatigue", "quiet regulars").keys
    rail = rule(policy(EXAMPLE), "fatigue").keys
    assert (found.limit, found.half_life, found.weights) == (2.5, rail.half_life, rail.weights)


def test_a_segments_cap_takes_nothing_from_a_rail() -> None:
    rails = "guard_rails: {caps: {max: 4, per: 7d, channels: [sms]}}\n"
    found = policy(rails + "segments: [{name: all of them, cadence: {caps: {max: 2, per: 7d}}}]")
    assert rule(found, "2 per 7d", "all of them").filters.everything


def test_with_two_rails_of_a_kind_a_segments_rule_takes_nothing() -> None:
    text = """
    guard_rails:
      silence: [{name: a, base: 2d, channels: [email]}, {name: b, base: 3d, channels: [sms]}]
    segments: [{name: all of them, cadence: {silence: {factor: 2}}}]
    """
    assert "segments[0].cadence.silence: silence says nothing" in errors(text)[0]


def test_a_policy_without_segments_has_one_for_everyone() -> None:
    found = policy("version: 1").segments
    assert [(s.name, s.where) for s in found] == [("everyone", None)]


def test_comments_layout_and_the_order_of_keys_do_not_change_the_hash() -> None:
    one = "categories: {a: {priority: 1.0, consent: none}, b: {}}\nguard_rails: {caps: {max: 1, per: 7d}}"
    other = """
    # the same
    guard_rails:
      caps:
        - {per: 7d, max: 1}
    categories:
      b: {}
      a:
        consent: none
        priority: 1
    """
    assert policy(one).hash == policy(other).hash


def test_the_order_of_rules_changes_the_hash_for_it_changes_which_binds() -> None:
    one = "guard_rails: {caps: [{max: 1, per: 7d}, {max: 2, per: 9d}]}"
    other = "guard_rails: {caps: [{max: 2, per: 9d}, {max: 1, per: 7d}]}"
    assert policy(one).hash != policy(other).hash


def test_a_stored_version_is_the_policy_again() -> None:
    found = policy(EXAMPLE)
    again = from_content(found.content)
    assert again.hash == found.hash
    assert again.rules == found.rules
    assert again.categories == found.categories
    assert from_content(again.content) == again


@pytest.mark.parametrize("content", ["", "{}", "[]", "3", '{"guard_rails": 3}', "{"])
def test_what_is_no_stored_version_says_so(content: str) -> None:
    with pytest.raises(PolicyError):
        from_content(content)


def test_a_stored_version_names_nothing_of_where_it_came_from(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(EXAMPLE)
    assert str(tmp_path) not in load_policy(file).content


def test_a_policy_error_lists_all_errors_with_their_places(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("guard_rails:\n  caps: {max: 0, per: 0d}\n")
    with pytest.raises(PolicyError) as broken:
        load_policy(file)
    assert str(broken.value).splitlines() == [
        f"{file}:2:15: error: guard_rails.caps.max must be at least 1; found 0",
        f"{file}:2:23: error: guard_rails.caps.per: '0d' is an empty window; it must be longer than nothing, for "
        "example '1d'; found '0d'",
    ]


def test_a_finding_is_a_mapping_for_json() -> None:
    (found,) = loaded("guard_rails: {gapp: {wait: 1d}}").findings
    assert json.loads(json.dumps(found.as_json())) == {
        "level": "error",
        "file": "p.yaml",
        "line": 1,
        "column": 15,
        "message": "guard_rails: there is no kind of rule called 'gapp'",
        "found": "gapp",
        "allowed": ", ".join(kind for kind, module in RULES.items() if module.Keys),
        "suggestion": "gap",
    }


def test_a_mapping_is_a_policy_too() -> None:
    found = from_mapping({"guard_rails": {"caps": {"max": 2, "per": "7d"}}}).required()
    assert rule(found, "2 per 7d").keys.max == 2


def test_a_mapping_with_something_unreadable_in_it_says_so() -> None:
    assert "object can't be read" in str(from_mapping({"defaults": object()}).findings[0])


def test_campaigns_are_checked_where_they_are_known() -> None:
    text = "guard_rails: {caps: {max: 2, per: 7d, campaigns: [sprong]}}"
    assert loaded(text).findings == ()
    (found,) = from_mapping(text, file="p.yaml", campaigns=["spring", "autumn"]).findings
    assert str(found) == (
        "p.yaml:1:51: error: guard_rails.caps.campaigns: there is no campaign called 'sprong'; found 'sprong'; "
        "allowed: spring, autumn; did you mean spring?"
    )


PIECES = st.recursive(
    st.sampled_from(
        [
            None,
            True,
            0,
            1,
            -1,
            2.5,
            "",
            "7d",
            "0d",
            "promotion",
            "email",
            "all",
            "20:00",
            "opt_in",
            "calendar month",
            "x",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "version",
                        "include",
                        "defaults",
                        "categories",
                        "guard_rails",
                        "segments",
                        "arbitration",
                        "trust",
                    ),
                    *(
                        "name",
                        "where",
                        "cadence",
                        "max",
                        "per",
                        "wait",
                        "consent",
                        "exempt",
                        "channels",
                        "except",
                        "counts",
                    ),
                    *(
                        "all",
                        "any",
                        "not",
                        "orders",
                        "from",
                        "to",
                        "holidays",
                        "base",
                        "in_force",
                        "reserve",
                        "keep_in_touch",
                    ),
                    *RULES,
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)
SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "guard_rails": st.dictionaries(st.sampled_from(list(RULES)), PIECES, max_size=4) | PIECES,
        "segments": st.lists(PIECES, max_size=3) | PIECES,
        "categories": st.dictionaries(st.sampled_from(["promotion", "email", "x"]), PIECES, max_size=3) | PIECES,
        "defaults": PIECES,
        "arbitration": PIECES,
        "include": PIECES,
    },
)


@given(SECTIONS | PIECES)
def test_whatever_is_written_comes_to_a_policy_or_to_findings(content: object) -> None:
    found = from_mapping(json.dumps(content), file="p.yaml")
    assert (found.policy is None) == bool(found.errors)


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    assert "can't be read" in str(load(tmp_path / "none.yaml").findings[0])


def test_an_empty_policy_says_so() -> None:
    assert errors("# nothing") == ["p.yaml:1:1: error: the policy is empty; write at least version: 1 and segments"]


def test_a_stored_content_is_told_as_the_mapping_it_came_from(project: Path) -> None:
    policy = load(project / "config/policy.yaml").required()

    again = from_mapping(as_mapping(policy.content)).required()

    assert as_mapping(again.content) == as_mapping(policy.content)
    assert sorted((r.name, r.segment or "") for r in again.rules) == sorted(
        (r.name, r.segment or "") for r in policy.rules
    )
    assert [s.name for s in again.segments] == [s.name for s in policy.segments]
