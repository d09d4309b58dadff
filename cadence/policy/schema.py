"""The JSON Schema of a policy, for editors: made from the models and the rules' registry, never written by hand.

`config/policy.schema.json` is its output; `cadence check --schema` prints it. It knows shapes and words; what `check`
finds besides (names that must exist, limits that must fit) a schema can't say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cadence.policy.comparisons import COMPARISONS
from cadence.policy.condition_reader import SPECIAL_NAMES
from cadence.policy.contact_facts import INSTANT_NAMES, PLACE_NAMES
from cadence.policy.gather import ready_packs
from cadence.policy.sections import (
    ArbitrationSection,
    Carried,
    CategorySection,
    DefaultsSection,
    Document,
    KeepInTouchSection,
    SegmentSection,
)
from cadence.rules.registry import RULES

Schema = dict[str, Any]

_OFFERED = (
    *PLACE_NAMES,
    *INSTANT_NAMES,
    *("orders", "orders_365d", "spend", "spend_365d", "touches_30d", "engagements_30d"),
    *SPECIAL_NAMES,
)
"""Names that conditions know without an attribute of that name, as editors offer them; other numbers of days go too."""


def policy_schema() -> Schema:
    """The schema as a mapping: JSON Schema 2020-12."""
    writable = {kind: module.Keys for kind, module in RULES.items() if module.Keys is not None}
    sections: list[type[BaseModel]] = [
        Document,
        DefaultsSection,
        CategorySection,
        SegmentSection,
        KeepInTouchSection,
        ArbitrationSection,
        Carried,
    ]
    models = [*sections, *writable.values()]
    references, made = models_json_schema([(m, "validation") for m in models], ref_template="#/$defs/{model}")
    defs: dict[str, Schema] = made["$defs"]

    def taken(model: type[BaseModel]) -> Schema:
        return defs.pop(str(references[model, "validation"]["$ref"]).rsplit("/", 1)[1])

    carried = taken(Carried)
    rules = {kind: _rule(taken(keys), carried) for kind, keys in writable.items()}
    top, segment = taken(Document), taken(SegmentSection)
    for name, model in (
        ("defaults", DefaultsSection),
        ("category", CategorySection),
        ("keep_in_touch", KeepInTouchSection),
        ("arbitration", ArbitrationSection),
    ):
        defs[name] = taken(model)
    defs["condition"], defs["asked"] = _condition(), _asked()
    for kind, rule in rules.items():
        defs[kind] = rule
        if RULES[kind].INHERITS:
            defs[f"{kind} of a segment"] = {k: v for k, v in rule.items() if k != "required"}
    _fill(top, segment, rules)
    out = _tidy({"$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": defs})
    _offer_packs(out["properties"]["include"])
    return dict(out)


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(policy_schema(), indent=2, ensure_ascii=False) + "\n"


def _rule(keys: Schema, carried: Schema) -> Schema:
    """One kind of rule: its own keys, then what every rule may carry."""
    return {
        "type": "object",
        "description": keys.get("description", ""),
        "properties": {**keys.get("properties", {}), **carried["properties"]},
        "required": keys.get("required", []),
        "additionalProperties": False,
    }


def _offer_packs(include: Schema) -> None:
    """Let editors complete the ready packs, beside whatever other file there is."""
    if packs := ready_packs():
        include["items"] = {"anyOf": [{"enum": packs}, include["items"]]}


def _fill(top: Schema, segment: Schema, rules: Mapping[str, Schema]) -> None:
    """Put the parts where the document and the segment hold them."""
    properties = top["properties"]
    described = {name: properties[name].get("description", "") for name in properties}
    filled: Mapping[str, Schema] = {
        "defaults": {"$ref": "#/$defs/defaults"},
        "categories": {"type": "object", "additionalProperties": {"$ref": "#/$defs/category"}},
        "guard_rails": {
            "type": "object",
            "properties": {kind: _one_or_more(kind, rule) for kind, rule in rules.items()},
            "additionalProperties": False,
        },
        "segments": {"type": "array", "items": segment},
        "arbitration": {"$ref": "#/$defs/arbitration"},
    }
    for name, schema in filled.items():
        properties[name] = {**({"description": described[name]} if described[name] else {}), **schema}
    cadence = segment["properties"]["cadence"]
    segment["properties"]["cadence"] = {
        "type": "object",
        "description": cadence.get("description", ""),
        "properties": {
            **{k: _one_or_more(f"{k} of a segment" if RULES[k].INHERITS else k, rule) for k, rule in rules.items()},
            "keep_in_touch": {"$ref": "#/$defs/keep_in_touch"},
        },
        "additionalProperties": False,
    }


def _one_or_more(name: str, rule: Schema) -> Schema:
    reference = {"$ref": f"#/$defs/{name}".replace(" ", "%20")}
    return {"anyOf": [reference, {"type": "array", "minItems": 1, "items": reference}], **_description(rule)}


def _condition() -> Schema:
    """A condition: groups, and attributes with a value, a list of values or comparisons."""
    itself = {"$ref": "#/$defs/condition"}
    group = {"type": "array", "minItems": 1, "items": itself}
    asked = {"$ref": "#/$defs/asked"}
    return {
        "type": "object",
        "description": "Which contacts: attributes with a value, a list of values or comparisons. All keys hold.",
        "minProperties": 1,
        "properties": {"all": group, "any": group, "not": itself, **dict.fromkeys(_OFFERED, asked)},
        "additionalProperties": asked,
    }


def _asked() -> Schema:
    """What is asked of one name."""
    scalar = {"type": ["string", "number", "boolean"]}
    return {
        "description": "A value, a list of values, or comparisons.",
        "anyOf": [
            scalar,
            {"type": "array", "minItems": 1, "items": scalar},
            {
                "type": "object",
                "minProperties": 1,
                "properties": {word: {} for word in COMPARISONS},
                "additionalProperties": False,
            },
        ],
    }


def _tidy(schema: Any, *, names: bool = False) -> Any:
    """Without the titles and the "or null" that pydantic adds: an empty value is an error in a policy."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {
        key: _tidy(value, names=key in ("properties", "$defs") and not names)
        for key, value in schema.items()
        if names or not ((key == "title" and isinstance(value, str)) or (key == "default" and value is None))
    }
    if names or "anyOf" not in out:
        return out
    left = [branch for branch in out["anyOf"] if branch != {"type": "null"}]
    if len(left) == 1:
        return {**{k: v for k, v in out.items() if k != "anyOf"}, **left[0], **_description(out)}
    return {**out, "anyOf": left}


def _description(schema: Schema) -> Schema:
    return {"description": schema["description"]} if schema.get("description") else {}
