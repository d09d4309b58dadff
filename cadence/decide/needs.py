"""What a policy needs to know of the circles it decides: how far back touches and events matter, and which attributes.

Just that is loaded. It is worked out from the rules' own reach and from the conditions, once a policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cadence.facts import EventKind
from cadence.policy import conditions
from cadence.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class Needs:
    """What to load for a decision."""

    touches: int | None
    """How far back, in microseconds; 0: none at all; None: for ever."""
    events: Mapping[EventKind, int]
    """Which events as rows, and how far back. The latest of each kind is always there."""
    attributes: frozenset[str]
    """Attributes that conditions name."""

    @property
    def reach(self) -> int | None:
        """How far back anything is looked at, in microseconds; None: for ever."""
        return None if self.touches is None else max(self.touches, *self.events.values(), 0)


def needs(policy: Policy) -> Needs:
    """What deciding under this policy needs to know."""
    touches: int | None = 0
    events: dict[EventKind, int] = {}
    attributes: set[str] = set()
    wanted = [(r.keys.touch_reach(), r.keys.event_reach()) for r in policy.rules]
    where = [s.where for s in policy.segments] + [r.where for r in policy.rules]
    for condition in where:
        if condition is not None:
            asked = conditions.needs(condition)
            wanted.append((asked.touches, asked.events))
            attributes |= asked.attributes
    for reach, kinds in wanted:
        touches = None if touches is None or reach is None else max(touches, reach)
        for kind, back in kinds.items():
            events[kind] = max(events.get(kind, 0), back)
    return Needs(touches, events, frozenset(attributes))
