"""What is looked up to show and compare, never to decide: circles in which something waits, the decisions about one
message, touches by their ids.

One function per question, set-based, every statement by shard."""

# Statements are put together from names in tables.py and our own numbers; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from cadence.facts import Push, Verdict, instant
from cadence.store.bulk import fetch, wanted
from cadence.store.ids import SHARDS
from cadence.store.tables import LIVE


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision as it stands in the record."""

    id: int
    at: int
    verdict: Verdict
    until: int | None
    held: bool
    """Deferred until something ends: not yet known."""
    rule: str | None
    pushes: tuple[Push, ...]
    """The evidence, in binding order."""
    policy: str
    segment: str | None
    daemon: str | None


def waiting_circles(conn: Connection, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
    """Circles, as (shard, id), in which messages wait, in order: at most `limit` that come after this one."""
    one = (
        f"SELECT DISTINCT m.circle FROM message m WHERE m.shard = :shard AND m.circle > :circle AND m.{LIVE} "
        "AND m.state = 'waiting' ORDER BY m.circle LIMIT :most"
    )
    found: list[tuple[int, int]] = []
    for shard in range(max(after[0], 0), SHARDS):
        circle = after[1] if shard == after[0] else -1
        rows = fetch(conn, one, shard=shard, circle=circle, most=limit - len(found))
        found += [(shard, int(row[0])) for row in rows]
        if len(found) >= limit:
            break
    return found


def waiting_count(conn: Connection) -> int:
    """How many messages wait."""
    return int(fetch(conn, "SELECT count(*) FROM message m WHERE m.state = 'waiting'")[0][0])


def decisions_about(conn: Connection, message: int) -> list[Recorded]:
    """All decisions about one message, oldest first. A merge leaves them where they were written, so each shard is
    looked into: for the message, then for the decisions about its contact, which are found at once."""
    sql, params = wanted(conn, "w", {"shard": list(range(SHARDS))})
    contacts = fetch(
        conn,
        f"SELECT m.contact FROM {sql} CROSS JOIN message m WHERE m.shard = w.shard AND m.id = :message",
        message=message,
        **params,
    )
    if not contacts:
        return []
    rows = fetch(
        conn,
        "SELECT d.id, d.at, d.verdict, d.until, d.held, d.rule, d.evidence, d.policy, d.segment, d.daemon "
        f"FROM {sql} CROSS JOIN decision d WHERE d.shard = w.shard AND d.contact = :contact AND d.message = :message "
        "ORDER BY d.at, d.id",
        contact=int(contacts[0][0]),
        message=message,
        **params,
    )
    return [
        Recorded(
            r[0], r[1], Verdict(r[2]), r[3], bool(r[4]), r[5], pushes_of(json.loads(r[6] or "[]")), r[7], r[8], r[9]
        )
        for r in rows
    ]


@dataclass(frozen=True, slots=True)
class Fate:
    """Where a message stands, and why; by whom and why it was released, if it was."""

    state: str
    because: str | None
    ask_because: str | None
    """Why it is to be asked next."""
    released_at: int | None
    released_by: str | None
    released_reason: str | None


def fate_of(conn: Connection, shard: int, message: int) -> Fate:
    """Where a message stands. Raises LookupError where there is none."""
    rows = fetch(
        conn,
        "SELECT m.state, m.because, m.ask_because, m.released_at, m.released_by, m.released_reason FROM message m "
        "WHERE m.shard = :shard AND m.id = :message",
        shard=shard,
        message=message,
    )
    if not rows:
        raise LookupError(f"there is no message {message} in shard {shard}")
    return Fate(*rows[0])


def touches_shown(conn: Connection, shard: int, touches: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """By id what evidence shows of touches in this shard: id, at (a datetime), category, channel, campaign, contact."""
    if not touches:
        return {}
    ids = sorted({int(t) for t in touches})
    sql, params = wanted(conn, "w", {"shard": [shard] * len(ids), "id": ids})
    rows = fetch(
        conn,
        f"SELECT t.id, t.at, t.category, t.channel, t.campaign, t.contact FROM {sql} CROSS JOIN touch t "
        "WHERE t.shard = w.shard AND t.id = w.id",
        **params,
    )
    names = ("category", "channel", "campaign", "contact")
    return {r[0]: {"id": r[0], "at": instant(r[1]), **dict(zip(names, r[2:], strict=True))} for r in rows}


def pushes_of(lines: Iterable[Mapping[str, Any]]) -> tuple[Push, ...]:
    """Evidence as a decision keeps it, its JSON read."""
    return tuple(Push(p["rule"], p["kind"], p["welcome_at"], tuple(p["touches"]), p["detail"]) for p in lines)
