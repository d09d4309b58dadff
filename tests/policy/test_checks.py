"""What only shows side by side: segments nobody reaches or that would loosen, rules that can't bind, holidays."""

from __future__ import annotations

import pytest

from cadence.calendar import tz_version
from cadence.policy.load import from_mapping
from cadence.rules.registry import RULES


def said(text: str) -> list[str]:
    return [str(f).removeprefix("p.yaml:") for f in from_mapping(text, file="p.yaml").findings]


TAKEN = "the segment 'a' before it has no where and takes everyone"
KINDS = ", ".join(kind for kind, module in RULES.items() if module.Keys)


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        (
            "{name: a}, {name: b, where: {orders: 1}}, {name: c}",
            [
                f"1:23: error: the segment 'b' is never reached: {TAKEN}",
                f"1:54: error: the segment 'c' is never reached: {TAKEN}",
            ],
        ),
        (
            "{name: a, where: {orders: 1, spend: 2}}, {name: b, where: {spend: 2, orders: 1}}, {name: c}",
            ["1:63: error: the segment 'b' is never reached: the segment 'a' before it has the same where"],
        ),
        (
            "{name: a, where: {orders: 1}}",
            [
                "1:22: error: the segment 'a' is the last and has a condition, so that some contacts would be in no "
                "segment; add one without where"
            ],
        ),
        (
            "{name: a, where: {orders: 1}}, {name: a}",
            ["1:50: error: segments[1].name: two segments are called 'a', the first in line 1; found 'a'"],
        ),
        (
            "{where: {orders: 1}}, {name: b}",
            ["1:12: error: segments[0] needs the key 'name'; found only where"],
        ),
        (
            "{name: a, where: {segment: b}}, {name: b}",
            [
                "1:30: error: segments[0].where: a segment can't ask for a segment; say what its contacts have in "
                "common instead"
            ],
        ),
        (
            "{name: a, cadence: {gaps: {wait: 1d}}}",
            [
                "1:32: error: segments[0].cadence: there is no kind of rule called 'gaps'; found gaps; "
                f"allowed: {KINDS}, keep_in_touch; did you mean gap?"
            ],
        ),
        (
            "{name: a, cadence: {keep_in_touch: {at_least_every: 1mo}}}",
            [
                "1:64: error: segments[0].cadence.keep_in_touch.at_least_every: '1mo' differs in length from month to "
                "month; write it in days, like '30d'; found '1mo'"
            ],
        ),
        (
            "{name: a, cadence: {holds: {kinds: [ticket]}}}",
            ["1:39: error: segments[0].cadence.holds: 'holds' is always on and has no keys; leave it out"],
        ),
    ],
)
def test_an_error_in_the_segments_has_its_place_and_words(segments: str, expected: list[str]) -> None:
    assert said(f"segments: [{segments}]") == expected


LOOSE = (
    "can't stand in a segment, which can only tighten: it exempts from nothing, un-counts nothing, scales nothing up"
)


@pytest.mark.parametrize(
    ("text", "place", "called", "word"),
    [
        ("exempt: [caps]", "1:22", "segments[0]", "exempt"),
        ("counted: false", "1:22", "segments[0]", "counted"),
        ("categories: {x: {}}", "1:22", "segments[0]", "categories"),
        ("cadence: {exempt: [caps]}", "1:32", "segments[0].cadence", "exempt"),
        ("cadence: {multiply_by: 2}", "1:32", "segments[0].cadence", "multiply_by"),
        ("cadence: {caps: {max: 2, per: 7d, multiply_by: 2}}", "1:56", "segments[0].cadence.caps", "multiply_by"),
    ],
)
def test_a_segment_that_tries_to_loosen_is_an_error(text: str, place: str, called: str, word: str) -> None:
    found = said(f"segments: [{{name: a, {text}}}]")
    assert found == [f"{place}: error: {called}: '{word}' {LOOSE}; found {word}"]


def test_a_name_given_twice_within_a_kind_is_an_error() -> None:
    assert said("guard_rails:\n  caps:\n  - {name: a, max: 1, per: 7d}\n  - {name: a, max: 2, per: 8d}") == [
        "4:12: error: guard_rails.caps[1].name: 'a' stands twice within caps, first in line 3; found 'a'"
    ]


def test_the_same_name_in_two_kinds_is_none() -> None:
    assert said("guard_rails: {caps: {name: a, max: 1, per: 7d}, gap: {name: a, wait: 1d}}") == []


