"""Whom a campaign may go to, page by page: circles in a stable order, the zones people live in, and who did
something."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from cadence.facts import EventKind
from cadence.store.bulk import fetch, wanted
from cadence.store.known import by_outside_id


def zone_texts(conn: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The distinct values of contacts' zones as stored (JSON lists), and the distinct countries of those without
    one."""
    rows = fetch(conn, "SELECT DISTINCT zones, CASE WHEN zones IS NULL THEN country END FROM contact")
    texts = tuple(sorted({r[0] for r in rows if r[0] is not None}))
    return texts, tuple(sorted({r[1] or "" for r in rows if r[0] is None}))


def first_zone(text: str) -> str | None:
    """The zone that a contact's local days go by, of its zones as stored."""
    zones = json.loads(text)
    return str(zones[0]) if zones else None


@dataclass(frozen=True, slots=True)
class Member:
    """One contact, where it is stored, and what says which zone it lives in."""

    shard: int
    circle: int
    id: int
    zones: str | None
    """JSON list, None where none is known."""
    country: str | None


_MEMBER = "c.shard, c.circle, c.id, c.zones, c.country"


def page_of(
    conn: Connection, after: tuple[int, int], below: int, texts: Sequence[str] | None, limit: int
) -> tuple[list[Member], tuple[int, int] | None]:
    """The contacts of at most `limit` circles after a (shard, circle), of shards below a number, in that order; and the
    last of those circles, None where there are no more.

    texts: only circles with a contact whose zones are stored as one of these, or not at all; None: all."""
    zones, params = "", {}
    if texts is not None:
        marks = ", ".join(f":z{i}" for i in range(len(texts)))
        zones = f"AND (c.zones IS NULL{f' OR c.zones IN ({marks})' if texts else ''})"
        params = {f"z{i}": t for i, t in enumerate(texts)}
    sql = (
        f"SELECT {_MEMBER} FROM (SELECT DISTINCT c.shard, c.circle FROM contact c "
        f"WHERE (c.shard, c.circle) > (:shard, :circle) AND c.shard < :below {zones} "
        "ORDER BY c.shard, c.circle LIMIT :most) p "
        "CROSS JOIN contact c WHERE c.shard = p.shard AND c.circle = p.circle ORDER BY c.shard, c.circle, c.id"
    )
    found = fetch(conn, sql, shard=after[0], circle=after[1], below=below, most=limit, **params)
    members = [_member(row) for row in found]
    full = len({(m.shard, m.circle) for m in members}) >= limit
    return members, (members[-1].shard, members[-1].circle) if full else None


def _member(row: Sequence[Any]) -> Member:
    return Member(int(row[0]), int(row[1]), int(row[2]), row[3], row[4])


def members_of(conn: Connection, circles: Sequence[tuple[int, int]]) -> list[Member]:
    """The contacts of these (shard, circle), in order."""
    source, params = wanted(conn, "w", {"shard": [c[0] for c in circles], "circle": [c[1] for c in circles]})
    sql = (
        f"SELECT {_MEMBER} FROM {source} CROSS JOIN contact c WHERE c.shard = w.shard AND c.circle = w.circle "
        "ORDER BY c.shard, c.circle, c.id"
    )
    return [_member(row) for row in fetch(conn, sql, **params)] if circles else []


def members_named(conn: Connection, outside_ids: Sequence[str]) -> list[Member]:
    """The contacts with these ids of the company's own, in their order; those that aren't known are left out."""
    if not outside_ids:
        return []
    known = by_outside_id(conn, outside_ids)
    source, params = wanted(conn, "w", {"shard": known.shard[known.there], "id": known.contact[known.there]})
    sql = f"SELECT {_MEMBER} FROM {source} CROSS JOIN contact c WHERE c.shard = w.shard AND c.id = w.id ORDER BY w.row"
    return [_member(row) for row in fetch(conn, sql, **params)]


@dataclass(frozen=True, slots=True)
class Happening:
    """An event that a campaign waits for."""

    member: Member
    event: int
    """Its id."""
    at: int
    recorded_at: int


_FIRST = (
    "AND NOT EXISTS (SELECT 1 FROM consent o WHERE o.shard = e.shard AND o.contact = e.contact AND o.kind = e.kind "
    "AND o.at = e.at AND o.id < e.id) "
)


def happened(conn: Connection, kind: EventKind, since: int, after: tuple[int, int], limit: int) -> list[Happening]:
    """Events of a kind that lie at or after an instant, of those recorded after (instant, id), in that order: the first
    `limit`. Of opt-ins to several things at one instant it is the first; undated ones happened nobody knows when."""
    source, first = ("consent", _FIRST) if kind is EventKind.OPT_IN else ("event", "")
    sql = (
        f"SELECT {_MEMBER}, e.id, e.at, e.recorded_at FROM {source} e CROSS JOIN contact c "
        f"WHERE e.kind = :kind AND (e.recorded_at, e.id) > (:recorded, :id) AND e.at >= :since {first}"
        "AND c.shard = e.shard AND c.id = e.contact ORDER BY e.recorded_at, e.id LIMIT :most"
    )
    rows = fetch(conn, sql, kind=int(kind), since=since, recorded=after[0], id=after[1], most=limit)
    return [Happening(_member(row), *map(int, row[5:])) for row in rows]
