"""What a tick asks and writes: who is due, what waits, where it would go, and the outcomes of a round as columns.

One function per question, set-based, every statement by shard. It decides nothing and follows no rule.
"""

# Statements are put together from names in tables.py and our own numbers; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.facts import NONE, Ints
from cadence.store.bulk import Values, fetch, insert_rows, ints, turned, update_rows, wanted
from cadence.store.distributed import is_distributed, listed
from cadence.store.tables import LARGE_CIRCLE, LIVE, OUT, campaign, circle, contact, decision, event, message, touch

MESSAGE_COLUMNS: tuple[str, ...] = (
    "shard", "id", "circle", "contact", "state", "created_at", "due_at", "until", "rule", "expires_at", "campaign",
    "channel", "category", "content", "thread", "topic", "tags", "trigger_at", "priority", "value", "about", "collapse",
    "stop_on", "decision", "touch", "released_at", "doubt_at",
)  # fmt: skip
"""What is loaded of a message that waits, to be decided."""
HAND_OVER_COLUMNS: tuple[str, ...] = ("decided_at", "hand_over_at", "attempts", "sender", "variables", "run")
"""What handing it over takes besides."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Rows of `message` as columns of Python values, by name; NULL is None."""

    columns: Mapping[str, Sequence[Any]]
    _ints: dict[tuple[str, int], Ints] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.columns["id"])

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self.columns[name]

    def ints(self, name: str, missing: int) -> Ints:
        """A column of numbers, int64[n]; made once, so not to be written to."""
        if (name, missing) not in self._ints:
            self._ints[name, missing] = ints(self.columns[name], missing)
        return self._ints[name, missing]

    def keys(self, rows: Sequence[int] | Ints) -> dict[str, Values]:
        """What these rows are found by: their shards and ids."""
        return {name: self.ints(name, NONE)[rows] for name in ("shard", "id")}

    def take(self, rows: Sequence[int]) -> Messages:
        """The same columns for these rows, in this order."""
        return Messages({name: [column[i] for i in rows] for name, column in self.columns.items()})


FEW: int = 2
"""A batch is taken out of so many shards where they fill it, else out of as many as it takes: what lies near each other in
tables and indexes shares pages, and all other shards stay unlocked."""


Due = tuple[int, int, int, str]
"""(shard, circle, due_at, channel) of a message"""


def due_circles(
    conn: Connection, shards: Sequence[int], now: int, limit: int, rooms: Mapping[str, int]
) -> list[tuple[int, int]]:
    """The circles, as (shard, id), with messages due at `now`, longest due first: those of at most `limit` messages. Where
    more are due, the shards that are furthest behind come first.

    rooms: how many messages channels take now, where that isn't any number; of one that takes none only what has expired is
    claimed. What a channel has no room for is in no other's way."""
    closed = [channel for channel, room in rooms.items() if room <= 0]
    narrow = {channel: room for channel, room in rooms.items() if 0 < room < limit}
    kept: list[Due] = []
    due = _longest_due(conn, shards, now, limit, closed)
    while full := _overfull(due, narrow):
        for channel in full:
            kept += [row for row in due if row[3] == channel][: narrow.pop(channel)]
        closed += full
        due = _longest_due(conn, shards, now, limit, closed)
    rows = sorted([*kept, *due], key=_AGE) if kept else due
    return list(dict.fromkeys((int(row[0]), int(row[1])) for row in rows[:limit]))


def _overfull(due: Sequence[Due], narrow: Mapping[str, int]) -> list[str]:
    """The channels with more due than they have room for."""
    counts = Counter(row[3] for row in due) if narrow else Counter[str]()
    return [channel for channel, room in narrow.items() if counts[channel] > room]