def test_a_name_given_in_a_rail_and_in_a_segment_is_an_error() -> None:
    rails = "guard_rails: {caps: {name: a, max: 3, per: 7d}}\n"
    found = said(rails + "segments: [{name: s, cadence: {caps: {name: a, max: 2, per: 7d}}}]")
    assert found == [
        "2:45: error: segments[0].cadence.caps.name: 'a' stands twice within caps, first in line 1; found 'a'"
    ]


@pytest.mark.parametrize(
    ("rail", "own", "never_binds"),
    [
        ("caps: {max: 3, per: 7d}", "caps: {max: 3, per: 7d}", True),
        ("caps: {max: 3, per: 7d}", "caps: {max: 4, per: 6d}", True),
        ("caps: {max: 3, per: 7d}", "caps: {max: 2, per: 7d}", False),
        ("caps: {max: 3, per: 7d}", "caps: {max: 3, per: 30d}", False),
        ("caps: {max: 3, per: 7d}", "caps: {max: 3, per: 7 local days}", False),
        ("caps: {max: 3, per: 7d, channels: [sms]}", "caps: {max: 3, per: 7d}", False),
        ("caps: {max: 3, per: 7d, only_watch: true}", "caps: {max: 3, per: 7d}", False),
        ("gap: {wait: 2d}", "gap: {wait: 24h}", True),
        ("gap: {wait: 2d}", "gap: {wait: 3d}", False),
        ("silence: {base: 2d, stop_after: 8}", "silence: {stop_after: 9}", True),
        ("silence: {base: 2d, stop_after: 8}", "silence: {stop_after: 4}", False),
        ("fatigue: {half_life: 7d, limit: 4}", "fatigue: {limit: 5}", True),
        ("fatigue: {half_life: 7d, limit: 4}", "fatigue: {limit: 3}", False),
        ("quiet_hours: {from: '20:00', to: '08:00'}", "quiet_hours: {from: '20:00', to: '08:00'}", True),
        ("quiet_hours: {from: '20:00', to: '08:00'}", "quiet_hours: {from: '21:00', to: '09:00'}", False),
        ("quiet_hours: {from: '20:00', to: '08:00'}", "quiet_hours: {from: '22:00', to: '07:00'}", True),
        ("quiet_hours: {from: '20:00', to: '08:00'}", "quiet_hours: {days: [sun]}", False),
    ],
)
def test_a_segments_rule_that_can_never_bind_is_a_warning(rail: str, own: str, never_binds: bool) -> None:
    found = said(f"guard_rails: {{{rail}}}\nsegments: [{{name: s, cadence: {{{own}}}}}]")
    assert [line for line in found if "can never bind" in line] == found
    assert bool(found) is never_binds


@pytest.mark.parametrize(
    ("rail", "own", "never_binds"),
    [
        ("{max: 3, reserve: {letter: 1}}", "{max: 3}", True),
        ("{max: 3, reserve: {letter: 1, offer: 1}}", "{max: 4, reserve: {letter: 1}}", True),
        ("{max: 3, reserve: {letter: 1}}", "{max: 3, reserve: {letter: 2}}", False),
        ("{max: 3, reserve: {letter: 1}}", "{max: 3, reserve: {offer: 1}}", False),
        ("{max: 3}", "{max: 3, reserve: {letter: 1}}", False),
    ],
)
def test_a_cap_that_keeps_slots_free_is_as_strict_as_one_that_keeps_none(
    rail: str, own: str, never_binds: bool
) -> None:
    rules = [f"caps: {keys[:-1]}, per: 7d}}" for keys in (rail, own)]
    found = said(
        "categories: {letter: {}, offer: {}}\n"
        f"guard_rails: {{{rules[0]}}}\nsegments: [{{name: s, cadence: {{{rules[1]}}}}}]"
    )
    assert bool(found) is never_binds


@pytest.mark.parametrize(
    ("rail", "own", "never_binds"),
    [
        ("{letter: 2, offer: 1.5}", "{letter: 2}", True),
        ("{letter: 2, offer: 0.5}", "{letter: 2}", False),
        ("{letter: 2}", "{letter: 2, offer: 0.5}", False),
    ],
)
def test_a_weight_that_only_one_gives_weighs_against_one(rail: str, own: str, never_binds: bool) -> None:
    rules = [f"fatigue: {{half_life: 7d, limit: 4, weights: {weights}}}" for weights in (rail, own)]
    found = said(
        "categories: {letter: {}, offer: {}}\n"
        f"guard_rails: {{{rules[0]}}}\nsegments: [{{name: s, cadence: {{{rules[1]}}}}}]"
    )
    assert bool(found) is never_binds


