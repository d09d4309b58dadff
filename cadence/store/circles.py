"""Circles: the contacts that may not be decided apart, and how two of them become one.

They only ever merge: that two people no longer share an address takes back nothing that was decided while they did. Who
belongs together is worked out here from shared mailboxes and households; who shares which is told by `contacts.py`."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.store import tables
from cadence.store.bulk import Values, fetch, insert_rows, update_rows, wanted
from cadence.store.changes import MERGE
from cadence.store.ids import SHARDS, new_ids
from cadence.store.tables import LIVE

_NUMBERED = (tables.consent, tables.event, tables.touch)
_PLAIN = (tables.contact, tables.address, tables.hold)


class Together:
    """Union-find over any ids: `join` says that two belong together, `groups` who then does."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def find(self, one: int) -> int:
        """The one that stands for all that belong together with this."""
        parent = self._parent.setdefault(one, one)
        while parent != one:
            self._parent[one] = self._parent[parent]
            one, parent = parent, self._parent[parent]
        return one

    def join(self, one: int, other: int) -> None:
        """These two, and all that belong to either, belong together."""
        a, b = self.find(one), self.find(other)
        if a != b:
            self._parent[max(a, b)] = min(a, b)

    def groups(self) -> list[list[int]]:
        """All that belong together, each group ascending, groups by their least."""
        found: dict[int, list[int]] = {}
        for one in sorted(self._parent):
            found.setdefault(self.find(one), []).append(one)
        return list(found.values())


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle's row."""

    shard: int
    id: int
    next_number: int
    size: int


@dataclass(frozen=True, slots=True)
class Move:
    """One circle that goes into another. offset: what its numbers grow by, so that they follow all of the other's."""

    old: Circle
    new: Circle
    offset: int


def circles_at(conn: Connection, places: Sequence[tuple[int, int]]) -> dict[int, Circle]:
    """The circles of these (shard, id), by id."""
    if not places:
        return {}
    sql, params = wanted(conn, "w", {"shard": [p[0] for p in places], "id": [p[1] for p in places]})
    rows = fetch(
        conn,
        f"SELECT c.shard, c.id, c.next_number, c.size FROM {sql} CROSS JOIN circle c "
        "WHERE c.shard = w.shard AND c.id = w.id",
        **params,
    )
    return {r[1]: Circle(*r) for r in rows}


def merge(conn: Connection, groups: Iterable[Sequence[Circle]], now: int, by: str) -> dict[int, Circle]:
    """Makes each group of circles one: the largest of it (of equal ones the oldest) stays, and the facts and live
    messages of the others become its own, in its shard. Their numbers grow by a constant, so they keep their order and
    follow all of its own; what was decided before a merge is translated by `merged_offset`. Decisions and final
    messages stay where they were written; the merge is a row of `change` in both places. Identity and all the shards
    must be locked.

    Returns the circle that each of the merged ones now is, by old id."""
    moves: list[Move] = []
    for group in groups:
        keep, *rest = sorted(group, key=lambda c: (-c.size, c.id))
        taken, size = keep.next_number, keep.size
        for old in rest:
            moves.append(Move(old, keep, taken - 1))
            taken += old.next_number - 1
            size += old.size
        if rest:
            grown: dict[str, Values] = {"next_number": [taken], "size": [size]}
            grown |= {"recent": [None], "recent_since": [None]}  # a copy holds its own touches only
            update_rows(conn, tables.circle, {"shard": [keep.shard], "id": [keep.id]}, grown)
    if not moves:
        return {}
    _note(conn, moves, now, by)
    _redirect(conn, [m for m in moves if m.old.shard != m.new.shard])
    for table in (*_NUMBERED, *_PLAIN, tables.message):
        _rename(conn, table, [m for m in moves if m.old.shard == m.new.shard])
        _carry(conn, table, [m for m in moves if m.old.shard != m.new.shard])
    return {m.old.id: m.new for m in moves}


def _note(conn: Connection, moves: Sequence[Move], now: int, by: str) -> None:
    """Marks the circles that went into others, and writes the merge on the record of both shards."""
    update_rows(
        conn,
        tables.circle,
        {"shard": [m.old.shard for m in moves], "id": [m.old.id for m in moves]},
        {
            "merged_into": [m.new.id for m in moves],
            "merged_at": [now] * len(moves),
            "merged_offset": [m.offset for m in moves],
            "size": [0] * len(moves),
            "recent": [None] * len(moves),
            "recent_since": [None] * len(moves),
        },
    )
    places = [(shard, m) for m in moves for shard in dict.fromkeys((m.old.shard, m.new.shard))]
    insert_rows(
        conn,
        tables.change,
        {
            "shard": [shard for shard, _ in places],
            "id": new_ids(len(places)),
            "at": [now] * len(places),
            "by": [by] * len(places),
            "what": [MERGE] * len(places),
            "detail": [_detail(m) for _, m in places],
        },
    )


