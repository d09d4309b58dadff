"""What is told to have happened to a contact, folded to what stands now: events, consents, holds, wishes, touches, in
columns.

The meaning of each event is language.md section 8's table. What is later than now is not yet known, but touches are.
Nothing is decided here, and the store, which keeps facts as rows, folds them by its own statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cadence.calendar import Duration, add, day_start
from cadence.calendar.shown import on_calendar
from cadence.decide.told import ToldEvent
from cadence.facts import (
    CHANNELS,
    DAY,
    HELD,
    NONE,
    Consents,
    EventKind,
    Events,
    HoldKind,
    Holds,
    Ints,
    Lookups,
    Ragged,
    Touches,
    Wish,
    key,
)
from cadence.policy.moments import Moment

_KINDS: Mapping[str, EventKind] = {
    **{kind.word: kind for kind in EventKind},
    **{f"ticket {word}": EventKind[f"TICKET_{word.upper()}"] for word in ("opened", "answered", "solved")},
    **{f"promise {word}": EventKind[f"PROMISE_{word.upper()}"] for word in ("made", "kept", "broken")},
    **{f"bounce {word}": EventKind[f"BOUNCE_{word.upper()}"] for word in ("hard", "soft")},
}
_STOPS = (EventKind.OPT_OUT, EventKind.COMPLAINT, EventKind.DO_NOT_CONTACT)


@dataclass(slots=True)
class Folded:
    """What stands of one contact's history, as of now."""

    touches: list[dict[str, Any]] = field(default_factory=list)
    """A mapping per touch: the columns of `Touches`, and under `shown` what evidence tells of it."""
    events: list[tuple[int, EventKind, int, float]] = field(default_factory=list)
    """at, kind, channel, amount"""
    consents: list[tuple[int, bool, int, int]] = field(default_factory=list)
    """at, given, category, channel; undated ones at NONE."""
    holds: list[tuple[int, int, int]] = field(default_factory=list)
    """kind, about, until"""
    lookups: list[tuple[int, bool, int]] = field(default_factory=list)
    """at, listed, register"""
    wish: Wish = field(default_factory=Wish)
    snooze_until: int = NONE
    bounced: dict[str, int] = field(default_factory=dict)
    """Channels whose address bounced hard, and when it did first."""


def fold(history: Sequence[ToldEvent], zone: int, now: int, wish: Wish) -> Folded:
    """One contact's history as of now. zone: the code of the one that local times are told in."""
    out = Folded(wish=wish)
    dated = sorted(((at_of(e.at, zone), e) for e in history), key=lambda pair: pair[0])
    _touches(out, dated, now)
    known = [(at, e) for at, e in dated if at <= now]
    for at, event in known:
        _one(out, event, at, zone)
    out.holds = _holds(known, zone, now)
    return out


