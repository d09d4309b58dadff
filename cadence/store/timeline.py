"""Everything that is on record of one contact, in order: touches, decisions, messages, events, consents, changes by
hand.

For people who look; a decision never reads it."""

# Statements are put together from names in tables.py alone; every value is a parameter.

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.facts import EventKind, Verdict
from cadence.store import tables
from cadence.store.bulk import fetch, wanted
from cadence.store.ids import SHARDS


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing on record. what: touch, decision, message, event, consent or change; columns: the row as it is, with
    JSON read and kinds as words, without what is empty. What became of a touch of ours stands with its message: the touch
    was written when that was decided."""

    at: int | None
    what: str
    id: int
    recorded_at: int
    columns: Mapping[str, Any]


_SHOWN: Mapping[str, tuple[sa.Table, str, str]] = {
    "touch": (tables.touch, "at", "recorded_at"),
    "event": (tables.event, "at", "recorded_at"),
    "consent": (tables.consent, "at", "recorded_at"),
    "decision": (tables.decision, "at", "at"),
    "message": (tables.message, "created_at", "recorded_at"),
    "change": (tables.change, "at", "at"),
}
"""What is shown: its table, the column of when it happened, and of when it was recorded."""
_BOUNDS: Mapping[str, str] = {"since": ">=", "until": "<"}
_JSON = ("detail", "evidence", "watched", "tags", "variables", "stop_on")


def timeline(
    conn: Connection,
    contact: int,
    most: int,
    kinds: Collection[str] = (),
    since: int | None = None,
    until: int | None = None,
) -> tuple[list[Entry], int]:
    """What is on record of a contact, by its id, oldest first: the latest `most`, and how many are left out. Merges may have
    left its decisions in other shards, so each is looked into. Undated consents stand first.

    kinds: of what, everything where there are none. since, until: only from the one on, and before the other."""
    entries: list[Entry] = []
    found = 0
    for what, (table, at, recorded_at) in _SHOWN.items():
        if kinds and what not in kinds:
            continue
        shards, params = wanted(conn, "w", {"shard": list(range(SHARDS))})
        bounds = {name: value for name, value in (("since", since), ("until", until)) if value is not None}
        within = "".join(f" AND t.{at} {_BOUNDS[name]} :{name}" for name in bounds)
        source = f"FROM {shards} CROSS JOIN {table.name} t WHERE t.shard = w.shard AND t.contact = :contact{within}"
        names = [c.name for c in table.columns]
        columns = ", ".join(f"t.{conn.dialect.identifier_preparer.quote(n)}" for n in names)
        latest = f"SELECT {columns} {source} ORDER BY t.{at} IS NULL, t.{at} DESC, t.id DESC LIMIT :most"
        params |= {"contact": contact, **bounds}
        ((here,),) = fetch(conn, f"SELECT count(*) {source}", **params)
        found += int(here)
        entries += [_entry(what, names, row, at, recorded_at) for row in fetch(conn, latest, most=most, **params)]
    order = {what: i for i, what in enumerate(_SHOWN)}
    entries.sort(key=lambda e: (e.at is not None, e.at or 0, order[e.what], e.id))
    return entries[-most:], max(found - most, 0)


def _entry(what: str, names: Sequence[str], row: Sequence[Any], at: str, recorded_at: str) -> Entry:
    told = dict(zip(names, row, strict=True))
    shown = {name: _read(what, name, value) for name, value in told.items() if value is not None}
    if what == "touch" and "message" in shown:
        shown.pop("outcome", None)
    return Entry(told[at], what, told["id"], told[recorded_at], shown)


def _read(what: str, name: str, value: Any) -> Any:
    if name in _JSON:
        return json.loads(value)
    if name == "kind" and what in ("event", "consent"):
        return EventKind(value).word
    if name == "verdict":
        return Verdict(value).word
    return value


def contact_of(conn: Connection, place: tuple[int, int]) -> dict[str, Any]:
    """The row of a contact given as (shard, id), with JSON read, its addresses, and the holds that aren't ended. Raises
    LookupError where there is none."""
    row = (
        conn.execute(
            sa.select(tables.contact).where(tables.contact.c.shard == place[0], tables.contact.c.id == place[1])
        )
        .mappings()
        .first()
    )
    if row is None:
        raise LookupError(f"there is no contact {place[1]} in shard {place[0]}")
    shown = dict(row)
    for name in ("zones", "hours", "days"):
        shown[name] = json.loads(shown[name]) if shown[name] else []
    shown["attributes"] = json.loads(shown["attributes"]) if shown["attributes"] else {}
    of = {table: (table.c.shard == place[0], table.c.contact == place[1]) for table in (tables.address, tables.hold)}
    addresses = (
        sa.select(tables.address).where(*of[tables.address]).order_by(tables.address.c.channel, tables.address.c.at)
    )
    holds = (
        sa.select(tables.hold).where(*of[tables.hold], tables.hold.c.ended_at.is_(None)).order_by(tables.hold.c.from_at)
    )
    shown["addresses"] = [dict(r) for r in conn.execute(addresses).mappings()]
    shown["holds"] = [dict(r) for r in conn.execute(holds).mappings()]
    return shown
