"""One rule made ready: its own keys and what every rule may carry read by their models, its filters and condition checked.

The sections around rules are the work of `build`; what shows only beside other rules is the work of `checks`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np

from cadence.calendar import day_start, zone_index
from cadence.facts import NEVER, NONE, key
from cadence.policy import conditions
from cadence.policy.finding import Finding, error, listed, nearest, warning
from cadence.policy.nodes import Node
from cadence.policy.places import said_apart, validate
from cadence.policy.policy import Defaults, Segment
from cadence.policy.sections import Carried, Filtered, InForceSection
from cadence.policy.written import LOOSENING, Gathered, WrittenRule, loosening, own_keys, written_keys
from cadence.rules.registry import RULES
from cadence.rules.rule import Across, Category, Counts, Filters, Keys, Rule


@dataclass(frozen=True, slots=True)
class Built:
    """A rule made ready, beside what it was made from."""

    rule: Rule
    written: WrittenRule


@dataclass
class Reading:
    """What is known while a policy is being made: names that may be referred to, and what was found wrong so far."""

    written: Gathered
    campaigns: Collection[str] | None
    findings: list[Finding]
    defaults: Defaults = field(default_factory=Defaults)
    categories: dict[str, Category] = field(default_factory=dict)
    segment_names: tuple[str, ...] = ()
    rails: list[Built] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    segment_rules: list[Built] = field(default_factory=list)

    @property
    def rules(self) -> list[Built]:
        """All rules that are written: guard rails, then segments'."""
        return [*self.rails, *self.segment_rules]

    @property
    def category_names(self) -> list[str]:
        """Every name a category has or had."""
        return [n for c in self.categories.values() for n in (c.name, *c.was)]


def make_rule(written: WrittenRule, segment: str | None, reading: Reading) -> Built | None:
    """One rule made ready; None, with findings, where it can't be."""
    module, node = RULES[written.kind], written.node
    if module.Keys is None:
        message = f"{written.path}: '{written.kind}' is always on and has no keys; leave it out"
        reading.findings.append(error(node.place, message))
        return None
    before = len(reading.findings)
    _unknown_keys(written, segment, reading)
    carried_node = node.with_entries({k: e for k, e in node.entries.items() if k in written_keys(Carried)})
    carried, found = validate(Carried, carried_node, name=written.path)
    keys, more = validate(module.Keys, own_keys(written.kind, node), name=written.path)
    reading.findings.extend((*found, *more))
    where_node = node.get("where")
    where = condition_of(where_node, f"{written.path}.where", reading) if where_node else None
    if carried is not None:
        _filters_known(written, carried, reading)
        _fits_kind(written, carried, reading)
    if carried is None or keys is None:
        return None
    rule = Rule(
        kind=written.kind,
        name=carried.name or keys.default_name() or written.kind,
        keys=keys,
        segment=segment,
        filters=_own_filters(carried, keys),
        excluded=(filters_of(carried.excluded),) if carried.excluded else (),
        counts=Counts(filters_of(carried.counts)) if carried.counts else None,
        where=where,
        each=carried.each,
        across=carried.across or Across.CONTACT,
        in_force=_in_force(carried.in_force, reading.defaults) if carried.in_force else None,
        only_watch=carried.only_watch,
    )
    for path, sentence in keys.problems(reading.categories, rule):
        place = node.place_of(path, key=True) if path and path[0] in node.entries else node.place
        said, allowed, near = said_apart(sentence)
        reading.findings.append(error(place, f"{written.path}: {said}", allowed=allowed, suggestion=near))
    for path, sentence in keys.remarks():
        reading.findings.append(warning(node.place_of(path, key=True), f"{written.path}: {sentence}"))
    wrong = any(f.level == "error" for f in reading.findings[before:])
    return None if wrong else Built(rule, written)


def inheriting(written: WrittenRule, reading: Reading) -> WrittenRule:
    """A segment's rule with the keys it leaves out, but `name`, from the rail of its kind, if there is exactly one."""
    rails = [r for r in reading.written.rails if r.kind == written.kind]
    if not RULES[written.kind].INHERITS or len(rails) != 1:
        return written
    inherited = {k: e for k, e in rails[0].node.entries.items() if k != "name"}
    return WrittenRule(written.kind, written.node.with_entries({**inherited, **written.node.entries}), written.path)


