"""Which holds are open: a fold over the events that open and end them. Pure; the tables are read and written
elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cadence.facts import EventKind, HoldKind

CHANGING: tuple[EventKind, ...] = (
    EventKind.HOLD,
    EventKind.RELEASE,
    EventKind.INCIDENT,
    EventKind.INCIDENT_RESOLVED,
    EventKind.TICKET_OPENED,
    EventKind.TICKET_SOLVED,
    EventKind.PROMISE_MADE,
    EventKind.PROMISE_KEPT,
    EventKind.PROMISE_BROKEN,
)
"""The kinds of event that open or end a hold."""

_OPENS = {
    EventKind.INCIDENT: HoldKind.INCIDENT,
    EventKind.TICKET_OPENED: HoldKind.TICKET,
    EventKind.PROMISE_MADE: HoldKind.PROMISE,
}
_ENDS = {
    EventKind.INCIDENT_RESOLVED: HoldKind.INCIDENT,
    EventKind.TICKET_SOLVED: HoldKind.TICKET,
    EventKind.PROMISE_KEPT: HoldKind.PROMISE,
    EventKind.PROMISE_BROKEN: HoldKind.PROMISE,
}
_ENDING = (EventKind.RELEASE, *_ENDS)


@dataclass(frozen=True, slots=True)
class HoldEvent:
    """One event that opens or ends a hold. subject: the kind of a hold, the id of a ticket, incident or promise."""

    kind: EventKind
    at: int
    subject: str
    until: int | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hold:
    """How one hold stands. Open at t: from_at <= t, not ended, and until is None or > t. A promise holds from its due
    on."""

    kind: str
    about: str
    from_at: int
    until: int | None = None
    ended_at: int | None = None
    reason: str | None = None
    by: str | None = None
    by_hand: bool = False
    """Opened by a `hold`, so that a `release` ends it; tickets, incidents and promises end by themselves."""

    def open_at(self, at: int) -> bool:
        """Whether it holds then: a promise once its due has passed."""
        begun = self.from_at < at or (self.from_at == at and self.kind != HoldKind.PROMISE)
        return begun and self.ended_at is None and (self.until is None or self.until > at)


def fold_holds(events: Iterable[HoldEvent]) -> list[Hold]:
    """How a contact's holds stand after these events, which come in order; at one instant what opens comes before what ends,
    however it was told: of days without hours nobody knows more. `release: KIND` ends all of that kind; a ticket,
    incident or promise told of again opens anew, and a promise made again is due when it was last said to be."""
    holds: dict[tuple[str, str], Hold] = {}
    for event in sorted(events, key=lambda e: (e.at, e.kind in _ENDING)):
        if event.kind is EventKind.RELEASE:
            about = event.detail.get("about")
            by_hand = [k for k, h in holds.items() if h.by_hand and k[0] == (event.subject or HoldKind.MANUAL.value)]
            _end(holds, [k for k in by_hand if about in (None, k[1])], event)
        elif event.kind in _ENDS:
            _end(holds, [(_ENDS[event.kind].value, event.subject)], event)
        else:
            opened = _opened(event)
            holds[opened.kind, opened.about] = opened
    return list(holds.values())


def _opened(event: HoldEvent) -> Hold:
    reason, by = event.detail.get("reason"), event.detail.get("by")
    if event.kind is EventKind.HOLD:
        kind = event.subject or HoldKind.MANUAL.value
        return Hold(kind, str(event.detail.get("about") or kind), event.at, event.until, None, reason, by, by_hand=True)
    kind = _OPENS[event.kind].value
    if event.kind is EventKind.PROMISE_MADE:
        return Hold(
            kind, event.subject or kind, event.at if event.until is None else event.until, None, None, reason, by
        )
    return Hold(kind, event.subject or kind, event.at, None, None, reason, by)


def _end(holds: dict[tuple[str, str], Hold], keys: Iterable[tuple[str, str]], event: HoldEvent) -> None:
    for key in keys:
        kind, about = key[0], key[1] or key[0]
        held = holds.get((kind, about))
        if held is not None and held.ended_at is None:
            holds[kind, about] = replace(held, ended_at=event.at)