def _detail(move: Move) -> str:
    told = {"circle": move.old.id, "shard": move.old.shard, "into": move.new.id, "into_shard": move.new.shard}
    return json.dumps({**told, "offset": move.offset})


def grown_since(conn: Connection, at: int) -> list[tuple[int, int]]:
    """The circles, as (shard, id) in order, that others have gone into by merges from an instant on. Identity must be locked,
    so that none is under way."""
    sql, params = wanted(conn, "w", {"shard": list(range(SHARDS))})
    query = (
        f"SELECT m.detail FROM {sql} CROSS JOIN change m WHERE m.shard = w.shard AND m.at >= :at AND m.what = '{MERGE}'"
    )
    told = (json.loads(detail) for (detail,) in fetch(conn, query, at=at, **params))
    return sorted({(into["into_shard"], into["into"]) for into in told})


def _wanted(conn: Connection, moves: Sequence[Move]) -> tuple[str, dict[str, object]]:
    return wanted(
        conn,
        "w",
        {
            "shard": [m.old.shard for m in moves],
            "circle": [m.old.id for m in moves],
            "new_shard": [m.new.shard for m in moves],
            "new_circle": [m.new.id for m in moves],
            "shift": [m.offset for m in moves],
        },
    )


def _redirect(conn: Connection, moves: Sequence[Move]) -> None:
    """Tells the directory where the contacts, and those of their messages that move, are from now on."""
    if not moves:
        return
    sql, params = _wanted(conn, moves)
    contacts = fetch(conn, f"SELECT t.id, w.new_shard FROM {sql} CROSS JOIN contact t WHERE {_same('t')}", **params)
    messages = fetch(conn, f"SELECT t.id FROM {sql} CROSS JOIN message t WHERE {_same('t')} AND t.{LIVE}", **params)
    sql, params = wanted(conn, "w", {"contact": [c[0] for c in contacts]})
    entries = fetch(
        conn,
        f"SELECT d.value, d.kind, d.slot, d.contact, d.message FROM {sql} CROSS JOIN directory d "
        "WHERE d.contact = w.contact",
        **params,
    )
    moved = {m[0] for m in messages}
    entries = [e for e in entries if e[4] is None or e[4] in moved]
    shard = dict(contacts)
    update_rows(
        conn,
        tables.directory,
        {"value": [e[0] for e in entries], "kind": [e[1] for e in entries], "slot": [e[2] for e in entries]},
        {"shard": [shard[e[3]] for e in entries]},
    )


def _rename(conn: Connection, table: sa.Table, moves: Sequence[Move]) -> None:
    """Within a shard the rows only change their circle."""
    if not moves:
        return
    sql, params = _wanted(conn, moves)
    sets = ", ".join([f"{c} = {e}" for c, e in _changed(table, table.name).items() if c != "shard"])
    conn.execute(sa.text(f"UPDATE {table.name} SET {sets} FROM {sql} WHERE {_same(table.name)}{_only(table)}"), params)


def _carry(conn: Connection, table: sa.Table, moves: Sequence[Move]) -> None:
    """Between shards rows are written anew and deleted: a shard key is never updated."""
    if not moves:
        return
    sql, params = _wanted(conn, moves)
    changed = _changed(table, "t")
    names = ", ".join(_quoted(conn, c.name) for c in table.columns)
    values = ", ".join(changed.get(c.name, f"t.{_quoted(conn, c.name)}") for c in table.columns)
    where = f"{_same('t')}{_only(table, 't')}"
    copy = f"INSERT INTO {table.name} ({names}) SELECT {values} FROM {sql} CROSS JOIN {table.name} t WHERE {where}"
    conn.execute(sa.text(copy), params)
    old = f"EXISTS (SELECT 1 FROM {sql} WHERE {_same(table.name)})"
    conn.execute(sa.text(f"DELETE FROM {table.name} WHERE {old}{_only(table)} AND {_listed(table, moves)}"), params)


def _listed(table: sa.Table, moves: Sequence[Move]) -> str:
    """The same circles by number, so that the index is used; ids are our own int64."""
    shards = ", ".join(str(s) for s in sorted({m.old.shard for m in moves}))
    circles = ", ".join(str(m.old.id) for m in moves)
    return f"{table.name}.shard IN ({shards}) AND {table.name}.circle IN ({circles})"


def _changed(table: sa.Table, alias: str) -> dict[str, str]:
    changed = {"shard": "w.new_shard", "circle": "w.new_circle"}
    if table in _NUMBERED:
        changed["number"] = f"{alias}.number + w.shift"
    if table is tables.touch:
        changed["withdrawn_number"] = f"{alias}.withdrawn_number + w.shift"
    return changed


def _same(alias: str) -> str:
    return f"{alias}.shard = w.shard AND {alias}.circle = w.circle"


def _only(table: sa.Table, alias: str | None = None) -> str:
    if table is not tables.message:
        return ""
    return f" AND {alias or table.name}.{LIVE}"


def _quoted(conn: Connection, name: str) -> str:
    return conn.dialect.identifier_preparer.quote(name)