def _unknown_keys(written: WrittenRule, segment: str | None, reading: Reading) -> None:
    allowed = [*written_keys(RULES[written.kind].Keys), *written_keys(Carried)]
    for entry in written.node.entries.values():
        if entry.key in allowed:
            continue
        if segment is not None and entry.key in LOOSENING:
            reading.findings.append(loosening(entry, written.path))
            continue
        reading.findings.append(
            error(
                entry.place,
                f"{written.path} has no key '{entry.key}'",
                found=entry.key,
                allowed=listed(allowed),
                suggestion=nearest(entry.key, allowed),
            )
        )


def filters_of(written: Filtered) -> Filters:
    """Filters as keys."""
    return Filters(*(frozenset(key(n) for n in getattr(written, name) or ()) for name in Filtered.model_fields))


def _own_filters(carried: Carried, keys: Keys) -> Filters:
    """A rule's filters as keys, with the categories that its kind has where none is named."""
    filters = filters_of(carried)
    if filters.categories or not keys.categories_unless_named:
        return filters
    return replace(filters, categories=frozenset(key(name) for name in keys.categories_unless_named))


def _filters_known(written: WrittenRule, carried: Carried, reading: Reading) -> None:
    """Categories and campaigns in filters must be there."""
    for path, filters in (((), carried), (("except",), carried.excluded), (("counts",), carried.counts)):
        for name, known in (("categories", reading.category_names), ("campaigns", reading.campaigns)):
            words = (getattr(filters, name) or ()) if filters else ()
            thing = "category" if name == "categories" else "campaign"
            known_names(words, known, thing, written.node, (*path, name), written.path, reading)


def known_names(
    words: Collection[str],
    known: Collection[str] | None,
    thing: str,
    node: Node,
    path: tuple[str, ...],
    called: str,
    reading: Reading,
) -> None:
    """A finding for each word that names no category or campaign there is; `known` None: it can't be said."""
    for i, word in enumerate(words):
        if known is None or word in known:
            continue
        message = f"{called}.{'.'.join(path)}: the policy has no {thing} called '{word}'"
        if thing == "campaign":
            message = f"{called}.{'.'.join(path)}: there is no campaign called '{word}'"
        there = listed(known) or f"there is no {thing} at all"
        place = node.place_of((*path, i))
        reading.findings.append(error(place, message, found=repr(word), allowed=there, suggestion=nearest(word, known)))


def _fits_kind(written: WrittenRule, carried: Carried, reading: Reading) -> None:
    """What every rule may carry, but not this kind."""
    module = RULES[written.kind]
    if carried.across is not None and carried.across is not Across.CONTACT and not module.COUNTS_ACROSS:
        kinds = listed(k for k, m in RULES.items() if m.COUNTS_ACROSS)
        message = f"{written.path}.across: '{written.kind}' can't count across; only these kinds can: {kinds}"
        reading.findings.append(
            error(written.node.place_of(("across",), key=True), message, found=carried.across.value)
        )
    if module.ALWAYS_ON and carried.name not in (None, written.kind):
        place = written.node.place_of(("name",), key=True)
        message = f"{written.path}.name: a rule of this kind is always called '{written.kind}'; leave the name out"
        reading.findings.append(error(place, message, found=carried.name))


def condition_of(node: Node, called: str, reading: Reading, *, in_segment: bool = False) -> Any:
    """A parsed condition, or None with its errors at their places."""
    if not node.is_mapping or not node.entries:
        return None  # the model of what carries it says what is wrong
    try:
        return conditions.parse(
            node.plain(), in_segment=in_segment, segments=reading.segment_names, categories=reading.category_names
        )
    except conditions.ConditionError as broken:
        for wrong in broken.errors:
            place = node.place_of(wrong.path, key=True)
            said, allowed, near = said_apart(wrong.message)
            near = wrong.suggestion or near
            reading.findings.append(error(place, f"{called}: {said}", allowed=allowed, suggestion=near))
        return None


def _in_force(written: InForceSection, defaults: Defaults) -> tuple[int, int]:
    """[from, until) in microseconds: both dates included, in the policy's zone."""
    zone = np.array([zone_index(defaults.timezone)], np.int32)

    def begins(days: int) -> int:
        return int(day_start(np.array([days], np.int64), zone)[0])

    def number(day: Any) -> int:
        return int(np.datetime64(day, "D").astype(np.int64))

    first = begins(number(written.first)) if written.first else NONE
    try:
        return first, begins(number(written.until + timedelta(days=1))) if written.until else NEVER
    except OverflowError:
        return first, NEVER