@pytest.mark.parametrize(
    ("rules", "idle"),
    [
        ("caps: [{name: a, max: 2, per: 7d}, {name: b, max: 3, per: 7d}]", ["b"]),
        ("caps: [{name: a, max: 3, per: 7d}, {name: b, max: 2, per: 7d}]", ["a"]),
        ("caps: [{name: a, max: 2, per: 7d}, {name: b, max: 2, per: 7d}]", ["b"]),
        ("caps: [{name: a, max: 2, per: 7d}, {name: b, max: 3, per: 30d}]", []),
        ("caps: [{name: a, max: 2, per: 7d, only_watch: true}, {name: b, max: 3, per: 7d}]", []),
        ("follow_ups: [{name: a, max: 2}, {name: b, max: 3}]", ["b"]),
        ("channel_hop: [{name: a, wait: 48h}, {name: b, wait: 24h}]", ["b"]),
        ("repetition: [{name: a, window: 30d}, {name: b, window: 60d}]", ["a"]),
        ("surveillance: [{name: a, wait: 6h}, {name: b, wait: 6h, never_topics: [debt]}]", ["a"]),
        ("escalation: [{name: a, window: 14d}, {name: b, window: 14d, floor: 3}]", ["b"]),
        ("screened: [{name: a, register: nix, within: 31d}, {name: b, register: nix, within: 60d}]", ["b"]),
        ("screened: [{name: a, register: nix, within: 31d}, {name: b, register: tps, within: 60d}]", []),
    ],
)
def test_a_rule_beside_a_stricter_one_in_the_same_place_is_a_warning(rules: str, idle: list[str]) -> None:
    categories = "categories: {follow_up: {}}\n"
    for text in (f"guard_rails: {{{rules}}}", f"segments: [{{name: s, cadence: {{{rules}}}}}]"):
        found = said(categories + text)
        assert [line.partition("('")[2].partition("'")[0] for line in found] == idle
        assert all("can never bind" in line for line in found)


@pytest.mark.parametrize(("exempt", "idle"), [("[a]", False), ("[b]", True), ("[a, b]", True), ("[caps]", True)])
def test_a_rule_is_not_idle_where_a_category_is_exempt_from_the_stricter_one_alone(exempt: str, idle: bool) -> None:
    rails = "guard_rails: {caps: [{name: a, max: 2, per: 7d}, {name: b, max: 3, per: 7d}]}"
    found = said(f"categories: {{letter: {{exempt: {exempt}}}, offer: {{}}}}\n{rails}")
    assert [line for line in found if "('b') can never bind" in line] == found
    assert bool(found) is idle


def test_a_rule_for_marketing_on_transactional_categories_governs_nothing() -> None:
    text = "categories: {service: {transactional: true}}\nguard_rails: {silence: {base: 2d, categories: [service]}}"
    assert said(text) == [
        "2:47: warning: guard_rails.silence governs nothing: 'silence' is for marketing, and these categories are "
        "transactional; found service"
    ]


@pytest.mark.parametrize(
    ("exempt", "rule", "warned"),
    [
        ("", "caps: {max: 1, per: 1d, categories: [service]}", True),
        ("", "caps: {max: 1, per: 1d, categories: [service, letter]}", False),
        ("exempt: [fatigue]", "caps: {max: 1, per: 1d, categories: [service]}", False),
        ("exempt: [caps]", "gap: {wait: 1d, categories: [service]}", True),
        ("exempt: [one a day]", "caps: {name: one a day, max: 1, per: 1d, categories: [service]}", True),
    ],
)
def test_a_rule_on_categories_that_are_exempt_from_it_governs_nothing(exempt: str, rule: str, warned: bool) -> None:
    rails = f"{rule[:-1]}}}, fatigue: {{half_life: 7d, limit: 4}}"
    found = said(f"categories: {{letter: {{}}, service: {{transactional: true, {exempt}}}}}\nguard_rails: {{{rails}}}")
    assert [
        line for line in found if "governs nothing: these categories are exempt from it; found service" in line
    ] == found
    assert bool(found) is warned


HALVES = '{name: mornings, from: "00:00", to: "12:00"}, {name: afternoons, from: "12:00", to: "00:00"}'


