"""How the generated pages say what a key may hold: JSON Schema in, a few plain words out, and tables of keys.

It knows nothing of policies, settings or campaigns; what is said of them comes from their models' own docstrings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import create_model

from cadence.calendar import DurationField, WaitField, WindowField
from cadence.policy.sections import Span
from cadence.rules.rule import ExactDuration

Schema = Mapping[str, Any]

_KINDS = create_model(
    "_KINDS",
    duration=(DurationField, ...),
    window=(WindowField, ...),
    duration_or_local_days=(WaitField, ...),
    exact_duration=(ExactDuration, ...),
    exact_duration_or_0=(Span, ...),
)
_NAMED = {
    json.dumps(part.get("pattern") or part["anyOf"], sort_keys=True): name.replace("_", " ").replace(" or 0", ", or 0")
    for name, part in _KINDS.model_json_schema()["properties"].items()
}
"""What a schema of ours is called, by its pattern (or the patterns in it)."""
_PLAIN = {
    "string": "text",
    "number": "number",
    "boolean": "true or false",
    "integer": "whole number",
    "object": "mapping",
}
_REFERRED = {"condition": "[condition](#conditions)"}


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def keys(schema: Schema, defs: Schema, only: Iterable[str] | None = None) -> str:
    """A table of an object's keys: what each may hold, its default, what it means."""
    required = set(schema.get("required", ()))
    chosen = schema["properties"] if only is None else {k: schema["properties"][k] for k in only}
    return table(
        ("key", "holds", "default", "meaning"),
        [
            (f"`{name}`", said(part, defs), default(part, name in required), sentence(_told(part, defs)))
            for name, part in chosen.items()
        ],
    )


def _told(part: Schema, defs: Schema) -> str:
    """What a key means: its own words, else those of what it refers to."""
    referred = defs.get(str(part.get("$ref", "")).rsplit("/", 1)[-1], {})
    return str(part.get("description") or referred.get("description", ""))


def default(part: Schema, required: bool) -> str:
    """The default as YAML would write it."""
    if required:
        return "must be given"
    value = part.get("default")
    if isinstance(value, dict):
        value = value.get("text") or {k: v for k, v in value.items() if v is not None}
    if value is None or value in ({}, [], ()):
        return ""
    return f"`{json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list | dict) else value}`"


def sentence(text: str) -> str:
    """A docstring's paragraph on one line, its names as code."""
    return re.sub(r"\s+", " ", text.replace("``", "`")).strip()


def said(part: Schema, defs: Schema) -> str:
    """What a key may hold, in plain words."""
    named = _NAMED.get(json.dumps(part.get("pattern") or part.get("anyOf"), sort_keys=True))
    if named:
        return named
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[1].replace("%20", " ")
        return _REFERRED.get(name) or said(defs[name], defs)
    if "const" in part:
        return f"`{json.dumps(part['const'])}`"
    if "enum" in part:
        return _words(part["enum"])
    for many in ("anyOf", "oneOf"):
        if many in part:
            branches = [said(b, defs) for b in part[many] if b != {"type": "null"}]
            return ", or ".join(dict.fromkeys(branches))
    if isinstance(part.get("type"), list):
        return ", or ".join(said({**part, "type": one}, defs) for one in part["type"] if one != "null")
    if part.get("type") == "array":
        items = part["items"] if isinstance(part.get("items"), Mapping) else {}
        return f"list of {_plural(said(items, defs))}" if items else "list"
    if part.get("type") == "object":
        return _mapping(part, defs)
    return _plain(part)


def _mapping(part: Schema, defs: Schema) -> str:
    if "properties" in part:
        return "mapping with " + ", ".join(f"`{k}`" for k in part["properties"])
    values = part.get("additionalProperties")
    names = part.get("propertyNames")
    left = f"{_words(names['enum'])}" if isinstance(names, Mapping) and "enum" in names else "name"
    return f"mapping from {left} to {said(values, defs)}" if isinstance(values, Mapping) and values else "mapping"


def _plain(part: Schema) -> str:
    words = _PLAIN.get(str(part.get("type")), "any value")
    if part.get("format") == "date":
        words = "date"
    limits = [f"at least {part['minimum']:g}"] if "minimum" in part else []
    limits += [f"above {part['exclusiveMinimum']:g}"] if "exclusiveMinimum" in part else []
    limits += [f"at most {part['maximum']:g}"] if "maximum" in part else []
    return ", ".join([words, *limits])


def _words(words: Iterable[Any]) -> str:
    listed = [f"`{w}`" for w in words]
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"


def _plural(words: str) -> str:
    first, space, rest = words.partition(" ")
    return f"{first}s{space}{rest}" if first in ("text", "number", "mapping") else words
