"""What one decision had before it, as rows with their texts: the contacts of its circle, and their facts up to the number
that it saw.

For people who want it told again (as a policy test, say), never to decide. Zones, attributes, addresses and who belongs
to whom aren't kept by number: they are those of now."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.store import tables
from cadence.store.bulk import fetch, wanted
from cadence.store.ids import SHARDS

_JSON = ("zones", "attributes", "hours", "days", "tags", "detail", "evidence")
MOST_MERGES: int = 64
"""Circles gone through from the decision's to today's, before the record counts as broken."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Member:
    """A contact of the circle, and the facts of theirs that the decision saw, in the order of their numbers."""

    contact: Row
    addresses: tuple[Row, ...]
    touches: tuple[Row, ...]
    """Those that stood."""
    events: tuple[Row, ...]
    consents: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A decision, its message, and the members of its circle, the message's contact first."""

    decision: Row
    message: Row
    members: tuple[Member, ...]


def seen_by(conn: Connection, decision: int) -> Seen:
    """What this decision saw. Raises LookupError where the decision, its message or its contact isn't (any more) on
    record."""
    asked = _anywhere(conn, tables.decision, "id", decision)
    if asked is None:
        raise LookupError(f"there is no decision {decision}; `cadence contact` lists those about one person")
    message = _anywhere(conn, tables.message, "id", asked["message"])
    contact = _anywhere(conn, tables.contact, "id", asked["contact"])
    if message is None or contact is None:
        raise LookupError(f"decision {decision} was about a message or a contact that is no longer on record")
    shift = _shift(conn, asked["circle"], contact["circle"])
    span = {"after": shift, "until": asked["seen_number"] + shift}
    circle = {"shard": contact["shard"], "circle": contact["circle"]}
    touches = _rows(
        conn,
        tables.touch,
        "t.number > :after AND t.number <= :until AND (t.withdrawn_number IS NULL OR t.withdrawn_number > :until)",
        **circle,
        **span,
    )
    told = "t.number > :after AND t.number <= :until"
    found = {
        "touches": touches,
        "events": _rows(conn, tables.event, told, **circle, **span),
        "consents": _rows(conn, tables.consent, told, **circle, **span),
        "addresses": _rows(conn, tables.address, "true", **circle),
    }
    people = _rows(conn, tables.contact, "true", **circle)
    members = [
        Member(person, **{name: tuple(r for r in rows if r["contact"] == person["id"]) for name, rows in found.items()})
        for person in people
    ]
    members.sort(key=lambda m: (m.contact["id"] != contact["id"], m.contact["id"]))
    return Seen(asked, message, tuple(members))


def _anywhere(conn: Connection, table: sa.Table, column: str, value: int) -> Row | None:
    """The row with this id, whichever shard it is in."""
    sql, params = wanted(conn, "w", {"shard": list(range(SHARDS))})
    names = _names(conn, table)
    rows = fetch(
        conn,
        f"SELECT {names} FROM {sql} CROSS JOIN {table.name} t WHERE t.shard = w.shard AND t.{column} = :value",
        value=value,
        **params,
    )
    return None if not rows else _row(table, rows[0])


def _rows(conn: Connection, table: sa.Table, where: str, *, shard: int, circle: int, **params: int) -> list[Row]:
    order = "number" if "number" in table.c else "id" if "id" in table.c else "at"
    rows = fetch(
        conn,
        f"SELECT {_names(conn, table)} FROM {table.name} t WHERE t.shard = :shard AND t.circle = :circle AND {where} "
        f"ORDER BY t.{order}",
        shard=shard,
        circle=circle,
        **params,
    )
    return [_row(table, row) for row in rows]


def _shift(conn: Connection, then: int, now: int) -> int:
    """What the numbers of a circle's facts have grown by since it was `then`: it may have gone into others."""
    shift, circle = 0, then
    for _ in range(MOST_MERGES):
        if circle == now:
            return shift
        row = _anywhere(conn, tables.circle, "id", circle)
        if row is None or row["merged_into"] is None:
            break
        shift, circle = shift + (row["merged_offset"] or 0), row["merged_into"]
    raise LookupError(f"circle {then} can't be followed to what it is today")


def _names(conn: Connection, table: sa.Table) -> str:
    return ", ".join(f"t.{conn.dialect.identifier_preparer.quote(c.name)}" for c in table.columns)


def _row(table: sa.Table, row: Sequence[Any]) -> Row:
    told = dict(zip((c.name for c in table.columns), row, strict=True))
    return {n: json.loads(v) if n in _JSON and isinstance(v, str) else v for n, v in told.items()}
