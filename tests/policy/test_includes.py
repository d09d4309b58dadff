"""Policies made of several files: what comes first, what replaces what, and what the check says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cadence.facts import key
from cadence.policy.load import Loaded, from_content, from_mapping, load
from cadence.policy.policy import Policy


class Files:
    """A folder of policy files that is written as the test goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def load(self, name: str) -> Loaded:
        return load(self.folder / name)

    def policy(self, name: str) -> Policy:
        return self.load(name).required()

    def said(self, name: str) -> list[str]:
        return [str(f).replace(f"{self.folder}/", "") for f in self.load(name).findings]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


PACK = """
defaults: {country: SE, expires: 3d}
categories: {newsletter: {}, promotion: {priority: 30}}
guard_rails:
  caps: [{name: day, max: 1, per: 24h}, {name: week, max: 3, per: 7d}]
  silence: {base: 2d, factor: 2}
"""


def rails(policy: Policy) -> list[tuple[str, str]]:
    return [(r.kind, r.name) for r in policy.rules if r.kind in ("caps", "silence", "gap")]


def test_what_is_included_comes_first_and_rules_add_up(files: Files) -> None:
    files.write("packs/pack.yaml", PACK)
    files.write("policy.yaml", "include: [packs/pack.yaml]\nguard_rails: {gap: {wait: 1h}, caps: {max: 9, per: 30d}}")
    assert rails(files.policy("policy.yaml")) == [
        ("caps", "day"),
        ("caps", "week"),
        ("silence", "silence"),
        ("gap", "1 per 1h"),
        ("caps", "9 per 30d"),
    ]


def test_defaults_are_replaced_key_by_key(files: Files) -> None:
    files.write("packs/pack.yaml", PACK)
    files.write("policy.yaml", "include: [packs/pack.yaml]\ndefaults: {country: NO, locale: nb}")
    found = files.policy("policy.yaml").defaults
    assert (found.country, found.locale, found.expires.text) == ("NO", "nb", "3d")


def test_a_category_of_the_same_name_replaces_the_included_one_whole(files: Files) -> None:
    files.write("packs/pack.yaml", PACK)
    files.write("policy.yaml", "include: [packs/pack.yaml]\ncategories: {promotion: {was: [offers]}}")
    assert files.policy("policy.yaml").categories["promotion"].priority == 50


def test_a_rule_of_the_same_name_replaces_the_included_one_in_its_place(files: Files) -> None:
    files.write("packs/pack.yaml", PACK)
    files.write("policy.yaml", "include: [packs/pack.yaml]\nguard_rails: {caps: {name: day, max: 1, per: 48h}}")
    found = files.policy("policy.yaml")
    assert rails(found) == [("caps", "day"), ("caps", "week"), ("silence", "silence")]
    assert next(r for r in found.rules if r.name == "day").keys.per.text == "48h"


def test_a_rule_without_a_name_replaces_the_included_one_that_is_called_the_same(files: Files) -> None:
    files.write("packs/pack.yaml", PACK)
    files.write("policy.yaml", "include: [packs/pack.yaml]\nguard_rails: {silence: {base: 4d, factor: 2}}")
    assert rails(files.policy("policy.yaml")).count(("silence", "silence")) == 1


