"""What is shipped for users to edit: the policy, and the schema their editors read. The packs have a file of their own."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cadence.policy.comparisons import COMPARISONS
from cadence.policy.condition_reader import SPECIAL_NAMES, parse
from cadence.policy.contact_facts import PLACE_NAMES
from cadence.policy.load import from_mapping, load
from cadence.policy.nodes import read_file
from cadence.policy.schema import policy_schema, schema_text
from cadence.policy.week import places_named, quiet_week
from cadence.rules.registry import RULES

CONFIG = Path(__file__).resolve().parents[2] / "config"


def test_the_shipped_policy_loads_without_a_word(project: Path) -> None:
    assert load(project / "config/policy.yaml").findings == ()


def test_the_shipped_quiet_hours_leave_no_short_holes(project: Path) -> None:
    policy = load(project / "config/policy.yaml").required()
    for zone, country in places_named(policy):
        for channel in (None, "email", "phone"):
            assert quiet_week(policy, zone, date(2026, 3, 2), country=country, channel=channel).holes == ()


def test_the_smallest_useful_policy_loads_and_is_told_that_lagom_is_as_strict_with_key_accounts(project: Path) -> None:
    text = """
    version: 1
    include: [packs/lagom.yaml]
    segments:
      - {name: key accounts, where: {spend_365d: {at_least: 10000}}, cadence: {caps: {max: 3, per: 7d}}}
      - {name: everyone else, cadence: {caps: {max: 2, per: 7d}}}
    """
    loaded = from_mapping(text, project / "config")
    assert loaded.policy is not None
    assert [f.message for f in loaded.findings] == [
        "segments[0].cadence.caps ('3 per 7d') can never bind: the guard rail 'three a week' has the same filters and "
        "is as strict"
    ]


def test_the_schema_in_config_is_fresh(project: Path) -> None:
    written = (project / "config/policy.schema.json").read_text(encoding="utf-8")
    assert written == schema_text(), "stale: run cadence check --schema > config/policy.schema.json"


def test_the_schema_has_each_kind_of_rule_that_can_be_written() -> None:
    rails = policy_schema()["properties"]["guard_rails"]["properties"]
    assert list(rails) == [kind for kind, module in RULES.items() if module.Keys]


def test_each_key_in_the_schema_is_explained() -> None:
    silent = []
    for name, definition in policy_schema()["$defs"].items():
        for key, schema in definition.get("properties", {}).items():
            if name != "condition" and not schema.get("description"):
                silent.append(f"{name}.{key}")
    assert silent == []


def test_each_kind_of_rule_is_explained_where_an_editor_offers_it() -> None:
    schema = policy_schema()
    rails, cadence = (schema["properties"][p] for p in ("guard_rails", "segments"))
    for kinds in (rails["properties"], cadence["items"]["properties"]["cadence"]["properties"]):
        assert {kind for kind in kinds if kind in RULES and not kinds[kind].get("description")} == set()


def test_an_editor_offers_the_names_that_conditions_always_know_and_takes_others() -> None:
    condition = policy_schema()["$defs"]["condition"]
    offered = set(condition["properties"]) - {"all", "any", "not"}
    assert offered >= {
        "country",
        "last_purchase",
        "last_engaged",
        "orders",
        "spend_365d",
        "touches_30d",
        "segment",
        "consent",
    }
    for name in offered:
        parse({name: "SE" if name in (*PLACE_NAMES, *SPECIAL_NAMES) else {"missing": True}})
        assert condition["properties"][name] == condition["additionalProperties"]


def test_the_schema_speaks_of_no_python() -> None:
    text = schema_text()
    assert '"title"' not in text
    assert "null" not in json.loads(text).get("type", "")
    assert set(policy_schema()["$defs"]["asked"]["anyOf"][2]["properties"]) == set(COMPARISONS)


def fits(content: Any, schema: dict[str, Any], whole: dict[str, Any]) -> bool:
    """A small part of JSON Schema: what the policy's schema uses to tell keys, words and types."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/").replace("%20", " ")
        return fits(content, whole["$defs"][name], whole)
    branches = schema.get("anyOf", schema.get("oneOf"))
    if branches and not any(fits(content, branch, whole) for branch in branches):
        return False
    if "enum" in schema and content not in schema["enum"]:
        return False
    if "const" in schema and content != schema["const"]:
        return False
    if "pattern" in schema and isinstance(content, str) and not re.search(schema["pattern"], content):
        return False
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    wanted = schema.get("type", [])
    if wanted and not any(isinstance(content, kinds[k]) for k in ([wanted] if isinstance(wanted, str) else wanted)):  # type: ignore[arg-type]
        return False
    if isinstance(content, list) and "items" in schema:
        return all(fits(item, schema["items"], whole) for item in content)
    if isinstance(content, dict):
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        if not set(schema.get("required", [])) <= set(content) or (more is False and not set(content) <= set(known)):
            return False
        beside = more if isinstance(more, dict) else {}
        return all(fits(value, known.get(key, beside), whole) for key, value in content.items())
    return True


@pytest.mark.parametrize(
    "file", [CONFIG / "policy.yaml", *sorted((CONFIG / "packs").glob("*.yaml"))], ids=lambda p: p.stem
)
def test_what_is_shipped_fits_the_schema(file: Path) -> None:
    node, _ = read_file(file)
    assert node is not None
    assert fits(node.plain(), policy_schema(), policy_schema())


@pytest.mark.parametrize(
    "content",
    [
        {"segments": [{"name": "x", "cadence": {"fatigue": {"limit": 3}}}]},
        {"guard_rails": {"caps": {"max": 2, "per": "7d", "where": {"any": [{"orders": {"at_least": 1}}]}}}},
        {"categories": {"x": {"consent": {"email": "opt_in", "post": {"kind": "relationship"}}}}},
        {"guard_rails": {"cool_down": {"after": ["purchase"], "wait": "7 local days"}}},
    ],
)
def test_what_loads_fits_the_schema(content: dict[str, Any]) -> None:
    assert fits(content, policy_schema(), policy_schema())


@pytest.mark.parametrize(
    "content",
    [
        {"version": 2},
        {"guard_rail": {}},
        {"guard_rails": {"caps": {"max": 2}}},
        {"guard_rails": {"caps": {"max": 2, "pre": "7d"}}},
        {"guard_rails": {"fatigue": {"limit": 3}}},
        {"guard_rails": {"caps": {"max": 2, "per": "7d", "where": {"orders": {"atleast": 1}}}}},
        {"categories": {"x": {"consent": "optin"}}},
        {"segments": [{"where": {"orders": 1}}]},
        {"segments": [{"name": "x", "exempt": ["caps"]}]},
    ],
)
def test_what_the_schema_can_tell_to_be_wrong_does_not_fit_it(content: dict[str, Any]) -> None:
    assert not fits(content, policy_schema(), policy_schema())
