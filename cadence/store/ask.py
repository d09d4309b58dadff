"""Making waiting messages due to be asked again: the one entry for whatever may change an answer.

Nothing is decided here, and a message that was never asked keeps the instant it was queued for: asking again is never
asking early. Whoever calls holds the locks of the shards it names, in the transaction that changes what is known.
"""

# Statements are put together from names in tables.py and our own numbers; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.facts import SECOND
from cadence.store.bulk import Values, fetch, update_rows, wanted
from cadence.store.engine import lock_shards
from cadence.store.tables import LIVE, message, shard


def ask_again(conn: Connection, contacts: Sequence[tuple[int, int]], now: int, because: str) -> int:
    """Makes all waiting messages of these contacts, given as (shard, id), due now; returns how many there are.

    What may change the answer for one member of a circle may change it for all: give them all, or see `ask_circles`."""
    pairs = sorted(set(contacts))
    if not pairs:
        return 0
    return _due_now(conn, "contact", pairs, now, because)


def ask_circles(conn: Connection, circles: Sequence[tuple[int, int]], now: int, because: str) -> int:
    """The same for whole circles, given as (shard, id): a stop of one member may reach the others."""
    pairs = sorted(set(circles))
    if not pairs:
        return 0
    return _due_now(conn, "circle", pairs, now, because)


def ask_held(conn: Connection, circles: Sequence[tuple[int, int]], now: int, because: str) -> int:
    """The same for what a rule holds in these circles, given as (shard, id): a slot came free. What waits to be handed
    to its provider again, or for its campaign, goes on waiting: nothing has changed for it."""
    pairs = sorted(set(circles))
    if not pairs:
        return 0
    return _due_now(conn, "circle", pairs, now, because, "m.rule IS NOT NULL")


def circles_of(conn: Connection, contacts: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The circles, as (shard, id), of contacts given as (shard, id)."""
    if not contacts:
        return []
    pairs = sorted(set(contacts))
    source, params = wanted(conn, "w", {"shard": [p[0] for p in pairs], "id": [p[1] for p in pairs]})
    sql = (
        f"SELECT DISTINCT c.shard, c.circle FROM {source} CROSS JOIN contact c WHERE c.shard = w.shard AND c.id = w.id"
    )
    return [(int(r[0]), int(r[1])) for r in fetch(conn, sql, **params)]


def ask_campaign(conn: Connection, name: str, now: int, because: str) -> int:
    """Makes all waiting messages of a campaign due now: it was paused, resumed, ended or changed. Locks every shard."""
    lock_shards(conn, conn.scalars(sa.select(shard.c.shard)).all())
    mine = message.update().where(
        message.c.campaign == name, message.c.state == "waiting", message.c.asked_at.is_not(None)
    )
    return conn.execute(mine.values(due_at=now, ask_because=because)).rowcount


def ask_held_by(conn: Connection, rule: str, now: int, because: str) -> int:
    """Makes all that waits by this rule due now; returns how many there are. Locks every shard, unless there is none."""
    held = message.c.state == "waiting", message.c.rule == rule
    if conn.scalar(sa.select(message.c.id).where(*held).limit(1)) is None:
        return 0
    lock_shards(conn, conn.scalars(sa.select(shard.c.shard)).all())
    return conn.execute(message.update().where(*held).values(due_at=now, ask_because=because)).rowcount


def shards_behind(conn: Connection, shards: Collection[int], policy: str) -> list[int]:
    """Those of these shards whose waiting messages haven't been made due since this policy became the active one."""
    behind = sa.or_(shard.c.policy.is_(None), shard.c.policy != policy)
    mine = sa.select(shard.c.shard).where(shard.c.shard.in_(sorted(shards)), behind)
    return list(conn.scalars(mine.order_by(shard.c.shard)))


def ask_shard(conn: Connection, one: int, policy: str, now: int, per_second: int) -> int:
    """Makes all that waits in a shard due, oldest first, `per_second` of them each second from now on (never later
    than they were), and writes down under which policy."""
    paced = (
        "UPDATE message SET ask_because = 'policy', due_at = "
        "CASE WHEN due_at IS NULL OR due_at > :now + w.place / :per_second * :second "
        "THEN :now + w.place / :per_second * :second ELSE due_at END "
        "FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) - 1 AS place FROM message "
        "WHERE shard = :shard AND state = 'waiting' AND asked_at IS NOT NULL) AS w "
        "WHERE message.shard = :shard AND message.id = w.id"
    )
    params = {"now": now, "per_second": max(per_second, 1), "second": SECOND, "shard": one}
    done = conn.execute(sa.text(paced), params).rowcount
    conn.execute(shard.update().where(shard.c.shard == one).values(policy=policy))
    return done


def _due_now(
    conn: Connection, column: str, pairs: Sequence[tuple[int, int]], now: int, because: str, only: str = "true"
) -> int:
    """Found first, by a literal state that the partial index is known by; then updated by key. only: a condition."""
    source, params = wanted(conn, "w", {"shard": [p[0] for p in pairs], "id": [p[1] for p in pairs]})
    sql = (
        f"SELECT m.shard, m.id FROM {source} CROSS JOIN message m "
        f"WHERE m.shard = w.shard AND m.{column} = w.id AND m.state = 'waiting' "
        f"AND m.asked_at IS NOT NULL AND {only} AND m.{LIVE}"
    )
    found = fetch(conn, sql, **params)
    if not found:
        return 0
    keys = {"shard": [r[0] for r in found], "id": [r[1] for r in found]}
    values: dict[str, Values] = {"due_at": np.full(len(found), now, np.int64), "ask_because": [because] * len(found)}
    return update_rows(conn, message, keys, values, fold={"due_at": "min"})