@pytest.mark.parametrize(
    ("own", "warning"),
    [
        ("guard_rails: {caps: {name: week, max: 2, per: 7d}}", None),
        ("guard_rails: {caps: {name: week, max: 3, per: 8d}}", None),
        (
            "guard_rails: {caps: {name: week, max: 4, per: 7d}}",
            "policy.yaml:2:21: warning: caps 'week' is looser than the rule it replaces in packs/pack.yaml:5:41",
        ),
        (
            "guard_rails: {caps: {name: week, max: 3, per: 7d, channels: [sms]}}",
            "policy.yaml:2:21: warning: caps 'week' is not in every case as strict as the rule it replaces in "
            "packs/pack.yaml:5:41",
        ),
        (
            "categories: {newsletter: {consent: none}}",
            "policy.yaml:2:26: warning: categories.newsletter is looser than what it replaces in "
            "packs/pack.yaml:3:26: it needs less consent",
        ),
        (
            "categories: {newsletter: {exempt: [caps]}}",
            "policy.yaml:2:26: warning: categories.newsletter is looser than what it replaces in "
            "packs/pack.yaml:3:26: it is exempt from caps",
        ),
        (
            "categories: {newsletter: {counted: false}}",
            "policy.yaml:2:26: warning: categories.newsletter is looser than what it replaces in "
            "packs/pack.yaml:3:26: its touches no longer count",
        ),
    ],
)
def test_the_check_says_where_a_replacement_is_looser(files: Files, own: str, warning: str | None) -> None:
    files.write("packs/pack.yaml", PACK)
    files.write("policy.yaml", f"include: [packs/pack.yaml]\n{own}")
    assert files.said("policy.yaml") == ([warning] if warning else [])


def test_a_pack_has_no_segments(files: Files) -> None:
    files.write("packs/pack.yaml", "segments: [{name: x}]")
    files.write("policy.yaml", "include: [packs/pack.yaml]")
    assert files.said("policy.yaml") == [
        "packs/pack.yaml:1:1: error: a pack has no segments; write them into the policy that includes it"
    ]


def test_the_files_own_segments_come_before_those_of_a_file_it_includes(files: Files) -> None:
    files.write("rest.yaml", "segments: [{name: rest}]")
    files.write("policy.yaml", "include: [rest.yaml]\nsegments: [{name: few, where: {orders: 1}}]")
    assert [s.name for s in files.policy("policy.yaml").segments] == ["few", "rest"]


def test_a_folder_is_read_by_file_name_as_if_written_one_after_another(files: Files) -> None:
    files.write("p/2.yaml", "guard_rails: {gap: {wait: 1h}}\nsegments: [{name: rest}]")
    files.write("p/1.yaml", "guard_rails: {caps: {max: 1, per: 1d}}\nsegments: [{name: few, where: {orders: 1}}]")
    files.write("p/notes.txt", "no policy")
    found = files.policy("p")
    assert rails(found) == [("caps", "1 per 1d"), ("gap", "1 per 1h")]
    assert [s.name for s in found.segments] == ["few", "rest"]


def test_in_a_folder_a_name_in_two_files_is_an_error_as_it_would_be_in_one(files: Files) -> None:
    files.write("p/1.yaml", "categories: {x: {}}\ndefaults: {locale: sv}")
    files.write("p/2.yaml", "categories: {x: {}}\ndefaults: {locale: sv}")
    assert files.said("p") == [
        "p/2.yaml:1:14: error: categories.x stands twice, first in p/1.yaml:1:14",
        "p/2.yaml:2:12: error: defaults.locale stands twice, first in p/1.yaml:2:12",
    ]


def test_in_a_folder_a_rule_named_twice_is_told_with_the_file_of_the_first(files: Files) -> None:
    files.write("p/1.yaml", "guard_rails: {caps: {name: a, max: 1, per: 1d}}")
    files.write("p/2.yaml", "guard_rails: {caps: {name: a, max: 2, per: 7d}}")
    (found,) = files.said("p")
    assert "stands twice within caps, first in p/1.yaml:1:28" in found


def test_a_link_to_nothing_in_a_folder_is_not_passed_over(files: Files) -> None:
    files.write("p/1.yaml", "version: 1")
    (files.folder / "p/2.yaml").symlink_to("rails.yaml")
    (files.folder / "p/3.yaml").mkdir()
    assert files.said("p") == ["p/2.yaml: error: it can't be read: No such file or directory"]


def test_an_empty_folder_says_so(files: Files) -> None:
    (files.folder / "p").mkdir()
    assert "the folder holds no policy" in files.said("p")[0]


def test_an_include_that_leads_back_is_an_error(files: Files) -> None:
    files.write("a.yaml", "include: [b.yaml]")
    files.write("b.yaml", "include: [a.yaml]")
    assert files.said("a.yaml") == ["b.yaml:1:11: error: an include that leads back to itself; found 'a.yaml'"]