def at_of(moment: Moment, zone: int, *, end: bool = False) -> int:
    """A moment as an instant, for a contact in this zone. end: a date means its local end, not its beginning."""
    zones = np.array([zone], np.int32)
    if end and moment.whole_day:
        return int(day_start(np.array([moment.micros // DAY + 1], np.int64), zones)[0])
    return int(moment.at(zones)[0])


def ends_at(until: Duration | Moment, begins: int, zone: int) -> int:
    """When something ends that lasts a duration from `begins`, or until a moment, a date's local end."""
    if isinstance(until, Moment):
        return at_of(until, zone, end=True)
    return int(add(np.array([begins], np.int64), until, np.array([zone], np.int32))[0])


def kind_of(event: ToldEvent) -> EventKind:
    """The kind of an event that is no touch."""
    what = event.what
    if what == "engagement":
        return _KINDS[str(event.engagement)]
    if what in ("ticket", "promise", "bounce"):
        return _KINDS[f"{what} {getattr(event, what)}"]
    return _KINDS[what]


def _touches(out: Folded, dated: Iterable[tuple[int, ToldEvent]], now: int) -> None:
    """Touches, each message once in each channel; a call that wasn't connected is none, one answered is an answer."""
    seen: set[tuple[str, str]] = set()
    for at, event in dated:
        if event.touch is None or event.outcome == "not_connected":
            continue
        channel = event.channel or ("email" if event.outcome is None else "phone")
        if event.id is not None:
            if (event.id, channel) in seen:
                continue
            seen.add((event.id, channel))
        names = {"channel": channel, "category": event.touch}
        names |= {n: getattr(event, n) for n in ("campaign", "thread", "topic", "content") if getattr(event, n)}
        keyed = {n: key(names.get(n)) for n in ("channel", "category", "campaign", "thread", "topic", "content")}
        shown = {"id": event.id, "at": on_calendar(at), **names}
        rest = {"at": at, "triggered": bool(event.triggered), "tags": [key(t) for t in event.tags], "shown": shown}
        out.touches.append({**keyed, **rest, "sent_by": channel})
        if event.outcome == "answered" and at <= now:
            out.events.append((at, EventKind.CALL_ANSWERED, key(channel), 0.0))


def _one(out: Folded, event: ToldEvent, at: int, zone: int) -> None:
    """One event that is known by now, but for what it does to holds."""
    if event.touch is not None:
        return
    kind = kind_of(event)
    channel = key(event.channel)
    out.events.append((at, kind, channel, event.amount or 0.0))
    if kind in (EventKind.OPT_IN, EventKind.OPT_OUT):
        category, named = _named(event.opt_in or event.opt_out or "", channel)
        out.consents.append((at, kind is EventKind.OPT_IN, category, named))
    elif kind in _STOPS:
        out.consents.append((at, False, 0, 0))
    elif kind is EventKind.BOUNCE_HARD:
        out.bounced.setdefault(event.channel or "email", at)
    elif event.screened is not None:
        out.lookups.append((at, event.screened.listed, key(event.screened.register_)))
    elif event.snooze is not None:
        out.snooze_until = ends_at(event.snooze, at, zone)
    elif kind is EventKind.LESS_OFTEN:
        out.wish = replace(out.wish, less_often=event.less_often)


def _named(name: str, narrowed: int) -> tuple[int, int]:
    """Category and channel (keys, 0 for all) that a stop or a consent names."""
    if name in CHANNELS:
        return 0, key(name)
    return (0 if name == "all" else key(name)), narrowed


def _holds(known: Iterable[tuple[int, ToldEvent]], zone: int, now: int) -> list[tuple[int, int, int]]:
    """What is open now. At one instant what opens comes before what ends, else what is told later comes later."""
    by_hand: dict[tuple[str, str], int] = {}
    open_: dict[tuple[HoldKind, str], int] = {}
    for _, event in sorted(known, key=lambda pair: (pair[0], _ends(pair[1]))):
        if event.hold is not None:
            until = HELD if event.until is None else at_of(event.until, zone, end=True)
            by_hand[(event.hold, event.id or event.hold)] = until
        elif event.release is not None:
            ended = [k for k in by_hand if k[0] == event.release and event.id in (None, k[1])]
            for name in ended:
                del by_hand[name]
        else:
            _engine_hold(open_, event, zone)
    engine = [(key(k), key(name), HELD) for (k, name), since in open_.items() if since < now]
    return [(key(kind), key(name), until) for (kind, name), until in by_hand.items() if until > now] + engine


def _ends(event: ToldEvent) -> bool:
    """Whether it ends a hold."""
    ended = event.ticket == "solved" or event.promise in ("kept", "broken")
    return ended or event.release is not None or event.incident_resolved is not None


def _engine_hold(open_: dict[tuple[HoldKind, str], int], event: ToldEvent, zone: int) -> None:
    """Incidents, tickets (an answer doesn't close one), and promises, which hold once their latest `due` has passed:
    from when on each holds."""
    if event.incident is not None:
        open_[(HoldKind.INCIDENT, event.incident)] = NONE
    elif event.incident_resolved is not None:
        open_.pop((HoldKind.INCIDENT, event.incident_resolved), None)
    elif event.id is not None and event.ticket == "opened":
        open_[(HoldKind.TICKET, event.id)] = NONE
    elif event.id is not None and event.ticket == "solved":
        open_.pop((HoldKind.TICKET, event.id), None)
    elif event.id is not None and event.promise == "made" and event.due is not None:
        open_[(HoldKind.PROMISE, event.id)] = at_of(event.due, zone, end=True)
    elif event.id is not None and event.promise is not None:
        open_.pop((HoldKind.PROMISE, event.id), None)


def touches_of(folded: Sequence[Folded], mailboxes: Mapping[tuple[int, str], int]) -> Touches:
    """The touches of contacts 0.. as columns, numbered from 1 in that order. mailboxes: by contact and channel."""
    rows = [(c, t) for c, f in enumerate(folded) for t in f.touches]

    def column(name: str) -> Ints:
        return np.array([t[name] for _, t in rows], np.int64)

    return Touches(
        id=np.arange(1, len(rows) + 1, dtype=np.int64),
        contact=np.array([c for c, _ in rows], np.int64),
        at=column("at"),
        channel=column("channel"),
        category=column("category"),
        campaign=column("campaign"),
        thread=column("thread"),
        topic=column("topic"),
        content=column("content"),
        mailbox=np.array([mailboxes[c, t["sent_by"]] for c, t in rows], np.int64),
        triggered=np.array([t["triggered"] for _, t in rows], bool),
        tags=Ragged.of([t["tags"] for _, t in rows]),
    )


def events_of(folded: Sequence[Folded]) -> Events:
    """Everything but consents, stops and holds that happened to contacts 0.., as columns."""
    rows = sorted((c, *e) for c, f in enumerate(folded) for e in f.events)
    return Events(
        contact=np.array([r[0] for r in rows], np.int64),
        at=np.array([r[1] for r in rows], np.int64),
        kind=np.array([r[2] for r in rows], np.int16),
        channel=np.array([r[3] for r in rows], np.int64),
        amount=np.array([r[4] for r in rows], np.float64),
    )


def consents_of(folded: Sequence[Folded]) -> Consents:
    """What contacts 0.. have said, in order; at one instant stops come last."""
    rows = sorted((c, at, not given, i, category, channel)
                  for c, f in enumerate(folded)
                  for i, (at, given, category, channel) in enumerate(f.consents))  # fmt: skip
    return Consents(
        contact=np.array([r[0] for r in rows], np.int64),
        at=np.array([r[1] for r in rows], np.int64),
        given=np.array([not r[2] for r in rows], bool),
        category=np.array([r[4] for r in rows], np.int64),
        channel=np.array([r[5] for r in rows], np.int64),
    )


def holds_of(folded: Sequence[Folded]) -> Holds:
    """What is open now of contacts 0.., as columns."""
    rows = [(c, *h) for c, f in enumerate(folded) for h in f.holds]
    columns = [np.array([r[i] for r in rows], np.int64) for i in range(4)]
    return Holds(*columns)


def lookups_of(folded: Sequence[Folded]) -> Lookups:
    """Look-ups of contacts 0.. in registers, in order; of those at one instant the ones that found them come last."""
    rows = sorted((c, *looked_up) for c, f in enumerate(folded) for looked_up in f.lookups)
    contact, at, listed, register = (np.array([r[i] for r in rows], np.int64) for i in range(4))
    return Lookups(contact, at, register, listed.astype(bool))
