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
from cadence.store.tables import change


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
    """What was changed, the latest first, at most so many."""
    query = sa.select(
        change.c.at, change.c.by, change.c.what, change.c.reason, change.c.contact, change.c.message, change.c.detail
    )
    if since is not None:
        query = query.where(change.c.at >= since)
    if what is not None:
        query = query.where(change.c.what == what)
    rows = conn.execute(query.order_by(change.c.at.desc(), change.c.id.desc()).limit(most))
    return [Change(*row[:6], json.loads(row[6]) if row[6] else {}) for row in rows]
