"""Conditions: the one evaluator behind segments, rules' `where`, audiences and `still_if`, in columns.

A condition is parsed once and then asked of many contacts together: for which it holds, what would have to be loaded
to know, and when time alone may change the answer. What can be asked of a value stands in `comparisons.py`, where
values come from in `contact_facts.py`. No YAML is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from cadence.calendar import Duration
from cadence.facts import NEVER, Bools, EventKind, Ints
from cadence.policy.comparisons import COMPARISONS, Setting, texts
from cadence.policy.condition import All, AnyOf, Asks, Condition, ConditionError, Not, leaves
from cadence.policy.condition_reader import SPECIAL_NAMES, parse
from cadence.policy.contact_facts import PLACE_NAMES, ContactFacts, computed, reach_of
from cadence.policy.values import Values

__all__ = ["Condition", "ConditionError", "ContactFacts", "Needs", "holds", "leaves", "needs", "next_change", "parse"]


@dataclass(frozen=True, slots=True)
class Needs:
    """What has to be loaded to answer a condition."""

    attributes: frozenset[str] = frozenset()
    """Given attributes that may be asked for, names of computed ones included, since a given one beats a computed."""
    touches: int | None = 0
    """How far back touches matter, in microseconds; 0: none are needed, None: for ever."""
    events: Mapping[EventKind, int] = field(default_factory=dict)
    """Events needed as rows, and how far back. Totals and latest instants are always there."""
    segment: bool = False
    """It asks for the contact's segment."""

    def __or__(self, other: Needs) -> Needs:
        """Both together."""
        reach = None if self.touches is None or other.touches is None else max(self.touches, other.touches)
        kinds = {k: max(self.events.get(k, 0), other.events.get(k, 0)) for k in (*self.events, *other.events)}
        return Needs(self.attributes | other.attributes, reach, kinds, self.segment or other.segment)


def needs(condition: Condition) -> Needs:
    """What has to be loaded to answer a condition."""
    return reduce(Needs.__or__, (_needs_of(leaf) for leaf in leaves(condition)), Needs())


def holds(condition: Condition, facts: ContactFacts) -> Bools:
    """For which contacts a condition holds: bool[n]."""
    match condition:
        case All(parts):
            return reduce(np.logical_and, (holds(p, facts) for p in parts), np.ones(len(facts), bool))
        case AnyOf(parts):
            return reduce(np.logical_or, (holds(p, facts) for p in parts), np.zeros(len(facts), bool))
        case Not(part):
            return ~holds(part, facts)
        case Asks():
            return _asked(condition, facts)
    raise TypeError(f"{condition!r} is no condition")


def next_change(condition: Condition, facts: ContactFacts) -> Ints:
    """For each contact the next instant after now at which time alone may change the answer: int64[n], NEVER if never.

    A lower bound: the answer may still be the same then. What a change of segment would do is told by
    `segments.next_change`."""
    out = np.full(len(facts), NEVER, np.int64)
    for leaf in leaves(condition):
        np.minimum(out, _changes(leaf, facts), out=out)
    return out


def _asked(leaf: Asks, facts: ContactFacts) -> Bools:
    """A comparison's answer; row by row from the first of a name's columns that has a value."""
    if leaf.name == "segment":
        return reduce(np.logical_or, [facts.in_segment(w) for w in texts(leaf.operand)], np.zeros(len(facts), bool))
    if leaf.name == "consent":
        return reduce(np.logical_or, [facts.consents(w) for w in texts(leaf.operand)], np.zeros(len(facts), bool))
    comparison = COMPARISONS[leaf.word]
    setting = Setting(facts.now, facts.zone)
    out = np.full(len(facts), _when_missing(leaf), bool)
    for values in reversed(facts.layers(leaf.name)):
        answer = _in_place(leaf, values) if _is_place(leaf) else comparison.holds(leaf.operand, values, setting)
        out = np.where(values.there(), answer, out)
    return out


def _when_missing(leaf: Asks) -> bool:
    """What never happened lies before everything; any other comparison with a missing value is false."""
    if leaf.word == "missing":
        return bool(leaf.operand)
    meaning = computed(leaf.name)
    never_happened = meaning is not None and meaning.kind == "instant"
    return leaf.word == "longer_ago_than" or (never_happened and leaf.word in ("at_most", "below"))


def _is_place(leaf: Asks) -> bool:
    return leaf.name in PLACE_NAMES and leaf.word in ("is", "in")


def _in_place(leaf: Asks, values: Values) -> Bools:
    """A country holds in its parts (DE in DE-BY), a locale in its variants (sv in sv-SE); upper and lower case are
    the same."""
    wanted = [w.casefold().replace("_", "-") for w in texts(leaf.operand)]

    def lies_in(value: Any) -> bool:
        place = str(value).casefold().replace("_", "-")
        return any(place == w or place.startswith(w + "-") for w in wanted)

    return values.where(lies_in)


def _changes(leaf: Asks, facts: ContactFacts) -> Ints:
    if leaf.name == "consent":
        return reduce(np.minimum, [facts.consent_changes(w) for w in texts(leaf.operand)])
    out = facts.changes(leaf.name) if leaf.name not in SPECIAL_NAMES else np.full(len(facts), NEVER, np.int64)
    begins = COMPARISONS[leaf.word].begins
    if begins is None:
        return out
    setting = Setting(facts.now, facts.zone)
    for values in facts.layers(leaf.name):
        at, there = values.instants(setting.zone)
        out = np.minimum(out, np.where(there, begins(leaf.operand, at, setting), NEVER))
    return out


def _needs_of(leaf: Asks) -> Needs:
    if leaf.name in SPECIAL_NAMES:
        return Needs(segment=leaf.name == "segment")
    looks_back = leaf.operand.at_most_micros() if isinstance(leaf.operand, Duration) else None
    reach = reach_of(leaf.name, 0 if leaf.word == "in_the_next" else looks_back)
    return Needs(frozenset({leaf.name}), reach.touches, reach.events)
