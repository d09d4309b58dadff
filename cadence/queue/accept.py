"""The one way into the queue: messages told by doors become waiting messages, each once, or an error that says why not.

Every door goes through here, and what passes is decided later by the tick: nothing is decided, suppressed or sent here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from cadence.calendar import add, zone_index
from cadence.facts import CHANNELS, instant, key
from cadence.policy.policy import Policy
from cadence.queue.states import State
from cadence.store import arrivals
from cadence.store.arrivals import Claim
from cadence.store.ids import new_ids
from cadence.store.known import Known, locked
from cadence.store.rows import NO_TEXT
from cadence.store.tables import LATEST
from cadence.store.ways import ways_of


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One message that somebody wants sent. Either `contact` or `outside_id` says to whom."""

    category: str
    source: str
    """The door it came by; a caller's key is unique within it."""
    contact: tuple[int, int] | None = None
    """(shard, id)"""
    outside_id: str | None = None
    channel: str = "email"
    caller_key: str | None = None
    """Told twice, it is one message."""
    created_at: int | None = None
    """When it came to be (a campaign's occurrence); None: now."""
    due_at: int | None = None
    """When it is asked first; None: at once."""
    expires_at: int | None = None
    """None: as the policy's defaults say; a transactional one never expires by itself."""
    campaign: str | None = None
    run: int | None = None
    content: str | None = None
    thread: str | None = None
    topic: str | None = None
    tags: tuple[str, ...] = ()
    trigger_kind: str | None = None
    trigger_at: int | None = None
    priority: float | None = None
    """None: the category's."""
    value: float | None = None
    about: str | None = None
    collapse: str | None = None
    """Of what waits for a contact with this key the newest stays; `oldest:KEY` keeps the oldest."""
    stop_on: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    revives: int | None = None
    """The suppressed message that it is the release of."""
    released: tuple[int, str, str] | None = None
    """(when, by whom, why) an admin released it."""


