"""What comes into the queue: callers' keys, which make a message told twice one message, and the rows themselves.

Whether a message may come in is asked above; here it is written.
"""

# Statements are put together from names in tables.py and our own numbers; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.store.bulk import Values, fetch, insert_rows, wanted
from cadence.store.known import look_up
from cadence.store.tables import directory, message


@dataclass(frozen=True, slots=True)
class Claim:
    """A caller's key and the message that would have it."""

    value: str
    contact: int
    shard: int
    message: int


def claim_keys(conn: Connection, claims: Sequence[Claim]) -> dict[str, int]:
    """By caller's key the message that has it: the one claimed, unless another came before."""
    if not claims:
        return {}
    columns: Mapping[str, Values] = {
        "value": [c.value for c in claims],
        "kind": ["caller_key"] * len(claims),
        "slot": [0] * len(claims),
        "contact": [c.contact for c in claims],
        "shard": [c.shard for c in claims],
        "message": [c.message for c in claims],
    }
    insert_rows(conn, directory, columns, on_conflict="nothing")
    found = look_up(conn, "caller_key", [c.value for c in claims])
    return {value: rows[0][2] or 0 for value, rows in found.items()}


def insert_messages(conn: Connection, columns: Mapping[str, Values]) -> None:
    """New rows of the queue."""
    insert_rows(conn, message, columns)


def zones_of(conn: Connection, contacts: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """The first zone of contacts given as (shard, id); those without one are left out."""
    pairs = sorted(set(contacts))
    if not pairs:
        return {}
    source, params = wanted(conn, "w", {"shard": [p[0] for p in pairs], "id": [p[1] for p in pairs]})
    sql = f"SELECT c.shard, c.id, c.zones FROM {source} CROSS JOIN contact c WHERE c.shard = w.shard AND c.id = w.id"
    named = ((int(r[0]), int(r[1]), json.loads(r[2] or "[]")) for r in fetch(conn, sql, **params))
    return {(shard, id_): zones[0] for shard, id_, zones in named if zones}


def message_row(conn: Connection, shard: int, id_: int) -> dict[str, Any]:
    """One message with all its columns. Raises LookupError where there is none."""
    asked = sa.select(message).where(message.c.shard == shard, message.c.id == id_)
    found = conn.execute(asked).mappings().first()
    if found is None:
        raise LookupError(f"there is no message {id_} in shard {shard}")
    return dict(found)
