"""Reading YAML with places, and holding a pydantic model against it: the way in for policies, campaigns, policy tests.

    node, findings = read(path_or_text, file="name for the findings")       # Node | None, tuple[Finding, ...]
    thing, findings = validate(Model, node, name="campaign")                # Model | None, tuple[Finding, ...]

`read` takes a `Path` (a file) or a `str` (the text itself) and never raises; `validate` takes any type pydantic knows,
checks strictly (a text is no number, `true` is no 1) and reports every error at its place, in plain words, unknown keys
with the nearest right one. An empty value (`max:`) is an error unless `nulls=True`. `node.plain()` gives texts, lists,
numbers, dicts; `node.place_of(path)` the place of anything under it. What the content means is not known here.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from cadence.policy.finding import Finding, Place, error, has_errors, listed, nearest, warning
from cadence.policy.nodes import Entry, Node, of_plain, read_file, read_text

__all__ = [
    "Entry",
    "Finding",
    "Node",
    "Place",
    "error",
    "has_errors",
    "listed",
    "nearest",
    "of_plain",
    "path_text",
    "read",
    "said_apart",
    "validate",
    "warning",
]

T = TypeVar("T")
Loc = tuple[str | int, ...]


def read(source: Path | str, *, file: str = "") -> tuple[Node | None, tuple[Finding, ...]]:
    """A YAML file (a Path) or text (a str; `file` names it in findings) as a tree; None with findings if unreadable."""
    return read_file(source) if isinstance(source, Path) else read_text(source, file)


def validate(
    model: type[T] | Any, node: Node, *, name: str = "", nulls: bool = False
) -> tuple[T | None, tuple[Finding, ...]]:
    """The content as this type, or None with one finding per error. `name` is what sentences call the content."""
    empty = () if nulls else _empty_values(node, name)
    try:
        made: T = TypeAdapter(model).validate_json(json.dumps(node.plain()), strict=True)
    except ValidationError as broken:
        found = _findings(broken.errors(include_url=False), node, model, name)
        at_empty = {(f.line, f.column) for f in empty}
        return None, (*empty, *(f for f in found if not f.line or (f.line, f.column) not in at_empty))
    return (None, empty) if empty else (made, ())


def path_text(name: str, path: Loc) -> str:
    """How a place inside a content is called: `guard_rails.caps[2].max`."""
    out = name
    for step in path:
        out += f"[{step}]" if isinstance(step, int) else f".{step}" if out else step
    return out or "the content"


def _empty_values(node: Node, name: str) -> tuple[Finding, ...]:
    return tuple(
        error(child.place, f"{path_text(name, path)} is empty; write a value or leave the key out")
        for path, child in node.walk()
        if child.value is None
    )


def _findings(details: Sequence[ErrorDetails], node: Node, model: Any, name: str) -> list[Finding]:
    """One finding for each thing that is wrong; what several branches of a union say of one value is one thing."""
    by_branch: dict[Loc, dict[Loc, list[ErrorDetails]]] = {}
    out: list[Finding] = []
    for detail in details:
        if detail["type"] == "too_short" and _holds_enough(node.at(_path(detail["loc"], node)), detail):
            continue  # short only because what it holds is wrong, which is told by itself
        before, skipped = _written(detail["loc"], node, detail["type"])
        if skipped:
            by_branch.setdefault(before, {}).setdefault(skipped[:1], []).append(detail)
        else:
            out.append(_finding(detail, node, model, name))
    for at, branches in by_branch.items():
        out.extend(_of_union(at, list(branches.values()), node, model, name))
    return out


def _holds_enough(node: Node, detail: ErrorDetails) -> bool:
    """Whether a list or mapping is as long as it must be, as written."""
    held = node.items if node.is_list else node.entries
    return len(held) >= int((detail.get("ctx") or {}).get("min_length", 1))


def _of_union(at: Loc, branches: list[list[ErrorDetails]], node: Node, model: Any, name: str) -> list[Finding]:
    """Where one branch got further than "this is another type", what it says; else what all would take."""
    deeper = [b for b in branches if not all(_path(d["loc"], node) == at and d["type"].endswith("_type") for d in b)]
    if len(branches) == 1 or deeper:
        chosen = min(deeper or branches, key=len)
        return [_finding(d, node, model, name) for d in chosen]
    takes = list(dict.fromkeys(_sentence(b[0])[0].removeprefix("must be ") for b in branches))
    return [error(node.place_of(at), f"{path_text(name, at)} must be {' or '.join(takes)}", found=node.at(at).shown())]


def _written(loc: Loc, node: Node, kind: str) -> tuple[Loc, Loc]:
    """The part of a location that is in the content up to the first element that isn't, and the rest from there."""
    for i, step in enumerate(loc):
        if isinstance(step, int) and node.is_list and step < len(node.items):
            node = node.items[step]
        elif node.is_mapping and str(step) in node.entries:
            node = node.entries[str(step)].node
        elif i == len(loc) - 1 and kind == "missing":
            return loc, ()
        else:
            return loc[:i], loc[i:]
    return loc, ()