_TEXTS = (
    "source", "outside_id", "caller_key", "campaign", "content", "thread", "topic", "tags", "trigger_kind", "about",
    "collapse",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of messages, by their place in what was given."""

    ids: tuple[int | None, ...]
    """The message's id, also of one that was accepted before; None for an error."""
    repeated: frozenset[int]
    """Places that named a caller's key which is known."""
    errors: Mapping[int, str]


def accept(conn: Connection, policy: Policy, messages: Sequence[NewMessage], now: int) -> Accepted:
    """Put messages into the queue, in the transaction of `conn`; locks their contacts' shards.

    Idempotent by (source, caller_key). A contact that isn't known, an address that is missing, a category or channel
    that is none, an expiry that has passed: an error each, and the others go on."""
    errors = {place: why for place, m in enumerate(messages) if (why := _wrong(policy, m, now)) is not None}
    known = _contacts(conn, messages, errors)
    ways = ways_of(conn, [p for p, there in zip(_pairs(known), known.there, strict=True) if there])
    for place, m in enumerate(messages):
        if place not in errors and (int(known.contact[place]), m.channel) not in ways:
            errors[place] = f"{_whom(m)} has no address for {m.channel}: import one, or send it by another channel"
    good = [place for place in range(len(messages)) if place not in errors]
    ids: dict[int, int] = dict(zip(good, new_ids(len(good)).tolist(), strict=True))
    before = _known_keys(conn, messages, known, ids)
    fresh = [place for place in good if place not in before]
    _insert(conn, policy, messages, known, fresh, ids, now)
    found = {**ids, **before}
    return Accepted(tuple(found.get(p) for p in range(len(messages))), frozenset(before), errors)


def _wrong(policy: Policy, message: NewMessage, now: int) -> str | None:
    """What is wrong with a message whoever it is for."""
    for name in _TEXTS:
        said = getattr(message, name)
        if (found := NO_TEXT.search(said if isinstance(said, str) else "".join(said or ()))) is not None:
            return f"{name} has the character U+{ord(found.group()):04X}, which is no text"
    if message.channel not in CHANNELS:
        return (
            f"channel {message.channel!r} is none; allowed are {', '.join(CHANNELS)}{_meant(message.channel, CHANNELS)}"
        )
    if key(message.category) not in policy.by_key:
        names = list(policy.categories)
        meant = _meant(message.category, names)
        return f"category {message.category!r} isn't in the policy; it has {', '.join(names)}{meant}"
    if message.expires_at is not None and message.expires_at <= now:
        return f"it expired at {instant(message.expires_at).isoformat()}, before it came in"
    if message.trigger_kind is not None and message.trigger_at is None:
        return f"trigger_kind {message.trigger_kind!r} comes without trigger_at: say when that happened"
    words = [kind.word for kind in LATEST]
    unknown = [word for word in message.stop_on if word not in words]
    if unknown:
        return f"stop_on {unknown[0]!r} is no event; allowed are {', '.join(words)}{_meant(unknown[0], words)}"
    return None


def _meant(found: str, allowed: Sequence[str]) -> str:
    near = get_close_matches(found, allowed, 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _contacts(conn: Connection, messages: Sequence[NewMessage], errors: dict[int, str]) -> Known:
    """Who they are for, with the shards locked; those who aren't known become errors."""
    n = len(messages)
    shard, contact, circle = (np.full(n, -1, np.int64) for _ in range(3))
    there = np.zeros(n, bool)
    by_name = [p for p in range(n) if p not in errors and messages[p].contact is None]
    by_place = {p: c for p in range(n) if p not in errors and (c := messages[p].contact) is not None}
    found = locked(conn, [messages[p].outside_id or "" for p in by_name], list(by_place.values()))
    at = np.array([*by_name, *by_place], np.int64)
    shard[at], contact[at], circle[at], there[at] = found.shard, found.contact, found.circle, found.there
    for place in range(n):
        if place not in errors and not there[place]:
            errors[place] = f"{_whom(messages[place])} isn't known: import the contact first"
    return Known(there, shard, contact, circle)


def _whom(message: NewMessage) -> str:
    return f"contact {message.outside_id!r}" if message.contact is None else f"contact {message.contact[1]}"


def _pairs(known: Known) -> list[tuple[int, int]]:
    return list(zip(known.shard.tolist(), known.contact.tolist(), strict=True))


def _known_keys(
    conn: Connection, messages: Sequence[NewMessage], known: Known, ids: Mapping[int, int]
) -> dict[int, int]:
    """Places whose caller's key stands for another message already, and that message's id."""
    keyed = [place for place in ids if messages[place].caller_key]
    claims = [
        Claim(f"{messages[p].source}:{messages[p].caller_key}", int(known.contact[p]), int(known.shard[p]), ids[p])
        for p in keyed
    ]
    held = arrivals.claim_keys(conn, claims)
    return {p: held[c.value] for p, c in zip(keyed, claims, strict=True) if held[c.value] != ids[p]}


def _insert(
    conn: Connection,
    policy: Policy,
    messages: Sequence[NewMessage],
    known: Known,
    places: Sequence[int],
    ids: Mapping[int, int],
    now: int,
) -> None:
    if not places:
        return
    told = [messages[p] for p in places]
    at = np.array(places, np.int64)
    created = np.array([now if m.created_at is None else m.created_at for m in told], np.int64)
    released = [m.released or (None, None, None) for m in told]
    same = (
        "campaign", "run", "channel", "category", "content", "thread", "topic", "trigger_kind", "trigger_at", "about",
        "priority", "value", "collapse", "source", "caller_key", "revives",
    )  # fmt: skip
    arrivals.insert_messages(
        conn,
        {
            **{name: [getattr(m, name) for m in told] for name in same},
            "shard": known.shard[at],
            "id": [ids[p] for p in places],
            "circle": known.circle[at],
            "contact": known.contact[at],
            "created_at": created,
            "recorded_at": np.full(len(told), now, np.int64),
            "state": [State.WAITING.value] * len(told),
            "due_at": [now if m.due_at is None else m.due_at for m in told],
            "ask_because": ["new"] * len(told),
            "expires_at": _expiries(conn, policy, told, known, at, created),
            "tags": [json.dumps(m.tags) if m.tags else None for m in told],
            "stop_on": [json.dumps(m.stop_on) if m.stop_on else None for m in told],
            "variables": [json.dumps(dict(m.variables), default=str) if m.variables else None for m in told],
            "released_at": [r[0] for r in released],
            "released_by": [r[1] for r in released],
            "released_reason": [r[2] for r in released],
        },
    )


def _expiries(
    conn: Connection, policy: Policy, told: Sequence[NewMessage], known: Known, at: Any, created: Any
) -> list[int | None]:
    """When each expires: as told, else as the policy's defaults say, counted in the contact's zone; a transactional
    one doesn't."""
    lasting = policy.defaults.expires
    zones = np.full(len(told), zone_index(policy.defaults.timezone), np.int32)
    if not lasting.exact:
        pairs = list(zip(known.shard[at].tolist(), known.contact[at].tolist(), strict=True))
        own = arrivals.zones_of(conn, pairs)
        zones = np.array([zone_index(z) if (z := own.get(p)) else zones[0] for p in pairs], np.int32)
    later = add(created, lasting, zones).tolist()
    by_key = policy.by_key
    return [
        m.expires_at if m.expires_at is not None else None if by_key[key(m.category)].transactional else end
        for m, end in zip(told, later, strict=True)
    ]
