"""What the language page calls an error is one, in words that name the thing, and what it allows is none."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from cadence.calendar import tz_version
from cadence.policy.load import from_mapping

CATEGORIES = "categories: {news: {consent: none}, heavy: {consent: none}, service: {transactional: true}}\n"


def rails(text: str) -> str:
    return CATEGORIES + "guard_rails: {" + text + "}\n"


def segment(cadence: str, rail: str = "") -> str:
    return rails(rail) + "segments: [{name: a, cadence: {" + cadence + "}}]\n"


def errors(text: str) -> list[str]:
    return [str(f) for f in from_mapping(text, file="p").findings if f.level == "error"]


def warnings(text: str) -> list[str]:
    return [str(f) for f in from_mapping(text, file="p").findings if f.level == "warning"]


WRONG = {
    "a max of 0": (rails("caps: {max: 0, per: 7d}"), "caps.max"),
    "an empty window": (rails("caps: {max: 1, per: 0d}"), "empty window"),
    "an empty window of days": (rails("caps: {max: 1, per: 0 local days}"), "0 local days"),
    "an empty wait": (rails("gap: {wait: 0h}"), "empty duration"),
    "months as a rolling window": (rails("caps: {max: 1, per: 1mo}"), "1mo"),
    "years as a rolling window": (rails("caps: {max: 1, per: 1y}"), "1y"),
    "a limit that is a category's weight": (rails("fatigue: {half_life: 7d, limit: 3, weights: {heavy: 3}}"), "heavy"),
    "a limit below a channel's weight": (rails("fatigue: {half_life: 7d, limit: 2, weights: {phone: 3}}"), "phone"),
    "a limit that is what others weigh": (rails("fatigue: {half_life: 7d, limit: 1}"), "weight 1"),
    "a segment's limit below what the rail weighs": (
        segment("fatigue: {limit: 2.5}", "fatigue: {half_life: 7d, limit: 4, weights: {heavy: 3}}"),
        "heavy",
    ),
    "reserves that sum to max": (rails("caps: {max: 2, per: 7d, reserve: {news: 1, heavy: 1}}"), "reserves"),
    "reserves that sum to more": (rails("caps: {max: 2, per: 7d, reserve: {news: 3}}"), "reserves"),
    "a given name twice in a kind": (rails("caps: [{name: a, max: 1, per: 1d}, {name: a, max: 2, per: 3d}]"), "twice"),
    "marketing exempt from consent": ("categories: {news: {exempt: [consent]}}", "consent"),
    "marketing exempt from own wishes": ("categories: {news: {exempt: [own_wishes]}}", "own_wishes"),
    "marketing exempt from holds": ("categories: {news: {exempt: [holds]}}", "holds"),
    "marketing exempt from evasion": ("categories: {news: {exempt: [evasion]}}", "evasion"),
    "marketing exempt from all": ("categories: {news: {exempt: [all]}}", "all"),
    "a segment that exempts": (segment("exempt: [caps]"), "exempt"),
    "a segment that un-counts": (segment("counted: false"), "counted"),
    "a segment that un-counts a category": (segment("categories: {news: {counted: false}}"), "categories"),
    "a segment that scales up": (segment("caps: {multiply_by: 2}"), "multiply_by"),
    "from that equals to": (rails("quiet_hours: {from: '20:00', to: '20:00'}"), "20:00"),
    "across where nothing is counted across": (rails("silence: {base: 1d, across: household}"), "across"),
    "across for quiet hours": (rails("quiet_hours: {days: [sun], across: account}"), "across"),
    "a category called like a channel": ("categories: {email: {}}", "channel"),
    "a category that isn't there": (rails("caps: {max: 1, per: 1d, categories: [newz]}"), "did you mean news"),
    "a category that isn't there, excepted": (rails("caps: {max: 1, per: 1d, except: {categories: [newz]}}"), "news"),
    "a category that isn't there, counted": (rails("caps: {max: 1, per: 1d, counts: {categories: [newz]}}"), "news"),
    "an exemption from what isn't there": (
        "categories: {news: {exempt: [nite]}}\nguard_rails: {caps: {name: night, max: 1, per: 1d}}",
        "nite",
    ),
    "an unknown key": (rails("caps: {max: 1, per: 1d, chanels: [email]}"), "did you mean channels"),
    "an unknown kind of rule": (rails("cap: {max: 1, per: 1d}"), "did you mean caps"),
    "an unknown section": ("segment: []", "did you mean segments"),
    "a key twice": ("version: 1\nversion: 1", "stands twice"),
    "an unknown comparison": (rails("caps: {max: 1, per: 1d, where: {orders: {atleast: 1}}}"), "at_least"),
    "a consent to what isn't there": (rails("caps: {max: 1, per: 1d, where: {consent: newz}}"), "news"),
    "a segment that isn't there": (
        rails("caps: {max: 1, per: 1d, where: {segment: keyz}}") + "segments: [{name: keys}]",
        "did you mean keys",
    ),
    "a segment nobody reaches": (CATEGORIES + "segments: [{name: a}, {name: b}]", "never reached"),
    "a last segment with a condition": (CATEGORIES + "segments: [{name: a, where: {plan: x}}]", "last"),
    "a zone that is none": ("defaults: {timezone: Europe/Stokholm}", "Europe/Stockholm"),
    "a number as text": (rails("caps: {max: '1', per: 1d}"), "whole number"),
    "follow-ups without a max": (rails("follow_ups: {answered_by: reply}"), "max"),
    "no follow-up at all": (rails("follow_ups: {max: 0}"), "follow_ups.max"),
    "follow-ups answered by an open": (rails("follow_ups: {max: 1, answered_by: open}"), "answered_by"),
    "follow-ups across": (rails("follow_ups: {max: 1, across: household}"), "across"),
    "a hop that says nothing": (rails("channel_hop: {answered_by: reply}"), "says nothing"),
    "a hop with channels in no window": (rails("channel_hop: {wait: 48h, max_channels: 2}"), "per"),
    "a hop's window without channels": (rails("channel_hop: {wait: 48h, per: 7d}"), "max_channels"),
    "a hop with an empty wait": (rails("channel_hop: {wait: 0h}"), "empty duration"),
    "a hop over months as a window": (rails("channel_hop: {max_channels: 2, per: 1mo}"), "1mo"),
    "a repetition without a window": (rails("repetition: {}"), "window"),
    "a repetition over an empty window": (rails("repetition: {window: 0d}"), "empty window"),
    "a repetition over months": (rails("repetition: {window: 2mo}"), "2mo"),
    "a repetition across": (rails("repetition: {window: 60d, across: account}"), "across"),
    "an escalation's floor of 0": (rails("escalation: {window: 7d, floor: 0}"), "escalation.floor"),
    "an escalation that allows less than none": (rails("escalation: {window: 7d, allow: -1}"), "escalation.allow"),
    "an escalation over an empty window": (rails("escalation: {window: 0d}"), "empty duration"),
    "an escalation over months": (rails("escalation: {window: 1mo}"), "1mo"),
    "an escalation without a window": (rails("escalation: {allow: 1}"), "window"),
    "an escalation across": (rails("escalation: {window: 7d, across: household}"), "across"),
    "a surveillance that counts in no window": (rails("surveillance: {max: 1}"), "per"),
    "a surveillance's window without a max": (rails("surveillance: {per: 7d}"), "max"),
    "a surveillance of max 0": (rails("surveillance: {max: 0, per: 7d}"), "surveillance.max"),
    "a surveillance that says nothing": (rails("surveillance: {needs_consent: none}"), "says nothing"),
    "a surveillance with an empty wait": (rails("surveillance: {wait: 0h}"), "empty duration"),
    "a surveillance by another consent": (rails("surveillance: {needs_consent: profilling}"), "profiling"),
    "an empty topic": (rails("surveillance: {never_topics: ['']}"), "never_topics"),
    "screened in no register": (rails("screened: {within: 31d}"), "register"),
    "screened, whenever": (rails("screened: {register: nix}"), "within"),
    "screened within nothing": (rails("screened: {register: nix, within: 0d}"), "empty duration"),
    "screened within months": (rails("screened: {register: nix, within: 1mo}"), "1mo"),
    "screened across": (rails("screened: {register: nix, within: 7d, across: household}"), "across"),
    "quiet at all times": (rails("quiet_hours: {all_day: true}"), "quiet at all times"),
    "a longest silence without a first": (rails("silence: {max: 9d, stop_after: 3}"), "need a base"),
    "a growing silence without a first": (rails("silence: {factor: 2, stop_after: 3}"), "need a base"),
    "a longest silence below the first": (rails("silence: {base: 2d, max: 1d}"), "shorter than base"),
    "a silence that says nothing": (rails("silence: {}"), "says nothing"),
    "an evasion over nothing": (rails("evasion: {scope: []}"), "names nothing"),
    "reserves for what isn't there": (rails("caps: {max: 3, per: 7d, reserve: {newz: 1}}"), "did you mean news"),
    "a holiday of no kind": (rails("quiet_hours: {holidays: [publik]}"), "did you mean public"),
    "holidays of an odd sort": (rails("quiet_hours: {holidays: 3}"), "holidays"),
    "a time that is none": (rails("quiet_hours: {from: '25:00', to: '08:00'}"), "time of day"),
    "days spelled out": (rails("caps: {max: 3, per: 7 days}"), "did you mean 7d"),
    "months spelled out": (rails("gap: {wait: 2 months}"), "did you mean 2mo"),
    "a month spelled out as a window": (rails("caps: {max: 3, per: 1 month}"), "1 month"),
    "a calendar misspelled": (rails("caps: {max: 3, per: calender month}"), "did you mean calendar month"),
    "no calendar period": (rails("caps: {max: 3, per: calendar decade}"), "comes one of"),
    "a window of a thousand years": (rails("caps: {max: 3, per: 400000d}"), "too long"),
    "dates in force that end first": (
        rails("caps: {max: 1, per: 1d, in_force: {from: 2026-03-02, until: 2026-03-01}}"),
        "in_force",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_the_page_calls_an_error_is_one(what: str) -> None:
    text, word = WRONG[what]
    found = errors(text)
    assert found, "no error was found"
    assert any(word in one for one in found), found
    assert all(re.match(r"p:\d+:\d+: error: ", one) for one in found), found


RIGHT = {
    "the example of a humane default alone": "version: 1\ninclude: [packs/lagom.yaml]",
    "a rule alone, without a list": rails("caps: {max: 1, per: 7d}"),
    "NO is a text": "defaults: {country: NO}",
    "20:00 is a text": rails("quiet_hours: {from: 20:00, to: 08:00}"),
    "merge keys": "categories: {a: &a {consent: none, priority: 3}, b: {<<: *a, priority: 4}}",
    "months in a wait": rails("gap: {wait: 1mo}"),
    "months in a lapse": "categories: {a: {consent: {kind: opt_in, lasts: 6mo}}}",
    "transactional exempt from consent by words": "categories: {a: {transactional: true, exempt: [consent]}}",
    "marketing exempt from a kind": "categories: {a: {exempt: [caps, quiet_hours]}}",
    "marketing exempt from a rule": rails("caps: {name: x, max: 1, per: 1d}").replace(
        "news: {", "news: {exempt: [x], "
    ),
    "unnamed twice": rails("caps: [{max: 1, per: 1d}, {max: 1, per: 1d, channels: [email]}]"),
    "one name in two kinds": rails("caps: {name: x, max: 1, per: 1d}, gap: {name: x, wait: 1d}"),
    "a limit above what it governs": rails(
        "fatigue: {half_life: 7d, limit: 2, weights: {phone: 2}, channels: [email]}"
    ),
    "reserves that leave one": rails("caps: {max: 3, per: 7d, reserve: {news: 1, heavy: 1}}"),
    "24:00 as an end": rails("quiet_hours: {from: '17:00', to: '24:00'}"),
    "the reserved consent": rails("caps: {max: 1, per: 1d, where: {consent: profiling}}"),
    "months in a hop's wait": rails("channel_hop: {wait: 1mo}"),
    "a hop of nothing but channels": rails("channel_hop: {max_channels: 1, per: 7 local days}"),
    "follow-ups of one's own categories": rails("follow_ups: {max: 1, categories: [news], answered_by: reply}"),
    "a repetition for ever": rails("repetition: {window: ever}"),
    "a surveillance of nothing but consent": rails("surveillance: {}"),
    "months in a surveillance's wait": rails("surveillance: {wait: 1mo}"),
    "one topic without a list": rails("surveillance: {never_topics: health}"),
    "an escalation of nothing but its window": rails("escalation: {window: 14d}"),
    "two registers": rails("screened: [{name: a, register: nix, within: 31d}, {register: tps, within: 28d}]"),
    "no segments": CATEGORIES,
}


@pytest.mark.parametrize("what", RIGHT)
def test_what_the_page_allows_is_no_error(what: str) -> None:
    assert errors(RIGHT[what]) == []


def test_a_segments_rule_that_can_never_bind_is_a_warning() -> None:
    (found,) = warnings(segment("caps: {max: 2, per: 7d}", "caps: {max: 1, per: 7d}"))
    assert "never bind" in found


def test_a_segments_rule_with_other_filters_can() -> None:
    assert warnings(segment("caps: {max: 2, per: 7d}", "caps: {max: 1, per: 7d, channels: [email]}")) == []


def test_with_two_rails_of_a_kind_nothing_is_inherited() -> None:
    two = "fatigue: [{name: x, half_life: 7d, limit: 4}, {name: y, half_life: 1d, limit: 4}]"
    found = errors(segment("fatigue: {limit: 2.5}", two))
    assert any("half_life" in one for one in found), found


def test_caps_inherit_nothing() -> None:
    found = errors(segment("caps: {max: 1}", "caps: {max: 3, per: 7d}"))
    assert any("per" in one for one in found), found


def test_the_hash_is_that_of_what_results() -> None:
    plain = from_mapping("version: 1\ncategories: {a: {consent: none}}").policy
    other = from_mapping("# a comment\ncategories:\n  a:\n    consent: none   # none needed\nversion: 1\n").policy
    assert plain is not None
    assert other is not None
    assert plain.hash == other.hash


def test_another_meaning_is_another_hash() -> None:
    one = from_mapping("categories: {a: {consent: none}}").policy
    other = from_mapping("categories: {a: {consent: opt_in}}").policy
    assert one is not None
    assert other is not None
    assert one.hash != other.hash


EXAMPLE = (Path(__file__).parent / "example" / "policy.yaml").read_text("utf-8")


def test_the_pages_example_has_no_other_error_than_what_is_not_built() -> None:
    assert [e for e in errors(EXAMPLE) if "isn't built yet" not in e] == []


@pytest.mark.parametrize(
    ("before", "now", "word"),
    [
        ("{transactional: true, exempt: [caps]}", "{transactional: true}", "exempt from all"),
        ("{transactional: true, counted: true}", "{transactional: true}", "no longer count"),
        ("{consent: {kind: opt_in, lasts: 1y}}", "{consent: opt_in}", "less consent"),
        ("{consent: {kind: opt_in, lasts: 1y}}", "{consent: {kind: opt_in, lasts: 2y}}", "less consent"),
        ("{consent: {phone: opt_in, post: none}}", "{consent: {phone: relationship, post: none}}", "less consent"),
        (
            "{consent: {kind: relationship, grounds: [{since: purchase, lasts: 1y}]}}",
            "{consent: relationship}",
            "less consent",
        ),
        (
            "{consent: {kind: relationship, grounds: [{since: purchase, lasts: 1y}]}}",
            "{consent: {kind: relationship, grounds: [{since: purchase, lasts: 1y}, {since: visit, lasts: 1d}]}}",
            "less consent",
        ),
        ("{consent: none}", "{transactional: true}", "transactional now"),
    ],
)
def test_the_check_says_where_a_category_is_looser(tmp_path: Path, before: str, now: str, word: str) -> None:
    assert any(word in one for one in replaced(tmp_path, before, now))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("{transactional: true}", "{transactional: true, exempt: [caps]}"),
        ("{transactional: true}", "{transactional: true, exempt: []}"),
        ("{transactional: true}", "{consent: none}"),
        ("{consent: {kind: opt_in, lasts: 2y}}", "{consent: {kind: opt_in, lasts: 1y}}"),
        ("{consent: relationship}", "{consent: {kind: relationship, grounds: [{since: purchase, lasts: 1y}]}}"),
        ("{consent: {phone: none}}", "{consent: opt_in}"),
        ("{consent: opt_in, priority: 3}", "{consent: opt_in, priority: 90}"),
    ],
)
def test_the_check_says_nothing_of_a_category_that_is_as_strict(tmp_path: Path, before: str, now: str) -> None:
    assert replaced(tmp_path, before, now) == []


def replaced(folder: Path, before: str, now: str) -> list[str]:
    """What is said of a file that replaces the category x of the one it includes."""
    (folder / "base.yaml").write_text("categories: {x: " + before + "}", "utf-8")
    text = "include: [base.yaml]\ncategories: {x: " + now + "}"
    return [str(f) for f in from_mapping(text, folder, file="p").findings]


def test_the_words_of_every_error_are_those_that_were_read_over() -> None:
    """Read over once; CADENCE_RECORD=1 writes what comes now. The tz database's release stands as TZ."""
    lines = [f"{what}: {e.replace(tz_version(), 'TZ')}" for what, (text, _) in WRONG.items() for e in errors(text)]
    page = Path(__file__).parent / "wrong_policies.txt"
    if os.environ.get("CADENCE_RECORD"):
        page.write_text("\n".join(lines) + "\n", "utf-8")
    assert lines == page.read_text("utf-8").splitlines()
