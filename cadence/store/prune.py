"""Removing what is no longer kept, a bounded batch at a time, so that tables stay bounded and no writer waits long.

Purchases, consents, stops, complaints, holds, wishes, promises, tickets, incidents and changes by hand are never removed. What
contacts have of the events that go is the latest of each kind, so that it makes no difference if they are told again."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.facts import DAY, ENGAGEMENT, HOUR, EventKind, Ints, Wish
from cadence.store.bulk import fetch, wanted
from cadence.store.engine import Store, lock_shards
from cadence.store.ids import SHARDS
from cadence.store.people import reach_of
from cadence.store.tables import FINAL_STATES, LIVE

KEPT: Mapping[str, int] = {
    "decision": 400 * DAY,
    "message": 400 * DAY,
    "touch": 1_100 * DAY,
    "event": 1_100 * DAY,
    "campaign_run": 400 * DAY,
}
"""How long rows of each table are kept by default, in microseconds."""
_WITH_RUNS = 0
"""The shard together with which runs of campaigns go; they lie in none."""
_OCCURRENCE = 2 * DAY
"""All zones have the same wall clock within this time."""

_PASSING = (
    *(kind for kind in ENGAGEMENT if kind is not EventKind.PURCHASE),
    EventKind.REFUSAL,
    EventKind.OPEN,
    EventKind.BOUNCE_HARD,
    EventKind.BOUNCE_SOFT,
    EventKind.SCREENED,
    EventKind.TICKET_ANSWERED,
)
"""Events that only were. All others say how something stands; purchases are added up, and one that had gone would be counted
once more by each export that tells of it again."""
_OLD: Mapping[str, str] = {
    "decision": "t.at < :before",
    "message": f"t.state IN ({', '.join(repr(s) for s in FINAL_STATES)}) AND coalesce(t.outcome_at, t.created_at) < :before",
    "touch": "t.at < :before",
    "event": f"t.at < :before AND t.applied AND t.kind IN ({', '.join(str(int(k)) for k in _PASSING)})",
}


def whose_turn(shards: Sequence[int], now: int) -> list[int]:
    """Those of these shards that are gone through for what is old in this hour, each once a day: all that is kept of them is
    looked at."""
    return [shard for shard in shards if shard % 24 == now // HOUR % 24]


def prune(
    store: Store,
    now: int,
    kept: Mapping[str, int] | None = None,
    reach: int | None = 0,
    shards: Iterable[int] = range(SHARDS),
    batch: int = 5_000,
    most: int = 200_000,
) -> dict[str, int]:
    """Removes rows of these shards older than they are kept, and returns how many of each table. kept: microseconds by
    table, over the defaults. reach: how far back the policy looks (windows that contacts chose are added), below which no
    touch or event is removed; None: it looks back for ever, and none is. At most `most` rows of each table in one call, in
    transactions of `batch`; looking for them locks nobody out."""
    keep = {**KEPT, **(kept or {})}
    with store.read() as conn:
        reach = reach_of(reach, _wishes(conn))
        live = _live(conn, now - keep["decision"])
    shards, runs = list(shards), keep.pop("campaign_run")
    done = dict.fromkeys(keep, 0)
    for table, age in keep.items():
        if table in ("touch", "event"):
            if reach is None:
                continue
            age = max(age, reach)
        for shard in shards:
            while done[table] < most:
                with store.read() as conn:
                    ids, contacts = _old(conn, table, shard, now - age, batch, live)
                if len(ids):
                    with store.write() as conn:
                        _remove(conn, table, shard, ids, contacts)
                done[table] += len(ids)
                if len(ids) < batch:
                    break
    done["campaign_run"] = _prune_runs(store, now - runs, batch, most) if _WITH_RUNS in shards else 0
    return done


def _prune_runs(store: Store, before: int, batch: int, most: int) -> int:
    """Removes those of campaigns' runs that ended before an instant; returns how many. The latest occurrence of each stays,
    in all zones: one that comes but once would else come again when its schedule is begun anew."""
    old = (
        "SELECT r.id FROM campaign_run r WHERE r.state IN ('done', 'skipped') AND r.ended_at < :before AND EXISTS "
        f"(SELECT 1 FROM campaign_run l WHERE l.campaign = r.campaign AND l.due_at > r.due_at + {_OCCURRENCE}) LIMIT :batch"
    )
    done = 0
    while done < most:
        with store.write() as conn:
            gone = conn.execute(
                sa.text(f"DELETE FROM campaign_run WHERE id IN ({old})"), {"before": before, "batch": batch}
            ).rowcount
        done += gone
        if gone < batch:
            break
    return done


def _wishes(conn: Connection) -> list[Wish]:
    """The different caps that contacts chose for themselves."""
    rows = fetch(conn, "SELECT DISTINCT less_often FROM contact WHERE less_often IS NOT NULL")
    return [Wish(less_often=(int(text.partition(" per ")[0]), text.partition(" per ")[2])) for (text,) in rows]


def _live(conn: Connection, before: int) -> Ints:
    """The messages from before an instant that are still to end: their decisions are kept. They are looked for in every shard,
    since a merge moves them away from their decisions."""
    shards, params = wanted(conn, "w", {"shard": list(range(SHARDS))})
    found = f"SELECT m.id FROM {shards} CROSS JOIN message m WHERE m.shard = w.shard AND m.{LIVE} AND m.recorded_at < :before"
    return np.array([id_ for (id_,) in fetch(conn, found, before=before, **params)], np.int64)


def _old(conn: Connection, table: str, shard: int, before: int, batch: int, live: Ints) -> tuple[Ints, Ints]:
    """The ids of at most a batch of old rows of one shard, and their contacts. live: messages whose decisions are kept."""
    which, params = _OLD[table], dict[str, object]()
    if table == "decision" and len(live):
        kept, params = wanted(conn, "k", {"id": live})
        which += f" AND t.message NOT IN (SELECT k.id FROM {kept})"
    rows = fetch(
        conn,
        f"SELECT t.id, t.contact FROM {table} t WHERE t.shard = :shard AND {which} LIMIT :batch",
        shard=shard,
        before=before,
        batch=batch,
        **params,
    )
    ids, contacts = np.array(rows, np.int64).reshape(-1, 2).T
    return ids, contacts


def _remove(conn: Connection, table: str, shard: int, ids: Ints, contacts: Ints) -> None:
    """These rows, for what is old stays old. What the directory knew of messages goes with them: found by their contacts, for
    whom it has an index, lest each batch read all of it."""
    lock_shards(conn, [shard])
    gone, params = wanted(conn, "w", {"id": ids})
    params |= {"shard": shard}
    conn.execute(sa.text(f"DELETE FROM {table} WHERE shard = :shard AND id IN (SELECT id FROM {gone})"), params)
    if table == "message":
        gone, params = wanted(conn, "w", {"id": ids, "contact": contacts})
        theirs = f"contact IN (SELECT contact FROM {gone}) AND message IN (SELECT id FROM {gone})"
        conn.execute(sa.text(f"DELETE FROM directory WHERE {theirs}"), params)