def test_a_file_included_on_two_ways_counts_once(files: Files) -> None:
    files.write("base.yaml", PACK)
    files.write("a.yaml", "include: [base.yaml]")
    files.write("b.yaml", "include: [base.yaml]")
    files.write("policy.yaml", "include: [a.yaml, b.yaml]")
    assert rails(files.policy("policy.yaml")) == [("caps", "day"), ("caps", "week"), ("silence", "silence")]


def test_two_includes_that_say_different_things_need_a_word_of_the_file(files: Files) -> None:
    files.write("a.yaml", "categories: {x: {priority: 1}}")
    files.write("b.yaml", "categories: {x: {priority: 2}}")
    files.write("policy.yaml", "include: [a.yaml, b.yaml]")
    assert files.said("policy.yaml") == [
        "a.yaml:1:14: error: categories.x is said differently in b.yaml:1:14; say here which goes"
    ]
    files.write("policy.yaml", "include: [a.yaml, b.yaml]\ncategories: {x: {priority: 3}}")
    assert files.policy("policy.yaml").categories["x"].priority == 3


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("{consent: none}", "{consent: opt_in}", "opt_in"),
        ("{}", "{consent: none}", "opt_in"),
        ("{consent: opt_in, priority: 30}", "{consent: relationship}", "opt_in"),
        (
            "{consent: {kind: opt_in, lasts: 2y}}",
            "{consent: {kind: opt_in, lasts: 3mo}}",
            {"kind": "opt_in", "lasts": "3mo"},
        ),
        (
            "{consent: {kind: relationship, grounds: [{since: purchase, lasts: 2y}, {since: inquiry}]}}",
            "{consent: {kind: relationship, grounds: [{since: purchase, lasts: 1y}]}}",
            {"kind": "relationship", "grounds": [{"since": "purchase", "lasts": "1y"}]},
        ),
        ("{consent: {email: none}}", "{consent: {email: opt_in, sms: opt_in}}", {"email": "opt_in", "sms": "opt_in"}),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_of_two_included_categories_the_one_that_asks_for_more_consent_goes(
    files: Files, first: str, second: str, together: object, turned: bool
) -> None:
    files.write("a.yaml", f"categories: {{x: {second if turned else first}}}")
    files.write("b.yaml", f"categories: {{x: {first if turned else second}}}")
    files.write("policy.yaml", "include: [a.yaml, b.yaml]")
    files.write("same.yaml", f"categories: {{x: {{consent: {json.dumps(together)}}}}}")
    assert files.policy("policy.yaml").categories["x"].consent == files.policy("same.yaml").categories["x"].consent


def test_each_channel_takes_the_stricter_of_two_included_consents(files: Files) -> None:
    files.write("a.yaml", "categories: {x: {priority: 30, consent: {email: opt_in, phone: none, post: none}}}")
    files.write("b.yaml", "categories: {x: {was: [y], consent: {email: relationship, phone: opt_in, post: none}}}")
    files.write("policy.yaml", "include: [a.yaml, b.yaml]")
    found = files.policy("policy.yaml").categories["x"]
    asked = {name: found.need(key(name)).kind for name in ("email", "phone", "post", "sms")}
    assert asked == {"email": "opt_in", "phone": "opt_in", "post": "none", "sms": "opt_in"}
    assert (found.priority, found.was) == (30, ("y",))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{priority: 1}", "{priority: 2}"),
        ("{counted: false}", "{}"),
        ("{exempt: [caps]}", "{}"),
        ("{transactional: true}", "{}"),
        (
            "{consent: {kind: relationship, grounds: [{since: purchase}]}}",
            "{consent: {kind: relationship, grounds: [{since: inquiry}]}}",
        ),
    ],
)
def test_what_no_rule_says_is_stricter_is_for_the_file_to_say(files: Files, first: str, second: str) -> None:
    files.write("a.yaml", f"categories: {{x: {first}}}")
    files.write("b.yaml", f"categories: {{x: {second}}}")
    files.write("policy.yaml", "include: [a.yaml, b.yaml]")
    assert files.said("policy.yaml") == [
        "a.yaml:1:14: error: categories.x is said differently in b.yaml:1:14; say here which goes"
    ]


