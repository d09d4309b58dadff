"""What the hand-over asks and writes: what is decided and not yet handed over, who was handing over what, what became
of it.

Set-based, every statement by shard. Whether a message may go, and what a receipt means, is decided above.
"""

# Statements are put together from names in tables.py and our own numbers; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.facts import MINUTE
from cadence.store.bulk import Values, fetch, insert_rows, update_rows
from cadence.store.numbers import take_numbers
from cadence.store.tables import OUT, directory, message, provider, touch

TRIED = "(doubt_at IS NOT NULL OR attempts > 0)"
"""A message that had trouble of its own in an earlier try."""
TURN: int = MINUTE
"""So long one that was tried before lets all others go first; then it has its turn by age."""


def decided_of(
    conn: Connection, shards: Sequence[int], now: int, limit: int, closed: Sequence[str] = (), begun_by: int = 0
) -> list[tuple[int, int, int]]:
    """Messages as (shard, circle, id) that are decided and may be handed over by now, longest decided first, those with
    trouble of their own in an earlier try after the others.

    closed: channels whose providers take nothing now; of them only what was decided before `begun_by` is given."""
    if limit <= 0 or not shards:
        return []
    shut = ", ".join(f":closed{i}" for i in range(len(closed)))
    passing = f"AND (channel NOT IN ({shut}) OR decided_at < :begun_by) " if closed else ""
    sql = (
        f"SELECT shard, circle, id FROM message WHERE shard IN ({_listed(shards)}) AND state = 'decided' AND {OUT} "
        f"AND (hand_over_at IS NULL OR hand_over_at <= :now) {passing}"
        f"ORDER BY {TRIED} AND COALESCE(hand_over_at, decided_at) > :turn, decided_at, id LIMIT :most"
    )
    named = {f"closed{i}": channel for i, channel in enumerate(closed)} | ({"begun_by": begun_by} if closed else {})
    found = fetch(conn, sql, now=now, turn=now - TURN, most=limit, **named)
    return [(int(r[0]), int(r[1]), int(r[2])) for r in found]


def backlog(conn: Connection, shards: Sequence[int], now: int) -> dict[str, int]:
    """How many messages are decided and may be handed over by now, by channel. What had trouble of its own before goes
    after them, and holds up nobody."""
    if not shards:
        return {}
    mine = _listed(shards)
    sql = (
        f"SELECT channel, count(*) FROM message WHERE shard IN ({mine}) AND state = 'decided' AND {OUT} "
        f"AND NOT {TRIED} AND (hand_over_at IS NULL OR hand_over_at <= :now) GROUP BY channel"
    )
    return {r[0]: int(r[1]) for r in fetch(conn, sql, now=now)}


def under_way(conn: Connection, shards: Sequence[int], state: str) -> list[tuple[int, int, str | None, str | None]]:
    """Messages that are `sending` or `in_doubt`, as (shard, id, who was handing over, provider)."""
    if state not in ("sending", "in_doubt"):
        raise ValueError(f"under way are messages sending or in_doubt, not {state}")
    if not shards:
        return []
    mine = f"shard IN ({_listed(shards)}) AND state = '{state}' AND {OUT}"
    sql = f"SELECT shard, id, sender, provider FROM message WHERE {mine}"
    return [(int(r[0]), int(r[1]), r[2], r[3]) for r in fetch(conn, sql)]


def withdraw_touches(conn: Connection, rows: Sequence[tuple[int, int, int]], now: int, because: Sequence[str]) -> int:
    """Takes touches, given as (shard, circle, id), off the record of what reached people: a fact of its own, with the
    circle's next number. What was withdrawn before stays as it was."""
    if not rows:
        return 0
    shards = np.array([r[0] for r in rows], np.int64)
    numbers = take_numbers(conn, shards, np.array([r[1] for r in rows], np.int64), recent={})
    keys = {"shard": [r[0] for r in rows], "id": [r[2] for r in rows]}
    values: dict[str, Values] = {
        "withdrawn_at": np.full(len(rows), now, np.int64),
        "withdrawn_number": numbers,
        "withdrawn_because": list(because),
    }
    return update_rows(conn, touch, keys, values, fold=dict.fromkeys(values, "keep"))


def remember_provider_ids(conn: Connection, rows: Sequence[tuple[str, str, int, int, int]]) -> None:
    """By what ids providers know messages, as (provider, its id, contact, shard, message): their reports come by
    them."""
    if rows:
        columns: Mapping[str, Values] = {
            "value": [f"{r[0]}:{r[1]}" for r in rows],
            "kind": ["provider_id"] * len(rows),
            "slot": [0] * len(rows),
            "contact": [r[2] for r in rows],
            "shard": [r[3] for r in rows],
            "message": [r[4] for r in rows],
        }
        insert_rows(conn, directory, columns, on_conflict="nothing")


def provider_row(conn: Connection, name: str) -> dict[str, Any] | None:
    """Speed and health of a provider as stored; None for one that never had any written."""
    found = conn.execute(sa.select(provider).where(provider.c.name == name)).mappings().first()
    return None if found is None else dict(found)


def lock_provider(conn: Connection, name: str) -> dict[str, Any]:
    """Speed and health of a provider, to be written anew: until the transaction ends nobody else does, also where there were
    none."""
    asked = sa.select(provider).where(provider.c.name == name).with_for_update()
    found = conn.execute(asked).mappings().first()
    if found is None:  # a row that isn't there yet keeps nobody out
        insert_rows(conn, provider, {"name": [name], "breaker": ["closed"]}, on_conflict="nothing")
        found = conn.execute(asked).mappings().one()
    return dict(found)


def save_provider(conn: Connection, name: str, values: Mapping[str, Any]) -> None:
    """Writes speed and health of a provider whose row is locked."""
    conn.execute(provider.update().where(provider.c.name == name).values(**values))


def state_of(conn: Connection, shard_: int, id_: int) -> str | None:
    """The state of one message, None where there is none."""
    return conn.scalar(sa.select(message.c.state).where(message.c.shard == shard_, message.c.id == id_))


def _listed(shards: Sequence[int]) -> str:
    """Shards as a list in SQL: they are numbers of ours, never anyone's text."""
    return ", ".join(str(int(s)) for s in shards)
