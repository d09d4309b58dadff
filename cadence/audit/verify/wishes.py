"""The clauses that are always on: consent, what the contact wishes, what holds marketing, and stops that reach further.

Like all clauses they say why a touch was not welcome at `sight.now`, or None, and share no code with the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cadence.audit.verify.clauses import Refused, stop_of
from cadence.audit.verify.conditions import stands
from cadence.audit.verify.localtime import in_hours, leaves_window
from cadence.audit.verify.rows import Event
from cadence.audit.verify.sight import Sight
from cadence.facts import EventKind


def consent(sight: Sight) -> Refused | None:
    """The consent stands, and the address isn't dead."""
    if (bounced_at := sight.dead_address()) is not None:
        return Refused("the address had bounced hard", {"bounced_at": bounced_at})
    if sight.terms.transactional(sight.thing.category):
        return None
    category, channel = sight.thing.category, sight.thing.channel
    why = stands(sight, category, channel)
    said = sight.decisive(sight.person.id, category, channel)
    return None if why is None else Refused(why, {"said_at": None if said is None else said.at})


def own_wishes(sight: Sight) -> Refused | None:
    """The pause is over, the cap they chose has a free slot, and it is one of their hours."""
    if sight.terms.transactional(sight.thing.category):
        return None
    snoozes = sight.events(EventKind.SNOOZE)
    if snoozes and snoozes[-1].until is not None and sight.now < snoozes[-1].until:
        return Refused("the contact had asked for a pause", {"until": snoozes[-1].until})
    chosen = sight.events(EventKind.LESS_OFTEN)
    if chosen and chosen[-1].subject not in (None, "none"):
        most, _, per = str(chosen[-1].subject).partition(" per ")
        inside = [t for t in sight.counted("own_wishes", {}) if leaves_window(t.at, per, sight.zone) > sight.now]
        if len(inside) >= int(most):
            because = f"the contact had asked for {chosen[-1].subject}, and {len(inside)} touches lay in it"
            return Refused(because, {"touches": [t.id for t in inside]})
    person = sight.person
    for zone in sight.zones if person.hours or person.days else ():
        if not in_hours(sight.now, person.hours, person.days, zone):
            return Refused(f"it was none of the hours that the contact chose, in {zone}", {}, by_row=True)
    return None


def holds(sight: Sight) -> Refused | None:
    """Nothing is open but what the message is about."""
    if sight.terms.transactional(sight.thing.category):
        return None
    for hold in open_holds(sight):
        if sight.thing.about is None or hold.about != sight.thing.about:
            return Refused(f"a hold was open ({hold.kind})", {"about": hold.about, "since": hold.since})
    return None


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds marketing from `since` on; until: None is not known."""

    kind: str
    about: str
    since: int
    until: int | None
    by_hand: bool


_OPENS = {
    EventKind.INCIDENT: "incident",
    EventKind.TICKET_OPENED: "ticket",
    EventKind.PROMISE_MADE: "promise",
    EventKind.HOLD: "",
}
_ENDS = {
    EventKind.INCIDENT_RESOLVED: "incident",
    EventKind.TICKET_SOLVED: "ticket",
    EventKind.PROMISE_KEPT: "promise",
    EventKind.PROMISE_BROKEN: "promise",
}


def open_holds(sight: Sight) -> list[Hold]:
    """What was open, told event by event: of those at one instant first the ones that open."""
    standing: dict[tuple[str, str], Hold] = {}
    told = sight.events(*_OPENS, *_ENDS, EventKind.RELEASE)
    for event in sorted(told, key=lambda e: (e.at, e.kind not in _OPENS)):
        kind = EventKind(event.kind)
        if kind in _OPENS:
            hold = _opened(kind, event)
            standing[hold.kind, hold.about] = hold
        elif kind in _ENDS:
            standing.pop((_ENDS[kind], event.subject or _ENDS[kind]), None)
        else:
            word, about = event.subject or "manual", event.detail.get("about")
            for key in [k for k, h in standing.items() if h.by_hand and k[0] == word and about in (None, k[1])]:
                del standing[key]
    return [h for h in standing.values() if _is_open(h, sight.now)]


def _opened(kind: EventKind, event: Event) -> Hold:
    if kind is EventKind.HOLD:
        word = event.subject or "manual"
        return Hold(word, str(event.detail.get("about") or word), event.at, event.until, True)
    word = _OPENS[kind]
    if kind is EventKind.PROMISE_MADE:
        due = event.at if event.until is None else event.until
        return Hold(word, event.subject or word, due, None, False)
    return Hold(word, event.subject or word, event.at, None, False)


def _is_open(hold: Hold, now: int) -> bool:
    begun = hold.since < now if hold.kind == "promise" and not hold.by_hand else hold.since <= now
    return begun and (hold.until is None or hold.until > now)


def evasion(sight: Sight) -> Refused | None:
    """No stop of another contact with the same mailbox reaches here."""
    if sight.terms.transactional(sight.thing.category):
        return None
    return stop_of(sight, sight.sharing_an_address(sight.terms.shared_by), "a mailbox")


ALWAYS_ON: Mapping[str, Callable[[Sight], Refused | None]] = {
    "consent": consent,
    "own_wishes": own_wishes,
    "holds": holds,
    "evasion": evasion,
}
"""The clause of each rule that is on without being written."""