def _path(loc: Loc, node: Node) -> Loc:
    """A location without the elements that are not in the content (names of union branches and the like)."""
    out: list[str | int] = []
    for step in loc:
        if isinstance(step, int) and node.is_list and step < len(node.items):
            node = node.items[step]
            out.append(step)
        elif node.is_mapping and str(step) in node.entries:
            node = node.entries[str(step)].node
            out.append(str(step))
    return tuple(out)


def _finding(detail: ErrorDetails, node: Node, model: Any, name: str) -> Finding:
    kind, loc = detail["type"], detail["loc"]
    path = _path(loc, node)
    if kind == "missing":
        thing = path_text(name, path)
        return error(node.place_of(path), f"{thing} needs the key '{loc[-1]}'", found=_keys_shown(node.at(path)))
    if kind in ("extra_forbidden", "unexpected_keyword_argument", "invalid_key"):
        allowed = _keys_of(model, loc[:-1])
        word = str(path[-1]) if path else str(loc[-1])
        holder = path_text(name, path[:-1]) if path[:-1] or name else "here"
        return error(
            node.place_of(path, key=True),
            f"{holder} has no key '{word}'" if holder != "here" else f"there is no key '{word}' here",
            found=word,
            allowed=listed(allowed) if allowed else None,
            suggestion=nearest(word, allowed),
        )
    if loc and loc[-1] == "[key]":
        path = (*path, str(loc[-2])) if not path or path[-1] != str(loc[-2]) else path
        sentence, allowed_text, words = _sentence(detail)
        word = str(path[-1])
        return error(
            node.place_of(path, key=True),
            f"{path_text(name, path[:-1])}: the key '{word}' {sentence}",
            found=word,
            allowed=allowed_text,
            suggestion=nearest(word, words),
        )
    sentence, allowed_text, words = _sentence(detail)
    value = node.at(path)
    if kind == "value_error":
        sentence, allowed_text, suggestion = said_apart(sentence)
    else:
        suggestion = nearest(value.value, words) if isinstance(value.value, str) else None
    joiner = " " if sentence.startswith("must ") else ": "
    message = f"{path_text(name, path)}{joiner}{sentence}"
    found = None if kind == "value_error" and (value.is_mapping or value.is_list) else value.shown()
    return error(value.place, message, found=found, allowed=allowed_text, suggestion=suggestion)


_SAID = re.compile(
    r"(?P<head>.+?); (?:did you mean (?P<near>[^?]+)\?)?\s*(?:(?:allowed|known) are (?P<allowed>.+))?", re.DOTALL
)
_NEARER = re.compile(r"(?P<head>.+?); did you mean (?P<near>[^?]+)\? (?P<rest>.+)", re.DOTALL)


def said_apart(sentence: str) -> tuple[str, str | None, str | None]:
    """A check's own sentence with what it allows and suggests taken out of it: what is wrong, allowed, suggestion."""
    found = _SAID.fullmatch(sentence)
    if found is None and (nearer := _NEARER.fullmatch(sentence)):
        return f"{nearer['head']}; {nearer['rest']}", None, nearer["near"]
    if found is None or not (found["near"] or found["allowed"]):
        return sentence, None, None
    return found["head"], found["allowed"], found["near"]


