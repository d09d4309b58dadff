"""Who changed what by hand, and why: append-only, beside what the change itself writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.store.bulk import Values, insert_rows
from cadence.store.ids import new_id
from cadence.store.tables import change, contact

MERGE = "merge"
"""What circles that became one stand under."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of it."""

    at: int
    by: str
    what: str
    reason: str | None
    contact: int | None
    message: int | None
    detail: Mapping[str, Any]
    outside_id: str | None = None
    """The contact's id outside; None where it is about none, or they moved since."""


def note(
    conn: Connection,
    what: str,
    by: str,
    now: int,
    reason: str | None = None,
    contact: tuple[int, int] | None = None,
    message: int | None = None,
    shard: int = 0,
    **detail: Any,
) -> None:
    """Writes down that somebody changed something. contact: (shard, id) where it is about one; else it stands in
    `shard`."""
    row: dict[str, Values] = {
        "shard": [shard if contact is None else contact[0]],
        "id": [new_id()],
        "contact": [None if contact is None else contact[1]],
        "message": [message],
        "at": [now],
        "by": [by],
        "what": [what],
        "reason": [reason],
        "detail": [json.dumps(detail) if detail else None],
    }
    insert_rows(conn, change, row)


def changes(conn: Connection, since: int | None = None, what: str | None = None, most: int = 200) -> list[Change]:
    """What was changed, the latest first, at most so many. Circles that merged are no change by hand: they are told
    where `what` asks for them."""
    c, who = change.c, contact.c
    query = sa.select(c.at, c.by, c.what, c.reason, c.contact, c.message, c.detail, who.outside_id)
    query = query.outerjoin_from(change, contact, sa.and_(who.shard == c.shard, who.id == c.contact))
    if since is not None:
        query = query.where(c.at >= since)
    query = query.where(c.what == what) if what is not None else query.where(c.what != MERGE)
    rows = conn.execute(query.order_by(c.at.desc(), c.id.desc()).limit(most))
    return [Change(*row[:6], json.loads(row[6]) if row[6] else {}, row[7]) for row in rows]
