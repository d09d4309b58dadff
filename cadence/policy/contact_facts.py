"""What conditions can ask of contacts, by name, as columns worked out when first asked for: attributes, sums, latest
instants.

Given attributes beat computed ones, row by row. Everything comes from the columns of one History as of one instant;
nothing is loaded here, and what each name needs loaded is told by `reach_of`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np

from cadence.calendar import with_regions
from cadence.facts import DAY, ENGAGEMENT, NEVER, NONE, Bools, Coded, Codes, EventKind, History, Ints
from cadence.policy.policy import Policy
from cadence.policy.standing import consent_changes, consent_stands
from cadence.policy.values import Distinct, Instants, Numbers, Values, values_of

_T = TypeVar("_T")
INSTANT_NAMES: tuple[str, ...] = ("first_purchase", "last_purchase", "last_engaged", "last_touch")
"""Computed names that are instants; where there is none it never happened."""
_COUNTS = ("orders", "spend", "touches", "engagements")
_WINDOWED = re.compile(rf"({'|'.join(_COUNTS)})_(\d+)(d|s|m|h|w|mo|y)", re.ASCII)
_MOST_DAYS = 36_500
PLACE_NAMES: tuple[str, ...] = ("country", "region", "locale")
"""Names that are the contact's own, not among the attributes."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What a computed name means: `what` of the last `days` (None: ever)."""

    what: str
    kind: Literal["number", "instant"]
    days: int | None = None


def computed(name: str) -> Computed | None:
    """The meaning of a computed name; None for an attribute's. Raises ValueError for one that is nearly a computed
    name."""
    if name in INSTANT_NAMES:
        return Computed(name, "instant")
    if name in ("orders", "spend"):
        return Computed(name, "number")
    if (found := _WINDOWED.fullmatch(name)) is None:
        return None
    what, number, unit = found[1], found[2], found[3]
    days = int(number[:9])
    if unit != "d":
        raise ValueError(f"{name!r} has to count in days, for example {what}_30d")
    if not 1 <= days <= _MOST_DAYS:
        raise ValueError(f"{name!r} has to look back between 1 and {_MOST_DAYS} days, for example {what}_30d")
    return Computed(what, "number", days)


