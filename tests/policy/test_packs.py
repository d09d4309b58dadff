"""The packs: each loads without a word, says where it has what it says from, and has policy tests that meet all its rules."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import pytest

from cadence.policy.load import Loaded, from_mapping, load
from cadence.policy.schema import policy_schema
from cadence.workbench.coverage import coverage
from cadence.workbench.runner import Report, run

CONFIG = Path(__file__).resolve().parents[2] / "config"
PACKS = sorted(p.stem for p in (CONFIG / "packs").glob("*.yaml"))
TESTS = sorted(p.stem for p in (CONFIG / "packs/tests").glob("*.yaml"))


def including(*packs: str, own: str = "") -> Loaded:
    return from_mapping(f"include: [{', '.join(f'packs/{p}.yaml' for p in packs)}]\n{own}", CONFIG, file="policy.yaml")


@lru_cache
def tried(name: str) -> Report:
    """What came of a pack's policy tests."""
    return run([CONFIG / f"packs/tests/{name}.yaml"])


def words(pack: str) -> str:
    """What stands in a pack, its lines joined and its comment signs left out."""
    return re.sub(r"\s+#?\s*", " ", (CONFIG / f"packs/{pack}.yaml").read_text("utf-8"))


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_loads_without_a_word(pack: str) -> None:
    assert load(CONFIG / f"packs/{pack}.yaml").findings == ()


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_says_that_it_is_no_legal_advice(pack: str) -> None:
    assert re.search(r"[Nn]one of (this|it) (is|is law, and none of it) legal advice", words(pack))


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_says_where_it_has_what_it_says_from_and_when_that_was_read(pack: str) -> None:
    assert re.search(r"Sources, read on 20\d\d-\d\d-\d\d: \S", words(pack))
    assert "For whom: " in words(pack)


@pytest.mark.parametrize("name", TESTS)
def test_the_policy_tests_of_the_packs_pass(name: str) -> None:
    report = tried(name)
    assert [str(f) for f in report.findings] == []
    assert [(r.name, [str(d) for d in r.differences], r.why) for r in report.results if r.outcome != "passed"] == []


@pytest.mark.parametrize("pack", PACKS)
def test_the_policy_tests_of_a_pack_meet_each_of_its_rules(pack: str) -> None:
    (met,) = coverage(tried(pack))
    assert [str(rule) for rule in met.untried] == []


@pytest.mark.parametrize(("first", "second"), list(combinations(PACKS, 2)))
def test_any_two_packs_go_together_without_a_word(first: str, second: str) -> None:
    one, turned = including(first, second), including(second, first)
    assert [str(f) for f in (*one.findings, *turned.findings)] == []
    assert {c: v.consent for c, v in one.required().categories.items()} == {
        c: v.consent for c, v in turned.required().categories.items()
    }


def test_all_packs_go_together_without_a_word() -> None:
    assert [str(f) for f in including(*PACKS).findings] == []


LOOSER = [
    (
        "us-debt-calls",
        "guard_rails: {caps: {name: seven calls in seven days for a debt, max: 8, per: 7 local days, channels: [phone], "
        "categories: [collection], each: thread}}",
        "caps 'seven calls in seven days for a debt' is looser than the rule it replaces in",
    ),
    (
        "us-debt-calls",
        "guard_rails: {cool_down: {name: seven days after a conversation about a debt, after: conversation, "
        "wait: 3 local days, channels: [phone], categories: [collection]}}",
        "cool_down 'seven days after a conversation about a debt' is not in every case as strict as the rule it replaces",
    ),
    (
        "us-debt-calls",
        "categories: {collection: {consent: none, counted: false}}",
        "categories.collection is looser than what it replaces in",
    ),
    (
        "us-tcpa",
        "guard_rails: {quiet_hours: {name: US calling hours, from: '22:00', to: '08:00', channels: [phone, sms]}}",
        "quiet_hours 'US calling hours' is not in every case as strict as the rule it replaces in",
    ),
    (
        "us-states",
        "guard_rails: {caps: {name: three a day in Florida, max: 9, per: 24h, channels: [phone, sms], "
        "where: {any: [{country: US-FL}, {region: US-FL}, {region: FL, country: {missing: true}}]}}}",
        "caps 'three a day in Florida' is looser than the rule it replaces in",
    ),
    (
        "fr-calls",
        "categories: {sales_call: {consent: none}}",
        "categories.sales_call is looser than what it replaces in",
    ),
    (
        "eu-eprivacy",
        "categories: {similar_products: {consent: {email: relationship}}}",
        "categories.similar_products is looser than what it replaces in",
    ),
    (
        "se",
        "categories: {sales_call_se: {consent: opt_in}}",
        "categories.sales_call_se is looser than what it replaces in",
    ),
    (
        "no",
        "categories: {promotion: {consent: relationship}}",
        "categories.promotion is looser than what it replaces in",
    ),
    ("ua", "categories: {winback: {consent: relationship}}", "categories.winback is looser than what it replaces in"),
    (
        "canada-casl",
        "categories: {promotion: {consent: {kind: relationship, grounds: [{since: purchase, lasts: 3y}]}}}",
        "categories.promotion is looser than what it replaces in",
    ),
    (
        "bulk-sender",
        "guard_rails: {silence: {name: mail that nobody answers, stop_after: 99, channels: [email]}}",
        "silence 'mail that nobody answers' is looser than the rule it replaces in",
    ),
    (
        "us-tcpa",
        "defaults: {unknown_zone: default}",
        "defaults.unknown_zone is looser than what it replaces in",
    ),
    (
        "lagom",
        "guard_rails: {caps: {name: one a day, max: 2, per: 24h}}",
        "caps 'one a day' is looser than the rule it replaces in",
    ),
]


@pytest.mark.parametrize(("pack", "own", "said"), LOOSER)
def test_the_check_says_where_a_file_is_looser_than_its_pack(pack: str, own: str, said: str) -> None:
    (found,) = including(pack, own=own).findings
    assert (found.level, found.file, found.message.startswith(said)) == ("warning", "policy.yaml", True), str(found)


def test_for_every_pack_there_is_a_case_in_which_a_file_is_looser() -> None:
    assert {pack for pack, _, _ in LOOSER} == set(PACKS)


def test_a_file_may_tighten_a_pack_without_a_word() -> None:
    own = """guard_rails:
      caps:
        - {name: seven calls in seven days for a debt, max: 3, per: 7 local days, channels: [phone], categories: [collection], each: thread}
        - {name: one call a day about all debts, max: 1, per: 24h, channels: [phone], categories: [collection]}
    """
    loaded = including("us-debt-calls", own=own)
    assert loaded.findings == ()
    assert [(r.name, r.keys.max) for r in loaded.required().rules if r.kind == "caps"] == [
        ("seven calls in seven days for a debt", 3),
        ("one call a day about all debts", 1),
    ]


def test_editors_offer_every_pack() -> None:
    items = policy_schema()["properties"]["include"]["items"]["anyOf"]
    assert items[0] == {"enum": [f"packs/{pack}.yaml" for pack in PACKS]}
    assert items[1]["type"] == "string"