def _keys_shown(node: Node) -> str:
    return f"only {listed(node.entries)}" if node.entries else node.shown()


_PLAIN = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dataclass_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "date_type": "must be a date, for example 2026-03-31",
    "date_parsing": "must be a date, for example 2026-03-31",
    "date_from_datetime_parsing": "must be a date, for example 2026-03-31",
    "date_from_datetime_inexact": "must be a date, for example 2026-03-31",
    "datetime_type": "must be an instant, for example 2026-03-31T09:00+02:00",
    "datetime_parsing": "must be an instant, for example 2026-03-31T09:00+02:00",
    "datetime_from_date_parsing": "must be an instant, for example 2026-03-31T09:00+02:00",
    "timezone_aware": "must name its zone, for example 2026-03-31T09:00+02:00",
    "none_required": "must be empty",
}
_AS_WRITTEN = {"True": "true", "False": "false", "None": "null"}


def _sentence(detail: ErrorDetails) -> tuple[str, str | None, list[str]]:
    """What is wrong with a value, what is allowed, and the words that may stand there."""
    kind, context = detail["type"], detail.get("ctx") or {}
    if kind in _PLAIN:
        return _PLAIN[kind], None, []
    if kind in ("literal_error", "enum"):
        words = [w.strip().strip("'") for w in str(context.get("expected", "")).replace(" or ", ", ").split(",")]
        words = [_AS_WRITTEN.get(w, w) for w in words]
        return "must be one of the words allowed", listed(words), words
    limits = {
        "greater_than": ("must be more than", "gt"),
        "greater_than_equal": ("must be at least", "ge"),
        "less_than": ("must be less than", "lt"),
        "less_than_equal": ("must be at most", "le"),
    }
    if kind in limits:
        text, bound = limits[kind]
        return f"{text} {context.get(bound)}", None, []
    if kind in ("too_short", "string_too_short"):
        least = context.get("min_length")
        return "must not be empty" if least == 1 else f"must have at least {least}", None, []
    if kind in ("too_long", "string_too_long"):
        return f"must have at most {context.get('max_length')}", None, []
    if kind == "value_error" and "error" in context:
        return str(context["error"]).rstrip("."), None, []
    if kind == "string_pattern_mismatch":
        return "isn't written as it must be", str(context.get("pattern")), []
    text = detail["msg"]
    return text[:1].lower() + text[1:], None, []


def _keys_of(model: Any, loc: Loc) -> list[str]:
    """The keys that the model at a location takes, as they are written."""
    keys: list[str] = []
    for found in _types_at(model, loc):
        if isinstance(found, type) and issubclass(found, BaseModel):
            keys += [f.alias or n for n, f in found.model_fields.items() if (f.alias or n) not in keys]
    return keys


def _types_at(model: Any, loc: Loc) -> list[Any]:
    """The types that may stand at a location, unions taken apart; elements that lead nowhere are skipped."""
    here = _apart(model)
    for step in loc:
        next_types: list[Any] = []
        for one in here:
            next_types += _apart_of(one, step)
        here = next_types or here
    return here


def _apart_of(one: Any, step: str | int) -> list[Any]:
    if isinstance(one, type) and issubclass(one, BaseModel):
        return [t for n, f in one.model_fields.items() if step in (n, f.alias) for t in _apart(f.annotation)]
    origin, args = get_origin(one), get_args(one)
    if isinstance(step, int) and origin in (list, tuple, set, frozenset, Sequence) and args:
        return _apart(args[0])
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(args) == 2 and isinstance(step, str):
        return _apart(args[1])
    return []


def _apart(model: Any) -> list[Any]:
    """A type as the list of what it may be: Annotated unwrapped, unions and aliases taken apart."""
    if isinstance(model, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        return _apart(model.__value__)
    origin = get_origin(model)
    if origin is typing.Annotated:
        return _apart(get_args(model)[0])
    if origin in (Union, types.UnionType):
        return [t for arg in get_args(model) for t in _apart(arg)]
    if isinstance(model, type) and issubclass(model, Enum):
        return [model]
    return [model]