@pytest.mark.parametrize(
    ("quiet", "closed"),
    [
        (HALVES, True),
        ("{name: week, all_day: true, days: [mon, tue, wed, thu]}, {name: end, all_day: true, days: [fri, sat, sun]}", True),
        ("{name: a, from: '06:00', to: '05:00'}, {name: b, from: '04:00', to: '07:00', days: [mon]}", False),
        ("{name: a, from: '06:00', to: '05:00'}, {name: b, from: '05:00', to: '06:00'}", True),
        (HALVES.replace('to: "12:00"', 'to: "11:59"'), False),
        (HALVES.replace("afternoons,", "afternoons, channels: [sms],"), False),
        (HALVES.replace("afternoons,", "afternoons, where: {country: SE},"), False),
        (HALVES.replace("afternoons,", "afternoons, holidays: true,"), False),
    ],
)  # fmt: skip
def test_quiet_hours_that_leave_no_open_time_between_them_are_a_warning(quiet: str, closed: bool) -> None:
    found = [line for line in said(f"guard_rails: {{quiet_hours: [{quiet}]}}") if "leave no open time" in line]
    assert bool(found) is closed
    if closed:
        assert "nothing they govern would ever go out" in found[0]


def test_a_segment_that_closes_the_week_with_its_own_is_a_warning_at_its_rule() -> None:
    morning, afternoon = HALVES.split(", {")
    own = f"segments: [{{name: s, cadence: {{quiet_hours: {{{afternoon}}}}}]"
    (found,) = said(f"guard_rails: {{quiet_hours: {morning}}}\n{own}")
    assert found.startswith("2:")
    assert "'mornings' and 'afternoons' leave no open time" in found


@pytest.mark.parametrize(
    ("rule", "warned"),
    [
        ("caps: {max: 1, per: 3000d}", True),
        ("gap: {wait: 3000d}", True),
        ("caps: {max: 1, per: 1800d}", False),
        ("caps: {max: 2, per: 3000d}", False),
    ],
)
def test_a_wait_longer_than_is_looked_ahead_is_a_warning(rule: str, warned: bool) -> None:
    found = said(f"guard_rails: {{{rule}}}")
    assert bool(found) is warned
    if warned:
        assert "keeps more than five years between two messages" in found[0]


YEAR = tz_version()[:4]


def test_holidays_that_nobody_knows_are_a_warning_with_what_is_known() -> None:
    assert said("guard_rails: {quiet_hours: {holidays: true, where: {country: UA}}}") == [
        f"1:29: warning: guard_rails.quiet_hours: no public holiday of UA is known in {YEAR}; allowed: for UA these "
        "have days: workday"
    ]


def test_holidays_of_the_policys_own_country_are_looked_at() -> None:
    assert "no public holiday of UA" in said("defaults: {country: UA}\nguard_rails: {quiet_hours: {holidays: true}}")[0]
    assert said("defaults: {country: SE}\nguard_rails: {quiet_hours: {holidays: true}}") == []


def test_a_country_that_another_rule_takes_care_of_is_no_worry() -> None:
    text = """
    defaults: {country: SE}
    guard_rails:
      quiet_hours:
        - {name: a, holidays: true}
        - {name: b, holidays: [workday], where: {country: UA}}
    """
    assert said(text) == []


KEEP = "cadence: {{{}keep_in_touch: {{at_least_every: 10d}}}}"


def keeping(rails: str, own: str = "") -> list[str]:
    told = said(f"guard_rails: {{{rails}}}\nsegments: [{{name: a, {KEEP.format(own)}}}]")
    return [t.partition("every 10d, and ")[2] for t in told if "every 10d, and" in t]


@pytest.mark.parametrize(
    ("rails", "own", "expected"),
    [
        ("caps: {max: 1, per: 10d}", "", []),
        ("caps: {max: 1, per: 30d}", "", ["the guard rail '1 per 30d' only every 30 days"]),
        ("caps: {max: 3, per: 30d}", "", []),
        ("caps: {max: 2, per: 30d}", "caps: {max: 1, per: 11d}, ", ["its own rule '1 per 11d' only every 11 days", "the guard rail '2 per 30d' only every 15 days"]),
        ("caps: {max: 3, per: calendar month}", "", ["the guard rail '3 per calendar month' only every 10.1 days"]),
        ("caps: {max: 9, per: ever}", "", ["the guard rail '9 per ever' in the end no more"]),
        ("gap: {wait: 1mo}", "", ["the guard rail '1 per 1mo' only every 28 days"]),
        ("caps: {max: 1, per: 30d, where: {country: SE}}", "", []),
        ("caps: {max: 1, per: 30d, channels: [phone]}", "", []),
        ("caps: {max: 1, per: 30d, only_watch: true}", "", []),
    ],
)  # fmt: skip
def test_a_cap_that_leaves_longer_silences_than_a_segment_wants_is_told(
    rails: str, own: str, expected: list[str]
) -> None:
    ways = [e.replace("' ", "' lets those who don't answer be reached ", 1) for e in expected]
    assert keeping(rails, own) == ways
