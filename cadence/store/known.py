"""Who is meant: outside ids and contact ids to the rows that hold them, found and locked so that they stay where they
are.

Contacts move when circles merge, so what was looked up is looked at again once its shard is locked."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from sqlalchemy.engine import Connection, NestedTransaction

from cadence.facts import Bools, Ints
from cadence.store.bulk import fetch, wanted
from cadence.store.engine import await_moves, lock_shards
from cadence.store.errors import StoreBusy
from cadence.store.ids import SHARDS

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Known:
    """For each thing asked about, the contact that it is; `there` says for which there is one."""

    there: Bools
    shard: Ints
    contact: Ints
    circle: Ints

    def take(self, rows: Ints) -> Known:
        """The same for these rows."""
        return Known(self.there[rows], self.shard[rows], self.contact[rows], self.circle[rows])

    def beside(self, other: Known) -> Known:
        """Its rows, and after them the other's."""
        columns = ((getattr(self, name), getattr(other, name)) for name in self.__slots__)
        return Known(*map(np.concatenate, columns))

    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The distinct (shard, contact) that there are, in order."""
        return tuple(sorted(set(zip(self.shard[self.there].tolist(), self.contact[self.there].tolist(), strict=True))))


def look_up(conn: Connection, kind: str, values: Sequence[str]) -> dict[str, list[tuple[int, int, int | None]]]:
    """What the directory knows: for each value the (shard, contact, message) it stands for. One statement."""
    distinct = list(dict.fromkeys(values))
    if not distinct:
        return {}
    sql, params = wanted(conn, "w", {"value": distinct})
    found: dict[str, list[tuple[int, int, int | None]]] = {}
    for value, shard, contact, message in fetch(
        conn,
        f"SELECT d.value, d.shard, d.contact, d.message FROM {sql} CROSS JOIN directory d "
        "WHERE d.value = w.value AND d.kind = :kind ORDER BY w.row, d.slot",
        kind=kind,
        **params,
    ):
        found.setdefault(value, []).append((shard, contact, message))
    return found


def by_outside_id(conn: Connection, outside_ids: Sequence[str]) -> Known:
    """The contacts with these outside ids. Not locked; the circle is not looked up and stands as 0."""
    found = look_up(conn, "outside", outside_ids)
    pairs = [found[o][0][:2] if o in found else (-1, 0) for o in outside_ids]
    shard = np.array([p[0] for p in pairs], np.int64)
    contact = np.array([p[1] for p in pairs], np.int64)
    return Known(shard >= 0, shard, contact, np.zeros(len(pairs), np.int64))


def by_id(conn: Connection, contacts: Ints) -> Known:
    """The contacts with these ids, whichever shard they are in. Looks into each shard: for admins and for what has
    moved."""
    ids = np.unique(contacts)
    sql, params = wanted(conn, "w", {"shard": np.repeat(np.arange(SHARDS), len(ids)), "id": np.tile(ids, SHARDS)})
    rows = fetch(
        conn,
        f"SELECT c.id, c.shard, c.circle FROM {sql} CROSS JOIN contact c WHERE c.shard = w.shard AND c.id = w.id",
        **params,
    )
    where = {r[0]: r for r in rows}
    found = [where.get(int(c), (int(c), -1, 0)) for c in contacts]
    shard = np.array([f[1] for f in found], np.int64)
    return Known(shard >= 0, shard, np.asarray(contacts, np.int64), np.array([f[2] for f in found], np.int64))


def at_places(conn: Connection, shards: Ints, contacts: Ints) -> Known:
    """The contacts of these ids in these shards, with their circles; `there` is False where they are in another."""
    circle = np.zeros(len(contacts), np.int64)
    there = np.zeros(len(contacts), bool)
    if len(contacts):
        found, first, which = np.unique(contacts, return_index=True, return_inverse=True)
        sql, params = wanted(conn, "w", {"shard": np.asarray(shards, np.int64)[first], "id": found})
        rows = fetch(
            conn,
            f"SELECT w.row, c.circle FROM {sql} CROSS JOIN contact c WHERE c.shard = w.shard AND c.id = w.id",
            **params,
        )
        of, seen = np.zeros(len(found), np.int64), np.zeros(len(found), bool)
        place = np.array([r[0] for r in rows], np.int64)
        of[place], seen[place] = [r[1] for r in rows], True
        circle, there = of[which], seen[which]
    return Known(there, np.asarray(shards, np.int64), np.asarray(contacts, np.int64), circle)


def locked(conn: Connection, outside_ids: Sequence[str] = (), places: Sequence[tuple[int, int]] = ()) -> Known:
    """The contacts of these outside ids, and after them those of these (shard, id) places, with their shards locked until
    the transaction ends. To be called before others are locked: locks are taken in one order.

    A place that a merge has emptied is followed to where the contact is now. Raises StoreBusy when contacts move faster
    than they can be locked."""
    given = np.array(list(places), np.int64).reshape(-1, 2)
    placed = Known(np.ones(len(given), bool), given[:, 0], given[:, 1], np.zeros(len(given), np.int64))
    for _ in range(_TRIES):
        aimed = by_outside_id(conn, outside_ids).beside(placed)
        rows = np.flatnonzero(aimed.there)
        with _taken_back(conn) as attempt:
            lock_shards(conn, np.unique(aimed.shard[rows]).tolist())
            seen = at_places(conn, aimed.shard[rows], aimed.contact[rows])
            if seen.there.all():
                circle = aimed.circle.copy()
                circle[rows] = seen.circle
                return Known(aimed.there, aimed.shard, aimed.contact, circle)
            if attempt is not None:
                attempt.rollback()
        await_moves(conn)
        placed = by_id(conn, placed.contact)
    raise StoreBusy("contacts moved between shards while they were being locked; try again")


def _taken_back(conn: Connection) -> AbstractContextManager[NestedTransaction | None]:
    """Within which locks are taken that can be let go again: those of a wrong guess would be out of their order. SQLite has
    one lock, and nothing moves under it."""
    return nullcontext() if conn.dialect.name == "sqlite" else conn.begin_nested()