def _longest_due(conn: Connection, shards: Sequence[int], now: int, limit: int, closed: Collection[str]) -> list[Due]:
    """The messages, at most `limit`, that are longest due; of closed channels only those that have expired."""
    if limit <= 0 or not shards:
        return []
    behind = [row[0] for row in _due(conn, shards, now, 1, closed)]
    if not behind:
        return []
    few = behind[:FEW]
    rows = _due(conn, few, now, -(-limit // len(few)), closed)
    if len(rows) < limit and len(few) < len(behind):
        enough = -(-5 * FEW * limit // (4 * max(len(rows), 1)))  # if the others have as much, and a quarter more
        few = behind[:enough]
        rows = _due(conn, few, now, max(64, -(-2 * limit // len(few))), closed)
    return rows[:limit]


def _due(conn: Connection, shards: Sequence[int], now: int, each: int, closed: Collection[str]) -> list[Due]:
    """Of each shard its `each` messages that are longest due; those of all shards in order."""
    shut = ", ".join(f":closed{i}" for i in range(len(closed)))
    passing = f"AND (channel NOT IN ({shut}) OR expires_at <= :now)" if closed else ""
    far = is_distributed(conn)
    named = f"AND shard IN ({listed(shards)})" if far else ""
    one = (
        f"SELECT shard, circle, due_at, channel FROM message WHERE shard = {{shard}} {named} AND state = 'waiting' "
        f"AND due_at <= :now {passing} ORDER BY due_at LIMIT :most"
    )
    params: dict[str, Any] = {"now": now, "most": each, **{f"closed{i}": c for i, c in enumerate(closed)}}
    if conn.dialect.name == "sqlite":
        # One statement for all: it would take longer to say 64 than to answer them.
        rows = fetch(conn, " UNION ALL ".join(f"SELECT * FROM ({one.format(shard=int(s))})" for s in shards), **params)
    else:
        lateral = one.format(shard="s.shard")
        source = f"(SELECT shard FROM shard WHERE shard IN ({listed(shards)}))" if far else _UNNESTED
        sql = f"SELECT x.* FROM {source} AS s(shard), LATERAL ({lateral}) AS x"
        rows = fetch(conn, sql, **params, **({} if far else {"shards": list(shards)}))
    rows.sort(key=_AGE)
    return rows


_AGE = itemgetter(2, 1)
_UNNESTED = "unnest(CAST(:shards AS int8[]))"


def large_circles(conn: Connection, shards: Collection[int]) -> set[tuple[int, int]]:
    """The circles of these shards, as (shard, id), that have more than `tables.LARGE_CIRCLE` contacts."""
    sql = f"SELECT shard, id FROM circle WHERE shard IN ({listed(shards)}) AND size > {LARGE_CIRCLE}"
    return {(int(r[0]), int(r[1])) for r in fetch(conn, sql)}


def waiting_in(conn: Connection, circles: Sequence[tuple[int, int]]) -> Messages:
    """All messages that wait in these circles, by contact and age."""
    source, params = _pairs(conn, circles)
    sql = (
        f"SELECT {', '.join('m.' + c for c in MESSAGE_COLUMNS)} FROM {source} CROSS JOIN message m "
        f"WHERE m.shard = w.shard AND m.circle = w.id AND m.state = 'waiting' AND m.{LIVE}"
    )
    return _messages(fetch(conn, sql, **params), MESSAGE_COLUMNS)


def messages_by_id(conn: Connection, keys: Sequence[tuple[int, int]]) -> Messages:
    """Messages given as (shard, id), whatever their state, with what handing them over takes."""
    source, params = _pairs(conn, keys)
    names = (*MESSAGE_COLUMNS, *HAND_OVER_COLUMNS)
    sql = (
        f"SELECT {', '.join('m.' + c for c in names)} FROM {source} CROSS JOIN message m "
        "WHERE m.shard = w.shard AND m.id = w.id"
    )
    return _messages(fetch(conn, sql, **params), names)


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as the queue needs it."""

    name: str
    state: str
    content: str
    """JSON, as its YAML said."""


def campaigns(conn: Connection) -> dict[str, Campaign]:
    """All campaigns by name."""
    rows = conn.execute(sa.select(campaign.c.name, campaign.c.state, campaign.c.content))
    return {r[0]: Campaign(r[0], r[1], r[2]) for r in rows}


def write_decisions(conn: Connection, columns: Mapping[str, Values]) -> None:
    """Appends decisions."""
    insert_rows(conn, decision, columns)


def write_touches(conn: Connection, columns: Mapping[str, Values]) -> None:
    """Appends the engine's own touches."""
    insert_rows(conn, touch, columns)


def move(conn: Connection, keys: Mapping[str, Values], source: str, columns: Mapping[str, Values]) -> int:
    """Updates messages, given by shard and id, that are in the state `source`; returns how many were. With `state` among
    the columns they come into another."""
    n = len(keys["id"])
    return update_rows(conn, message, {**keys, "state": [source] * n}, columns) if n else 0


def remember_contacts(
    conn: Connection, shards: Ints, ids: Ints, segments: Sequence[str | None], since: Ints, next_change: Ints
) -> None:
    """What a round worked out for these contacts: their segments, `since` when they are in them (NONE: as is stored), and
    when time alone may change an answer (NONE: nothing of it waits, or it never does)."""
    if len(ids):
        values: dict[str, Values] = {"segment": segments, "segment_at": since, "next_change_at": next_change}
        update_rows(conn, contact, {"shard": shards, "id": ids}, values, {"segment_at": "max"})


def circles_after(conn: Connection, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
    """Circles that have contacts, as (shard, id), in order: at most `limit` that come after this one."""
    later = sa.or_(circle.c.shard > after[0], sa.and_(circle.c.shard == after[0], circle.c.id > after[1]))
    asked = sa.select(circle.c.shard, circle.c.id).where(later, circle.c.merged_into.is_(None))
    return [(r[0], r[1]) for r in conn.execute(asked.order_by(circle.c.shard, circle.c.id).limit(limit))]


def stored_segments(conn: Connection, circles: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str | None]:
    """By (shard, contact) the segment stored for each contact of these circles."""
    source, params = _pairs(conn, circles)
    columns = "c.shard, c.id, c.segment"
    sql = f"SELECT {columns} FROM {source} CROSS JOIN contact c WHERE c.shard = w.shard AND c.circle = w.id"
    return {(int(r[0]), int(r[1])): r[2] for r in fetch(conn, sql, **params)}


def store_segments(
    conn: Connection, contacts: Sequence[tuple[int, int]], segments: Sequence[str | None], now: int
) -> None:
    """Writes down in which segment these contacts, given as (shard, id), are as of now."""
    keys = {"shard": [c[0] for c in contacts], "id": [c[1] for c in contacts]}
    update_rows(conn, contact, keys, {"segment": segments, "segment_at": np.full(len(contacts), now, np.int64)})


def changed_by_time(conn: Connection, shards: Sequence[int], now: int, limit: int) -> list[tuple[int, int]]:
    """Contacts, as (shard, id), whose answers time alone may have changed by now: at most `limit`."""
    due = sa.select(contact.c.shard, contact.c.id).where(
        contact.c.shard.in_(list(shards)), contact.c.next_change_at.is_not(None), contact.c.next_change_at <= now
    )
    return [(r[0], r[1]) for r in conn.execute(due.order_by(contact.c.next_change_at).limit(limit))]


def facts_due(conn: Connection, shards: Sequence[int], now: int) -> bool:
    """Whether facts of these shards that were recorded ahead of their time have come to it."""
    ahead = sa.select(event.c.id).where(event.c.shard.in_(list(shards)), sa.text("NOT applied"), event.c.at <= now)
    return conn.execute(ahead.limit(1)).first() is not None


def forget_change(conn: Connection, contacts: Sequence[tuple[int, int]]) -> None:
    """These contacts have been made due: their next change is worked out anew when they are decided."""
    keys = {"shard": [c[0] for c in contacts], "id": [c[1] for c in contacts]}
    update_rows(conn, contact, keys, {"next_change_at": [None] * len(contacts)})


_NEXT = (
    "SELECT min(due_at) FROM message WHERE shard = s.shard {named} AND state = 'waiting' AND due_at > :now",
    "SELECT min(next_change_at) FROM contact "
    "WHERE shard = s.shard {named} AND next_change_at IS NOT NULL AND next_change_at > :now",
    "SELECT min(at) FROM event WHERE shard = s.shard {named} AND NOT applied AND at > :now",
    "SELECT min(coalesce(hand_over_at, decided_at)) FROM message WHERE shard = s.shard {named} AND state = 'decided' "
    f"AND {OUT} AND coalesce(hand_over_at, decided_at) > :now",
)


def next_after(conn: Connection, shards: Sequence[int], now: int) -> int | None:
    """The next instant after `now` at which something of these shards becomes due: a message, a hand-over, a change
    by time, a fact recorded ahead of its time. None: nothing will, by itself."""
    if not shards:
        return None
    # A subquery for each shard: each is one step into an index that begins with it.
    mine = listed(shards)
    named = f"AND shard IN ({mine})" if is_distributed(conn) else ""
    asked = [f"SELECT min(({q.format(named=named)})) FROM shard s WHERE s.shard IN ({mine})" for q in _NEXT]
    found = [at for sql in asked for ((at,),) in [fetch(conn, sql, now=now)] if at is not None]
    return min(found, default=None)


def _pairs(conn: Connection, pairs: Sequence[tuple[int, int]]) -> tuple[str, dict[str, Any]]:
    """Pairs of (shard, id) as something to select from, under the alias w."""
    columns = {"shard": np.array([p[0] for p in pairs], np.int64), "id": np.array([p[1] for p in pairs], np.int64)}
    return wanted(conn, "w", columns)


def _messages(rows: list[tuple[Any, ...]], names: Sequence[str]) -> Messages:
    rows.sort(key=itemgetter(0, 2, 3, 5, 1))
    return Messages(dict(zip(names, turned(rows, len(names)), strict=True)))
