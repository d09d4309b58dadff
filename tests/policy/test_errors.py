"""What is wrong with one section or one rule: each error with its exact place and words."""

from __future__ import annotations

import pytest

from cadence.calendar import tz_version
from cadence.policy.load import from_mapping
from cadence.rules.registry import RULES

KEYS = "channels, categories, campaigns, tags, name, except, counts, where, each, across, in_force, only_watch"
ALL = ", ".join(RULES)
ALWAYS_ON = ", ".join(k for k, m in RULES.items() if m.ALWAYS_ON)
NOT_ALWAYS_ON = ", ".join(k for k, m in RULES.items() if not m.ALWAYS_ON)
WRITABLE = ", ".join(k for k, m in RULES.items() if m.Keys)
ACROSS = ", ".join(k for k, m in RULES.items() if m.COUNTS_ACROSS)
CATEGORIES = "categories: {newsletter: {}, promotion: {}, service: {transactional: true}}\n"


def said(text: str) -> list[str]:
    return [str(f) for f in from_mapping(text, file="p.yaml").findings]


def about_rule(text: str) -> str:
    """The one finding about a rule that is written in line 3, column 3."""
    (found,) = said(CATEGORIES + "guard_rails:\n  " + text)
    return found.removeprefix("p.yaml:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: 2", "p.yaml:1:10: error: version must be one of the words allowed; found 2; allowed: 1"),
        (
            "versoin: 1",
            "p.yaml:1:1: error: there is no key 'versoin' here; found versoin; allowed: version, include, defaults, "
            "categories, guard_rails, segments, arbitration; did you mean version?",
        ),
        ("- version", "p.yaml:1:1: error: the content must be a mapping; found a list"),
        ("segments: {}", "p.yaml:1:11: error: segments must be a list; found an empty mapping"),
        ("segments: [3]", "p.yaml:1:12: error: segments[0] must be a mapping; found 3"),
        ("guard_rails:", "p.yaml:1:1: error: guard_rails is empty; write a value or leave the key out"),
        (
            "trust: {start: 50}",
            "p.yaml:1:1: error: the section 'trust' (credit that promises, incidents and answers move) isn't built "
            "yet; leave it out; found trust",
        ),
        (
            "defaults: {timezone: Europe/Stokholm}",
            "p.yaml:1:22: error: defaults.timezone: 'Europe/Stokholm' is not a zone of the tz database "
            f"({tz_version()}); "
            "found 'Europe/Stokholm'; did you mean Europe/Stockholm or Europe/Skopje or Europe/Astrakhan?",
        ),
        (
            "defaults: {country: se}",
            "p.yaml:1:21: error: defaults.country: 'se' is no country of ISO 3166; write for example SE, or DE-BY "
            "with a subdivision; found 'se'",
        ),
        (
            "defaults: {expires: 1mo}",
            "p.yaml:1:21: error: defaults.expires: '1mo' differs in length from month to month; write it in days, "
            "like '30d'; found '1mo'",
        ),
        (
            "arbitration: {order: [prio]}",
            "p.yaml:1:23: error: arbitration.order[0] must be one of the words allowed; found 'prio'; allowed: "
            "priority, value, expiry, age; did you mean priority?",
        ),
        ("arbitration: {order: [age, age]}", "p.yaml:1:14: error: arbitration: a word stands twice in 'order'"),
    ],
)
def test_an_error_in_a_section_has_its_place_and_words(text: str, expected: str) -> None:
    assert said(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "newsletter: {consent: optin}",
            "1:36: error: categories.newsletter.consent must be one of the words allowed; found 'optin'; allowed: "
            "opt_in, relationship, none; did you mean opt_in?",
        ),
        (
            "newsletter: {consent: {emial: opt_in}}",
            "1:37: error: categories.newsletter.consent: the key 'emial' must be one of the words allowed; found "
            "emial; allowed: email, sms, push, phone, post, in_person; did you mean email?",
        ),
        (
            "newsletter: {consent: {kind: relationship, lasts: 2y}}",
            "1:36: error: categories.newsletter.consent: 'lasts' goes with opt_in; with relationship write it into a "
            "ground, or leave it out",
        ),
        (
            "newsletter: {consent: {kind: relationship, grounds: [{since: purchse}]}}",
            "1:75: error: categories.newsletter.consent.grounds[0].since must be one of the words allowed; found "
            "'purchse'; allowed: reply, click, visit, purchase, call_answered, conversation, inquiry; did you mean "
            "purchase?",
        ),
        ("email: {}", "1:14: error: categories.email is called like a channel; give it another name; found email"),
        ("all: {}", "1:14: error: 'all' can't be a category's name: it means every category; found all"),
        ("x: {priority: high}", "1:28: error: categories.x.priority must be a number; found 'high'"),
        (
            "x: {conted: false}",
            "1:18: error: categories.x has no key 'conted'; found conted; allowed: transactional, consent, exempt, "
            "counted, priority, was; did you mean counted?",
        ),
        (
            "x: {transactional: true, exempt: [cpas]}",
            "1:48: error: categories.x.exempt: 'cpas' is neither a kind of rule nor the name of one; found cpas; "
            f"allowed: all, {ALL}; "
            "did you mean caps?",
        ),
        (
            "x: {transactional: true, exempt: [trust]}",
            "1:48: error: categories.x.exempt: 'trust' isn't built yet; leave it out; found trust",
        ),
        (
            "x: {exempt: [holds]}",
            "1:27: error: categories.x.exempt: marketing can't be exempt from "
            f"{ALWAYS_ON}; found holds; allowed: {NOT_ALWAYS_ON}",
        ),
        (
            "x: {exempt: [all]}",
            "1:27: error: categories.x.exempt: marketing can't be exempt from "
            f"{ALWAYS_ON}; found all; allowed: {NOT_ALWAYS_ON}",
        ),
        (
            "x: {transactional: true, consent: none}",
            "1:39: warning: categories.x.consent does nothing: a transactional category needs none",
        ),
        (
            "x: {was: [y]}, y: {}",
            "1:23: error: categories.x.was: 'y' is a category of this policy, not an old name; found y",
        ),
        (
            "x: {was: [profiling]}",
            "1:23: error: categories.x.was: 'profiling' was no category's name: it is a consent of its own; found profiling",
        ),
        ("x: {was: [z]}, y: {was: [z]}", "1:38: error: categories.y.was: 'z' is an old name of 'x' already; found z"),
        ("x: ", "1:14: error: categories.x is empty; write a value or leave the key out"),
    ],
)
def test_an_error_in_a_category_has_its_place_and_words(text: str, expected: str) -> None:
    assert said(f"categories: {{{text}}}") == [f"p.yaml:{expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "gapp: {wait: 2d}",
            "3:3: error: guard_rails: there is no kind of rule called 'gapp'; found gapp; "
            f"allowed: {WRITABLE}; did you mean gap?",
        ),
        (
            "follow_ups: {max: 2}",
            "3:15: warning: guard_rails.follow_ups governs nothing: this policy has no such category; name yours in "
            "'categories'; found follow_up",
        ),
        (
            "channel_hop: {wait: 48h, max_channels: 2}",
            "3:16: error: guard_rails.channel_hop: max_channels needs per beside it, for example "
            "{max_channels: 2, per: 7d}",
        ),
        ("channel_hop: {answered_by: reply}", "3:16: error: guard_rails.channel_hop: channel_hop says nothing; give "),
        ("follow_ups: {max: 0}", "3:21: error: guard_rails.follow_ups.max must be at least 1; found 0"),
        (
            "repetition: {window: 2mo}",
            "3:24: error: guard_rails.repetition.window: '2mo' can't be a window, for months and years differ in "
            "length; write days ('30d'), 'calendar month' or 'calendar year'",
        ),
        ("consent: {max: 2}", "3:12: error: guard_rails.consent: 'consent' is always on and has no keys; leave it out"),
        ("caps: []", "3:3: error: guard_rails.caps is an empty list; write a rule or leave it out"),
        ("caps: [3]", "3:10: error: guard_rails.caps[0] must be a mapping; found 3"),
        ("caps: {max: 0, per: 7d}", "3:15: error: guard_rails.caps.max must be at least 1; found 0"),
        ("caps: {max: , per: 7d}", "3:10: error: guard_rails.caps.max is empty; write a value or leave the key out"),
        ("caps: {max: '4', per: 7d}", "3:15: error: guard_rails.caps.max must be a whole number; found '4'"),
        ("caps: {max: true, per: 7d}", "3:15: error: guard_rails.caps.max must be a whole number; found true"),
        ("caps: {per: 7d}", "3:9: error: guard_rails.caps needs the key 'max'; found only per"),
        (
            "caps: {max: 4, per: 7d, pre: 7d}",
            f"3:27: error: guard_rails.caps has no key 'pre'; found pre; allowed: max, per, reserve, {KEYS}; "
            "did you mean per?",
        ),
        (
            "caps: {max: 4, per: 0d}",
            "3:23: error: guard_rails.caps.per: '0d' is an empty window; it must be longer than nothing, for example "
            "'1d'; found '0d'",
        ),
        (
            "caps: {max: 4, per: 1mo}",
            "3:23: error: guard_rails.caps.per: '1mo' can't be a window, for months and years differ in length; "
            "write days ('30d'), 'calendar month' or 'calendar year'; found '1mo'",
        ),
        (
            "caps: {max: 4, per: 7d, reserve: {promotions: 1}}",
            "3:37: error: guard_rails.caps: reserve names the category 'promotions', which the policy doesn't have; "
            "allowed: newsletter, promotion, service; did you mean promotion?",
        ),
        (
            "caps: {max: 2, per: 7d, reserve: {newsletter: 1, promotion: 1}}",
            "3:27: error: guard_rails.caps: the reserves sum to 2 of max 2, which leaves no slot for the others",
        ),
        (
            "caps: {max: 4, per: 7d, categories: [newletter]}",
            "3:40: error: guard_rails.caps.categories: the policy has no category called 'newletter'; found "
            "'newletter'; allowed: newsletter, promotion, service; did you mean newsletter?",
        ),
        (
            "caps: {max: 4, per: 7d, except: {categories: [newletter]}}",
            "3:49: error: guard_rails.caps.except.categories: the policy has no category called 'newletter'; found "
            "'newletter'; allowed: newsletter, promotion, service; did you mean newsletter?",
        ),
        (
            "caps: {max: 4, per: 7d, channels: [emial]}",
            "3:38: error: guard_rails.caps.channels[0] must be one of the words allowed; found 'emial'; allowed: "
            "email, sms, push, phone, post, in_person; did you mean email?",
        ),
        (
            "caps: {max: 4, per: 7d, tags: []}",
            "3:33: error: guard_rails.caps.tags must not be empty; found an empty list",
        ),
        (
            "caps: {max: 4, per: 7d, except: {}}",
            "3:35: error: guard_rails.caps.except: it excepts nothing; give channels, categories, campaigns or tags",
        ),
        (
            "caps: {max: 4, per: 7d, counts: {all: true, tags: [x]}}",
            "3:35: error: guard_rails.caps.counts: give either all: true, or filters (channels, categories, "
            "campaigns, tags)",
        ),
        (
            "caps: {max: 4, per: 7d, in_force: {from: 2026-05-02, until: 2026-05-01}}",
            "3:37: error: guard_rails.caps.in_force: it ends (2026-05-01) before it begins (2026-05-02)",
        ),
        (
            "caps: {max: 4, per: 7d, each: threads}",
            "3:33: error: guard_rails.caps.each must be one of the words allowed; found 'threads'; allowed: thread, "
            "campaign, topic, content, category, channel, tag; did you mean thread?",
        ),
        (
            "silence: {base: 2d, across: household}",
            "3:23: error: guard_rails.silence.across: 'silence' can't count across; only these kinds can: "
            f"{ACROSS}; found household",
        ),
        (
            "caps: {max: 4, per: 7d, where: {orders: {at_lest: 3}}}",
            "3:44: error: guard_rails.caps.where: 'at_lest' is no comparison; allowed: is, in, has, at_least, "
            "at_most, above, below, in_the_last, in_the_next, longer_ago_than, matches, missing; did you mean "
            "at_least?",
        ),
        (
            "caps: {max: 4, per: 7d, where: {consent: newletter}}",
            "3:35: error: guard_rails.caps.where: 'newletter' is no category of this policy; allowed: newsletter, "
            "promotion, service, profiling; did you mean newsletter?",
        ),
        (
            "caps: {max: 4, per: 7d, where: {}}",
            "3:34: error: guard_rails.caps.where must not be empty; found an empty mapping",
        ),
        (
            "quiet_hours: {from: '20:00', to: '20:00'}",
            "3:32: error: guard_rails.quiet_hours: from and to are both '20:00', which says nothing; for the whole "
            "day write all_day: true",
        ),
        (
            "quiet_hours: {days: [sunday]}",
            "3:23: error: guard_rails.quiet_hours.days: 'sunday' is not a weekday; allowed: mon, tue, wed, thu, fri, "
            "sat, sun; did you mean sun?",
        ),
        (
            "quiet_hours: {name: night, from: '20:00', to: '25:00'}",
            "3:49: error: guard_rails.quiet_hours.to: '25:00' is not a time of day; write hours and minutes in "
            'quotes, from "00:00" to "24:00"; found \'25:00\'',
        ),
        (
            "caps: {max: 4, per: calender month}",
            "3:23: error: guard_rails.caps.per: 'calender month' is not a window; write for example '7d', '7 local "
            "days', 'calendar month' (one of day, week, month, quarter, year) or 'ever'; found 'calender month'; did "
            "you mean calendar month?",
        ),
        (
            "gap: {wait: 24 hours}",
            "3:15: error: guard_rails.gap.wait: '24 hours' is not a duration; write a whole number and one of s, m, "
            "h, d, w, mo or y, for example '36h', '7d' or '6mo'; found '24 hours'; did you mean 24h?",
        ),
        (
            "caps: {max: 4, per: 7d, counts: {all: false}}",
            "3:41: error: guard_rails.caps.counts.all must be one of the words allowed; found false; allowed: true",
        ),
        (
            "caps: {max: 4, per: 7d, where: {country: sweden}}",
            "3:35: error: guard_rails.caps.where: 'sweden' is no country of ISO 3166; write for example SE, or DE-BY "
            "with a subdivision",
        ),
        (
            "evasion: {scope: [addreses]}",
            "3:21: error: guard_rails.evasion.scope[0] must be one of the words allowed; found 'addreses'; allowed: "
            "addresses, household, account, brands; did you mean addresses?",
        ),
        (
            "quiet_hours: {all_day: true}",
            "3:16: error: guard_rails.quiet_hours: it is quiet at all times, so nothing it governs would ever go "
            "out; give times, days or holidays",
        ),
        (
            "evasion: {scope: [houshold]}",
            "3:21: error: guard_rails.evasion.scope[0] must be one of the words allowed; found 'houshold'; allowed: "
            "addresses, household, account, brands; did you mean household?",
        ),
        (
            "evasion: {scope: []}",
            "3:20: error: guard_rails.evasion.scope: the scope names nothing; leave it out, or name household, account "
            "or brands",
        ),
        (
            "evasion: {name: no way round, scope: [household]}",
            "3:13: error: guard_rails.evasion.name: a rule of this kind is always called 'evasion'; leave the name "
            "out; found no way round",
        ),
        (
            "evasion: {scope: [household], across: account}",
            "3:33: error: guard_rails.evasion.across: 'evasion' can't count across; only these kinds can: caps, gap",
        ),
        (
            "evasion: {shared_by: 5, channels: [email]}",
            "3:13: error: guard_rails.evasion: shared_by goes for everyone and always; write it into a rail without "
            "filters or conditions",
        ),
    ],
)
def test_an_error_in_a_rule_has_its_place_and_words(text: str, expected: str) -> None:
    assert about_rule(text).startswith(expected)


