"""The rule about copies of recent touches: each tells what the rows of `touch` tell. Looked at after every test that has a
database to itself, whatever the test was about."""

from __future__ import annotations

import numpy as np

from cadence.facts import NONE, Touches
from cadence.store import Store
from cadence.store.bulk import fetch, fetch_columns
from cadence.store.places import Places
from cadence.store.recent import unpack
from cadence.store.touched import TOUCH, touches_of


def stale_copies(store: Store) -> list[str]:
    """What each copy that isn't true says, and what the rows say; empty: all are true."""
    with store.read() as conn:
        copied = fetch(conn, "SELECT shard, id, recent, recent_since FROM circle WHERE recent IS NOT NULL")
        return [
            f"circle {circle} in shard {shard}: told {sorted(set(told) - set(there))}, but {sorted(set(there) - set(told))} is there"
            for shard, circle, copy, since in copied
            for told, there in [(_told(bytes(copy)), _there(conn, shard, circle, NONE if since is None else since))]
            if told != there
        ]


def _told(copy: bytes) -> list[tuple[object, ...]]:
    return _lines(unpack([copy]))


def _there(conn: object, shard: int, circle: int, since: int) -> list[tuple[object, ...]]:
    rows = fetch_columns(
        conn,
        f"SELECT {TOUCH} FROM touch t WHERE t.shard = :shard AND t.circle = :circle AND t.at > :since "
        "AND t.withdrawn_at IS NULL",
        13,
        shard=shard,
        circle=circle,
        since=since,
    )
    people = np.unique(np.array(rows[1], np.int64))
    touches = touches_of(Places(people), *rows)
    return [(people[line[0]], *line[1:]) for line in _lines(touches)]


def _lines(touches: Touches) -> list[tuple[object, ...]]:
    """One line for each touch, contact first, in order."""
    names = (
        "contact",
        "at",
        "id",
        "channel",
        "category",
        "campaign",
        "thread",
        "topic",
        "content",
        "mailbox",
        "triggered",
    )
    columns = [getattr(touches, name).tolist() for name in names]
    tags = [tuple(touches.tags.row(i).tolist()) for i in range(len(touches))]
    return list(zip(*columns, tags, strict=True))