class ContactFacts:
    """The contacts of a History as conditions see them, at one instant. Columns are worked out once, when first asked
    for.

    now: microseconds since 1970 UTC. policy: says which categories count, and what consent each needs. segment:
    int32[n], the index of each contact's segment, once `segments.segment_of` has told it."""

    def __init__(self, now: int, history: History, policy: Policy, segment: Codes | None = None) -> None:
        self.now = now
        self.history = history
        self.people = history.people
        self.policy = policy
        self.segment = segment
        self._known: dict[str, Any] = {}

    @classmethod
    def of(cls, policy: Policy, history: History, now: int) -> ContactFacts:
        """The contacts of a history as a policy's conditions see them at `now`; their segments aren't known yet."""
        return cls(now, history, policy)

    def __len__(self) -> int:
        return len(self.people)

    @property
    def zone(self) -> Codes:
        """The first zone of each contact, int32[n]."""
        zones = self.people.zones
        return self._once("zone", lambda: zones.values[zones.start[:-1]].astype(np.int32, copy=False))

    def layers(self, name: str) -> tuple[Values, ...]:
        """The columns that tell a name's value, the first that has one in a row beats those after it; none: all are
        missing."""
        return self._once("layers " + name, lambda: tuple(self._layers(name)))

    def _layers(self, name: str) -> list[Values]:
        found: list[Values] = []
        if name in PLACE_NAMES:
            found.append(self._place(name))
        if (given := self.people.attributes.get(name)) is not None:
            found.append(values_of(given))
        if (meaning := computed(name)) is not None:
            found.append(
                Instants(self._instants(name)) if meaning.kind == "instant" else Numbers(self._number(meaning))
            )
        return found

    def changes(self, name: str) -> Ints:
        """The next instant at which a computed value itself changes by time alone; NEVER if it doesn't. int64[n]."""
        meaning = computed(name)
        out = np.full(len(self), NEVER, np.int64)
        if meaning is None:
            return out
        if meaning.days is not None:
            contact, at = self._within(meaning)
            at = at + meaning.days * DAY
        elif meaning.what == "last_touch":
            contact, at = self._counted()
            contact, at = contact[at > self.now], at[at > self.now]
        else:
            return out
        np.minimum.at(out, contact, at)
        return out

    def in_segment(self, name: str) -> Bools:
        """Which contacts are in a segment. Raises ValueError where segments haven't been worked out."""
        if self.segment is None:
            raise ValueError("a condition asks for the segment before it is known: call segments.segment_of first")
        index = next((i for i, s in enumerate(self.policy.segments) if s.name == name), -2)
        return np.asarray(self.segment == index, bool)

    def consents(self, category: str) -> Bools:
        """On which contacts consent to a category stands, on some channel."""
        return self._once(
            "consent " + category, lambda: consent_stands(self.policy, category, self.history, self.now, self.zone)
        )

    def consent_changes(self, category: str) -> Ints:
        """When that may lapse: int64[n], a lower bound."""
        return consent_changes(self.policy, category, self.history, self.now, self.zone)

    def _once(self, name: str, make: Callable[[], _T]) -> _T:
        if name not in self._known:
            self._known[name] = make()
        found: _T = self._known[name]
        return found

    def _place(self, name: str) -> Distinct:
        """Country, region or locale; a country with the region in it."""
        column: Coded = getattr(self.people, name)
        if name == "country":
            column = with_regions(column, self.people.region)
        return Distinct(column.codes, column.names)

    def _instants(self, name: str) -> Ints:
        latest = self.people.latest
        if name == "first_purchase":
            return self.people.first_purchase
        if name == "last_touch":
            return self._last_touch()
        out = np.full(len(self), NONE, np.int64)
        for kind in ENGAGEMENT if name == "last_engaged" else (EventKind.PURCHASE,):
            if kind in latest:
                np.maximum(out, latest[kind], out=out)
        return out

    def _last_touch(self) -> Ints:
        contact, at = self._counted()
        out = np.full(len(self), NONE, np.int64)
        np.maximum.at(out, contact, np.minimum(at, self.now))
        return out

    def _number(self, meaning: Computed) -> Any:
        if meaning.days is None:
            return self.people.orders.astype(np.float64) if meaning.what == "orders" else np.round(self.people.spend, 6)
        if meaning.what == "spend":
            rows = self._rows(meaning)
            spent = np.bincount(self.history.events.contact[rows], self.history.events.amount[rows], len(self))
            return np.round(spent.astype(np.float64), 6)
        contact, _ = self._within(meaning)
        return np.bincount(contact, minlength=len(self)).astype(np.float64)

    def _within(self, meaning: Computed) -> tuple[Ints, Ints]:
        """Contact and instant of each touch or event that a computed name counts."""
        if meaning.what == "touches":
            contact, at = self._counted()
            inside = at > self.now - (meaning.days or 0) * DAY
            return contact[inside], at[inside]
        rows = self._rows(meaning)
        return self.history.events.contact[rows], self.history.events.at[rows]

    def _rows(self, meaning: Computed) -> Ints:
        """Rows of the events that a computed name counts."""
        events = self.history.events
        kinds = _kinds(meaning)
        inside = (events.at > self.now - (meaning.days or 0) * DAY) & (events.at <= self.now)
        return np.flatnonzero(inside & np.isin(events.kind, np.array(kinds, np.int16)))

    def _counted(self) -> tuple[Ints, Ints]:
        """Contact and instant of every touch in a category that counts; one that the policy doesn't know counts."""
        touches = self.history.touches
        uncounted = [k for k, c in self.policy.by_key.items() if not c.counted]
        if not uncounted:
            return touches.contact, touches.at
        kept = ~np.isin(touches.category, uncounted)
        return touches.contact[kept], touches.at[kept]


@dataclass(frozen=True, slots=True)
class Reach:
    """What a name needs loaded. Totals and latest instants per kind are always there and need nothing."""

    touches: int | None = 0
    """Microseconds back; 0: none, None: for ever."""
    events: Mapping[EventKind, int] = field(default_factory=dict)
    """Kinds needed as rows, and how far back."""


def reach_of(name: str, looks_back: int | None) -> Reach:
    """What a name needs. looks_back: how far back instants matter to what is asked of it, in microseconds; None: for
    ever."""
    meaning = computed(name)
    if meaning is None:
        return Reach()
    if meaning.what == "last_touch":
        return Reach(touches=looks_back)
    if meaning.days is None:
        return Reach()
    if meaning.what == "touches":
        return Reach(touches=meaning.days * DAY)
    return Reach(events=dict.fromkeys(_kinds(meaning), meaning.days * DAY))


def _kinds(meaning: Computed) -> tuple[EventKind, ...]:
    return ENGAGEMENT if meaning.what == "engagements" else (EventKind.PURCHASE,)