def test_a_word_of_the_file_is_held_against_each_of_the_includes_that_differ(files: Files) -> None:
    files.write("a.yaml", "categories: {x: {priority: 1, consent: none}}")
    files.write("b.yaml", "categories: {x: {priority: 2, consent: opt_in}}")
    files.write("policy.yaml", "include: [a.yaml, b.yaml]\ncategories: {x: {priority: 3, consent: relationship}}")
    assert files.said("policy.yaml") == [
        "policy.yaml:2:17: warning: categories.x is looser than what it replaces in b.yaml:1:17: it needs less consent"
    ]


@pytest.mark.parametrize("includes", ["a.yaml, b.yaml", "b.yaml, a.yaml"])
def test_what_one_of_two_includes_replaced_of_what_both_include_is_replaced_in_either_order(
    files: Files, includes: str
) -> None:
    files.write("base.yaml", "categories: {x: {consent: opt_in}}\nguard_rails: {caps: {name: day, max: 2, per: 24h}}")
    files.write("a.yaml", "include: [base.yaml]")
    files.write(
        "b.yaml",
        "include: [base.yaml]\ncategories: {x: {consent: none}}\nguard_rails: {caps: {name: day, max: 3, per: 24h}}",
    )
    files.write("policy.yaml", f"include: [{includes}]")
    found = files.policy("policy.yaml")
    assert [(r.name, r.keys.max) for r in found.rules if r.kind == "caps"] == [("day", 3)]
    assert found.categories["x"].need(key("email")).kind == "none"
    assert len(files.said("policy.yaml")) == 2, "both are said to be looser, once each"


def test_a_missing_include_names_the_nearest_ready_pack(files: Files) -> None:
    files.write("policy.yaml", "include: [packs/lagon.yaml]")
    (found,) = files.said("policy.yaml")
    assert found.startswith("policy.yaml:1:11: error: there is no such file to include")
    assert found.endswith("did you mean packs/lagom.yaml?")


def test_a_ready_pack_is_found_without_being_beside(files: Files) -> None:
    files.write("policy.yaml", "include: [packs/lagom.yaml]")
    assert "newsletter" in files.policy("policy.yaml").categories


@pytest.mark.parametrize("name", ["/etc/passwd", "x" * 300, "..", "."])
def test_what_can_not_be_a_file_beside_this_one_is_not_included(files: Files, name: str) -> None:
    files.write("policy.yaml", f'include: ["{name}"]')
    assert any("there is no such file to include" in line for line in files.said("policy.yaml"))


def test_a_name_that_no_file_can_have_is_not_included() -> None:
    found = from_mapping({"include": ["a\0b"]}).findings
    assert "there is no such file to include" in str(found[0])


def test_an_error_in_an_included_file_has_its_place_there(files: Files) -> None:
    files.write("packs/pack.yaml", "guard_rails:\n  caps: {max: 0, per: 7d}")
    files.write("policy.yaml", "include: [packs/pack.yaml]")
    assert files.said("policy.yaml") == [
        "packs/pack.yaml:2:15: error: guard_rails.caps.max must be at least 1; found 0"
    ]


def test_a_stored_version_needs_no_files_any_more(files: Files) -> None:
    files.write("packs/pack.yaml", PACK)
    file = files.write("policy.yaml", "include: [packs/pack.yaml]\ndefaults: {locale: nb}")
    found = files.policy("policy.yaml")
    file.unlink()
    (files.folder / "packs/pack.yaml").unlink()
    assert from_content(found.content).rules == found.rules


def test_a_policy_in_several_files_has_the_hash_of_the_same_in_one(files: Files) -> None:
    files.write("packs/pack.yaml", PACK)
    files.write("policy.yaml", "include: [packs/pack.yaml]")
    files.write("one.yaml", PACK)
    assert files.policy("policy.yaml").hash == files.policy("one.yaml").hash
