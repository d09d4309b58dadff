"""Where a message to a contact on a channel goes: of several addresses the one that is written to."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.engine import Connection

from cadence.store.bulk import fetch, wanted


@dataclass(frozen=True, slots=True)
class Way:
    """An address that is written to."""

    address: str
    mailbox: str
    bounced: bool


Ways = dict[tuple[int, str], Way]
"""By (contact, channel)."""


def in_turn(bounced_at: int | None, at: int, address: str) -> tuple[bool, int, str]:
    """What addresses of one channel are compared by, the largest is written to: one that hasn't bounced before one that has,
    then the latest."""
    return (bounced_at is None, at, address)


def ways(rows: Sequence[tuple[int, str, str, str, int | None, int]]) -> Ways:
    """Where messages go, out of rows of contact, channel, address, mailbox, bounced_at and at."""
    chosen = {row[:2]: row for row in rows}
    if len(chosen) < len(rows):
        chosen = {row[:2]: row for row in sorted(rows, key=lambda row: in_turn(row[4], row[5], row[2]))}
    return {place: Way(row[2], row[3], row[4] is not None) for place, row in chosen.items()}


def ways_of(conn: Connection, contacts: Sequence[tuple[int, int]]) -> Ways:
    """Where messages to these contacts, given as (shard, id), go."""
    pairs = sorted(set(contacts))
    source, params = wanted(
        conn,
        "w",
        {"shard": np.array([p[0] for p in pairs], np.int64), "id": np.array([p[1] for p in pairs], np.int64)},
    )
    sql = (
        f"SELECT a.contact, a.channel, a.address, a.mailbox, a.bounced_at, a.at FROM {source} CROSS JOIN address a "
        "WHERE a.shard = w.shard AND a.contact = w.id"
    )
    return ways(fetch(conn, sql, **params))
