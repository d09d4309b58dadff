"""Writing events: what a contact did and what befell them, and taking each into the contact's totals once its time has
come."""

# Statements are put together from names in tables.py alone; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from sqlalchemy.engine import Connection

from cadence.facts import EventKind
from cadence.store.applying import Happened, apply
from cadence.store.ask import ask_circles
from cadence.store.bulk import fetch, insert_rows, update_rows, wanted
from cadence.store.engine import lock_shards
from cadence.store.fresh import sort_out
from cadence.store.ids import SHARDS, new_ids
from cadence.store.numbers import take_numbers
from cadence.store.rows import EventRow, Recorded
from cadence.store.tables import event

_SILENT = frozenset({EventKind.BOUNCE_SOFT})
"""What changes no answer, so that nothing need be asked again for it."""
_DUE_AT_ONCE = 10_000


def record_events(
    conn: Connection,
    rows: Sequence[EventRow],
    now: int,
    source: str,
    places: Sequence[tuple[int, int]] | None = None,
) -> Recorded:
    """Writes events, set-based; told twice (the same source and id there, the same kind) it is one. `places`: the contacts
    as (shard, id), where they are known; else by outside id. Totals, holds, wishes and bounced addresses of the contacts
    take them at once; one of the near future waits for its time (`apply_due`), one more than a day ahead is refused. What
    waits for the circles that it changes is made due to be asked again."""
    at = np.array([r.at for r in rows], np.int64)
    ids, what = [r.source_id for r in rows], [(int(r.kind), None) for r in rows]
    found = sort_out(conn, event, [r.outside_id for r in rows], places, at, now, source, ids, what)
    new, known = found.new, found.known.take(found.new)
    told, when = [rows[i] for i in new], at[new]
    n = len(new)
    due = when <= now
    number = take_numbers(conn, known.shard, known.circle)
    if n:
        insert_rows(
            conn,
            event,
            {
                "shard": known.shard,
                "id": new_ids(n),
                "circle": known.circle,
                "contact": known.contact,
                "number": number,
                "at": when,
                "recorded_at": np.full(n, now, np.int64),
                "kind": np.array([int(r.kind) for r in told], np.int64),
                "channel": [r.channel for r in told],
                "subject": [r.subject for r in told],
                "until": [r.until for r in told],
                "amount": [r.amount for r in told],
                "currency": [r.currency for r in told],
                "detail": [json.dumps(dict(r.detail)) if r.detail else None for r in told],
                "source": [source] * n,
                "source_id": found.source_ids,
                "applied": due,
            },
        )
        happened = Happened(
            shard=known.shard,
            contact=known.contact,
            circle=known.circle,
            number=number,
            at=when,
            kind=np.array([int(r.kind) for r in told], np.int64),
            amount=np.array([r.amount or 0.0 for r in told], np.float64),
            until=[r.until for r in told],
            channel=[r.channel for r in told],
            subject=[r.subject for r in told],
        )
        apply(conn, happened.take(np.flatnonzero(due)), now)
        loud = np.array([r.kind not in _SILENT for r in told], bool) & due
        ask_circles(
            conn, list(set(zip(known.shard[loud].tolist(), known.circle[loud].tolist(), strict=True))), now, "event"
        )
    return Recorded(
        new=n, repeated=found.repeated, unknown=found.unknown, too_late=found.too_late, contacts=known.pairs()
    )


def apply_due(conn: Connection, shards: Sequence[int] | None, now: int) -> tuple[tuple[int, int], ...]:
    """Takes events whose time has come into their contacts, at most 10,000 in one call, and makes what waits for their
    circles due to be asked again. shards: those to look into, None for all; they are locked. Returns the contacts as
    (shard, id)."""
    looked = list(range(SHARDS)) if shards is None else sorted({int(s) for s in shards})
    sql, params = wanted(conn, "w", {"shard": looked})
    query = (
        "SELECT e.shard, e.id, e.contact, e.circle, e.number, e.at, e.kind, e.amount, e.until, e.channel, e.subject "
        f"FROM {sql} CROSS JOIN event e WHERE e.shard = w.shard AND e.at <= :now AND NOT e.applied "
        f"ORDER BY e.shard, e.at, e.number LIMIT {_DUE_AT_ONCE}"
    )
    if not fetch(conn, query, now=now, **params):
        return ()
    lock_shards(conn, looked)
    rows = fetch(conn, query, now=now, **params)
    if not rows:
        return ()
    shard, ids, contact, circle, number, at, kind, amount, until, channel, subject = zip(*rows, strict=True)
    happened = Happened(
        shard=np.array(shard, np.int64),
        contact=np.array(contact, np.int64),
        circle=np.array(circle, np.int64),
        number=np.array(number, np.int64),
        at=np.array(at, np.int64),
        kind=np.array(kind, np.int64),
        amount=np.array([a or 0.0 for a in amount], np.float64),
        until=until,
        channel=channel,
        subject=subject,
    )
    update_rows(conn, event, {"shard": happened.shard, "id": list(ids)}, {"applied": np.ones(len(ids), bool)})
    apply(conn, happened, now)
    ask_circles(conn, list(set(zip(shard, circle, strict=True))), now, "event")
    return tuple(sorted(set(zip(shard, contact, strict=True))))


def next_due(conn: Connection) -> int | None:
    """When the next event of the future comes to its time; None where there is none."""
    sql, params = wanted(conn, "w", {"shard": list(range(SHARDS))})
    found = fetch(
        conn,
        f"SELECT min(e.at) FROM {sql} CROSS JOIN event e WHERE e.shard = w.shard AND NOT e.applied",
        **params,
    )
    return None if found[0][0] is None else int(found[0][0])
