"""The touches of whole circles as columns: out of the copies beside their circles, or row by row where there is none.

It reads, and says which circles want a copy; the tick writes those with its decisions."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from cadence.facts import NEVER, Bools, Ints, Ragged, Touches, key
from cadence.store import recent
from cadence.store.bulk import fetch, fetch_columns, ints, turned, wanted
from cadence.store.places import Places, keys

TOUCH = (
    "t.id, t.contact, t.at, t.number, t.channel, t.category, t.campaign, "
    "t.thread, t.topic, t.content, t.mailbox, t.triggered, t.tags"
)
"""The columns of a touch that `touches_of` takes, in order."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Of which circles the recent touches were there as a copy. Columns by circle, in the order in which they were wanted."""

    shard: Ints
    id: Ints
    good: Bools
    """Whether there was a copy that this release can read, and it went back far enough."""
    since: int
    """All touches later than this were loaded."""
    of: Ints
    """Of each person the id of its circle."""

    def bare(self, touched: Ints) -> Ints:
        """Places of those without a copy, but for these."""
        return np.flatnonzero(~self.good & ~np.isin(self.id, touched))

    def anew(self, touches: Touches, people: Ints, circles: Ints) -> dict[int, bytes | None]:
        """Fresh copies of these circles' touches, by circle id; None: more than are copied. touches: all that are known
        of them by now, sorted as ever. people: the contact id of each person."""
        wanted_ = np.sort(circles)
        owner = self.of[touches.contact]
        mine = np.flatnonzero(np.isin(owner, wanted_))
        mine = mine[np.argsort(owner[mine], kind="stable")]
        start = np.searchsorted(owner[mine], np.append(wanted_, NEVER))
        kept = touches.take(mine)
        packed = recent.pack(replace(kept, contact=people[kept.contact]), start.astype(np.int64))
        return dict(zip(wanted_.tolist(), packed, strict=True))


def touches_and_copies(
    conn: Connection, sql: str, params: Mapping[str, Any], place: Places, of: Ints, since: int | None
) -> tuple[Touches, Copies | None, dict[int, int]]:
    """The touches later than `since` (NONE: all; None: none is wanted) of the wanted circles, which copies there were (None
    where no touches are wanted: who hasn't read them can't copy them), and by circle id the number of its last fact.

    of: of each contact loaded the id of its circle."""
    copied = "c.recent, c.recent_since" if since is not None else "NULL, NULL"
    found = fetch(
        conn,
        f"SELECT w.row, c.shard, c.id, c.next_number - 1, {copied} FROM {sql} CROSS JOIN circle c "
        "WHERE c.shard = w.shard AND c.id = w.circle",
        **params,
    )
    found.sort()  # by their rows, which differ
    _, shards, ids, last, packed, back = turned(found, 6)
    seen, shard, id_ = dict(zip(ids, last, strict=True)), ints(shards, None), ints(ids, None)
    if since is None:
        return touches_of(place, *[()] * 13), None, seen
    good = np.array([recent.known(value) for value in packed], bool) & (ints(back) <= since)
    rows = _by_row(conn, shard[~good], id_[~good], place, since)
    touches = rows
    if good.any():
        touches = _out_of_copies([*compress(packed, good.tolist())], place, since)
        touches = _joined(touches, rows) if len(rows) else touches
    return touches, Copies(shard, id_, good, since, of), seen


def _by_row(conn: Connection, shard: Ints, circle: Ints, place: Places, since: int) -> Touches:
    """The touches of these circles, row by row."""
    if not len(circle):
        return touches_of(place, *[()] * 13)
    sql, params = wanted(conn, "w", {"shard": shard, "circle": circle})
    rows = fetch_columns(
        conn,
        f"SELECT {TOUCH} FROM {sql} CROSS JOIN touch t WHERE t.shard = w.shard AND t.circle = w.circle "
        "AND t.at > :since AND t.withdrawn_at IS NULL",
        13,
        since=since,
        **params,
    )
    return touches_of(place, *rows)


def _out_of_copies(values: Sequence[bytes], place: Places, since: int) -> Touches:
    """Those of packed values that are later than `since`."""
    touches = recent.unpack(values)
    touches = replace(touches, contact=place.of(touches.contact))
    if len(touches) and int(touches.at.min()) <= since:
        touches = touches.take(np.flatnonzero(touches.at > since))
    if (np.diff(touches.contact) < 0).any():
        touches = touches.take(np.argsort(touches.contact, kind="stable"))
    return touches


def _joined(one: Touches, other: Touches) -> Touches:
    """The touches of both, which share no contact, sorted by contact."""
    both = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in _COLUMNS}
    tags = Ragged(
        np.concatenate([one.tags.start, other.tags.start[1:] + one.tags.start[-1]]),
        np.concatenate([one.tags.values, other.tags.values]),
    )
    return Touches(tags=tags, **both).take(np.argsort(both["contact"], kind="stable"))


_COLUMNS = tuple(name for name in Touches.__slots__ if name != "tags")


def touches_of(place: Places, *rows: Sequence[Any]) -> Touches:
    """Fetched touches (`TOUCH`) as columns, sorted by contact, then at, then number."""
    contact, at = place.of(rows[1]), ints(rows[2], None)
    order = np.lexsort((ints(rows[3], None), at, contact))
    tags = Ragged.of([[key(t) for t in json.loads(text)] if text else () for text in rows[12]])
    return Touches(
        id=ints(rows[0], None)[order],
        contact=contact[order],
        at=at[order],
        channel=keys(rows[4])[order],
        category=keys(rows[5])[order],
        campaign=keys(rows[6])[order],
        thread=keys(rows[7])[order],
        topic=keys(rows[8])[order],
        content=keys(rows[9])[order],
        mailbox=keys(rows[10])[order],
        triggered=np.array(rows[11], bool)[order],
        tags=tags.take(order.astype(np.int64)),
    )