def test_a_limit_that_does_not_exceed_a_weight_is_an_error() -> None:
    found = about_rule("fatigue: {half_life: 7d, limit: 1.5, weights: {promotion: 1.5}}")
    assert found.startswith(
        "3:28: error: guard_rails.fatigue: the limit 1.5 doesn't exceed the weight 1.5 of promotion"
    )


def test_conditions_tell_all_that_is_wrong_in_them() -> None:
    text = "guard_rails: {caps: {max: 1, per: 7d, where: {orders: {at_lest: 1}, any: 3, trust: {below: 20}}}}"
    assert len(said(text)) == 3


def evasions(text: str) -> list[tuple[str | None, tuple[str, ...], int]]:
    """The rules of evasion that a policy has: whose, over what, and how many may share an address."""
    found = from_mapping(text).required().rules
    return [(r.segment, r.keys.scope, r.keys.shared_by) for r in found if r.kind == "evasion"]


def test_a_rail_of_evasion_says_for_the_one_that_is_always_on_who_shares_an_address() -> None:
    assert evasions("guard_rails: {evasion: {shared_by: 5}}") == [(None, ("addresses",), 5)]


def test_of_several_rails_the_strictest_says_who_shares_an_address() -> None:
    found = evasions("guard_rails: {evasion: [{shared_by: 5}, {scope: [household]}, {shared_by: 2}]}")
    assert found == [(None, ("addresses",), 5), (None, ("household",), 3)]


