"""From what is written to the policy the engine uses: every section read by its model, rules by `ready`.

Where files and includes come from is the work of `gather`; what only shows when sections are laid side by side (names
that clash, segments nobody reaches, rules that can't bind) is the work of `checks`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cadence.facts import CHANNELS, key
from cadence.policy.condition_reader import RESERVED
from cadence.policy.finding import error, warning
from cadence.policy.nodes import Entry, Node
from cadence.policy.places import validate
from cadence.policy.policy import Arbitration, Defaults, KeepInTouch, Policy, Segment
from cadence.policy.ready import Reading, condition_of, inheriting, known_names, make_rule
from cadence.policy.sections import (
    ArbitrationSection,
    CategorySection,
    ConsentInFull,
    DefaultsSection,
    KeepInTouchSection,
    SegmentSection,
)
from cadence.policy.written import Gathered, WrittenSegment
from cadence.rules.registry import RULES
from cadence.rules.rule import Category, ConsentGround, ConsentNeed, Keys, Rule


def build(reading: Reading) -> Policy:
    """The policy, as far as it can be made. What is wrong lies in `reading.findings`; with errors it is not for use."""
    written = reading.written
    reading.defaults = _defaults(reading)
    for entry in written.categories.values():
        reading.categories[entry.key] = _category(entry, reading)
    names = [s.node.get("name") for s in written.segments]
    reading.segment_names = tuple(n.value for n in names if n and isinstance(n.value, str))
    reading.rails = [b for w in written.rails if (b := make_rule(w, None, reading))]
    for segment in written.segments:
        _segment(segment, reading)
    content = canonical(written)
    return Policy(
        hash=hashlib.sha256(content.encode()).hexdigest(),
        content=content,
        defaults=reading.defaults,
        categories=dict(reading.categories),
        rules=(*_always_on(reading), *(r for b in reading.rules if (r := _asked(b.rule)))),
        segments=tuple(reading.segments) or (Segment("everyone", None),),
        arbitration=_arbitration(reading),
        renamed={key(old): key(c.name) for c in reading.categories.values() for old in c.was},
    )


def canonical(written: Gathered) -> str:
    """The content that results, as JSON: keys sorted, but rules, segments and lists as written: their order counts."""
    content = {
        "version": 1,
        **{name: {k: e.node.plain() for k, e in entries.items()} for name, entries in written.mappings().items()},
        "guard_rails": [[r.kind, r.node.plain()] for r in written.rails],
        "segments": [
            {
                **{k: e.node.plain() for k, e in s.node.entries.items() if k != "cadence"},
                "cadence": [[r.kind, r.node.plain()] for r in s.rules],
                **({"keep_in_touch": s.keep_in_touch.plain()} if s.keep_in_touch else {}),
            }
            for s in written.segments
        ],
    }
    return json.dumps(_in_order(content), ensure_ascii=False, separators=(",", ":"))


def as_mapping(content: str) -> dict[str, Any]:
    """A canonical content as the mapping that a policy's YAML holds: it loads to the same rules. Those of one kind stand
    together, so that of equal answers another may bind first than did where kinds were mixed by includes."""
    stored = json.loads(content)
    segments = []
    for segment in stored["segments"]:
        cadence = _by_kind(segment.pop("cadence"))
        if "keep_in_touch" in segment:
            cadence["keep_in_touch"] = segment.pop("keep_in_touch")
        segments.append({**segment, **({"cadence": cadence} if cadence else {})})
    told = {**stored, "guard_rails": _by_kind(stored["guard_rails"]), "segments": segments}
    return {name: part for name, part in told.items() if part}


def _by_kind(rules: list[list[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, rule in rules:
        found.setdefault(kind, []).append(rule)
    return found


def _in_order(content: Any, name: str = "") -> Any:
    """Mappings by key, but those in which the order of the keys says something; 4.0 as 4."""
    if isinstance(content, dict):
        items = content.items() if name in _AS_WRITTEN else sorted(content.items())
        return {k: _in_order(v, k) for k, v in items}
    if isinstance(content, float) and content.is_integer():
        return int(content)
    return [_in_order(v) for v in content] if isinstance(content, list) else content


_AS_WRITTEN = frozenset({"reserve"})
"""A scaled cap gives up reserves in file order."""


def _defaults(reading: Reading) -> Defaults:
    node = _section(reading.written, "defaults")
    made, found = validate(DefaultsSection, node, name="defaults")
    reading.findings.extend(found)
    if made is None:
        return Defaults()
    return Defaults(**{name: getattr(made, name) for name in DefaultsSection.model_fields})


def _section(written: Gathered, name: str) -> Node:
    return Node(written.places.get(name, written.place), dict(written.mappings()[name]))


def _arbitration(reading: Reading) -> Arbitration:
    node = _section(reading.written, "arbitration")
    made, found = validate(ArbitrationSection, node, name="arbitration")
    reading.findings.extend(found)
    return Arbitration(tuple(made.order), made.lookahead) if made else Arbitration()


def _category(entry: Entry, reading: Reading) -> Category:
    name, path = entry.key, f"categories.{entry.key}"
    if name in CHANNELS:
        reading.findings.append(
            error(entry.place, f"{path} is called like a channel; give it another name", found=name)
        )
    elif name in RESERVED:
        message = f"'{name}' can't be a category's name: {RESERVED[name]}"
        reading.findings.append(error(entry.place, message, found=name))
    made, found = validate(CategorySection, entry.node, name=path)
    reading.findings.extend(found)
    if made is None:
        return Category(name)
    if made.transactional and "consent" in entry.node.entries:
        place = entry.node.entries["consent"].place
        reading.findings.append(warning(place, f"{path}.consent does nothing: a transactional category needs none"))
    return category_of(name, made)


def category_of(name: str, made: CategorySection) -> Category:
    """A category as rules see it, with what the page says of keys that are left out."""
    left_out = ["all"] if made.transactional else []
    return Category(
        name=name,
        transactional=made.transactional,
        consent=_needs(made.consent),
        exempt=frozenset(left_out if made.exempt is None else made.exempt),
        counted=(not made.transactional) if made.counted is None else made.counted,
        priority=made.priority,
        was=tuple(made.was or ()),
    )


def _needs(consent: Any) -> Mapping[int, ConsentNeed]:
    if isinstance(consent, dict):
        return {key(channel): _need(one) for channel, one in consent.items()}
    return {0: _need(consent)}


def _need(one: Any) -> ConsentNeed:
    if not isinstance(one, ConsentInFull):
        return ConsentNeed(one)
    grounds = tuple(ConsentGround(g.since, g.lasts) for g in one.grounds or ())
    return ConsentNeed(one.kind, one.lasts, grounds)


def _segment(written: WrittenSegment, reading: Reading) -> None:
    """One segment and its rules, added to what is read."""
    made, found = validate(SegmentSection, written.node, name=written.path)
    reading.findings.extend(found)
    name = made.name if made else f"[{len(reading.segments)}]"
    where = None
    if node := written.node.get("where"):
        where = condition_of(node, f"{written.path}.where", reading, in_segment=True)
    keep = _keep_in_touch(written, reading)
    reading.segments.append(Segment(name, where, keep))
    for rule in written.rules:
        if built := make_rule(inheriting(rule, reading), name, reading):
            reading.segment_rules.append(built)


def _keep_in_touch(written: WrittenSegment, reading: Reading) -> KeepInTouch | None:
    if written.keep_in_touch is None:
        return None
    path = f"{written.path}.cadence.keep_in_touch"
    made, found = validate(KeepInTouchSection, written.keep_in_touch, name=path)
    reading.findings.extend(found)
    if made is None:
        return None
    reading.findings.append(
        warning(
            written.keep_in_touch.place, f"{path} is kept, but nothing acts on it: keeping in touch isn't built yet"
        )
    )
    if made.campaign:
        known_names([made.campaign], reading.campaigns, "campaign", written.keep_in_touch, ("campaign",), path, reading)
    return KeepInTouch(made.at_least_every, made.campaign)


def _always_on(reading: Reading) -> list[Rule]:
    """The rules that are on without being written, in binding order; rails of such a kind say with what keys."""
    out = []
    for kind in (k for k, module in RULES.items() if module.ALWAYS_ON):
        rails = [b.rule.keys for b in reading.rails if b.rule.kind == kind]
        keys = (RULES[kind].Keys or Keys).always_on(rails)
        out.append(Rule(kind, kind, keys, always_on=True))
    return out


def _asked(rule: Rule) -> Rule | None:
    """A written rule as it is asked; None where what is always on says all of it."""
    keys = rule.keys.asked(rule.segment is not None)
    return None if keys is None else replace(rule, keys=keys)
