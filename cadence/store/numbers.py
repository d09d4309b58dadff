"""The order of facts: each fact of a circle takes the circle's next number, under the lock of its shard.

Before and after mean these numbers, not instants: a decision stores the last one it saw."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sqlalchemy.engine import Connection

from cadence.facts import NONE, Bools, Ints
from cadence.store.bulk import Values, fetch, update_rows, wanted
from cadence.store.tables import circle


def rank_within(groups: Ints, counted: Bools | None = None) -> Ints:
    """How many earlier rows, of those that count (None: all), are of the same group, int64[n]."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    before = np.arange(len(groups), dtype=np.int64) if counted is None else _before(counted[order])
    first = np.ones(len(groups), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    rank = np.empty(len(groups), np.int64)
    rank[order] = before - np.maximum.accumulate(np.where(first, before, 0))
    return rank


def _before(counted: Bools) -> Ints:
    return np.cumsum(counted, dtype=np.int64) - counted


def take_numbers(
    conn: Connection, shards: Ints, circles: Ints, recent: Mapping[int, bytes | None] | None = None, since: int = NONE
) -> Ints:
    """The next numbers of these circles, one per row and in the order of the rows, int64[n]; they are then taken. The
    circles' shards must be locked. Raises LookupError for a circle that isn't there.

    recent: given where the facts are touches, made or taken back. It is by circle the new copy of those later than
    `since` (`store.recent`); that of a circle that isn't in it is let go."""
    if not len(circles):
        return np.zeros(0, np.int64)
    found, first, which, count = np.unique(circles, return_index=True, return_inverse=True, return_counts=True)
    sql, params = wanted(conn, "w", {"shard": shards[first], "id": found})
    rows = fetch(
        conn,
        f"SELECT w.row, c.next_number FROM {sql} CROSS JOIN circle c WHERE c.shard = w.shard AND c.id = w.id",
        **params,
    )
    if len(rows) != len(found):
        there = {r[0] for r in rows}
        missing = [int(found[i]) for i in range(len(found)) if i not in there]
        raise LookupError(f"circles {missing[:5]} aren't where they were looked for; were they merged meanwhile?")
    base = np.empty(len(found), np.int64)
    base[[r[0] for r in rows]] = [r[1] for r in rows]
    advance(conn, shards[first], found, count.astype(np.int64), recent, since)
    return base[which] + rank_within(circles)


def advance(
    conn: Connection, shards: Ints, circles: Ints, by: Ints, recent: Mapping[int, bytes | None] | None, since: int
) -> None:
    """Takes so many numbers of each of these circles, whose next one the caller has read under the lock of their shards,
    and copies their touches as `take_numbers` does."""
    if not len(circles):
        return
    taken: dict[str, Values] = {"next_number": by}
    if recent is not None:
        copies = np.empty(len(circles), object)
        copies[:] = [recent.get(c) for c in circles.tolist()]
        taken |= {"recent": copies, "recent_since": np.full(len(circles), since, np.int64)}
    update_rows(conn, circle, {"shard": shards, "id": circles}, taken, {"next_number": "add"})