def test_a_rail_of_evasion_is_asked_for_its_further_scopes_only() -> None:
    found = evasions("guard_rails: {evasion: {scope: [household, addresses, account, brands], shared_by: 2}}")
    assert found == [(None, ("addresses",), 2), (None, ("household", "account"), 2)]


def test_a_segments_evasion_is_a_further_rule_and_asks_over_addresses_where_it_says_who_shares_them() -> None:
    wider = "cadence: {evasion: {scope: [account]}}"
    fewer = "cadence: {evasion: {shared_by: 9}}"
    found = evasions(f"segments: [{{name: a, where: {{orders: 1}}, {wider}}}, {{name: b, {fewer}}}]")
    assert found == [(None, ("addresses",), 3), ("a", ("account",), 3), ("b", ("addresses",), 9)]


def test_a_segments_evasion_takes_what_it_leaves_out_from_the_rail() -> None:
    found = evasions("guard_rails: {evasion: {scope: [household]}}\nsegments: [{name: a, cadence: {evasion: {}}}]")
    assert found == [(None, ("addresses",), 3), (None, ("household",), 3), ("a", ("household",), 3)]


def test_brands_are_told_to_add_nothing() -> None:
    loaded = from_mapping("guard_rails: {evasion: {scope: [brands]}}")
    assert loaded.policy is not None
    assert [(f.level, "the scope brands adds nothing" in f.message) for f in loaded.findings] == [("warning", True)]


@pytest.mark.parametrize(
    ("rails", "over"),
    [
        ("{}", False),
        ("{evasion: {scope: [household]}}", False),
        ("{evasion: {scope: [account]}}", True),
        ("{caps: {max: 1, per: 7d, across: household}}", False),
        ("{caps: {max: 1, per: 7d, across: account}}", True),
        ("{gap: {wait: 1d, across: account, only_watch: true}}", True),
    ],
)
def test_a_policy_knows_whether_it_looks_at_whole_accounts(rails: str, over: bool) -> None:
    assert from_mapping(f"guard_rails: {rails}").required().over_accounts is over
